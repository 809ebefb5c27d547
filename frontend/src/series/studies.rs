//! Indicators over the bars held of the shown timeframe, by the code the relay answers `/api/indicators` with.

use std::collections::VecDeque;

use shared::event::Bar;
use shared::market::{Ms, Timeframe};
use shared::maths::indicators::{Indicator, IndicatorSet};

use super::Rolling;
use crate::number;

/// Newest bars that are computed anew each time: the forming one, and what is still corrected as it closes.
const TAIL: usize = 3;

/// A row of values per bar. The machines stand before the last few bars, so that a live update costs a few steps
/// whatever is held; everything is computed again only where older bars came or changed.
pub struct Studies {
    list: Vec<Indicator>,
    /// Values in a row.
    width: usize,
    overlays: Vec<(usize, usize, usize)>,
    timeframe: Timeframe,
    /// Nothing older exists than the first bar held.
    whole: bool,
    times: VecDeque<Ms>,
    /// `width` numbers per time; NaN where there is not enough data.
    values: VecDeque<f64>,
    settled: IndicatorSet,
    /// Bars the machines have seen.
    seen: usize,
    /// Bars from here on have changed since the last [`Self::sync`].
    stale: Option<Ms>,
}

impl Studies {
    pub fn new(list: Vec<Indicator>) -> Studies {
        Studies {
            width: list.iter().map(columns).sum(),
            overlays: overlays(&list),
            timeframe: Timeframe::M1,
            whole: false,
            times: VecDeque::new(),
            values: VecDeque::new(),
            settled: IndicatorSet::new(&list),
            seen: 0,
            stale: None,
            list,
        }
    }

    pub fn list(&self) -> &[Indicator] {
        &self.list
    }

    /// Bars from `at` on have changed.
    pub fn touch(&mut self, at: Ms) {
        self.stale = Some(self.stale.map_or(at, |held| held.min(at)));
    }

    /// Bars wanted before the first visible one, so that what a mean began with counts for nothing there.
    pub fn warm_up(&self) -> usize {
        let periods = self.list.iter().map(|one| match *one {
            Indicator::Ema(n) => 8 * n.bars(),
            Indicator::Sma(n) | Indicator::Bollinger { period: n, .. } => n.bars(),
            // Wilder's mean forgets half as fast.
            Indicator::Rsi(n) | Indicator::Atr(n) => 16 * n.bars(),
            Indicator::Macd { slow, signal, .. } => 8 * (slow.bars() + signal.bars()),
            Indicator::Vwap => 0,
        });
        periods.max().unwrap_or(0) as usize
    }

    /// Brings the values up to the bars held, which are `whole` where nothing older exists. Answers since when values
    /// differ from before.
    pub fn sync(&mut self, bars: &Rolling<Bar>, timeframe: Timeframe, whole: bool) -> Option<Ms> {
        let Some(first) = bars.first().filter(|_| self.width > 0) else {
            self.reset(timeframe, whole);
            return None;
        };
        // The oldest bars may have left a full store.
        let gone = self.times.partition_point(|at| *at < first.timestamp);
        self.times.drain(..gone);
        self.values.drain(..gone * self.width);
        self.seen = self.seen.saturating_sub(gone);
        let last = self.seen.checked_sub(1).and_then(|i| self.times.get(i));
        let in_place = last.is_some_and(|at| {
            bars.get(self.seen - 1).is_some_and(|bar| bar.timestamp == *at)
                && self.stale.is_none_or(|since| since > *at)
        });
        if !in_place || (self.timeframe, self.whole) != (timeframe, whole) {
            self.reset(timeframe, whole);
        }
        self.stale = None;
        let mut since = None;
        let settled = bars.len().saturating_sub(TAIL);
        let mut machines = std::mem::replace(&mut self.settled, IndicatorSet::new(&[]));
        for index in self.seen..settled {
            self.step(&mut machines, bars, index, &mut since);
        }
        self.seen = settled.max(self.seen);
        self.settled = machines.clone();
        for index in self.seen..bars.len() {
            self.step(&mut machines, bars, index, &mut since);
        }
        self.times.truncate(bars.len());
        self.values.truncate(bars.len() * self.width);
        since
    }

    fn reset(&mut self, timeframe: Timeframe, whole: bool) {
        (self.timeframe, self.whole, self.seen) = (timeframe, whole, 0);
        self.settled = IndicatorSet::new(&self.list);
        // What was shown must be told as changed even where a number happens to be the same.
        self.times.clear();
        self.values.clear();
    }

    /// Pushes one bar and writes its row; `since` keeps the first that differs.
    fn step(
        &mut self,
        machines: &mut IndicatorSet,
        bars: &Rolling<Bar>,
        index: usize,
        since: &mut Option<Ms>,
    ) {
        let (Some(bar), Some(first)) = (bars.get(index), bars.first()) else { return };
        let day = |at: Ms| at.floor(Ms::DAY);
        // A day held in part has no mean of its own yet.
        let partial = !self.whole
            && first.timestamp > day(first.timestamp)
            && day(bar.timestamp) == day(first.timestamp);
        let row = machines.push(bar);
        let mut values = row.iter().copied();
        let mut at = index * self.width;
        let mut differs = self.times.get(index) != Some(&bar.timestamp);
        for one in &self.list {
            for _ in 0..columns(one) {
                let value = values.next().flatten().filter(|_| !(partial && *one == Indicator::Vwap));
                let value = value.unwrap_or(f64::NAN);
                match self.values.get_mut(at) {
                    Some(held) => {
                        differs |= held.to_bits() != value.to_bits();
                        *held = value;
                    }
                    None => {
                        differs = true;
                        self.values.push_back(value);
                    }
                }
                at += 1;
            }
        }
        match self.times.get_mut(index) {
            Some(held) => *held = bar.timestamp,
            None => self.times.push_back(bar.timestamp),
        }
        if differs {
            since.get_or_insert(bar.timestamp);
        }
    }

    /// One value of the bar that opens at `at`; `None` where there is not enough data.
    pub fn value(&self, column: usize, at: Ms) -> Option<f64> {
        let row = self.row(at)?;
        self.values.get(row * self.width + column).copied().filter(|v| column < self.width && v.is_finite())
    }

    fn row(&self, at: Ms) -> Option<usize> {
        let row = self.times.partition_point(|held| *held < at);
        (self.times.get(row) == Some(&at)).then_some(row)
    }

    /// Columns of the first indicator that fits: the first one's number, and how many.
    pub fn find(&self, fits: impl Fn(&Indicator) -> bool) -> Option<(usize, usize)> {
        let mut at = 0;
        for one in &self.list {
            let width = columns(one);
            if fits(one) {
                return Some((at, width));
            }
            at += width;
        }
        None
    }

    /// The lines over the price: column, number of the indicator, line of it.
    pub fn overlays(&self) -> &[(usize, usize, usize)] {
        &self.overlays
    }

    /// All rows as the relay writes those of `/api/indicators`.
    pub fn to_json(&self) -> String {
        let names = IndicatorSet::columns(&self.list);
        let mut text = String::from("[");
        for (row, at) in self.times.iter().enumerate() {
            text.push_str(if row == 0 { "{\"timestamp\":" } else { ",{\"timestamp\":" });
            text.push_str(&at.0.to_string());
            for (n, name) in names.iter().enumerate() {
                text.push_str(",\"");
                text.push_str(name);
                text.push_str("\":");
                match self.values.get(row * self.width + n).filter(|v| v.is_finite()) {
                    Some(value) => text.push_str(&number::shortest(*value)),
                    None => text.push_str("null"),
                }
            }
            text.push('}');
        }
        text.push(']');
        text
    }
}

fn overlays(list: &[Indicator]) -> Vec<(usize, usize, usize)> {
    let mut lines = Vec::new();
    let (mut at, mut nth) = (0, 0);
    for one in list {
        let width = columns(one);
        if is_overlay(one) {
            lines.extend((0..width).map(|n| (at + n, nth, n)));
            nth += 1;
        }
        at += width;
    }
    lines
}

/// Values of an indicator.
const fn columns(indicator: &Indicator) -> usize {
    match indicator {
        Indicator::Macd { .. } | Indicator::Bollinger { .. } => 3,
        Indicator::Ema(_) | Indicator::Sma(_) | Indicator::Rsi(_) | Indicator::Atr(_) | Indicator::Vwap => 1,
    }
}

/// Drawn over the price: it is in the price's own unit.
pub const fn is_overlay(indicator: &Indicator) -> bool {
    match indicator {
        Indicator::Ema(_) | Indicator::Sma(_) | Indicator::Bollinger { .. } | Indicator::Vwap => true,
        Indicator::Rsi(_) | Indicator::Macd { .. } | Indicator::Atr(_) => false,
    }
}

/// The name in the legend: `EMA 20`, `BB 20`, `VWAP`.
pub fn label(indicator: &Indicator) -> String {
    let (name, period) = match *indicator {
        Indicator::Ema(n) => ("EMA", Some(n)),
        Indicator::Sma(n) => ("SMA", Some(n)),
        Indicator::Rsi(n) => ("RSI", Some(n)),
        Indicator::Atr(n) => ("ATR", Some(n)),
        Indicator::Bollinger { period, .. } => ("BB", Some(period)),
        Indicator::Macd { .. } => ("MACD", None),
        Indicator::Vwap => ("VWAP", None),
    };
    period.map_or_else(|| name.to_owned(), |n| format!("{name} {}", n.bars()))
}

#[cfg(test)]
mod tests {
    use shared::event::Origin;
    use shared::maths::indicators::columns;

    use super::*;

    fn bar(n: i64) -> Bar {
        // A wave that repeats nowhere.
        let close = 100.0 + ((n * n * 31 + n * 17) % 97) as f64 / 10.0;
        let at = Ms(1_795_219_200_000 + n * 60_000);
        Bar {
            close,
            high: close + 1.0,
            volume: 1.0 + (n % 7) as f64,
            ..Bar::flat(at, Timeframe::M1, 100.0, Origin::Sim)
        }
    }

    fn studies() -> Studies {
        Studies::new(
            ["ema_20", "bb_20_2", "rsi_14", "macd_12_26_9", "vwap"]
                .iter()
                .filter_map(|n| n.parse().ok())
                .collect(),
        )
    }

    fn held(bars: impl IntoIterator<Item = i64>, room: usize) -> Rolling<Bar> {
        let mut rolling = Rolling::new(room);
        bars.into_iter().for_each(|n| rolling.upsert(bar(n)));
        rolling
    }

    /// Every value is that of the batch form over all bars from `from` on.
    fn assert_batch(studies: &Studies, bars: &Rolling<Bar>, from: i64) {
        let last = bars.last().unwrap().timestamp;
        let all: Vec<Bar> = (from..).map(bar).take_while(|b| b.timestamp <= last).collect();
        let expected = columns(studies.list(), &all);
        assert_eq!(expected.len(), studies.width);
        for (n, (name, column)) in expected.iter().enumerate() {
            for (b, value) in all.iter().zip(column) {
                if bars.find(b.timestamp).is_some() {
                    let shown = studies.value(n, b.timestamp).unwrap_or(f64::NAN);
                    assert_eq!(shown.to_bits(), value.to_bits(), "{name} at {}", b.timestamp.0);
                }
            }
        }
    }

    #[test]
    fn live_bars_give_what_the_batch_gives() {
        let (mut studies, mut bars) = (studies(), held(0..60, 1_000));
        assert_eq!(studies.sync(&bars, Timeframe::M1, true), Some(bar(0).timestamp));
        for n in 60..200 {
            let mut forming = bar(n);
            forming.close += 3.0;
            bars.upsert(forming);
            studies.touch(forming.timestamp);
            assert_eq!(studies.sync(&bars, Timeframe::M1, true), Some(forming.timestamp), "only the new row");
            bars.upsert(bar(n));
            studies.touch(forming.timestamp);
            assert_eq!(studies.sync(&bars, Timeframe::M1, true), Some(forming.timestamp));
            assert_eq!(studies.sync(&bars, Timeframe::M1, true), None, "nothing changed");
        }
        assert_batch(&studies, &bars, 0);
    }

    #[test]
    fn older_corrected_and_inserted_bars_are_computed_in() {
        let (mut studies, mut bars) = (studies(), held((100..300).filter(|n| *n != 150), 1_000));
        studies.sync(&bars, Timeframe::M1, true);
        bars.upsert(bar(150));
        studies.touch(bar(150).timestamp);
        studies.sync(&bars, Timeframe::M1, true);
        assert_batch(&studies, &bars, 100);
        let mut wrong = bar(180);
        wrong.close = 1.0;
        bars.upsert(wrong);
        studies.sync(&bars, Timeframe::M1, true);
        bars.upsert(bar(180));
        studies.touch(wrong.timestamp);
        studies.sync(&bars, Timeframe::M1, true);
        assert_batch(&studies, &bars, 100);
        (0..100).for_each(|n| bars.upsert(bar(n)));
        studies.touch(bar(0).timestamp);
        assert_eq!(studies.sync(&bars, Timeframe::M1, true), Some(bar(0).timestamp));
        assert_batch(&studies, &bars, 0);
    }

    #[test]
    fn bars_that_leave_a_full_store_change_nothing_behind_them() {
        let (mut studies, mut bars) = (studies(), held(0..100, 100));
        studies.sync(&bars, Timeframe::M1, true);
        for n in 100..150 {
            bars.upsert(bar(n));
            studies.touch(bar(n).timestamp);
            assert_eq!(studies.sync(&bars, Timeframe::M1, true), Some(bar(n).timestamp));
        }
        assert_eq!((studies.times.len(), studies.seen), (100, 97));
        assert_batch(&studies, &bars, 0);
    }

    #[test]
    fn a_day_held_in_part_has_no_vwap_unless_there_is_nothing_older() {
        let (mut studies, bars) = (studies(), held(10..1_450, 5_000));
        let (vwap, _) = studies.find(|one| *one == Indicator::Vwap).unwrap();
        studies.sync(&bars, Timeframe::M1, false);
        assert_eq!(studies.value(vwap, bar(1_439).timestamp), None);
        assert!(studies.value(vwap, bar(1_440).timestamp).is_some(), "the next day is whole");
        studies.sync(&bars, Timeframe::M1, true);
        assert!(studies.value(vwap, bar(10).timestamp).is_some());
        assert!(studies.to_json().starts_with("[{\"timestamp\":1795219800000,\"ema_20\":null,"));
        assert_eq!(studies.overlays(), [(0, 0, 0), (1, 1, 0), (2, 1, 1), (3, 1, 2), (8, 2, 0)]);
        assert_eq!(studies.warm_up(), 8 * 35);
    }
}
