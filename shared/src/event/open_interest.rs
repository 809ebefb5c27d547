//! Open interest.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// Open contracts of one market, one-sided.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenInterest {
    pub timestamp: Ms,
    /// Coins.
    pub open_interest: f64,
    /// Quote currency; null while no mark price is known.
    pub open_interest_value: Option<f64>,
}
