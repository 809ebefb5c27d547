//! Symbols come and go: their past first, then their live data; the last who wants one leaves, and it ends.

use std::sync::Arc;

use shared::event::{Body, Channel, Event, GapCause, GapState};
use shared::link::{CrossCheck, Freshness};
use shared::market::{Instrument, Ms, Symbol, Timeframe};
use tracing::{debug, info, warn};

use super::backfill::{self, Filled};
use super::desk::{Desk, Msg};
use super::holes::{Hole, OI_SPACING};
use super::{Order, poll};
use crate::ingest::tape::TapeOut;
use crate::store::{Coverage, Dataset, Record};
use crate::venues::What;

impl Desk {
    pub(super) fn order(&mut self, order: Order) {
        match order {
            Order::Follow(symbol) => match self.directory.get(&self.venue.id(), &symbol) {
                Some(instrument) => self.follow(instrument),
                None => debug!(venue = %self.venue.id(), %symbol, "not listed here"),
            },
            Order::Unfollow(symbol) => self.unfollow(&symbol),
            Order::Delisted(symbol) => self.delisted(&symbol),
        }
    }

    /// Fetches an instrument's past; its streams begin when that is there.
    pub(super) fn follow(&mut self, instrument: Arc<Instrument>) {
        if self.followed.contains_key(&instrument.symbol) {
            return;
        }
        let task = backfill::fetch(
            instrument.clone(),
            self.rest.clone(),
            self.outlet.clock().clone(),
            self.store.clone(),
            self.sender.clone(),
        );
        let handle = tokio::spawn(task).abort_handle();
        self.followed.insert(instrument.symbol.clone(), vec![handle]);
    }

    /// Live data begins where the past ends.
    pub(super) fn filled(&mut self, filled: Filled) {
        let (instrument, now) = (filled.instrument.clone(), self.outlet.now());
        let symbol = instrument.symbol.clone();
        let place = (self.followed.len().saturating_sub(1), self.followed.len());
        let Some(tasks) = self.followed.get_mut(&symbol) else { return };
        let (rest, clock) = (self.rest.clone(), self.outlet.clock().clone());
        let polls = poll::run(instrument.clone(), place, rest, clock, self.sender.clone());
        *tasks = vec![tokio::spawn(polls).abort_handle()];
        self.tape.add(instrument.clone(), self.venue.book_of(instrument.kind));
        self.cross.insert(symbol.clone(), CrossCheck::default());
        self.record(&filled, now);
        self.resume_ledger(&filled, now);
        let streams = self.venue.streams(&instrument, &Channel::OFFERED);
        for poll in self.venue.polls(&instrument, now) {
            // What is streamed as well is judged by its stream.
            if !streams.iter().any(|s| s.channel == poll.channel) {
                let mut fresh = Freshness::new(Some(poll.every));
                fresh.subscribed(now);
                self.polled.insert((symbol.clone(), poll.channel), (fresh, None));
            }
        }
        self.lines.add(streams);
    }

    /// The fetched past goes through the tape, so that live bars continue it, and is recorded.
    fn record(&mut self, filled: &Filled, now: Ms) {
        let events = self.through_tape(filled, now);
        let newest = events.iter().rev().find(|e| matches!(&e.body, Body::Bar(bar) if bar.closed)).cloned();
        let (symbol, venue) = (filled.instrument.symbol.clone(), self.venue.id());
        let count = events.len();
        let mut records: Vec<Record> = events.into_iter().map(Record::Event).collect();
        if let Some(newest) = newest {
            if let Some(from) = filled.bars_from {
                let to = newest.timestamp() + Ms::MINUTE;
                let dataset = Dataset::Bars(Timeframe::M1);
                records.push(Record::Coverage(Coverage { dataset, symbol: symbol.clone(), venue, from, to }));
            }
            self.outlet.seed(newest);
        }
        info!(venue = %self.outlet.venue(), %symbol, rows = count, "history fetched");
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.write(records).await {
                warn!(%error, "history could not be stored");
            }
        });
    }

    /// Closed bars get their running sums here; forming ones come again from the socket.
    fn through_tape(&mut self, filled: &Filled, now: Ms) -> Vec<Event> {
        let mut out = Vec::new();
        for update in &filled.updates {
            if !matches!(&update.what, What::Kline(bar) if !bar.closed) {
                self.tape.apply(now, update.clone(), &mut out);
            }
        }
        let event = |o| match o {
            TapeOut::Event(event) => Some(event),
            TapeOut::NeedDepth(_) | TapeOut::TradesMissing { .. } => None,
        };
        out.into_iter().filter_map(event).collect()
    }

    /// The time the relay was down is a hole like any other, and a hole that was open when it ended is open still.
    fn resume_ledger(&mut self, filled: &Filled, now: Ms) {
        let symbol = &filled.instrument.symbol;
        for (channel, hole) in &filled.holes {
            let refilled = match channel {
                Channel::Bar => filled.bars_from.is_some_and(|from| from <= hole.from),
                Channel::Oi => filled.open_interest_from.is_some_and(|at| at <= hole.from + OI_SPACING),
                Channel::Funding | Channel::Liquidation | Channel::Book | Channel::Trade => false,
                Channel::Signal | Channel::Guards | Channel::Heatmap => false,
            };
            if refilled {
                self.tell_gap(symbol, *channel, *hole, Some(now), GapState::Refilled);
            } else {
                self.open_hole_at(symbol, *channel, *hole);
            }
        }
    }

    /// What comes after a symbol's last data is missing for good.
    fn delisted(&mut self, symbol: &Symbol) {
        if !self.followed.contains_key(symbol) {
            return self.delisted_meanwhile(symbol);
        }
        let now = self.outlet.now();
        let last: Vec<(Channel, Ms)> =
            self.last_seen.iter().filter(|((s, _), _)| s == symbol).map(|((_, c), at)| (*c, *at)).collect();
        for (channel, from) in last {
            self.holes.remove(&(symbol.clone(), channel));
            let noticed = self.outlet.now();
            let hole = Hole { from, cause: GapCause::Delisted, noticed };
            self.tell_gap(symbol, channel, hole, Some(now), GapState::Lost);
        }
        self.unfollow(symbol);
    }

    /// It went while the relay did not run: its last data is in the store.
    fn delisted_meanwhile(&self, symbol: &Symbol) {
        let Some(instrument) = self.directory.get(&self.venue.id(), symbol) else { return };
        let (store, sender, now) = (self.store.clone(), self.sender.clone(), self.outlet.now());
        tokio::spawn(async move {
            match backfill::holes(&instrument, &*store, now).await {
                Ok(holes) => {
                    let symbol = instrument.symbol.clone();
                    let _ = sender.send(Msg::Ended { symbol, holes }).await;
                }
                Err(error) => warn!(symbol = %instrument.symbol, %error, "the ledger cannot be read"),
            }
        });
    }

    pub(super) fn ended(&self, symbol: &Symbol, holes: Vec<(Channel, Hole)>) {
        let now = self.outlet.now();
        for (channel, hole) in holes {
            let hole = Hole { cause: GapCause::Delisted, ..hole };
            self.tell_gap(symbol, channel, hole, Some(now), GapState::Lost);
        }
    }

    fn unfollow(&mut self, symbol: &Symbol) {
        let Some(tasks) = self.followed.remove(symbol) else { return };
        tasks.iter().for_each(tokio::task::AbortHandle::abort);
        info!(venue = %self.venue.id(), %symbol, "nobody follows it any more");
        let (board, venue) = (self.outlet.board(), self.outlet.venue());
        for line in self.lines.remove(symbol) {
            board.forget_line(venue, &line);
        }
        board.forget_symbol(venue, symbol);
        self.forget_streams(symbol);
        self.polled.retain(|(s, _), _| s != symbol);
        self.last_seen.retain(|(s, _), _| s != symbol);
        self.cross.remove(symbol);
        self.refilling.remove(symbol);
        // What was missing stays so: nobody will fetch it.
        let open: Vec<(Channel, Hole)> =
            self.holes.iter().filter(|((s, _), _)| s == symbol).map(|((_, c), h)| (*c, *h)).collect();
        let now = self.outlet.now();
        for (channel, hole) in open {
            self.tell_gap(symbol, channel, hole, Some(now), GapState::Lost);
        }
        self.holes.retain(|(s, _), _| s != symbol);
        if let Some(from) = self.tape.remove(symbol) {
            let hole = Hole { from, cause: GapCause::Sequence, noticed: now };
            self.tell_gap(symbol, Channel::Book, hole, Some(now), GapState::Lost);
        }
    }
}
