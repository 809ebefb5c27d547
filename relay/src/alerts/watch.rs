//! Looks at prices as they come and fires alerts.
//!
//! The price is that of the newest trade; of a market without trades, the close of its newest minute.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Body, Channel, Event, Stamped, Topic};
use shared::market::{Instrument, Ms, Symbol, Timeframe, VenueId};
use shared::wire::{Alert, ServerFrame};
use tokio::sync::{Notify, mpsc};
use tracing::{info, warn};

use super::{Alerts, is_armed};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::hub::Hub;
use crate::ingest::demand::Follower;

/// Who holds the symbols of alerts open; clients count from 1.
const HOLDER: u64 = 0;
const TICK: Duration = Duration::from_millis(250);

/// Watches the markets that alerts are about.
pub struct Watch {
    alerts: Arc<Alerts>,
    /// The beginning of time that it is of.
    run: u64,
    directory: Arc<Directory>,
    follower: Arc<Follower>,
    hub: Arc<Hub>,
    clock: Clock,
    /// Woken when there is something for the webhook.
    webhook: Option<Arc<Notify>>,
    /// Markets with alerts that wait.
    markets: HashMap<(Symbol, VenueId), Watched>,
    /// What they are looked at by, those of the oldest alerts first.
    topics: Vec<Topic>,
    /// Venues that have no room for all of them.
    full: BTreeSet<VenueId>,
    /// The last price each alert was held against.
    before: HashMap<u32, f64>,
    /// States of alerts and lists that `markets` are of.
    seen: Option<(u64, u64)>,
}

struct Watched {
    alerts: Vec<Alert>,
    /// Whether its trades are told; else its minutes count.
    trades: bool,
    /// Time of the newest price: what is fetched late is history.
    newest: Ms,
}

impl Watch {
    pub fn new(
        alerts: Arc<Alerts>,
        directory: Arc<Directory>,
        follower: Arc<Follower>,
        hub: Arc<Hub>,
        clock: Clock,
        webhook: Option<Arc<Notify>>,
    ) -> Watch {
        Watch {
            run: alerts.run(),
            alerts,
            directory,
            follower,
            hub,
            clock,
            webhook,
            markets: HashMap::new(),
            topics: Vec::new(),
            full: BTreeSet::new(),
            before: HashMap::new(),
            seen: None,
        }
    }

    /// Watches until the bus closes.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Arc<Stamped>>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.tick(),
                stamped = events.recv() => match stamped {
                    Some(stamped) => self.take(&stamped.event).await,
                    None => return,
                },
            }
        }
    }

    /// Where a venue was full, somebody may have left it since.
    fn tick(&mut self) {
        self.review();
        if !self.full.is_empty() {
            self.follow();
        }
    }

    /// Sorts the alerts by market, where they or the venues' lists changed, and has their symbols followed.
    fn review(&mut self) {
        let now = (self.alerts.version(), self.directory.changes());
        if self.seen == Some(now) {
            return;
        }
        self.seen = Some(now);
        let mut before = std::mem::take(&mut self.markets);
        self.topics.clear();
        let all = self.alerts.list();
        self.before.retain(|id, _| all.iter().any(|alert| alert.id == *id));
        for alert in all.into_iter().filter(|alert| !alert.is_done()) {
            let listings = self.directory.listings(&alert.symbol);
            let listed = |i: &&Arc<_>| alert.venue.as_ref().is_none_or(|venue| of(i) == venue);
            let Some(instrument) = listings.iter().find(listed) else { continue };
            let key = (alert.symbol.clone(), instrument.venue.clone());
            let watched = self.markets.entry(key).or_insert_with_key(|key| {
                let topic = topic(instrument);
                let trades = topic.channel == Channel::Trade;
                let newest = before.remove(key).map_or(Ms::ZERO, |watched| watched.newest);
                self.topics.push(topic);
                Watched { alerts: Vec::new(), trades, newest }
            });
            watched.alerts.push(alert);
        }
        self.follow();
    }

    /// Has the markets followed that there is room for.
    fn follow(&mut self) {
        let mut full = BTreeSet::new();
        for error in self.follower.hold_fitting(HOLDER, &self.topics) {
            if !self.full.contains(&error.venue) {
                warn!(%error, "symbols of price alerts wait for room");
            }
            full.insert(error.venue);
        }
        self.full = full;
    }

    async fn take(&mut self, event: &Event) {
        let (trades, price, at) = match &event.body {
            Body::Trade(trade) => (true, trade.price, trade.timestamp),
            // Its close is of its end.
            Body::Bar(bar) if bar.interval == Timeframe::M1 => (false, bar.close, bar.timestamp + Ms::MINUTE),
            _ => return,
        };
        // Alerts set a moment ago are looked at from this event on.
        self.review();
        if self.markets.is_empty() {
            return;
        }
        let key = (event.symbol.clone(), event.venue.clone());
        let Some(watched) = self.markets.get_mut(&key) else { return };
        if trades != watched.trades || at < watched.newest {
            return;
        }
        watched.newest = at;
        let now = self.clock.now();
        let mut fired = Vec::new();
        // Venues repeat their last trades to whoever comes: those before an alert are not what it waits for.
        for alert in watched.alerts.iter().filter(|alert| at >= alert.created) {
            let before = self.before.insert(alert.id, price).or(alert.fired_price).or(alert.reference);
            if alert.fires(before, price) && is_armed(alert, now) {
                fired.push(alert.id);
            }
        }
        for id in fired {
            self.fire(id, price).await;
        }
    }

    async fn fire(&self, id: u32, price: f64) {
        let (alerts, now, send) = (self.alerts.clone(), self.clock.now(), self.webhook.is_some());
        let run = self.run;
        let fired = tokio::task::spawn_blocking(move || alerts.fire(run, id, price, now, send)).await;
        let Ok(Some(alert)) = fired else { return };
        info!(id, symbol = %alert.symbol, price, "a price alert fired");
        self.hub.tell(&ServerFrame::Alert(alert).encode().into());
        if let Some(webhook) = &self.webhook {
            webhook.notify_one();
        }
    }
}

/// What the price of an instrument is looked at by.
pub fn topic(instrument: &Instrument) -> Topic {
    let (channel, interval) = match instrument.channels.contains(&Channel::Trade) {
        true => (Channel::Trade, None),
        false => (Channel::Bar, Some(Timeframe::M1)),
    };
    Topic { symbol: instrument.symbol.clone(), venue: instrument.venue.clone(), channel, interval }
}

fn of(instrument: &Instrument) -> &VenueId {
    &instrument.venue
}
