//! What a symbol's past is filled with when it is followed: a day of bars, open interest and funding; after a
//! restart the time since then.

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Channel, GapCause};
use shared::market::{Instrument, Ms, Timeframe};
use tokio::sync::mpsc;
use tracing::warn;

use super::desk::Msg;
use super::holes::{Hole, oldest_open_interest};
use crate::clock::Clock;
use crate::ingest::rest::{Rest, RestError};
use crate::store::{Dataset, Store, StoreError};
use crate::venues::{Fetch, Fetched, Update, What};

/// How far back the fill goes; older history is fetched when somebody looks at it.
const DEPTH: Ms = Ms::DAY;
/// How far back it goes at most, to where the relay was last alive.
const LONGEST: Ms = Ms(7 * Ms::DAY.0);
const PATIENCE: Duration = Duration::from_secs(30);

/// A symbol's fetched past.
#[derive(Debug)]
pub(super) struct Filled {
    pub instrument: Arc<Instrument>,
    /// Ascending per kind.
    pub updates: Vec<Update>,
    /// The bars are whole from there on.
    pub bars_from: Option<Ms>,
    /// Since when there is open interest.
    pub open_interest_from: Option<Ms>,
    /// What the record lacks because the relay did not run, and what was open when it ended.
    pub holes: Vec<(Channel, Hole)>,
}

/// Fetches the past of one instrument and gives it to the desk. What cannot be had is logged and left out.
pub(super) async fn fetch(
    instrument: Arc<Instrument>,
    rest: Rest,
    clock: Clock,
    store: Arc<dyn Store>,
    desk: mpsc::Sender<Msg>,
) {
    let now = clock.now();
    let holes = match holes(&instrument, &*store, now).await {
        Ok(holes) => holes,
        Err(error) => {
            warn!(%error, "the ledger cannot be read");
            Vec::new()
        }
    };
    let oldest = holes.iter().map(|(_, h)| h.from).min().unwrap_or(now);
    let from = oldest.min(now - DEPTH).max(now - LONGEST).floor(Ms::MINUTE);
    let mut filled = Filled {
        instrument: instrument.clone(),
        updates: Vec::new(),
        bars_from: None,
        open_interest_from: None,
        holes,
    };
    match bars(&instrument, &rest, from, now).await {
        Ok(bars) if !bars.is_empty() => {
            // A venue's history may begin later than asked for.
            let first = bars.iter().filter_map(|u| open_of(&u.what)).min().unwrap_or(from);
            filled.bars_from = Some(if first - from > Ms::HOUR { first } else { from });
            filled.updates.extend(bars);
        }
        Ok(_) | Err(RestError::Unsupported(_)) => {}
        Err(error) => missing(&instrument, &desk, &error).await,
    }
    let oi = Fetch::OpenInterestHistory { instrument: instrument.clone(), from, to: now, limit: 500 };
    // Two days show the spacing of the payments even where they are far apart.
    let since = now - DEPTH - DEPTH;
    let funding = Fetch::FundingHistory { instrument: instrument.clone(), from: since, to: now, limit: 100 };
    for fetch in [oi, funding] {
        match rest.fetch(&fetch, PATIENCE).await {
            Ok(Fetched::Updates(rows)) => {
                if matches!(fetch, Fetch::OpenInterestHistory { .. }) {
                    filled.open_interest_from = oldest_open_interest(&rows);
                }
                filled.updates.extend(rows);
            }
            Ok(_) | Err(RestError::Unsupported(_)) => {}
            Err(error) => missing(&instrument, &desk, &error).await,
        }
    }
    let _ = desk.send(Msg::Filled(Box::new(filled))).await;
}

async fn missing(instrument: &Instrument, desk: &mpsc::Sender<Msg>, error: &RestError) {
    warn!(symbol = %instrument.symbol, %error, "history is missing");
    let _ = desk.send(Msg::Error).await;
}

/// Holes that were open when the relay last ended, and for every other recorded channel the time since it was
/// last alive.
pub(super) async fn holes(
    instrument: &Instrument,
    store: &dyn Store,
    now: Ms,
) -> Result<Vec<(Channel, Hole)>, StoreError> {
    let (symbol, venue) = (&instrument.symbol, &instrument.venue);
    let mut alive = None;
    for dataset in Channel::OFFERED.into_iter().filter_map(|channel| Dataset::of(channel, None)) {
        // Writing stopped with the relay, whatever the density of the series.
        alive = alive.max(store.newest(dataset, symbol.clone(), venue.clone()).await?);
    }
    let rows = store.gaps(Some(symbol.clone()), Ms::ZERO, now).await?;
    let open = |row: &&crate::store::GapRow| row.venue == *venue && row.gap.to.is_none();
    let mut holes: Vec<(Channel, Hole)> = rows
        .iter()
        .filter(open)
        .map(|row| {
            (row.gap.channel, Hole { from: row.gap.from, cause: row.gap.cause, noticed: row.gap.from })
        })
        .collect();
    let Some(alive) = alive.filter(|at| *at < now) else { return Ok(holes) };
    let recorded = [Channel::Bar, Channel::Oi, Channel::Funding, Channel::Liquidation, Channel::Book];
    for channel in recorded.into_iter().filter(|c| instrument.channels.contains(c)) {
        if !holes.iter().any(|(c, _)| *c == channel) {
            holes.push((channel, Hole { from: alive, cause: GapCause::Restart, noticed: alive }));
        }
    }
    Ok(holes)
}

/// The 1m bars of `[from, now)`, in as many pages as the venue makes of them.
async fn bars(
    instrument: &Arc<Instrument>,
    rest: &Rest,
    mut from: Ms,
    now: Ms,
) -> Result<Vec<Update>, RestError> {
    let mut bars = Vec::new();
    while from < now {
        let longest = rest.venue().bars_per_call().map(|bars| from + Ms(Ms::MINUTE.0 * i64::from(bars)));
        let (instrument, end) = (instrument.clone(), now + Ms::MINUTE);
        let to = longest.map_or(end, |to| to.min(end));
        let fetch = Fetch::Klines { instrument, timeframe: Timeframe::M1, from, to, limit: 1_500 };
        let Fetched::Updates(page) = rest.fetch(&fetch, PATIENCE).await? else { break };
        let newest = page.iter().filter_map(|u| open_of(&u.what));
        let newest = newest.max().filter(|at| *at >= from);
        bars.extend(page);
        // Where the page ended because a call spans no more, the bars may go on after a quiet stretch.
        from = match newest {
            Some(newest) => newest + Ms::MINUTE,
            None => to,
        };
    }
    Ok(bars)
}

fn open_of(what: &What) -> Option<Ms> {
    match what {
        What::Kline(bar) => Some(bar.timestamp),
        _ => None,
    }
}
