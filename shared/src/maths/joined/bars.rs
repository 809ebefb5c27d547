//! One bar over all members of a group.
//!
//! | field | of the members' bars of a bucket |
//! | --- | --- |
//! | open, high, low, close, origin | of the reference member, else of the first member with a bar |
//! | volume, buy and sell volume, trades | sums over the members with a bar; `None` once one of them is unknown |
//! | vwap | Σ (vwap * volume) / Σ volume; `None` without volume, or where a member with volume has none |
//! | cvd | sum of all members' sums; `None` once one is unknown; `cvd_from` the latest |
//! | closed | every member's bar is there and closed, or [`GRACE`] after the bucket's end |
//! | revision | closed bars taken in so far with their corrections, less one |
//! | through | while forming, the latest of the members' |
//!
//! While a bucket forms, a member without a bar yet stands with its sum of the bucket before; once it is closed
//! such a member is a hole, and the sum of taker sides is unknown. Bars of the longer intervals join the members'
//! own longer bars.

use std::collections::BTreeMap;

use super::{Members, both};
use crate::event::{Bar, Difference, JoinedBar, Mark, VenueVolume};
use crate::market::{Calendar, Ms, Timeframe, VenueId};

/// So long after its end a bucket is closed with the members that came.
pub const GRACE: Ms = Ms(5_000);

/// The members' bars of one bucket, by member number.
type Bucket = Vec<Option<Bar>>;

/// Joins bars of one interval as they come.
///
/// The members are those given at the start, which must all offer bars ([`Members::with`]). A bar of a member
/// that comes late or corrected makes a better joined bar with a higher revision.
#[derive(Clone, Debug)]
pub struct Joiner {
    members: Members,
    interval: Timeframe,
    calendar: Calendar,
    capacity: usize,
    buckets: BTreeMap<Ms, Bucket>,
    /// Buckets that ended before this have had their time.
    now: Ms,
}

impl Joiner {
    /// Nothing yet; keeps the newest `capacity` buckets. Buckets go by the round-the-clock calendar.
    pub fn new(members: &Members, interval: Timeframe, capacity: usize) -> Joiner {
        Joiner::with_calendar(members, interval, capacity, Calendar::default())
    }

    pub fn with_calendar(
        members: &Members,
        interval: Timeframe,
        capacity: usize,
        calendar: Calendar,
    ) -> Joiner {
        Joiner {
            members: members.clone(),
            interval,
            calendar,
            // A bucket leans on the one before.
            capacity: capacity.max(2),
            buckets: BTreeMap::new(),
            now: Ms::ZERO,
        }
    }

    /// Takes a member's bar and answers with the joined bar where that changed. Nothing for another interval,
    /// an implausible bar, a repeat, what a better version is known of, and buckets no longer kept.
    pub fn push(&mut self, member: usize, bar: &Bar) -> Option<JoinedBar> {
        if !self.keep(member, bar) {
            return None;
        }
        while self.buckets.len() > self.capacity {
            self.buckets.pop_first();
        }
        self.at(bar.timestamp)
    }

    /// The time is `now`, venue time; answers with the bars that it closes, ascending.
    pub fn clock(&mut self, now: Ms) -> Vec<JoinedBar> {
        let before = self.now;
        self.now = before.max(now);
        let ended = |joiner: &Joiner, open: Ms, at: Ms| joiner.end(open) + GRACE <= at;
        let newly = self.buckets.iter().rev().take_while(|(open, _)| !ended(self, **open, before));
        let newly = newly.filter(|(open, bucket)| ended(self, **open, self.now) && !all_closed(bucket));
        let mut opens: Vec<Ms> = newly.map(|(open, _)| *open).collect();
        opens.reverse();
        opens.into_iter().filter_map(|open| self.at(open)).collect()
    }

    /// The joined bar of the bucket that opens at `open`.
    pub fn at(&self, open: Ms) -> Option<JoinedBar> {
        let (_, before) = self.buckets.range(..open).next_back().unzip();
        let bucket = self.buckets.get(&open)?;
        let ended = self.end(open) + GRACE <= self.now;
        let before = before.map(Vec::as_slice).unwrap_or_default();
        join_bucket(&self.members, self.interval, &self.calendar, (bucket, before), ended)
    }

    /// The joined bars of all kept buckets, ascending.
    pub fn bars(&self) -> Vec<JoinedBar> {
        self.buckets.keys().filter_map(|open| self.at(*open)).collect()
    }

    /// The joined bars of the newest `n` buckets, ascending.
    pub fn newest(&self, n: usize) -> Vec<JoinedBar> {
        let mut bars: Vec<JoinedBar> =
            self.buckets.keys().rev().take(n).filter_map(|open| self.at(*open)).collect();
        bars.reverse();
        bars
    }

    pub fn members(&self) -> &Members {
        &self.members
    }

    fn end(&self, open: Ms) -> Ms {
        self.calendar.next(self.interval, open)
    }

    fn keep(&mut self, member: usize, bar: &Bar) -> bool {
        let open = bar.timestamp;
        let fits = bar.interval == self.interval && bar.is_plausible();
        let full = self.buckets.len() >= self.capacity;
        let old = full && self.buckets.first_key_value().is_some_and(|(first, _)| open < *first);
        if member >= self.members.len() || !fits || old {
            return false;
        }
        let bucket = self.buckets.entry(open).or_insert_with(|| vec![None; self.members.len()]);
        let Some(slot) = bucket.get_mut(member) else { return false };
        let better = slot.as_ref().is_none_or(|known| bar.supersedes(known) && bar != known);
        if better {
            *slot = Some(*bar);
        }
        better
    }
}

/// Joins whole series, one per member in member order, each in any order; ascending, one bar per bucket with
/// any bar. `now` is venue time. Equals a [`Joiner`] that was given the same.
pub fn join(
    members: &Members,
    interval: Timeframe,
    calendar: Calendar,
    series: &[Vec<Bar>],
    now: Ms,
) -> Vec<JoinedBar> {
    let mut joiner = Joiner::with_calendar(members, interval, usize::MAX, calendar);
    for (member, bars) in series.iter().enumerate() {
        for bar in bars {
            joiner.keep(member, bar);
        }
    }
    joiner.now = now;
    joiner.bars()
}

fn all_closed(bucket: &[Option<Bar>]) -> bool {
    bucket.iter().all(|bar| bar.is_some_and(|bar| bar.closed))
}

fn join_bucket(
    members: &Members,
    interval: Timeframe,
    calendar: &Calendar,
    (bucket, before): (&[Option<Bar>], &[Option<Bar>]),
    ended: bool,
) -> Option<JoinedBar> {
    let closed = ended || all_closed(bucket);
    let reference = bucket.iter().flatten().next()?;
    let open = reference.timestamp;
    let mut bar = Bar { interval, closed, through: None, ..*reference };
    (bar.volume, bar.buy_volume, bar.sell_volume, bar.trades) = (0.0, Some(0.0), Some(0.0), Some(0));
    let (mut cvd, mut cvd_from, mut value) = (Some(0.0), None, Some(0.0));
    let mut versions: u32 = 0;
    let mut by_venue: BTreeMap<VenueId, VenueVolume> = BTreeMap::new();
    let mut marks = Vec::new();
    for (n, member) in members.list().iter().enumerate() {
        let own = bucket.get(n).copied().flatten();
        let sum = match own {
            Some(own) => own.cvd.map(|cvd| (cvd, own.cvd_from)),
            None if closed => None,
            None => carried(before.get(n).copied().flatten(), open, calendar),
        };
        cvd = both(cvd, sum.map(|(cvd, _)| cvd));
        cvd_from = cvd_from.max(sum.and_then(|(_, from)| from));
        let mut why = Vec::new();
        if let Some(own) = own {
            bar.volume += own.volume;
            bar.buy_volume = both(bar.buy_volume, own.buy_volume);
            bar.sell_volume = both(bar.sell_volume, own.sell_volume);
            bar.trades = bar.trades.zip(own.trades).map(|(a, b)| a.saturating_add(b));
            value = both(value, if own.volume > 0.0 { own.vwap.map(|p| p * own.volume) } else { Some(0.0) });
            bar.through = bar.through.max(own.through);
            versions = versions.saturating_add(if own.closed { own.revision.saturating_add(1) } else { 0 });
            add(by_venue.entry(member.name.venue.clone()), &own);
            if own.delta().is_none() {
                why.push(Difference::NoSides);
            }
        } else if closed {
            why.push(Difference::NoBar);
        }
        if member.quote != members.quote() {
            why.push(Difference::OtherQuote);
        }
        if !why.is_empty() {
            marks.push(Mark { member: member.name.clone(), why });
        }
    }
    (bar.cvd, bar.cvd_from) = (cvd, cvd.and(cvd_from));
    bar.vwap = value.filter(|_| bar.volume > 0.0).map(|value| value / bar.volume);
    bar.revision = if closed { versions.saturating_sub(1) } else { 0 };
    bar.through = bar.through.filter(|_| !closed);
    Some(JoinedBar { bar, by_venue, marks })
}

/// What a member's sum of taker sides is while its bar of this bucket has not begun.
fn carried(before: Option<Bar>, open: Ms, calendar: &Calendar) -> Option<(f64, Option<Ms>)> {
    if open.floor(Ms::DAY) == open {
        return Some((0.0, Some(open)));
    }
    let before = before.filter(|b| calendar.next(b.interval, b.timestamp) == open)?;
    before.cvd.map(|cvd| (cvd, before.cvd_from))
}

fn add(entry: std::collections::btree_map::Entry<'_, VenueId, VenueVolume>, bar: &Bar) {
    let none = VenueVolume { volume: 0.0, buy_volume: Some(0.0), sell_volume: Some(0.0) };
    let sum = entry.or_insert(none);
    sum.volume += bar.volume;
    sum.buy_volume = both(sum.buy_volume, bar.buy_volume);
    sum.sell_volume = both(sum.sell_volume, bar.sell_volume);
}

#[cfg(test)]
mod tests;
