//! The venue's names and ours, both directions.

use std::collections::HashSet;

use shared::market::{Instrument, Symbol};

use super::{LINEAR, SPOT};
use crate::venues::Product;
pub(super) use crate::venues::common::listing::Listing;

pub(super) const VENUE: &str = "bybit";

/// Quote coins by which the name of an unlisted spot pair is split, longest first where one ends another.
const QUOTES: [&str; 13] =
    ["USDT", "USDC", "USDE", "USDQ", "USD1", "USDR", "BRZ", "EUR", "DAI", "BTC", "ETH", "SOL", "MNT"];

/// The instrument of a listing; `bases` are all base assets of the same list. `None` when the names hold characters no
/// symbol may have.
pub(super) fn instrument(
    product: Product,
    listing: &Listing<'_>,
    bases: &HashSet<&str>,
) -> Option<Instrument> {
    listing.instrument(VENUE, product == SPOT, bases)
}

/// The instrument a name most likely is, ticks unknown (0). For recordings without an instrument list.
pub(super) fn guess(product: Product, venue_symbol: &str) -> Option<Instrument> {
    let (base, quote) = if product == SPOT {
        QUOTES.iter().find_map(|quote| Some((venue_symbol.strip_suffix(quote)?, *quote)))?
    } else if outside_linear(venue_symbol).is_some() {
        return None;
    } else if let Some(base) = venue_symbol.strip_suffix("USDT") {
        (base, "USDT")
    } else {
        (venue_symbol.strip_suffix("PERP")?, "USDC")
    };
    let listing = Listing { venue_symbol, base, quote, tick_size: 0.0, step_size: 0.0 };
    (!base.is_empty()).then(|| instrument(product, &listing, &HashSet::new()))?
}

/// The venue's name for a symbol, where the list is not there yet to ask. A multiplied contract cannot be told from
/// its symbol.
pub(super) fn venue_symbol(symbol: &Symbol) -> Option<(Product, String)> {
    let text = symbol.as_str();
    if let Some(pair) = text.strip_suffix("-PERP") {
        let name = pair.strip_suffix("USDC").map_or_else(|| pair.to_owned(), |base| format!("{base}PERP"));
        return Some((LINEAR, name));
    }
    let (base, quote) = text.split_once('/')?;
    Some((SPOT, format!("{base}{quote}")))
}

/// Why a name on the linear socket is no perpetual we take: dated (`BTCUSDT-25DEC26`), inverse (`BTCUSD`). `None` if
/// it may be one.
pub(super) fn outside_linear(venue_symbol: &str) -> Option<&'static str> {
    if venue_symbol.contains('-') {
        Some("dated_future")
    } else if venue_symbol.ends_with("USD") {
        Some("inverse")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_stripped_before_and_behind_the_coin() {
        for (name, symbol, multiplier) in [
            ("BTCUSDT", "BTCUSDT-PERP", 1.0),
            ("BTCPERP", "BTCUSDC-PERP", 1.0),
            ("1000PEPEUSDT", "PEPEUSDT-PERP", 1_000.0),
            ("1000PEPEPERP", "PEPEUSDC-PERP", 1_000.0),
            ("SHIB1000USDT", "SHIBUSDT-PERP", 1_000.0),
            ("10000SATSUSDT", "SATSUSDT-PERP", 10_000.0),
            ("1000000MOGUSDT", "MOGUSDT-PERP", 1_000_000.0),
            ("1000000BABYDOGEUSDT", "BABYDOGEUSDT-PERP", 1_000_000.0),
            ("1INCHUSDT", "1INCHUSDT-PERP", 1.0),
        ] {
            let i = guess(LINEAR, name).unwrap();
            assert_eq!((i.symbol.as_str(), i.multiplier), (symbol, multiplier), "{name}");
            assert_eq!(i.venue_symbol, name);
        }
        assert_eq!(guess(SPOT, "BTCUSDT").unwrap().symbol.as_str(), "BTC/USDT");
        assert_eq!(guess(SPOT, "ETHBTC").unwrap().symbol.as_str(), "ETH/BTC");
        assert_eq!(guess(SPOT, "USDT"), None);
        assert_eq!(guess(LINEAR, "PERP"), None);
    }

    #[test]
    fn other_contracts_are_told_by_their_name() {
        for (name, kind) in
            [("BTCUSDT-25DEC26", Some("dated_future")), ("BTCUSD", Some("inverse")), ("BTCUSDT", None)]
        {
            assert_eq!(outside_linear(name), kind, "{name}");
            assert_eq!(guess(LINEAR, name).is_none(), kind.is_some(), "{name}");
        }
    }

    #[test]
    fn canonical_symbols_map_back() {
        let back = |text: &str| venue_symbol(&text.parse().unwrap());
        assert_eq!(back("BTCUSDT-PERP"), Some((LINEAR, "BTCUSDT".into())));
        assert_eq!(back("BTCUSDC-PERP"), Some((LINEAR, "BTCPERP".into())));
        assert_eq!(back("BTC/USDT"), Some((SPOT, "BTCUSDT".into())));
        assert_eq!(back("CME_MINI:MNQ1!"), None);
    }
}
