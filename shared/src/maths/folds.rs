//! All timeframes of one market at once, kept up to date minute by minute.

use std::collections::BTreeMap;

use super::fold::{Sum, fold};
use crate::event::Bar;
use crate::market::{Calendar, Ms, Timeframe};

/// Folds a stream of 1m bars into all nine timeframes; each bar that changed is handed out.
///
/// Give it every 1m bar as it comes ([`Self::push`]): forming, closed, repeated, late or corrected. An update
/// of the newest minute costs the same whatever the timeframe; one of an older minute folds its buckets anew
/// from the kept minutes. The results equal [`fold`] over the same minutes, bit for bit.
///
/// With history elsewhere, tell what is held ([`Self::seed_minutes`]) and give the forming bars of buckets that
/// began earlier ([`Self::seed_base`]). Without a base such a bucket has no bar: part of it would be wrong.
#[derive(Clone, Debug)]
pub struct Folds {
    calendar: Calendar,
    capacity: usize,
    minutes: BTreeMap<Ms, Bar>,
    /// No minute at or after this time exists elsewhere and not here; `None`: no minute at all.
    complete_from: Option<Ms>,
    frames: [Frame; 9],
    stale: Vec<(Timeframe, Ms)>,
}

/// One timeframe.
#[derive(Clone, Debug, Default)]
struct Frame {
    /// The forming bar the bucket was begun with, from elsewhere.
    base: Option<Bar>,
    /// Base and minutes of the newest bucket but for its last minute.
    head: Option<Sum>,
    /// Base and all minutes of the newest bucket.
    whole: Option<Sum>,
    /// The bar last handed out of the newest bucket.
    shown: Option<Bar>,
}

/// Buckets remembered as stale.
const MOST_STALE: usize = 64;

impl Folds {
    /// No minutes yet; keeps at most `capacity` of them, the newest.
    pub fn new(calendar: Calendar, capacity: usize) -> Folds {
        Folds {
            calendar,
            capacity: capacity.max(1),
            minutes: BTreeMap::new(),
            complete_from: None,
            frames: std::array::from_fn(|_| Frame::default()),
            stale: Vec::new(),
        }
    }

    /// Takes history: `minutes` are all there are from `from` on, up to what was pushed since. Earlier minutes
    /// are then taken to exist elsewhere. Read the results by [`Self::bars`] and [`Self::forming`].
    pub fn seed_minutes(&mut self, minutes: &[Bar], from: Ms) {
        let from = Ms(from.0.clamp(0, Ms::LATEST.0));
        for minute in minutes.iter().filter(|m| m.is_minute()) {
            self.keep(minute);
        }
        self.complete_from = Some(self.complete_from.map_or(from, |known| known.min(from)));
        self.bound();
        for timeframe in Timeframe::ALL {
            self.rebuild(timeframe);
        }
    }

    /// Takes a forming bar that someone else folded of the closed minutes up to `through`, and adds the kept
    /// minutes after it. Answers the bar that results; `None` where the base is of no use: older than the newest
    /// bucket, closed, without `through`, or of a bucket whose minutes are all kept here anyway.
    pub fn seed_base(&mut self, base: &Bar) -> Option<Bar> {
        let timeframe = base.interval;
        let sum = Sum::resume(base, &self.calendar)?;
        let newest = self.minutes.last_key_value().map(|(at, _)| self.calendar.open(timeframe, *at));
        let useless = self.complete(base.timestamp) || newest.is_some_and(|n| n > sum.open_time);
        if timeframe == Timeframe::M1 || useless {
            return None;
        }
        self.frames[timeframe.index()].base = Some(*base);
        self.stale.retain(|s| *s != (timeframe, base.timestamp));
        self.rebuild(timeframe);
        self.forming(timeframe)
    }

    /// Takes a 1m bar and hands out every bar that changed by it: the minute itself, then the bars of the other
    /// timeframes, shortest first, each older bucket before the newer one. Nothing for a repeat, for what a
    /// better version is known of, for other intervals and for implausible bars.
    pub fn push(&mut self, minute: &Bar, mut changed: impl FnMut(&Bar)) {
        let known = self.minutes.contains_key(&minute.timestamp);
        if !minute.is_minute() || !self.keep(minute) {
            return;
        }
        self.bound();
        changed(minute);
        for timeframe in Timeframe::ALL.into_iter().skip(1) {
            self.update(timeframe, minute, known, &mut changed);
        }
    }

    /// The newest bar of a timeframe, forming or closed.
    pub fn forming(&self, timeframe: Timeframe) -> Option<Bar> {
        if timeframe == Timeframe::M1 {
            return self.minutes.last_key_value().map(|(_, bar)| *bar);
        }
        self.frames[timeframe.index()].shown
    }

    /// The bars of a timeframe that can be told from what is held, ascending: whole buckets, and the forming one.
    pub fn bars(&self, timeframe: Timeframe) -> Vec<Bar> {
        if timeframe == Timeframe::M1 {
            return self.minutes().copied().collect();
        }
        let from = self.first_whole(timeframe).unwrap_or(Ms::ZERO);
        let whole: Vec<Bar> = self.minutes.range(from..).map(|(_, bar)| *bar).collect();
        let mut bars = fold(&whole, timeframe, &self.calendar);
        // The newest bucket may stand on a base, or on minutes no longer kept.
        let forming = self.forming(timeframe);
        bars.extend(forming.filter(|f| bars.last().is_none_or(|bar| bar.timestamp < f.timestamp)));
        bars
    }

    /// The kept minutes, ascending.
    pub fn minutes(&self) -> impl Iterator<Item = &Bar> {
        self.minutes.values()
    }

    /// Buckets that a correction made wrong and that cannot be folded anew from what is kept: ask for them
    /// where the history is. Each is told once.
    pub fn take_stale(&mut self) -> Vec<(Timeframe, Ms)> {
        std::mem::take(&mut self.stale)
    }

    /// Whether the minute was new or better.
    fn keep(&mut self, minute: &Bar) -> bool {
        let full = self.minutes.len() >= self.capacity;
        if full && self.minutes.first_key_value().is_some_and(|(first, _)| minute.timestamp < *first) {
            return false;
        }
        match self.minutes.get_mut(&minute.timestamp) {
            Some(known) if !minute.supersedes(known) || known == minute => return false,
            Some(known) => *known = *minute,
            None => drop(self.minutes.insert(minute.timestamp, *minute)),
        }
        true
    }

    fn bound(&mut self) {
        while self.minutes.len() > self.capacity {
            self.minutes.pop_first();
        }
        if self.minutes.len() == self.capacity {
            // Older ones are not taken any more.
            let first = self.minutes.first_key_value().map(|(at, _)| *at);
            self.complete_from = self.complete_from.max(first);
        }
    }

    /// Open of the first bucket all of whose minutes are held; `None`: of all.
    fn first_whole(&self, timeframe: Timeframe) -> Option<Ms> {
        let from = self.complete_from?;
        let open = self.calendar.open(timeframe, from);
        Some(if open == from { open } else { self.calendar.next(timeframe, open) })
    }

    /// The bucket opening at `open` from base and kept minutes: all but the last minute, and all. `None` where
    /// they do not tell the whole bucket.
    fn sum(&self, timeframe: Timeframe, open: Ms) -> Option<(Option<Sum>, Sum)> {
        let mut sum = None;
        let mut after = open;
        if !self.complete(open) {
            let base = self.frames[timeframe.index()].base.filter(|b| b.timestamp == open)?;
            let resumed = Sum::resume(&base, &self.calendar)?;
            after = resumed.last + Ms::MINUTE;
            sum = Some(resumed);
        }
        let mut head = None;
        for (_, minute) in self.minutes.range(after..self.calendar.next(timeframe, open)) {
            head = sum;
            match &mut sum {
                Some(sum) => sum.add(minute, &self.calendar),
                None => sum = Some(Sum::start(minute, timeframe, &self.calendar)),
            }
        }
        Some((head, sum?))
    }

    fn complete(&self, open: Ms) -> bool {
        self.complete_from.is_none_or(|from| open >= from)
    }

    fn newest_bucket(&self, timeframe: Timeframe) -> Option<Ms> {
        let minute = self.minutes.last_key_value().map(|(at, _)| self.calendar.open(timeframe, *at));
        let frame = &self.frames[timeframe.index()];
        minute.max(frame.whole.map(|w| w.open_time)).max(frame.base.map(|b| b.timestamp))
    }

    /// Folds the newest bucket anew, saying nothing.
    fn rebuild(&mut self, timeframe: Timeframe) {
        let Some(open) = self.newest_bucket(timeframe).filter(|_| timeframe != Timeframe::M1) else { return };
        // Where minutes were dropped for room, what was added up of them stays.
        if let Some((head, whole)) = self.sum(timeframe, open) {
            self.frames[timeframe.index()].set(head, whole);
        }
    }

    fn update(&mut self, timeframe: Timeframe, minute: &Bar, known: bool, changed: &mut impl FnMut(&Bar)) {
        let at = minute.timestamp;
        let open = self.calendar.open(timeframe, at);
        let frame = &mut self.frames[timeframe.index()];
        if let Some(whole) = frame.whole {
            if whole.open_time == open && at > whole.last {
                return frame.add(whole, minute, &self.calendar, changed);
            }
            if let Some(head) = frame.head.filter(|_| whole.open_time == open && at == whole.last) {
                return frame.add(head, minute, &self.calendar, changed);
            }
            if whole.open_time < open {
                frame.finish(changed);
            }
        }
        // A first minute, or one that is not the newest of its bucket.
        let base = self.frames[timeframe.index()].base.filter(|b| b.timestamp == open);
        let in_base = !self.complete(open) && base.and_then(|b| b.through).is_some_and(|t| at <= t);
        let newest = self.newest_bucket(timeframe);
        match self.sum(timeframe, open).filter(|_| !in_base) {
            Some((head, whole)) if newest == Some(open) => {
                let frame = &mut self.frames[timeframe.index()];
                let shown = frame.shown;
                frame.set(head, whole);
                frame.tell(shown, changed);
            }
            Some((_, whole)) => changed(&whole.bar(true)),
            // A first version of a minute is in the history; a better one is not yet.
            None if known || minute.revision > 0 => self.mark_stale((timeframe, open)),
            None => {}
        }
    }

    fn mark_stale(&mut self, bucket: (Timeframe, Ms)) {
        if self.stale.len() < MOST_STALE && !self.stale.contains(&bucket) {
            self.stale.push(bucket);
        }
    }
}

impl Frame {
    fn set(&mut self, head: Option<Sum>, whole: Sum) {
        (self.head, self.whole, self.shown) = (head, Some(whole), Some(whole.bar(false)));
    }

    /// Makes `minute` the last after `head`.
    fn add(&mut self, head: Sum, minute: &Bar, calendar: &Calendar, changed: &mut impl FnMut(&Bar)) {
        let shown = self.shown;
        let mut whole = head;
        whole.add(minute, calendar);
        self.set(Some(head), whole);
        self.tell(shown, changed);
    }

    fn tell(&self, before: Option<Bar>, changed: &mut impl FnMut(&Bar)) {
        if let Some(bar) = self.shown.filter(|bar| before != Some(*bar)) {
            changed(&bar);
        }
    }

    /// A later bucket began: this one is closed.
    fn finish(&mut self, changed: &mut impl FnMut(&Bar)) {
        let done = std::mem::take(self);
        if let Some(bar) = done.whole.map(|whole| whole.bar(true)).filter(|bar| done.shown != Some(*bar)) {
            changed(&bar);
        }
    }
}

#[cfg(test)]
mod tests;
