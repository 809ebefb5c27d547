//! Hyperliquid in the fleet.

use std::time::Duration;

use anyhow::Result;

use super::{Fault, LATE, Member, Minute, REFUSAL, faster, minutes, named};
use crate::fake::socket::Mute;
use crate::fake_hyperliquid::listings::{Listing, btc};
use crate::fake_hyperliquid::state::Topic;
use crate::fake_hyperliquid::{FakeHyperliquid, Options};

const COIN: &str = "BTC";

fn trades() -> Topic {
    Topic::of("trades", COIN)
}

pub(super) async fn start(seed: u64, rate: u64) -> Result<FakeHyperliquid> {
    let btc = btc();
    let listings = vec![Listing { spec: faster(btc.spec, rate), ..btc }];
    FakeHyperliquid::start(Options { seed, listings, history_days: 2, ..Options::default() }).await
}

impl Member for FakeHyperliquid {
    fn venue(&self) -> &'static str {
        "hyperliquid"
    }

    fn symbol(&self) -> &'static str {
        "BTCUSDC-PERP"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HYPERLIQUID_WS_URL", format!("ws://{}", self.address)),
            ("HYPERLIQUID_REST_URL", format!("http://{}", self.address)),
        ]
    }

    fn now(&self) -> i64 {
        FakeHyperliquid::now(self)
    }

    fn minutes(&self, from: i64, to: i64) -> Vec<Minute> {
        let spec = btc().spec;
        minutes(&self.bars(COIN, "1m", from, to), spec.price_places, spec.quantity_places)
    }

    fn harm(&self, fault: Fault) {
        match fault {
            Fault::Cut => drop(self.disconnect()),
            Fault::Junk => drop(self.junk()),
            Fault::Silence => self.mute(trades(), Mute::Subscribes(1)),
            Fault::LostTrades => drop(self.drop_subscription(&trades())),
            // Every frame is a whole book.
            Fault::LostDepth => {}
            Fault::TooMany | Fault::Ban => self.refuse_rest(REFUSAL),
            Fault::Errors => self.fail_rest(3),
            Fault::SlowRest => self.delay_rest(LATE),
            Fault::Skew(ms) => self.clock().run(ms),
            Fault::Refuse => self.refuse_sockets(true),
        }
    }

    fn heal(&self) {
        self.delay_rest(Duration::ZERO);
        self.clock().run(0);
        self.refuse_sockets(false);
    }

    fn violations(&self) -> Vec<String> {
        named(self.counts().violations)
    }

    fn connections(&self) -> u64 {
        self.counts().connections
    }

    fn open(&self) -> usize {
        FakeHyperliquid::open(self)
    }
}
