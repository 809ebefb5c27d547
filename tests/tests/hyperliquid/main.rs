//! The real adapter against a fake Hyperliquid.

mod data;
mod faults;

use std::time::Duration;

use anyhow::Result;
use tests::check::{assert_same, state};
use tests::fake_hyperliquid::{self, FakeHyperliquid};
use tests::oracle::ExactBar;
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(15);
const PERP: &str = "BTCUSDC-PERP";
const MINUTE: i64 = 60_000;
/// Decimals of BTC's prices and sizes.
const PLACES: (u32, u32) = (1, 5);

async fn fake() -> Result<FakeHyperliquid> {
    FakeHyperliquid::start(fake_hyperliquid::Options { history_days: 4, ..Default::default() }).await
}

/// A venue whose minute is `second` seconds old, so that nobody waits for its end longer than needed.
async fn fake_in_minute(second: i64) -> Result<FakeHyperliquid> {
    // Building takes its time; the minute must not go by meanwhile.
    tests::relay::binary();
    let options = fake_hyperliquid::Options { history_days: 4, ..Default::default() };
    options.clock.run_into_minute(second);
    FakeHyperliquid::start(options).await
}

/// The relay following `symbols` there.
fn options(fake: &FakeHyperliquid, symbols: &str) -> Options {
    Options { args: vec!["serve".into()], env: Vec::new() }
        .env("PROVIDER", "hyperliquid")
        .env("SYMBOLS", symbols)
        .env("HYPERLIQUID_WS_URL", format!("ws://{}", fake.address))
        .env("HYPERLIQUID_REST_URL", format!("http://{}", fake.address))
}

/// Waits until everything the venue sends is live.
async fn live(relay: &Relay, symbol: &str) -> Result<()> {
    let flows = ["bar", "trade", "book", "funding", "oi"];
    relay.wait_status("live", SOON, |s| flows.iter().all(|c| state(s, symbol, c) == "live")).await?;
    Ok(())
}

/// The venue's bars of BTC; its candles count trades, not fills.
fn bars(fake: &FakeHyperliquid, interval: &str, from: i64, to: i64) -> Vec<ExactBar> {
    let counted = |bar: ExactBar| ExactBar { fills: bar.trades, ..bar };
    fake.bars("BTC", interval, from, to).into_iter().map(counted).collect()
}

/// Compares every closed 1m bar in `[from, to)` and that none is missing or doubled.
async fn assert_bars(relay: &Relay, fake: &FakeHyperliquid, from: i64, to: i64) -> Result<usize> {
    let rows = relay.rows(&format!("/api/history/bars?symbol={PERP}&from={from}&to={to}")).await?;
    let exact = bars(fake, "1m", from, to);
    let times: Vec<i64> = rows.iter().filter_map(|r| r["timestamp"].as_i64()).collect();
    let expected: Vec<i64> = exact.iter().map(|b| b.open_time).collect();
    assert_eq!(times, expected, "contiguous, no duplicate");
    for (row, exact) in rows.iter().zip(&exact) {
        assert_eq!(row["closed"], true, "{row}");
        assert_same(row, exact, PLACES.0, PLACES.1);
    }
    Ok(rows.len())
}
