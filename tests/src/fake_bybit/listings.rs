//! What the fake venue lists.

use super::market::{Listing, Product};
use crate::fake::market::Spec;

/// BTCUSDT, linear perpetual.
pub fn btc_perp() -> Listing {
    Listing {
        product: Product::Linear,
        symbol: "BTCUSDT",
        base: "BTC",
        quote: "USDT",
        contract_type: "LinearPerpetual",
        status: "Trading",
        spec: Spec {
            price_places: 2,
            quantity_places: 3,
            tick: 10,
            step: 1,
            ticks: 845_100,
            per_minute: (40, 80),
        },
        funding_hours: 8,
    }
}

/// BTCUSDT, spot.
pub fn btc_spot() -> Listing {
    let spec = Spec { price_places: 1, quantity_places: 6, tick: 1, step: 1_000, ..btc_perp().spec };
    Listing { product: Product::Spot, contract_type: "", spec: Spec { ticks: 845_020, ..spec }, ..btc_perp() }
}

/// The default listings: three usual perpetuals, the multiplier before and behind the coin's name, a thin one, the
/// USDC perpetual, a dated future and a closed contract that must be passed over, and three spot pairs.
pub fn all() -> Vec<Listing> {
    let (perp, spot) = (btc_perp(), btc_spot());
    let coin = |symbol, base, spec| Listing { symbol, base, spec, ..perp };
    let cents = perp.spec;
    let sol = Spec { price_places: 3, quantity_places: 1, tick: 10, ticks: 14_910, ..cents };
    let pepe = Spec { price_places: 7, quantity_places: 0, tick: 1, step: 100, ticks: 93_010, ..cents };
    let shib = Spec { price_places: 6, quantity_places: 0, tick: 1, step: 10, ticks: 11_420, ..cents };
    let few = |spec, ticks, per_minute| Spec { ticks, per_minute, ..spec };
    vec![
        perp,
        coin("ETHUSDT", "ETH", Spec { tick: 1, ticks: 254_030, ..cents }),
        coin("SOLUSDT", "SOL", sol),
        Listing { funding_hours: 4, ..coin("1000PEPEUSDT", "1000PEPE", pepe) },
        coin("SHIB1000USDT", "SHIB1000", shib),
        coin("THINUSDT", "THIN", few(cents, 9_000, (0, 2))),
        Listing { quote: "USDC", ..coin("BTCPERP", "BTC", few(cents, 845_300, (5, 15))) },
        Listing { contract_type: "LinearFutures", ..coin("BTCUSDT-25DEC26", "BTC", cents) },
        Listing { status: "Closed", ..coin("OLDUSDT", "OLD", cents) },
        spot,
        Listing { symbol: "BTCUSDC", quote: "USDC", spec: few(spot.spec, 844_950, (10, 30)), ..spot },
        Listing {
            symbol: "ETHUSDT",
            base: "ETH",
            spec: Spec { price_places: 2, ticks: 253_990, ..spot.spec },
            ..spot
        },
    ]
}
