//! What is recorded and told equals the venue's own totals.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::assert_same;
use tests::fake_hyperliquid::state::Topic;
use tests::oracle::decimal::float;

use super::{MINUTE, PERP, PLACES, SOON, assert_bars, bars, fake, fake_in_minute, live, options};

#[tokio::test]
async fn a_day_is_filled_at_start_and_the_liquidations_it_has_not_are_not_offered() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, &format!("{PERP},PEPEUSDC-PERP")).start().await?;
    live(&relay, PERP).await?;
    let now = fake.now();
    let to = now - now.rem_euclid(MINUTE);
    assert_eq!(assert_bars(&relay, &fake, to - 1_439 * MINUTE, to).await?, 1_439);

    let path = format!("/api/history/funding?symbol={PERP}&from={}&to={}", now - 86_400_000, now + 600_000);
    let told = |rows: &[Value]| rows.iter().any(|f| f["kind"] == "predicted");
    let funding = relay.wait_rows(&path, SOON, told).await?;
    assert!(funding.iter().all(|f| f["interval_hours"] == 1.0), "{funding:?}");
    let settled: Vec<i64> =
        funding.iter().filter(|f| f["kind"] == "settled").filter_map(|f| f["timestamp"].as_i64()).collect();
    assert_eq!(settled.len(), 24);
    assert!(settled.iter().all(|at| at % 3_600_000 == 0), "on the hour: {settled:?}");
    let predicted = funding.iter().rfind(|f| f["kind"] == "predicted").context("a forecast")?;
    let next = predicted["next_funding_time"].as_i64().context("the next payment")?;
    assert!(next % 3_600_000 == 0 && next > now && next <= now + 3_660_000, "{next}");

    // Quoted by the thousand: price per coin, quantity in coins.
    let symbols = relay.rows("/api/symbols").await?;
    let pepe = symbols.iter().find(|s| s["symbol"] == "PEPEUSDC-PERP").context("PEPE")?;
    assert_eq!((pepe["multiplier"].as_f64(), pepe["group"].as_str()), (Some(1_000.0), Some("PEPE-PERP")));
    let offered = pepe["channels"].as_array().context("channels")?;
    assert!(!offered.contains(&json!("liquidation")) && offered.contains(&json!("oi")), "{offered:?}");
    let path = format!("/api/history/bars?symbol=PEPEUSDC-PERP&from={}&to={to}", to - 10 * MINUTE);
    let exact = fake.bars("kPEPE", "1m", to - 10 * MINUTE, to);
    let rows = relay.rows(&path).await?;
    assert_eq!(rows.len(), exact.len());
    for (row, exact) in rows.iter().zip(&exact) {
        let close = float(exact.close, 6) / 1_000.0;
        let off = row["close"].as_f64().unwrap_or(f64::NAN) - close;
        assert!(off.abs() <= 1e-12 * close, "{row} is not {close}");
        assert_eq!(row["volume"].as_f64().map(|v| v.round() as i128), Some(exact.volume * 1_000));
    }

    let counts = fake.counts();
    assert_eq!(counts.violations.len(), 0, "{:?}", counts.violations);
    assert_eq!((counts.connections, counts.errors), (1, 0), "one connection for everything");
    assert_eq!(counts.subscribed[&Topic::of("activeAssetCtx", "BTC")], 1, "once for both channels");
    Ok(())
}

#[tokio::test]
async fn older_bars_are_fetched_by_the_venues_own_timeframes() -> Result<()> {
    let options_40 = tests::fake_hyperliquid::Options::default();
    let fake = tests::fake_hyperliquid::FakeHyperliquid::start(options_40).await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let now = fake.now();
    let day = 86_400_000;
    let today = now - now.rem_euclid(day);
    for (timeframe, interval, days) in
        [("1m", "1m", 1), ("15m", "15m", 3), ("1H", "1h", 10), ("1D", "1d", 30)]
    {
        let (from, to) = (today - (days + 1) * day, today - day);
        let path = format!("/api/candles?symbol={PERP}&interval={timeframe}&from={from}&to={to}");
        let rows = relay.rows(&path).await?;
        let exact = bars(&fake, interval, from, to);
        assert_eq!(rows.len(), exact.len(), "{timeframe}");
        for (row, exact) in rows.iter().zip(&exact) {
            assert_eq!(row["timestamp"].as_i64(), Some(exact.open_time), "{timeframe}");
            assert_same(row, exact, PLACES.0, PLACES.1);
        }
    }
    assert_eq!(fake.counts().violations.len(), 0);
    Ok(())
}

#[tokio::test]
async fn trades_told_again_after_a_cut_are_counted_once() -> Result<()> {
    let fake = fake_in_minute(30).await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["bar", "trade"]})).await?;
    let trades = |frames: &[Value]| frames.iter().filter(|f| f["type"] == "trade").count();
    client.wait("trades", SOON, |f| trades(f) >= 3).await?;
    assert_eq!(fake.disconnect(), 1);
    relay.wait_status("back", SOON, |_| fake.counts().connections >= 2 && fake.open() == 1).await?;
    let whole = (fake.now() / MINUTE + 1) * MINUTE;
    let closed = move |f: &Value| {
        f["type"] == "bar"
            && f["closed"] == true
            && f["snapshot"] != true
            && f["timestamp"].as_i64() >= Some(whole)
    };
    let bar = client.wait_for("a whole minute", Duration::from_secs(135), closed).await?;
    let exact = bars(&fake, "1m", whole, whole + MINUTE);
    assert_eq!((&bar["timestamp"], &bar["origin"]), (&json!(whole), &json!("trades")));
    assert_same(&bar, &exact[0], PLACES.0, PLACES.1);

    let ids: Vec<&str> =
        client.frames.iter().filter(|f| f["type"] == "trade").filter_map(|f| f["id"].as_str()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "a trade told twice");
    let path = format!("/api/history/bars?symbol={PERP}&from={whole}&to={}", whole + MINUTE);
    relay.wait_rows(&path, SOON, |rows| rows.last().is_some_and(|r| r["closed"] == true)).await?;
    assert_bars(&relay, &fake, whole - 5 * MINUTE, whole + MINUTE).await?;
    Ok(())
}

#[tokio::test]
async fn books_and_open_interest_are_the_venues_own() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["book", "oi"]})).await?;
    let of = |frames: &[Value], kind: &str| {
        frames.iter().filter(|f| f["type"] == kind).cloned().collect::<Vec<_>>()
    };
    client.wait("both", SOON, |f| of(f, "book").len() >= 5 && of(f, "oi").len() >= 2).await?;
    let mut compared = 0;
    for top in of(&client.frames, "book") {
        let Some(exact) = top["timestamp"].as_i64().and_then(|at| fake.top_at("BTC", at)) else { continue };
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
    assert!(compared >= 3, "{compared}");
    for oi in of(&client.frames, "oi") {
        let coins = oi["open_interest"].as_f64().context("coins")?;
        let value = oi["open_interest_value"].as_f64().context("value")?;
        // One-sided, around 80,000 coins at around 84,500.
        assert!(
            (60_000.0..100_000.0).contains(&coins) && (70_000.0..100_000.0).contains(&(value / coins)),
            "{oi}"
        );
    }
    Ok(())
}
