//! Emits what the market did since the last look, and what a new subscriber gets first.

use super::book::FakeBook;
use super::frames;
use super::market::{self, Liquidation, Listing, Market, venue_bucket};
use super::state::{State, key};
use crate::fake::market::mix;
use crate::fake::socket::Out;
use crate::oracle::bars::{ExactBar, fold_by};
use crate::oracle::calendar::DAY;

/// How often a mark price is told, a ticker, open interest and a funding rate.
const MARK_MS: i64 = 200;
const TICKER_MS: i64 = 500;
const OPEN_INTEREST_MS: i64 = 3_000;
const FUNDING_MS: i64 = 30_000;
const CANDLE_MS: i64 = 1_000;
/// Most trades in a frame.
const TRADES: usize = 3;

impl State {
    /// Sends everything that happened in `(emitted, now]`; nothing when time stands still.
    pub fn emit_until(&mut self, now: i64) {
        let from = self.emitted;
        if now <= from {
            return;
        }
        self.emitted = now;
        let due = |every: i64| from.div_euclid(every) != now.div_euclid(every);
        for n in 0..self.markets.len() {
            if self.markets[n].listing.state != "live" {
                continue;
            }
            self.emit_trades(n, from + 1, now);
            self.emit_book(n, now);
            for (every, channel) in [
                (MARK_MS, "mark-price"),
                (TICKER_MS, "tickers"),
                (TICKER_MS, "index-tickers"),
                (OPEN_INTEREST_MS, "open-interest"),
                (FUNDING_MS, "funding-rate"),
            ] {
                if due(every) {
                    self.emit_state(n, channel, now);
                }
            }
        }
        self.emit_liquidations(from, now);
        self.emit_candles(from, now, due(CANDLE_MS));
    }

    fn emit_trades(&mut self, n: usize, from: i64, now: i64) {
        let listing = self.markets[n].listing.clone();
        let id = listing.inst_id;
        let mut trades = self.markets[n].trades(from, now + 1);
        trades.retain(|_| {
            let skip = self.faults.skip_trades.get_mut(id).filter(|left| **left > 0);
            skip.map(|left| *left -= 1).is_none()
        });
        for chunk in trades.chunks(TRADES) {
            let rows: Vec<String> = chunk.iter().map(|t| frames::trade(&listing, t, true)).collect();
            let frame = frames::push(&frames::arg("trades", id), &rows.join(","));
            if self.deliver(&key("trades", id), &frame) {
                let sent = self.counts.sent.entry(id).or_default();
                sent.trades += chunk.len() as u64;
                for t in chunk {
                    *if t.buy { &mut sent.buys } else { &mut sent.sells } += t.quantity;
                }
            }
        }
    }

    fn emit_book(&mut self, n: usize, now: i64) {
        let listing = self.markets[n].listing.clone();
        let id = listing.inst_id;
        loop {
            let Some(due) = self.books.get(id).map(FakeBook::due).filter(|due| *due <= now) else { return };
            let mid = self.markets[n].mid_ticks(due);
            let Some(book) = self.books.get_mut(id) else { return };
            let updates = book.step(mid);
            for (channel, depth) in [("books5", 5), ("bbo-tbt", 1)] {
                if !self.wanted(&key(channel, id)) {
                    continue;
                }
                let Some(book) = self.books.get(id) else { return };
                let row = frames::depth(&listing, book.book(), depth, due, Some((-1, book.seq())));
                let frame = frames::push(&frames::arg(channel, id), &row);
                self.deliver(&key(channel, id), &frame);
            }
            for update in updates {
                if let Some(skip) = self.faults.skip_books.get_mut(id).filter(|left| **left > 0) {
                    *skip -= 1;
                } else if self.wanted(&key("books", id)) {
                    self.deliver(&key("books", id), &frames::book_update(&listing, &update));
                }
            }
        }
    }

    /// Key and frame of a channel that tells a state.
    fn state_frame(&mut self, n: usize, channel: &str, at: i64) -> Option<(String, String)> {
        let market = self.markets.get_mut(n)?;
        let listing = market.listing.clone();
        let id = listing.inst_id;
        let of = if channel == "index-tickers" { listing.family() } else { id.to_owned() };
        let row = match channel {
            "mark-price" if listing.swap() => frames::mark_price(market, at),
            // The family's USDT swap stands for its index.
            "index-tickers" if listing.swap() => frames::index_ticker(market, at),
            "open-interest" if listing.swap() => frames::open_interest(market, at),
            "funding-rate" if listing.swap() => frames::funding(market, at),
            "tickers" => {
                let (day, last) = day_and_last(market, at)?;
                frames::ticker(&listing, self.books.get(id)?.book(), &last, &day, at)
            }
            _ => return None,
        };
        Some((key(channel, &of), frames::push(&frames::arg(channel, &of), &row)))
    }

    fn emit_state(&mut self, n: usize, channel: &str, at: i64) {
        let listing = &self.markets[n].listing;
        let of = if channel == "index-tickers" { listing.family() } else { listing.inst_id.to_owned() };
        if self.wanted(&key(channel, &of))
            && let Some((key, frame)) = self.state_frame(n, channel, at)
        {
            self.deliver(&key, &frame);
        }
    }

    /// What all swaps' forced orders told in `(from, now]` make: one frame, in no order of their time.
    fn emit_liquidations(&mut self, from: i64, now: i64) {
        let seed = self.seed;
        let live = self.markets.iter().filter(|m| m.listing.state == "live");
        let told: Vec<(Listing, Vec<Liquidation>)> = live
            .map(|m| (m.listing.clone(), market::liquidations(m, seed, from, now)))
            .filter(|(_, rows)| !rows.is_empty())
            .collect();
        if !told.is_empty() {
            self.tell_liquidations(&told);
        }
    }

    pub fn tell_liquidations(&mut self, told: &[(Listing, Vec<Liquidation>)]) {
        let rows: Vec<String> =
            told.iter().map(|(listing, rows)| frames::liquidations(listing, rows)).collect();
        let arg = r#"{"channel":"liquidation-orders","instType":"SWAP"}"#;
        if self.deliver("liquidation-orders:SWAP", &frames::push(arg, &rows.join(","))) {
            for (listing, rows) in told {
                let sent = self.counts.sent.entry(listing.inst_id).or_default();
                sent.liquidations += rows.len() as u64;
                sent.liquidated += rows.iter().map(|l| l.size).sum::<i128>();
            }
        }
    }

    /// Forming candles once a second; a closed one once, in a frame with the one after it.
    fn emit_candles(&mut self, from: i64, now: i64, due: bool) {
        for held in self.held("candle") {
            let Some((channel, id)) = held.split_once(':') else { continue };
            let bar = channel.trim_start_matches("candle");
            let closed = venue_bucket(bar, now).is_some_and(|(open, _)| from < open);
            if (due || closed)
                && let Some(frame) = self.candle_frame(channel, id, if closed { from } else { now }, now)
            {
                self.deliver(&held, &frame);
            }
        }
    }

    /// The candles of the buckets from that of `from` to that of `now`, as they stand.
    fn candle_frame(&mut self, channel: &str, id: &str, from: i64, now: i64) -> Option<String> {
        let bar = channel.strip_prefix("candle")?;
        let (open, _) = venue_bucket(bar, from)?;
        let market = self.market(id)?;
        let bars = market::bars(market, bar, open, now + 1, now + 1)?;
        let listing = &market.listing;
        let row = |b: &ExactBar| {
            let end = venue_bucket(bar, b.open_time).map_or(0, |b| b.1);
            frames::candle(listing, b, end <= now)
        };
        let rows: Vec<String> = bars.iter().map(row).collect();
        Some(frames::push(&frames::arg(channel, id), &rows.join(",")))
    }

    /// Sends a new subscriber what the channel begins with.
    pub fn begin(&mut self, connection: u64, channel: &str, of: &str, now: i64) {
        if self.faults.muted.silent(&key(channel, of)) {
            return;
        }
        let named = |l: &Listing| match channel {
            "index-tickers" => l.swap() && l.family() == of,
            _ => l.inst_id == of,
        };
        let n = self.markets.iter().position(|m| named(&m.listing));
        let frame = match channel {
            "books" => n.and_then(|n| {
                let book = self.books.get(of)?;
                Some(frames::book_snapshot(&self.markets[n].listing, book.book(), book.stepped(), book.seq()))
            }),
            _ if channel.starts_with("candle") => self.candle_frame(channel, of, now, now),
            _ => n.and_then(|n| self.state_frame(n, channel, now)).map(|(_, frame)| frame),
        };
        if let (Some(frame), Some(connection)) = (frame, self.connections.get(&connection))
            && connection.out.send(Out::Text(frame)).is_ok()
        {
            self.counts.frames_out += 1;
        }
    }

    /// Books of every market, full from the start.
    pub fn open_books(&mut self, now: i64) {
        for market in &self.markets {
            let listing = &market.listing;
            let seed = listing.inst_id.bytes().fold(self.seed, |h, b| mix(h, u64::from(b), 9));
            self.books.insert(listing.inst_id, FakeBook::new(listing, seed, now, market.mid_ticks(now)));
        }
    }
}

/// The bar of the last 24 hours as far as the history goes, and the last trade.
pub(super) fn day_and_last(market: &mut Market, at: i64) -> Option<(ExactBar, market::FakeTrade)> {
    let minutes = market.minutes(at - DAY, at + 1, at + 1);
    let day = fold_by(&minutes, |_| 0).pop()?;
    let quiet = 30 * 60_000;
    let last = market.trades(at - quiet, at + 1).pop()?;
    Some((day, last))
}
