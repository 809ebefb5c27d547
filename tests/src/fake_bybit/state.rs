//! Everything the fake venue knows, behind one lock: markets, sockets, faults, counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tokio::sync::mpsc::UnboundedSender;

use super::book::{DEPTHS, DepthFeed};
use super::limits::{ARGS_LENGTH, Limits, SPOT_ARGS};
use super::market::{Fields, Market, Product, mix};
use super::{frames, market};
use crate::fake::ladder::Ladder;
use crate::fake::socket::{Mutes, Out};

/// Levels a side of a book has, about: more than all depths but the deepest show.
const LEVELS: i64 = 250;
/// Length of a book's step.
const STEP_MS: i64 = 100;

/// A market's key: the same text exists on both products.
pub type Key = (Product, &'static str);

/// One open socket.
pub struct Connection {
    pub product: Product,
    pub topics: BTreeSet<String>,
    pub out: UnboundedSender<Out>,
}

/// How a REST call is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestFault {
    /// Overload, as a status of its own.
    Http429,
    /// From the edge of the venue's network.
    Http403,
    /// HTTP 200 with this `retCode`.
    RetCode(i64),
}

/// What a test has ordered.
#[derive(Default)]
pub struct Faults {
    pub muted: Mutes<(Product, String)>,
    /// Updates still to be swallowed, by topic.
    pub skip_updates: HashMap<(Product, String), u32>,
    pub rest_delay_ms: u64,
    /// Answers still to fail, and how.
    pub rest: Option<(RestFault, u32)>,
    /// Sockets are refused at the handshake with this status, REST goes on.
    pub refuse_sockets: Option<u16>,
    /// Topics answered as if they did not exist.
    pub unknown_topics: HashSet<String>,
}

/// What was sent of one market to at least one client.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Sent {
    pub trades: u64,
    /// Base quantity in units of the last decimal, by the taker's side; block trades apart.
    pub bought: i128,
    pub sold: i128,
    pub block_trades: u64,
    pub liquidations: u64,
    /// Liquidated base quantity, by the position's side.
    pub longs: i128,
    pub shorts: i128,
    /// Updates of the book, of all depths, snapshots included.
    pub books: u64,
}

/// What happened so far; a test asks for a copy.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Handshakes completed, and most sockets open at once, by category.
    pub connections: BTreeMap<&'static str, u64>,
    pub most_open: BTreeMap<&'static str, usize>,
    /// Times each topic was subscribed with success, by category and topic.
    pub subscribed: BTreeMap<(&'static str, String), u64>,
    pub unsubscribed: BTreeMap<(&'static str, String), u64>,
    /// Subscribe requests, failed ones among them.
    pub subscribe_requests: u64,
    pub failed_requests: u64,
    pub pings: u64,
    pub frames_in: u64,
    pub frames_out: u64,
    /// Connections ended because nothing was said for too long.
    pub idle_cuts: u64,
    /// REST calls by path, refused ones included, and every one in order.
    pub rest: BTreeMap<String, u64>,
    pub rest_log: Vec<RestCall>,
    pub sent: BTreeMap<(&'static str, &'static str), Sent>,
}

/// One REST call.
#[derive(Clone, Debug)]
pub struct RestCall {
    pub at: i64,
    pub path: String,
    pub query: String,
    pub status: u16,
    pub ret_code: Option<i64>,
}

/// See the module.
pub struct State {
    pub seed: u64,
    pub markets: Vec<Market>,
    pub books: HashMap<Key, Ladder>,
    pub feeds: HashMap<Key, Vec<DepthFeed>>,
    /// Tickers as last told.
    pub tickers: HashMap<Key, Fields>,
    pub last_prices: HashMap<Key, i128>,
    pub connections: BTreeMap<u64, Connection>,
    pub next_connection: u64,
    pub faults: Faults,
    pub counts: Counts,
    pub limits: Limits,
    pub liquidation_one_in: u64,
    pub page: usize,
    /// Venue time up to which everything was emitted.
    pub emitted: i64,
}

impl State {
    pub fn market(&mut self, product: Product, symbol: &str) -> Option<&mut Market> {
        self.markets.iter_mut().find(|m| m.listing.product == product && m.listing.symbol == symbol)
    }

    /// The totals of a market.
    pub fn sent(&mut self, key: Key) -> &mut Sent {
        self.counts.sent.entry((key.0.category(), key.1)).or_default()
    }

    /// Books of every trading market, full from the start.
    pub fn open_books(&mut self, now: i64) {
        for market in self.markets.iter().filter(|m| m.listing.trading()) {
            let listing = market.listing;
            let key = (listing.product, listing.symbol);
            let seed = mix(self.seed, listing.product as u64, listing.spec.ticks as u64);
            let book = Ladder::new(listing.spec, seed, now, market.mid_ticks(now), LEVELS, STEP_MS);
            let feeds = DEPTHS.iter().zip(1..).map(|(depth, n)| {
                DepthFeed::new(*depth, 13_000_000 + mix(seed, n, 81) % 1_000_000, &book.book)
            });
            self.feeds.insert(key, feeds.collect());
            self.books.insert(key, book);
        }
    }

    /// Whether anyone would get a frame of `topic`.
    pub fn wanted(&self, product: Product, topic: &str) -> bool {
        !self.faults.muted.silent(&(product, topic.to_owned()))
            && self.connections.values().any(|c| c.product == product && c.topics.contains(topic))
    }

    /// Sends a frame to every socket that subscribed `topic`, unless a fault hides it; whether anyone got it.
    pub fn deliver(&mut self, product: Product, topic: &str, frame: &str) -> bool {
        if self.faults.muted.silent(&(product, topic.to_owned())) {
            return false;
        }
        let holders = self.connections.values().filter(|c| c.product == product && c.topics.contains(topic));
        // A socket that has just ended is taken off by its own task.
        let told = holders.filter(|c| c.out.send(Out::Text(frame.to_owned())).is_ok()).count();
        self.counts.frames_out += told as u64;
        told > 0
    }

    /// Hands `out()` to every socket of a product, or to all.
    pub fn tell(&self, product: Option<Product>, out: impl Fn() -> Out) -> usize {
        let told = self.connections.values().filter(|c| product.is_none_or(|p| p == c.product));
        told.filter(|c| c.out.send(out()).is_ok()).count()
    }

    /// Why the venue refuses to subscribe these topics together, if it does.
    fn refusal(&mut self, id: u64, topics: &[String]) -> Option<String> {
        let connection = self.connections.get(&id)?;
        let product = connection.product;
        let held: usize = connection.topics.iter().chain(topics).map(String::len).sum();
        if product == Product::Spot && topics.len() > SPOT_ARGS {
            self.limits.breach("args_per_request");
            return Some("args size >10".into());
        }
        if held > ARGS_LENGTH {
            self.limits.breach("args_length");
            return Some("args length >21000".into());
        }
        let unknown = topics.iter().find(|t| !self.known(product, t))?;
        Some(format!("Invalid topic: [{unknown}]"))
    }

    fn known(&self, product: Product, topic: &str) -> bool {
        if self.faults.unknown_topics.contains(topic) {
            return false;
        }
        let Some((kind, symbol)) = topic.rsplit_once('.') else { return false };
        let listed = self
            .markets
            .iter()
            .any(|m| m.listing.product == product && m.listing.symbol == symbol && m.listing.trading());
        let linear = product == Product::Linear;
        listed
            && match kind.split_once('.') {
                None => matches!(kind, "publicTrade" | "tickers") || (linear && kind == "allLiquidation"),
                Some(("orderbook", depth)) => depth.parse().is_ok_and(|d| DEPTHS.contains(&d)),
                Some(("kline", interval)) => market::bucket(interval, 0).is_some(),
                Some(_) => false,
            }
    }

    /// Subscribes all topics or, where one is wrong, none.
    ///
    /// # Errors
    /// The venue's message.
    pub fn subscribe(&mut self, id: u64, topics: &[String], now: i64) -> Result<Vec<String>, String> {
        self.counts.subscribe_requests += 1;
        if let Some(message) = self.refusal(id, topics) {
            self.counts.failed_requests += 1;
            return Err(message);
        }
        let mut snapshots = Vec::new();
        for topic in topics {
            let Some(connection) = self.connections.get_mut(&id) else { break };
            let product = connection.product;
            let new = connection.topics.insert(topic.clone());
            *self.counts.subscribed.entry((product.category(), topic.clone())).or_default() += 1;
            let key = (product, topic.clone());
            self.faults.muted.subscribed(&key);
            // What is subscribed already does not begin anew.
            if new && !self.faults.muted.silent(&key) {
                snapshots.extend(self.snapshot(product, topic, now));
            }
        }
        Ok(snapshots)
    }

    pub fn unsubscribe(&mut self, id: u64, topics: &[String]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        for topic in topics {
            connection.topics.remove(topic);
            *self.counts.unsubscribed.entry((connection.product.category(), topic.clone())).or_default() += 1;
        }
    }

    /// The frame that follows a subscription by itself.
    pub fn snapshot(&mut self, product: Product, topic: &str, now: i64) -> Option<String> {
        let (kind, symbol) = topic.rsplit_once('.')?;
        if kind == "tickers" {
            return self.ticker_snapshot(product, symbol, now);
        }
        let depth: usize = kind.strip_prefix("orderbook.")?.parse().ok()?;
        self.book_snapshot(product, symbol, depth)
    }

    fn ticker_snapshot(&mut self, product: Product, symbol: &str, now: i64) -> Option<String> {
        let n =
            self.markets.iter().position(|m| m.listing.product == product && m.listing.symbol == symbol)?;
        let key = (product, self.markets[n].listing.symbol);
        // Deltas go on from what was told last, to whomever.
        if !self.tickers.contains_key(&key) {
            let book = self.books.get(&key).map(|b| &b.book);
            let fields = market::ticker(&mut self.markets[n], book, now);
            self.tickers.insert(key, fields);
        }
        Some(frames::wrap(
            product,
            &format!("tickers.{symbol}"),
            "snapshot",
            now,
            r#","cs":1"#,
            &frames::fields(self.tickers.get(&key)?),
        ))
    }

    /// The whole of one depth as last told.
    pub fn book_snapshot(&mut self, product: Product, symbol: &str, depth: usize) -> Option<String> {
        let listing = self.market(product, symbol)?.listing;
        let key = (product, listing.symbol);
        let at = self.books.get(&key)?.stepped();
        let feed = self.feeds.get(&key)?.iter().find(|f| f.depth == depth)?;
        let (bids, asks) = frames::sides(&listing, &feed.shown, depth);
        let data = frames::book_data(&listing, &bids, &asks, feed.u, at);
        let topic = format!("orderbook.{depth}.{symbol}");
        Some(frames::wrap(product, &topic, "snapshot", at + 1, &format!(r#","cts":{at}"#), &data))
    }
}
