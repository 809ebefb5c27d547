//! Plays recorded frames through the same adapters, tape, bus and store, in recorded time.
//!
//! A recording is all there is of its market: its first minute counts as whole from its first trade, and what the
//! exchange info would tell of an instrument, where it is missing, is guessed from its name and prices.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use shared::event::{Body, Channel, Origin};
use shared::market::{Instrument, Ms, Symbol};
use shared::wire::VenueState;
use tracing::{info, warn};

use super::outlet::Outlet;
use super::tape::{Tape, TapeOut};
use crate::capture::RawFrame;
use crate::capture::interpret::{Interpreter, Reading};
use crate::directory::Directory;
use crate::venues::{Update, Venue, What};

/// Prices looked at before the tick size is settled.
const TICK_SAMPLES: u32 = 2_000;
/// No venue quotes finer.
const MAX_DECIMALS: i32 = 10;
/// Bad frames logged by content; the rest are counted.
const LOGGED_ERRORS: u64 = 5;

/// One venue's side of a replay.
pub struct Player {
    venue: Arc<dyn Venue>,
    outlet: Outlet,
    directory: Arc<Directory>,
    tape: Tape,
    /// Each recording is read for itself: what it does not say follows from its own frames.
    recordings: HashMap<usize, Interpreter>,
    listed: HashMap<Symbol, Listed>,
    /// Symbols whose first trade has come.
    traded: HashSet<Symbol>,
    frames: u64,
    errors: u64,
    last: Ms,
}

/// An instrument as far as the recording shows it.
struct Listed {
    instrument: Instrument,
    /// Prices still looked at for the tick size; 0 where the exchange info told it.
    left: u32,
    decimals: i32,
}

impl Player {
    pub fn new(venue: Arc<dyn Venue>, outlet: Outlet, directory: Arc<Directory>) -> Player {
        let tape = Tape::new(venue.id(), Origin::Trades);
        outlet.board().line(outlet.venue(), "recording", true);
        Player {
            venue,
            outlet,
            directory,
            tape,
            recordings: HashMap::new(),
            listed: HashMap::new(),
            traded: HashSet::new(),
            frames: 0,
            errors: 0,
            last: Ms::ZERO,
        }
    }

    /// Plays the next frame of a recording.
    pub fn play(&mut self, recording: usize, frame: &RawFrame) {
        self.frames += 1;
        let venue = &self.venue;
        let reader =
            self.recordings.entry(recording).or_insert_with(|| Interpreter::new(venue.clone(), None));
        let reading = reader.read(frame);
        let now = reader.now();
        self.last = self.last.max(now);
        self.outlet.clock().advance(now);
        let updates = match reading {
            Ok(Reading::Updates(updates)) => updates,
            Ok(Reading::Ignored(_)) => return,
            Err(error) => return self.bad(frame.line, &error.to_string()),
        };
        for update in &updates {
            if !self.listed.contains_key(&update.symbol)
                && let Some((_, instrument)) =
                    self.recordings.get(&recording).and_then(|r| r.instruments().by_symbol(&update.symbol))
            {
                let instrument = instrument.clone();
                self.list(&instrument);
            }
        }
        self.apply(now, updates);
    }

    /// Frames played that held something of this venue, named kinds without an event included.
    pub fn understood(&self) -> u64 {
        self.frames.saturating_sub(self.errors)
    }

    /// A line that is no frame, or a frame that cannot be understood.
    pub fn bad(&mut self, line: u64, error: &str) {
        self.errors += 1;
        self.outlet.error();
        if self.errors <= LOGGED_ERRORS {
            warn!(line, error, "skipped a recorded frame");
        }
    }

    /// After the last frame: what is over is quiet, not silent.
    pub fn finish(&mut self) {
        let mut out = Vec::new();
        self.tape.tick(self.last, &mut out);
        self.publish(out);
        let (venue, now) = (self.outlet.venue().clone(), self.outlet.now());
        for symbol in self.listed.keys() {
            for channel in Channel::ALL {
                self.outlet.board().settle(&venue, symbol, channel, VenueState::Quiet, now);
            }
        }
        info!(%venue, frames = self.frames, errors = self.errors, "the recording has been played");
    }

    fn list(&mut self, instrument: &Arc<Instrument>) {
        self.tape.add(instrument.clone(), self.venue.book_of(instrument.kind));
        let left = if instrument.tick_size > 0.0 { 0 } else { TICK_SAMPLES };
        let listed = Listed { instrument: (**instrument).clone(), left, decimals: 0 };
        self.listed.insert(instrument.symbol.clone(), listed);
        self.relist();
    }

    fn relist(&self) {
        let mut all: Vec<Arc<Instrument>> =
            self.listed.values().map(|l| Arc::new(l.instrument.clone())).collect();
        all.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        self.directory.set(self.outlet.venue(), all);
    }

    fn apply(&mut self, now: Ms, updates: Vec<Update>) {
        let mut out = Vec::new();
        for update in updates {
            self.learn_tick(&update);
            if let What::Trade(first) = &update.what
                && !self.traded.contains(&update.symbol)
            {
                self.traded.insert(update.symbol.clone());
                self.tape.trades_covered_from(&update.symbol, first.trade.timestamp.floor(Ms::MINUTE));
            }
            self.tape.apply(now, update, &mut out);
        }
        self.tape.tick(now, &mut out);
        self.publish(out);
    }

    fn publish(&mut self, out: Vec<TapeOut>) {
        for output in out {
            match output {
                TapeOut::Event(event) => {
                    if !matches!(event.body, Body::Gap(_)) {
                        let (channel, now) = (event.channel(), event.received);
                        let (venue, usual) = (self.outlet.venue(), channel.usual_interval());
                        self.outlet.board().topic(
                            venue,
                            &event.symbol,
                            channel,
                            VenueState::Live,
                            usual,
                            now,
                        );
                    }
                    self.outlet.publish(event);
                }
                // The snapshot is in the recording or nowhere; so are the trades.
                TapeOut::NeedDepth(_) | TapeOut::TradesMissing { .. } => {}
            }
        }
    }

    fn learn_tick(&mut self, update: &Update) {
        let Some(listed) = self.listed.get_mut(&update.symbol).filter(|l| l.left > 0) else { return };
        let before = listed.decimals;
        let mut look = |price: f64| {
            listed.left = listed.left.saturating_sub(1);
            listed.decimals = listed.decimals.max(decimals(price));
        };
        match &update.what {
            What::Trade(t) => look(t.trade.price),
            What::Diff(d) => d.bids.iter().chain(&d.asks).for_each(|level| look(level.price)),
            What::Top(t) => look(t.bid_px),
            What::Snapshot(_)
            | What::Kline(_)
            | What::Oi(_)
            | What::Funding(_)
            | What::Liquidation(_)
            | What::LastTrade { .. } => {}
        }
        if listed.decimals != before || listed.instrument.tick_size <= 0.0 {
            listed.instrument.tick_size = 1.0 / 10_f64.powi(listed.decimals);
            self.relist();
        }
    }
}

/// Decimals a price needs, up to the finest there are.
fn decimals(price: f64) -> i32 {
    (0..MAX_DECIMALS)
        .find(|d| {
            let scaled = price * 10_f64.powi(*d);
            (scaled - scaled.round()).abs() <= scaled.abs() * 1e-12
        })
        .unwrap_or(MAX_DECIMALS)
}

#[cfg(test)]
mod tests {
    use super::decimals;

    #[test]
    fn decimals_are_those_of_the_text() {
        for (price, expected) in
            [(61_800.2, 1), (61_800.0, 0), (0.00001234, 8), (2_681.62, 2), (0.1 + 0.2, 1)]
        {
            assert_eq!(decimals(price), expected, "{price}");
        }
    }
}
