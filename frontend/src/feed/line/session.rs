//! When to connect, what to send, when to poll: the line without sockets, clocks and timers.

use std::sync::Arc;

use shared::event::{Channel, Cursor, Topic};
use shared::link::{Config, ConnId, Input, Line, Link, Output, TopicSpec};
use shared::market::{Ms, Symbol, VenueId};

use super::wants::{Wants, channel, requests};
use crate::feed::rows::Row;
use crate::json::{Known, Write, write_object, written};

/// Failed attempts after which data is polled meanwhile.
const FAILURES_BEFORE_POLLING: u32 = 3;
const POLL_EVERY: Ms = Ms(5_000);
/// The relay said that this page is too slow: so long it is said here, unless it says so again.
const SLOW_FOR: Ms = Ms(15_000);

/// How data reaches the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    Connecting,
    Live,
    Polling,
    Offline,
}

impl LinkState {
    /// The value of `data-state`.
    pub const fn name(self) -> &'static str {
        match self {
            LinkState::Connecting => "connecting",
            LinkState::Live => "live",
            LinkState::Polling => "polling",
            LinkState::Offline => "offline",
        }
    }
}

/// The line as it is shown.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkView {
    pub state: LinkState,
    /// Half the last ping's round trip, ms.
    pub latency_ms: Option<f64>,
    /// When the next attempt comes, while not connected.
    pub retry_at: Option<Ms>,
    /// The relay had to merge or drop frames for this page of late.
    pub slow: bool,
}

/// What the driver is to do, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    Connect(ConnId),
    Close(ConnId),
    Send(ConnId, String),
    /// The line was up and is down.
    Lost,
    /// It is up again: what passed meanwhile is missing.
    Again,
}

/// A line to one relay, in virtual time. Every call takes the time now.
pub struct Session {
    link: Link,
    wants: Wants,
    /// The connection that is open.
    open: Option<ConnId>,
    opened_before: bool,
    /// Attempts in a row that failed.
    failures: u32,
    retry_at: Option<Ms>,
    wake: Option<Ms>,
    pinged: Option<(u32, Ms)>,
    pings: u32,
    latency_ms: Option<f64>,
    slow_until: Ms,
    /// The newest place seen, to resume from.
    cursor: Option<Cursor>,
    poll_at: Ms,
    /// The newest poll was answered.
    polled: bool,
    /// What the machine's next request is about.
    subject: Vec<Topic>,
}

impl Session {
    /// `seed` tells the pauses of many pages apart.
    pub fn new(seed: u64) -> Session {
        // A person waits in front of it: found dead sooner than a venue's line would be.
        let config = Config { dead_after: Ms(12_000), ping_every: Some(Ms(5_000)), ..Config::browser(seed) };
        Session {
            link: Link::new(config),
            wants: Wants::default(),
            open: None,
            opened_before: false,
            failures: 0,
            retry_at: None,
            wake: None,
            pinged: None,
            pings: 0,
            latency_ms: None,
            slow_until: Ms::ZERO,
            cursor: None,
            poll_at: Ms::ZERO,
            polled: false,
            subject: Vec::new(),
        }
    }

    /// When [`Self::input`] wants [`Input::Timer`].
    pub fn wake(&self) -> Option<Ms> {
        self.wake
    }

    pub fn wants(&self) -> &Wants {
        &self.wants
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub fn view(&self, now: Ms) -> LinkView {
        let state = match self.open {
            Some(_) => LinkState::Live,
            None if self.polled => LinkState::Polling,
            None if self.failures > 0 => LinkState::Offline,
            None => LinkState::Connecting,
        };
        let up = state == LinkState::Live;
        LinkView {
            state,
            latency_ms: self.latency_ms.filter(|_| up),
            retry_at: self.retry_at,
            slow: up && now < self.slow_until,
        }
    }

    /// Sets what a chart wants and starts the line with the first wish; also answers which topics it now shares with
    /// others, whose last values it has to be told.
    pub fn want(&mut self, now: Ms, chart: u32, topics: Vec<Topic>) -> (Vec<Act>, Vec<Topic>) {
        let change = self.wants.set(chart, topics);
        let mut acts = Vec::new();
        if !change.gone.is_empty() {
            let names = change.gone.iter().map(name).collect();
            self.subject = change.gone;
            acts = self.input(now, Input::Remove(names));
        }
        if !change.new.is_empty() {
            // A line that is down could resume old topics, but has nothing to resume of new ones.
            if self.open.is_none() {
                self.cursor = None;
            }
            // Whether a venue speaks the relay knows and tells: silence of one topic means nothing here.
            let spec = |topic| TopicSpec { name: name(topic), usual_interval: None };
            let specs = change.new.iter().map(spec).collect();
            self.subject = change.new;
            acts.extend(self.input(now, Input::Add(specs)));
            acts.extend(self.input(now, Input::Start));
        }
        (acts, change.joined)
    }

    /// Takes what happened to sockets and timers.
    pub fn input(&mut self, now: Ms, input: Input<'_>) -> Vec<Act> {
        let opening = matches!(input, Input::Opened(_));
        if opening {
            self.subject = self.wants.all();
        }
        let mut acts = Vec::new();
        for output in self.link.handle(now, input) {
            match output {
                Output::Connect(conn) => acts.push(Act::Connect(conn)),
                Output::Close { conn, .. } => acts.push(Act::Close(conn)),
                Output::Subscribe { conn, .. } => {
                    let resume = self.cursor.filter(|_| opening);
                    acts.extend(self.asks("subscribe", resume).map(|text| Act::Send(conn, text)));
                }
                Output::Unsubscribe { conn, .. } => {
                    acts.extend(self.asks("unsubscribe", None).map(|text| Act::Send(conn, text)));
                }
                Output::Ping(conn) => {
                    self.pings += 1;
                    self.pinged = Some((self.pings, now));
                    let ask = Ask { id: Some(self.pings), ..Ask::to("ping") };
                    acts.push(Act::Send(conn, written(&ask)));
                }
                Output::Line(line) => self.line(now, line, &mut acts),
                Output::WakeAt(at) => self.wake = at,
                Output::Topic { .. } => {}
            }
        }
        acts
    }

    /// Takes a frame that came on a connection.
    pub fn frame(&mut self, now: Ms, conn: ConnId, frame: &Row) -> Vec<Act> {
        match frame.tag.as_str() {
            "pong" => {
                if let Some((_, sent)) = self.pinged.take_if(|(n, _)| frame.id == Some(*n)) {
                    self.latency_ms = Some((now - sent).0.max(0) as f64 / 2.0);
                }
            }
            "slow" => self.slow_until = now + SLOW_FOR,
            _ => {}
        }
        if let Some(cursor) = frame.cursor {
            // Another epoch is a relay that started anew: its places replace ours.
            let newer = self.cursor.is_none_or(|held| held.epoch != cursor.epoch || held.n < cursor.n);
            if newer {
                self.cursor = Some(cursor);
            }
        }
        let topic = topic_name(frame);
        self.input(now, Input::Frame { conn, topic: topic.as_deref() })
    }

    /// Whether values are to be fetched now. Once answered true, next in 5 s.
    pub fn is_poll_due(&mut self, now: Ms) -> bool {
        let due = self.open.is_none() && self.failures >= FAILURES_BEFORE_POLLING && now >= self.poll_at;
        if due {
            self.poll_at = now + POLL_EVERY;
        }
        due
    }

    /// A poll was answered, or failed.
    pub fn polled(&mut self, answered: bool) {
        self.polled = answered && self.open.is_none();
    }

    fn line(&mut self, now: Ms, line: Line, acts: &mut Vec<Act>) {
        let was_open = self.open.is_some();
        self.open = None;
        self.retry_at = None;
        match line {
            Line::Open => {
                self.open = self.link.primary();
                (self.failures, self.polled) = (0, false);
                if std::mem::replace(&mut self.opened_before, true) {
                    acts.push(Act::Again);
                }
            }
            Line::Waiting { until, attempt } => {
                self.retry_at = Some(until);
                self.failures = attempt;
                if was_open {
                    acts.push(Act::Lost);
                    self.poll_at = now;
                }
            }
            Line::Connecting | Line::Stopped => {}
        }
    }

    fn asks(&self, action: &'static str, resume: Option<Cursor>) -> impl Iterator<Item = String> + use<> {
        let requests = requests(&self.subject);
        requests.into_iter().map(move |request| {
            written(&Ask {
                symbols: Some(&[request.symbol]),
                venues: Some(&request.venues),
                channels: Some(&request.channels),
                intervals: request.interval.as_ref().map(std::slice::from_ref),
                resume,
                ..Ask::to(action)
            })
        })
    }
}

/// A topic's name for the machine.
fn name(topic: &Topic) -> Arc<str> {
    named(&topic.symbol, &topic.venue, topic.channel, topic.interval.map(|i| i.name())).into()
}

fn named(symbol: &Symbol, venue: &VenueId, channel: Channel, interval: Option<&str>) -> String {
    [symbol.as_str(), venue.as_str(), channel.name(), interval.unwrap_or_default()].join(" ")
}

/// What a frame is data of.
fn topic_name(frame: &Row) -> Option<String> {
    let channel = channel(frame)?;
    let timed = matches!(channel, Channel::Bar | Channel::Signal);
    let interval = frame.interval.filter(|_| timed).map(|i| i.name());
    Some(named(frame.symbol.as_ref()?, frame.venue.as_ref()?, channel, interval))
}

/// A frame to the relay.
#[derive(Default)]
struct Ask<'a> {
    action: &'static str,
    id: Option<u32>,
    symbols: Option<&'a [Symbol]>,
    venues: Option<&'a [VenueId]>,
    channels: Option<&'a [Channel]>,
    intervals: Option<&'a [&'static str]>,
    resume: Option<Cursor>,
}

impl Ask<'_> {
    fn to(action: &'static str) -> Self {
        Ask { action, ..Ask::default() }
    }
}

impl Write for Ask<'_> {
    fn write(&self, out: &mut String) {
        write_object(
            &[
                ("action", &self.action),
                ("id", &Known(self.id.as_ref())),
                ("symbols", &Known(self.symbols.as_ref())),
                ("venues", &Known(self.venues.as_ref())),
                ("channels", &Known(self.channels.as_ref())),
                ("intervals", &Known(self.intervals.as_ref())),
                ("resume", &Known(self.resume.as_ref())),
            ],
            out,
        );
    }
}

#[cfg(test)]
mod tests;
