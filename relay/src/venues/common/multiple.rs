//! Contracts on many coins: `1000PEPE`, `1MBABYDOGE`, `SHIB1000`.

use std::collections::HashSet;

/// Multiples as names write them. `1000X` and `1INCH` are names: a multiple counts only beside a known coin.
const MULTIPLES: [(&str, f64); 4] =
    [("1000000", 1_000_000.0), ("10000", 10_000.0), ("1000", 1_000.0), ("1M", 1_000_000.0)];

/// Coins so cheap that venues list them by the thousand or million. More are learned from the exchange info.
const CHEAP_COINS: [&str; 37] = [
    "AIDOGE", "APU", "BABYDOGE", "BOB", "BONK", "BTTC", "CAT", "CATS", "CHEEMS", "COQ", "DOGS", "ELON",
    "FLOKI", "HOT", "IQ50", "KISHU", "LADYS", "LUNC", "MOG", "MUMU", "NEIROCTO", "NFT", "PEIPEI", "PEPE",
    "PEPE2", "QUBIC", "RATS", "SATS", "SHIB", "STARL", "TOSHI", "TURBO", "VINU", "WEN", "WHY", "WIN", "XEC",
];

/// The coin of a base asset and how many of it one unit of the name is. `bases` are all base assets of the same
/// list: a multiple counts only beside a coin that is known.
pub(in crate::venues) fn strip<'a>(base: &'a str, bases: &HashSet<&str>) -> (&'a str, f64) {
    let known = |coin: &str| CHEAP_COINS.contains(&coin) || bases.contains(coin);
    let stripped = |(multiple, n): &(&str, f64)| {
        let coin = [base.strip_prefix(multiple), base.strip_suffix(multiple)].into_iter().flatten();
        Some((coin.into_iter().find(|coin| known(coin))?, *n))
    };
    MULTIPLES.iter().find_map(stripped).unwrap_or((base, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_stand_before_or_behind_a_known_coin() {
        let bases = HashSet::from(["BTC", "NEW"]);
        for (base, expected) in [
            ("1000PEPE", ("PEPE", 1e3)),
            ("SHIB1000", ("SHIB", 1e3)),
            ("1000000MOG", ("MOG", 1e6)),
            ("10000SATS", ("SATS", 1e4)),
            ("1MBABYDOGE", ("BABYDOGE", 1e6)),
            ("1000NEW", ("NEW", 1e3)),
            ("1000X", ("1000X", 1.0)),
            ("1INCH", ("1INCH", 1.0)),
            ("BTC", ("BTC", 1.0)),
            ("1000", ("1000", 1.0)),
        ] {
            assert_eq!(strip(base, &bases), expected, "{base}");
        }
    }
}
