//! The hot side of sealing: days, marks, forgetting.

use std::collections::BTreeMap;

use shared::event::{Bar, Body, OpenInterest, Side, Trade};
use shared::market::{Ms, Timeframe, VenueId};

use super::{bar, bars, event, put, query, samples, symbol};
use crate::store::sqlite::schema;
use crate::store::{Dataset, HotDay, HotStore, Mark, Query, Record, SqliteStore, Store};

const M1: Dataset = Dataset::Bars(Timeframe::M1);
const MINUTES: i64 = 1_440;

fn oi(venue: &str, at: i64, value: f64) -> super::Event {
    let body = OpenInterest { timestamp: Ms(at), open_interest: value, open_interest_value: None };
    event(venue, at, Body::Oi(body))
}

fn all(dataset: Dataset) -> Query {
    Query { limit: usize::MAX, ..query(dataset, None, i64::MIN, i64::MAX) }
}

/// Days as (venue, number of the day, rows).
async fn days(store: &SqliteStore, dataset: Dataset, before: Ms) -> Vec<(String, i64, u64)> {
    let days: Vec<HotDay> = store.hot_days(before).await.unwrap();
    assert!(days.is_sorted_by_key(|d| d.day));
    let of = days.into_iter().filter(|d| d.dataset == dataset);
    of.map(|d| (d.venue.to_string(), d.day.0 / Ms::DAY.0, d.rows)).collect()
}

async fn forget(store: &SqliteStore, dataset: Dataset, venue: &str, from: i64, to: i64, mark: Mark) -> u64 {
    store.forget(dataset, &symbol(), &VenueId::new(venue), Ms(from), Ms(to), mark).await.unwrap()
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_brought_up_and_its_rows_can_be_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.sqlite3");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(schema::MIGRATIONS[0]).unwrap();
    old.execute_batch(
        "PRAGMA user_version=1;
         INSERT INTO oi VALUES ('BTCUSDT-PERP','sim',7,8,1.5,NULL),('BTCUSDT-PERP','sim',9,9,2.5,3.5);",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(days(&store, Dataset::Oi, Ms::DAY).await, [("sim".to_owned(), 0, 2)]);
    let (rows, mark) = store.snapshot(all(Dataset::Oi)).await.unwrap();
    assert_eq!((rows.len(), rows[0].received, mark), (2, Ms(8), Mark(0)));
    // What is written from now on counts from 1.
    put(&store, [oi("sim", 9, 4.5)]).await;
    assert_eq!(forget(&store, Dataset::Oi, "sim", 0, 100, mark).await, 1);
    let (rows, mark) = store.snapshot(all(Dataset::Oi)).await.unwrap();
    assert_eq!((rows[0].timestamp(), rows.len(), mark), (Ms(9), 1, Mark(1)));

    let copy = rusqlite::Connection::open(folder.path().join("hot.sqlite3.schema1.bak")).unwrap();
    let count = |sql| copy.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!((count("PRAGMA user_version"), count("SELECT count(*) FROM oi")), (1, 2));
    assert!(copy.query_row("SELECT batch FROM oi", [], |_| Ok(())).is_err());
}

#[tokio::test]
async fn hot_days_are_counted_per_series_before_an_instant() {
    let store = SqliteStore::temporary().unwrap();
    let minutes = [0, 1, 1_439, 1_440, 2 * MINUTES + 5, 9 * MINUTES];
    put(&store, minutes.map(|m| event("sim", 0, Body::Bar(bar(m, 1.0))))).await;
    put(&store, [event("okx", 0, Body::Bar(bar(-1, 1.0)))]).await;
    // Neither forming bars nor those of other intervals are sealed.
    put(&store, [event("sim", 0, Body::Bar(Bar { closed: false, ..bar(4 * MINUTES, 1.0) }))]).await;
    put(&store, [event("sim", 0, Body::Bar(Bar { interval: Timeframe::H1, ..bar(0, 1.0) }))]).await;
    put(&store, [oi("sim", 5, 1.0), oi("sim", Ms::DAY.0, 1.0)]).await;
    let (sim, okx) = (|day, rows| ("sim".to_owned(), day, rows), ("okx".to_owned(), -1, 1));
    let found = days(&store, M1, Ms(9 * Ms::DAY.0)).await;
    assert_eq!(found, [okx.clone(), sim(0, 3), sim(1, 1), sim(2, 1)]);
    assert_eq!(days(&store, M1, Ms(2 * 60_000)).await, [okx, sim(0, 2)]);
    assert_eq!(days(&store, Dataset::Oi, Ms(9 * Ms::DAY.0)).await, [sim(0, 1), sim(1, 1)]);
    let all: usize = store.hot_days(Ms(i64::MAX)).await.unwrap().len();
    assert_eq!(all, 7);
    assert_eq!(SqliteStore::temporary().unwrap().hot_days(Ms(i64::MAX)).await.unwrap(), []);
}

#[tokio::test]
async fn every_dataset_is_forgotten_up_to_the_mark() {
    let store = SqliteStore::temporary().unwrap();
    put(&store, samples().into_iter().map(|(_, event)| event)).await;
    let datasets = [M1, Dataset::Oi, Dataset::Funding, Dataset::Liquidations, Dataset::Book, Dataset::Trades];
    for dataset in datasets {
        let (rows, mark) = store.snapshot(all(dataset)).await.unwrap();
        assert!(!rows.is_empty());
        assert_eq!(forget(&store, dataset, "sim", i64::MIN, 0, mark).await, 0, "outside the range");
        assert_eq!(forget(&store, dataset, "okx", i64::MIN, i64::MAX, mark).await, 0, "another venue");
        assert_eq!(forget(&store, dataset, "sim", 0, i64::MAX, Mark(mark.0 - 1)).await, 0, "written later");
        let gone = forget(&store, dataset, "sim", i64::MIN, i64::MAX, mark).await;
        assert_eq!(gone, rows.len() as u64, "{dataset:?}");
        assert_eq!(store.snapshot(all(dataset)).await.unwrap(), (vec![], mark), "{dataset:?}");
    }
    // Bars of other intervals stay.
    assert_eq!(store.snapshot(all(Dataset::Bars(Timeframe::Mo1))).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn only_what_changed_after_the_mark_stays() {
    let store = SqliteStore::temporary().unwrap();
    let forming = Bar { closed: false, ..bar(3, 1.0) };
    let first = [bar(0, 1.0), bar(1, 1.0), bar(2, 1.0), forming];
    put(&store, first.map(|b| event("sim", 0, Body::Bar(b)))).await;
    let (rows, mark) = store.snapshot(all(M1)).await.unwrap();
    assert_eq!(rows.len(), 4);
    // Told again and unchanged; changed; new.
    let later = [bar(0, 1.0), Bar { revision: 1, ..bar(1, 2.0) }, bar(9, 1.0)];
    put(&store, later.map(|b| event("sim", 1, Body::Bar(b)))).await;
    assert_eq!(forget(&store, M1, "sim", 0, i64::MAX, mark).await, 2);
    let left: Vec<i64> = bars(&store).await.iter().map(|b| b.timestamp.0 / 60_000).collect();
    assert_eq!(left, [1, 3, 9], "the abandoned forming bar stays as well");
}

#[tokio::test]
async fn a_long_range_goes_in_pieces_and_one_instant_at_once() {
    let store = SqliteStore::temporary().unwrap();
    let trade = |at: i64, n: i64| {
        let id = n.to_string();
        event(
            "sim",
            0,
            Body::Trade(Trade { timestamp: Ms(at), price: 1.0, quantity: 1.0, side: Side::Buy, id }),
        )
    };
    put(&store, (0..9_000).map(|n| trade(77, n))).await;
    put(&store, (0..9_000).map(|n| trade(100 + n / 3, n))).await;
    let (rows, mark) = store.snapshot(all(Dataset::Trades)).await.unwrap();
    assert_eq!(rows.len(), 18_000);
    let pages =
        async || store.query(|c| c.query_row("PRAGMA page_count", [], |r| r.get::<_, i64>(0))).await.unwrap();
    let full = pages().await;
    assert_eq!(forget(&store, Dataset::Trades, "sim", 0, 200, mark).await, 9_300);
    assert_eq!(forget(&store, Dataset::Trades, "sim", 0, i64::MAX, mark).await, 8_700);
    assert_eq!(store.snapshot(all(Dataset::Trades)).await.unwrap().0, []);
    assert!(pages().await * 2 < full, "{} of {full} pages are left", pages().await);
}

/// Snapshot, keep, forget, against a writer that changes the same rows all the time: nothing is lost, and of each
/// row the newest version is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetting_beside_a_busy_writer_loses_nothing() {
    let store = std::sync::Arc::new(SqliteStore::temporary().unwrap());
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for round in 0..300 {
            let events =
                (0..20).map(|n| oi("sim", (round * 7 + n * 3) % 50, f64::from((round * 20 + n) as i32)));
            writer.write(events.map(Record::Event).collect()).await.unwrap();
            if round % 3 == 0 {
                writer.flush().await.unwrap();
            }
        }
        writer.flush().await.unwrap();
    });
    let mut sealed: BTreeMap<i64, f64> = BTreeMap::new();
    let mut rounds = 0;
    loop {
        let last = writing.is_finished();
        let (rows, mark) = store.snapshot(all(Dataset::Oi)).await.unwrap();
        for row in rows {
            let Body::Oi(oi) = row.body else { panic!("{row:?}") };
            let held = sealed.insert(oi.timestamp.0, oi.open_interest);
            assert!(held <= Some(oi.open_interest), "an older version came back");
        }
        forget(&store, Dataset::Oi, "sim", 0, 100, mark).await;
        rounds += 1;
        if last {
            break;
        }
    }
    writing.await.unwrap();
    assert!(rounds > 3);
    let mut expected = BTreeMap::new();
    for round in 0..300 {
        expected.extend((0..20).map(|n| ((round * 7 + n * 3) % 50, f64::from((round * 20 + n) as i32))));
    }
    assert_eq!(sealed, expected);
}
