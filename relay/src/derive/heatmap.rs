//! Heat maps of a group's liquidations over the last hour (channel `heatmap`, venue `all`), while somebody wants them.
//!
//! A map is told at once when it changes and then once in [`PACE`]: it is large, and nobody reads faster. Its centre
//! follows the closed minutes of the reference market, which are on record, so that a restart and `/api/market/liq_heatmap`
//! come to the same.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Bar, Body, Channel, Event, Liquidation, MemberName, Topic};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use shared::maths::heatmap::{HeatMap, Print, window};
use shared::maths::joined::Members;
use tokio::time::Instant;
use tracing::warn;

use super::{Jobs, LINGER, Seed};
use crate::bus::Bus;
use crate::directory::{Directory, JoinedMarket};
use crate::history::{History, Walked};
use crate::hub::Hub;

/// Hours of a live map.
const HOURS: usize = 1;
/// Shortest time between two maps of a symbol.
const PACE: Duration = Duration::from_secs(1);
/// How often it is looked whether members came or went, and whether anybody still listens.
const REVIEW_EVERY: Duration = Duration::from_secs(1);
/// A store that could not be read is asked again so often.
const RETRY_EVERY: Duration = Duration::from_secs(30);
/// Prints are on record at the latest so long after they were on the bus; until then they are remembered here.
const RECORDED_AFTER: Duration = Duration::from_secs(60);
/// Most of them that are remembered.
const MOST_RECENT: usize = 10_000;

/// Keeps heat maps and puts them on the bus.
pub struct HeatMaps {
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    directory: Arc<Directory>,
    history: Arc<History>,
    /// By the asked symbol.
    maps: HashMap<Symbol, Live>,
    recent: VecDeque<(Instant, MemberName, Liquidation)>,
    reviewed: Instant,
    pub(super) linger: Duration,
}

struct Live {
    map: HeatMap,
    /// Those that publish liquidations, numbered as the sources of prints.
    members: Members,
    /// Whose minutes the centre follows.
    reference: Option<MemberName>,
    /// Open of the last minute it has followed.
    through: Ms,
    /// Minutes closed before the history had told what was before.
    early: Vec<(MemberName, Bar)>,
    /// The history has told what was before.
    seeded: bool,
    /// Something changed that was not told yet.
    dirty: bool,
    told: Option<Instant>,
    wanted: Instant,
    /// When the history was last asked.
    asked: Instant,
}

/// What the history tells of a map.
pub(super) struct HeatSeed {
    symbol: Symbol,
    members: Members,
    walked: Option<Walked>,
    /// `None`: the store cannot be read now.
    prints: Option<Vec<Print>>,
}

impl HeatMaps {
    pub fn new(
        bus: Arc<dyn Bus>,
        hub: Arc<Hub>,
        directory: Arc<Directory>,
        history: Arc<History>,
    ) -> HeatMaps {
        let (maps, recent, reviewed) = (HashMap::new(), VecDeque::new(), Instant::now());
        HeatMaps { bus, hub, directory, history, maps, recent, reviewed, linger: LINGER }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let name = || MemberName { symbol: event.symbol.clone(), venue: event.venue.clone() };
        if let Body::Liquidation(hit) = &event.body {
            let name = name();
            for live in self.maps.values_mut() {
                live.print(&name, hit);
            }
            self.recent.push_back((Instant::now(), name, *hit));
            let old = |at: &Instant| at.elapsed() > RECORDED_AFTER;
            while self.recent.len() > MOST_RECENT || self.recent.front().is_some_and(|(at, ..)| old(at)) {
                self.recent.pop_front();
            }
        } else if let Body::Bar(bar) = &event.body
            && bar.interval == Timeframe::M1
            && !self.maps.is_empty()
        {
            let name = name();
            for live in self.maps.values_mut() {
                live.minute(&name, bar);
            }
        }
    }

    /// Begins a map, or notes that it is still wanted.
    pub(super) fn want(&mut self, topic: &Topic, jobs: &mut Jobs) {
        if !topic.venue.is_all() {
            return;
        }
        if let Some(live) = self.maps.get_mut(&topic.symbol) {
            live.wanted = Instant::now();
        } else if let Some(market) = self.directory.joined(&topic.symbol) {
            self.begin(&market, Instant::now(), jobs);
        }
    }

    /// Tells what changed since, and ends what nobody wants any more.
    pub(super) fn tick(&mut self, jobs: &mut Jobs) {
        let now = self.history.now();
        for (symbol, live) in self.maps.iter_mut().filter(|(_, live)| live.seeded) {
            live.dirty |= live.map.advance(now);
            if live.dirty && live.told.is_none_or(|at| at.elapsed() >= PACE) {
                live.tell(&*self.bus, symbol, now);
            }
        }
        if self.reviewed.elapsed() >= REVIEW_EVERY {
            self.reviewed = Instant::now();
            self.review(jobs);
        }
    }

    fn review(&mut self, jobs: &mut Jobs) {
        let symbols: Vec<(Symbol, Instant)> = self.maps.iter().map(|(s, l)| (s.clone(), l.wanted)).collect();
        for (symbol, wanted) in symbols {
            if wanted.elapsed() >= self.linger && self.hub.release(&topic(&symbol)) {
                self.maps.remove(&symbol);
                continue;
            }
            let Some(market) = self.directory.joined(&symbol) else { continue };
            let deaths = market.members.with(Channel::Liquidation);
            let again = self.maps.get(&symbol).is_some_and(|live| {
                live.members != deaths || (!live.seeded && live.asked.elapsed() >= RETRY_EVERY)
            });
            if again && !jobs.holds(&topic(&symbol)) {
                self.maps.remove(&symbol);
                self.begin(&market, wanted, jobs);
            }
        }
    }

    /// Begins a map and has its history read; nothing where nobody publishes liquidations.
    fn begin(&mut self, market: &JoinedMarket, wanted: Instant, jobs: &mut Jobs) {
        let (deaths, priced) = (market.with(Channel::Liquidation), market.with(Channel::Bar));
        if deaths.members.is_empty() {
            return;
        }
        let (symbol, members, now) = (market.symbol.clone(), deaths.members.clone(), self.history.now());
        let reference =
            priced.reference().map(|i| MemberName { symbol: i.symbol.clone(), venue: i.venue.clone() });
        let mut live = Live {
            map: HeatMap::new(HOURS, now),
            members: members.clone(),
            reference,
            through: Ms::ZERO,
            early: Vec::new(),
            seeded: false,
            dirty: false,
            told: None,
            wanted,
            asked: Instant::now(),
        };
        for (_, name, hit) in &self.recent {
            live.print(name, hit);
        }
        self.maps.insert(symbol.clone(), live);
        let history = self.history.clone();
        jobs.begin(&topic(&symbol.clone()), async move {
            let walked = history.heat_grid(&priced).await.unwrap_or_else(|error| {
                warn!(%error, %symbol, "a heat map begins without its centre");
                None
            });
            let (mut prints, (from, _)) = (Vec::new(), window(now, HOURS));
            // What a venue's clock puts ahead of ours is read too.
            let read = history.prints(&deaths, (from, now + Ms::HOUR), |print| prints.push(print)).await;
            let prints = match read {
                Ok(()) => Some(prints),
                Err(error) => {
                    warn!(%error, %symbol, "a heat map waits for the store");
                    None
                }
            };
            Seed::Heat(HeatSeed { symbol, members, walked, prints })
        });
    }

    /// Goes on from what the history told, and tells the map.
    pub(super) fn seed(&mut self, seed: HeatSeed) {
        let HeatSeed { symbol, members, walked, prints } = seed;
        let Some(live) = self.maps.get_mut(&symbol).filter(|live| live.members == members) else { return };
        let Some(prints) = prints else { return };
        for print in prints {
            live.map.push(print);
        }
        live.seeded = true;
        if let Some(Walked { grid, reference, through }) = walked {
            live.map.stand_on(grid);
            live.through = through;
            live.reference =
                Some(MemberName { symbol: reference.symbol.clone(), venue: reference.venue.clone() });
        }
        for (name, minute) in std::mem::take(&mut live.early) {
            live.minute(&name, &minute);
        }
        let now = self.history.now();
        live.map.advance(now);
        live.tell(&*self.bus, &symbol, now);
    }
}

impl Live {
    fn print(&mut self, name: &MemberName, hit: &Liquidation) {
        let print = self.members.position(name).and_then(|source| Print::of(source, hit));
        if let Some(print) = print {
            self.dirty |= self.map.push(print);
        }
    }

    /// Closed minutes move the centre; until there is one, any price of the reference will do.
    fn minute(&mut self, name: &MemberName, bar: &Bar) {
        if !self.seeded {
            // Bounded by the time a reading takes.
            if bar.closed && self.early.len() < 1_000 {
                self.early.push((name.clone(), *bar));
            }
            return;
        }
        if self.reference.as_ref() != Some(name) {
            return;
        }
        if bar.closed && bar.timestamp > self.through {
            self.through = bar.timestamp;
            self.dirty |= self.map.price(bar.close);
        } else if self.map.grid().is_none() {
            self.dirty |= self.map.price(bar.close);
        }
    }

    /// Puts the map on the bus where it differs from the one told last.
    fn tell(&mut self, bus: &dyn Bus, symbol: &Symbol, now: Ms) {
        self.dirty = false;
        if let Some(map) = self.map.changed() {
            self.told = Some(Instant::now());
            let (symbol, venue, body) = (symbol.clone(), VenueId::all(), Body::Heatmap(Box::new(map)));
            bus.publish(Event { received: now, symbol, venue, body });
        }
    }
}

/// The topic of a symbol's map.
pub fn topic(symbol: &Symbol) -> Topic {
    let (symbol, venue) = (symbol.clone(), VenueId::all());
    Topic { symbol, venue, channel: Channel::Heatmap, interval: None }
}
