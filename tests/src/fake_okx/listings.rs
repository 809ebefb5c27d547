//! What the fake venue lists.

use super::market::{InstType, Listing};
use crate::fake::market::Spec;

/// BTC-USDT-SWAP: a contract is 0.01 BTC.
pub fn btc_swap() -> Listing {
    Listing {
        inst_type: InstType::Swap,
        inst_id: "BTC-USDT-SWAP",
        base: "BTC",
        quote: "USDT",
        settle: "USDT",
        contract: (1, 2),
        inverse: false,
        state: "live",
        funding_hours: 8,
        spec: Spec {
            price_places: 1,
            quantity_places: 2,
            tick: 1,
            step: 1,
            ticks: 845_000,
            per_minute: (40, 80),
        },
    }
}

/// ETH-USDT-SWAP: a contract is 0.1 ETH.
pub fn eth_swap() -> Listing {
    let btc = btc_swap();
    Listing {
        inst_id: "ETH-USDT-SWAP",
        base: "ETH",
        contract: (1, 1),
        spec: Spec { price_places: 2, ticks: 254_000, ..btc.spec },
        ..btc
    }
}

/// The default listings: usual swaps, one with a big contract and another funding interval, a thin one, an inverse
/// and a USDC-settled swap, a suspended one, and two spot pairs.
pub fn all() -> Vec<Listing> {
    let btc = btc_swap;
    let spec = btc().spec;
    let whole = Spec { quantity_places: 0, ..spec };
    vec![
        btc(),
        eth_swap(),
        Listing {
            inst_id: "SOL-USDT-SWAP",
            base: "SOL",
            contract: (1, 0),
            spec: Spec { price_places: 2, ticks: 14_900, ..spec },
            ..btc()
        },
        Listing {
            inst_id: "PEPE-USDT-SWAP",
            base: "PEPE",
            contract: (10_000_000, 0),
            funding_hours: 4,
            spec: Spec { price_places: 8, ticks: 930, per_minute: (5, 15), ..whole },
            ..btc()
        },
        Listing {
            inst_id: "THIN-USDT-SWAP",
            base: "THIN",
            contract: (10, 0),
            spec: Spec { price_places: 3, ticks: 9_000, per_minute: (0, 2), ..whole },
            ..btc()
        },
        Listing {
            inst_id: "BTC-USD-SWAP",
            quote: "USD",
            settle: "BTC",
            contract: (100, 0),
            inverse: true,
            spec: Spec { per_minute: (2, 6), ..whole },
            ..btc()
        },
        Listing {
            inst_id: "BTC-USDC-SWAP",
            quote: "USDC",
            settle: "USDC",
            spec: Spec { per_minute: (2, 6), ..spec },
            ..btc()
        },
        Listing { inst_id: "OLD-USDT-SWAP", base: "OLD", state: "suspend", ..btc() },
        Listing {
            inst_type: InstType::Spot,
            inst_id: "BTC-USDT",
            settle: "",
            contract: (1, 0),
            spec: Spec { quantity_places: 8, step: 10_000, ticks: 844_900, ..spec },
            ..btc()
        },
        Listing {
            inst_type: InstType::Spot,
            inst_id: "ETH-USDT",
            base: "ETH",
            settle: "",
            contract: (1, 0),
            spec: Spec {
                price_places: 2,
                quantity_places: 6,
                step: 1_000,
                ticks: 253_900,
                per_minute: (20, 40),
                ..spec
            },
            ..btc()
        },
    ]
}
