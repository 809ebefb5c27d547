//! Everything the fake venue knows, behind one lock: markets, sockets, faults, counts; and what it sends as time
//! goes by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::mpsc::UnboundedSender;

use super::rest::Bucket;
use super::{Product, frames};
use crate::fake::clock::machine_now;
use crate::fake::ladder::Ladder;
use crate::fake::limits::Windows;
use crate::fake::market::{FakeTrade, Listed, mix};
use crate::fake::sent::Sent;
use crate::fake::socket::{Mutes, Out};
use crate::oracle::ExactBook;
use crate::oracle::calendar::{HOUR, MINUTE};

/// A channel, by its name in subscriptions, and a product.
pub type Topic = (String, String);

/// One open socket.
pub struct Connection {
    pub topics: BTreeSet<Topic>,
    pub out: UnboundedSender<Out>,
}

/// What a test has ordered.
#[derive(Default)]
pub struct Faults {
    pub mutes: Mutes<Topic>,
    /// Matches still to be swallowed, by product.
    pub drop_matches: HashMap<String, u64>,
    pub rest_delay_ms: u64,
    /// Answers still to fail with 503.
    pub failures: u32,
    pub refused_location: Option<u16>,
    /// Sockets are refused at the handshake, REST goes on.
    pub refuse_sockets: bool,
}

/// What happened so far; a test asks for a copy.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Handshakes completed.
    pub connections: u64,
    /// Most sockets open at once.
    pub most_open: usize,
    pub subscribed: BTreeMap<Topic, u64>,
    pub unsubscribed: BTreeMap<Topic, u64>,
    /// Subscribe frames as they came, with the number of the connection.
    pub subscribe_frames: Vec<(u64, String)>,
    pub frames_in: u64,
    pub frames_out: u64,
    /// Error frames sent.
    pub errors: u64,
    /// Sockets closed because they subscribed nothing in time.
    pub unsubscribed_closed: u64,
    /// REST calls by path, refused ones included.
    pub rest: BTreeMap<String, u64>,
    /// Every REST call in order.
    pub rest_log: Vec<RestCall>,
    /// Times each limit was exceeded, by its name; a polite client leaves this empty.
    pub violations: BTreeMap<&'static str, u64>,
    /// By product: matches told to at least one socket, and those a fault swallowed.
    pub sent: BTreeMap<String, Sent>,
    pub dropped: BTreeMap<String, Sent>,
}

/// One REST call.
#[derive(Clone, Debug)]
pub struct RestCall {
    pub at: i64,
    pub path: String,
    pub query: String,
    pub status: u16,
}

/// Handshakes a second, above the burst; subscriptions of one channel of one product at once.
const CONNECTS: u32 = 20;
const SAME_TOPIC: usize = 10;

/// See the module.
pub struct State {
    pub markets: Vec<Product>,
    pub books: HashMap<&'static str, Ladder>,
    /// Levels on each side of a snapshot far from the middle.
    pub far_levels: i64,
    pub connections: BTreeMap<u64, Connection>,
    pub next_connection: u64,
    pub windows: Windows<(&'static str, u64)>,
    pub faults: Faults,
    pub counts: Counts,
    pub bucket: Bucket,
    /// Venue time up to which everything was emitted.
    pub emitted: i64,
}

impl State {
    pub fn market(&mut self, id: &str) -> Option<&mut Product> {
        self.markets.iter_mut().find(|m| m.listing.id == id)
    }

    pub fn violate(&mut self, limit: &'static str) {
        *self.counts.violations.entry(limit).or_default() += 1;
    }

    /// Takes up a socket.
    pub fn open(&mut self, out: UnboundedSender<Out>) -> u64 {
        let id = self.next_connection;
        self.next_connection += 1;
        self.counts.connections += 1;
        self.connections.insert(id, Connection { topics: BTreeSet::new(), out });
        self.counts.most_open = self.counts.most_open.max(self.connections.len());
        id
    }

    /// Counts a handshake; whether it is let in.
    pub fn admit_handshake(&mut self) -> bool {
        let fine = self.windows.admit(("connects", 0), CONNECTS, 1_000, machine_now());
        if !fine {
            self.violate("connects");
        }
        fine
    }

    /// Sends a frame to every socket that subscribed the topic, where no fault hides it; whether anyone got it.
    pub fn deliver(&mut self, channel: &str, product: &str, text: &str) -> bool {
        let topic = (channel.to_owned(), product.to_owned());
        if self.faults.mutes.silent(&topic) {
            return false;
        }
        let mut told = 0;
        for connection in self.connections.values().filter(|c| c.topics.contains(&topic)) {
            // A socket that has just ended is taken off by its own task.
            told += u64::from(connection.out.send(Out::Text(text.to_owned())).is_ok());
        }
        self.counts.frames_out += told;
        told > 0
    }

    /// Sends a frame to one socket.
    pub fn send(&mut self, id: u64, text: String) {
        if self.connections.get(&id).is_some_and(|c| c.out.send(Out::Text(text)).is_ok()) {
            self.counts.frames_out += 1;
        }
    }

    /// Hands `out()` to every socket; how many there were.
    pub fn tell(&self, out: impl Fn() -> Out) -> usize {
        self.connections.values().filter(|c| c.out.send(out()).is_ok()).count()
    }

    /// Notes a subscription; what its subscriber gets first.
    pub fn subscribe(&mut self, id: u64, topic: &Topic, now: i64) -> Option<String> {
        *self.counts.subscribed.entry(topic.clone()).or_default() += 1;
        self.faults.mutes.subscribed(topic);
        let is_new = self.connections.get_mut(&id)?.topics.insert(topic.clone());
        if self.connections.values().filter(|c| c.topics.contains(topic)).count() > SAME_TOPIC {
            self.violate("same topic");
        }
        if !is_new || self.faults.mutes.silent(topic) {
            return None;
        }
        let (channel, product) = topic;
        let (far_levels, book) = (self.far_levels, self.book(product));
        let market = self.market(product)?;
        let last = last_trade(market, now);
        let listing = &market.listing;
        match channel.as_str() {
            "matches" => last.map(|t| frames::matched("last_match", listing, &t)),
            "ticker" | "ticker_batch" => last.map(|t| frames::ticker(listing, &t, &book)),
            "level2_batch" => Some(frames::snapshot(listing, &book, far_levels)),
            _ => None,
        }
    }

    /// The book of a product as it rests, without the levels far away.
    pub fn book(&self, product: &str) -> ExactBook {
        self.books.get(product).map(|ladder| ladder.book.clone()).unwrap_or_default()
    }

    /// Sends everything that happened in `(emitted, now]`; nothing when time stands still.
    pub fn emit_until(&mut self, now: i64) {
        let from = self.emitted;
        if now <= from {
            return;
        }
        self.emitted = now;
        for n in 0..self.markets.len() {
            if self.markets[n].listing.open() {
                self.emit_book(n, now);
                self.emit_trades(n, from, now);
                self.emit_heartbeat(n, from, now);
            }
        }
    }

    fn emit_trades(&mut self, n: usize, from: i64, now: i64) {
        let listing = self.markets[n].listing.clone();
        let trades = self.markets[n].trades(from + 1, now + 1);
        let book = self.book(listing.id);
        for t in &trades {
            self.deliver("ticker", listing.id, &frames::ticker(&listing, t, &book));
            let left = self.faults.drop_matches.entry(listing.id.to_owned()).or_default();
            if *left > 0 {
                *left -= 1;
                self.counts.dropped.entry(listing.id.to_owned()).or_default().add(t);
            } else if self.deliver("matches", listing.id, &frames::matched("match", &listing, t)) {
                self.counts.sent.entry(listing.id.to_owned()).or_default().add(t);
            }
        }
        // The slow ticker: what the last five seconds ended with.
        let five = now - now.rem_euclid(5_000);
        if five > from
            && let Some(last) = self.markets[n].trades(five - 5_000, five).last()
        {
            self.deliver("ticker_batch", listing.id, &frames::ticker(&listing, last, &book));
        }
    }

    fn emit_book(&mut self, n: usize, now: i64) {
        let listing = self.markets[n].listing.clone();
        while let Some(due) = self.books.get(listing.id).map(Ladder::due).filter(|due| *due <= now) {
            let mid = self.markets[n].mid_ticks(due);
            let Some(ladder) = self.books.get_mut(listing.id) else { return };
            let diff = ladder.step(mid);
            self.deliver("level2_batch", listing.id, &frames::update(&listing, &diff));
        }
    }

    fn emit_heartbeat(&mut self, n: usize, from: i64, now: i64) {
        let second = now - now.rem_euclid(1_000);
        if second > from {
            let last = last_trade(&mut self.markets[n], now);
            let listing = self.markets[n].listing.clone();
            self.deliver("heartbeat", listing.id, &frames::heartbeat(&listing, last.as_ref(), second));
        }
    }

    /// Books of every trading product, full from the start, stepping every `step_ms`.
    pub fn open_books(&mut self, seed: u64, now: i64, step_ms: i64) {
        for market in self.markets.iter().filter(|m| m.listing.open()) {
            let id = market.listing.id;
            let seed = mix(seed, 91, id.len() as u64);
            let ladder = Ladder::new(market.listing.spec(), seed, now, market.mid_ticks(now), 120, step_ms);
            self.books.insert(id, ladder);
        }
    }
}

/// The newest trade at `now`, of the last hours.
pub fn last_trade(market: &mut Product, now: i64) -> Option<FakeTrade> {
    let mut minute = now - now.rem_euclid(MINUTE);
    while minute > now - 6 * HOUR {
        if let Some(last) = market.trades_of_minute(minute).into_iter().rfind(|t| t.time <= now) {
            return Some(last);
        }
        minute -= MINUTE;
    }
    None
}
