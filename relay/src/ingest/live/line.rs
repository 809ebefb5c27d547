//! One line: the link machine of a route driven over real sockets.

mod requests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use shared::link::{Config, ConnId, Input, Line as LineState, Link, Output};
use shared::market::Ms;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::connection::{self, CloseReason, Heard, Target};
use super::desk::Msg;
use super::lines::Shared;
use crate::venues::{Decoder, Frame, RouteSpec, Stream};

/// Frames waiting to be decoded; beyond that the socket is left unread, which the venue notices.
const FRAME_QUEUE: usize = 1_024;
/// Bad frames are logged so often at most, with an excerpt.
const LOG_EVERY: Ms = Ms::MINUTE;
const EXCERPT_CHARS: usize = 120;
/// Longest nap between looks at the clock, which may jump.
const NAP: Duration = Duration::from_secs(1);
/// Requests remembered until they are taken or refused.
const ASKED: usize = 64;
/// How often learned intervals are told.
const USUAL_EVERY: Ms = Ms(5_000);

/// What a line is told.
pub(super) enum Command {
    Add(Vec<Stream>),
    Remove(Vec<Stream>),
    /// Unsubscribe these names and subscribe them again.
    Resubscribe(Vec<Arc<str>>),
}

/// What a line needs.
pub(super) struct Line {
    pub shared: Shared,
    pub route: RouteSpec,
    /// Its name on the board.
    pub label: Arc<str>,
    pub orders: mpsc::UnboundedReceiver<Command>,
}

/// A connection that was asked for and has not ended.
struct Connection {
    /// The way to send on it.
    sender: mpsc::UnboundedSender<String>,
    decoder: Box<dyn Decoder>,
    /// Streams subscribed on it.
    held: Vec<Stream>,
}

struct Driver {
    line: Line,
    link: Link,
    /// By name: one stream may carry several symbols.
    streams: HashMap<Arc<str>, Vec<Stream>>,
    connections: HashMap<ConnId, Connection>,
    heard: mpsc::Sender<(ConnId, Heard)>,
    request_id: u64,
    /// What a refused control frame asked for, by the ids it may have.
    asked: VecDeque<(Range<u64>, ConnId, Vec<Arc<str>>)>,
    /// When a connection's subscriptions are to be sent once more.
    again: HashMap<ConnId, Ms>,
    wake: Option<Ms>,
    up: bool,
    /// Times the line came up.
    ups: u64,
    /// When the venue said to come again, if the connection ends before.
    not_before: Option<Ms>,
    /// Why the last connection ended.
    reason: String,
    told_usual: Option<Ms>,
    /// Streams all of whose markets are closed, as of a minute.
    closed: (Option<Ms>, HashSet<Arc<str>>),
    bad_frames: u64,
    logged: Option<Ms>,
}

impl Line {
    /// Runs until dropped.
    pub(super) async fn run(self) {
        let (heard, mut hearing) = mpsc::channel(FRAME_QUEUE);
        let keep_alive = &self.route.keep_alive;
        let config = Config {
            dead_after: keep_alive.dead_after,
            ping_every: keep_alive.ping.as_ref().map(|(every, _)| *every),
            renew_after: self.route.renew_after,
            backoff_cap: self.shared.reconnect_cap,
            ..Config::venue(self.shared.seed)
        };
        let mut driver = Driver {
            link: Link::new(config),
            streams: HashMap::new(),
            connections: HashMap::new(),
            heard,
            request_id: 0,
            asked: VecDeque::new(),
            again: HashMap::new(),
            wake: None,
            up: false,
            ups: 0,
            not_before: None,
            reason: "not connected yet".to_owned(),
            told_usual: None,
            closed: (None, HashSet::new()),
            bad_frames: 0,
            logged: None,
            line: self,
        };
        driver.input(Input::Start).await;
        loop {
            let until = driver.wake.map_or(Ms::SECOND, |at| at - driver.now());
            let nap = Duration::from_millis(until.0.max(0).unsigned_abs()).min(NAP);
            tokio::select! {
                Some(command) = driver.line.orders.recv() => driver.obey(command).await,
                Some((connection, what)) = hearing.recv() => driver.hear(connection, what).await,
                () = tokio::time::sleep(nap) => driver.input(Input::Timer).await,
            }
            driver.send_again();
            driver.watch_sessions().await;
            driver.tell_usual().await;
        }
    }
}

impl Driver {
    fn now(&self) -> Ms {
        self.line.shared.clock.now()
    }

    async fn tell(&mut self, message: Msg) {
        let _ = self.line.shared.desk.send(message).await;
    }

    /// Says why the line does not come up.
    async fn explain(&mut self, reason: String) {
        self.tell(Msg::Reason { line: self.line.label.clone(), reason }).await;
    }

    async fn hear(&mut self, connection: ConnId, what: Heard) {
        match what {
            Heard::Opened => self.input(Input::Opened(connection)).await,
            Heard::Beat => self.input(Input::Frame { conn: connection, topic: None }).await,
            Heard::Frame(received, bytes) => self.frame(connection, received, &bytes).await,
            Heard::Closed(reason) => {
                self.connections.remove(&connection);
                let text = match reason {
                    CloseReason::RefusedLocation(text) => {
                        let text =
                            format!("{} does not serve this location: {text}", self.line.shared.venue.id());
                        self.explain(text.clone()).await;
                        text
                    }
                    CloseReason::RefusedKey(text) => {
                        let text = format!("{} refused the key: {text}", self.line.shared.venue.id());
                        self.explain(text).await;
                        return self.input(Input::Stop).await;
                    }
                    CloseReason::Other(text) => text,
                };
                debug!(venue = %self.line.shared.venue.id(), route = self.line.route.name, connection = connection.0, reason = text, "closed");
                self.reason = text;
                let not_before = self.not_before.take();
                self.input(Input::Closed { conn: connection, not_before }).await;
            }
        }
    }

    async fn frame(&mut self, connection: ConnId, received: Ms, bytes: &[u8]) {
        if let Some(sink) = &self.line.shared.frames {
            sink.push(received, self.line.route.name, bytes);
        }
        // What still comes on a connection given up is of no use.
        let Some(Connection { decoder, .. }) = self.connections.get_mut(&connection) else { return };
        let instruments = self.line.shared.instruments.borrow().clone();
        let decoded = match decoder.decode(&instruments, received, bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.bad_frame(received, &error.to_string(), bytes);
                self.input(Input::Frame { conn: connection, topic: None }).await;
                self.tell(Msg::Error).await;
                return;
            }
        };
        let topic = decoded.stream.as_deref().filter(|_| matches!(decoded.frame, Frame::Updates(_)));
        self.input(Input::Frame { conn: connection, topic }).await;
        match decoded.frame {
            Frame::Updates(updates) if updates.is_empty() => {}
            Frame::Updates(updates) => {
                self.tell(Msg::Updates { received, updates, polled: false }).await;
            }
            Frame::Refused { id, streams, message } => {
                warn!(venue = %self.line.shared.venue.id(), route = self.line.route.name, ?streams, message, "refused");
                self.tell(Msg::Error).await;
                // Asked again, what is named would be refused again.
                if !self.line.shared.venue.refuses_singly() || streams.is_empty() {
                    self.refused(id);
                }
            }
            Frame::Shutdown => {
                info!(venue = %self.line.shared.venue.id(), route = self.line.route.name, "the venue is about to close");
                // Dropping the sender closes the socket; the machine opens the next one.
                self.connections.remove(&connection);
                let not_before = self.not_before.take();
                self.input(Input::Closed { conn: connection, not_before }).await;
            }
            Frame::Again { after, message } => {
                warn!(venue = %self.line.shared.venue.id(), route = self.line.route.name, message, after_ms = after.0, "to be asked again");
                self.tell(Msg::Error).await;
                self.again.insert(connection, self.now() + after);
                self.not_before = Some(self.now() + after);
            }
            Frame::Renew => {
                info!(venue = %self.line.shared.venue.id(), route = self.line.route.name, "the venue is going to close");
                self.input(Input::Renew).await;
            }
            Frame::Final(reason) => {
                self.explain(reason).await;
                self.input(Input::Stop).await;
            }
            Frame::Ack { .. } | Frame::Ignored(_) | Frame::UnnamedDepth => {}
        }
    }

    fn bad_frame(&mut self, now: Ms, error: &str, bytes: &[u8]) {
        self.bad_frames += 1;
        if self.logged.is_none_or(|at| now - at >= LOG_EVERY) {
            self.logged = Some(now);
            let excerpt: String = String::from_utf8_lossy(bytes).chars().take(EXCERPT_CHARS).collect();
            let (venue, route, count) = (self.line.shared.venue.id(), self.line.route.name, self.bad_frames);
            warn!(%venue, route, error, excerpt, count, "skipped a frame");
        }
    }

    /// Feeds the machine and does what it says.
    async fn input(&mut self, input: Input<'_>) {
        let now = self.now();
        for output in self.link.handle(now, input) {
            self.perform(output).await;
        }
    }

    async fn perform(&mut self, output: Output) {
        match output {
            Output::Connect(connection) => {
                if self.line.shared.venue.alone() {
                    // Dropping the senders closes the sockets.
                    self.connections.clear();
                }
                let (sender, outgoing) = mpsc::unbounded_channel();
                let decoder = self.line.shared.venue.clone().decoder(self.line.route.product);
                self.connections.insert(connection, Connection { sender, decoder, held: Vec::new() });
                let route = &self.line.route;
                let target = Target {
                    url: route.url.clone(),
                    proxy: self.line.shared.proxy.clone(),
                    messages: route.messages.clone(),
                    connects: route.connects.clone(),
                    gate: self.line.shared.gate.clone(),
                    settle: self.line.shared.venue.settle(),
                    ping: route.keep_alive.ping.as_ref().map(|(_, text)| text.clone()),
                };
                let (clock, heard) = (self.line.shared.clock.clone(), self.heard.clone());
                tokio::spawn(connection::run(connection, target, clock, outgoing, heard));
            }
            Output::Close { conn, reason } => {
                debug!(venue = %self.line.shared.venue.id(), route = self.line.route.name, ?reason, "closing a connection");
                self.reason = format!("{reason:?}");
                self.connections.remove(&conn);
            }
            Output::Subscribe { conn, topics } => self.send(conn, &topics, true),
            Output::Unsubscribe { conn, topics } => self.send(conn, &topics, false),
            Output::Ping(connection) => {
                if let Some((_, text)) = &self.line.route.keep_alive.ping
                    && let Some(Connection { sender, .. }) = self.connections.get(&connection)
                {
                    let _ = sender.send(text.clone());
                }
            }
            Output::Topic { name, state } => {
                let usual = self.usual(&name);
                for stream in self.streams.get(&name).cloned().unwrap_or_default() {
                    self.tell(Msg::Stream { stream, state, usual }).await;
                }
            }
            Output::Line(state) => self.line_news(state).await,
            Output::WakeAt(at) => self.wake = at,
        }
    }

    async fn line_news(&mut self, state: LineState) {
        let up = state == LineState::Open;
        if up == self.up {
            return;
        }
        self.up = up;
        let route = self.line.route.name;
        let message = if up {
            self.ups += 1;
            if self.ups > 1 {
                self.tell(Msg::Reconnected).await;
            }
            info!(venue = %self.line.shared.venue.id(), route, "line up");
            Msg::LineUp { line: self.line.label.clone() }
        } else {
            let streams = self.streams.values().flatten().cloned().collect();
            Msg::LineDown { line: self.line.label.clone(), streams, reason: self.reason.clone() }
        };
        self.tell(message).await;
    }

    /// Tells the machine whose market closed or opened: nobody waits for what cannot come.
    async fn watch_sessions(&mut self) {
        // Sessions open and close with a minute.
        let now = self.now();
        let minute = Some(now.floor(Ms::MINUTE));
        if self.closed.0 == minute {
            return;
        }
        let instruments = self.line.shared.instruments.borrow().clone();
        let trades =
            |s: &Stream| instruments.by_symbol(&s.symbol).is_none_or(|(_, i)| i.calendar.is_open(now));
        let closed = self.streams.iter().filter(|(_, streams)| !streams.iter().any(trades));
        let closed: HashSet<Arc<str>> = closed.map(|(name, _)| name.clone()).collect();
        let (_, before) = std::mem::replace(&mut self.closed, (minute, closed));
        let changes = [(false, &self.closed.1 - &before), (true, &before - &self.closed.1)];
        for (open, topics) in changes.into_iter().filter(|(_, topics)| !topics.is_empty()) {
            self.input(Input::Session { topics: topics.into_iter().collect(), open }).await;
        }
    }

    fn usual(&self, topic: &Arc<str>) -> Option<Ms> {
        self.link.topics().find(|(name, ..)| *name == topic).and_then(|(_, _, expected)| expected)
    }

    /// Learned intervals move without a change of state; status shows them all the same.
    async fn tell_usual(&mut self) {
        let now = self.now();
        if self.told_usual.is_some_and(|at| now - at < USUAL_EVERY) {
            return;
        }
        self.told_usual = Some(now);
        let news: Vec<_> = self.link.topics().map(|(name, _, expected)| (name.clone(), expected)).collect();
        for (name, usual) in news {
            for stream in self.streams.get(&name).cloned().unwrap_or_default() {
                self.tell(Msg::Usual { stream, usual }).await;
            }
        }
    }
}
