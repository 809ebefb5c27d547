//! A client that does not read: told, then closed; nobody else is delayed.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tests::client::Client;
use tests::relay::{Options, Relay};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(10);

/// A client with a narrow line that has asked for everything there is and reads nothing.
async fn clogged(relay: &Relay) -> Result<Client> {
    let symbols: Vec<Value> = relay.rows("/api/symbols").await?.iter().map(|s| s["symbol"].clone()).collect();
    let channels = ["bar", "oi", "funding", "liquidation", "trade", "book"];
    let intervals = ["1m", "5m", "15m", "30m", "1H", "4H", "1D", "1W", "1M"];
    let mut client = Client::connect_narrow(relay.address).await?;
    let all =
        json!({"action": "subscribe", "symbols": symbols, "channels": channels, "intervals": intervals});
    // The answers alone fill the line at once, however slow the market is.
    for _ in 0..15 {
        client.send(&all).await?;
    }
    Ok(client)
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_with_1013_and_delays_nobody() -> Result<()> {
    let relay = Options::sim().start().await?;
    let mut quick = relay.socket().await?;
    quick
        .send(&json!({"action": "subscribe", "symbols": ["BTCUSDT-PERP"], "channels": ["book", "trade"]}))
        .await?;
    quick.wait_for("a book", SOON, |f| f["type"] == "book").await?;
    let mut slow = clogged(&relay).await?;
    let began = Instant::now();
    while !relay.log().contains("cannot keep up") {
        assert!(began.elapsed() < Duration::from_secs(20), "never given up");
        quick.read_for(Duration::from_millis(100)).await;
    }
    // Now it reads: what was on the line, and why it ends.
    let code = slow.wait_closed(SOON).await?;
    assert_eq!(code, 1013, "{:?}", slow.frames.last());

    let books: Vec<Instant> = quick
        .frames
        .iter()
        .zip(&quick.times)
        .filter(|(f, _)| f["type"] == "book")
        .map(|(_, at)| *at)
        .collect();
    assert!(books.len() > 20, "{} book frames", books.len());
    let pause = books.windows(2).map(|w| w[1] - w[0]).max().unwrap_or_default();
    assert!(pause < Duration::from_millis(1_500), "the other client waited {pause:?}");
    assert!(quick.frames.iter().all(|f| f["type"] != "slow" && f["type"] != "gap"));
    relay.wait_status("the slow client is gone", SOON, |s| s["clients"] == 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_recovers_is_told_what_it_missed() -> Result<()> {
    let relay = Options::sim().start().await?;
    let mut slow = clogged(&relay).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = slow.wait_for("slow", SOON, |f| f["type"] == "slow").await?;
    assert!(told["dropped"].is_u64() && told["conflated"].as_u64() > Some(0), "{told}");
    let seen = slow.frames.len();
    slow.wait("frames go on", SOON, |f| f.len() > seen + 50).await?;
    assert_eq!(slow.closed, None);
    Ok(())
}
