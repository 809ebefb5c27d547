mod properties;

use super::*;
use crate::event::Side;
use crate::market::Civil;

const M: i64 = 60_000;

/// Noon of some day; minutes and seconds of the tests count from here.
fn noon() -> Ms {
    Civil::midnight(2024, 8, 8) + Ms(12 * 3_600_000)
}

fn at(minute: i64, second: f64) -> Ms {
    noon() + Ms(minute * M + (second * 1_000.0) as i64)
}

fn trade(time: Ms, price: f64, quantity: f64, side: Side) -> Trade {
    Trade { timestamp: time, price, quantity, side, id: String::new() }
}

fn kline(minute: i64, close: f64, buy: f64, sell: f64, closed: bool) -> Bar {
    Bar {
        high: close.max(100.0),
        low: close.min(100.0),
        close,
        volume: buy + sell,
        buy_volume: Some(buy),
        sell_volume: Some(sell),
        vwap: Some(100.5),
        trades: Some(3),
        closed,
        ..Bar::flat(at(minute, 0.0), Timeframe::M1, 100.0, Origin::Kline)
    }
}

/// A builder with its output in one line per bar: minute, state, origin, close, volume, delta, cvd, since minute.
struct Rig {
    builder: MinuteBuilder,
    out: Vec<Bar>,
}

impl Rig {
    fn new() -> Rig {
        Rig { builder: MinuteBuilder::new(Origin::Trades, Calendar::Continuous), out: Vec::new() }
    }

    fn covered() -> Rig {
        let mut rig = Rig::new();
        rig.builder.covered_from(at(0, 0.0));
        rig
    }

    fn buy(&mut self, minute: i64, second: f64, price: f64, quantity: f64) -> &mut Rig {
        self.builder.trade(&trade(at(minute, second), price, quantity, Side::Buy), &mut self.out);
        self
    }

    fn sell(&mut self, minute: i64, second: f64, price: f64, quantity: f64) -> &mut Rig {
        self.builder.trade(&trade(at(minute, second), price, quantity, Side::Sell), &mut self.out);
        self
    }

    fn kline(&mut self, bar: Bar) -> &mut Rig {
        self.builder.kline(&bar, &mut self.out);
        self
    }

    fn clock(&mut self, minute: i64, second: f64) -> &mut Rig {
        self.builder.clock(at(minute, second), &mut self.out);
        self
    }

    fn said(&mut self) -> Vec<String> {
        self.out.drain(..).map(|b| line(&b)).collect()
    }
}

fn line(b: &Bar) -> String {
    let state = if b.closed { format!("closed{}", b.revision) } else { "forming".into() };
    let minute = (b.timestamp - noon()).0 / M;
    let cvd = b.cvd.map_or("-".into(), |v| format!("{v} since {}", (b.cvd_from.unwrap() - noon()).0 / M));
    format!("{minute} {state} {:?} {} vol {} cvd {cvd}", b.origin, b.close, b.volume)
}

#[test]
fn covered_minute_is_built_from_trades_and_closed_by_the_next_trade() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 2.0).sell(0, 2.0, 98.0, 1.0).buy(0, 59.999, 101.0, 1.0);
    let last = rig.out[2];
    assert_eq!((last.open, last.high, last.low, last.close), (100.0, 101.0, 98.0, 101.0));
    assert_eq!((last.buy_volume, last.sell_volume, last.trades), (Some(3.0), Some(1.0), Some(3)));
    assert_eq!((last.vwap, last.origin, last.through), (Some(399.0 / 4.0), Origin::Trades, None));
    rig.said();
    rig.sell(2, 0.0, 99.0, 5.0);
    assert_eq!(
        rig.said(),
        [
            "0 closed0 Trades 101 vol 4 cvd 2 since 0",
            "1 closed0 Trades 101 vol 0 cvd 2 since 0",
            "2 forming Trades 99 vol 5 cvd -3 since 0",
        ]
    );
}

#[test]
fn flat_minute_has_known_zero_sides_and_no_vwap() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 2.0).clock(2, 2.0);
    let flat = *rig.out.last().unwrap();
    assert_eq!((flat.timestamp, flat.closed, flat.trades), (at(1, 0.0), true, Some(0)));
    assert_eq!((flat.open, flat.high, flat.low, flat.close), (100.0, 100.0, 100.0, 100.0));
    assert_eq!((flat.buy_volume, flat.sell_volume, flat.vwap), (Some(0.0), Some(0.0), None));
}

#[test]
fn clock_closes_two_seconds_after_the_end_and_once() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).said();
    assert!(rig.clock(1, 1.999).said().is_empty());
    assert_eq!(rig.clock(1, 2.0).said(), ["0 closed0 Trades 100 vol 1 cvd 1 since 0"]);
    assert!(rig.clock(1, 30.0).clock(0, 30.0).said().is_empty());
}

#[test]
fn uncovered_minute_is_the_kline_alone() {
    let mut rig = Rig::new();
    rig.builder.covered_from(at(0, 20.0));
    assert!(rig.buy(0, 30.0, 100.0, 1.0).said().is_empty());
    rig.kline(kline(0, 102.0, 7.0, 2.0, false));
    assert_eq!(rig.said(), ["0 forming Kline 102 vol 9 cvd 5 since 0"]);
    // The next minute is whole; the forming kline must not close the first one.
    rig.sell(1, 0.5, 103.0, 1.0).clock(1, 10.0);
    assert_eq!(rig.said(), ["1 forming Trades 103 vol 1 cvd -1 since 1"]);
    rig.kline(kline(0, 104.0, 8.0, 2.0, true));
    let closed = rig.out[0];
    assert_eq!((closed.vwap, closed.trades, closed.buy_volume), (Some(100.5), Some(3), Some(8.0)));
    assert_eq!(rig.said(), ["0 closed0 Kline 104 vol 10 cvd 6 since 0"]);
    // From here the sum is whole again.
    rig.sell(1, 1.0, 103.0, 1.0);
    assert_eq!(rig.said(), ["1 forming Trades 103 vol 2 cvd 4 since 0"]);
}

#[test]
fn klines_of_a_covered_minute_are_ignored_at_any_time() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).said();
    rig.kline(kline(0, 105.0, 3.0, 3.0, false)).kline(kline(0, 106.0, 4.0, 4.0, true));
    rig.kline(kline(1, 106.0, 4.0, 4.0, false));
    assert!(rig.said().is_empty());
    assert_eq!(rig.buy(1, 1.0, 107.0, 1.0).said()[0], "0 closed0 Trades 100 vol 1 cvd 1 since 0");
    assert!(rig.kline(kline(0, 106.0, 4.0, 4.0, true)).said().is_empty());
}

#[test]
fn closed_bars_yield_to_a_better_origin_only() {
    let mut rig = Rig::new();
    rig.kline(Bar { origin: Origin::Import, ..kline(0, 101.0, 1.0, 0.0, true) });
    rig.kline(kline(0, 102.0, 2.0, 0.0, false));
    rig.kline(kline(0, 103.0, 3.0, 0.0, true));
    rig.kline(kline(0, 104.0, 4.0, 0.0, true));
    rig.kline(Bar { origin: Origin::Import, ..kline(0, 105.0, 5.0, 0.0, true) });
    assert_eq!(
        rig.said(),
        ["0 closed0 Import 101 vol 1 cvd 1 since 0", "0 closed1 Kline 103 vol 3 cvd 3 since 0"]
    );
}

#[test]
fn hole_gives_the_minutes_it_touches_to_the_kline() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).buy(1, 1.0, 100.0, 1.0).said();
    rig.builder.uncovered(at(1, 10.0));
    rig.builder.covered_from(at(2, 10.0));
    rig.buy(2, 11.0, 90.0, 1.0).buy(3, 0.0, 91.0, 1.0);
    assert_eq!(rig.said(), ["3 forming Trades 91 vol 1 cvd 1 since 3"]);
    // Refill by REST, in order: the sum becomes whole again.
    rig.kline(kline(1, 101.0, 5.0, 1.0, true)).kline(kline(2, 102.0, 1.0, 5.0, true));
    assert_eq!(
        rig.said(),
        ["1 closed0 Kline 101 vol 6 cvd 5 since 0", "2 closed0 Kline 102 vol 6 cvd 1 since 0"]
    );
    assert_eq!(rig.clock(4, 2.0).said(), ["3 closed0 Trades 91 vol 1 cvd 2 since 0"]);
}

#[test]
fn final_kline_seen_before_the_hole_was_known_closes_the_minute() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).kline(kline(0, 101.0, 5.0, 1.0, true)).said();
    rig.builder.uncovered(at(0, 59.0));
    assert_eq!(rig.clock(1, 2.0).said(), ["0 closed0 Kline 101 vol 6 cvd 4 since 0"]);
}

#[test]
fn line_down_closes_whole_minutes_and_leaves_no_row_for_others() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).said();
    rig.builder.uncovered(at(1, 0.0));
    assert_eq!(rig.clock(5, 0.0).said(), ["0 closed0 Trades 100 vol 1 cvd 1 since 0"]);
    rig.builder.covered_from(at(5, 0.0));
    assert_eq!(rig.clock(6, 2.0).said(), ["5 closed0 Trades 100 vol 0 cvd 0 since 5"]);
}

#[test]
fn refilled_trades_replace_the_kline() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0);
    rig.builder.uncovered(at(0, 10.0));
    rig.builder.covered_from(at(0, 20.0));
    rig.buy(0, 20.0, 103.0, 4.0).kline(kline(0, 104.0, 7.0, 2.0, true)).buy(1, 5.0, 104.0, 1.0).said();
    rig.buy(0, 12.0, 90.0, 2.0).sell(0, 15.0, 110.0, 2.0);
    assert!(rig.said().is_empty());
    rig.builder.refilled(at(0, 10.0), at(0, 20.0));
    rig.clock(1, 6.0);
    let bar = rig.out[0];
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (100.0, 110.0, 90.0, 103.0));
    assert_eq!((bar.volume, bar.buy_volume, bar.trades), (9.0, Some(7.0), Some(4)));
    assert_eq!(rig.said(), ["0 closed1 Trades 103 vol 9 cvd 5 since 0"]);
    assert_eq!(rig.clock(2, 2.0).said(), ["1 closed0 Trades 104 vol 1 cvd 6 since 0"]);
}

#[test]
fn refill_without_trades_closes_a_flat_minute_and_nothing_before_the_start() {
    let mut rig = Rig::new();
    rig.builder.resume(&Bar { closed: true, ..kline(-1, 100.0, 1.0, 0.0, true) });
    rig.builder.covered_from(at(0, 30.0));
    assert!(rig.clock(1, 5.0).said().is_empty());
    rig.builder.covered_from(at(-5, 0.0));
    assert_eq!(rig.clock(1, 6.0).said(), ["0 closed0 Trades 100 vol 0 cvd 0 since 0"]);
}

#[test]
fn late_trade_replaces_the_newest_closed_bar_only() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).buy(1, 1.0, 101.0, 1.0).said();
    rig.sell(0, 59.0, 99.0, 3.0);
    assert_eq!(rig.said(), ["0 closed1 Trades 99 vol 4 cvd -2 since 0"]);
    assert_eq!(rig.buy(1, 2.0, 101.0, 1.0).said(), ["1 forming Trades 101 vol 2 cvd 0 since 0"]);
    rig.clock(2, 2.0).said();
    assert!(rig.sell(0, 59.5, 99.0, 3.0).said().is_empty());
    assert_eq!(rig.builder.late_trades(), 1);
    assert_eq!(rig.sell(1, 0.5, 99.0, 3.0).said(), ["1 closed1 Trades 101 vol 5 cvd -3 since 0"]);
}

#[test]
fn out_of_order_trades_within_the_minute_open_and_close_by_time() {
    let mut rig = Rig::covered();
    rig.buy(0, 30.0, 100.0, 1.0).buy(0, 10.0, 90.0, 1.0).buy(0, 50.0, 110.0, 1.0).buy(0, 20.0, 95.0, 1.0);
    let bar = rig.out[3];
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (90.0, 110.0, 90.0, 110.0));
}

#[test]
fn cvd_restarts_at_midnight() {
    let mut rig = Rig::covered();
    rig.buy(719, 58.0, 100.0, 5.0).said();
    rig.sell(720, 0.0, 100.0, 1.0);
    assert_eq!(
        rig.said(),
        ["719 closed0 Trades 100 vol 5 cvd 5 since 719", "720 forming Trades 100 vol 1 cvd -1 since 720"]
    );
}

#[test]
fn cvd_continues_from_the_record_and_breaks_without_sides() {
    let mut rig = Rig::new();
    let seed = Bar { cvd: Some(40.0), cvd_from: Some(at(-720, 0.0)), ..kline(-1, 100.0, 1.0, 0.0, true) };
    rig.builder.resume(&seed);
    rig.kline(kline(0, 101.0, 3.0, 1.0, true));
    rig.kline(Bar { buy_volume: None, sell_volume: None, ..kline(1, 101.0, 3.0, 1.0, true) });
    rig.kline(kline(2, 101.0, 1.0, 2.0, true));
    assert_eq!(
        rig.said(),
        [
            "0 closed0 Kline 101 vol 4 cvd 42 since -720",
            "1 closed0 Kline 101 vol 4 cvd -",
            "2 closed0 Kline 101 vol 3 cvd -1 since 2",
        ]
    );
}

#[test]
fn no_flat_row_before_a_price_is_known() {
    let mut rig = Rig::covered();
    assert!(rig.clock(1, 2.0).said().is_empty());
    let quiet = Bar { vwap: None, ..kline(0, 100.0, 0.0, 0.0, true) };
    assert_eq!(rig.kline(quiet).said(), ["0 closed0 Trades 100 vol 0 cvd 0 since 0"]);
    assert_eq!(rig.clock(2, 2.0).said(), ["1 closed0 Trades 100 vol 0 cvd 0 since 0"]);
}

#[test]
fn clock_jump_of_days_invents_no_minutes() {
    let mut rig = Rig::covered();
    rig.buy(0, 1.0, 100.0, 1.0).said();
    assert_eq!(rig.clock(3 * 1440, 2.0).said(), ["0 closed0 Trades 100 vol 1 cvd 1 since 0"]);
    assert_eq!(rig.buy(3 * 1440, 3.0, 101.0, 1.0).said().len(), 1);
}

#[test]
fn history_of_a_day_can_be_fed_after_live_began() {
    let mut rig = Rig::new();
    rig.builder.covered_from(at(0, 0.0));
    rig.buy(0, 1.0, 100.0, 1.0).said();
    for minute in -720..0 {
        rig.kline(kline(minute, 100.0, 2.0, 1.0, true));
    }
    assert_eq!(rig.said().len(), 720);
    assert_eq!(rig.buy(0, 2.0, 100.0, 1.0).said(), ["0 forming Trades 100 vol 2 cvd 722 since -720"]);
}

#[test]
fn senseless_input_is_dropped() {
    let mut rig = Rig::covered();
    for (time, price, quantity) in [
        (Ms(i64::MIN), 1.0, 1.0),
        (Ms(i64::MAX), 1.0, 1.0),
        (Ms(-1), 1.0, 1.0),
        (at(0, 1.0), f64::NAN, 1.0),
        (at(0, 1.0), 0.0, 1.0),
        (at(0, 1.0), 1.0, f64::INFINITY),
        (at(0, 1.0), 1.0, -1.0),
    ] {
        rig.builder.trade(&trade(time, price, quantity, Side::Buy), &mut rig.out);
        rig.builder.kline(
            &Bar { volume: quantity, ..Bar::flat(time, Timeframe::M1, price, Origin::Kline) },
            &mut rig.out,
        );
    }
    rig.kline(Bar { interval: Timeframe::M5, ..kline(-5, 100.0, 1.0, 1.0, true) });
    rig.kline(Bar { timestamp: at(-5, 1.0), ..kline(-5, 100.0, 1.0, 1.0, true) });
    rig.builder.clock(Ms(i64::MAX), &mut rig.out);
    assert!(rig.said().is_empty());
}

/// Noon of the rig's day is 07:00 in Chicago: its trading day closes 9 hours later, the next opens after 10.
#[test]
fn closed_session_has_no_row_and_breaks_no_sum() {
    let (close, open) = (9 * 60, 10 * 60);
    let mut rig = Rig { builder: MinuteBuilder::new(Origin::Trades, Calendar::Cme), out: Vec::new() };
    rig.builder.covered_from(at(close - 2, 0.0));
    rig.buy(close - 2, 1.0, 100.0, 3.0).said();
    rig.clock(open + 2, 2.0);
    assert_eq!(
        rig.said(),
        [
            "538 closed0 Trades 100 vol 3 cvd 3 since 538",
            "539 closed0 Trades 100 vol 0 cvd 3 since 538",
            "600 closed0 Trades 100 vol 0 cvd 3 since 538",
            "601 closed0 Trades 100 vol 0 cvd 3 since 538",
        ]
    );
    // A better bar before the break carries its sum over it.
    rig.kline(Bar { origin: Origin::Sim, ..kline(close - 1, 100.0, 5.0, 1.0, true) }).said();
    rig.buy(open + 2, 1.0, 100.0, 1.0);
    assert_eq!(rig.said(), ["602 forming Trades 100 vol 1 cvd 8 since 538"]);

    // The first minute of a session after a weekend: nothing of that UTC day is missing.
    let sunday = at(3 * 1440 + open, 0.0);
    let mut rig = Rig { builder: MinuteBuilder::new(Origin::Trades, Calendar::Cme), out: Vec::new() };
    rig.builder.covered_from(sunday);
    rig.buy(3 * 1440 + open, 1.0, 100.0, 2.0);
    let midnight = 3 * 1440 - 720;
    assert_eq!(rig.said(), [format!("4920 forming Trades 100 vol 2 cvd 2 since {midnight}")]);
    // Trades while it should be closed are trades all the same.
    let mut rig = Rig { builder: MinuteBuilder::new(Origin::Trades, Calendar::Cme), out: Vec::new() };
    rig.builder.covered_from(at(close + 4, 0.0));
    rig.buy(close + 5, 1.0, 100.0, 2.0).clock(close + 8, 0.0);
    assert_eq!(rig.said().last().unwrap(), "545 closed0 Trades 100 vol 2 cvd 2 since 545");
}

#[test]
fn minute_that_turns_out_whole_is_shown_at_once() {
    let mut rig = Rig::new();
    rig.builder.covered_from(at(0, 1.0) + Ms(1));
    rig.buy(0, 1.0, 100.0, 2.0).buy(0, 3.0, 101.0, 1.0);
    assert!(rig.said().is_empty(), "a part of a minute is no bar");
    rig.builder.covered_from(at(0, 0.0));
    assert_eq!(rig.clock(0, 4.0).said(), ["0 forming Trades 101 vol 3 cvd 3 since 0"]);
    rig.builder.covered_from(at(0, 0.0));
    assert!(rig.clock(0, 5.0).said().is_empty(), "once");
}

#[test]
fn a_silence_found_out_after_the_minute_closed_is_mended_by_its_trades() {
    let mut rig = Rig::covered();
    rig.buy(0, 10.0, 100.0, 1.0).clock(1, 2.5);
    let closed =
        |rig: &Rig| rig.out.iter().filter(|b| b.closed).map(|b| (b.volume, b.revision)).collect::<Vec<_>>();
    assert_eq!(closed(&rig), [(1.0, 0)]);
    // The line had said nothing since 0:10; its trades are fetched.
    rig.builder.uncovered(at(0, 10.0));
    rig.builder.covered_from(at(1, 5.0));
    rig.sell(0, 40.0, 99.0, 2.0);
    rig.builder.refilled(at(0, 10.0), at(1, 5.0));
    rig.clock(1, 6.0).clock(1, 7.0);
    assert_eq!(closed(&rig), [(1.0, 0), (3.0, 1)]);
}
