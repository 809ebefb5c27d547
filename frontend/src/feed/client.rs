//! The page's line to the relay: one socket kept alive and tried again, one subscription on it.

use serde::Serialize;
use shared::event::{Channel, Cursor};
use shared::market::{Ms, Symbol, VenueId};

use super::socket::Socket;
pub(crate) use super::socket::Word;

/// Attempts wait this long after a failure; the last one repeats. A person waits in front of it.
const WAITS: [Ms; 4] = [Ms(1_000), Ms(2_000), Ms(4_000), Ms(8_000)];
const PING_EVERY: Ms = Ms(5_000);
/// A line without any frame for this long, though pinged, is dead.
const DEAD_AFTER: Ms = Ms(12_000);
/// Failed attempts after which data is polled meanwhile.
const FAILURES_BEFORE_POLLING: u32 = 3;

/// One symbol with what is subscribed of it, at which venues.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Wanted {
    pub(crate) symbol: Symbol,
    pub(crate) venues: Vec<VenueId>,
    pub(crate) channels: Vec<Channel>,
}

#[derive(Default)]
pub(crate) struct Client {
    socket: Option<Socket>,
    /// Counts sockets, so that a late word of a dropped one is known as such.
    generation: u32,
    open: bool,
    failures: u32,
    retry_at: Option<Ms>,
    last_frame: Ms,
    pinged: Option<(u32, Ms)>,
    last_ping: Ms,
    connected_before: bool,
    next_ping: u32,
    latency_ms: Option<f64>,
    wanted: Vec<Wanted>,
    /// The newest place seen, to resume from.
    cursor: Option<Cursor>,
}

impl Client {
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn retry_at(&self) -> Option<Ms> {
        self.retry_at
    }

    pub(crate) fn latency_ms(&self) -> Option<f64> {
        self.latency_ms.filter(|_| self.open)
    }

    /// The last attempt failed or the line broke.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// The socket has failed often enough that data is fetched another way meanwhile.
    pub(crate) fn wants_polling(&self) -> bool {
        !self.open && self.failures >= FAILURES_BEFORE_POLLING
    }

    /// Connects now; `said` gets the words of this socket with its number.
    pub(crate) fn connect(&mut self, relay: &str, now: Ms, said: impl Fn(u32, Word) + Clone + 'static) {
        self.generation += 1;
        let generation = self.generation;
        self.retry_at = None;
        self.open = false;
        self.last_frame = now;
        self.pinged = None;
        self.socket = Socket::open(relay, move |word| said(generation, word)).ok();
        if self.socket.is_none() {
            self.closed(now);
        }
    }

    pub(crate) fn is_current(&self, generation: u32) -> bool {
        self.generation == generation && self.socket.is_some()
    }

    /// The socket opened: subscribes, from the last place seen where there is one. True when it was down before.
    pub(crate) fn opened(&mut self, now: Ms) -> bool {
        let again = std::mem::replace(&mut self.connected_before, true);
        self.open = true;
        self.failures = 0;
        self.last_frame = now;
        self.subscribe(self.cursor);
        self.ping(now);
        again
    }

    /// The socket is gone; the next attempt is set.
    pub(crate) fn closed(&mut self, now: Ms) {
        self.socket = None;
        self.open = false;
        let wait = WAITS.get(self.failures as usize).or(WAITS.last()).copied().unwrap_or(Ms::SECOND);
        self.failures += 1;
        self.retry_at = Some(now + wait);
    }

    /// A frame came.
    pub(crate) fn heard(&mut self, now: Ms, cursor: Option<Cursor>) {
        self.last_frame = now;
        if let Some(cursor) = cursor {
            // Another epoch is a relay that started anew: its places replace ours.
            let newer = self.cursor.is_none_or(|held| held.epoch != cursor.epoch || held.n < cursor.n);
            if newer {
                self.cursor = Some(cursor);
            }
        }
    }

    pub(crate) fn ponged(&mut self, id: Option<u32>, now: f64) {
        if let Some((_, sent)) = self.pinged.filter(|(n, _)| id == Some(*n)) {
            self.latency_ms = Some(((now - sent.0 as f64) / 2.0).max(0.0));
            self.pinged = None;
        }
    }

    /// Once a second. True when a new attempt is due.
    pub(crate) fn tick(&mut self, now: Ms) -> bool {
        if self.socket.is_some() {
            if now - self.last_frame > DEAD_AFTER {
                self.closed(now);
            } else if self.open && now - self.last_ping >= PING_EVERY {
                self.ping(now);
            }
            return false;
        }
        self.retry_at.is_some_and(|at| now >= at)
    }

    /// Changes what is subscribed; the cursor of the old subscription says nothing about the new one.
    pub(crate) fn want(&mut self, wanted: Vec<Wanted>) {
        let before = std::mem::replace(&mut self.wanted, wanted);
        for old in before.into_iter().filter(|_| self.open) {
            self.send(&Ask {
                symbols: Some(&[old.symbol]),
                venues: Some(&old.venues),
                ..Ask::to("unsubscribe")
            });
        }
        self.cursor = None;
        if self.open {
            self.subscribe(None);
        }
    }

    fn subscribe(&self, resume: Option<Cursor>) {
        for wanted in &self.wanted {
            self.send(&Ask {
                symbols: Some(std::slice::from_ref(&wanted.symbol)),
                venues: Some(&wanted.venues),
                channels: Some(&wanted.channels),
                intervals: wanted.channels.contains(&Channel::Bar).then_some(&["1m"]),
                resume,
                ..Ask::to("subscribe")
            });
        }
    }

    fn ping(&mut self, now: Ms) {
        self.next_ping += 1;
        self.pinged = Some((self.next_ping, now));
        self.last_ping = now;
        self.send(&Ask { id: Some(self.next_ping), ..Ask::to("ping") });
    }

    fn send(&self, ask: &Ask<'_>) {
        if let (Some(socket), Ok(text)) = (&self.socket, serde_json::to_string(ask)) {
            socket.send(&text);
        }
    }
}

/// A frame to the relay.
#[derive(Default, Serialize)]
struct Ask<'a> {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbols: Option<&'a [Symbol]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    venues: Option<&'a [VenueId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<&'a [Channel]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<&'a [&'static str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<Cursor>,
}

impl Ask<'_> {
    fn to(action: &'static str) -> Self {
        Ask { action, ..Ask::default() }
    }
}
