//! The relay on its simulated market: what every client may rely on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tests::oracle::calendar::{TIMEFRAMES, bucket};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(10);
const SYMBOL: &str = "BTCUSDT-PERP";

async fn sim() -> Result<Relay> {
    Options::sim().start().await
}

/// One venue's topics, so that a sequence is one.
fn subscribe(id: u64, channels: &[&str], intervals: &[&str]) -> Value {
    json!({
        "action": "subscribe", "id": id, "symbols": [SYMBOL], "venues": ["sim"],
        "channels": channels, "intervals": intervals,
    })
}

/// A data frame's topic.
fn topic(frame: &Value) -> Option<(String, String, String, String)> {
    frame.get("seq")?;
    let text = |key: &str| frame[key].as_str().unwrap_or("").to_owned();
    Some((text("symbol"), text("venue"), text("type"), text("interval")))
}

#[tokio::test]
async fn the_demo_says_so_and_lists_its_markets() -> Result<()> {
    let relay = sim().await?;
    assert_eq!(relay.get("/health").await?, (200, json!({"status": "ok"})));
    let live = |s: &Value| {
        s["venues"][0]["connected"] == true
            && s["venues"][0]["topics"].as_array().is_some_and(|t| !t.is_empty())
    };
    let status = relay.wait_status("sim connected", SOON, live).await?;
    assert_eq!(status["mode"], "demo");
    assert_eq!(status["venues"][0]["venue"], "sim");
    for key in ["version", "uptime_s", "bus", "store", "clients"] {
        assert!(!status[key].is_null(), "{key} in {status}");
    }
    for topic in status["venues"][0]["topics"].as_array().unwrap_or(&vec![]) {
        for key in ["symbol", "channel", "state"] {
            assert!(topic[key].is_string(), "{topic}");
        }
    }
    let symbols = relay.rows("/api/symbols").await?;
    assert!(symbols.len() >= 5, "{symbols:?}");
    let btc = symbols.iter().find(|s| s["symbol"] == SYMBOL).expect("the default symbol");
    assert_eq!(
        (&btc["group"], &btc["kind"], &btc["base"], &btc["quote"]),
        (&json!("BTC-PERP"), &json!("perp"), &json!("BTC"), &json!("USDT"))
    );
    let spot = symbols.iter().find(|s| s["kind"] == "spot").expect("a spot pair");
    assert!(spot["symbol"].as_str().is_some_and(|s| s.contains('/')));
    let tiny = symbols.iter().filter_map(|s| s["tick_size"].as_f64()).fold(1.0, f64::min);
    assert!(tiny <= 1e-8, "a coin with prices near 1e-6 needs a tick below: {tiny}");
    let (status, metrics) = relay.get("/metrics").await?;
    assert_eq!(status, 200);
    let metrics = metrics.as_str().unwrap_or_default();
    assert!(metrics.contains("venue=\"sim\"") && metrics.contains("channel="), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn siblings_have_other_prices_and_holes_of_their_own() -> Result<()> {
    let relay = sim().await?;
    let up = |s: &Value| {
        let venues = s["venues"].as_array().cloned().unwrap_or_default();
        venues.len() == 3 && venues.iter().all(|v| v["topics"].as_array().is_some_and(|t| !t.is_empty()))
    };
    let status = relay.wait_status("three venues", SOON, up).await?;
    let names: Vec<&str> =
        status["venues"].as_array().into_iter().flatten().filter_map(|v| v["venue"].as_str()).collect();
    assert_eq!(names, ["sim", "sim-b", "sim-c"]);
    let symbols = relay.rows("/api/symbols").await?;
    let row = |symbol: &str| symbols.iter().find(|s| s["symbol"] == symbol).cloned().unwrap_or_default();
    assert_eq!(row("ETHUSDT-PERP")["venues"], json!(["sim", "sim-b", "sim-c"]));
    assert_eq!(row(SYMBOL)["venues"], json!(["sim", "sim-c"]));
    assert_eq!(
        (&row("BTCUSDC-PERP")["venues"], &row("BTCUSDC-PERP")["group"]),
        (&json!(["sim-b"]), &json!("BTC-PERP"))
    );
    assert_eq!(
        (&row("CME_MINI:MNQ1!")["venues"], &row("CME_MINI:MNQ1!")["kind"]),
        (&json!(["sim"]), &json!("future"))
    );

    // The day before the start: holes told in the ledger, refilled ones with the venue's own bars.
    // Whole minutes, so that the bar of every hole is in the range.
    let now = tests::fake::clock::machine_now() / 60_000 * 60_000;
    let day = |path: &str, symbol: &str, venue: &str| {
        format!(
            "/api/{path}?symbol={symbol}&venue={venue}&from={}&to={}",
            now - 1_333 * 60_000,
            now - 600_000
        )
    };
    let gaps = relay.rows(&day("gaps", "ETHUSDT-PERP", "sim-b")).await?;
    let gaps: Vec<&Value> = gaps.iter().filter(|g| g["venue"] == "sim-b" && g["channel"] == "bar").collect();
    let bars = relay.rows(&format!("{}&interval=1m", day("candles", "ETHUSDT-PERP", "sim-b"))).await?;
    let origins: BTreeMap<i64, &str> =
        bars.iter().filter_map(|b| Some((b["timestamp"].as_i64()?, b["origin"].as_str()?))).collect();
    let mut met = BTreeMap::<&str, u32>::new();
    let ends = |gap: &Value| (gap["from"].as_i64().expect("a time"), gap["to"].as_i64().expect("a time"));
    let lost: Vec<(i64, i64)> = gaps.iter().filter(|g| g["state"] == "lost").map(|g| ends(g)).collect();
    for gap in gaps {
        let open = ends(gap).0.div_euclid(60_000) * 60_000;
        let state = gap["state"].as_str().expect("a state");
        // What another hole of the same minute took away is not given back with this one.
        if state == "refilled" && lost.iter().any(|(from, to)| *from < open + 60_000 && *to > open) {
            continue;
        }
        let expected = (state == "refilled").then_some("kline");
        assert_eq!(origins.get(&open).copied(), expected, "{gap}");
        *met.entry(state).or_default() += 1;
    }
    assert!(
        met.get("refilled") >= Some(&20) && met.contains_key("lost") && !met.contains_key("open"),
        "{met:?}"
    );
    // Further back too, every minute that is missing is told.
    let (from, to) = (now - 5 * 86_400_000, now - 3 * 86_400_000);
    let older = |path: &str| format!("/api/{path}?symbol=ETHUSDT-PERP&venue=sim-b&from={from}&to={to}");
    let told: Vec<(i64, i64)> = relay.rows(&older("gaps")).await?.iter().map(ends).collect();
    let times = relay.rows(&format!("{}&interval=1m", older("candles"))).await?;
    let times: Vec<i64> = times.iter().filter_map(|b| b["timestamp"].as_i64()).collect();
    let missing = times.windows(2).flat_map(|two| (two[0] + 60_000..two[1]).step_by(60_000));
    let missing: Vec<i64> = missing.collect();
    assert!(missing.len() > 20, "{missing:?}");
    for minute in missing {
        assert!(
            told.iter().any(|(from, to)| *from < minute + 60_000 && *to > minute),
            "{minute} is in no hole"
        );
    }
    let flawless = relay.rows(&format!("{}&interval=1m", day("candles", "ETHUSDT-PERP", "sim"))).await?;
    assert!(flawless.iter().all(|b| b["origin"] == "sim") && flawless.len() > bars.len());
    let hourly = relay.rows(&day("history/funding", SYMBOL, "sim-c")).await?;
    assert!(hourly.iter().any(|f| f["interval_hours"] == 1.0), "{hourly:?}");
    Ok(())
}

#[tokio::test]
async fn the_future_has_session_days() -> Result<()> {
    let relay = sim().await?;
    let now = tests::fake::clock::machine_now();
    let path =
        format!("/api/candles?symbol=CME_MINI:MNQ1!&interval=1D&from={}&to={now}", now - 20 * 86_400_000);
    let days = relay.rows(&path).await?;
    assert!((12..=16).contains(&days.len()), "{} trading days in 20", days.len());
    for day in &days {
        let open = day["timestamp"].as_i64().expect("a time");
        // 17:00 in Chicago is 22:00 or 23:00 UTC, and no trading day begins on a Friday or Saturday.
        let (hour, weekday) =
            (open.rem_euclid(86_400_000) / 3_600_000, (open.div_euclid(86_400_000) + 3).rem_euclid(7));
        assert!((hour == 22 || hour == 23) && weekday != 4 && weekday != 5, "{day}");
    }
    let four = relay.rows(&path.replace("1D", "4H")).await?;
    let opens: Vec<i64> = days.iter().filter_map(|d| d["timestamp"].as_i64()).collect();
    for bar in &four {
        let at = bar["timestamp"].as_i64().expect("a time");
        let open = opens.iter().rev().find(|open| **open <= at);
        assert!(open.is_none_or(|open| (at - open) % 14_400_000 == 0 && at - open < 86_400_000), "{bar}");
    }
    Ok(())
}

#[tokio::test]
async fn nine_timeframes_are_the_fold_of_the_minutes() -> Result<()> {
    let relay = sim().await?;
    let now = tests::fake::clock::machine_now();
    let start = now - now.rem_euclid(86_400_000) - 6 * 86_400_000;
    let enough = |rows: &[Value]| rows.len() > 6 * 1_440;
    let mut path = format!("/api/candles?symbol={SYMBOL}&interval=1m&from={start}&to={}", now + 60_000);
    let minutes = relay.wait_rows(&path, SOON, enough).await?;
    let number = |row: &Value, key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    for pair in minutes.windows(2) {
        assert_eq!(pair[1]["timestamp"].as_i64(), pair[0]["timestamp"].as_i64().map(|t| t + 60_000));
    }
    for timeframe in TIMEFRAMES {
        path = format!("/api/candles?symbol={SYMBOL}&interval={timeframe}&from={start}&to={}", now + 60_000);
        let bars = relay.rows(&path).await?;
        let mut compared = 0;
        let mut forming = 0;
        for bar in &bars {
            let open_time = bar["timestamp"].as_i64().expect("a time");
            let (open, end) = bucket(timeframe, open_time);
            assert_eq!(open, open_time, "{timeframe} off its bucket");
            assert_eq!(bar["interval"], timeframe);
            // The store goes on while we ask: what is compared is closed, or said to reach `through`.
            let through = bar["through"].as_i64().unwrap_or(end - 60_000);
            let inside: Vec<&Value> = minutes
                .iter()
                .filter(|m| (open..end).contains(&m["timestamp"].as_i64().unwrap_or(0)))
                .filter(|m| m["timestamp"].as_i64().unwrap_or(0) <= through)
                .collect();
            let whole = open >= start && inside.last().is_some_and(|m| m["timestamp"] == through);
            if !whole || inside.last().is_some_and(|m| m["closed"] != true) {
                continue;
            }
            let high = inside.iter().map(|m| number(m, "high")).fold(f64::MIN, f64::max);
            let low = inside.iter().map(|m| number(m, "low")).fold(f64::MAX, f64::min);
            let volume: f64 = inside.iter().map(|m| number(m, "volume")).sum();
            assert_eq!(bar["open"], inside[0]["open"], "{timeframe} {bar}");
            assert_eq!(bar["close"], inside[inside.len() - 1]["close"], "{timeframe} {bar}");
            assert_eq!((number(bar, "high"), number(bar, "low")), (high, low), "{timeframe} {bar}");
            let off = (number(bar, "volume") - volume).abs();
            assert!(off <= 1e-9 * volume, "{timeframe}: volume {} is not {volume}", number(bar, "volume"));
            compared += 1;
            forming += usize::from(bar["closed"] == false);
        }
        let expected = match timeframe {
            "1W" | "1M" => 0,
            "1D" => 6,
            _ => 30,
        };
        assert!(compared >= expected, "{timeframe}: {compared} of {} compared", bars.len());
        println!("{timeframe}: {compared} bars equal, {forming} of them forming");
    }
    Ok(())
}

#[tokio::test]
async fn a_subscription_gives_snapshots_then_live_in_order() -> Result<()> {
    let relay = sim().await?;
    // From the first bar on there is something to show.
    let forming = |s: &Value| s["type"] == "bar" && s["closed"] == false;
    let has_bar = |answer: &Value| answer["frames"].as_array().is_some_and(|f| f.iter().any(forming));
    let mut answer = json!(null);
    for _ in 0..100 {
        answer = relay.get(&format!("/api/snapshot?symbol={SYMBOL}&channels=bar")).await?.1;
        if has_bar(&answer) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(has_bar(&answer) && answer["cursor"].is_string(), "{answer}");
    let mut client = relay.socket().await?;
    let channels = ["bar", "oi", "funding", "liquidation", "trade", "book"];
    client.send(&subscribe(1, &channels, &["1m", "1H"])).await?;
    let answer = client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    assert_eq!(answer["id"], 1);
    let live = |kind: &'static str| move |f: &Value| f["type"] == kind && f["snapshot"] != true;
    for kind in ["bar", "trade", "book"] {
        client.wait_for(kind, SOON, live(kind)).await?;
    }
    client.read_for(Duration::from_secs(3)).await;
    let first_status = client.frames.iter().position(|f| f["type"] == "status");
    assert!(first_status.is_some_and(|at| at <= 1), "a status at connect");
    for frame in client.frames.iter().filter(|f| f["snapshot"] == true) {
        assert!(["bar", "oi", "funding", "book"].contains(&frame["type"].as_str().unwrap_or("")), "{frame}");
    }
    let snapshots = |kind: &str, interval: &str| {
        let of = |f: &&Value| {
            f["snapshot"] == true && f["type"] == kind && (interval.is_empty() || f["interval"] == interval)
        };
        client.frames.iter().filter(of).cloned().collect::<Vec<_>>()
    };
    // Higher bars are folded once somebody asks; the first who does gets them all the same.
    for interval in ["1m", "1H"] {
        let bars = snapshots("bar", interval);
        assert_eq!(
            bars.iter().map(|b| b["closed"].as_bool()).collect::<Vec<_>>(),
            [Some(true), Some(false)],
            "{bars:?}"
        );
        // They say up to which minute they reach.
        assert_eq!(bars[1]["through"].is_i64(), interval == "1H", "{}", bars[1]);
    }
    // Live frames of a topic never go back; those of event topics go up one by one.
    let mut last: BTreeMap<_, u64> = BTreeMap::new();
    let mut cursor = String::new();
    for frame in client.frames.iter().filter(|f| f["snapshot"] != true) {
        let Some(topic) = topic(frame) else { continue };
        let seq = frame["seq"].as_u64().expect("seq");
        let event = topic.2 == "trade" || topic.2 == "liquidation";
        if let Some(before) = last.insert(topic.clone(), seq) {
            assert!(seq > before, "{topic:?}: {before} then {seq}");
            assert!(!event || seq == before + 1, "{topic:?}: {before} then {seq}");
        }
        for key in ["timestamp", "received"] {
            assert!(frame[key].is_i64(), "{frame}");
        }
        assert!(
            frame["received"].as_i64() >= frame["timestamp"].as_i64() || topic.2 == "bar",
            "a negative lag: {frame}"
        );
        cursor = frame["cursor"].as_str().expect("cursor").to_owned();
        assert!(cursor.contains('.'));
    }
    // State topics: at most one frame per 100 ms (and scheduling).
    let book: Vec<_> = client
        .frames
        .iter()
        .zip(&client.times)
        .filter(|(f, _)| f["type"] == "book")
        .map(|(_, at)| *at)
        .collect();
    let rate = (book.len() - 1) as f64 / (book[book.len() - 1] - book[0]).as_secs_f64();
    assert!(rate <= 11.0, "{rate} book frames a second");
    assert!(!cursor.is_empty());
    Ok(())
}

#[tokio::test]
async fn resuming_by_cursor_leaves_no_hole() -> Result<()> {
    let relay = sim().await?;
    let mut witness = relay.socket().await?;
    witness.send(&subscribe(1, &["trade"], &[])).await?;
    let mut client = relay.socket().await?;
    client.send(&subscribe(1, &["trade"], &[])).await?;
    let trades = |frames: &[Value]| frames.iter().filter(|f| f["type"] == "trade").count();
    client.wait("some trades", SOON, |f| trades(f) >= 5).await?;
    let last = client.frames.iter().rev().find(|f| f["type"] == "trade").expect("a trade").clone();
    client.close().await;
    let seq = last["seq"].as_u64().expect("seq");
    let seen = move |frames: &[Value], most: u64| {
        frames.iter().any(|f| f["type"] == "trade" && f["seq"].as_u64() >= Some(most))
    };
    witness.wait("trades the client missed", SOON, |f| seen(f, seq + 4)).await?;

    let mut again = relay.socket().await?;
    let mut request = subscribe(2, &["trade"], &[]);
    request["resume"] = last["cursor"].clone();
    again.send(&request).await?;
    again.wait("missed and further trades", SOON, |f| seen(f, seq + 8)).await?;
    let seqs: Vec<u64> =
        again.frames.iter().filter(|f| f["type"] == "trade").filter_map(|f| f["seq"].as_u64()).collect();
    assert_eq!(seqs, (seq + 1..=seq + seqs.len() as u64).collect::<Vec<_>>());

    let mut late = relay.socket().await?;
    request["resume"] = json!("1.1");
    late.send(&request).await?;
    let gap = late.wait_for("expired", SOON, |f| f["type"] == "gap").await?;
    assert_eq!((&gap["cause"], &gap["channel"]), (&json!("resume_expired"), &json!("trade")));
    // A cursor of nobody's says nothing of 1970: what is held is what can be missing.
    let hour_ago = gap["to"].as_i64().expect("to") - 3_600_000;
    assert!(gap["from"].as_i64() > Some(hour_ago), "{gap}");

    // The loss is told before the values that stand after it.
    let mut late = relay.socket().await?;
    let mut request = subscribe(3, &["funding"], &[]);
    request["resume"] = json!("1.1");
    late.send(&request).await?;
    late.wait_for("the last value", SOON, |f| f["snapshot"] == true).await?;
    let kinds: Vec<&str> = late.frames.iter().filter_map(|f| f["type"].as_str()).collect();
    assert_eq!(kinds[kinds.len().saturating_sub(3)..], ["subscribed", "gap", "funding"], "{kinds:?}");
    Ok(())
}

#[tokio::test]
async fn shutdown_says_1001_and_ends_well() -> Result<()> {
    let mut relay = sim().await?;
    let mut client = relay.socket().await?;
    client.send(&subscribe(1, &["bar"], &["1m"])).await?;
    client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    relay.terminate()?;
    assert_eq!(client.wait_closed(SOON).await?, 1001);
    let status = relay.wait_end(SOON).await?;
    assert!(status.success(), "{status}: {}", relay.log());
    Ok(())
}

#[tokio::test]
async fn a_second_relay_on_the_same_folder_or_port_is_refused_in_one_line() -> Result<()> {
    let relay = sim().await?;
    let port = relay.address.port();
    let second = std::process::Command::new(tests::relay::binary())
        .args(["serve", "--demo", "--listen", &format!("127.0.0.1:{port}")])
        .env("DATA_DIR", std::env::temp_dir().join(format!("unused-{port}")))
        .output()?;
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(said.contains(&port.to_string()), "{said}");
    assert_eq!(said.lines().filter(|l| l.starts_with("tapedeck:")).count(), 1, "{said}");
    Ok(())
}
