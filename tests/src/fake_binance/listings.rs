//! What the fake venue lists.

use super::market::{Listing, Product};

/// BTCUSDT, USD-M perpetual.
pub fn btc_perp() -> Listing {
    Listing {
        product: Product::Usdm,
        symbol: "BTCUSDT",
        base: "BTC",
        quote: "USDT",
        contract_type: "PERPETUAL",
        status: "TRADING",
        price_places: 2,
        quantity_places: 3,
        tick: 10,
        step: 1,
        ticks: 845_000,
        per_minute: (40, 80),
        funding_hours: None,
    }
}

/// The default listings: three usual perpetuals, a multiplied one on another funding interval, a thin one, a dated
/// future and a halted contract that must be passed over, and two spot pairs.
pub fn all() -> Vec<Listing> {
    let btc = btc_perp;
    vec![
        btc(),
        Listing { symbol: "ETHUSDT", base: "ETH", tick: 1, ticks: 254_000, ..btc() },
        Listing {
            symbol: "SOLUSDT",
            base: "SOL",
            price_places: 4,
            tick: 100,
            quantity_places: 0,
            ticks: 14_900,
            ..btc()
        },
        Listing {
            symbol: "1000PEPEUSDT",
            base: "1000PEPE",
            price_places: 7,
            quantity_places: 0,
            tick: 1,
            ticks: 93_000,
            funding_hours: Some(4),
            ..btc()
        },
        Listing { symbol: "THINUSDT", base: "THIN", ticks: 9_000, per_minute: (0, 2), ..btc() },
        Listing { symbol: "BTCUSDT_270326", contract_type: "CURRENT_QUARTER", ..btc() },
        Listing { symbol: "OLDUSDT", base: "OLD", status: "SETTLING", ..btc() },
        Listing {
            product: Product::Spot,
            price_places: 8,
            quantity_places: 8,
            tick: 1_000_000,
            step: 1_000,
            ticks: 8_449_000,
            ..btc()
        },
        Listing {
            product: Product::Spot,
            symbol: "ETHUSDT",
            base: "ETH",
            price_places: 8,
            quantity_places: 8,
            tick: 1_000_000,
            step: 10_000,
            ticks: 253_900,
            ..btc()
        },
    ]
}
