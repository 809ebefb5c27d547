//! Symbols followed while clients want them: from subscriptions and polls to orders for the venues.

#[cfg(test)]
mod tests;
mod wants;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::event::Topic;
use shared::market::{Ms, Symbol, VenueId};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{info, warn};

use super::live::Order;
use crate::directory::{Directory, Listing, Market};
use crate::hub::Hub;

pub use wants::{MarketKey, Step, TooMany, Wants};

const TICK: Duration = Duration::from_millis(250);

/// What following on demand may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FollowLimits {
    /// How long a symbol stays open after the last want.
    pub grace: Ms,
    /// Most symbols open at one venue besides the configured ones.
    pub symbols: usize,
}

impl Default for FollowLimits {
    fn default() -> FollowLimits {
        FollowLimits { grace: Ms::MINUTE, symbols: 20 }
    }
}

/// Opens symbols upstream for their first client and closes them some time after the last.
pub struct Follower {
    directory: Arc<Directory>,
    hub: Arc<Hub>,
    /// Time that only goes forward.
    now: Box<dyn Fn() -> Ms + Send + Sync>,
    grace: Ms,
    inner: Mutex<Inner>,
}

struct Inner {
    wants: Wants,
    venues: HashMap<VenueId, mpsc::UnboundedSender<Order>>,
    /// Topics of clients that want whole groups: what those mean changes with the lists.
    joined: HashMap<u64, Vec<Topic>>,
    /// The state of the lists they were last read by.
    seen: u64,
}

impl Follower {
    pub fn new(directory: Arc<Directory>, hub: Arc<Hub>, limits: FollowLimits) -> Follower {
        let started = Instant::now();
        let elapsed = move || Ms(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX));
        Follower::with_clock(directory, hub, limits, elapsed)
    }

    /// One that counts time as `now` says.
    fn with_clock(
        directory: Arc<Directory>,
        hub: Arc<Hub>,
        limits: FollowLimits,
        now: impl Fn() -> Ms + Send + Sync + 'static,
    ) -> Follower {
        let wants = Wants::new(limits.grace, limits.symbols);
        let (venues, joined) = (HashMap::new(), HashMap::new());
        let inner = Mutex::new(Inner { wants, venues, joined, seen: 0 });
        Follower { directory, hub, now: Box::new(now), grace: limits.grace, inner }
    }

    /// Registers a venue that takes orders; `symbols` it follows always.
    pub fn attach(&self, venue: &VenueId, symbols: &[Symbol]) -> mpsc::UnboundedReceiver<Order> {
        let (sender, orders) = mpsc::unbounded_channel();
        self.directory.configure(venue, symbols);
        self.lock().venues.insert(venue.clone(), sender);
        orders
    }

    /// Seconds that a symbol nobody wants stays open.
    pub fn grace_s(&self) -> u64 {
        (self.grace.0 / 1_000).unsigned_abs()
    }

    /// A client has these topics from now on. Their symbols are open or opening when this returns; venue `all`
    /// means every member of the symbol's group.
    ///
    /// # Errors
    /// [`TooMany`] when a venue follows as many on demand as it may; then nothing has changed.
    pub fn hold(&self, client: u64, topics: Vec<Topic>) -> Result<(), TooMany> {
        let mut inner = self.lock();
        let markets = self.markets(&inner, &topics);
        let steps = inner.wants.hold(client, markets, (self.now)())?;
        inner.remember(client, topics);
        self.carry_out(&inner, steps);
        Ok(())
    }

    /// As [`Self::hold`], but where a venue is full the client has what fits: first of all what it has already, then
    /// in the order given. Answers the venues that are full.
    pub fn hold_fitting(&self, client: u64, topics: &[Topic]) -> Vec<TooMany> {
        let mut inner = self.lock();
        let now = (self.now)();
        let before = inner.wants.held(client);
        let mut held = self.markets(&inner, topics);
        held.retain(|key| before.contains(key));
        let mut steps = inner.wants.hold(client, held.clone(), now).unwrap_or_default();
        let mut full: Vec<TooMany> = Vec::new();
        let one_by_one = topics.iter().map(std::slice::from_ref);
        let wanted: Vec<MarketKey> = one_by_one.flat_map(|topic| self.markets(&inner, topic)).collect();
        for key in wanted {
            if held.contains(&key) || full.iter().any(|full| full.venue == key.0) {
                continue;
            }
            let mut more = held.clone();
            more.insert(key);
            match inner.wants.hold(client, more.clone(), now) {
                Ok(opened) => {
                    steps.extend(opened);
                    held = more;
                }
                Err(error) => full.push(error),
            }
        }
        inner.remember(client, topics.to_vec());
        self.carry_out(&inner, steps);
        full
    }

    /// A client has only these topics left; none when it is gone.
    pub fn release(&self, client: u64, topics: Vec<Topic>) {
        let mut inner = self.lock();
        let mut markets = self.markets(&inner, &topics);
        // Groups may have grown since: giving up something opens nothing.
        let held = inner.wants.held(client);
        markets.retain(|key| held.contains(key));
        inner.remember(client, topics);
        let steps = inner.wants.hold(client, markets, (self.now)()).unwrap_or_default();
        self.carry_out(&inner, steps);
    }

    /// Somebody asked for the last values of these topics: their symbols stay open for the grace period.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub fn poll(&self, topics: &[Topic]) -> Result<(), TooMany> {
        let mut inner = self.lock();
        let markets = self.markets(&inner, topics);
        let steps = inner.wants.poll(&markets, (self.now)())?;
        self.carry_out(&inner, steps);
        Ok(())
    }

    /// Closes what nobody wants any more, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.tick();
        }
    }

    fn tick(&self) {
        let mut inner = self.lock();
        let now = (self.now)();
        let mut steps = inner.wants.tick(now);
        let changes = self.directory.changes();
        if inner.seen != changes {
            inner.seen = changes;
            let groups: Vec<(u64, BTreeSet<MarketKey>)> =
                inner.joined.iter().map(|(client, topics)| (*client, self.markets(&inner, topics))).collect();
            for (client, markets) in groups {
                match inner.wants.hold(client, markets, now) {
                    Ok(more) => steps.extend(more),
                    Err(error) => warn!(client, %error, "new members of a group are left out"),
                }
            }
        }
        self.carry_out(&inner, steps);
    }

    /// The markets that topics need beyond those that are followed anyway.
    fn markets(&self, inner: &Inner, topics: &[Topic]) -> BTreeSet<MarketKey> {
        let mut asked: BTreeSet<MarketKey> = BTreeSet::new();
        for topic in topics {
            asked.insert((topic.venue.clone(), topic.symbol.clone()));
        }
        let mut markets = BTreeSet::new();
        for (venue, symbol) in asked {
            if venue.is_all() {
                let group = self.directory.listings(&symbol).first().map(|i| i.group.clone());
                let members = group.map(|group| self.directory.members(&group)).unwrap_or_default();
                markets.extend(members.iter().map(|i| (i.venue.clone(), i.symbol.clone())));
            } else {
                markets.insert((venue, symbol));
            }
        }
        markets.retain(|(venue, symbol)| {
            inner.venues.contains_key(venue) && !self.directory.is_configured(venue, symbol)
        });
        markets
    }

    fn carry_out(&self, inner: &Inner, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Open((venue, symbol)) => {
                    info!(%venue, %symbol, "followed on demand");
                    // What is left of an earlier time is no news.
                    self.hub.forget(&venue, &symbol);
                    self.directory.follow(&venue, &symbol);
                    let trades = |market: Market| market.status == Listing::Trading;
                    if self.directory.market(&venue, &symbol).is_some_and(trades) {
                        inner.order(&venue, Order::Follow(symbol));
                    }
                }
                Step::Close((venue, symbol)) => {
                    info!(%venue, %symbol, "nobody wants it any more");
                    self.directory.unfollow(&venue, &symbol);
                    inner.order(&venue, Order::Unfollow(symbol.clone()));
                    self.hub.forget(&venue, &symbol);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remember(&mut self, client: u64, topics: Vec<Topic>) {
        if topics.iter().any(|topic| topic.venue.is_all()) {
            self.joined.insert(client, topics);
        } else {
            self.joined.remove(&client);
        }
    }

    fn order(&self, venue: &VenueId, order: Order) {
        if let Some(venue) = self.venues.get(venue) {
            // A venue that has ended follows nothing.
            let _ = venue.send(order);
        }
    }
}
