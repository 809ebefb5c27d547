use std::collections::{BTreeMap, BTreeSet};

use shared::event::Stamped;
use shared::market::{Civil, VenueId};
use shared::wire::VenueState;
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::Mode;
use crate::bus::{Bus, MemoryBus};
use crate::clock::Clock;
use crate::ingest::Board;
use crate::venues::sim::{Outage, Place};

const STEP_MS: i64 = 250;

/// A venue played to a clock of the test's.
struct Stage {
    market: Arc<SimMarket>,
    player: Player,
    clock: Clock,
    board: Arc<Board>,
    events: UnboundedReceiver<Arc<Stamped>>,
}

impl Stage {
    fn new(place: Place, from: Ms) -> Stage {
        let market = Arc::new(SimMarket::new(3, place));
        let venue = market.venue();
        let clock = Clock::recorded();
        clock.advance(from);
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new(1));
        let events = bus.consume();
        let board = Arc::new(Board::new(Mode::Demo, [venue.clone()]));
        let outlet = Outlet::new(venue.clone(), bus, board.clone(), clock.clone());
        let mut tape = Tape::new(venue, Origin::Sim);
        let instruments: Vec<Arc<Instrument>> = market.instruments().into_iter().map(Arc::new).collect();
        for instrument in &instruments {
            tape.add(instrument.clone(), None);
            if let Some(bar) = market.bars(&instrument.symbol, from - LONGEST_HOLE, from).pop() {
                tape.resume(&instrument.symbol, &bar);
            }
        }
        let player = Player::new(market.clone(), instruments, outlet, tape, from);
        Stage { market, player, clock, board, events }
    }

    /// Plays to an instant, noting each state a topic or the venue was in.
    fn run(&mut self, to: Ms) -> BTreeSet<(String, VenueState)> {
        let mut seen = BTreeSet::new();
        while self.clock.now() < to {
            self.clock.advance(self.clock.now() + Ms(STEP_MS));
            self.player.step(self.clock.now());
            for report in self.board.report(self.clock.now()) {
                seen.insert(("venue".to_owned(), report.state));
                seen.extend(report.topics.iter().map(|t| (t.channel.to_string(), t.state)));
            }
        }
        seen
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.clone()).collect()
    }
}

/// Saturday 21 November 2026, 10:00 UTC.
fn morning() -> Ms {
    Civil::midnight(2026, 11, 21) + Ms(10 * Ms::HOUR.0)
}

/// The last version of each closed minute.
fn closed(events: &[Event], symbol: &Symbol) -> Vec<Bar> {
    let mut bars = BTreeMap::new();
    for event in events.iter().filter(|e| e.symbol == *symbol) {
        if let Body::Bar(bar) = event.body
            && bar.closed
        {
            bars.insert(bar.timestamp, bar);
        }
    }
    bars.into_values().collect()
}

#[test]
fn what_is_recorded_live_is_what_the_history_says() {
    for place in Place::ALL {
        // With a silence of trades in it.
        let troubles = SimMarket::new(3, place).troubles().clone();
        let silent = troubles.silences(morning(), morning() + Ms::DAY).find(|s| s.channel == Channel::Trade);
        let from = silent.map_or(morning(), |s| s.from.floor(Ms::MINUTE) - Ms(30 * Ms::MINUTE.0));
        let to = from + Ms(60 * Ms::MINUTE.0);
        let mut stage = Stage::new(place, from);
        stage.player.start();
        let states = stage.run(to + Ms(5_000));
        let events = stage.events();
        let mut origins = BTreeSet::new();
        for instrument in stage.market.instruments() {
            let mut live = closed(&events, &instrument.symbol);
            live.retain(|bar| bar.timestamp < to);
            origins.extend(live.iter().map(|bar| bar.origin));
            let recorded = stage.market.bars(&instrument.symbol, from, to);
            assert_eq!(live, recorded, "{place:?} {}", instrument.symbol);
            // Told and closed: every hole of the ledger, in its last state.
            let gap = |event: &Event| match event.body {
                Body::Gap(gap) if event.symbol == instrument.symbol => Some(gap),
                _ => None,
            };
            let mut ledger: BTreeMap<_, Gap> = BTreeMap::new();
            for gap in events.iter().filter_map(gap) {
                let opened = ledger.insert((gap.channel, gap.from), gap);
                assert_eq!(opened.map(|g| g.state), gap.to.map(|_| GapState::Open), "{gap:?}");
            }
            let mut expected: Vec<Gap> = gaps(&stage.market, &instrument, from, to).collect();
            let key = |g: &Gap| (g.channel, g.from);
            expected.sort_by_key(key);
            let mut told: Vec<Gap> =
                ledger.into_values().filter(|g| g.to.is_some_and(|at| at <= to)).collect();
            told.sort_by_key(key);
            let plain = |g: &Gap| (g.channel, g.from, g.to, g.cause, g.state);
            assert_eq!(
                told.iter().map(plain).collect::<Vec<_>>(),
                expected.iter().map(plain).collect::<Vec<_>>(),
                "{place:?} {}",
                instrument.symbol
            );
        }
        let seen = |name: &str, state| states.contains(&(name.to_owned(), state));
        let flawless = place == Place::Sim;
        assert_eq!(seen("venue", VenueState::Down), !flawless, "{place:?} {states:?}");
        assert_eq!(
            seen("trade", VenueState::Silent) && seen("bar", VenueState::Silent),
            !flawless,
            "{states:?}"
        );
        assert!(seen("venue", VenueState::Live) && (flawless || seen("venue", VenueState::Silent)));
        assert_eq!(origins.contains(&Origin::Kline), !flawless, "{place:?}");
    }
}

#[test]
fn same_steps_give_the_same_events_and_latency_is_between_them() {
    let play = || {
        let mut stage = Stage::new(Place::SimC, morning());
        stage.player.start();
        stage.run(morning() + Ms(4 * Ms::MINUTE.0));
        stage.events()
    };
    let events = play();
    assert!(events == play());
    let lag = |e: &Event| matches!(e.body, Body::Trade(_)).then(|| (e.received - e.timestamp()).0);
    let lags: Vec<i64> = events.iter().filter_map(lag).collect();
    assert!(lags.len() > 100);
    // The way here, and what waits for the next step.
    assert!(lags.iter().all(|lag| (120..320 + STEP_MS).contains(lag)), "{:?}", lags.iter().max());
}

#[test]
fn trouble_under_way_at_the_start_is_known() {
    let market = SimMarket::new(3, Place::SimB);
    let over_a_minute = |o: &Outage| o.from.floor(Ms::MINUTE) < o.to.floor(Ms::MINUTE) && o.refills;
    let outage = market.troubles().outages(morning(), morning() + Ms::DAY).find(over_a_minute);
    let outage = outage.expect("an outage over the turn of a minute");
    let from = outage.to.floor(Ms::MINUTE);
    let mut stage = Stage::new(Place::SimB, from);
    stage.player.start();
    assert_eq!(stage.board.report(from)[0].state, VenueState::Down);
    stage.run(from + Ms(3 * Ms::MINUTE.0 + 5_000));
    let events = stage.events();
    for instrument in stage.market.instruments() {
        let mut live = closed(&events, &instrument.symbol);
        live.retain(|bar| bar.timestamp < from + Ms(3 * Ms::MINUTE.0));
        assert_eq!(live, stage.market.bars(&instrument.symbol, from, from + Ms(3 * Ms::MINUTE.0)));
        assert_eq!(live[0].origin, Origin::Kline);
    }
}

#[test]
fn closed_session_is_quiet_and_opens_by_itself() {
    let sunday = Civil::midnight(2026, 11, 22) + Ms(23 * Ms::HOUR.0);
    let mut stage = Stage::new(Place::Sim, sunday - Ms::MINUTE);
    stage.player.start();
    let future: Symbol = "CME_MINI:MNQ1!".parse().unwrap();
    let state = |stage: &Stage| {
        let report = stage.board.report(stage.clock.now());
        let trade = report[0].topics.iter().find(|t| t.symbol == future && t.channel == Channel::Trade);
        trade.map(|t| (t.state, t.expected_interval_ms.is_some()))
    };
    assert_eq!(state(&stage), Some((VenueState::Quiet, false)));
    stage.run(sunday - Ms(STEP_MS));
    assert_eq!(state(&stage), Some((VenueState::Quiet, false)));
    assert!(stage.events().iter().all(|e| e.symbol != future), "nothing is said, not even a flat bar");
    stage.run(sunday + Ms(5_000));
    assert_eq!(state(&stage), Some((VenueState::Live, true)));
    assert!(stage.events().iter().any(|e| e.symbol == future && matches!(e.body, Body::Trade(_))));
    assert_eq!(stage.board.report(sunday)[0].venue, VenueId::new("sim"));
}
