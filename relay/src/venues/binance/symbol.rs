//! The venue's names and ours, both directions.

use std::collections::HashSet;

use shared::market::{Instrument, Symbol};

use super::{SPOT, USDM};
use crate::venues::Product;
pub(super) use crate::venues::common::listing::Listing;

const VENUE: &str = "binance";

/// Quote assets by which the name of an unlisted market is split, longest first where one ends another.
const QUOTES: [&str; 30] = [
    "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD1", "USDP", "USDS", "BIDR", "IDRT", "BVND", "EURI", "AEUR",
    "BTC", "ETH", "BNB", "DAI", "TRX", "XRP", "TRY", "EUR", "GBP", "BRL", "ARS", "AUD", "JPY", "MXN", "PLN",
    "ZAR", "USD",
];

/// The instrument of a listing; `bases` are all base assets of the same list. `None` when the names hold characters no
/// symbol may have.
pub(super) fn instrument(
    product: Product,
    listing: &Listing<'_>,
    bases: &HashSet<&str>,
) -> Option<Instrument> {
    listing.instrument(VENUE, product == SPOT, bases)
}

/// The instrument a name most likely is, ticks unknown (0). For recordings without exchange info; a live
/// relay splits names by what the venue lists.
pub(super) fn guess(product: Product, venue_symbol: &str) -> Option<Instrument> {
    if product == USDM && outside_usdm(venue_symbol).is_some() {
        return None;
    }
    let split = |quote: &&str| venue_symbol.strip_suffix(*quote).filter(|base| !base.is_empty());
    let (base, quote) = QUOTES.iter().find_map(|quote| Some((split(quote)?, *quote)))?;
    let listing = Listing { venue_symbol, base, quote, tick_size: 0.0, step_size: 0.0 };
    instrument(product, &listing, &HashSet::new())
}

/// The venue's name for a symbol, where the exchange info is not there yet to ask. A multiplied contract
/// cannot be told from its symbol.
pub(super) fn venue_symbol(symbol: &Symbol) -> Option<(Product, String)> {
    let text = symbol.as_str();
    if let Some(pair) = text.strip_suffix("-PERP") {
        return Some((USDM, pair.to_owned()));
    }
    let (base, quote) = text.split_once('/')?;
    Some((SPOT, format!("{base}{quote}")))
}

/// Why a name on the futures sockets is no USD-M perpetual: coin-margined (`BTCUSD_PERP`), dated
/// (`BTCUSDT_261225`), an option. `None` if it may be one.
pub(super) fn outside_usdm(venue_symbol: &str) -> Option<&'static str> {
    let (pair, tail) = venue_symbol.split_once('_')?;
    let dated = tail.len() == 6 && tail.bytes().all(|b| b.is_ascii_digit());
    // Coin-margined contracts are quoted in USD itself.
    if tail == "PERP" || (dated && pair.ends_with("USD")) {
        Some("coin_margined")
    } else if dated {
        Some("dated_future")
    } else {
        Some("not_a_perpetual")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol_of(product: Product, name: &str) -> Option<(String, f64)> {
        guess(product, name).map(|i| (i.symbol.to_string(), i.multiplier))
    }

    #[test]
    fn multiplied_contracts_lose_their_multiplier_and_names_keep_their_digits() {
        let cases = [
            ("BTCUSDT", "BTCUSDT-PERP", 1.0),
            ("BTCUSDC", "BTCUSDC-PERP", 1.0),
            ("1000PEPEUSDT", "PEPEUSDT-PERP", 1_000.0),
            ("10000SATSUSDT", "SATSUSDT-PERP", 10_000.0),
            ("1000000MOGUSDT", "MOGUSDT-PERP", 1_000_000.0),
            ("1MBABYDOGEUSDT", "BABYDOGEUSDT-PERP", 1_000_000.0),
            ("1INCHUSDT", "1INCHUSDT-PERP", 1.0),
            ("1000XUSDT", "1000XUSDT-PERP", 1.0),
            ("4USDT", "4USDT-PERP", 1.0),
            ("0GUSDT", "0GUSDT-PERP", 1.0),
            ("牛来USDT", "牛来USDT-PERP", 1.0),
        ];
        for (name, symbol, multiplier) in cases {
            assert_eq!(symbol_of(USDM, name), Some((symbol.to_owned(), multiplier)), "{name}");
        }
        assert_eq!(symbol_of(SPOT, "LRCBTC"), Some(("LRC/BTC".into(), 1.0)));
        assert_eq!(symbol_of(SPOT, "BTCFDUSD"), Some(("BTC/FDUSD".into(), 1.0)));
        assert_eq!(symbol_of(SPOT, "USDT"), None);
    }

    #[test]
    fn a_multiple_is_stripped_when_the_list_knows_the_coin() {
        let listing = |base, venue_symbol| Listing {
            venue_symbol,
            base,
            quote: "USDT",
            tick_size: 0.0001,
            step_size: 1.0,
        };
        let cheap = listing("1000NEWCOIN", "1000NEWCOINUSDT");
        let unknown = instrument(USDM, &cheap, &HashSet::from(["BTC"])).unwrap();
        assert_eq!((unknown.base.as_str(), unknown.multiplier), ("1000NEWCOIN", 1.0));
        let known = instrument(USDM, &cheap, &HashSet::from(["BTC", "NEWCOIN"])).unwrap();
        assert_eq!((known.base.as_str(), known.multiplier), ("NEWCOIN", 1_000.0));
        assert_eq!((known.tick_size, known.step_size), (0.0001 / 1_000.0, 1_000.0));
        assert_eq!(known.group.as_str(), "NEWCOIN-PERP");
        assert!(instrument(USDM, &listing("../X", "../XUSDT"), &HashSet::new()).is_none());
    }

    #[test]
    fn other_contracts_are_told_by_their_name() {
        for (name, kind) in [
            ("BTCUSD_PERP", Some("coin_margined")),
            ("BTCUSD_261225", Some("coin_margined")),
            ("BTCUSDT_261225", Some("dated_future")),
            ("BTCUSDT_C", Some("not_a_perpetual")),
            ("BTCUSDT", None),
        ] {
            assert_eq!(outside_usdm(name), kind, "{name}");
            assert_eq!(guess(USDM, name).is_none(), kind.is_some(), "{name}");
        }
    }

    #[test]
    fn canonical_symbols_map_back() {
        let back = |text: &str| venue_symbol(&text.parse().unwrap());
        assert_eq!(back("BTCUSDT-PERP"), Some((USDM, "BTCUSDT".into())));
        assert_eq!(back("BTC/USDT"), Some((SPOT, "BTCUSDT".into())));
        assert_eq!(back("CME_MINI:MNQ1!"), None);
    }
}
