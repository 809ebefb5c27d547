//! How a replay stands: what `/api/replay` answers and the `replay` frame tells.

use serde::{Deserialize, Serialize};

use crate::market::Ms;

/// A recording that is being played.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Replay {
    pub state: ReplayState,
    /// Recorded time of the newest frame played; none before the first.
    pub position: Option<Ms>,
    /// Recorded time of the first frame; none until it has been read.
    pub from: Option<Ms>,
    /// Recorded time of the last frame; none until all files have been looked through.
    pub to: Option<Ms>,
    /// Where a seek leads that is on its way there, at full speed.
    pub target: Option<Ms>,
    pub speed: ReplaySpeed,
    /// Names of the recordings, without folders.
    pub files: Vec<String>,
    /// Counts from 1, one more each time the recording begins anew: what was told in an earlier run may lie in the
    /// future of this one.
    pub run: u32,
}

/// Whether a replay goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReplayState {
    Playing,
    Paused,
    /// After the last frame.
    Ended,
}

/// How fast recorded time passes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ReplaySpeed {
    /// So many times as fast as it was recorded; above 0.
    Times(f64),
    /// As fast as it can be decoded.
    Max(MaxWord),
}

/// The word `max`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MaxWord {
    Max,
}

impl ReplaySpeed {
    pub const MAX: ReplaySpeed = ReplaySpeed::Max(MaxWord::Max);
}
