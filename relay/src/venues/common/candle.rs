//! What candles of several venues have in common.

use shared::event::Bar;
use shared::market::Timeframe;

use crate::venues::VenueError;

/// The bar, if it can be one.
///
/// # Errors
/// [`VenueError::Field`] with the four prices.
pub(in crate::venues) fn sound(bar: Bar) -> Result<Bar, VenueError> {
    if bar.is_plausible() {
        return Ok(bar);
    }
    let detail = format!("o {} h {} l {} c {}", bar.open, bar.high, bar.low, bar.close);
    Err(VenueError::Field { field: "high or low", detail })
}

/// The name of an interval as most venues write it; ours differ in case.
pub(in crate::venues) const fn interval_name(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "1m",
        Timeframe::M5 => "5m",
        Timeframe::M15 => "15m",
        Timeframe::M30 => "30m",
        Timeframe::H1 => "1h",
        Timeframe::H4 => "4h",
        Timeframe::D1 => "1d",
        Timeframe::W1 => "1w",
        Timeframe::Mo1 => "1M",
    }
}

/// The timeframe of such a name; `None` for those we do not keep (`3m`, `2h`, `1s` ..).
pub(in crate::venues) fn timeframe_of(interval: &str) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|t| interval_name(*t) == interval)
}
