//! Order-flow bars: 1m bars with taker sides from trades, or the venue's klines where trades are missing.
//!
//! A minute wholly covered by trades is built from trades alone; any other is the venue's kline alone, or has
//! no row. The rules, with the reasons where there was a choice:
//!
//! - A closed session has no row, unless trades or a kline say otherwise.
//! - A covered minute closes with the first trade or the final kline of a later minute, or once
//!   [`MinuteBuilder::clock`] says that 2 s of venue time have passed since its end. Without trades it is a flat bar at the last price, of
//!   volume 0 (no row while no price is known). A forming kline of a later minute does not close it: venues send
//!   klines on another stream, ahead of the last trades.
//! - An uncovered minute shows the venue's forming kline and closes with the final one, whenever that comes.
//!   A forming kline never closes a minute: it may lack the last trades, and no later kline could mend it.
//! - A closed bar is replaced, with `revision + 1`, by one of a better origin. Trades replace a kline once a
//!   refilled hole makes the minute whole ([`MinuteBuilder::refilled`]).
//! - A trade that comes after its covered minute closed replaces that bar too (`revision + 1`) as long as no
//!   later minute has closed; after that it is left out and counted in [`MinuteBuilder::late_trades`].
//! - `cvd` chains from minute to minute within a UTC day. A missing minute or one without sides breaks the
//!   chain: the next starts at 0 with `cvd_from` its own open. A closed session breaks nothing. When the missing minute comes later, the bars
//!   after it continue the whole chain; those already published keep their true, shorter `cvd_from`.

mod coverage;
mod tally;

use std::collections::BTreeMap;

use self::coverage::Coverage;
use self::tally::Tally;
use crate::event::{Bar, Origin, Trade};
use crate::market::{Calendar, Ms, Timeframe};

/// Venue time after a minute's end at which it closes without waiting for a trade.
const GRACE: Ms = Ms(2_000);
/// Minutes for which trades are kept after the end, for late ones and refilled holes.
const KEEP_TRADES: Ms = Ms(10 * 60_000);
/// Minutes remembered: a day and what its refill may overlap.
const KEEP_MINUTES: usize = 1_500;
/// A feed whose clock jumps further was not covered meanwhile, whatever was said.
const LONGEST_FLAT: Ms = Ms::DAY;

/// Builds the 1m bars of one symbol at one venue.
///
/// Each method that takes `out` pushes the bars to publish, in order: the forming bar after each change,
/// each closed bar once, replaced closed bars with a higher revision. Each trade must be given once
/// (repeats are the caller's to drop, by the venue's numbering).
#[derive(Clone, Debug)]
pub struct MinuteBuilder {
    origin: Origin,
    calendar: Calendar,
    coverage: Coverage,
    minutes: BTreeMap<Ms, Minute>,
    /// Open time of the first minute whose time to close has not come.
    frontier: Option<Ms>,
    /// The first frontier: minutes before it are not ours to build.
    begin: Ms,
    /// Coverage reached back: past minutes may have become whole.
    recheck: bool,
    /// The forming minute has become whole.
    reveal: bool,
    late: u64,
}

/// Volumes that differ by a smaller share are sums of the same trades.
const SAME_VOLUME: f64 = 1e-9;

#[derive(Clone, Debug, Default)]
struct Minute {
    closed: Option<Closed>,
    trades: Option<Box<Tally>>,
    /// The newest kline of a minute not yet closed.
    kline: Option<Box<Bar>>,
}

/// What is remembered of a closed bar.
#[derive(Clone, Copy, Debug)]
struct Closed {
    origin: Origin,
    revision: u32,
    close: f64,
    volume: f64,
    delta: Option<f64>,
    /// Sum at the end of the bar, and since when.
    cvd: Option<(f64, Ms)>,
}

impl Minute {
    fn price(&self) -> Option<f64> {
        let closed = self.closed.map(|c| c.close);
        let trades = || self.trades.as_ref().map(|t| t.close());
        closed.or_else(trades).or_else(|| self.kline.as_ref().map(|k| k.close))
    }
}

impl MinuteBuilder {
    /// A builder without history or coverage for a market that trades by `calendar`. Bars from trades get
    /// `trade_origin`: [`Origin::Trades`], or [`Origin::Sim`] for the simulated market.
    pub fn new(trade_origin: Origin, calendar: Calendar) -> MinuteBuilder {
        MinuteBuilder {
            origin: trade_origin,
            calendar,
            coverage: Coverage::none(),
            minutes: BTreeMap::new(),
            frontier: None,
            begin: Ms::ZERO,
            recheck: false,
            reveal: false,
            late: 0,
        }
    }

    /// Continues after the newest recorded bar: its close, cvd and revision. Call before any trade or kline.
    pub fn resume(&mut self, last_closed: &Bar) {
        if !last_closed.is_minute() {
            return;
        }
        let closed = Closed {
            origin: last_closed.origin,
            revision: last_closed.revision,
            close: last_closed.close,
            volume: last_closed.volume,
            delta: last_closed.delta(),
            cvd: last_closed.cvd.zip(last_closed.cvd_from),
        };
        let next = last_closed.timestamp + Ms::MINUTE;
        self.minutes.entry(last_closed.timestamp).or_default().closed = Some(closed);
        self.begin = self.start_at(next).max(next);
        self.frontier = Some(self.begin);
    }

    /// Every trade at or after `at` was or will be given; ends what [`Self::uncovered`] began.
    pub fn covered_from(&mut self, at: Ms) {
        let whole = |b: &MinuteBuilder| b.frontier.is_some_and(|open| b.coverage.whole(open));
        let before = whole(self);
        self.coverage.covered_from(at);
        self.recheck = true;
        self.reveal |= !before && whole(self);
        self.start_at(at.max(Ms::ZERO).floor(Ms::MINUTE));
    }

    /// The trades of `[from, to)`, missed before, have all been given now: call it after giving them. The bars
    /// mended by it come with the next input. Other holes stay.
    pub fn refilled(&mut self, from: Ms, to: Ms) {
        self.coverage.refilled(from, to);
        self.recheck = true;
    }

    /// Trades at or after `at` may be missing, until [`Self::covered_from`] is called again.
    pub fn uncovered(&mut self, at: Ms) {
        self.coverage.uncovered(at);
    }

    /// Takes a trade. One without a plausible time, price or quantity is dropped.
    pub fn trade(&mut self, trade: &Trade, out: &mut Vec<Bar>) {
        let sane = trade.price.is_finite() && trade.price > 0.0;
        if !sane || !(0.0..f64::INFINITY).contains(&trade.quantity) || !trade.timestamp.is_plausible() {
            return;
        }
        self.settle(out);
        let open = trade.timestamp.floor(Ms::MINUTE);
        let frontier = self.start_at(open);
        if open < frontier {
            return self.late_trade(open, frontier, trade, out);
        }
        self.close_before(open, out);
        self.add(open, trade);
        if self.coverage.whole(open) {
            out.extend(self.forming(open));
        }
    }

    /// The bar of a minute's trades so far.
    fn forming(&self, open: Ms) -> Option<Bar> {
        let trades = self.minutes.get(&open)?.trades.as_ref()?;
        Some(self.with_cvd(trades.bar(open, self.origin)))
    }

    /// Takes the venue's own 1m bar, forming or closed, from the socket or from REST. Other intervals and
    /// implausible bars are dropped; so is a kline of a minute that trades cover.
    pub fn kline(&mut self, bar: &Bar, out: &mut Vec<Bar>) {
        if !bar.is_minute() {
            return;
        }
        self.settle(out);
        let open = bar.timestamp;
        let frontier = self.start_at(open);
        let minute = self.minutes.entry(open).or_default();
        if let Some(closed) = minute.closed {
            if bar.closed && bar.origin > closed.origin {
                self.finish(*bar, out);
            }
            return;
        }
        if bar.closed || !minute.kline.as_ref().is_some_and(|known| known.closed) {
            minute.kline = Some(Box::new(*bar));
        }
        if self.coverage.whole(open) {
            // Trades decide; only a flat minute may have been waiting for a price.
            if open < frontier {
                self.close(open, out);
            }
        } else if bar.closed {
            self.close_before(open, out);
            self.finish(*bar, out);
            self.close_before(open + Ms::MINUTE, out);
        } else if open >= frontier {
            let forming = Bar { revision: 0, through: None, ..*bar };
            out.push(self.with_cvd(forming));
        }
        self.bound();
    }

    /// Says what time it is at the venue; call it at least once a second while nothing else comes.
    pub fn clock(&mut self, venue_now: Ms, out: &mut Vec<Bar>) {
        if !venue_now.is_plausible() {
            return;
        }
        self.settle(out);
        if self.frontier.is_some() {
            self.close_before((venue_now - GRACE).floor(Ms::MINUTE), out);
        }
    }

    /// Trades left out because their minute and the one after it had closed.
    pub fn late_trades(&self) -> u64 {
        self.late
    }

    /// The frontier; `open` if there is none yet.
    fn start_at(&mut self, open: Ms) -> Ms {
        *self.frontier.get_or_insert_with(|| {
            self.begin = open;
            open
        })
    }

    fn late_trade(&mut self, open: Ms, frontier: Ms, trade: &Trade, out: &mut Vec<Bar>) {
        let closed = self.minutes.get(&open).and_then(|m| m.closed);
        let from_trades = closed.is_some_and(|c| c.origin == self.origin);
        let overtaken = self.minutes.range(open + Ms(1)..).any(|(_, m)| m.closed.is_some());
        if open < frontier - KEEP_TRADES || (from_trades && overtaken) {
            self.late += 1;
            return;
        }
        self.add(open, trade);
        if self.coverage.whole(open) {
            self.finish_from_trades(open, out);
        }
    }

    fn add(&mut self, open: Ms, trade: &Trade) {
        let minute = self.minutes.entry(open).or_default();
        match &mut minute.trades {
            Some(tally) => tally.add(trade),
            None => minute.trades = Some(Box::new(Tally::of(trade))),
        }
    }

    /// After coverage reached back: closes or replaces what became whole.
    fn settle(&mut self, out: &mut Vec<Bar>) {
        let Some(frontier) = self.frontier.filter(|_| std::mem::take(&mut self.recheck)) else { return };
        let mut open = self.begin.max(frontier - KEEP_TRADES);
        while open < frontier {
            let whole = self.coverage.whole(open);
            let minute = self.minutes.get(&open);
            match minute.and_then(|m| m.closed) {
                None if whole => self.close(open, out),
                Some(closed) if whole && closed.origin < self.origin => self.finish_from_trades(open, out),
                // A silence found out after the minute had closed: some trades were missing in it.
                Some(closed) if whole && self.is_short(open, closed) => self.finish_from_trades(open, out),
                _ => {}
            }
            open += Ms::MINUTE;
        }
        if std::mem::take(&mut self.reveal) {
            out.extend(self.forming(frontier));
        }
    }

    /// Whether a minute closed by trades lacks some of those that are here now.
    fn is_short(&self, open: Ms, closed: Closed) -> bool {
        let trades = self.minutes.get(&open).and_then(|m| m.trades.as_ref());
        let volume = trades.map_or(closed.volume, |t| t.bar(open, self.origin).volume);
        closed.origin == self.origin && volume - closed.volume > SAME_VOLUME * closed.volume
    }

    fn close_before(&mut self, limit: Ms, out: &mut Vec<Bar>) {
        let Some(mut open) = self.frontier.filter(|open| *open < limit) else { return };
        let last = if limit - open > LONGEST_FLAT { open + Ms::MINUTE } else { limit };
        while open < last {
            self.close(open, out);
            open += Ms::MINUTE;
        }
        self.frontier = Some(limit);
        self.forget(limit);
    }

    /// Closes a minute by what is known of it; leaves it open where that is not enough.
    fn close(&mut self, open: Ms, out: &mut Vec<Bar>) {
        let minute = self.minutes.get(&open);
        if minute.is_some_and(|m| m.closed.is_some()) {
            return;
        }
        let kline = minute.and_then(|m| m.kline.as_deref()).copied();
        if !self.coverage.whole(open) {
            if let Some(kline) = kline.filter(|k| k.closed) {
                self.finish(kline, out);
            }
        } else if minute.is_some_and(|m| m.trades.is_some()) {
            self.finish_from_trades(open, out);
        } else if self.calendar.is_open(open) {
            // A kline without volume knows the price, even of the first minute ever.
            let quiet = kline.filter(|k| k.volume == 0.0).map(|k| k.close);
            let before = || self.minutes.range(..open).rev().find_map(|(_, m)| m.price());
            if let Some(price) = quiet.or_else(before) {
                self.finish(Bar::flat(open, Timeframe::M1, price, self.origin), out);
            }
        }
    }

    fn finish_from_trades(&mut self, open: Ms, out: &mut Vec<Bar>) {
        if let Some(tally) = self.minutes.get(&open).and_then(|m| m.trades.as_ref()) {
            let bar = tally.bar(open, self.origin);
            self.finish(bar, out);
        }
    }

    /// Publishes a closed bar, the first or a better one.
    fn finish(&mut self, bar: Bar, out: &mut Vec<Bar>) {
        let minute = self.minutes.entry(bar.timestamp).or_default();
        let revision = minute.closed.map_or(0, |c| c.revision.saturating_add(1));
        let bar = self.with_cvd(Bar { closed: true, revision, through: None, ..bar });
        let (origin, close, volume, delta) = (bar.origin, bar.close, bar.volume, bar.delta());
        let minute = self.minutes.entry(bar.timestamp).or_default();
        minute.kline = None;
        let cvd = bar.cvd.zip(bar.cvd_from);
        minute.closed = Some(Closed { origin, revision, close, volume, delta, cvd });
        out.push(bar);
        self.rechain(bar.timestamp + Ms::MINUTE);
    }

    /// The sum before the minute opening at `open`, and since when.
    fn cvd_before(&self, open: Ms) -> (f64, Ms) {
        let day = open.floor(Ms::DAY);
        let mut before = self.minutes.range(day..open).rev();
        let before = before.find_map(|(at, minute)| Some((*at + Ms::MINUTE, minute.closed?.cvd)));
        let (end, cvd) = before.unwrap_or((day, Some((0.0, day))));
        // Nothing is missing where the market was closed in between.
        cvd.filter(|_| self.calendar.next_open(end) >= open).unwrap_or((0.0, open))
    }

    fn with_cvd(&self, bar: Bar) -> Bar {
        let (sum, from) = self.cvd_before(bar.timestamp);
        let cvd = bar.delta().map(|delta| sum + delta);
        Bar { cvd, cvd_from: cvd.map(|_| from), ..bar }
    }

    /// Carries a changed sum on through the minutes already closed from `at` on.
    fn rechain(&mut self, mut at: Ms) {
        loop {
            let mut later = self.minutes.range(at..);
            let Some((open, closed)) = later.find_map(|(open, m)| Some((*open, m.closed?))) else { return };
            let (sum, from) = self.cvd_before(open);
            let cvd = closed.delta.map(|delta| (sum + delta, from));
            if cvd == closed.cvd {
                return;
            }
            if let Some(minute) = self.minutes.get_mut(&open) {
                minute.closed = Some(Closed { cvd, ..closed });
            }
            at = open + Ms::MINUTE;
        }
    }

    /// Drops the working state of minutes too old to change, and minutes too old to matter.
    fn forget(&mut self, frontier: Ms) {
        for (_, minute) in self.minutes.range_mut(..frontier - KEEP_TRADES) {
            (minute.trades, minute.kline) = (None, None);
        }
        self.minutes.retain(|open, m| m.closed.is_some() || *open >= frontier - KEEP_TRADES);
        self.bound();
    }

    fn bound(&mut self) {
        while self.minutes.len() > KEEP_MINUTES {
            self.minutes.pop_first();
        }
    }
}

#[cfg(test)]
mod tests;
