//! Looks at prices as they come and fires alerts.
//!
//! The price is that of the newest trade; of a market without trades, the close of its newest minute.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Body, Channel, Event, Stamped, Topic};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use shared::wire::{Alert, ServerFrame};
use tokio::sync::{Notify, mpsc};
use tracing::{info, warn};

use super::Alerts;
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
    directory: Arc<Directory>,
    follower: Arc<Follower>,
    hub: Arc<Hub>,
    clock: Clock,
    /// Woken when there is something for the webhook.
    webhook: Option<Arc<Notify>>,
    /// Markets with alerts that wait.
    markets: HashMap<(Symbol, VenueId), Watched>,
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
        let (markets, before) = (HashMap::new(), HashMap::new());
        Watch { alerts, directory, follower, hub, clock, webhook, markets, before, seen: None }
    }

    /// Watches until the bus closes.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Arc<Stamped>>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.review(),
                stamped = events.recv() => match stamped {
                    Some(stamped) => self.take(&stamped.event).await,
                    None => return,
                },
            }
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
        let all = self.alerts.list();
        self.before.retain(|id, _| all.iter().any(|alert| alert.id == *id));
        for alert in all.into_iter().filter(|alert| !alert.is_done()) {
            let listings = self.directory.listings(&alert.symbol);
            let listed = |i: &&Arc<_>| alert.venue.as_ref().is_none_or(|venue| of(i) == venue);
            let Some(instrument) = listings.iter().find(listed) else { continue };
            let key = (alert.symbol.clone(), instrument.venue.clone());
            let newest = before.remove(&key).map_or(Ms::ZERO, |watched| watched.newest);
            let trades = instrument.channels.contains(&Channel::Trade);
            let watched = self.markets.entry(key).or_insert(Watched { alerts: Vec::new(), trades, newest });
            watched.alerts.push(alert);
        }
        let topics = self.markets.iter().map(|((symbol, venue), watched)| {
            let (channel, interval) =
                if watched.trades { (Channel::Trade, None) } else { (Channel::Bar, Some(Timeframe::M1)) };
            Topic { symbol: symbol.clone(), venue: venue.clone(), channel, interval }
        });
        if let Err(error) = self.follower.hold(HOLDER, topics.collect()) {
            warn!(%error, "symbols of price alerts are not followed");
        }
    }

    async fn take(&mut self, event: &Event) {
        let price = match &event.body {
            Body::Trade(trade) => (true, trade.price),
            Body::Bar(bar) if bar.interval == Timeframe::M1 => (false, bar.close),
            _ => return,
        };
        // Alerts set a moment ago are looked at from this event on.
        self.review();
        if self.markets.is_empty() {
            return;
        }
        let key = (event.symbol.clone(), event.venue.clone());
        let Some(watched) = self.markets.get_mut(&key) else { return };
        let (trades, price) = price;
        if trades != watched.trades || event.timestamp() < watched.newest {
            return;
        }
        watched.newest = event.timestamp();
        let mut fired = Vec::new();
        for alert in &watched.alerts {
            let before = self.before.insert(alert.id, price).or(alert.fired_price).or(alert.reference);
            if alert.fires(before, price) {
                fired.push(alert.id);
            }
        }
        for id in fired {
            self.fire(id, price).await;
        }
    }

    async fn fire(&self, id: u32, price: f64) {
        let (alerts, now, send) = (self.alerts.clone(), self.clock.now(), self.webhook.is_some());
        let fired = tokio::task::spawn_blocking(move || alerts.fire(id, price, now, send)).await;
        let Ok(Some(alert)) = fired else { return };
        info!(id, symbol = %alert.symbol, price, "a price alert fired");
        self.hub.tell(&ServerFrame::Alert(alert).encode().into());
        if let Some(webhook) = &self.webhook {
            webhook.notify_one();
        }
    }
}

fn of(instrument: &shared::market::Instrument) -> &VenueId {
    &instrument.venue
}
