//! The markets behind the fake vendor: ticks as a pure function of seed, code and time, folded to bars exactly.

use std::collections::HashMap;

use super::session::{Hours, civil};
use crate::fake::market::{mix, wave};
use crate::oracle::ExactBar;
use crate::oracle::bars::{fold_by, minutes_of};
use crate::oracle::calendar::{DAY, HOUR, MINUTE};

/// Decimals of prices in [`ExactBar`] units.
pub const PLACES: u32 = 2;

/// A market the vendor lists.
#[derive(Clone, Debug)]
pub struct Listing {
    pub code: &'static str,
    pub name: &'static str,
    /// As the search answers it.
    pub kind: &'static str,
    pub hours: Hours,
    /// Smallest price step, in hundredths.
    pub tick: i128,
    /// Currency per point.
    pub point_value: u32,
    /// Middle of the price's wanderings, in ticks.
    pub ticks: i64,
    /// Fewest and most ticks a minute.
    pub per_minute: (u64, u64),
    /// A continuous contract: what back-adjustment adds before the last roll, in ticks.
    pub roll_gap: Option<i64>,
    /// Seconds behind the exchange the quotes are.
    pub delay_seconds: i64,
}

/// The default listings: two continuous futures and a share.
pub fn listings() -> Vec<Listing> {
    let mnq = Listing {
        code: "CME_MINI:MNQ1!",
        name: "Micro E-mini Nasdaq-100 Index Futures",
        kind: "FUTURES",
        hours: Hours::Cme,
        tick: 25,
        point_value: 2,
        ticks: 102_800,
        per_minute: (0, 60),
        roll_gap: Some(-814),
        delay_seconds: 0,
    };
    vec![
        mnq.clone(),
        Listing {
            code: "CME_MINI:ES1!",
            name: "E-mini S&P 500 Futures",
            point_value: 50,
            ticks: 27_600,
            roll_gap: Some(-190),
            ..mnq.clone()
        },
        Listing {
            code: "NASDAQ:AAPL",
            name: "Apple",
            kind: "STOCK",
            hours: Hours::UsStocks,
            tick: 1,
            point_value: 1,
            ticks: 27_140,
            per_minute: (0, 6),
            roll_gap: None,
            delay_seconds: 900,
        },
    ]
}

/// Length of a bar as asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Span {
    Ms(i64),
    Day,
    Week,
    Month,
}

/// A series: how long its bars are and whether rolls are smoothed over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Series {
    pub span: Span,
    pub adjusted: bool,
}

impl Span {
    /// The span of a bar type and interval; `None` for what the vendor does not have.
    pub fn of(bar_type: &str, interval: i64) -> Option<Span> {
        let unit = match bar_type {
            "second" if [1, 5, 10, 15, 30, 45].contains(&interval) => 1_000,
            "minute" => MINUTE,
            "hour" => HOUR,
            "day" if interval == 1 => return Some(Span::Day),
            "week" if interval == 1 => return Some(Span::Week),
            "month" if interval == 1 => return Some(Span::Month),
            _ => return None,
        };
        (1..=1_440).contains(&interval).then_some(Span::Ms(unit * interval))
    }

    /// The compact name in answers: `1m`, `15m`, `1h`, `1D`.
    pub fn text(self) -> String {
        match self {
            Span::Ms(ms) if ms % HOUR == 0 => format!("{}h", ms / HOUR),
            Span::Ms(ms) if ms % MINUTE == 0 => format!("{}m", ms / MINUTE),
            Span::Ms(ms) => format!("{}s", ms / 1_000),
            Span::Day => "1D".into(),
            Span::Week => "1W".into(),
            Span::Month => "1M".into(),
        }
    }
}

/// One tick: time in ms, price in units, contracts.
type Tick = (i64, i128, i128);

/// A listed market with its history from `since` on.
pub struct Market {
    pub listing: Listing,
    seed: u64,
    sessions: Vec<(i64, i64)>,
    /// When the continuous contract last changed hands.
    pub rolled: i64,
    minutes: HashMap<i64, Option<ExactBar>>,
}

impl Market {
    /// Sessions from `since` to a year after `now`.
    pub fn new(listing: Listing, seed: u64, since: i64, now: i64) -> Market {
        let seed = listing.code.bytes().fold(seed, |h, b| mix(h, u64::from(b), 7));
        let mut sessions = listing.hours.sessions(since, now + 366 * DAY);
        sessions.retain(|s| s.1 > since);
        let rolled = since + (now - since) / 2;
        Market { listing, seed, sessions, rolled, minutes: HashMap::new() }
    }

    /// The session that holds `at`.
    pub fn session(&self, at: i64) -> Option<(i64, i64)> {
        let next = self.sessions.partition_point(|s| s.0 <= at);
        self.sessions[..next].last().copied().filter(|s| at < s.1)
    }

    fn ticks_of_minute(&self, minute: i64) -> Vec<Tick> {
        if self.session(minute).is_none() {
            return Vec::new();
        }
        let hash = |n: u64, what: u64| mix(self.seed, minute as u64 + n, what);
        let (fewest, most) = self.listing.per_minute;
        let count = fewest + hash(0, 1) % (most - fewest + 1);
        let mut times: Vec<i64> = (0..count).map(|n| minute + (hash(n, 2) % MINUTE as u64) as i64).collect();
        times.sort_unstable();
        let tick = |(n, time): (usize, i64)| {
            let drift = 0.03 * wave(self.seed, time, 5 * DAY)
                + 0.006 * wave(self.seed, time, 4 * HOUR)
                + 0.001 * wave(self.seed, time, 5 * MINUTE);
            let jump = (hash(n as u64, 3) % 5) as i64 - 2;
            let ticks = (self.listing.ticks as f64 * (1.0 + drift)) as i64 + jump;
            (time, i128::from(ticks) * self.listing.tick, i128::from(1 + hash(n as u64, 4) % 9))
        };
        times.into_iter().enumerate().map(tick).collect()
    }

    /// The bar of a minute as known at `now`; `None` where nothing traded.
    fn minute(&mut self, minute: i64, now: i64) -> Option<ExactBar> {
        let over = minute + MINUTE <= now;
        if let Some(known) = self.minutes.get(&minute).filter(|_| over) {
            return *known;
        }
        let ticks = self.ticks_of_minute(minute).into_iter().filter(|t| t.0 < now);
        let bar = minutes_of(ticks.map(|(time, price, size)| (time, price, size, true, 1))).pop();
        if over {
            self.minutes.insert(minute, bar);
        }
        bar
    }

    /// Open and end of the bar of a span that holds `at`; bars of hours and more are counted from the session.
    pub fn bucket(&self, span: Span, at: i64) -> Option<(i64, i64)> {
        let (open, close) = self.session(at)?;
        let fold = |key: &dyn Fn(i64) -> i64| {
            // A session belongs to the day it ends on.
            let wanted = key(close - 1);
            let mut of = self.sessions.iter().filter(|s| key(s.1 - 1) == wanted);
            let first = of.next()?;
            Some((first.0, of.next_back().unwrap_or(first).1))
        };
        match span {
            Span::Ms(length) => {
                let start = at - (at - open).rem_euclid(length);
                Some((start, (start + length).min(close)))
            }
            Span::Day => Some((open, close)),
            Span::Week => fold(&|at| (at.div_euclid(DAY) + 3).div_euclid(7)),
            Span::Month => fold(&|at| {
                let (year, month, _) = civil(at);
                year * 12 + month
            }),
        }
    }

    /// Bars of a series opening in `[from, to)`, as known at `now`, ascending; those without a trade are missing.
    pub fn bars(&mut self, series: Series, from: i64, to: i64, now: i64) -> Vec<ExactBar> {
        let mut bars = match series.span {
            Span::Ms(length) if length < MINUTE => {
                let mut at = from - from.rem_euclid(MINUTE);
                let mut bars = Vec::new();
                while at < to.min(now) {
                    let ticks = self.ticks_of_minute(at).into_iter().filter(|t| t.0 < now);
                    for (time, price, size) in ticks {
                        let open_time = time - time.rem_euclid(length);
                        if bars.last().is_none_or(|b: &ExactBar| b.open_time != open_time) {
                            bars.push(ExactBar { open_time, ..ExactBar::default() });
                        }
                        if let Some(bar) = bars.last_mut() {
                            bar.add(price, size, true, 1);
                        }
                    }
                    at += MINUTE;
                }
                bars
            }
            span => {
                let start = self.bucket(span, from).map_or(from, |b| b.0);
                let end = self.bucket(span, to - 1).map_or(to, |b| b.1).min(now);
                let mut at = start - start.rem_euclid(MINUTE);
                let mut minutes = Vec::new();
                while at < end {
                    match self.session(at) {
                        Some(_) => minutes.extend(self.minute(at, now)),
                        None => {
                            let next = self.sessions.partition_point(|s| s.0 <= at);
                            at = self.sessions.get(next).map_or(end, |s| s.0);
                            continue;
                        }
                    }
                    at += MINUTE;
                }
                fold_by(&minutes, |at| self.bucket(span, at).map_or(at, |b| b.0))
            }
        };
        bars.retain(|b| (from..to).contains(&b.open_time));
        if let (true, Some(gap)) = (series.adjusted, self.listing.roll_gap) {
            let shift = i128::from(gap) * self.listing.tick;
            for bar in bars.iter_mut().filter(|b| b.open_time < self.rolled) {
                for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
                    *price += shift;
                }
            }
        }
        bars
    }

    /// The newest `count` bars as known at `now`, ascending.
    pub fn newest(&mut self, series: Series, count: usize, now: i64) -> Vec<ExactBar> {
        let first = self.sessions.first().map_or(now, |s| s.0);
        let mut reach = match series.span {
            Span::Ms(length) => 2 * length * count as i64,
            Span::Day | Span::Week | Span::Month => now - first,
        };
        loop {
            let from = (now - reach).max(first);
            let mut bars = self.bars(series, from, now, now);
            // The first bar may have lost its beginning.
            if bars.len() > count || from == first {
                bars.drain(..bars.len().saturating_sub(count));
                return bars;
            }
            reach = reach * 2 + DAY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_keep_to_sessions_and_fold_from_the_same_minutes() {
        // 2026-03-10 15:00 UTC, a Tuesday.
        let now = 1_773_154_800_000;
        let mut market = Market::new(listings().remove(0), 1, now - 12 * DAY, now);
        let series = |span| Series { span, adjusted: false };
        let minutes = market.bars(series(Span::Ms(MINUTE)), now - 10 * DAY, now, now);
        let count = minutes.len();
        // Seven sessions of 23 hours and the day begun, with some minutes empty.
        assert!((9_000..10_800).contains(&count), "{count}");
        assert!(minutes.iter().all(|b| b.trades > 0 && market.session(b.open_time).is_some()));
        let sum = |bars: &[ExactBar]| bars.iter().map(|b| b.volume).sum::<i128>();
        for (span, rows) in [(Span::Ms(MINUTE * 15), None), (Span::Day, Some(7)), (Span::Week, Some(2))] {
            let bars = market.bars(series(span), minutes[0].open_time, now, now);
            assert_eq!(sum(&bars), sum(&minutes), "{span:?}");
            assert!(rows.is_none_or(|rows| rows == bars.len()), "{span:?} {}", bars.len());
        }
        let days = market.newest(series(Span::Day), 2, now);
        assert_eq!(days.iter().map(|b| b.open_time).collect::<Vec<_>>(), [now - 41 * HOUR, now - 17 * HOUR]);
        let smooth = Series { span: Span::Ms(MINUTE), adjusted: true };
        let adjusted = market.bars(smooth, now - 10 * DAY, now, now);
        let shifted = adjusted.iter().zip(&minutes).filter(|(a, b)| a.open - b.open == -814 * 25);
        assert_eq!(shifted.count(), minutes.iter().filter(|b| b.open_time < market.rolled).count());
        assert_eq!(market.newest(smooth, 100, now)[..], adjusted[count - 100..]);
    }
}
