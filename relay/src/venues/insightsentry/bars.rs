//! Series to bars.

use shared::event::{Bar, Origin};
use shared::market::{Calendar, Ms, Timeframe};

use super::wire::{Row, Series};
use crate::venues::VenueError;

/// Vendor time after a bar's end at which it is final though nothing newer came.
pub(super) const GRACE: Ms = Ms(2_000);

/// An instant told in seconds, or in milliseconds, as a float.
///
/// # Errors
/// [`VenueError::Field`] when it is no time.
pub(super) fn instant(field: &'static str, value: f64, unit: Ms) -> Result<Ms, VenueError> {
    let ms = value * unit.0 as f64;
    let plausible = ms.is_finite() && (0.0..=Ms::LATEST.0 as f64).contains(&ms);
    let wrong = || VenueError::Field { field, detail: format!("{value} is no time") };
    plausible.then(|| Ms(ms.round() as i64)).ok_or_else(wrong)
}

/// The timeframe a compact name stands for: `1m`, `15m`, `1h`, `240m`, `1D`, `1W`, `1M`; `None` for another one.
pub(super) fn timeframe(compact: &str) -> Option<Timeframe> {
    Some(match compact {
        "1m" => Timeframe::M1,
        "5m" => Timeframe::M5,
        "15m" => Timeframe::M15,
        "30m" => Timeframe::M30,
        "1h" | "1H" | "60m" => Timeframe::H1,
        "4h" | "4H" | "240m" => Timeframe::H4,
        "1D" | "1d" | "D" => Timeframe::D1,
        "1W" | "1w" | "W" => Timeframe::W1,
        "1M" | "M" => Timeframe::Mo1,
        _ => return None,
    })
}

/// Bars of a series, ascending, one per bucket; rows that cannot be bars are left out. Only the newest may be forming:
/// it is closed once [`GRACE`] has passed since its last second, as its last trades may still be on their way.
pub(super) fn of_series(
    series: &Series<'_>,
    timeframe: Timeframe,
    calendar: &Calendar,
    now: Ms,
) -> Result<Vec<Bar>, VenueError> {
    let mut bars = Vec::with_capacity(series.series.len());
    for row in &series.series {
        let bar = bar(row, timeframe, calendar)?;
        if bar.is_plausible() {
            bars.push(bar);
        }
    }
    bars.sort_by_key(|bar| bar.timestamp);
    let mut folded: Vec<Bar> = Vec::with_capacity(bars.len());
    for bar in bars {
        match folded.last_mut().filter(|last| last.timestamp == bar.timestamp) {
            Some(last) => join(last, &bar),
            None => folded.push(bar),
        }
    }
    let told = series.bar_end.and_then(|end| instant("bar_end", end, Ms::SECOND).ok());
    if let Some(newest) = folded.last_mut() {
        let end = calendar.close_of(timeframe, newest.timestamp);
        // `bar_end` is a bar's last second, and of the newest bar, which a shortened answer may lack.
        let told = told.map(|at| at + Ms::SECOND).filter(|at| newest.timestamp < *at && *at < end);
        newest.closed = told.unwrap_or(end) + GRACE <= now;
    }
    Ok(folded)
}

fn bar(row: &Row, timeframe: Timeframe, calendar: &Calendar) -> Result<Bar, VenueError> {
    let at = instant("time", row.time, Ms::SECOND)?;
    Ok(Bar {
        timestamp: calendar.open(timeframe, at),
        interval: timeframe,
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
        volume: row.volume.unwrap_or(0.0),
        buy_volume: None,
        sell_volume: None,
        cvd: None,
        cvd_from: None,
        vwap: None,
        trades: None,
        origin: Origin::Kline,
        revision: 0,
        closed: true,
        through: None,
    })
}

/// The vendor divides a day otherwise than we do: what falls into one of our buckets is one bar.
fn join(bar: &mut Bar, next: &Bar) {
    bar.high = bar.high.max(next.high);
    bar.low = bar.low.min(next.low);
    bar.close = next.close;
    bar.volume += next.volume;
}
