//! The markets of a group, joined under one symbol.

use std::sync::Arc;

use shared::event::Channel;
use shared::market::{Instrument, Symbol, VenueId};
use shared::maths::joined::{Member, Members};

use super::{Directory, Listing};

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

    /// The channels the relay makes of what venues offer for a symbol: signals where there are bars, guards where
    /// it is traded, heat maps where anybody in its group publishes liquidations.
    pub fn made(&self, symbol: &Symbol) -> Vec<Channel> {
        let markets = self.markets(symbol);
        let traded = markets.first().filter(|market| market.status == Listing::Trading);
        let offers = |i: &Arc<Instrument>, channel| i.channels.contains(&channel);
        let bars = markets.iter().any(|market| offers(&market.instrument, Channel::Bar));
        let deaths = traded.is_some_and(|m| {
            self.members(&m.instrument.group).iter().any(|i| offers(i, Channel::Liquidation))
        });
        let made = [(Channel::Signal, bars), (Channel::Guards, traded.is_some()), (Channel::Heatmap, deaths)];
        made.into_iter().filter(|(_, there)| *there).map(|(channel, _)| channel).collect()
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

    /// The same with the asked symbol at one venue alone.
    pub fn at(&self, venue: &VenueId) -> JoinedMarket {
        let there = |i: &&Arc<Instrument>| i.venue == *venue && i.symbol == self.symbol;
        let instruments: Vec<Arc<Instrument>> = self.instruments.iter().filter(there).cloned().collect();
        let members = Members::new(instruments.iter().map(|i| Member::from(&**i)), &self.symbol);
        JoinedMarket { symbol: self.symbol.clone(), members, instruments }
    }

    /// The market whose prices the joined bars have.
    pub fn reference(&self) -> Option<&Arc<Instrument>> {
        self.instruments.first()
    }
}
