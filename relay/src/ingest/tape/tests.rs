use super::*;
use crate::venues::{BookSource, Level};
use shared::event::{Depth, LiquidationSide, PriceKind, Side, Trade};
use shared::market::{Calendar, Group, Kind, Timeframe};

const MINUTE: i64 = 1_795_219_200_000;

fn symbol() -> Symbol {
    "BTCUSDT-PERP".parse().expect("a symbol")
}

fn tape() -> Tape {
    let mut tape = Tape::new(VenueId::new("test"), Origin::Trades);
    let instrument = Instrument {
        symbol: symbol(),
        venue: VenueId::new("test"),
        venue_symbol: "BTCUSDT".into(),
        group: Group::new("BTC", Kind::Perp),
        kind: Kind::Perp,
        base: "BTC".into(),
        quote: "USDT".into(),
        tick_size: 0.1,
        step_size: 0.001,
        multiplier: 1.0,
        channels: Channel::OFFERED.to_vec(),
        calendar: Calendar::Continuous,
    };
    tape.add(Arc::new(instrument), None);
    tape
}

fn trade(n: u64, at: i64, price: f64) -> TradeUpdate {
    let trade =
        Trade { timestamp: Ms(MINUTE + at), price, quantity: 1.0, side: Side::Buy, id: n.to_string() };
    TradeUpdate { trade, sequence: Some(n) }
}

fn apply(tape: &mut Tape, at: i64, what: What) -> Vec<TapeOut> {
    let mut out = Vec::new();
    tape.apply(Ms(MINUTE + at), Update { symbol: symbol(), what }, &mut out);
    out
}

fn closed_bars(out: &[TapeOut]) -> Vec<Bar> {
    let bar = |o: &TapeOut| match o {
        TapeOut::Event(Event { body: Body::Bar(bar), .. }) if bar.closed => Some(*bar),
        _ => None,
    };
    out.iter().filter_map(bar).collect()
}

#[test]
fn repeated_trades_are_dropped() {
    let mut tape = tape();
    assert!(!apply(&mut tape, 10, What::Trade(trade(5, 0, 100.0))).is_empty());
    assert!(apply(&mut tape, 11, What::Trade(trade(5, 0, 100.0))).is_empty());
    assert!(apply(&mut tape, 12, What::Trade(trade(4, 0, 100.0))).is_empty());
}

#[test]
fn a_jump_in_numbers_is_a_hole_that_a_refill_closes() {
    let mut tape = tape();
    tape.trades_covered_from(&symbol(), Ms(MINUTE));
    apply(&mut tape, 1_000, What::Trade(trade(1, 1_000, 100.0)));
    let out = apply(&mut tape, 9_000, What::Trade(trade(4, 9_000, 103.0)));
    let hole = TradeHole { after: 1, before: 4, from: Ms(MINUTE + 1_000), to: Ms(MINUTE + 9_000) };
    assert!(out.contains(&TapeOut::TradesMissing { symbol: symbol(), hole }));
    let mut out = Vec::new();
    let fetched =
        vec![trade(3, 3_000, 90.0), trade(1, 1_000, 100.0), trade(2, 2_000, 110.0), trade(4, 9_000, 103.0)];
    assert!(tape.refill_trades(Ms(MINUTE + 9_500), &symbol(), hole, fetched, &mut out));
    let out = apply(&mut tape, 60_500, What::Trade(trade(5, 60_500, 104.0)));
    let bars = closed_bars(&out);
    let bar = bars.first().expect("the minute closed");
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (100.0, 110.0, 90.0, 103.0));
    assert_eq!((bar.volume, bar.trades, bar.origin), (4.0, Some(4), Origin::Trades));
}

#[test]
fn an_incomplete_refill_leaves_the_minute_to_the_kline() {
    let mut tape = tape();
    tape.trades_covered_from(&symbol(), Ms(MINUTE));
    apply(&mut tape, 1_000, What::Trade(trade(1, 1_000, 100.0)));
    apply(&mut tape, 9_000, What::Trade(trade(4, 9_000, 103.0)));
    let hole = TradeHole { after: 1, before: 4, from: Ms(MINUTE + 1_000), to: Ms(MINUTE + 9_000) };
    let mut out = Vec::new();
    assert!(!tape.refill_trades(Ms(MINUTE + 9_500), &symbol(), hole, vec![trade(2, 2_000, 110.0)], &mut out));
    assert!(closed_bars(&apply(&mut tape, 60_500, What::Trade(trade(5, 60_500, 104.0)))).is_empty());
    let kline = Bar { closed: true, ..Bar::flat(Ms(MINUTE), Timeframe::M1, 101.0, Origin::Kline) };
    let bars = closed_bars(&apply(&mut tape, 61_000, What::Kline(kline)));
    assert_eq!(bars.first().map(|b| (b.origin, b.close)), Some((Origin::Kline, 101.0)));
}

#[test]
fn a_line_that_broke_without_a_loss_leaves_no_hole() {
    let mut tape = tape();
    tape.trades_covered_from(&symbol(), Ms(MINUTE));
    apply(&mut tape, 1_000, What::Trade(trade(1, 1_000, 100.0)));
    assert_eq!(tape.line_lost(&symbol(), Channel::Trade), Some(Ms(MINUTE + 1_000)));
    apply(&mut tape, 9_000, What::Trade(trade(2, 9_000, 101.0)));
    let bars = closed_bars(&apply(&mut tape, 60_500, What::Trade(trade(3, 60_500, 104.0))));
    assert_eq!(bars.first().map(|b| b.trades), Some(Some(2)));
}

#[test]
fn open_interest_is_valued_at_the_mark() {
    let mut tape = tape();
    let funding = Funding {
        timestamp: Ms(MINUTE),
        kind: FundingKind::Predicted,
        funding_rate: 0.0001,
        next_funding_time: None,
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(200.0),
        index_price: None,
    };
    apply(&mut tape, 1, What::Funding(funding));
    let oi = OpenInterest { timestamp: Ms(MINUTE), open_interest: 3.0, open_interest_value: None };
    let out = apply(&mut tape, 2, What::Oi(oi));
    let valued = Body::Oi(OpenInterest { open_interest_value: Some(600.0), ..oi });
    assert!(matches!(out.first(), Some(TapeOut::Event(e)) if e.body == valued));
    let settled = Funding { kind: FundingKind::Settled, ..funding };
    assert_eq!(apply(&mut tape, 3, What::Funding(settled)).len(), 1);
    assert!(apply(&mut tape, 4, What::Funding(settled)).is_empty(), "a payment is told once");
}

#[test]
fn repeated_liquidations_are_dropped_and_lag_is_never_negative() {
    let mut tape = tape();
    let liquidation = Liquidation {
        timestamp: Ms(MINUTE + 500),
        side: LiquidationSide::Long,
        quantity: 1.0,
        price: 2.0,
        value: 2.0,
        price_kind: PriceKind::Average,
        at_least: true,
    };
    let out = apply(&mut tape, 0, What::Liquidation(liquidation));
    assert!(matches!(out.first(), Some(TapeOut::Event(e)) if e.received == Ms(MINUTE + 500)));
    assert!(apply(&mut tape, 1, What::Liquidation(liquidation)).is_empty());
}

#[test]
fn best_prices_stand_in_until_the_book_is_whole() {
    struct Any;
    impl Sequencer for Any {
        fn rebase(&mut self, _: u64) {}
        fn check(&mut self, _: &crate::venues::DepthDiff) -> crate::venues::Verdict {
            crate::venues::Verdict::Apply
        }
    }
    let mut tape = tape();
    let instrument = tape.instrument(&symbol()).expect("added").clone();
    tape.symbols.clear();
    tape.add(instrument, Some((Box::new(Any), BookSource::Rest)));
    let top = BookTop::from_best(Ms(MINUTE), (99.0, 1.0), (101.0, 1.0));
    assert_eq!(apply(&mut tape, 1, What::Top(top)).len(), 1);
    let (bids, asks) =
        (vec![Level { price: 99.95, quantity: 2.0 }], vec![Level { price: 100.05, quantity: 4.0 }]);
    let snapshot = DepthSnapshot { timestamp: Ms(MINUTE), last_id: 1, bids, asks };
    let out = apply(&mut tape, 2, What::Snapshot(snapshot));
    let depth = out.iter().find_map(|o| match o {
        TapeOut::Event(Event { body: Body::Book(b), .. }) => b.depth_10bps,
        _ => None,
    });
    assert_eq!(depth, Some(Depth { bid_usd: 99.95 * 2.0, ask_usd: 100.05 * 4.0 }));
    assert!(apply(&mut tape, 3, What::Top(top)).is_empty());
}

#[test]
fn what_the_venue_counts_and_we_have_not_seen_is_missing() {
    let mut tape = tape();
    apply(&mut tape, 1, What::Trade(trade(7, 1, 1.0)));
    let told = |tape: &mut Tape, at, sequence| {
        apply(tape, at, What::LastTrade { timestamp: Ms(MINUTE + at), sequence })
    };
    assert!(told(&mut tape, 2, 7).is_empty());
    assert!(told(&mut tape, 3, 9).is_empty(), "it may still be on its way");
    let hole = TradeHole { after: 7, before: 10, from: Ms(MINUTE + 1), to: Ms(MINUTE + 4) };
    assert_eq!(told(&mut tape, 4, 9), [TapeOut::TradesMissing { symbol: symbol(), hole }]);
    assert!(told(&mut tape, 5, 9).is_empty());
    assert!(told(&mut tape, 6, 10).is_empty());
    apply(&mut tape, 7, What::Trade(trade(10, 7, 1.0)));
    assert!(told(&mut tape, 8, 10).is_empty());
}

#[test]
fn repeats_of_unnumbered_trades_are_dropped_and_prove_that_nothing_is_missing() {
    let mut tape = tape();
    let trade = |at, id: &str| {
        let mut update = trade(0, at, 1.0);
        (update.sequence, update.trade.id) = (None, id.to_owned());
        What::Trade(update)
    };
    let trades = |out: &[TapeOut]| {
        out.iter().filter(|o| matches!(o, TapeOut::Event(Event { body: Body::Trade(_), .. }))).count()
    };
    assert_eq!(trades(&apply(&mut tape, 1, trade(1, "a"))), 1);
    assert_eq!(trades(&apply(&mut tape, 2, trade(1, "a"))), 0);
    tape.line_lost(&symbol(), Channel::Trade);
    assert_eq!(trades(&apply(&mut tape, 9, trade(1, "a"))), 0);
    assert!(tape.symbols[&symbol()].covered);
    assert_eq!(trades(&apply(&mut tape, 9, trade(5, "b"))), 1);
}
