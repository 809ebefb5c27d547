//! Risk guards: spread, depth, funding, basis, premium, open interest and liquidations against thresholds.
//!
//! A pure machine: events and the time go in, [`Guards`] come out. The age of a number is the time it is asked for
//! less the time the venue gave it; a venue whose clock is ahead makes it 0. What is older than its limit, or
//! missing, is null and at least a warning; what a market cannot have is not applicable and does not count.

mod findings;
mod limits;
mod scope;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::event::{
    Body, BookTop, Channel, Event, Funding, FundingKind, Gap, GapState, Guard, GuardName, GuardState, Guards,
    Liquidation, LiquidationSide, MemberName, OpenInterest,
};
use crate::market::Ms;
use crate::maths::joined::MAX_AGE;

use findings::Finding;
pub use limits::{Limits, Thresholds, less_is_worse, unit};
pub use scope::Scope;

/// An older book is not known.
pub const BOOK_AGE: Ms = Ms(5_000);
/// An older predicted rate is not known, nor the prices that came with it.
pub const FUNDING_AGE: Ms = Ms(120_000);
/// An older open interest is not part of the sum.
pub const OI_AGE: Ms = MAX_AGE;
/// Liquidations are counted over `(now - WINDOW, now]`.
pub const WINDOW: Ms = Ms(300_000);

/// A value and when it was true.
#[derive(Clone, Copy, Debug)]
struct Timed<T> {
    at: Ms,
    of: T,
}

impl<T> Timed<T> {
    fn age(&self, now: Ms) -> Ms {
        (now - self.at).max(Ms::ZERO)
    }
}

/// Tells one liquidation from another: what is told twice counts once.
type Hit = (Ms, MemberName, LiquidationSide, u64, u64);

/// What the guards of one symbol are computed from, and since when each is in its state.
#[derive(Clone, Debug)]
pub struct Machine {
    scope: Scope,
    thresholds: Thresholds,
    books: BTreeMap<MemberName, Timed<BookTop>>,
    funding: Option<Timed<Funding>>,
    held: BTreeMap<MemberName, Timed<OpenInterest>>,
    /// Liquidations of the window, each with whether its venue tells only some.
    hits: BTreeMap<Hit, Timed<bool>>,
    /// Stretches of liquidations that nobody saw, by their start; open ones have no end.
    holes: BTreeMap<(MemberName, Ms), Option<Ms>>,
    /// State of each guard, in the order of [`GuardName::ALL`], and since when.
    states: [Option<(GuardState, Ms)>; GuardName::ALL.len()],
    status: Option<(GuardState, Ms)>,
}

impl Machine {
    pub fn new(scope: Scope, thresholds: Thresholds) -> Machine {
        Machine {
            scope,
            thresholds,
            books: BTreeMap::new(),
            funding: None,
            held: BTreeMap::new(),
            hits: BTreeMap::new(),
            holes: BTreeMap::new(),
            states: [None; GuardName::ALL.len()],
            status: None,
        }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Looks at other markets from now on; what is known of those that stay is kept.
    pub fn look_at(&mut self, scope: Scope) {
        if scope.reference.name != self.scope.reference.name {
            self.funding = None;
        }
        self.books.retain(|name, _| scope.booked().any(|booked| booked == name));
        self.held.retain(|name, _| scope.holding.position(name).is_some());
        self.hits.retain(|hit, _| scope.dying.position(&hit.1).is_some());
        self.holes.retain(|hole, _| scope.dying.position(&hole.0).is_some());
        self.scope = scope;
    }

    /// Takes an event known at `now`, in any order and as often as it comes; `false` where it changes nothing.
    pub fn take(&mut self, event: &Event, now: Ms) -> bool {
        let name = || MemberName { symbol: event.symbol.clone(), venue: event.venue.clone() };
        // What a venue dates later than now would stay fresh for too long.
        let at = event.timestamp().min(now);
        match &event.body {
            Body::Book(top) => {
                let name = name();
                self.scope.booked().any(|booked| *booked == name)
                    && newer(self.books.entry(name), Timed { at, of: *top })
            }
            Body::Funding(funding) => {
                let newest = self.funding.is_none_or(|held| at >= held.at);
                let counts = newest
                    && funding.kind == FundingKind::Predicted
                    && self.scope.reference.offers(Channel::Funding)
                    && self.scope.reference.name == name();
                if counts {
                    self.funding = Some(Timed { at, of: *funding });
                }
                counts
            }
            Body::Oi(oi) => {
                let (name, of) = (name(), OpenInterest { timestamp: at, ..*oi });
                self.scope.holding.position(&name).is_some() && newer(self.held.entry(name), Timed { at, of })
            }
            Body::Liquidation(hit) => self.hit(name(), hit, at, now),
            Body::Gap(gap) if gap.channel == Channel::Liquidation => self.hole(name(), gap, now),
            Body::Bar(_)
            | Body::Joined(_)
            | Body::Trade(_)
            | Body::Signal(_)
            | Body::Guards(_)
            | Body::Heatmap(_)
            | Body::Gap(_) => false,
        }
    }

    fn hit(&mut self, name: MemberName, hit: &Liquidation, at: Ms, now: Ms) -> bool {
        if at <= now - WINDOW || self.scope.dying.position(&name).is_none() {
            return false;
        }
        let key = (hit.timestamp, name, hit.side, hit.quantity.to_bits(), hit.price.to_bits());
        let new = !self.hits.contains_key(&key);
        if new {
            self.hits.insert(key, Timed { at, of: hit.at_least });
        }
        new
    }

    fn hole(&mut self, name: MemberName, gap: &Gap, now: Ms) -> bool {
        if self.scope.dying.position(&name).is_none() || gap.to.is_some_and(|to| to <= now - WINDOW) {
            return false;
        }
        let key = (name, gap.from);
        match gap.state {
            GapState::Refilled => self.holes.remove(&key).is_some(),
            GapState::Open | GapState::Lost => self.holes.insert(key, gap.to) != Some(gap.to),
        }
    }

    /// All guards as of `now`, which does not go back.
    pub fn at(&mut self, now: Ms) -> Guards {
        self.hits.retain(|_, hit| hit.at > now - WINDOW);
        self.holes.retain(|_, to| to.is_none_or(|to| to > now - WINDOW));
        let findings = GuardName::ALL.map(|name| self.find(name, now));
        let value = |name: GuardName| findings.get(name.index()).and_then(Finding::value);
        let reference = self.scope.reference.name.clone();
        let top = self.books.get(&reference);
        let mut guards = Guards {
            timestamp: now,
            spread_bps: value(GuardName::SpreadBps),
            depth_10bps: value(GuardName::Depth10Bps).and(top).and_then(|top| top.of.depth_10bps),
            funding_apr: value(GuardName::FundingApr),
            basis_bps: value(GuardName::BasisBps),
            premium_bps: value(GuardName::PremiumBps),
            oi_notional: value(GuardName::OiNotional),
            liq_events_5m: value(GuardName::LiqEvents5m).and(u64::try_from(self.hits.len()).ok()),
            reference,
            status: GuardState::Passing,
            since: now,
            guards: Vec::with_capacity(GuardName::ALL.len()),
        };
        for (name, finding) in GuardName::ALL.into_iter().zip(findings) {
            let guard = finding.judged(name, self.thresholds.of(name));
            let since = self.states.get_mut(name.index()).map_or(now, |held| since(held, guard.state, now));
            guards.status = guards.status.max(guard.state);
            guards.guards.push(Guard { since, ..guard });
        }
        guards.since = since(&mut self.status, guards.status, now);
        guards
    }

    /// The next instant after `now` at which time alone changes something.
    pub fn next_change(&self, now: Ms) -> Option<Ms> {
        // A limit's last millisecond is within it, and a window's first is outside.
        let books = self.books.values().map(|top| top.at + BOOK_AGE + Ms(1));
        let rates = self.funding.iter().map(|rate| rate.at + FUNDING_AGE + Ms(1));
        let held = self.held.values().map(|oi| oi.at + OI_AGE + Ms(1));
        let hits = self.hits.values().map(|hit| hit.at + WINDOW);
        let holes = self.holes.values().flatten().map(|to| *to + WINDOW);
        books.chain(rates).chain(held).chain(hits).chain(holes).filter(|at| *at > now).min()
    }
}

/// Puts a value in its place unless a newer one is there.
fn newer<T>(place: Entry<'_, MemberName, Timed<T>>, value: Timed<T>) -> bool {
    match place {
        Entry::Occupied(held) if held.get().at > value.at => false,
        Entry::Occupied(mut held) => {
            held.insert(value);
            true
        }
        Entry::Vacant(place) => {
            place.insert(value);
            true
        }
    }
}

/// Since when a state holds, after it was found to be `state` at `now`.
fn since(held: &mut Option<(GuardState, Ms)>, state: GuardState, now: Ms) -> Ms {
    match held {
        Some((known, since)) if *known == state => *since,
        _ => held.insert((state, now)).1,
    }
}

#[cfg(test)]
mod tests;
