//! What a venue's past is filled with at start: a day of bars, open interest and funding.

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Body, Event};
use shared::market::{Instrument, Ms, Timeframe};
use tracing::{info, warn};

use crate::ingest::outlet::Outlet;
use crate::ingest::rest::{Rest, RestError};
use crate::ingest::tape::{Tape, TapeOut};
use crate::store::{Coverage, Dataset, Record, Store};
use crate::venues::{Fetch, Fetched, Update, What};

/// How far back the start-up fill goes; older history is fetched when somebody looks at it.
const DEPTH: Ms = Ms::DAY;
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches the last day of one instrument through the tape, so that live bars continue it, and records it.
/// What cannot be had is logged and left out.
pub(super) async fn run(
    instrument: &Arc<Instrument>,
    tape: &mut Tape,
    rest: &Rest,
    outlet: &Outlet,
    store: &dyn Store,
) {
    let now = outlet.now();
    let from = (now - DEPTH).floor(Ms::MINUTE);
    let oi = Fetch::OpenInterestHistory { instrument: instrument.clone(), from, to: now, limit: 500 };
    // Two days show the spacing of the payments even where they are far apart.
    let since = now - DEPTH - DEPTH;
    let funding = Fetch::FundingHistory { instrument: instrument.clone(), from: since, to: now, limit: 100 };
    let mut updates = Vec::new();
    let bars_whole = match bars(instrument, rest, from, now).await {
        Ok(bars) => {
            updates.extend(bars);
            true
        }
        Err(error) => missing(instrument, outlet, &error),
    };
    for fetch in [oi, funding] {
        match rest.fetch(&fetch, PATIENCE).await {
            Ok(Fetched::Updates(rows)) => updates.extend(rows),
            Ok(_) | Err(RestError::Unsupported(_)) => {}
            Err(error) => {
                missing(instrument, outlet, &error);
            }
        }
    }
    let events = through_tape(tape, now, updates);
    let newest = events.iter().rev().find(|e| matches!(&e.body, Body::Bar(bar) if bar.closed)).cloned();
    let count = events.len();
    let mut records: Vec<Record> = events.into_iter().map(Record::Event).collect();
    if let Some(newest) = newest {
        if bars_whole {
            let (symbol, venue) = (instrument.symbol.clone(), instrument.venue.clone());
            let to = newest.timestamp() + Ms::MINUTE;
            records.push(Record::Coverage(Coverage {
                dataset: Dataset::Bars(Timeframe::M1),
                symbol,
                venue,
                from,
                to,
            }));
        }
        outlet.seed(newest);
    }
    match store.write(records).await {
        Ok(()) => info!(venue = %outlet.venue(), symbol = %instrument.symbol, rows = count, "history filled"),
        Err(error) => warn!(%error, "history could not be stored"),
    }
}

fn missing(instrument: &Instrument, outlet: &Outlet, error: &RestError) -> bool {
    warn!(symbol = %instrument.symbol, %error, "history is missing");
    outlet.error();
    false
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
        let newest = page.iter().filter_map(|u| match &u.what {
            What::Kline(bar) => Some(bar.timestamp),
            _ => None,
        });
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

/// Closed bars get their running sums here; forming ones come again from the socket.
fn through_tape(tape: &mut Tape, now: Ms, updates: Vec<Update>) -> Vec<Event> {
    let mut out = Vec::new();
    for update in updates {
        if !matches!(&update.what, What::Kline(bar) if !bar.closed) {
            tape.apply(now, update, &mut out);
        }
    }
    let event = |o| match o {
        TapeOut::Event(event) => Some(event),
        TapeOut::NeedDepth(_) | TapeOut::TradesMissing { .. } => None,
    };
    out.into_iter().filter_map(event).collect()
}
