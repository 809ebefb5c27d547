//! A venue that speaks Hyperliquid's protocol on loopback, with a market behind it whose totals are known exactly.
//!
//! Reading order: [`listings`] (what it lists), [`frames`] (how things are said), [`state`] (who is told, and what
//! goes wrong), `ws` and `info` (the two surfaces). Limits are counted and enforced: see [`Counts::violations`].

pub mod frames;
mod info;
pub mod listings;
pub mod state;
#[cfg(test)]
mod tests;
mod ws;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::State as Shared;
use axum::routing::{any, post};
use tokio::task::JoinSet;

use self::listings::Listing;
use self::state::{Counts, State, Topic};
use crate::fake::clock::{VenueClock, machine_now};
use crate::fake::market::{FakeTrade, Market, aligned, month};
use crate::fake::rest::Answer;
use crate::fake::socket::{Mute, Out};
use crate::fake::{drive, serve};
use crate::oracle::calendar::{DAY, HOUR, MINUTE};
use crate::oracle::{ExactBar, Top};

/// A coin with its history.
pub type Coin = Market<Listing>;

/// How the fake venue is set up.
#[derive(Clone)]
pub struct Options {
    pub seed: u64,
    pub listings: Vec<Listing>,
    /// Days of history before the start.
    pub history_days: i64,
    /// Sockets nothing was sent to for so long are closed.
    pub idle: Duration,
    pub clock: VenueClock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            listings: listings::all(),
            history_days: 40,
            idle: Duration::from_secs(60),
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
pub struct FakeHyperliquid {
    inner: Arc<Inner>,
    /// Where `/info` and `/ws` are: one host, as at the venue.
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Frames no venue should send; none of them is an event.
pub const JUNK: [&str; 8] = [
    "",
    "Websocket connection established.",
    r#"{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"806"#,
    "null",
    "[[[[",
    r#"{"channel":"trades","data":[{"coin":"BTC","side":"C","px":"cheap","sz":{},"time":"soon","tid":-1}]}"#,
    r#"{"channel":"l2Book","data":{"coin":"BTC","time":1,"levels":[[{"px":"1"}]]}}"#,
    r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":[],"openInterest":null}}}"#,
];

/// Divides time as one of the venue's intervals does; `None` for an interval it does not have.
pub fn bucket(interval: &str) -> Option<fn(i64) -> (i64, i64)> {
    Some(match interval {
        "1m" => |at| aligned(MINUTE, 0, at),
        "3m" => |at| aligned(3 * MINUTE, 0, at),
        "5m" => |at| aligned(5 * MINUTE, 0, at),
        "15m" => |at| aligned(15 * MINUTE, 0, at),
        "30m" => |at| aligned(30 * MINUTE, 0, at),
        "1h" => |at| aligned(HOUR, 0, at),
        "2h" => |at| aligned(2 * HOUR, 0, at),
        "4h" => |at| aligned(4 * HOUR, 0, at),
        "8h" => |at| aligned(8 * HOUR, 0, at),
        "12h" => |at| aligned(12 * HOUR, 0, at),
        "1d" => |at| aligned(DAY, 0, at),
        "3d" => |at| aligned(3 * DAY, 0, at),
        "1w" => |at| aligned(7 * DAY, 4 * DAY, at),
        "1M" => month,
        _ => return None,
    })
}

impl FakeHyperliquid {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> Result<FakeHyperliquid> {
        let clock = options.clock.clone();
        let now = clock.now();
        let since = now - now.rem_euclid(MINUTE) - options.history_days * DAY;
        let markets = options.listings.iter().map(|l| Market::new(l.clone(), options.seed, since)).collect();
        let mut state = State {
            markets,
            books: Default::default(),
            connections: Default::default(),
            next_connection: 1,
            windows: Default::default(),
            faults: Default::default(),
            counts: Counts::default(),
            limiter: Default::default(),
            emitted: now,
        };
        state.open_books(options.seed, now);
        let inner = Arc::new(Inner { options, clock, state: Mutex::new(state) });
        let mut tasks = JoinSet::new();
        let routes = Router::new().route("/info", post(info)).route("/ws", any(ws::handshake));
        let address = serve(&mut tasks, routes.with_state(Arc::clone(&inner))).await?;
        let engine = Arc::clone(&inner);
        drive(&mut tasks, move || {
            let now = engine.clock.now();
            engine.lock().emit_until(now);
        });
        Ok(FakeHyperliquid { inner, address, _tasks: tasks })
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

    /// Refuses new sockets, or takes them again.
    pub fn refuse_sockets(&self, refuse: bool) {
        self.inner.lock().faults.refuse_sockets = refuse;
    }

    /// Sends nothing over any socket, not even pongs; or speaks again.
    pub fn freeze(&self, frozen: bool) {
        self.inner.lock().faults.frozen = frozen;
    }

    /// Keeps a topic accepted and silent.
    pub fn mute(&self, topic: Topic, mute: Mute) {
        self.inner.lock().faults.mutes.mute(topic, mute);
    }

    pub fn unmute(&self, topic: &Topic) {
        self.inner.lock().faults.mutes.unmute(topic);
    }

    /// Forgets a subscription on every socket, without telling.
    pub fn drop_subscription(&self, topic: &Topic) -> usize {
        let mut state = self.inner.lock();
        state.connections.values_mut().filter_map(|c| c.topics.remove(topic).then_some(())).count()
    }

    /// Swallows the next `trades` trades of a coin on the sockets; candles and REST know them.
    pub fn drop_trades(&self, coin: &str, trades: u64) {
        self.inner.lock().faults.drop_trades.insert(coin.to_owned(), trades);
    }

    /// Sends [`JUNK`] and some bytes to every socket; the number of junk frames sent.
    pub fn junk(&self) -> usize {
        let state = self.inner.lock();
        let texts: usize = JUNK.iter().map(|text| state.tell(|| Out::Text((*text).to_owned()))).sum();
        texts + state.tell(|| Out::Binary(vec![0x00, 0xff, 0xfe, 0x80, 0x7b]))
    }

    /// Sends a frame, as it is, to the subscribers of a topic.
    pub fn inject(&self, topic: &Topic, text: &str) {
        self.inner.lock().deliver(topic, text);
    }

    /// Holds every REST answer back for so long.
    pub fn delay_rest(&self, delay: Duration) {
        self.inner.lock().faults.rest_delay_ms = delay.as_millis() as u64;
    }

    /// Fails the next `answers` REST calls with 502.
    pub fn fail_rest(&self, answers: u32) {
        self.inner.lock().faults.failures = answers;
    }

    /// Answers every REST call with 429 for so long.
    pub fn refuse_rest(&self, lasting: Duration) {
        self.inner.lock().limiter.refuse_until = machine_now() + lasting.as_millis() as i64;
    }

    /// Sets the weight taken in a minute.
    pub fn set_capacity(&self, weight: u32) {
        self.inner.lock().limiter.capacity = weight;
    }

    /// Refuses this location with 403 or 451 on every surface, or serves it again.
    pub fn refuse_location(&self, status: Option<u16>) {
        self.inner.lock().faults.refused_location = status;
    }

    /// Bars of one of the venue's intervals opening in `[from, to)`, as of now.
    ///
    /// # Panics
    /// On an unlisted coin or an interval the venue does not have.
    pub fn bars(&self, coin: &str, interval: &str, from: i64, to: i64) -> Vec<ExactBar> {
        let bucket = bucket(interval).expect("an interval of the venue");
        let now = self.now();
        self.with_market(coin, |market| market.bars_by(bucket, from, to, now))
    }

    /// Trades with `from <= time < to`.
    ///
    /// # Panics
    /// On an unlisted coin.
    pub fn trades(&self, coin: &str, from: i64, to: i64) -> Vec<FakeTrade> {
        self.with_market(coin, |market| market.trades(from, to))
    }

    /// Top of a book after its step at `time`.
    pub fn top_at(&self, coin: &str, time: i64) -> Option<Top> {
        self.inner.lock().books.get(coin).and_then(|ladder| ladder.top_at(time))
    }

    /// Reads a market.
    ///
    /// # Panics
    /// On an unlisted coin.
    pub fn with_market<T>(&self, coin: &str, read: impl FnOnce(&mut Coin) -> T) -> T {
        read(self.inner.lock().market(coin).expect("a listed coin"))
    }
}

async fn info(Shared(inner): Shared<Arc<Inner>>, body: String) -> Answer {
    let delay = inner.lock().faults.rest_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let now = inner.clock.now();
    inner.lock().info(&body, now)
}
