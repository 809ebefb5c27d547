//! A venue that speaks Binance's protocol on loopback, with a market behind it whose totals are known exactly.
//!
//! Reading order: [`market`] (what trades), [`book`] (what rests), [`frames`] (how it is said), [`state`] and
//! `engine` (who is told), `ws` and `rest` (the two surfaces), [`limits`] (what it puts up with).
//! Everything it gets is counted; everything that can go wrong is a command.

pub mod book;
mod engine;
pub mod frames;
pub mod limits;
pub mod listings;
pub mod market;
mod rest;
pub mod state;
#[cfg(test)]
mod tests;
mod ws;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use tokio::task::JoinSet;

use self::book::FakeBook;
use self::frames::ForceOrder;
use self::market::{FakeTrade, Listing, Market, Product};
use self::state::{Counts, Route, State};
use crate::fake;
use crate::fake::clock::VenueClock;
use crate::fake::socket::{Mute, Out};
use crate::oracle::calendar::{DAY, MINUTE};
use crate::oracle::{ExactBar, Top};

/// How the fake venue is set up.
#[derive(Clone)]
pub struct Options {
    pub seed: u64,
    pub listings: Vec<Listing>,
    /// Days of history before the start.
    pub history_days: i64,
    pub ping_every: Duration,
    pub pong_within: Duration,
    /// Sockets are ended after so long.
    pub max_age: Duration,
    pub clock: VenueClock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            listings: listings::all(),
            history_days: 40,
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_secs(60),
            max_age: Duration::from_secs(86_400),
            clock: VenueClock::default(),
        }
    }
}

/// What the venue's tasks share.
struct Inner {
    options: Options,
    clock: VenueClock,
    state: Mutex<State>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where it listens: sockets and REST of the two products on a port each, since limits and bans go by host.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub usdm_ws: SocketAddr,
    pub spot_ws: SocketAddr,
    pub usdm_rest: SocketAddr,
    pub spot_rest: SocketAddr,
}

/// The running venue; stops when dropped.
pub struct FakeBinance {
    inner: Arc<Inner>,
    pub addresses: Addresses,
    _tasks: JoinSet<()>,
}

/// Routes of the futures sockets.
pub const USDM_ROUTES: [Route; 3] = [Route::UsdmPublic, Route::UsdmMarket, Route::UsdmUnrouted];
/// All routes.
pub const ROUTES: [Route; 4] = [Route::UsdmPublic, Route::UsdmMarket, Route::UsdmUnrouted, Route::Spot];

/// Frames no venue should send; none of them is an event. The second is cut off, the last three have wrong types.
pub const JUNK: [&str; 7] = [
    "",
    r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":17"#,
    "null",
    "[[[[",
    r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":"soon","a":-1,"s":"BTCUSDT","p":"cheap","q":{},"f":1,"l":1,"T":[],"m":"no"}}"#,
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":-5,"u":"x","pu":null,"b":[["1"],[]],"a":7}}"#,
    r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":null,"i":true,"r":[],"T":"x"}}"#,
];

impl FakeBinance {
    /// Starts on free loopback ports.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> Result<FakeBinance> {
        let clock = options.clock.clone();
        let now = clock.now();
        let since = now - now.rem_euclid(MINUTE) - options.history_days * DAY;
        let markets = options.listings.iter().map(|l| Market::new(l.clone(), options.seed, since)).collect();
        let mut state = State {
            markets,
            books: Default::default(),
            connections: Default::default(),
            next_connection: 1,
            faults: Default::default(),
            counts: Counts::default(),
            limiters: Default::default(),
            emitted: now,
        };
        state.open_books(options.seed, now);
        let inner = Arc::new(Inner { options, clock, state: Mutex::new(state) });
        let mut tasks = JoinSet::new();
        let usdm_ws = serve_sockets(&mut tasks, &inner, Product::Usdm).await?;
        let spot_ws = serve_sockets(&mut tasks, &inner, Product::Spot).await?;
        let usdm_rest = serve_rest(&mut tasks, &inner, Product::Usdm).await?;
        let spot_rest = serve_rest(&mut tasks, &inner, Product::Spot).await?;
        let engine = Arc::clone(&inner);
        fake::drive(&mut tasks, move || {
            let now = engine.clock.now();
            engine.lock().emit_until(now);
        });
        let addresses = Addresses { usdm_ws, spot_ws, usdm_rest, spot_rest };
        Ok(FakeBinance { inner, addresses, _tasks: tasks })
    }

    pub fn clock(&self) -> &VenueClock {
        &self.inner.clock
    }

    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    /// A copy of everything counted so far.
    pub fn counts(&self) -> Counts {
        self.inner.lock().counts.clone()
    }

    /// Sockets open now, of a route.
    pub fn open(&self, route: Route) -> usize {
        self.inner.lock().connections.values().filter(|c| c.route == route).count()
    }

    /// Ends every socket of the routes without a word.
    pub fn disconnect(&self, routes: &[Route]) -> usize {
        self.inner.lock().tell(routes, || Out::Drop)
    }

    /// Refuses new sockets, or takes them again.
    pub fn refuse_sockets(&self, refuse: bool) {
        self.inner.lock().faults.refuse_sockets = refuse;
    }

    /// Keeps a stream accepted and silent.
    pub fn mute(&self, product: Product, stream: &str, mute: Mute) {
        self.inner.lock().faults.muted.mute((product, stream.to_owned()), mute);
    }

    pub fn unmute(&self, product: Product, stream: &str) {
        self.inner.lock().faults.muted.unmute(&(product, stream.to_owned()));
    }

    /// Forgets a subscription on every socket, without telling: it stays silent until subscribed again.
    pub fn drop_subscription(&self, product: Product, stream: &str) -> usize {
        let mut state = self.inner.lock();
        let holders = state.connections.values_mut().filter(|c| c.route.product() == product);
        holders.filter_map(|c| c.streams.remove(stream).then_some(())).count()
    }

    /// Sends [`JUNK`] and some bytes to every socket; the number of junk frames sent.
    pub fn junk(&self) -> usize {
        let state = self.inner.lock();
        let texts: usize =
            JUNK.iter().map(|text| state.tell(&ROUTES, || Out::Text((*text).to_owned()))).sum();
        texts + state.tell(&ROUTES, || Out::Binary(vec![0x00, 0xff, 0xfe, 0x80, 0x7b]))
    }

    /// Sends an event, as it is, to the subscribers of a stream.
    pub fn inject(&self, product: Product, stream: &str, body: &str) {
        self.inner.lock().deliver(product, stream, body);
    }

    /// Publishes a forced order on the symbol's stream and the all-market one.
    pub fn liquidate(&self, order: &ForceOrder<'_>) {
        let body = frames::force_order(order, self.now());
        let mut state = self.inner.lock();
        state.deliver(Product::Usdm, "!forceOrder@arr", &body);
        let stream = format!("{}@forceOrder", order.symbol.to_lowercase());
        state.deliver(Product::Usdm, &stream, &body);
    }

    /// Tells spot sockets that the venue is about to close.
    pub fn announce_shutdown(&self) {
        let body = format!(r#"{{"e":"serverShutdown","E":{}}}"#, self.now());
        let state = self.inner.lock();
        for connection in state.connections.values().filter(|c| c.route == Route::Spot) {
            let wrapped = format!(r#"{{"stream":"!serverShutdown","data":{body}}}"#);
            let text = if connection.combined { wrapped } else { body.clone() };
            drop(connection.out.send(Out::Text(text)));
        }
    }

    /// Swallows the next `updates` depth updates of a symbol: a hole in the numbering.
    pub fn skip_depth(&self, product: Product, symbol: &str, updates: u32) {
        self.inner.lock().faults.skip_depth.insert((product, symbol.to_owned()), updates);
    }

    /// Answers the next `answers` depth snapshots with an outdated one.
    pub fn stale_snapshots(&self, answers: u32) {
        self.inner.lock().faults.stale_snapshots = answers;
    }

    /// Holds every REST answer back for so long.
    pub fn delay_rest(&self, delay: Duration) {
        self.inner.lock().faults.rest_delay_ms = delay.as_millis() as u64;
    }

    /// Fails the next `answers` REST calls with 503.
    pub fn fail_rest(&self, answers: u32) {
        self.inner.lock().faults.failures = answers;
    }

    /// Refuses every REST call of a product with 429 or 418 for so long.
    pub fn ban(&self, product: Product, status: u16, lasting: Duration) {
        let until = self.now() + lasting.as_millis() as i64;
        self.inner.lock().limiter(product, "weight").order(status, until);
    }

    /// Leaves out `Retry-After`, as the futures host may.
    pub fn hide_retry_after(&self, product: Product) {
        self.inner.lock().limiter(product, "weight").retry_after_header = false;
    }

    /// Sets the weight a product takes in a minute.
    pub fn set_capacity(&self, product: Product, weight: u32) {
        self.inner.lock().limiter(product, "weight").set_capacity(weight);
    }

    /// Refuses this location with 451 or 403 on every surface, or serves it again.
    pub fn refuse_location(&self, status: Option<u16>) {
        self.inner.lock().faults.refused_location = status;
    }

    /// Bars of one of the venue's intervals opening in `[from, to)`, as of now.
    ///
    /// # Panics
    /// On an unlisted symbol or an interval the venue does not have.
    pub fn bars(&self, product: Product, symbol: &str, interval: &str, from: i64, to: i64) -> Vec<ExactBar> {
        let now = self.now();
        let mut state = self.inner.lock();
        let market = state.market(product, symbol).expect("a listed symbol");
        market::bars(market, interval, from, to, now).expect("an interval of the venue")
    }

    /// Trades with `from <= time < to`.
    ///
    /// # Panics
    /// On an unlisted symbol.
    pub fn trades(&self, product: Product, symbol: &str, from: i64, to: i64) -> Vec<FakeTrade> {
        self.inner.lock().market(product, symbol).expect("a listed symbol").trades(from, to)
    }

    /// Top of a book after its step at `time`.
    pub fn top_at(&self, product: Product, symbol: &'static str, time: i64) -> Option<Top> {
        self.inner.lock().books.get(&(product, symbol)).and_then(|book: &FakeBook| book.top_at(time))
    }

    /// Reads a market.
    ///
    /// # Panics
    /// On an unlisted symbol.
    pub fn with_market<T>(&self, product: Product, symbol: &str, read: impl FnOnce(&mut Market) -> T) -> T {
        read(self.inner.lock().market(product, symbol).expect("a listed symbol"))
    }
}

async fn serve_sockets(tasks: &mut JoinSet<()>, inner: &Arc<Inner>, product: Product) -> Result<SocketAddr> {
    let state = ws::Listener { product, inner: Arc::clone(inner) };
    fake::serve(tasks, Router::new().fallback(ws::handshake).with_state(state)).await
}

async fn serve_rest(tasks: &mut JoinSet<()>, inner: &Arc<Inner>, product: Product) -> Result<SocketAddr> {
    fake::serve(tasks, Router::new().fallback(call).with_state((product, Arc::clone(inner)))).await
}

async fn call(Shared((product, inner)): Shared<(Product, Arc<Inner>)>, request: Request) -> Response {
    let delay = inner.lock().faults.rest_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let uri = request.uri();
    let now = inner.clock.now();
    let answer = inner.lock().rest(product, uri.path(), uri.query().unwrap_or(""), now);
    answer.into_response()
}
