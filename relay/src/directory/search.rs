//! Which symbols a few letters mean.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use shared::market::{Instrument, Symbol, VenueId};

use super::{Listing, Shelf};

/// What an instrument is found by, in lower case.
pub(super) struct Names {
    base: String,
    symbol: String,
    group: String,
    /// The venue's own name for it.
    venue: String,
}

/// How well a text matches, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Same,
    Begins,
    Contains,
    /// Not by name: the venue itself answered with it.
    Told,
}

impl Names {
    pub(super) fn of(instrument: &Instrument) -> Names {
        Names {
            base: instrument.base.to_lowercase(),
            symbol: instrument.symbol.as_str().to_lowercase(),
            group: instrument.group.as_str().to_lowercase(),
            venue: instrument.venue_symbol.to_lowercase(),
        }
    }

    /// `text` in lower case.
    fn rank(&self, text: &str) -> Option<Rank> {
        let names = [&self.base, &self.symbol, &self.group, &self.venue];
        if names.iter().any(|name| *name == text) {
            Some(Rank::Same)
        } else if names.iter().any(|name| name.starts_with(text)) {
            Some(Rank::Begins)
        } else if names.iter().any(|name| name.contains(text)) {
            Some(Rank::Contains)
        } else {
            None
        }
    }
}

struct Match {
    rank: Rank,
    status: Listing,
    followed: bool,
    venues: usize,
    place: usize,
}

pub(super) fn search(venues: &[(VenueId, Shelf)], text: &str, found: &[Symbol], limit: usize) -> Vec<Symbol> {
    let text = text.trim().to_lowercase();
    let found: HashSet<&Symbol> = found.iter().collect();
    let followed: HashSet<&Symbol> =
        venues.iter().flat_map(|(_, shelf)| shelf.configured.iter().chain(&shelf.dynamic)).collect();
    let mut matches: HashMap<&Symbol, Match> = HashMap::new();
    let all = venues.iter().flat_map(|(_, shelf)| shelf.order.iter().map(move |symbol| (shelf, symbol)));
    for (place, (shelf, symbol)) in all.enumerate() {
        let Some(entry) = shelf.listed.get(symbol) else { continue };
        let told = found.contains(symbol).then_some(Rank::Told);
        let Some(rank) = entry.names.rank(&text).or(told) else { continue };
        let status = entry.status;
        let new = Match { rank, status, followed: followed.contains(symbol), venues: 0, place };
        let known = matches.entry(symbol).or_insert(new);
        known.venues += 1;
        known.rank = known.rank.min(rank);
        known.status = known.status.min(status);
    }
    let mut matches: Vec<(&Symbol, Match)> = matches.into_iter().collect();
    let order = |(symbol, m): &(&Symbol, Match)| {
        (m.rank, m.status, !m.followed, Reverse(m.venues), symbol.as_str().len(), m.place)
    };
    matches.sort_unstable_by_key(order);
    matches.truncate(limit);
    matches.into_iter().map(|(symbol, _)| symbol.clone()).collect()
}
