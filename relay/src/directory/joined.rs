//! The markets of a group, joined under one symbol.

use std::sync::Arc;

use shared::event::Channel;
use shared::market::{Instrument, Symbol};
use shared::maths::joined::{Member, Members};

use super::Directory;

/// The markets of one group as asked for by one symbol.
#[derive(Clone, Debug)]
pub struct JoinedMarket {
    pub symbol: Symbol,
    pub members: Members,
    /// One per member, in member order.
    pub instruments: Vec<Arc<Instrument>>,
}

impl Directory {
    /// What is joined under a symbol and venue `all`; `None` where nobody lists the symbol.
    pub fn joined(&self, symbol: &Symbol) -> Option<JoinedMarket> {
        let group = self.listings(symbol).first().map(|i| i.group.clone())?;
        let instruments = self.members(&group);
        let members = Members::new(instruments.iter().map(|i| Member::from(&**i)), symbol);
        let of = |member: &Member| {
            let named = |i: &&Arc<Instrument>| i.symbol == member.name.symbol && i.venue == member.name.venue;
            instruments.iter().find(named).cloned()
        };
        let instruments = members.list().iter().filter_map(of).collect();
        Some(JoinedMarket { symbol: symbol.clone(), members, instruments })
    }
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
