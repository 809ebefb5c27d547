//! The fake venue against its own documentation.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::client::Client;
use crate::oracle::ExactBook;
use crate::oracle::decimal::units;

const SOON: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(20);

async fn fake() -> FakeCoinbase {
    FakeCoinbase::start(Options::default()).await.expect("free ports")
}

async fn get(fake: &FakeCoinbase, path: &str, agent: bool) -> (u16, HeaderMap, Value) {
    // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut client = reqwest::Client::builder();
    if agent {
        client = client.user_agent("test");
    }
    let client = client.build().expect("a client");
    let answer = client.get(format!("http://{}{path}", fake.rest)).send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn socket(fake: &FakeCoinbase, products: &[&str], channels: &[&str]) -> Client {
    let mut client = Client::connect(&format!("ws://{}", fake.ws)).await.expect("a socket");
    let frame = json!({"type": "subscribe", "product_ids": products, "channels": channels});
    client.send(&frame).await.expect("sent");
    client
}

fn of<'a>(frames: &'a [Value], kind: &str) -> Vec<&'a Value> {
    frames.iter().filter(|f| f["type"] == kind).collect()
}

#[tokio::test]
async fn acks_name_channels_otherwise_and_errors_refuse_the_whole_message() {
    let fake = fake().await;
    let mut client = socket(&fake, &["BTC-USD"], &["level2_batch", "ticker_batch", "matches"]).await;
    let ack = client.wait_for("ack", SOON, |f| f["type"] == "subscriptions").await.unwrap();
    let channel = |name: &str| json!({"name": name, "product_ids": ["BTC-USD"], "account_ids": null});
    assert_eq!(ack["channels"], json!([channel("level2_50"), channel("matches"), channel("ticker_1000")]));
    client
        .send(&json!({"type": "subscribe", "product_ids": ["ETH-USD", "NOPE-USD"], "channels": ["matches"]}))
        .await
        .unwrap();
    let error = client.wait_for("an error", SOON, |f| f["type"] == "error").await.unwrap();
    assert_eq!(
        error,
        json!({"type": "error", "message": "Failed to subscribe", "reason": "NOPE-USD is not a valid product"})
    );
    client
        .send(&json!({"type": "subscribe", "channels": [{"name": "level2", "product_ids": ["ETH-USD"]}]}))
        .await
        .unwrap();
    let key = |f: &Value| f["reason"].as_str().is_some_and(|r| r.contains("require authentication"));
    client.wait_for("another", SOON, key).await.unwrap();
    client.send(&json!({"type": "unsubscribe", "channels": ["matches", "level2_batch"]})).await.unwrap();
    client
        .wait_for("what is left", SOON, |f| f["channels"] == json!([channel("ticker_1000")]))
        .await
        .unwrap();
    assert!(!fake.counts().subscribed.contains_key(&("matches".to_owned(), "ETH-USD".to_owned())));
    let mut idle = Client::connect(&format!("ws://{}", fake.ws)).await.unwrap();
    assert_eq!(idle.wait_closed(Duration::from_secs(8)).await.unwrap(), 1000);
    assert_eq!(fake.counts().unsubscribed_closed, 1);
}

#[tokio::test]
async fn matches_say_the_makers_side_and_agree_with_rest() {
    let fake = fake().await;
    let mut client = socket(&fake, &["BTC-USD"], &["matches", "ticker", "heartbeat"]).await;
    let enough = |f: &[Value]| of(f, "match").len() >= 4 && of(f, "heartbeat").len() >= 2;
    client.wait("matches", LATER, enough).await.unwrap();
    let (first, matches) = (of(&client.frames, "last_match"), of(&client.frames, "match"));
    assert_eq!(first.len(), 1);
    let id = |f: &Value| f["trade_id"].as_u64().unwrap();
    let known = fake.trades("BTC-USD", fake.now() - HOUR_AGO, fake.now());
    let mut expected = id(first[0]);
    for m in &matches {
        expected += 1;
        assert_eq!(id(m), expected);
        let t = known.iter().find(|t| t.id == expected).expect("a known trade");
        assert_eq!(m["side"], if t.buy { "sell" } else { "buy" });
        assert_eq!(units(m["size"].as_str().unwrap(), 8), t.quantity);
        assert_eq!(read_time(m["time"].as_str().unwrap()).unwrap(), t.time - t.time % 1_000);
        let ticker = client.frames.iter().find(|f| f["type"] == "ticker" && f["trade_id"] == m["trade_id"]);
        assert_eq!(ticker.expect("a ticker of each match")["side"], if t.buy { "buy" } else { "sell" });
    }
    let sequences: Vec<u64> = matches.iter().map(|m| m["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.windows(2).all(|w| w[1] > w[0] + 1));
    let newest = id(matches[matches.len() - 1]);
    let (status, headers, page) =
        get(&fake, &format!("/products/BTC-USD/trades?limit=3&after={}", newest + 1), true).await;
    assert_eq!(status, 200);
    let rows: Vec<u64> = page.as_array().unwrap().iter().map(id).collect();
    assert_eq!(rows, [newest, newest - 1, newest - 2]);
    assert_eq!(headers["cb-before"].to_str().unwrap(), newest.to_string());
    let older = headers["cb-after"].to_str().unwrap().to_owned();
    let (_, _, next) = get(&fake, &format!("/products/BTC-USD/trades?limit=2&after={older}"), true).await;
    assert_eq!(id(&next[0]), newest - 3);
    let (_, _, since) = get(&fake, &format!("/products/BTC-USD/trades?before={}", newest - 3), true).await;
    assert_eq!(since.as_array().unwrap().iter().map(id).min(), Some(newest - 2));
    assert_eq!(page[0]["side"], matches[matches.len() - 1]["side"]);
}

/// Long enough for the newest trades.
const HOUR_AGO: i64 = 3_600_000;

#[tokio::test]
async fn swallowed_matches_show_in_numbers_and_heartbeats() {
    let fake = fake().await;
    fake.drop_matches("ETH-USD", 3);
    let mut client = socket(&fake, &["ETH-USD"], &["matches", "heartbeat"]).await;
    client.wait("a match", LATER, |f| of(f, "match").len() >= 2).await.unwrap();
    let last = of(&client.frames, "last_match")[0]["trade_id"].as_u64().unwrap();
    let first = of(&client.frames, "match")[0]["trade_id"].as_u64().unwrap();
    assert_eq!(first, last + 4);
    let dropped = fake.counts().dropped["ETH-USD"];
    assert_eq!(dropped.buys + dropped.sells, 3);
    let ahead = |f: &Value| f["type"] == "heartbeat" && f["last_trade_id"].as_u64() >= Some(first);
    client.wait_for("a heartbeat that knows", LATER, ahead).await.unwrap();
    let sent = fake.counts().sent["ETH-USD"];
    assert!(sent.buys + sent.sells >= 2 && sent.bought + sent.sold > 0);
}

#[tokio::test]
async fn a_big_snapshot_and_its_updates_are_the_book() {
    let fake = fake().await;
    let mut client = socket(&fake, &["BTC-USD"], &["level2_batch"]).await;
    client.wait("updates", LATER, |f| of(f, "l2update").len() >= 20).await.unwrap();
    let levels = |rows: &Value| -> Vec<(i128, i128)> {
        let read = |r: &Value| (units(r[0].as_str().unwrap(), 2), units(r[1].as_str().unwrap(), 8));
        rows.as_array().unwrap().iter().map(read).collect()
    };
    let snapshot = of(&client.frames, "snapshot")[0];
    let mut book = ExactBook::new(2, 8);
    ExactBook::apply(&mut book.bids, levels(&snapshot["bids"]));
    ExactBook::apply(&mut book.asks, levels(&snapshot["asks"]));
    assert!(book.bids.len() > 5_000 && book.asks.len() > 5_000);
    assert!(snapshot.to_string().len() > 200_000);
    for update in of(&client.frames, "l2update") {
        for change in update["changes"].as_array().unwrap() {
            let side = if change[0] == "buy" { &mut book.bids } else { &mut book.asks };
            let (price, size) = (change[1].as_str().unwrap(), change[2].as_str().unwrap());
            ExactBook::apply(side, [(units(price, 2), units(size, 8))]);
        }
        // Its time is the step's, to the millisecond.
        let time = update["time"].as_str().unwrap();
        let millis: i64 = time[20..23].parse().unwrap();
        let top = fake.top_at("BTC-USD", read_time(time).unwrap() + millis).expect("a remembered step");
        assert!(book.top().unwrap().same(&top));
    }
}

#[tokio::test]
async fn rest_wants_an_agent_a_small_range_and_patience() {
    let fake = fake().await;
    let now = fake.now();
    let (status, _, body) = get(&fake, "/products", false).await;
    assert_eq!((status, body["message"].is_string()), (400, true));
    let (_, _, products) = get(&fake, "/products", true).await;
    let open = |p: &&Value| p["status"] == "online" && p["trading_disabled"] == false;
    assert_eq!(products.as_array().unwrap().iter().filter(open).count(), 5);
    assert_eq!(
        (&products[0]["quote_increment"], &products[0]["base_increment"]),
        (&json!("0.01"), &json!("0.00001000"))
    );
    let hour = now - now.rem_euclid(HOUR_AGO) - HOUR_AGO;
    let path = |granularity: i64, from: i64, to: i64| {
        let (start, end) = (frames::iso(from, 0), frames::iso(to, 0));
        format!("/products/THIN-USD/candles?granularity={granularity}&start={start}&end={end}")
    };
    let (_, _, minutes) = get(&fake, &path(60, hour, hour + HOUR_AGO - 60_000), true).await;
    let (_, _, hours) = get(&fake, &path(3_600, hour, hour), true).await;
    let volume = |rows: &Value| -> i128 {
        rows.as_array().unwrap().iter().map(|r| units(&format!("{:.8}", r[5].as_f64().unwrap()), 8)).sum()
    };
    assert_eq!(hours[0][0], hour / 1_000);
    assert_eq!(volume(&minutes), volume(&hours));
    let rows = minutes.as_array().unwrap();
    assert!(rows.len() < 60 && rows[0][0].as_i64() > rows[1][0].as_i64());
    assert!(rows.iter().all(|r| r[1].as_f64() <= r[3].as_f64() && r[4].as_f64() <= r[2].as_f64()));
    for (path, status) in [
        (path(60, hour, hour + 299 * 60_000), 200),
        (path(60, hour - HOUR_AGO * 4, hour), 200),
        (path(60, hour - HOUR_AGO * 5, hour), 400),
        (path(120, hour, hour), 400),
        ("/products/NOPE-USD/candles".to_owned(), 404),
    ] {
        assert_eq!(get(&fake, &path, true).await.0, status, "{path}");
    }
    assert_eq!(get(&fake, "/products/BTC-USD/candles?start=1", true).await.2.as_array().unwrap().len(), 300);
    fake.refuse_rest(Duration::from_millis(300));
    assert_eq!(get(&fake, "/time", true).await.0, 429);
    assert_eq!(fake.counts().violations.len(), 0);
    fake.refuse_rest(Duration::ZERO);
    fake.set_rate(0.0, 1.0);
    assert_eq!((get(&fake, "/time", true).await.0, get(&fake, "/time", true).await.0), (200, 429));
    assert_eq!(fake.counts().violations["rest"], 1);
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let fake = fake().await;
    fake.mute("heartbeat", "BTC-USD", Mute::Subscribes(2));
    let mut client = socket(&fake, &["BTC-USD"], &["heartbeat"]).await;
    client.read_for(Duration::from_millis(1_500)).await;
    assert!(of(&client.frames, "heartbeat").is_empty());
    let frame = json!({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["heartbeat"]});
    client.send(&frame).await.unwrap();
    client.wait("heartbeats", SOON, |f| !of(f, "heartbeat").is_empty()).await.unwrap();
    assert_eq!(fake.drop_subscription("heartbeat", "BTC-USD"), 1);
    assert_eq!(fake.junk(), JUNK.len() + 1);
    client.wait("junk", SOON, |f| f.iter().any(|x| x == "")).await.unwrap();
    assert_eq!(fake.drop_as_slow(), 1);
    assert_eq!(client.wait_closed(SOON).await.unwrap(), 1000);
    fake.refuse_location(Some(403));
    assert_eq!(get(&fake, "/time", true).await.0, 403);
    fake.refuse_location(None);
    let mut refused = None;
    for _ in 0..1_000 {
        refused = Client::connect(&format!("ws://{}", fake.ws)).await.err();
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(refused.map(|e| e.to_string()), Some("refused with 429".to_owned()));
    assert_eq!(fake.counts().violations["connects"], 1);
}
