//! Names: `BTC-USDT-SWAP` is `BTCUSDT-PERP`, `BTC-USDT` is `BTC/USDT`.

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Symbol, VenueId};

use super::{SPOT, SWAP};
use crate::venues::Product;

/// Quotes of canonical symbols whose base and quote are written together.
const QUOTES: [&str; 2] = ["USDT", "USDC"];

/// The index of a swap: `BTC-USDT` of `BTC-USDT-SWAP`.
pub(super) fn index_of(swap: &str) -> &str {
    swap.strip_suffix("-SWAP").unwrap_or(swap)
}

/// The swap an index belongs to.
pub(super) fn swap_of(index: &str) -> String {
    format!("{index}-SWAP")
}

/// Base and quote of a name of the product; the error says why it is none we follow.
pub(super) fn pair(product: Product, name: &str) -> Result<(&str, &str), &'static str> {
    let parts: Vec<&str> = name.split('-').collect();
    match parts[..] {
        // Settled in the coin.
        [_, "USD", "SWAP"] => Err("inverse"),
        [base, quote, "SWAP"] if product == SWAP => ours(base, quote),
        [base, quote] if product == SPOT => ours(base, quote),
        [_, _, expiry] if is_date(expiry) => Err("dated_future"),
        [_, _, expiry, _, "C" | "P"] if is_date(expiry) => Err("option"),
        _ => Err("other_product"),
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Coins and currencies are plain; `USD_UM` and the like are margined otherwise.
fn ours<'a>(base: &'a str, quote: &'a str) -> Result<(&'a str, &'a str), &'static str> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(char::is_alphanumeric);
    if plain(base) && plain(quote) { Ok((base, quote)) } else { Err("other_margin") }
}

/// An instrument of a listed name; `None` for what is not followed. Steps are in coins.
pub(super) fn instrument(
    product: Product,
    venue_symbol: &str,
    tick_size: f64,
    step_size: f64,
) -> Option<Instrument> {
    let (base, quote) = pair(product, venue_symbol).ok()?;
    let (kind, symbol) = if product == SWAP {
        (Kind::Perp, Symbol::perp(base, quote).ok()?)
    } else {
        (Kind::Spot, Symbol::spot(base, quote).ok()?)
    };
    let channels = match kind {
        Kind::Perp => Channel::OFFERED.to_vec(),
        _ => vec![Channel::Bar, Channel::Trade, Channel::Book],
    };
    Some(Instrument {
        symbol,
        venue: VenueId::new("okx"),
        venue_symbol: venue_symbol.to_owned(),
        group: Group::new(base, kind),
        kind,
        base: base.to_owned(),
        quote: quote.to_owned(),
        tick_size,
        step_size,
        // Prices are per coin already; sizes are turned into coins as they are read.
        multiplier: 1.0,
        channels,
        calendar: Calendar::default(),
    })
}

/// The instrument a name stands for, its steps unknown.
pub(super) fn guess(product: Product, venue_symbol: &str) -> Option<Instrument> {
    instrument(product, venue_symbol, 0.0, 0.0)
}

/// The venue's name for a symbol.
pub(super) fn venue_symbol(symbol: &Symbol) -> Option<(Product, String)> {
    let text = symbol.as_str();
    if let Some((base, quote)) = text.split_once('/') {
        return Some((SPOT, format!("{base}-{quote}")));
    }
    let pair = text.strip_suffix("-PERP")?;
    let split = |quote: &&str| pair.strip_suffix(*quote).filter(|base| !base.is_empty());
    let (base, quote) = QUOTES.iter().find_map(|quote| Some((split(quote)?, *quote)))?;
    Some((SWAP, format!("{base}-{quote}-SWAP")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_map_both_ways() {
        for (product, name, symbol, group) in [
            (SWAP, "BTC-USDT-SWAP", "BTCUSDT-PERP", "BTC-PERP"),
            (SWAP, "BTC-USDC-SWAP", "BTCUSDC-PERP", "BTC-PERP"),
            (SWAP, "PEPE-USDT-SWAP", "PEPEUSDT-PERP", "PEPE-PERP"),
            (SPOT, "BTC-USDT", "BTC/USDT", "BTC-SPOT"),
            (SPOT, "ETH-EUR", "ETH/EUR", "ETH-SPOT"),
        ] {
            let found = guess(product, name).unwrap();
            assert_eq!((found.symbol.as_str(), found.group.as_str()), (symbol, group));
            assert_eq!(venue_symbol(&found.symbol), Some((product, name.to_owned())), "{symbol}");
        }
        assert_eq!(venue_symbol(&"CME_MINI:MNQ1!".parse().unwrap()), None);
        assert_eq!(index_of("BTC-USDT-SWAP"), "BTC-USDT");
        assert_eq!(swap_of("BTC-USDT"), "BTC-USDT-SWAP");
    }

    #[test]
    fn what_is_not_followed_says_why() {
        for (product, name, kind) in [
            (SWAP, "BTC-USD-SWAP", "inverse"),
            (SPOT, "BTC-USD-SWAP", "inverse"),
            (SWAP, "BTC-USD_UM-SWAP", "other_margin"),
            (SWAP, "BTC-USDT-261225", "dated_future"),
            (SWAP, "BTC-USD-261225-90000-C", "option"),
            (SPOT, "BTC-USDT-SWAP", "other_product"),
            (SWAP, "BTC-USDT", "other_product"),
            (SWAP, "", "other_product"),
            (SPOT, "-USDT", "other_margin"),
        ] {
            assert_eq!(pair(product, name), Err(kind), "{name}");
            assert_eq!(guess(product, name), None, "{name}");
        }
    }
}
