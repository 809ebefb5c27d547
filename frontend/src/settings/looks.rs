//! How the page and its prices look.

use crate::json::words;
use crate::zone::Zone;

/// The two looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    #[default]
    Dark,
    Light,
}

impl Theme {
    pub const fn name(self) -> &'static str {
        match self {
            Theme::Dark => "dark",
            Theme::Light => "light",
        }
    }

    pub const fn other(self) -> Theme {
        match self {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::Dark,
        }
    }

    pub fn parse(text: &str) -> Option<Theme> {
        [Theme::Dark, Theme::Light].into_iter().find(|t| t.name() == text)
    }
}

/// How the price scale counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ScaleMode {
    #[default]
    Plain = 0,
    Log = 1,
    /// Of the first bar in view.
    Percent = 2,
}

/// How the price scale stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scale {
    pub mode: ScaleMode,
    /// Higher prices further down.
    pub inverted: bool,
}

/// What tells rising from falling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Palette {
    /// Lime and rose.
    #[default]
    Lime,
    /// Sky blue and orange, told apart with any colour sight.
    Safe,
}

impl Palette {
    /// The value of `data-palette`.
    pub const fn name(self) -> &'static str {
        match self {
            Palette::Lime => "lime",
            Palette::Safe => "safe",
        }
    }
}

/// How bars are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PriceStyle {
    #[default]
    Candles,
    Bars,
    Line,
    Area,
}

impl PriceStyle {
    pub const ALL: [PriceStyle; 4] =
        [PriceStyle::Candles, PriceStyle::Bars, PriceStyle::Line, PriceStyle::Area];

    /// The name people read.
    pub const fn title(self) -> &'static str {
        match self {
            PriceStyle::Candles => "Candles",
            PriceStyle::Bars => "Bars",
            PriceStyle::Line => "Line",
            PriceStyle::Area => "Area",
        }
    }

    /// The name under which `deck.js` says how it is drawn.
    pub const fn look(self) -> &'static str {
        match self {
            PriceStyle::Candles => "price",
            PriceStyle::Bars => "price_bars",
            PriceStyle::Line => "price_line",
            PriceStyle::Area => "price_area",
        }
    }
}

/// What is drawn on the price beside its bars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drawn {
    /// Arrows of signals.
    pub signals: bool,
    /// Dots of liquidations.
    pub liquidations: bool,
    /// Hours of the heat map; 0 without one.
    pub heat: u32,
}

impl Default for Drawn {
    fn default() -> Drawn {
        Drawn { signals: true, liquidations: true, heat: 0 }
    }
}

words! {
    Theme { Dark "dark", Light "light" }
    ScaleMode { Plain "plain", Log "log", Percent "percent" }
    Palette { Lime "lime", Safe "safe" }
    Zone { Utc "utc", Local "local" }
    PriceStyle { Candles "candles", Bars "bars", Line "line", Area "area" }
}
