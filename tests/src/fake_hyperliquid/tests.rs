//! The fake venue against its own documentation.

use serde_json::{Value, json};

use super::*;
use crate::client::Client;
use crate::oracle::decimal::units;

const SOON: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(20);

async fn fake() -> FakeHyperliquid {
    FakeHyperliquid::start(Options::default()).await.expect("a free port")
}

async fn ask(fake: &FakeHyperliquid, body: Value) -> (u16, Value) {
    // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::new();
    let answer = client.post(format!("http://{}/info", fake.address)).body(body.to_string()).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn socket(fake: &FakeHyperliquid) -> Client {
    Client::connect(&format!("ws://{}/ws", fake.address)).await.expect("a socket")
}

async fn subscribe(client: &mut Client, subscription: Value) {
    client.send(&json!({"method": "subscribe", "subscription": subscription})).await.unwrap();
}

fn of<'a>(frames: &'a [Value], channel: &str) -> Vec<&'a Value> {
    frames.iter().filter(|f| f["channel"] == channel).map(|f| &f["data"]).collect()
}

#[tokio::test]
async fn acks_echo_errors_quote_and_pongs_answer() {
    let fake = fake().await;
    let mut client = socket(&fake).await;
    client.wait_for("the greeting", SOON, |f| f == "Websocket connection established.").await.unwrap();
    subscribe(&mut client, json!({"type": "l2Book", "coin": "BTC"})).await;
    let ack = client.wait_for("ack", SOON, |f| f["channel"] == "subscriptionResponse").await.unwrap();
    assert_eq!(
        ack["data"],
        json!({"method": "subscribe",
               "subscription": {"type": "l2Book", "coin": "BTC", "nSigFigs": null, "mantissa": null}})
    );
    client.take();
    subscribe(&mut client, json!({"type": "l2Book", "coin": "BTC"})).await;
    subscribe(&mut client, json!({"type": "trades", "coin": "btc"})).await;
    client
        .send(&json!({"method": "unsubscribe", "subscription": {"type": "bbo", "coin": "ETH"}}))
        .await
        .unwrap();
    client.send_text("junk").await.unwrap();
    client.send(&json!({"method": "ping"})).await.unwrap();
    client.wait_for("pong", SOON, |f| *f == json!({"channel": "pong"})).await.unwrap();
    let errors: Vec<&str> = of(&client.frames, "error").iter().map(|e| e.as_str().unwrap()).collect();
    assert_eq!(
        errors,
        [
            r#"Already subscribed: {"coin":"BTC","type":"l2Book"}"#,
            r#"Invalid subscription {"coin":"btc","type":"trades"}"#,
            r#"Already unsubscribed: {"coin":"ETH","type":"bbo"}"#,
            "Error parsing JSON into valid websocket request: junk",
        ]
    );
    assert_eq!(client.closed, None);
    assert_eq!(fake.counts().violations.len(), 0);
}

#[tokio::test]
async fn trades_are_replayed_then_told_once_and_the_totals_agree() {
    let fake = fake().await;
    let mut client = socket(&fake).await;
    subscribe(&mut client, json!({"type": "trades", "coin": "BTC"})).await;
    subscribe(&mut client, json!({"type": "candle", "coin": "BTC", "interval": "1m"})).await;
    client
        .wait("a replay and live trades", LATER, |f| of(f, "trades").len() >= 4 && of(f, "candle").len() >= 3)
        .await
        .unwrap();
    let batches = of(&client.frames, "trades");
    let replayed = batches[0].as_array().unwrap();
    assert_eq!(replayed.len(), 10);
    let live: Vec<&Value> = batches[1..].iter().flat_map(|b| b.as_array().unwrap()).collect();
    assert!(live[0]["time"].as_i64().unwrap() >= replayed[9]["time"].as_i64().unwrap());
    let sum = |side: &str| -> i128 {
        live.iter().filter(|t| t["side"] == side).map(|t| units(t["sz"].as_str().unwrap(), 5)).sum()
    };
    // Trades between the last frame read and the last one sent.
    let first = live[0]["time"].as_i64().unwrap();
    let last = live[live.len() - 1]["time"].as_i64().unwrap();
    let known = fake.trades("BTC", first, last + 1);
    assert_eq!(live.len(), known.len());
    let of_side = |buy: bool| -> i128 { known.iter().filter(|t| t.buy == buy).map(|t| t.quantity).sum() };
    assert_eq!((sum("B"), sum("A")), (of_side(true), of_side(false)));
    let sent = fake.counts().sent["BTC"];
    assert!(sent.buys + sent.sells >= live.len() as u64);
    assert!(sent.bought >= sum("B") && sent.sold >= sum("A"));
    let candle = of(&client.frames, "candle")[0];
    assert_eq!(candle["T"].as_i64().unwrap() - candle["t"].as_i64().unwrap(), 59_999);
    assert_eq!(candle.get("x"), None);
}

#[tokio::test]
async fn swallowed_trades_are_in_the_candle_and_in_rest_alone() {
    let fake = fake().await;
    let mut client = socket(&fake).await;
    fake.drop_trades("ETH", 2);
    subscribe(&mut client, json!({"type": "trades", "coin": "ETH"})).await;
    client.wait("live trades", LATER, |f| of(f, "trades").len() >= 3).await.unwrap();
    let counts = fake.counts();
    assert_eq!(counts.dropped["ETH"].buys + counts.dropped["ETH"].sells, 2);
    let batches = of(&client.frames, "trades");
    let seen = |t: &Value| batches.iter().flat_map(|b| b.as_array().unwrap()).any(|s| s["tid"] == t["tid"]);
    let until = batches[2][0]["time"].as_i64().unwrap();
    let (_, recent) = ask(&fake, json!({"type": "recentTrades", "coin": "ETH"})).await;
    let rows = recent.as_array().unwrap();
    assert!(rows[0]["time"].as_i64().unwrap() >= rows[1]["time"].as_i64().unwrap());
    let after = batches[0][9]["time"].as_i64().unwrap();
    let missing = rows.iter().filter(|t| (after..=until).contains(&t["time"].as_i64().unwrap()) && !seen(t));
    assert_eq!(missing.count(), 2);
}

#[tokio::test]
async fn books_are_whole_and_contexts_carry_no_time() {
    let fake = fake().await;
    let mut client = socket(&fake).await;
    for coin in ["BTC", "MATIC"] {
        subscribe(&mut client, json!({"type": "l2Book", "coin": coin})).await;
        subscribe(&mut client, json!({"type": "activeAssetCtx", "coin": coin})).await;
    }
    let books = |f: &[Value]| of(f, "l2Book").iter().filter(|b| b["coin"] == "BTC").count();
    client.wait("books", LATER, |f| books(f) >= 4 && of(f, "activeAssetCtx").len() >= 5).await.unwrap();
    for book in of(&client.frames, "l2Book") {
        if book["coin"] == "MATIC" {
            assert_eq!(book["levels"], json!([[], []]));
            continue;
        }
        let top = fake.top_at("BTC", book["time"].as_i64().unwrap()).expect("a remembered step");
        let side = |n: usize| book["levels"][n].as_array().unwrap();
        assert_eq!((side(0).len(), side(1).len()), (frames::DEPTH, frames::DEPTH));
        let price = |n: usize| side(n)[0]["px"].as_str().unwrap().parse::<f64>().unwrap();
        assert_eq!((price(0), price(1)), (top.bid_px, top.ask_px));
    }
    let contexts = of(&client.frames, "activeAssetCtx");
    assert!(contexts.iter().all(|c| c.get("time").is_none() && c["ctx"].get("time").is_none()));
    let gone = contexts.iter().find(|c| c["coin"] == "MATIC").unwrap();
    assert_eq!(gone["ctx"]["midPx"], Value::Null);
}

#[tokio::test]
async fn questions_are_answered_by_type_and_weighed() {
    let fake = fake().await;
    let now = fake.now();
    let (_, both) = ask(&fake, json!({"type": "metaAndAssetCtxs"})).await;
    let universe = both[0]["universe"].as_array().unwrap();
    assert_eq!(universe.len(), both[1].as_array().unwrap().len());
    assert_eq!(
        universe[2],
        json!({"szDecimals": 1, "name": "MATIC", "maxLeverage": 40, "marginTableId": 56, "isDelisted": true})
    );
    let hour = now - now.rem_euclid(HOUR);
    let candles = |interval: &str, from: i64, to: i64| {
        json!({"type": "candleSnapshot",
               "req": {"coin": "kPEPE", "interval": interval, "startTime": from, "endTime": to}})
    };
    // The bar that holds the start is told too.
    let (_, minutes) = ask(&fake, candles("1m", hour - 2 * HOUR, hour - HOUR - 1)).await;
    let (_, hours) = ask(&fake, candles("1h", hour - 2 * HOUR + 7, hour - HOUR - 1)).await;
    assert_eq!((minutes.as_array().unwrap().len(), hours.as_array().unwrap().len()), (60, 1));
    let volume = |row: &Value| units(row["v"].as_str().unwrap(), 0);
    assert_eq!(minutes.as_array().unwrap().iter().map(volume).sum::<i128>(), volume(&hours[0]));
    let (_, funding) =
        ask(&fake, json!({"type": "fundingHistory", "coin": "BTC", "startTime": hour - 30 * DAY})).await;
    let rows = funding.as_array().unwrap();
    assert_eq!(rows.len(), 500);
    assert!(rows.iter().all(|r| r["time"].as_i64().unwrap() % HOUR < 150));
    for (body, status, answer) in [
        (json!({"type": "l2Book", "coin": "NOPE"}), 200, Value::Null),
        (json!({"type": "nothing"}), 422, json!("Failed to deserialize the JSON body into the target type")),
        (candles("7m", 0, now), 422, json!("Failed to deserialize the JSON body into the target type")),
    ] {
        assert_eq!(ask(&fake, body).await, (status, answer));
    }
    let weights: Vec<u32> = fake.counts().rest_log.iter().map(|c| c.weight).collect();
    assert_eq!(weights, [20, 21, 20, 45, 2, 20, 20]);
    fake.set_capacity(10);
    assert_eq!(ask(&fake, json!({"type": "meta"})).await.0, 429);
    assert_eq!(fake.counts().violations["weight"], 1);
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let options = Options { idle: Duration::from_millis(900), ..Options::default() };
    let fake = FakeHyperliquid::start(options).await.expect("a free port");
    let mut quiet = socket(&fake).await;
    assert_eq!(quiet.wait_closed(SOON).await.unwrap(), 1000);
    assert_eq!(fake.counts().idle_closed, 1);

    let mut client = socket(&fake).await;
    let book = Topic::of("l2Book", "BTC");
    fake.mute(book.clone(), Mute::Subscribes(2));
    let subscription = json!({"type": "l2Book", "coin": "BTC"});
    subscribe(&mut client, subscription.clone()).await;
    client.read_for(Duration::from_millis(700)).await;
    assert!(of(&client.frames, "l2Book").is_empty());
    client.send(&json!({"method": "unsubscribe", "subscription": subscription})).await.unwrap();
    subscribe(&mut client, subscription).await;
    client.wait("the book", SOON, |f| of(f, "l2Book").len() >= 2).await.unwrap();
    assert_eq!(fake.counts().subscribed[&book], 2);

    assert_eq!(fake.junk(), JUNK.len() + 1);
    client.wait("junk", SOON, |f| f.iter().any(|x| x == "")).await.unwrap();
    fake.refuse_rest(Duration::from_secs(60));
    assert_eq!(ask(&fake, json!({"type": "meta"})).await.0, 429);
    assert_eq!(fake.counts().violations.len(), 0);
    fake.freeze(true);
    assert_eq!(client.wait_closed(SOON).await.unwrap(), 1000);
    fake.refuse_location(Some(451));
    assert_eq!(ask(&fake, json!({"type": "meta"})).await.0, 451);
    fake.refuse_location(None);
    fake.refuse_sockets(true);
    let refused = Client::connect(&format!("ws://{}/ws", fake.address)).await.map(|_| ());
    assert_eq!(refused.unwrap_err().to_string(), "refused with 502");
}
