//! What was recorded is served while the venue is out of reach.

use anyhow::Result;
use serde_json::{Value, json};
use tests::relay::Options;

use super::{MINUTE, PERP, SOON, fake, live};

#[tokio::test]
async fn a_venue_that_is_away_at_the_start_has_its_record_served() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let from = fake.now() - 60 * MINUTE;
    let paths = ["bars", "oi", "funding", "book"]
        .map(|kind| format!("/api/history/{kind}?symbol={PERP}&from={from}&limit=1"));
    let mut recorded: Vec<Vec<Value>> = Vec::new();
    for path in &paths {
        recorded.push(relay.wait_rows(path, SOON, |rows| rows.len() == 1).await?);
    }
    let found = |rows: &[Value]| !rows.is_empty();
    let found = relay.wait_rows("/api/symbols/search?q=eth/usdt", SOON, found).await?;
    let symbols = relay.rows("/api/symbols").await?;
    let kept = relay.folder().join("listings/binance.json");
    let until = std::time::Instant::now() + SOON;
    while !std::fs::read_to_string(&kept).is_ok_and(|text| text.contains(PERP) && text.contains("ETH/USDT")) {
        anyhow::ensure!(std::time::Instant::now() < until, "the list is not kept");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let killed = fake.now();
    drop(fake);
    let relay = relay.kill_and_restart().await?;

    for (path, before) in paths.iter().zip(&recorded) {
        assert_eq!(&relay.rows(path).await?, before, "{path}");
    }
    assert_eq!(relay.rows("/api/symbols").await?, symbols);
    assert_eq!(relay.rows("/api/symbols/search?q=eth/usdt").await?, found);
    // Nobody had asked for hours yet: the answer has what minutes give and says why more may be missing.
    let since = from - 300 * MINUTE;
    let hours = format!("/api/candles?symbol={PERP}&interval=1H&from={since}&to={killed}");
    let (status, headers, rows) = relay.get_with(&hours, &[]).await?;
    assert_eq!((status, rows.as_array().is_some_and(|rows| !rows.is_empty())), (200, true), "{rows}");
    assert!(headers.contains_key("x-incomplete"), "{headers:?} {rows}");
    let status = relay.wait_status("why", SOON, |s| s["venues"][0]["reason"].is_string()).await?;
    let venue = &status["venues"][0];
    assert_eq!((&venue["state"], &venue["connected"]), (&json!("down"), &json!(false)), "{venue}");
    // A subscription is taken; its data comes when the venue does.
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "id": 1, "symbols": [PERP], "channels": ["bar"]})).await?;
    client.wait_for("the answer", SOON, |f| f["type"] == "subscribed" && f["id"] == 1).await?;
    Ok(())
}
