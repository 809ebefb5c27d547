//! Cut lines, silence, book gaps, refused topics, refusals with HTTP 200, junk.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::{live, state};
use tests::fake::socket::Mute;
use tests::fake_bybit::market::Product;
use tests::fake_bybit::state::RestFault;
use tests::fake_bybit::{FakeBybit, JUNK};
use tests::proxy::Proxy;

use super::{MINUTE, NAME, PERP, SOON, assert_bars, fake, fake_in_minute, options};

/// Times a linear topic was subscribed.
fn subscribed(fake: &FakeBybit, topic: &str) -> u64 {
    fake.counts().subscribed.get(&("linear", topic.to_owned())).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_silent_topic_is_shown_and_resubscribed_alone() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let before = fake.counts();
    let topic = format!("publicTrade.{NAME}");
    fake.mute(Product::Linear, &topic, Mute::Subscribes(2));
    let status =
        relay.wait_status("silent", Duration::from_secs(60), |s| state(s, PERP, "trade") == "silent").await?;
    for channel in ["bar", "book", "funding", "oi"] {
        assert_ne!(state(&status, PERP, channel), "silent", "{channel}");
    }
    relay.wait_status("live again", Duration::from_secs(90), |s| state(s, PERP, "trade") == "live").await?;
    let after = fake.counts();
    for (key, times) in &after.subscribed {
        let known = before.subscribed.get(key).copied().unwrap_or(0);
        assert!(if key.1 == topic { *times >= known + 2 } else { *times == known }, "{key:?}: {times}");
    }
    assert_eq!(after.connections, before.connections, "no reconnect");
    Ok(())
}

#[tokio::test]
async fn a_cut_line_comes_back_and_its_minutes_are_whole() -> Result<()> {
    let fake = fake_in_minute(25).await?;
    let proxy = Proxy::start(fake.address).await?;
    let relay = options(&fake, PERP).env("BYBIT_WS_URL", format!("ws://{}", proxy.address)).start().await?;
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
    let (from, to) = (minute - 10 * MINUTE, minute + MINUTE);
    let path = format!("/api/history/bars?symbol={PERP}&from={from}&to={to}");
    let whole = |rows: &[Value]| {
        rows.last().is_some_and(|r| r["timestamp"].as_i64() >= Some(minute) && r["closed"] == true)
    };
    relay.wait_rows(&path, Duration::from_secs(80), whole).await?;
    assert_bars(&relay, &fake, from, to).await?;
    let trades = client.frames.iter().filter(|f| f["type"] == "trade");
    let mut ids: Vec<&str> = trades.filter_map(|f| f["id"].as_str()).collect();
    let told = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), told, "a trade told twice");
    let now = fake.now();
    let gaps = relay.rows(&format!("/api/gaps?symbol={PERP}&from={}&to={now}", cut_at - MINUTE)).await?;
    for channel in ["trade", "bar", "book"] {
        let gap = gaps.iter().find(|g| g["channel"] == channel);
        assert!(gap.is_some_and(|g| g["state"] != "open"), "{channel}: {gaps:?}");
    }
    assert!(fake.violations().is_empty(), "{:?}", fake.violations());
    Ok(())
}

/// The best prices and sizes of a book frame against the venue's own at its time; `None` where it had no step then.
fn is_venues_top(fake: &FakeBybit, frame: &Value) -> Option<bool> {
    let top = fake.top_at(Product::Linear, NAME, frame["timestamp"].as_i64()?)?;
    let same = |key: &str, value: f64| frame[key].as_f64().is_some_and(|n| (n - value).abs() < 1e-9);
    Some(
        same("bid_px", top.bid_px)
            && same("ask_px", top.ask_px)
            && same("bid_qty", top.bid_qty)
            && same("ask_qty", top.ask_qty),
    )
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
    let topic = format!("orderbook.200.{NAME}");
    // A service restarted numbers anew from a snapshot, and a snapshot may come at any time: no loss, nothing to do.
    assert!(fake.restart_book(Product::Linear, NAME) > 0);
    assert!(fake.repeat_snapshots(Product::Linear, NAME) > 0);
    let seen = count(&client.frames);
    client.wait("book frames after the restart", SOON, |f| count(f) >= seen + 10).await?;
    assert_eq!(subscribed(&fake, &topic), 1);
    fake.skip_updates(Product::Linear, &topic, 2);
    let until = Instant::now() + SOON;
    while subscribed(&fake, &topic) < 2 {
        assert!(Instant::now() < until, "no new subscription");
        client.read_for(Duration::from_millis(100)).await;
    }
    let seen = count(&client.frames);
    client.wait("book frames again", SOON, |f| count(f) >= seen + 10).await?;
    let frames = client.frames.iter().filter(told);
    let compared: Vec<(bool, &Value)> = frames.filter_map(|f| Some((is_venues_top(&fake, f)?, f))).collect();
    assert!(compared.len() >= 20, "{}", compared.len());
    let wrong: Vec<&Value> = compared.iter().filter(|(same, _)| !same).map(|(_, f)| *f).collect();
    assert!(wrong.is_empty(), "{} of {} the venue never had: {wrong:?}", wrong.len(), compared.len());
    let now = fake.now();
    let gaps = relay.rows(&format!("/api/gaps?symbol={PERP}&from={}&to={now}", now - MINUTE)).await?;
    let told = gaps.iter().find(|g| g["channel"] == "book" && g["cause"] == "sequence");
    assert!(told.is_some_and(|g| g["state"] != "open"), "the hole is on record: {gaps:?}");
    Ok(())
}

#[tokio::test]
async fn one_refused_topic_does_not_cost_the_others() -> Result<()> {
    let fake = fake().await?;
    fake.forget_topic(&format!("allLiquidation.{NAME}"));
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let counts = fake.counts();
    assert!(counts.failed_requests >= 2, "the whole request, then the one topic: {}", counts.failed_requests);
    assert_eq!(subscribed(&fake, &format!("allLiquidation.{NAME}")), 0);
    assert_eq!(counts.connections["linear"], 1);
    Ok(())
}

#[tokio::test]
async fn refusals_with_http_200_are_waited_out() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let from = fake.now() - 3 * 86_400_000;
    let path = format!("/api/candles?symbol={PERP}&interval=1m&from={from}&to={}", from + 3 * MINUTE);
    let began = fake.now();
    fake.fail_rest(RestFault::RetCode(10_006), 1);
    drop(relay.get(&path).await?);
    relay.wait_rows(&path, Duration::from_secs(40), |rows| rows.len() == 3).await?;
    let calls: Vec<_> = fake.counts().rest_log.into_iter().filter(|c| c.at >= began).collect();
    let refused = calls.iter().find(|c| c.ret_code == Some(10_006)).context("a refusal")?;
    assert_eq!(refused.status, 200);
    let next = calls.iter().find(|c| c.at > refused.at).context("a call after the refusal")?;
    assert!(next.at - refused.at >= 980, "{} ms after the refusal", next.at - refused.at);
    assert!(fake.violations().is_empty(), "{:?}", fake.violations());
    Ok(())
}

#[tokio::test]
async fn junk_is_counted_and_no_reason_to_reconnect() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let before = relay.status().await?["venues"][0]["errors"].as_u64().context("errors")?;
    let connections = fake.counts().connections;
    let sent = fake.junk();
    assert_eq!(sent, JUNK.len() + 1, "one linear socket");
    let counted = |s: &Value| s["venues"][0]["errors"].as_u64() >= Some(before + sent as u64 - 1);
    relay.wait_status("errors counted", SOON, counted).await?;
    live(&relay, PERP).await?;
    assert_eq!(fake.counts().connections, connections);
    Ok(())
}
