//! A venue that speaks OKX's protocol on loopback, with a market behind it whose totals are known exactly.
//!
//! Reading order: [`market`] (what is listed and what a contract holds), [`book`] (how books are numbered),
//! [`frames`] (how it is said), [`state`] and `engine` (who is told), `control` and `ws` (the sockets), `rest`.
//! Everything it gets is counted, every breach of a documented limit noted; everything that can go wrong is a
//! command.

pub mod book;
mod control;
mod engine;
pub mod frames;
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

use self::market::{FakeTrade, Liquidation, Listing, Market};
use self::state::{Counts, PATHS, Path, State};
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
    /// A socket without data or a text ping is closed after so long.
    pub idle: Duration,
    pub clock: VenueClock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            listings: listings::all(),
            history_days: 40,
            idle: Duration::from_secs(30),
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
pub struct FakeOkx {
    inner: Arc<Inner>,
    /// Sockets at `/ws/v5/public` and `/ws/v5/business`, REST at `/api/v5`.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Frames no venue should send; none of them is an event.
pub const JUNK: [&str; 7] = [
    "",
    r#"{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-U"#,
    "null",
    "[[[[",
    r#"{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[{"instId":"BTC-USDT-SWAP","tradeId":7,"px":"cheap","sz":{},"side":"up","ts":[]}]}"#,
    r#"{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"action":"update","data":[{"asks":[["1"],[]],"bids":7,"ts":"soon","seqId":"x","prevSeqId":null}]}"#,
    r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":{},"instId":null}]}"#,
];

impl FakeOkx {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> Result<FakeOkx> {
        let clock = options.clock.clone();
        let now = clock.now();
        let since = now - now.rem_euclid(MINUTE) - options.history_days * DAY;
        let markets = options.listings.iter().map(|l| Market::new(l.clone(), options.seed, since)).collect();
        let mut state = State {
            seed: options.seed,
            markets,
            books: Default::default(),
            connections: Default::default(),
            next_connection: 1,
            faults: Default::default(),
            counts: Counts::default(),
            windows: Default::default(),
            emitted: now,
            ordered: Vec::new(),
        };
        state.open_books(now);
        let inner = Arc::new(Inner { options, clock, state: Mutex::new(state) });
        let mut tasks = JoinSet::new();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let address = fake::serve(&mut tasks, router).await?;
        let engine = Arc::clone(&inner);
        fake::drive(&mut tasks, move || {
            let now = engine.clock.now();
            engine.lock().emit_until(now);
        });
        Ok(FakeOkx { inner, address, _tasks: tasks })
    }

    pub fn clock(&self) -> &VenueClock {
        &self.inner.clock
    }

    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    /// Address of a socket path.
    pub fn socket(&self, path: Path) -> String {
        let name = match path {
            Path::Public => "public",
            Path::Business => "business",
        };
        format!("ws://{}/ws/v5/{name}", self.address)
    }

    /// A copy of everything counted so far.
    pub fn counts(&self) -> Counts {
        self.inner.lock().counts.clone()
    }

    /// Breaches of documented limits so far.
    pub fn violations(&self) -> Vec<String> {
        self.inner.lock().counts.violations.clone()
    }

    /// Sockets open now, of a path.
    pub fn open(&self, path: Path) -> usize {
        self.inner.lock().connections.values().filter(|c| c.path == path).count()
    }

    /// Subscriptions held now, over all sockets.
    pub fn held(&self) -> Vec<String> {
        self.inner.lock().held("").into_iter().collect()
    }

    /// Ends every socket of the paths without a word.
    pub fn disconnect(&self, paths: &[Path]) -> usize {
        self.inner.lock().tell(paths, &Out::Drop)
    }

    /// Closes every socket of the paths with a code.
    pub fn close(&self, paths: &[Path], code: u16, reason: &'static str) -> usize {
        self.inner.lock().tell(paths, &Out::Close(code, reason))
    }

    /// Tells every socket that it will go in a minute: notice 64008.
    pub fn announce_upgrade(&self) -> usize {
        let notice = r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"a4d3ae55"}"#;
        self.inner.lock().tell(&PATHS, &Out::Text(notice.to_owned()))
    }

    /// Sends an error event to every socket of the paths.
    pub fn error_event(&self, paths: &[Path], code: u32) {
        let mut state = self.inner.lock();
        let on: Vec<u64> =
            state.connections.iter().filter(|(_, c)| paths.contains(&c.path)).map(|(id, _)| *id).collect();
        for connection in on {
            state.refuse(connection, code, "Internal system error, please try again later.", None);
        }
    }

    /// Refuses new sockets, or takes them again.
    pub fn refuse_sockets(&self, refuse: bool) {
        self.inner.lock().faults.refuse_sockets = refuse;
    }

    /// Keeps a subscription, named as by [`state::key`], accepted and silent.
    pub fn mute(&self, key: &str, mute: Mute) {
        self.inner.lock().faults.muted.mute(key.to_owned(), mute);
    }

    pub fn unmute(&self, key: &str) {
        self.inner.lock().faults.muted.unmute(&key.to_owned());
    }

    /// Forgets a subscription on every socket, without telling: it stays silent until subscribed again.
    pub fn drop_subscription(&self, key: &str) -> usize {
        let mut state = self.inner.lock();
        state.connections.values_mut().filter_map(|c| c.held.remove(key).then_some(())).count()
    }

    /// Sends [`JUNK`] and some bytes to every socket; the number of junk frames sent.
    pub fn junk(&self) -> usize {
        let state = self.inner.lock();
        let texts: usize = JUNK.iter().map(|text| state.tell(&PATHS, &Out::Text((*text).to_owned()))).sum();
        texts + state.tell(&PATHS, &Out::Binary(vec![0x00, 0xff, 0xfe, 0x80, 0x7b]))
    }

    /// Sends a frame, as it is, to the holders of a subscription.
    pub fn inject(&self, key: &str, frame: &str) {
        self.inner.lock().deliver(key, frame);
    }

    /// Publishes a forced order of a swap now.
    ///
    /// # Panics
    /// On an unlisted instrument.
    pub fn liquidate(&self, inst_id: &str, order: Liquidation) {
        let mut state = self.inner.lock();
        let listing = state.market(inst_id).expect("a listed instrument").listing.clone();
        state.ordered.push((listing.inst_id, order));
        state.tell_liquidations(&[(listing, vec![order])]);
    }

    /// Swallows the next `updates` book updates of an instrument: a hole in the chain.
    pub fn skip_books(&self, inst_id: &str, updates: u32) {
        self.inner.lock().faults.skip_books.insert(inst_id.to_owned(), updates);
    }

    /// Starts the numbering of a book anew at its next update, as maintenance does.
    pub fn restart_book(&self, inst_id: &str) {
        if let Some(book) = self.inner.lock().books.get_mut(inst_id) {
            book.restart();
        }
    }

    /// Swallows the next `trades` trades of an instrument; REST and candles know them.
    pub fn skip_trades(&self, inst_id: &str, trades: u32) {
        self.inner.lock().faults.skip_trades.insert(inst_id.to_owned(), trades);
    }

    /// Holds every REST answer back for so long.
    pub fn delay_rest(&self, delay: Duration) {
        self.inner.lock().faults.rest_delay_ms = delay.as_millis() as u64;
    }

    /// Fails the next `answers` REST calls with 503 and 50001.
    pub fn fail_rest(&self, answers: u32) {
        self.inner.lock().faults.failures = answers;
    }

    /// Refuses the next `answers` REST calls with 50011, under HTTP 429 or 200.
    pub fn too_many_requests(&self, answers: u32, http: bool) {
        self.inner.lock().faults.too_many = (answers, http);
    }

    /// Refuses this location on every surface, or serves it again.
    pub fn refuse_location(&self, refuse: bool) {
        self.inner.lock().faults.refused_location = refuse;
    }

    /// Bars of one of the venue's intervals opening in `[from, to)`, as of now, volumes in coins of
    /// [`Listing::coin_places`] decimals; of an inverse swap in US dollars.
    ///
    /// # Panics
    /// On an unlisted instrument or a bar the venue does not have.
    pub fn bars(&self, inst_id: &str, bar: &str, from: i64, to: i64) -> Vec<ExactBar> {
        let now = self.now();
        self.with_market(inst_id, |market| {
            let bars = market::bars(market, bar, from, to, now).expect("a bar of the venue");
            bars.iter().map(|b| market.listing.in_coins(b)).collect()
        })
    }

    /// Trades with `from <= time < to`, in the venue's quantities.
    ///
    /// # Panics
    /// On an unlisted instrument.
    pub fn trades(&self, inst_id: &str, from: i64, to: i64) -> Vec<FakeTrade> {
        self.with_market(inst_id, |market| market.trades(from, to))
    }

    /// Forced orders told in `(from, to]`, ordered ones apart.
    ///
    /// # Panics
    /// On an unlisted instrument.
    pub fn liquidations(&self, inst_id: &str, from: i64, to: i64) -> Vec<Liquidation> {
        let seed = self.inner.options.seed;
        self.with_market(inst_id, |market| market::liquidations(market, seed, from, to))
    }

    /// Top of a book after its step at `time`, sizes in the venue's quantities.
    pub fn top_at(&self, inst_id: &str, time: i64) -> Option<Top> {
        self.inner.lock().books.get(inst_id).and_then(|book| book.top_at(time))
    }

    /// Reads a market.
    ///
    /// # Panics
    /// On an unlisted instrument.
    pub fn with_market<T>(&self, inst_id: &str, read: impl FnOnce(&mut Market) -> T) -> T {
        read(self.inner.lock().market(inst_id).expect("a listed instrument"))
    }
}

async fn answer(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    if request.uri().path().starts_with("/ws/") {
        return ws::handshake(inner, request).await;
    }
    let delay = inner.lock().faults.rest_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let uri = request.uri();
    let now = inner.clock.now();
    inner.lock().rest(uri.path(), uri.query().unwrap_or(""), now).into_response()
}
