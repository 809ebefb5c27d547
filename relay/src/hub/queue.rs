//! The bounded queue between the hub and one client's writer.
//!
//! Full is a named choice: a waiting state frame is replaced by its successor (conflated); an event frame that
//! does not fit is dropped, counted, and told to the client as a `gap` once there is room again.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use shared::event::{Cursor, Topic};
use shared::market::Ms;
use tokio::sync::Notify;

use super::Encoded;

/// Most frames waiting for one client.
const MAX_FRAMES: usize = 4_096;
/// Most bytes waiting for one client.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// One client's queue and subscriptions.
pub struct Client {
    id: u64,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    /// `None` marks a state frame replaced by a later one.
    frames: VecDeque<Option<Slot>>,
    /// Place of the waiting state frame per topic, counted from the first frame ever queued.
    places: HashMap<Topic, u64>,
    /// Frames ever taken from the front.
    taken: u64,
    bytes: usize,
    lost: BTreeMap<Topic, Loss>,
    /// Place of the first of those.
    lost_at: Option<u64>,
    /// Cursor of the newest frame taken.
    told: Cursor,
    dropped: u64,
    conflated: u64,
    topics: BTreeSet<Topic>,
    closing: Option<(u16, &'static str)>,
}

/// A frame that waits.
struct Slot {
    bytes: Utf8Bytes,
    /// Of data frames.
    cursor: Option<Cursor>,
}

/// Event frames one client missed: the span of their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    pub from: Ms,
    pub to: Ms,
    pub count: u64,
}

/// What the writer should do next.
pub struct Batch {
    pub frames: Vec<Utf8Bytes>,
    /// Losses to tell after these frames, each once, and where the reader stands then: before what it lost.
    pub lost: Vec<(Topic, Loss)>,
    pub cursor: Cursor,
    /// Then close with this code and reason.
    pub close: Option<(u16, &'static str)>,
}

impl Client {
    pub(super) fn new(id: u64) -> Client {
        Client { id, queue: Mutex::default(), wake: Notify::new() }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Queues a data frame; `state` names the topic whose waiting frame it replaces.
    pub(super) fn push(&self, frame: &Encoded, state: Option<&Topic>) {
        let mut q = self.lock();
        if let Some(topic) = state {
            q.conflate(topic);
        }
        if q.frames.len() >= MAX_FRAMES || q.bytes + frame.bytes.len() > MAX_BYTES {
            q.lose(frame);
        } else {
            let place = q.taken + q.frames.len() as u64;
            q.bytes += frame.bytes.len();
            q.frames.push_back(Some(Slot { bytes: frame.bytes.clone(), cursor: Some(frame.cursor) }));
            if let Some(topic) = state {
                q.places.insert(topic.clone(), place);
            }
        }
        drop(q);
        self.wake.notify_one();
    }

    /// Queues a control frame; these are few and always fit.
    pub fn control(&self, text: impl Into<Utf8Bytes>) {
        let bytes: Utf8Bytes = text.into();
        let mut q = self.lock();
        q.bytes += bytes.len();
        q.frames.push_back(Some(Slot { bytes, cursor: None }));
        drop(q);
        self.wake.notify_one();
    }

    /// Asks the writer to close after what is queued.
    pub fn close(&self, code: u16, reason: &'static str) {
        self.lock().closing.get_or_insert((code, reason));
        self.wake.notify_one();
    }

    /// Waits for something to write: frames up to about `max_bytes`, then losses, then the close.
    pub async fn next_batch(&self, max_bytes: usize) -> Batch {
        loop {
            let woken = self.wake.notified();
            if let Some(batch) = self.lock().take(max_bytes) {
                return batch;
            }
            woken.await;
        }
    }

    /// Frames dropped and conflated since last asked.
    pub fn take_counts(&self) -> (u64, u64) {
        let mut q = self.lock();
        (std::mem::take(&mut q.dropped), std::mem::take(&mut q.conflated))
    }

    pub fn topics(&self) -> Vec<Topic> {
        self.lock().topics.iter().cloned().collect()
    }

    /// How many topics it would hold with `more`.
    pub fn topics_with(&self, more: &[Topic]) -> usize {
        let q = self.lock();
        let fresh: BTreeSet<&Topic> = more.iter().filter(|t| !q.topics.contains(*t)).collect();
        q.topics.len() + fresh.len()
    }

    pub(super) fn add(&self, topic: Topic) -> bool {
        self.lock().topics.insert(topic)
    }

    pub(super) fn drop_topic(&self, topic: &Topic) {
        self.lock().topics.remove(topic);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Takes back the waiting frame of a state topic: its successor goes to the end, keeping order with events.
    fn conflate(&mut self, topic: &Topic) {
        let Some(place) = self.places.remove(topic) else { return };
        let Some(index) = place.checked_sub(self.taken) else { return };
        if let Some(old) = self.frames.get_mut(index as usize).and_then(Option::take) {
            self.bytes -= old.bytes.len();
            self.conflated += 1;
        }
    }

    fn lose(&mut self, frame: &Encoded) {
        self.dropped += 1;
        self.lost_at.get_or_insert(self.taken + self.frames.len() as u64);
        let at = frame.stamped.event.timestamp();
        let loss =
            self.lost.entry(frame.stamped.event.topic()).or_insert(Loss { from: at, to: at, count: 0 });
        loss.from = loss.from.min(at);
        loss.to = loss.to.max(at);
        loss.count += 1;
    }

    fn take(&mut self, max_bytes: usize) -> Option<Batch> {
        let (mut frames, mut size) = (Vec::new(), 0);
        while size < max_bytes && self.lost_at != Some(self.taken) {
            let Some(slot) = self.frames.pop_front() else { break };
            self.taken += 1;
            if let Some(Slot { bytes, cursor }) = slot {
                size += bytes.len();
                self.bytes -= bytes.len();
                self.told = cursor.unwrap_or(self.told);
                frames.push(bytes);
            }
        }
        // A loss is told where it happened: no frame behind it may let its reader stand behind it untold.
        let mut lost = Vec::new();
        if self.lost_at == Some(self.taken) {
            self.lost_at = None;
            lost = std::mem::take(&mut self.lost).into_iter().collect();
        }
        let drained = self.frames.is_empty();
        if drained {
            self.places.clear();
        }
        let close = if drained { self.closing } else { None };
        let cursor = self.told;
        let any = !frames.is_empty() || !lost.is_empty() || close.is_some();
        any.then_some(Batch { frames, lost, cursor, close })
    }
}
