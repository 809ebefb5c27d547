//! What Binance lists and the intervals it knows.

use crate::fake::market::{self, Listed, Spec, aligned, month};
use crate::oracle::bars::ExactBar;
use crate::oracle::calendar::{DAY, HOUR, MINUTE};

pub use crate::fake::market::{FakeTrade, mix};

/// The venue's two products.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Product {
    Usdm,
    Spot,
}

/// A market as the venue lists it.
#[derive(Clone, Debug)]
pub struct Listing {
    pub product: Product,
    pub symbol: &'static str,
    pub base: &'static str,
    pub quote: &'static str,
    pub contract_type: &'static str,
    pub status: &'static str,
    /// Decimals in the venue's texts.
    pub price_places: u32,
    pub quantity_places: u32,
    /// Smallest price step and quantity step, in units of the last decimal.
    pub tick: i128,
    pub step: i128,
    /// Middle of the price's wanderings, in ticks.
    pub ticks: i64,
    /// Fewest and most trades of a minute.
    pub per_minute: (u64, u64),
    /// Funding interval where it differs from 8 h.
    pub funding_hours: Option<i64>,
}

impl Listed for Listing {
    fn spec(&self) -> Spec {
        let Listing { price_places, quantity_places, tick, step, ticks, per_minute, .. } = *self;
        Spec { price_places, quantity_places, tick, step, ticks, per_minute }
    }

    fn name(&self) -> (u64, &str) {
        (self.product as u64, self.symbol)
    }
}

impl Listing {
    pub fn funding_interval(&self) -> i64 {
        self.funding_hours.unwrap_or(8) * HOUR
    }
}

/// A listed market with its history.
pub type Market = market::Market<Listing>;

/// Bars of one of the venue's intervals opening in `[from, to)`, as known at `now`, ascending.
pub fn bars(market: &mut Market, interval: &str, from: i64, to: i64, now: i64) -> Option<Vec<ExactBar>> {
    venue_bucket(interval, now)?;
    Some(market.bars_by(|at| venue_bucket(interval, at).unwrap_or((at, at + 1)), from, to, now))
}

/// Bucket of one of the venue's intervals; `None` for an interval it does not have.
pub fn venue_bucket(interval: &str, at: i64) -> Option<(i64, i64)> {
    let (length, offset) = match interval {
        "1m" => (MINUTE, 0),
        "3m" => (3 * MINUTE, 0),
        "5m" => (5 * MINUTE, 0),
        "15m" => (15 * MINUTE, 0),
        "30m" => (30 * MINUTE, 0),
        "1h" => (HOUR, 0),
        "2h" => (2 * HOUR, 0),
        "4h" => (4 * HOUR, 0),
        "6h" => (6 * HOUR, 0),
        "8h" => (8 * HOUR, 0),
        "12h" => (12 * HOUR, 0),
        "1d" => (DAY, 0),
        "3d" => (3 * DAY, 0),
        "1w" => (7 * DAY, 4 * DAY),
        "1M" => return Some(month(at)),
        _ => return None,
    };
    Some(aligned(length, offset, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_the_venues_own() {
        let at = 1_795_003_230_000;
        assert_eq!(venue_bucket("3m", at), Some((1_795_003_200_000, 1_795_003_380_000)));
        // A Thursday; the week opened on Monday.
        assert_eq!(venue_bucket("1w", at), Some((1_794_787_200_000, 1_795_392_000_000)));
        assert_eq!(venue_bucket("7m", at), None);
    }
}
