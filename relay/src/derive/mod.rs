//! Derive: events made of events, with the same functions the page uses.
//!
//! Bars of the longer intervals and bars joined over venues are made once somebody asks: [`Demand`] goes in, and
//! is answered when the first of them are on the bus, so that who subscribes next finds them.

mod bars;
mod joined;

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Channel, Cursor, Stamped, Topic};
use shared::market::Timeframe;
use tokio::sync::{mpsc, oneshot};

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

/// Works until the bus closes.
pub async fn run(
    mut higher: HigherBars,
    mut joined: JoinedBars,
    mut events: mpsc::UnboundedReceiver<Arc<Stamped>>,
    mut demand: mpsc::UnboundedReceiver<Demand>,
) {
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
            Some(Demand { topics, ready }) = demand.recv() => {
                for topic in topics.iter().filter(|t| is_derived(t)) {
                    if topic.venue.is_all() {
                        joined.want(topic, &mut higher).await;
                    } else {
                        higher.want(topic).await;
                    }
                }
                // Whoever asked may have left.
                let _ = ready.send(higher.place());
            }
            _ = flush.tick() => joined.flush(&mut higher).await,
        }
    }
}

#[cfg(test)]
mod tests;
