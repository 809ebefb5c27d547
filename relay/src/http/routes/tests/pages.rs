//! How answers come: page by page, in three formats, whole, with validators.

use super::*;
use crate::http::routes::query::Format;
use crate::http::routes::rows::EventRow;
use crate::http::routes::table::{self, Freshness};

#[tokio::test]
async fn pages_link_to_the_next_until_all_is_told() {
    let app = app().await;
    for (start, field, total) in [
        ("/api/candles?symbol=BTCUSDT-PERP&from=2024-03-15&limit=40", "timestamp", 151),
        ("/api/history/liquidations?symbol=BTCUSDT-PERP&from=2024-03-15&limit=2", "quantity", 5),
    ] {
        let (mut uri, mut seen, mut pages) = (start.to_owned(), Vec::new(), 0);
        loop {
            let got = get(&app, &uri).await;
            assert_eq!(got.status, StatusCode::OK, "{}", got.text);
            seen.extend(got.column(field).iter().map(|v| v.as_f64().unwrap() as i64));
            pages += 1;
            let link = got.header("link").to_owned();
            let Some(next) = link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")) else {
                assert_eq!((link.as_str(), got.header("x-next-cursor")), ("", ""));
                break;
            };
            assert!(next.ends_with(&format!("cursor={}", got.header("x-next-cursor"))), "{next}");
            uri = next.to_owned();
        }
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{start}: {seen:?}");
        assert_eq!((seen.len(), pages), (total, if total == 5 { 3 } else { 4 }), "{start}");
    }
}

#[tokio::test]
async fn formats_hold_the_same_values() {
    let app = app().await;
    let base = "/api/history/oi?symbol=BTCUSDT-PERP";
    let columns = get(&app, &format!("{base}&format=columns")).await;
    assert_eq!(columns.json()["open_interest"], serde_json::json!([1.0, 1.0, 2.0, 3.0]));
    assert_eq!(columns.json()["open_interest_value"], serde_json::json!([5.5, null, null, null]));
    let csv = get(&app, &format!("{base}&format=csv&venue=one")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let (t, r) = (MIDNIGHT.0, NOW.0);
    let expected = format!(
        "timestamp,received,symbol,venue,open_interest,open_interest_value\n\
         {},{r},BTCUSDT-PERP,one,1.0,5.5\n{},{r},BTCUSDT-PERP,one,2.0,\n",
        t + 1,
        t + 2
    );
    assert_eq!(csv.text, expected);
    let empty = async |format: &str| get(&app, &format!("{base}&to=1&format={format}")).await.text;
    assert_eq!(empty("json").await, "[]");
    assert!(empty("columns").await.starts_with("{\"timestamp\":[],\"received\":[]"));
    assert_eq!(empty("csv").await.lines().count(), 1);
}

#[tokio::test]
async fn long_answers_come_whole() {
    let rows = |n: usize| -> Vec<EventRow<OpenInterest>> {
        let row = |at| EventRow {
            received: Ms(0),
            symbol: "BTCUSDT-PERP".parse().unwrap(),
            venue: VenueId::new("one"),
            body: OpenInterest { timestamp: Ms(at), open_interest: 0.5, open_interest_value: None },
        };
        (0..n as i64).map(row).collect()
    };
    for n in [511, 512, 513, 1_024, 5_000] {
        for format in [Format::Json, Format::Columns, Format::Csv] {
            let response = table::answer(rows(n), format, Freshness::Live).await;
            let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let found = match format {
                Format::Csv => text.lines().count() - 1,
                Format::Json => serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().len(),
                Format::Columns => {
                    serde_json::from_str::<Value>(&text).unwrap()["timestamp"].as_array().unwrap().len()
                }
            };
            assert_eq!(found, n, "{format:?}");
        }
    }
}

#[tokio::test]
async fn answers_are_validated_by_tag_and_past_ranges_cached() {
    let app = app().await;
    let uri =
        "/api/candles?symbol=BTCUSDT-PERP&interval=5m&from=2024-03-15T00:00:00Z&to=2024-03-15T01:00:00Z";
    let first = get(&app, uri).await;
    assert_eq!((first.header("cache-control"), first.json().as_array().unwrap().len()), ("max-age=300", 12));
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [tag.clone(), format!("\"other\", {}", tag.trim_start_matches("W/")), "*".into()] {
        let request = Request::get(uri).header("if-none-match", &known).body(HttpBody::empty()).unwrap();
        let again = send(&app, request).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{known}");
        assert_eq!(again.header("etag"), tag);
        let request = Request::head(uri).header("if-none-match", &known).body(HttpBody::empty()).unwrap();
        assert_eq!(send(&app, request).await.status, StatusCode::NOT_MODIFIED, "HEAD, {known}");
    }
    let head = send(&app, Request::head(uri).body(HttpBody::empty()).unwrap()).await;
    assert_eq!((head.status, head.header("etag"), head.text.as_str()), (StatusCode::OK, tag.as_str(), ""));
    let request = Request::get(uri).header("if-none-match", "W/\"0\"").body(HttpBody::empty()).unwrap();
    assert_eq!(send(&app, request).await.status, StatusCode::OK);
    let csv = get(&app, &format!("{uri}&format=csv")).await;
    assert_ne!(csv.header("etag"), tag);
    let live = get(&app, "/api/candles?symbol=BTCUSDT-PERP").await;
    assert_eq!(live.header("cache-control"), "no-cache");
}
