//! The in-process bus: a ring of recent events and one channel per consumer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use shared::event::{Cursor, Event, Stamped, Topic};
use tokio::sync::mpsc;

use super::{Bus, ResumeExpired};

/// Events kept for resuming clients: some minutes of a busy deck, about 16 MB.
const RING_EVENTS: usize = 50_000;

/// In-process [`Bus`].
pub struct MemoryBus {
    state: Mutex<State>,
}

struct State {
    epoch: u64,
    next: u64,
    seqs: HashMap<Topic, u64>,
    ring: VecDeque<Arc<Stamped>>,
    consumers: Vec<mpsc::UnboundedSender<Arc<Stamped>>>,
}

impl MemoryBus {
    /// An empty bus; `epoch` tells this run's cursors from another's.
    pub fn new(epoch: u64) -> MemoryBus {
        let (seqs, ring, consumers) = (HashMap::new(), VecDeque::new(), Vec::new());
        MemoryBus { state: Mutex::new(State { epoch, next: 1, seqs, ring, consumers }) }
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
