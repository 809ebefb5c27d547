//! The real adapter against a fake Coinbase.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::{assert_same, state};
use tests::fake::socket::Mute;
use tests::fake_coinbase::{self, FakeCoinbase, JUNK};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(15);
const PAIR: &str = "BTC/USD";
const PATH: &str = "BTC%2FUSD";
const PRODUCT: &str = "BTC-USD";
const MINUTE: i64 = 60_000;
/// Decimals of the pair's prices and sizes.
const PLACES: (u32, u32) = (2, 8);

async fn fake() -> Result<FakeCoinbase> {
    FakeCoinbase::start(fake_coinbase::Options { history_days: 4, ..Default::default() }).await
}

/// A venue whose minute is `second` seconds old, so that nobody waits for its end longer than needed.
async fn fake_in_minute(second: i64) -> Result<FakeCoinbase> {
    // Building takes its time; the minute must not go by meanwhile.
    tests::relay::binary();
    let options = fake_coinbase::Options { history_days: 4, ..Default::default() };
    options.clock.run_into_minute(second);
    FakeCoinbase::start(options).await
}

/// The relay following `symbols` there.
fn options(fake: &FakeCoinbase, symbols: &str) -> Options {
    Options { args: vec!["serve".into()], env: Vec::new() }
        .env("PROVIDER", "coinbase")
        .env("SYMBOLS", symbols)
        .env("COINBASE_WS_URL", format!("ws://{}", fake.ws))
        .env("COINBASE_REST_URL", format!("http://{}", fake.rest))
}

async fn live(relay: &Relay) -> Result<()> {
    let flows = ["trade", "book"];
    relay.wait_status("live", SOON, |s| flows.iter().all(|c| state(s, PAIR, c) == "live")).await?;
    Ok(())
}

fn frames(all: &[Value], kind: &str) -> Vec<Value> {
    all.iter().filter(|f| f["type"] == kind).cloned().collect()
}

/// Compares every closed 1m bar in `[from, to)` and that none is missing or doubled.
async fn assert_bars(relay: &Relay, fake: &FakeCoinbase, from: i64, to: i64) -> Result<()> {
    let path = format!("/api/history/bars?symbol={PATH}&from={from}&to={to}");
    let exact = fake.bars(PRODUCT, MINUTE, from, to);
    // A minute that was not ours from its beginning comes from the candles, which are asked for once a minute.
    let closed = |rows: &[Value]| rows.len() >= exact.len() && rows.iter().all(|r| r["closed"] == true);
    let rows = relay.wait_rows(&path, Duration::from_secs(150), closed).await?;
    let times: Vec<i64> = rows.iter().filter_map(|r| r["timestamp"].as_i64()).collect();
    assert_eq!(times, exact.iter().map(|b| b.open_time).collect::<Vec<_>>(), "contiguous, no duplicate");
    for (row, exact) in rows.iter().zip(&exact) {
        assert_same(row, exact, PLACES.0, PLACES.1);
    }
    Ok(())
}

#[tokio::test]
async fn a_day_is_filled_in_pages_of_300_and_books_are_the_venues_own() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, "BTC/USD,THIN/USD").start().await?;
    live(&relay).await?;
    let now = fake.now();
    let to = now - now.rem_euclid(MINUTE);
    assert_bars(&relay, &fake, to - 1_439 * MINUTE, to - 5 * MINUTE).await?;
    let day = 86_400_000;
    let today = now - now.rem_euclid(day);
    for (timeframe, length, days) in [("15m", 15 * MINUTE, 2), ("1H", 60 * MINUTE, 2), ("1D", day, 2)] {
        let (from, to) = (today - (days + 1) * day, today - day);
        let path = format!("/api/candles?symbol={PATH}&interval={timeframe}&from={from}&to={to}");
        let rows = relay.rows(&path).await?;
        let exact = fake.bars(PRODUCT, length, from, to);
        assert_eq!(rows.len(), exact.len(), "{timeframe}");
        for (row, exact) in rows.iter().zip(&exact) {
            assert_eq!(row["timestamp"].as_i64(), Some(exact.open_time), "{timeframe}");
            assert_same(row, exact, PLACES.0, PLACES.1);
        }
    }

    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PAIR], "channels": ["book"]})).await?;
    client.wait("books", SOON, |f| frames(f, "book").len() >= 10).await?;
    let mut compared = 0;
    for top in frames(&client.frames, "book") {
        let Some(exact) = top["timestamp"].as_i64().and_then(|at| fake.top_at(PRODUCT, at)) else { continue };
        let best = (
            top["bid_px"].as_f64(),
            top["bid_qty"].as_f64(),
            top["ask_px"].as_f64(),
            top["ask_qty"].as_f64(),
        );
        assert_eq!(
            best,
            (Some(exact.bid_px), Some(exact.bid_qty), Some(exact.ask_px), Some(exact.ask_qty)),
            "{top}"
        );
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");

    let symbols = relay.rows("/api/symbols").await?;
    let row = symbols.iter().find(|s| s["symbol"] == PAIR).context("the pair")?;
    assert_eq!(
        (&row["group"], &row["channels"]),
        (&json!("BTC-SPOT"), &json!(["bar", "trade", "book", "signal", "guards"]))
    );
    let counts = fake.counts();
    assert_eq!(counts.violations.len(), 0, "{:?}", counts.violations);
    assert_eq!((counts.errors, counts.unsubscribed_closed), (0, 0));
    assert!(counts.rest_log.iter().all(|call| call.status == 200), "{:?}", counts.rest_log);
    Ok(())
}

#[tokio::test]
async fn matches_the_socket_swallowed_are_noticed_by_number_and_refilled() -> Result<()> {
    let fake = fake_in_minute(20).await?;
    let relay = options(&fake, PAIR).start().await?;
    live(&relay).await?;
    let mut client = relay.socket().await?;
    let subscribe = json!({"action": "subscribe", "symbols": [PAIR], "channels": ["bar", "trade"]});
    client.send(&subscribe).await?;
    client.wait("trades", SOON, |f| frames(f, "trade").len() >= 3).await?;
    // Into a minute that is ours from its beginning.
    let whole = (fake.now() / MINUTE + 1) * MINUTE;
    let begun = |f: &[Value]| frames(f, "trade").iter().any(|t| t["timestamp"].as_i64() >= Some(whole));
    client.wait("the next minute", Duration::from_secs(75), begun).await?;
    fake.drop_matches(PRODUCT, 4);
    let closed = move |f: &Value| {
        f["type"] == "bar"
            && f["closed"] == true
            && f["snapshot"] != true
            && f["timestamp"].as_i64() == Some(whole)
    };
    client.wait_for("the minute", Duration::from_secs(90), closed).await?;
    assert_eq!(fake.counts().dropped[PRODUCT].buys + fake.counts().dropped[PRODUCT].sells, 4);
    assert_bars(&relay, &fake, whole - 3 * MINUTE, whole + MINUTE).await?;
    let mut ids: Vec<u64> =
        frames(&client.frames, "trade").iter().filter_map(|t| t["id"].as_str()?.parse().ok()).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|w| w[1] == w[0] + 1), "each trade once, none missing");
    for t in frames(&client.frames, "trade").iter().filter(|t| t["timestamp"].as_i64() >= Some(whole)) {
        let at = t["timestamp"].as_i64().context("time")?;
        let id: u64 = t["id"].as_str().context("id")?.parse()?;
        let exact =
            fake.trades(PRODUCT, at, at + 1).into_iter().find(|e| e.id == id).context("the venue's own")?;
        assert_eq!(
            t["side"],
            if exact.buy { "buy" } else { "sell" },
            "the side that crossed the spread: {t}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_is_refilled_and_junk_passed_over() -> Result<()> {
    let fake = fake_in_minute(20).await?;
    let relay = options(&fake, PAIR).start().await?;
    live(&relay).await?;
    let errors = |s: &Value| s["venues"][0]["errors"].as_u64().unwrap_or(0);
    let before = errors(&relay.status().await?);
    assert_eq!(fake.junk(), JUNK.len() + 1);
    relay.wait_status("counted", SOON, |s| errors(s) >= before + JUNK.len() as u64).await?;
    let from = fake.now() - fake.now().rem_euclid(MINUTE);
    fake.refuse_sockets(true);
    assert_eq!(fake.disconnect(), 1);
    relay.wait_status("down", SOON, |s| s["venues"][0]["connected"] == false).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    fake.refuse_sockets(false);
    live(&relay).await?;
    let refilled = |rows: &[Value]| rows.iter().any(|g| g["channel"] == "trade" && g["state"] == "refilled");
    let path = format!("/api/gaps?symbol={PATH}&from={}&to={}", from - MINUTE, from + 10 * MINUTE);
    relay.wait_rows(&path, SOON, refilled).await?;
    relay
        .wait_rows(
            &format!("/api/history/bars?symbol={PATH}&from={from}&to={}", from + MINUTE),
            // The venue's clock is up to a minute ahead of the relay's, which shows no bar of its future.
            Duration::from_secs(135),
            |rows| rows.iter().any(|r| r["timestamp"] == from && r["closed"] == true),
        )
        .await?;
    assert_bars(&relay, &fake, from - 3 * MINUTE, from + MINUTE).await?;
    assert_eq!(fake.counts().violations.len(), 0, "{:?}", fake.counts().violations);
    assert!(!relay.log().contains("panicked"));
    Ok(())
}

#[tokio::test]
async fn a_silent_book_is_shown_and_subscribed_anew() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PAIR).start().await?;
    live(&relay).await?;
    let before = fake.counts();
    fake.mute("level2_batch", PRODUCT, Mute::Subscribes(2));
    let status = relay.wait_status("silent", SOON, |s| state(s, PAIR, "book") == "silent").await?;
    assert_ne!(state(&status, PAIR, "trade"), "silent");
    relay.wait_status("live", Duration::from_secs(40), |s| state(s, PAIR, "book") == "live").await?;
    let after = fake.counts();
    assert_eq!(after.connections, before.connections, "no reconnect");
    let of = |counts: &fake_coinbase::state::Counts, channel: &str| {
        counts.subscribed[&(channel.to_owned(), PRODUCT.to_owned())]
    };
    assert!(of(&after, "level2_batch") > of(&before, "level2_batch"));
    assert_eq!(of(&after, "matches"), of(&before, "matches"), "the trades were left alone");
    Ok(())
}
