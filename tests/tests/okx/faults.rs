//! Cut lines, silence, gaps, refusals with HTTP 200, notices, junk.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::{live, state};
use tests::fake::socket::Mute;
use tests::fake_okx::JUNK;
use tests::fake_okx::state::{PATHS, Path};
use tests::proxy::Proxy;

use super::{MINUTE, PERP, SOON, SWAP, assert_bars, fake, fake_in_minute, options};

#[tokio::test]
async fn a_silent_topic_is_shown_and_resubscribed_alone() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let stream = format!("trades:{SWAP}");
    let before = fake.counts();
    fake.mute(&stream, Mute::Subscribes(2));
    let status =
        relay.wait_status("silent", Duration::from_secs(60), |s| state(s, PERP, "trade") == "silent").await?;
    for channel in ["bar", "book", "funding"] {
        assert_ne!(state(&status, PERP, channel), "silent", "{channel}");
    }
    relay.wait_status("live again", Duration::from_secs(90), |s| state(s, PERP, "trade") == "live").await?;
    let after = fake.counts();
    assert!(after.subscribed[&stream] >= before.subscribed[&stream] + 2);
    for (name, times) in &after.subscribed {
        assert!(*name == stream || before.subscribed.get(name) == Some(times), "{name} was touched");
    }
    assert_eq!(after.connections, before.connections, "no reconnect");
    Ok(())
}

#[tokio::test]
async fn a_cut_line_comes_back_and_its_minutes_are_whole() -> Result<()> {
    let fake = fake_in_minute(25).await?;
    let proxy = Proxy::start(fake.address).await?;
    let relay = options(&fake, PERP).env("OKX_WS_URL", format!("ws://{}", proxy.address)).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["trade", "bar"]})).await?;
    client.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;
    let cut_at = fake.now();
    proxy.cut();
    relay.wait_status("down", SOON, |s| s["venues"][0]["connected"] == false).await?;
    client.read_for(Duration::from_secs(6)).await;
    proxy.restore();
    let back = |s: &Value| ["trade", "book", "funding"].iter().all(|c| state(s, PERP, c) == "live");
    relay.wait_status("back", Duration::from_secs(20), back).await?;
    let minute = cut_at - cut_at.rem_euclid(MINUTE);
    let path =
        format!("/api/history/bars?symbol={PERP}&from={}&to={}", minute - 10 * MINUTE, minute + MINUTE);
    let whole = |rows: &[Value]| {
        rows.last().is_some_and(|r| r["timestamp"].as_i64() >= Some(minute) && r["closed"] == true)
    };
    relay.wait_rows(&path, Duration::from_secs(80), whole).await?;
    assert_bars(&relay, &fake, minute - 10 * MINUTE, minute + MINUTE).await?;
    let mut ids: Vec<&str> =
        client.frames.iter().filter(|f| f["type"] == "trade").filter_map(|f| f["id"].as_str()).collect();
    let told = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), told, "a trade told twice");
    let now = fake.now();
    let gaps = relay.rows(&format!("/api/gaps?symbol={PERP}&from={}&to={now}", cut_at - MINUTE)).await?;
    let told = |channel: &str| gaps.iter().find(|g| g["channel"] == channel).map(|g| g["state"].clone());
    assert_eq!((told("trade"), told("bar")), (Some(json!("refilled")), Some(json!("refilled"))), "{gaps:?}");
    assert_eq!(told("book"), Some(json!("lost")), "{gaps:?}");
    assert_eq!(fake.violations(), Vec::<String>::new());
    Ok(())
}

/// The best prices and sizes of a book frame against the venue's own at its time; `None` for other frames.
fn is_venues_top(fake: &tests::fake_okx::FakeOkx, frame: &Value) -> Option<bool> {
    let at = frame["timestamp"].as_i64()?;
    let top = fake.top_at(SWAP, at)?;
    let number = |key: &str| frame[key].as_f64();
    // Sizes of the venue are contracts of 0.01.
    let same = |key: &str, contracts: f64| number(key).is_some_and(|q| (q - contracts / 100.0).abs() < 1e-9);
    let prices = (number("bid_px"), number("ask_px")) == (Some(top.bid_px), Some(top.ask_px));
    Some(prices && same("bid_qty", top.bid_qty) && same("ask_qty", top.ask_qty))
}

#[tokio::test]
async fn a_book_gap_is_mended_by_a_new_subscription_and_nobody_reads_a_stale_book() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    relay.wait_status("book live", SOON, |s| state(s, PERP, "book") == "live").await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["book"]})).await?;
    let told = |f: &&Value| f["type"] == "book" && f["snapshot"] != true;
    let count = |frames: &[Value]| frames.iter().filter(told).count();
    client.wait("book frames", SOON, |f| count(f) >= 10).await?;
    let key = format!("books:{SWAP}");
    // The numbering begins anew without a loss: no reason to do anything.
    fake.restart_book(SWAP);
    let seen = count(&client.frames);
    client.wait("book frames after the restart", SOON, |f| count(f) >= seen + 10).await?;
    assert_eq!(fake.counts().subscribed[&key], 1);
    fake.skip_books(SWAP, 2);
    let until = std::time::Instant::now() + SOON;
    while fake.counts().subscribed[&key] < 2 {
        assert!(std::time::Instant::now() < until, "no new subscription");
        client.read_for(Duration::from_millis(100)).await;
    }
    let seen = count(&client.frames);
    client.wait("book frames again", SOON, |f| count(f) >= seen + 10).await?;
    let compared: Vec<(bool, &Value)> =
        client.frames.iter().filter(told).filter_map(|f| Some((is_venues_top(&fake, f)?, f))).collect();
    assert!(compared.len() >= 20, "{}", compared.len());
    let wrong: Vec<&Value> = compared.iter().filter(|(same, _)| !same).map(|(_, f)| *f).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} the venue never had: {:?}",
        wrong.len(),
        compared.len(),
        wrong.first()
    );
    assert_eq!(fake.counts().unsubscribed.get(&key), Some(&1));
    let now = fake.now();
    let gaps = relay.rows(&format!("/api/gaps?symbol={PERP}&from={}&to={now}", now - MINUTE)).await?;
    let told = gaps.iter().find(|g| g["channel"] == "book" && g["cause"] == "sequence");
    assert!(told.is_some_and(|g| g["state"] != "open"), "the hole is on record: {gaps:?}");
    Ok(())
}

#[tokio::test]
async fn too_many_requests_with_http_200_are_obeyed_and_waits_grow() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let from = fake.now() - 3 * 86_400_000;
    let path = format!("/api/candles?symbol={PERP}&interval=1m&from={from}&to={}", from + 3 * MINUTE);
    let began = fake.now();
    fake.too_many_requests(2, false);
    drop(relay.get(&path).await?);
    relay.wait_rows(&path, Duration::from_secs(40), |rows| rows.len() == 3).await?;
    let calls: Vec<_> = fake.counts().rest_log.into_iter().filter(|c| c.at >= began).collect();
    let refused: Vec<_> = calls.iter().filter(|c| c.code == 50_011).collect();
    assert_eq!(refused.len(), 2, "{calls:?}");
    assert!(refused.iter().all(|c| c.status == 200));
    for (nth, refusal) in refused.iter().enumerate() {
        let next = calls.iter().find(|c| c.at > refusal.at).context("a call after the refusal")?;
        let least = 2_000 << nth;
        assert!(next.at - refusal.at >= least - 20, "{} ms after the refusal", next.at - refusal.at);
    }
    Ok(())
}

#[tokio::test]
async fn a_notice_opens_the_next_connection_before_the_old_one_goes() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["trade", "book"]})).await?;
    client.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;
    let before = fake.counts().connections;
    assert_eq!(fake.announce_upgrade(), 2);
    let until = std::time::Instant::now() + SOON;
    while PATHS.iter().any(|p| fake.counts().connections[p] <= before[p]) {
        assert!(std::time::Instant::now() < until, "no second connection");
        client.read_for(Duration::from_millis(50)).await;
    }
    while PATHS.iter().any(|p| fake.open(*p) != 1) {
        assert!(std::time::Instant::now() < until, "both connections stay");
        client.read_for(Duration::from_millis(50)).await;
    }
    let seen = client.frames.len();
    client.wait("frames go on", SOON, |f| f.len() > seen + 20).await?;
    let status = relay.status().await?;
    assert_eq!(status["venues"][0]["connected"], true);
    let ids: Vec<u64> = client
        .frames
        .iter()
        .filter(|f| f["type"] == "trade")
        .filter_map(|f| f["id"].as_str()?.parse().ok())
        .collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|w| w[1] == w[0] + 1), "a trade lost or told twice: {sorted:?}");
    assert_eq!(fake.violations(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn junk_is_counted_and_a_refused_location_is_said_as_such() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let before = relay.status().await?["venues"][0]["errors"].as_u64().context("errors")?;
    let connections = fake.counts().connections;
    let sent = fake.junk();
    assert_eq!(sent, 2 * (JUNK.len() + 1), "a public and a business socket");
    let counted = |s: &Value| s["venues"][0]["errors"].as_u64() >= Some(before + sent as u64 - 2);
    relay.wait_status("errors counted", SOON, counted).await?;
    live(&relay, PERP).await?;
    assert_eq!(fake.counts().connections, connections, "junk is no reason to reconnect");
    assert_eq!((fake.open(Path::Public), fake.open(Path::Business)), (1, 1));
    drop(relay);
    fake.refuse_location(true);
    let relay = options(&fake, PERP).start().await?;
    let said = |s: &Value| s["venues"][0]["reason"].as_str().is_some_and(|r| r.contains("location"));
    let shown = relay.wait_status("the reason", SOON, said).await?;
    assert_eq!(shown["venues"][0]["connected"], false);
    Ok(())
}
