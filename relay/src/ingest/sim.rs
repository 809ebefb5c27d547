//! Drives the simulated market through the same tape, bus and store as a real venue.

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Bar, Body, Event, Origin};
use shared::market::{Instrument, Ms, Symbol, Timeframe};
use shared::wire::VenueState;
use tokio::time::MissedTickBehavior;
use tracing::info;

use super::outlet::Outlet;
use super::tape::{Tape, TapeOut};
use crate::store::{Coverage, Dataset, Record, Store, StoreError};
use crate::venues::sim::SimMarket;

/// How far back the simulated market's history goes.
pub const HISTORY: Ms = Ms(30 * Ms::DAY.0);
const STEP: Duration = Duration::from_millis(50);
/// Rows handed to the store at once.
const CHUNK: usize = 4_096;

/// A simulated market whose history is recorded, ready to play.
pub struct Ready {
    market: Arc<SimMarket>,
    instruments: Vec<Arc<Instrument>>,
    outlet: Outlet,
    tape: Tape,
    from: Ms,
}

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
    let mut tape = Tape::new(SimMarket::venue(), Origin::Sim);
    let start = outlet.now();
    let minute = start.floor(Ms::MINUTE);
    for instrument in &instruments {
        tape.add(instrument.clone(), None);
        let last = backfill(&market, &outlet, &*store, &instrument.symbol, minute).await?;
        if let Some(bar) = last {
            tape.resume(&instrument.symbol, &bar);
            outlet.seed(event(&outlet, &instrument.symbol, bar.timestamp + Ms::MINUTE, Body::Bar(bar)));
        }
        tape.trades_covered_from(&instrument.symbol, minute);
    }
    info!(symbols = instruments.len(), took_ms = (outlet.now() - start).0, "simulated history is ready");
    Ok(Ready { market, instruments, outlet, tape, from: minute })
}

impl Ready {
    /// Plays the market until the task is dropped.
    pub async fn play(self) {
        play(self.market, self.outlet, self.tape, &self.instruments, self.from).await;
    }
}

/// Plays from `from` on, first what already passed of the running minute.
async fn play(
    market: Arc<SimMarket>,
    outlet: Outlet,
    mut tape: Tape,
    instruments: &[Arc<Instrument>],
    from: Ms,
) {
    outlet.board().line(outlet.venue(), "simulation", true);
    for instrument in instruments {
        for channel in &instrument.channels {
            let usual = channel.usual_interval();
            let state = if usual.is_some() { VenueState::Live } else { VenueState::Quiet };
            outlet.board().topic(outlet.venue(), &instrument.symbol, *channel, state, usual, outlet.now());
        }
    }
    let mut done = from;
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut out = Vec::new();
    loop {
        ticks.tick().await;
        let now = outlet.now();
        if now <= done {
            continue;
        }
        for instrument in instruments {
            for update in market.updates(&instrument.symbol, done, now) {
                tape.apply(now, update, &mut out);
            }
        }
        tape.tick(now, &mut out);
        done = now;
        for output in out.drain(..) {
            match output {
                TapeOut::Event(event) => outlet.publish(event),
                // The simulation neither streams diffs nor loses trades.
                TapeOut::NeedDepth(_) | TapeOut::TradesMissing { .. } => {}
            }
        }
    }
}

/// Records what the store lacks of `[.., minute)`; answers the newest closed bar.
async fn backfill(
    market: &SimMarket,
    outlet: &Outlet,
    store: &dyn Store,
    symbol: &Symbol,
    minute: Ms,
) -> Result<Option<Bar>, StoreError> {
    let venue = outlet.venue().clone();
    let dataset = Dataset::Bars(Timeframe::M1);
    let begin = (minute - HISTORY).floor(Ms::DAY);
    let held = store.coverage(dataset, symbol.clone(), venue.clone()).await?;
    // Coverage always ends where the last backfill did; live minutes after it are written again, unchanged.
    let from = held.last().map_or(begin, |(_, to)| (*to).max(begin));
    let bars = market.bars(symbol, from, minute);
    let last = market.bars(symbol, minute - Ms::MINUTE, minute).pop();
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
    let stretch = Coverage { dataset, symbol: symbol.clone(), venue, from, to: minute };
    records.push(Record::Coverage(stretch));
    store.write(records).await?;
    store.flush().await?;
    Ok(last)
}

fn event(outlet: &Outlet, symbol: &Symbol, received: Ms, body: Body) -> Event {
    Event { received, symbol: symbol.clone(), venue: outlet.venue().clone(), body }
}
