//! The visible top of an order book.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// Resting value near the mid, in quote currency.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Depth {
    pub bid_usd: f64,
    pub ask_usd: f64,
}

/// Best bid and ask, spread and depth of one instant.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BookTop {
    pub timestamp: Ms,
    pub bid_px: f64,
    pub bid_qty: f64,
    pub ask_px: f64,
    pub ask_qty: f64,
    /// (ask - bid) / mid * 10000.
    pub spread_bps: f64,
    /// Sum of price * quantity within 10 bps of mid, per side; null while only the best prices are known.
    pub depth_10bps: Option<Depth>,
}

impl BookTop {
    /// The top from best prices alone.
    pub fn from_best(timestamp: Ms, bid: (f64, f64), ask: (f64, f64)) -> BookTop {
        let mid = (bid.0 + ask.0) / 2.0;
        BookTop {
            timestamp,
            bid_px: bid.0,
            bid_qty: bid.1,
            ask_px: ask.0,
            ask_qty: ask.1,
            spread_bps: (ask.0 - bid.0) / mid * 10_000.0,
            depth_10bps: None,
        }
    }

    pub fn mid(&self) -> f64 {
        (self.bid_px + self.ask_px) / 2.0
    }
}
