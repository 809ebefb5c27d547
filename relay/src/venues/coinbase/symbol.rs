//! The venue's names and ours, both directions.

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Symbol, VenueId};

use super::SPOT;
use crate::venues::Product;
use crate::venues::common::number::{Num, Text};

/// Why a name is no spot pair: futures and perpetuals have three parts, like `BIT-28MAR25-CDE` and `BTC-PERP-INTX`.
pub(super) fn outside(product_id: &str) -> Option<&'static str> {
    (product_id.matches('-').count() > 1).then_some("derivative_market")
}

/// The instrument of a pair, steps unknown (0); `None` for other names and characters no symbol may have.
pub(super) fn guess(_: Product, product_id: &str) -> Option<Instrument> {
    let (base, quote) = product_id.split_once('-')?;
    if base.is_empty() || quote.is_empty() || outside(product_id).is_some() {
        return None;
    }
    Some(Instrument {
        symbol: Symbol::spot(base, quote).ok()?,
        venue: VenueId::new(super::VENUE),
        venue_symbol: product_id.to_owned(),
        group: Group::new(base, Kind::Spot),
        kind: Kind::Spot,
        base: base.to_owned(),
        quote: quote.to_owned(),
        tick_size: 0.0,
        step_size: 0.0,
        multiplier: 1.0,
        channels: vec![Channel::Bar, Channel::Trade, Channel::Book],
        calendar: Calendar::Continuous,
    })
}

/// One of the listed products: `{"id":"BTC-USD","quote_increment":"0.01","base_increment":"0.00000001",
/// "status":"online","trading_disabled":false,..}`
#[derive(serde::Deserialize)]
pub(super) struct Listing<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub quote_increment: Num<'a>,
    #[serde(borrow)]
    pub base_increment: Num<'a>,
    #[serde(borrow)]
    pub status: Text<'a>,
    #[serde(default)]
    pub trading_disabled: bool,
}

impl Listing<'_> {
    /// The instrument, where the product trades.
    pub(super) fn instrument(&self) -> Option<Instrument> {
        if self.status.as_str() != "online" || self.trading_disabled {
            return None;
        }
        let mut instrument = guess(SPOT, self.id.as_str())?;
        instrument.tick_size = self.quote_increment.price("quote_increment").ok()?;
        instrument.step_size = self.base_increment.price("base_increment").ok()?;
        Some(instrument)
    }
}

/// The venue's name for a symbol.
pub(super) fn venue_symbol(symbol: &Symbol) -> Option<(Product, String)> {
    let (base, quote) = symbol.as_str().split_once('/')?;
    Some((SPOT, format!("{base}-{quote}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_the_dash_and_derivatives_are_not_pairs() {
        for (name, symbol, group) in [
            ("BTC-USD", "BTC/USD", "BTC-SPOT"),
            ("ETH-BTC", "ETH/BTC", "ETH-SPOT"),
            ("00-USD", "00/USD", "00-SPOT"),
        ] {
            let found = guess(SPOT, name).unwrap();
            assert_eq!((found.symbol.as_str(), found.group.as_str()), (symbol, group));
            assert_eq!(venue_symbol(&found.symbol), Some((SPOT, name.to_owned())));
        }
        for name in ["BIT-28MAR25-CDE", "BTC-PERP-INTX", "BTCUSD", "-USD", "BTC-", ""] {
            assert!(guess(SPOT, name).is_none(), "{name}");
        }
        assert_eq!(venue_symbol(&"BTCUSDT-PERP".parse().unwrap()), None);
    }
}
