use axum::body::Body as HttpBody;
use axum::http::{Request, StatusCode};
use serde_json::Value;

use super::{app, get, send};

#[tokio::test]
async fn bad_input_is_refused_by_name() {
    let app = app().await;
    let long = format!("symbol={}", "A".repeat(3_000));
    let cases: &[(&str, u16, &str, &str)] = &[
        ("", 400, "missing_symbol", "symbol"),
        ("symbol=", 400, "missing_symbol", "symbol"),
        ("symbol=DOGEUSDT-PERP", 404, "unknown_symbol", "DOGEUSDT-PERP"),
        ("symbol=../../etc/passwd", 400, "invalid_symbol", "symbol"),
        ("symbol=..%2F..%2Fetc%2Fpasswd", 400, "invalid_symbol", "symbol"),
        ("symbol=%00", 400, "invalid_symbol", "symbol"),
        ("symbol=BTC%zz", 400, "invalid_symbol", "symbol"),
        ("symbol=%ff%fe", 400, "invalid_symbol", "symbol"),
        ("symbol=%3Cscript%3E", 400, "invalid_symbol", "symbol"),
        (&long, 400, "invalid_symbol", "symbol"),
        ("symbol=BTCUSDT-PERP&symbol=BTC/USDT", 400, "repeated_parameter", "symbol"),
        ("symbol=BTCUSDT-PERP&venue=nyse", 400, "unknown_venue", "one, two"),
        ("symbol=BTC/USDT&venue=two", 404, "unknown_symbol", "two"),
        ("symbol=BTCUSDT-PERP&from=5&to=4", 400, "invalid_range", "from"),
        ("symbol=BTCUSDT-PERP&from=yesterday", 400, "invalid_time", "from"),
        ("symbol=BTCUSDT-PERP&to=1e9", 400, "invalid_time", "to"),
        ("symbol=BTCUSDT-PERP&from=-1", 400, "invalid_time", "from"),
        ("symbol=BTCUSDT-PERP&to=99999999999999999999", 400, "invalid_time", "to"),
        ("symbol=BTCUSDT-PERP&limit=0", 400, "invalid_number", "limit"),
        ("symbol=BTCUSDT-PERP&limit=-1", 400, "invalid_number", "limit"),
        ("symbol=BTCUSDT-PERP&limit=20001", 400, "invalid_number", "limit"),
        ("symbol=BTCUSDT-PERP&limit=99999999999999999999", 400, "invalid_number", "limit"),
        ("symbol=BTCUSDT-PERP&limit=ten", 400, "invalid_number", "limit"),
        ("symbol=BTCUSDT-PERP&format=xml", 400, "invalid_format", "format"),
        ("symbol=BTCUSDT-PERP&cursor=junk", 400, "invalid_cursor", "cursor"),
        ("symbol=BTCUSDT-PERP&cursor=-1.0", 400, "invalid_cursor", "cursor"),
    ];
    // Only bars have an interval.
    let of_bars: &[(&str, u16, &str, &str)] = &[
        ("symbol=BTCUSDT-PERP&interval=7m", 400, "invalid_interval", "7m"),
        ("symbol=BTCUSDT-PERP&interval=1x&interval=5m", 400, "repeated_parameter", "interval"),
        ("symbol=BTCUSDT-PERP&timeframe=1%00", 400, "invalid_interval", "timeframe"),
    ];
    let bars = ["/api/candles", "/api/chart/history", "/api/history/bars"];
    let others =
        ["/api/history/oi", "/api/history/funding", "/api/history/liquidations", "/api/history/book"];
    let all = bars.into_iter().chain(others).flat_map(|path| cases.iter().map(move |case| (path, case)));
    let own = bars.into_iter().flat_map(|path| of_bars.iter().map(move |case| (path, case)));
    for (path, (query, status, code, word)) in all.chain(own) {
        let got = get(&app, &format!("{path}?{query}")).await;
        let problem = got.json();
        assert_eq!((got.status.as_u16(), &problem["code"]), (*status, &Value::from(*code)), "{path}?{query}");
        assert_eq!(problem["status"], *status, "{path}?{query}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{path}?{query}: {problem}");
        assert_eq!(got.header("content-type"), "application/problem+json");
    }
    for (uri, code) in [
        ("/api/gaps?symbol=DOGE-PERP", "unknown_symbol"),
        ("/api/gaps?from=x", "invalid_time"),
        ("/api/gaps?venue=nyse", "unknown_venue"),
        ("/api/history/book?symbol=BTCUSDT-PERP&venue=all", "unknown_venue"),
        ("/api/candles?symbol=DOGE-PERP&venue=all", "unknown_symbol"),
        ("/api/candles?venue=all", "missing_symbol"),
        ("/api/latest-candle?symbol=DOGE-PERP&venue=all", "unknown_symbol"),
        ("/api/history/oi?symbol=DOGE-PERP&venue=all", "unknown_symbol"),
        ("/api/history/funding?symbol=BTCUSDT-PERP&venue=all&interval=1W", "invalid_interval"),
        ("/api/history/liquidations?symbol=BTCUSDT-PERP&venue=all&from=x", "invalid_time"),
        ("/api/market/overview", "missing_symbol"),
        ("/api/market/overview?symbol=DOGE-PERP", "unknown_symbol"),
        ("/api/market/oi_history?symbol=BTCUSDT-PERP&hours=0", "invalid_number"),
        ("/api/market/oi_history?symbol=BTCUSDT-PERP&hours=169", "invalid_number"),
        ("/api/market/oi_history?symbol=BTCUSDT-PERP&interval=7m", "invalid_interval"),
        ("/api/market/oi_history?symbol=BTCUSDT-PERP&hours=-1", "invalid_number"),
        ("/api/market/oi_history?symbol=BTCUSDT-PERP&hours=1e9", "invalid_number"),
        ("/api/market/oi_history?symbol=BTCUSDT-PERP&hours=1&hours=2", "repeated_parameter"),
        ("/api/latest-candle?symbol=BTCUSDT-PERP&interval=2H", "invalid_interval"),
    ] {
        assert_eq!(get(&app, uri).await.json()["code"], code, "{uri}");
    }
    let post = Request::post("/api/candles").body(HttpBody::empty()).unwrap();
    assert_eq!(send(&app, post).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
