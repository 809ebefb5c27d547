//! The fake venue against its own documentation.

use serde_json::{Value, json};

use super::*;
use crate::client::Client;
use crate::oracle::ExactBook;
use crate::oracle::calendar::HOUR;
use crate::oracle::decimal::units;

const SOON: Duration = Duration::from_secs(5);
const LATER: Duration = Duration::from_secs(20);

async fn fake() -> FakeBybit {
    FakeBybit::start(Options::default()).await.expect("a free port")
}

async fn client(fake: &FakeBybit, product: Product) -> Client {
    Client::connect(&format!("ws://{}/v5/public/{}", fake.address, product.category())).await.unwrap()
}

async fn subscribe(client: &mut Client, topics: &[&str]) {
    client.send(&json!({"req_id": "s", "op": "subscribe", "args": topics})).await.unwrap();
}

async fn get(fake: &FakeBybit, path: &str) -> (u16, reqwest::header::HeaderMap, Value) {
    // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let answer = reqwest::get(format!("http://{}{path}", fake.address)).await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn of_topic<'a>(frames: &'a [Value], topic: &str) -> Vec<&'a Value> {
    frames.iter().filter(|f| f["topic"] == topic).collect()
}

fn rows_of<'a>(frames: &'a [Value], topic: &str) -> Vec<&'a Value> {
    of_topic(frames, topic).into_iter().flat_map(|f| f["data"].as_array().expect("rows")).collect()
}

#[tokio::test]
async fn requests_are_answered_as_a_whole_and_pings_in_kind() {
    let fake = fake().await;
    let mut linear = client(&fake, Product::Linear).await;
    linear.send(&json!({"req_id": "7", "op": "ping"})).await.unwrap();
    let pong = linear.wait_for("pong", SOON, |f| f["op"] == "ping").await.unwrap();
    assert_eq!(
        (&pong["success"], &pong["ret_msg"], &pong["req_id"]),
        (&json!(true), &json!("pong"), &json!("7"))
    );
    linear.take();
    subscribe(&mut linear, &["publicTrade.BTCUSDT", "liquidation.BTCUSDT"]).await;
    let refused = linear.wait_for("refusal", SOON, |f| f["success"] == false).await.unwrap();
    assert_eq!(refused["ret_msg"], "Invalid topic: [liquidation.BTCUSDT]");
    assert!(fake.counts().subscribed.is_empty(), "the good one next to it neither");
    subscribe(&mut linear, &["publicTrade.BTCUSDT", "tickers.BTCUSDT"]).await;
    linear.wait("an ack", SOON, |f| f.iter().any(|x| x["success"] == true)).await.unwrap();
    linear.wait("its snapshot", SOON, |f| !of_topic(f, "tickers.BTCUSDT").is_empty()).await.unwrap();
    let acks = linear.frames.iter().filter(|f| f["op"] == "subscribe" && f["success"] == true).count();
    assert_eq!(acks, 1, "one ack for both");

    let mut spot = client(&fake, Product::Spot).await;
    spot.send(&json!({"op": "ping"})).await.unwrap();
    let pong = spot.wait_for("pong", SOON, |f| f["op"] == "ping").await.unwrap();
    assert_eq!((&pong["ret_msg"], pong.get("req_id")), (&json!("pong"), None));
    subscribe(&mut spot, &["tickers.BTCUSDT"; 11]).await;
    spot.wait_for("refusal", SOON, |f| f["success"] == false).await.unwrap();
    subscribe(&mut spot, &["allLiquidation.BTCUSDT"]).await;
    spot.wait("another", SOON, |f| f.iter().filter(|x| x["success"] == false).count() == 2).await.unwrap();
    let long: Vec<String> = (0..1_100).map(|n| format!("publicTrade.BTCUSDT{n}")).collect();
    linear.send(&json!({"op": "subscribe", "args": long})).await.unwrap();
    let refused = |f: &Value| f["ret_msg"] == "args length >21000" && f["req_id"] == "";
    linear.wait_for("refusal", SOON, refused).await.unwrap();
    assert_eq!(fake.violations(), BTreeMap::from([("args_per_request", 1), ("args_length", 1)]));
}

#[tokio::test]
async fn trades_over_the_socket_rest_and_totals_agree() {
    let fake = fake().await;
    for (product, price, quantity) in [(Product::Linear, 2, 3), (Product::Spot, 1, 6)] {
        let mut client = client(&fake, product).await;
        subscribe(&mut client, &["publicTrade.BTCUSDT", "kline.1.BTCUSDT"]).await;
        let done = |f: &[Value]| {
            rows_of(f, "publicTrade.BTCUSDT").len() >= 4 && !rows_of(f, "kline.1.BTCUSDT").is_empty()
        };
        client.wait("both", LATER, done).await.unwrap();
        fake.drop_subscription(product, "publicTrade.BTCUSDT");
        client.read_for(Duration::from_millis(200)).await;
        let told = rows_of(&client.frames, "publicTrade.BTCUSDT");
        let (from, to) = (told[0]["T"].as_i64().unwrap(), told[told.len() - 1]["T"].as_i64().unwrap());
        let known = fake.trades(product, "BTCUSDT", from, to + 1);
        assert_eq!(known.len(), told.len());
        let (_, _, rest) = get(
            &fake,
            &format!("/v5/market/recent-trade?category={}&symbol=BTCUSDT&limit=60", product.category()),
        )
        .await;
        let rest = rest["result"]["list"].as_array().unwrap();
        let (mut bought, mut sold) = (0, 0);
        for (row, trade) in told.iter().zip(&known) {
            assert_eq!(units(row["p"].as_str().unwrap(), price), trade.price);
            let size = units(row["v"].as_str().unwrap(), quantity);
            *(if row["S"] == "Buy" { &mut bought } else { &mut sold }) += size;
            assert_eq!((row["S"] == "Buy", size), (trade.buy, trade.quantity));
            assert_eq!(row.get("L").is_some(), product == Product::Linear);
            let same = rest.iter().find(|r| r["execId"] == row["i"]).expect("the same trade");
            assert_eq!((&same["price"], &same["size"], &same["side"]), (&row["p"], &row["v"], &row["S"]));
        }
        let sent = fake.counts().sent[&(product.category(), "BTCUSDT")];
        assert_eq!((sent.trades, sent.bought, sent.sold), (told.len() as u64, bought, sold));
    }
}

/// Follows the documented steps with a naive client that trims, and compares with the venue's own book.
#[tokio::test]
async fn books_chain_by_one_and_stay_the_venues() {
    let fake = fake().await;
    for (product, price, quantity) in [(Product::Linear, 2, 3), (Product::Spot, 1, 6)] {
        let mut client = client(&fake, product).await;
        subscribe(&mut client, &["orderbook.50.BTCUSDT", "orderbook.1.BTCUSDT"]).await;
        client.wait("updates", SOON, |f| of_topic(f, "orderbook.50.BTCUSDT").len() >= 8).await.unwrap();
        assert!(fake.repeat_snapshots(product, "BTCUSDT") >= 2);
        client.wait("more", SOON, |f| of_topic(f, "orderbook.50.BTCUSDT").len() >= 14).await.unwrap();
        fake.restart_book(product, "BTCUSDT");
        client.wait("anew", SOON, |f| f.iter().any(|x| x["data"]["u"] == 4)).await.unwrap();
        assert!(of_topic(&client.frames, "orderbook.1.BTCUSDT").iter().all(|f| f["type"] == "snapshot"));
        let levels = |rows: &Value| -> Vec<(i128, i128)> {
            let read =
                |r: &Value| (units(r[0].as_str().unwrap(), price), units(r[1].as_str().unwrap(), quantity));
            rows.as_array().unwrap().iter().map(read).collect()
        };
        let (mut book, mut u, mut snapshots) = (ExactBook::new(price, quantity), 0, 0);
        for frame in of_topic(&client.frames, "orderbook.50.BTCUSDT") {
            let data = &frame["data"];
            let next = data["u"].as_u64().unwrap();
            if frame["type"] == "snapshot" {
                (book.bids, book.asks) = Default::default();
                snapshots += 1;
            } else {
                assert_eq!(next, u + 1);
            }
            u = next;
            ExactBook::apply(&mut book.bids, levels(&data["b"]));
            ExactBook::apply(&mut book.asks, levels(&data["a"]));
            while book.bids.len() > 50 {
                book.bids.pop_first();
            }
            while book.asks.len() > 50 {
                book.asks.pop_last();
            }
            assert_eq!((book.bids.len(), book.asks.len()), (50, 50));
            let top = fake.top_at(product, "BTCUSDT", frame["cts"].as_i64().unwrap()).expect("a step");
            let own = book.top().expect("both sides");
            assert_eq!(
                (own.bid_px, own.bid_qty, own.ask_px, own.ask_qty),
                (top.bid_px, top.bid_qty, top.ask_px, top.ask_qty)
            );
        }
        assert_eq!(snapshots, 3);
    }
}

#[tokio::test]
async fn tickers_merge_liquidations_count_and_candles_close() {
    let options = Options { liquidation_one_in: 2, ..Options::default() };
    let fake = FakeBybit::start(options).await.expect("a free port");
    let mut client = client(&fake, Product::Linear).await;
    let topics = ["tickers.BTCUSDT", "allLiquidation.BTCUSDT", "allLiquidation.ETHUSDT", "kline.1.BTCUSDT"];
    fake.clock().run_into_minute(57);
    subscribe(&mut client, &topics).await;
    let closed = |f: &[Value]| rows_of(f, topics[3]).iter().any(|k| k["confirm"] == true);
    let done =
        |f: &[Value]| closed(f) && !rows_of(f, topics[1]).is_empty() && of_topic(f, topics[0]).len() > 10;
    client.wait("all", LATER, done).await.unwrap();
    let tickers = of_topic(&client.frames, topics[0]);
    assert_eq!(tickers[0]["type"], "snapshot");
    assert!(tickers[1..].iter().all(|t| t["type"] == "delta"));
    assert!(
        tickers[1..]
            .iter()
            .any(|t| t["data"].get("markPrice").is_none() || t["data"].get("bid1Size").is_none())
    );
    let first = &tickers[0]["data"];
    let count = |name: &str| units(first[name].as_str().unwrap(), 3);
    assert_eq!(count("openInterest"), 2 * count("singleOpenInterest"));

    let (mut rows, mut longs) = (0, 0);
    for row in rows_of(&client.frames, topics[1]) {
        let (price, time) = (units(row["p"].as_str().unwrap(), 2), row["T"].as_i64().unwrap());
        let mid = fake.with_market(Product::Linear, "BTCUSDT", |m| i128::from(m.mid_ticks(time)) * 10);
        assert_eq!(price < mid, row["S"] == "Buy", "longs go bankrupt below the market");
        rows += 1;
        if row["S"] == "Buy" {
            longs += units(row["v"].as_str().unwrap(), 3);
        }
    }
    let sent = fake.counts().sent[&("linear", "BTCUSDT")];
    assert!(sent.liquidations >= rows && sent.longs >= longs);

    let candles = rows_of(&client.frames, topics[3]);
    let done = candles.iter().find(|k| k["confirm"] == true).unwrap();
    let open = done["start"].as_i64().unwrap();
    let bar = fake.bars(Product::Linear, "BTCUSDT", "1", open, open + 1)[0];
    assert_eq!(
        (units(done["volume"].as_str().unwrap(), 3), units(done["close"].as_str().unwrap(), 2)),
        (bar.volume, bar.close)
    );
    assert_eq!(done["end"].as_i64().unwrap(), open + 59_999);
}

#[tokio::test]
async fn lists_are_paged_and_rows_come_newest_first() {
    let fake = FakeBybit::start(Options { page: 4, ..Options::default() }).await.expect("a free port");
    let (mut names, mut cursor, mut calls) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/v5/market/instruments-info?category=linear&limit=1000&cursor={cursor}");
        let (_, _, body) = get(&fake, &path).await;
        let list = body["result"]["list"].as_array().unwrap();
        names.extend(list.iter().map(|i| i["symbol"].as_str().unwrap().to_owned()));
        cursor = body["result"]["nextPageCursor"].as_str().unwrap().to_owned();
        calls += 1;
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!((calls, names.len()), (3, 9));
    let (_, _, spot) = get(&fake, "/v5/market/instruments-info?category=spot&limit=1000").await;
    assert_eq!(spot["result"]["list"].as_array().map(Vec::len), Some(3));
    let (_, _, pepe) = get(&fake, "/v5/market/instruments-info?category=linear&symbol=1000PEPEUSDT").await;
    let pepe = &pepe["result"]["list"][0];
    assert_eq!(
        (&pepe["fundingInterval"], &pepe["priceFilter"]["tickSize"]),
        (&json!(240), &json!("0.0000001"))
    );

    let now = fake.now();
    let day = now - now.rem_euclid(DAY) - DAY;
    let call = format!("category=linear&symbol=BTCUSDT&interval=60&start={day}&end={}", day + DAY - 1);
    let (_, _, body) = get(&fake, &format!("/v5/market/kline?{call}")).await;
    let rows = body["result"]["list"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0][0].as_str().unwrap()), (24, &*(day + 23 * HOUR).to_string()));
    let sum: i128 = rows.iter().map(|r| units(r[5].as_str().unwrap(), 3)).sum();
    let minutes = fake.bars(Product::Linear, "BTCUSDT", "1", day, day + DAY);
    assert_eq!(sum, minutes.iter().map(|b| b.volume).sum::<i128>());

    let oi = "/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime=5min&limit=3";
    let (_, _, first) = get(&fake, oi).await;
    let times = |body: &Value| -> Vec<i64> {
        let list = body["result"]["list"].as_array().unwrap();
        list.iter().map(|r| r["timestamp"].as_str().unwrap().parse().unwrap()).collect()
    };
    let cursor = first["result"]["nextPageCursor"].as_str().unwrap();
    let (_, _, second) = get(&fake, &format!("{oi}&cursor={cursor}")).await;
    let all = [times(&first), times(&second)].concat();
    assert!(all.windows(2).all(|w| w[0] - w[1] == 300_000), "{all:?}");
    let funding = "/v5/market/funding/history?category=linear&symbol=1000PEPEUSDT";
    let (_, _, body) = get(&fake, &format!("{funding}&limit=2")).await;
    let at = |n: usize| {
        body["result"]["list"][n]["fundingRateTimestamp"].as_str().unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(at(0) - at(1), 4 * HOUR);
    for (path, code) in [
        (format!("{funding}&startTime=1"), 10_001),
        ("/v5/market/kline?category=linear&symbol=NOPE&interval=1".into(), 10_001),
        ("/v5/market/kline?category=linear&symbol=BTCUSDT&interval=2".into(), 10_001),
        ("/v5/market/tickers?category=linear&symbol=BTCUSDT".into(), 0),
        ("/v5/market/orderbook?category=linear&symbol=BTCUSDT".into(), 0),
    ] {
        let (status, _, body) = get(&fake, &path).await;
        assert_eq!((status, body["retCode"].as_i64()), (200, Some(code)), "{path}");
    }
    let (status, _, body) = get(&fake, "/v5/elsewhere").await;
    assert_eq!((status, &body["retCode"]), (404, &json!(10_017)));
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let fake = FakeBybit::start(Options { idle_cut: Duration::from_millis(300), ..Options::default() })
        .await
        .expect("a free port");
    let topic = "orderbook.200.BTCUSDT";
    let mut client = client(&fake, Product::Linear).await;
    fake.mute(Product::Linear, topic, Mute::Subscribes(2));
    subscribe(&mut client, &[topic]).await;
    client.read_for(Duration::from_millis(200)).await;
    assert!(of_topic(&client.frames, topic).is_empty(), "accepted and silent");
    client.send(&json!({"op": "unsubscribe", "args": [topic]})).await.unwrap();
    subscribe(&mut client, &[topic]).await;
    client.wait("updates", SOON, |f| of_topic(f, topic).len() >= 3).await.unwrap();
    fake.skip_updates(Product::Linear, topic, 1);
    let jumps = |f: &[Value]| {
        let us: Vec<u64> = of_topic(f, topic).iter().filter_map(|x| x["data"]["u"].as_u64()).collect();
        us.windows(2).filter(|w| w[1] != w[0] + 1).count()
    };
    client.wait("a jump", SOON, |f| jumps(f) == 1).await.unwrap();
    subscribe(&mut client, &[topic]).await;
    client.read_for(Duration::from_millis(100)).await;
    let wholes = of_topic(&client.frames, topic).iter().filter(|f| f["type"] == "snapshot").count();
    assert_eq!(wholes, 1, "what is subscribed already does not begin anew");

    fake.fail_rest(RestFault::RetCode(10_016), 1);
    let (status, _, body) = get(&fake, "/v5/market/time").await;
    assert_eq!((status, &body["retCode"]), (200, &json!(10_016)));
    fake.exhaust("/v5/market/time", Duration::from_millis(600));
    let (_, headers, body) = get(&fake, "/v5/market/time").await;
    assert_eq!((&body["retCode"], headers["x-bapi-limit-status"].to_str().unwrap()), (&json!(10_006), "0"));
    let reset: i64 = headers["x-bapi-limit-reset-timestamp"].to_str().unwrap().parse().unwrap();
    assert!(reset > fake.now());
    fake.fail_rest(RestFault::Http403, 1);
    assert_eq!(get(&fake, "/v5/market/tickers?category=spot").await.0, 403);
    assert!(fake.violations().is_empty());

    assert_eq!(fake.junk(), JUNK.len() + 1);
    client.wait("junk", SOON, |f| f.iter().any(|x| x == "")).await.unwrap();
    fake.disconnect(None);
    assert_eq!(client.wait_closed(SOON).await.unwrap(), 1006);
    fake.refuse_sockets(Some(503));
    let url = format!("ws://{}/v5/public/linear", fake.address);
    assert_eq!(Client::connect(&url).await.map(|_| ()).unwrap_err().to_string(), "refused with 503");
    fake.refuse_sockets(None);
    let mut quiet = Client::connect(&url).await.unwrap();
    assert_eq!(quiet.wait_closed(SOON).await.unwrap(), 1006);
    assert_eq!(fake.counts().idle_cuts, 1);
}
