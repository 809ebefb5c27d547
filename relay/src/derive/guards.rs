//! Risk guards of the symbols somebody wants, told when something changes and once a second.
//!
//! Under venue `all` they are of the default venue's market, under a venue's name of the market there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Body, Channel, Event, MemberName, Topic};
use shared::market::{Ms, Symbol, VenueId};
use shared::maths::guards::{FUNDING_AGE, Machine, OI_AGE, Scope, WINDOW};
use shared::maths::joined::Member;
use tokio::time::Instant;
use tracing::warn;

use super::{Jobs, LINGER, Seed};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::GuardsConfig;
use crate::directory::Directory;
use crate::hub::{CONFLATE, Hub};
use crate::store::{Dataset, Query, Store, StoreError};

/// Told that often though nothing changes, so that nobody holds old numbers for new ones.
const EVERY: Ms = Ms(900);
/// How often it is looked whether markets came or went, and whether anybody still listens.
const REVIEW_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the store to have what is on its way.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);
/// More rows than a market has in the windows.
const MOST_ROWS: usize = 50_000;

/// What guards are called inside: the asked symbol, and the venue or `all`.
type Key = (Symbol, VenueId);

/// Feeds the machines off the bus and puts what they say back on it.
pub struct GuardsMaker {
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    directory: Arc<Directory>,
    store: Arc<dyn Store>,
    clock: Clock,
    config: GuardsConfig,
    watches: HashMap<Key, Watch>,
    /// Which machines a market's data goes into.
    feeds: HashMap<MemberName, Vec<Key>>,
    reviewed: Instant,
    pub(super) linger: Duration,
}

struct Watch {
    machine: Machine,
    /// Whether the store has told what was before; nothing is told until then.
    seeded: bool,
    /// Something changed since it was last told.
    dirty: bool,
    /// When it was last told, by both clocks.
    told: Option<(Instant, Ms)>,
    /// When time alone changes something next.
    due: Option<Ms>,
    wanted: Instant,
}

/// What the store tells of the markets of one key.
pub(super) struct GuardsSeed {
    key: Key,
    events: Vec<Event>,
}

impl GuardsMaker {
    pub fn new(
        bus: Arc<dyn Bus>,
        hub: Arc<Hub>,
        directory: Arc<Directory>,
        store: Arc<dyn Store>,
        clock: Clock,
        config: GuardsConfig,
    ) -> GuardsMaker {
        let (watches, feeds) = (HashMap::new(), HashMap::new());
        let (reviewed, linger) = (Instant::now(), LINGER);
        GuardsMaker { bus, hub, directory, store, clock, config, watches, feeds, reviewed, linger }
    }

    /// Takes what guards are made of; a change is told at once, or with the next [`Self::tick`] where another has
    /// just been told.
    pub(super) fn take(&mut self, event: &Event) {
        let counts = match event.body {
            Body::Book(_) | Body::Funding(_) | Body::Oi(_) | Body::Liquidation(_) | Body::Gap(_) => true,
            Body::Bar(_)
            | Body::Joined(_)
            | Body::Trade(_)
            | Body::Signal(_)
            | Body::Guards(_)
            | Body::Heatmap(_) => false,
        };
        if !counts || self.feeds.is_empty() {
            return;
        }
        let market = MemberName { symbol: event.symbol.clone(), venue: event.venue.clone() };
        let Some(keys) = self.feeds.get(&market) else { return };
        let now = self.clock.now();
        for key in keys {
            let Some(watch) = self.watches.get_mut(key) else { continue };
            watch.dirty |= watch.machine.take(event, now);
            if watch.seeded && watch.dirty && watch.may_tell() {
                watch.tell(&*self.bus, key, now);
            }
        }
    }

    /// Begins the guards of a symbol, or notes that they are still wanted.
    pub(super) fn want(&mut self, topic: &Topic, jobs: &mut Jobs) {
        let key = (topic.symbol.clone(), topic.venue.clone());
        if let Some(watch) = self.watches.get_mut(&key) {
            watch.wanted = Instant::now();
            // A market that is opened anew is forgotten by the hub, its guards with it.
            if watch.seeded && self.hub.last(topic).is_empty() {
                watch.tell(&*self.bus, &key, self.clock.now());
            }
        } else if let Some(scope) = self.scope(&key) {
            let machine = Machine::new(scope, self.config.of(&key.0));
            let (told, due, wanted) = (None, None, Instant::now());
            let watch = Watch { machine, seeded: false, dirty: true, told, due, wanted };
            self.watches.insert(key.clone(), watch);
            self.feed(&key, jobs);
        }
    }

    /// Tells what changed and what has not been told for a second; ends what nobody wants any more.
    pub(super) fn tick(&mut self, jobs: &mut Jobs) {
        let now = self.clock.now();
        for (key, watch) in self.watches.iter_mut().filter(|(_, watch)| watch.seeded) {
            let aged = watch.due.is_some_and(|due| due <= now);
            let old = watch.told.is_none_or(|(_, at)| now - at >= EVERY);
            if aged || old || (watch.dirty && watch.may_tell()) {
                watch.tell(&*self.bus, key, now);
            }
        }
        if self.reviewed.elapsed() >= REVIEW_EVERY {
            self.reviewed = Instant::now();
            self.review(jobs);
        }
    }

    fn review(&mut self, jobs: &mut Jobs) {
        let keys: Vec<(Key, Instant)> = self.watches.iter().map(|(k, w)| (k.clone(), w.wanted)).collect();
        for (key, wanted) in keys {
            if wanted.elapsed() >= self.linger && self.hub.release(&topic(&key)) {
                self.watches.remove(&key);
                self.unfeed(&key);
                continue;
            }
            let Some(scope) = self.scope(&key) else { continue };
            let Some(watch) = self.watches.get_mut(&key).filter(|w| *w.machine.scope() != scope) else {
                continue;
            };
            watch.machine.look_at(scope);
            watch.dirty = true;
            self.unfeed(&key);
            self.feed(&key, jobs);
        }
    }

    /// The markets behind a key as they are listed now; `None` where nobody lists the symbol.
    fn scope(&self, (symbol, venue): &Key) -> Option<Scope> {
        let reference = if venue.is_all() {
            self.directory.listings(symbol).into_iter().next()
        } else {
            self.directory.get(venue, symbol)
        }?;
        let group = self.directory.members(&reference.group);
        Some(Scope::new(Member::from(&*reference), group.iter().map(|i| Member::from(&**i))))
    }

    /// Leads the data of its markets to a machine: what comes, and what is known already.
    fn feed(&mut self, key: &Key, jobs: &mut Jobs) {
        let Some(watch) = self.watches.get_mut(key) else { return };
        let now = self.clock.now();
        let markets = watch.machine.scope().markets();
        for market in &markets {
            self.feeds.entry(market.clone()).or_default().push(key.clone());
            for channel in [Channel::Book, Channel::Funding, Channel::Oi] {
                let (symbol, venue) = (market.symbol.clone(), market.venue.clone());
                for last in self.hub.last(&Topic { symbol, venue, channel, interval: None }) {
                    watch.machine.take(&last.event, now);
                }
            }
        }
        let (store, key) = (self.store.clone(), key.clone());
        jobs.begin(&topic(&key), async move {
            let events = match recorded(&*store, &markets, now).await {
                Ok(events) => events,
                Err(error) => {
                    warn!(%error, symbol = %key.0, "guards begin without what is recorded");
                    Vec::new()
                }
            };
            Seed::Guards(GuardsSeed { key, events })
        });
    }

    fn unfeed(&mut self, key: &Key) {
        self.feeds.retain(|_, keys| {
            keys.retain(|held| held != key);
            !keys.is_empty()
        });
    }

    /// Goes on from what the store told.
    pub(super) fn seed(&mut self, seed: GuardsSeed) {
        let GuardsSeed { key, events } = seed;
        let Some(watch) = self.watches.get_mut(&key) else { return };
        let now = self.clock.now();
        for event in &events {
            watch.machine.take(event, now);
        }
        watch.seeded = true;
        watch.tell(&*self.bus, &key, now);
    }
}

impl Watch {
    /// Whether the last telling is long enough ago for another on a change.
    fn may_tell(&self) -> bool {
        self.told.is_none_or(|(at, _)| at.elapsed() >= CONFLATE)
    }

    fn tell(&mut self, bus: &dyn Bus, (symbol, venue): &Key, now: Ms) {
        let guards = self.machine.at(now);
        (self.dirty, self.told) = (false, Some((Instant::now(), now)));
        self.due = self.machine.next_change(now);
        let (symbol, venue, body) = (symbol.clone(), venue.clone(), Body::Guards(Box::new(guards)));
        bus.publish(Event { received: now, symbol, venue, body });
    }
}

fn topic((symbol, venue): &Key) -> Topic {
    let (symbol, venue) = (symbol.clone(), venue.clone());
    Topic { symbol, venue, channel: Channel::Guards, interval: None }
}

/// What is on record of these markets and still counts: a relay that has just begun knows no less than one that
/// has not ended.
async fn recorded(store: &dyn Store, markets: &[MemberName], now: Ms) -> Result<Vec<Event>, StoreError> {
    // What is on its way into the store shall not be lost between it and the bus. A store that cannot write still
    // tells what it has.
    let _ = tokio::time::timeout(FLUSH_PATIENCE, store.flush()).await;
    let mut events = Vec::new();
    for market in markets {
        let windows =
            [(Dataset::Liquidations, WINDOW), (Dataset::Funding, FUNDING_AGE), (Dataset::Oi, OI_AGE)];
        for (dataset, window) in windows {
            let query = Query {
                dataset,
                symbol: market.symbol.clone(),
                venue: Some(market.venue.clone()),
                from: now - window,
                // A venue's clock may be ahead.
                to: now + Ms::MINUTE,
                limit: MOST_ROWS,
                newest: true,
            };
            events.extend(store.read(query).await?);
        }
    }
    let symbols: BTreeSet<&Symbol> = markets.iter().map(|market| &market.symbol).collect();
    for symbol in symbols {
        for row in store.gaps(Some(symbol.clone()), now - WINDOW, now).await? {
            let body = Body::Gap(row.gap);
            events.push(Event { received: now, symbol: row.symbol, venue: row.venue, body });
        }
    }
    Ok(events)
}
