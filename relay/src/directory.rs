//! Which instruments the configured venues list, in configured order.

use std::sync::{Arc, PoisonError, RwLock};

use shared::event::Channel;
use shared::market::{Instrument, Symbol, VenueId};
use shared::maths::joined::{Member, Members};

/// The instruments this relay serves, by venue. Cheap to read; replaced per venue when its list is refreshed.
pub struct Directory {
    venues: RwLock<Vec<(VenueId, Vec<Arc<Instrument>>)>>,
}

impl Directory {
    /// Venues in configured order, without instruments yet.
    pub fn new(venues: impl IntoIterator<Item = VenueId>) -> Directory {
        Directory { venues: RwLock::new(venues.into_iter().map(|v| (v, Vec::new())).collect()) }
    }

    /// Replaces one venue's list; a venue not configured is added at the end.
    pub fn set(&self, venue: &VenueId, instruments: Vec<Arc<Instrument>>) {
        let mut venues = self.venues.write().unwrap_or_else(PoisonError::into_inner);
        match venues.iter_mut().find(|(id, _)| id == venue) {
            Some((_, list)) => *list = instruments,
            None => venues.push((venue.clone(), instruments)),
        }
    }

    pub fn venues(&self) -> Vec<VenueId> {
        self.read(|venues| venues.iter().map(|(id, _)| id.clone()).collect())
    }

    pub fn get(&self, venue: &VenueId, symbol: &Symbol) -> Option<Arc<Instrument>> {
        self.read(|venues| {
            let (_, list) = venues.iter().find(|(id, _)| id == venue)?;
            list.iter().find(|i| i.symbol == *symbol).cloned()
        })
    }

    /// The instruments under a symbol, one per venue that lists it; the first is the default venue's.
    pub fn listings(&self, symbol: &Symbol) -> Vec<Arc<Instrument>> {
        self.read(|venues| {
            let all = venues.iter().flat_map(|(_, list)| list);
            all.filter(|i| i.symbol == *symbol).cloned().collect()
        })
    }

    /// What is joined under a symbol and venue `all`; `None` where nobody lists the symbol.
    pub fn joined(&self, symbol: &Symbol) -> Option<JoinedMarket> {
        let group = self.listings(symbol).first().map(|i| i.group.clone())?;
        let mut instruments = self.all();
        instruments.retain(|i| i.group == group);
        let members = Members::new(instruments.iter().map(|i| Member::from(&**i)), symbol);
        let of = |member: &Member| {
            let named = |i: &&Arc<Instrument>| i.symbol == member.name.symbol && i.venue == member.name.venue;
            instruments.iter().find(named).cloned()
        };
        let instruments = members.list().iter().filter_map(of).collect();
        Some(JoinedMarket { symbol: symbol.clone(), members, instruments })
    }

    /// Every instrument, venues in configured order.
    pub fn all(&self) -> Vec<Arc<Instrument>> {
        self.read(|venues| venues.iter().flat_map(|(_, list)| list.iter().cloned()).collect())
    }

    fn read<T>(&self, f: impl FnOnce(&Vec<(VenueId, Vec<Arc<Instrument>>)>) -> T) -> T {
        f(&self.venues.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The markets of one group as asked for by one symbol.
#[derive(Clone, Debug)]
pub struct JoinedMarket {
    pub symbol: Symbol,
    pub members: Members,
    /// One per member, in member order.
    pub instruments: Vec<Arc<Instrument>>,
}

impl JoinedMarket {
    /// The same with those members alone that offer a channel.
    pub fn with(&self, channel: Channel) -> JoinedMarket {
        let offering = self.instruments.iter().filter(|i| i.channels.contains(&channel));
        JoinedMarket {
            symbol: self.symbol.clone(),
            members: self.members.with(channel),
            instruments: offering.cloned().collect(),
        }
    }

    /// The market whose prices the joined bars have.
    pub fn reference(&self) -> Option<&Arc<Instrument>> {
        self.instruments.first()
    }
}
