//! A signal that is told live says what `POST /api/signals` says of the same bar.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::relay::Options;

const SYMBOL: &str = "BTCUSDT-PERP";
/// 2024-03-15 00:00 UTC.
const START: i64 = 1_710_460_800_000;
const MINUTE: i64 = 60_000;
/// Minutes before and after a pause of [`PAUSE`] minutes.
const BEFORE: i64 = 300;
const AFTER: i64 = 400;
const PAUSE: i64 = 600;
/// Six seconds of pause: time to subscribe in.
const SPEED: &str = "6000";

/// Two trades a minute on a wave that crosses its averages.
fn recording() -> String {
    let mut text = String::new();
    let minutes = (0..BEFORE).chain(BEFORE + PAUSE..BEFORE + PAUSE + AFTER);
    for (id, (minute, second)) in minutes.flat_map(|minute| [(minute, 1), (minute, 50)]).enumerate() {
        let price = 1_000 + (minute % 120 - 60).abs() + if minute % 2 == 0 { 4 } else { 0 } + second / 50;
        let at = START + minute * MINUTE + second * 1_000;
        let data = json!({
            "stream": "btcusdt@aggTrade",
            "data": {
                "e": "aggTrade", "E": at, "a": id + 1, "s": "BTCUSDT", "p": format!("{price}.0"), "q": "0.010",
                "f": id, "l": id, "T": at, "m": id % 2 == 0,
            },
        });
        let channel = "wss://fstream.binance.com/market/stream";
        let line = json!({"received": at + 20, "venue": "binance", "channel": channel, "data": data});
        writeln!(text, "{line}").expect("a text grows");
    }
    text
}

#[tokio::test]
async fn a_live_signal_is_the_row_of_its_bar() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("wave.jsonl");
    std::fs::write(&file, recording())?;
    let mut options = Options::replay(&file);
    *options.args.last_mut().context("a speed")? = SPEED.into();
    let relay = options.start().await?;
    // In the pause, once everything before it is recorded.
    let path = format!("/api/candles?symbol={SYMBOL}&from={START}&limit={BEFORE}");
    relay.wait_rows(&path, Duration::from_secs(20), |rows| rows.len() as i64 == BEFORE).await?;
    let mut client = relay.socket().await?;
    let subscribe = json!({
        "action": "subscribe", "id": 1, "symbols": [SYMBOL], "channels": ["signal"], "intervals": ["1m"],
    });
    client.send(&subscribe).await?;
    let signal = |frame: &Value| frame["type"] == "signal";
    let enough = |frames: &[Value]| frames.iter().filter(|f| signal(f)).count() >= 5;
    client.wait("five signals", Duration::from_secs(40), enough).await?;
    let frames: Vec<Value> = client.take().into_iter().filter(signal).collect();

    let body = json!({"symbol": SYMBOL, "interval": "1m", "from": START, "strategy_id": "ema_crossover_rsi"});
    let last = frames[frames.len() - 1]["timestamp"].as_i64();
    let within = |row: &&Value| {
        let at = row["timestamp"].as_i64();
        at >= frames[0]["timestamp"].as_i64() && at <= last
    };
    // A bar is told before it is recorded as closed: its row follows within moments.
    let until = std::time::Instant::now() + Duration::from_secs(10);
    let rows = loop {
        let (status, rows) = relay.post("/api/signals", &body).await?;
        assert_eq!(status, 200, "{rows}");
        let told = |row: &Value| row["timestamp"].as_i64() == last && row["action"] != "hold";
        let there = rows.as_array().is_some_and(|rows| rows.iter().any(told));
        if there || std::time::Instant::now() > until {
            break rows;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let rows = rows.as_array().context("rows")?;
    let acting: Vec<&Value> = rows.iter().filter(within).filter(|row| row["action"] != "hold").collect();
    assert_eq!(acting.len(), frames.len(), "{frames:?} {acting:?}");
    for (frame, row) in frames.iter().zip(acting) {
        for field in ["timestamp", "action", "confidence", "strategy_id", "metadata"] {
            assert_eq!(frame[field], row[field], "{field}: {frame} {row}");
        }
        assert_eq!((&frame["interval"], &frame["venue"]), (&json!("1m"), &json!("binance")));
        assert_eq!(frame.get("snapshot"), None);
    }
    // And its numbers are those of the indicators.
    let indicators = ["ema_20", "ema_50", "rsi_14"];
    let body = json!({"symbol": SYMBOL, "interval": "1m", "from": START, "indicators": indicators});
    let (_, values) = relay.post("/api/indicators", &body).await?;
    let last = &frames[frames.len() - 1];
    let of = |row: &&Value| row["timestamp"] == last["timestamp"];
    let row = values.as_array().context("rows")?.iter().find(of).context("the bar")?;
    for name in indicators {
        assert_eq!(last["metadata"][name], row[name], "{name}");
        assert!(row[name].is_f64(), "{row}");
    }
    Ok(())
}
