//! The panes there are.

use crate::json::words;

/// A pane under the price.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Pane {
    /// The price itself, above all others.
    Price,
    Oi,
    Funding,
    Cvd,
    Liq,
    Rsi,
    Macd,
    Spread,
    Depth,
}

impl Pane {
    /// All under the price, in the order they are offered.
    pub const ALL: [Pane; 8] =
        [Pane::Oi, Pane::Funding, Pane::Cvd, Pane::Liq, Pane::Rsi, Pane::Macd, Pane::Spread, Pane::Depth];

    /// The name in the URL and in test hooks.
    pub const fn name(self) -> &'static str {
        match self {
            Pane::Price => "price",
            Pane::Oi => "oi",
            Pane::Funding => "funding",
            Pane::Cvd => "cvd",
            Pane::Liq => "liq",
            Pane::Rsi => "rsi",
            Pane::Macd => "macd",
            Pane::Spread => "spread",
            Pane::Depth => "depth",
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Pane::Price => "Price",
            Pane::Oi => "Open interest",
            Pane::Funding => "Funding",
            Pane::Cvd => "CVD",
            Pane::Liq => "Liquidations",
            Pane::Rsi => "RSI",
            Pane::Macd => "MACD",
            Pane::Spread => "Spread",
            Pane::Depth => "Depth",
        }
    }

    /// What its numbers are, for the header.
    pub const fn unit(self) -> &'static str {
        match self {
            Pane::Oi => "coins",
            Pane::Funding => "% per hour; dots were paid",
            Pane::Cvd => "coins since 00:00 UTC",
            Pane::Liq => "quote value; long below, short above",
            Pane::Price | Pane::Rsi => "",
            Pane::Macd => "price",
            Pane::Spread => "bp, at the end of each bar",
            Pane::Depth => "quote value within 10 bp",
        }
    }

    pub fn parse(text: &str) -> Option<Pane> {
        Pane::ALL.into_iter().find(|p| p.name() == text)
    }
}

words! {
    Pane {
        Price "price", Oi "oi", Funding "funding", Cvd "cvd", Liq "liq", Rsi "rsi", Macd "macd", Spread "spread",
        Depth "depth"
    }
}
