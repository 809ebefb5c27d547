//! What the vendor puts up with, and what it says when it does not.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::{ES, KEY, MNQ, SOON, fake, live, options, state};

/// Used requests of a budget.
fn used(status: &Value, name: &str) -> Option<u64> {
    let budgets = status["venues"][0]["rate_budget"].as_array()?;
    budgets.iter().find(|b| b["name"] == name)?["used"].as_u64()
}

#[tokio::test]
async fn the_month_survives_a_restart() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, MNQ).env("INSIGHTSENTRY_REQUESTS_PER_MONTH", "10").start().await?;
    let status = live(&relay, MNQ).await?;
    let before = used(&status, "requests_month").unwrap_or(0);
    assert_eq!(before, fake.counts().rest.len() as u64, "each call counts");
    assert!(before > 0 && used(&status, "requests_minute").is_some(), "both budgets show");
    let relay = relay.kill_and_restart().await?;
    // Eight of ten are ours to use; the rest waits for the month's end.
    for interval in ["5m", "15m", "30m", "1H", "4H", "1D", "1W", "1M"] {
        let (status, _) =
            relay.get(&format!("/api/candles?symbol={MNQ}&interval={interval}&limit=5")).await?;
        assert!([200, 404, 503].contains(&status), "{interval}: {status}");
    }
    let status = relay.wait_status("used up", SOON, |s| used(s, "requests_month") == Some(8)).await?;
    assert_eq!(fake.counts().rest.len(), 8, "{status}");
    let relay = relay.kill_and_restart().await?;
    relay.wait_status("still used up", SOON, |s| used(s, "requests_month") == Some(8)).await?;
    drop(relay.get(&format!("/api/candles?symbol={MNQ}&interval=1D&limit=5")).await?);
    assert_eq!((fake.counts().rest.len(), fake.violations()), (8, 0));
    Ok(())
}

#[tokio::test]
async fn a_quota_that_is_exceeded_is_final() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, MNQ).start().await?;
    live(&relay, MNQ).await?;
    fake.exceed_quota();
    for interval in ["5m", "1H", "1D", "1W"] {
        drop(relay.get(&format!("/api/candles?symbol={MNQ}&interval={interval}&limit=5")).await?);
    }
    assert_eq!(fake.violations(), 0, "one refusal is enough: {:?}", fake.counts().violations);
    let calls = fake.counts().rest.len();
    let relay = relay.kill_and_restart().await?;
    let spent = |s: &Value| used(s, "requests_month") == Some(50_000);
    relay.wait_status("the month is over", SOON, spent).await?;
    drop(relay.get(&format!("/api/candles?symbol={MNQ}&interval=4H&limit=5")).await?);
    assert_eq!((fake.counts().rest.len(), fake.violations()), (calls, 0), "a restart does not ask either");
    Ok(())
}

#[tokio::test]
async fn a_throttled_list_is_sent_again_and_an_eviction_is_the_end() -> Result<()> {
    let fake = fake().await?;
    fake.throttle(1);
    let relay = options(&fake, &format!("{MNQ},{ES}")).start().await?;
    live(&relay, MNQ).await?;
    live(&relay, ES).await?;
    let counts = fake.counts();
    assert_eq!(counts.most_open, 1, "a key has one connection");
    assert!(counts.lists.last().is_some_and(|codes| codes.len() == 2), "{:?}", counts.lists);
    assert!(counts.lists.len() <= 3, "changes within half a second are one message: {:?}", counts.lists);
    fake.inject(r#"{"error":"temporarily_unavailable","action":"retry_request","delay_seconds":0}"#);
    let lists = counts.lists.len();
    let until = std::time::Instant::now() + SOON;
    while fake.counts().lists.len() == lists {
        assert!(std::time::Instant::now() < until, "the list was not sent again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fake.inject(r#"{"error":"connection_evicted","message":"Replaced by a newer connection"}"#);
    let reason =
        |s: &Value| s["venues"][0]["reason"].as_str().is_some_and(|r| r.contains("connection_evicted"));
    relay.wait_status("the reason", SOON, reason).await?;
    let connections = fake.counts().connections;
    // Longer than the first pauses of a line that would come again.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((fake.counts().connections, fake.open()), (connections, 0), "no loop");
    assert_eq!(fake.violations(), 0, "{:?}", fake.counts().violations);
    Ok(())
}

#[tokio::test]
async fn junk_and_errors_of_one_symbol_leave_the_rest() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, MNQ).start().await?;
    live(&relay, MNQ).await?;
    fake.junk();
    fake.inject(&format!(r#"{{"error":"invalid_symbol","symbol":"X:Y","message":"{KEY}"}}"#));
    relay.wait_status("errors", SOON, |s| s["venues"][0]["errors"].as_u64() >= Some(4)).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let status = relay.status().await?;
    assert_eq!((state(&status, MNQ), &status["venues"][0]["reconnects"]), ("live", &Value::from(0)));
    Ok(())
}

#[tokio::test]
async fn it_is_off_with_one_line() -> Result<()> {
    let fake = fake().await?;
    let off = |s: &Value| s["venues"][0]["state"] == "off";
    let relay = options(&fake, MNQ).env("INSIGHTSENTRY_API_KEY", "").start().await?;
    let status = relay.wait_status("off", SOON, off).await?;
    let reason = status["venues"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("INSIGHTSENTRY_API_KEY"), "{reason}");
    assert_eq!(relay.log().lines().filter(|line| line.contains("INSIGHTSENTRY_API_KEY")).count(), 1);
    assert_eq!((fake.counts().rest.len(), fake.counts().connections), (0, 0));
    Ok(())
}
