//! The lines of a venue: opened as streams need them, closed with their last stream.

use std::sync::Arc;

use secrecy::SecretString;
use shared::event::Channel;
use shared::market::{Ms, Symbol};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tracing::error;

use super::desk::Msg;
use super::line::{Command, Line};
use super::pace::Gate;
use crate::capture::FrameSink;
use crate::clock::Clock;
use crate::venues::{Instruments, RouteSpec, Stream, Venue};

/// What every line of a venue shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub venue: Arc<dyn Venue>,
    /// Everything the venue lists, as it is now.
    pub instruments: watch::Receiver<Arc<Instruments>>,
    pub desk: mpsc::Sender<Msg>,
    pub clock: Clock,
    pub proxy: Option<SecretString>,
    pub frames: Option<FrameSink>,
    /// Paces the connections of all lines of the venue.
    pub gate: Gate,
    /// The longest pause between two attempts.
    pub reconnect_cap: Ms,
    /// Seeds the jitter of reconnects.
    pub seed: u64,
}

/// The lines that run. Dropping them ends them.
pub(super) struct Lines {
    shared: Shared,
    running: Vec<Running>,
    opened: u64,
}

struct Running {
    route: RouteSpec,
    /// Unique name, for the board.
    label: Arc<str>,
    streams: Vec<Stream>,
    commands: mpsc::UnboundedSender<Command>,
    task: AbortHandle,
}

impl Running {
    /// Streams of one name are one subscription.
    fn load(&self) -> usize {
        let mut names: Vec<&str> = self.streams.iter().map(|s| &*s.name).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    fn holds(&self, name: &str) -> bool {
        self.streams.iter().any(|s| &*s.name == name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lines {
    pub(super) fn new(shared: Shared) -> Lines {
        Lines { shared, running: Vec::new(), opened: 0 }
    }

    /// Subscribes streams: on the line that carries their name already, on one with room, or on a new one.
    pub(super) fn add(&mut self, streams: Vec<Stream>) {
        for route in self.shared.venue.routes() {
            let mut mine: Vec<Stream> = streams.iter().filter(|s| s.route == route.name).cloned().collect();
            for line in self.running.iter_mut().filter(|l| l.route.name == route.name) {
                let room = route.max_streams.saturating_sub(line.load());
                let (same, new): (Vec<_>, Vec<_>) = mine.into_iter().partition(|s| line.holds(&s.name));
                let mut taken = same;
                let mut new = new.into_iter();
                taken.extend(new.by_ref().take(room));
                mine = new.collect();
                if !taken.is_empty() {
                    line.streams.extend(taken.iter().cloned());
                    let _ = line.commands.send(Command::Add(taken));
                }
            }
            let chunk = route.max_streams.max(1);
            while !mine.is_empty() {
                let rest = mine.split_off(chunk.min(mine.len()));
                self.open(&route, mine);
                mine = rest;
            }
        }
        let routes = self.shared.venue.routes();
        for stream in streams.iter().filter(|s| !routes.iter().any(|r| r.name == s.route)) {
            error!(venue = %self.shared.venue.id(), route = stream.route, "a stream on a route the venue lacks");
        }
    }

    fn open(&mut self, route: &RouteSpec, streams: Vec<Stream>) {
        self.opened += 1;
        let others = self.running.iter().filter(|l| l.route.name == route.name).count();
        let label: Arc<str> = match others {
            0 => route.name.into(),
            _ => format!("{} #{}", route.name, self.opened).into(),
        };
        let (commands, orders) = mpsc::unbounded_channel();
        let shared = Shared { seed: self.shared.seed.wrapping_add(self.opened), ..self.shared.clone() };
        let line = Line { shared, route: route.clone(), label: label.clone(), orders };
        let _ = commands.send(Command::Add(streams.clone()));
        let task = tokio::spawn(line.run()).abort_handle();
        self.running.push(Running { route: route.clone(), label, streams, commands, task });
    }

    /// Unsubscribes what only this symbol needs; answers the lines that ended with it.
    pub(super) fn remove(&mut self, symbol: &Symbol) -> Vec<Arc<str>> {
        for line in &mut self.running {
            let (gone, kept): (Vec<_>, Vec<_>) =
                std::mem::take(&mut line.streams).into_iter().partition(|s| s.symbol == *symbol);
            line.streams = kept;
            if !gone.is_empty() && !line.streams.is_empty() {
                let _ = line.commands.send(Command::Remove(gone));
            }
        }
        let over = self.running.iter().filter(|l| l.streams.is_empty()).map(|l| l.label.clone()).collect();
        self.running.retain(|l| !l.streams.is_empty());
        over
    }

    /// Subscribes a symbol's channel anew: its data is known to be incomplete.
    pub(super) fn resubscribe(&self, symbol: &Symbol, channel: Channel) {
        for line in &self.running {
            let of = |s: &&Stream| s.symbol == *symbol && s.channel == channel;
            let names: Vec<Arc<str>> = line.streams.iter().filter(of).map(|s| s.name.clone()).collect();
            if !names.is_empty() {
                let _ = line.commands.send(Command::Resubscribe(names));
            }
        }
    }
}
