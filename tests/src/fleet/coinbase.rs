//! Coinbase in the fleet: spot.

use std::time::Duration;

use anyhow::Result;

use super::{Fault, LATE, Member, Minute, REFUSAL, faster, minutes, named};
use crate::fake::socket::Mute;
use crate::fake_coinbase::listings::{Listing, btc};
use crate::fake_coinbase::{FakeCoinbase, Options};
use crate::oracle::calendar::MINUTE;

const PRODUCT: &str = "BTC-USD";
const TRADES: &str = "matches";

pub(super) async fn start(seed: u64, rate: u64) -> Result<FakeCoinbase> {
    let btc = btc();
    let listings = vec![Listing { spec: faster(btc.spec, rate), ..btc }];
    FakeCoinbase::start(Options { seed, listings, history_days: 2, ..Options::default() }).await
}

impl Member for FakeCoinbase {
    fn venue(&self) -> &'static str {
        "coinbase"
    }

    fn symbol(&self) -> &'static str {
        "BTC/USD"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("COINBASE_WS_URL", format!("ws://{}", self.ws)),
            ("COINBASE_REST_URL", format!("http://{}", self.rest)),
        ]
    }

    fn now(&self) -> i64 {
        FakeCoinbase::now(self)
    }

    fn minutes(&self, from: i64, to: i64) -> Vec<Minute> {
        let spec = btc().spec;
        minutes(&self.bars(PRODUCT, MINUTE, from, to), spec.price_places, spec.quantity_places)
    }

    fn harm(&self, fault: Fault) {
        match fault {
            Fault::Cut => drop(self.disconnect()),
            Fault::Junk => drop(self.junk()),
            Fault::Silence => self.mute(TRADES, PRODUCT, Mute::Subscribes(1)),
            Fault::LostTrades => self.drop_matches(PRODUCT, 3),
            Fault::LostDepth => drop(self.drop_subscription("level2_batch", PRODUCT)),
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
        FakeCoinbase::open(self)
    }
}
