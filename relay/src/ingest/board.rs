//! The board: what is known of every venue and topic right now, for status answers and frames.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use shared::event::Channel;
use shared::market::{Ms, Symbol, VenueId};
use shared::wire::{ChannelStatus, Status, VenueState, VenueStatus};

use crate::Mode;

/// Shared by ingest (writes) and HTTP and hub (read).
pub struct Board {
    mode: Mode,
    venues: Mutex<BTreeMap<VenueId, VenueBoard>>,
}

#[derive(Default)]
struct VenueBoard {
    /// Lines by route name: whether each is up.
    lines: BTreeMap<String, bool>,
    topics: BTreeMap<(Symbol, Channel), TopicStatus>,
    reconnects: u64,
    errors: u64,
    /// Why the venue does not work, by who says so.
    reasons: BTreeMap<Teller, String>,
    off: bool,
    state: Option<(VenueState, Ms)>,
    /// State of each channel over its symbols, and since when.
    channels: BTreeMap<Channel, (VenueState, Ms)>,
    rate_budget: Vec<BudgetStatus>,
}

/// Who knows why a venue does not work: each takes back only what it said itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Teller {
    /// The settings keep it off.
    Settings,
    /// A line, by its name on the board.
    Line(String),
    /// Calls.
    Rest,
    /// What is listed.
    Listing,
}

/// One topic in `/api/status`.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct TopicStatus {
    pub symbol: Symbol,
    pub channel: Channel,
    pub last_event: Option<Ms>,
    pub expected_interval_ms: Option<i64>,
    pub state: VenueState,
    pub since: Ms,
}

/// One REST budget in `/api/status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct BudgetStatus {
    pub name: String,
    pub used: u32,
    pub capacity: u32,
    pub window_ms: i64,
    /// No request to this host before then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<Ms>,
}

/// One venue in `/api/status`.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct VenueReport {
    pub venue: VenueId,
    pub connected: bool,
    pub state: VenueState,
    pub since: Ms,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub channels: Vec<ChannelStatus>,
    pub topics: Vec<TopicStatus>,
    pub reconnects: u64,
    pub errors: u64,
    pub rate_budget: Vec<BudgetStatus>,
}

impl Board {
    pub fn new(mode: Mode, venues: impl IntoIterator<Item = VenueId>) -> Board {
        Board { mode, venues: Mutex::new(venues.into_iter().map(|v| (v, VenueBoard::default())).collect()) }
    }

    /// A line of the venue is up or down. One that is up has no reason not to be.
    pub fn line(&self, venue: &VenueId, route: &str, up: bool) {
        self.with(venue, |board| {
            board.lines.insert(route.to_owned(), up);
            if up {
                board.reasons.remove(&Teller::Line(route.to_owned()));
            }
        });
    }

    /// A line that was closed for good.
    pub fn forget_line(&self, venue: &VenueId, route: &str) {
        self.with(venue, |board| {
            board.lines.remove(route);
            board.reasons.remove(&Teller::Line(route.to_owned()));
        });
    }

    /// A symbol that is not followed any more.
    pub fn forget_symbol(&self, venue: &VenueId, symbol: &Symbol) {
        self.with(venue, |board| board.topics.retain(|(s, _), _| s != symbol));
    }

    /// A venue that is not started, and why.
    pub fn off(&self, venue: &VenueId, reason: String) {
        self.with(venue, |board| {
            board.off = true;
            board.reasons.insert(Teller::Settings, reason);
        });
    }

    pub fn reconnected(&self, venue: &VenueId) {
        self.with(venue, |board| board.reconnects += 1);
    }

    pub fn error(&self, venue: &VenueId) {
        self.with(venue, |board| board.errors += 1);
    }

    /// Why the venue does not work as far as the teller knows, in one line; `None` once it does again.
    pub fn reason(&self, venue: &VenueId, teller: Teller, reason: Option<String>) {
        self.with(venue, |board| {
            match reason {
                Some(reason) => board.reasons.insert(teller, reason),
                None => board.reasons.remove(&teller),
            };
        });
    }

    pub fn budgets(&self, venue: &VenueId, budgets: Vec<BudgetStatus>) {
        self.with(venue, |board| board.rate_budget = budgets);
    }

    /// Data of a topic came.
    pub fn event(&self, venue: &VenueId, symbol: &Symbol, channel: Channel, at: Ms) {
        self.with(venue, |board| {
            if let Some(topic) = board.topics.get_mut(&(symbol.clone(), channel)) {
                topic.last_event = topic.last_event.max(Some(at));
            }
        });
    }

    /// The state of a topic changed, or its learned interval did.
    pub fn topic(
        &self,
        venue: &VenueId,
        symbol: &Symbol,
        channel: Channel,
        state: VenueState,
        usual: Option<Ms>,
        now: Ms,
    ) {
        self.with(venue, |board| {
            let key = (symbol.clone(), channel);
            let topic = board.topics.entry(key).or_insert_with(|| TopicStatus {
                symbol: symbol.clone(),
                channel,
                last_event: None,
                expected_interval_ms: None,
                state,
                since: now,
            });
            topic.expected_interval_ms = usual.map(|ms| ms.0);
            if topic.state != state {
                (topic.state, topic.since) = (state, now);
            }
        });
    }

    /// A topic's learned interval.
    pub fn usual(&self, venue: &VenueId, symbol: &Symbol, channel: Channel, usual: Option<Ms>) {
        self.with(venue, |board| {
            if let Some(topic) = board.topics.get_mut(&(symbol.clone(), channel)) {
                topic.expected_interval_ms = usual.map(|ms| ms.0);
            }
        });
    }

    /// A topic's state changed and nothing else; one never seen stays unknown.
    pub fn settle(&self, venue: &VenueId, symbol: &Symbol, channel: Channel, state: VenueState, now: Ms) {
        self.with(venue, |board| {
            if let Some(topic) = board.topics.get_mut(&(symbol.clone(), channel))
                && topic.state != state
            {
                (topic.state, topic.since) = (state, now);
            }
        });
    }

    /// Everything, for `/api/status`.
    pub fn report(&self, now: Ms) -> Vec<VenueReport> {
        let mut venues = self.lock();
        let report = venues.iter_mut().map(|(venue, board)| {
            let (state, since) = board.refresh(now);
            VenueReport {
                venue: venue.clone(),
                connected: board.connected(),
                state,
                since,
                reason: board.reason(),
                channels: board.channels(now),
                topics: board.topics.values().cloned().collect(),
                reconnects: board.reconnects,
                errors: board.errors,
                rate_budget: board.rate_budget.clone(),
            }
        });
        report.collect()
    }

    /// The status frame of this moment.
    pub fn status(&self, now: Ms) -> Status {
        let venues: Vec<VenueStatus> = self
            .report(now)
            .into_iter()
            .map(|v| VenueStatus {
                venue: v.venue,
                state: v.state,
                since: v.since,
                reason: v.reason,
                channels: v.channels,
            })
            .collect();
        Status {
            timestamp: now,
            connected: venues.iter().any(|v| matches!(v.state, VenueState::Live | VenueState::Quiet)),
            exchanges: venues.iter().map(|v| v.venue.clone()).collect(),
            venues,
            mode: self.mode.name().to_owned(),
        }
    }

    fn with(&self, venue: &VenueId, f: impl FnOnce(&mut VenueBoard)) {
        f(self.lock().entry(venue.clone()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<VenueId, VenueBoard>> {
        self.venues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VenueBoard {
    /// What everybody says, each thing once.
    fn reason(&self) -> Option<String> {
        let mut said: Vec<&str> = Vec::new();
        for reason in self.reasons.values().filter(|reason| !reason.is_empty()) {
            if !said.contains(&reason.as_str()) {
                said.push(reason);
            }
        }
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn connected(&self) -> bool {
        !self.lines.is_empty() && self.lines.values().all(|up| *up)
    }

    /// Each channel over its symbols: as bad as the worst of them.
    fn channels(&mut self, now: Ms) -> Vec<ChannelStatus> {
        let mut found: BTreeMap<Channel, ChannelStatus> = BTreeMap::new();
        for topic in self.topics.values() {
            let entry = found.entry(topic.channel).or_insert_with(|| ChannelStatus {
                channel: topic.channel,
                state: VenueState::Live,
                since: now,
                last_event: None,
                stale: Vec::new(),
            });
            entry.state = entry.state.max(topic.state);
            entry.last_event = entry.last_event.max(topic.last_event);
            if topic.state > VenueState::Quiet {
                entry.stale.push(topic.symbol.clone());
            }
        }
        // A market whose session is closed makes no channel quiet that flows elsewhere.
        for topic in self.topics.values().filter(|t| t.state == VenueState::Live) {
            if let Some(entry) = found.get_mut(&topic.channel).filter(|e| e.state == VenueState::Quiet) {
                entry.state = VenueState::Live;
            }
        }
        self.channels.retain(|channel, _| found.contains_key(channel));
        for (channel, status) in &mut found {
            let held = self.channels.entry(*channel).or_insert((status.state, now));
            if held.0 != status.state {
                *held = (status.state, now);
            }
            status.since = held.1;
        }
        found.into_values().collect()
    }

    /// A venue is down when a line is, else as bad as its worst topic.
    fn refresh(&mut self, now: Ms) -> (VenueState, Ms) {
        let worst = self.topics.values().map(|t| t.state).max().unwrap_or(VenueState::Quiet);
        let quiet_counts_as_live = self.topics.values().any(|t| t.state == VenueState::Live);
        let state = match worst {
            _ if self.off => VenueState::Off,
            _ if !self.connected() => VenueState::Down,
            VenueState::Quiet if quiet_counts_as_live => VenueState::Live,
            other => other,
        };
        match self.state {
            Some((held, since)) if held == state => (held, since),
            _ => *self.state.insert((state, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_takes_back_its_own_reason_alone() {
        let sim = VenueId::new("sim");
        let board = Board::new(Mode::Demo, [sim.clone()]);
        let reason = || board.report(Ms(1)).first().and_then(|v| v.reason.clone());
        let line = |name: &str| Teller::Line(name.to_owned());
        board.reason(&sim, line("a"), Some("evicted".into()));
        board.reason(&sim, Teller::Rest, Some("banned".into()));
        assert_eq!(reason().as_deref(), Some("evicted; banned"));
        // A call that succeeds opens no line, nor does another line.
        board.reason(&sim, Teller::Rest, None);
        board.line(&sim, "b", true);
        assert_eq!(reason().as_deref(), Some("evicted"));
        board.reason(&sim, line("b"), Some("evicted".into()));
        assert_eq!(reason().as_deref(), Some("evicted"), "said once");
        board.line(&sim, "a", true);
        board.forget_line(&sim, "b");
        assert_eq!(reason(), None);
    }

    #[test]
    fn a_venue_is_as_bad_as_its_lines_and_topics() {
        let sim = VenueId::new("sim");
        let board = Board::new(Mode::Demo, [sim.clone()]);
        let symbol: Symbol = "BTCUSDT-PERP".parse().expect("a symbol");
        let state = |now| board.status(Ms(now)).venues.first().map(|v| (v.state, v.since.0));
        assert_eq!(state(1), Some((VenueState::Down, 1)));
        assert!(!board.status(Ms(1)).connected);
        board.line(&sim, "a", true);
        board.topic(&sim, &symbol, Channel::Liquidation, VenueState::Quiet, None, Ms(2));
        assert_eq!(state(2), Some((VenueState::Quiet, 2)));
        board.topic(&sim, &symbol, Channel::Trade, VenueState::Live, Some(Ms(5)), Ms(3));
        assert_eq!(state(3), Some((VenueState::Live, 3)));
        assert_eq!(state(9), Some((VenueState::Live, 3)));
        board.topic(&sim, &symbol, Channel::Trade, VenueState::Silent, Some(Ms(5)), Ms(10));
        assert_eq!(state(10), Some((VenueState::Silent, 10)));
        board.line(&sim, "b", false);
        assert_eq!(state(11), Some((VenueState::Down, 11)));
        board.event(&sim, &symbol, Channel::Trade, Ms(12));
        board.event(&sim, &symbol, Channel::Trade, Ms(11));
        let report = board.report(Ms(12));
        let trade = report[0].topics.iter().find(|t| t.channel == Channel::Trade).expect("a topic");
        assert_eq!((trade.last_event, trade.expected_interval_ms), (Some(Ms(12)), Some(5)));
    }
}
