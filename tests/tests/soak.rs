//! Every venue at once, at ten times the usual rate, with everything going wrong at random: nothing may panic, memory
//! stays bounded, every hole is refilled or on record, and the totals are those the venues sent.
//!
//! `TAPEDECK_SOAK_S` sets how long faults go on: a short form by default, 600 for the full one; `TAPEDECK_SOAK_SEED`
//! which faults.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::client::Client;
use tests::fake::market::mix;
use tests::fleet::{self, FAULTS, Member};
use tests::relay::Relay;

const MINUTE: i64 = 60_000;
const RATE: u64 = 10;
/// The vendor's key, which must be seen nowhere.
const CANARY: &str = "canary-4f1d0c9be7a2";
/// Resident memory a relay of six venues may take in a debug build.
const MEMORY: u64 = 400 * 1024 * 1024;

/// A number of the environment, or what it is without.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Whether everything of a venue that should flow does.
fn flows(status: &Value, venue: &str) -> bool {
    let venues = status["venues"].as_array().map(Vec::as_slice).unwrap_or_default();
    venues.iter().filter(|v| v["venue"] == venue).any(|v| {
        let topics = v["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
        v["connected"] == true
            && !topics.is_empty()
            && topics.iter().all(|t| t["state"] == "live" || t["state"] == "quiet")
            && topics.iter().any(|t| t["channel"] == "bar" || t["channel"] == "trade")
    })
}

async fn all_flow(relay: &Relay, members: &[Box<dyn Member>], within: Duration) -> Result<()> {
    let all = |s: &Value| members.iter().all(|m| flows(s, m.venue()));
    relay.wait_status("every venue flows", within, all).await?;
    Ok(())
}

async fn subscribe(relay: &Relay, members: &[Box<dyn Member>]) -> Result<Client> {
    let mut client = relay.socket().await?;
    let mut symbols: Vec<&str> = members.iter().map(|m| m.symbol()).collect();
    symbols.dedup();
    client.send(&json!({"action": "subscribe", "symbols": symbols, "channels": ["trade", "bar"]})).await?;
    Ok(client)
}

/// The ledger's holes of a member that touch `[from, to)`.
async fn holes(relay: &Relay, member: &dyn Member, from: i64, to: i64) -> Result<Vec<Value>> {
    let symbol = member.symbol().replace('/', "%2F").replace(':', "%3A").replace('!', "%21");
    let rows = relay.rows(&format!("/api/gaps?symbol={symbol}&from={from}&to={to}")).await?;
    Ok(rows.into_iter().filter(|g| g["venue"] == member.venue()).collect())
}

fn touches(hole: &Value, from: i64, to: i64) -> bool {
    // What is counted as lost since the last trade may have been lost within its millisecond.
    hole["from"].as_i64().is_some_and(|at| at < to) && hole["to"].as_i64().is_none_or(|at| at >= from)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1e-9)
}

/// Compares a member's minutes in `[from, to)` with what the relay has; answers (equal, excused by the ledger).
async fn compare(
    relay: &Relay,
    member: &dyn Member,
    told: &BTreeMap<i64, f64>,
    from: i64,
    to: i64,
) -> Result<(usize, usize)> {
    let (venue, symbol) =
        (member.venue(), member.symbol().replace('/', "%2F").replace(':', "%3A").replace('!', "%21"));
    let path = format!("/api/history/bars?symbol={symbol}&venue={venue}&from={from}&to={to}");
    let exact = member.minutes(from, to);
    ensure!(!exact.is_empty(), "{venue}: the venue has no minute to compare");
    let last = exact.last().map(|m| m.open_time);
    let rows = relay
        .wait_rows(&path, Duration::from_secs(40), |rows| {
            rows.last().is_some_and(|r| r["timestamp"].as_i64() >= last && r["closed"] == true)
        })
        .await?;
    let holes = holes(relay, member, from, to).await?;
    let (mut equal, mut excused) = (0, 0);
    for minute in &exact {
        let (open, end) = (minute.open_time, minute.open_time + MINUTE);
        let lost = |channels: &[&str]| {
            holes.iter().any(|g| {
                channels.iter().any(|c| g["channel"] == *c)
                    && g["state"] != "refilled"
                    && touches(g, open, end)
            })
        };
        let row = rows.iter().find(|r| r["timestamp"].as_i64() == Some(open));
        let volume = row.and_then(|r| r["volume"].as_f64());
        let same = volume.is_some_and(|v| near(v, minute.volume));
        ensure!(
            same || lost(&["bar"]),
            "{venue}: the minute {open} holds {volume:?} instead of {} and the ledger does not say so: {row:?} {holes:?}",
            minute.volume
        );
        if same {
            equal += 1
        } else {
            excused += 1
        }
        if member.tells_trades() && !lost(&["trade"]) {
            let sum = told.get(&open).copied().unwrap_or_default();
            ensure!(
                near(sum, minute.volume),
                "{venue}: trades of the minute {open} sum up to {sum} instead of {} and no hole is on record: {holes:?}",
                minute.volume
            );
        }
    }
    Ok((equal, excused))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_totals_are_right_or_the_ledger_says_so() -> Result<()> {
    tests::relay::binary();
    let seed = setting("TAPEDECK_SOAK_SEED", 7);
    let length = Duration::from_secs(setting("TAPEDECK_SOAK_S", 70));
    let members = fleet::start(seed, RATE, CANARY).await?;
    let relay = fleet::relay(&members).env("TAPEDECK_RECONNECT_CAP_S", "4").start().await?;
    all_flow(&relay, &members, Duration::from_secs(60)).await?;
    let mut client = subscribe(&relay, &members).await?;
    client.wait_for("a trade", Duration::from_secs(20), |f| f["type"] == "trade").await?;
    let started: Vec<i64> = members.iter().map(|m| m.now()).collect();
    let memory_before = relay.memory();

    let until = Instant::now() + length;
    let (mut turn, mut harmed) = (0_u64, BTreeMap::<String, u64>::new());
    while Instant::now() < until {
        let roll = |salt: u64| mix(seed, turn, salt);
        let member = &members[(roll(1) % members.len() as u64) as usize];
        let fault = FAULTS[(roll(2) % FAULTS.len() as u64) as usize];
        *harmed.entry(format!("{fault:?}")).or_default() += 1;
        println!("{} {} {fault:?}", member.now(), member.venue());
        member.harm(fault);
        client.read_for(Duration::from_millis(1_500 + roll(3) % 2_500)).await;
        member.heal();
        turn += 1;
    }
    members.iter().for_each(|m| m.heal());
    println!("{turn} faults: {harmed:?}");
    all_flow(&relay, &members, Duration::from_secs(90)).await?;
    // A silence that has just begun looks like flow: it is over when a trade of after the faults comes.
    let healed: Vec<i64> = members.iter().map(|m| m.now()).collect();
    for (member, healed) in members.iter().zip(healed).filter(|(m, _)| m.tells_trades()) {
        let traded = |f: &Value| {
            f["type"] == "trade"
                && f["venue"] == member.venue()
                && f["timestamp"].as_i64().is_some_and(|at| at >= healed)
        };
        client.wait_for("trades of after the faults", Duration::from_secs(90), traded).await?;
    }
    // Refills wait for budgets and bans; the running minutes end meanwhile.
    let ends: Vec<i64> = members.iter().map(|m| m.now() - m.now().rem_euclid(MINUTE) + MINUTE).collect();
    let late = |m: &dyn Member, end: i64| m.now() < end + 8_000;
    while members.iter().zip(&ends).any(|(m, end)| late(&**m, *end)) {
        client.read_for(Duration::from_secs(2)).await;
    }

    let mut told: BTreeMap<&str, BTreeMap<i64, f64>> = BTreeMap::new();
    for frame in client.frames.iter().filter(|f| f["type"] == "trade") {
        let (Some(at), Some(quantity)) = (frame["timestamp"].as_i64(), frame["quantity"].as_f64()) else {
            continue;
        };
        let venue = frame["venue"].as_str().context("a venue")?;
        *told.entry(venue).or_default().entry(at - at.rem_euclid(MINUTE)).or_default() += quantity;
    }
    let none = BTreeMap::new();
    for ((member, start), end) in members.iter().zip(started).zip(ends) {
        // The minute the client came in is not whole to it.
        let from = start - start.rem_euclid(MINUTE) + MINUTE;
        let told = told.get(member.venue()).unwrap_or(&none);
        let compared = compare(&relay, &**member, told, from, end).await;
        let (equal, excused) = compared.with_context(|| story(&relay, member.venue()))?;
        println!("{}: {equal} minutes equal, {excused} on record as lost", member.venue());
        let open = holes(&relay, &**member, from, end).await?;
        let still: Vec<&Value> = open.iter().filter(|g| g["state"] == "open").collect();
        ensure!(still.is_empty(), "{}: holes stay open while everything flows: {still:?}", member.venue());
        let violations = member.violations();
        ensure!(violations.is_empty(), "{}: {violations:?}", member.venue());
    }
    let memory = relay.memory();
    println!("memory {memory_before:?} -> {memory:?}");
    ensure!(memory.is_none_or(|bytes| bytes < MEMORY), "{memory:?} bytes");
    nowhere(&relay, &client).await
}

/// What the relay's log tells of a venue.
fn story(relay: &Relay, venue: &str) -> String {
    relay.log().lines().filter(|line| line.contains(venue)).collect::<Vec<_>>().join("\n")
}

/// Neither a panic in the log, nor the vendor's key in anything that went out.
async fn nowhere(relay: &Relay, client: &Client) -> Result<()> {
    let log = relay.log();
    ensure!(!log.contains("panicked"), "{log}");
    ensure!(!log.contains(CANARY), "the key is in the log");
    for path in [
        "/api/status",
        "/api/symbols",
        "/metrics",
        "/",
        "/health",
        "/api/nonsense",
        "/api/symbols/search?q=mnq",
    ] {
        let (_, headers, body) = relay.get_with(path, &[]).await?;
        ensure!(!format!("{headers:?} {body}").contains(CANARY), "the key is in {path}");
    }
    let frames = client.frames.iter().any(|f| f.to_string().contains(CANARY));
    ensure!(!frames, "the key is in a frame");
    Ok(())
}
