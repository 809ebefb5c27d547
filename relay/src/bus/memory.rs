//! The in-process bus: a ring of recent events and one channel per consumer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use shared::event::{Cursor, Event, Stamped, Topic};
use shared::market::Ms;
use tokio::sync::mpsc;

use super::{Bus, ResumeExpired};

/// Events kept for resuming clients: some minutes of a busy deck, about 16 MB.
const RING_EVENTS: usize = 50_000;

/// Of older events every so many-th is remembered by its time alone, and so many of them: days of a busy deck.
const MARK_EVERY: u64 = 4_096;
const MARKS: usize = 16_384;
/// No run of this program began before: 2020-01-01.
const FIRST_RUN: u64 = 1_577_836_800_000;

/// In-process [`Bus`].
pub struct MemoryBus {
    state: Mutex<State>,
}

struct State {
    epoch: u64,
    next: u64,
    seqs: HashMap<Topic, u64>,
    ring: VecDeque<Arc<Stamped>>,
    /// Places and when they were received, oldest first.
    marks: VecDeque<(u64, Ms)>,
    consumers: Vec<mpsc::UnboundedSender<Arc<Stamped>>>,
}

impl MemoryBus {
    /// An empty bus; `epoch`, the Unix ms at which it began, tells this run's cursors from another's.
    pub fn new(epoch: u64) -> MemoryBus {
        let (seqs, ring, marks) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        let state = State { epoch, next: 1, seqs, ring, marks, consumers: Vec::new() };
        MemoryBus { state: Mutex::new(state) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No code below can panic while holding the lock half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus for MemoryBus {
    fn publish(&self, event: Event) -> Arc<Stamped> {
        let mut state = self.lock();
        let cursor = Cursor { epoch: state.epoch, n: state.next };
        state.next += 1;
        if cursor.n % MARK_EVERY == 1 {
            if state.marks.len() == MARKS {
                state.marks.pop_front();
            }
            state.marks.push_back((cursor.n, event.received));
        }
        let seq = state.seqs.entry(event.topic()).or_insert(0);
        *seq += 1;
        let stamped = Arc::new(Stamped { event, seq: *seq, cursor });
        if state.ring.len() == RING_EVENTS {
            state.ring.pop_front();
        }
        state.ring.push_back(stamped.clone());
        state.consumers.retain(|c| c.send(stamped.clone()).is_ok());
        stamped
    }

    fn consume(&self) -> mpsc::UnboundedReceiver<Arc<Stamped>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().consumers.push(sender);
        receiver
    }

    fn since(&self, cursor: Cursor) -> Result<Vec<Arc<Stamped>>, ResumeExpired> {
        let state = self.lock();
        let oldest = state.ring.front().map_or(state.next, |s| s.cursor.n);
        // `oldest - 1` is the last place whose successors are all still here.
        if cursor.epoch != state.epoch || cursor.n + 1 < oldest || cursor.n >= state.next {
            return Err(ResumeExpired(cursor));
        }
        let start = (cursor.n + 1 - oldest) as usize;
        Ok(state.ring.iter().skip(start).cloned().collect())
    }

    fn missing_since(&self, cursor: Cursor) -> Option<Ms> {
        let state = self.lock();
        let held = state.ring.front().map(|oldest| oldest.event.received);
        if cursor.epoch == state.epoch && cursor.n < state.next {
            // At most so many events early, never late.
            let mark = state.marks.partition_point(|(n, _)| *n <= cursor.n).saturating_sub(1);
            return state.marks.get(mark).map(|(_, at)| *at).or(held);
        }
        // Of an earlier run only its beginning is known; any other cursor is none of ours.
        let earlier = (FIRST_RUN..state.epoch).contains(&cursor.epoch);
        earlier.then(|| i64::try_from(cursor.epoch).ok().map(Ms)).flatten().or(held)
    }

    fn head(&self) -> Cursor {
        let state = self.lock();
        Cursor { epoch: state.epoch, n: state.next - 1 }
    }

    fn close(&self) {
        self.lock().consumers.clear();
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::{Body, OpenInterest};
    use shared::market::{Ms, VenueId};

    fn event(symbol: &str, at: i64) -> Event {
        let oi = OpenInterest { timestamp: Ms(at), open_interest: 1.0, open_interest_value: None };
        let symbol = symbol.parse().expect("a symbol");
        Event { received: Ms(at), symbol, venue: VenueId::new("sim"), body: Body::Oi(oi) }
    }

    #[test]
    fn seq_counts_per_topic_and_cursor_over_all() {
        let bus = MemoryBus::new(7);
        let mut consumer = bus.consume();
        let places: Vec<_> = ["A-PERP", "B-PERP", "A-PERP"]
            .into_iter()
            .map(|s| bus.publish(event(s, 1)))
            .map(|s| (s.seq, s.cursor.n))
            .collect();
        assert_eq!(places, [(1, 1), (1, 2), (2, 3)]);
        assert_eq!(bus.head(), Cursor { epoch: 7, n: 3 });
        assert_eq!(consumer.try_recv().map(|s| s.cursor.n), Ok(1));
    }

    #[test]
    fn what_cannot_be_resumed_is_missing_since_a_time_near_its_cursor() {
        let epoch = FIRST_RUN + 1_000;
        let bus = MemoryBus::new(epoch);
        let since = |epoch, n| bus.missing_since(Cursor { epoch, n }).map(|at| at.0);
        assert_eq!(since(epoch, 0), None);
        let (began, events) = (epoch as i64, 3 * RING_EVENTS as i64);
        (1..=events).for_each(|n| drop(bus.publish(event("A-PERP", began + n))));
        let held = began + events - RING_EVENTS as i64 + 1;
        assert_eq!(since(epoch, 0), Some(began + 1));
        assert_eq!(
            since(epoch, 10_000),
            Some(began + 2 * 4_096 + 1),
            "early by less than a stretch of marks"
        );
        assert_eq!(since(epoch, events as u64 + 1), Some(held), "not told yet");
        assert_eq!(since(epoch - 7, 5), Some(began - 7), "an earlier run");
        for foreign in [0, 1, 0x190f2, epoch + 1, u64::MAX] {
            assert_eq!(since(foreign, 5), Some(held), "{foreign}");
        }
    }

    #[test]
    fn resume_gives_what_followed_or_says_expired() {
        let bus = MemoryBus::new(7);
        assert_eq!(bus.since(Cursor { epoch: 7, n: 0 }), Ok(vec![]));
        for at in 0..RING_EVENTS as i64 + 10 {
            bus.publish(event("A-PERP", at));
        }
        let head = bus.head();
        let after = |n| bus.since(Cursor { epoch: 7, n }).map(|v| v.len());
        assert_eq!(after(head.n), Ok(0));
        assert_eq!(after(head.n - 3), Ok(3));
        assert_eq!(after(10), Ok(RING_EVENTS));
        assert!(after(9).is_err() && after(head.n + 1).is_err());
        assert!(bus.since(Cursor { epoch: 8, n: head.n }).is_err());
    }
}
