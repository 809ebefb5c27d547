//! The real adapter against a fake Binance.

mod backfill;
mod data;
mod dynamic;
mod faults;
mod kept;
mod ledger;

use std::time::Duration;

use anyhow::Result;
use tests::check::{assert_same, live, state, topic};
use tests::fake_binance::market::Product;
use tests::fake_binance::{self, FakeBinance};
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
