//! Everything the fake venue knows, behind one lock: markets, sockets, faults, counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use tokio::sync::mpsc::UnboundedSender;

use super::book::FakeBook;
use super::limits::Limiter;
use super::market::{Market, Product};
use crate::fake::socket::{Mutes, Out};

/// The kind of socket a client opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Route {
    UsdmPublic,
    UsdmMarket,
    /// The retired form: behaves like [`Route::UsdmPublic`].
    UsdmUnrouted,
    Spot,
}

impl Route {
    pub fn product(self) -> Product {
        match self {
            Route::UsdmPublic | Route::UsdmMarket | Route::UsdmUnrouted => Product::Usdm,
            Route::Spot => Product::Spot,
        }
    }

    /// Whether a stream is delivered here; elsewhere it is accepted and silent.
    pub fn delivers(self, stream: &str) -> bool {
        let kind = stream.split_once('@').map_or(stream, |(_, kind)| kind);
        let public = kind.starts_with("depth") || kind.starts_with("bookTicker") || stream == "!bookTicker";
        match self {
            Route::UsdmPublic | Route::UsdmUnrouted => public,
            Route::UsdmMarket => !public,
            Route::Spot => true,
        }
    }

    /// Client frames a second before the venue hangs up.
    pub fn frames_per_second(self) -> usize {
        match self {
            Route::UsdmPublic | Route::UsdmMarket | Route::UsdmUnrouted => 10,
            Route::Spot => 5,
        }
    }
}

/// One open socket.
pub struct Connection {
    pub route: Route,
    pub combined: bool,
    pub streams: HashSet<String>,
    pub out: UnboundedSender<Out>,
}

/// What a test has ordered.
#[derive(Default)]
pub struct Faults {
    pub muted: Mutes<(Product, String)>,
    /// Depth updates still to be swallowed, by product and symbol.
    pub skip_depth: HashMap<(Product, String), u32>,
    /// Depth snapshots still to be answered with one from long ago.
    pub stale_snapshots: u32,
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
    /// Handshakes completed, by route.
    pub connections: BTreeMap<Route, u64>,
    /// Most sockets open at once, by route.
    pub most_open: BTreeMap<Route, usize>,
    /// Times each stream was subscribed, whether or not it exists.
    pub subscribed: BTreeMap<String, u64>,
    pub unsubscribed: BTreeMap<String, u64>,
    /// SUBSCRIBE frames as they came, with the number of the connection.
    pub subscribe_frames: Vec<(u64, String)>,
    /// All client frames, and those that were pongs.
    pub frames_in: u64,
    pub pongs: u64,
    pub frames_out: u64,
    /// Connections ended for too many client frames.
    pub too_fast: u64,
    /// Connections ended for a missing pong.
    pub pong_timeouts: u64,
    /// REST calls by path, refused ones included.
    pub rest: BTreeMap<String, u64>,
    /// Every REST call in order.
    pub rest_log: Vec<RestCall>,
}

/// One REST call.
#[derive(Clone, Debug)]
pub struct RestCall {
    pub at: i64,
    pub product: Product,
    pub path: String,
    pub query: String,
    pub status: u16,
}

impl Counts {
    /// Calls to a host that came while it was refusing with 418 or an ordered ban.
    pub fn refused(&self, product: Product) -> usize {
        self.rest_log.iter().filter(|c| c.product == product && matches!(c.status, 418 | 429)).count()
    }
}

/// See the module.
pub struct State {
    pub markets: Vec<Market>,
    pub books: HashMap<(Product, &'static str), FakeBook>,
    pub connections: BTreeMap<u64, Connection>,
    pub next_connection: u64,
    pub faults: Faults,
    pub counts: Counts,
    pub limiters: HashMap<(Product, &'static str), Limiter>,
    /// Venue time up to which everything was emitted.
    pub emitted: i64,
}

impl State {
    pub fn market(&mut self, product: Product, symbol: &str) -> Option<&mut Market> {
        self.markets.iter_mut().find(|m| m.listing.product == product && m.listing.symbol == symbol)
    }

    pub fn limiter(&mut self, product: Product, name: &'static str) -> &mut Limiter {
        let (capacity, window) = match (product, name) {
            (Product::Usdm, "weight") => (2_400, 60_000),
            (Product::Spot, "weight") => (6_000, 60_000),
            (_, "data") => (1_000, 300_000),
            _ => (500, 300_000),
        };
        self.limiters.entry((product, name)).or_insert_with(|| Limiter::new(capacity, window))
    }

    /// Streams anyone is subscribed to, of a product.
    pub fn wanted(&self, product: Product) -> HashSet<String> {
        let of_product = self.connections.values().filter(|c| c.route.product() == product);
        of_product.flat_map(|c| c.streams.iter().cloned()).collect()
    }

    /// Sends an event to every socket that subscribed `stream` where the route delivers it and no fault hides it.
    pub fn deliver(&mut self, product: Product, stream: &str, body: &str) {
        if self.faults.muted.silent(&(product, stream.to_owned())) {
            return;
        }
        for connection in self.connections.values() {
            let takes = connection.route.product() == product
                && connection.streams.contains(stream)
                && connection.route.delivers(stream);
            if !takes {
                continue;
            }
            let text = if connection.combined {
                format!(r#"{{"stream":"{stream}","data":{body}}}"#)
            } else {
                body.to_owned()
            };
            // A socket that has just ended is taken off by its own task.
            if connection.out.send(Out::Text(text)).is_ok() {
                self.counts.frames_out += 1;
            }
        }
    }

    /// Notes a subscription and what it does to a muted stream.
    pub fn subscribe(&mut self, id: u64, stream: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let key = (connection.route.product(), stream.to_owned());
        connection.streams.insert(stream.to_owned());
        *self.counts.subscribed.entry(stream.to_owned()).or_default() += 1;
        self.faults.muted.subscribed(&key);
    }

    /// Hands `out()` to every socket of the given routes.
    pub fn tell(&self, routes: &[Route], out: impl Fn() -> Out) -> usize {
        let told = self.connections.values().filter(|c| routes.contains(&c.route));
        told.filter(|c| c.out.send(out()).is_ok()).count()
    }
}
