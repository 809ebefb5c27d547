//! Silence, refusals, junk.

use std::time::Duration;

use anyhow::Result;
use tests::check::state;
use tests::fake::socket::Mute;
use tests::fake_hyperliquid::JUNK;
use tests::fake_hyperliquid::state::Topic;

use super::{PERP, SOON, fake, live, options};

#[tokio::test]
async fn a_silent_book_is_shown_and_resubscribed_alone() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let (topic, before) = (Topic::of("l2Book", "BTC"), fake.counts());
    fake.mute(topic.clone(), Mute::Subscribes(2));
    let status = relay.wait_status("silent", SOON, |s| state(s, PERP, "book") == "silent").await?;
    for channel in ["trade", "funding", "oi"] {
        assert_ne!(state(&status, PERP, channel), "silent", "{channel}");
    }
    relay.wait_status("live", Duration::from_secs(40), |s| state(s, PERP, "book") == "live").await?;
    let after = fake.counts();
    assert!(after.subscribed[&topic] > before.subscribed[&topic]);
    for (other, times) in &before.subscribed {
        assert!(*other == topic || after.subscribed[other] == *times, "{other:?} was touched");
    }
    assert_eq!(after.connections, before.connections, "no reconnect");
    Ok(())
}

#[tokio::test]
async fn junk_is_counted_and_passed_over() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    let errors = |s: &serde_json::Value| s["venues"][0]["errors"].as_u64().unwrap_or(0);
    let before = errors(&relay.status().await?);
    assert_eq!(fake.junk(), JUNK.len() + 1);
    // All but the greeting.
    relay.wait_status("counted", SOON, |s| errors(s) >= before + JUNK.len() as u64).await?;
    live(&relay, PERP).await?;
    assert_eq!(fake.counts().connections, 1);
    assert!(!relay.log().contains("panicked"));
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_calls_is_obeyed_and_the_socket_flows_on() -> Result<()> {
    let fake = fake().await?;
    let relay = options(&fake, PERP).start().await?;
    live(&relay, PERP).await?;
    fake.refuse_rest(Duration::from_secs(600));
    let before = fake.counts().rest_log.len();
    let day = 86_400_000;
    let (from, to) = (fake.now() - 3 * day, fake.now() - 2 * day);
    for _ in 0..5 {
        let path = format!("/api/candles?symbol={PERP}&interval=15m&from={from}&to={to}");
        let (status, _) = relay.get(&path).await?;
        assert_ne!(status, 500);
    }
    let calls = fake.counts().rest_log.len() - before;
    assert!(calls <= 2, "{calls} calls while refused");
    assert_eq!(state(&relay.status().await?, PERP, "trade"), "live");
    Ok(())
}
