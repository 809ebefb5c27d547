//! Silence, cut lines, gaps, bans, junk.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::fake::socket::Mute;
use tests::fake_binance::market::Product;
use tests::fake_binance::{FakeBinance, JUNK, USDM_ROUTES};
use tests::oracle::Top;
use tests::proxy::Proxy;
use tests::relay::{Options, Relay};

use super::{MINUTE, PERP, SOON, assert_bars, fake, fake_in_minute, live, state, topic};

#[tokio::test]
async fn a_silent_topic_is_shown_and_resubscribed_alone() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let stream = "btcusdt@markPrice@1s";
    let before = fake.counts();
    fake.mute(Product::Usdm, stream, Mute::Subscribes(2));
    let began = std::time::Instant::now();
    let status = relay.wait_status("silent", SOON, |s| state(s, PERP, "funding") == "silent").await?;
    let expected = topic(&status, PERP, "funding")
        .and_then(|t| t["expected_interval_ms"].as_i64())
        .context("interval")?;
    let limit = Duration::from_millis(expected as u64 * 3 + 2_000);
    assert!(began.elapsed() <= limit, "{:?} with a usual interval of {expected} ms", began.elapsed());
    for channel in ["bar", "trade", "book"] {
        assert_ne!(state(&status, PERP, channel), "silent", "{channel}");
    }
    relay.wait_status("live again", Duration::from_secs(40), |s| state(s, PERP, "funding") == "live").await?;
    let after = fake.counts();
    assert!(after.subscribed[stream] >= before.subscribed[stream] + 2);
    for (name, times) in &after.subscribed {
        assert!(name == stream || before.subscribed.get(name) == Some(times), "{name} was touched");
    }
    assert_eq!(after.connections, before.connections, "no reconnect");
    Ok(())
}

/// Socket traffic through a line that can be cut; REST reaches the venue directly.
async fn through_proxy(fake: &FakeBinance) -> Result<(Proxy, Relay)> {
    let proxy = Proxy::start(fake.addresses.usdm_ws).await?;
    let options = Options::binance(fake, PERP).env("BINANCE_WS_URL", format!("ws://{}", proxy.address));
    let relay = options.start().await?;
    live(&relay, PERP).await?;
    Ok((proxy, relay))
}

#[tokio::test]
async fn a_cut_line_comes_back_and_the_hole_is_refilled() -> Result<()> {
    let fake = fake_in_minute(25).await?;
    let (proxy, relay) = through_proxy(&fake).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["trade", "bar"]})).await?;
    client.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;
    let cut_at = fake.now();
    proxy.cut();
    relay.wait_status("down", SOON, |s| s["venues"][0]["connected"] == false).await?;
    client.read_for(Duration::from_secs(8)).await;
    proxy.restore();
    let restored = std::time::Instant::now();
    let back = |s: &Value| ["trade", "book", "funding"].iter().all(|c| state(s, PERP, c) == "live");
    relay.wait_status("back", Duration::from_secs(12), back).await?;
    assert!(restored.elapsed() <= Duration::from_secs(10), "back after {:?}", restored.elapsed());

    // Everything that traded meanwhile is in the minutes it belongs to.
    let minute = cut_at - cut_at.rem_euclid(MINUTE);
    let next = move |f: &Value| {
        f["type"] == "bar"
            && f["closed"] == true
            && f["snapshot"] != true
            && f["timestamp"].as_i64() >= Some(minute)
    };
    client.wait_for("the minute of the cut", Duration::from_secs(75), next).await?;
    let whole = |rows: &[Value]| {
        rows.last().is_some_and(|r| r["timestamp"].as_i64() >= Some(minute) && r["closed"] == true)
    };
    let path =
        format!("/api/history/bars?symbol={PERP}&from={}&to={}", minute - 10 * MINUTE, minute + MINUTE);
    relay.wait_rows(&path, SOON, whole).await?;
    assert_bars(&relay, &fake, minute - 10 * MINUTE, minute + MINUTE).await?;
    let ids: Vec<&str> =
        client.frames.iter().filter(|f| f["type"] == "trade").filter_map(|f| f["id"].as_str()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "a trade told twice");
    Ok(())
}

#[tokio::test]
async fn a_stalled_line_is_noticed() -> Result<()> {
    let fake = fake().await?;
    let (proxy, relay) = through_proxy(&fake).await?;
    proxy.stall();
    let noticed = |s: &Value| ["silent", "down"].contains(&state(s, PERP, "book").as_str());
    relay.wait_status("book silent", Duration::from_secs(10), noticed).await?;
    proxy.restore();
    relay.wait_status("book live", Duration::from_secs(20), |s| state(s, PERP, "book") == "live").await?;
    Ok(())
}

/// Whether a book frame is the venue's own top of that instant.
fn is_venues_top(fake: &FakeBinance, product: Product, frame: &Value) -> Option<bool> {
    let number = |value: &Value| value.as_f64();
    let top = Top {
        bid_px: number(&frame["bid_px"])?,
        bid_qty: number(&frame["bid_qty"])?,
        ask_px: number(&frame["ask_px"])?,
        ask_qty: number(&frame["ask_qty"])?,
        spread_bps: number(&frame["spread_bps"])?,
        bid_usd: number(&frame["depth_10bps"]["bid_usd"])?,
        ask_usd: number(&frame["depth_10bps"]["ask_usd"])?,
    };
    let at = frame["timestamp"].as_i64()?;
    // Event times are up to a tick of the venue's engine later than the step they tell of.
    let step = at - at.rem_euclid(100);
    Some(fake.top_at(product, "BTCUSDT", step).is_some_and(|exact| top.same(&exact)))
}

/// Swallows depth updates of a product and watches what the relay shows meanwhile.
async fn depth_gap(product: Product, symbol: &str, path: &str) -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, symbol).start().await?;
    relay.wait_status("book live", SOON, |s| state(s, symbol, "book") == "live").await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [symbol], "channels": ["book"]})).await?;
    let deep = |f: &Value| f["type"] == "book" && f["snapshot"] != true && !f["depth_10bps"].is_null();
    let count = |frames: &[Value]| frames.iter().filter(|f| deep(f)).count();
    client.wait("book frames", SOON, |f| count(f) >= 10).await?;
    let snapshots = fake.counts().rest[path];
    // The snapshot that follows the gap is late, and the first one is outdated.
    fake.stale_snapshots(1);
    fake.delay_rest(Duration::from_millis(300));
    fake.skip_depth(product, "BTCUSDT", 2);
    client.read_for(Duration::from_secs(3)).await;
    let seen = count(&client.frames);
    client.wait("book frames again", SOON, |f| count(f) >= seen + 10).await?;
    assert!(fake.counts().rest[path] >= snapshots + 2, "no fresh snapshot");
    let compared = client.frames.iter().filter(|f| deep(f));
    let wrong: Vec<&Value> = compared.filter(|f| is_venues_top(&fake, product, f) == Some(false)).collect();
    let all = count(&client.frames);
    assert!(
        wrong.is_empty(),
        "{} of {all} frames show a book the venue never had: {:?}",
        wrong.len(),
        wrong.first()
    );
    let now = fake.now();
    let query = symbol.replace('/', "%2F");
    let gaps =
        relay.rows(&format!("/api/gaps?symbol={query}&from={}&to={}", now - MINUTE, now + MINUTE)).await?;
    let told = gaps.iter().find(|g| g["channel"] == "book" && g["cause"] == "sequence");
    assert!(told.is_some_and(|g| g["state"] != "open"), "the hole is on record: {gaps:?}");
    Ok(())
}

#[tokio::test]
async fn a_futures_depth_gap_resyncs_and_nobody_reads_a_stale_book() -> Result<()> {
    depth_gap(Product::Usdm, PERP, "/fapi/v1/depth").await
}

#[tokio::test]
async fn a_spot_depth_gap_resyncs_and_nobody_reads_a_stale_book() -> Result<()> {
    depth_gap(Product::Spot, "BTC/USDT", "/api/v3/depth").await
}

#[tokio::test]
async fn bans_are_obeyed_to_the_second() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    for status in [429, 418] {
        fake.ban(Product::Usdm, status, Duration::from_secs(6));
        let began = fake.now();
        // Something that needs REST: history nobody has fetched.
        let from = began - 3 * 86_400_000;
        let path = format!("/api/candles?symbol={PERP}&interval=1m&from={from}&to={}", from + 3 * MINUTE);
        let blocked = |s: &Value| {
            let budgets = s["venues"][0]["rate_budget"].as_array();
            budgets.is_some_and(|b| b.iter().any(|b| b["blocked_until"].as_i64() > Some(began)))
        };
        let asking = async {
            for _ in 0..5 {
                let answer = relay.get(&path).await?.0;
                assert!([200, 503].contains(&answer), "{answer}");
            }
            anyhow::Ok(())
        };
        let shown = relay.wait_status("the ban in the status", Duration::from_secs(6), blocked);
        let (asked, shown) = tokio::join!(asking, shown);
        asked?;
        let reason = shown?["venues"][0]["reason"].clone();
        println!("{status}: shown as {reason}");
        // Afterwards it goes on.
        relay.wait_rows(&path, Duration::from_secs(12), |rows| rows.len() == 3).await?;
        let during: Vec<_> =
            fake.counts().rest_log.into_iter().filter(|c| c.at > began && c.status == status).collect();
        // What was already under way when the ban came may still arrive.
        assert!(during.len() <= 2, "{status}: {during:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_location_is_said_as_such() -> Result<()> {
    for status in [451, 403] {
        let fake = fake().await?;
        fake.refuse_location(Some(status));
        let relay = Options::binance(&fake, PERP).start().await?;
        let said = |s: &Value| s["venues"][0]["reason"].as_str().is_some_and(|r| r.contains("location"));
        let shown = relay.wait_status("the reason", SOON, said).await?;
        assert_eq!(shown["venues"][0]["connected"], false);
        let calls = fake.counts().rest_log.len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(fake.counts().rest_log.len() <= calls + 3, "asked again and again");
    }
    Ok(())
}

#[tokio::test]
async fn junk_is_counted_and_others_are_undisturbed() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, &format!("{PERP},BTC/USDT")).start().await?;
    live(&relay, PERP).await?;
    let before = relay.status().await?["venues"][0]["errors"].as_u64().context("errors")?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["trade", "book"]})).await?;
    client.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;
    let connections = fake.counts().connections;
    let sent = fake.junk();
    assert_eq!(sent, 3 * (JUNK.len() + 1), "two futures sockets and a spot one");
    let counted = |s: &Value| s["venues"][0]["errors"].as_u64() >= Some(before + sent as u64 - 3);
    relay.wait_status("errors counted", SOON, counted).await?;
    let seen = client.frames.len();
    client.wait("frames go on", SOON, |f| f.len() > seen + 20).await?;
    assert_eq!(fake.counts().connections, connections, "junk is no reason to reconnect");
    let status = relay.status().await?;
    for channel in ["trade", "book", "funding", "bar"] {
        assert_eq!(state(&status, PERP, channel), "live");
    }
    let trades: Vec<u64> = client
        .frames
        .iter()
        .filter(|f| f["type"] == "trade")
        .filter_map(|f| f["id"].as_str()?.parse().ok())
        .collect();
    assert!(trades.windows(2).all(|w| w[1] == w[0] + 1), "{trades:?}");
    Ok(())
}

#[tokio::test]
async fn a_venue_that_ends_sockets_loses_nothing() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["trade"]})).await?;
    client.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;
    for _ in 0..3 {
        relay.wait_status("connected", SOON, |s| s["venues"][0]["connected"] == true).await?;
        assert!(fake.disconnect(&USDM_ROUTES) >= 2);
        relay.wait_status("noticed", SOON, |s| s["venues"][0]["connected"] == false).await?;
        let seen = client.frames.len();
        client.wait("trades again", SOON, |f| f.len() > seen + 2).await?;
    }
    let told = |frames: &[Value]| -> Vec<u64> {
        let ids =
            frames.iter().filter(|f| f["type"] == "trade").filter_map(|f| f["id"].as_str()?.parse().ok());
        let mut ids: Vec<u64> = ids.collect();
        ids.sort_unstable();
        ids
    };
    // What traded while the line was away comes by REST.
    let whole = |frames: &[Value]| told(frames).windows(2).all(|w| w[1] == w[0] + 1);
    client.wait("no hole, nothing twice", SOON, whole).await?;
    let reconnects = relay.status().await?["venues"][0]["reconnects"].as_u64();
    assert!(reconnects >= Some(3), "{reconnects:?}");
    Ok(())
}
