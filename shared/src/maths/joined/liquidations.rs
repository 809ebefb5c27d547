//! Liquidations of a group: in one order, and counts and sums per side over a window.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Members;
use crate::event::{Channel, Liquidation, LiquidationSide, MemberName};
use crate::market::{Ms, VenueId};

/// Positions of one side that died.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    pub count: u64,
    /// Coins.
    pub quantity: f64,
    /// Quote currency.
    pub value: f64,
}

/// Both sides.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sides {
    pub long: Tally,
    pub short: Tally,
    /// A venue among them publishes only some of its liquidations: all figures are lower bounds.
    pub at_least: bool,
}

impl Sides {
    /// Adds one.
    pub fn add(&mut self, hit: &Liquidation) {
        let tally = match hit.side {
            LiquidationSide::Long => &mut self.long,
            LiquidationSide::Short => &mut self.short,
        };
        tally.count += 1;
        tally.quantity += hit.quantity;
        tally.value += hit.value;
        self.at_least |= hit.at_least;
    }
}

/// Counts and sums of a window, `(from, to]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinedLiquidations {
    pub from: Ms,
    pub to: Ms,
    #[serde(flatten)]
    pub sum: Sides,
    /// Venues that publish liquidations, those with none in the window too.
    pub by_venue: BTreeMap<VenueId, Sides>,
    /// Members whose venue publishes none: they are not in the sums, which is not the same as zero.
    pub unavailable: Vec<MemberName>,
}

/// Keeps the liquidations of a window in one order: by time, then member, then side, price and quantity.
#[derive(Clone, Debug)]
pub struct LiquidationJoin {
    members: Members,
    window: Ms,
    hits: Vec<(usize, Liquidation)>,
}

impl LiquidationJoin {
    /// All members, those without liquidations too.
    pub fn new(members: &Members, window: Ms) -> LiquidationJoin {
        LiquidationJoin { members: members.clone(), window, hits: Vec::new() }
    }

    /// Takes a member's liquidation, in any order; equal ones count each.
    pub fn push(&mut self, member: usize, hit: &Liquidation) {
        if member < self.members.len() && hit.quantity.is_finite() && hit.value.is_finite() {
            let place = self.hits.partition_point(|(n, held)| order(*n, held) <= order(member, hit));
            self.hits.insert(place, (member, *hit));
        }
    }

    /// Those of the window that ends at `now`, with the number of their member.
    pub fn hits(&self, now: Ms) -> &[(usize, Liquidation)] {
        let at = |time: Ms| self.hits.partition_point(|(_, hit)| hit.timestamp <= time);
        self.hits.get(at(now - self.window)..at(now)).unwrap_or_default()
    }

    /// Counts and sums of the window that ends at `now`.
    pub fn at(&self, now: Ms) -> JoinedLiquidations {
        let offering = self.members.list().iter().filter(|m| m.offers(Channel::Liquidation));
        let mut joined = JoinedLiquidations {
            from: now - self.window,
            to: now,
            sum: Sides::default(),
            by_venue: offering.map(|m| (m.name.venue.clone(), Sides::default())).collect(),
            unavailable: self.members.without(Channel::Liquidation),
        };
        for (n, hit) in self.hits(now) {
            joined.sum.add(hit);
            if let Some(member) = self.members.list().get(*n) {
                joined.by_venue.entry(member.name.venue.clone()).or_default().add(hit);
            }
        }
        joined
    }

    /// Drops what no window that ends at `now` or later holds.
    pub fn forget(&mut self, now: Ms) {
        let gone = self.hits.partition_point(|(_, hit)| hit.timestamp <= now - self.window);
        self.hits.drain(..gone);
    }
}

type Order = (Ms, usize, LiquidationSide, u64, u64);

/// Prices and quantities are above 0, where the order of bits is that of numbers.
fn order(member: usize, hit: &Liquidation) -> Order {
    (hit.timestamp, member, hit.side, hit.price.to_bits(), hit.quantity.to_bits())
}

/// The members' liquidations in one order, from one list per member, each in any order.
pub fn merge(rows: &[Vec<Liquidation>]) -> Vec<(usize, Liquidation)> {
    let mut all: Vec<(usize, Liquidation)> =
        rows.iter().enumerate().flat_map(|(n, rows)| rows.iter().map(move |row| (n, *row))).collect();
    all.sort_by_key(|(n, hit)| order(*n, hit));
    all
}

/// Counts and sums of one stretch of `step`, over all and by venue.
#[derive(Clone, PartialEq, Debug)]
pub struct Stretch {
    /// Its open: a multiple of the step.
    pub timestamp: Ms,
    pub sum: Sides,
    pub by_venue: BTreeMap<VenueId, Sides>,
}

/// Counts and sums per stretch `[n * step, (n + 1) * step)`, ascending; stretches without any are left out.
pub fn series(members: &Members, rows: &[Vec<Liquidation>], step: Ms) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for (n, hit) in merge(rows) {
        let (Some(member), timestamp) = (members.list().get(n), hit.timestamp.floor(step)) else { continue };
        if stretches.last().is_none_or(|last| last.timestamp != timestamp) {
            stretches.push(Stretch { timestamp, sum: Sides::default(), by_venue: BTreeMap::new() });
        }
        if let Some(stretch) = stretches.last_mut() {
            stretch.sum.add(&hit);
            stretch.by_venue.entry(member.name.venue.clone()).or_default().add(&hit);
        }
    }
    stretches
}

#[cfg(test)]
mod tests;
