//! The simulated venues joined: what the relay says of all of them is the sum of what it says of each.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(20);
const SYMBOL: &str = "BTCUSDT-PERP";
const M: i64 = 60_000;

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or(f64::NAN)
}

fn time(row: &Value) -> i64 {
    row["timestamp"].as_i64().unwrap_or(-1)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// A venue and a symbol.
type Member = (String, String);

/// One relay for all: its start is the longest part.
#[tokio::test]
async fn the_joined_views_are_the_sums_of_the_venues() -> Result<()> {
    let relay = Options::sim().start().await?;
    let members = members(&relay, "BTC-PERP").await?;
    assert!(members.len() >= 3, "siblings: {members:?}");
    a_joined_subscription_begins_with_snapshots_and_goes_on_live(&relay, &members).await?;
    joined_bars_are_the_sums_of_the_venues(&relay, &members).await?;
    open_interest_and_the_overview_are_the_sums_of_the_venues(&relay, &members).await
}

/// Venue and symbol of every member of the group, as the relay lists them.
async fn members(relay: &Relay, group: &str) -> Result<Vec<Member>> {
    let symbols = relay.rows("/api/symbols").await?;
    let own = symbols.iter().filter(|s| s["group"] == group);
    let pairs = own.flat_map(|s| {
        let venues = s["venues"].as_array().cloned().unwrap_or_default();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        venues.into_iter().map(move |v| (text(&v), text(&s["symbol"])))
    });
    Ok(pairs.collect())
}

/// Rows of `path`, of one member, by time.
async fn of(relay: &Relay, path: &str, (venue, symbol): &Member) -> Result<BTreeMap<i64, Value>> {
    let rows = relay.rows(&format!("{path}&venue={venue}&symbol={symbol}")).await?;
    Ok(rows.into_iter().map(|row| (time(&row), row)).collect())
}

/// Two hours that ended some minutes ago.
async fn past(relay: &Relay) -> Result<(i64, i64)> {
    let status = relay.status().await?;
    let now = status["timestamp"].as_i64().context("a time")?;
    let end = now - now.rem_euclid(3_600_000);
    let end = if now - end > 300_000 { end } else { end - 3_600_000 };
    Ok((end - 2 * 3_600_000, end))
}

async fn joined_bars_are_the_sums_of_the_venues(relay: &Relay, members: &[Member]) -> Result<()> {
    let (from, to) = past(relay).await?;
    let (mut compared, mut holes) = (0, 0);
    for (interval, length) in [("1m", M), ("5m", 5 * M), ("1H", 60 * M)] {
        let path = format!("/api/history/bars?interval={interval}&from={from}&to={to}");
        let minutes = format!("/api/history/bars?interval=1m&from={from}&to={to}");
        let mut own = Vec::new();
        for member in members {
            own.push((member, of(relay, &minutes, member).await?));
        }
        let reference = of(relay, &path, &members[0]).await?;
        for joined in relay.rows(&format!("{path}&venue=all&symbol={SYMBOL}")).await? {
            let open = time(&joined);
            let inside = |rows: &BTreeMap<i64, Value>, key: &str| -> f64 {
                rows.range(open..open + length).map(|(_, row)| number(row, key)).sum()
            };
            let volume: f64 = own.iter().map(|(_, rows)| inside(rows, "volume")).sum();
            assert!(close(number(&joined, "volume"), volume), "{interval}: {joined} is not {volume}");
            let mut venues: BTreeMap<&str, f64> = BTreeMap::new();
            for ((venue, symbol), rows) in &own {
                let there = rows.range(open..open + length).count();
                if there > 0 {
                    *venues.entry(venue).or_default() += inside(rows, "volume");
                }
                let marks = joined["marks"].as_array().cloned().unwrap_or_default();
                let mut own = marks.iter().filter(|m| m["venue"] == **venue && m["symbol"] == **symbol);
                let marked = own.any(|m| m["why"].as_array().is_some_and(|w| w.contains(&json!("no_bar"))));
                assert_eq!(marked, there == 0, "{interval} {venue} {symbol}: {joined}");
                holes += usize::from(marked);
            }
            let by_venue = joined["by_venue"].as_object().context("by_venue")?;
            assert_eq!(by_venue.len(), venues.len(), "{joined}");
            for (venue, volume) in venues {
                assert!(close(number(&by_venue[venue], "volume"), volume), "{venue}: {joined}");
            }
            let prices = reference.get(&open).context("the flawless venue has every bar")?;
            for key in ["open", "high", "low", "close"] {
                assert_eq!(joined[key], prices[key], "{interval}: {joined}");
            }
            assert_eq!((&joined["venue"], &joined["closed"]), (&json!("all"), &json!(true)));
            compared += 1;
        }
    }
    assert_eq!(compared, 120 + 24 + 2);
    println!("{compared} joined bars of {} members equal, {holes} holes marked", members.len());
    Ok(())
}

async fn a_joined_subscription_begins_with_snapshots_and_goes_on_live(
    relay: &Relay,
    members: &[Member],
) -> Result<()> {
    // Once every venue has begun there is something to join.
    let shown = |answer: &Value| answer["frames"].as_array().is_some_and(|f| f.len() == 2);
    let mut answer = json!(null);
    for _ in 0..200 {
        let path = format!("/api/snapshot?symbol={SYMBOL}&venue=all&channels=bar");
        answer = relay.get(&path).await?.1;
        if shown(&answer) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(shown(&answer), "{answer}");
    let mut client = relay.socket().await?;
    let request = json!({"action": "subscribe", "id": 1, "symbols": [SYMBOL], "venues": ["all"],
        "channels": ["bar", "oi"], "intervals": ["1m", "15m"]});
    client.send(&request).await?;
    let answer = client.wait_for("subscribed", SOON, |f| f["type"] == "subscribed").await?;
    let topics = answer["topics"].as_array().context("topics")?;
    let joined = topics.iter().filter(|t| t["venue"] == "all").count();
    assert_eq!((joined, topics.len()), (2, 2 + members.len()), "{answer}");
    let live = |f: &Value| f["type"] == "bar" && f["snapshot"] != true && f["interval"] == "15m";
    client.wait_for("a live joined bar", SOON, live).await?;
    for interval in ["1m", "15m"] {
        let of = |f: &&Value| f["snapshot"] == true && f["type"] == "bar" && f["interval"] == interval;
        let bars: Vec<&Value> = client.frames.iter().filter(of).collect();
        let closed: Vec<_> = bars.iter().map(|b| b["closed"].as_bool()).collect();
        assert_eq!(closed, [Some(true), Some(false)], "{interval}: {bars:?}");
        assert!(bars.iter().all(|b| b["venue"] == "all" && b["by_venue"].is_object()), "{bars:?}");
    }
    let frames = client.frames.iter().filter(|f| f["type"] == "bar" && f["interval"] == "1m");
    for frame in frames {
        let parts = frame["by_venue"].as_object().context("by_venue")?;
        let sum: f64 = parts.values().map(|part| number(part, "volume")).sum();
        assert!(close(number(frame, "volume"), sum), "{frame}");
    }
    // A wrong venue stays wrong.
    let mut wrong = request.clone();
    wrong["venues"] = json!(["every"]);
    client.send(&wrong).await?;
    let error = client.wait_for("an error", SOON, |f| f["type"] == "error").await?;
    assert_eq!(error["code"], "unknown_venue");
    Ok(())
}

async fn open_interest_and_the_overview_are_the_sums_of_the_venues(
    relay: &Relay,
    members: &[Member],
) -> Result<()> {
    let (from, to) = past(relay).await?;
    let mut own = Vec::new();
    let before = from - 600_000;
    for member in members {
        own.push(of(relay, &format!("/api/history/oi?from={before}&to={to}"), member).await?);
    }
    let rows = relay.rows(&format!("/api/history/oi?symbol={SYMBOL}&venue=all&from={from}&to={to}")).await?;
    let sums: Vec<&Value> = rows.iter().filter(|r| r["venue"] == "all").collect();
    assert_eq!(sums.len(), 24);
    for sum in sums {
        let at = time(sum);
        let fresh = own.iter().filter_map(|rows| rows.range(at - 600_000..=at).next_back());
        let coins: f64 = fresh.map(|(_, row)| number(row, "open_interest")).sum();
        assert!(close(number(sum, "open_interest"), coins), "{sum} is not {coins}");
    }
    let done = |now: &Value| {
        now["members"].as_array().is_some_and(|m| m.iter().all(|m| m["open_interest"].is_number()))
    };
    let mut now = json!(null);
    for _ in 0..200 {
        now = relay.get(&format!("/api/market/overview?symbol={SYMBOL}")).await?.1;
        if done(&now) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let listed = now["members"].as_array().context("members")?;
    assert_eq!((listed.len(), &now["group"]), (members.len(), &json!("BTC-PERP")), "{now}");
    let coins: f64 = listed.iter().map(|m| m["open_interest"].as_f64().unwrap_or(0.0)).sum();
    assert!(close(number(&now["sum"]["open_interest"], "open_interest"), coins), "{now}");
    let volume: f64 = listed.iter().map(|m| number(&m["volume_24h"], "volume")).sum();
    assert!(close(number(&now["sum"], "volume_24h"), volume), "{now}");
    for member in listed {
        let rate = &member["predicted"];
        let hourly = number(rate, "funding_rate") / number(rate, "interval_hours");
        assert_eq!(number(rate, "hourly"), hourly, "{member}");
        assert!(member["last_price"].is_number() && member["age_ms"]["trade"].is_number(), "{member}");
    }
    Ok(())
}
