//! What the person arranged, remembered between visits.

use shared::market::{Ms, Symbol, Timeframe};
use shared::maths::indicators::Indicator;

use crate::json::{self, members, words, writes};
use crate::series::is_overlay;
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

/// What the settings dialog holds: true of the whole page, whatever it shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Prefs {
    pub palette: Palette,
    /// Nothing moves, even where the system does not ask for it.
    pub less_motion: bool,
    /// Single keys act while the chart has focus.
    pub shortcuts: bool,
    pub zone: Zone,
    /// Positive funding in the rising colour; by default it is in the falling one, since longs pay.
    pub funding_green: bool,
    /// Liquidations below this value are left out of the tape, quote currency.
    pub tape_min: f64,
}

impl Default for Prefs {
    fn default() -> Prefs {
        Prefs {
            palette: Palette::Lime,
            less_motion: false,
            shortcuts: true,
            zone: Zone::Utc,
            funding_green: false,
            tape_min: 0.0,
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

/// Everything remembered. Unknown fields of newer versions are ignored, missing ones take their default.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    pub theme: Theme,
    pub prefs: Prefs,
    /// Under the price, from top to bottom.
    pub panes: Vec<Pane>,
    /// Of which the header alone is shown.
    pub folded: Vec<Pane>,
    /// The one that has the stage for itself.
    pub maximised: Option<Pane>,
    /// The one pane under the price on a phone.
    pub phone_pane: Pane,
    /// Height of each pane relative to the price pane, where the person dragged it.
    pub pane_heights: Vec<(Pane, f64)>,
    pub price_style: PriceStyle,
    /// Names as `/api/indicators` has them: lines over the price, and what the panes RSI and MACD show.
    pub indicators: Vec<String>,
    pub drawn: Drawn,
    pub side_open: bool,
    pub symbol: Option<String>,
    pub venue: Option<String>,
    pub timeframe: Option<Timeframe>,
    /// Venues compared, by group; a group that is absent compares all.
    pub picks: Vec<(String, Vec<String>)>,
    /// Venues the address asks for, in place of what is remembered, for the first group opened.
    pub asked_venues: Option<Vec<String>>,
    /// Whether the table of venues is unfolded.
    pub compare: bool,
    /// Several charts, as [`crate::workspace::Workspace::to_text`] writes them.
    pub desk: Option<String>,
    /// Saved arrangements: name and text.
    pub workspaces: Vec<(String, String)>,
    /// Symbols watched, and whether the list is shown.
    pub watchlist: Vec<String>,
    pub watching: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            theme: Theme::Dark,
            prefs: Prefs::default(),
            panes: vec![Pane::Oi, Pane::Funding, Pane::Cvd, Pane::Liq],
            folded: Vec::new(),
            maximised: None,
            phone_pane: Pane::Liq,
            pane_heights: Vec::new(),
            price_style: PriceStyle::Candles,
            indicators: ["ema_20", "ema_50", "rsi_14", "macd_12_26_9"].map(String::from).into(),
            drawn: Drawn::default(),
            side_open: true,
            symbol: None,
            venue: None,
            timeframe: None,
            picks: Vec::new(),
            asked_venues: None,
            compare: false,
            desk: None,
            workspaces: Vec::new(),
            watchlist: Vec::new(),
            watching: false,
        }
    }
}

impl Settings {
    /// Key in the browser's local storage.
    pub const KEY: &'static str = "tapedeck.settings";

    /// Indicators over the price at once.
    pub const OVERLAYS: usize = 8;

    /// Reads what was stored; anything unreadable gives the defaults.
    pub fn parse(text: Option<&str>) -> Settings {
        text.and_then(|t| json::read(t).ok()).unwrap_or_default()
    }

    pub fn to_json(&self) -> String {
        json::written(self)
    }

    /// The share of the price pane's height a pane asks for.
    pub fn pane_height(&self, pane: Pane) -> f64 {
        let dragged = self.pane_heights.iter().find(|(p, _)| *p == pane).map(|(_, h)| *h);
        dragged.filter(|h| (0.02..=10.0).contains(h)).unwrap_or(0.22)
    }

    /// The venues picked for a group; none where all are compared.
    pub fn picked(&self, group: &str) -> Option<&[String]> {
        self.picks.iter().find(|(g, _)| g == group).map(|(_, venues)| venues.as_slice())
    }

    pub fn pick(&mut self, group: &str, venues: Option<Vec<String>>) {
        self.picks.retain(|(g, _)| g != group);
        self.picks.extend(venues.map(|venues| (group.to_owned(), venues)));
    }

    /// What is computed while these panes are shown.
    pub fn studies(&self, shown: &[Pane]) -> Vec<Indicator> {
        let of = |pane: Pane, name: &'static str, is: fn(&Indicator) -> bool| {
            let named = self.indicators.iter().filter_map(|n| n.parse().ok()).find(is);
            shown.contains(&pane).then(|| named.or_else(|| name.parse().ok())).flatten()
        };
        let named = self.indicators.iter().filter_map(|name| name.parse::<Indicator>().ok());
        let mut list: Vec<Indicator> = named.filter(is_overlay).take(Settings::OVERLAYS).collect();
        list.extend(of(Pane::Rsi, "rsi_14", |one| matches!(one, Indicator::Rsi(_))));
        list.extend(of(Pane::Macd, "macd_12_26_9", |one| matches!(one, Indicator::Macd { .. })));
        list
    }

    pub fn set_pane_height(&mut self, pane: Pane, share: f64) {
        self.pane_heights.retain(|(p, _)| *p != pane);
        self.pane_heights.push((pane, share));
    }
}

/// How a symbol was last looked at.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SymbolView {
    /// Under the price; none where that was never kept.
    pub panes: Option<Vec<Pane>>,
    pub folded: Vec<Pane>,
    pub pane_heights: Vec<(Pane, f64)>,
    /// Bars across the chart.
    pub bars: Option<f64>,
    /// Open times of the first and last bar in view, where it did not follow the newest.
    pub span: Option<(Ms, Ms)>,
}

impl SymbolView {
    /// Key in the browser's local storage.
    pub fn key(symbol: &Symbol) -> String {
        format!("tapedeck.view.{symbol}")
    }

    /// Reads what was stored; anything unreadable gives the defaults.
    pub fn parse(text: Option<&str>) -> SymbolView {
        text.and_then(|t| json::read(t).ok()).unwrap_or_default()
    }

    pub fn to_json(&self) -> String {
        json::written(self)
    }
}

words! {
    Theme { Dark "dark", Light "light" }
    Pane {
        Price "price", Oi "oi", Funding "funding", Cvd "cvd", Liq "liq", Rsi "rsi", Macd "macd", Spread "spread",
        Depth "depth"
    }
    ScaleMode { Plain "plain", Log "log", Percent "percent" }
    Palette { Lime "lime", Safe "safe" }
    Zone { Utc "utc", Local "local" }
    PriceStyle { Candles "candles", Bars "bars", Line "line", Area "area" }
}

/// Both ways with the same members.
macro_rules! kept {
    ($($name:ident { $($field:ident),* $(,)? })*) => { $(
        members! { $name { $($field),* } }
        writes! { $name { $($field),* } }
    )* };
}

kept! {
    Scale { mode, inverted }
    Prefs { palette, less_motion, shortcuts, zone, funding_green, tape_min }
    Drawn { signals, liquidations, heat }
    Settings {
        theme, prefs, panes, folded, maximised, phone_pane, pane_heights, price_style, indicators, drawn, side_open,
        symbol, venue, timeframe, picks, compare, desk, workspaces, watchlist, watching
    }
    SymbolView { panes, folded, pane_heights, bars, span }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_round_trip_and_junk_gives_defaults() {
        let mut s = Settings { theme: Theme::Light, panes: vec![Pane::Liq], ..Settings::default() };
        s.set_pane_height(Pane::Liq, 0.5);
        s.set_pane_height(Pane::Liq, 0.75);
        assert_eq!(Settings::parse(Some(&s.to_json())), s);
        assert_eq!(s.pane_height(Pane::Liq), 0.75);
        assert_eq!(s.pane_height(Pane::Oi), 0.22);
        for junk in [None, Some(""), Some("{"), Some("[]"), Some(r#"{"panes":["nonsense"]}"#)] {
            assert_eq!(Settings::parse(junk), Settings::default());
        }
        let partial = Settings::parse(Some(r#"{"theme":"light","later":1}"#));
        assert_eq!((partial.theme, partial.panes.len()), (Theme::Light, 4));
        let partial = Settings::parse(Some(r#"{"prefs":{"palette":"safe","later":1}}"#)).prefs;
        assert_eq!(partial, Prefs { palette: Palette::Safe, ..Prefs::default() });
        assert!(partial.shortcuts, "what is not stored takes its default");
    }

    #[test]
    fn what_is_computed_follows_the_panes() {
        let mut s = Settings::default();
        let names = |s: &Settings, shown: &[Pane]| -> Vec<String> {
            s.studies(shown).iter().map(ToString::to_string).collect()
        };
        assert_eq!(names(&s, &[Pane::Oi]), ["ema_20", "ema_50"]);
        s.indicators = ["bb_20_2", "rsi_7", "nonsense", "vwap"].map(String::from).into();
        assert_eq!(names(&s, &[Pane::Macd, Pane::Rsi]), ["bb_20_2", "vwap", "rsi_7", "macd_12_26_9"]);
    }

    #[test]
    fn views_are_kept_by_symbol() {
        let view = SymbolView {
            panes: Some(vec![Pane::Oi]),
            bars: Some(120.5),
            span: Some((Ms(1), Ms(2))),
            ..SymbolView::default()
        };
        assert_eq!(SymbolView::parse(Some(&view.to_json())), view);
        assert_eq!(SymbolView::parse(Some("[")), SymbolView::default());
        assert_eq!(SymbolView::key(&"BTC/USDT".parse().unwrap()), "tapedeck.view.BTC/USDT");
    }

    #[test]
    fn a_height_out_of_bounds_is_not_obeyed() {
        let mut s = Settings::default();
        s.set_pane_height(Pane::Oi, 0.0);
        assert_eq!(s.pane_height(Pane::Oi), 0.22);
    }
}
