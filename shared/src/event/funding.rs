//! Funding of perpetuals.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// Whether the rate is a forecast or was paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FundingKind {
    Predicted,
    Settled,
}

/// A funding rate with the interval it is for. Positive: longs pay shorts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Funding {
    pub timestamp: Ms,
    pub kind: FundingKind,
    /// Decimal for one interval: 0.0001 is one basis point per interval.
    pub funding_rate: f64,
    pub next_funding_time: Option<Ms>,
    /// Null (and with it `funding_apr`) where the venue does not say and history does not show it.
    pub interval_hours: Option<f64>,
    /// Percent a year: rate / interval_hours * 8760 * 100.
    pub funding_apr: Option<f64>,
    pub mark_price: Option<f64>,
    pub index_price: Option<f64>,
}

impl Funding {
    /// Percent a year of `rate` paid each `interval_hours`.
    pub fn apr(rate: f64, interval_hours: f64) -> f64 {
        rate / interval_hours * 8_760.0 * 100.0
    }

    /// Sets the interval and the yearly rate that follows from it.
    pub fn with_interval(mut self, interval_hours: Option<f64>) -> Funding {
        self.interval_hours = interval_hours.filter(|h| *h > 0.0);
        self.funding_apr = self.interval_hours.map(|h| Funding::apr(self.funding_rate, h));
        self
    }
}
