//! The hot side of sealing: days, marks, forgetting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shared::event::{Bar, Body, Event, OpenInterest, Side, Trade};
use shared::market::{Ms, Timeframe, VenueId};

use super::{Place, bar, bars, event, on_every_store, put, query, samples, symbol};
use crate::store::{Dataset, HotDay, HotStore, Mark, Query, Record};

on_every_store! {
    hot_days_are_counted_per_series_before_an_instant
    every_dataset_is_forgotten_up_to_the_mark
    only_what_changed_after_the_mark_stays
    a_long_range_goes_in_pieces_and_one_instant_at_once
    forgetting_beside_a_busy_writer_loses_nothing
}

const M1: Dataset = Dataset::Bars(Timeframe::M1);
const MINUTES: i64 = 1_440;

pub(in crate::store) fn oi(venue: &str, at: i64, value: f64) -> Event {
    let body = OpenInterest { timestamp: Ms(at), open_interest: value, open_interest_value: None };
    event(venue, at, Body::Oi(body))
}

pub(in crate::store) fn all(dataset: Dataset) -> Query {
    Query { limit: usize::MAX, ..query(dataset, None, i64::MIN, i64::MAX) }
}

/// Days as (venue, number of the day, rows).
pub(in crate::store) async fn days(
    store: &dyn HotStore,
    dataset: Dataset,
    before: Ms,
) -> Vec<(String, i64, u64)> {
    let days: Vec<HotDay> = store.hot_days(before).await.unwrap();
    assert!(days.is_sorted_by_key(|d| d.day));
    let of = days.into_iter().filter(|d| d.dataset == dataset);
    of.map(|d| (d.venue.to_string(), d.day.0 / Ms::DAY.0, d.rows)).collect()
}

pub(in crate::store) async fn forget(
    store: &dyn HotStore,
    dataset: Dataset,
    venue: &str,
    from: i64,
    to: i64,
    mark: Mark,
) -> u64 {
    store.forget(dataset, &symbol(), &VenueId::new(venue), Ms(from), Ms(to), mark).await.unwrap()
}

async fn hot_days_are_counted_per_series_before_an_instant(place: &Place) {
    let store = place.open().await;
    assert_eq!(store.hot_days(Ms(i64::MAX)).await.unwrap(), []);
    let minutes = [0, 1, 1_439, 1_440, 2 * MINUTES + 5, 9 * MINUTES];
    put(&*store, minutes.map(|m| event("sim", 0, Body::Bar(bar(m, 1.0))))).await;
    put(&*store, [event("okx", 0, Body::Bar(bar(-1, 1.0)))]).await;
    // Neither forming bars nor those of other intervals are sealed.
    put(&*store, [event("sim", 0, Body::Bar(Bar { closed: false, ..bar(4 * MINUTES, 1.0) }))]).await;
    put(&*store, [event("sim", 0, Body::Bar(Bar { interval: Timeframe::H1, ..bar(0, 1.0) }))]).await;
    put(&*store, [oi("sim", 5, 1.0), oi("sim", Ms::DAY.0, 1.0)]).await;
    let (sim, okx) = (|day, rows| ("sim".to_owned(), day, rows), ("okx".to_owned(), -1, 1));
    let found = days(&*store, M1, Ms(9 * Ms::DAY.0)).await;
    assert_eq!(found, [okx.clone(), sim(0, 3), sim(1, 1), sim(2, 1)]);
    assert_eq!(days(&*store, M1, Ms(2 * 60_000)).await, [okx, sim(0, 2)]);
    assert_eq!(days(&*store, Dataset::Oi, Ms(9 * Ms::DAY.0)).await, [sim(0, 1), sim(1, 1)]);
    let all: usize = store.hot_days(Ms(i64::MAX)).await.unwrap().len();
    assert_eq!(all, 7);
}

async fn every_dataset_is_forgotten_up_to_the_mark(place: &Place) {
    let store = place.open().await;
    put(&*store, samples().into_iter().map(|(_, event)| event)).await;
    let datasets = [M1, Dataset::Oi, Dataset::Funding, Dataset::Liquidations, Dataset::Book, Dataset::Trades];
    for dataset in datasets {
        let (rows, mark) = store.snapshot(all(dataset)).await.unwrap();
        assert!(!rows.is_empty());
        assert_eq!(forget(&*store, dataset, "sim", i64::MIN, 0, mark).await, 0, "outside the range");
        assert_eq!(forget(&*store, dataset, "okx", i64::MIN, i64::MAX, mark).await, 0, "another venue");
        assert_eq!(forget(&*store, dataset, "sim", 0, i64::MAX, Mark(mark.0 - 1)).await, 0, "written later");
        let gone = forget(&*store, dataset, "sim", i64::MIN, i64::MAX, mark).await;
        assert_eq!(gone, rows.len() as u64, "{dataset:?}");
        assert_eq!(store.snapshot(all(dataset)).await.unwrap(), (vec![], mark), "{dataset:?}");
    }
    // Bars of other intervals stay.
    assert_eq!(store.snapshot(all(Dataset::Bars(Timeframe::Mo1))).await.unwrap().0.len(), 1);
}

async fn only_what_changed_after_the_mark_stays(place: &Place) {
    let store = place.open().await;
    let forming = Bar { closed: false, ..bar(3, 1.0) };
    let first = [bar(0, 1.0), bar(1, 1.0), bar(2, 1.0), forming];
    put(&*store, first.map(|b| event("sim", 0, Body::Bar(b)))).await;
    let (rows, mark) = store.snapshot(all(M1)).await.unwrap();
    assert_eq!(rows.len(), 4);
    // Told again and unchanged; changed; new.
    let later = [bar(0, 1.0), Bar { revision: 1, ..bar(1, 2.0) }, bar(9, 1.0)];
    put(&*store, later.map(|b| event("sim", 1, Body::Bar(b)))).await;
    assert_eq!(forget(&*store, M1, "sim", 0, i64::MAX, mark).await, 2);
    let left: Vec<i64> = bars(&*store).await.iter().map(|b| b.timestamp.0 / 60_000).collect();
    assert_eq!(left, [1, 3, 9], "the abandoned forming bar stays as well");
}

async fn a_long_range_goes_in_pieces_and_one_instant_at_once(place: &Place) {
    let store = place.open().await;
    let trade = |at: i64, n: i64| {
        let id = n.to_string();
        event(
            "sim",
            0,
            Body::Trade(Trade { timestamp: Ms(at), price: 1.0, quantity: 1.0, side: Side::Buy, id }),
        )
    };
    put(&*store, (0..9_000).map(|n| trade(77, n))).await;
    put(&*store, (0..9_000).map(|n| trade(100 + n / 3, n))).await;
    let (rows, mark) = store.snapshot(all(Dataset::Trades)).await.unwrap();
    assert_eq!(rows.len(), 18_000);
    assert_eq!(forget(&*store, Dataset::Trades, "sim", 0, 200, mark).await, 9_300);
    assert_eq!(forget(&*store, Dataset::Trades, "sim", 0, i64::MAX, mark).await, 8_700);
    assert_eq!(store.snapshot(all(Dataset::Trades)).await.unwrap().0, []);
}

/// Snapshot, keep, forget, against a writer that changes the same rows all the time: nothing is lost, and of each
/// row the newest version is found.
async fn forgetting_beside_a_busy_writer_loses_nothing(place: &Place) {
    let store = place.open().await;
    let (writer, sealings) = (store.clone(), Arc::new(AtomicU32::new(0)));
    let row = |n: i64| ((n / 20 * 7 + n % 20 * 3) % 50, n as f64);
    let writing = {
        let sealings = sealings.clone();
        tokio::spawn(async move {
            for round in 0.. {
                let events = (round * 20..round * 20 + 20).map(row).map(|(at, value)| oi("sim", at, value));
                writer.write(events.map(Record::Event).collect()).await.unwrap();
                if round % 3 == 0 {
                    writer.flush().await.unwrap();
                }
                if round >= 300 && sealings.load(Ordering::Relaxed) > 5 {
                    writer.flush().await.unwrap();
                    return round * 20 + 20;
                }
            }
            0
        })
    };
    let mut sealed: BTreeMap<i64, f64> = BTreeMap::new();
    loop {
        let last = writing.is_finished();
        let (rows, mark) = store.snapshot(all(Dataset::Oi)).await.unwrap();
        for row in rows {
            let Body::Oi(oi) = row.body else { panic!("{row:?}") };
            let held = sealed.insert(oi.timestamp.0, oi.open_interest);
            assert!(held <= Some(oi.open_interest), "an older version came back");
        }
        forget(&*store, Dataset::Oi, "sim", 0, 100, mark).await;
        sealings.fetch_add(1, Ordering::Relaxed);
        if last {
            break;
        }
    }
    let written = writing.await.unwrap();
    assert_eq!(sealed, (0..written).map(row).collect());
}
