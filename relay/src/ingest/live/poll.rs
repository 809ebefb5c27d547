//! What a venue only says when asked: open interest, and settled funding.

use std::sync::Arc;
use std::time::Duration;

use shared::event::Channel;
use shared::market::{Instrument, Ms};
use tokio::sync::mpsc;
use tracing::debug;

use super::desk::Msg;
use crate::clock::Clock;
use crate::ingest::rest::{Rest, RestError};
use crate::venues::{Fetch, Fetched};

/// Each instrument's open interest is asked for so often.
pub(super) const OPEN_INTEREST_EVERY: Duration = Duration::from_secs(10);
const FUNDING_EVERY: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for every instrument's open interest in turn, spread over the period.
pub(super) async fn open_interest(
    instruments: Vec<Arc<Instrument>>,
    rest: Rest,
    clock: Clock,
    desk: mpsc::Sender<Msg>,
) {
    let fetch = |instrument| Fetch::OpenInterest { instrument };
    rounds(instruments, Channel::Oi, OPEN_INTEREST_EVERY, fetch, rest, clock, desk).await;
}

/// Asks for the latest payments of every instrument in turn.
pub(super) async fn settled_funding(
    instruments: Vec<Arc<Instrument>>,
    rest: Rest,
    clock: Clock,
    desk: mpsc::Sender<Msg>,
) {
    let now = clock.clone();
    let fetch = move |instrument| {
        let to = now.now();
        Fetch::FundingHistory { instrument, from: to - Ms(2 * Ms::DAY.0), to, limit: 100 }
    };
    rounds(instruments, Channel::Funding, FUNDING_EVERY, fetch, rest, clock, desk).await;
}

async fn rounds(
    mut instruments: Vec<Arc<Instrument>>,
    channel: Channel,
    every: Duration,
    fetch: impl Fn(Arc<Instrument>) -> Fetch,
    rest: Rest,
    clock: Clock,
    desk: mpsc::Sender<Msg>,
) {
    instruments.retain(|i| i.channels.contains(&channel));
    if instruments.is_empty() {
        return;
    }
    let pause = every / u32::try_from(instruments.len()).unwrap_or(u32::MAX);
    for instrument in instruments.iter().cycle() {
        let message = match rest.fetch(&fetch(instrument.clone()), PATIENCE).await {
            Ok(Fetched::Updates(updates)) => Msg::Updates { received: clock.now(), updates },
            Err(RestError::Unsupported(_)) => return,
            Ok(_) => Msg::Error,
            Err(error) => {
                debug!(symbol = %instrument.symbol, %channel, %error, "no answer to a poll");
                Msg::Error
            }
        };
        if desk.send(message).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}
