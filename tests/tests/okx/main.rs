//! The real adapter against a fake OKX.

mod data;
mod faults;

use std::time::Duration;

use anyhow::Result;
use tests::check::assert_same;
use tests::fake_okx::{self, FakeOkx};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(15);
const PERP: &str = "BTCUSDT-PERP";
const SWAP: &str = "BTC-USDT-SWAP";
const MINUTE: i64 = 60_000;

async fn fake() -> Result<FakeOkx> {
    FakeOkx::start(fake_okx::Options { history_days: 4, ..Default::default() }).await
}

/// A venue whose minute is `second` seconds old, so that nobody waits for its end longer than needed.
async fn fake_in_minute(second: i64) -> Result<FakeOkx> {
    // Building takes its time; the minute must not go by meanwhile.
    tests::relay::binary();
    let options = fake_okx::Options { history_days: 4, ..Default::default() };
    options.clock.run_into_minute(second);
    FakeOkx::start(options).await
}

/// The relay following `symbols` there.
fn options(fake: &FakeOkx, symbols: &str) -> Options {
    Options { args: vec!["serve".into()], env: Vec::new() }
        .env("PROVIDER", "okx")
        .env("SYMBOLS", symbols)
        .env("OKX_WS_URL", format!("ws://{}", fake.address))
        .env("OKX_REST_URL", format!("http://{}", fake.address))
}

/// Compares every closed 1m bar in `[from, to)` and that none is missing or doubled.
async fn assert_bars(relay: &Relay, fake: &FakeOkx, from: i64, to: i64) -> Result<usize> {
    let rows = relay.rows(&format!("/api/history/bars?symbol={PERP}&from={from}&to={to}")).await?;
    let exact = fake.bars(SWAP, "1m", from, to);
    let times: Vec<i64> = rows.iter().filter_map(|r| r["timestamp"].as_i64()).collect();
    let expected: Vec<i64> = exact.iter().map(|b| b.open_time).collect();
    assert_eq!(times, expected, "contiguous, no duplicate");
    for (row, exact) in rows.iter().zip(&exact) {
        assert_eq!(row["closed"], true, "{row}");
        // A contract is 0.01 coins and is traded by the hundredth.
        assert_same(row, exact, 1, 4);
    }
    Ok(rows.len())
}
