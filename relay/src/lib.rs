//! The relay: connects to venues, records, serves history and live streams.
//!
//! Reading order:
//! - [`cli`] and [`config`]: what it is told to do, and how;
//! - [`venues`]: one folder per venue, data and pure functions;
//! - [`bus`]: one order over all events;
//! - [`store`]: what was recorded, behind one trait.

pub mod alerts;
pub mod app;
mod aside;
pub mod bus;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod config;
pub mod derive;
pub mod directory;
pub mod door;
pub mod history;
pub mod http;
pub mod hub;
pub mod ingest;
pub mod playback;
pub mod run;
pub mod store;
pub mod transfer;
pub mod venues;

/// What the relay serves; the page labels everything that is not `Live`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real venues.
    Live,
    /// The simulated market.
    Demo,
    /// A recording.
    Replay,
}

impl Mode {
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Demo => "demo",
            Mode::Replay => "replay",
        }
    }
}
