//! What goes in comes out, by the rules of each key.

use shared::event::{
    Bar, Body, Channel, Event, Funding, FundingKind, Gap, GapCause, GapState, OpenInterest, Origin,
};
use shared::market::{Ms, Timeframe, VenueId};

use super::{Place, bar, bars, event, on_every_store, put, query, samples, symbol};
use crate::store::{Coverage, Dataset, GapRow, Query, Record};

on_every_store! {
    rows_of_one_batch_merge_as_one_by_one
    every_dataset_round_trips_and_repeats_change_nothing
    bars_follow_the_upsert_rule
    one_batch_keeps_the_last_forming_state_only
    queries_are_half_open_and_newest_counts_from_the_end
    all_venues_are_joined_in_order_of_time_and_venue
    coverage_joins_what_touches_and_is_cut_by_what_is_lost
    gaps_change_state_and_are_found_by_touch
    a_record_without_numbers_is_left_out_and_the_others_stay
}

async fn every_dataset_round_trips_and_repeats_change_nothing(place: &Place) {
    let store = place.open().await;
    for _ in 0..2 {
        put(&*store, samples().into_iter().map(|(_, event)| event)).await;
        for (dataset, event) in samples() {
            let mut expected: Vec<Event> =
                samples().into_iter().filter(|(d, _)| *d == dataset).map(|(_, e)| e).collect();
            expected.sort_by_key(Event::timestamp);
            let rows = store.read(query(dataset, None, 0, i64::MAX)).await.unwrap();
            assert_eq!(rows, expected, "{dataset:?}");
            let newest = store.newest(dataset, symbol(), event.venue).await.unwrap();
            assert_eq!(newest, expected.last().map(Event::timestamp), "{dataset:?}");
        }
    }
    let other = store.newest(Dataset::Bars(Timeframe::H1), symbol(), VenueId::new("sim")).await.unwrap();
    assert_eq!(other, None);
}

async fn bars_follow_the_upsert_rule(place: &Place) {
    let forming = |close| Bar { closed: false, ..bar(1, close) };
    let from = |origin, revision, close| Bar { origin, revision, ..bar(1, close) };
    let (kline, trades, import) = (Origin::Kline, Origin::Trades, Origin::Import);
    // Each case: what is written in order (with the receive time), and what stands at the end.
    let cases = [
        ("newest forming", vec![(1, forming(1.0)), (3, forming(3.0)), (2, forming(2.0))], forming(3.0)),
        ("closed beats forming", vec![(5, forming(1.0)), (2, bar(1, 2.0))], bar(1, 2.0)),
        ("forming never replaces closed", vec![(1, bar(1, 2.0)), (9, forming(1.0))], bar(1, 2.0)),
        ("closed is immutable", vec![(1, bar(1, 2.0)), (2, bar(1, 3.0))], bar(1, 2.0)),
        ("higher revision", vec![(1, bar(1, 2.0)), (2, from(kline, 1, 3.0))], from(kline, 1, 3.0)),
        ("lower revision", vec![(1, from(kline, 2, 2.0)), (2, from(kline, 1, 3.0))], from(kline, 2, 2.0)),
        ("better origin", vec![(1, from(kline, 2, 2.0)), (2, from(trades, 0, 3.0))], from(trades, 3, 3.0)),
        ("worse origin", vec![(1, from(trades, 0, 2.0)), (2, from(kline, 5, 3.0))], from(trades, 0, 2.0)),
        ("import is the least", vec![(1, from(import, 0, 2.0)), (2, bar(1, 3.0))], from(kline, 1, 3.0)),
    ];
    let store = place.open().await;
    for (n, (name, writes, expected)) in cases.into_iter().enumerate() {
        // In one batch, and a batch each.
        for together in [true, false] {
            let venue = format!("{n}-{together}");
            let events = writes.iter().map(|(at, bar)| event(&venue, *at, Body::Bar(*bar)));
            if !together {
                for event in events {
                    put(&*store, [event]).await;
                }
            } else if name != "newest forming" {
                put(&*store, events).await;
            } else {
                continue;
            }
            let rows =
                store.read(query(Dataset::Bars(Timeframe::M1), Some(&venue), 0, i64::MAX)).await.unwrap();
            let bodies: Vec<Body> = rows.into_iter().map(|row| row.body).collect();
            assert_eq!(bodies, [Body::Bar(expected)], "{name}, together {together}");
        }
    }
}

async fn one_batch_keeps_the_last_forming_state_only(place: &Place) {
    let store = place.open().await;
    let forming = (0..500).map(|i| {
        let bar = Bar { closed: false, ..bar(i / 100, i as f64) };
        event("sim", i, Body::Bar(bar))
    });
    put(&*store, forming).await;
    let closes: Vec<f64> = bars(&*store).await.iter().map(|b| b.close).collect();
    assert_eq!(closes, [99.0, 199.0, 299.0, 399.0, 499.0]);
}

async fn queries_are_half_open_and_newest_counts_from_the_end(place: &Place) {
    let store = place.open().await;
    put(&*store, (0..10).map(|i| event("sim", 0, Body::Bar(bar(i, i as f64))))).await;
    let minutes = async |from, to, limit, newest| {
        let range = query(Dataset::Bars(Timeframe::M1), Some("sim"), from, to);
        let rows = store.read(Query { limit, newest, ..range }).await.unwrap();
        rows.iter().map(|e| e.timestamp().0 / 60_000).collect::<Vec<_>>()
    };
    assert_eq!(minutes(120_000, 240_000, 99, false).await, [2, 3]);
    assert_eq!(minutes(120_001, 240_001, 99, false).await, [3, 4]);
    assert_eq!(minutes(0, i64::MAX, 3, false).await, [0, 1, 2]);
    assert_eq!(minutes(0, i64::MAX, 3, true).await, [7, 8, 9]);
    assert_eq!(minutes(0, 300_000, 2, true).await, [3, 4]);
    assert_eq!(minutes(0, i64::MAX, 0, true).await, [0; 0]);
}

async fn all_venues_are_joined_in_order_of_time_and_venue(place: &Place) {
    let store = place.open().await;
    let oi = |venue: &str, at| {
        let body = OpenInterest { timestamp: Ms(at), open_interest: at as f64, open_interest_value: None };
        event(venue, at, Body::Oi(body))
    };
    put(&*store, [oi("okx", 1), oi("binance", 2), oi("okx", 2), oi("bybit", 2), oi("binance", 3)]).await;
    let seen = async |limit, newest| {
        let rows = store.read(Query { limit, newest, ..query(Dataset::Oi, None, 0, 9) }).await.unwrap();
        rows.iter().map(|e| format!("{}{}", e.venue, e.timestamp().0)).collect::<Vec<_>>()
    };
    assert_eq!(seen(9, false).await, ["okx1", "binance2", "bybit2", "okx2", "binance3"]);
    assert_eq!(seen(2, false).await, ["okx1", "binance2"]);
    assert_eq!(seen(2, true).await, ["okx2", "binance3"]);
}

async fn coverage_joins_what_touches_and_is_cut_by_what_is_lost(place: &Place) {
    let store = place.open().await;
    let dataset = Dataset::Bars(Timeframe::H1);
    let change = async |record: fn(Coverage) -> Record, from, to| {
        let (symbol, venue) = (symbol(), VenueId::new("sim"));
        let stretch = Coverage { dataset, symbol, venue, from: Ms(from), to: Ms(to) };
        store.write(vec![record(stretch)]).await.unwrap();
        store.flush().await.unwrap();
        let all = store.coverage(dataset, self::symbol(), VenueId::new("sim")).await.unwrap();
        all.iter().map(|(from, to)| (from.0, to.0)).collect::<Vec<_>>()
    };
    let cover = async |from, to| change(Record::Coverage, from, to).await;
    assert_eq!(cover(10, 20).await, [(10, 20)]);
    assert_eq!(cover(30, 40).await, [(10, 20), (30, 40)]);
    assert_eq!(cover(12, 15).await, [(10, 20), (30, 40)]);
    assert_eq!(cover(20, 22).await, [(10, 22), (30, 40)]);
    assert_eq!(cover(5, 5).await, [(10, 22), (30, 40)]);
    assert_eq!(cover(9, 35).await, [(9, 40)]);
    let uncover = async |from, to| change(Record::Uncovered, from, to).await;
    assert_eq!(uncover(20, 25).await, [(9, 20), (25, 40)]);
    assert_eq!(uncover(20, 25).await, [(9, 20), (25, 40)]);
    assert_eq!(uncover(15, 30).await, [(9, 15), (30, 40)]);
    assert_eq!(uncover(0, 10).await, [(10, 15), (30, 40)]);
    assert_eq!(uncover(30, 99).await, [(10, 15)]);
    assert_eq!(cover(15, 20).await, [(10, 20)]);
    let other = store.coverage(Dataset::Bars(Timeframe::M1), symbol(), VenueId::new("sim")).await;
    assert_eq!(other.unwrap(), []);
}

async fn gaps_change_state_and_are_found_by_touch(place: &Place) {
    let store = place.open().await;
    let gap = |from, to: Option<i64>, state| Gap {
        timestamp: Ms(99),
        channel: Channel::Trade,
        from: Ms(from),
        to: to.map(Ms),
        cause: GapCause::Disconnect,
        state,
    };
    let row = |gap| GapRow { symbol: symbol(), venue: VenueId::new("sim"), gap };
    let open = gap(10, None, GapState::Open);
    let refilled = gap(10, Some(20), GapState::Refilled);
    let lost = gap(50, Some(60), GapState::Lost);
    for gap in [open, refilled, open] {
        put(&*store, [event("sim", 1, Body::Gap(gap))]).await;
    }
    let record = Record::Gap { symbol: symbol(), venue: VenueId::new("sim"), gap: lost };
    store.write(vec![record]).await.unwrap();
    store.flush().await.unwrap();
    let found = async |from, to| store.gaps(Some(symbol()), Ms(from), Ms(to)).await.unwrap();
    assert_eq!(found(0, 100).await, [row(refilled), row(lost)]);
    assert_eq!(found(20, 50).await, []);
    assert_eq!(found(19, 20).await, [row(refilled)]);
    assert_eq!(store.gaps(None, Ms(0), Ms(100)).await.unwrap().len(), 2);
    let other = store.gaps(Some("ETH/USDT".parse().unwrap()), Ms(0), Ms(100)).await;
    assert_eq!(other.unwrap(), []);
}

async fn a_record_without_numbers_is_left_out_and_the_others_stay(place: &Place) {
    let store = place.open().await;
    let bad = Bar { close: f64::NAN, ..bar(1, 1.0) };
    put(&*store, [bar(0, 1.0), bad, bar(2, 1.0)].map(|b| event("sim", 0, Body::Bar(b)))).await;
    let minutes: Vec<i64> = bars(&*store).await.iter().map(|b| b.timestamp.0 / 60_000).collect();
    assert_eq!(minutes, [0, 2]);
}

/// What a batch makes of rows of one key before it writes them is what the table makes of them one by one.
async fn rows_of_one_batch_merge_as_one_by_one(place: &Place) {
    let store = place.open().await;
    let mut seed = 7_u64;
    let mut any = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let origins = [Origin::Import, Origin::Kline, Origin::Trades, Origin::Sim];
    let mut rows: Vec<Vec<(i64, Body)>> = Vec::new();
    for n in 0..60 {
        // A forming bar that is superseded within its batch is not written at all, so bars here are closed.
        let bars = |any: &mut dyn FnMut(u64) -> u64| Bar {
            origin: origins[any(4) as usize],
            revision: any(3) as u32,
            ..bar(n, any(100) as f64)
        };
        rows.push((0..4).map(|at| (at, Body::Bar(bars(&mut any)))).collect());
        let maybe = |value: u64| (value > 3).then_some(value as f64);
        let oi = |any: &mut dyn FnMut(u64) -> u64| OpenInterest {
            timestamp: Ms(n),
            open_interest: any(9) as f64,
            open_interest_value: maybe(any(9)),
        };
        rows.push((0..4).map(|at| (at, Body::Oi(oi(&mut any)))).collect());
        let funding = |any: &mut dyn FnMut(u64) -> u64| Funding {
            timestamp: Ms(n),
            kind: if any(2) == 0 { FundingKind::Settled } else { FundingKind::Predicted },
            funding_rate: any(9) as f64,
            next_funding_time: maybe(any(9)).map(|at| Ms(at as i64)),
            interval_hours: maybe(any(9)),
            funding_apr: maybe(any(9)),
            mark_price: maybe(any(9)),
            index_price: maybe(any(9)),
        };
        rows.push((0..4).map(|at| (at, Body::Funding(funding(&mut any)))).collect());
    }
    for round in 0..4 {
        put(&*store, rows.iter().map(|row| event("apart", row[round].0, row[round].1.clone()))).await;
    }
    put(&*store, rows.iter().flatten().map(|(at, body)| event("together", *at, body.clone()))).await;
    for dataset in [Dataset::Bars(Timeframe::M1), Dataset::Oi, Dataset::Funding] {
        let of = async |venue| {
            let rows = store.read(query(dataset, Some(venue), 0, i64::MAX)).await.unwrap();
            rows.into_iter().map(|row| (row.received, row.body)).collect::<Vec<_>>()
        };
        let (apart, together) = (of("apart").await, of("together").await);
        assert!(apart.len() >= 50, "{dataset:?}: {}", apart.len());
        assert_eq!(apart, together, "{dataset:?}");
    }
}
