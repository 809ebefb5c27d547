//! OKX in the fleet: the USDT swap.

use std::time::Duration;

use anyhow::Result;

use super::{Fault, LATE, Member, Minute, faster, minutes};
use crate::fake::socket::Mute;
use crate::fake_okx::listings::btc_swap;
use crate::fake_okx::market::Listing;
use crate::fake_okx::state::PATHS;
use crate::fake_okx::{FakeOkx, Options};

const SYMBOL: &str = "BTC-USDT-SWAP";
const TRADES: &str = "trades:BTC-USDT-SWAP";
/// Calls refused in a row.
const REFUSED: u32 = 3;

pub(super) async fn start(seed: u64, rate: u64) -> Result<FakeOkx> {
    let swap = btc_swap();
    let listings = vec![Listing { spec: faster(swap.spec, rate), ..swap }];
    FakeOkx::start(Options { seed, listings, history_days: 2, ..Options::default() }).await
}

impl Member for FakeOkx {
    fn venue(&self) -> &'static str {
        "okx"
    }

    fn symbol(&self) -> &'static str {
        "BTCUSDT-PERP"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OKX_WS_URL", format!("ws://{}", self.address)),
            ("OKX_REST_URL", format!("http://{}", self.address)),
        ]
    }

    fn now(&self) -> i64 {
        FakeOkx::now(self)
    }

    fn minutes(&self, from: i64, to: i64) -> Vec<Minute> {
        let swap = btc_swap();
        minutes(&self.bars(SYMBOL, "1m", from, to), swap.spec.price_places, swap.coin_places())
    }

    fn harm(&self, fault: Fault) {
        match fault {
            Fault::Cut => drop(self.disconnect(&PATHS)),
            Fault::Junk => drop(self.junk()),
            Fault::Silence => self.mute(TRADES, Mute::Subscribes(1)),
            Fault::LostTrades => drop(self.drop_subscription(TRADES)),
            Fault::LostDepth => self.skip_books(SYMBOL, 2),
            Fault::TooMany => self.too_many_requests(REFUSED, false),
            Fault::Ban => self.too_many_requests(REFUSED, true),
            Fault::Errors => self.fail_rest(REFUSED),
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
        FakeOkx::violations(self)
    }

    fn connections(&self) -> u64 {
        self.counts().connections.values().sum()
    }

    fn open(&self) -> usize {
        PATHS.iter().map(|path| FakeOkx::open(self, *path)).sum()
    }
}
