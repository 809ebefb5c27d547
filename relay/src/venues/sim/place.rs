//! The simulated venues.

use shared::market::{Ms, VenueId};

/// Where a simulated market is traded. The first venue is flawless; the others have troubles of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Sim,
    SimB,
    SimC,
}

impl Place {
    /// In the order venues are listed; the first is the default.
    pub const ALL: [Place; 3] = [Place::Sim, Place::SimB, Place::SimC];

    pub fn venue(self) -> VenueId {
        VenueId::new(match self {
            Place::Sim => "sim",
            Place::SimB => "sim-b",
            Place::SimC => "sim-c",
        })
    }

    /// How far back its history goes at the start.
    pub const fn history(self) -> Ms {
        match self {
            Place::Sim => Ms(30 * Ms::DAY.0),
            Place::SimB | Place::SimC => Ms(7 * Ms::DAY.0),
        }
    }

    /// Tells the venues' random numbers apart.
    pub(super) const fn number(self) -> i64 {
        self as i64
    }
}
