//! A venue that speaks Bybit's v5 protocol on loopback, with a market behind it whose totals are known exactly.
//!
//! Reading order: [`market`] (what is listed, liquidations, tickers), [`book`] (what each depth shows), [`frames`]
//! (how it is said), [`state`] and `engine` (who is told), `ws` and `rest` (the two surfaces), [`limits`] (what it
//! puts up with). Everything it gets and sends is counted; everything that can go wrong is a command.

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

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::task::JoinSet;

use self::limits::Limits;
use self::market::{FakeLiquidation, FakeTrade, Listing, Market, Product};
use self::state::{Counts, RestFault, State};
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
    /// Sockets on which nothing was said for so long are ended.
    pub idle_cut: Duration,
    /// One half second in so many has liquidations, per symbol; 0: none has.
    pub liquidation_one_in: u64,
    /// Instruments on a page at most, however many are asked for.
    pub page: usize,
    pub clock: VenueClock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            listings: listings::all(),
            history_days: 40,
            idle_cut: Duration::from_secs(600),
            liquidation_one_in: 40,
            page: 1_000,
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

/// The running venue; stops when dropped.
pub struct FakeBybit {
    inner: Arc<Inner>,
    /// Sockets (`/v5/public/linear`, `/v5/public/spot`) and REST (`/v5/market/..`) alike.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Frames no venue should send; none of them is an event. The second is cut off, the last four have wrong types.
pub const JUNK: [&str; 8] = [
    "",
    r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":17"#,
    "null",
    "[[[[",
    r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":"soon","s":"BTCUSDT","S":"Hold","v":{},"p":"cheap","i":[]}]}"#,
    r#"{"topic":"orderbook.200.BTCUSDT","type":"delta","ts":1,"data":{"s":"BTCUSDT","b":[["1"],[]],"a":7,"u":"x","seq":null}}"#,
    r#"{"topic":"tickers.BTCUSDT","type":"delta","cs":1,"ts":1,"data":{"symbol":"BTCUSDT","markPrice":"dear","openInterest":[]}}"#,
    r#"{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":1,"s":"BTCUSDT","S":"Both","v":"1","p":"-1"}]}"#,
];

impl FakeBybit {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> Result<FakeBybit> {
        let clock = options.clock.clone();
        let now = clock.now();
        let since = now - now.rem_euclid(MINUTE) - options.history_days * DAY;
        let mut state = State {
            seed: options.seed,
            markets: options.listings.iter().map(|l| Market::new(*l, options.seed, since)).collect(),
            books: Default::default(),
            feeds: Default::default(),
            tickers: Default::default(),
            last_prices: Default::default(),
            connections: Default::default(),
            next_connection: 1,
            faults: Default::default(),
            counts: Counts::default(),
            limits: Limits::default(),
            liquidation_one_in: options.liquidation_one_in,
            page: options.page,
            emitted: now,
        };
        state.open_books(now);
        let inner = Arc::new(Inner { options, clock, state: Mutex::new(state) });
        let mut tasks = JoinSet::new();
        let router = Router::new()
            .route("/v5/public/{category}", any(ws::handshake))
            .fallback(call)
            .with_state(Arc::clone(&inner));
        let address = fake::serve(&mut tasks, router).await?;
        let engine = Arc::clone(&inner);
        fake::drive(&mut tasks, move || {
            let now = engine.clock.now();
            engine.lock().emit_until(now);
        });
        Ok(FakeBybit { inner, address, _tasks: tasks })
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

    /// The venue's rules that were broken, and how often; empty for a client that behaves.
    pub fn violations(&self) -> BTreeMap<&'static str, u64> {
        self.inner.lock().limits.violations().clone()
    }

    /// Sockets open now, of a product.
    pub fn open(&self, product: Product) -> usize {
        self.inner.lock().connections.values().filter(|c| c.product == product).count()
    }

    /// Ends every socket of a product, or all, without a word.
    pub fn disconnect(&self, product: Option<Product>) -> usize {
        self.inner.lock().tell(product, || Out::Drop)
    }

    /// Refuses new sockets with this status, or takes them again.
    pub fn refuse_sockets(&self, status: Option<u16>) {
        self.inner.lock().faults.refuse_sockets = status;
    }

    /// Keeps a topic accepted and silent.
    pub fn mute(&self, product: Product, topic: &str, mute: Mute) {
        self.inner.lock().faults.muted.mute((product, topic.to_owned()), mute);
    }

    pub fn unmute(&self, product: Product, topic: &str) {
        self.inner.lock().faults.muted.unmute(&(product, topic.to_owned()));
    }

    /// Forgets a subscription on every socket, without telling: it stays silent until subscribed again.
    pub fn drop_subscription(&self, product: Product, topic: &str) -> usize {
        let mut state = self.inner.lock();
        let holders = state.connections.values_mut().filter(|c| c.product == product);
        holders.filter_map(|c| c.topics.remove(topic).then_some(())).count()
    }

    /// Answers requests that name this topic as if it did not exist.
    pub fn forget_topic(&self, topic: &str) {
        self.inner.lock().faults.unknown_topics.insert(topic.to_owned());
    }

    /// Sends [`JUNK`] and some bytes to every socket; the number of junk frames sent.
    pub fn junk(&self) -> usize {
        let state = self.inner.lock();
        let texts: usize = JUNK.iter().map(|text| state.tell(None, || Out::Text((*text).to_owned()))).sum();
        texts + state.tell(None, || Out::Binary(vec![0x00, 0xff, 0xfe, 0x80, 0x7b]))
    }

    /// Sends a frame, as it is, to the subscribers of a topic.
    pub fn inject(&self, product: Product, topic: &str, frame: &str) {
        self.inner.lock().deliver(product, topic, frame);
    }

    /// Swallows the next `updates` of a book topic: a hole in its numbering.
    pub fn skip_updates(&self, product: Product, topic: &str, updates: u32) {
        self.inner.lock().faults.skip_updates.insert((product, topic.to_owned()), updates);
    }

    /// Tells the whole book again on all its subscribed topics, out of turn; how many were told.
    pub fn repeat_snapshots(&self, product: Product, symbol: &str) -> usize {
        self.inner.lock().repeat_books(product, symbol, false)
    }

    /// Begins the book's numbering anew with a snapshot of `u` 1, as after a restart of the service.
    pub fn restart_book(&self, product: Product, symbol: &str) -> usize {
        self.inner.lock().repeat_books(product, symbol, true)
    }

    /// Publishes liquidations and counts them.
    ///
    /// # Panics
    /// On an unlisted symbol.
    pub fn liquidate(&self, symbol: &str, rows: &[FakeLiquidation]) {
        let now = self.now();
        let mut state = self.inner.lock();
        let listing = state.market(Product::Linear, symbol).expect("a listed symbol").listing;
        state.tell_liquidations(&listing, rows, now);
    }

    /// Publishes a block trade, which forms no price.
    ///
    /// # Panics
    /// On an unlisted symbol.
    pub fn block_trade(&self, product: Product, symbol: &str, trade: FakeTrade) {
        let now = self.now();
        let mut state = self.inner.lock();
        let listing = state.market(product, symbol).expect("a listed symbol").listing;
        state.tell_trades(&listing, &[trade], true, now);
    }

    /// Holds every REST answer back for so long.
    pub fn delay_rest(&self, delay: Duration) {
        self.inner.lock().faults.rest_delay_ms = delay.as_millis() as u64;
    }

    /// Fails the next `answers` REST calls in this way.
    pub fn fail_rest(&self, fault: RestFault, answers: u32) {
        self.inner.lock().faults.rest = Some((fault, answers));
    }

    /// Answers calls to a path with `retCode` 10006 and the headers that say how long.
    pub fn exhaust(&self, path: &str, lasting: Duration) {
        let reset = self.now() + lasting.as_millis() as i64;
        self.inner.lock().limits.exhaust(path, reset);
    }

    /// Bars of one of the venue's intervals opening in `[from, to)`, as of now.
    ///
    /// # Panics
    /// On an unlisted symbol or an interval the venue does not have.
    pub fn bars(&self, product: Product, symbol: &str, interval: &str, from: i64, to: i64) -> Vec<ExactBar> {
        let now = self.now();
        self.with_market(product, symbol, |market| market::bars(market, interval, from, to, now))
            .expect("an interval of the venue")
    }

    /// Trades with `from <= time < to`.
    ///
    /// # Panics
    /// On an unlisted symbol.
    pub fn trades(&self, product: Product, symbol: &str, from: i64, to: i64) -> Vec<FakeTrade> {
        self.with_market(product, symbol, |market| market.trades(from, to))
    }

    /// Top of a book after its step at `time`.
    pub fn top_at(&self, product: Product, symbol: &'static str, time: i64) -> Option<Top> {
        self.inner.lock().books.get(&(product, symbol)).and_then(|book| book.top_at(time))
    }

    /// Reads a market.
    ///
    /// # Panics
    /// On an unlisted symbol.
    pub fn with_market<T>(&self, product: Product, symbol: &str, read: impl FnOnce(&mut Market) -> T) -> T {
        read(self.inner.lock().market(product, symbol).expect("a listed symbol"))
    }
}

async fn call(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let delay = inner.lock().faults.rest_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let uri = request.uri();
    let now = inner.clock.now();
    inner.lock().rest(uri.path(), uri.query().unwrap_or(""), now).into_response()
}
