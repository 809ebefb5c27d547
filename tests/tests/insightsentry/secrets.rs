//! The key goes to the vendor and nowhere else.

use anyhow::Result;
use serde_json::{Value, json};

use super::{KEY, MNQ, SOON, fake, live, options};

#[tokio::test]
async fn the_key_is_in_nothing_the_relay_says() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, MNQ).env("RUST_LOG", "trace").start().await?;
    live(&relay, MNQ).await?;
    let mut client = relay.socket().await?;
    let channels = ["bar", "oi", "funding", "liquidation", "trade", "book", "signal", "guards", "heatmap"];
    for channel in channels {
        // Those the relay does not have are refused, which is an answer too.
        client.send(&json!({"action": "subscribe", "symbols": [MNQ], "channels": [channel]})).await?;
    }
    client.wait_for("a bar", SOON, |f| f["type"] == "bar").await?;
    // The vendor repeats the key in all it may say.
    for frame in [
        format!(r#"{{"error":"invalid_symbol","symbol":"{KEY}","message":"for {KEY}"}}"#),
        format!(r#"{{"error":"{KEY}","action":"wait_and_retry","delay_seconds":600}}"#),
        format!(r#"{{"message":"hello {KEY}"}}"#),
        format!(r#"{{"series":"{KEY}","code":7}}"#),
        format!("{KEY} is no JSON"),
        KEY.to_owned(),
    ] {
        fake.inject(&frame);
    }
    fake.fail_rest(1, 500);
    let now = fake.now();
    let mut said = vec![relay.log()];
    for path in [
        "/health".to_owned(),
        "/api/status".to_owned(),
        "/metrics".to_owned(),
        "/api/symbols".to_owned(),
        "/api/symbols?all=true".to_owned(),
        "/api/symbols/search?q=MNQ".to_owned(),
        format!("/api/candles?symbol={MNQ}&interval=1m&limit=10"),
        format!("/api/candles?symbol={MNQ}&interval=1H&limit=10"),
        format!("/api/candles?symbol={MNQ}&interval=1D&limit=10"),
        format!("/api/latest-candle?symbol={MNQ}&interval=1m"),
        format!("/api/history/bars?symbol={MNQ}&from={}&to={now}", now - 3_600_000),
        format!("/api/snapshot?symbol={MNQ}&channels=bar"),
        format!("/api/gaps?symbol={MNQ}&from=0&to={now}"),
        "/api/openapi.json".to_owned(),
        "/".to_owned(),
        "/no-such-path".to_owned(),
    ] {
        let (_, headers, body) = relay.get_with(&path, &[]).await?;
        let text = match body {
            Value::String(text) => text,
            other => other.to_string(),
        };
        said.push(format!("{path}: {headers:?} {text}"));
    }
    fake.inject(&format!(r#"{{"error":"invalid_api_key","message":"no such key: {KEY}"}}"#));
    let over = |s: &Value| s["venues"][0]["reason"].as_str().is_some_and(|r| r.contains("invalid_api_key"));
    said.push(relay.wait_status("the reason", SOON, over).await?.to_string());
    said.extend(client.take().iter().map(Value::to_string));
    said.push(relay.log());
    for text in &said {
        let at = text.find(KEY);
        assert_eq!(at, None, "{}", text.chars().take(400).collect::<String>());
    }
    let seen = fake.seen(KEY);
    assert!(seen.messages > 0 && seen.calls > 0, "{seen:?}");
    assert_eq!((seen.messages_without, seen.calls_without, seen.addresses), (0, 0, 0), "{seen:?}");
    Ok(())
}
