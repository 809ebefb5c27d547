//! Bars joined over the members of a group (venue `all`), while somebody wants them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use shared::event::{Bar, Body, Channel, Event, JoinedBar, Topic};
use shared::market::{Instrument, Ms, Symbol, Timeframe, VenueId};
use shared::maths::joined::bars::Joiner;
use tokio::time::Instant;

use super::HigherBars;
use crate::bus::Bus;
use crate::directory::{Directory, JoinedMarket};
use crate::history::{BarsQuery, History};
use crate::hub::Hub;

/// Buckets taken from the history at the start: what a refilled hole may still change.
const SEED_MINUTES: usize = 120;
const SEED_LONGER: usize = 3;
/// Buckets kept.
const KEEP: usize = 360;
/// How often it is looked whether members came or went, and whether anybody still listens.
const REVIEW_EVERY: Duration = Duration::from_secs(1);
/// A topic nobody subscribes to goes on so long after it was last asked for (pages that poll).
const LINGER: Duration = Duration::from_secs(60);

/// What one joined topic is called inside: the asked symbol and the interval.
type Key = (Symbol, Timeframe);

/// Joins the members' bars off the bus and puts the joined bars back on it.
pub struct JoinedBars {
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    directory: Arc<Directory>,
    history: Arc<History>,
    joints: HashMap<Key, Joint>,
    /// Which joints a member's bars go into, and as which member.
    feeds: HashMap<(VenueId, Symbol, Timeframe), Vec<(Key, usize)>>,
    reviewed: Instant,
    pub(super) linger: Duration,
}

struct Joint {
    joiner: Joiner,
    /// Earlier buckets are not whole here.
    since: Ms,
    /// Forming buckets that changed and were not told yet.
    dirty: BTreeSet<Ms>,
    received: Ms,
    wanted: Instant,
}

impl JoinedBars {
    pub fn new(
        bus: Arc<dyn Bus>,
        hub: Arc<Hub>,
        directory: Arc<Directory>,
        history: Arc<History>,
    ) -> JoinedBars {
        let (joints, feeds) = (HashMap::new(), HashMap::new());
        let (reviewed, linger) = (Instant::now(), LINGER);
        JoinedBars { bus, hub, directory, history, joints, feeds, reviewed, linger }
    }

    /// Takes a member's bar; one that closes a joined bar is told at once, others with the next [`Self::flush`].
    pub(super) fn take(&mut self, event: &Event) {
        let Body::Bar(bar) = &event.body else { return };
        if self.feeds.is_empty() {
            return;
        }
        let feed = (event.venue.clone(), event.symbol.clone(), bar.interval);
        for (key, member) in self.feeds.get(&feed).into_iter().flatten() {
            let Some(joint) = self.joints.get_mut(key).filter(|j| bar.timestamp >= j.since) else { continue };
            let Some(joined) = joint.joiner.push(*member, bar) else { continue };
            joint.received = joint.received.max(event.received);
            if joined.bar.closed {
                joint.dirty.remove(&bar.timestamp);
                publish(&*self.bus, &key.0, joint.received, joined);
            } else {
                joint.dirty.insert(bar.timestamp);
            }
        }
    }

    /// Begins a joined topic, or notes that it is still wanted.
    pub(super) async fn want(&mut self, topic: &Topic, higher: &mut HigherBars) {
        let Some(timeframe) = topic.interval else { return };
        let key = (topic.symbol.clone(), timeframe);
        if let Some(joint) = self.joints.get_mut(&key) {
            joint.wanted = Instant::now();
        } else if let Some(market) = self.directory.joined(&topic.symbol) {
            self.begin(key, &market.with(Channel::Bar), Instant::now(), higher).await;
        }
    }

    /// Tells what changed since, and what time closes; ends what nobody wants any more.
    pub(super) async fn flush(&mut self, higher: &mut HigherBars) {
        let now = self.history.now();
        for ((symbol, _), joint) in &mut self.joints {
            for closed in joint.joiner.clock(now) {
                joint.dirty.remove(&closed.bar.timestamp);
                publish(&*self.bus, symbol, now, closed);
            }
            for open in std::mem::take(&mut joint.dirty) {
                if let Some(bar) = joint.joiner.at(open) {
                    publish(&*self.bus, symbol, joint.received, bar);
                }
            }
        }
        if self.reviewed.elapsed() >= REVIEW_EVERY {
            self.reviewed = Instant::now();
            self.review(higher).await;
        }
    }

    async fn review(&mut self, higher: &mut HigherBars) {
        let keys: Vec<(Key, Instant)> = self.joints.iter().map(|(k, j)| (k.clone(), j.wanted)).collect();
        for (key, wanted) in keys {
            let (symbol, venue) = (key.0.clone(), VenueId::all());
            let topic = Topic { symbol, venue, channel: Channel::Bar, interval: Some(key.1) };
            if wanted.elapsed() >= self.linger && self.hub.release(&topic) {
                self.end(&key);
                continue;
            }
            let Some(market) = self.directory.joined(&key.0).map(|m| m.with(Channel::Bar)) else { continue };
            if self.joints.get(&key).is_some_and(|j| *j.joiner.members() != market.members) {
                self.end(&key);
                self.begin(key, &market, wanted, higher).await;
            }
        }
    }

    fn end(&mut self, key: &Key) {
        self.joints.remove(key);
        self.feeds.retain(|_, joints| {
            joints.retain(|(joint, _)| joint != key);
            !joints.is_empty()
        });
    }

    /// Fills a joint from the history and tells its last closed and its forming bar.
    async fn begin(&mut self, key: Key, market: &JoinedMarket, wanted: Instant, higher: &mut HigherBars) {
        let Some(reference) = market.reference() else { return };
        let (calendar, timeframe) = (reference.calendar.clone(), key.1);
        if timeframe != Timeframe::M1 {
            for i in &market.instruments {
                let (symbol, venue) = (i.symbol.clone(), i.venue.clone());
                higher.want(&Topic { symbol, venue, channel: Channel::Bar, interval: Some(timeframe) }).await;
            }
        }
        let now = self.history.now();
        let buckets = if timeframe == Timeframe::M1 { SEED_MINUTES } else { SEED_LONGER };
        let mut since = calendar.open(timeframe, now);
        for _ in 1..buckets {
            since = calendar.previous(timeframe, since);
        }
        let read = |i: &Arc<Instrument>| self.newest(i.clone(), timeframe, (since, now + Ms::DAY), buckets);
        let series = join_all(market.instruments.iter().map(read)).await;
        let mut joiner = Joiner::with_calendar(&market.members, timeframe, KEEP, calendar);
        for (member, bars) in series.iter().enumerate() {
            for bar in bars {
                joiner.push(member, bar);
            }
        }
        joiner.clock(now);
        for bar in joiner.newest(2) {
            publish(&*self.bus, &key.0, now, bar);
        }
        for (member, i) in market.instruments.iter().enumerate() {
            let feed = (i.venue.clone(), i.symbol.clone(), timeframe);
            self.feeds.entry(feed).or_default().push((key.clone(), member));
        }
        self.joints.insert(key, Joint { joiner, since, dirty: BTreeSet::new(), received: now, wanted });
    }

    /// A member's newest bars; none where they cannot be had.
    async fn newest(
        &self,
        instrument: Arc<Instrument>,
        timeframe: Timeframe,
        (from, to): (Ms, Ms),
        limit: usize,
    ) -> Vec<Bar> {
        let query = BarsQuery { instrument, timeframe, from, to, limit, newest: true, base: false };
        match self.history.candles(&query).await {
            Ok(answer) => answer.candles.into_iter().map(|c| c.bar).collect(),
            Err(error) => {
                let i = &query.instrument;
                tracing::warn!(%error, venue = %i.venue, symbol = %i.symbol, "a member has no bars to join");
                Vec::new()
            }
        }
    }
}

fn publish(bus: &dyn Bus, symbol: &Symbol, received: Ms, joined: JoinedBar) {
    let (symbol, venue) = (symbol.clone(), VenueId::all());
    bus.publish(Event { received, symbol, venue, body: Body::Joined(Box::new(joined)) });
}
