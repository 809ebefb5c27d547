//! Open interest of a group: the newest of each member, summed while it is fresh.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Members, both};
use crate::event::{MemberName, OpenInterest};
use crate::market::{Ms, VenueId};

/// What one venue's members hold.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Held {
    /// Coins.
    pub open_interest: f64,
    /// Quote currency; null where one of them is not valued.
    pub open_interest_value: Option<f64>,
}

/// Open interest of all members that have a fresh one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinedOi {
    /// The instant it is for; each part is the newest up to then.
    pub timestamp: Ms,
    /// Coins, over the members that are not `missing`.
    pub open_interest: f64,
    /// Quote currency, over the members that are neither `missing` nor `unvalued`; null where there are none.
    pub open_interest_value: Option<f64>,
    pub by_venue: BTreeMap<VenueId, Held>,
    /// Members without a fresh open interest, in member order.
    pub missing: Vec<MemberName>,
    /// Members that are in the coins and not in the value.
    pub unvalued: Vec<MemberName>,
}

/// Keeps the newest open interest of each member. Its members are those that offer it ([`Members::with`]).
#[derive(Clone, Debug)]
pub struct OiJoin {
    members: Members,
    max_age: Ms,
    newest: Vec<Option<OpenInterest>>,
}

impl OiJoin {
    /// `max_age` is how old a part of the sum may be, usually [`super::MAX_AGE`].
    pub fn new(members: &Members, max_age: Ms) -> OiJoin {
        OiJoin { members: members.clone(), max_age, newest: vec![None; members.len()] }
    }

    /// Takes a member's open interest, in any order.
    pub fn push(&mut self, member: usize, oi: &OpenInterest) {
        let Some(slot) = self.newest.get_mut(member) else { return };
        // Two of one instant are told apart by size, so that their order does not matter.
        let place = |x: &OpenInterest| (x.timestamp, x.open_interest);
        let usable = oi.open_interest.is_finite() && oi.open_interest >= 0.0;
        if usable && slot.as_ref().is_none_or(|known| place(oi) >= place(known)) {
            *slot = Some(*oi);
        }
    }

    /// A member's newest, if it is fresh.
    pub fn of(&self, member: usize, now: Ms) -> Option<&OpenInterest> {
        let newest = self.newest.get(member)?.as_ref();
        newest.filter(|oi| now - oi.timestamp <= self.max_age)
    }

    /// The sum as of `now`; `None` while no member has a fresh one.
    pub fn at(&self, now: Ms) -> Option<JoinedOi> {
        let mut joined = JoinedOi {
            timestamp: now,
            open_interest: 0.0,
            open_interest_value: None,
            by_venue: BTreeMap::new(),
            missing: self.members.names(|n, _| self.of(n, now).is_none()),
            unvalued: self
                .members
                .names(|n, _| self.of(n, now).is_some_and(|oi| oi.open_interest_value.is_none())),
        };
        for (n, member) in self.members.list().iter().enumerate() {
            let Some(oi) = self.of(n, now) else { continue };
            joined.open_interest += oi.open_interest;
            if let Some(value) = oi.open_interest_value {
                joined.open_interest_value = Some(joined.open_interest_value.unwrap_or(0.0) + value);
            }
            let nothing = Held { open_interest: 0.0, open_interest_value: Some(0.0) };
            let held = joined.by_venue.entry(member.name.venue.clone()).or_insert(nothing);
            held.open_interest += oi.open_interest;
            held.open_interest_value = both(held.open_interest_value, oi.open_interest_value);
        }
        (!joined.by_venue.is_empty()).then_some(joined)
    }
}

/// The sums at each multiple of `step` in `[from, to)`, from one list of rows per member, each in any order;
/// instants at which no member is fresh are left out. Rows from [`super::MAX_AGE`] before `from` on count.
pub fn series(
    members: &Members,
    rows: &[Vec<OpenInterest>],
    (from, to): (Ms, Ms),
    step: Ms,
    max_age: Ms,
) -> Vec<JoinedOi> {
    let mut rows: Vec<(usize, &OpenInterest)> =
        rows.iter().enumerate().flat_map(|(n, rows)| rows.iter().map(move |row| (n, row))).collect();
    rows.sort_by_key(|(_, row)| row.timestamp);
    let mut rows = rows.into_iter().peekable();
    let mut join = OiJoin::new(members, max_age);
    let mut points = Vec::new();
    for at in super::grid((from, to), step) {
        while let Some((n, row)) = rows.next_if(|(_, row)| row.timestamp <= at) {
            join.push(n, row);
        }
        points.extend(join.at(at));
    }
    points
}

#[cfg(test)]
mod tests;
