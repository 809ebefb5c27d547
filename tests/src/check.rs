//! What the relay shows, against what the venue knows.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::oracle::ExactBar;
use crate::oracle::decimal::float;
use crate::relay::Relay;

/// Longest wait for what flows by itself.
const SOON: Duration = Duration::from_secs(15);

/// State of a topic in `/api/status`.
pub fn topic<'a>(status: &'a Value, symbol: &str, channel: &str) -> Option<&'a Value> {
    let topics = status["venues"][0]["topics"].as_array()?;
    topics.iter().find(|t| t["symbol"] == symbol && t["channel"] == channel)
}

/// State of a topic by its text; `unknown` where the status has none.
pub fn state(status: &Value, symbol: &str, channel: &str) -> String {
    topic(status, symbol, channel).and_then(|t| t["state"].as_str()).unwrap_or("unknown").to_owned()
}

/// Waits until the channels that always flow are live.
///
/// # Errors
/// With the last status, when they are not in time.
pub async fn live(relay: &Relay, symbol: &str) -> Result<()> {
    let flows = ["bar", "trade", "book", "funding"];
    relay.wait_status("live", SOON, |s| flows.iter().all(|c| state(s, symbol, c) == "live")).await?;
    Ok(())
}

/// One bar of the relay against the venue's own total. Volumes are compared as whole steps.
///
/// # Panics
/// Where they differ.
pub fn assert_same(row: &Value, exact: &ExactBar, price: u32, quantity: u32) {
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
