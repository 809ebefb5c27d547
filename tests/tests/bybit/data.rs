//! What is recorded and told equals the venue's own totals.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::{assert_same, live};
use tests::fake_bybit::market::{FakeLiquidation, Product};
use tests::oracle::decimal::float;

use super::{MINUTE, NAME, PERP, SOON, assert_bars, fake, fake_in_minute, options};

#[tokio::test]
async fn a_day_is_filled_at_start_and_equals_the_venues_totals() -> Result<()> {
    let fake = fake().await?;
    let relay =
        options(&fake, &format!("{PERP},BTC/USDT,BTCUSDC-PERP,SHIBUSDT-PERP,OLDUSDT-PERP")).start().await?;
    live(&relay, PERP).await?;
    let now = fake.now();
    let to = now - now.rem_euclid(MINUTE);
    assert_eq!(assert_bars(&relay, &fake, to - 1_439 * MINUTE, to).await?, 1_439);

    // A call gives two hundred rows, five minutes apart.
    let path = format!("/api/history/oi?symbol={PERP}&from={}&to={now}", to - 900 * MINUTE);
    let oi = relay.wait_rows(&path, SOON, |rows| rows.len() >= 170).await?;
    let on_grid: Vec<&Value> =
        oi.iter().filter(|r| r["timestamp"].as_i64().is_some_and(|at| at % 300_000 == 0)).collect();
    assert!(on_grid.len() >= 170, "{}", on_grid.len());
    for row in on_grid {
        let at = row["timestamp"].as_i64().context("timestamp")?;
        let one_side = fake.with_market(Product::Linear, NAME, |m| float(m.open_interest(at), 3));
        assert_eq!(row["open_interest"].as_f64(), Some(one_side), "one side, not both: {row}");
    }
    let path = format!("/api/history/funding?symbol={PERP}&from={}&to={}", now - 86_400_000, now + 600_000);
    let told = |rows: &[Value]| rows.iter().any(|f| f["kind"] == "predicted");
    let funding = relay.wait_rows(&path, Duration::from_secs(20), told).await?;
    assert_eq!(funding.iter().filter(|f| f["kind"] == "settled").count(), 3, "each payment once");
    let forecast = funding.iter().rev().find(|f| f["kind"] == "predicted").context("a forecast")?;
    let next = fake.with_market(Product::Linear, NAME, |m| m.listing.next_funding(now));
    assert_eq!((&forecast["interval_hours"], &forecast["next_funding_time"]), (&json!(8.0), &json!(next)));

    // The multiple stands behind the coin; what is told is per coin.
    let path = format!("/api/history/bars?symbol=SHIBUSDT-PERP&from={}&to={to}", to - 10 * MINUTE);
    let rows = relay.wait_rows(&path, SOON, |rows| rows.len() == 10).await?;
    let exact = fake.bars(Product::Linear, "SHIB1000USDT", "1", to - 10 * MINUTE, to);
    for (row, exact) in rows.iter().zip(&exact) {
        assert_eq!(row["volume"].as_f64(), Some(exact.volume as f64 * 1_000.0), "{row}");
        assert_eq!(row["close"].as_f64(), Some(float(exact.close, 6) / 1_000.0), "{row}");
    }
    let path = format!("/api/history/bars?symbol=BTC%2FUSDT&from={}&to={to}", to - 5 * MINUTE);
    let spot = relay.wait_rows(&path, SOON, |rows| rows.len() == 5).await?;
    for (row, exact) in spot.iter().zip(&fake.bars(Product::Spot, NAME, "1", to - 5 * MINUTE, to)) {
        assert_same(row, exact, 1, 6);
    }
    let symbols = relay.rows("/api/symbols").await?;
    let group = |symbol: &str| symbols.iter().find(|s| s["symbol"] == symbol).map(|s| s["group"].clone());
    assert_eq!(group("BTCUSDC-PERP"), Some(json!("BTC-PERP")));
    assert_eq!(group("OLDUSDT-PERP"), None, "closed");
    assert!(fake.violations().is_empty(), "{:?}", fake.violations());
    let counts = fake.counts();
    assert_eq!(counts.failed_requests, 0);
    let doubled = counts.subscribed.into_iter().find(|(_, times)| *times != 1);
    assert_eq!(doubled, None, "one topic of two channels among them");
    Ok(())
}

#[tokio::test]
async fn live_minutes_equal_the_venues_totals_without_block_trades() -> Result<()> {
    let fake = fake_in_minute(48).await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["bar", "trade"]})).await?;
    let whole = (fake.now() / MINUTE + 1) * MINUTE;
    let in_it = |f: &Value| f["type"] == "trade" && f["timestamp"].as_i64() >= Some(whole);
    let first = client.wait_for("a trade of the minute", Duration::from_secs(80), in_it).await?;
    // Agreed away from the book, at a price of its own.
    let mut block = fake.trades(Product::Linear, NAME, whole, whole + MINUTE)[0];
    (block.id, block.price, block.quantity) = (7, block.price / 2, 1_000_000);
    fake.block_trade(Product::Linear, NAME, block);
    let closed = move |f: &Value| {
        f["type"] == "bar" && f["closed"] == true && f["snapshot"] != true && f["timestamp"] == whole
    };
    client.wait_for("the minute", Duration::from_secs(90), closed).await?;
    let bar = client.frames.iter().find(|f| closed(f)).context("the bar")?.clone();
    let exact = fake.bars(Product::Linear, NAME, "1", whole, whole + MINUTE);
    assert_eq!(bar["origin"], "trades", "a minute wholly covered by our trades is built from them");
    assert_same(&bar, &exact[0], 2, 3);
    let within = |f: &&Value| {
        f["type"] == "trade" && f["timestamp"].as_i64().is_some_and(|t| (whole..whole + MINUTE).contains(&t))
    };
    let told: Vec<&Value> = client.frames.iter().filter(within).collect();
    let known = fake.trades(Product::Linear, NAME, whole, whole + MINUTE);
    assert_eq!(told.len(), known.len(), "first of them {first}");
    for (row, trade) in told.iter().zip(&known) {
        let expected = (Some(float(trade.price, 2)), Some(float(trade.quantity, 3)));
        assert_eq!((row["price"].as_f64(), row["quantity"].as_f64()), expected);
        assert_eq!(row["side"], if trade.buy { "buy" } else { "sell" });
    }
    assert_eq!(fake.counts().sent[&("linear", NAME)].block_trades, 1, "it was sent");
    Ok(())
}

#[tokio::test]
async fn liquidations_have_the_side_that_died_and_the_bankruptcy_price() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["liquidation"]})).await?;
    client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    let now = fake.now();
    // A size that nothing else has.
    let row = FakeLiquidation { time: now - 900, long: true, quantity: 77_123, price: 8_410_050 };
    fake.liquidate(NAME, &[row, FakeLiquidation { time: now - 800, long: false, ..row }]);
    let ours = |frames: &[Value]| -> Vec<Value> {
        let mine = |f: &&Value| f["type"] == "liquidation" && f["quantity"] == 77.123;
        frames.iter().filter(mine).cloned().collect()
    };
    client.wait("two", SOON, |f| ours(f).len() >= 2).await?;
    let seen = ours(&client.frames);
    let rows: Vec<_> = seen.iter().map(|l| (l["side"].as_str(), l["timestamp"].as_i64())).collect();
    assert_eq!(rows, [(Some("LONG"), Some(now - 900)), (Some("SHORT"), Some(now - 800))]);
    for l in &seen {
        assert_eq!((l["price"].as_f64(), l["value"].as_f64()), (Some(84_100.5), Some(84_100.5 * 77.123)));
        assert_eq!((&l["price_kind"], &l["at_least"]), (&json!("bankruptcy"), &json!(false)));
    }
    Ok(())
}
