//! A recording through the same adapters, against an independent count of the same file.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::oracle::Top;
use tests::oracle::decimal::float;
use tests::oracle::recording::{self, PRICE_PLACES, QUANTITY_PLACES};
use tests::relay::Options;

const SYMBOL: &str = "BTCUSDT-PERP";

#[tokio::test]
async fn a_recording_gives_the_bars_and_books_an_independent_count_gives() -> Result<()> {
    let Some(file) = recording::captures("replay/binance_usdm_btcusdt_20240808.txt.gz") else {
        return Ok(());
    };
    let expected = recording::read(&file)?;
    assert_eq!(expected.gaps, 0);
    assert_eq!(
        (expected.frames["trade"], expected.frames["depthUpdate"], expected.frames["snapshot"]),
        (21_313, 6_551, 1)
    );
    let relay = Options::replay(&file).start().await?;
    let status = relay.status().await?;
    assert_eq!(status["mode"], "replay");

    let (first, last) = expected.trade_times;
    let path = format!("/api/history/bars?symbol={SYMBOL}&from={}&to={}", first - 60_000, last + 60_000);
    let newest = expected.minutes.last().context("minutes")?.open_time;
    let done = |rows: &[Value]| rows.last().is_some_and(|r| r["timestamp"].as_i64() == Some(newest));
    let rows = relay.wait_rows(&path, Duration::from_secs(60), done).await?;
    // The last frames of the last minute may still be on their way.
    let settled = |rows: &[Value]| {
        let trades = expected.minutes.last().map(|b| b.trades);
        rows.last().is_some_and(|r| r["trades"].as_u64() == trades)
    };
    let rows =
        if settled(&rows) { rows } else { relay.wait_rows(&path, Duration::from_secs(20), settled).await? };
    assert_eq!(rows.len(), expected.minutes.len());
    for (row, exact) in rows.iter().zip(&expected.minutes) {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        assert_eq!(row["timestamp"].as_i64(), Some(exact.open_time));
        for (key, units) in
            [("open", exact.open), ("high", exact.high), ("low", exact.low), ("close", exact.close)]
        {
            assert_eq!(number(key), float(units, PRICE_PLACES), "{key}: {row}");
        }
        let steps = |key: &str| {
            let scaled = number(key) * 1_000.0;
            assert!((scaled - scaled.round()).abs() < 1e-3, "{key} is off a step: {row}");
            scaled.round() as i128
        };
        assert_eq!(QUANTITY_PLACES, 3);
        assert_eq!(steps("volume"), exact.volume, "{row}");
        assert_eq!(
            (steps("buy_volume"), steps("sell_volume")),
            (exact.buy_volume, exact.sell_volume()),
            "{row}"
        );
        assert_eq!(row["trades"].as_u64(), Some(exact.trades), "{row}");
    }

    let (from, to) = (expected.tops[0].transaction - 1_000, last + 5_000);
    let gaps = relay.rows(&format!("/api/gaps?symbol={SYMBOL}&from=0&to={}", last + 60_000)).await?;
    let book_gaps: Vec<&Value> = gaps.iter().filter(|g| g["channel"] == "book").collect();
    assert!(book_gaps.is_empty(), "{book_gaps:?}");
    let books = relay.rows(&format!("/api/history/book?symbol={SYMBOL}&from={from}&to={to}")).await?;
    let deep: Vec<&Value> = books.iter().filter(|b| !b["depth_10bps"].is_null()).collect();
    assert!(deep.len() >= 100, "{} of {} book rows with depth", deep.len(), books.len());
    // Ten instants spread over the recording.
    for n in 0..10 {
        let row = deep[(deep.len() - 1) * n / 9];
        let at = row["timestamp"].as_i64().context("timestamp")?;
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let top = Top {
            bid_px: number(&row["bid_px"]),
            bid_qty: number(&row["bid_qty"]),
            ask_px: number(&row["ask_px"]),
            ask_qty: number(&row["ask_qty"]),
            spread_bps: number(&row["spread_bps"]),
            bid_usd: number(&row["depth_10bps"]["bid_usd"]),
            ask_usd: number(&row["depth_10bps"]["ask_usd"]),
        };
        let same_instant: Vec<&Top> =
            expected.tops.iter().filter(|t| t.transaction == at || t.event == at).map(|t| &t.top).collect();
        assert!(!same_instant.is_empty(), "no depth update at {at}: {row}");
        assert!(
            same_instant.iter().any(|exact| top.same(exact)),
            "at {at}: {top:?} is none of {same_instant:?}"
        );
    }
    Ok(())
}
