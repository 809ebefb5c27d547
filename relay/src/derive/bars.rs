//! Bars of the higher timeframes, for clients that do not fold themselves: made once somebody asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shared::event::{Bar, Body, Channel, Event, Topic};
use shared::market::{Calendar, Ms, Symbol, Timeframe, VenueId};
use shared::maths::folds::Folds;
use tracing::warn;

use super::{Jobs, Seed};
use crate::bus::Bus;
use crate::directory::Directory;
use crate::history::{BarsQuery, History};
use crate::hub::Hub;

/// Minutes kept per market; longer buckets start from a base the history service folds.
const KEEP_MINUTES: usize = 1_500;

type Key = (VenueId, Symbol);

/// Folds 1m bars off the bus and puts the higher bars back on it.
pub struct HigherBars {
    bus: Arc<dyn Bus>,
    directory: Arc<Directory>,
    history: Arc<History>,
    hub: Arc<Hub>,
    markets: HashMap<Key, Market>,
}

struct Market {
    /// `None` until the history has told the minutes before.
    folds: Option<Folds>,
    /// Minutes that came meanwhile.
    early: Vec<Bar>,
    wanted: HashSet<Timeframe>,
}

/// What the history tells of a market and a timeframe.
pub(super) struct HigherSeed {
    topic: Topic,
    calendar: Calendar,
    now: Ms,
    /// From when on, and which.
    minutes: Option<(Ms, Vec<Bar>)>,
    /// The newest bars of the timeframe.
    newest: Vec<Bar>,
}

impl HigherBars {
    pub fn new(
        bus: Arc<dyn Bus>,
        hub: Arc<Hub>,
        directory: Arc<Directory>,
        history: Arc<History>,
    ) -> HigherBars {
        HigherBars { bus, directory, history, hub, markets: HashMap::new() }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let Body::Bar(minute) = &event.body else { return };
        if minute.interval != Timeframe::M1 {
            return;
        }
        let key = (event.venue.clone(), event.symbol.clone());
        let Some(market) = self.markets.get_mut(&key) else { return };
        let Some(folds) = &mut market.folds else { return market.early.push(*minute) };
        let mut changed = Vec::new();
        let wanted = &market.wanted;
        folds.push(minute, |bar| {
            if wanted.contains(&bar.interval) {
                changed.push(*bar);
            }
        });
        for bar in changed {
            self.publish(&key, event.received, bar);
        }
    }

    /// Begins a timeframe of a market, unless it goes on already: what is begun goes on.
    pub(super) fn want(&mut self, topic: &Topic, jobs: &mut Jobs) {
        let Some(timeframe) =
            topic.interval.filter(|tf| *tf != Timeframe::M1 && topic.channel == Channel::Bar)
        else {
            return;
        };
        let key = (topic.venue.clone(), topic.symbol.clone());
        let Some(instrument) = self.directory.get(&topic.venue, &topic.symbol) else { return };
        if jobs.holds(topic) {
            return;
        }
        if let Some(market) = self.markets.get(&key).filter(|m| m.wanted.contains(&timeframe)) {
            // A market that was left is forgotten by the hub: the minutes until it was opened anew never came by here.
            let told = |timeframe: &Timeframe| {
                !self.hub.last(&Topic { interval: Some(*timeframe), ..topic.clone() }).is_empty()
            };
            if market.wanted.iter().any(told) {
                return;
            }
            self.markets.remove(&key);
        }
        let market = || Market { folds: None, early: Vec::new(), wanted: HashSet::new() };
        let known = self.markets.entry(key).or_insert_with(market).folds.is_some();
        let (history, seed_of) = (self.history.clone(), topic.clone());
        jobs.begin(topic, async move {
            let now = history.now();
            let from = (now - Ms::HOUR).floor(Ms::MINUTE);
            let read = async |timeframe, from, limit| {
                let (instrument, to) = (instrument.clone(), now + Ms::DAY);
                let query = BarsQuery { instrument, timeframe, from, to, limit, newest: true, base: true };
                let answer = history.candles(&query).await.map(|answer| answer.candles);
                let failed =
                    |error| warn!(%error, symbol = %query.instrument.symbol, "cannot fold higher bars");
                answer.map_err(failed).map(|rows| rows.into_iter().map(|c| c.bar).collect::<Vec<Bar>>())
            };
            let minutes = if known { None } else { read(Timeframe::M1, from, KEEP_MINUTES).await.ok() };
            let newest = read(timeframe, Ms::ZERO, 2).await.unwrap_or_default();
            let (topic, calendar) = (seed_of, instrument.calendar.clone());
            let minutes = minutes.map(|minutes| (from, minutes));
            Seed::Higher(HigherSeed { topic, calendar, now, minutes, newest })
        });
    }

    /// Goes on from what the history told; tells the last closed and the forming bar.
    pub(super) fn seed(&mut self, seed: HigherSeed) {
        let HigherSeed { topic, calendar, now, minutes, newest } = seed;
        let key = (topic.venue, topic.symbol);
        let (Some(market), Some(timeframe)) = (self.markets.get_mut(&key), topic.interval) else { return };
        if let (None, Some((from, minutes))) = (&market.folds, minutes) {
            let mut folds = Folds::new(calendar, KEEP_MINUTES);
            folds.seed_minutes(&minutes, from);
            for minute in market.early.drain(..) {
                folds.push(&minute, |_| {});
            }
            market.folds = Some(folds);
        }
        let Some(folds) = &mut market.folds else {
            // The next who asks may have more luck.
            self.markets.remove(&key);
            return;
        };
        market.wanted.insert(timeframe);
        let seeded = newest.last().and_then(|base| folds.seed_base(base));
        let forming = seeded.or_else(|| folds.forming(timeframe));
        let earlier = |bar: &Bar| bar.closed && forming.is_none_or(|f| bar.timestamp < f.timestamp);
        let closed = newest.iter().rev().copied().find(earlier);
        for bar in closed.into_iter().chain(forming) {
            self.publish(&key, now, bar);
        }
    }

    fn publish(&self, (venue, symbol): &Key, received: Ms, bar: Bar) {
        let (venue, symbol) = (venue.clone(), symbol.clone());
        self.bus.publish(Event { received, symbol, venue, body: Body::Bar(bar) });
    }
}
