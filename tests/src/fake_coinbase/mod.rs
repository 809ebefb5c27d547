//! A venue that speaks Coinbase Exchange's protocol on loopback, with a market behind it whose totals are known
//! exactly.
//!
//! Reading order: [`listings`] (what it lists), [`frames`] (how things are said), [`state`] (who is told, and what
//! goes wrong), `ws` and `rest` (the two surfaces). Limits are counted and enforced: see [`Counts::violations`].

pub mod frames;
pub mod listings;
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
use axum::http::header::USER_AGENT;
use tokio::task::JoinSet;

use self::listings::Listing;
use self::state::{Counts, State};
use crate::fake::clock::{VenueClock, machine_now};
use crate::fake::market::{FakeTrade, Market, aligned};
use crate::fake::rest::Answer;
use crate::fake::socket::{Mute, Out};
use crate::fake::{drive, serve};
use crate::oracle::calendar::{DAY, MINUTE};
use crate::oracle::{ExactBar, Top};

/// A product with its history.
pub type Product = Market<Listing>;

/// How the fake venue is set up.
#[derive(Clone)]
pub struct Options {
    pub seed: u64,
    pub listings: Vec<Listing>,
    /// Days of history before the start.
    pub history_days: i64,
    /// Sockets that have subscribed nothing by then are closed.
    pub subscribe_within: Duration,
    /// Levels on each side of a whole book far from the middle.
    pub far_levels: i64,
    /// Time between two updates of a book.
    pub book_step: Duration,
    pub clock: VenueClock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            listings: listings::all(),
            history_days: 40,
            subscribe_within: Duration::from_secs(5),
            far_levels: 5_000,
            book_step: Duration::from_millis(50),
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
pub struct FakeCoinbase {
    inner: Arc<Inner>,
    /// Sockets and REST are two hosts.
    pub ws: SocketAddr,
    pub rest: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Frames no venue should send; none of them is an event.
pub const JUNK: [&str; 7] = [
    "",
    r#"{"type":"match","trade_id":10818626"#,
    "null",
    "[[[[",
    r#"{"type":"match","trade_id":-1,"side":"both","size":{},"price":"cheap","product_id":"BTC-USD","sequence":"x","time":"soon"}"#,
    r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy"],[],["hold","1","2"]],"time":7}"#,
    r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["1"]],"asks":7}"#,
];

/// Reads an instant as queries have it: ISO 8601 in UTC, or Unix seconds.
fn read_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds * 1_000.0) as i64);
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if !["Z", "", "+00:00"].contains(&zone) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days from civil date, counted in years that begin in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}

impl FakeCoinbase {
    /// Starts on free loopback ports.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> Result<FakeCoinbase> {
        let clock = options.clock.clone();
        let now = clock.now();
        let since = now - now.rem_euclid(MINUTE) - options.history_days * DAY;
        let markets = options.listings.iter().map(|l| Market::new(l.clone(), options.seed, since)).collect();
        let mut state = State {
            markets,
            books: Default::default(),
            far_levels: options.far_levels,
            connections: Default::default(),
            next_connection: 1,
            windows: Default::default(),
            faults: Default::default(),
            counts: Counts::default(),
            bucket: Default::default(),
            emitted: now,
        };
        state.open_books(options.seed, now, options.book_step.as_millis() as i64);
        let inner = Arc::new(Inner { options, clock, state: Mutex::new(state) });
        let mut tasks = JoinSet::new();
        let ws =
            serve(&mut tasks, Router::new().fallback(ws::handshake).with_state(Arc::clone(&inner))).await?;
        let rest = serve(&mut tasks, Router::new().fallback(call).with_state(Arc::clone(&inner))).await?;
        let engine = Arc::clone(&inner);
        drive(&mut tasks, move || {
            let now = engine.clock.now();
            engine.lock().emit_until(now);
        });
        Ok(FakeCoinbase { inner, ws, rest, _tasks: tasks })
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

    /// Sockets open now.
    pub fn open(&self) -> usize {
        self.inner.lock().connections.len()
    }

    /// Ends every socket without a word.
    pub fn disconnect(&self) -> usize {
        self.inner.lock().tell(|| Out::Drop)
    }

    /// Ends every socket as the venue does with readers that are too slow.
    pub fn drop_as_slow(&self) -> usize {
        let state = self.inner.lock();
        state.tell(|| Out::Text(r#"{"type":"error","message":"ErrSlowConsume"}"#.to_owned()));
        state.tell(|| Out::Close(1000, "ErrSlowConsume"))
    }

    /// Refuses new sockets, or takes them again.
    pub fn refuse_sockets(&self, refuse: bool) {
        self.inner.lock().faults.refuse_sockets = refuse;
    }

    /// Keeps a channel of a product accepted and silent.
    pub fn mute(&self, channel: &str, product: &str, mute: Mute) {
        self.inner.lock().faults.mutes.mute((channel.to_owned(), product.to_owned()), mute);
    }

    pub fn unmute(&self, channel: &str, product: &str) {
        self.inner.lock().faults.mutes.unmute(&(channel.to_owned(), product.to_owned()));
    }

    /// Forgets a subscription on every socket, without telling.
    pub fn drop_subscription(&self, channel: &str, product: &str) -> usize {
        let topic = (channel.to_owned(), product.to_owned());
        let mut state = self.inner.lock();
        state.connections.values_mut().filter_map(|c| c.topics.remove(&topic).then_some(())).count()
    }

    /// Swallows the next `matches` of a product; numbers, heartbeats and REST know them.
    pub fn drop_matches(&self, product: &str, matches: u64) {
        self.inner.lock().faults.drop_matches.insert(product.to_owned(), matches);
    }

    /// Sends [`JUNK`] and some bytes to every socket; the number of junk frames sent.
    pub fn junk(&self) -> usize {
        let state = self.inner.lock();
        let texts: usize = JUNK.iter().map(|text| state.tell(|| Out::Text((*text).to_owned()))).sum();
        texts + state.tell(|| Out::Binary(vec![0x00, 0xff, 0xfe, 0x80, 0x7b]))
    }

    /// Sends a frame, as it is, to the subscribers of a channel of a product.
    pub fn inject(&self, channel: &str, product: &str, text: &str) {
        self.inner.lock().deliver(channel, product, text);
    }

    /// Holds every REST answer back for so long.
    pub fn delay_rest(&self, delay: Duration) {
        self.inner.lock().faults.rest_delay_ms = delay.as_millis() as u64;
    }

    /// Fails the next `answers` REST calls with 503.
    pub fn fail_rest(&self, answers: u32) {
        self.inner.lock().faults.failures = answers;
    }

    /// Answers every REST call with 429 for so long.
    pub fn refuse_rest(&self, lasting: Duration) {
        self.inner.lock().bucket.refuse_until = machine_now() + lasting.as_millis() as i64;
    }

    /// Sets the calls taken a second, and at once.
    pub fn set_rate(&self, per_second: f64, burst: f64) {
        let mut state = self.inner.lock();
        (state.bucket.per_second, state.bucket.burst) = (per_second, burst);
    }

    /// Refuses this location with 403 or 451 on every surface, or serves it again.
    pub fn refuse_location(&self, status: Option<u16>) {
        self.inner.lock().faults.refused_location = status;
    }

    /// Bars of a UTC-aligned length in ms opening in `[from, to)`, as of now; quiet ones are flat.
    ///
    /// # Panics
    /// On an unlisted product.
    pub fn bars(&self, product: &str, length: i64, from: i64, to: i64) -> Vec<ExactBar> {
        let now = self.now();
        self.with_market(product, |market| market.bars_by(|at| aligned(length, 0, at), from, to, now))
    }

    /// Trades with `from <= time < to`.
    ///
    /// # Panics
    /// On an unlisted product.
    pub fn trades(&self, product: &str, from: i64, to: i64) -> Vec<FakeTrade> {
        self.with_market(product, |market| market.trades(from, to))
    }

    /// Top of a book after its step at `time`.
    pub fn top_at(&self, product: &str, time: i64) -> Option<Top> {
        self.inner.lock().books.get(product).and_then(|ladder| ladder.top_at(time))
    }

    /// Reads a market.
    ///
    /// # Panics
    /// On an unlisted product.
    pub fn with_market<T>(&self, product: &str, read: impl FnOnce(&mut Product) -> T) -> T {
        read(self.inner.lock().market(product).expect("a listed product"))
    }
}

async fn call(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Answer {
    let delay = inner.lock().faults.rest_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let agent = request.headers().get(USER_AGENT).is_some_and(|a| !a.is_empty());
    let (uri, now) = (request.uri(), inner.clock.now());
    inner.lock().rest(uri.path(), uri.query().unwrap_or(""), agent, now)
}
