use std::io::{BufRead, BufReader};

use shared::event::Body;
use shared::market::Ms;

use super::{bar, bars, event, put};
use crate::store::SqliteStore;

/// What the killed process of the next test does: writes, and says what is durable. Nothing by itself.
#[tokio::test]
async fn writes_until_killed() {
    let Some(path) = std::env::var_os("TAPEDECK_TEST_WRITE_UNTIL_KILLED") else { return };
    let store = SqliteStore::open(path.as_ref()).unwrap();
    for n in 0.. {
        put(&store, [event("sim", 0, Body::Bar(bar(n, n as f64)))]).await;
        println!("durable {n}");
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_durable_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.sqlite3");
    let mut durable = -1;
    for round in 0..3 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["store::sqlite::tests::kill::writes_until_killed", "--exact", "--nocapture"])
            .env("TAPEDECK_TEST_WRITE_UNTIL_KILLED", &path)
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
        let store = SqliteStore::open(&path).unwrap();
        let rows = bars(&store).await;
        assert!(rows.len() as i64 > durable, "{} rows, {durable} was durable", rows.len());
        for (n, row) in rows.iter().enumerate() {
            assert_eq!((row.timestamp, row.close), (Ms(n as i64 * 60_000), n as f64));
        }
        drop(store);
        let conn = rusqlite::Connection::open(&path).unwrap();
        let sound: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
        assert_eq!(sound, "ok");
    }
}
