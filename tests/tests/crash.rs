//! kill -9 at any moment: no committed row lost, none doubled, restart without a human.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::fake::clock::machine_now;
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(10);
const SYMBOL: &str = "BTCUSDT-PERP";
const DATASETS: [&str; 4] = ["oi", "funding", "liquidations", "book"];

/// A row without when we got it: the simulated market tells the running minute again after a restart.
fn text(row: &Value) -> String {
    let mut row = row.clone();
    if let Some(row) = row.as_object_mut() {
        row.remove("received");
    }
    row.to_string()
}

/// Everything recorded of the last minutes: rows as texts, by dataset.
async fn recorded(relay: &Relay, from: i64, to: i64) -> Result<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    for dataset in DATASETS {
        let rows = relay.rows(&format!("/api/history/{dataset}?symbol={SYMBOL}&from={from}&to={to}")).await?;
        all.insert(dataset.to_owned(), rows.iter().map(text).collect());
    }
    let bars = relay.rows(&format!("/api/history/bars?symbol={SYMBOL}&from={from}&to={to}")).await?;
    let closed = bars.iter().filter(|b| b["closed"] == true);
    all.insert("bars".to_owned(), closed.map(text).collect());
    Ok(all)
}

#[tokio::test]
async fn a_killed_relay_loses_and_doubles_no_committed_row() -> Result<()> {
    let mut relay = Options::sim().start().await?;
    let from = machine_now() - 3_600_000;
    for round in 0..4_u64 {
        let books = format!(
            "/api/history/book?symbol={SYMBOL}&from={}&to={}",
            machine_now(),
            machine_now() + 600_000
        );
        relay.wait_rows(&books, SOON, |rows| !rows.is_empty()).await?;
        // Rows older than the longest batch are durable: these must survive.
        let to = machine_now() - 1_500;
        let before = recorded(&relay, from, to).await?;
        assert!(
            before["book"].len() > round as usize && before["bars"].len() >= 58,
            "{round}: nothing recorded"
        );
        tokio::time::sleep(Duration::from_millis(37 * round + 5)).await;
        relay = relay.kill_and_restart().await.context("restart after kill -9")?;
        let path = format!("/api/history/bars?symbol={SYMBOL}&from={from}&to={to}");
        relay.wait_rows(&path, SOON, |rows| rows.len() >= before["bars"].len()).await?;
        let after = recorded(&relay, from, to).await?;
        for (dataset, rows) in &before {
            let lost: Vec<&String> = rows.iter().filter(|row| !after[dataset].contains(row)).collect();
            assert!(lost.is_empty(), "{round}: {dataset} lost {lost:?}");
            let mut unique = after[dataset].clone();
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), after[dataset].len(), "{round}: {dataset} doubled");
        }
    }
    assert!(!relay.log().contains("panicked"), "{}", relay.log());
    Ok(())
}
