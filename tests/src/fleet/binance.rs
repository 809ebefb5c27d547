//! Binance in the fleet: the USD-M perpetual.

use std::time::Duration;

use anyhow::Result;

use super::{Fault, LATE, Member, Minute, REFUSAL, minutes};
use crate::fake::socket::Mute;
use crate::fake_binance::listings::btc_perp;
use crate::fake_binance::market::{Listing, Product};
use crate::fake_binance::{FakeBinance, Options, ROUTES};

const SYMBOL: &str = "BTCUSDT";
const TRADES: &str = "btcusdt@aggTrade";

pub(super) async fn start(seed: u64, rate: u64) -> Result<FakeBinance> {
    let (fewest, most) = btc_perp().per_minute;
    let listings = vec![Listing { per_minute: (fewest * rate, most * rate), ..btc_perp() }];
    FakeBinance::start(Options { seed, listings, history_days: 2, ..Options::default() }).await
}

impl Member for FakeBinance {
    fn venue(&self) -> &'static str {
        "binance"
    }

    fn symbol(&self) -> &'static str {
        "BTCUSDT-PERP"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let a = self.addresses;
        vec![
            ("BINANCE_WS_URL", format!("ws://{}", a.usdm_ws)),
            ("BINANCE_REST_URL", format!("http://{}", a.usdm_rest)),
            ("BINANCE_SPOT_WS_URL", format!("ws://{}", a.spot_ws)),
            ("BINANCE_SPOT_REST_URL", format!("http://{}", a.spot_rest)),
        ]
    }

    fn now(&self) -> i64 {
        FakeBinance::now(self)
    }

    fn minutes(&self, from: i64, to: i64) -> Vec<Minute> {
        minutes(&self.bars(Product::Usdm, SYMBOL, "1m", from, to), 2, 3)
    }

    fn harm(&self, fault: Fault) {
        match fault {
            Fault::Cut => drop(self.disconnect(&ROUTES)),
            Fault::Junk => drop(self.junk()),
            Fault::Silence => self.mute(Product::Usdm, TRADES, Mute::Subscribes(1)),
            // Its numbers are checked by tests of its own.
            Fault::LostTrades => drop(self.drop_subscription(Product::Usdm, TRADES)),
            Fault::LostDepth => self.skip_depth(Product::Usdm, SYMBOL, 2),
            Fault::TooMany => self.ban(Product::Usdm, 429, REFUSAL),
            Fault::Ban => self.ban(Product::Usdm, 418, REFUSAL),
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
        let counts = self.counts();
        // A ban earned is a limit exceeded; those a test ordered are answered with the same codes.
        let too_fast = (counts.too_fast > 0).then(|| format!("client frames: {}", counts.too_fast));
        let pongs = (counts.pong_timeouts > 0).then(|| format!("pongs missing: {}", counts.pong_timeouts));
        too_fast.into_iter().chain(pongs).collect()
    }

    fn connections(&self) -> u64 {
        self.counts().connections.values().sum()
    }

    fn open(&self) -> usize {
        ROUTES.iter().map(|route| FakeBinance::open(self, *route)).sum()
    }
}
