//! Bars joined over the members of a group (venue `all`), while somebody wants them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use shared::event::{Bar, Body, Channel, Event, JoinedBar, Topic};
use shared::market::{Instrument, Ms, Symbol, Timeframe, VenueId};
use shared::maths::joined::Members;
use shared::maths::joined::bars::Joiner;
use tokio::time::Instant;

use super::{HigherBars, Jobs, LINGER, Seed};
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
/// Members whose longer bars could not be made are tried again so often.
const RETRY_EVERY: Duration = Duration::from_secs(30);

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
    /// Bars that came before the history had told what was before; `None` since then.
    early: Option<Vec<(usize, Bar)>>,
    /// Earlier buckets are not whole here.
    since: Ms,
    /// Forming buckets that changed and were not told yet.
    dirty: BTreeSet<Ms>,
    received: Ms,
    wanted: Instant,
    /// When the members' longer bars were last asked for.
    asked: Instant,
}

/// What the history tells of the members of a joint.
pub(super) struct JoinedSeed {
    key: Key,
    members: Members,
    series: Vec<Vec<Bar>>,
    now: Ms,
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

    /// Takes a member's bar; one that closes a joined bar is told at once, others with the next [`Self::tick`].
    pub(super) fn take(&mut self, event: &Event) {
        let Body::Bar(bar) = &event.body else { return };
        if self.feeds.is_empty() {
            return;
        }
        let feed = (event.venue.clone(), event.symbol.clone(), bar.interval);
        for (key, member) in self.feeds.get(&feed).into_iter().flatten() {
            let Some(joint) = self.joints.get_mut(key).filter(|j| bar.timestamp >= j.since) else { continue };
            if let Some(early) = &mut joint.early {
                early.push((*member, *bar));
                continue;
            }
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
    pub(super) fn want(&mut self, topic: &Topic, higher: &mut HigherBars, jobs: &mut Jobs) {
        let Some(timeframe) = topic.interval else { return };
        let key = (topic.symbol.clone(), timeframe);
        if let Some(joint) = self.joints.get_mut(&key) {
            joint.wanted = Instant::now();
        } else if let Some(market) = self.directory.joined(&topic.symbol) {
            self.begin(key, &market.with(Channel::Bar), Instant::now(), higher, jobs);
        }
    }

    /// Tells what changed since, and what time closes; ends what nobody wants any more.
    pub(super) fn tick(&mut self, higher: &mut HigherBars, jobs: &mut Jobs) {
        let now = self.history.now();
        for ((symbol, _), joint) in self.joints.iter_mut().filter(|(_, joint)| joint.early.is_none()) {
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
            self.review(higher, jobs);
        }
    }

    fn review(&mut self, higher: &mut HigherBars, jobs: &mut Jobs) {
        let keys: Vec<(Key, Instant)> = self.joints.iter().map(|(k, j)| (k.clone(), j.wanted)).collect();
        for (key, wanted) in keys {
            if wanted.elapsed() >= self.linger && self.hub.release(&bar_topic(&VenueId::all(), &key.0, key.1))
            {
                self.end(&key);
                continue;
            }
            let Some(market) = self.directory.joined(&key.0).map(|m| m.with(Channel::Bar)) else { continue };
            if self.joints.get(&key).is_some_and(|j| *j.joiner.members() != market.members) {
                self.end(&key);
                self.begin(key, &market, wanted, higher, jobs);
            } else if let Some(joint) = self.joints.get_mut(&key).filter(|j| j.asked.elapsed() >= RETRY_EVERY)
            {
                joint.asked = Instant::now();
                want_members(&market, key.1, higher, jobs);
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

    /// Begins a joint and has its history read.
    fn begin(
        &mut self,
        key: Key,
        market: &JoinedMarket,
        wanted: Instant,
        higher: &mut HigherBars,
        jobs: &mut Jobs,
    ) {
        let Some(reference) = market.reference() else { return };
        let (calendar, timeframe) = (reference.calendar.clone(), key.1);
        want_members(market, timeframe, higher, jobs);
        let now = self.history.now();
        let buckets = if timeframe == Timeframe::M1 { SEED_MINUTES } else { SEED_LONGER };
        let mut since = calendar.open(timeframe, now);
        for _ in 1..buckets {
            since = calendar.previous(timeframe, since);
        }
        for (member, i) in market.instruments.iter().enumerate() {
            let feed = (i.venue.clone(), i.symbol.clone(), timeframe);
            self.feeds.entry(feed).or_default().push((key.clone(), member));
        }
        let joiner = Joiner::with_calendar(&market.members, timeframe, KEEP, calendar);
        let (early, dirty, asked) = (Some(Vec::new()), BTreeSet::new(), Instant::now());
        self.joints.insert(key.clone(), Joint { joiner, early, since, dirty, received: now, wanted, asked });
        let (history, market) = (self.history.clone(), market.clone());
        jobs.begin(&bar_topic(&VenueId::all(), &key.0, timeframe), async move {
            let (range, history) = ((since, now + Ms::DAY), &history);
            let read = |i: &Arc<Instrument>| newest(history, i.clone(), timeframe, range, buckets);
            let series = join_all(market.instruments.iter().map(read)).await;
            Seed::Joined(JoinedSeed { key, members: market.members, series, now })
        });
    }

    /// Goes on from what the history told; tells the last closed and the forming bar.
    pub(super) fn seed(&mut self, seed: JoinedSeed) {
        let JoinedSeed { key, members, series, now } = seed;
        let Some(joint) = self.joints.get_mut(&key).filter(|j| *j.joiner.members() == members) else {
            return;
        };
        let told =
            series.iter().enumerate().flat_map(|(member, bars)| bars.iter().map(move |b| (member, *b)));
        for (member, bar) in told.chain(joint.early.take().unwrap_or_default()) {
            joint.joiner.push(member, &bar);
        }
        joint.joiner.clock(now);
        for bar in joint.joiner.newest(2) {
            publish(&*self.bus, &key.0, now, bar);
        }
    }
}

/// Has the members' own longer bars made.
fn want_members(market: &JoinedMarket, timeframe: Timeframe, higher: &mut HigherBars, jobs: &mut Jobs) {
    for i in market.instruments.iter().filter(|_| timeframe != Timeframe::M1) {
        higher.want(&bar_topic(&i.venue, &i.symbol, timeframe), jobs);
    }
}

fn bar_topic(venue: &VenueId, symbol: &Symbol, timeframe: Timeframe) -> Topic {
    let (symbol, venue) = (symbol.clone(), venue.clone());
    Topic { symbol, venue, channel: Channel::Bar, interval: Some(timeframe) }
}

/// A member's newest bars; none where they cannot be had.
async fn newest(
    history: &History,
    instrument: Arc<Instrument>,
    timeframe: Timeframe,
    (from, to): (Ms, Ms),
    limit: usize,
) -> Vec<Bar> {
    let query = BarsQuery { instrument, timeframe, from, to, limit, newest: true, base: false };
    match history.candles(&query).await {
        Ok(answer) => answer.candles.into_iter().map(|c| c.bar).collect(),
        Err(error) => {
            let i = &query.instrument;
            tracing::warn!(%error, venue = %i.venue, symbol = %i.symbol, "a member has no bars to join");
            Vec::new()
        }
    }
}

fn publish(bus: &dyn Bus, symbol: &Symbol, received: Ms, joined: JoinedBar) {
    let (symbol, venue) = (symbol.clone(), VenueId::all());
    bus.publish(Event { received, symbol, venue, body: Body::Joined(Box::new(joined)) });
}
