//! The link machine: see the [module documentation](super) for how to drive it.

use std::sync::Arc;

use super::connection::{Connection, Open, Phase, VirtualClock};
use super::topics::Topics;
use super::{Backoff, CloseReason, Config, ConnId, Input, Line, Output};
use crate::market::Ms;
use crate::wire::VenueState;

/// After sleep a line has so long to show that it lives.
const PROOF: Ms = Ms(5_000);
/// A line on which every topic that should speak is silent for this long is renewed, at most each so often.
const STUCK: Ms = Ms(60_000);
const STUCK_PAUSE: Ms = Ms(300_000);

/// One logical line: a primary connection and, during renewal, its successor.
#[derive(Clone, Debug)]
pub struct Link {
    config: Config,
    clock: VirtualClock,
    backoff: Backoff,
    renewals: Backoff,
    topics: Topics,
    line: Line,
    primary: Option<Connection>,
    successor: Option<Connection>,
    /// The next attempt, while there is no connection.
    retry_at: Option<Ms>,
    renew_at: Option<Ms>,
    overlap_until: Option<Ms>,
    stuck_checked: Option<Ms>,
    next_id: u64,
    wake: Option<Ms>,
    out: Vec<Output>,
}

impl Link {
    /// A stopped link without topics.
    pub fn new(config: Config) -> Link {
        Link {
            clock: VirtualClock::default(),
            backoff: Backoff::new(config.backoff_cap, config.seed),
            renewals: Backoff::new(Backoff::VENUE_CAP, !config.seed),
            config,
            topics: Topics::default(),
            line: Line::Stopped,
            primary: None,
            successor: None,
            retry_at: None,
            renew_at: None,
            overlap_until: None,
            stuck_checked: None,
            next_id: 0,
            wake: None,
            out: Vec::new(),
        }
    }

    /// Takes what happened at `now`, answers what to do. Inputs of closed connections change nothing.
    pub fn handle(&mut self, now: Ms, input: Input<'_>) -> Vec<Output> {
        let (now, asleep) = self.clock.advance(now, self.wake);
        let frame = matches!(input, Input::Frame { .. });
        let timer = matches!(input, Input::Timer);
        self.take(now, input);
        if asleep {
            self.demand_proof(now);
        }
        let due = self.wake.is_some_and(|wake| now >= wake);
        if due {
            self.do_due(now);
        }
        // Frames only put things off; waking too early does no harm.
        if due || timer || asleep || !frame || !self.out.is_empty() {
            self.set_wake(self.next_wake(), timer || asleep);
        }
        std::mem::take(&mut self.out)
    }

    pub fn line(&self) -> Line {
        self.line
    }

    /// The connection whose data counts first; the other one is being tried.
    pub fn primary(&self) -> Option<ConnId> {
        self.primary.as_ref().map(|c| c.id)
    }

    /// Each topic by name, with its state and the interval its data is expected in (`None`: silence means
    /// nothing).
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, VenueState, Option<Ms>)> {
        self.topics.iter()
    }

    fn take(&mut self, now: Ms, input: Input<'_>) {
        match input {
            Input::Start => {
                if self.line == Line::Stopped {
                    self.connect(now);
                }
            }
            Input::Stop => self.stop(),
            Input::Add(specs) => {
                let names = self.topics.add(specs);
                self.send_all(names, true);
                if self.is_open() {
                    self.topics.subscribed(now, &mut self.out);
                }
            }
            Input::Remove(names) => {
                let names = self.topics.remove(names);
                self.send_all(names, false);
            }
            Input::Session { topics, open } => {
                self.topics.session(&topics, open, now);
                if self.is_open() {
                    self.wake = Some(now);
                }
            }
            Input::Opened(conn) => self.opened(conn, now),
            Input::Frame { conn, topic } => self.heard(conn, topic, now),
            Input::Closed { conn, not_before } => {
                let not_before = not_before.map(|at| self.clock.own(at));
                self.gone(conn, now, not_before);
            }
            Input::Timer => {}
            Input::Retry => {
                if self.retry_at.is_some() {
                    self.connect(now);
                }
            }
            Input::Renew => {
                if self.is_open() && self.successor.is_none() {
                    self.renew_at = Some(now);
                    self.wake = Some(now);
                }
            }
            Input::Prove => {
                self.demand_proof(now);
                self.wake = Some(now);
            }
        }
    }

    fn connect(&mut self, now: Ms) {
        let connection = self.connecting(now);
        self.primary = Some(connection);
        self.retry_at = None;
        self.set_line(Line::Connecting);
    }

    fn connecting(&mut self, now: Ms) -> Connection {
        self.next_id += 1;
        let id = ConnId(self.next_id);
        self.out.push(Output::Connect(id));
        Connection { id, phase: Phase::Connecting { until: now + self.config.connect_timeout } }
    }

    fn stop(&mut self) {
        for connection in [self.primary.take(), self.successor.take()].into_iter().flatten() {
            self.out.push(Output::Close { conn: connection.id, reason: CloseReason::Stopped });
        }
        (self.retry_at, self.renew_at, self.overlap_until) = (None, None, None);
        self.backoff.reset();
        self.topics.down(&mut self.out);
        self.set_line(Line::Stopped);
    }

    fn opened(&mut self, conn: ConnId, now: Ms) {
        let phase = Phase::Open(Open {
            since: now,
            dead_at: now + self.config.dead_after,
            ping_at: self.config.ping_every.map(|every| now + every),
            data: None,
        });
        let connecting = |c: &&mut Connection| c.id == conn && c.open().is_none();
        if let Some(primary) = self.primary.as_mut().filter(connecting) {
            primary.phase = phase;
            self.set_line(Line::Open);
            self.topics.subscribed(now, &mut self.out);
            self.plan_renewal(now);
        } else if let Some(successor) = self.successor.as_mut().filter(connecting) {
            successor.phase = phase;
            self.topics.handover_begins();
            self.overlap_until = Some(now + self.config.overlap);
        } else {
            return;
        }
        self.send(conn, self.topics.names(), true);
    }

    fn plan_renewal(&mut self, since: Ms) {
        self.renew_at =
            self.config.renew_after.map(|age| since + age - Ms(self.renewals.below(age.0 / 10 + 1)));
    }

    fn heard(&mut self, conn: ConnId, topic: Option<&str>, now: Ms) {
        let successor = self.successor.as_ref().is_some_and(|c| c.id == conn);
        let connection = if successor { &mut self.successor } else { &mut self.primary };
        let Some(open) = connection.as_mut().filter(|c| c.id == conn).and_then(Connection::open_mut) else {
            return;
        };
        open.dead_at = now + self.config.dead_after;
        let Some(deadline) = topic.and_then(|name| self.topics.data(name, successor, now, &mut self.out))
        else {
            return;
        };
        let first = open.data.map_or(now, |(first, _)| first);
        open.data = Some((first, now));
        if now - first >= self.config.stable_after {
            self.backoff.reset();
        }
        if self.wake.is_none_or(|wake| deadline < wake) {
            self.set_wake(Some(deadline), false);
        }
        if successor && self.topics.handed_over() {
            self.replace_primary();
        }
    }

    /// The successor becomes the primary.
    fn replace_primary(&mut self) {
        if let Some(old) = self.primary.take() {
            self.out.push(Output::Close { conn: old.id, reason: CloseReason::Replaced });
        }
        self.promote();
    }

    fn promote(&mut self) {
        self.primary = self.successor.take();
        self.overlap_until = None;
        match self.primary.as_ref().and_then(Connection::open).map(|open| open.since) {
            Some(since) => {
                self.renewals.reset();
                self.plan_renewal(since);
                self.set_line(Line::Open);
            }
            None => self.set_line(Line::Connecting),
        }
    }

    fn gone(&mut self, conn: ConnId, now: Ms, not_before: Option<Ms>) {
        if self.successor.as_ref().is_some_and(|c| c.id == conn) {
            self.successor_failed(now, not_before);
        } else if self.primary.as_ref().is_some_and(|c| c.id == conn) {
            self.primary = None;
            self.renew_at = None;
            if self.successor.as_ref().is_none_or(|c| c.open().is_none()) {
                self.topics.down(&mut self.out);
            }
            if self.successor.is_some() {
                return self.promote();
            }
            let retry_at = not_before.unwrap_or(now).max(now + self.backoff.pause());
            self.retry_at = Some(retry_at);
            let (until, attempt) = (self.clock.driver(retry_at), self.backoff.attempts());
            self.set_line(Line::Waiting { until, attempt });
        }
    }

    fn successor_failed(&mut self, now: Ms, not_before: Option<Ms>) {
        (self.successor, self.overlap_until) = (None, None);
        self.renew_at = Some(not_before.unwrap_or(now).max(now + self.renewals.pause()));
    }

    /// After sleep sockets often look open and are dead.
    fn demand_proof(&mut self, now: Ms) {
        for connection in [&mut self.primary, &mut self.successor].into_iter().flatten() {
            if let Some(open) = connection.open_mut() {
                open.dead_at = now + PROOF.min(self.config.dead_after);
                open.ping_at = open.ping_at.map(|_| now);
            }
        }
    }

    fn do_due(&mut self, now: Ms) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.connect(now);
        }
        for connection in [self.primary.clone(), self.successor.clone()].into_iter().flatten() {
            if connection.fails_at() <= now {
                let open = connection.open().is_some();
                let reason = if open { CloseReason::Dead } else { CloseReason::ConnectTimeout };
                self.out.push(Output::Close { conn: connection.id, reason });
                self.gone(connection.id, now, None);
            }
        }
        for connection in [&mut self.primary, &mut self.successor].into_iter().flatten() {
            let id = connection.id;
            if let Some(ping_at) =
                connection.open_mut().and_then(|o| o.ping_at.as_mut().filter(|at| **at <= now))
            {
                *ping_at = now + self.config.ping_every.unwrap_or(self.config.dead_after);
                self.out.push(Output::Ping(id));
            }
        }
        if self.overlap_until.is_some_and(|at| at <= now) {
            self.end_overlap(now);
        }
        if self.is_open() {
            let silent = self.topics.judge(now, self.successor.is_some(), &mut self.out);
            if let Some(conn) = self.primary() {
                self.send(conn, silent.clone(), false);
                self.send(conn, silent, true);
            }
            self.check_stuck(now);
        }
        if self.renew_at.is_some_and(|at| at <= now) && self.is_open() && self.successor.is_none() {
            self.renew_at = None;
            let connection = self.connecting(now);
            self.successor = Some(connection);
        }
    }

    fn end_overlap(&mut self, now: Ms) {
        let delivered = self.successor.as_ref().and_then(Connection::open).is_some_and(|o| o.data.is_some());
        if delivered || !self.topics.any_live() {
            return self.replace_primary();
        }
        if let Some(successor) = &self.successor {
            self.out.push(Output::Close { conn: successor.id, reason: CloseReason::SuccessorFailed });
        }
        self.successor_failed(now, None);
    }

    /// Resubscribing did not help any topic: perhaps the connection itself is no good.
    fn check_stuck(&mut self, now: Ms) {
        let Some(open) = self.primary.as_ref().and_then(Connection::open) else { return };
        let since = open.data.map_or(open.since, |(_, last)| last);
        let again = self.stuck_checked.is_none_or(|at| now >= at + STUCK_PAUSE);
        if self.topics.all_silent() && now >= since + STUCK && again && self.successor.is_none() {
            self.stuck_checked = Some(now);
            self.renew_at = Some(now);
        }
    }

    fn is_open(&self) -> bool {
        self.primary.as_ref().is_some_and(|c| c.open().is_some())
    }

    fn send_all(&mut self, names: Vec<Arc<str>>, subscribe: bool) {
        for connection in [self.primary.clone(), self.successor.clone()].into_iter().flatten() {
            if connection.open().is_some() {
                self.send(connection.id, names.clone(), subscribe);
            }
        }
    }

    fn send(&mut self, conn: ConnId, topics: Vec<Arc<str>>, subscribe: bool) {
        if !topics.is_empty() {
            let subscribed = Output::Subscribe { conn, topics: topics.clone() };
            self.out.push(if subscribe { subscribed } else { Output::Unsubscribe { conn, topics } });
        }
    }

    fn set_line(&mut self, line: Line) {
        if self.line != line {
            self.line = line;
            self.out.push(Output::Line(line));
        }
    }

    fn next_wake(&self) -> Option<Ms> {
        let connections = [&self.primary, &self.successor].into_iter().flatten().map(Connection::deadline);
        let topics = self.is_open().then(|| self.topics.deadline(self.successor.is_some())).flatten();
        // A renewal under way, or of a line that is down, is not waited for.
        let renew = self.renew_at.filter(|_| self.is_open() && self.successor.is_none());
        let single = [self.retry_at, renew, self.overlap_until, topics];
        connections.chain(single.into_iter().flatten()).min()
    }

    fn set_wake(&mut self, wake: Option<Ms>, always: bool) {
        if always || wake != self.wake {
            self.wake = wake;
            self.out.push(Output::WakeAt(wake.map(|at| self.clock.driver(at))));
        }
    }
}

#[cfg(test)]
mod tests;
