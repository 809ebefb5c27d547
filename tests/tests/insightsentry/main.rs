//! The real adapter against a fake InsightSentry.

mod limits;
mod secrets;

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tests::fake_insightsentry::market::{PLACES, Series, Span};
use tests::fake_insightsentry::state::MINUTES;
use tests::fake_insightsentry::{self, FakeInsightSentry};
use tests::oracle::ExactBar;
use tests::oracle::calendar::{HOUR, MINUTE};
use tests::oracle::decimal::float;
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(20);
const MNQ: &str = "CME_MINI:MNQ1!";
const ES: &str = "CME_MINI:ES1!";
/// The key; a text that occurs nowhere by chance.
const KEY: &str = "canary-51c7e0d9a4b8f263";

/// A vendor whose markets always trade, several times a minute.
async fn fake() -> Result<FakeInsightSentry> {
    // Building takes its time; what is measured must not wait for it.
    tests::relay::binary();
    start(fake_insightsentry::Options { history_days: 3, ..Default::default() }).await
}

async fn start(options: fake_insightsentry::Options) -> Result<FakeInsightSentry> {
    let mut options = fake_insightsentry::Options { key: KEY.to_owned(), ..options }.always_open();
    for listing in &mut options.listings {
        listing.per_minute = (60, 60);
    }
    FakeInsightSentry::start(options).await
}

/// The relay with the vendor alone.
fn options(fake: &FakeInsightSentry, symbols: &str) -> Options {
    Options { args: vec!["serve".into()], env: Vec::new() }
        .env("PROVIDER", "insightsentry")
        .env("SYMBOLS", symbols)
        .env("INSIGHTSENTRY_API_KEY", KEY)
        .env("INSIGHTSENTRY_WS_URL", format!("ws://{}", fake.addresses.ws))
        .env("INSIGHTSENTRY_REST_URL", format!("http://{}", fake.addresses.rest))
}

fn state<'a>(status: &'a Value, symbol: &str) -> &'a str {
    let topics = status["venues"][0]["topics"].as_array();
    let topic = topics.into_iter().flatten().find(|t| t["symbol"] == symbol && t["channel"] == "bar");
    topic.and_then(|t| t["state"].as_str()).unwrap_or("unknown")
}

async fn live(relay: &Relay, symbol: &str) -> Result<Value> {
    relay.wait_status("live", SOON, |s| state(s, symbol) == "live").await
}

/// Compares rows with the vendor's bars, all numbers.
fn assert_same(rows: &[Value], exact: &[ExactBar]) {
    let told = |row: &Value, key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    assert_eq!(rows.len(), exact.len());
    for (row, bar) in rows.iter().zip(exact) {
        assert_eq!(row["timestamp"], bar.open_time, "{row}");
        let prices = [("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)];
        for (key, units) in prices {
            assert_eq!(told(row, key), float(units, PLACES), "{key} of {row}");
        }
        assert_eq!(told(row, "volume"), float(bar.volume, 0), "{row}");
    }
}

/// Calls for a series, by interval.
fn series_calls(fake: &FakeInsightSentry, bar: &str) -> usize {
    let calls = fake.counts().rest;
    calls.iter().filter(|c| c.path.ends_with("/series") && c.query.contains(bar)).count()
}

#[tokio::test]
async fn bars_are_the_vendors_and_close_once_over_a_cut() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, MNQ).start().await?;
    live(&relay, MNQ).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "id": 1, "symbols": [MNQ], "channels": ["bar"]})).await?;
    client.wait_for("the forming bar", SOON, |f| f["type"] == "bar" && f["closed"] == false).await?;
    // The vendor repeats the last hours with every subscription.
    fake.disconnect();
    relay.wait_status("again", SOON, |s| s["venues"][0]["reconnects"].as_u64() >= Some(1)).await?;
    live(&relay, MNQ).await?;
    let minute = fake.now() - fake.now().rem_euclid(MINUTE);
    let closed = |f: &Value| f["type"] == "bar" && f["closed"] == true && f["interval"] == "1m";
    let wanted = |f: &Value| closed(f) && f["timestamp"].as_i64() >= Some(minute);
    client.wait_for("the minute's end", Duration::from_secs(80), wanted).await?;
    let fresh: Vec<i64> = client
        .frames
        .iter()
        .filter(|f| closed(f) && f["snapshot"] != true)
        .filter_map(|f| f["timestamp"].as_i64())
        .collect();
    let mut once = fresh.clone();
    once.dedup();
    assert_eq!(fresh, once, "each minute closes once");
    let from = minute - 2 * HOUR;
    let rows =
        relay.rows(&format!("/api/history/bars?symbol={MNQ}&from={from}&to={}", minute + MINUTE)).await?;
    assert_same(&rows, &fake.bars(MNQ, MINUTES, from, minute + MINUTE));
    assert!(fake.counts().most_open == 1 && fake.violations() == 0, "{:?}", fake.counts().violations);
    Ok(())
}

#[tokio::test]
async fn history_is_asked_for_once_per_timeframe() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, MNQ).start().await?;
    live(&relay, MNQ).await?;
    let now = fake.now();
    let five = Series { span: Span::Ms(5 * MINUTE), adjusted: false };
    let edge = now - now.rem_euclid(5 * MINUTE) - 10 * MINUTE;
    for back in [2, 10, 40] {
        let from = edge - back * HOUR;
        let path = format!("/api/candles?symbol={MNQ}&interval=5m&from={from}&to={edge}");
        assert_same(&relay.rows(&path).await?, &fake.bars(MNQ, five, from, edge));
    }
    assert_eq!(series_calls(&fake, "bar_type=minute&bar_interval=5"), 1);
    for interval in ["15m", "30m", "1H", "4H", "1D"] {
        for limit in [5, 20] {
            let rows =
                relay.rows(&format!("/api/candles?symbol={MNQ}&interval={interval}&limit={limit}")).await?;
            assert!(!rows.is_empty(), "{interval}");
        }
    }
    for (kind, interval) in [("minute", 15), ("minute", 30), ("hour", 1), ("hour", 4), ("day", 1)] {
        assert_eq!(
            series_calls(&fake, &format!("bar_type={kind}&bar_interval={interval}&")),
            1,
            "{interval} {kind}"
        );
    }
    // What a socket brings needs no call: the start alone asked for minutes.
    let minutes = series_calls(&fake, "bar_type=minute&bar_interval=1&");
    let rows = relay.rows(&format!("/api/candles?symbol={MNQ}&interval=1m&limit=300")).await?;
    assert_eq!((rows.len(), series_calls(&fake, "bar_type=minute&bar_interval=1&")), (300, minutes.max(1)));
    assert_eq!(fake.violations(), 0, "{:?}", fake.counts().violations);
    Ok(())
}

#[tokio::test]
async fn symbols_carry_their_kind_tick_and_calendar() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, &format!("{MNQ},NASDAQ:AAPL,NOSUCH:CODE")).start().await?;
    live(&relay, MNQ).await?;
    live(&relay, "NASDAQ:AAPL").await?;
    let symbols = relay.rows("/api/symbols").await?;
    let row = |symbol: &str| symbols.iter().find(|s| s["symbol"] == symbol).cloned().unwrap_or_default();
    let told = |symbol: &str| (row(symbol)["kind"].clone(), row(symbol)["tick_size"].clone());
    assert_eq!(told(MNQ), (json!("future"), json!(0.25)));
    assert_eq!(told("NASDAQ:AAPL"), (json!("stock"), json!(0.01)));
    assert_eq!(row("NOSUCH:CODE"), Value::Null);
    let message = fake.counts().lists.pop();
    assert_eq!(message.map(|codes| codes.len()), Some(2), "one message holds the whole list");
    assert_eq!(fake.violations(), 0, "{:?}", fake.counts().violations);
    Ok(())
}
