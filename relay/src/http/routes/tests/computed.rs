//! `/api/indicators` and `/api/signals`.

use serde_json::json;
use shared::maths::indicators::{Ema, Period, Vwap};
use shared::maths::signals::{EmaCrossoverRsi, verdicts};

use super::*;

const BARS: i64 = 400;

/// A wave that crosses its averages, of one minute each; minutes 100 to 104 are missing.
fn wave(n: i64) -> Bar {
    let close = 1_000.0 + ((n % 120) as f64 - 60.0).abs() + if n % 2 == 0 { 4.0 } else { 0.0 };
    let mut bar = Bar::flat(MIDNIGHT + Ms(n * 60_000), Timeframe::M1, close, Origin::Trades);
    (bar.high, bar.volume, bar.closed) = (close + 1.0, 1.0 + (n % 3) as f64, true);
    bar
}

fn bars() -> Vec<Bar> {
    (0..BARS).filter(|n| !(100..105).contains(n)).map(wave).collect()
}

/// The wave at venue `one` with a forming bar behind it, and a few minutes at `two`.
async fn app() -> axum::Router {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
    let symbol: Symbol = "BTCUSDT-PERP".parse().unwrap();
    let of = |venue: &str, bar: Bar| {
        let (symbol, venue) = (symbol.clone(), VenueId::new(venue));
        Record::Event(Event { received: bar.timestamp, symbol, venue, body: Body::Bar(bar) })
    };
    let mut records: Vec<Record> = bars().into_iter().map(|bar| of("one", bar)).collect();
    records.extend((0..BARS).map(|n| of("two", Bar { volume: 10.0, ..wave(n) })));
    store.write(records).await.unwrap();
    store.flush().await.unwrap();
    let directory = Directory::new(["one", "two"].map(VenueId::new));
    for venue in ["one", "two"] {
        let perp = instrument(venue, "BTCUSDT-PERP", Kind::Perp, &[Channel::Bar]);
        directory.set(&VenueId::new(venue), vec![perp]);
    }
    let live =
        |venue: &VenueId, _: &Symbol| (venue.as_str() == "one").then(|| Bar { closed: false, ..wave(BARS) });
    let now = || MIDNIGHT + Ms(BARS * 60_000 + 20_000);
    let history = Arc::new(History::new(store.clone(), Arc::new(Away), Arc::new(live), now));
    serve(directory, history, store)
}

async fn post(app: &axum::Router, uri: &str, body: &Value) -> Got {
    let request = Request::post(uri).header("content-type", "application/json; charset=utf-8");
    send(app, request.body(HttpBody::from(body.to_string())).unwrap()).await
}

/// A body for the whole day with one more field.
fn day(name: &str, value: impl Into<Value>) -> Value {
    let mut body =
        json!({"symbol": "BTCUSDT-PERP", "interval": "1m", "from": MIDNIGHT.0, "to": "2024-03-15"});
    body[name] = value.into();
    body
}

#[tokio::test]
async fn indicators_have_a_row_per_closed_bar_with_nulls_at_first() {
    let app = app().await;
    let got =
        post(&app, "/api/indicators", &day("indicators", json!(["ema_20", "macd_12_26_9", "ema_20"]))).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.text);
    let bars = bars();
    let closes: Vec<f64> = bars.iter().map(|b| b.close).collect();
    assert_eq!(got.column("timestamp"), bars.iter().map(|b| json!(b.timestamp.0)).collect::<Vec<_>>());
    let plain = Ema::over(Period::new(20).unwrap(), &closes);
    let expected: Vec<Value> =
        plain.iter().map(|v| if v.is_nan() { Value::Null } else { json!(v) }).collect();
    assert_eq!(got.column("ema_20"), expected);
    assert_eq!(expected.iter().filter(|v| v.is_null()).count(), 19);
    let names = ["timestamp", "ema_20", "macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"];
    let rows = got.json();
    let mut keys: Vec<&String> = rows[394].as_object().unwrap().keys().collect();
    keys.sort_by_key(|key| names.iter().position(|name| name == key));
    assert_eq!(keys, names);
    assert!(rows[394]["macd_12_26_9_hist"].is_f64() && rows[32]["macd_12_26_9_hist"].is_null());
    // Computed from `from`, whatever was before.
    let mut later = day("indicators", json!(["ema_20"]));
    later["from"] = json!(MIDNIGHT.0 + 50 * 60_000);
    let got = post(&app, "/api/indicators", &later).await;
    assert_eq!(got.column("ema_20")[18], Value::Null);
    assert_eq!(got.column("ema_20")[19], json!(Ema::over(Period::new(20).unwrap(), &closes[50..])[19]));
}

#[tokio::test]
async fn without_a_range_the_newest_closed_bars_are_computed_from_their_first() {
    let app = app().await;
    let mut body = json!({"symbol": "BTCUSDT-PERP", "indicators": ["sma_3"], "limit": 5});
    let got = post(&app, "/api/indicators", &body).await;
    let at = |n: i64| json!(MIDNIGHT.0 + n * 60_000);
    assert_eq!(got.column("timestamp"), [395, 396, 397, 398, 399].map(at));
    let means = got.column("sma_3");
    assert!(means[1].is_null() && means[2].is_f64(), "{means:?}");
    assert_eq!(got.header("link"), "");
    body["to"] = at(398);
    assert_eq!(post(&app, "/api/indicators", &body).await.column("timestamp")[4], at(397));
    body["to"] = json!(5);
    assert_eq!(post(&app, "/api/indicators", &body).await.text, "[]");
}

#[tokio::test]
async fn vwap_counts_from_midnight_whatever_the_range() {
    let app = app().await;
    let mut body = day("indicators", json!(["vwap", "ema_2"]));
    body["from"] = json!(MIDNIGHT.0 + 200 * 60_000);
    let got = post(&app, "/api/indicators", &body).await;
    let plain = Vwap::over(&bars());
    let expected: Vec<Value> = plain[195..].iter().map(|v| json!(v)).collect();
    assert_eq!(got.column("vwap"), expected);
    assert_eq!(got.column("ema_2")[0], Value::Null);
}

#[tokio::test]
async fn pages_say_what_one_answer_would() {
    let app = app().await;
    for (path, name, value, field) in [
        ("/api/indicators", "indicators", json!(["rsi_14", "bb_20_2", "vwap"]), "bb_20_2_upper"),
        ("/api/signals", "strategy_id", json!("ema_crossover_rsi"), "metadata"),
    ] {
        let mut body = day(name, value);
        let whole = post(&app, path, &body).await;
        assert_eq!((whole.header("link"), whole.json().as_array().unwrap().len()), ("", 395));
        assert!(!whole.column(field)[300].is_null());
        body["limit"] = json!(90);
        let (mut uri, mut rows, mut pages) = (path.to_owned(), Vec::new(), 0);
        loop {
            let got = post(&app, &uri, &body).await;
            assert_eq!(got.status, StatusCode::OK, "{}", got.text);
            rows.extend(got.json().as_array().unwrap().clone());
            pages += 1;
            let link = got.header("link").to_owned();
            let Some(next) = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")) else {
                break;
            };
            assert_eq!(next, format!("{path}?cursor={}", got.header("x-next-cursor")));
            uri = next.to_owned();
        }
        assert_eq!((Value::from(rows), pages), (whole.json(), 5), "{path}");
        // The cursor may be in the body as well.
        body["cursor"] = json!(format!("{}.1", MIDNIGHT.0 + 398 * 60_000));
        assert_eq!(post(&app, path, &body).await.json()[0], whole.json()[394]);
    }
}

#[tokio::test]
async fn signals_say_of_each_bar_what_the_strategy_says() {
    let app = app().await;
    let got = post(&app, "/api/signals", &day("strategy_id", "ema_crossover_rsi")).await;
    let told = verdicts(&mut EmaCrossoverRsi::default(), &bars());
    let rows = got.json();
    assert_eq!(rows.as_array().unwrap().len(), told.len());
    for (n, verdict) in told.iter().enumerate() {
        let expected = json!({
            "timestamp": bars()[n].timestamp.0, "action": verdict.name(), "confidence": verdict.confidence,
            "strategy_id": "ema_crossover_rsi", "metadata": verdict.metadata(),
        });
        assert_eq!(rows[n], expected);
    }
    let actions = got.column("action");
    for action in ["buy", "sell", "hold"] {
        assert!(actions.iter().any(|a| a == action), "{action}");
    }
    let other = post(&app, "/api/signals", &day("strategy_id", "bollinger_reversion")).await;
    assert_eq!(other.json()[394]["strategy_id"], "bollinger_reversion");
}

#[tokio::test]
async fn formats_venues_and_intervals_are_those_of_bars() {
    let app = app().await;
    let body = day("indicators", json!(["sma_1"]));
    let columns = post(&app, "/api/indicators?format=columns", &body).await.json();
    assert_eq!(columns["sma_1"].as_array().unwrap().len(), 395);
    assert_eq!(columns["sma_1"][7], json!(wave(7).close));
    let csv = post(&app, "/api/indicators?format=csv&limit=2", &body).await;
    let close = [wave(0).close, wave(1).close];
    let at = MIDNIGHT.0;
    assert_eq!(csv.text, format!("timestamp,sma_1\n{at},{:?}\n{},{:?}\n", close[0], at + 60_000, close[1]));
    let signals =
        post(&app, "/api/signals?format=csv&limit=1", &day("strategy_id", "ema_crossover_rsi")).await;
    let line = format!(
        "{at},hold,0.0,ema_crossover_rsi,\"{{\"\"ema_20\"\":null,\"\"ema_50\"\":null,\"\"rsi_14\"\":null}}\"\n"
    );
    assert_eq!(signals.text, format!("timestamp,action,confidence,strategy_id,metadata\n{line}"));
    let mut two = body.clone();
    two["venue"] = json!("two");
    assert_eq!(post(&app, "/api/indicators", &two).await.json().as_array().unwrap().len(), 400);
    // Joined: the reference's prices, and where it has a hole the next member's; volumes add up.
    let mut all = day("indicators", json!(["sma_1", "vwap"]));
    all["venue"] = json!("all");
    let joined = post(&app, "/api/indicators", &all).await;
    assert_eq!(joined.column("sma_1")[102], json!(wave(102).close));
    assert_eq!(joined.json().as_array().unwrap().len(), 400);
    let mut hours = body.clone();
    hours["interval"] = json!("1h");
    let got = post(&app, "/api/indicators", &hours).await;
    assert_eq!(got.column("sma_1"), [59, 119, 179, 239, 299, 359].map(|n| json!(wave(n).close)));
    let tag = post(&app, "/api/indicators", &body).await.header("etag").to_owned();
    assert!(tag.starts_with("W/"));
    assert_eq!(got.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn mistakes_are_answered_by_field() {
    let app = app().await;
    let set = |name: &str, value: Value| {
        let mut body = day("indicators", json!(["ema_20"]));
        body[name] = value;
        body
    };
    let mut without = day("indicators", json!(["ema_20"]));
    without.as_object_mut().unwrap().remove("symbol");
    let cases = [
        (without, 400, "missing_symbol", "`symbol`"),
        (set("symbol", json!(7)), 400, "invalid_body", "`symbol`"),
        (set("symbol", json!("../etc")), 400, "invalid_symbol", "`symbol`"),
        (set("symbol", json!("DOGEUSDT-PERP")), 404, "unknown_symbol", "DOGEUSDT-PERP"),
        (set("venue", json!("nyse")), 400, "unknown_venue", "one, two"),
        (set("venue", json!(["one"])), 400, "invalid_body", "`venue`"),
        (set("interval", json!("7m")), 400, "invalid_interval", "7m"),
        (set("interval", json!(1)), 400, "invalid_body", "`interval`"),
        (set("timeframe", json!("x")), 400, "invalid_interval", "timeframe"),
        (set("from", json!(-1)), 400, "invalid_time", "`from`"),
        (set("from", json!(1.5)), 400, "invalid_time", "`from`"),
        (set("from", json!(1e300)), 400, "invalid_time", "`from`"),
        (set("from", json!(true)), 400, "invalid_body", "`from`"),
        (set("to", json!("soon")), 400, "invalid_time", "`to`"),
        (set("to", json!(5)), 400, "invalid_range", "`from`"),
        (set("limit", json!(0)), 400, "invalid_number", "`limit`"),
        (set("limit", json!(-3)), 400, "invalid_number", "`limit`"),
        (set("limit", json!(20_001)), 400, "invalid_number", "`limit`"),
        (set("cursor", json!("junk")), 400, "invalid_cursor", "`cursor`"),
        (set("format", json!("xml")), 400, "invalid_format", "`format`"),
        (set("indicator", json!("ema_20")), 400, "unknown_field", "`indicator`"),
        (set("strategy_id", json!("x")), 400, "unknown_field", "`strategy_id`"),
        (set("indicators", Value::Null), 400, "missing_indicators", "`indicators`"),
        (set("indicators", json!([])), 400, "invalid_indicators", "`indicators`"),
        (set("indicators", json!("ema_20")), 400, "invalid_indicators", "`indicators`"),
        (set("indicators", json!([20])), 400, "invalid_indicators", "`indicators`"),
        (set("indicators", json!(["ema_20", "wma_9"])), 400, "invalid_indicators", "wma_9"),
        (set("indicators", json!(["ema_0"])), 400, "invalid_indicators", "1 to 5000"),
        (set("indicators", json!(vec!["ema_20"; 10_000])), 400, "too_many_indicators", "`indicators`: 10000"),
        (set("indicators", json!(vec!["ema_20"; 40_000])), 413, "body_too_large", "bytes"),
        (json!([1]), 400, "invalid_body", "object"),
        (json!("text"), 400, "invalid_body", "object"),
    ];
    let check = |got: &Got, status: u16, code: &str, word: &str, what: &str| {
        let problem = got.json();
        assert_eq!((got.status.as_u16(), &problem["code"]), (status, &json!(code)), "{what}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{what}: {problem}");
        assert_eq!(got.header("content-type"), "application/problem+json");
    };
    for (body, status, code, word) in cases {
        let got = post(&app, "/api/indicators", &body).await;
        let what: String = body.to_string().chars().take(200).collect();
        check(&got, status, code, word, &what);
    }
    let signals = [
        (day("indicators", json!(["ema_20"])), "unknown_field", "`indicators`"),
        (day("strategy_id", Value::Null), "missing_strategy", "`strategy_id`"),
        (day("strategy_id", 7), "invalid_body", "`strategy_id`"),
        (day("strategy_id", "golden"), "unknown_strategy", "ema_crossover_rsi, bollinger_reversion"),
    ];
    for (body, code, word) in signals {
        check(&post(&app, "/api/signals", &body).await, 400, code, word, &body.to_string());
    }
    // Twice: in the body and in the query string. A cursor without its `from`.
    let body = day("indicators", json!(["ema_20"]));
    let twice = post(&app, "/api/indicators?symbol=BTCUSDT-PERP", &body).await;
    check(&twice, 400, "repeated_parameter", "`symbol`", "twice");
    let mut lost = set("cursor", json!("5.1"));
    lost.as_object_mut().unwrap().remove("from");
    check(&post(&app, "/api/indicators", &lost).await, 400, "invalid_cursor", "`from`", "lost");

    let raw = async |kind: &str, body: Vec<u8>| {
        let request = Request::post("/api/signals").header("content-type", kind);
        send(&app, request.body(HttpBody::from(body)).unwrap()).await
    };
    check(
        &raw("text/plain", b"{}".to_vec()).await,
        415,
        "unsupported_media_type",
        "application/json",
        "text",
    );
    let form = raw("application/x-www-form-urlencoded", b"a=b".to_vec()).await;
    check(&form, 415, "unsupported_media_type", "urlencoded", "form");
    for bad in [&b""[..], b"{", b"\xff", b"{\"symbol\":\"BTCUSDT-PERP\"}x"] {
        check(&raw("application/json", bad.to_vec()).await, 400, "invalid_body", "JSON", "no JSON");
    }
    let deep = raw("application/json", [b'['; 100_000].to_vec()).await;
    check(&deep, 400, "invalid_body", "JSON", "deep");
    let get = get(&app, "/api/indicators?symbol=BTCUSDT-PERP").await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
}
