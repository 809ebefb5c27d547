//! Frames nobody should send, and too many of them.

use super::*;

#[tokio::test]
async fn the_socket_answers_and_stays_open() -> Result<()> {
    let relay = Options::sim().start().await?;
    let watching = bystander(&relay).await?;
    let mut client = relay.socket().await?;
    let request = |fields: Value| {
        let mut frame = json!({"action": "subscribe", "id": 1, "symbols": ["BTCUSDT-PERP"]});
        for (key, value) in fields.as_object().into_iter().flatten() {
            frame[key] = value.clone();
        }
        frame.to_string()
    };
    let cases = [
        (request(json!({"symbols": ["NOPEUSDT-PERP"]})), "unknown_symbol"),
        (request(json!({"symbols": ["BTCUSDT-PERP", "NOPEUSDT-PERP"]})), "unknown_symbol"),
        (request(json!({"symbols": ["../../etc/passwd"]})), "invalid_symbol"),
        (request(json!({"symbols": "BTCUSDT-PERP"})), "invalid_field"),
        (request(json!({"symbols": [7]})), "invalid_field"),
        (request(json!({"intervals": ["7m"]})), "unknown_interval"),
        (request(json!({"channels": ["nonsense"]})), "unknown_channel"),
        (request(json!({"venues": ["mtgox"]})), "unknown_venue"),
        (request(json!({"symbols": ["CME_MINI:MNQ1!"], "venues": ["sim-b"]})), "unknown_symbol"),
        (request(json!({"resume": 5})), "invalid_resume"),
        (r#"{"action":"buy","id":1}"#.to_owned(), "unknown_action"),
        ("[1,2".to_owned(), "invalid_json"),
    ];
    for (text, code) in &cases {
        client.take();
        client.send_text(text).await?;
        let error = client.wait_for(code, SOON, |f| f["type"] == "error").await?;
        assert_eq!(error["code"], **code, "{text}: {error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty());
        // Of a symbol that another venue has it says which.
        assert_eq!(
            text.contains("MNQ1"),
            message == "sim-b does not list `CME_MINI:MNQ1!`; sim does",
            "{message}"
        );
        assert!(!text.contains("\"id\":1") || error["id"] == 1, "{error}");
    }
    // A refused request subscribed nothing, not even its good half.
    client.take();
    client.send(&json!({"action": "ping", "id": "x"})).await?;
    client.wait_for("pong", SOON, |f| f["type"] == "pong" && f["id"] == "x").await?;
    client.read_for(Duration::from_millis(500)).await;
    assert!(client.frames.iter().all(|f| f.get("seq").is_none()), "{:?}", client.frames);

    client.send_bytes(vec![0, 255, 1, 2]).await?;
    let error = client.wait_for("binary", SOON, |f| f["type"] == "error").await?;
    assert_eq!(error["code"], "binary_frame");
    undisturbed(watching).await
}

#[tokio::test]
async fn an_oversized_frame_is_told_and_closed_with_1008() -> Result<()> {
    let relay = Options::sim().start().await?;
    let watching = bystander(&relay).await?;
    let mut client = relay.socket().await?;
    client.send_text(&"x".repeat(1 << 20)).await?;
    let error = client.wait_for("too large", SOON, |f| f["type"] == "error").await?;
    assert_eq!(error["code"], "frame_too_large");
    assert_eq!(client.wait_closed(SOON).await?, 1008);
    let mut bytes = relay.socket().await?;
    bytes.send_bytes(vec![7; 1 << 20]).await?;
    let error = bytes.wait_for("too large", SOON, |f| f["type"] == "error").await?;
    assert_eq!(error["code"], "frame_too_large");
    assert_eq!(bytes.wait_closed(SOON).await?, 1008);
    undisturbed(watching).await
}

#[tokio::test]
async fn too_many_frames_or_subscriptions_end_with_1008() -> Result<()> {
    let relay = Options::sim().start().await?;
    let watching = bystander(&relay).await?;
    let mut hasty = relay.socket().await?;
    for id in 0..21 {
        hasty.send(&json!({"action": "ping", "id": id})).await?;
    }
    hasty.wait_for("rate_limited", SOON, |f| f["code"] == "rate_limited").await?;
    assert_eq!(hasty.wait_closed(SOON).await?, 1008);
    assert_eq!(hasty.frames.iter().filter(|f| f["type"] == "pong").count(), 20);

    // A flood is told why it ends too, though most of it was never read.
    let mut flood = relay.socket().await?;
    for id in 0..5_000 {
        // The other end may be closing already.
        if flood.send(&json!({"action": "ping", "id": id})).await.is_err() {
            break;
        }
    }
    flood.wait_for("rate_limited", SOON, |f| f["code"] == "rate_limited").await?;
    assert_eq!(flood.wait_closed(SOON).await?, 1008);

    let symbols: Vec<Value> = relay.rows("/api/symbols").await?.iter().map(|s| s["symbol"].clone()).collect();
    let mut greedy = relay.socket().await?;
    let all = ["1m", "5m", "15m", "30m", "1H", "4H", "1D", "1W", "1M"];
    let topics = 9 + 5;
    if symbols.len() * topics > 200 {
        let channels = ["bar", "oi", "funding", "liquidation", "trade", "book"];
        greedy.send(&json!({"action": "subscribe", "id": 9, "symbols": symbols, "channels": channels, "intervals": all})).await?;
        greedy.wait_for("too many", SOON, |f| f["code"] == "too_many_subscriptions" && f["id"] == 9).await?;
        assert_eq!(greedy.wait_closed(SOON).await?, 1008);
    }
    undisturbed(watching).await
}

#[tokio::test]
async fn a_low_subscription_limit_is_kept() -> Result<()> {
    let relay = Options::sim().env("TAPEDECK_SUBSCRIPTIONS", "3").start().await?;
    let mut client = relay.socket().await?;
    let ask = |channels: Value| json!({"action": "subscribe", "symbols": ["BTCUSDT-PERP"], "venues": ["sim"], "channels": channels});
    client.send(&ask(json!(["trade", "book"]))).await?;
    client.send(&ask(json!(["trade", "book"]))).await?;
    client.send(&ask(json!(["oi"]))).await?;
    client.wait("three", SOON, |f| f.iter().filter(|f| f["type"] == "subscribed").count() == 3).await?;
    client.send(&ask(json!(["funding"]))).await?;
    client.wait_for("too many", SOON, |f| f["code"] == "too_many_subscriptions").await?;
    assert_eq!(client.wait_closed(SOON).await?, 1008);
    Ok(())
}
