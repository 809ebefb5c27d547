//! Symbols nobody configured: found, opened for their first client, closed some time after their last.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::fake_binance::FakeBinance;
use tests::relay::{Options, Relay};

use super::{PERP, SOON, fake, live, state, topic};

const GRACE: Duration = Duration::from_secs(2);
const SOL: &str = "SOLUSDT-PERP";

async fn relay(fake: &FakeBinance) -> Result<Relay> {
    let options = Options::binance(fake, PERP).env("TAPEDECK_GRACE_S", GRACE.as_secs().to_string());
    let relay = options.env("TAPEDECK_DYNAMIC_SYMBOLS", "1").start().await?;
    live(&relay, PERP).await?;
    Ok(relay)
}

/// Streams of a symbol in the venue's counts.
fn streams(counted: &BTreeMap<String, u64>, symbol: &str) -> Vec<(String, u64)> {
    let of = |(name, _): &(&String, &u64)| name.starts_with(symbol);
    counted.iter().filter(of).map(|(name, times)| (name.clone(), *times)).collect()
}

async fn until(what: &str, within: Duration, done: impl Fn() -> bool) -> Result<()> {
    let end = Instant::now() + within;
    while !done() {
        ensure!(Instant::now() < end, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn followed(relay: &Relay) -> Result<Vec<Value>> {
    Ok(relay.rows("/api/symbols").await?.iter().map(|row| row["symbol"].clone()).collect())
}

#[tokio::test]
async fn a_symbol_opens_with_its_first_client_and_closes_after_its_last() -> Result<()> {
    let fake = fake().await?;
    let relay = relay(&fake).await?;
    // Everything the venue lists is found, also what no configured symbol needed, and under the venue's own name.
    let found = |rows: &[Value]| rows.first().is_some_and(|row| row["followed"] == false);
    let spot = relay.wait_rows("/api/symbols/search?q=eth/usdt", SOON, found).await?;
    assert_eq!(spot[0]["symbol"], "ETH/USDT");
    let pepe = relay.rows("/api/symbols/search?q=1000pepe").await?;
    assert_eq!((&pepe[0]["symbol"], &pepe[0]["multiplier"]), (&json!("PEPEUSDT-PERP"), &json!(1_000.0)));
    assert_eq!(relay.rows("/api/symbols/search?q=oldusdt").await?.len(), 0, "halted");
    assert_eq!(followed(&relay).await?, [PERP]);
    // Its history is to be had without following it.
    let bars = relay.rows(&format!("/api/candles?symbol={SOL}&interval=1H&limit=5")).await?;
    assert_eq!(bars.len(), 5);
    assert_eq!(streams(&fake.counts().subscribed, "solusdt"), []);

    let subscribe = json!({"action": "subscribe", "id": 1, "symbols": [SOL], "channels": ["trade", "bar"]});
    let mut first = relay.socket().await?;
    first.send(&subscribe).await?;
    first.wait_for("the answer", SOON, |f| f["type"] == "subscribed" && f["id"] == 1).await?;
    first.wait_for("a trade", SOON, |f| f["type"] == "trade" && f["symbol"] == SOL).await?;
    let opened = streams(&fake.counts().subscribed, "solusdt");
    assert!(!opened.is_empty() && opened.iter().all(|(_, times)| *times == 1), "{opened:?}");
    assert_eq!(followed(&relay).await?, [PERP, SOL]);

    // A second client shares what is open.
    let mut second = relay.socket().await?;
    second.send(&subscribe).await?;
    second.wait_for("a trade", SOON, |f| f["type"] == "trade" && f["symbol"] == SOL).await?;
    first.close().await;
    second.read_for(GRACE + Duration::from_secs(1)).await;
    second.take();
    second.wait_for("another trade", SOON, |f| f["type"] == "trade" && f["symbol"] == SOL).await?;
    let counts = fake.counts();
    assert_eq!(streams(&counts.subscribed, "solusdt"), opened);
    assert_eq!(counts.unsubscribed, BTreeMap::new());

    // The last one leaves; only after the grace period the venue is told.
    let left = Instant::now();
    second.send(&json!({"action": "unsubscribe", "id": 2, "symbols": [SOL]})).await?;
    let closed = || streams(&fake.counts().unsubscribed, "solusdt").len() == opened.len();
    until("closed at the venue", SOON, closed).await?;
    assert!(left.elapsed() >= GRACE, "closed after {:?}", left.elapsed());
    let status = relay.wait_status("forgotten", SOON, |s| topic(s, SOL, "trade").is_none()).await?;
    assert_eq!(state(&status, PERP, "trade"), "live");
    assert_eq!(followed(&relay).await?, [PERP]);
    let counts = fake.counts();
    assert_eq!(streams(&counts.unsubscribed, "btcusdt"), [], "what is configured stays");
    assert!(streams(&counts.subscribed, "btcusdt").iter().all(|(_, times)| *times == 1));
    Ok(())
}

#[tokio::test]
async fn polls_keep_a_symbol_open_and_a_full_venue_refuses_another() -> Result<()> {
    let fake = fake().await?;
    let relay = relay(&fake).await?;
    let poll = format!("/api/snapshot?symbol={SOL}&channels=trade,book");
    let began = Instant::now();
    while began.elapsed() < GRACE * 2 {
        assert_eq!(relay.get(&poll).await?.0, 200);
        tokio::time::sleep(GRACE / 8).await;
    }
    until("opened", SOON, || !streams(&fake.counts().subscribed, "solusdt").is_empty()).await?;
    assert_eq!(streams(&fake.counts().unsubscribed, "solusdt"), []);

    // The one place this venue has is taken.
    let mut client = relay.socket().await?;
    let eth = json!({"action": "subscribe", "id": 1, "symbols": [PERP, "ETHUSDT-PERP"]});
    assert_eq!(relay.get(&poll).await?.0, 200);
    client.send(&eth).await?;
    let refusal = client.wait_for("the refusal", SOON, |f| f["type"] == "error").await?;
    assert_eq!((&refusal["code"], &refusal["id"]), (&json!("too_many_symbols"), &json!(1)), "{refusal}");
    assert_eq!(relay.get(&poll).await?.0, 200);
    let path = "/api/snapshot?symbol=ETHUSDT-PERP";
    let (status, headers, body) = relay.get_with(path, &[]).await?;
    assert_eq!((status, &body["code"]), (429, &json!("too_many_symbols")));
    assert_eq!(headers.get("retry-after").and_then(|v| v.to_str().ok()), Some("2"));
    // What is configured needs no place, and the refused client is served on.
    client.send(&json!({"action": "subscribe", "id": 2, "symbols": [PERP]})).await?;
    client.wait_for("the answer", SOON, |f| f["type"] == "subscribed" && f["id"] == 2).await?;

    // Nobody polls any more: its place is free for another.
    until("closed", SOON, || !streams(&fake.counts().unsubscribed, "solusdt").is_empty()).await?;
    client.send(&eth).await?;
    client.wait_for("accepted", SOON, |f| f["type"] == "subscribed" && f["id"] == 1).await?;
    until("opened", SOON, || !streams(&fake.counts().subscribed, "ethusdt").is_empty()).await?;
    Ok(())
}
