//! Risk guards as a client sees them: the numbers are those of the other frames, thresholds and ages are kept.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::check::live;
use tests::fake::socket::Mute;
use tests::fake_binance::market::Product;
use tests::fake_binance::{self, FakeBinance};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(20);
const SYMBOL: &str = "BTCUSDT-PERP";
const WINDOW: i64 = 300_000;
/// Name, warning and breach, and whether less is worse.
type Held = (&'static str, Option<(f64, f64)>, bool);
const THRESHOLDS: [Held; 7] = [
    ("spread_bps", Some((10.0, 25.0)), false),
    ("depth_10bps", Some((50_000.0, 10_000.0)), true),
    ("funding_apr", Some((300.0, 1_000.0)), false),
    ("liq_events_5m", Some((10.0, 30.0)), false),
    ("basis_bps", None, false),
    ("premium_bps", None, false),
    ("oi_notional", None, false),
];

fn guard<'a>(guards: &'a Value, name: &str) -> &'a Value {
    let all = guards["guards"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|g| g["name"] == name).unwrap_or(&Value::Null)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// The state that follows from a value, worked out anew.
fn state(value: Option<f64>, thresholds: Option<(f64, f64)>, less: bool) -> &'static str {
    let beyond = |limit: f64| value.is_some_and(|v| if less { v < limit } else { v.abs() > limit });
    match (value, thresholds) {
        (None, _) => "warning",
        (Some(_), Some((_, breach))) if beyond(breach) => "breach",
        (Some(_), Some((warning, _))) if beyond(warning) => "warning",
        _ => "passing",
    }
}

/// States and status follow from values; values stand above as they stand in the list.
fn check_states(guards: &Value) {
    let rank = ["n/a", "passing", "warning", "breach"];
    let mut worst = 1;
    for (name, thresholds, less) in THRESHOLDS {
        let found = guard(guards, name);
        let value = found["value"].as_f64();
        let at = rank.iter().position(|s| found["state"] == *s).unwrap_or(9);
        if found["state"] != "n/a" {
            assert_eq!(found["state"], state(value, thresholds, less), "{found}");
        }
        assert_eq!(found["warning"].as_f64(), thresholds.map(|t| t.0), "{found}");
        assert_eq!(found["breach"].as_f64(), thresholds.map(|t| t.1), "{found}");
        assert!(found["reason"].as_str().is_some_and(|r| r.ends_with('.')), "{found}");
        assert!(found["since"].as_i64() <= guards["timestamp"].as_i64(), "{found}");
        worst = worst.max(at);
        if name == "depth_10bps" {
            let side = |s: &str| guards["depth_10bps"][s].as_f64();
            assert_eq!(side("bid_usd").zip(side("ask_usd")).map(|(b, a)| b.min(a)), value, "{guards}");
        } else {
            assert_eq!(guards[name].as_f64(), value, "{guards}");
        }
    }
    assert_eq!(guards["status"], rank[worst], "{guards}");
}

/// Frames by type, venue, symbol and timestamp.
type Frames = HashMap<(String, String, String, i64), Value>;

fn by_time(frames: &[Value]) -> Frames {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let key =
        |f: &Value| Some((text(&f["type"]), text(&f["venue"]), text(&f["symbol"]), f["timestamp"].as_i64()?));
    frames.iter().filter_map(|f| Some((key(f)?, f.clone()))).collect()
}

/// The frames behind a guard's inputs; none where one was conflated away.
fn behind<'a>(frames: &'a Frames, found: &Value, kind: &str) -> Option<Vec<&'a Value>> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let of = |i: &Value| {
        frames.get(&(kind.to_owned(), text(&i["venue"]), text(&i["symbol"]), i["timestamp"].as_i64()?))
    };
    found["inputs"].as_array()?.iter().map(of).collect()
}

fn number(frame: &Value, key: &str) -> f64 {
    frame[key].as_f64().unwrap_or(f64::NAN)
}

fn mid(book: &Value) -> f64 {
    (number(book, "bid_px") + number(book, "ask_px")) / 2.0
}

#[tokio::test]
async fn guards_of_the_simulated_market_are_worked_out_of_its_frames() -> Result<()> {
    let started = Instant::now();
    let relay = Options::sim().start().await?;
    let mut client = relay.socket().await?;
    let channels = ["guards", "book", "funding", "oi", "liquidation"];
    client
        .send(&json!({"action": "subscribe", "symbols": [SYMBOL], "venues": ["all"], "channels": channels}))
        .await?;
    let topics = client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    let named = topics["topics"].as_array().context("topics")?;
    let own: Vec<&Value> = named.iter().filter(|t| t["channel"] == "guards").collect();
    assert_eq!(own, [&json!({"symbol": SYMBOL, "venue": "all", "channel": "guards"})]);
    let known =
        |f: &Value| f["type"] == "guards" && f["spread_bps"].is_number() && f["funding_apr"].is_number();
    client.wait_for("guards with values", SOON, known).await?;
    client.read_for(Duration::from_secs(6)).await;
    // What is known of open interest from the record is no frame's: each venue tells its own within a quarter of a minute.
    let told_anew = |frames: &[Value]| {
        let by_time = by_time(frames);
        let newest = frames.iter().rev().filter(|f| f["type"] == "guards").take(3);
        let known = |oi: &Value| oi["value"].is_number() && behind(&by_time, oi, "oi").is_some();
        newest.filter(|f| known(guard(f, "oi_notional"))).count() == 3
    };
    while !told_anew(&client.frames) {
        assert!(started.elapsed() < Duration::from_secs(90), "no open interest of every venue");
        client.read_for(Duration::from_millis(500)).await;
    }

    let frames = by_time(&client.frames);
    let told: Vec<&Value> = client.frames.iter().filter(|f| f["type"] == "guards").collect();
    let mut compared: HashMap<&str, usize> = HashMap::new();
    for guards in &told {
        check_states(guards);
        assert_eq!((&guards["venue"], &guards["reference"]["venue"]), (&json!("all"), &json!("sim")));
        let mut same = |name: &'static str, kind: &str, worked_out: fn(&[&Value]) -> f64| {
            let found = guard(guards, name);
            let Some((value, behind)) = found["value"].as_f64().zip(behind(&frames, found, kind)) else {
                return;
            };
            assert!(close(value, worked_out(&behind)), "{name}: {found} of {behind:?}");
            *compared.entry(name).or_default() += 1;
        };
        same("spread_bps", "book", |f| (number(f[0], "ask_px") - number(f[0], "bid_px")) / mid(f[0]) * 1e4);
        same("depth_10bps", "book", |f| {
            number(&f[0]["depth_10bps"], "bid_usd").min(number(&f[0]["depth_10bps"], "ask_usd"))
        });
        same("funding_apr", "funding", |f| {
            number(f[0], "funding_rate") / number(f[0], "interval_hours") * 8_760.0 * 100.0
        });
        same("premium_bps", "funding", |f| {
            (number(f[0], "mark_price") - number(f[0], "index_price")) / number(f[0], "index_price") * 1e4
        });
        same("basis_bps", "book", |f| (mid(f[0]) - mid(f[1])) / mid(f[1]) * 1e4);
        same("oi_notional", "oi", |f| f.iter().map(|f| number(f, "open_interest_value")).sum());
    }
    // The basis needs a venue that has troubles of its own, and then has no value.
    let valued = |name: &str| told.iter().filter(|g| guard(g, name)["value"].is_number()).count() >= 20;
    for (name, _, _) in THRESHOLDS.iter().filter(|(name, _, _)| *name != "liq_events_5m") {
        assert!(valued(name) || *name == "basis_bps", "{name}");
        assert!(
            !valued(name) || compared.get(name).is_some_and(|n| *n >= 3),
            "{name}: {compared:?} of {}",
            told.len()
        );
    }
    let times: Vec<i64> = told.iter().filter_map(|g| g["timestamp"].as_i64()).collect();
    assert!(times.windows(2).all(|t| t[0] <= t[1] && t[1] - t[0] <= 2_000), "{times:?}");
    println!("{} frames, compared {compared:?}", told.len());

    the_count_is_that_of_the_record(&relay).await?;
    the_answer_is_young_and_for_every_kind(&relay).await
}

/// Liquidations of the group in the five minutes before the answer, counted in what is recorded.
async fn the_count_is_that_of_the_record(relay: &Relay) -> Result<()> {
    for _ in 0..50 {
        let guards = relay.get(&format!("/api/engine/guards?symbol={SYMBOL}")).await?.1;
        let now = guards["ts"].as_i64().context("a time")?;
        // The store is up to 250 ms behind.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let path = format!(
            "/api/history/liquidations?symbol={SYMBOL}&venue=all&from={}&to={}",
            now - WINDOW + 1,
            now + 1
        );
        let rows = relay.rows(&path).await?;
        let count = rows.iter().filter(|r| r["venue"] != "all").count();
        if guards["liq_events_5m"] == count {
            return Ok(());
        }
        // One came between its own time and its arrival: the next answer has it.
    }
    anyhow::bail!("the count never agrees with the record")
}

async fn the_answer_is_young_and_for_every_kind(relay: &Relay) -> Result<()> {
    for query in ["BTCUSDT-PERP", "BTCUSDT-PERP&venue=sim-b", "BTCUSDC-PERP", "ETHUSDT-PERP", "BTC/USDT"] {
        for _ in 0..3 {
            let (status, guards) = relay.get(&format!("/api/engine/guards?symbol={query}")).await?;
            if query.ends_with("sim-b") {
                // It lists the coin against another dollar alone.
                assert_eq!((status, &guards["code"]), (404, &json!("unknown_symbol")));
                break;
            }
            assert_eq!(status, 200, "{guards}");
            check_states(&guards);
            let now = relay.status().await?["timestamp"].as_i64().context("a time")?;
            let age = now - guards["ts"].as_i64().context("ts")?;
            assert!((0..=5_000).contains(&age), "{query}: {age} ms");
            if query == "BTC/USDT" {
                for name in ["funding_apr", "liq_events_5m", "premium_bps", "oi_notional"] {
                    assert_eq!(guard(&guards, name)["state"], "n/a", "{guards}");
                }
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }
    let snapshot =
        relay.get(&format!("/api/snapshot?symbol={SYMBOL}&channels=guards,heatmap,signal")).await?;
    assert_eq!(snapshot.0, 200);
    let frames = snapshot.1["frames"].as_array().context("frames")?;
    assert!(frames.iter().any(|f| f["type"] == "guards" && f["snapshot"] == true), "{}", snapshot.1);
    Ok(())
}

#[tokio::test]
async fn a_book_that_goes_stale_is_null_and_a_warning() -> Result<()> {
    let options = fake_binance::Options { history_days: 4, ..Default::default() };
    let fake = FakeBinance::start(options).await?;
    let relay = Options::binance(&fake, SYMBOL).env("GUARDS_SPREAD_BPS", "1000,2000");
    let relay = relay.env("GUARDS_DEPTH_10BPS", "0.5,0.1").start().await?;
    live(&relay, SYMBOL).await?;
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": [SYMBOL], "channels": ["guards"]})).await?;
    let spread = |f: &Value| f["spread_bps"].is_number() && f["depth_10bps"]["bid_usd"].is_number();
    let known = client.wait_for("a spread", SOON, |f| f["type"] == "guards" && spread(f)).await?;
    assert_eq!(guard(&known, "spread_bps")["state"], "passing", "{known}");
    assert_eq!(guard(&known, "spread_bps")["breach"], 2_000.0, "from the environment");
    assert_eq!(guard(&known, "basis_bps")["state"], "n/a", "no market in USDC");

    for stream in ["btcusdt@depth@100ms", "btcusdt@bookTicker"] {
        fake.mute(Product::Usdm, stream, Mute::Always);
    }
    let muted = fake.now();
    client.take();
    let lost = |f: &Value| f["type"] == "guards" && f["spread_bps"].is_null();
    let stale = client.wait_for("no spread", SOON, lost).await?;
    for name in ["spread_bps", "depth_10bps"] {
        let found = guard(&stale, name);
        assert_eq!((&found["value"], &found["state"]), (&Value::Null, &json!("warning")), "{found}");
        let age = found["age_ms"].as_i64().context("age")?;
        assert!((5_001..=6_000).contains(&age), "told within a second: {found}");
        assert_eq!(found["since"], stale["timestamp"]);
    }
    assert_eq!((&stale["depth_10bps"], &stale["status"]), (&Value::Null, &json!("warning")));
    let after = stale["timestamp"].as_i64().context("timestamp")? - muted;
    assert!((4_000..=7_500).contains(&after), "{after} ms after the last frame");
    let answer = relay.get(&format!("/api/engine/guards?symbol={SYMBOL}")).await?.1;
    assert_eq!((&answer["spread_bps"], &answer["status"]), (&Value::Null, &json!("warning")));

    for stream in ["btcusdt@depth@100ms", "btcusdt@bookTicker"] {
        fake.unmute(Product::Usdm, stream);
    }
    client.take();
    client.wait_for("a spread again", SOON, |f| f["type"] == "guards" && spread(f)).await?;
    Ok(())
}

#[tokio::test]
async fn a_restarted_relay_still_counts_the_liquidations_before() -> Result<()> {
    let relay = Options::sim().start().await?;
    let path = format!("/api/engine/guards?symbol={SYMBOL}");
    let before = relay.get(&path).await?.1;
    let relay = relay.kill_and_restart().await?;
    let after = relay.get(&path).await?.1;
    let (from, to) =
        (after["ts"].as_i64().context("ts")? - WINDOW + 1, before["ts"].as_i64().context("ts")? + 1);
    let rows = relay
        .rows(&format!("/api/history/liquidations?symbol={SYMBOL}&venue=all&from={from}&to={to}"))
        .await?;
    let still = rows.iter().filter(|r| r["venue"] != "all").count() as u64;
    assert!(after["liq_events_5m"].as_u64().is_some_and(|n| n >= still), "{still} of {before} then {after}");
    Ok(())
}
