//! Everything the fake venue knows, behind one lock: markets, sockets, faults, counts; and what it sends as time
//! goes by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::mpsc::UnboundedSender;

use super::info::Limiter;
use super::{Coin, bucket, frames};
use crate::fake::clock::machine_now;
use crate::fake::ladder::Ladder;
use crate::fake::limits::Windows;
use crate::fake::market::{FakeTrade, Listed, mix};
use crate::fake::sent::Sent;
use crate::fake::socket::{Mutes, Out};
use crate::oracle::ExactBook;

/// A subscription: the type, and the fields that tell two of a type apart (`BTC`, `BTC,1m`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Topic {
    pub kind: String,
    pub coin: String,
    pub interval: String,
}

impl Topic {
    /// A topic without an interval.
    pub fn of(kind: &str, coin: &str) -> Topic {
        Topic { kind: kind.to_owned(), coin: coin.to_owned(), interval: String::new() }
    }

    /// Candles of an interval.
    pub fn candle(coin: &str, interval: &str) -> Topic {
        Topic { interval: interval.to_owned(), ..Topic::of("candle", coin) }
    }
}

/// One open socket.
pub struct Connection {
    pub topics: BTreeSet<Topic>,
    pub out: UnboundedSender<Out>,
}

/// What a test has ordered.
#[derive(Default)]
pub struct Faults {
    pub mutes: Mutes<Topic>,
    /// Trades still to be swallowed, by coin.
    pub drop_trades: HashMap<String, u64>,
    pub rest_delay_ms: u64,
    /// Answers still to fail with 502.
    pub failures: u32,
    pub refused_location: Option<u16>,
    /// Sockets are refused at the handshake, REST goes on.
    pub refuse_sockets: bool,
    /// Sockets stay open and get nothing, not even pongs.
    pub frozen: bool,
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
    /// All client frames, pings among them.
    pub frames_in: u64,
    pub pings: u64,
    pub frames_out: u64,
    /// Error frames sent.
    pub errors: u64,
    /// Sockets ended because nothing had been sent to them for too long.
    pub idle_closed: u64,
    /// REST calls by type, refused ones included.
    pub rest: BTreeMap<String, u64>,
    /// Every REST call in order.
    pub rest_log: Vec<RestCall>,
    /// Times each limit was exceeded, by its name; a polite client leaves this empty.
    pub violations: BTreeMap<&'static str, u64>,
    /// By coin: trades told to at least one socket, replays left out, and those a fault swallowed.
    pub sent: BTreeMap<String, Sent>,
    pub dropped: BTreeMap<String, Sent>,
}

/// One REST call.
#[derive(Clone, Debug)]
pub struct RestCall {
    pub at: i64,
    pub body: String,
    pub status: u16,
    pub weight: u32,
}

/// Most sockets at once, and handshakes in a minute.
const CONNECTIONS: usize = 10;
const CONNECTS: u32 = 30;

/// See the module.
pub struct State {
    pub markets: Vec<Coin>,
    pub books: HashMap<&'static str, Ladder>,
    pub connections: BTreeMap<u64, Connection>,
    pub next_connection: u64,
    pub windows: Windows<&'static str>,
    pub faults: Faults,
    pub counts: Counts,
    pub limiter: Limiter,
    /// Venue time up to which everything was emitted.
    pub emitted: i64,
}

impl State {
    pub fn market(&mut self, coin: &str) -> Option<&mut Coin> {
        self.markets.iter_mut().find(|m| m.listing.coin == coin)
    }

    pub fn violate(&mut self, limit: &'static str) {
        *self.counts.violations.entry(limit).or_default() += 1;
    }

    /// Takes up a socket, counting it against the limits.
    pub fn open(&mut self, out: UnboundedSender<Out>) -> u64 {
        let id = self.next_connection;
        self.next_connection += 1;
        self.counts.connections += 1;
        self.connections.insert(id, Connection { topics: BTreeSet::new(), out });
        self.counts.most_open = self.counts.most_open.max(self.connections.len());
        if self.connections.len() > CONNECTIONS {
            self.violate("connections");
        }
        if !self.windows.admit("connects", CONNECTS, 60_000, machine_now()) {
            self.violate("connects");
        }
        id
    }

    /// Topics anyone is subscribed to, of a type.
    fn wanted(&self, kind: &str) -> BTreeSet<Topic> {
        let topics = self.connections.values().flat_map(|c| &c.topics);
        topics.filter(|t| t.kind == kind).cloned().collect()
    }

    fn speaks(&self, topic: &Topic) -> bool {
        !self.faults.frozen && !self.faults.mutes.silent(topic)
    }

    /// Sends a frame to every socket that subscribed `topic`, where no fault hides it; whether anyone got it.
    pub fn deliver(&mut self, topic: &Topic, text: &str) -> bool {
        if !self.speaks(topic) {
            return false;
        }
        let mut told = 0;
        for connection in self.connections.values().filter(|c| c.topics.contains(topic)) {
            // A socket that has just ended is taken off by its own task.
            told += u64::from(connection.out.send(Out::Text(text.to_owned())).is_ok());
        }
        self.counts.frames_out += told;
        told > 0
    }

    /// Sends a frame to one socket.
    pub fn send(&mut self, id: u64, text: String) {
        let connection = self.connections.get(&id).filter(|_| !self.faults.frozen);
        if connection.is_some_and(|c| c.out.send(Out::Text(text)).is_ok()) {
            self.counts.frames_out += 1;
        }
    }

    /// Hands `out()` to every socket; how many there were.
    pub fn tell(&self, out: impl Fn() -> Out) -> usize {
        self.connections.values().filter(|c| c.out.send(out()).is_ok()).count()
    }

    /// What a new subscriber gets at once: trades replayed, the whole book, the context.
    pub fn greet(&mut self, id: u64, topic: &Topic, now: i64) {
        if !self.speaks(topic) {
            return;
        }
        // What is replayed ends where live trades begin.
        let told = self.emitted + 1;
        let Some(market) = self.market(&topic.coin) else { return };
        let (listing, context) = (market.listing.clone(), frames::context(market, now));
        let text = match topic.kind.as_str() {
            "trades" => {
                let recent = market.trades(told - 300_000, told);
                let from = recent.len().saturating_sub(10);
                (!recent.is_empty()).then(|| frames::trades(&listing, &recent[from..]))
            }
            "activeAssetCtx" => Some(self.context_frame(listing.coin, &context)),
            "l2Book" => self.book_frame(listing.coin, now),
            _ => None,
        };
        if let Some(text) = text {
            self.send(id, text);
        }
    }

    fn context_frame(&self, coin: &str, context: &str) -> String {
        frames::frame("activeAssetCtx", &format!(r#"{{"coin":"{coin}","ctx":{context}}}"#))
    }

    fn book_frame(&self, coin: &str, now: i64) -> Option<String> {
        let listing = &self.markets.iter().find(|m| m.listing.coin == coin)?.listing;
        let time = self.books.get(coin).map_or(now, Ladder::stepped);
        Some(frames::frame("l2Book", &frames::book(listing, &self.book(coin), time)))
    }

    /// The book of a coin as it rests; empty where nothing trades.
    pub fn book(&self, coin: &str) -> ExactBook {
        self.books.get(coin).map(|ladder| ladder.book.clone()).unwrap_or_default()
    }

    /// Sends everything that happened in `(emitted, now]`; nothing when time stands still.
    pub fn emit_until(&mut self, now: i64) {
        let from = self.emitted;
        if now <= from {
            return;
        }
        self.emitted = now;
        for n in 0..self.markets.len() {
            if !self.markets[n].listing.delisted {
                self.emit_trades(n, from, now);
                self.emit_book(n, now);
            }
            self.emit_context(n, from, now);
        }
    }

    fn emit_trades(&mut self, n: usize, from: i64, now: i64) {
        let mut trades = self.markets[n].trades(from + 1, now + 1);
        if trades.is_empty() {
            return;
        }
        let listing = self.markets[n].listing.clone();
        self.emit_candles(n, &trades, now);
        let swallow = self.faults.drop_trades.get_mut(listing.coin);
        let swallowed = swallow.map_or(0, |left| {
            let now = (*left).min(trades.len() as u64);
            *left -= now;
            now as usize
        });
        let dropped = self.counts.dropped.entry(listing.coin.to_owned()).or_default();
        trades.drain(..swallowed).for_each(|t| dropped.add(&t));
        if !trades.is_empty()
            && self.deliver(&Topic::of("trades", listing.coin), &frames::trades(&listing, &trades))
        {
            let sent = self.counts.sent.entry(listing.coin.to_owned()).or_default();
            trades.iter().for_each(|t| sent.add(t));
        }
    }

    /// Candles the new trades changed: those they were the last of, then the forming one.
    fn emit_candles(&mut self, n: usize, trades: &[FakeTrade], now: i64) {
        let coin = self.markets[n].listing.coin;
        for topic in self.wanted("candle").into_iter().filter(|t| t.coin == coin) {
            let Some(bucket) = bucket(&topic.interval) else { continue };
            let touched: BTreeSet<(i64, i64)> = trades.iter().map(|t| bucket(t.time)).collect();
            for (open, end) in touched {
                let market = &mut self.markets[n];
                let bars = market.bars_by(bucket, open, end, now + 1);
                let Some(bar) = bars.last().filter(|b| b.trades > 0) else { continue };
                let body = frames::candle(&market.listing, &topic.interval, bar, end);
                self.deliver(&topic, &frames::frame("candle", &body));
            }
        }
    }

    /// Whole books, each half second at most; best prices on each step that changed them.
    fn emit_book(&mut self, n: usize, now: i64) {
        let listing = self.markets[n].listing.clone();
        let coin = listing.coin;
        while let Some(due) = self.books.get(coin).map(Ladder::due).filter(|due| *due <= now) {
            let mid = self.markets[n].mid_ticks(due);
            let Some(ladder) = self.books.get_mut(coin) else { return };
            let best =
                |l: &Ladder| (l.book.bids.last_key_value().map(own), l.book.asks.first_key_value().map(own));
            let before = best(ladder);
            ladder.step(mid);
            let quote = (best(ladder) != before).then(|| frames::best(&listing, &ladder.book, due));
            if let Some(quote) = quote {
                self.deliver(&Topic::of("bbo", coin), &frames::frame("bbo", &quote));
            }
            if due.rem_euclid(500) == 0
                && let Some(text) = self.book_frame(coin, due)
            {
                self.deliver(&Topic::of("l2Book", coin), &text);
            }
        }
    }

    /// Contexts each second, changed or not.
    fn emit_context(&mut self, n: usize, from: i64, now: i64) {
        let second = now - now.rem_euclid(1_000);
        if second > from {
            let coin = self.markets[n].listing.coin;
            let context = frames::context(&self.markets[n], second);
            let text = self.context_frame(coin, &context);
            self.deliver(&Topic::of("activeAssetCtx", coin), &text);
        }
    }

    /// Books of every trading market, full from the start.
    pub fn open_books(&mut self, seed: u64, now: i64) {
        for market in self.markets.iter().filter(|m| !m.listing.delisted) {
            let coin = market.listing.coin;
            let seed = mix(seed, 90, coin.len() as u64);
            let ladder = Ladder::new(market.listing.spec(), seed, now, market.mid_ticks(now), 60, 100);
            self.books.insert(coin, ladder);
        }
    }
}

fn own((price, quantity): (&i128, &i128)) -> (i128, i128) {
    (*price, *quantity)
}
