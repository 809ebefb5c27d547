//! Opening, closing, being killed.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use shared::event::{Bar, Body, Event};
use shared::market::{Ms, Symbol, Timeframe};

use super::{Place, bar, bars, event, on_every_store, open_named, put, query};
use crate::store::{Dataset, Query, Record};

on_every_store! {
    reopening_finds_everything_that_was_queued
    queued_records_are_durable_without_a_flush
    thirty_days_of_five_symbols_go_in_and_come_out
    a_kill_loses_nothing_that_was_durable_and_doubles_nothing
}

async fn reopening_finds_everything_that_was_queued(place: &Place) {
    let store = place.open().await;
    let all = (0..250).map(|i| Record::Event(event("sim", 0, Body::Bar(bar(i, 1.0))))).collect();
    // No flush: closing commits.
    store.write(all).await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(bars(&*store).await.len(), 250);
    assert_eq!(store.stats().await.unwrap().pending, 0);
    assert!(store.stats().await.unwrap().bytes > 4_096);
}

async fn queued_records_are_durable_without_a_flush(place: &Place) {
    let store = place.open().await;
    store.write(vec![Record::Event(event("sim", 0, Body::Bar(bar(1, 1.0))))]).await.unwrap();
    let began = Instant::now();
    while bars(&*store).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "still not there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn thirty_days_of_five_symbols_go_in_and_come_out(place: &Place) {
    let store = place.open().await;
    let mut records = Vec::new();
    for coin in ["BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP", "BTC/USDT", "PEPEUSDT-PERP"] {
        let symbol: Symbol = coin.parse().unwrap();
        for minute in 0..43_200 {
            let body = Body::Bar(Bar { vwap: Some(100.5), cvd: Some(1.0), ..bar(minute, 101.0) });
            records.push(Record::Event(Event { symbol: symbol.clone(), ..event("sim", 0, body) }));
        }
    }
    let began = Instant::now();
    store.write(records).await.unwrap();
    store.flush().await.unwrap();
    let written = began.elapsed();
    let began = Instant::now();
    let all = query(Dataset::Bars(Timeframe::M1), Some("sim"), 0, i64::MAX);
    let rows = store.read(Query { limit: 50_000, ..all }).await.unwrap();
    println!("216,000 bars written in {written:?}, 43,200 read in {:?}", began.elapsed());
    assert_eq!(rows.len(), 43_200);
}

/// What the killed process of the next test does: writes, and says what is durable. Nothing by itself.
#[tokio::test]
async fn writes_until_killed() {
    let Ok(name) = std::env::var("TAPEDECK_TEST_WRITE_UNTIL_KILLED") else { return };
    let store = open_named(&name).await;
    for n in 0.. {
        put(&*store, [event("sim", 0, Body::Bar(bar(n, n as f64)))]).await;
        println!("durable {n}");
    }
}

async fn a_kill_loses_nothing_that_was_durable_and_doubles_nothing(place: &Place) {
    let mut durable = -1;
    for round in 0..3 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["store::suite::life::writes_until_killed", "--exact", "--nocapture"])
            .env("TAPEDECK_TEST_WRITE_UNTIL_KILLED", place.name())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The harness writes its own words, without a line end, before the first.
        let said = |line: String| line.rsplit_once("durable ").and_then(|(_, n)| n.parse::<i64>().ok());
        let enough = 40 + round * 37;
        let seen = lines.by_ref().map_while(Result::ok).filter_map(said).find(|n| *n >= enough);
        child.kill().unwrap();
        // What it still said before it died counts as well.
        let last = lines.map_while(Result::ok).filter_map(said).last();
        child.wait().unwrap();
        durable = durable.max(last.or(seen).expect("it says what is durable"));
        let store = place.open().await;
        let rows = bars(&*store).await;
        assert!(rows.len() as i64 > durable, "{} rows, {durable} was durable", rows.len());
        for (n, row) in rows.iter().enumerate() {
            assert_eq!((row.timestamp, row.close), (Ms(n as i64 * 60_000), n as f64));
        }
        drop(store);
        if let Place::Sqlite(_) = place {
            let conn = rusqlite::Connection::open(place.name()).unwrap();
            let sound: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
            assert_eq!(sound, "ok");
        }
    }
}
