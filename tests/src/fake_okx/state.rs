//! Everything the fake venue knows, behind one lock: markets, sockets, faults, counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::mpsc::UnboundedSender;

use super::book::FakeBook;
use super::market::{Liquidation, Market};
use crate::fake::limits::Windows;
use crate::fake::socket::{Mutes, Out};

/// The path a client opened a socket on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Path {
    Public,
    Business,
}

/// All paths.
pub const PATHS: [Path; 2] = [Path::Public, Path::Business];

/// One open socket.
pub struct Connection {
    pub path: Path,
    /// What the venue calls it.
    pub name: String,
    /// Subscribed [`key`]s.
    pub held: BTreeSet<String>,
    pub out: UnboundedSender<Out>,
}

/// Names a subscription: `trades:BTC-USDT-SWAP`, `liquidation-orders:SWAP`, `index-tickers:BTC-USDT`.
pub fn key(channel: &str, of: &str) -> String {
    format!("{channel}:{of}")
}

/// What a test has ordered.
#[derive(Default)]
pub struct Faults {
    pub muted: Mutes<String>,
    /// Book updates and trades still to be swallowed, by instrument.
    pub skip_books: HashMap<String, u32>,
    pub skip_trades: HashMap<String, u32>,
    pub rest_delay_ms: u64,
    /// Answers still to fail with 503 and 50001.
    pub failures: u32,
    /// Answers still to refuse with 50011, by HTTP 429 if true.
    pub too_many: (u32, bool),
    pub refused_location: bool,
    /// Sockets are refused at the handshake, REST goes on.
    pub refuse_sockets: bool,
}

/// What was sent of an instrument to at least one subscriber.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sent {
    pub trades: u64,
    /// Taker buys and sells in the venue's quantities (contracts; on spot coins).
    pub buys: i128,
    pub sells: i128,
    pub liquidations: u64,
    pub liquidated: i128,
}

/// What happened so far; a test asks for a copy.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Handshakes completed, and most sockets open at once, by path.
    pub connections: BTreeMap<Path, u64>,
    pub most_open: BTreeMap<Path, usize>,
    /// Times each [`key`] was subscribed and unsubscribed.
    pub subscribed: BTreeMap<String, u64>,
    pub unsubscribed: BTreeMap<String, u64>,
    pub frames_in: u64,
    pub pings: u64,
    pub frames_out: u64,
    /// Sockets closed with 4004.
    pub idle_closes: u64,
    /// Error events sent, by code.
    pub errors: BTreeMap<u32, u64>,
    /// REST calls by path, refused ones included.
    pub rest: BTreeMap<String, u64>,
    pub rest_log: Vec<RestCall>,
    /// Every breach of a documented limit: a client that behaves has none.
    pub violations: Vec<String>,
    pub sent: BTreeMap<&'static str, Sent>,
}

/// One REST call.
#[derive(Clone, Debug)]
pub struct RestCall {
    pub at: i64,
    pub path: String,
    pub query: String,
    pub status: u16,
    /// The venue's own code, `0` where all went well.
    pub code: u32,
}

/// See the module.
pub struct State {
    pub seed: u64,
    pub markets: Vec<Market>,
    pub books: HashMap<&'static str, FakeBook>,
    pub connections: BTreeMap<u64, Connection>,
    pub next_connection: u64,
    pub faults: Faults,
    pub counts: Counts,
    pub windows: Windows<String>,
    /// Venue time up to which everything was emitted.
    pub emitted: i64,
    /// Forced orders of a test's own making, for REST.
    pub ordered: Vec<(&'static str, Liquidation)>,
}

impl State {
    pub fn market(&mut self, inst_id: &str) -> Option<&mut Market> {
        self.markets.iter_mut().find(|m| m.listing.inst_id == inst_id)
    }

    /// Notes a breach of a limit.
    pub fn violation(&mut self, what: String) {
        self.counts.violations.push(what);
    }

    /// Whether anyone holds a subscription and no fault hides it.
    pub fn wanted(&self, key: &str) -> bool {
        !self.faults.muted.silent(&key.to_owned()) && self.connections.values().any(|c| c.held.contains(key))
    }

    /// Held subscriptions of the channels that begin so.
    pub fn held(&self, prefix: &str) -> BTreeSet<String> {
        let all = self.connections.values().flat_map(|c| c.held.iter());
        all.filter(|k| k.starts_with(prefix)).cloned().collect()
    }

    /// Sends a frame to every socket that holds `key`, unless a fault hides it; whether anyone got it.
    pub fn deliver(&mut self, key: &str, frame: &str) -> bool {
        if !self.wanted(key) {
            return false;
        }
        let takers = self.connections.values().filter(|c| c.held.contains(key));
        // A socket that has just ended is taken off by its own task.
        let told = takers.filter(|c| c.out.send(Out::Text(frame.to_owned())).is_ok()).count();
        self.counts.frames_out += told as u64;
        told > 0
    }

    /// Hands `out` to every socket of the given paths.
    pub fn tell(&self, paths: &[Path], out: &Out) -> usize {
        let told = self.connections.values().filter(|c| paths.contains(&c.path));
        told.filter(|c| c.out.send(out.clone()).is_ok()).count()
    }
}
