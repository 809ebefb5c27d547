//! What is SQLite's alone; what every store must do is in [`crate::store::suite`].

use std::time::{Duration, Instant};

use shared::event::{Body, Side, Trade};
use shared::market::{Ms, Timeframe, VenueId};

use super::{SqliteStore, schema};
use crate::store::suite::hot::{all, days, forget, oi};
use crate::store::suite::{bar, bars, event, put, query, symbol};
use crate::store::writer::QUEUE_RECORDS;
use crate::store::{Dataset, HotStore, Mark, Query, Record, Store, StoreError};

#[tokio::test]
async fn a_newer_schema_and_a_file_that_is_no_store_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.sqlite3");
    let newer = [schema::MIGRATIONS, &["CREATE TABLE later (x)"]].concat();
    drop(SqliteStore::open_with(&path, &newer, None).unwrap());
    let error = SqliteStore::open(&path).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 3, known: 2, .. }), "{error}");
    assert!(!error.to_string().contains('\n') && error.to_string().contains("hot.sqlite3"), "{error}");

    let junk = folder.path().join("junk.sqlite3");
    std::fs::write(&junk, "not a database at all, but long enough to be looked at".repeat(40)).unwrap();
    let error = SqliteStore::open(&junk).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    assert!(!error.to_string().contains('\n') && error.to_string().contains("junk.sqlite3"), "{error}");
}

#[tokio::test]
async fn a_migration_keeps_a_copy_of_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    put(&store, [event("sim", 0, Body::Bar(bar(1, 7.0)))]).await;
    drop(store);
    let copy = folder.path().join("hot.sqlite3.schema2.bak");
    let with = |step| [schema::MIGRATIONS, &[step]].concat();
    // A copy left by a try that failed is no obstacle, and a step that fails changes nothing.
    std::fs::write(&copy, "half a copy").unwrap();
    let broken = SqliteStore::open_with(&path, &with("ALTER TABLE nothing ADD x"), None);
    assert!(matches!(broken.map(drop), Err(StoreError::Open { .. })));
    let store =
        SqliteStore::open_with(&path, &with("ALTER TABLE candles ADD COLUMN note TEXT"), None).unwrap();
    assert_eq!(bars(&store).await[0].close, 7.0);
    let old = rusqlite::Connection::open(&copy).unwrap();
    let count = |sql| old.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count("PRAGMA user_version"), 2);
    assert_eq!(count("SELECT count(*) FROM candles"), 1);
}

/// Runs as it is on the writing connection.
async fn sql(store: &SqliteStore, sql: &'static str) {
    store.queue.run(move |writing| writing.0.execute_batch(sql)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_readers_go_on() {
    let store = SqliteStore::temporary().unwrap();
    put(&store, [event("sim", 0, Body::Bar(bar(0, 1.0)))]).await;
    sql(&store, "PRAGMA max_page_count=1").await;
    let many = (1..=5_000).map(|i| Record::Event(event("sim", 0, Body::Bar(bar(i, 1.0))))).collect();
    store.write(many).await.unwrap();
    let error = store.flush().await.unwrap_err();
    assert!(matches!(&error, StoreError::Write(e) if e.contains("full")), "{error}");
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.pending, stats.error.is_some()), (5_000, true));
    assert_eq!(bars(&store).await.len(), 1);

    sql(&store, "PRAGMA max_page_count=1000000").await;
    store.flush().await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.pending, stats.error), (0, None));
    let rows = query(Dataset::Bars(Timeframe::M1), None, 0, i64::MAX);
    assert_eq!(store.read(Query { limit: 9_999, ..rows }).await.unwrap().len(), 5_001);
}

#[tokio::test]
async fn a_locked_file_is_retried_until_it_is_free_and_the_full_queue_waits() {
    let store = SqliteStore::temporary().unwrap();
    let blocker = rusqlite::Connection::open(&store.path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let many = |from: i64| {
        (from..from + QUEUE_RECORDS as i64)
            .map(|i| Record::Event(event("sim", 0, Body::Bar(bar(i, 1.0)))))
            .collect::<Vec<_>>()
    };
    store.write(many(0)).await.unwrap();
    let more = tokio::time::timeout(Duration::from_millis(50), store.write(many(0)[..1].to_vec())).await;
    assert!(more.is_err(), "a full queue waits");
    let began = Instant::now();
    while store.stats().await.unwrap().error.is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "the lock is not told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    blocker.execute_batch("ROLLBACK").unwrap();
    store.write(vec![Record::Event(event("sim", 0, Body::Bar(bar(-1, 1.0))))]).await.unwrap();
    store.flush().await.unwrap();
    let newest = store.newest(Dataset::Bars(Timeframe::M1), symbol(), VenueId::new("sim")).await.unwrap();
    assert_eq!(newest, Some(Ms((QUEUE_RECORDS as i64 - 1) * 60_000)));
    assert_eq!(store.stats().await.unwrap().error, None);
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
async fn what_is_forgotten_is_given_back_to_the_disk() {
    let store = SqliteStore::temporary().unwrap();
    let trade =
        |n: i64| Trade { timestamp: Ms(n), price: 1.0, quantity: 1.0, side: Side::Buy, id: n.to_string() };
    put(&store, (0..9_000).map(|n| event("sim", 0, Body::Trade(trade(n))))).await;
    let pages =
        async || store.query(|c| c.query_row("PRAGMA page_count", [], |r| r.get::<_, i64>(0))).await.unwrap();
    let full = pages().await;
    let (_, mark) = store.snapshot(all(Dataset::Trades)).await.unwrap();
    assert_eq!(forget(&store, Dataset::Trades, "sim", 0, i64::MAX, mark).await, 9_000);
    assert!(pages().await * 2 < full, "{} of {full} pages are left", pages().await);
}
