//! Drives the simulated venues through the same tape, bus and store as a real one.

mod player;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Bar, Body, Channel, Event, Gap, GapCause, GapState, Origin};
use shared::market::{Instrument, Ms, Symbol, Timeframe};
use tokio::time::MissedTickBehavior;
use tracing::info;

pub use self::player::Player;
use super::outlet::Outlet;
use super::tape::Tape;
use crate::store::{Coverage, Dataset, Record, Store, StoreError};
use crate::venues::sim::SimMarket;

/// A break the record does not show: the book is kept once a second.
const SHORT_BREAK: Ms = Ms(3_000);
const STEP: Duration = Duration::from_millis(50);
/// Rows handed to the store at once.
const CHUNK: usize = 4_096;
/// Holes of all channels are told so far back; those of bars as far as there are bars.
const LEDGER: Ms = Ms::DAY;
/// So many minutes in a row are never lost.
const LONGEST_HOLE: Ms = Ms(10 * Ms::MINUTE.0);

/// A simulated venue whose history is recorded, ready to play.
pub struct Ready(Player);

/// Writes the history that the store lacks. Done before the relay serves: a page that asked in between would take a
/// half-written history for the whole.
///
/// # Errors
/// When the store cannot write.
pub async fn prepare(
    market: Arc<SimMarket>,
    instruments: Vec<Arc<Instrument>>,
    outlet: Outlet,
    store: Arc<dyn Store>,
) -> Result<Ready, StoreError> {
    let mut tape = Tape::new(market.venue(), Origin::Sim);
    let start = outlet.now();
    let minute = start.floor(Ms::MINUTE);
    let alive = alive(&instruments, &*store).await?;
    for instrument in &instruments {
        tape.add(instrument.clone(), None);
        if let Some(from) = alive.filter(|at| start - *at > SHORT_BREAK) {
            store.write(restart(instrument, from, start)).await?;
        }
        let last = backfill(&market, &outlet, &*store, instrument, minute).await?;
        if let Some(bar) = last {
            tape.resume(&instrument.symbol, &bar);
            outlet.seed(event(&outlet, &instrument.symbol, bar.timestamp + Ms::MINUTE, Body::Bar(bar)));
        }
    }
    let took_ms = (outlet.now() - start).0;
    info!(venue = %market.venue(), symbols = instruments.len(), took_ms, "simulated history is ready");
    Ok(Ready(Player::new(market, instruments, outlet, tape, minute)))
}

impl Ready {
    /// Plays the market until the task is dropped, first what already passed of the running minute.
    pub async fn play(self) {
        let Ready(mut player) = self;
        player.start();
        let mut ticks = tokio::time::interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            player.step(player.now());
        }
    }
}

/// When the relay last wrote anything of the venue.
async fn alive(instruments: &[Arc<Instrument>], store: &dyn Store) -> Result<Option<Ms>, StoreError> {
    let mut newest = None;
    for instrument in instruments {
        for dataset in instrument.channels.iter().filter_map(|channel| Dataset::of(*channel, None)) {
            let (symbol, venue) = (instrument.symbol.clone(), instrument.venue.clone());
            newest = newest.max(store.newest(dataset, symbol, venue).await?);
        }
    }
    Ok(newest)
}

/// The time the relay was down is a hole like any other: the market gives back all but trades and book.
fn restart(instrument: &Instrument, from: Ms, now: Ms) -> Vec<Record> {
    let hole = |channel: &Channel| {
        let lost = matches!(channel, Channel::Book | Channel::Trade);
        let state = if lost { GapState::Lost } else { GapState::Refilled };
        let cause = GapCause::Restart;
        let gap = Gap { timestamp: now, channel: *channel, from, to: Some(now), cause, state };
        Record::Gap { symbol: instrument.symbol.clone(), venue: instrument.venue.clone(), gap }
    };
    instrument.channels.iter().map(hole).collect()
}

/// Records what the store lacks of `[.., minute)`; answers the newest closed bar.
async fn backfill(
    market: &SimMarket,
    outlet: &Outlet,
    store: &dyn Store,
    instrument: &Instrument,
    minute: Ms,
) -> Result<Option<Bar>, StoreError> {
    let symbol = &instrument.symbol;
    let venue = outlet.venue().clone();
    let dataset = Dataset::Bars(Timeframe::M1);
    let begin = (minute - market.place().history()).floor(Ms::DAY);
    let held = store.coverage(dataset, symbol.clone(), venue.clone()).await?;
    // Coverage always ends where the last backfill did; live minutes after it are written again, unchanged.
    let from = held.last().map_or(begin, |(_, to)| (*to).max(begin));
    let bars = market.bars(symbol, from, minute);
    // The newest may lie before a closed time, or before a hole.
    let newest = instrument.calendar.previous(Timeframe::M1, minute);
    let last = market.bars(symbol, newest - LONGEST_HOLE, minute).pop();
    let bodies = bars
        .into_iter()
        .map(Body::Bar)
        .chain(market.open_interest_history(symbol, from, minute).into_iter().map(Body::Oi))
        .chain(market.funding_history(symbol, from, minute).into_iter().map(Body::Funding))
        .chain(market.liquidations(symbol, from, minute).into_iter().map(Body::Liquidation));
    let mut records: Vec<Record> = Vec::with_capacity(CHUNK);
    for body in bodies {
        let event = Event { received: outlet.now(), symbol: symbol.clone(), venue: venue.clone(), body };
        records.push(Record::Event(event));
        if records.len() == CHUNK {
            store.write(std::mem::replace(&mut records, Vec::with_capacity(CHUNK))).await?;
        }
    }
    let gaps = gaps(market, instrument, from, minute)
        .filter(|gap| gap.channel == Channel::Bar || gap.from >= minute - LEDGER);
    records.extend(gaps.map(|gap| Record::Gap { symbol: symbol.clone(), venue: venue.clone(), gap }));
    let stretch = Coverage { dataset, symbol: symbol.clone(), venue, from, to: minute };
    records.push(Record::Coverage(stretch));
    store.write(records).await?;
    store.flush().await?;
    Ok(last)
}

/// Holes that were closed in `[from, to)`, as they would have been told.
fn gaps(market: &SimMarket, instrument: &Instrument, from: Ms, to: Ms) -> impl Iterator<Item = Gap> {
    let troubles = market.troubles();
    let outages = troubles.outages(from, to).filter(move |o| o.to <= to).flat_map(|o| {
        let hole = move |channel: &Channel| (*channel, o.from, o.to, GapCause::Disconnect, o.refills);
        instrument.channels.iter().map(hole)
    });
    let silences = troubles.silences(from, to).filter(move |s| s.to <= to && s.symbol == instrument.symbol);
    let silences = silences.flat_map(|s| {
        let hole = move |channel: &Channel| (*channel, s.from, s.to, GapCause::Silence, true);
        player::with_bars(s.channel).iter().map(hole)
    });
    outages.chain(silences).map(|(channel, from, to, cause, refills)| {
        let state = if channel == Channel::Bar && refills { GapState::Refilled } else { GapState::Lost };
        Gap { timestamp: to, channel, from, to: Some(to), cause, state }
    })
}

fn event(outlet: &Outlet, symbol: &Symbol, received: Ms, body: Body) -> Event {
    Event { received, symbol: symbol.clone(), venue: outlet.venue().clone(), body }
}
