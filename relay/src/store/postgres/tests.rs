//! What is PostgreSQL's alone; what every store must do is in [`crate::store::suite`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres_server::{Server, Stop};
use shared::event::{Body, Side, Trade};
use shared::market::{Ms, Timeframe, VenueId};

use super::schema::{MIGRATIONS, Step};
use super::{PostgresStore, PostgresUrl};
use crate::store::suite::{bar, bars, event, put, query, symbol};
use crate::store::writer::QUEUE_RECORDS;
use crate::store::{Dataset, Query, Record, Store, StoreError};

/// Of a shared server: a database of the test's own, and its name.
fn database() -> Option<(&'static Server, PostgresUrl, String)> {
    let server = Server::shared()?;
    let address = server.database();
    let name = address.rsplit('/').next()?.to_owned();
    Some((server, PostgresUrl::parse(&address)?, name))
}

fn one_line(error: &StoreError, server: &Server) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains(server.password()) && !text.contains("p%40ss"), "{text}");
    text
}

fn minutes(from: i64, count: i64) -> Vec<Record> {
    (from..from + count).map(|n| Record::Event(event("sim", 0, Body::Bar(bar(n, n as f64))))).collect()
}

async fn until(what: &str, met: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !met().await {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Steps as a later version has them.
fn later(step: Step) -> &'static [Step] {
    let first = MIGRATIONS.iter().map(|step| Step { sql: step.sql, changes: step.changes });
    Box::leak(first.chain([step]).collect())
}

#[tokio::test]
async fn a_migration_keeps_what_it_changes_and_a_newer_schema_is_refused() {
    let Some((server, url, name)) = database() else { return };
    let store = PostgresStore::open(&url).await.unwrap();
    put(&store, [event("sim", 0, Body::Bar(bar(1, 7.0)))]).await;
    drop(store);
    // A step that fails changes nothing.
    let broken = later(Step {
        sql: "UPDATE candles SET close=8; ALTER TABLE nothing ADD x int",
        changes: &["candles"],
    });
    let error = PostgresStore::open_with(&url, broken).await.map(drop).unwrap_err();
    assert!(one_line(&error, server).contains("nothing"), "{error}");
    let store = PostgresStore::open(&url).await.unwrap();
    assert_eq!(bars(&store).await[0].close, 7.0);
    drop(store);

    let steps = later(Step { sql: "UPDATE candles SET close=8", changes: &["candles"] });
    let store = PostgresStore::open_with(&url, steps).await.unwrap();
    assert_eq!(bars(&store).await[0].close, 8.0);
    drop(store);
    assert_eq!(server.sql(&name, "SELECT close FROM candles_schema1"), "7");

    let error = PostgresStore::open(&url).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 2, known: 1, .. }), "{error}");
    let text = one_line(&error, server);
    assert!(
        text.contains(&format!("127.0.0.1:{}/{name}", server.port())) && text.contains("STORE_URL"),
        "{text}"
    );
}

#[tokio::test]
async fn a_second_relay_on_the_same_database_is_refused_until_the_first_is_gone() {
    let Some((server, url, _)) = database() else { return };
    let first = PostgresStore::open(&url).await.unwrap();
    let error = PostgresStore::open(&url).await.map(drop).unwrap_err();
    let text = one_line(&error, server);
    assert!(text.contains("another tapedeck") && text.contains("STORE_URL"), "{text}");
    put(&first, [event("sim", 0, Body::Bar(bar(1, 7.0)))]).await;
    drop(first);
    assert_eq!(bars(&PostgresStore::open(&url).await.unwrap()).await.len(), 1);
}

#[tokio::test]
async fn a_server_that_cannot_be_had_is_named_in_one_line() {
    let Some(server) = Server::shared() else { return };
    let refused = async |address: &str| {
        let error = PostgresStore::open(&PostgresUrl::parse(address).unwrap()).await.map(drop).unwrap_err();
        one_line(&error, server)
    };
    let port = server.port();
    let text = refused(&server.url("no_such")).await;
    assert!(text.contains(&format!("127.0.0.1:{port}/no_such")) && text.contains("createdb"), "{text}");
    let text = refused(&format!("postgres://tapedeck:wrong-secret@127.0.0.1:{port}/postgres")).await;
    assert!(text.contains("does not accept") && !text.contains("wrong-secret"), "{text}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = refused(&format!("postgres://me:hidden@127.0.0.1:{closed}/deck")).await;
    assert!(text.contains("refused") && !text.contains("hidden"), "{text}");
}

/// Whatever ends the server, what was queued is there afterwards, once, and readers go on by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_in_the_middle_loses_nothing() {
    let Some(server) = Server::own() else { return };
    let url = PostgresUrl::parse(&server.database()).unwrap();
    let store = Arc::new(PostgresStore::open(&url).await.unwrap());
    let size = store.stats().await.unwrap().bytes;
    let mut written = 0;
    for how in [Stop::Fast, Stop::Immediate, Stop::Kill] {
        let writer = store.clone();
        let writing = tokio::spawn(async move {
            for n in 0..200 {
                writer.write(minutes(written + n * 10, 10)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        let newest = async || {
            let at = store.newest(Dataset::Bars(Timeframe::M1), symbol(), VenueId::new("sim")).await;
            at.unwrap().map_or(-1, |at| at.0 / 60_000)
        };
        until("some rows are there", async || newest().await >= written).await;
        server.stop(how);
        writing.await.unwrap();
        written += 2_000;
        until("the error shows", async || store.stats().await.unwrap().error.is_some()).await;
        let stats = store.stats().await.unwrap();
        assert!(stats.pending > 0 && stats.bytes >= size && size > 0, "{stats:?}");
        let error = store.read(query(Dataset::Oi, None, 0, 1)).await.unwrap_err();
        assert!(one_line(&error, &server).contains("PostgreSQL at"), "{error}");
        server.start_again();
        until("the records are taken", async || store.flush().await.is_ok()).await;
        let rows = query(Dataset::Bars(Timeframe::M1), None, 0, i64::MAX);
        let rows = store.read(Query { limit: usize::MAX, ..rows }).await.unwrap();
        let times: Vec<i64> = rows.iter().map(|row| row.timestamp().0 / 60_000).collect();
        assert_eq!(times, (0..written).collect::<Vec<_>>());
        let stats = store.stats().await.unwrap();
        assert_eq!((stats.pending, stats.error), (0, None));
    }
}

#[tokio::test]
async fn a_full_queue_waits_for_the_server() {
    let Some(server) = Server::own() else { return };
    let url = PostgresUrl::parse(&server.database()).unwrap();
    let store = PostgresStore::open(&url).await.unwrap();
    server.stop(Stop::Fast);
    store.write(minutes(0, QUEUE_RECORDS as i64)).await.unwrap();
    let more = tokio::time::timeout(Duration::from_millis(50), store.write(minutes(-1, 1))).await;
    assert!(more.is_err(), "a full queue waits");
    server.start_again();
    store.write(minutes(-1, 1)).await.unwrap();
    until("the records are taken", async || store.flush().await.is_ok()).await;
    let rows = query(Dataset::Bars(Timeframe::M1), None, i64::MIN, i64::MAX);
    let rows = store.read(Query { limit: usize::MAX, ..rows }).await.unwrap();
    assert_eq!(rows.len(), QUEUE_RECORDS + 1);
}

/// A line that is cut while nothing is written is no failure: the next batch makes another, and ends the server's
/// process that still holds the lock.
#[tokio::test]
async fn a_cut_line_is_made_again_without_an_error() {
    let Some((server, url, name)) = database() else { return };
    let store = PostgresStore::open(&url).await.unwrap();
    for n in 0..3 {
        let others = "FROM pg_stat_activity WHERE datname=current_database() AND pid<>pg_backend_pid()";
        server.sql(&name, &format!("SELECT pg_terminate_backend(pid) {others}"));
        put(&store, [event("sim", 0, Body::Bar(bar(n, 1.0)))]).await;
        assert_eq!(bars(&store).await.len() as i64, n + 1);
        assert_eq!(store.stats().await.unwrap().error, None);
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_left_out_and_the_others_stay() {
    let Some((_, url, _)) = database() else { return };
    let store = PostgresStore::open(&url).await.unwrap();
    let trade = |id: &str| {
        event(
            "sim",
            0,
            Body::Trade(Trade {
                timestamp: Ms(7),
                price: 1.0,
                quantity: 1.0,
                side: Side::Buy,
                id: id.into(),
            }),
        )
    };
    // Longer than an index takes, and nothing that could be compressed; a zero character; and an order by bytes.
    let next = |seed: &u64| Some(seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let long = std::iter::successors(Some(7_u64), next).take(9_000);
    let long: String = long.map(|n| char::from(33 + (n >> 33) as u8 % 90)).collect();
    put(&store, ["b", &long, "nul\0", "B", "_", "a", "\u{e9}"].map(trade)).await;
    let rows = store.read(query(Dataset::Trades, None, 0, 100)).await.unwrap();
    let ids: Vec<String> = rows
        .into_iter()
        .filter_map(|row| if let Body::Trade(t) = row.body { Some(t.id) } else { None })
        .collect();
    assert_eq!(ids, ["B", "_", "a", "b", "\u{e9}"]);
}
