//! REST budgets: one per limit of a venue, shared by all callers; bans obeyed to the millisecond. Virtual time.

use std::collections::{HashMap, VecDeque};

use shared::market::{Calendar, Ms, Timeframe};

use super::BudgetStatus;
use super::quota::Used;
use crate::venues::{Counted, LimitSpec, Window};

/// Part of a venue's allowance we use: others may share our address, and clocks differ.
const SHARE: f64 = 0.8;
/// Quotas by the month go by UTC.
const MONTHS: Calendar = Calendar::Continuous;

/// The budgets of one venue.
pub struct Budget {
    buckets: Vec<Bucket>,
    /// No request to a host before then.
    blocked: HashMap<String, Ms>,
}

struct Bucket {
    spec: LimitSpec,
    /// Weights spent, by time, within the window. A month's are one sum, at its beginning.
    spent: VecDeque<(Ms, u32)>,
    sum: u32,
}

/// When a reservation may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The window is full until then.
    Full(Ms),
    /// The venue told us to be silent until then.
    Blocked(Ms),
}

impl Denied {
    pub fn until(self) -> Ms {
        match self {
            Denied::Full(at) | Denied::Blocked(at) => at,
        }
    }
}

impl Budget {
    pub fn new(specs: Vec<LimitSpec>) -> Budget {
        let bucket = |spec| Bucket { spec, spent: VecDeque::new(), sum: 0 };
        Budget { buckets: specs.into_iter().map(bucket).collect(), blocked: HashMap::new() }
    }

    /// Takes `weight` from a limit. An unknown limit is free; a weight above the whole allowance counts as all of it.
    ///
    /// # Errors
    /// [`Denied`] when it must wait; nothing is taken then.
    pub fn reserve(&mut self, limit: &str, weight: u32, now: Ms) -> Result<(), Denied> {
        let Some(bucket) = self.buckets.iter_mut().find(|b| b.spec.name == limit) else { return Ok(()) };
        if let Some(until) = self.blocked.get(&bucket.spec.host).filter(|until| now < **until) {
            return Err(Denied::Blocked(*until));
        }
        bucket.forget(now);
        let allowance = bucket.allowance();
        let weight = weight.min(allowance);
        if bucket.sum + weight > allowance {
            // The earliest moment at which enough has left the window.
            let mut excess = bucket.sum + weight - allowance;
            let mut until = now;
            for (at, spent) in &bucket.spent {
                until = bucket.spec.window.end(*at);
                excess = excess.saturating_sub(*spent);
                if excess == 0 {
                    break;
                }
            }
            return Err(Denied::Full(until));
        }
        bucket.spend(weight, now);
        Ok(())
    }

    /// Takes `weight` from each of the limits, or from none.
    ///
    /// # Errors
    /// The [`Denied`] that lasts longest.
    pub fn reserve_all<'a>(
        &mut self,
        limits: impl Iterator<Item = &'a str>,
        weight: u32,
        now: Ms,
    ) -> Result<(), Denied> {
        let mut taken = Vec::new();
        let mut denied: Option<Denied> = None;
        for limit in limits {
            match self.reserve(limit, weight, now) {
                Ok(()) => taken.push(limit),
                Err(found) if denied.is_none_or(|d| d.until() < found.until()) => denied = Some(found),
                Err(_) => {}
            }
        }
        let Some(denied) = denied else { return Ok(()) };
        for limit in taken {
            self.give_back(limit, weight);
        }
        Err(denied)
    }

    /// Undoes the latest reservation of a limit.
    fn give_back(&mut self, limit: &str, weight: u32) {
        if let Some(bucket) = self.buckets.iter_mut().find(|b| b.spec.name == limit)
            && let Some((_, spent)) = bucket.spent.back_mut()
        {
            let weight = weight.min(*spent);
            *spent -= weight;
            bucket.sum -= weight;
        }
    }

    /// A response header says how much of a limit is used or left; ours is raised to it, never lowered.
    pub fn observe(&mut self, limit: &str, told: u32, now: Ms) {
        if let Some(bucket) = self.buckets.iter_mut().find(|b| b.spec.name == limit) {
            bucket.forget(now);
            let used = match bucket.spec.counted {
                Some(Counted::Remaining(_)) => bucket.spec.capacity.saturating_sub(told),
                Some(Counted::Used(_)) | None => told,
            };
            let unseen = used.saturating_sub(bucket.sum);
            bucket.spend(unseen, now);
        }
    }

    /// Blocks the host of a limit; a longer block already there stays. A block to the month's end says that the
    /// month's quota is used up.
    pub fn block(&mut self, limit: &str, until: Ms, now: Ms) {
        let Some(host) = self.buckets.iter().find(|b| b.spec.name == limit).map(|b| b.spec.host.clone())
        else {
            return;
        };
        for bucket in self.buckets.iter_mut().filter(|b| b.spec.host == host) {
            if bucket.spec.window == Window::Month && until >= Window::Month.end(now) {
                bucket.forget(now);
                bucket.spend(bucket.spec.capacity.saturating_sub(bucket.sum), now);
            }
        }
        let held = self.blocked.entry(host).or_insert(until);
        *held = (*held).max(until);
    }

    /// What is used of the monthly quotas, to be kept over a restart.
    pub fn months(&mut self, now: Ms) -> Vec<Used> {
        let monthly = self.buckets.iter_mut().filter(|b| b.spec.window == Window::Month);
        let used = |bucket: &mut Bucket| {
            bucket.forget(now);
            let (name, used) = (bucket.spec.name.to_owned(), bucket.sum);
            Used { name, month: MONTHS.open(Timeframe::Mo1, now), used }
        };
        monthly.map(used).collect()
    }

    /// Takes up what was used before a restart; another month's use counts no more.
    pub fn resume(&mut self, kept: &[Used], now: Ms) {
        let month = MONTHS.open(Timeframe::Mo1, now);
        for used in kept.iter().filter(|used| used.month == month) {
            let mut monthly = self.buckets.iter_mut().filter(|b| b.spec.window == Window::Month);
            if let Some(bucket) = monthly.find(|b| b.spec.name == used.name) {
                bucket.forget(now);
                bucket.spend(used.used.saturating_sub(bucket.sum), now);
            }
        }
    }

    /// The response header that reports a limit's use.
    pub fn header(&self, limit: &str) -> Option<&'static str> {
        self.buckets.iter().find(|b| b.spec.name == limit)?.spec.counted.map(Counted::header)
    }

    pub fn report(&mut self, now: Ms) -> Vec<BudgetStatus> {
        let blocked = &self.blocked;
        let row = |bucket: &mut Bucket| {
            bucket.forget(now);
            BudgetStatus {
                name: bucket.spec.name.to_owned(),
                used: bucket.sum,
                capacity: bucket.spec.capacity,
                window_ms: bucket.spec.window.length(now).0,
                blocked_until: blocked.get(&bucket.spec.host).copied().filter(|until| now < *until),
            }
        };
        self.buckets.iter_mut().map(row).collect()
    }
}

impl Bucket {
    fn allowance(&self) -> u32 {
        ((f64::from(self.spec.capacity) * SHARE) as u32).max(1)
    }

    fn forget(&mut self, now: Ms) {
        while let Some((at, weight)) = self.spent.front().copied() {
            if now < self.spec.window.end(at) {
                break;
            }
            self.sum -= weight;
            self.spent.pop_front();
        }
    }

    fn spend(&mut self, weight: u32, now: Ms) {
        if weight == 0 {
            return;
        }
        self.sum += weight;
        match (self.spec.window, self.spent.back_mut()) {
            (Window::Month, Some((_, spent))) => *spent += weight,
            _ => self.spent.push_back((now, weight)),
        }
    }
}

impl Window {
    /// When what was spent at `at` leaves the window.
    fn end(self, at: Ms) -> Ms {
        match self {
            Window::Sliding(length) => at + length,
            Window::Month => MONTHS.next(Timeframe::Mo1, MONTHS.open(Timeframe::Mo1, at)),
        }
    }

    fn length(self, now: Ms) -> Ms {
        match self {
            Window::Sliding(length) => length,
            Window::Month => self.end(now) - MONTHS.open(Timeframe::Mo1, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        let spec = |name, host: &str, capacity| LimitSpec {
            name,
            host: host.to_owned(),
            capacity,
            window: Window::Sliding(Ms::MINUTE),
            counted: None,
        };
        Budget::new(vec![spec("a", "one", 100), spec("b", "one", 10), spec("c", "two", 10)])
    }

    #[test]
    fn weights_leave_with_the_window() {
        let mut b = budget();
        assert_eq!(b.reserve("a", 50, Ms(0)), Ok(()));
        assert_eq!(b.reserve("a", 20, Ms(1_000)), Ok(()));
        assert_eq!(b.reserve("a", 20, Ms(2_000)), Err(Denied::Full(Ms(60_000))));
        assert_eq!(b.reserve("a", 10, Ms(2_000)), Ok(()));
        assert_eq!(b.reserve("a", 80, Ms(3_000)), Err(Denied::Full(Ms(62_000))));
        assert_eq!(b.reserve("a", 50, Ms(60_000)), Ok(()));
        assert_eq!(b.reserve("c", 99, Ms(0)), Ok(()), "a call heavier than the allowance takes all of it");
    }

    #[test]
    fn a_months_quota_returns_with_the_next_month() {
        let window = Window::Month;
        let counted = Some(Counted::Remaining("left"));
        let spec = LimitSpec { name: "m", host: "one".to_owned(), capacity: 10, window, counted };
        let mut b = Budget::new(vec![spec]);
        // 30 January 2026, 00:00 UTC.
        let (now, february) = (Ms(1_769_731_200_000), Ms(1_769_904_000_000));
        assert_eq!(b.reserve("m", 3, now), Ok(()));
        b.observe("m", 4, now + Ms(1));
        assert_eq!(b.report(now + Ms(1)).first().map(|r| (r.used, r.window_ms)), Some((6, 31 * 86_400_000)));
        assert_eq!(b.reserve("m", 2, now + Ms(2)), Ok(()));
        assert_eq!(b.reserve("m", 1, february - Ms(1)), Err(Denied::Full(february)));
        assert_eq!(b.reserve("m", 1, february), Ok(()));
    }

    #[test]
    fn a_restart_does_not_begin_the_month_anew() {
        let spec =
            |name, window| LimitSpec { name, host: "one".to_owned(), capacity: 10, window, counted: None };
        let fresh = || Budget::new(vec![spec("m", Window::Month), spec("s", Window::Sliding(Ms::MINUTE))]);
        let (now, february) = (Ms(1_769_731_200_000), Ms(1_769_904_000_000));
        let mut before = fresh();
        assert_eq!(before.reserve_all(["s", "m"].into_iter(), 3, now), Ok(()));
        let kept = before.months(now);
        assert_eq!(kept, [Used { name: "m".into(), month: Ms(1_767_225_600_000), used: 3 }]);

        let mut after = fresh();
        after.resume(&kept, now);
        assert_eq!(after.reserve("m", 6, now), Err(Denied::Full(february)));
        assert_eq!(after.reserve("m", 5, now), Ok(()));
        assert_eq!(after.months(now).first().map(|m| m.used), Some(8));
        let mut later = fresh();
        later.resume(&kept, february);
        assert_eq!(later.months(february).first().map(|m| m.used), Some(0));

        // The venue says that nothing is left: a restart knows it too.
        let mut spent = fresh();
        spent.block("s", february, now);
        let mut after = fresh();
        after.resume(&spent.months(now), now);
        assert_eq!(after.reserve("m", 1, now), Err(Denied::Full(february)));
        assert_eq!(after.reserve("s", 1, now), Ok(()));
    }

    #[test]
    fn what_the_venue_counted_counts() {
        let mut b = budget();
        assert_eq!(b.reserve("a", 10, Ms(0)), Ok(()));
        b.observe("a", 75, Ms(100));
        assert_eq!(b.reserve("a", 10, Ms(200)), Err(Denied::Full(Ms(60_000))));
        b.observe("a", 5, Ms(300));
        assert_eq!(b.report(Ms(300)).first().map(|r| r.used), Some(75));
    }

    #[test]
    fn a_ban_silences_the_whole_host_and_only_it() {
        let mut b = budget();
        b.block("a", Ms(5_000), Ms(0));
        b.block("a", Ms(4_000), Ms(0));
        assert_eq!(b.reserve("b", 1, Ms(4_999)), Err(Denied::Blocked(Ms(5_000))));
        assert_eq!(b.reserve("c", 1, Ms(4_999)), Ok(()));
        assert_eq!(b.reserve("b", 1, Ms(5_000)), Ok(()));
        assert_eq!(b.report(Ms(4_999)).first().and_then(|r| r.blocked_until), Some(Ms(5_000)));
    }
}
