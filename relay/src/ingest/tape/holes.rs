//! Trades that are missing: how that is found out, and how what was fetched goes in.

use std::collections::BTreeMap;

use shared::event::{Body, Trade};
use shared::market::{Ms, Symbol};

use super::{State, Tape, TapeOut};
use crate::venues::TradeUpdate;

/// Trades numbered strictly between two seen ones are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeHole {
    pub after: u64,
    pub before: u64,
    /// Times of the trades around the hole.
    pub from: Ms,
    pub to: Ms,
}

impl Tape {
    /// Takes trades fetched to refill a hole, in any order and with others among them. They are told late, and
    /// the bars they belong to are mended. Answers whether the hole is closed.
    pub fn refill_trades(
        &mut self,
        now: Ms,
        symbol: &Symbol,
        hole: TradeHole,
        trades: Vec<TradeUpdate>,
        out: &mut Vec<TapeOut>,
    ) -> bool {
        let missing: BTreeMap<u64, Trade> = trades
            .into_iter()
            .filter_map(|t| Some((t.sequence.filter(|n| *n > hole.after && *n < hole.before)?, t.trade)))
            .collect();
        let whole = missing.len() as u64 == hole.before.saturating_sub(hole.after).saturating_sub(1);
        let venue_now = self.venue_now(now);
        let Some(state) = self.symbols.get_mut(symbol) else { return false };
        let mut bars = Vec::new();
        for trade in missing.values() {
            state.minutes.trade(trade, &mut bars);
        }
        if whole {
            state.minutes.refilled(hole.from, hole.to + Ms(1));
        }
        state.minutes.clock(venue_now, &mut bars);
        for trade in missing.into_values() {
            out.push(TapeOut::Event(self.event(now, symbol.clone(), Body::Trade(trade))));
        }
        self.push_bars(now, symbol, bars, out);
        whole
    }

    /// Whether nothing was missed when trades began to flow again after the line was lost.
    pub fn unbroken(&self, symbol: &Symbol) -> bool {
        self.symbols.get(symbol).is_some_and(|s| s.unbroken)
    }

    /// Times, by the venue's clock, of the trades around the moment at which they began to flow again.
    pub fn resumed(&self, symbol: &Symbol) -> Option<(Ms, Ms)> {
        self.symbols.get(symbol)?.resumed
    }

    /// As [`Self::refill_trades`] where the venue does not number them: everything fetched for `[from, to]`,
    /// `whole` if that was all there is.
    pub fn refill_unnumbered(
        &mut self,
        now: Ms,
        symbol: &Symbol,
        (from, to): (Ms, Ms),
        mut trades: Vec<TradeUpdate>,
        whole: bool,
        out: &mut Vec<TapeOut>,
    ) {
        let venue_now = self.venue_now(now);
        let Some(state) = self.symbols.get_mut(symbol) else { return };
        trades.sort_by_key(|t| t.trade.timestamp);
        trades.retain(|t| t.trade.timestamp >= from && t.trade.timestamp <= to);
        trades.retain(|t| state.recent.insert(&t.trade.id));
        let mut bars = Vec::new();
        for update in &trades {
            state.minutes.trade(&update.trade, &mut bars);
        }
        if whole {
            state.minutes.refilled(from, to + Ms(1));
        }
        state.minutes.clock(venue_now, &mut bars);
        for update in trades {
            out.push(TapeOut::Event(self.event(now, symbol.clone(), Body::Trade(update.trade))));
        }
        self.push_bars(now, symbol, bars, out);
    }
}

impl State {
    /// The venue says which trade was its newest at `at`. That one may still be on its way; if it is not there by
    /// the next time the venue says so, it is missing.
    pub(super) fn last_trade_told(&mut self, at: Ms, sequence: u64) -> Option<TradeHole> {
        let seen = self.trade_sequence?;
        let missing = self.unseen.take().filter(|n| *n > seen);
        self.unseen = (sequence > seen).then_some(sequence);
        let newest = missing?;
        let from = self.last_trade.unwrap_or(at);
        self.minutes.uncovered(from);
        self.minutes.covered_from(at + Ms(1));
        (self.trade_sequence, self.unseen) = (Some(newest), None);
        Some(TradeHole { after: seen, before: newest.saturating_add(1), from, to: at })
    }
}
