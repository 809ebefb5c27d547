//! What is recorded and told equals the venue's own totals, in coins.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::{assert_same, live};
use tests::fake_okx::listings;
use tests::fake_okx::market::Liquidation;
use tests::oracle::decimal::float;

use super::{MINUTE, PERP, SOON, SWAP, assert_bars, fake, fake_in_minute, options};

#[tokio::test]
async fn a_day_is_filled_at_start_and_equals_the_venues_totals_in_coins() -> Result<()> {
    let fake = fake().await?;
    let symbols = format!("{PERP},BTC/USDT,PEPEUSDT-PERP,BTCUSDC-PERP,OLDUSDT-PERP");
    let relay = options(&fake, &symbols).start().await?;
    live(&relay, PERP).await?;
    let now = fake.now();
    let to = now - now.rem_euclid(MINUTE);
    assert_eq!(assert_bars(&relay, &fake, to - 1_439 * MINUTE, to).await?, 1_439);

    let path = format!("/api/history/oi?symbol={PERP}&from={}&to={now}", to - 1_400 * MINUTE);
    // A call gives a hundred rows: a day of them fifteen minutes apart.
    let oi = relay.wait_rows(&path, SOON, |rows| rows.len() >= 92).await?;
    let exact = |at: i64| fake.with_market(SWAP, |m| float(m.listing.coins(m.open_interest(at)), 4));
    for row in oi.iter().filter(|r| r["timestamp"].as_i64().is_some_and(|at| at % 300_000 == 0)) {
        let at = row["timestamp"].as_i64().context("timestamp")?;
        assert_eq!(row["open_interest"].as_f64(), Some(exact(at)), "{row}");
        assert!(row["open_interest_value"].as_f64() > Some(0.0), "{row}");
    }
    let path = format!("/api/history/funding?symbol={PERP}&from={}&to={}", now - 86_400_000, now + 600_000);
    let told = |rows: &[Value]| rows.iter().any(|f| f["kind"] == "predicted");
    let funding = relay.wait_rows(&path, Duration::from_secs(20), told).await?;
    let settled: Vec<&Value> = funding.iter().filter(|f| f["kind"] == "settled").collect();
    assert_eq!(settled.len(), 3, "each payment once: {settled:?}");
    let forecast = funding.iter().rev().find(|f| f["kind"] == "predicted").context("a forecast")?;
    let next = fake.with_market(SWAP, |m| m.listing.next_funding(now));
    assert_eq!(
        (&forecast["interval_hours"], &forecast["next_funding_time"]),
        (&json!(8.0), &json!(next)),
        "the next payment, not the one after"
    );

    // A contract of ten million coins; the price is per coin already.
    let path = format!("/api/history/bars?symbol=PEPEUSDT-PERP&from={}&to={to}", to - 10 * MINUTE);
    let rows = relay.wait_rows(&path, SOON, |rows| rows.len() == 10).await?;
    for (row, exact) in rows.iter().zip(&fake.bars("PEPE-USDT-SWAP", "1m", to - 10 * MINUTE, to)) {
        assert_same(row, exact, 8, 0);
    }
    let path = format!("/api/history/bars?symbol=BTC%2FUSDT&from={}&to={to}", to - 5 * MINUTE);
    let spot = relay.wait_rows(&path, SOON, |rows| rows.len() == 5).await?;
    for (row, exact) in spot.iter().zip(&fake.bars("BTC-USDT", "1m", to - 5 * MINUTE, to)) {
        assert_same(row, exact, 1, 8);
    }
    let symbols = relay.rows("/api/symbols").await?;
    let group = |symbol: &str| symbols.iter().find(|s| s["symbol"] == symbol).map(|s| s["group"].clone());
    assert_eq!(group("BTCUSDC-PERP"), Some(json!("BTC-PERP")));
    assert_eq!(group("OLDUSDT-PERP"), None, "suspended");
    assert_eq!(fake.violations(), Vec::<String>::new());
    assert_eq!(fake.counts().errors.len(), 0, "{:?}", fake.counts().errors);
    let doubled = fake.counts().subscribed.into_iter().find(|(_, times)| *times != 1);
    assert_eq!(doubled, None, "one stream of all liquidations among them");
    Ok(())
}

#[tokio::test]
async fn live_minutes_equal_the_venues_totals_and_close_once() -> Result<()> {
    let fake = fake_in_minute(48).await?;
    let relay = options(&fake, PERP).start().await?;
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
    client.wait_for("a whole live minute", Duration::from_secs(130), closed).await?;
    let bar = client.frames.iter().find(|f| closed(f)).context("the bar")?.clone();
    let exact = fake.bars(SWAP, "1m", whole, whole + MINUTE);
    assert_eq!(bar["origin"], "trades", "a minute wholly covered by our trades is built from them");
    assert_same(&bar, &exact[0], 1, 4);
    let within = |f: &&Value| {
        f["type"] == "trade" && f["timestamp"].as_i64().is_some_and(|t| (whole..whole + MINUTE).contains(&t))
    };
    let told: Vec<&Value> = client.frames.iter().filter(within).collect();
    let known = fake.trades(SWAP, whole, whole + MINUTE);
    assert_eq!(told.len(), known.len());
    let btc = listings::btc_swap();
    for (row, trade) in told.iter().zip(&known) {
        let quantity = float(btc.coins(trade.quantity), btc.coin_places());
        assert_eq!(
            (row["price"].as_f64(), row["quantity"].as_f64()),
            (Some(float(trade.price, 1)), Some(quantity))
        );
        assert_eq!(row["side"], if trade.buy { "buy" } else { "sell" });
    }
    Ok(())
}

#[tokio::test]
async fn liquidations_have_the_side_that_died_and_the_mark_price() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, &format!("{PERP},ETHUSDT-PERP")).start().await?;
    live(&relay, PERP).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [PERP], "channels": ["liquidation"]})).await?;
    client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    let now = fake.now();
    // 123.45 contracts: a size that nothing else has.
    let order =
        Liquidation { time: now - 5_000, told: now, long: true, net: false, price: 841_005, size: 12_345 };
    fake.liquidate(SWAP, order);
    // Told later, of an earlier time; the position's side only by the order's.
    fake.liquidate(SWAP, Liquidation { time: now - 90_000, long: false, net: true, ..order });
    fake.liquidate("BTC-USD-SWAP", order);
    // The very same again is a repeat.
    fake.liquidate(SWAP, order);
    let ours = |frames: &[Value]| -> Vec<Value> {
        let mine = |f: &&Value| f["type"] == "liquidation" && f["quantity"] == 1.2345;
        frames.iter().filter(mine).cloned().collect()
    };
    client.wait("two", SOON, |f| ours(f).len() >= 2).await?;
    client.read_for(Duration::from_millis(500)).await;
    let seen = ours(&client.frames);
    let rows: Vec<_> = seen.iter().map(|l| (l["side"].as_str(), l["timestamp"].as_i64())).collect();
    assert_eq!(rows, [(Some("LONG"), Some(now - 5_000)), (Some("SHORT"), Some(now - 90_000))]);
    for l in &seen {
        assert_eq!((l["price"].as_f64(), l["value"].as_f64()), (Some(84_100.5), Some(84_100.5 * 1.2345)));
        assert_eq!((&l["price_kind"], &l["at_least"]), (&json!("mark"), &json!(true)));
    }
    Ok(())
}
