//! Plays recorded frames through the same adapters, tape, bus and store, in recorded time.
//!
//! A recording is all there is of its market: without the venue's klines in it, its first minute counts as whole
//! from its first trade. What the exchange info would tell of an instrument, where it is missing, is guessed from
//! its name and prices.

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
    /// Symbols with a trade or a kline.
    begun: HashSet<Symbol>,
    /// First minutes, by their open, that are whole unless a kline comes.
    first: HashMap<Symbol, Ms>,
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
            begun: HashSet::new(),
            first: HashMap::new(),
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
        self.cover_first(Ms(i64::MAX));
        self.tape.tick(self.last, &mut out);
        self.publish(out);
        let (venue, now) = (self.outlet.venue().clone(), self.outlet.now());
        for symbol in self.listed.keys() {
            for channel in Channel::OFFERED {
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
        self.cover_first(now);
        for update in updates {
            self.learn_tick(&update);
            match &update.what {
                // From here on the trades are whole.
                What::Trade(first) if self.begun.insert(update.symbol.clone()) => {
                    self.first.insert(update.symbol.clone(), first.trade.timestamp.floor(Ms::MINUTE));
                }
                // The venue knows what was traded before the recording began.
                What::Kline(_) => {
                    self.begun.insert(update.symbol.clone());
                    self.first.remove(&update.symbol);
                }
                _ => {}
            }
            self.tape.apply(now, update, &mut out);
        }
        self.tape.tick(now, &mut out);
        self.publish(out);
    }

    /// First minutes that ended without a kline are as whole as they get.
    fn cover_first(&mut self, now: Ms) {
        for (symbol, minute) in self.first.extract_if(|_, minute| *minute + Ms::MINUTE <= now) {
            self.tape.trades_covered_from(&symbol, minute);
        }
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
    use std::collections::BTreeMap;

    use shared::event::Bar;
    use shared::market::VenueId;

    use super::*;
    use crate::Mode;
    use crate::bus::{Bus, MemoryBus};
    use crate::capture::Source;
    use crate::clock::Clock;
    use crate::config::BaseUrls;
    use crate::ingest::Board;

    /// 2026-11-20 12:00 UTC.
    const NOON: i64 = 1_795_176_000_000;

    fn trade(id: u64, second: i64, price: &str) -> (i64, String) {
        let at = NOON + second * 1_000;
        let data = format!(
            r#"{{"e":"aggTrade","E":{at},"a":{id},"s":"BTCUSDT","p":"{price}","q":"1","f":{id},"l":{id},"T":{at},"m":false}}"#
        );
        (at, format!(r#"{{"stream":"btcusdt@aggTrade","data":{data}}}"#))
    }

    /// The venue's bar of the first minute, with the trade from before the recording in it.
    fn kline(second: i64, closed: bool) -> (i64, String) {
        let (at, end) = (NOON + second * 1_000, NOON + 59_999);
        let k = format!(
            r#"{{"t":{NOON},"T":{end},"s":"BTCUSDT","i":"1m","f":1,"L":3,"o":"90","c":"101","h":"101","l":"90","v":"7","n":3,"x":{closed},"q":"690","V":"4","Q":"400","B":"0"}}"#
        );
        let data = format!(r#"{{"e":"kline","E":{at},"s":"BTCUSDT","k":{k}}}"#);
        (at, format!(r#"{{"stream":"btcusdt@kline_1m","data":{data}}}"#))
    }

    /// The last version of each bar: origin, open, volume, whether it closed.
    fn replayed(frames: &[(i64, String)]) -> Vec<(i64, Origin, f64, f64, bool)> {
        let venue = VenueId::new("binance");
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new(1));
        let mut events = bus.consume();
        let board = Arc::new(Board::new(Mode::Replay, [venue.clone()]));
        let outlet = Outlet::new(venue.clone(), bus, board, Clock::recorded());
        let directory = Arc::new(Directory::new([venue.clone()]));
        let venue = crate::venues::build(&venue, &BaseUrls::default()).expect("a venue");
        let mut player = Player::new(venue, outlet, directory);
        for (line, (received, data)) in (1..).zip(frames) {
            let frame = RawFrame {
                line,
                received: Some(Ms(*received)),
                venue: None,
                channel: Some("usdm/market".into()),
                source: Source::Socket,
                data: data.clone().into_bytes(),
            };
            player.play(0, &frame);
        }
        player.finish();
        let mut bars: BTreeMap<Ms, Bar> = BTreeMap::new();
        while let Ok(stamped) = events.try_recv() {
            if let Body::Bar(bar) = stamped.event.body {
                bars.insert(bar.timestamp, bar);
            }
        }
        let row = |b: &Bar| ((b.timestamp.0 - NOON) / 60_000, b.origin, b.open, b.volume, b.closed);
        bars.values().map(row).collect()
    }

    #[test]
    fn first_minute_is_the_venues_where_the_recording_has_its_klines() {
        let trades = [trade(2, 30, "100"), trade(3, 50, "101"), trade(4, 61, "102"), trade(5, 125, "103")];
        let [a, b, c, d] = trades;
        let with = [a.clone(), kline(31, false), b.clone(), kline(60, true), c.clone(), d.clone()];
        let rest = [(1, Origin::Trades, 102.0, 1.0, true), (2, Origin::Trades, 103.0, 1.0, false)];
        let whole = |first| [&[first], &rest[..]].concat();
        assert_eq!(replayed(&with), whole((0, Origin::Kline, 90.0, 7.0, true)));
        // The kline may be what comes first.
        let with = [kline(29, false), a.clone(), b.clone(), c.clone(), kline(62, true), d.clone()];
        assert_eq!(replayed(&with), whole((0, Origin::Kline, 90.0, 7.0, true)));
        // Without one the recording's trades are all there is.
        let first = (0, Origin::Trades, 100.0, 2.0, true);
        assert_eq!(replayed(&[a.clone(), b.clone(), c, d]), whole(first));
        // Even if it ends with that minute.
        assert_eq!(replayed(&[a, b]), [(0, Origin::Trades, 100.0, 2.0, false)]);
    }

    #[test]
    fn decimals_are_those_of_the_text() {
        for (price, expected) in
            [(61_800.2, 1), (61_800.0, 0), (0.00001234, 8), (2_681.62, 2), (0.1 + 0.2, 1)]
        {
            assert_eq!(decimals(price), expected, "{price}");
        }
    }
}
