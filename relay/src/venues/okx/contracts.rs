//! Contract sizes: on swaps every size is told in contracts.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use shared::market::{Instrument, Kind};

/// Sizes of usual contracts, for recordings without the venue's list. Live, the list is always asked for.
const USUAL: [(&str, f64); 7] = [
    ("BTC", 0.01),
    ("ETH", 0.1),
    ("SOL", 1.0),
    ("DOGE", 1_000.0),
    ("SHIB", 1_000_000.0),
    ("PEPE", 10_000_000.0),
    ("PEOPLE", 100.0),
];

/// The coins in so many contracts of `size`, without the noise of the multiplication: sizes have few decimals, so
/// the nearest number of nine is meant.
pub(super) fn coins(contracts: f64, size: f64) -> f64 {
    let product = contracts * size;
    let billionths = product * 1e9;
    // Beyond, a float's steps are too coarse for that.
    if billionths.abs() < 2e15 { billionths.round() / 1e9 } else { product }
}

/// Coins per contract by the venue's name.
#[derive(Debug, Default)]
pub(super) struct Contracts(RwLock<HashMap<String, f64>>);

impl Contracts {
    /// What the venue's list says: `ctVal` times `ctMult`.
    pub(super) fn learn(&self, sizes: impl IntoIterator<Item = (String, f64)>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(sizes);
    }

    /// Takes the usual size of a coin where the list has said nothing.
    pub(super) fn guess(&self, instrument: &Instrument) {
        let usual = USUAL.iter().find(|(base, _)| *base == instrument.base);
        if let (Kind::Perp, Some((_, coins))) = (instrument.kind, usual) {
            let mut sizes = self.0.write().unwrap_or_else(PoisonError::into_inner);
            sizes.entry(instrument.venue_symbol.clone()).or_insert(*coins);
        }
    }

    /// Coins of one unit of size; `None` while unknown: nothing may be said of sizes then.
    pub(super) fn coins(&self, instrument: &Instrument) -> Option<f64> {
        match instrument.kind {
            Kind::Perp => {
                let sizes = self.0.read().unwrap_or_else(PoisonError::into_inner);
                sizes.get(&instrument.venue_symbol).copied()
            }
            _ => Some(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::coins;

    #[test]
    fn coins_are_the_nearest_float_to_the_decimal_product() {
        for (contracts, size, expected) in [
            (31.5, 0.1, 3.15),
            (667.26, 0.01, 6.6726),
            (0.07, 0.01, 0.0007),
            (8.55, 0.0001, 0.000855),
            (2_137.0, 10_000_000.0, 21_370_000_000.0),
            (0.0, 0.1, 0.0),
        ] {
            assert_eq!(coins(contracts, size), expected, "{contracts} {size}");
        }
        for n in 1..100_000_u32 {
            let expected: f64 = format!("{}.{:04}", n / 10_000, n % 10_000).parse().unwrap();
            assert_eq!(coins(f64::from(n) / 100.0, 0.01), expected, "{n}");
        }
    }
}
