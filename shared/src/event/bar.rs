//! Bars (candles) with what is known about who traded.

use serde::{Deserialize, Serialize};

use crate::market::{Ms, Timeframe};

/// Where a bar's numbers come from. Ordered by trust: a closed bar is replaced only by a greater one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Loaded from a file by the owner.
    Import,
    /// The venue's own candle.
    Kline,
    /// Built from every trade of the minute.
    Trades,
    /// The built-in simulated market.
    Sim,
}

/// One bucket of one timeframe. Prices in quote currency per coin, volumes in coins.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bar {
    /// Open time of the bucket.
    pub timestamp: Ms,
    pub interval: Timeframe,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    /// Volume of buying takers; null where sides are unknown.
    pub buy_volume: Option<f64>,
    /// Volume of selling takers; null where sides are unknown.
    pub sell_volume: Option<f64>,
    /// Sum of buy - sell volume since 00:00 UTC up to the end of this bar; null in bars without sides.
    pub cvd: Option<f64>,
    /// Since when `cvd` is whole: 00:00 UTC of the day, or later where the day's start was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvd_from: Option<Ms>,
    /// Volume-weighted average price; null without trades.
    pub vwap: Option<f64>,
    /// Number of trades; null where unknown.
    pub trades: Option<u64>,
    pub origin: Origin,
    /// 0 at first close, + 1 with each replacement by a better origin.
    pub revision: u32,
    pub closed: bool,
    /// In a forming higher bar: open time of the last 1m bar already in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Ms>,
}

impl Bar {
    /// A bar without volume at one price, open, of the given bucket.
    pub fn flat(timestamp: Ms, interval: Timeframe, price: f64, origin: Origin) -> Bar {
        Bar {
            timestamp,
            interval,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0.0,
            buy_volume: Some(0.0),
            sell_volume: Some(0.0),
            cvd: None,
            cvd_from: None,
            vwap: None,
            trades: Some(0),
            origin,
            revision: 0,
            closed: false,
            through: None,
        }
    }

    /// Whether it can be a bar at all: a plausible time, prices above 0 with `low <= open, close <= high`, and
    /// volumes that are finite and not negative. Decoded bars that are not are to be dropped.
    pub fn is_plausible(&self) -> bool {
        let price = |x: f64| x.is_finite() && x > 0.0;
        let amount = |x: f64| x.is_finite() && x >= 0.0;
        let body = [self.open, self.close].into_iter().all(|x| self.low <= x && x <= self.high);
        let sides = [self.buy_volume, self.sell_volume].into_iter().flatten().all(amount);
        self.timestamp.is_plausible()
            && price(self.low)
            && price(self.high)
            && body
            && amount(self.volume)
            && sides
    }

    /// Whether it is a plausible 1m bar that opens on a minute.
    pub fn is_minute(&self) -> bool {
        self.interval == Timeframe::M1
            && self.is_plausible()
            && self.timestamp.floor(Ms::MINUTE) == self.timestamp
    }

    /// Whether this bar, come later, takes the place of `known`, a bar of the same bucket: a forming bar yields
    /// to anything, a closed one only to a closed one of a better origin or, of the same origin, a higher
    /// revision.
    pub fn supersedes(&self, known: &Bar) -> bool {
        !known.closed || (self.closed && (self.origin, self.revision) > (known.origin, known.revision))
    }

    /// Buying less selling taker volume; `None` without sides.
    pub fn delta(&self) -> Option<f64> {
        Some(self.buy_volume? - self.sell_volume?)
    }
}
