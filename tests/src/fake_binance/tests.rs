//! The fake venue against its own documentation.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::client::Client;
use crate::oracle::ExactBook;
use crate::oracle::decimal::units;

const SOON: Duration = Duration::from_secs(5);

async fn fake() -> FakeBinance {
    FakeBinance::start(Options::default()).await.expect("free ports")
}

async fn get(address: SocketAddr, path: &str) -> (u16, reqwest::header::HeaderMap, Value) {
    // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn of_stream<'a>(frames: &'a [Value], stream: &str) -> Vec<&'a Value> {
    frames.iter().filter(|f| f["stream"] == stream).map(|f| &f["data"]).collect()
}

#[tokio::test]
async fn acks_prove_nothing_and_wrong_routes_are_silent() {
    let fake = fake().await;
    let mut market =
        Client::connect(&format!("ws://{}/market/stream", fake.addresses.usdm_ws)).await.unwrap();
    let streams = ["btcusdt@aggTrade", "btcusdt@depth@100ms", "nosuch@aggTrade", "BTCUSDT@aggTrade"];
    market.send(&json!({"method": "SUBSCRIBE", "params": streams, "id": 1})).await.unwrap();
    market.wait_for("ack", SOON, |f| *f == json!({"result": null, "id": 1})).await.unwrap();
    market.wait("trades", Duration::from_secs(20), |f| of_stream(f, streams[0]).len() >= 2).await.unwrap();
    let mut public =
        Client::connect(&format!("ws://{}/ws/btcusdt@aggTrade/btcusdt@depth@100ms", fake.addresses.usdm_ws))
            .await
            .unwrap();
    public.wait("un-routed depth", SOON, |f| f.len() >= 5).await.unwrap();
    assert!(public.frames.iter().all(|f| f["e"] == "depthUpdate"));
    assert!(streams[1..].iter().all(|s| of_stream(&market.frames, s).is_empty()));
    market.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": 2})).await.unwrap();
    let list = market.wait_for("list", SOON, |f| f["id"] == 2).await.unwrap();
    assert_eq!(list["result"].as_array().map(Vec::len), Some(4));
    market.send(&json!({"method": "SUBSCRIBE", "params": 7, "id": 3})).await.unwrap();
    let refused = market.wait_for("refusal", SOON, |f| f["id"] == 3).await.unwrap();
    assert_eq!(refused["error"]["code"], 1);
    market.send_text("junk").await.unwrap();
    assert_eq!(market.wait_closed(SOON).await.unwrap(), 1008);
}

#[tokio::test]
async fn trades_over_the_socket_rest_and_bars_agree() {
    let fake = fake().await;
    let url = format!(
        "ws://{}/market/stream?streams=btcusdt@aggTrade/btcusdt@kline_1m/btcusdt@markPrice@1s",
        fake.addresses.usdm_ws
    );
    let mut client = Client::connect(&url).await.unwrap();
    let done = |f: &[Value]| {
        of_stream(f, "btcusdt@aggTrade").len() >= 4
            && !of_stream(f, "btcusdt@kline_1m").is_empty()
            && of_stream(f, "btcusdt@markPrice@1s").len() >= 2
    };
    client.wait("all three", Duration::from_secs(20), done).await.unwrap();
    let trades = of_stream(&client.frames, "btcusdt@aggTrade");
    let (from, to) = (trades[0]["T"].as_i64().unwrap(), trades[trades.len() - 1]["T"].as_i64().unwrap());
    let path = format!("/fapi/v1/aggTrades?symbol=BTCUSDT&startTime={from}&endTime={to}");
    let (status, headers, rest) = get(fake.addresses.usdm_rest, &path).await;
    assert_eq!((status, headers["x-mbx-used-weight-1m"].to_str().unwrap()), (200, "20"));
    let rows = rest.as_array().unwrap();
    assert_eq!(rows.len(), trades.len());
    for (row, frame) in rows.iter().zip(&trades) {
        for key in ["a", "p", "q", "f", "l", "T", "m"] {
            assert_eq!(row[key], frame[key]);
        }
    }
    let known = fake.trades(Product::Usdm, "BTCUSDT", from, to + 1);
    assert_eq!(known.len(), trades.len());
    assert_eq!(known[0].price, units(trades[0]["p"].as_str().unwrap(), 2));
    assert_eq!(trades[0]["m"], !known[0].buy);
}

#[tokio::test]
async fn klines_of_all_intervals_fold_from_the_same_minutes() {
    let fake = fake().await;
    let now = fake.now();
    let day = now - now.rem_euclid(DAY) - DAY;
    let sum = |rows: &Value, column: usize| -> i128 {
        rows.as_array().unwrap().iter().map(|row| units(row[column].as_str().unwrap(), 3)).sum()
    };
    let ask = async |interval: &str, limit: u32| {
        let path = format!(
            "/fapi/v1/klines?symbol=BTCUSDT&interval={interval}&startTime={day}&endTime={}&limit={limit}",
            day + DAY - 1
        );
        get(fake.addresses.usdm_rest, &path).await.2
    };
    let minutes = ask("1m", 1_500).await;
    assert_eq!(minutes.as_array().unwrap().len(), 1_440);
    for (interval, rows) in
        [("3m", 480), ("5m", 288), ("15m", 96), ("30m", 48), ("1h", 24), ("4h", 6), ("1d", 1)]
    {
        let bars = ask(interval, 1_500).await;
        assert_eq!(bars.as_array().unwrap().len(), rows, "{interval}");
        assert_eq!((sum(&bars, 5), sum(&bars, 9)), (sum(&minutes, 5), sum(&minutes, 9)), "{interval}");
    }
    let (_, _, months) =
        get(fake.addresses.usdm_rest, "/fapi/v1/klines?symbol=BTCUSDT&interval=1M&limit=3").await;
    assert_eq!(months.as_array().unwrap().len(), 2);
    let (_, _, weeks) = get(fake.addresses.usdm_rest, "/fapi/v1/klines?symbol=BTCUSDT&interval=1w").await;
    assert!((6..=7).contains(&weeks.as_array().unwrap().len()));
    let (_, _, last) =
        get(fake.addresses.usdm_rest, "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=2").await;
    assert!(last[1][6].as_i64().unwrap() >= now);
    for (path, code) in [
        ("/fapi/v1/klines?interval=1m", -1102),
        ("/fapi/v1/klines?symbol=NOPE&interval=1m", -1121),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=9&endTime=3", -1130),
    ] {
        let (status, _, body) = get(fake.addresses.usdm_rest, path).await;
        assert_eq!((status, body["code"].as_i64()), (400, Some(code)), "{path}");
    }
}

/// Follows the documented steps with a naive client and compares with the venue's own book.
#[tokio::test]
async fn depth_snapshot_and_updates_chain_on_both_products() {
    let fake = fake().await;
    for (product, ws, rest, price, quantity) in [
        (
            Product::Usdm,
            format!("ws://{}/public/ws/btcusdt@depth@100ms", fake.addresses.usdm_ws),
            "/fapi/v1/depth",
            2,
            3,
        ),
        (
            Product::Spot,
            format!("ws://{}/ws/btcusdt@depth@100ms", fake.addresses.spot_ws),
            "/api/v3/depth",
            8,
            8,
        ),
    ] {
        let mut client = Client::connect(&ws).await.unwrap();
        client.wait("first updates", SOON, |f| f.len() >= 3).await.unwrap();
        let host = if product == Product::Usdm { fake.addresses.usdm_rest } else { fake.addresses.spot_rest };
        let (_, _, snapshot) = get(host, &format!("{rest}?symbol=BTCUSDT&limit=1000")).await;
        client.wait("further updates", SOON, |f| f.len() >= 15).await.unwrap();
        let levels = |rows: &Value| -> Vec<(i128, i128)> {
            let read =
                |r: &Value| (units(r[0].as_str().unwrap(), price), units(r[1].as_str().unwrap(), quantity));
            rows.as_array().unwrap().iter().map(read).collect()
        };
        let mut book = ExactBook::new(price, quantity);
        ExactBook::apply(&mut book.bids, levels(&snapshot["bids"]));
        ExactBook::apply(&mut book.asks, levels(&snapshot["asks"]));
        let id = snapshot["lastUpdateId"].as_u64().unwrap();
        let mut last = None;
        for update in &client.frames {
            let (first, u) = (update["U"].as_u64().unwrap(), update["u"].as_u64().unwrap());
            match (product, last) {
                (Product::Usdm, None) if u < id => continue,
                (Product::Usdm, None) => assert!((first..=u).contains(&id), "{first} {id} {u}"),
                (Product::Usdm, Some(previous)) => assert_eq!(update["pu"], previous),
                (Product::Spot, None) if u <= id => continue,
                (Product::Spot, None) => assert!((first..=u).contains(&(id + 1)), "{first} {id} {u}"),
                (Product::Spot, Some(previous)) => assert_eq!(first, previous + 1),
            }
            last = Some(u);
            ExactBook::apply(&mut book.bids, levels(&update["b"]));
            ExactBook::apply(&mut book.asks, levels(&update["a"]));
            let time = update[if product == Product::Usdm { "T" } else { "E" }].as_i64().unwrap();
            let top = fake.top_at(product, "BTCUSDT", time).expect("a remembered step");
            assert!(book.top().unwrap().same(&top));
        }
        assert!(last.is_some());
    }
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let fake = fake().await;
    let url = format!("ws://{}/public/stream?streams=btcusdt@depth@100ms", fake.addresses.usdm_ws);
    let mut client = Client::connect(&url).await.unwrap();
    client.wait("depth", SOON, |f| f.len() >= 3).await.unwrap();
    fake.skip_depth(Product::Usdm, "BTCUSDT", 1);
    let jump = |f: &[Value]| f.windows(2).filter(|w| w[1]["data"]["pu"] != w[0]["data"]["u"]).count();
    client.wait("a jump", SOON, |f| jump(f) == 1).await.unwrap();

    fake.mute(Product::Usdm, "btcusdt@depth@100ms", Mute::Subscribes(1));
    client.read_for(Duration::from_millis(300)).await;
    client.take();
    client.read_for(Duration::from_millis(300)).await;
    assert!(client.frames.is_empty());
    client.send(&json!({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 5})).await.unwrap();
    client.wait("depth again", SOON, |f| f.len() >= 3).await.unwrap();
    assert_eq!(fake.counts().subscribed["btcusdt@depth@100ms"], 2);

    fake.ban(Product::Usdm, 418, Duration::from_secs(1));
    let (status, headers, body) = get(fake.addresses.usdm_rest, "/fapi/v1/fundingInfo").await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (418, "1"));
    assert_eq!(body["code"], -1003);
    let (status, _, _) = get(fake.addresses.spot_rest, "/api/v3/time").await;
    assert_eq!(status, 200);
    fake.refuse_location(Some(451));
    assert_eq!(get(fake.addresses.spot_rest, "/api/v3/time").await.0, 451);
    assert_eq!(Client::connect(&url).await.map(|_| ()).unwrap_err().to_string(), "refused with 451");
    fake.refuse_location(None);

    assert_eq!(fake.junk(), JUNK.len() + 1);
    client.wait("junk", SOON, |f| f.iter().any(|x| x == "")).await.unwrap();
    fake.disconnect(&USDM_ROUTES);
    assert_eq!(client.wait_closed(SOON).await.unwrap(), 1006);
    assert_eq!(fake.open(Route::UsdmPublic), 0);
}

#[tokio::test]
async fn pings_need_pongs_and_control_frames_have_a_limit() {
    let options = Options {
        ping_every: Duration::from_millis(150),
        pong_within: Duration::from_millis(400),
        ..Options::default()
    };
    let fake = FakeBinance::start(options).await.expect("free ports");
    let url = format!("ws://{}/market/ws", fake.addresses.usdm_ws);
    let mut lively = Client::connect(&url).await.unwrap();
    let mut dead = Client::connect(&url).await.unwrap();
    // One reads, and so answers pings; the other does not.
    lively.read_for(Duration::from_millis(1_000)).await;
    assert_eq!(lively.closed, None);
    assert_ne!(dead.wait_closed(SOON).await.unwrap(), 0);
    let counts = fake.counts();
    assert_eq!(counts.pong_timeouts, 1);
    assert!(counts.pongs >= 2);
    let mut hasty = Client::connect(&format!("ws://{}/market/ws", fake.addresses.usdm_ws)).await.unwrap();
    for id in 0..12 {
        drop(hasty.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": id})).await);
    }
    assert_eq!(hasty.wait_closed(SOON).await.unwrap(), 1008);
    assert_eq!(fake.counts().too_fast, 1);
}
