//! The tape: one venue's updates in, normalised events out. The same for sockets, replay and the simulation.
//!
//! It drops duplicates, notices jumps in the venue's numbering, builds bars, keeps books in step and fills in
//! what needs other channels (the value of open interest). It has no clock: each call says what time it is.

mod holes;
mod memory;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use shared::event::{
    Bar, Body, BookTop, Channel, Event, Funding, FundingKind, Gap, GapCause, GapState, Liquidation,
    OpenInterest, Origin,
};
use shared::market::{Instrument, Ms, Symbol, VenueId};
use shared::maths::order_flow::MinuteBuilder;

use super::book_sync::{BookOut, BookSync};
use crate::venues::{BookSource, DepthSnapshot, Sequencer, TradeUpdate, Update, What};
use memory::{ClockOffset, RecentIds};

pub use holes::TradeHole;

/// Liquidations remembered per symbol to drop repeats (renewals overlap, venues number none).
const RECENT_LIQUIDATIONS: usize = 256;

/// What the tape asks for or says.
#[derive(Clone, Debug, PartialEq)]
pub enum TapeOut {
    Event(Event),
    /// The symbol's book needs a fresh snapshot.
    NeedDepth(Symbol),
    /// The venue's numbering of trades jumped.
    TradesMissing {
        symbol: Symbol,
        hole: TradeHole,
    },
}

/// Turns one venue's updates into events.
pub struct Tape {
    venue: VenueId,
    trade_origin: Origin,
    symbols: HashMap<Symbol, State>,
    offset: ClockOffset,
}

struct State {
    instrument: Arc<Instrument>,
    minutes: MinuteBuilder,
    book: Option<BookSync>,
    trade_sequence: Option<u64>,
    /// A number the venue told as its newest and we had not seen.
    unseen: Option<u64>,
    recent: RecentIds,
    last_trade: Option<Ms>,
    /// Trades flow whole.
    covered: bool,
    /// The last time they began to flow again, nothing had been missed.
    unbroken: bool,
    /// The trades around that moment, by the venue's clock.
    resumed: Option<(Ms, Ms)>,
    mark: Option<f64>,
    price: Option<f64>,
    settled: Option<Ms>,
    liquidations: VecDeque<Liquidation>,
}

impl Tape {
    /// A tape for one venue; bars from its trades get `trade_origin`.
    pub fn new(venue: VenueId, trade_origin: Origin) -> Tape {
        Tape { venue, trade_origin, symbols: HashMap::new(), offset: ClockOffset::default() }
    }

    /// Adds an instrument; without a book's chain its depth is ignored.
    pub fn add(&mut self, instrument: Arc<Instrument>, book: Option<(Box<dyn Sequencer>, BookSource)>) {
        let book = book.map(|(chain, source)| BookSync::new(chain, source, instrument.tick_size));
        let symbol = instrument.symbol.clone();
        self.symbols.entry(symbol).or_insert_with(|| State {
            minutes: MinuteBuilder::new(self.trade_origin, instrument.calendar.clone()),
            instrument,
            book,
            trade_sequence: None,
            unseen: None,
            recent: RecentIds::default(),
            last_trade: None,
            covered: false,
            unbroken: false,
            resumed: None,
            mark: None,
            price: None,
            settled: None,
            liquidations: VecDeque::new(),
        });
    }

    /// Forgets an instrument nobody follows any more; answers since when a hole of its book is open.
    pub fn remove(&mut self, symbol: &Symbol) -> Option<Ms> {
        self.symbols.remove(symbol)?.book?.hole_from()
    }

    pub fn instrument(&self, symbol: &Symbol) -> Option<&Arc<Instrument>> {
        self.symbols.get(symbol).map(|s| &s.instrument)
    }

    /// Continues a symbol's bars after the newest recorded one. Call before its first update.
    pub fn resume(&mut self, symbol: &Symbol, last_closed: &Bar) {
        if let Some(state) = self.symbols.get_mut(symbol) {
            state.minutes.resume(last_closed);
        }
    }

    /// Every trade from `at` on was or will be given (again).
    pub fn trades_covered_from(&mut self, symbol: &Symbol, at: Ms) {
        if let Some(state) = self.symbols.get_mut(symbol) {
            state.minutes.covered_from(at);
            state.covered = true;
        }
    }

    /// The line that carries these channels broke: what comes next may follow a hole.
    ///
    /// Answers since when each channel has had nothing.
    pub fn line_lost(&mut self, symbol: &Symbol, channel: Channel) -> Option<Ms> {
        let state = self.symbols.get_mut(symbol)?;
        match channel {
            Channel::Trade => {
                state.covered = false;
                let last = state.last_trade?;
                // Whatever shares the last trade's millisecond may be missing too.
                state.minutes.uncovered(last);
                Some(last)
            }
            Channel::Book => {
                if let Some(book) = &mut state.book {
                    book.reset();
                }
                None
            }
            Channel::Bar | Channel::Oi | Channel::Funding | Channel::Liquidation => None,
            // Made of what venues say, not lost with a line.
            Channel::Signal | Channel::Guards | Channel::Heatmap => None,
        }
    }

    /// The venue's time at our `now`.
    pub fn venue_now(&self, now: Ms) -> Ms {
        now + self.offset.get()
    }

    /// Time passes without data: bars close, flat minutes appear. Call about four times a second.
    pub fn tick(&mut self, now: Ms, out: &mut Vec<TapeOut>) {
        let venue_now = self.venue_now(now);
        let symbols: Vec<Symbol> = self.symbols.keys().cloned().collect();
        for symbol in symbols {
            let Some(state) = self.symbols.get_mut(&symbol) else { continue };
            let mut bars = Vec::new();
            state.minutes.clock(venue_now, &mut bars);
            if let Some(book) = &mut state.book {
                book_outputs(&self.venue, &symbol, now, book.tick(now), out);
            }
            self.push_bars(now, &symbol, bars, out);
        }
    }

    /// Takes one update received at `now`.
    pub fn apply(&mut self, now: Ms, update: Update, out: &mut Vec<TapeOut>) {
        let Update { symbol, what } = update;
        if let Some(at) = venue_time(&what) {
            self.offset.learn(at, now);
        }
        let Some(state) = self.symbols.get_mut(&symbol) else { return };
        let body = match what {
            What::Trade(update) => return self.trade(now, symbol, update, out),
            What::Kline(bar) => {
                let mut bars = Vec::new();
                state.minutes.kline(&bar, &mut bars);
                return self.push_bars(now, &symbol, bars, out);
            }
            What::Oi(mut oi) => {
                value_open_interest(&mut oi, state.mark.or(state.price));
                Body::Oi(oi)
            }
            What::Funding(funding) => {
                if is_repeat(state, &funding) {
                    return;
                }
                state.mark = funding.mark_price.or(state.mark);
                Body::Funding(funding)
            }
            What::Liquidation(liquidation) => {
                if state.liquidations.contains(&liquidation) {
                    return;
                }
                state.liquidations.push_back(liquidation);
                if state.liquidations.len() > RECENT_LIQUIDATIONS {
                    state.liquidations.pop_front();
                }
                Body::Liquidation(liquidation)
            }
            What::Top(top) => {
                // A synchronised book knows more than best prices do.
                if state.book.as_ref().is_some_and(BookSync::is_synced) || !sane(&top) {
                    return;
                }
                Body::Book(top)
            }
            What::Diff(diff) => {
                let outputs = state.book.as_mut().map(|b| b.diff(diff, now));
                return book_outputs(&self.venue, &symbol, now, outputs.unwrap_or_default(), out);
            }
            What::Snapshot(snapshot) => return self.depth(now, &symbol, snapshot, out),
            What::LastTrade { timestamp, sequence } => {
                if let Some(hole) = state.last_trade_told(timestamp, sequence) {
                    out.push(TapeOut::TradesMissing { symbol, hole });
                }
                return;
            }
        };
        out.push(TapeOut::Event(self.event(now, symbol, body)));
    }

    /// A fetched book.
    pub fn depth(&mut self, now: Ms, symbol: &Symbol, snapshot: DepthSnapshot, out: &mut Vec<TapeOut>) {
        let Some(book) = self.symbols.get_mut(symbol).and_then(|s| s.book.as_mut()) else { return };
        let outputs = book.snapshot(snapshot, now);
        book_outputs(&self.venue, symbol, now, outputs, out);
    }

    /// A gap of a channel as an event.
    #[allow(clippy::too_many_arguments, reason = "a gap has that many facts")]
    pub fn gap(
        &self,
        now: Ms,
        symbol: &Symbol,
        channel: Channel,
        from: Ms,
        to: Option<Ms>,
        cause: GapCause,
        state: GapState,
    ) -> Event {
        let gap = Gap { timestamp: now, channel, from, to, cause, state };
        self.event(now, symbol.clone(), Body::Gap(gap))
    }

    fn trade(&mut self, now: Ms, symbol: Symbol, update: TradeUpdate, out: &mut Vec<TapeOut>) {
        let Some(state) = self.symbols.get_mut(&symbol) else { return };
        let at = update.trade.timestamp;
        if !state.covered {
            state.resumed = state.last_trade.map(|last| (last, at.max(last)));
        }
        if let Some(sequence) = update.sequence {
            if !state.covered {
                state.unbroken = state.trade_sequence.is_some_and(|last| sequence <= last.saturating_add(1));
            }
            match state.trade_sequence {
                Some(last) if sequence <= last => return,
                Some(last) if sequence > last.saturating_add(1) => {
                    let from = state.last_trade.unwrap_or(at);
                    state.minutes.uncovered(from);
                    // Trades of the same millisecond may be missing too.
                    state.minutes.covered_from(at + Ms(1));
                    let hole = TradeHole { after: last, before: sequence, from, to: at };
                    out.push(TapeOut::TradesMissing { symbol: symbol.clone(), hole });
                }
                // The numbering goes on where it stood: the line was down and nothing was missed.
                Some(_) if !state.covered => state.minutes.covered_from(state.last_trade.unwrap_or(at)),
                Some(_) => {}
                None if !state.covered => state.minutes.covered_from(at + Ms(1)),
                None => {}
            }
            state.trade_sequence = Some(sequence);
        } else {
            let repeat = !state.recent.insert(&update.trade.id);
            if !state.covered {
                // What was seen before the line broke comes again: nothing lies between.
                let from = if repeat { state.last_trade.unwrap_or(at) } else { at + Ms(1) };
                state.minutes.covered_from(from);
                (state.covered, state.unbroken) = (true, repeat);
            }
            if repeat {
                return;
            }
        }
        state.covered = true;
        state.last_trade = Some(state.last_trade.map_or(at, |t| t.max(at)));
        state.price = Some(update.trade.price);
        let mut bars = Vec::new();
        state.minutes.trade(&update.trade, &mut bars);
        out.push(TapeOut::Event(self.event(now, symbol.clone(), Body::Trade(update.trade))));
        self.push_bars(now, &symbol, bars, out);
    }

    fn push_bars(&self, now: Ms, symbol: &Symbol, bars: Vec<Bar>, out: &mut Vec<TapeOut>) {
        for bar in bars {
            out.push(TapeOut::Event(self.event(now, symbol.clone(), Body::Bar(bar))));
        }
    }

    fn event(&self, now: Ms, symbol: Symbol, body: Body) -> Event {
        let mut event = Event { received: now, symbol, venue: self.venue.clone(), body };
        // Two clocks: an event from our future was received, by ours, no earlier than it happened.
        event.received = event.received.max(event.timestamp());
        event
    }
}

/// The venue's time of what moves with the market; klines carry bucket times, which say nothing.
fn venue_time(what: &What) -> Option<Ms> {
    match what {
        What::Trade(t) => Some(t.trade.timestamp),
        What::Diff(d) => Some(d.timestamp),
        What::Top(t) => Some(t.timestamp),
        What::Funding(f) if f.kind == FundingKind::Predicted => Some(f.timestamp),
        What::Kline(_)
        | What::Oi(_)
        | What::Funding(_)
        | What::Liquidation(_)
        | What::Snapshot(_)
        | What::LastTrade { .. } => None,
    }
}

fn value_open_interest(oi: &mut OpenInterest, price: Option<f64>) {
    if oi.open_interest_value.is_none() {
        oi.open_interest_value = price.map(|p| p * oi.open_interest);
    }
}

/// Settled funding comes with each fetch of the history; each payment is told once.
fn is_repeat(state: &mut State, funding: &Funding) -> bool {
    if funding.kind == FundingKind::Predicted {
        return false;
    }
    let repeat = state.settled.is_some_and(|last| funding.timestamp <= last);
    state.settled = state.settled.max(Some(funding.timestamp));
    repeat
}

fn sane(top: &BookTop) -> bool {
    top.bid_px > 0.0 && top.ask_px >= top.bid_px && top.ask_px.is_finite()
}

fn book_outputs(venue: &VenueId, symbol: &Symbol, now: Ms, outputs: Vec<BookOut>, out: &mut Vec<TapeOut>) {
    let event = |body| {
        let mut event = Event { received: now, symbol: symbol.clone(), venue: venue.clone(), body };
        event.received = event.received.max(event.timestamp());
        TapeOut::Event(event)
    };
    for output in outputs {
        match output {
            BookOut::Top(top) => out.push(event(Body::Book(top))),
            BookOut::NeedSnapshot => out.push(TapeOut::NeedDepth(symbol.clone())),
            BookOut::Gap { from, to } => out.push(event(Body::Gap(Gap {
                timestamp: now,
                channel: Channel::Book,
                from,
                to,
                cause: GapCause::Sequence,
                state: if to.is_some() { GapState::Lost } else { GapState::Open },
            }))),
        }
    }
}

#[cfg(test)]
mod tests;
