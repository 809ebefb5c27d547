//! One topic: its last values, its subscribers, and the slot its next state frame may take.

use std::sync::Arc;

use shared::event::Stamped;
use tokio::time::Instant;

use super::queue::Client;
use super::{CONFLATE, Encoded, is_state};

/// What to do with an event just offered.
pub(super) enum Verdict {
    Send,
    /// Kept for the topic's next slot; `newly` when nothing was waiting before.
    Wait {
        newly: bool,
    },
}

#[derive(Default)]
pub(super) struct TopicState {
    /// The newest state value (for bars the forming one).
    last: Option<Arc<Stamped>>,
    /// For bars: the newest closed one.
    closed: Option<Arc<Stamped>>,
    waiting: Option<Arc<Stamped>>,
    sent_at: Option<Instant>,
    subscribers: Vec<Arc<Client>>,
}

impl TopicState {
    pub(super) fn offer(&mut self, stamped: &Arc<Stamped>, now: Instant) -> Verdict {
        if is_state(stamped) {
            self.last = Some(stamped.clone());
            if self.waiting.is_none() && self.sent_at.is_none_or(|at| now.duration_since(at) >= CONFLATE) {
                self.sent_at = Some(now);
                return Verdict::Send;
            }
            let newly = self.waiting.replace(stamped.clone()).is_none();
            return Verdict::Wait { newly };
        }
        if let Some(bar) = stamped.event.body.bar() {
            if self.closed.as_ref().is_none_or(|held| held.event.timestamp() <= bar.timestamp) {
                self.closed = Some(stamped.clone());
            }
            // What was forming is closed now; a value waiting for the same bucket is out of date.
            for slot in [&mut self.last, &mut self.waiting] {
                if slot.as_ref().is_some_and(|held| held.event.timestamp() <= bar.timestamp) {
                    *slot = None;
                }
            }
        }
        Verdict::Send
    }

    /// The waiting value, if its slot has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<Arc<Stamped>> {
        if self.sent_at.is_some_and(|at| now.duration_since(at) < CONFLATE) {
            return None;
        }
        let value = self.waiting.take()?;
        self.sent_at = Some(now);
        Some(value)
    }

    /// The value that waits for its slot when an event of its topic is sent: numbers of a topic only rise.
    pub(super) fn overtaken(&mut self, event: &Stamped, now: Instant) -> Option<Arc<Stamped>> {
        let value = if is_state(event) { None } else { self.waiting.take() };
        self.sent_at = if value.is_some() { Some(now) } else { self.sent_at };
        value
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Encodes once and queues the same bytes for everyone; their reader stands at `place` then.
    pub(super) fn send(&self, stamped: &Arc<Stamped>, place: u64) {
        if self.subscribers.is_empty() {
            return;
        }
        let encoded = Encoded::new(stamped.clone(), false, place);
        let topic = is_state(stamped).then(|| stamped.event.topic());
        for client in &self.subscribers {
            client.push(&encoded, topic.as_ref());
        }
    }

    /// The newest state value.
    pub(super) fn last(&self) -> Option<&Arc<Stamped>> {
        self.last.as_ref()
    }

    /// What a new subscriber gets: the last closed bar and the forming one, or the last state value.
    pub(super) fn snapshot(&self) -> Vec<Arc<Stamped>> {
        self.closed.iter().chain(&self.last).cloned().collect()
    }

    /// Whether nobody subscribes to it.
    pub(super) fn is_free(&self) -> bool {
        self.subscribers.is_empty()
    }

    pub(super) fn add(&mut self, client: Arc<Client>) {
        self.subscribers.push(client);
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.subscribers.retain(|c| c.id() != id);
    }
}
