//! Emits what the market did since the last look.

use super::book::Said;
use super::frames;
use super::market::{self, FakeTrade, Listing, Product, SLOT_MS, bars, bucket, changed, liquidations};
use super::state::{Key, State};
use crate::fake::ladder::Ladder;

/// Rows of one trade frame at most.
const ROWS: usize = 1_024;

impl State {
    /// Sends everything that happened in `(emitted, now]`; nothing when time stands still.
    pub fn emit_until(&mut self, now: i64) {
        let from = self.emitted;
        if now <= from {
            return;
        }
        self.emitted = now;
        for n in 0..self.markets.len() {
            if self.markets[n].listing.trading() {
                self.emit_trades(n, from + 1, now);
                self.emit_book(n, now);
                self.emit_liquidations(n, from, now);
                self.emit_klines(n, from, now);
                self.emit_ticker(n, from, now);
            }
        }
    }

    fn emit_trades(&mut self, n: usize, from: i64, now: i64) {
        let trades = self.markets[n].trades(from, now + 1);
        let listing = self.markets[n].listing;
        for rows in trades.chunks(ROWS) {
            self.tell_trades(&listing, rows, false, now);
        }
    }

    /// Sends one frame of trades and counts it.
    pub fn tell_trades(&mut self, listing: &Listing, trades: &[FakeTrade], block: bool, now: i64) {
        let key: Key = (listing.product, listing.symbol);
        let mut before = self.last_prices.get(&key).copied().unwrap_or(0);
        let mut row = |t: &FakeTrade| {
            let up = t.price >= before;
            before = t.price;
            frames::trade_row(listing, t, up, block)
        };
        let rows: Vec<String> = trades.iter().map(&mut row).collect();
        self.last_prices.insert(key, before);
        let topic = format!("publicTrade.{}", listing.symbol);
        let data = format!("[{}]", rows.join(","));
        let frame = frames::wrap(listing.product, &topic, "snapshot", now, "", &data);
        if !self.deliver(listing.product, &topic, &frame) {
            return;
        }
        let sent = self.sent(key);
        if block {
            sent.block_trades += trades.len() as u64;
            return;
        }
        sent.trades += trades.len() as u64;
        let sum = |buy: bool| trades.iter().filter(|t| t.buy == buy).map(|t| t.quantity).sum::<i128>();
        sent.bought += sum(true);
        sent.sold += sum(false);
    }

    fn emit_book(&mut self, n: usize, now: i64) {
        let listing = self.markets[n].listing;
        let key: Key = (listing.product, listing.symbol);
        while let Some(due) = self.books.get(&key).map(Ladder::due).filter(|due| *due <= now) {
            let mid = self.markets[n].mid_ticks(due);
            let (Some(book), Some(feeds)) = (self.books.get_mut(&key), self.feeds.get_mut(&key)) else {
                return;
            };
            book.step(mid);
            let told: Vec<(usize, u64, Said)> = feeds
                .iter_mut()
                .filter_map(|feed| feed.step(&book.book, due).map(|said| (feed.depth, feed.u, said)))
                .collect();
            for (depth, u, said) in told {
                self.tell_book(&listing, depth, u, &said, due, now);
            }
        }
    }

    fn tell_book(&mut self, listing: &Listing, depth: usize, u: u64, said: &Said, at: i64, now: i64) {
        let product = listing.product;
        let topic = format!("orderbook.{depth}.{}", listing.symbol);
        if let Some(left) = self.faults.skip_updates.get_mut(&(product, topic.clone())).filter(|n| **n > 0) {
            *left -= 1;
            return;
        }
        if !self.wanted(product, &topic) {
            return;
        }
        let frame = match said {
            Said::Snapshot => self.book_snapshot(product, listing.symbol, depth),
            Said::Delta { bids, asks } => {
                let rows = |side: &[(i128, i128)]| frames::levels(listing, side.iter().map(|(p, q)| (p, q)));
                let data = frames::book_data(listing, &rows(bids), &rows(asks), u, at);
                Some(frames::wrap(product, &topic, "delta", now, &format!(r#","cts":{at}"#), &data))
            }
        };
        if frame.is_some_and(|frame| self.deliver(product, &topic, &frame)) {
            self.sent((product, listing.symbol)).books += 1;
        }
    }

    /// Liquidations twice a second, each slot once it is over.
    fn emit_liquidations(&mut self, n: usize, from: i64, now: i64) {
        let mut slot = from - from.rem_euclid(SLOT_MS);
        while slot + SLOT_MS <= now {
            let rows = liquidations(&self.markets[n], self.seed, slot, self.liquidation_one_in);
            let listing = self.markets[n].listing;
            self.tell_liquidations(&listing, &rows, now);
            slot += SLOT_MS;
        }
    }

    /// Sends one frame of liquidations and counts it.
    pub fn tell_liquidations(&mut self, listing: &Listing, rows: &[market::FakeLiquidation], now: i64) {
        if rows.is_empty() {
            return;
        }
        let texts: Vec<String> = rows.iter().map(|l| frames::liquidation_row(listing, l)).collect();
        let topic = format!("allLiquidation.{}", listing.symbol);
        let frame =
            frames::wrap(listing.product, &topic, "snapshot", now, "", &format!("[{}]", texts.join(",")));
        if self.deliver(listing.product, &topic, &frame) {
            let sent = self.sent((listing.product, listing.symbol));
            sent.liquidations += rows.len() as u64;
            let sum = |long: bool| rows.iter().filter(|l| l.long == long).map(|l| l.quantity).sum::<i128>();
            sent.longs += sum(true);
            sent.shorts += sum(false);
        }
    }

    /// Forming candles once a second; around a boundary the closed one and the new one in one frame.
    fn emit_klines(&mut self, n: usize, from: i64, now: i64) {
        let listing = self.markets[n].listing;
        let topics: Vec<String> = self
            .connections
            .values()
            .filter(|c| c.product == listing.product)
            .flat_map(|c| c.topics.iter().filter(|t| t.starts_with("kline.")).cloned())
            .filter(|t| t.rsplit_once('.').is_some_and(|(_, symbol)| symbol == listing.symbol))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        for topic in topics {
            let Some(name) = topic.split('.').nth(1) else { continue };
            let Some((open, end)) = bucket(name, now) else { continue };
            let second = from.div_euclid(1_000) != now.div_euclid(1_000);
            if from >= open && !second {
                continue;
            }
            let since = if from < open { bucket(name, from).map_or(open, |b| b.0) } else { open };
            let bars = bars(&mut self.markets[n], name, since, end, now + 1).unwrap_or_default();
            let rows: Vec<String> = bars
                .iter()
                // A candle begins with its first trade.
                .filter(|bar| bar.trades > 0 || bar.open_time < open)
                .map(|bar| {
                    let end = bucket(name, bar.open_time).map_or(open, |b| b.1);
                    frames::kline_row(&listing, name, bar, end, bar.open_time < open, now)
                })
                .collect();
            if !rows.is_empty() {
                let data = format!("[{}]", rows.join(","));
                let frame = frames::wrap(listing.product, &topic, "snapshot", now, "", &data);
                self.deliver(listing.product, &topic, &frame);
            }
        }
    }

    /// Linear: what changed, each 100 ms. Spot: everything, each second, where anything changed.
    fn emit_ticker(&mut self, n: usize, from: i64, now: i64) {
        let listing = &self.markets[n].listing;
        let (key, topic): (Key, String) =
            ((listing.product, listing.symbol), format!("tickers.{}", listing.symbol));
        let every = if key.0 == Product::Spot { 1_000 } else { 100 };
        let due = from.div_euclid(every) != now.div_euclid(every);
        if !due || !self.wanted(key.0, &topic) {
            return;
        }
        let book = self.books.get(&key).map(|b| &b.book);
        let fields = market::ticker(&mut self.markets[n], book, now);
        let delta = self.tickers.get(&key).map_or(Some(fields.clone()), |old| changed(old, &fields));
        let Some(delta) = delta else { return };
        let (kind, said) = if key.0 == Product::Spot { ("snapshot", &fields) } else { ("delta", &delta) };
        let frame = frames::wrap(key.0, &topic, kind, now, &format!(r#","cs":{now}"#), &frames::fields(said));
        self.tickers.insert(key, fields);
        self.deliver(key.0, &topic, &frame);
    }

    /// Tells each depth's whole book again; after a restart its ids begin with 1.
    pub fn repeat_books(&mut self, product: Product, symbol: &str, restart: bool) -> usize {
        let Some(listing) = self.market(product, symbol).map(|m| m.listing) else { return 0 };
        let mut told = 0;
        let depths: Vec<usize> = match self.feeds.get_mut(&(product, listing.symbol)) {
            None => return 0,
            Some(feeds) => feeds
                .iter_mut()
                .map(|feed| {
                    if restart {
                        feed.restart();
                    }
                    feed.depth
                })
                .collect(),
        };
        for depth in depths {
            let topic = format!("orderbook.{depth}.{symbol}");
            if let Some(frame) = self.book_snapshot(product, symbol, depth)
                && self.deliver(product, &topic, &frame)
            {
                self.sent((product, listing.symbol)).books += 1;
                told += 1;
            }
        }
        told
    }
}
