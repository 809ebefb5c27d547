//! Lines that are lost again and again: no limit of a venue on connections, subscriptions or calls is ever exceeded.
//!
//! `TAPEDECK_RECONNECTS` sets how often: a short form by default, 300 for the full one.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::fleet::{self, Fault, Member};

const FEW: u64 = 20;

fn rounds() -> u64 {
    std::env::var("TAPEDECK_RECONNECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// Waits until a member has had more than `before` handshakes and a moment more, so that it is subscribed.
async fn back(member: &dyn Member, before: u64) -> Result<()> {
    // A venue's pace of connections is by minutes.
    let until = Instant::now() + Duration::from_secs(330);
    while member.connections() <= before || member.open() == 0 {
        ensure!(Instant::now() < until, "{} does not come back", member.venue());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(())
}

/// How often a member is cut: a vendor that takes few connections an hour keeps us out after that.
fn cuts(member: &dyn Member) -> u64 {
    if member.tells_trades() { rounds() } else { rounds().min(FEW) }
}

async fn cut_again_and_again(member: &dyn Member) -> Result<u64> {
    back(member, 0).await?;
    let first = member.connections();
    for _ in 0..cuts(member) {
        let before = member.connections();
        member.harm(Fault::Cut);
        back(member, before).await?;
    }
    Ok(member.connections() - first)
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_over_any_number_of_reconnects() -> Result<()> {
    tests::relay::binary();
    let members = fleet::start(11, 1, "a-vendors-key").await?;
    let relay = fleet::relay(&members).env("TAPEDECK_RECONNECT_CAP_S", "1").start().await?;
    let began = Instant::now();
    let runs = members.iter().map(|member| cut_again_and_again(&**member));
    for (member, reconnects) in members.iter().zip(futures_util::future::join_all(runs).await) {
        let reconnects = reconnects?;
        println!("{}: {reconnects} connections after {} cuts", member.venue(), cuts(&**member));
        ensure!(reconnects >= cuts(&**member), "{}: {reconnects}", member.venue());
        let violations = member.violations();
        ensure!(violations.is_empty(), "{}: {violations:?}", member.venue());
    }
    println!("took {:?}", began.elapsed());
    ensure!(!relay.log().contains("panicked"), "{}", relay.log());
    Ok(())
}
