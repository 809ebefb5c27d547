//! One line: the link machine of a route driven over real sockets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shared::link::{Config, ConnId, Input, Line as LineState, Link, Output, TopicSpec};
use shared::market::Ms;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::connection::{self, CloseReason, Heard, Target};
use super::desk::Msg;
use super::pace::Gate;
use crate::capture::FrameSink;
use crate::clock::Clock;
use crate::venues::{Decoder, Frame, Instruments, RouteSpec, Stream, Venue};

/// Frames waiting to be decoded; beyond that the socket is left unread, which the venue notices.
const FRAME_QUEUE: usize = 1_024;
/// Bad frames are logged so often at most, with an excerpt.
const LOG_EVERY: Ms = Ms::MINUTE;
const EXCERPT_CHARS: usize = 120;
/// Longest nap between looks at the clock, which may jump.
const NAP: Duration = Duration::from_secs(1);
/// How often learned intervals are told.
const USUAL_EVERY: Ms = Ms(5_000);

/// What a line needs.
pub(super) struct Line {
    pub venue: Arc<dyn Venue>,
    pub route: RouteSpec,
    pub instruments: Arc<Instruments>,
    pub streams: Vec<Stream>,
    pub desk: mpsc::Sender<Msg>,
    pub clock: Clock,
    pub proxy: Option<SecretString>,
    pub frames: Option<FrameSink>,
    /// Paces the connections of all lines of the venue.
    pub gate: Gate,
    pub seed: u64,
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
    streams: HashMap<Arc<str>, Stream>,
    connections: HashMap<ConnId, Connection>,
    heard: mpsc::Sender<(ConnId, Heard)>,
    request_id: u64,
    wake: Option<Ms>,
    up: bool,
    /// Times the line came up.
    ups: u64,
    /// Why the last connection ended.
    reason: String,
    told_usual: Option<Ms>,
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
            ..Config::venue(self.seed)
        };
        let mut driver = Driver {
            link: Link::new(config),
            streams: self.streams.iter().map(|s| (s.name.clone(), s.clone())).collect(),
            connections: HashMap::new(),
            heard,
            request_id: 0,
            wake: None,
            up: false,
            ups: 0,
            reason: "not connected yet".to_owned(),
            told_usual: None,
            bad_frames: 0,
            logged: None,
            line: self,
        };
        let spec = |s: &Stream| TopicSpec { name: s.name.clone(), usual_interval: s.usual_interval };
        let topics = driver.line.streams.iter().map(spec).collect();
        driver.input(Input::Add(topics)).await;
        driver.input(Input::Start).await;
        loop {
            let until = driver.wake.map_or(Ms::SECOND, |at| at - driver.line.clock.now());
            let nap = Duration::from_millis(until.0.max(0).unsigned_abs()).min(NAP);
            tokio::select! {
                Some((connection, what)) = hearing.recv() => driver.hear(connection, what).await,
                () = tokio::time::sleep(nap) => driver.input(Input::Timer).await,
            }
            driver.tell_usual().await;
        }
    }
}

impl Driver {
    async fn hear(&mut self, connection: ConnId, what: Heard) {
        match what {
            Heard::Opened => self.input(Input::Opened(connection)).await,
            Heard::Beat => self.input(Input::Frame { conn: connection, topic: None }).await,
            Heard::Frame(received, bytes) => self.frame(connection, received, &bytes).await,
            Heard::Closed(reason) => {
                self.connections.remove(&connection);
                let text = match reason {
                    CloseReason::RefusedLocation(text) => {
                        let text = format!("{} does not serve this location: {text}", self.line.venue.id());
                        let _ = self.line.desk.send(Msg::Reason(text.clone())).await;
                        text
                    }
                    CloseReason::Other(text) => text,
                };
                debug!(venue = %self.line.venue.id(), route = self.line.route.name, connection = connection.0, reason = text, "closed");
                self.reason = text;
                self.input(Input::Closed { conn: connection, not_before: None }).await;
            }
        }
    }

    async fn frame(&mut self, connection: ConnId, received: Ms, bytes: &[u8]) {
        if let Some(sink) = &self.line.frames {
            sink.push(received, self.line.route.name, bytes);
        }
        // What still comes on a connection given up is of no use.
        let Some(Connection { decoder, .. }) = self.connections.get_mut(&connection) else { return };
        let decoded = match decoder.decode(&self.line.instruments, received, bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.bad_frame(received, &error.to_string(), bytes);
                self.input(Input::Frame { conn: connection, topic: None }).await;
                let _ = self.line.desk.send(Msg::Error).await;
                return;
            }
        };
        let topic = decoded.stream.as_deref().filter(|_| matches!(decoded.frame, Frame::Updates(_)));
        self.input(Input::Frame { conn: connection, topic }).await;
        match decoded.frame {
            Frame::Updates(updates) if updates.is_empty() => {}
            Frame::Updates(updates) => {
                let _ = self.line.desk.send(Msg::Updates { received, updates }).await;
            }
            Frame::Refused { message, .. } => {
                warn!(venue = %self.line.venue.id(), route = self.line.route.name, message, "refused");
                let _ = self.line.desk.send(Msg::Error).await;
            }
            Frame::Shutdown => {
                info!(venue = %self.line.venue.id(), route = self.line.route.name, "the venue is about to close");
                // Dropping the sender closes the socket; the machine opens the next one.
                self.connections.remove(&connection);
            }
            Frame::Renew => {
                info!(venue = %self.line.venue.id(), route = self.line.route.name, "the venue is going to close");
                self.input(Input::Renew).await;
            }
            Frame::Final(reason) => {
                let _ = self.line.desk.send(Msg::Reason(reason)).await;
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
            let (venue, route, count) = (self.line.venue.id(), self.line.route.name, self.bad_frames);
            warn!(%venue, route, error, excerpt, count, "skipped a frame");
        }
    }

    /// Feeds the machine and does what it says.
    async fn input(&mut self, input: Input<'_>) {
        let now = self.line.clock.now();
        for output in self.link.handle(now, input) {
            self.perform(output).await;
        }
    }

    async fn perform(&mut self, output: Output) {
        match output {
            Output::Connect(connection) => {
                let (sender, outgoing) = mpsc::unbounded_channel();
                let decoder = self.line.venue.clone().decoder(self.line.route.product);
                self.connections.insert(connection, Connection { sender, decoder, held: Vec::new() });
                let route = &self.line.route;
                let target = Target {
                    url: route.url.clone(),
                    proxy: self.line.proxy.clone(),
                    messages: route.messages.clone(),
                    connects: route.connects.clone(),
                    gate: self.line.gate.clone(),
                };
                let (clock, heard) = (self.line.clock.clone(), self.heard.clone());
                tokio::spawn(connection::run(connection, target, clock, outgoing, heard));
            }
            Output::Close { conn, reason } => {
                debug!(venue = %self.line.venue.id(), route = self.line.route.name, ?reason, "closing a connection");
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
                if let Some(stream) = self.streams.get(&name).cloned() {
                    let usual = self.usual(&name);
                    let _ = self.line.desk.send(Msg::Stream { stream, state, usual }).await;
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
                let _ = self.line.desk.send(Msg::Reconnected).await;
            }
            info!(venue = %self.line.venue.id(), route, "line up");
            Msg::LineUp { route }
        } else {
            Msg::LineDown { route, streams: self.line.streams.clone(), reason: self.reason.clone() }
        };
        let _ = self.line.desk.send(message).await;
    }

    fn usual(&self, topic: &Arc<str>) -> Option<Ms> {
        self.link.topics().find(|(name, ..)| *name == topic).and_then(|(_, _, expected)| expected)
    }

    /// Learned intervals move without a change of state; status shows them all the same.
    async fn tell_usual(&mut self) {
        let now = self.line.clock.now();
        if self.told_usual.is_some_and(|at| now - at < USUAL_EVERY) {
            return;
        }
        self.told_usual = Some(now);
        let news: Vec<_> = self.link.topics().map(|(name, _, expected)| (name.clone(), expected)).collect();
        for (name, usual) in news {
            if let Some(stream) = self.streams.get(&name).cloned() {
                let _ = self.line.desk.send(Msg::Usual { stream, usual }).await;
            }
        }
    }

    fn send(&mut self, connection: ConnId, topics: &[Arc<str>], subscribe: bool) {
        let streams: Vec<Stream> = topics.iter().filter_map(|t| self.streams.get(t).cloned()).collect();
        let Some(connection) = self.connections.get_mut(&connection) else { return };
        connection.held.retain(|held| !streams.iter().any(|s| s.name == held.name));
        self.request_id += 1;
        let frames = if subscribe {
            connection.held.extend(streams.iter().cloned());
            self.line.venue.subscribe(&streams, &connection.held, self.request_id)
        } else {
            self.line.venue.unsubscribe(&streams, &connection.held, self.request_id)
        };
        // A batch may take several ids.
        self.request_id += frames.len() as u64;
        for frame in frames {
            let _ = connection.sender.send(frame);
        }
    }
}
