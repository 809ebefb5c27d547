//! Signals of strategies on closed bars, while somebody wants them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Bar, Body, Channel, Event, Signal, Topic};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use shared::maths::signals::{EmaCrossoverRsi, Make, STRATEGIES, Strategy, WARM_UP};
use tokio::time::Instant;
use tracing::warn;

use super::{HigherBars, Jobs, LINGER, Seed};
use crate::bus::Bus;
use crate::directory::Directory;
use crate::history::{BarsQuery, History};
use crate::hub::Hub;

/// Strategies whose signals are told; the others are there to be asked.
const TOLD: [&str; 1] = [EmaCrossoverRsi::ID];
/// The newest bars of the history that may still be open.
const OPEN_BARS: usize = 2;
/// How often it is looked whether anybody still listens.
const REVIEW_EVERY: Duration = Duration::from_secs(1);
/// What could not be read, or made, is tried again so often.
const RETRY_EVERY: Duration = Duration::from_secs(30);

type Key = (VenueId, Symbol, Timeframe);

/// Takes closed bars off the bus and puts signals on it.
pub struct Signals {
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    directory: Arc<Directory>,
    history: Arc<History>,
    pub(super) series: HashMap<Key, Series>,
    pub(super) reviewed: Instant,
    pub(super) linger: Duration,
}

/// The closed bars of one market and timeframe, and what strategies make of them.
pub(super) struct Series {
    strategies: Vec<Box<dyn Strategy>>,
    /// The newest [`WARM_UP`] bars by their open.
    bars: BTreeMap<Ms, Bar>,
    /// Bars that came before the history had told what was before, with when they came; `None` since then.
    early: Option<Vec<(Ms, Bar)>>,
    wanted: Instant,
    /// When history and longer bars were last asked for; `None` while it waits for longer bars.
    asked: Option<Instant>,
}

/// What the history tells of a series; `None` where it cannot now.
pub(super) struct SignalSeed {
    key: Key,
    bars: Option<Vec<Bar>>,
}

impl Series {
    fn new() -> Series {
        let now = Instant::now();
        Series {
            strategies: told(),
            bars: BTreeMap::new(),
            early: Some(Vec::new()),
            wanted: now,
            asked: None,
        }
    }

    /// Takes a closed bar and gives the signals of it. A bar that is not the newest one, late or better than the one
    /// before, changes what later ones are judged by; of itself nothing is said any more.
    fn take(&mut self, bar: &Bar) -> Vec<Signal> {
        let newest = self.bars.last_key_value().map(|(at, _)| *at);
        if newest.is_none_or(|newest| newest < bar.timestamp) {
            self.keep(*bar);
            return judge(&mut self.strategies, bar);
        }
        let oldest = self.bars.first_key_value().map(|(at, _)| *at);
        let better = self.bars.get(&bar.timestamp).is_none_or(|known| bar.supersedes(known));
        if better && oldest <= Some(bar.timestamp) {
            self.keep(*bar);
            self.strategies = told();
            for bar in self.bars.values() {
                judge(&mut self.strategies, bar);
            }
        }
        Vec::new()
    }

    fn keep(&mut self, bar: Bar) {
        self.bars.insert(bar.timestamp, bar);
        if self.bars.len() > WARM_UP {
            self.bars.pop_first();
        }
    }
}

/// The strategies that are told, having seen nothing.
fn told() -> Vec<Box<dyn Strategy>> {
    let chosen = |(id, _): &&(&str, Make)| TOLD.contains(id);
    STRATEGIES.iter().filter(chosen).map(|(_, make)| make()).collect()
}

fn judge(strategies: &mut [Box<dyn Strategy>], bar: &Bar) -> Vec<Signal> {
    strategies.iter_mut().filter_map(|strategy| strategy.push(bar).signal(bar, strategy.id())).collect()
}

impl Signals {
    pub fn new(
        bus: Arc<dyn Bus>,
        hub: Arc<Hub>,
        directory: Arc<Directory>,
        history: Arc<History>,
    ) -> Signals {
        let (series, reviewed) = (HashMap::new(), Instant::now());
        Signals { bus, hub, directory, history, series, reviewed, linger: LINGER }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let Body::Bar(bar) = &event.body else { return };
        if !bar.closed || self.series.is_empty() {
            return;
        }
        let key = (event.venue.clone(), event.symbol.clone(), bar.interval);
        let Some(series) = self.series.get_mut(&key) else { return };
        if let Some(early) = &mut series.early {
            early.push((event.received, *bar));
            return early.drain(..early.len().saturating_sub(WARM_UP)).for_each(drop);
        }
        let signals = series.take(bar);
        self.publish(&key, event.received, signals);
    }

    /// Begins a series, or notes that it is still wanted.
    pub(super) fn want(&mut self, topic: &Topic, higher: &mut HigherBars, jobs: &mut Jobs) {
        let Some(timeframe) = topic.interval else { return };
        let key = (topic.venue.clone(), topic.symbol.clone(), timeframe);
        if let Some(series) = self.series.get_mut(&key) {
            series.wanted = Instant::now();
        } else if self.directory.get(&topic.venue, &topic.symbol).is_some() {
            self.series.insert(key.clone(), Series::new());
            self.ask(&key, higher, jobs);
        }
    }

    /// Has longer bars made, and the history read unless it is known. It is read once the longer bars come, so that
    /// none closes unseen in between; until then it is asked for at every tick.
    fn ask(&mut self, key: &Key, higher: &mut HigherBars, jobs: &mut Jobs) {
        let bars = topic(key, Channel::Bar);
        higher.want(&bars, jobs);
        let topic = topic(key, Channel::Signal);
        let Some(series) = self.series.get_mut(key).filter(|_| !jobs.holds(&bars) && !jobs.holds(&topic))
        else {
            return;
        };
        series.asked = Some(Instant::now());
        let Some(instrument) = self.directory.get(&key.0, &key.1).filter(|_| series.early.is_some()) else {
            return;
        };
        let (history, key) = (self.history.clone(), key.clone());
        jobs.begin(&topic, async move {
            let to = history.now() + Ms::DAY;
            let (timeframe, limit) = (key.2, WARM_UP + OPEN_BARS);
            let query =
                BarsQuery { instrument, timeframe, from: Ms::ZERO, to, limit, newest: true, base: false };
            let bars = match history.candles(&query).await {
                Ok(answer) => Some(answer.candles.into_iter().map(|c| c.bar).filter(|b| b.closed).collect()),
                Err(error) => {
                    warn!(%error, symbol = %key.1, "no signals before the history can be read");
                    None
                }
            };
            Seed::Signals(SignalSeed { key, bars })
        });
    }

    /// Goes on from what the history told; of bars that came meanwhile the signals are told.
    pub(super) fn seed(&mut self, seed: SignalSeed) {
        let SignalSeed { key, bars } = seed;
        let (Some(series), Some(bars)) = (self.series.get_mut(&key), bars) else { return };
        let Some(early) = series.early.take() else { return };
        for bar in &bars {
            series.take(bar);
        }
        let signals: Vec<_> = early.iter().map(|(received, bar)| (*received, series.take(bar))).collect();
        for (received, signals) in signals {
            self.publish(&key, received, signals);
        }
    }

    /// Ends what nobody wants any more; asks again for what is not there.
    pub(super) fn tick(&mut self, higher: &mut HigherBars, jobs: &mut Jobs) {
        if self.reviewed.elapsed() >= REVIEW_EVERY {
            self.reviewed = Instant::now();
            let (hub, linger) = (&self.hub, self.linger);
            self.series.retain(|key, series| {
                series.wanted.elapsed() < linger || !hub.release(&topic(key, Channel::Signal))
            });
        }
        let due = |series: &Series| series.asked.is_none_or(|asked| asked.elapsed() >= RETRY_EVERY);
        let due: Vec<Key> =
            self.series.iter().filter(|(_, series)| due(series)).map(|(key, _)| key.clone()).collect();
        for key in due {
            self.ask(&key, higher, jobs);
        }
    }

    fn publish(&self, (venue, symbol, _): &Key, received: Ms, signals: Vec<Signal>) {
        for signal in signals {
            let (venue, symbol) = (venue.clone(), symbol.clone());
            self.bus.publish(Event { received, symbol, venue, body: Body::Signal(Box::new(signal)) });
        }
    }
}

fn topic((venue, symbol, timeframe): &Key, channel: Channel) -> Topic {
    let (symbol, venue) = (symbol.clone(), venue.clone());
    Topic { symbol, venue, channel, interval: Some(*timeframe) }
}
