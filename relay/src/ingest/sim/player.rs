//! Plays a simulated venue step by step, its troubles included.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::event::{Channel, GapCause, GapState};
use shared::market::{Instrument, Ms, Symbol};
use shared::wire::VenueState;
use tracing::info;

use crate::ingest::outlet::Outlet;
use crate::ingest::tape::{Tape, TapeOut};
use crate::venues::sim::{Outage, Silence, SimMarket};
use crate::venues::{Update, What};

/// The name of the only line.
const LINE: &str = "simulation";
/// A venue's own bar of a minute is there so long after its end.
const REFILL_AFTER: Ms = Ms::SECOND;

/// One venue being played. It reads the clock only where it is told to step: with a given clock, the same steps
/// give the same events.
pub struct Player {
    market: Arc<SimMarket>,
    instruments: Vec<Arc<Instrument>>,
    outlet: Outlet,
    tape: Tape,
    /// What the venue said up to then has been told.
    done: Ms,
    /// Minutes before this one are as whole as they get.
    refilled: Ms,
    down: Option<Outage>,
    /// Channels that say nothing, and whether that has been noticed.
    mute: BTreeMap<(Symbol, Channel), bool>,
    lull: bool,
    /// Holes in the bars, told of as refilled once their last minute is there.
    mending: Vec<Hole>,
    /// The minute for which states were told last.
    told: Ms,
    out: Vec<TapeOut>,
}

struct Hole {
    symbol: Symbol,
    from: Ms,
    to: Ms,
    cause: GapCause,
}

/// Something that begins, or ends, at an instant.
enum Turn {
    Down(Outage),
    Up(Outage),
    Mute(Silence),
    /// The silence can be told from a pause.
    Noticed(Silence),
    Speaks(Silence),
    Lull(bool),
}

impl Player {
    /// Goes on from `from`, the open of a minute, over a tape that holds what was before.
    pub fn new(
        market: Arc<SimMarket>,
        instruments: Vec<Arc<Instrument>>,
        outlet: Outlet,
        tape: Tape,
        from: Ms,
    ) -> Player {
        Player {
            market,
            instruments,
            outlet,
            tape,
            done: from - Ms(1),
            refilled: from,
            down: None,
            mute: BTreeMap::new(),
            lull: false,
            mending: Vec::new(),
            told: Ms::ZERO,
            out: Vec::new(),
        }
    }

    /// The line is up, and every trade from here on will be given, but for troubles that began before.
    pub fn start(&mut self) {
        self.outlet.board().line(self.outlet.venue(), LINE, true);
        let begun = self.turns(self.done - Ms::HOUR, self.done);
        for (_, turn) in begun {
            // What is over by now has left its hole in the record already.
            let over = match &turn {
                Turn::Down(outage) | Turn::Up(outage) => outage.to <= self.done,
                Turn::Mute(silence) | Turn::Noticed(silence) | Turn::Speaks(silence) => {
                    silence.to <= self.done
                }
                Turn::Lull(_) => false,
            };
            if !over {
                self.turn(turn);
            }
        }
        for (symbol, channel) in self.topics() {
            if self.down.is_none() && !self.mute.contains_key(&(symbol.clone(), channel)) {
                self.covered_from(&symbol, channel, self.refilled);
            }
        }
        self.tell_states();
    }

    /// The time by the clock it plays to.
    pub fn now(&self) -> Ms {
        self.outlet.now()
    }

    /// Tells everything that has arrived by `now`.
    pub fn step(&mut self, now: Ms) {
        let until = now - self.market.troubles().latency(now);
        if until <= self.done {
            return;
        }
        let turns = self.turns(self.done, until);
        let turned = !turns.is_empty();
        for (at, turn) in turns {
            // What is said at the instant a trouble begins is not heard.
            self.say(at - Ms(1), now);
            self.drain();
            self.turn(turn);
        }
        self.say(until, now);
        self.refill(until, now);
        self.tape.tick(now, &mut self.out);
        self.drain();
        // Sessions open and close with a minute.
        if turned || until.floor(Ms::MINUTE) != self.told {
            self.tell_states();
        }
    }

    /// What begins or ends in `(from, to]`, in order.
    fn turns(&self, from: Ms, to: Ms) -> Vec<(Ms, Turn)> {
        let troubles = self.market.troubles();
        let (first, end) = (from, to + Ms(1));
        let mut turns = Vec::new();
        for outage in troubles.outages(first, end) {
            turns.extend([(outage.from, Turn::Down(outage)), (outage.to, Turn::Up(outage))]);
        }
        for silence in troubles.silences(first, end).filter(|s| self.follows(&s.symbol)) {
            turns.push((silence.from, Turn::Mute(silence.clone())));
            turns.push((silence.noticed(), Turn::Noticed(silence.clone())));
            turns.push((silence.to, Turn::Speaks(silence)));
        }
        for (begin, end) in troubles.lulls(first, end) {
            turns.extend([(begin, Turn::Lull(true)), (end, Turn::Lull(false))]);
        }
        turns.retain(|(at, _)| from < *at && *at <= to);
        turns.sort_by_key(|(at, _)| *at);
        turns
    }

    fn follows(&self, symbol: &Symbol) -> bool {
        self.instruments.iter().any(|i| i.symbol == *symbol)
    }

    /// What the venue says in `(done, to]`, as far as it is heard.
    fn say(&mut self, to: Ms, now: Ms) {
        let from = self.done;
        if to <= from {
            return;
        }
        self.done = to;
        if self.down.is_some() {
            return;
        }
        for instrument in &self.instruments {
            for update in self.market.updates(&instrument.symbol, from, to) {
                let muted = |channel| self.mute.contains_key(&(update.symbol.clone(), channel));
                if self.mute.is_empty() || !muted(update.what.channel()) {
                    self.tape.apply(now, update, &mut self.out);
                }
            }
        }
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Down(outage) => {
                info!(venue = %self.outlet.venue(), for_ms = (outage.to - outage.from).0, "line down");
                self.outlet.board().line(self.outlet.venue(), LINE, false);
                for (symbol, channel) in self.topics() {
                    self.tape.line_lost(&symbol, channel);
                    self.gap(&symbol, channel, (outage.from, None), GapCause::Disconnect, GapState::Open);
                }
                self.down = Some(outage);
            }
            Turn::Up(outage) => {
                self.down = None;
                self.outlet.board().line(self.outlet.venue(), LINE, true);
                self.outlet.reconnected();
                let (from, to, cause) = (outage.from, outage.to, GapCause::Disconnect);
                for (symbol, channel) in self.topics() {
                    self.covered_from(&symbol, channel, to);
                    self.close_hole(Hole { symbol, from, to, cause }, channel, outage.refills);
                }
            }
            Turn::Mute(silence) => {
                for channel in with_bars(silence.channel) {
                    self.tape.line_lost(&silence.symbol, *channel);
                    self.mute.insert((silence.symbol.clone(), *channel), false);
                }
            }
            Turn::Noticed(silence) => {
                for channel in with_bars(silence.channel) {
                    self.mute.insert((silence.symbol.clone(), *channel), true);
                    let range = (silence.from, None);
                    self.gap(&silence.symbol, *channel, range, GapCause::Silence, GapState::Open);
                }
            }
            Turn::Speaks(silence) => {
                let (from, to, cause) = (silence.from, silence.to, GapCause::Silence);
                for channel in with_bars(silence.channel) {
                    let symbol = silence.symbol.clone();
                    self.mute.remove(&(symbol.clone(), *channel));
                    self.covered_from(&symbol, *channel, to);
                    self.close_hole(Hole { symbol, from, to, cause }, *channel, true);
                }
            }
            Turn::Lull(lull) => self.lull = lull,
        }
    }

    fn covered_from(&mut self, symbol: &Symbol, channel: Channel, at: Ms) {
        if channel == Channel::Trade {
            self.tape.trades_covered_from(symbol, at);
        }
    }

    /// Bars can be had afterwards, where the venue has them; the rest is lost.
    fn close_hole(&mut self, hole: Hole, channel: Channel, refills: bool) {
        if channel == Channel::Bar && refills {
            self.mending.push(hole);
        } else {
            self.gap(&hole.symbol, channel, (hole.from, Some(hole.to)), hole.cause, GapState::Lost);
        }
    }

    /// Takes the venue's own bars of the minutes that ended and are not whole, while the line is up.
    fn refill(&mut self, until: Ms, now: Ms) {
        while self.down.is_none() && self.refilled + Ms::MINUTE + REFILL_AFTER <= until {
            for instrument in &self.instruments {
                if let Some(bar) = self.market.refill(&instrument.symbol, self.refilled) {
                    let update = Update { symbol: instrument.symbol.clone(), what: What::Kline(bar) };
                    self.tape.apply(now, update, &mut self.out);
                }
            }
            self.refilled += Ms::MINUTE;
        }
        let refilled = self.refilled;
        let (mended, rest) =
            std::mem::take(&mut self.mending).into_iter().partition(|hole| hole.to <= refilled);
        self.mending = rest;
        if !Vec::is_empty(&mended) {
            // The bars first, then that they are there.
            self.drain();
        }
        for Hole { symbol, from, to, cause } in mended {
            self.gap(&symbol, Channel::Bar, (from, Some(to)), cause, GapState::Refilled);
        }
    }

    fn gap(
        &self,
        symbol: &Symbol,
        channel: Channel,
        range: (Ms, Option<Ms>),
        cause: GapCause,
        state: GapState,
    ) {
        let now = self.outlet.now();
        self.outlet.publish_gap(self.tape.gap(now, symbol, channel, range.0, range.1, cause, state));
    }

    fn drain(&mut self) {
        for output in self.out.drain(..) {
            match output {
                TapeOut::Event(event) => self.outlet.publish(event),
                // The simulation neither streams diffs nor numbers what it leaves out.
                TapeOut::NeedDepth(_) | TapeOut::TradesMissing { .. } => {}
            }
        }
    }

    fn topics(&self) -> Vec<(Symbol, Channel)> {
        let topics = |i: &Arc<Instrument>| -> Vec<_> {
            i.channels.iter().map(|channel| (i.symbol.clone(), *channel)).collect()
        };
        self.instruments.iter().flat_map(topics).collect()
    }

    /// Brings the state of every topic up to date.
    fn tell_states(&mut self) {
        let now = self.done;
        for instrument in &self.instruments {
            let open = instrument.calendar.is_open(now);
            for channel in &instrument.channels {
                let usual = channel.usual_interval().filter(|_| open);
                let noticed = self.mute.get(&(instrument.symbol.clone(), *channel)) == Some(&true);
                let thin = self.lull && matches!(channel, Channel::Trade | Channel::Bar);
                let state = match usual {
                    _ if self.down.is_some() => VenueState::Down,
                    Some(_) if noticed => VenueState::Silent,
                    Some(_) if !thin => VenueState::Live,
                    _ => VenueState::Quiet,
                };
                let (board, venue) = (self.outlet.board(), self.outlet.venue());
                board.topic(venue, &instrument.symbol, *channel, state, usual, now);
            }
        }
        self.told = now.floor(Ms::MINUTE);
    }
}

/// Bars are built from the trades: both fall silent at once.
pub(super) fn with_bars(channel: Channel) -> &'static [Channel] {
    match channel {
        Channel::Trade => &[Channel::Trade, Channel::Bar],
        Channel::Bar => &[Channel::Bar],
        Channel::Book => &[Channel::Book],
        Channel::Oi => &[Channel::Oi],
        Channel::Funding => &[Channel::Funding],
        Channel::Liquidation => &[Channel::Liquidation],
        // Made of what venues say: none of theirs.
        Channel::Signal | Channel::Guards | Channel::Heatmap => &[],
    }
}
