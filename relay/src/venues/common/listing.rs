//! What a list says of one market, as an instrument.

use std::collections::HashSet;

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Symbol, VenueId};

use super::multiple;

/// One row of a venue's list.
pub(in crate::venues) struct Listing<'a> {
    pub venue_symbol: &'a str,
    pub base: &'a str,
    pub quote: &'a str,
    /// In the venue's units: per contract name, not per coin.
    pub tick_size: f64,
    pub step_size: f64,
}

impl Listing<'_> {
    /// The instrument, per coin, of a spot market or a perpetual that has every channel; `bases` are all base assets of
    /// the same list. `None` when the names hold characters no symbol may have.
    pub(in crate::venues) fn instrument(
        &self,
        venue: &str,
        spot: bool,
        bases: &HashSet<&str>,
    ) -> Option<Instrument> {
        let (base, multiplier) = multiple::strip(self.base, bases);
        let (kind, symbol, channels) = if spot {
            let channels = vec![Channel::Bar, Channel::Trade, Channel::Book];
            (Kind::Spot, Symbol::spot(base, self.quote), channels)
        } else {
            (Kind::Perp, Symbol::perp(base, self.quote), Channel::OFFERED.to_vec())
        };
        Some(Instrument {
            symbol: symbol.ok()?,
            venue: VenueId::new(venue),
            venue_symbol: self.venue_symbol.to_owned(),
            group: Group::new(base, kind),
            kind,
            base: base.to_owned(),
            quote: self.quote.to_owned(),
            tick_size: self.tick_size / multiplier,
            step_size: self.step_size * multiplier,
            multiplier,
            channels,
            calendar: Calendar::Continuous,
        })
    }
}
