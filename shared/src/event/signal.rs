//! Signals of strategies.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::market::{Ms, Timeframe};

/// What a signal says to do. Holding is no signal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Buy,
    Sell,
}

/// A strategy wants to buy or sell: told once, when the bar that made it so has closed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Signal {
    /// The open of the closed bar it was made on.
    pub timestamp: Ms,
    /// The timeframe of that bar.
    pub interval: Timeframe,
    pub action: Action,
    /// 0 to 1, as the strategy defines it.
    pub confidence: f64,
    /// The strategy's stable name, like `ema_crossover_rsi`.
    pub strategy_id: String,
    /// What it was decided on, by the strategy's own names.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}
