//! The ledger of holes over a restart.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::relay::{Options, Relay};

use super::{MINUTE, PERP, SOON, assert_bars, fake, live};

/// Holes of a channel since `from`.
async fn holes(relay: &Relay, channel: &str, from: i64) -> Result<Vec<Value>> {
    let path = format!("/api/gaps?symbol={PERP}&from={from}&to={}", from + 600 * MINUTE);
    Ok(relay.rows(&path).await?.into_iter().filter(|g| g["channel"] == channel).collect())
}

#[tokio::test]
async fn the_time_the_relay_was_down_is_a_hole_like_any_other() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let began = fake.now();
    let recorded = |rows: &[Value]| rows.len() >= 3;
    relay.wait_rows(&format!("/api/history/book?symbol={PERP}"), SOON, recorded).await?;
    // Everything is written at the latest 250 ms after it came.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let killed = fake.now();
    let relay = relay.kill_and_restart().await?;
    live(&relay, PERP).await?;
    let back = fake.now();

    for (channel, state) in
        [("book", "lost"), ("liquidation", "lost"), ("bar", "refilled"), ("oi", "refilled")]
    {
        let until = tokio::time::Instant::now() + SOON;
        let hole = loop {
            let found = holes(&relay, channel, began - MINUTE).await?;
            let restart = found.iter().find(|g| g["cause"] == "restart" && g["state"] != "open").cloned();
            if let Some(hole) = restart {
                break hole;
            }
            anyhow::ensure!(tokio::time::Instant::now() < until, "{channel}: {found:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(hole["state"], state, "{hole}");
        let (from, to) = (hole["from"].as_i64().context("from")?, hole["to"].as_i64().context("to")?);
        assert!(
            from <= killed && from >= killed - 5_000,
            "{channel} is missing since {from}, killed at {killed}"
        );
        assert!(to >= killed && to <= back, "{channel}: {hole}");
    }
    // The minute of the restart is whole once it is over.
    let minute = killed - killed.rem_euclid(MINUTE);
    let closed = move |rows: &[Value]| {
        rows.iter().any(|r| r["timestamp"].as_i64() == Some(minute) && r["closed"] == true)
    };
    let path = format!("/api/history/bars?symbol={PERP}&from={minute}&to={}", minute + MINUTE);
    relay.wait_rows(&path, Duration::from_secs(80), closed).await?;
    assert_bars(&relay, &fake, minute - 5 * MINUTE, minute + MINUTE).await?;
    Ok(())
}
