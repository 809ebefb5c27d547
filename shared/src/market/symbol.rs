//! Symbols, their kind, and the group that joins them across venues.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is traded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Perp,
    Spot,
    Future,
    Stock,
    Index,
}

/// A canonical symbol: `BTCUSDT-PERP`, `BTC/USDT`, or a vendor code as it is (`CME_MINI:MNQ1!`).
///
/// UTF-8: venues list coins with non-ASCII names. Never holds what a file path could misread.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(Arc<str>);

/// Why a text is no symbol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    #[error("a symbol is 1 to 64 bytes long, like BTCUSDT-PERP or BTC/USDT")]
    Length,
    #[error(
        "`{0}` is not a symbol: letters, digits and - _ / : ! . only, at most one `/`, no `..`; like BTCUSDT-PERP or BTC/USDT"
    )]
    Characters(String),
}

impl Symbol {
    /// The perpetual of a base and quote: `BTC`, `USDT` give `BTCUSDT-PERP`.
    pub fn perp(base: &str, quote: &str) -> Result<Symbol, SymbolError> {
        format!("{base}{quote}-PERP").parse()
    }

    /// The spot pair of a base and quote: `BTC`, `USDT` give `BTC/USDT`.
    pub fn spot(base: &str, quote: &str) -> Result<Symbol, SymbolError> {
        format!("{base}/{quote}").parse()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form used in a path or file name: `/` and `:` become `_`.
    pub fn file_name(&self) -> String {
        self.0.replace(['/', ':'], "_")
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        if text.is_empty() || text.len() > 64 {
            return Err(SymbolError::Length);
        }
        let allowed = |c: char| c.is_alphanumeric() || "-_/:!.".contains(c);
        let slashes = text.matches('/').count();
        let edge = text.starts_with(['/', '.', '-']) || text.ends_with(['/', '.']);
        if !text.chars().all(allowed) || slashes > 1 || text.contains("..") || edge {
            return Err(SymbolError::Characters(text.chars().take(40).collect()));
        }
        Ok(Symbol(Arc::from(text)))
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What joins a market across venues and quotes: base and kind, `BTC-PERP`, `BTC-SPOT`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Group(Arc<str>);

impl Group {
    pub fn new(base: &str, kind: Kind) -> Group {
        let kind = match kind {
            Kind::Perp => "PERP",
            Kind::Spot => "SPOT",
            Kind::Future => "FUTURE",
            Kind::Stock => "STOCK",
            Kind::Index => "INDEX",
        };
        Group(Arc::from(format!("{base}-{kind}").as_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_take_canonical_forms_and_refuse_paths() {
        for good in ["BTCUSDT-PERP", "BTC/USDT", "CME_MINI:MNQ1!", "币安人生USDT-PERP", "1INCHUSDT-PERP"]
        {
            assert_eq!(good.parse::<Symbol>().unwrap().as_str(), good);
        }
        for bad in
            ["", "../../etc/passwd", "a/b/c", "/etc", "BTC USDT", "a\\b", "x\0", "..", &"A".repeat(65), "<b>"]
        {
            assert!(bad.parse::<Symbol>().is_err(), "{bad}");
        }
        assert_eq!("CME_MINI:MNQ1!".parse::<Symbol>().unwrap().file_name(), "CME_MINI_MNQ1!");
        assert_eq!(Symbol::spot("BTC", "USDT").unwrap().file_name(), "BTC_USDT");
        assert_eq!(Group::new("BTC", Kind::Perp).as_str(), "BTC-PERP");
    }
}
