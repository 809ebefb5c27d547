//! What is recorded and told equals the venue's own totals.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::fake_binance::frames::ForceOrder;
use tests::fake_binance::market::Product;
use tests::fake_binance::state::Route;
use tests::fake_binance::{self, FakeBinance};
use tests::oracle::decimal::float;
use tests::relay::Options;

use super::{MINUTE, PERP, SOON, assert_bars, assert_same, fake, fake_in_minute, live};

#[tokio::test]
async fn a_day_is_filled_at_start_and_equals_the_venues_totals() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, &format!("{PERP},BTC/USDT,PEPEUSDT-PERP")).start().await?;
    live(&relay, PERP).await?;
    assert_eq!(relay.status().await?["mode"], "live");
    let now = fake.now();
    let to = now - now.rem_euclid(MINUTE);
    let compared = assert_bars(&relay, &fake, to - 1_439 * MINUTE, to).await?;
    assert_eq!(compared, 1_439);

    let oi =
        relay.rows(&format!("/api/history/oi?symbol={PERP}&from={}&to={now}", to - 1_400 * MINUTE)).await?;
    assert!(oi.len() >= 280, "a day of five-minute rows, got {}", oi.len());
    for row in &oi[..oi.len() - 5] {
        let at = row["timestamp"].as_i64().context("timestamp")?;
        let exact = fake.with_market(Product::Usdm, "BTCUSDT", |m| m.open_interest(at));
        assert_eq!(row["open_interest"].as_f64(), Some(float(exact, 3)), "{row}");
        assert!(row["open_interest_value"].as_f64() > Some(0.0), "{row}");
    }
    let path = format!("/api/history/funding?symbol={PERP}&from={}&to={}", now - 86_400_000, now + 600_000);
    let told = |rows: &[Value]| rows.iter().any(|f| f["kind"] == "predicted");
    let funding = relay.wait_rows(&path, Duration::from_secs(20), told).await?;
    let settled: Vec<&Value> = funding.iter().filter(|f| f["kind"] == "settled").collect();
    assert_eq!(settled.len(), 3, "{settled:?}");
    let hours = funding.iter().rev().find(|f| f["kind"] == "predicted").context("a forecast")?;
    assert_eq!(hours["interval_hours"], 8.0);

    // The multiplied contract: price per coin, quantity in coins, its own interval.
    let symbols = relay.rows("/api/symbols").await?;
    let pepe = symbols.iter().find(|s| s["symbol"] == "PEPEUSDT-PERP").context("PEPE")?;
    assert_eq!((pepe["multiplier"].as_f64(), pepe["base"].as_str()), (Some(1_000.0), Some("PEPE")));
    let rows = relay
        .rows(&format!("/api/history/bars?symbol=PEPEUSDT-PERP&from={}&to={to}", to - 10 * MINUTE))
        .await?;
    let exact = fake.bars(Product::Usdm, "1000PEPEUSDT", "1m", to - 10 * MINUTE, to);
    assert_eq!(rows.len(), exact.len());
    for (row, exact) in rows.iter().zip(&exact) {
        let close = float(exact.close, 7) / 1_000.0;
        let off = row["close"].as_f64().unwrap_or(f64::NAN) - close;
        assert!(off.abs() <= 1e-12 * close, "{row} is not {close}");
        assert_eq!(row["volume"].as_f64().map(|v| v.round() as i128), Some(exact.volume * 1_000));
    }
    let spot =
        relay.rows(&format!("/api/history/bars?symbol=BTC%2FUSDT&from={}&to={to}", to - 5 * MINUTE)).await?;
    for (row, exact) in spot.iter().zip(&fake.bars(Product::Spot, "BTCUSDT", "1m", to - 5 * MINUTE, to)) {
        assert_same(row, exact, 8, 8);
    }
    assert_eq!(spot.len(), 5);

    let counts = fake.counts();
    assert_eq!(counts.too_fast, 0, "client frames within the venue's limits");
    assert_eq!(counts.refused(Product::Usdm) + counts.refused(Product::Spot), 0);
    assert_eq!(counts.connections.get(&Route::UsdmUnrouted), None);
    for frames in counts.subscribe_frames.iter().map(|(_, text)| text) {
        assert!(!frames.contains("THINUSDT") && !frames.contains("270326"), "{frames}");
    }
    Ok(())
}

#[tokio::test]
async fn scroll_back_fetches_the_venues_own_bars_of_every_timeframe() -> Result<()> {
    let options = fake_binance::Options { history_days: 40, ..Default::default() };
    let fake = FakeBinance::start(options).await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let now = fake.now();
    let day = 86_400_000;
    let from = now - now.rem_euclid(day) - 30 * day;
    for (timeframe, interval, days) in [
        ("1m", "1m", 1),
        ("15m", "15m", 2),
        ("1H", "1h", 5),
        ("4H", "4h", 20),
        ("1D", "1d", 25),
        // Weeks that are over, whatever day it is.
        ("1W", "1w", 21),
    ] {
        let to = from + days * day;
        let path = format!("/api/candles?symbol={PERP}&interval={timeframe}&from={from}&to={to}");
        let rows = relay.rows(&path).await?;
        let exact = fake.bars(Product::Usdm, "BTCUSDT", interval, from, to);
        assert_eq!(rows.len(), exact.len(), "{timeframe}");
        for (row, exact) in rows.iter().zip(&exact) {
            assert_eq!(row["timestamp"].as_i64(), Some(exact.open_time), "{timeframe}");
            assert_same(row, exact, 2, 3);
        }
        // Asked again, it is answered from the store.
        let calls = fake.counts().rest["/fapi/v1/klines"];
        assert_eq!(relay.rows(&path).await?.len(), exact.len());
        assert_eq!(fake.counts().rest["/fapi/v1/klines"], calls, "{timeframe} was fetched twice");
    }
    Ok(())
}

#[tokio::test]
async fn live_minutes_equal_the_venues_totals_and_close_once() -> Result<()> {
    let fake = fake_in_minute(48).await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let started = fake.now();
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["bar", "trade"]})).await?;
    let whole = (started / MINUTE + 1) * MINUTE;
    let closed = move |f: &Value| {
        f["type"] == "bar"
            && f["closed"] == true
            && f["snapshot"] != true
            && f["timestamp"].as_i64() >= Some(whole)
    };
    // At worst this minute's rest and a whole one, and the 2 s after which a bar closes.
    client.wait_for("a whole live minute", Duration::from_secs(130), closed).await?;
    let bar = client.frames.iter().find(|f| closed(f)).context("the bar")?.clone();
    let exact = fake.bars(Product::Usdm, "BTCUSDT", "1m", whole, whole + MINUTE);
    assert_eq!(bar["origin"], "trades", "a minute wholly covered by our trades is built from them");
    assert_same(&bar, &exact[0], 2, 3);
    assert_eq!(bar["trades"].as_u64(), Some(exact[0].trades));
    let trades: Vec<u64> = client
        .frames
        .iter()
        .filter(|f| f["type"] == "trade")
        .filter_map(|f| f["id"].as_str()?.parse().ok())
        .collect();
    assert!(trades.len() > 30 && trades.windows(2).all(|w| w[1] == w[0] + 1), "a hole in the trades");
    let path = format!("/api/history/bars?symbol={PERP}&from={whole}&to={}", whole + MINUTE);
    relay.wait_rows(&path, SOON, |rows| rows.last().is_some_and(|r| r["closed"] == true)).await?;
    assert_bars(&relay, &fake, whole - 30 * MINUTE, whole + MINUTE).await?;
    Ok(())
}

#[tokio::test]
async fn liquidations_have_the_side_that_died() -> Result<()> {
    let fake = fake().await?;
    let relay = Options::binance(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["liquidation"]})).await?;
    client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    let order =
        ForceOrder { symbol: "BTCUSDT", side: "SELL", quantity: "0.250", average_price: "84000.50", st: 1 };
    // The coin-margined one, in contracts, must not count.
    fake.liquidate(&ForceOrder { quantity: "99", st: 2, ..order });
    fake.liquidate(&order);
    fake.liquidate(&ForceOrder { side: "BUY", ..order });
    let liquidations =
        |frames: &[Value]| frames.iter().filter(|f| f["type"] == "liquidation").cloned().collect::<Vec<_>>();
    client.wait("two", SOON, |f| liquidations(f).len() >= 2).await?;
    client.read_for(Duration::from_millis(500)).await;
    let seen = liquidations(&client.frames);
    assert_eq!(seen.iter().map(|l| l["side"].as_str()).collect::<Vec<_>>(), [Some("LONG"), Some("SHORT")]);
    for l in &seen {
        let numbers = (l["quantity"].as_f64(), l["price"].as_f64(), l["value"].as_f64());
        assert_eq!(numbers, (Some(0.25), Some(84_000.5), Some(21_000.125)));
        assert_eq!((&l["price_kind"], &l["at_least"]), (&json!("average"), &json!(true)));
    }
    let now = fake.now();
    let path = format!("/api/history/liquidations?symbol={PERP}&from={}&to={}", now - MINUTE, now + MINUTE);
    relay.wait_rows(&path, SOON, |rows| rows.len() == 2).await?;
    Ok(())
}
