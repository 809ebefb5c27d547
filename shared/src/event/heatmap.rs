//! Heat maps of liquidation prints.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// What a heat map is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HeatmapKind {
    /// Liquidations that happened, as venues printed them.
    Prints,
}

/// The liquidations of one bin of price and time; cells without any are left out.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeatmapCell {
    /// Index of the price bin: from `price_bins[p]` up to below `price_bins[p + 1]`.
    pub p: u32,
    /// Index of the time bin: from `time_bins[t]` up to before `time_bins[t + 1]`.
    pub t: u32,
    pub count: u64,
    /// Sum of the prints' value, in quote currency.
    pub size_usd: f64,
}

/// Prints inside the time bins whose price is outside all price bins.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeatmapOutside {
    pub count: u64,
    /// Sum of the prints' value, in quote currency.
    pub size_usd: f64,
}

/// Liquidations by price and time on a grid that stands still until the price leaves its middle.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heatmap {
    /// When it was made, by the relay's clock.
    pub timestamp: Ms,
    pub kind: HeatmapKind,
    /// Edges of the price bins, ascending: one more than there are bins.
    pub price_bins: Vec<f64>,
    /// Edges of the time bins, ascending, on whole UTC steps: one more than there are bins.
    pub time_bins: Vec<Ms>,
    /// By time bin, then price bin.
    pub cells: Vec<HeatmapCell>,
    pub outside: HeatmapOutside,
    /// The largest `size_usd` of a cell; 0 without cells.
    pub max_size_usd: f64,
}
