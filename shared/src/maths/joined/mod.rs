//! Views over all members of a group: the same coin and kind, at every venue and in every quote.
//!
//! - [`bars`]: the reference member's prices with everybody's volume;
//! - [`open_interest`]: the newest of each member, summed while fresh;
//! - [`funding`]: every rate on one hourly basis, and their means;
//! - [`liquidations`]: in one order, and counts per side over a window.
//!
//! All of them name what is missing instead of adding it as nothing. Quantities are coins, so that members add
//! up whatever their contracts are; values are in each member's own quote currency, taken as equal. Sums run in
//! member order: whatever order the data came in, the results are equal to the bit.

pub mod bars;
pub mod funding;
pub mod liquidations;
pub mod open_interest;

use crate::event::{Channel, MemberName};
use crate::market::{Instrument, Ms, Symbol};

/// An older open interest or predicted rate is not part of a sum or mean.
pub const MAX_AGE: Ms = Ms(600_000);

/// A market that takes part in a joined view. Its prices and quantities are per coin already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub name: MemberName,
    pub quote: String,
    /// What its venue offers for it; the rest is unavailable, which is not zero.
    pub channels: Vec<Channel>,
}

impl Member {
    pub fn offers(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
    }
}

impl From<&Instrument> for Member {
    fn from(i: &Instrument) -> Member {
        let name = MemberName { symbol: i.symbol.clone(), venue: i.venue.clone() };
        Member { name, quote: i.quote.clone(), channels: i.channels.clone() }
    }
}

/// The members of a group in the order that decides: the reference first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Members(Vec<Member>);

impl Members {
    /// `members` are all of one group, in the order of configured venues. Those that bear the `asked` symbol go
    /// first, so that the first of all is the market of the default venue.
    pub fn new(members: impl IntoIterator<Item = Member>, asked: &Symbol) -> Members {
        let (mut members, others): (Vec<Member>, Vec<Member>) =
            members.into_iter().partition(|m| m.name.symbol == *asked);
        members.extend(others);
        members.dedup_by(|a, b| a.name == b.name);
        Members(members)
    }

    /// Members by name alone: all channels, one currency.
    pub fn of_names(names: impl IntoIterator<Item = MemberName>) -> Members {
        let member = |name| Member { name, quote: String::new(), channels: Channel::OFFERED.to_vec() };
        Members(names.into_iter().map(member).collect())
    }

    /// Those members that offer a channel, in the same order.
    pub fn with(&self, channel: Channel) -> Members {
        Members(self.0.iter().filter(|m| m.offers(channel)).cloned().collect())
    }

    /// Names of the members that do not offer a channel.
    pub fn without(&self, channel: Channel) -> Vec<MemberName> {
        self.names(|_, m| !m.offers(channel))
    }

    pub fn list(&self) -> &[Member] {
        &self.0
    }

    /// The number a member goes by in the machines of this module.
    pub fn position(&self, name: &MemberName) -> Option<usize> {
        self.0.iter().position(|m| m.name == *name)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The currency of the reference member.
    fn quote(&self) -> &str {
        self.0.first().map_or("", |m| &m.quote)
    }

    fn names(&self, pick: impl Fn(usize, &Member) -> bool) -> Vec<MemberName> {
        self.0.iter().enumerate().filter(|(n, m)| pick(*n, m)).map(|(_, m)| m.name.clone()).collect()
    }
}

/// The multiples of `step` in `[from, to)`.
fn grid((from, to): (Ms, Ms), step: Ms) -> impl Iterator<Item = Ms> {
    let step = step.0.max(1);
    let first = from.floor(Ms(step));
    let first = if first < from { first.0.saturating_add(step) } else { first.0 };
    let next = move |at: &i64| at.checked_add(step);
    std::iter::successors(Some(first), next).take_while(move |at| *at < to.0).map(Ms)
}

/// The sum where both are known.
fn both(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? + b?)
}

#[cfg(test)]
pub(crate) mod rig {
    use super::*;
    use crate::market::VenueId;

    /// Members by `venue symbol quote`; all channels.
    pub(crate) fn members(asked: &str, of: &[(&str, &str, &str)]) -> Members {
        let member = |(venue, symbol, quote): &(&str, &str, &str)| Member {
            name: MemberName { symbol: symbol.parse().unwrap(), venue: VenueId::new(venue) },
            quote: (*quote).into(),
            channels: Channel::OFFERED.to_vec(),
        };
        Members::new(of.iter().map(member), &asked.parse().unwrap())
    }

    #[test]
    fn the_reference_is_the_first_listing_of_the_asked_symbol() {
        let all = [
            ("a", "BTCUSDC-PERP", "USDC"),
            ("a", "BTCUSDT-PERP", "USDT"),
            ("b", "BTCUSDT-PERP", "USDT"),
            ("c", "BTCUSD-PERP", "USD"),
        ];
        let order = |asked| {
            let members = members(asked, &all);
            let name = |m: &Member| format!("{} {}", m.name.venue, m.name.symbol);
            members.list().iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(
            order("BTCUSDT-PERP"),
            ["a BTCUSDT-PERP", "b BTCUSDT-PERP", "a BTCUSDC-PERP", "c BTCUSD-PERP"]
        );
        assert_eq!(order("BTCUSD-PERP")[0], "c BTCUSD-PERP");
        let members = members("BTCUSDT-PERP", &all);
        assert_eq!(members.position(&members.list()[3].name), Some(3));
        assert_eq!((members.len(), members.with(Channel::Oi).len()), (4, 4));
        assert!(members.without(Channel::Oi).is_empty());
    }
}
