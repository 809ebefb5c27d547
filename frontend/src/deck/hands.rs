//! What a person does to the chart beside choosing what it shows: walks it by keys, draws lines, keeps pictures.

use shared::event::Bar;
use shared::market::Ms;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::page::storage;
use super::{Core, Deck};
use crate::chart::Aim;
use crate::chart::js::{copy_picture, save};
use crate::desk::Moved;
use crate::desk::alerts::Ask;
use crate::format;
use crate::json::{self, members, writes};
use crate::number;
use crate::series::sheet::{self, Column};
use crate::settings::{Scale, ScaleMode};

/// What a person left on the chart of a symbol.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Marks {
    /// Prices of horizontal lines, in the order they were drawn.
    pub(crate) lines: Vec<f64>,
    pub(crate) scale: Scale,
}

members! { Marks { lines, scale } }
writes! { Marks { lines, scale } }

/// Lines kept per symbol.
const MAX_LINES: usize = 50;

/// Where a step by keys goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Walk {
    By(i64),
    Oldest,
    Newest,
}

/// Rows of the table view, newest first.
pub(crate) struct Rows {
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Bars in view.
    pub(crate) total: usize,
}

impl Deck {
    /// Puts the crosshair on another bar and says what it is.
    pub(crate) fn walk(&self, to: Walk) {
        let (_, shown) = self.turn();
        let mut guard = self.core.borrow_mut();
        let Core { chart: Some(chart), market: Some(market), .. } = &mut *guard else { return };
        let bars = market.bars(shown);
        let Some(last) = bars.len().checked_sub(1) else { return };
        let now = self.crosshair.get().and_then(|at| bars.find(at));
        let index = match (to, now) {
            (Walk::Oldest, _) => 0,
            (Walk::Newest, _) => last,
            // The first step lands on the newest bar in view.
            (Walk::By(_), None) => {
                let edge = chart.visible_times(market, shown).and_then(|(_, to)| bars.find(to));
                edge.unwrap_or(last)
            }
            (Walk::By(step), Some(now)) => (now as i64 + step).clamp(0, last as i64) as usize,
        };
        let Some(bar) = bars.get(index).copied() else { return };
        chart.reveal(market, shown, index);
        chart.move_crosshair(Some((bar.timestamp, bar.close)));
        drop(guard);
        self.crosshair.set(Some(bar.timestamp));
        self.moved(Moved::Crosshair(Some(bar.timestamp)));
        self.crosshair_moved.set(true);
        self.view.spoken.set(self.in_words(&bar));
        self.ask_frame();
    }

    /// Takes the crosshair away.
    pub(crate) fn leave(&self) {
        if let Some(chart) = &self.core.borrow().chart {
            chart.move_crosshair(None);
        }
        self.crosshair.set(None);
        self.moved(Moved::Crosshair(None));
        self.crosshair_moved.set(true);
        self.ask_frame();
    }

    /// Shows `factor` times as many bars, around the crosshair where there is one.
    pub(crate) fn zoom(&self, factor: f64) {
        let (_, shown) = self.turn();
        if let Core { chart: Some(chart), market: Some(market), .. } = &mut *self.core.borrow_mut() {
            let index = self.crosshair.get().and_then(|at| market.bars(shown).find(at));
            chart.zoom(market, shown, factor, index);
        }
        self.ask_frame();
    }

    /// The newest bars on a plain scale.
    pub(crate) fn reset_view(&self) {
        let (_, shown) = self.turn();
        if let Core { chart: Some(chart), market: Some(market), .. } = &mut *self.core.borrow_mut() {
            chart.reload(market, shown, Aim::Newest);
            // Also where only the axis was dragged.
            chart.set_scale(Scale::default());
        }
        self.mark(&mut |marks| marks.scale = Scale::default());
    }

    /// Counts the price scale so, or plainly if it does already.
    pub(crate) fn toggle_scale(&self, mode: ScaleMode) {
        self.mark(&mut |marks| {
            marks.scale.mode = if marks.scale.mode == mode { ScaleMode::Plain } else { mode };
        });
        self.tell_scale();
    }

    pub(crate) fn invert_scale(&self) {
        self.mark(&mut |marks| marks.scale.inverted = !marks.scale.inverted);
        self.tell_scale();
    }

    fn tell_scale(&self) {
        let scale = self.view.marks.with_untracked(|marks| marks.scale);
        let mode = match scale.mode {
            ScaleMode::Plain => "Linear",
            ScaleMode::Log => "Logarithmic",
            ScaleMode::Percent => "Percent",
        };
        let inverted = if scale.inverted { ", inverted" } else { "" };
        self.toast(format!("{mode} scale{inverted}"));
    }

    /// Draws a line at a price, on the tick.
    pub(crate) fn draw_line(&self, price: f64) {
        self.mark(&mut |marks| {
            if marks.lines.len() < MAX_LINES && !marks.lines.contains(&price) {
                marks.lines.push(price);
            }
        });
        self.view.spoken.set(format!("Line at {}", self.price_text(price)));
    }

    /// The line near a price, as far as a finger reaches.
    pub(crate) fn near(&self, price: f64) -> Option<Drawing> {
        drawing(&self.core.borrow().chart.as_ref()?.near_line(price)?)
    }

    /// Takes away the line near a price, with the alert it stands for.
    pub(crate) fn remove_near(&self, price: f64) {
        match self.near(price) {
            Some(Drawing::Line(place)) => self.remove_line(place),
            Some(Drawing::Alert(id)) => self.alerts(Ask::Remove(id)),
            None => {}
        }
    }

    /// Draws these alerts in place of those drawn: number and price.
    pub(crate) fn show_alerts(&self, alerts: &[(u32, f64)]) {
        if let Some(chart) = &self.core.borrow().chart {
            chart.remove_lines(ALERT);
            for (id, price) in alerts {
                chart.set_line(&format!("{ALERT}{id}"), *price, "", "warn");
            }
        }
    }

    /// Takes away a line by its place in [`Marks::lines`].
    pub(crate) fn remove_line(&self, place: usize) {
        let held = self.line(place);
        self.mark(&mut |marks| marks.lines.retain(|line| Some(*line) != held));
        self.view.spoken.set("Line removed".into());
    }

    /// A line was dragged and let go.
    pub(super) fn line_moved(&self, key: &str, price: f64) {
        let price = self.rounded(price);
        match drawing(key) {
            Some(Drawing::Line(place)) => {
                let held = self.line(place);
                self.mark(&mut |marks| {
                    if let Some(line) = marks.lines.iter_mut().find(|line| Some(**line) == held) {
                        *line = price;
                    }
                });
            }
            Some(Drawing::Alert(id)) => self.alerts(Ask::Move(id, price)),
            None => {}
        }
    }

    /// What was left on the chart of the open symbol, read and drawn.
    pub(super) fn load_marks(&self) {
        self.show_marks(stored(self.marks_key().as_deref()).unwrap_or_default(), true);
    }

    /// The price of a line by its place. In what is stored its place is another where another tab drew or removed some.
    fn line(&self, place: usize) -> Option<f64> {
        self.view.marks.with_untracked(|marks| marks.lines.get(place).copied())
    }

    /// Changes what all charts of the open symbol have, those of other tabs included, and shows it in those of this one.
    fn mark(&self, change: &mut dyn FnMut(&mut Marks)) {
        let key = self.marks_key();
        let mut marks = stored(key.as_deref()).unwrap_or_else(|| self.view.marks.get_untracked());
        change(&mut marks);
        if let Some((key, storage)) = key.as_deref().zip(storage()) {
            let _ = storage.set_item(key, &json::written(&marks));
        }
        for deck in self.desk.upgrade().iter().flat_map(|desk| desk.others(self)) {
            if key.is_some() && deck.marks_key() == key {
                deck.show_marks(marks.clone(), false);
            }
        }
        self.show_marks(marks, false);
    }

    /// Sets the scale `anew`, or where it changed: that frees an axis that was dragged.
    fn show_marks(&self, marks: Marks, anew: bool) {
        let before = self.view.marks.with_untracked(|marks| marks.scale);
        if let Some(chart) = &self.core.borrow().chart {
            for place in 0..MAX_LINES {
                match marks.lines.get(place) {
                    Some(price) => chart.set_line(&format!("{OWN}{place}"), *price, "", "accent"),
                    None => chart.remove_line(&format!("{OWN}{place}")),
                }
            }
            if anew || marks.scale != before {
                chart.set_scale(marks.scale);
            }
        }
        self.view.marks.set(marks);
        self.ask_frame();
    }

    /// None in a foreign page, where nothing is stored.
    fn marks_key(&self) -> Option<String> {
        self.desk.upgrade()?;
        self.view.open.with_untracked(|o| o.as_ref().map(|o| format!("tapedeck.marks.{}", o.row.symbol)))
    }

    /// The price the person means: under the pointer, of the walked bar, or the last; on the tick.
    pub(crate) fn pointed_price(&self) -> Option<f64> {
        let core = self.core.borrow();
        let bars = core.market.as_ref().map(|market| market.bars(core.shown));
        let walked = || bars?.get(self.crosshair.get().and_then(|at| bars?.find(at))?).map(|b| b.close);
        let price = core.chart.as_ref()?.pointer_price().or_else(walked);
        let price = price.or_else(|| bars?.last().map(|b| b.close));
        drop(core);
        price.map(|p| self.rounded(p))
    }

    fn rounded(&self, price: f64) -> f64 {
        let (tick, decimals) =
            self.view.open.with_untracked(|o| o.as_ref().map_or((0.0, 2), |o| (o.row.tick_size, o.decimals)));
        let price = if tick > 0.0 { (price / tick).round() * tick } else { price };
        // Without the last bits that the product added.
        number::parse(&number::fixed(price, decimals)).unwrap_or(price)
    }

    /// A price of the open symbol as text.
    pub(crate) fn price_text(&self, price: f64) -> String {
        format::price(price, self.view.open.with_untracked(|o| o.as_ref().map_or(2, |o| o.decimals)))
    }

    /// A bar in words.
    fn in_words(&self, bar: &Bar) -> String {
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(|p| self.price_text(p));
        let (time, volume) = (self.time_text(bar.timestamp), format::compact(bar.volume));
        let zone = self.view.prefs.with_untracked(|p| p.zone).name(bar.timestamp);
        format!("{time} {zone}. Open {open}, high {high}, low {low}, close {close}, volume {volume}")
    }

    /// A minute in the zone the person reads.
    pub(crate) fn time_text(&self, at: Ms) -> String {
        format::date_minute(self.view.prefs.with_untracked(|p| p.zone).shift(at))
    }

    /// The chart as a picture file, or in the clipboard.
    pub(crate) fn snapshot(&self, to_clipboard: bool) {
        let Some((name, words)) = self.titles() else { return };
        let picture = self.core.borrow().chart.as_ref().map(|chart| chart.portrait(&words));
        let (Some(picture), Some(deck)) = (picture, self.me.upgrade()) else { return };
        leptos::task::spawn_local(async move {
            let done = if to_clipboard {
                JsFuture::from(copy_picture(&picture)).await.map(|_| "Picture copied")
            } else {
                JsFuture::from(picture).await.map(|picture| {
                    save(&picture, &format!("{name}.png"));
                    "Picture saved"
                })
            };
            let what = done.unwrap_or("The browser does not let this page copy pictures; save it as a file");
            deck.toast(what.into());
        });
    }

    /// The bars in view with the values of all panes shown, as a CSV file.
    pub(crate) fn save_csv(&self) {
        let Some((name, _)) = self.titles() else { return };
        let text = self.in_view(|core, columns, (from, to)| {
            core.market.as_ref().map(|market| sheet::csv(market, core.shown, from, to, columns))
        });
        if let Some(text) = text.flatten() {
            save(&JsValue::from_str(&text), &format!("{name}.csv"));
            self.toast("Bars in view saved as CSV".into());
        }
    }

    /// A page of the bars in view as texts, newest first.
    pub(crate) fn rows_in_view(&self, skip: usize, count: usize) -> Option<Rows> {
        self.in_view(|core, columns, (from, to)| {
            let market = core.market.as_ref()?;
            let zone = self.view.prefs.with_untracked(|p| p.zone).name(self.now());
            let mut heads = vec![format!("Time, {zone}")];
            heads.extend(["Open", "High", "Low", "Close", "Volume", "CVD"].map(str::to_owned));
            heads.extend(columns.iter().map(|c| titled(&c.name)));
            let bars = market.bars(core.shown);
            let known = |v: Option<f64>| v.map_or_else(|| format::UNKNOWN.to_owned(), format::compact);
            let row = |bar: &Bar| {
                let mut cells = vec![self.time_text(bar.timestamp)];
                cells.extend([bar.open, bar.high, bar.low, bar.close].map(|p| self.price_text(p)));
                cells.extend([Some(bar.volume), bar.cvd].map(known));
                cells.extend(columns.iter().map(|c| match c.value(market, bar) {
                    Some(price) if c.is_price => self.price_text(price),
                    value => known(value),
                }));
                cells
            };
            let rows = (from..to).rev().skip(skip).take(count).filter_map(|i| bars.get(i)).map(row).collect();
            Some(Rows { heads, rows, total: to.saturating_sub(from) })
        })
        .flatten()
    }

    /// Calls `act` with the columns of what is shown and the stretch of bars in view.
    fn in_view<T>(&self, act: impl FnOnce(&Core, &[Column], (usize, usize)) -> T) -> Option<T> {
        let core = self.core.borrow();
        let (chart, market) = core.chart.as_ref().zip(core.market.as_ref())?;
        let (from, to) = chart.visible_times(market, core.shown)?;
        let bars = market.bars(core.shown);
        let columns = sheet::columns(market, &chart.shown_layers());
        Some(act(&core, &columns, (bars.lower(from), bars.lower(to + Ms(1)))))
    }

    /// A file name without ending, and a title, of what is shown.
    fn titles(&self) -> Option<(String, String)> {
        let open = self.view.open.get_untracked()?;
        let (_, shown) = self.turn();
        let now = format::date_minute(self.now());
        let name = format!("{} {} {shown} {now}", open.row.symbol, open.venue);
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let words = format!("{}  {}  {shown}   {now} UTC   tapedeck", open.row.symbol, open.venue);
        Some((name.chars().map(safe).collect(), words))
    }
}

fn stored(key: Option<&str>) -> Option<Marks> {
    json::read(&storage()?.get_item(key?).ok()??).ok()
}

/// A column's name in words: `open_interest` as "Open interest".
fn titled(name: &str) -> String {
    let words = name.replace('_', " ");
    let first = words.get(..1).map(str::to_ascii_uppercase).unwrap_or_default();
    first + words.get(1..).unwrap_or_default()
}

/// Keys of a person's own lines begin so.
const OWN: &str = "line:";

/// Keys of lines that stand for alerts.
const ALERT: &str = "alert:";

/// What a horizontal line is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Drawing {
    /// Its place in [`Marks::lines`].
    Line(usize),
    /// The alert's number.
    Alert(u32),
}

fn drawing(key: &str) -> Option<Drawing> {
    if let Some(place) = key.strip_prefix(OWN) {
        return Some(Drawing::Line(place.parse().ok()?));
    }
    Some(Drawing::Alert(key.strip_prefix(ALERT)?.parse().ok()?))
}
