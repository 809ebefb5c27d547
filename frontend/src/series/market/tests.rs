use shared::event::{LiquidationSide, Origin, PriceKind};

use super::*;
use crate::series::{Layer, layers};

const DAY: i64 = 1_795_219_200_000;

fn minute(n: i64, close: f64, closed: bool) -> Bar {
    let mut bar = Bar::flat(Ms(DAY + n * 60_000), Timeframe::M1, close, Origin::Trades);
    (bar.high, bar.low, bar.closed) = (close + 1.0, close - 1.0, closed);
    (bar.volume, bar.buy_volume, bar.sell_volume, bar.vwap) = (2.0, Some(1.5), Some(0.5), Some(close));
    (bar.cvd, bar.trades) = (Some(n as f64), Some(3));
    bar
}

fn event(body: Body) -> Event {
    Event { received: Ms(DAY), symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new("sim"), body }
}

fn market() -> Market {
    Market::new("BTCUSDT-PERP".parse().unwrap(), VenueId::new("sim"))
}

fn minutes(range: std::ops::Range<i64>) -> Vec<Bar> {
    range.map(|n| minute(n, 100.0 + (n % 7) as f64, true)).collect()
}

fn all(market: &Market, timeframe: Timeframe) -> Vec<Bar> {
    market.bars(timeframe).iter().copied().collect()
}

#[test]
fn nine_timeframes_follow_each_minute_and_equal_the_fold() {
    let mut m = market();
    m.merge_bars(Timeframe::M1, &minutes(0..100));
    for n in 100..130 {
        m.apply(&event(Body::Bar(minute(n, 50.0, false))));
        m.apply(&event(Body::Bar(minute(n, 100.0 + (n % 7) as f64, true))));
    }
    for tf in Timeframe::ALL {
        let whole = fold(&minutes(0..130), tf, &Calendar::Continuous);
        // The day's first bucket is whole; a week or month that began earlier has no bar without a base.
        let expected: Vec<Bar> = whole.into_iter().filter(|b| b.timestamp >= Ms(DAY)).collect();
        assert_eq!(all(&m, tf), expected, "{tf}");
    }
}

#[test]
fn a_hole_filled_later_is_in_every_timeframe_and_nothing_is_doubled() {
    let mut m = market();
    m.merge_bars(Timeframe::M1, &minutes(0..60));
    // The line was down for 60..73; live minutes come before the refill.
    for n in 73..76 {
        m.apply(&event(Body::Bar(minute(n, 100.0 + (n % 7) as f64, true))));
    }
    m.merge_bars(Timeframe::M1, &minutes(50..75));
    for tf in [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::D1] {
        assert_eq!(all(&m, tf), fold(&minutes(0..76), tf, &Calendar::Continuous), "{tf}");
    }
}

#[test]
fn the_relays_forming_bar_is_continued_from_through() {
    let mut m = market();
    let base = fold(&minutes(0..40), Timeframe::D1, &Calendar::Continuous).remove(0);
    assert_eq!(base.through, Some(Ms(DAY + 39 * 60_000)));
    m.merge_bars(Timeframe::M1, &minutes(35..42));
    m.merge_bars(Timeframe::D1, &[base]);
    let changes = m.apply(&event(Body::Bar(minute(42, 100.0, false))));
    assert_eq!(changes.bars[Timeframe::D1.index()], Some(Ms(DAY)));
    let mut expected = minutes(0..42);
    expected.push(minute(42, 100.0, false));
    assert_eq!(all(&m, Timeframe::D1), fold(&expected, Timeframe::D1, &Calendar::Continuous));
}

#[test]
fn older_pages_leave_newer_bars_alone() {
    let mut m = market();
    m.merge_bars(Timeframe::M1, &minutes(60..90));
    let before = all(&m, Timeframe::M5);
    let changes = m.merge_bars(Timeframe::M1, &minutes(0..60));
    assert_eq!(changes.bars[0], Some(Ms(DAY)));
    assert_eq!(m.bars(Timeframe::M1).len(), 90);
    assert_eq!(all(&m, Timeframe::M5), before);
}

#[test]
fn events_of_another_market_change_nothing() {
    let mut m = market();
    let mut other = event(Body::Bar(minute(0, 1.0, true)));
    other.venue = VenueId::new("binance");
    assert_eq!(m.apply(&other), Changes::default());
    assert!(m.bars(Timeframe::M1).is_empty());
}

fn hit(at: i64, side: LiquidationSide, value: f64) -> Liquidation {
    let (quantity, price) = (value / 100.0, 100.0);
    let price_kind = PriceKind::Average;
    Liquidation { timestamp: Ms(DAY + at), side, quantity, price, value, price_kind, at_least: true }
}

#[test]
fn pane_rows_stand_on_the_bars_and_nowhere_else() {
    let mut m = market();
    m.merge_bars(Timeframe::M1, &minutes(0..10));
    for (at, oi) in [(1_000, 5.0), (59_000, 6.0), (301_000, 7.0)] {
        let timestamp = Ms(DAY + at);
        m.apply(&event(Body::Oi(OpenInterest { timestamp, open_interest: oi, open_interest_value: None })));
    }
    for (at, side, value) in [
        (10, LiquidationSide::Long, 100.0),
        (20, LiquidationSide::Long, 50.0),
        (300_000, LiquidationSide::Short, 9.0),
    ] {
        m.apply(&event(Body::Liquidation(hit(at, side, value))));
    }
    let second = layers::seconds(Ms(DAY));
    let rows = |layer: Layer, tf| layer.rows(&m, tf, 0, usize::MAX);
    let oi = rows(Layer::Oi, Timeframe::M1);
    assert_eq!(oi.len(), 30);
    assert_eq!((oi[0], oi[1], oi[3]), (second, 6.0, second + 60.0));
    assert!(oi[4].is_nan() && oi[16] == 7.0);
    assert_eq!(rows(Layer::LiqLong, Timeframe::M5)[1], -150.0);
    assert!(rows(Layer::LiqLong, Timeframe::M5)[4].is_nan());
    assert_eq!(rows(Layer::LiqShort, Timeframe::M5)[4], 9.0);
    assert_eq!(rows(Layer::Cvd, Timeframe::M5)[1], 4.0);
    assert_eq!(rows(Layer::Price, Timeframe::M5).len(), 10);
}

#[test]
fn a_page_of_liquidations_replaces_its_stretch_and_keeps_what_came_after() {
    let mut m = market();
    for at in [10, 20, 20, 90] {
        m.apply(&event(Body::Liquidation(hit(at, LiquidationSide::Long, 1.0))));
    }
    let page = [5, 10, 20, 20].map(|at| hit(at, LiquidationSide::Long, 1.0)).to_vec();
    m.merge_liquidations(page);
    let at: Vec<i64> = m.liquidations().iter().map(|l| l.timestamp.0 - DAY).collect();
    assert_eq!(at, [5, 10, 20, 20, 90]);
}

#[test]
fn funding_is_drawn_on_one_basis() {
    let point = |hours| Funding {
        timestamp: Ms(DAY),
        kind: shared::event::FundingKind::Predicted,
        funding_rate: 0.0001,
        next_funding_time: None,
        interval_hours: hours,
        funding_apr: None,
        mark_price: None,
        index_price: None,
    };
    assert!((layers::per_8h_percent(&point(Some(4.0))).unwrap() - 0.02).abs() < 1e-15);
    assert_eq!(layers::per_8h_percent(&point(None)), None);
}
