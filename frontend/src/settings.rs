//! What the person arranged, remembered between visits.

use shared::market::{Ms, Symbol, Timeframe};
use shared::maths::indicators::Indicator;

use crate::json::{self, members, writes};
use crate::series::is_overlay;
use crate::zone::Zone;

mod looks;
mod pane;

pub use looks::{Drawn, Palette, PriceStyle, Scale, ScaleMode, Theme};
pub use pane::Pane;

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

    /// Takes over the lists that every window of this browser adds to, where anything is stored.
    pub fn take_lists(&mut self, stored: Option<String>) {
        if let Some(held) = stored.and_then(|text| json::read::<Settings>(&text).ok()) {
            (self.workspaces, self.watchlist) = (held.workspaces, held.watchlist);
        }
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
mod tests;
