//! The fake venue against its own documentation.

mod faults;

use std::time::Duration;

use serde_json::{Value, json};

use super::state::key;
use super::*;
use crate::client::Client;
use crate::oracle::ExactBook;
use crate::oracle::decimal::{float, units};

const SOON: Duration = Duration::from_secs(10);
const BTC: &str = "BTC-USDT-SWAP";

async fn fake() -> FakeOkx {
    FakeOkx::start(Options { history_days: 3, ..Options::default() }).await.expect("a free port")
}

async fn get(fake: &FakeOkx, path: &str) -> (u16, Value) {
    // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let answer = reqwest::get(format!("http://{}{path}", fake.address)).await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn connect(fake: &FakeOkx, path: Path, args: Value) -> Client {
    let mut client = Client::connect(&fake.socket(path)).await.expect("a socket");
    client.send(&json!({"id": "t1", "op": "subscribe", "args": args})).await.expect("sent");
    client
}

fn pushes<'a>(frames: &'a [Value], channel: &str) -> Vec<&'a Value> {
    frames.iter().filter(|f| f["arg"]["channel"] == channel && f["data"].is_array()).collect()
}

fn rows<'a>(frames: &'a [Value], channel: &str) -> Vec<&'a Value> {
    pushes(frames, channel).into_iter().flat_map(|f| f["data"].as_array().expect("rows")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number(value: &Value) -> i64 {
    text(value).parse().expect("a whole number")
}

#[tokio::test]
async fn each_argument_is_answered_and_wrong_ones_leave_the_socket_open() {
    let fake = fake().await;
    let args = json!([
        {"channel": "trades", "instId": BTC},
        {"channel": "candle1m", "instId": BTC},
        {"channel": "trades", "instId": "NOPE-USDT-SWAP"},
        {"channel": "liquidation-orders", "instType": "SWAP"},
        {"channel": "books-l2-tbt", "instId": BTC},
    ]);
    let mut public = connect(&fake, Path::Public, args.clone()).await;
    public
        .wait("answers", SOON, |f| f.iter().filter(|f| f["event"] != Value::Null).count() == 5)
        .await
        .unwrap();
    let events: Vec<(&str, &str)> = public
        .frames
        .iter()
        .filter(|f| f["event"] != Value::Null)
        .map(|f| (text(&f["event"]), f["code"].as_str().unwrap_or(text(&f["id"]))))
        .collect();
    let (ack, error) = (("subscribe", "t1"), |code| ("error", code));
    assert_eq!(events, [ack, error("64001"), error("60018"), ack, error("64003")]);
    let acks: Vec<&Value> =
        public.frames.iter().filter(|f| f["event"] == "subscribe").map(|f| &f["arg"]).collect();
    assert_eq!(acks, [&args[0], &args[3]]);

    let mut business = connect(&fake, Path::Business, args).await;
    business.wait_for("ack of the candle", SOON, |f| f["event"] == "subscribe").await.unwrap();
    business
        .wait("refusals", SOON, |f| f.iter().filter(|f| f["event"] == "error").count() == 4)
        .await
        .unwrap();
    let place = |what: &dyn Fn(&Value) -> bool| business.frames.iter().position(what).expect("a frame");
    assert!(place(&|f: &Value| f["data"].is_array()) < place(&|f: &Value| f["event"] == "subscribe"));
    assert_eq!(fake.counts().errors, [(60018, 1), (64001, 1), (64002, 3), (64003, 2)].into());

    for (frame, code) in [
        ("junk", "60012"),
        (r#"{"op":"order","args":[{}]}"#, "60019"),
        (r#"{"op":"subscribe"}"#, "60013"),
        (r#"{"id":"not ok","op":"subscribe","args":[{}]}"#, "60033"),
    ] {
        business.take();
        business.send_text(frame).await.unwrap();
        let error = business.wait_for("refusal", SOON, |f| f["event"] == "error").await.unwrap();
        assert_eq!(error["code"], code, "{frame}");
    }
    business.send_text("ping").await.unwrap();
    business.wait("pong", SOON, |f| f.iter().any(|f| f == "pong")).await.unwrap();
    assert_eq!(fake.violations(), [""; 0]);
}

#[tokio::test]
async fn trades_of_the_socket_rest_and_candles_agree() {
    let fake = fake().await;
    let mut client = connect(&fake, Path::Public, json!([{"channel": "trades", "instId": BTC}])).await;
    client.wait("trades", Duration::from_secs(30), |f| rows(f, "trades").len() >= 6).await.unwrap();
    let sent = fake.counts().sent[BTC];
    client.wait("all that was sent", SOON, |f| rows(f, "trades").len() as u64 >= sent.trades).await.unwrap();
    let told: Vec<Value> =
        rows(&client.frames, "trades").into_iter().take(sent.trades as usize).cloned().collect();
    let side = |side: &str| -> i128 {
        told.iter().filter(|t| t["side"] == side).map(|t| units(text(&t["sz"]), 2)).sum()
    };
    assert_eq!((sent.buys, sent.sells), (side("buy"), side("sell")));
    assert!(told.iter().all(|t| t["seqId"].is_u64() && t["count"].is_string() && t["source"] == "0"));

    let (status, answer) = get(&fake, &format!("/api/v5/market/trades?instId={BTC}&limit=500")).await;
    assert_eq!((status, &answer["code"]), (200, &json!("0")));
    let rest = answer["data"].as_array().unwrap();
    for t in &told {
        let row = rest.iter().find(|r| r["tradeId"] == t["tradeId"]).expect("a trade of the socket");
        assert!(["px", "sz", "side", "ts"].iter().all(|k| row[*k] == t[*k]));
    }
    // A closed minute: contracts, coins and quote value of its trades.
    let open = fake.now() - fake.now().rem_euclid(MINUTE) - MINUTE;
    let path = format!("/api/v5/market/candles?instId={BTC}&bar=1m&after={}&limit=1", open + 1);
    let (_, answer) = get(&fake, &path).await;
    let candle = &answer["data"][0];
    let trades = fake.trades(BTC, open, open + MINUTE);
    let volume: i128 = trades.iter().map(|t| t.quantity).sum();
    assert_eq!((number(&candle[0]), units(text(&candle[5]), 2), &candle[8]), (open, volume, &json!("1")));
    assert_eq!(units(text(&candle[6]), 4), volume);
    assert_eq!(units(text(&candle[7]), 5), trades.iter().map(|t| t.price * t.quantity).sum());
    assert_eq!(fake.bars(BTC, "1m", open, open + 1)[0].volume, volume);
}

#[tokio::test]
async fn candles_are_newest_first_and_after_asks_for_older_ones() {
    let fake = fake().await;
    let times = async |query: &str| -> Vec<i64> {
        let (_, answer) = get(&fake, &format!("/api/v5/market/{query}")).await;
        answer["data"].as_array().expect("rows").iter().map(|r| number(&r[0])).collect()
    };
    let newest = times(&format!("candles?instId={BTC}&bar=1m&limit=300")).await;
    assert_eq!(newest.len(), 300);
    assert!(newest.windows(2).all(|w| w[0] == w[1] + MINUTE));
    let older = times(&format!("candles?instId={BTC}&bar=1m&after={}&limit=5", newest[299])).await;
    assert_eq!(older, (1..=5).map(|n| newest[299] - n * MINUTE).collect::<Vec<_>>());
    let newer = times(&format!("candles?instId={BTC}&bar=1m&before={}", newest[3])).await;
    assert_eq!(newer[newer.len() - 3..], newest[..3]);
    let hours = times(&format!("history-candles?instId={BTC}&bar=1H")).await;
    assert!(hours.len() > 70 && hours.len() <= 100 && hours[0] % 3_600_000 == 0, "{}", hours.len());
    let days = times(&format!("candles?instId={BTC}&bar=1D")).await;
    assert!(days.iter().all(|d| d.rem_euclid(DAY) == 16 * 3_600_000));
    assert_eq!(get(&fake, &format!("/api/v5/market/candles?instId={BTC}&bar=7m")).await.1["code"], "51000");
    assert_eq!(
        get(&fake, "/api/v5/market/candles?instId=NOPE").await,
        (200, json!({"code": "51001", "data": [], "msg": "Instrument ID doesn't exist."}))
    );
    assert_eq!(get(&fake, "/api/v5/market/candles").await.1["code"], "50014");
}

/// Follows the documented steps with a naive client and compares with the venue's own book.
#[tokio::test]
async fn books_chain_through_heartbeats_and_restarts_and_break_where_told() {
    let fake = fake().await;
    let subscribe = json!([{"channel": "books", "instId": BTC}]);
    let mut client = connect(&fake, Path::Public, subscribe.clone()).await;
    client.wait("updates", SOON, |f| pushes(f, "books").len() >= 20).await.unwrap();
    fake.restart_book(BTC);
    client.wait("more updates", SOON, |f| pushes(f, "books").len() >= 55).await.unwrap();
    let side = |rows: &Value| -> Vec<(i128, i128)> {
        let rows = rows.as_array().expect("levels");
        rows.iter().map(|r| (units(text(&r[0]), 1), units(text(&r[1]), 2))).collect()
    };
    let mut book = ExactBook::new(1, 2);
    let (mut seq, mut kinds) = (0, [0_u32; 3]);
    for (n, frame) in pushes(&client.frames, "books").into_iter().enumerate() {
        let row = &frame["data"][0];
        let (previous, id) = (row["prevSeqId"].as_i64().unwrap(), row["seqId"].as_i64().unwrap());
        assert_eq!(frame["action"], if n == 0 { "snapshot" } else { "update" });
        assert_eq!(previous, if n == 0 { -1 } else { seq });
        kinds[usize::from(id < previous) + 2 * usize::from(id == previous)] += 1;
        seq = id;
        ExactBook::apply(&mut book.bids, side(&row["bids"]));
        ExactBook::apply(&mut book.asks, side(&row["asks"]));
        if id != previous {
            let top = fake.top_at(BTC, number(&row["ts"])).expect("a remembered step");
            assert!(book.top().unwrap().same(&top));
        }
    }
    assert!(kinds[0] > 50 && kinds[1] >= 1 && kinds[2] >= 1, "{kinds:?}");

    fake.skip_books(BTC, 1);
    let gap = |f: &[Value]| {
        pushes(f, "books").windows(2).any(|w| w[1]["data"][0]["prevSeqId"] != w[0]["data"][0]["seqId"])
    };
    client.wait("a gap", SOON, gap).await.unwrap();
    client.send(&json!({"op": "unsubscribe", "args": subscribe})).await.unwrap();
    client.wait_for("ack", SOON, |f| f["event"] == "unsubscribe").await.unwrap();
    client.send(&json!({"op": "subscribe", "args": subscribe})).await.unwrap();
    client
        .wait("a new snapshot", SOON, |f| f.iter().filter(|f| f["action"] == "snapshot").count() == 2)
        .await
        .unwrap();
    let (_, rest) = get(&fake, &format!("/api/v5/market/books?instId={BTC}&sz=20")).await;
    assert_eq!(rest["data"][0]["asks"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn states_say_what_their_fields_mean() {
    let fake = fake().await;
    let args = ["mark-price", "tickers", "open-interest", "funding-rate"];
    let mut args: Vec<Value> =
        args.iter().map(|c| json!({"channel": c, "instId": "PEPE-USDT-SWAP"})).collect();
    args.push(json!({"channel": "index-tickers", "instId": "PEPE-USDT"}));
    let mut client = connect(&fake, Path::Public, json!(args)).await;
    let all = |f: &[Value]| args.iter().all(|a| f.iter().any(|f| &f["arg"] == a && f["data"].is_array()));
    client.wait("one of each", SOON, all).await.unwrap();
    let row = |channel: &str| rows(&client.frames, channel)[0].clone();

    let funding = row("funding-rate");
    let (next, after) = (number(&funding["fundingTime"]), number(&funding["nextFundingTime"]));
    let now = fake.now();
    assert!(next > now && next - now <= 4 * 3_600_000, "the next payment, not the one after");
    assert_eq!(after - next, 4 * 3_600_000);
    let (_, paid) = get(&fake, "/api/v5/public/funding-rate-history?instId=PEPE-USDT-SWAP&limit=3").await;
    let paid: Vec<i64> = paid["data"].as_array().unwrap().iter().map(|r| number(&r["fundingTime"])).collect();
    assert_eq!(paid, [next - 4 * 3_600_000, next - 8 * 3_600_000, next - 12 * 3_600_000]);

    let [_, eth] = [listings::btc_swap(), listings::eth_swap()];
    let (_, oi) = get(&fake, "/api/v5/public/open-interest?instType=SWAP").await;
    let rows = oi["data"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    let of_eth = rows.iter().find(|r| r["instId"] == eth.inst_id).unwrap();
    assert!(text(&of_eth["oi"]).ends_with("000000919"), "noise");
    let (contracts, coins): (f64, f64) =
        (text(&of_eth["oi"]).parse().unwrap(), text(&of_eth["oiCcy"]).parse().unwrap());
    assert!((contracts * 0.1 - coins).abs() < 1e-6 * coins);
    let (_, history) =
        get(&fake, "/api/v5/rubik/stat/contracts/open-interest-history?instId=ETH-USDT-SWAP&limit=3").await;
    let times: Vec<i64> = history["data"].as_array().unwrap().iter().map(|r| number(&r[0])).collect();
    assert!(times.windows(2).all(|w| w[0] - w[1] == 5 * MINUTE) && times.len() == 3);

    let (_, instruments) = get(&fake, "/api/v5/public/instruments?instType=SWAP").await;
    let of = |id: &str| {
        instruments["data"].as_array().unwrap().iter().find(|r| r["instId"] == id).unwrap().clone()
    };
    for (id, value) in
        [(BTC, "0.01"), ("ETH-USDT-SWAP", "0.1"), ("SOL-USDT-SWAP", "1"), ("PEPE-USDT-SWAP", "10000000")]
    {
        assert_eq!((&of(id)["ctVal"], &of(id)["baseCcy"]), (&json!(value), &json!("")));
    }
    let (_, spot) = get(&fake, "/api/v5/public/instruments?instType=SPOT").await;
    assert_eq!(spot["data"][0]["baseCcy"], "BTC");
    let ticker = row("tickers");
    let (volume, coins): (f64, f64) =
        (text(&ticker["vol24h"]).parse().unwrap(), text(&ticker["volCcy24h"]).parse().unwrap());
    assert_eq!(volume * 1e7, coins);
    assert!(float(units(text(&row("mark-price")["markPx"]), 8), 8) > 0.0);
}

#[tokio::test]
async fn liquidations_of_all_swaps_come_on_one_channel() {
    let fake = fake().await;
    let arg = json!([{"channel": "liquidation-orders", "instType": "SWAP"}]);
    let mut client = connect(&fake, Path::Public, arg).await;
    client.wait_for("ack", SOON, |f| f["event"] == "subscribe").await.unwrap();
    let order =
        Liquidation { time: 1_795_000_000_000, told: 0, long: true, net: true, price: 840_005, size: 855 };
    fake.liquidate(BTC, order);
    let mine =
        |f: &[Value]| rows(f, "liquidation-orders").iter().any(|r| r["details"][0]["ts"] == "1795000000000");
    client.wait("the order", SOON, mine).await.unwrap();
    let row =
        rows(&client.frames, "liquidation-orders").into_iter().find(|r| r["instId"] == BTC).unwrap().clone();
    assert_eq!(
        row["details"][0],
        json!({"bkLoss": "0", "bkPx": "84000.5", "ccy": "", "posSide": "net", "side": "sell", "sz": "8.55", "ts": "1795000000000"})
    );
    // Eight swaps with one or two a minute: some other one is soon told.
    let others = |f: &[Value]| rows(f, "liquidation-orders").len() >= 3;
    client.wait("others", Duration::from_secs(60), others).await.unwrap();
    let (_, answer) =
        get(&fake, "/api/v5/public/liquidation-orders?instType=SWAP&instFamily=BTC-USDT&state=filled").await;
    assert!(
        answer["data"][0]["details"].as_array().unwrap().iter().any(|d| d["ts"] == "1795000000000")
            || answer["data"][0]["details"].as_array().unwrap().len() == 100
    );
    assert!(fake.counts().sent[BTC].liquidated >= 855);
}
