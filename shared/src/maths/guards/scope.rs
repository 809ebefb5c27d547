//! Which markets the guards of a symbol look at.

use crate::event::{Channel, MemberName};
use crate::market::Symbol;
use crate::maths::joined::{Member, Members};

/// The reference market, and the group it belongs to.
#[derive(Clone, PartialEq, Debug)]
pub struct Scope {
    /// Spread, depth, funding and premium are of this market.
    pub reference: Member,
    /// The markets whose open interest adds up.
    pub holding: Members,
    /// The markets whose liquidations are counted.
    pub dying: Members,
    /// The markets in USDT and in USDC whose mids make the basis.
    pub pair: Option<(MemberName, MemberName)>,
}

impl Scope {
    /// `group` are all members of the reference's group, in the order of configured venues.
    pub fn new(reference: Member, group: impl IntoIterator<Item = Member>) -> Scope {
        let asked: Symbol = reference.name.symbol.clone();
        let group = Members::new(group, &asked);
        let pair = pair(&reference, group.list());
        let (holding, dying) = (group.with(Channel::Oi), group.with(Channel::Liquidation));
        Scope { reference, holding, dying, pair }
    }

    /// The markets whose books count.
    pub(super) fn booked(&self) -> impl Iterator<Item = &MemberName> {
        let reference = self.reference.offers(Channel::Book).then_some(&self.reference.name);
        reference.into_iter().chain(self.pair.iter().flat_map(|(usdt, usdc)| [usdt, usdc]))
    }

    /// Every market whose data counts, each once.
    pub fn markets(&self) -> Vec<MemberName> {
        let all = [&self.holding, &self.dying].into_iter().flat_map(Members::list).map(|m| &m.name);
        let mut all: Vec<MemberName> =
            all.chain(self.booked()).chain([&self.reference.name]).cloned().collect();
        all.sort();
        all.dedup();
        all
    }
}

/// The reference's venue where it has both, else the first venue that has, else the first market in each.
fn pair(reference: &Member, group: &[Member]) -> Option<(MemberName, MemberName)> {
    let mut booked: Vec<&Member> = group.iter().filter(|m| m.offers(Channel::Book)).collect();
    // The sort is stable: among equals the order of the group stays.
    booked.sort_by_key(|m| (m.name != reference.name, m.name.venue != reference.name.venue));
    let first = |quote: &str, at: Option<&Member>| {
        let mut fitting =
            booked.iter().filter(|m| m.quote == quote && at.is_none_or(|at| at.name.venue == m.name.venue));
        fitting.next().map(|m| m.name.clone())
    };
    let same_venue = booked.iter().find_map(|m| first("USDT", Some(m)).zip(first("USDC", Some(m))));
    same_venue.or_else(|| first("USDT", None).zip(first("USDC", None)))
}
