//! The requests TradingView's own charting library makes of a data feed, in their order.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::relay::{Options, Relay};

/// Bars as the library reads them: time in ms, and open, high, low, close, volume.
type Bars = Vec<(i64, [f64; 5])>;

/// What the library's UDF adapter does with an answer of `/history`.
fn bars(answer: &Value) -> Result<(Bars, bool)> {
    match answer["s"].as_str() {
        Some("no_data") => return Ok((Vec::new(), true)),
        Some("ok") => {}
        _ => anyhow::bail!("refused: {answer}"),
    }
    let column = |name: &str| answer[name].as_array().with_context(|| format!("{name}: {answer}"));
    let values = ["o", "h", "l", "c", "v"].map(column);
    let mut bars = Vec::new();
    for (n, at) in column("t")?.iter().enumerate() {
        let mut row = [0.0; 5];
        for (cell, column) in row.iter_mut().zip(&values) {
            let column = column.as_ref().map_err(|e| anyhow::anyhow!("{e}"))?;
            *cell = column.get(n).and_then(Value::as_f64).context("a number")?;
        }
        bars.push((at.as_i64().context("a time")? * 1_000, row));
    }
    Ok((bars, false))
}

async fn ask(relay: &Relay, path: &str) -> Result<Value> {
    let (status, headers, body) =
        relay.get_with(&format!("/udf/{path}"), &[("origin", "https://charts.example")]).await?;
    ensure!(status == 200, "{path}: {status} {body}");
    // Without this header the library's page could not read it.
    ensure!(headers["access-control-allow-origin"] == "https://charts.example", "{path}");
    Ok(body)
}

async fn history(relay: &Relay, ticker: &str, resolution: &str, query: &str) -> Result<(Bars, bool)> {
    let ticker = ticker.replace('/', "%2F").replace(':', "%3A");
    let currency = "currencyCode=USDT";
    let path = format!("history?symbol={ticker}&resolution={resolution}&{query}&{currency}");
    bars(&ask(relay, &path).await?)
}

#[tokio::test]
async fn a_chart_opens_scrolls_back_follows_and_searches() -> Result<()> {
    let relay = Options::sim().env("TAPEDECK_ALLOWED_ORIGINS", "https://charts.example").start().await?;
    let config = ask(&relay, "config").await?;
    assert_eq!((&config["supports_search"], &config["supports_time"]), (&true.into(), &true.into()));
    let now = ask(&relay, "time").await?.as_i64().context("seconds")?;

    for (symbol, resolution, interval, step) in [
        ("BTCUSDT-PERP", "1", "1m", 60),
        ("BTCUSDT-PERP", "60", "1H", 3_600),
        ("BTC/USDT", "1D", "1D", 86_400),
    ] {
        // The library resolves what it was given, and asks by the ticker from then on.
        let info = ask(&relay, &format!("symbols?symbol={}", symbol.replace('/', "%2F"))).await?;
        let ticker = info["ticker"].as_str().context("a ticker")?;
        assert_eq!(ticker, format!("sim:{symbol}"));
        let known = info["supported_resolutions"].as_array().context("resolutions")?;
        assert!(known.iter().any(|r| r == resolution));
        assert!(info["minmov"].as_u64() >= Some(1) && info["pricescale"].as_u64() >= Some(1), "{info}");

        // The first page: so many bars before a moment ahead of now.
        let to = now + step;
        let first = format!("from={}&to={to}&countback=20&firstDataRequest=true", to - 20 * step);
        let (mut chart, none) = history(&relay, ticker, resolution, &first).await?;
        assert_eq!((chart.len(), none), (20, false), "{ticker} {resolution}");
        // Dragged back: pages that end where the chart begins.
        for _ in 0..2 {
            let to = chart[0].0 / 1_000;
            let query = format!("from={}&to={to}&countback=5", to - 5 * step);
            let (page, none) = history(&relay, ticker, resolution, &query).await?;
            assert!(!none && page.len() == 5 && page[4].0 < chart[0].0, "{page:?}");
            chart.splice(0..0, page);
        }
        assert!(chart.windows(2).all(|w| w[0].0 < w[1].0), "{chart:?}");

        // They are the bars of the API.
        let (from, to) = (chart[0].0, chart[chart.len() - 1].0 + 1);
        let symbol = symbol.replace('/', "%2F");
        let path = format!("/api/candles?symbol={symbol}&venue=sim&interval={interval}&from={from}&to={to}");
        let rows = relay.rows(&path).await?;
        assert_eq!(rows.len(), chart.len(), "{ticker} {resolution}");
        for (row, (at, bar)) in rows.iter().zip(&chart).filter(|(row, _)| row["closed"] == true) {
            let fields = ["open", "high", "low", "close", "volume"].map(|name| row[name].as_f64());
            assert_eq!(
                (row["timestamp"].as_i64(), fields),
                (Some(*at), bar.map(Some)),
                "{ticker} {resolution}"
            );
        }

        // The pulse: the last two bars, again and again, never going back.
        let mut last = chart[chart.len() - 1].0;
        for _ in 0..3 {
            let now = ask(&relay, "time").await?.as_i64().context("seconds")?;
            let query = format!("from={}&to={now}&countback=2&firstDataRequest=false", now - 10 * step);
            let (pulse, _) = history(&relay, ticker, resolution, &query).await?;
            assert_eq!(pulse.len(), 2, "{ticker} {resolution}");
            assert!(pulse[1].0 >= last);
            last = pulse[1].0;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Before all history the chart is told to stop.
        let query = format!("from=-31536000&to={}&countback=300", now - 400 * 86_400);
        assert_eq!(history(&relay, ticker, resolution, &query).await?, (Vec::new(), true));
    }

    // What a person types comes in capitals; what is picked is asked for by its ticker.
    let found = ask(&relay, "search?query=BTC&type=&exchange=sim-b&limit=30").await?;
    let found = found.as_array().context("a list")?;
    assert!(!found.is_empty() && found.iter().all(|row| row["exchange"] == "sim-b"), "{found:?}");
    let picked = found[0]["ticker"].as_str().context("a ticker")?;
    assert_eq!(ask(&relay, &format!("symbols?symbol={picked}")).await?["exchange"], "sim-b");
    let unknown = ask(&relay, "symbols?symbol=NOPE").await?;
    assert_eq!(unknown["s"], "error");
    Ok(())
}
