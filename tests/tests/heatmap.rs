//! Heat maps of the simulated market: each cell is the sum of the liquidations that `/api/history` tells of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(20);
const SYMBOL: &str = "BTCUSDT-PERP";

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// One relay for all: its start is the longest part.
#[tokio::test]
async fn maps_are_the_sums_of_the_recorded_liquidations() -> Result<()> {
    let relay = Options::sim().start().await?;
    let mut counted = 0;
    for (symbol, hours) in
        [(SYMBOL, 1), (SYMBOL, 24), (SYMBOL, 168), ("ETHUSDT-PERP", 24), ("SOLUSDT-PERP", 5)]
    {
        counted += the_map_is_the_sum(&relay, symbol, hours, "all").await?;
        counted += the_map_is_the_sum(&relay, symbol, hours, "sim").await?;
    }
    ensure!(counted > 1_000, "the simulated market had only {counted} liquidations");
    a_subscriber_gets_the_map_that_requests_give(&relay).await?;
    let before = bins(&relay).await?;
    let relay = relay.kill_and_restart().await?;
    ensure!(bins(&relay).await? == before, "a restart has another grid");
    Ok(())
}

/// The price bins of a map nobody has subscribed to.
async fn bins(relay: &Relay) -> Result<Value> {
    let (_, map) = relay.get("/api/market/liq_heatmap?symbol=ETHUSDT-PERP&hours=5").await?;
    Ok(map["price_bins"].clone())
}

/// A map and the rows it is made of; what is recorded in between is asked for again.
async fn map_and_rows(relay: &Relay, symbol: &str, hours: usize, venue: &str) -> Result<(Value, Vec<Value>)> {
    let path = format!("/api/market/liq_heatmap?symbol={symbol}&hours={hours}&venue={venue}");
    for _ in 0..20 {
        let (status, headers, map) = relay.get_with(&path, &[]).await?;
        ensure!(status == 200, "{path}: {map}");
        let edges = numbers(&map["time_bins"]);
        let (from, to) = (edges.first().context("edges")?, edges.last().context("edges")?);
        let rows = format!("/api/history/liquidations?symbol={symbol}&venue={venue}&from={from}&to={to}");
        let mut rows = relay.rows(&rows).await?;
        ensure!(rows.len() < 20_000, "one page holds them");
        // Rows of venue `all` are sums of the others.
        rows.retain(|row| row["venue"] != "all");
        let tag = headers.get("etag").and_then(|tag| tag.to_str().ok()).context("a tag")?.to_owned();
        if relay.get_with(&path, &[("if-none-match", tag.as_str())]).await?.0 == 304 {
            return Ok((map, rows));
        }
    }
    anyhow::bail!("{path} changes each time")
}

/// Answers how many liquidations there were.
async fn the_map_is_the_sum(relay: &Relay, symbol: &str, hours: usize, venue: &str) -> Result<u64> {
    let (map, rows) = map_and_rows(relay, symbol, hours, venue).await?;
    let (prices, times) = (numbers(&map["price_bins"]), numbers(&map["time_bins"]));
    ensure!(prices.len() == 51 && times.len() == 12 * hours + 1, "{symbol} {hours}: edges");
    ensure!(times.iter().all(|at| at % 300_000.0 == 0.0), "{symbol} {hours}: bins of five minutes");
    let centre = prices[25];
    ensure!(close(prices[0], centre * 0.95) && close(prices[50], centre * 1.05), "{symbol}: +-5 %");
    let (_, candle) = relay.get(&format!("/api/latest-candle?symbol={symbol}&interval=1m")).await?;
    let price = candle["close"].as_f64().context("a price")?;
    ensure!((price / centre - 1.0).abs() < 0.03, "{symbol}: {price} is far from {centre}");

    let mut cells: BTreeMap<(u64, u64), (u64, f64)> = BTreeMap::new();
    let mut outside = (0, 0.0);
    for row in &rows {
        let of = |field: &str| row[field].as_f64().unwrap_or(f64::NAN);
        let within = |edges: &[f64], x: f64| edges.windows(2).position(|e| e[0] <= x && x < e[1]);
        let t = within(&times, of("timestamp")).context("a time in the window")?;
        let sum = match within(&prices, of("price")) {
            Some(p) => cells.entry((t as u64, p as u64)).or_default(),
            None => &mut outside,
        };
        *sum = (sum.0 + 1, sum.1 + of("value"));
    }
    let told = map["cells"].as_array().context("cells")?;
    ensure!(told.len() == cells.len(), "{symbol} {hours} {venue}: {} cells, not {}", told.len(), cells.len());
    for (cell, ((t, p), (count, sum))) in told.iter().zip(&cells) {
        let fits = cell["t"] == *t && cell["p"] == *p && cell["count"] == *count;
        let size = cell["size_usd"].as_f64().unwrap_or(f64::NAN);
        ensure!(fits && close(size, *sum), "{symbol} {hours} {venue}: {cell} is not {t} {p} {count} {sum}");
    }
    let size = map["outside"]["size_usd"].as_f64().unwrap_or(f64::NAN);
    ensure!(map["outside"]["count"] == outside.0 && close(size, outside.1), "{symbol} {hours}: outside");
    let most = cells.values().map(|(_, sum)| *sum).fold(0.0, f64::max);
    ensure!(close(map["max_size_usd"].as_f64().unwrap_or(f64::NAN), most), "{symbol} {hours}: the largest");
    Ok(rows.len() as u64)
}

async fn a_subscriber_gets_the_map_that_requests_give(relay: &Relay) -> Result<()> {
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [SYMBOL], "channels": ["heatmap"]})).await?;
    let first = client.wait_for("a snapshot", SOON, |f| f["type"] == "heatmap").await?;
    ensure!(first["snapshot"] == true && first["venue"] == "all" && first["symbol"] == SYMBOL, "{first}");
    // The newest map told equals the one asked for, however often either changes meanwhile.
    for _ in 0..20 {
        let (map, _) = map_and_rows(relay, SYMBOL, 1, "all").await?;
        client.read_for(Duration::from_millis(1_500)).await;
        let fields = ["kind", "price_bins", "time_bins", "cells", "outside", "max_size_usd"];
        let same = |frame: &Value| fields.iter().all(|field| frame[*field] == map[*field]);
        let maps: Vec<Value> = client.take().into_iter().filter(|f| f["type"] == "heatmap").collect();
        if maps.iter().chain([&first]).any(same) {
            return Ok(());
        }
    }
    anyhow::bail!("requests and frames tell of different maps")
}
