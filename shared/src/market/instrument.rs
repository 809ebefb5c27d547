//! What a venue lists under a symbol.

use serde::{Deserialize, Serialize};

use super::{Calendar, Group, Kind, Symbol, VenueId};
use crate::event::Channel;

/// One market at one venue. Prices and quantities everywhere are per coin: the multiplier is already stripped.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Instrument {
    pub symbol: Symbol,
    pub venue: VenueId,
    /// The venue's own name, upper or lower case as it sends it.
    pub venue_symbol: String,
    pub group: Group,
    pub kind: Kind,
    pub base: String,
    pub quote: String,
    /// Smallest price step, in quote currency per coin (after stripping the multiplier).
    pub tick_size: f64,
    /// Smallest quantity step in coins.
    pub step_size: f64,
    /// Coins per unit of the venue's contract name (1000 for `1000PEPEUSDT`), else 1.
    pub multiplier: f64,
    /// What this venue offers for it.
    pub channels: Vec<Channel>,
    /// When it trades, and so where its buckets begin.
    #[serde(default)]
    pub calendar: Calendar,
}
