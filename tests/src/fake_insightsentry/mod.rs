//! A vendor that speaks InsightSentry's protocol on loopback, with markets behind it whose bars are known exactly.
//!
//! Reading order: [`session`] (when they trade), [`market`] (what trades), [`frames`] (how it is said), [`state`] (who
//! is told, and what it puts up with), `ws` and `rest` (the two surfaces).
//! Everything it gets is counted; what a client may not do is a violation; everything that can go wrong is a command.

pub mod frames;
pub mod market;
mod rest;
pub mod session;
pub mod state;
#[cfg(test)]
mod tests;
mod ws;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use tokio::task::JoinSet;

use self::market::{Listing, Market, Series};
use self::session::Hours;
use self::state::{Counts, State};
use crate::fake::clock::VenueClock;
use crate::fake::socket::Out;
use crate::fake::{drive, serve};
use crate::oracle::ExactBar;
use crate::oracle::calendar::DAY;

/// How the fake vendor is set up; the plan is the smallest one.
#[derive(Clone)]
pub struct Options {
    pub seed: u64,
    /// The one good key.
    pub key: String,
    pub listings: Vec<Listing>,
    /// Days of history before the start.
    pub history_days: i64,
    /// Live subscriptions of the plan, REST calls a minute and a month, most bars of a call.
    pub subscriptions: usize,
    pub per_minute: usize,
    pub per_month: u32,
    pub points: usize,
    /// Bars of the first message of a subscription.
    pub burst: usize,
    /// How often a forming bar is told again, at most.
    pub push_every: Duration,
    pub heartbeat_every: Duration,
    /// Sockets that send nothing for so long are ended.
    pub silence: Duration,
    pub clock: VenueClock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            key: "fake-insightsentry-key".into(),
            listings: market::listings(),
            history_days: 40,
            subscriptions: 2,
            per_minute: 25,
            per_month: 50_000,
            points: 20_000,
            burst: 100,
            push_every: Duration::from_millis(250),
            heartbeat_every: Duration::from_secs(20),
            silence: Duration::from_secs(45),
            clock: VenueClock::default(),
        }
    }
}

impl Options {
    /// Every market trades at any hour, for tests that run on a Saturday too.
    #[must_use]
    pub fn always_open(mut self) -> Options {
        for listing in &mut self.listings {
            listing.hours = Hours::Always;
        }
        self
    }
}

/// What the vendor's tasks share.
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

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub ws: SocketAddr,
    pub rest: SocketAddr,
}

/// Where a text was seen, in what clients sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Socket messages that carry it as their key, and those that do not.
    pub messages: usize,
    pub messages_without: usize,
    /// REST calls that carry it as bearer, and those that do not.
    pub calls: usize,
    pub calls_without: usize,
    /// Addresses that hold it, where it must never be.
    pub addresses: usize,
}

/// The running vendor; stops when dropped.
pub struct FakeInsightSentry {
    inner: Arc<Inner>,
    pub addresses: Addresses,
    _tasks: JoinSet<()>,
}

/// Frames no vendor should send; none of them is an event.
pub const JUNK: [&str; 6] = [
    "",
    r#"{"code":"CME_MINI:MNQ1!","bar_type":"1m","series":[{"time":17"#,
    "[[[[",
    r#"{"code":"CME_MINI:MNQ1!","bar_type":"1m","bar_end":"soon","series":[{"time":null,"open":{},"volume":-1}]}"#,
    r#"{"code":7,"bar_type":[],"series":{"time":1}}"#,
    r#"{"data":[{"code":null,"last_price":"cheap"}]}"#,
];

impl FakeInsightSentry {
    /// Starts on free loopback ports.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> Result<FakeInsightSentry> {
        let clock = options.clock.clone();
        let now = clock.now();
        let since = now - options.history_days * DAY;
        let market = |listing: &Listing| Market::new(listing.clone(), options.seed, since, now);
        let markets = options.listings.iter().map(market).collect();
        let state = Mutex::new(State::new(options.clone(), markets));
        let inner = Arc::new(Inner { options, clock, state });
        let mut tasks = JoinSet::new();
        let ws =
            serve(&mut tasks, Router::new().fallback(ws::handshake).with_state(Arc::clone(&inner))).await?;
        let rest = serve(&mut tasks, Router::new().fallback(call).with_state(Arc::clone(&inner))).await?;
        let engine = Arc::clone(&inner);
        drive(&mut tasks, move || engine.lock().emit_until(engine.clock.now()));
        Ok(FakeInsightSentry { inner, addresses: Addresses { ws, rest }, _tasks: tasks })
    }

    pub fn clock(&self) -> &VenueClock {
        &self.inner.clock
    }

    /// The account's key.
    pub fn key(&self) -> String {
        self.inner.options.key.clone()
    }

    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    /// A copy of everything counted so far.
    pub fn counts(&self) -> Counts {
        self.inner.lock().counts.clone()
    }

    /// How often clients did what they may not.
    pub fn violations(&self) -> usize {
        self.inner.lock().counts.violations.len()
    }

    /// Sockets open now.
    pub fn open(&self) -> usize {
        self.inner.lock().connections.len()
    }

    /// Where clients sent `key`.
    pub fn seen(&self, key: &str) -> Seen {
        let state = self.inner.lock();
        let field = format!("\"api_key\":{}", serde_json::Value::from(key));
        let sent = |text: &str| text.split_whitespace().collect::<String>().contains(&field);
        let messages = state.counts.messages.iter().filter(|(_, text)| sent(text)).count();
        let bearer = format!("Bearer {key}");
        let calls = state.counts.rest.iter().filter(|call| call.authorization == bearer).count();
        Seen {
            messages,
            messages_without: state.counts.messages.len() - messages,
            calls,
            calls_without: state.counts.rest.len() - calls,
            addresses: state.addresses.iter().filter(|address| address.contains(key)).count(),
        }
    }

    /// Ends every socket without a word.
    pub fn disconnect(&self) -> usize {
        let state = self.inner.lock();
        state.connections.values().filter(|c| c.out.send(Out::Drop).is_ok()).count()
    }

    /// Refuses new sockets with a status, or takes them again.
    pub fn refuse_sockets(&self, status: Option<u16>) {
        self.inner.lock().faults.refuse_sockets = status;
    }

    /// A second socket with the same key is refused (`max_connections_exceeded`) rather than the first evicted.
    pub fn refuse_second(&self, refuse: bool) {
        self.inner.lock().faults.refuse_second = refuse;
    }

    /// Keeps a code accepted and silent.
    pub fn mute(&self, code: &str) {
        self.inner.lock().faults.muted.insert(code.to_owned());
    }

    pub fn unmute(&self, code: &str) {
        self.inner.lock().faults.muted.remove(code);
    }

    /// Answers the next subscription messages with `processing_throttled`.
    pub fn throttle(&self, messages: u32) {
        self.inner.lock().faults.throttle = messages;
    }

    /// Sends a frame as it is to every socket; how many got it.
    pub fn inject(&self, frame: &str) -> usize {
        let state = self.inner.lock();
        state.connections.values().filter(|c| c.out.send(Out::Text(frame.to_owned())).is_ok()).count()
    }

    /// Sends [`JUNK`] to every socket; the number of junk frames sent.
    pub fn junk(&self) -> usize {
        JUNK.iter().map(|frame| self.inject(frame)).sum()
    }

    /// Holds every REST answer back for so long.
    pub fn delay_rest(&self, delay: Duration) {
        self.inner.lock().faults.rest_delay = delay;
    }

    /// Fails the next `answers` REST calls with a status.
    pub fn fail_rest(&self, answers: u32, status: u16) {
        self.inner.lock().faults.failures = (answers, status);
    }

    /// Refuses REST with 429 and `Retry-After` for so long.
    pub fn limit_rest(&self, lasting: Duration) {
        self.inner.lock().faults.limited_until = Some(Instant::now() + lasting);
    }

    /// Has the month used up: 429 `quota_exceeded` from now on; the first call is told, further ones are violations.
    pub fn exceed_quota(&self) {
        let mut state = self.inner.lock();
        state.counts.month = state.options.per_month;
    }

    /// Bars of a series opening in `[from, to)`, as of now.
    ///
    /// # Panics
    /// On an unlisted code.
    pub fn bars(&self, code: &str, series: Series, from: i64, to: i64) -> Vec<ExactBar> {
        let now = self.now();
        let mut state = self.inner.lock();
        let market = state.markets.iter_mut().find(|m| m.listing.code == code).expect("a listed code");
        market.bars(series, from, to, now)
    }

    /// Each bar told over sockets, as told last, by open time.
    pub fn told(&self, code: &str, series: Series) -> Vec<ExactBar> {
        let told = self.inner.lock().told.get(&(code.to_owned(), series)).cloned();
        told.unwrap_or_default().into_values().collect()
    }
}

async fn call(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let delay = inner.lock().faults.rest_delay;
    tokio::time::sleep(delay).await;
    let authorization = request.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or("");
    inner.lock().rest(request.uri(), authorization, inner.clock.now()).into_response()
}
