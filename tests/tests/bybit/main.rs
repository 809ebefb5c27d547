//! The real adapter against a fake Bybit.

mod data;
mod faults;

use std::time::Duration;

use anyhow::Result;
use tests::check::assert_same;
use tests::fake_bybit::market::Product;
use tests::fake_bybit::{self, FakeBybit};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(15);
const PERP: &str = "BTCUSDT-PERP";
const NAME: &str = "BTCUSDT";
const MINUTE: i64 = 60_000;

async fn fake() -> Result<FakeBybit> {
    FakeBybit::start(fake_bybit::Options { history_days: 4, ..Default::default() }).await
}

/// A venue whose minute is `second` seconds old, so that nobody waits for its end longer than needed.
async fn fake_in_minute(second: i64) -> Result<FakeBybit> {
    // Building takes its time; the minute must not go by meanwhile.
    tests::relay::binary();
    let options = fake_bybit::Options { history_days: 4, ..Default::default() };
    options.clock.run_into_minute(second);
    FakeBybit::start(options).await
}

/// The relay following `symbols` there.
fn options(fake: &FakeBybit, symbols: &str) -> Options {
    Options { args: vec!["serve".into()], env: Vec::new() }
        .env("PROVIDER", "bybit")
        .env("SYMBOLS", symbols)
        .env("BYBIT_WS_URL", format!("ws://{}", fake.address))
        .env("BYBIT_REST_URL", format!("http://{}", fake.address))
}

/// Compares every closed 1m bar in `[from, to)` and that none is missing or doubled.
async fn assert_bars(relay: &Relay, fake: &FakeBybit, from: i64, to: i64) -> Result<usize> {
    let rows = relay.rows(&format!("/api/history/bars?symbol={PERP}&from={from}&to={to}")).await?;
    let exact = fake.bars(Product::Linear, NAME, "1", from, to);
    let times: Vec<i64> = rows.iter().filter_map(|r| r["timestamp"].as_i64()).collect();
    let expected: Vec<i64> = exact.iter().map(|b| b.open_time).collect();
    assert_eq!(times, expected, "contiguous, no duplicate");
    for (row, exact) in rows.iter().zip(&exact) {
        assert_eq!(row["closed"], true, "{row}");
        assert_same(row, exact, 2, 3);
    }
    Ok(rows.len())
}
