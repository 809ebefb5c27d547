//! Funding of a group on one basis: what a position pays in an hour.
//!
//! Venues pay each 1, 2, 4 or 8 hours; rates of different intervals are compared only per hour. What is forecast
//! and what was paid are kept apart.

use serde::{Deserialize, Serialize};

use super::{MAX_AGE, Members};
use crate::event::{Funding, FundingKind, MemberName};
use crate::market::Ms;

/// A rate on common bases; decimals, positive: longs pay shorts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Basis {
    /// Of one hour: rate / interval in hours.
    pub hourly: f64,
    /// Of eight hours.
    pub rate_8h: f64,
    /// Percent a year: hourly * 8760 * 100.
    pub apr: f64,
}

impl Basis {
    pub fn of_hourly(hourly: f64) -> Basis {
        Basis { hourly, rate_8h: hourly * 8.0, apr: Funding::apr(hourly, 1.0) }
    }

    /// `None` where the interval is unknown: then nothing can be compared.
    pub fn of(funding: &Funding) -> Option<Basis> {
        let hours = funding.interval_hours.filter(|h| h.is_finite() && *h > 0.0)?;
        let hourly = funding.funding_rate / hours;
        hourly.is_finite().then(|| Basis::of_hourly(hourly))
    }
}

/// Time until the next payment, not below 0; `None` where the venue does not say.
pub fn countdown(funding: &Funding, now: Ms) -> Option<Ms> {
    funding.next_funding_time.map(|at| (at - now).max(Ms::ZERO))
}

/// The members' rates of one kind in one number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinedFunding {
    /// The instant it is for; each part is the newest up to then.
    pub timestamp: Ms,
    pub kind: FundingKind,
    /// Each member the same.
    pub mean: Basis,
    /// Each member by its open interest in coins; null where one of those with a rate has none.
    pub weighted: Option<Basis>,
    /// Members with a rate on a known interval.
    pub members: usize,
    /// Members without a fresh rate, or with an unknown interval, in member order.
    pub missing: Vec<MemberName>,
}

/// Keeps the newest rates of each member. Its members are those that offer funding ([`Members::with`]).
#[derive(Clone, Debug)]
pub struct FundingJoin {
    members: Members,
    predicted: Vec<Option<Funding>>,
    settled: Vec<Option<Funding>>,
}

impl FundingJoin {
    pub fn new(members: &Members) -> FundingJoin {
        let none = vec![None; members.len()];
        FundingJoin { members: members.clone(), predicted: none.clone(), settled: none }
    }

    /// Takes a member's rate, in any order.
    pub fn push(&mut self, member: usize, funding: &Funding) {
        let slots = match funding.kind {
            FundingKind::Predicted => &mut self.predicted,
            FundingKind::Settled => &mut self.settled,
        };
        let Some(slot) = slots.get_mut(member) else { return };
        let place = |x: &Funding| (x.timestamp, x.funding_rate);
        if funding.funding_rate.is_finite()
            && slot.as_ref().is_none_or(|known| place(funding) >= place(known))
        {
            *slot = Some(*funding);
        }
    }

    /// A member's newest rate of a kind while it holds: a forecast for [`MAX_AGE`], a payment until the next one
    /// is overdue by that.
    pub fn of(&self, member: usize, kind: FundingKind, now: Ms) -> Option<&Funding> {
        let slots = match kind {
            FundingKind::Predicted => &self.predicted,
            FundingKind::Settled => &self.settled,
        };
        let newest = slots.get(member)?.as_ref()?;
        let holds = match kind {
            FundingKind::Predicted => MAX_AGE,
            FundingKind::Settled => interval(newest) + MAX_AGE,
        };
        (now - newest.timestamp <= holds).then_some(newest)
    }

    /// The means of a kind as of `now`, weighted by the members' open interest in coins, in member order;
    /// `None` while no member has a rate.
    pub fn at(&self, kind: FundingKind, open_interest: &[Option<f64>], now: Ms) -> Option<JoinedFunding> {
        let basis = |n| self.of(n, kind, now).and_then(Basis::of);
        let (mut sum, mut count) = (0.0, 0);
        let (mut weighted, mut weights, mut whole) = (0.0, 0.0, true);
        for n in 0..self.members.len() {
            let Some(Basis { hourly, .. }) = basis(n) else { continue };
            sum += hourly;
            count += 1;
            match open_interest.get(n).copied().flatten().filter(|oi| oi.is_finite() && *oi >= 0.0) {
                Some(weight) => (weighted, weights) = (weighted + weight * hourly, weights + weight),
                None => whole = false,
            }
        }
        (count > 0).then(|| JoinedFunding {
            timestamp: now,
            kind,
            mean: Basis::of_hourly(sum / f64::from(count)),
            weighted: (whole && weights > 0.0).then(|| Basis::of_hourly(weighted / weights)),
            members: count as usize,
            missing: self.members.names(|n, _| basis(n).is_none()),
        })
    }
}

/// The payment interval; eight hours where it is not known.
fn interval(funding: &Funding) -> Ms {
    let hours = funding.interval_hours.filter(|h| (0.0..=1_000.0).contains(h)).unwrap_or(8.0);
    Ms((hours * Ms::HOUR.0 as f64) as i64)
}

/// The means of one kind at each multiple of `step` in `[from, to)`, from one list of rows per member, each in
/// any order; instants at which no member has a rate are left out. `open_interest` gives the weights at an
/// instant and is asked ascending.
pub fn series(
    members: &Members,
    rows: &[Vec<Funding>],
    kind: FundingKind,
    range: (Ms, Ms),
    step: Ms,
    mut open_interest: impl FnMut(Ms) -> Vec<Option<f64>>,
) -> Vec<JoinedFunding> {
    let mut rows: Vec<(usize, &Funding)> =
        rows.iter().enumerate().flat_map(|(n, rows)| rows.iter().map(move |row| (n, row))).collect();
    rows.sort_by_key(|(_, row)| row.timestamp);
    let mut rows = rows.into_iter().peekable();
    let mut join = FundingJoin::new(members);
    let mut points = Vec::new();
    for at in super::grid(range, step) {
        while let Some((n, row)) = rows.next_if(|(_, row)| row.timestamp <= at) {
            join.push(n, row);
        }
        points.extend(join.at(kind, &open_interest(at), at));
    }
    points
}

#[cfg(test)]
mod tests;
