//! The desk: one task per venue that owns its tape and publishes.
//!
//! `follow` begins and ends symbols, `holes` keeps the ledger of what is missing and refills it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Body, Channel, Event, GapCause, Origin};
use shared::link::{CrossCheck, Freshness};
use shared::market::{Ms, Symbol};
use shared::wire::VenueState;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::Order;
use super::backfill::Filled;
use super::holes::Hole;
use super::lines::Lines;
use crate::directory::Directory;
use crate::ingest::Teller;
use crate::ingest::outlet::Outlet;
use crate::ingest::rest::Rest;
use crate::ingest::tape::{Tape, TapeOut, TradeHole};
use crate::store::Store;
use crate::venues::{BookSource, Stream, TradeUpdate, Update, Venue, What};

const TICK: Duration = Duration::from_millis(250);

/// What reaches the desk.
#[derive(Debug)]
pub(super) enum Msg {
    /// A symbol's past, fetched; its live data may begin.
    Filled(Box<Filled>),
    /// What the record lacks of a symbol that was delisted while the relay did not run.
    Ended {
        symbol: Symbol,
        holes: Vec<(Channel, Hole)>,
    },
    /// Decoded from a frame or an answer.
    Updates {
        received: Ms,
        updates: Vec<Update>,
        /// An answer to a poll, which says nothing of a stream.
        polled: bool,
    },
    /// A frame or answer that could not be used.
    Error,
    LineUp {
        line: Arc<str>,
    },
    LineDown {
        line: Arc<str>,
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
    /// Why a line does not come up, for status.
    Reason {
        line: Arc<str>,
        reason: String,
    },
    /// Trades fetched for a jump in the numbering.
    Trades {
        symbol: Symbol,
        hole: TradeHole,
        /// As which hole it was told.
        told: Hole,
        trades: Vec<TradeUpdate>,
    },
    /// Rows fetched for a hole; `None` when the venue did not give them, `whole` if they reach over all of it.
    Rows {
        symbol: Symbol,
        channel: Channel,
        hole: Hole,
        to: Ms,
        rows: Option<Vec<Update>>,
        /// What was asked for, by the venue's clock.
        span: (Ms, Ms),
        whole: bool,
    },
}

/// One venue's desk.
pub(super) struct Desk {
    pub(super) venue: Arc<dyn Venue>,
    pub(super) tape: Tape,
    pub(super) outlet: Outlet,
    pub(super) rest: Rest,
    pub(super) store: Arc<dyn Store>,
    pub(super) directory: Arc<Directory>,
    pub(super) lines: Lines,
    pub(super) sender: mpsc::Sender<Msg>,
    /// What is followed or about to be, with its pollers.
    pub(super) followed: HashMap<Symbol, Vec<AbortHandle>>,
    pub(super) last_seen: HashMap<(Symbol, Channel), Ms>,
    pub(super) holes: HashMap<(Symbol, Channel), Hole>,
    /// Holes of trades about to be refilled, as they were told.
    pub(super) refilling: HashMap<Symbol, Hole>,
    /// Freshness of what is polled: no stream tells of it.
    pub(super) polled: HashMap<(Symbol, Channel), (Freshness, Option<VenueState>)>,
    /// States by stream: a channel is as bad as the worst of its streams.
    streams: HashMap<(Arc<str>, Symbol), (Stream, VenueState)>,
    /// What one topic says about another.
    pub(super) cross: HashMap<Symbol, CrossCheck>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.followed.values().flatten().for_each(AbortHandle::abort);
    }
}

impl Desk {
    pub(super) fn new(
        rest: Rest,
        outlet: Outlet,
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        lines: Lines,
        sender: mpsc::Sender<Msg>,
    ) -> Desk {
        let venue = rest.venue().clone();
        Desk {
            tape: Tape::new(venue.id(), Origin::Trades),
            venue,
            outlet,
            rest,
            store,
            directory,
            lines,
            sender,
            followed: HashMap::new(),
            last_seen: HashMap::new(),
            holes: HashMap::new(),
            refilling: HashMap::new(),
            polled: HashMap::new(),
            streams: HashMap::new(),
            cross: HashMap::new(),
        }
    }

    /// Works until dropped.
    pub(super) async fn run(
        mut self,
        mut messages: mpsc::Receiver<Msg>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.handle(message),
                    None => return,
                },
                Some(order) = orders.recv() => self.order(order),
                _ = ticks.tick() => {
                    let mut out = Vec::new();
                    self.tape.tick(self.outlet.now(), &mut out);
                    self.publish(out);
                    self.check_polled();
                    self.check_across();
                }
            }
        }
    }

    fn check_polled(&mut self) {
        let now = self.outlet.now();
        for ((symbol, channel), (fresh, told)) in &mut self.polled {
            fresh.session(now, self.tape.instrument(symbol).is_none_or(|i| i.calendar.is_open(now)));
            let state = fresh.state(now);
            if told.replace(state) != Some(state) {
                let (board, venue) = (self.outlet.board(), self.outlet.venue());
                board.topic(venue, symbol, *channel, state, fresh.expected(), now);
            }
        }
    }

    /// A topic whose own rate says nothing may be found out by another: price moves and no trade comes.
    fn check_across(&mut self) {
        let now = self.outlet.now();
        let suspects: Vec<(Symbol, Channel)> = self
            .cross
            .iter_mut()
            .flat_map(|(symbol, check)| check.suspects(now).into_iter().map(|c| (symbol.clone(), c)))
            .collect();
        for (symbol, channel) in suspects {
            warn!(venue = %self.outlet.venue(), %symbol, %channel, "silent while other channels move");
            self.tape.line_lost(&symbol, channel);
            self.open_hole(&symbol, channel, GapCause::Silence);
            self.outlet.board().settle(self.outlet.venue(), &symbol, channel, VenueState::Silent, now);
            self.lines.resubscribe(&symbol, channel);
        }
    }

    fn handle(&mut self, message: Msg) {
        match message {
            Msg::Filled(filled) => self.filled(*filled),
            Msg::Ended { symbol, holes } => self.ended(&symbol, holes),
            Msg::Updates { received, updates, polled } => self.updates(received, updates, polled),
            Msg::Error => self.outlet.error(),
            Msg::Reconnected => self.outlet.reconnected(),
            Msg::LineUp { line } => self.outlet.board().line(self.outlet.venue(), &line, true),
            Msg::LineDown { line, streams, reason } => {
                warn!(venue = %self.outlet.venue(), %line, reason, "line down");
                self.outlet.board().line(self.outlet.venue(), &line, false);
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
            Msg::Reason { line, reason } => {
                let teller = Teller::Line(line.to_string());
                self.outlet.board().reason(self.outlet.venue(), teller, Some(reason));
            }
            Msg::Trades { symbol, hole, told, trades } => self.trades_refilled(&symbol, hole, told, trades),
            Msg::Rows { symbol, channel, hole, to, rows, span, whole } => {
                self.rows_refilled(&symbol, channel, hole, to, rows, (span, whole));
            }
        }
    }

    fn updates(&mut self, received: Ms, updates: Vec<Update>, polled: bool) {
        let mut out = Vec::new();
        for update in updates {
            // A stream may carry symbols nobody follows.
            if self.tape.instrument(&update.symbol).is_none() {
                continue;
            }
            let (symbol, channel) = (update.symbol.clone(), update.what.channel());
            let data = !matches!(update.what, What::LastTrade { .. });
            self.tape.apply(received, update, &mut out);
            let streamed = !self.polled.contains_key(&(symbol.clone(), channel));
            if !data || (polled && streamed) {
                continue;
            }
            self.last_seen.insert((symbol.clone(), channel), received);
            if let Some((fresh, _)) = self.polled.get_mut(&(symbol.clone(), channel)) {
                fresh.data(received);
            }
            if !self.holes.is_empty()
                && !self.has_silent_stream(&symbol, channel)
                && let Some(hole) = self.holes.remove(&(symbol.clone(), channel))
            {
                let numbered =
                    out.iter().any(|o| matches!(o, TapeOut::TradesMissing { symbol: s, .. } if *s == symbol));
                if hole.cause == GapCause::Silence {
                    // A suspicion no stream knows of is over.
                    let (board, venue) = (self.outlet.board(), self.outlet.venue());
                    board.settle(venue, &symbol, channel, VenueState::Live, received);
                }
                self.close_hole(symbol, channel, hole, received, numbered);
            }
        }
        self.publish(out);
    }

    pub(super) fn publish(&mut self, out: Vec<TapeOut>) {
        for output in out {
            match output {
                TapeOut::Event(event) => {
                    self.watch(&event);
                    self.outlet.publish(event);
                }
                TapeOut::NeedDepth(symbol) => self.book_lost(&symbol),
                TapeOut::TradesMissing { symbol, hole } => self.fetch_trades(symbol, hole),
            }
        }
    }

    fn watch(&mut self, event: &Event) {
        let Some(check) = self.cross.get_mut(&event.symbol) else { return };
        let now = event.received;
        match &event.body {
            Body::Trade(trade) => check.trade(now, trade.price),
            Body::Book(top) => check.price(now, top.bid_px),
            Body::Funding(funding) => {
                if let Some(mark) = funding.mark_price {
                    check.price(now, mark);
                }
            }
            Body::Oi(oi) => check.open_interest(now, oi.open_interest),
            Body::Liquidation(_) => check.liquidation(now),
            Body::Bar(_) | Body::Joined(_) | Body::Gap(_) => {}
            Body::Signal(_) | Body::Guards(_) | Body::Heatmap(_) => {}
        }
    }

    fn book_lost(&mut self, symbol: &Symbol) {
        let kind = self.tape.instrument(symbol).map(|i| i.kind);
        let Some(product) = kind.and_then(|kind| self.venue.product_of(kind)) else { return };
        match self.venue.book_source(product) {
            BookSource::Rest => self.fetch_depth(symbol),
            BookSource::Stream { .. } => self.lines.resubscribe(symbol, Channel::Book),
            BookSource::Whole => {}
        }
    }

    fn stream_state(&mut self, stream: Stream, state: VenueState, usual: Option<Ms>) {
        let (symbol, channel, calm) =
            (stream.symbol.clone(), stream.channel, stream.usual_interval.is_none());
        if self.tape.instrument(&symbol).is_none() {
            return;
        }
        self.streams.insert((stream.name.clone(), symbol.clone()), (stream, state));
        let same = self.streams.values().filter(|(s, _)| s.symbol == symbol && s.channel == channel);
        let worst = same.map(|(_, state)| *state).max().unwrap_or(state);
        let now = self.outlet.now();
        self.outlet.board().topic(self.outlet.venue(), &symbol, channel, worst, usual, now);
        // Where silence means nothing, the line's return is all there will be to see.
        if calm
            && matches!(state, VenueState::Live | VenueState::Quiet)
            && let Some(hole) = self.holes.remove(&(symbol.clone(), channel))
        {
            self.close_hole(symbol, channel, hole, now, false);
        }
    }

    /// Whether a stream of the channel is silent while others of it may flow.
    fn has_silent_stream(&self, symbol: &Symbol, channel: Channel) -> bool {
        let of = |s: &Stream| s.symbol == *symbol && s.channel == channel;
        self.streams.values().any(|(stream, state)| *state == VenueState::Silent && of(stream))
    }

    /// What was known of a symbol's streams.
    pub(super) fn forget_streams(&mut self, symbol: &Symbol) {
        self.streams.retain(|(_, s), _| s != symbol);
    }
}
