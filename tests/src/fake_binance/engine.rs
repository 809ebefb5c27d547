//! Emits what the market did since the last look.

use super::book::FakeBook;
use super::frames;
use super::market::{Product, bars, mix, venue_bucket};
use super::state::State;
use crate::oracle::ExactBar;

impl State {
    /// Sends everything that happened in `(emitted, now]`; nothing when time stands still.
    pub fn emit_until(&mut self, now: i64) {
        let from = self.emitted;
        if now <= from {
            return;
        }
        self.emitted = now;
        for n in 0..self.markets.len() {
            if self.markets[n].listing.status == "TRADING" {
                self.emit_trades(n, from + 1, now);
                self.emit_book(n, now);
                self.emit_klines(n, from, now);
                self.emit_marks(n, from, now);
            }
        }
    }

    fn emit_trades(&mut self, n: usize, from: i64, now: i64) {
        let trades = self.markets[n].trades(from, now + 1);
        let listing = self.markets[n].listing.clone();
        let name = listing.symbol.to_lowercase();
        for t in trades {
            self.deliver(listing.product, &format!("{name}@aggTrade"), &frames::agg_trade(&listing, &t, now));
            if listing.product == Product::Spot {
                self.deliver(listing.product, &format!("{name}@trade"), &frames::trade(&listing, &t, now));
            }
        }
    }

    fn emit_book(&mut self, n: usize, now: i64) {
        let listing = self.markets[n].listing.clone();
        let (product, symbol) = (listing.product, listing.symbol);
        let name = symbol.to_lowercase();
        loop {
            let Some(due) = self.books.get(&(product, symbol)).map(FakeBook::due).filter(|due| *due <= now)
            else {
                return;
            };
            let mid = self.markets[n].mid_ticks(due);
            let Some(book) = self.books.get_mut(&(product, symbol)) else { return };
            let diff = book.step(mid);
            let ticker = frames::book_ticker(&listing, book.book(), diff.last_id, due, now);
            if let Some(ticker) = ticker {
                self.deliver(product, &format!("{name}@bookTicker"), &ticker);
            }
            let skip = self.faults.skip_depth.entry((product, symbol.to_owned())).or_default();
            if *skip > 0 {
                *skip -= 1;
                continue;
            }
            self.deliver(product, &format!("{name}@depth@100ms"), &frames::depth(&listing, &diff, now));
        }
    }

    /// Forming candles four times a second (spot: every two seconds), closed ones once, just after their end.
    fn emit_klines(&mut self, n: usize, from: i64, now: i64) {
        let listing = self.markets[n].listing.clone();
        let prefix = format!("{}@kline_", listing.symbol.to_lowercase());
        let every = if listing.product == Product::Usdm { 250 } else { 2_000 };
        let streams: Vec<String> =
            self.wanted(listing.product).into_iter().filter(|s| s.starts_with(&prefix)).collect();
        for stream in streams {
            let interval = &stream[prefix.len()..];
            let Some((open, end)) = venue_bucket(interval, now) else { continue };
            if from < open {
                let bars = bars(
                    &mut self.markets[n],
                    interval,
                    venue_bucket(interval, from).map_or(0, |b| b.0),
                    open,
                    now,
                );
                for bar in bars.unwrap_or_default() {
                    let end = venue_bucket(interval, bar.open_time).map_or(open, |b| b.1);
                    self.send_kline(n, &stream, interval, &bar, end, true, now);
                }
            }
            if from.div_euclid(every) != now.div_euclid(every) {
                let bars = bars(&mut self.markets[n], interval, open, end, now + 1).unwrap_or_default();
                // A candle begins with its first trade.
                if let Some(bar) = bars.last().filter(|b| b.trades > 0) {
                    self.send_kline(n, &stream, interval, bar, end, false, now);
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a frame has that many parts")]
    fn send_kline(
        &mut self,
        n: usize,
        stream: &str,
        interval: &str,
        bar: &ExactBar,
        end: i64,
        closed: bool,
        now: i64,
    ) {
        let listing = &self.markets[n].listing;
        let (product, body) = (listing.product, frames::kline(listing, interval, bar, end, closed, now));
        self.deliver(product, stream, &body);
    }

    fn emit_marks(&mut self, n: usize, from: i64, now: i64) {
        let market = &self.markets[n];
        if market.listing.product != Product::Usdm {
            return;
        }
        let second = now - now.rem_euclid(1_000);
        if second <= from {
            return;
        }
        let name = market.listing.symbol.to_lowercase();
        let body = frames::mark_price(market, second);
        self.deliver(Product::Usdm, &format!("{name}@markPrice@1s"), &body);
        if second % 3_000 == 0 {
            self.deliver(Product::Usdm, &format!("{name}@markPrice"), &body);
        }
    }

    /// Books of every trading market, full from the start.
    pub fn open_books(&mut self, seed: u64, now: i64) {
        for market in &self.markets {
            let listing = market.listing.clone();
            let key = (listing.product, listing.symbol);
            let seed = mix(seed, listing.product as u64, listing.symbol.len() as u64);
            self.books.insert(key, FakeBook::new(listing, seed, now, market.mid_ticks(now)));
        }
    }
}
