//! A recording through the same adapters, against an independent count of the same file.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::oracle::Top;
use tests::oracle::decimal::float;
use tests::oracle::recording::{self, PRICE_PLACES, QUANTITY_PLACES};
use tests::relay::Options;

const SYMBOL: &str = "BTCUSDT-PERP";

#[tokio::test]
async fn a_recording_gives_the_bars_and_books_an_independent_count_gives() -> Result<()> {
    let Some(file) = recording::captures("replay/binance_usdm_btcusdt_20240808.txt.gz") else {
        return Ok(());
    };
    let expected = recording::read(&file)?;
    assert_eq!(expected.gaps, 0);
    assert_eq!(
        (expected.frames["trade"], expected.frames["depthUpdate"], expected.frames["snapshot"]),
        (21_313, 6_551, 1)
    );
    let relay = Options::replay(&file).start().await?;
    let status = relay.status().await?;
    assert_eq!(status["mode"], "replay");

    let (first, last) = expected.trade_times;
    let path = format!("/api/history/bars?symbol={SYMBOL}&from={}&to={}", first - 60_000, last + 60_000);
    let newest = expected.minutes.last().context("minutes")?.open_time;
    let done = |rows: &[Value]| rows.last().is_some_and(|r| r["timestamp"].as_i64() == Some(newest));
    let rows = relay.wait_rows(&path, Duration::from_secs(60), done).await?;
    // The last frames of the last minute may still be on their way.
    let settled = |rows: &[Value]| {
        let trades = expected.minutes.last().map(|b| b.trades);
        rows.last().is_some_and(|r| r["trades"].as_u64() == trades)
    };
    let rows =
        if settled(&rows) { rows } else { relay.wait_rows(&path, Duration::from_secs(20), settled).await? };
    assert_eq!(rows.len(), expected.minutes.len());
    for (row, exact) in rows.iter().zip(&expected.minutes) {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        assert_eq!(row["timestamp"].as_i64(), Some(exact.open_time));
        for (key, units) in
            [("open", exact.open), ("high", exact.high), ("low", exact.low), ("close", exact.close)]
        {
            assert_eq!(number(key), float(units, PRICE_PLACES), "{key}: {row}");
        }
        let steps = |key: &str| {
            let scaled = number(key) * 1_000.0;
            assert!((scaled - scaled.round()).abs() < 1e-3, "{key} is off a step: {row}");
            scaled.round() as i128
        };
        assert_eq!(QUANTITY_PLACES, 3);
        assert_eq!(steps("volume"), exact.volume, "{row}");
        assert_eq!(
            (steps("buy_volume"), steps("sell_volume")),
            (exact.buy_volume, exact.sell_volume()),
            "{row}"
        );
        assert_eq!(row["trades"].as_u64(), Some(exact.trades), "{row}");
    }

    let (from, to) = (expected.tops[0].transaction - 1_000, last + 5_000);
    let gaps = relay.rows(&format!("/api/gaps?symbol={SYMBOL}&from=0&to={}", last + 60_000)).await?;
    let book_gaps: Vec<&Value> = gaps.iter().filter(|g| g["channel"] == "book").collect();
    assert!(book_gaps.is_empty(), "{book_gaps:?}");
    let books = relay.rows(&format!("/api/history/book?symbol={SYMBOL}&from={from}&to={to}")).await?;
    let deep: Vec<&Value> = books.iter().filter(|b| !b["depth_10bps"].is_null()).collect();
    assert!(deep.len() >= 100, "{} of {} book rows with depth", deep.len(), books.len());
    // Ten instants spread over the recording.
    for n in 0..10 {
        let row = deep[(deep.len() - 1) * n / 9];
        let at = row["timestamp"].as_i64().context("timestamp")?;
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let top = Top {
            bid_px: number(&row["bid_px"]),
            bid_qty: number(&row["bid_qty"]),
            ask_px: number(&row["ask_px"]),
            ask_qty: number(&row["ask_qty"]),
            spread_bps: number(&row["spread_bps"]),
            bid_usd: number(&row["depth_10bps"]["bid_usd"]),
            ask_usd: number(&row["depth_10bps"]["ask_usd"]),
        };
        let same_instant: Vec<&Top> =
            expected.tops.iter().filter(|t| t.transaction == at || t.event == at).map(|t| &t.top).collect();
        assert!(!same_instant.is_empty(), "no depth update at {at}: {row}");
        assert!(
            same_instant.iter().any(|exact| top.same(exact)),
            "at {at}: {top:?} is none of {same_instant:?}"
        );
    }
    Ok(())
}

const NOON: i64 = 1_723_118_400_000;

/// Ten minutes of a trade every ten seconds, as `tapedeck record` writes them; its price is the number of the trade.
fn recorded(folder: &std::path::Path) -> Result<std::path::PathBuf> {
    let line = |n: i64| {
        let at = NOON + n * 10_000;
        let data = serde_json::json!({"stream": "btcusdt@aggTrade", "data": {"e": "aggTrade", "E": at, "s": "BTCUSDT",
            "a": n + 1, "p": format!("{}.0", 1_000 + n), "q": "1", "f": n + 1, "l": n + 1, "T": at, "m": false}});
        let line =
            serde_json::json!({"received": at, "venue": "binance", "channel": "usdm/market", "data": data});
        format!("{line}\n")
    };
    let file = folder.join("ten_minutes.jsonl");
    std::fs::write(&file, (0..60).map(line).collect::<String>())?;
    Ok(file)
}

async fn direct(relay: &tests::relay::Relay, body: Value) -> Result<(u16, Value)> {
    relay.post("/api/replay", &body).await
}

/// Waits until the replay stands where it should.
async fn stands(relay: &tests::relay::Relay, what: &str, there: impl Fn(&Value) -> bool) -> Result<Value> {
    for _ in 0..200 {
        let (_, replay) = relay.get("/api/replay").await?;
        if there(&replay) {
            return Ok(replay);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{what}: {}", relay.get("/api/replay").await?.1)
}

/// Waits until the record holds these closed minutes, counted from noon, and no others.
async fn holds(relay: &tests::relay::Relay, minutes: &[i64]) -> Result<()> {
    let path = format!("/api/candles?symbol={SYMBOL}&interval=1m&from={NOON}");
    let mut held = Vec::new();
    for _ in 0..200 {
        let (status, rows) = relay.get(&path).await?;
        anyhow::ensure!(status == 200, "{status} {rows}");
        let rows = rows.as_array().context("rows")?.iter().filter(|row| row["closed"] == true);
        held = rows.filter_map(|row| Some((row["timestamp"].as_i64()? - NOON) / 60_000)).collect();
        if held == minutes {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{held:?} instead of {minutes:?}")
}

#[tokio::test]
async fn a_replay_is_directed_and_nobody_sees_the_future() -> Result<()> {
    use serde_json::json;
    let folder = tempfile::tempdir()?;
    let mut options = Options::replay(&recorded(folder.path())?);
    options.args.truncate(2);
    let relay = options.start().await?;
    let (status, paused) = direct(&relay, json!({"action": "pause"})).await?;
    assert_eq!((status, &paused["state"], &paused["run"]), (200, &json!("paused"), &json!(1)));
    assert_eq!((&paused["files"], &paused["speed"]), (&json!(["ten_minutes.jsonl"]), &json!(1.0)));
    let range = |r: &Value| r["from"] == json!(NOON) && r["to"] == json!(NOON + 590_000);
    stands(&relay, "the range of the files", range).await?;

    // A bar closes at the first trade after it: the one 10 s later.
    direct(&relay, json!({"action": "step"})).await?;
    let there = |at: i64| move |r: &Value| r["position"] == json!(NOON + at) && r["target"].is_null();
    stands(&relay, "the first minute", there(60_000)).await?;
    direct(&relay, json!({"action": "step", "interval": "5m"})).await?;
    let replay = stands(&relay, "five minutes", there(300_000)).await?;
    assert_eq!(replay["state"], "paused");
    holds(&relay, &[0, 1, 2, 3, 4]).await?;

    direct(&relay, json!({"action": "seek", "to": NOON + 455_000})).await?;
    stands(&relay, "forward", there(450_000)).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [SYMBOL], "channels": ["bar", "trade"]})).await?;
    let bar = client.wait_for("a bar", Duration::from_secs(10), |f| f["type"] == "bar").await?;
    let told = client.wait_for("the replay", Duration::from_secs(10), |f| f["type"] == "replay").await?;
    assert_eq!((&told["position"], &told["run"]), (&json!(NOON + 450_000), &json!(1)));

    let (_, back) = direct(&relay, json!({"action": "seek", "to": NOON + 130_000})).await?;
    assert_eq!(back["run"], 2);
    stands(&relay, "back", there(130_000)).await?;
    // The future is not told.
    holds(&relay, &[0, 1]).await?;
    client.wait("closed", Duration::from_secs(10), |_| false).await.unwrap_err();
    assert_eq!(client.closed.map(|code| code.to_string()), Some("1012".to_owned()));
    let mut client = relay.socket().await?;
    let resume =
        json!({"action": "subscribe", "symbols": [SYMBOL], "channels": ["bar"], "resume": bar["cursor"]});
    client.send(&resume).await?;
    let gap = client.wait_for("a gap", Duration::from_secs(10), |f| f["type"] == "gap").await?;
    assert_eq!(gap["cause"], "resume_expired");
    let snapshot = client.wait_for("a snapshot", Duration::from_secs(10), |f| f["type"] == "bar").await?;
    assert!(snapshot["timestamp"].as_i64() <= Some(NOON + 120_000), "{snapshot}");

    direct(&relay, json!({"action": "speed", "speed": "max"})).await?;
    let (_, playing) = direct(&relay, json!({"action": "play"})).await?;
    assert_eq!(playing["speed"], "max");
    stands(&relay, "the end", |r| r["state"] == "ended").await?;
    let (_, replay) = direct(&relay, json!({"action": "seek", "to": "2024-08-08T12:01:05Z"})).await?;
    assert_eq!((&replay["run"], &replay["state"]), (&json!(3), &json!("paused")));
    stands(&relay, "back from the end", there(60_000)).await?;

    let (status, refusal) = direct(&relay, json!({"action": "rewind"})).await?;
    assert_eq!((status, &refusal["code"]), (400, &json!("invalid_action")));
    Ok(())
}

#[tokio::test]
async fn only_a_replay_is_directed() -> Result<()> {
    let relay = Options::sim().start().await?;
    let (status, refusal) = relay.get("/api/replay").await?;
    assert_eq!((status, &refusal["code"]), (404, &"no_replay".into()));
    let (status, refusal) = direct(&relay, serde_json::json!({"action": "play"})).await?;
    assert_eq!((status, &refusal["code"]), (409, &"no_replay".into()));
    Ok(())
}
