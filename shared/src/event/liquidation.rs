//! Liquidations.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// The position that died.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum LiquidationSide {
    Long,
    Short,
}

/// What `price` is: venues publish different ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PriceKind {
    Average,
    Bankruptcy,
    Mark,
}

/// One forced close.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Liquidation {
    pub timestamp: Ms,
    pub side: LiquidationSide,
    /// Coins.
    pub quantity: f64,
    pub price: f64,
    /// Quote currency: price * quantity.
    pub value: f64,
    pub price_kind: PriceKind,
    /// The venue publishes only some of them: counts and sums are lower bounds ("at least").
    #[serde(default)]
    pub at_least: bool,
}
