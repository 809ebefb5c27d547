//! The venue's names and ours, both directions.

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Symbol, VenueId};

use super::PERP;
use crate::venues::Product;

/// Every perpetual of the main dex is margined and quoted in it.
const QUOTE: &str = "USDC";

/// Coins listed by the thousand, by which a symbol finds its name where the listing is not there yet.
const BY_THE_THOUSAND: [&str; 7] = ["BONK", "DOGS", "FLOKI", "LUNC", "NEIRO", "PEPE", "SHIB"];

/// A book price has at most so many figures, unless it is whole.
const FIGURES: i32 = 5;
/// Decimals of price and size together.
const MAX_DECIMALS: i32 = 6;

/// There is no liquidation feed: the channel is not offered.
const CHANNELS: [Channel; 5] = [Channel::Bar, Channel::Oi, Channel::Funding, Channel::Trade, Channel::Book];

/// Why a name is no perpetual of the main dex: `xyz:AAPL` is of a builder's dex, `@107` and `PURR/USDC` are spot.
/// `None` if it is one.
pub(super) fn outside(coin: &str) -> Option<&'static str> {
    if coin.contains(':') {
        Some("builder_dex_market")
    } else if coin.starts_with('@') || coin.contains('/') {
        Some("spot_market")
    } else {
        None
    }
}

/// The coin and how many of it one unit of the name is: `kPEPE` is a thousand `PEPE`.
fn strip_multiple(coin: &str) -> (&str, f64) {
    match coin.strip_prefix('k') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()) => {
            (rest, 1_000.0)
        }
        _ => (coin, 1.0),
    }
}

/// The instrument of a listed name; `mark` in the venue's units, where known. `None` for names outside the main
/// dex and those that hold characters no symbol may have.
pub(super) fn instrument(coin: &str, size_decimals: i32, mark: Option<f64>) -> Option<Instrument> {
    let mut instrument = guess(PERP, coin)?;
    let (tick, step) = (tick(size_decimals, mark), power_of_ten(size_decimals));
    instrument.tick_size = tick / instrument.multiplier;
    instrument.step_size = step * instrument.multiplier;
    Some(instrument)
}

/// The smallest price step around `mark`; the finest there can be where it is not known.
fn tick(size_decimals: i32, mark: Option<f64>) -> f64 {
    let finest = (MAX_DECIMALS - size_decimals).max(0);
    let by_figures = mark.filter(|mark| mark.is_finite() && *mark > 0.0).map(|mut mark| {
        // Digits before the point; at or below zero, zeros after it.
        let mut digits = 1;
        while mark >= 10.0 {
            (mark, digits) = (mark / 10.0, digits + 1);
        }
        while mark < 1.0 {
            (mark, digits) = (mark * 10.0, digits - 1);
        }
        (FIGURES - digits).max(0)
    });
    power_of_ten(by_figures.map_or(finest, |decimals| decimals.min(finest)))
}

/// `10^-decimals`, rounded once.
fn power_of_ten(decimals: i32) -> f64 {
    1.0 / 10_u64.pow(decimals.clamp(0, 18).unsigned_abs()) as f64
}

/// The instrument a name most likely is, steps unknown (0).
pub(super) fn guess(_: Product, coin: &str) -> Option<Instrument> {
    if outside(coin).is_some() {
        return None;
    }
    let (base, multiplier) = strip_multiple(coin);
    Some(Instrument {
        symbol: Symbol::perp(base, QUOTE).ok()?,
        venue: VenueId::new(super::VENUE),
        venue_symbol: coin.to_owned(),
        group: Group::new(base, Kind::Perp),
        kind: Kind::Perp,
        base: base.to_owned(),
        quote: QUOTE.to_owned(),
        tick_size: 0.0,
        step_size: 0.0,
        multiplier,
        channels: CHANNELS.to_vec(),
        calendar: Calendar::Continuous,
    })
}

/// The venue's name for a symbol, where the listing is not there yet to ask.
pub(super) fn venue_symbol(symbol: &Symbol) -> Option<(Product, String)> {
    let base = symbol.as_str().strip_suffix("-PERP")?.strip_suffix(QUOTE)?;
    let prefix = if BY_THE_THOUSAND.contains(&base) { "k" } else { "" };
    (!base.is_empty()).then(|| (PERP, format!("{prefix}{base}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_stripped_and_names_with_a_small_k_inside_are_not() {
        let cases = [
            ("BTC", "BTCUSDC-PERP", 1.0),
            ("kPEPE", "PEPEUSDC-PERP", 1_000.0),
            ("kBONK", "BONKUSDC-PERP", 1_000.0),
            ("KAS", "KASUSDC-PERP", 1.0),
            ("k", "kUSDC-PERP", 1.0),
        ];
        for (coin, symbol, multiplier) in cases {
            let found = guess(PERP, coin).unwrap();
            assert_eq!((found.symbol.as_str(), found.multiplier), (symbol, multiplier), "{coin}");
            assert!(coin == "k" || venue_symbol(&found.symbol) == Some((PERP, coin.to_owned())), "{coin}");
            assert!(!found.channels.contains(&Channel::Liquidation));
        }
        for coin in ["xyz:AAPL", "@107", "PURR/USDC"] {
            assert!(outside(coin).is_some() && guess(PERP, coin).is_none(), "{coin}");
        }
        assert_eq!(guess(PERP, "kPEPE").unwrap().group.as_str(), "PEPE-PERP");
        assert_eq!(venue_symbol(&"BTCUSDT-PERP".parse().unwrap()), None);
    }

    #[test]
    fn prices_have_five_figures_and_few_decimals() {
        let cases = [
            (5, Some(80_640.0), 1.0),
            (5, Some(812_345.0), 1.0),
            (5, None, 0.1),
            (4, Some(2_123.7), 0.1),
            (1, Some(2.113), 0.0001),
            (2, Some(149.34), 0.01),
            (0, Some(0.001565), 0.000001),
        ];
        for (size_decimals, mark, expected) in cases {
            assert_eq!(tick(size_decimals, mark), expected, "{size_decimals} {mark:?}");
        }
        let pepe = instrument("kPEPE", 0, Some(0.012)).unwrap();
        assert_eq!((pepe.tick_size, pepe.step_size), (0.000001 / 1_000.0, 1_000.0));
    }
}
