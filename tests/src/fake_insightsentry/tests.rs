//! The fake vendor against its own documentation.

use serde_json::{Value, json};

use super::state::MINUTES;
use super::*;
use crate::client::Client;
use crate::oracle::calendar::MINUTE;
use crate::oracle::decimal::float;

const SOON: Duration = Duration::from_secs(5);
const CODE: &str = "CME_MINI:MNQ1!";

async fn fake(options: Options) -> FakeInsightSentry {
    FakeInsightSentry::start(options).await.expect("free ports")
}

fn list(key: &str, codes: &[&str]) -> Value {
    let entry = |code: &&str| json!({"code": code, "type": "series", "bar_type": "minute", "bar_interval": 1, "badj": false});
    json!({"api_key": key, "subscriptions": codes.iter().map(entry).collect::<Vec<_>>()})
}

async fn connect(fake: &FakeInsightSentry) -> Client {
    Client::connect(&format!("ws://{}/live", fake.addresses.ws)).await.unwrap()
}

async fn get(fake: &FakeInsightSentry, path: &str, key: &str) -> (u16, Option<String>, Value) {
    // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let request =
        reqwest::Client::new().get(format!("http://{}{path}", fake.addresses.rest)).bearer_auth(key);
    let answer = request.send().await.expect("an answer");
    let wait = answer.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
    (answer.status().as_u16(), wait, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

fn bars_of<'a>(frames: &'a [Value], code: &str) -> Vec<&'a Value> {
    frames.iter().filter(|f| f["code"] == code && f["series"].is_array()).collect()
}

#[tokio::test]
async fn a_burst_then_the_forming_bar_then_the_next() {
    let options = Options { push_every: Duration::from_millis(50), ..Options::default() }.always_open();
    let key = options.key.clone();
    // One listing such that every minute has many ticks.
    let mut options = options;
    options.listings[0].per_minute = (3_000, 3_000);
    options.clock.run_into_minute(56);
    let fake = fake(options).await;
    let mut client = connect(&fake).await;
    client.wait_for("status", SOON, |f| *f == json!({"message": "Connecting..."})).await.unwrap();
    client.send(&list(&key, &[CODE])).await.unwrap();
    let minute = fake.now() - fake.now().rem_euclid(MINUTE);
    let second = |f: &[Value]| {
        bars_of(f, CODE).last().is_some_and(|f| f["series"][0]["time"] == (minute + MINUTE) as f64 / 1_000.0)
    };
    client.wait("the next bar", Duration::from_secs(20), second).await.unwrap();
    assert_eq!(client.frames[1]["message"], "Connected to W:LOOPBACK");
    assert_eq!(client.frames[2]["subscription_count"], 1);
    let frames = bars_of(&client.frames, CODE);
    assert_eq!(frames[0]["series"].as_array().unwrap().len(), 100);
    let rows: Vec<usize> = frames.iter().map(|f| f["series"].as_array().unwrap().len()).collect();
    assert!(frames.len() > 5 && rows[1..].iter().all(|rows| *rows <= 2), "{rows:?}");
    let known = fake.bars(CODE, MINUTES, minute, minute + MINUTE);
    let mut last = frames.iter().flat_map(|f| f["series"].as_array().unwrap());
    let last = last.rfind(|b| b["time"] == minute as f64 / 1_000.0).unwrap();
    assert_eq!(
        (&last["volume"], &last["close"]),
        (&json!(float(known[0].volume, 0)), &json!(float(known[0].close, 2)))
    );
    assert_eq!(fake.told(CODE, MINUTES)[99], known[0]);
    assert_eq!((fake.counts().most_open, fake.violations()), (1, 0));
}

#[tokio::test]
async fn lists_replace_each_other_and_what_is_wrong_ends_the_socket() {
    let fake =
        fake(Options { silence: Duration::from_millis(800), ..Options::default() }.always_open()).await;
    let key = fake.inner.options.key.clone();
    let mut client = connect(&fake).await;
    client.send(&list(&key, &[CODE])).await.unwrap();
    client.wait("bars", SOON, |f| !bars_of(f, CODE).is_empty()).await.unwrap();
    client.send(&list(&key, &["NASDAQ:AAPL", "NOSUCH:CODE"])).await.unwrap();
    client.wait("bars", SOON, |f| !bars_of(f, "NASDAQ:AAPL").is_empty()).await.unwrap();
    assert!(client.take().iter().any(|f| f["error"] == "invalid_symbol" && f["symbol"] == "NOSUCH:CODE"));
    client.read_for(Duration::from_millis(600)).await;
    assert!(bars_of(&client.frames, CODE).is_empty());
    client.send_text("ping").await.unwrap();
    client.wait_for("pong", SOON, |f| *f == "pong").await.unwrap();

    fake.throttle(1);
    client.send(&list(&key, &[CODE])).await.unwrap();
    client.wait_for("wait", SOON, |f| f["error"] == "processing_throttled").await.unwrap();
    let mut second = connect(&fake).await;
    second.send(&list(&key, &[CODE])).await.unwrap();
    client.wait_for("eviction", SOON, |f| f["error"] == "connection_evicted").await.unwrap();
    client.wait_closed(SOON).await.unwrap();
    // Nothing sent: ended after a while.
    second.wait_closed(SOON).await.unwrap();
    assert_eq!((fake.counts().evicted, fake.counts().silent), (1, 1));

    let mut refused = 0;
    for wrong in [json!({"api_key": key, "subscriptions": []}), json!({"subscriptions": 1}), json!("junk")] {
        let mut client = connect(&fake).await;
        client.send(&wrong).await.unwrap();
        client.wait_closed(SOON).await.unwrap();
        refused += 1;
        assert_eq!(fake.violations(), refused);
    }
    let mut stranger = connect(&fake).await;
    stranger.send(&list("other", &[CODE])).await.unwrap();
    stranger.wait_for("refusal", SOON, |f| f["error"] == "invalid_api_key").await.unwrap();
    stranger.wait_closed(SOON).await.unwrap();
    let seen = fake.seen(&key);
    assert_eq!((seen.messages, seen.messages_without, seen.addresses), (5, 3, 0));
}

#[tokio::test]
async fn rest_answers_series_search_and_sessions() {
    let options = Options { per_minute: 9, ..Options::default() };
    // 2026-03-10 15:00 UTC, a Tuesday.
    options.clock.hold(1_773_154_800_000);
    let fake = fake(options).await;
    let key = fake.inner.options.key.clone();
    let path = "/v3/symbols/CME_MINI%3AMNQ1%21";
    let query = "series?bar_type=minute&bar_interval=15&dp=2&badj=false";
    let (status, _, body) = get(&fake, &format!("{path}/{query}"), &key).await;
    assert_eq!(
        (status, &body["bar_type"], &body["last_update"]),
        (200, &json!("15m"), &json!(1_773_154_800_000_i64))
    );
    let rows = body["series"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[499]["time"]), (500, &json!(1_773_153_900.0)));
    assert_eq!(body["bar_end"], 1_773_154_799.0);
    let (_, _, one) = get(&fake, &format!("{path}/series?bar_type=minute&dp=1"), &key).await;
    assert_eq!(one["series"].as_array().unwrap().len(), 1);
    let (_, _, month) =
        get(&fake, &format!("{path}/history?bar_type=hour&start_date=2026-02&badj=false"), &key).await;
    assert!(month["series"].as_array().unwrap().len() > 400);
    let (_, _, session) = get(&fake, &format!("{path}/session"), &key).await;
    assert_eq!((&session["timezone"], &session["start_hour"]), (&json!("America/Chicago"), &json!("1700")));
    let (_, _, found) = get(&fake, "/v3/symbols/search?query=paper&page=2", &key).await;
    assert_eq!((found["symbols"].as_array().unwrap().len(), &found["has_more"]), (50, &json!(true)));
    let (_, _, quotes) = get(&fake, "/v3/symbols/quotes?codes=NASDAQ%3AAAPL,CME_MINI%3AMNQ1%21", &key).await;
    assert_eq!((&quotes["total_items"], &quotes["data"][1]["delay_seconds"]), (&json!(2), &json!(900)));
    assert_eq!(get(&fake, "/v3/symbols/NO%3ASUCH/info", &key).await.0, 400);
    assert_eq!(get(&fake, "/v3/symbols/search", "wrong").await.0, 401);
    assert_eq!((fake.violations(), fake.seen(&key).calls), (0, 7));

    fake.limit_rest(Duration::from_millis(1_500));
    let (status, wait, _) = get(&fake, "/v3/symbols/search", &key).await;
    assert_eq!((status, wait.as_deref()), (429, Some("2")));
    fake.limit_rest(Duration::ZERO);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(get(&fake, "/v3/symbols/search", &key).await.0);
    }
    assert_eq!((answers, fake.violations()), (vec![200, 200, 429], 1));
    fake.exceed_quota();
    for violations in [1, 2] {
        let (status, wait, body) = get(&fake, "/v3/symbols/search", &key).await;
        assert_eq!((status, wait, &body["error"]), (429, None, &json!("quota_exceeded")));
        assert_eq!(fake.violations(), violations);
    }
}
