use shared::event::{LiquidationSide, MemberName, Origin, PriceKind};
use shared::maths::joined::Member;

use super::*;
use crate::feed::pairs::Pairs;
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

fn track(symbol: &str, venue: &str, hue: usize) -> Track {
    let name = MemberName { symbol: symbol.parse().unwrap(), venue: VenueId::new(venue) };
    Track::new(Member { name, quote: "USDT".into(), channels: Channel::OFFERED.to_vec() }, hue)
}

fn market_of(tracks: Vec<Track>) -> Market {
    Market::new("BTCUSDT-PERP".parse().unwrap(), VenueId::new("sim"), Calendar::Continuous, tracks)
}

fn market() -> Market {
    market_of(vec![track("BTCUSDT-PERP", "sim", 0)])
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
    // It holds until the next one, for ten minutes at most.
    assert_eq!((oi[4], oi[16]), (6.0, 7.0));
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
    m.merge_liquidations(0, page);
    let at: Vec<i64> = m.tracks()[0].liquidations.iter().map(|l| l.timestamp.0 - DAY).collect();
    assert_eq!(at, [5, 10, 20, 20, 90]);
}

fn rate(at: i64, kind: FundingKind, rate: f64, hours: Option<f64>) -> Funding {
    Funding {
        timestamp: Ms(DAY + at),
        kind,
        funding_rate: rate,
        next_funding_time: None,
        interval_hours: hours,
        funding_apr: None,
        mark_price: None,
        index_price: None,
    }
}

#[test]
fn funding_is_drawn_per_hour_forecast_and_payment_apart() {
    let mut m = market_of(vec![track("BTCUSDT-PERP", "sim", 0), track("BTCUSDC-PERP", "b", 1)]);
    m.merge_bars(Timeframe::M1, &minutes(0..30));
    m.apply(&event(Body::Funding(rate(1_000, FundingKind::Predicted, 0.0008, Some(8.0)))));
    m.apply(&event(Body::Funding(rate(61_000, FundingKind::Settled, -0.0008, Some(4.0)))));
    m.merge_funding(1, vec![rate(0, FundingKind::Predicted, 0.1, None)]);
    let values = |layer: Layer| -> Vec<f64> {
        layer.rows(&m, Timeframe::M1, 0, 30).chunks(3).map(|row| row[1]).collect()
    };
    let forecast = values(Layer::Funding(0));
    assert!((forecast[0] - 0.01).abs() < 1e-15 && (forecast[9] - 0.01).abs() < 1e-15);
    assert!(forecast[10].is_nan(), "a forecast older than ten minutes says nothing");
    let paid = values(Layer::Settled(0));
    assert!(paid[0].is_nan() && (paid[1] + 0.02).abs() < 1e-15 && paid[2].is_nan());
    assert!(
        values(Layer::Funding(1)).iter().all(|v| v.is_nan()),
        "an unknown interval compares with nothing"
    );
}

#[test]
fn the_sum_of_open_interest_breaks_where_a_member_is_missing() {
    let mut m = market_of(vec![track("BTCUSDT-PERP", "sim", 0), track("BTCUSDC-PERP", "b", 1)]);
    m.merge_bars(Timeframe::M1, &minutes(0..20));
    let oi = |at: i64, open_interest| OpenInterest {
        timestamp: Ms(DAY + at),
        open_interest,
        open_interest_value: None,
    };
    m.merge_oi(0, vec![oi(0, 5.0), oi(300_000, 6.0), oi(900_000, 7.0)]);
    let changes = m.merge_oi(1, vec![oi(120_000, 10.0)]);
    assert_eq!(changes.points, Some((1, Channel::Oi, Ms(DAY + 120_000))));
    let values = |layer: Layer| -> Vec<f64> {
        layer.rows(&m, Timeframe::M1, 0, 20).chunks(3).map(|row| row[1]).collect()
    };
    let (sum, own, other) = (values(Layer::Oi), values(Layer::OiOf(0)), values(Layer::OiOf(1)));
    assert!(sum[1].is_nan() && sum[12].is_nan(), "before the other's first and ten minutes after its last");
    assert_eq!((sum[2], sum[5], sum[11]), (15.0, 16.0, 16.0));
    assert_eq!((own[1], own[15], other[2]), (5.0, 7.0, 10.0));
    let mut layers: Vec<usize> = Layer::all(2, 3).into_iter().map(Layer::index).collect();
    layers.sort_unstable();
    layers.dedup();
    assert_eq!(layers.len(), Layer::all(2, 3).len(), "each has a number of its own");
    assert!(Layer::all(99, 99).into_iter().all(|l| l.index() < Layer::COUNT));
    assert!(!Layer::all(1, 0).contains(&Layer::OiOf(0)));
}

#[test]
fn joined_minutes_tell_what_each_venue_adds_in_every_timeframe() {
    let mut m = Market::new(
        "BTCUSDT-PERP".parse().unwrap(),
        VenueId::new("all"),
        Calendar::Continuous,
        vec![track("BTCUSDT-PERP", "sim", 0)],
    );
    assert!(m.own().is_none());
    let share = |volume| Share { volume };
    for n in 0..7 {
        let shares = Pairs(vec![(VenueId::new("a"), share(1.0)), (VenueId::new("b"), share(0.5))]);
        let bar = minute(n, 100.0, true);
        m.merge_bars(Timeframe::M1, &[bar]);
        m.keep_shares(Timeframe::M1, bar.timestamp, shares);
    }
    let volumes = |m: &Market, index: usize| -> Vec<f64> {
        let bar = *m.bars(Timeframe::M5).get(index).unwrap();
        m.shares(&bar).unwrap().0.iter().map(|(_, s)| s.volume).collect()
    };
    assert_eq!((volumes(&m, 0), volumes(&m, 1)), (vec![5.0, 2.5], vec![2.0, 1.0]));
    // A bar whose minutes are not held: as the relay told it, or not at all.
    let day = Bar { interval: Timeframe::D1, timestamp: Ms(DAY) - Ms::DAY, ..minute(0, 1.0, true) };
    assert_eq!(m.shares(&day), None);
    m.keep_shares(Timeframe::D1, day.timestamp, Pairs(vec![(VenueId::new("a"), share(9.0))]));
    assert_eq!(m.shares(&day).map(|s| s.0.len()), Some(1));
}

#[test]
fn the_last_book_of_each_minute_stays_whatever_comes_first() {
    let mut market = market();
    let top = |at: i64, spread_bps: f64| BookTop {
        timestamp: Ms(DAY + at),
        bid_px: 1.0,
        bid_qty: 1.0,
        ask_px: 1.0,
        ask_qty: 1.0,
        spread_bps,
        depth_10bps: None,
    };
    market.merge_books(vec![top(61_000, 3.0), top(62_000, 4.0)]);
    let changes = market.merge_books(vec![top(1_000, 1.0), top(2_000, 2.0), top(60_500, 9.0)]);
    assert_eq!(changes.points, Some((0, Channel::Book, Ms(DAY + 1_000))));
    let kept: Vec<f64> = market.books().iter().map(|b| b.spread_bps).collect();
    assert_eq!(kept, [2.0, 4.0]);
    let of = |from: i64, to: i64| market.book_of(Ms(DAY + from), Ms(DAY + to)).map(|b| b.spread_bps);
    assert_eq!((of(0, 60_000), of(0, 300_000), of(120_000, 300_000)), (Some(2.0), Some(4.0), None));
}
