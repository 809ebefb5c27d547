//! Bars of a higher timeframe from 1m bars.
//!
//! | field | of the minutes of a bucket |
//! | --- | --- |
//! | open, close, high, low | of the first, of the last, greatest, least |
//! | volume, buy and sell volume, trades | sums; `None` once one of them is unknown |
//! | vwap | Σ (vwap * volume) / Σ volume; `None` without volume, or where a minute with volume has none |
//! | cvd, `cvd_from` | of the last minute |
//! | origin | the least trusted |
//! | revision | sum: each correction of a minute raises it |
//! | closed | the last minute of trading in the bucket is there and closed, or a later bucket has begun |
//! | through | while forming, the open of the last minute in it |
//!
//! Sums run from the first minute to the last, so that batch and incremental folds give equal bits. Missing
//! minutes are left out; a bucket without any has no bar.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::event::{Bar, Origin};
use crate::market::{Calendar, Ms, Timeframe};

/// Folds 1m bars into `timeframe`, ascending, one bar per bucket; `1m` itself stays as it is.
///
/// The minutes may come in any order, with repeats and corrections: of one minute, the version that
/// supersedes the others counts ([`Bar::supersedes`], later in the slice being later). Other intervals and
/// implausible bars are left out. To serve a forming bar as a base that a client adds minutes to, pass
/// closed minutes only: what `through` names must be in it for good.
pub fn fold(minutes: &[Bar], timeframe: Timeframe, calendar: &Calendar) -> Vec<Bar> {
    let minutes = settled(minutes);
    if timeframe == Timeframe::M1 {
        return minutes.into_owned();
    }
    let mut bars = Vec::new();
    let mut current: Option<Sum> = None;
    for minute in minutes.iter() {
        match &mut current {
            Some(sum) if minute.timestamp < sum.end => sum.add(minute, calendar),
            _ => {
                bars.extend(current.take().map(|done| done.bar(true)));
                current = Some(Sum::start(minute, timeframe, calendar));
            }
        }
    }
    bars.extend(current.map(|last| last.bar(false)));
    bars
}

/// The minutes ascending, one version each.
fn settled(minutes: &[Bar]) -> Cow<'_, [Bar]> {
    let ascending = minutes.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp);
    if ascending && minutes.iter().all(Bar::is_minute) {
        return Cow::Borrowed(minutes);
    }
    let mut known = BTreeMap::new();
    for minute in minutes.iter().filter(|m| m.is_minute()) {
        known
            .entry(minute.timestamp)
            .and_modify(|k| {
                if minute.supersedes(k) {
                    *k = *minute;
                }
            })
            .or_insert(*minute);
    }
    Cow::Owned(known.into_values().collect())
}

/// The bars of one bucket added up so far: minutes, or closed bars of any lower timeframe before them.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// Open of the bucket.
    pub(super) open_time: Ms,
    /// Open of the next bucket.
    pub(super) end: Ms,
    /// End of trading in the bucket.
    close_time: Ms,
    timeframe: Timeframe,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    buy_volume: Option<f64>,
    sell_volume: Option<f64>,
    cvd: Option<f64>,
    cvd_from: Option<Ms>,
    /// Sum of vwap * volume.
    value: Option<f64>,
    trades: Option<u64>,
    origin: Origin,
    revision: u32,
    /// Open of the last minute added.
    pub(super) last: Ms,
    last_closed: bool,
}

impl Sum {
    /// The bucket that holds `part`, with it alone.
    pub fn start(part: &Bar, timeframe: Timeframe, calendar: &Calendar) -> Sum {
        let open_time = calendar.open(timeframe, part.timestamp);
        Sum::of(part, timeframe, calendar, open_time, last_minute(part, calendar))
    }

    /// Whether a bar belongs to this bucket.
    pub fn holds(&self, part: &Bar) -> bool {
        self.open_time <= part.timestamp && part.timestamp < self.end
    }

    /// The bucket of a forming bar that came ready-made; `None` if it does not say what is in it.
    pub(super) fn resume(base: &Bar, calendar: &Calendar) -> Option<Sum> {
        let open_time = calendar.open(base.interval, base.timestamp);
        let end = calendar.next(base.interval, open_time);
        let through = base.through?.floor(Ms::MINUTE);
        let fits = open_time == base.timestamp && open_time <= through && through < end;
        (fits && !base.closed && base.is_plausible())
            .then(|| Sum { last_closed: true, ..Sum::of(base, base.interval, calendar, open_time, through) })
    }

    fn of(part: &Bar, timeframe: Timeframe, calendar: &Calendar, open_time: Ms, last: Ms) -> Sum {
        Sum {
            open_time,
            end: calendar.next(timeframe, open_time),
            close_time: calendar.close_of(timeframe, open_time),
            timeframe,
            open: part.open,
            high: part.high,
            low: part.low,
            close: part.close,
            volume: part.volume,
            buy_volume: part.buy_volume,
            sell_volume: part.sell_volume,
            cvd: part.cvd,
            cvd_from: part.cvd_from,
            value: value(part),
            trades: part.trades,
            origin: part.origin,
            revision: part.revision,
            last,
            last_closed: part.closed,
        }
    }

    /// Adds the next minute, or the next closed bar of a lower timeframe; they must come ascending.
    pub fn add(&mut self, minute: &Bar, calendar: &Calendar) {
        self.high = self.high.max(minute.high);
        self.low = self.low.min(minute.low);
        self.close = minute.close;
        self.volume += minute.volume;
        self.buy_volume = both(self.buy_volume, minute.buy_volume);
        self.sell_volume = both(self.sell_volume, minute.sell_volume);
        (self.cvd, self.cvd_from) = (minute.cvd, minute.cvd_from);
        self.value = both(self.value, value(minute));
        self.trades = self.trades.zip(minute.trades).map(|(a, b)| a.saturating_add(b));
        self.origin = self.origin.min(minute.origin);
        self.revision = self.revision.saturating_add(minute.revision);
        (self.last, self.last_closed) = (last_minute(minute, calendar), minute.closed);
    }

    /// The bar; `later` says that a later bucket has begun.
    pub fn bar(&self, later: bool) -> Bar {
        let closed = later || (self.last_closed && self.last + Ms::MINUTE >= self.close_time);
        Bar {
            timestamp: self.open_time,
            interval: self.timeframe,
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            buy_volume: self.buy_volume,
            sell_volume: self.sell_volume,
            cvd: self.cvd,
            cvd_from: self.cvd_from,
            vwap: self.value.filter(|_| self.volume > 0.0).map(|value| value / self.volume),
            trades: self.trades,
            origin: self.origin,
            revision: self.revision,
            closed,
            through: (!closed).then_some(self.last),
        }
    }
}

/// Open of the last minute in a bar.
fn last_minute(part: &Bar, calendar: &Calendar) -> Ms {
    match part.interval {
        Timeframe::M1 => part.timestamp,
        longer => part.through.unwrap_or(calendar.close_of(longer, part.timestamp) - Ms::MINUTE),
    }
}

fn both(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? + b?)
}

/// vwap * volume; 0 without volume.
fn value(bar: &Bar) -> Option<f64> {
    if bar.volume > 0.0 { Some(bar.vwap? * bar.volume) } else { Some(0.0) }
}

#[cfg(test)]
mod tests;
