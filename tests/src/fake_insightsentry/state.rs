//! Everything the fake vendor knows, behind one lock: markets, sockets, faults, counts.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::market::{Market, Series, Span};
use super::{Options, frames};
use crate::fake::socket::Out;
use crate::oracle::ExactBar;
use crate::oracle::calendar::MINUTE;

/// One entry of a connection's list.
struct Subscription {
    market: usize,
    series: Option<Series>,
    /// The quote as last told, where quotes are wanted.
    quote: Option<Value>,
    /// The newest bar as last told.
    last: Option<ExactBar>,
    /// Bars of the first message.
    burst: usize,
}

/// One open socket.
pub struct Connection {
    pub out: UnboundedSender<Out>,
    key: Option<String>,
    subscriptions: Vec<Subscription>,
    pushed: i64,
}

impl Connection {
    pub fn new(out: UnboundedSender<Out>) -> Connection {
        Connection { out, key: None, subscriptions: Vec::new(), pushed: 0 }
    }
}

/// What a test has ordered.
#[derive(Default)]
pub struct Faults {
    pub muted: HashSet<String>,
    /// Status with which sockets are refused at the handshake.
    pub refuse_sockets: Option<u16>,
    /// A further socket is refused rather than the first one evicted.
    pub refuse_second: bool,
    /// Subscription messages still to be answered with `processing_throttled`.
    pub throttle: u32,
    pub rest_delay: Duration,
    /// REST answers still to fail, and with which status.
    pub failures: (u32, u16),
    /// REST is refused with 429 until then.
    pub limited_until: Option<Instant>,
    pub quota_exceeded: bool,
}

/// What happened so far; a test asks for a copy.
#[derive(Clone, Default, Debug)]
pub struct Counts {
    /// Handshakes completed, and most sockets open at once.
    pub connections: u64,
    pub most_open: usize,
    /// Sockets ended because another with the same key came, and those refused for it.
    pub evicted: u64,
    /// Sockets ended for sending nothing.
    pub silent: u64,
    pub pings: u64,
    /// Subscription messages as they came, with the number of the connection.
    pub messages: Vec<(u64, String)>,
    /// The codes of each list that came into force.
    pub lists: Vec<Vec<String>>,
    /// Messages beyond 300 in 5 minutes.
    pub ignored: u64,
    pub frames_out: u64,
    /// Rows of series frames by code, the same bar again included.
    pub bars_sent: BTreeMap<String, u64>,
    /// Every REST call in order, refused ones included.
    pub rest: Vec<RestCall>,
    /// REST calls answered this month.
    pub month: u32,
    /// What a client may not do and did.
    pub violations: Vec<String>,
}

/// One REST call.
#[derive(Clone, Debug)]
pub struct RestCall {
    pub at: i64,
    pub path: String,
    pub query: String,
    pub authorization: String,
    pub status: u16,
}

/// See the module.
pub struct State {
    pub options: Options,
    pub markets: Vec<Market>,
    pub connections: BTreeMap<u64, Connection>,
    pub next_connection: u64,
    pub faults: Faults,
    pub counts: Counts,
    /// Addresses asked for, of sockets and REST.
    pub addresses: Vec<String>,
    /// Each bar as last told, by code and series.
    pub told: BTreeMap<(String, Series), BTreeMap<i64, ExactBar>>,
    /// When REST calls and subscription messages came.
    pub calls: VecDeque<Instant>,
    subscribing: VecDeque<Instant>,
    beaten: i64,
}

/// Counts an event in a window; how many it then holds.
pub fn count_within(times: &mut VecDeque<Instant>, window: Duration) -> usize {
    times.push_back(Instant::now());
    while times.front().is_some_and(|at| at.elapsed() > window) {
        times.pop_front();
    }
    times.len()
}

impl State {
    pub fn new(options: Options, markets: Vec<Market>) -> State {
        let beaten = options.clock.now();
        State {
            options,
            markets,
            connections: BTreeMap::new(),
            next_connection: 1,
            faults: Faults::default(),
            counts: Counts::default(),
            addresses: Vec::new(),
            told: BTreeMap::new(),
            calls: VecDeque::new(),
            subscribing: VecDeque::new(),
            beaten,
        }
    }

    pub fn violation(&mut self, what: impl Into<String>) {
        self.counts.violations.push(what.into());
    }

    pub fn send(&mut self, id: u64, frame: &Value) {
        let told = self.connections.get(&id).map(|c| c.out.send(Out::Text(frame.to_string())));
        // A socket that has just ended is taken off by its own task.
        self.counts.frames_out += u64::from(matches!(told, Some(Ok(()))));
    }

    fn error(&mut self, id: u64, code: &str, more: &Value) {
        let mut frame = json!({"error": code, "retryable": false});
        if let (Some(frame), Some(more)) = (frame.as_object_mut(), more.as_object()) {
            frame.extend(more.clone());
        }
        self.send(id, &frame);
    }

    /// Takes a subscription message; answers whether the socket stays open.
    pub fn message(&mut self, id: u64, text: &str, now: i64) -> bool {
        self.counts.messages.push((id, text.to_owned()));
        if count_within(&mut self.subscribing, Duration::from_secs(300)) > 300 {
            self.counts.ignored += 1;
            self.violation("more than 300 subscription messages in 5 minutes");
            return true;
        }
        let Some((key, wanted)) = read_message(text) else {
            self.violation(format!("not a subscription message: {} bytes", text.len()));
            return false;
        };
        if key != self.options.key {
            self.error(id, "invalid_api_key", &json!({"message": "Invalid API key"}));
            return false;
        }
        if self.faults.throttle > 0 {
            self.faults.throttle -= 1;
            let wait = json!({"action": "wait_and_retry", "retryable": true, "retry_after_seconds": 1});
            self.error(id, "processing_throttled", &wait);
            return true;
        }
        if wanted.len() > self.options.subscriptions {
            self.violation(format!(
                "{} subscriptions in a plan of {}",
                wanted.len(),
                self.options.subscriptions
            ));
            self.error(
                id,
                "subscription_limit_exceeded",
                &json!({"details": {"limit": self.options.subscriptions}}),
            );
            return false;
        }
        let others: Vec<u64> = self
            .connections
            .iter()
            .filter(|(n, c)| **n != id && c.key.as_ref() == Some(&key))
            .map(|(n, _)| *n)
            .collect();
        if !others.is_empty() && self.faults.refuse_second {
            self.counts.evicted += 1;
            self.error(
                id,
                "max_connections_exceeded",
                &json!({"message": "Too many connections for this key"}),
            );
            return false;
        }
        for other in others {
            self.counts.evicted += 1;
            self.error(other, "connection_evicted", &json!({"message": "Replaced by a newer connection"}));
            if let Some(connection) = self.connections.remove(&other) {
                drop(connection.out.send(Out::Drop));
            }
        }
        let greeted = self.connections.get_mut(&id).is_some_and(|c| c.key.replace(key).is_some());
        if !greeted {
            self.send(id, &json!({"message": "Connected to W:LOOPBACK"}));
        }
        self.replace(id, &wanted, now);
        true
    }

    /// Puts a new list in the place of the old one.
    fn replace(&mut self, id: u64, wanted: &[Wanted], now: i64) {
        let mut subscriptions = Vec::new();
        for want in wanted {
            let market = self.markets.iter().position(|m| m.listing.code == want.code);
            let Some(market) = market else {
                self.error(id, "invalid_symbol", &json!({"symbol": want.code}));
                continue;
            };
            if want.bad_interval {
                self.violation(format!("a bar interval the vendor does not have, of {}", want.code));
                self.error(id, "invalid_bar_interval", &json!({"symbol": want.code}));
                continue;
            }
            let quote = want.quote.then_some(Value::Null);
            let burst = want.bars.unwrap_or(self.options.burst);
            subscriptions.push(Subscription { market, series: want.series, quote, last: None, burst });
        }
        self.counts.lists.push(wanted.iter().map(|w| w.code.clone()).collect());
        let status = json!({
            "event": "subscription_status", "status": "active", "subscription_count": subscriptions.len(),
        });
        if let Some(connection) = self.connections.get_mut(&id) {
            (connection.subscriptions, connection.pushed) = (subscriptions, 0);
        }
        self.send(id, &status);
        self.emit_until(now);
    }

    /// Tells each connection what has changed; nothing when time stands still.
    pub fn emit_until(&mut self, now: i64) {
        let (every, beat) =
            (self.options.push_every.as_millis() as i64, self.options.heartbeat_every.as_millis() as i64);
        let beats = now >= self.beaten + beat;
        if beats {
            self.beaten = now;
        }
        let ids: Vec<u64> = self.connections.keys().copied().collect();
        for id in ids {
            if beats {
                self.send(id, &json!({"server_time": now}));
            }
            let Some(connection) = self.connections.get_mut(&id).filter(|c| now >= c.pushed + every) else {
                continue;
            };
            connection.pushed = now;
            // Taken out while it is worked on, and put back below.
            let mut subscriptions = std::mem::take(&mut connection.subscriptions);
            for subscription in &mut subscriptions {
                for frame in self.news(subscription, now) {
                    self.send(id, &frame);
                }
            }
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.subscriptions = subscriptions;
            }
        }
    }

    /// Frames a subscription is owed.
    fn news(&mut self, subscription: &mut Subscription, now: i64) -> Vec<Value> {
        let Some(market) = self.markets.get_mut(subscription.market) else { return Vec::new() };
        let code = market.listing.code;
        if self.faults.muted.contains(code) {
            return Vec::new();
        }
        let mut news = Vec::new();
        if let Some(series) = subscription.series {
            let bars = match subscription.last {
                None => market.newest(series, subscription.burst, now),
                Some(last) => {
                    let mut bars = market.bars(series, last.open_time, now, now);
                    if bars.first() == Some(&last) {
                        bars.remove(0);
                    }
                    bars
                }
            };
            if let Some(last) = bars.last() {
                subscription.last = Some(*last);
                *self.counts.bars_sent.entry(code.to_owned()).or_default() += bars.len() as u64;
                let told = self.told.entry((code.to_owned(), series)).or_default();
                told.extend(bars.iter().map(|b| (b.open_time, *b)));
                news.push(frames::series(market, series, &bars, now));
            }
        }
        if let Some(before) = &mut subscription.quote {
            let after = frames::quote(market, now);
            news.extend(frames::changes(before, &after).map(|row| frames::quotes(vec![row], now)));
            *before = after;
        }
        news
    }
}

/// One entry of a message.
struct Wanted {
    code: String,
    series: Option<Series>,
    bad_interval: bool,
    quote: bool,
    bars: Option<usize>,
}

/// Key and list of a message; `None` for what makes the vendor hang up.
fn read_message(text: &str) -> Option<(String, Vec<Wanted>)> {
    let message: Value = serde_json::from_str(text).ok()?;
    let key = message.get("api_key")?.as_str()?.to_owned();
    let list = message.get("subscriptions")?.as_array().filter(|list| !list.is_empty())?;
    let wanted = list.iter().map(|entry| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let flag = |name: &str, default: bool| entry.get(name).map_or(Some(default), Value::as_bool);
        let kind = text("type")?;
        let (bars_wanted, quote) = match kind {
            "series" => (true, false),
            "quote" => (false, true),
            "both" => (true, true),
            _ => return None,
        };
        let interval = entry.get("bar_interval").map_or(Some(1), Value::as_i64)?;
        let span = Span::of(text("bar_type").unwrap_or("day"), interval);
        let series =
            span.filter(|_| bars_wanted).map(|span| Some(Series { span, adjusted: flag("badj", true)? }));
        let series = match series {
            Some(series) => Some(series?),
            None => None,
        };
        let bars = match entry.get("dp") {
            Some(count) => Some(rounded(count.as_u64()? as usize)),
            None => None,
        };
        Some(Wanted {
            code: text("code")?.to_owned(),
            bad_interval: bars_wanted && span.is_none(),
            series,
            quote,
            bars,
        })
    });
    Some((key, wanted.collect::<Option<_>>()?))
}

/// Bars answered for so many asked: one, or the next multiple of 500.
pub fn rounded(asked: usize) -> usize {
    if asked < 2 { asked } else { asked.next_multiple_of(500) }
}

/// The series of the live subscription the relay makes: one-minute bars at traded prices.
pub const MINUTES: Series = Series { span: Span::Ms(MINUTE), adjusted: false };
