//! Derive: events made of events, with the same functions the page uses.
//!
//! Bars of the longer intervals and bars joined over venues are made once somebody asks: [`Demand`] goes in, and
//! is answered when the first of them are on the bus, so that who subscribes next finds them.

mod bars;
mod joined;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Channel, Cursor, Topic};
use shared::market::Timeframe;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::bus::Bus;

pub use bars::HigherBars;
pub use joined::JoinedBars;

/// How often joined bars that changed are told.
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Topics that clients want, and whom to tell once they have values.
pub struct Demand {
    pub topics: Vec<Topic>,
    /// Gets the place of the last value on the bus.
    pub ready: oneshot::Sender<Cursor>,
}

/// Whether a topic is made on demand.
pub fn is_derived(topic: &Topic) -> bool {
    topic.channel == Channel::Bar
        && (topic.venue.is_all() || topic.interval.is_some_and(|tf| tf != Timeframe::M1))
}

/// What a reading of the history ends with.
enum Seed {
    Higher(bars::HigherSeed),
    Joined(joined::JoinedSeed),
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

/// Works until the bus closes.
pub async fn run(
    bus: Arc<dyn Bus>,
    mut higher: HigherBars,
    mut joined: JoinedBars,
    mut demand: mpsc::UnboundedReceiver<Demand>,
) {
    let mut events = bus.consume();
    let mut jobs = Jobs::default();
    let mut waiting: Vec<Demand> = Vec::new();
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(stamped) => {
                    higher.take(&stamped.event);
                    joined.take(&stamped.event);
                }
                None => return,
            },
            Some(wanted) = demand.recv() => {
                for topic in wanted.topics.iter().filter(|t| is_derived(t)) {
                    if topic.venue.is_all() {
                        joined.want(topic, &mut higher, &mut jobs);
                    } else {
                        higher.want(topic, &mut jobs);
                    }
                }
                waiting.push(wanted);
            }
            Some(Ok((topic, seed))) = jobs.running.join_next() => {
                jobs.topics.remove(&topic);
                match seed {
                    Seed::Higher(seed) => higher.seed(seed),
                    Seed::Joined(seed) => joined.seed(seed),
                }
            }
            _ = flush.tick() => joined.flush(&mut higher, &mut jobs),
        }
        for done in waiting.extract_if(.., |w| !w.topics.iter().any(|t| jobs.holds(t))) {
            // Whoever asked may have left.
            let _ = done.ready.send(bus.head());
        }
    }
}

#[cfg(test)]
mod tests;
