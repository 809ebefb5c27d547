//! Bars of the higher timeframes, for clients that do not fold themselves: made once somebody asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shared::event::{Bar, Body, Channel, Cursor, Event, Topic};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use shared::maths::folds::Folds;
use tracing::warn;

use crate::bus::Bus;
use crate::directory::Directory;
use crate::history::{BarsQuery, History};

/// Minutes kept per market; longer buckets start from a base the history service folds.
const KEEP_MINUTES: usize = 1_500;

/// Folds 1m bars off the bus and puts the higher bars back on it.
pub struct HigherBars {
    bus: Arc<dyn Bus>,
    directory: Arc<Directory>,
    history: Arc<History>,
    markets: HashMap<(VenueId, Symbol), Market>,
}

struct Market {
    folds: Folds,
    wanted: HashSet<Timeframe>,
}

impl HigherBars {
    pub fn new(bus: Arc<dyn Bus>, directory: Arc<Directory>, history: Arc<History>) -> HigherBars {
        HigherBars { bus, directory, history, markets: HashMap::new() }
    }

    /// The newest place on the bus.
    pub(super) fn place(&self) -> Cursor {
        self.bus.head()
    }

    pub(super) fn take(&mut self, event: &Event) {
        let Body::Bar(minute) = &event.body else { return };
        if minute.interval != Timeframe::M1 {
            return;
        }
        let key = (event.venue.clone(), event.symbol.clone());
        let Some(market) = self.markets.get_mut(&key) else { return };
        let mut changed = Vec::new();
        let wanted = &market.wanted;
        market.folds.push(minute, |bar| {
            if wanted.contains(&bar.interval) {
                changed.push(*bar);
            }
        });
        for bar in changed {
            self.publish(&key, event.received, bar);
        }
    }

    /// Begins a timeframe of a market and tells its last closed and its forming bar; what is begun goes on.
    pub(super) async fn want(&mut self, topic: &Topic) {
        let Some(timeframe) =
            topic.interval.filter(|tf| *tf != Timeframe::M1 && topic.channel == Channel::Bar)
        else {
            return;
        };
        let key = (topic.venue.clone(), topic.symbol.clone());
        let Some(instrument) = self.directory.get(&topic.venue, &topic.symbol) else { return };
        if self.markets.get(&key).is_some_and(|m| m.wanted.contains(&timeframe)) {
            return;
        }
        let now = self.history.now();
        let read = |timeframe, from, limit| BarsQuery {
            instrument: instrument.clone(),
            timeframe,
            from,
            to: now + Ms::DAY,
            limit,
            newest: true,
            base: true,
        };
        if !self.markets.contains_key(&key) {
            let from = (now - Ms::HOUR).floor(Ms::MINUTE);
            let minutes = match self.history.candles(&read(Timeframe::M1, from, KEEP_MINUTES)).await {
                Ok(answer) => answer.candles,
                Err(error) => return warn!(%error, symbol = %topic.symbol, "cannot fold higher bars"),
            };
            let minutes: Vec<Bar> = minutes.into_iter().map(|c| c.bar).collect();
            let mut folds = Folds::new(instrument.calendar.clone(), KEEP_MINUTES);
            folds.seed_minutes(&minutes, from);
            self.markets.insert(key.clone(), Market { folds, wanted: HashSet::new() });
        }
        let newest = self.history.candles(&read(timeframe, Ms::ZERO, 2)).await;
        let newest = newest.map(|answer| answer.candles).unwrap_or_default();
        let Some(market) = self.markets.get_mut(&key) else { return };
        market.wanted.insert(timeframe);
        let seeded = newest.last().and_then(|base| market.folds.seed_base(&base.bar));
        let forming = seeded.or_else(|| market.folds.forming(timeframe));
        let earlier = |bar: &Bar| bar.closed && forming.is_none_or(|f| bar.timestamp < f.timestamp);
        let closed = newest.iter().rev().map(|c| c.bar).find(earlier);
        for bar in closed.into_iter().chain(forming) {
            self.publish(&key, now, bar);
        }
    }

    fn publish(&self, (venue, symbol): &(VenueId, Symbol), received: Ms, bar: Bar) {
        let (venue, symbol) = (venue.clone(), symbol.clone());
        self.bus.publish(Event { received, symbol, venue, body: Body::Bar(bar) });
    }
}
