//! The hub: every event encoded once, handed to every subscriber as the same bytes.
//!
//! State topics are sent at once on their first change and then at most once per [`CONFLATE`], the last value
//! always; event topics are never merged. One bounded queue per client (`queue`); a slow client delays nobody.
//!
//! The cursor of a frame is the place on the bus up to which everything had been handed out when the frame was queued:
//! on one connection cursors never step back, and who resumes at any of them misses nothing.

mod queue;
mod topics;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use shared::event::{Class, Cursor, Stamped, Topic};
use shared::market::{Symbol, VenueId};
use shared::wire::{Data, Replay, ServerFrame, Status};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::bus::{Bus, ResumeExpired};

pub use queue::{Batch, Client, Loss};
use topics::{TopicState, Verdict};

/// Shortest time between two frames of one state topic.
pub const CONFLATE: Duration = Duration::from_millis(100);
/// How often conflated topics are looked at.
const FLUSH_EVERY: Duration = Duration::from_millis(20);

/// Fans events out to clients and keeps the last value of every state topic.
pub struct Hub {
    inner: Mutex<Inner>,
    next_client: AtomicU64,
    clients: AtomicUsize,
    /// Place of the newest event handed out, for those who wait for one.
    handed: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    topics: HashMap<Topic, TopicState>,
    /// Topics with a value waiting for its slot.
    dirty: Vec<Topic>,
    clients: HashMap<u64, Arc<Client>>,
    status: Status,
    /// How the replay stands, in replay mode.
    replay: Option<Utf8Bytes>,
    /// Place of the newest event handed out.
    handed: u64,
}

/// One encoded frame of a topic, as clients get it.
#[derive(Clone)]
pub struct Encoded {
    pub stamped: Arc<Stamped>,
    /// Where its reader stands.
    pub cursor: Cursor,
    pub bytes: Utf8Bytes,
}

impl Encoded {
    fn new(stamped: Arc<Stamped>, snapshot: bool, place: u64) -> Encoded {
        let data = placed(&stamped, snapshot, place);
        let cursor = data.stamped.cursor;
        Encoded { stamped, cursor, bytes: ServerFrame::Data(Box::new(data)).encode().into() }
    }
}

/// A value as the frame that leaves its reader at `place`.
fn placed(stamped: &Stamped, snapshot: bool, place: u64) -> Data {
    let cursor = Cursor { n: place, ..stamped.cursor };
    Data { stamped: Stamped { cursor, ..stamped.clone() }, snapshot }
}

impl Default for Hub {
    fn default() -> Self {
        Hub::new()
    }
}

impl Hub {
    pub fn new() -> Hub {
        let (next_client, clients) = (AtomicU64::new(1), AtomicUsize::new(0));
        Hub { inner: Mutex::default(), next_client, clients, handed: watch::Sender::new(0) }
    }

    /// Drains the bus until it closes. One task of this per hub.
    pub async fn run(self: Arc<Self>, mut events: mpsc::UnboundedReceiver<Arc<Stamped>>) {
        let mut flush = tokio::time::interval(FLUSH_EVERY);
        flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = flush.tick() => self.flush(Instant::now()),
                event = events.recv() => match event {
                    Some(stamped) => self.publish(stamped, Instant::now()),
                    None => return,
                },
            }
        }
    }

    /// Takes one event off the bus.
    pub fn publish(&self, stamped: Arc<Stamped>, now: Instant) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.handed = stamped.cursor.n;
        let topic = stamped.event.topic();
        let state = inner.topics.entry(topic.clone()).or_default();
        match state.offer(&stamped, now) {
            Verdict::Send => {
                // A closed bar does not overtake what was told of the next bucket before it.
                if let Some(waiting) = state.overtaken(&stamped, now) {
                    state.send(&waiting, inner.handed.saturating_sub(1));
                }
                state.send(&stamped, inner.handed);
            }
            Verdict::Wait { newly: true } => inner.dirty.push(topic),
            Verdict::Wait { newly: false } => {}
        }
        self.handed.send_replace(stamped.cursor.n);
    }

    /// Waits until everything up to a place on the bus has been handed out.
    pub async fn reached(&self, place: Cursor) {
        // The sender is this hub's own and lives as long.
        let _ = self.handed.subscribe().wait_for(|handed| *handed >= place.n).await;
    }

    /// Place of the newest event handed out: what [`Self::snapshot`] holds is as of then or later.
    pub fn place(&self) -> u64 {
        *self.handed.borrow()
    }

    /// Sends conflated values whose slot has come.
    pub fn flush(&self, now: Instant) {
        let mut inner = self.lock();
        let Inner { topics, dirty, handed, .. } = &mut *inner;
        dirty.retain(|topic| {
            let Some(state) = topics.get_mut(topic) else { return false };
            match state.due(now) {
                Some(stamped) => {
                    state.send(&stamped, *handed);
                    false
                }
                None => state.is_waiting(),
            }
        });
    }

    /// A new client with an empty queue; the first frames it gets are the status and how a replay stands.
    pub fn connect(&self) -> Arc<Client> {
        let client = Arc::new(Client::new(self.next_client.fetch_add(1, Ordering::Relaxed)));
        let mut inner = self.lock();
        client.control(ServerFrame::Status(inner.status.clone()).encode());
        if let Some(replay) = &inner.replay {
            client.control(replay.clone());
        }
        inner.clients.insert(client.id(), client.clone());
        self.clients.store(inner.clients.len(), Ordering::Relaxed);
        client
    }

    /// Forgets a client and its subscriptions.
    pub fn disconnect(&self, client: &Client) {
        let mut inner = self.lock();
        inner.clients.remove(&client.id());
        self.clients.store(inner.clients.len(), Ordering::Relaxed);
        for topic in client.topics() {
            if let Some(state) = inner.topics.get_mut(&topic) {
                state.remove(client.id());
            }
        }
    }

    /// Adds subscriptions after queueing the frames `first`; topics the client already has are left alone.
    /// Fresh ones get their last values, or what followed `resume`; state topics their last value in any case, as one
    /// told before that place may have waited for its slot.
    ///
    /// # Errors
    /// [`ResumeExpired`] when that place is no longer held; then nothing was subscribed.
    pub fn subscribe(
        &self,
        client: &Arc<Client>,
        topics: &[Topic],
        first: impl IntoIterator<Item = String>,
        resume: Option<(&dyn Bus, Cursor)>,
    ) -> Result<(), ResumeExpired> {
        let mut inner = self.lock();
        // Read under the hub's lock and cut at what the hub has handed out: what the bus already holds beyond
        // that comes live, so nothing is missed and nothing comes twice.
        let missed = resume.map(|(bus, cursor)| bus.since(cursor)).transpose()?;
        for frame in first {
            client.control(frame);
        }
        let mut fresh = HashSet::new();
        for topic in topics {
            if client.add(topic.clone()) {
                inner.topics.entry(topic.clone()).or_default().add(client.clone());
                fresh.insert(topic.clone());
            }
        }
        let known = topics.iter().filter_map(|t| inner.topics.get(fresh.get(t)?));
        let Some((missed, (_, cursor))) = missed.zip(resume) else {
            for stamped in known.flat_map(TopicState::snapshot) {
                client.push(&Encoded::new(stamped, true, inner.handed), None);
            }
            return Ok(());
        };
        for stamped in known.filter_map(TopicState::last).filter(|last| last.cursor.n <= cursor.n) {
            client.push(&Encoded::new(stamped.clone(), true, cursor.n), None);
        }
        let handed = missed.iter().filter(|s| s.cursor.n <= inner.handed && fresh.contains(&s.event.topic()));
        let mut last_state = HashMap::new();
        let handed: Vec<_> = handed.collect();
        for (index, stamped) in handed.iter().enumerate().filter(|(_, s)| is_state(s)) {
            last_state.insert(stamped.event.topic(), index);
        }
        for (index, stamped) in handed.into_iter().enumerate() {
            if !is_state(stamped) || last_state.get(&stamped.event.topic()) == Some(&index) {
                client.push(&Encoded::new(stamped.clone(), false, stamped.cursor.n), None);
            }
        }
        Ok(())
    }

    /// Takes subscriptions back.
    pub fn unsubscribe(&self, client: &Client, matches: impl Fn(&Topic) -> bool) {
        let mut inner = self.lock();
        for topic in client.topics().into_iter().filter(|t| matches(t)) {
            client.drop_topic(&topic);
            if let Some(state) = inner.topics.get_mut(&topic) {
                state.remove(client.id());
            }
        }
    }

    /// The newest values of one topic: for bars the last closed and the forming one.
    pub fn last(&self, topic: &Topic) -> Vec<Arc<Stamped>> {
        self.lock().topics.get(topic).map(TopicState::snapshot).unwrap_or_default()
    }

    /// Forgets the last values of a topic that nobody subscribes to; `false` where somebody does.
    pub fn release(&self, topic: &Topic) -> bool {
        let mut inner = self.lock();
        let free = inner.topics.get(topic).is_none_or(TopicState::is_free);
        if free {
            inner.topics.remove(topic);
        }
        free
    }

    /// Forgets the last values of a market's topics that nobody subscribes to.
    pub fn forget(&self, venue: &VenueId, symbol: &Symbol) {
        let of = |topic: &Topic| topic.venue == *venue && topic.symbol == *symbol;
        self.lock().topics.retain(|topic, state| !of(topic) || !state.is_free());
    }

    /// The frames a new subscriber of these topics would get.
    pub fn snapshot(&self, topics: &[Topic]) -> Vec<Data> {
        let inner = self.lock();
        let values = topics.iter().filter_map(|t| inner.topics.get(t)).flat_map(TopicState::snapshot);
        values.map(|stamped| placed(&stamped, true, inner.handed)).collect()
    }

    /// Tells every client, if it differs from what they know.
    pub fn set_status(&self, status: Status) {
        let mut inner = self.lock();
        if (Status { timestamp: inner.status.timestamp, ..status.clone() }) == inner.status {
            return;
        }
        inner.status = status;
        let text: Utf8Bytes = ServerFrame::Status(inner.status.clone()).encode().into();
        for client in inner.clients.values() {
            client.control(text.clone());
        }
    }

    /// Tells every client how the replay stands, those to come at first.
    pub fn set_replay(&self, replay: Replay) {
        let text: Utf8Bytes = ServerFrame::Replay(replay).encode().into();
        self.lock().replay = Some(text.clone());
        self.tell(&text);
    }

    /// Queues a control frame for every client.
    pub fn tell(&self, text: &Utf8Bytes) {
        for client in self.lock().clients.values() {
            client.control(text.clone());
        }
    }

    /// Number of connected clients.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Ends every client with this close code, after what is queued.
    pub fn close_all(&self, code: u16, reason: &'static str) {
        for client in self.lock().clients.values() {
            client.close(code, reason);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_state(stamped: &Stamped) -> bool {
    stamped.event.class() == Class::State
}

#[cfg(test)]
mod tests;
