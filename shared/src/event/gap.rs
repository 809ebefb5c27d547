//! Holes in the record.

use serde::{Deserialize, Serialize};

use super::Channel;
use crate::market::Ms;

/// Why data is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The line to the venue was down.
    Disconnect,
    /// The venue's own numbering jumped.
    Sequence,
    /// The venue accepted the subscription and sent nothing.
    Silence,
    /// The relay was not running.
    Restart,
    /// The venue delisted the symbol.
    Delisted,
    /// This client could not take what it was sent.
    SlowClient,
    /// The client resumed from a place no longer held.
    ResumeExpired,
}

/// What became of the hole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum GapState {
    Open,
    Refilled,
    Lost,
}

/// Missing data of one channel, `[from, to)`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// When it was noticed.
    pub timestamp: Ms,
    pub channel: Channel,
    pub from: Ms,
    /// Null while the hole is still growing.
    pub to: Option<Ms>,
    pub cause: GapCause,
    pub state: GapState,
}
