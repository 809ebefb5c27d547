//! What a venue only says when asked, like open interest or settled funding.

use std::sync::Arc;
use std::time::Duration;

use shared::market::{Instrument, Ms};
use tokio::sync::mpsc;
use tracing::debug;

use super::desk::Msg;
use crate::clock::Clock;
use crate::ingest::rest::{Rest, RestError};
use crate::venues::{Fetched, Poll};

const PATIENCE: Duration = Duration::from_secs(5);

/// Asks what the venue wants to be asked about one instrument, each as often as it says, until dropped. `place`:
/// the first question of each kind waits for its part of the period, so that many instruments spread over it.
pub(super) async fn run(
    instrument: Arc<Instrument>,
    place: (usize, usize),
    rest: Rest,
    clock: Clock,
    desk: mpsc::Sender<Msg>,
) {
    let venue = rest.venue().clone();
    let due = |poll: &Poll, now: Ms| now + Ms(poll.every.0 * place.0 as i64 / place.1.max(1) as i64);
    let start = clock.now();
    let mut next: Vec<Option<Ms>> =
        venue.polls(&instrument, start).iter().map(|p| Some(due(p, start))).collect();
    loop {
        let first = next.iter().enumerate().filter_map(|(n, at)| Some(((*at)?, n))).min();
        let Some((at, number)) = first else { return };
        let wait = (at - clock.now()).0.max(0).unsigned_abs();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        // Asked anew, as what is asked for may move with the time.
        let Some(poll) = venue.polls(&instrument, clock.now()).into_iter().nth(number) else { return };
        let (symbol, channel) = (&instrument.symbol, poll.channel);
        let message = match rest.fetch(&poll.fetch, PATIENCE).await {
            Ok(Fetched::Updates(updates)) => Msg::Updates { received: clock.now(), updates, polled: true },
            Err(RestError::Unsupported(_)) => {
                next[number] = None;
                continue;
            }
            Ok(_) => Msg::Error,
            Err(error) => {
                debug!(%symbol, %channel, %error, "no answer to a poll");
                Msg::Error
            }
        };
        if desk.send(message).await.is_err() {
            return;
        }
        next[number] = Some(clock.now() + poll.every);
    }
}
