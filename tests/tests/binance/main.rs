//! The real adapter against a fake Binance.

mod data;
mod faults;

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tests::fake_binance::market::Product;
use tests::fake_binance::{self, FakeBinance};
use tests::oracle::ExactBar;
use tests::oracle::decimal::float;
use tests::relay::Relay;

const SOON: Duration = Duration::from_secs(15);
const PERP: &str = "BTCUSDT-PERP";
const MINUTE: i64 = 60_000;

async fn fake() -> Result<FakeBinance> {
    FakeBinance::start(fake_binance::Options { history_days: 4, ..Default::default() }).await
}

/// A venue whose minute is `second` seconds old, so that nobody waits for its end longer than needed.
async fn fake_in_minute(second: i64) -> Result<FakeBinance> {
    // Building takes its time; the minute must not go by meanwhile.
    tests::relay::binary();
    let options = fake_binance::Options { history_days: 4, ..Default::default() };
    options.clock.run_into_minute(second);
    FakeBinance::start(options).await
}

/// State of a topic in `/api/status`.
fn topic<'a>(status: &'a Value, symbol: &str, channel: &str) -> Option<&'a Value> {
    let topics = status["venues"][0]["topics"].as_array()?;
    topics.iter().find(|t| t["symbol"] == symbol && t["channel"] == channel)
}

fn state(status: &Value, symbol: &str, channel: &str) -> String {
    topic(status, symbol, channel).and_then(|t| t["state"].as_str()).unwrap_or("unknown").to_owned()
}

/// Waits until the channels that always flow are live.
async fn live(relay: &Relay, symbol: &str) -> Result<()> {
    let flows = ["bar", "trade", "book", "funding"];
    relay.wait_status("live", SOON, |s| flows.iter().all(|c| state(s, symbol, c) == "live")).await?;
    Ok(())
}

/// One bar of the relay against the venue's own total. Volumes are compared as whole steps.
fn assert_same(row: &Value, exact: &ExactBar, price: u32, quantity: u32) {
    let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    let prices = [("open", exact.open), ("high", exact.high), ("low", exact.low), ("close", exact.close)];
    for (key, units) in prices {
        assert_eq!(number(key), float(units, price), "{key}: {row} {exact:?}");
    }
    let steps = |key: &str| (number(key) * 10_f64.powi(quantity as i32)).round() as i128;
    assert_eq!(steps("volume"), exact.volume, "volume: {row}");
    if row.get("buy_volume").is_some_and(|v| !v.is_null()) {
        assert_eq!(
            (steps("buy_volume"), steps("sell_volume")),
            (exact.buy_volume, exact.sell_volume()),
            "{row}"
        );
    }
    let trades = if row["origin"] == "trades" { exact.trades } else { exact.fills };
    if row.get("trades").is_some_and(|v| !v.is_null()) {
        assert_eq!(row["trades"].as_u64(), Some(trades), "{row}");
    }
}

/// Compares every closed 1m bar in `[from, to)` and that none is missing or doubled.
async fn assert_bars(relay: &Relay, fake: &FakeBinance, from: i64, to: i64) -> Result<usize> {
    let rows = relay.rows(&format!("/api/history/bars?symbol={PERP}&from={from}&to={to}")).await?;
    let exact = fake.bars(Product::Usdm, "BTCUSDT", "1m", from, to);
    let times: Vec<i64> = rows.iter().filter_map(|r| r["timestamp"].as_i64()).collect();
    let expected: Vec<i64> = exact.iter().map(|b| b.open_time).collect();
    assert_eq!(times, expected, "contiguous, no duplicate");
    for (row, exact) in rows.iter().zip(&exact) {
        assert_eq!(row["closed"], true, "{row}");
        assert_same(row, exact, 2, 3);
    }
    Ok(rows.len())
}
