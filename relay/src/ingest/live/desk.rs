//! The desk: one task per venue that owns its tape, closes holes and publishes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Channel, GapCause, GapState};
use shared::link::Freshness;
use shared::market::{Ms, Symbol, Timeframe};
use shared::wire::VenueState;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::ingest::outlet::Outlet;
use crate::ingest::rest::Rest;
use crate::ingest::tape::{Tape, TapeOut, TradeHole};
use crate::venues::{Fetch, Fetched, Stream, TradeUpdate, Update, What};

const TICK: Duration = Duration::from_millis(250);
/// How long a refill may wait for budget.
const PATIENCE: Duration = Duration::from_secs(60);
/// Calls spent on one hole of trades; what is longer is left to the klines.
const MAX_TRADE_PAGES: u32 = 8;

/// What reaches the desk.
#[derive(Debug)]
pub(super) enum Msg {
    /// Decoded from a frame or an answer.
    Updates {
        received: Ms,
        updates: Vec<Update>,
    },
    /// A frame or answer that could not be used.
    Error,
    LineUp {
        route: &'static str,
    },
    LineDown {
        route: &'static str,
        streams: Vec<Stream>,
        reason: String,
    },
    Reconnected,
    /// A stream's freshness changed.
    Stream {
        stream: Stream,
        state: VenueState,
        usual: Option<Ms>,
    },
    /// A stream's learned interval.
    Usual {
        stream: Stream,
        usual: Option<Ms>,
    },
    /// Why the venue cannot be used, for status.
    Reason(String),
    /// Trades fetched for a hole.
    Trades {
        symbol: Symbol,
        hole: TradeHole,
        /// As which hole it was told.
        told: Hole,
        trades: Vec<TradeUpdate>,
    },
    /// Bars fetched for a hole; `None` when the venue did not give them.
    Klines {
        symbol: Symbol,
        hole: Hole,
        to: Ms,
        bars: Option<Vec<Update>>,
    },
}

/// Data missing since `from`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    from: Ms,
    cause: GapCause,
}

/// One venue's desk.
pub(super) struct Desk {
    tape: Tape,
    outlet: Outlet,
    rest: Rest,
    sender: mpsc::Sender<Msg>,
    last_seen: HashMap<(Symbol, Channel), Ms>,
    holes: HashMap<(Symbol, Channel), Hole>,
    /// Holes of trades about to be refilled, as they were told.
    refilling: HashMap<Symbol, Hole>,
    /// Freshness of what is polled: no stream tells of it.
    polled: HashMap<Symbol, (Freshness, Option<VenueState>)>,
    /// States by stream: a channel is as bad as the worst of its streams.
    streams: HashMap<Arc<str>, (Stream, VenueState)>,
}

impl Desk {
    /// A desk over a filled tape; `polled` are the symbols whose open interest is asked for, with how often.
    pub(super) fn new(
        tape: Tape,
        outlet: Outlet,
        rest: Rest,
        sender: mpsc::Sender<Msg>,
        polled: impl Iterator<Item = (Symbol, Ms)>,
    ) -> Desk {
        let (last_seen, holes, streams) = (HashMap::new(), HashMap::new(), HashMap::new());
        let refilling = HashMap::new();
        let now = outlet.now();
        let fresh = |(symbol, every)| {
            let mut fresh = Freshness::new(Some(every));
            fresh.subscribed(now);
            (symbol, (fresh, None))
        };
        Desk {
            tape,
            outlet,
            rest,
            sender,
            last_seen,
            holes,
            refilling,
            polled: polled.map(fresh).collect(),
            streams,
        }
    }

    /// Works until every line is gone.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Msg>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                _ = ticks.tick() => {
                    let mut out = Vec::new();
                    self.tape.tick(self.outlet.now(), &mut out);
                    self.publish(out);
                    self.check_polled();
                }
            }
        }
    }

    fn check_polled(&mut self) {
        let now = self.outlet.now();
        for (symbol, (fresh, told)) in &mut self.polled {
            let state = fresh.state(now);
            if told.replace(state) != Some(state) {
                self.outlet.board().topic(
                    self.outlet.venue(),
                    symbol,
                    Channel::Oi,
                    state,
                    fresh.expected(),
                    now,
                );
            }
        }
    }

    fn handle(&mut self, message: Msg) {
        match message {
            Msg::Updates { received, updates } => self.updates(received, updates),
            Msg::Error => self.outlet.error(),
            Msg::Reconnected => self.outlet.reconnected(),
            Msg::LineUp { route } => self.outlet.board().line(self.outlet.venue(), route, true),
            Msg::LineDown { route, streams, reason } => {
                warn!(venue = %self.outlet.venue(), route, reason, "line down");
                self.outlet.board().line(self.outlet.venue(), route, false);
                for stream in streams {
                    self.tape.line_lost(&stream.symbol, stream.channel);
                    self.open_hole(&stream.symbol, stream.channel, GapCause::Disconnect);
                }
            }
            Msg::Stream { stream, state, usual } => {
                if state == VenueState::Silent {
                    warn!(venue = %self.outlet.venue(), stream = %stream.name, "accepted but silent");
                    self.tape.line_lost(&stream.symbol, stream.channel);
                    self.open_hole(&stream.symbol, stream.channel, GapCause::Silence);
                }
                self.stream_state(stream, state, usual);
            }
            Msg::Usual { stream, usual } => {
                self.outlet.board().usual(self.outlet.venue(), &stream.symbol, stream.channel, usual);
            }
            Msg::Reason(reason) => self.outlet.board().reason(self.outlet.venue(), Some(reason)),
            Msg::Trades { symbol, hole, told, trades } => self.trades_refilled(&symbol, hole, told, trades),
            Msg::Klines { symbol, hole, to, bars } => {
                let state = if bars.is_some() { GapState::Refilled } else { GapState::Lost };
                let mut out = Vec::new();
                for update in bars.unwrap_or_default() {
                    self.tape.apply(self.outlet.now(), update, &mut out);
                }
                self.publish(out);
                self.tell_gap(&symbol, Channel::Bar, hole, Some(to), state);
            }
        }
    }

    fn updates(&mut self, received: Ms, updates: Vec<Update>) {
        let mut out = Vec::new();
        for update in updates {
            let (symbol, channel) = (update.symbol.clone(), channel_of(&update.what));
            self.tape.apply(received, update, &mut out);
            self.last_seen.insert((symbol.clone(), channel), received);
            if channel == Channel::Oi
                && let Some((fresh, _)) = self.polled.get_mut(&symbol)
            {
                fresh.data(received);
            }
            if !self.holes.is_empty()
                && let Some(hole) = self.holes.remove(&(symbol.clone(), channel))
            {
                let numbered =
                    out.iter().any(|o| matches!(o, TapeOut::TradesMissing { symbol: s, .. } if *s == symbol));
                self.close_hole(symbol, channel, hole, received, numbered);
            }
        }
        self.publish(out);
    }

    fn publish(&mut self, out: Vec<TapeOut>) {
        for output in out {
            match output {
                TapeOut::Event(event) => self.outlet.publish(event),
                TapeOut::NeedDepth(symbol) => self.fetch_depth(&symbol),
                TapeOut::TradesMissing { symbol, hole } => self.fetch_trades(symbol, hole),
            }
        }
    }

    fn open_hole(&mut self, symbol: &Symbol, channel: Channel, cause: GapCause) {
        let key = (symbol.clone(), channel);
        // Without a first event nothing is known to be missing.
        let Some(from) = self.last_seen.get(&key).copied() else { return };
        if self.holes.contains_key(&key) {
            return;
        }
        let hole = Hole { from, cause };
        self.holes.insert(key, hole);
        self.tell_gap(symbol, channel, hole, None, GapState::Open);
    }

    /// Data flows again. What REST can refill is fetched at once; the rest is lost.
    fn close_hole(&mut self, symbol: Symbol, channel: Channel, hole: Hole, to: Ms, trades_missing: bool) {
        match channel {
            Channel::Bar => self.fetch_klines(symbol, hole, to),
            // The refill that was just asked for tells how it ended; unbroken numbering lost nothing.
            Channel::Trade if trades_missing => {
                self.refilling.insert(symbol, hole);
            }
            Channel::Trade => self.tell_gap(&symbol, channel, hole, Some(to), GapState::Refilled),
            Channel::Oi | Channel::Funding | Channel::Liquidation | Channel::Book => {
                self.tell_gap(&symbol, channel, hole, Some(to), GapState::Lost);
            }
        }
    }

    fn tell_gap(&self, symbol: &Symbol, channel: Channel, hole: Hole, to: Option<Ms>, state: GapState) {
        let now = self.outlet.now();
        info!(venue = %self.outlet.venue(), %symbol, %channel, from = hole.from.0, cause = ?hole.cause, ?state, "gap");
        self.outlet.publish_gap(self.tape.gap(now, symbol, channel, hole.from, to, hole.cause, state));
    }

    fn trades_refilled(&mut self, symbol: &Symbol, hole: TradeHole, told: Hole, trades: Vec<TradeUpdate>) {
        let mut out = Vec::new();
        let whole = self.tape.refill_trades(self.outlet.now(), symbol, hole, trades, &mut out);
        self.publish(out);
        let state = if whole { GapState::Refilled } else { GapState::Lost };
        self.tell_gap(symbol, Channel::Trade, told, Some(hole.to), state);
    }

    fn stream_state(&mut self, stream: Stream, state: VenueState, usual: Option<Ms>) {
        let (symbol, channel) = (stream.symbol.clone(), stream.channel);
        self.streams.insert(stream.name.clone(), (stream, state));
        let same = self.streams.values().filter(|(s, _)| s.symbol == symbol && s.channel == channel);
        let worst = same.map(|(_, state)| *state).max().unwrap_or(state);
        self.outlet.board().topic(self.outlet.venue(), &symbol, channel, worst, usual, self.outlet.now());
    }

    fn fetch_depth(&self, symbol: &Symbol) {
        let Some(instrument) = self.tape.instrument(symbol).cloned() else { return };
        let (rest, sender) = (self.rest.clone(), self.sender.clone());
        let clock = self.outlet.clock().clone();
        tokio::spawn(async move {
            let message = match rest.fetch(&Fetch::Depth { instrument }, PATIENCE).await {
                Ok(Fetched::Updates(updates)) => Msg::Updates { received: clock.now(), updates },
                Ok(_) => Msg::Error,
                Err(error) => {
                    warn!(%error, "no book snapshot");
                    Msg::Error
                }
            };
            let _ = sender.send(message).await;
        });
    }

    fn fetch_klines(&self, symbol: Symbol, hole: Hole, to: Ms) {
        let Some(instrument) = self.tape.instrument(&symbol).cloned() else { return };
        let (rest, sender) = (self.rest.clone(), self.sender.clone());
        let from = hole.from.floor(Ms::MINUTE) - Ms::MINUTE;
        let fetch =
            Fetch::Klines { instrument, timeframe: Timeframe::M1, from, to: to + Ms::MINUTE, limit: 1_000 };
        tokio::spawn(async move {
            let bars = match rest.fetch(&fetch, PATIENCE).await {
                Ok(Fetched::Updates(updates)) => Some(updates),
                Ok(_) => None,
                Err(error) => {
                    warn!(%error, "a hole in the bars stays");
                    None
                }
            };
            let _ = sender.send(Msg::Klines { symbol, hole, to, bars }).await;
        });
    }

    fn fetch_trades(&mut self, symbol: Symbol, hole: TradeHole) {
        let Some(instrument) = self.tape.instrument(&symbol).cloned() else { return };
        // A broken line has been told already; a jump on a living one has not.
        let told = self.refilling.remove(&symbol).unwrap_or_else(|| {
            let told = Hole { from: hole.from, cause: GapCause::Sequence };
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
                trades.extend(page.into_iter().filter_map(|u| match u.what {
                    What::Trade(trade) => Some(trade),
                    _ => None,
                }));
                let newest = trades.iter().max_by_key(|t| t.sequence);
                let Some(newest) = newest.filter(|_| trades.len() > before) else { break };
                // The last call already reached past the hole, or the next would repeat it.
                if newest.sequence.is_some_and(|n| n + 1 >= hole.before) || newest.trade.timestamp == from {
                    break;
                }
                from = newest.trade.timestamp;
            }
            let _ = sender.send(Msg::Trades { symbol, hole, told, trades }).await;
        });
    }
}

fn channel_of(what: &What) -> Channel {
    match what {
        What::Trade(_) | What::LastTrade { .. } => Channel::Trade,
        What::Kline(_) => Channel::Bar,
        What::Oi(_) => Channel::Oi,
        What::Funding(_) => Channel::Funding,
        What::Liquidation(_) => Channel::Liquidation,
        What::Top(_) | What::Diff(_) | What::Snapshot(_) => Channel::Book,
    }
}
