//! What the fake venue lists.

use crate::fake::market::{Listed, Spec};

/// A product.
#[derive(Clone, Debug)]
pub struct Listing {
    /// `BASE-QUOTE`.
    pub id: &'static str,
    /// `online`, `offline`, `internal` or `delisted`.
    pub status: &'static str,
    pub trading_disabled: bool,
    pub spec: Spec,
}

impl Listed for Listing {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn name(&self) -> (u64, &str) {
        (0, self.id)
    }
}

impl Listing {
    /// Base and quote currency.
    pub fn currencies(&self) -> (&'static str, &'static str) {
        self.id.split_once('-').unwrap_or((self.id, ""))
    }

    /// Whether it trades.
    pub fn open(&self) -> bool {
        self.status == "online" && !self.trading_disabled
    }
}

fn product(id: &'static str, price_places: u32, ticks: i64, per_minute: (u64, u64)) -> Listing {
    let spec = Spec { price_places, quantity_places: 8, tick: 1, step: 1_000, ticks, per_minute };
    Listing { id, status: "online", trading_disabled: false, spec }
}

/// Bitcoin in dollars.
pub fn btc() -> Listing {
    product("BTC-USD", 2, 8_449_000, (40, 80))
}

/// The default products: three usual ones, one quoted in coins, a thin one, a delisted one and one that is halted.
pub fn all() -> Vec<Listing> {
    vec![
        btc(),
        product("ETH-USD", 2, 253_900, (40, 80)),
        product("SOL-USD", 2, 14_900, (20, 40)),
        product("ETH-BTC", 5, 3_006, (5, 20)),
        product("THIN-USD", 2, 9_000, (0, 2)),
        Listing { status: "delisted", ..product("OLD-USD", 2, 1_000, (0, 0)) },
        Listing { trading_disabled: true, ..product("HALT-USD", 2, 1_000, (0, 0)) },
    ]
}
