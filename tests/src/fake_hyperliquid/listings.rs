//! What the fake venue lists: names as the venue spells them, in the order of its universe.

use crate::fake::market::{Listed, Spec};

/// A coin of the universe.
#[derive(Clone, Debug)]
pub struct Listing {
    pub coin: &'static str,
    /// Delisted coins keep their place in the list.
    pub delisted: bool,
    pub spec: Spec,
}

impl Listed for Listing {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn name(&self) -> (u64, &str) {
        (0, self.coin)
    }
}

fn coin(
    coin: &'static str,
    (price_places, tick, ticks): (u32, i128, i64),
    quantity_places: u32,
    per_minute: (u64, u64),
) -> Listing {
    Listing {
        coin,
        delisted: false,
        spec: Spec { price_places, quantity_places, tick, step: 1, ticks, per_minute },
    }
}

/// BTC: five significant figures make its price step one dollar.
pub fn btc() -> Listing {
    coin("BTC", (1, 10, 84_500), 5, (40, 80))
}

/// The default universe: three usual coins, one quoted by the thousand, a thin one and a delisted one.
pub fn all() -> Vec<Listing> {
    vec![
        btc(),
        coin("ETH", (1, 1, 25_400), 4, (40, 80)),
        Listing { delisted: true, ..coin("MATIC", (5, 1, 37_621), 1, (0, 0)) },
        coin("SOL", (2, 1, 14_900), 2, (40, 80)),
        coin("kPEPE", (6, 1, 9_300), 0, (20, 40)),
        coin("THIN", (1, 1, 9_000), 2, (0, 2)),
    ]
}
