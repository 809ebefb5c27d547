//! Trades.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// The aggressor's side: who crossed the spread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Buy,
    Sell,
}

/// One trade as the venue reports it (some merge the fills of one order).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trade {
    pub timestamp: Ms,
    pub price: f64,
    /// Coins.
    pub quantity: f64,
    /// The aggressor's side.
    pub side: Side,
    /// The venue's id, as text.
    pub id: String,
}
