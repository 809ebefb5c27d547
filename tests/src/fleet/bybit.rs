//! Bybit in the fleet: the linear perpetual.

use std::time::Duration;

use anyhow::Result;

use super::{Fault, LATE, Member, Minute, faster, minutes, named};
use crate::fake::socket::Mute;
use crate::fake_bybit::listings::btc_perp;
use crate::fake_bybit::market::{Listing, Product};
use crate::fake_bybit::state::RestFault;
use crate::fake_bybit::{FakeBybit, Options};

const SYMBOL: &str = "BTCUSDT";
const TRADES: &str = "publicTrade.BTCUSDT";
/// Calls refused in a row.
const REFUSED: u32 = 3;
const TOO_MANY: i64 = 10_006;
const OVERLOAD: i64 = 10_016;

pub(super) async fn start(seed: u64, rate: u64) -> Result<FakeBybit> {
    let perp = btc_perp();
    let listings = vec![Listing { spec: faster(perp.spec, rate), ..perp }];
    FakeBybit::start(Options { seed, listings, history_days: 2, ..Options::default() }).await
}

impl Member for FakeBybit {
    fn venue(&self) -> &'static str {
        "bybit"
    }

    fn symbol(&self) -> &'static str {
        "BTCUSDT-PERP"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BYBIT_WS_URL", format!("ws://{}", self.address)),
            ("BYBIT_REST_URL", format!("http://{}", self.address)),
        ]
    }

    fn now(&self) -> i64 {
        FakeBybit::now(self)
    }

    fn minutes(&self, from: i64, to: i64) -> Vec<Minute> {
        minutes(&self.bars(Product::Linear, SYMBOL, "1", from, to), 2, 3)
    }

    fn harm(&self, fault: Fault) {
        match fault {
            Fault::Cut => drop(self.disconnect(None)),
            Fault::Junk => drop(self.junk()),
            Fault::Silence => self.mute(Product::Linear, TRADES, Mute::Subscribes(1)),
            Fault::LostTrades => drop(self.drop_subscription(Product::Linear, TRADES)),
            Fault::LostDepth => self.skip_updates(Product::Linear, "orderbook.200.BTCUSDT", 2),
            Fault::TooMany => self.fail_rest(RestFault::RetCode(TOO_MANY), REFUSED),
            // A 403 silences REST for ten minutes, longer than a soak's faults.
            Fault::Ban => self.fail_rest(RestFault::Http429, REFUSED),
            Fault::Errors => self.fail_rest(RestFault::RetCode(OVERLOAD), REFUSED),
            Fault::SlowRest => self.delay_rest(LATE),
            Fault::Skew(ms) => self.clock().run(ms),
            Fault::Refuse => self.refuse_sockets(Some(503)),
        }
    }

    fn heal(&self) {
        self.delay_rest(Duration::ZERO);
        self.clock().run(0);
        self.refuse_sockets(None);
    }

    fn violations(&self) -> Vec<String> {
        named(FakeBybit::violations(self))
    }

    fn connections(&self) -> u64 {
        self.counts().connections.values().sum()
    }

    fn open(&self) -> usize {
        FakeBybit::open(self, Product::Linear) + FakeBybit::open(self, Product::Spot)
    }
}
