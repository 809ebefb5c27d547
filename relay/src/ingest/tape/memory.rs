//! What a tape remembers to judge what comes: ids of trades, and how far the venue's clock is off.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use shared::market::Ms;

/// A venue clock further off than this is a damaged time stamp.
const MAX_CLOCK_OFFSET: Ms = Ms::HOUR;
/// Trades remembered per symbol where the venue does not number them: what an overlap or a replay on subscribing
/// may repeat.
const RECENT_TRADES: usize = 4_096;
/// The newest ids, to know repeats by.
#[derive(Default)]
pub(super) struct RecentIds {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl RecentIds {
    /// Answers whether the id is new.
    pub(super) fn insert(&mut self, id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let id = hasher.finish();
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > RECENT_TRADES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// Venue time less ours, at the smallest lag of the last minute or two: clocks are set, so it is not for ever.
#[derive(Default)]
pub(super) struct ClockOffset {
    since: Ms,
    now: Option<Ms>,
    before: Option<Ms>,
}

impl ClockOffset {
    pub(super) fn learn(&mut self, venue: Ms, now: Ms) {
        let offset = venue - now;
        if offset.0.abs() > MAX_CLOCK_OFFSET.0 {
            return;
        }
        if (now - self.since).0.abs() > Ms::MINUTE.0 {
            (self.before, self.now, self.since) = (self.now, None, now);
        }
        self.now = self.now.max(Some(offset));
    }

    pub(super) fn get(&self) -> Ms {
        self.now.max(self.before).unwrap_or(Ms::ZERO)
    }
}
