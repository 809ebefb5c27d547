//! The ledger's live side: holes open with what breaks, and close with what the venue can give back.

#[cfg(test)]
mod tests;

use std::time::Duration;

use shared::event::{Channel, GapCause, GapState};
use shared::market::{Ms, Symbol, Timeframe};
use tracing::{info, warn};

use super::desk::{Desk, Msg};
use crate::ingest::tape::TradeHole;
use crate::venues::{Fetch, Fetched, TradeUpdate, Update, What};

/// How long a refill may wait for budget.
const PATIENCE: Duration = Duration::from_secs(60);
/// Calls spent on one hole of trades; what is longer is left to the klines.
const MAX_TRADE_PAGES: u32 = 8;
/// Calls spent on one hole of bars; what is longer is fetched when somebody looks at it.
const MAX_BAR_PAGES: u32 = 20;

/// Histories of open interest have rows so far apart at most.
pub(super) const OI_SPACING: Ms = Ms(30 * Ms::MINUTE.0);

/// Data missing since `from`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub from: Ms,
    pub cause: GapCause,
    /// When it was found out.
    pub noticed: Ms,
}

impl Desk {
    /// Data of a channel is missing from its last event on.
    pub(super) fn open_hole(&mut self, symbol: &Symbol, channel: Channel, cause: GapCause) {
        // Without a first event nothing is known to be missing.
        let seen = self.last_seen.get(&(symbol.clone(), channel)).copied();
        if let Some(from) = seen {
            let noticed = self.outlet.now();
            self.open_hole_at(symbol, channel, Hole { from, cause, noticed });
        }
    }

    /// A hole that is told, unless one is open already.
    pub(super) fn open_hole_at(&mut self, symbol: &Symbol, channel: Channel, hole: Hole) {
        let key = (symbol.clone(), channel);
        if let Some(open) = self.holes.get(&key) {
            // Two that were open when the relay ended: the one that is followed covers the time of both.
            if open.from != hole.from && hole.cause != GapCause::Disconnect && hole.cause != GapCause::Silence
            {
                self.tell_gap(symbol, channel, hole, Some(self.outlet.now()), GapState::Lost);
            }
            return;
        }
        self.holes.insert(key, hole);
        self.tell_gap(symbol, channel, hole, None, GapState::Open);
    }

    /// Data flows again. What REST can refill is fetched at once; the rest is lost.
    pub(super) fn close_hole(
        &mut self,
        symbol: Symbol,
        channel: Channel,
        hole: Hole,
        to: Ms,
        trades_missing: bool,
    ) {
        let Some(instrument) = self.tape.instrument(&symbol).cloned() else { return };
        let (from, limit) = (hole.from, 1_000);
        let fetch = match channel {
            Channel::Bar => {
                let from = from.floor(Ms::MINUTE) - Ms::MINUTE;
                let to = to + Ms::MINUTE;
                Fetch::Klines { instrument, timeframe: Timeframe::M1, from, to, limit }
            }
            // The refill that was just asked for tells how it ended; unbroken numbering lost nothing.
            Channel::Trade if trades_missing => {
                self.refilling.insert(symbol, hole);
                return;
            }
            Channel::Trade if self.tape.unbroken(&symbol) => {
                return self.tell_gap(&symbol, channel, hole, Some(to), GapState::Refilled);
            }
            Channel::Trade => {
                // By the venue's clock: ours may be seconds off.
                let (from, to) = self.tape.resumed(&symbol).unwrap_or((from, to));
                Fetch::Trades { instrument, from, to: to + Ms(1), limit }
            }
            Channel::Oi => Fetch::OpenInterestHistory { instrument, from, to, limit },
            // Predictions of the past are not to be had; payments are.
            Channel::Funding
            | Channel::Liquidation
            | Channel::Book
            | Channel::Signal
            | Channel::Guards
            | Channel::Heatmap => {
                return self.tell_gap(&symbol, channel, hole, Some(to), GapState::Lost);
            }
        };
        self.fetch_rows(symbol, channel, hole, to, fetch);
    }

    pub(super) fn tell_gap(
        &self,
        symbol: &Symbol,
        channel: Channel,
        hole: Hole,
        to: Option<Ms>,
        state: GapState,
    ) {
        let now = self.outlet.now();
        info!(venue = %self.outlet.venue(), %symbol, %channel, from = hole.from.0, cause = ?hole.cause, ?state, "gap");
        self.outlet.publish_gap(self.tape.gap(now, symbol, channel, hole.from, to, hole.cause, state));
    }

    fn fetch_rows(&self, symbol: Symbol, channel: Channel, hole: Hole, to: Ms, mut fetch: Fetch) {
        let (rest, sender) = (self.rest.clone(), self.sender.clone());
        tokio::spawn(async move {
            let mut rows: Option<Vec<Update>> = None;
            for _ in 0..MAX_BAR_PAGES {
                let page = match rest.fetch(&fetch, PATIENCE).await {
                    Ok(Fetched::Updates(page)) => page,
                    Ok(_) => break,
                    Err(error) => {
                        warn!(%symbol, %channel, %error, "a hole stays");
                        break;
                    }
                };
                let newest = page.iter().filter_map(|u| bar_open(&u.what)).max();
                rows.get_or_insert_default().extend(page);
                // Bars come by the page, oldest first.
                match (&mut fetch, newest) {
                    (Fetch::Klines { from, to, .. }, Some(at)) if at >= *from && at + Ms::MINUTE < *to => {
                        *from = at + Ms::MINUTE;
                    }
                    _ => break,
                }
            }
            let span = match &fetch {
                Fetch::Trades { from, to, .. } => (*from, *to),
                _ => (hole.from, to),
            };
            let whole = rows.as_deref().is_some_and(|rows| reaches(channel, rows, span));
            let _ = sender.send(Msg::Rows { symbol, channel, hole, to, rows, span, whole }).await;
        });
    }

    /// Rows fetched for a hole are told late; then the hole's end is.
    pub(super) fn rows_refilled(
        &mut self,
        symbol: &Symbol,
        channel: Channel,
        hole: Hole,
        to: Ms,
        rows: Option<Vec<Update>>,
        (span, whole): ((Ms, Ms), bool),
    ) {
        // Rows of a symbol that nobody follows any more go nowhere.
        let whole = whole && self.tape.instrument(symbol).is_some();
        let now = self.outlet.now();
        let mut out = Vec::new();
        let rows = rows.unwrap_or_default();
        if channel == Channel::Trade {
            let trades = rows.into_iter().filter_map(|u| trade(u.what)).collect();
            self.tape.refill_unnumbered(now, symbol, span, trades, whole, &mut out);
        } else {
            rows.into_iter().for_each(|update| self.tape.apply(now, update, &mut out));
        }
        self.publish(out);
        let state = if whole { GapState::Refilled } else { GapState::Lost };
        self.tell_gap(symbol, channel, hole, Some(to), state);
        if channel == Channel::Trade && !whole {
            self.bars_lost(symbol, hole);
        }
    }

    /// Minutes that had closed on their trades before somebody noticed that trades were missing.
    fn bars_lost(&self, symbol: &Symbol, hole: Hole) {
        let (from, to) = (hole.from.floor(Ms::MINUTE), hole.noticed.floor(Ms::MINUTE));
        if from < to {
            self.tell_gap(symbol, Channel::Bar, Hole { from, ..hole }, Some(to), GapState::Lost);
        }
    }

    pub(super) fn trades_refilled(
        &mut self,
        symbol: &Symbol,
        hole: TradeHole,
        told: Hole,
        trades: Vec<TradeUpdate>,
    ) {
        let mut out = Vec::new();
        let whole = self.tape.refill_trades(self.outlet.now(), symbol, hole, trades, &mut out);
        self.publish(out);
        let state = if whole { GapState::Refilled } else { GapState::Lost };
        self.tell_gap(symbol, Channel::Trade, told, Some(hole.to), state);
        if !whole {
            self.bars_lost(symbol, told);
        }
    }

    pub(super) fn fetch_depth(&self, symbol: &Symbol) {
        let Some(instrument) = self.tape.instrument(symbol).cloned() else { return };
        let (rest, sender) = (self.rest.clone(), self.sender.clone());
        let clock = self.outlet.clock().clone();
        tokio::spawn(async move {
            let message = match rest.fetch(&Fetch::Depth { instrument }, PATIENCE).await {
                Ok(Fetched::Updates(updates)) => {
                    Msg::Updates { received: clock.now(), updates, polled: false }
                }
                Ok(_) => Msg::Error,
                Err(error) => {
                    warn!(%error, "no book snapshot");
                    Msg::Error
                }
            };
            let _ = sender.send(message).await;
        });
    }

    pub(super) fn fetch_trades(&mut self, symbol: Symbol, hole: TradeHole) {
        let Some(instrument) = self.tape.instrument(&symbol).cloned() else { return };
        // A broken line has been told already; a jump on a living one has not.
        let told = self.refilling.remove(&symbol).unwrap_or_else(|| {
            let told = Hole { from: hole.from, cause: GapCause::Sequence, noticed: self.outlet.now() };
            self.tell_gap(&symbol, Channel::Trade, told, None, GapState::Open);
            told
        });
        let (rest, sender) = (self.rest.clone(), self.sender.clone());
        tokio::spawn(async move {
            let mut trades: Vec<TradeUpdate> = Vec::new();
            let mut from = hole.from;
            for _ in 0..MAX_TRADE_PAGES {
                let fetch =
                    Fetch::Trades { instrument: instrument.clone(), from, to: hole.to + Ms(1), limit: 1_000 };
                let page = match rest.fetch(&fetch, PATIENCE).await {
                    Ok(Fetched::Updates(updates)) => updates,
                    Ok(_) => break,
                    Err(error) => {
                        warn!(%error, "a hole in the trades stays");
                        break;
                    }
                };
                let before = trades.len();
                trades.extend(page.into_iter().filter_map(|u| trade(u.what)));
                let newest = trades.iter().max_by_key(|t| t.sequence);
                let Some(newest) = newest.filter(|_| trades.len() > before) else { break };
                // The last call already reached past the hole, or the next would repeat it.
                if newest.sequence.is_some_and(|n| n.saturating_add(1) >= hole.before)
                    || newest.trade.timestamp == from
                {
                    break;
                }
                from = newest.trade.timestamp;
            }
            let _ = sender.send(Msg::Trades { symbol, hole, told, trades }).await;
        });
    }
}

fn trade(what: What) -> Option<TradeUpdate> {
    match what {
        What::Trade(trade) => Some(trade),
        _ => None,
    }
}

fn bar_open(what: &What) -> Option<Ms> {
    match what {
        What::Kline(bar) => Some(bar.timestamp),
        _ => None,
    }
}

/// When the oldest of these rows of open interest was counted.
pub(super) fn oldest_open_interest(rows: &[Update]) -> Option<Ms> {
    rows.iter().filter_map(|u| if let What::Oi(oi) = &u.what { Some(oi.timestamp) } else { None }).min()
}

/// Whether fetched rows reach over `[from, to]`. Bars and open interest are asked for by range; of trades the
/// newest are had, and nobody says whether an empty answer means none.
fn reaches(channel: Channel, rows: &[Update], (from, to): (Ms, Ms)) -> bool {
    match channel {
        // A minute without trades may have no bar.
        Channel::Bar => rows
            .iter()
            .filter_map(|u| bar_open(&u.what))
            .max()
            .is_some_and(|at| at + Ms::MINUTE + Ms::MINUTE > to.floor(Ms::MINUTE)),
        Channel::Trade => {
            let times = || rows.iter().filter_map(|u| trade(u.what.clone()).map(|t| t.trade.timestamp));
            times().min().is_some_and(|at| at <= from)
        }
        Channel::Oi => oldest_open_interest(rows).is_some_and(|at| at <= from + OI_SPACING),
        Channel::Funding
        | Channel::Liquidation
        | Channel::Book
        | Channel::Signal
        | Channel::Guards
        | Channel::Heatmap => false,
    }
}
