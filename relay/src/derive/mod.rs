//! Derive: events made of events, with the same functions the page uses.
//!
//! All of it is made once somebody asks: [`Demand`] goes in, and is answered when the first values are on the bus,
//! so that who subscribes next finds them.
//!
//! There is one maker per kind, a field of [`Makers`]. To add one: a file here with a struct that has `take(&Event)`
//! (everything on the bus), `want(&Topic, .., &mut Jobs)` (somebody asked: begin, or note that it is still wanted;
//! what has to be read first is a job), `seed(..)` (what the job read, a variant of `Seed`) and `tick(..)` (every
//! [`TICK`]: tell what changed, end what nobody wants); a field in [`Makers`]; and a line in each of its functions,
//! which leave no channel out.

mod bars;
mod guards;
mod heatmap;
mod joined;
mod signals;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Channel, Cursor, Event, Topic};
use shared::market::Timeframe;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::bus::Bus;
use crate::hub::Hub;

pub use bars::HigherBars;
pub use guards::GuardsMaker;
pub use heatmap::{HeatMaps, topic as heatmap_topic};
pub use joined::JoinedBars;
pub use signals::Signals;

/// How often makers look at the time.
pub const TICK: Duration = Duration::from_millis(50);
/// What nobody subscribes to goes on so long after it was last asked for (pages that poll).
pub const LINGER: Duration = Duration::from_secs(60);

/// Longest wait for the first values of a topic that is made on demand.
const PATIENCE: Duration = Duration::from_secs(2);

/// Topics that clients want, and whom to tell once they have values.
pub struct Demand {
    pub topics: Vec<Topic>,
    /// Gets the place of the last value on the bus.
    pub ready: oneshot::Sender<Cursor>,
}

/// Asks for topics that are made on demand.
#[derive(Clone)]
pub struct Asker {
    hub: Arc<Hub>,
    demand: mpsc::UnboundedSender<Demand>,
}

impl Asker {
    pub fn new(hub: Arc<Hub>, demand: mpsc::UnboundedSender<Demand>) -> Asker {
        Asker { hub, demand }
    }

    /// Has these topics made where they are made on demand, and waits (not for ever) until the hub has their
    /// first values.
    pub async fn wanted(&self, topics: &[Topic]) {
        let topics: Vec<Topic> = topics.iter().filter(|t| is_derived(t)).cloned().collect();
        if topics.is_empty() {
            return;
        }
        let known = topics.iter().all(|topic| !self.hub.last(topic).is_empty());
        let (ready, made) = oneshot::channel();
        let asked = self.demand.send(Demand { topics, ready });
        if asked.is_ok() && !known {
            let there = async {
                if let Ok(place) = made.await {
                    self.hub.reached(place).await;
                }
            };
            // Their venue may be slow: then the values come live.
            let _ = tokio::time::timeout(PATIENCE, there).await;
        }
    }
}

/// Whether a topic is made on demand.
pub fn is_derived(topic: &Topic) -> bool {
    match topic.channel {
        Channel::Bar => topic.venue.is_all() || topic.interval.is_some_and(|tf| tf != Timeframe::M1),
        Channel::Signal | Channel::Guards | Channel::Heatmap => true,
        Channel::Oi | Channel::Funding | Channel::Liquidation | Channel::Trade | Channel::Book => false,
    }
}

/// What a reading of the history ends with.
enum Seed {
    Higher(bars::HigherSeed),
    Joined(joined::JoinedSeed),
    Guards(guards::GuardsSeed),
    Heat(heatmap::HeatSeed),
    Signals(signals::SignalSeed),
}

/// Readings of the history: a venue that is slow holds up nobody else's bars.
#[derive(Default)]
struct Jobs {
    running: JoinSet<(Topic, Seed)>,
    topics: HashSet<Topic>,
}

impl Jobs {
    fn begin(&mut self, topic: &Topic, reading: impl Future<Output = Seed> + Send + 'static) {
        let topic = topic.clone();
        self.topics.insert(topic.clone());
        self.running.spawn(async move { (topic, reading.await) });
    }

    fn holds(&self, topic: &Topic) -> bool {
        self.topics.contains(topic)
    }
}

/// One of each kind.
pub struct Makers {
    pub higher: HigherBars,
    pub joined: JoinedBars,
    pub guards: GuardsMaker,
    pub heat: HeatMaps,
    pub signals: Signals,
}

impl Makers {
    fn take(&mut self, event: &Event) {
        self.higher.take(event);
        self.joined.take(event);
        self.guards.take(event);
        self.heat.take(event);
        self.signals.take(event);
    }

    fn want(&mut self, topic: &Topic, jobs: &mut Jobs) {
        match topic.channel {
            Channel::Bar if topic.venue.is_all() => self.joined.want(topic, &mut self.higher, jobs),
            Channel::Bar => self.higher.want(topic, jobs),
            Channel::Guards => self.guards.want(topic, jobs),
            Channel::Heatmap => self.heat.want(topic, jobs),
            Channel::Signal => self.signals.want(topic, &mut self.higher, jobs),
            Channel::Oi | Channel::Funding | Channel::Liquidation | Channel::Trade | Channel::Book => {}
        }
    }

    fn seed(&mut self, seed: Seed) {
        match seed {
            Seed::Higher(seed) => self.higher.seed(seed),
            Seed::Joined(seed) => self.joined.seed(seed),
            Seed::Guards(seed) => self.guards.seed(seed),
            Seed::Heat(seed) => self.heat.seed(seed),
            Seed::Signals(seed) => self.signals.seed(seed),
        }
    }

    fn tick(&mut self, jobs: &mut Jobs) {
        self.joined.tick(&mut self.higher, jobs);
        self.guards.tick(jobs);
        self.heat.tick(jobs);
        self.signals.tick(&mut self.higher, jobs);
    }
}

/// Works until the bus closes.
pub async fn run(bus: Arc<dyn Bus>, mut makers: Makers, mut demand: mpsc::UnboundedReceiver<Demand>) {
    let mut events = bus.consume();
    let mut jobs = Jobs::default();
    let mut waiting: Vec<Demand> = Vec::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(stamped) => makers.take(&stamped.event),
                None => return,
            },
            Some(wanted) = demand.recv() => {
                for topic in wanted.topics.iter().filter(|t| is_derived(t)) {
                    makers.want(topic, &mut jobs);
                }
                waiting.push(wanted);
            }
            Some(Ok((topic, seed))) = jobs.running.join_next() => {
                jobs.topics.remove(&topic);
                makers.seed(seed);
            }
            _ = ticks.tick() => makers.tick(&mut jobs),
        }
        for done in waiting.extract_if(.., |w| !w.topics.iter().any(|t| jobs.holds(t))) {
            // Whoever asked may have left.
            let _ = done.ready.send(bus.head());
        }
    }
}

#[cfg(test)]
mod tests;
