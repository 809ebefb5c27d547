use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::event::{Bar, Body, Channel, Event};
use shared::market::{Calendar, Instrument, Kind, Ms, VenueId};

use super::{Away, MIDNIGHT, NOW, app, get, instrument, minute, serve};
use crate::directory::Directory;
use crate::history::History;
use crate::store::{Record, SqliteStore, Store};

async fn json(app: &axum::Router, path: &str) -> Value {
    let got = get(app, path).await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "application/json"), "{path}");
    got.json()
}

#[tokio::test]
async fn the_config_names_venues_and_resolutions() {
    let app = app().await;
    let config = json(&app, "/udf/config").await;
    assert_eq!(config["supported_resolutions"], json!(["1", "5", "15", "30", "60", "240", "1D", "1W", "1M"]));
    assert_eq!(
        (&config["supports_search"], &config["supports_group_request"]),
        (&json!(true), &json!(false))
    );
    let venues: Vec<&Value> = config["exchanges"].as_array().unwrap().iter().map(|e| &e["value"]).collect();
    assert_eq!(venues, ["", "one", "two", "away", "vendor"]);
    let time = get(&app, "/udf/time").await;
    assert_eq!(
        (time.text.as_str(), time.header("content-type")),
        ("1710469820", "text/plain; charset=utf-8")
    );
}

#[tokio::test]
async fn symbols_resolve_plain_by_venue_and_by_vendor_code() {
    let app = app().await;
    let plain = json(&app, "/udf/symbols?symbol=BTCUSDT-PERP").await;
    for (field, value) in [
        ("name", json!("BTCUSDT-PERP")),
        ("ticker", json!("one:BTCUSDT-PERP")),
        ("exchange", json!("one")),
        ("type", json!("swap")),
        ("session", json!("24x7")),
        ("timezone", json!("Etc/UTC")),
        ("minmov", json!(1)),
        ("pricescale", json!(10)),
        ("has_intraday", json!(true)),
        ("volume_precision", json!(3)),
    ] {
        assert_eq!(plain[field], value, "{field}");
    }
    assert!(plain.get("s").is_none(), "the library takes `s` for an error");
    for (asked, ticker) in [
        ("one:BTCUSDT-PERP", "one:BTCUSDT-PERP"),
        ("TWO:BTCUSDT-PERP", "two:BTCUSDT-PERP"),
        ("two%3ABTCUSDT-PERP", "two:BTCUSDT-PERP"),
        ("BTC%2FUSDT", "one:BTC/USDT"),
        ("ONE:BTC/USDT", "one:BTC/USDT"),
        ("NASDAQ:AAPL", "vendor:NASDAQ:AAPL"),
        ("vendor:NASDAQ:AAPL", "vendor:NASDAQ:AAPL"),
        ("all:BTCUSDT-PERP", "all:BTCUSDT-PERP"),
    ] {
        let path = format!("/udf/symbols?symbol={asked}&currencyCode=USDT");
        assert_eq!(json(&app, &path).await["ticker"], ticker, "{asked}");
    }
    for unknown in ["NOPE", "one:NOPE", "two:BTC/USDT", "nyse:BTCUSDT-PERP"] {
        let told = json(&app, &format!("/udf/symbols?symbol={unknown}")).await;
        assert_eq!(told["s"], "error", "{unknown}: {told}");
        assert!(told["errmsg"].as_str().is_some_and(|m| m.contains("nobody lists")), "{told}");
    }
}

#[tokio::test]
async fn a_search_gives_a_row_per_venue() {
    let app = app().await;
    let found = async |query: &str| {
        let rows = json(&app, &format!("/udf/search?{query}")).await;
        rows.as_array().unwrap().iter().map(|row| row["full_name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        found("query=BTC&type=&exchange=&limit=30").await,
        ["one:BTCUSDT-PERP", "two:BTCUSDT-PERP", "one:BTC/USDT"]
    );
    assert_eq!(found("query=BTC&type=&exchange=&limit=1").await, ["one:BTCUSDT-PERP"]);
    assert_eq!(found("query=BTC&type=spot&exchange=&limit=30").await, ["one:BTC/USDT"]);
    assert_eq!(found("query=BTC&type=perp&exchange=two&limit=30").await, ["two:BTCUSDT-PERP"]);
    assert_eq!(found("query=TWO:BTC").await, ["two:BTCUSDT-PERP"]);
    assert_eq!(found("query=nothing").await, [] as [&str; 0]);
}

#[tokio::test]
async fn history_has_the_rows_of_candles_in_columns() {
    let app = app().await;
    let at = |minutes: i64| MIDNIGHT.0 / 1_000 + minutes * 60;
    for (resolution, interval) in [("1", "1m"), ("5", "5m"), ("60", "1H"), ("240", "4H"), ("1D", "1D")] {
        let (from, to) = (MIDNIGHT.0, MIDNIGHT.0 + 120 * 60_000);
        let candles =
            get(&app, &format!("/api/candles?symbol=BTCUSDT-PERP&interval={interval}&from={from}&to={to}"))
                .await;
        let (from, to) = (at(0), at(120));
        let path =
            format!("/udf/history?symbol=one:BTCUSDT-PERP&resolution={resolution}&from={from}&to={to}");
        let bars = json(&app, &path).await;
        assert_eq!(bars["s"], "ok", "{bars}");
        let closed: Vec<bool> = candles.column("closed").iter().map(|c| c == true).collect();
        assert!(closed.iter().any(|c| *c) || interval == "1D" || interval == "4H", "{interval}");
        for (short, long) in
            [("t", "timestamp"), ("o", "open"), ("h", "high"), ("l", "low"), ("c", "close"), ("v", "volume")]
        {
            let (ours, theirs) = (bars[short].as_array().unwrap(), candles.column(long));
            assert_eq!(ours.len(), theirs.len(), "{interval} {short}");
            for ((a, b), closed) in ours.iter().zip(&theirs).zip(&closed) {
                let b = if short == "t" { json!(b.as_i64().unwrap() / 1_000) } else { b.clone() };
                // A bar of candles that is still forming is a base without the running minute.
                assert!(*a == b || (!closed && short != "t" && short != "o"), "{interval} {short}: {a} {b}");
            }
        }
    }
    // The forming bar is whole, as that of latest-candle.
    let newest =
        json(&app, &format!("/udf/history?symbol=BTCUSDT-PERP&resolution=60&countback=1&to={}", at(200)))
            .await;
    let latest = json(&app, "/api/latest-candle?symbol=BTCUSDT-PERP&interval=1H").await;
    assert_eq!((&newest["c"][0], &newest["h"][0]), (&latest["close"], &latest["high"]));
    assert_eq!(newest["c"], json!([321.0]));
}

#[tokio::test]
async fn countback_goes_before_from_and_the_end_is_told() {
    let app = app().await;
    let at = |minutes: i64| MIDNIGHT.0 / 1_000 + minutes * 60;
    let history =
        async |query: String| json(&app, &format!("/udf/history?symbol=BTCUSDT-PERP&{query}")).await;
    let back = history(format!("resolution=1&from={}&to={}&countback=3", at(99), at(100))).await;
    assert_eq!(back["t"], json!([at(97), at(98), at(99)]));
    // Dragged far back: before 1970.
    let far = history(format!("resolution=1&from=-86400&to={}&countback=500", at(2))).await;
    assert_eq!(far["t"], json!([at(0), at(1)]));
    let before = history(format!("resolution=1&from=-86400&to={}&countback=500", at(0))).await;
    assert_eq!(before, json!({"s": "no_data"}));
    // Nothing yet after now, and where the last bar is.
    let after = history(format!("resolution=1&from={}&to={}", at(400), at(500))).await;
    assert_eq!(after, json!({"s": "no_data", "nextTime": at(150)}));
    let joined =
        json(&app, &format!("/udf/history?symbol=all:BTCUSDT-PERP&resolution=1&from={}&to={}", at(0), at(1)))
            .await;
    assert_eq!((&joined["v"], &joined["c"]), (&json!([4.0]), &json!([100.0])));
}

#[tokio::test]
async fn daily_bars_of_sessions_go_by_the_date_of_the_trading_day() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
    let symbol: shared::market::Symbol = "CME_MINI:MNQ1!".parse().unwrap();
    let venue = VenueId::new("two");
    // 17:00 in Chicago is 22:00 UTC since 10 March 2024.
    let opens = [-50, -26, -2].map(|hours| MIDNIGHT + Ms(hours * 3_600_000));
    let event = |at: &Ms| {
        let bar = Bar { timestamp: *at, ..minute(0) };
        let (symbol, venue) = (symbol.clone(), venue.clone());
        Record::Event(Event { received: NOW, symbol, venue, body: Body::Bar(bar) })
    };
    store.write(opens.iter().map(event).collect()).await.unwrap();
    store.flush().await.unwrap();
    let directory = Directory::new([venue.clone()]);
    let future = instrument("two", symbol.as_str(), Kind::Future, &[Channel::Bar]);
    directory.set(
        &venue,
        vec![Arc::new(Instrument { calendar: Calendar::Cme, tick_size: 0.25, ..(*future).clone() })],
    );
    let nothing = |_: &VenueId, _: &shared::market::Symbol| None::<Bar>;
    let history = Arc::new(History::new(store.clone(), Arc::new(Away), Arc::new(nothing), || NOW));
    let app = serve(directory, history, store);

    let info = json(&app, "/udf/symbols?symbol=CME_MINI:MNQ1!").await;
    assert_eq!((&info["session"], &info["timezone"]), (&json!("1700-1600:23456"), &json!("America/Chicago")));
    assert_eq!((&info["minmov"], &info["pricescale"]), (&json!(25), &json!(100)));
    let day = |n: i64| MIDNIGHT.0 / 1_000 + n * 86_400;
    let times = async |query: String| {
        json(&app, &format!("/udf/history?symbol=two:CME_MINI:MNQ1!&{query}")).await["t"].clone()
    };
    let (from, to) = (day(-10), day(1));
    // The sessions that opened on the 12th, 13th and 14th are the trading days of the 13th, 14th and 15th.
    assert_eq!(times(format!("resolution=1D&from={from}&to={to}")).await, json!([day(-2), day(-1), day(0)]));
    assert_eq!(times(format!("resolution=1D&from={}&to={}", day(-1), day(0))).await, json!([day(-1)]));
    assert_eq!(times(format!("resolution=1D&to={}&countback=1", day(0))).await, json!([day(-1)]));
    assert_eq!(times(format!("resolution=1&from={from}&to={to}")).await, json!(opens.map(|at| at.0 / 1_000)));
    // The month's first trading day is Friday, the first.
    assert_eq!(times(format!("resolution=1M&from={}&to={to}", day(-30))).await, json!([day(-14)]));
}

#[tokio::test]
async fn nonsense_is_refused_in_both_forms() {
    let app = app().await;
    let history = "/udf/history?symbol=BTCUSDT-PERP";
    for (path, code, names) in [
        ("/udf/symbols".to_owned(), "missing_symbol", "symbol"),
        ("/udf/symbols?symbol=..%2Fetc".to_owned(), "invalid_symbol", "symbol"),
        ("/udf/symbols?symbol=one:..%2Fetc".to_owned(), "invalid_symbol", "symbol"),
        ("/udf/history?resolution=1".to_owned(), "missing_symbol", "symbol"),
        (history.to_owned(), "missing_resolution", "resolution"),
        (format!("{history}&resolution=7"), "invalid_resolution", "resolution"),
        (format!("{history}&resolution=1m"), "invalid_resolution", "resolution"),
        (format!("{history}&resolution=1&from=soon"), "invalid_time", "from"),
        (format!("{history}&resolution=1&to=1710469820000000"), "invalid_time", "to"),
        (format!("{history}&resolution=1&from=20&to=10"), "invalid_range", "from"),
        (format!("{history}&resolution=1&countback=-5"), "invalid_number", "countback"),
        (format!("{history}&resolution=1&countback=0"), "invalid_number", "countback"),
        (format!("{history}&resolution=1&countback=1&countback=2"), "repeated_parameter", "countback"),
        ("/udf/search?query=b&limit=0".to_owned(), "invalid_number", "limit"),
        ("/udf/search?query=b&type=bonds".to_owned(), "unknown_type", "type"),
        ("/udf/search?query=b&exchange=nyse".to_owned(), "unknown_venue", "exchange"),
        (format!("/udf/search?query={}", "b".repeat(65)), "invalid_query", "query"),
    ] {
        let got = get(&app, &path).await;
        let body = got.json();
        assert_eq!(
            (got.status, got.header("content-type")),
            (StatusCode::BAD_REQUEST, "application/problem+json"),
            "{path}"
        );
        assert_eq!(
            (&body["code"], &body["s"], &body["status"]),
            (&json!(code), &json!("error"), &json!(400)),
            "{path}"
        );
        assert_eq!(body["errmsg"], body["detail"]);
        assert!(body["detail"].as_str().is_some_and(|d| d.contains(names)), "{path}: {body}");
    }
    let got = get(&app, "/udf/marks").await;
    assert_eq!((got.status, &got.json()["code"]), (StatusCode::NOT_FOUND, &json!("no_such_route")));
    // Its venue is out of reach.
    let got = get(&app, "/udf/history?symbol=ETHUSDT-PERP&resolution=1&countback=2").await;
    assert_eq!((got.status, &got.json()["s"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("error")));
}
