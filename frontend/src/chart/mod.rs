//! The chart: a window of the open market's history, painted a little each frame.
//!
//! [`js`] is the border to the library and says how layers look; this file decides what is painted when.

pub(crate) mod js;
mod lines;

use std::cell::Cell;
use std::rc::Rc;

use shared::market::{Ms, Timeframe};
use wasm_bindgen::JsValue;

use crate::format;
use crate::series::{Layer, Market, Shade, Track, Turns, Visible, Window, layers, marks};
use crate::settings::{Drawn, Pane, PriceStyle, Settings};
use crate::zone::Zone;

use js::JsChart;

/// Changed series painted in one frame; the rest wait for the next ones.
const SERIES_PER_FRAME: usize = 2;
/// Older candles rewritten one by one; beyond this the whole series is set.
const MAX_REWRITES: usize = 16;
/// The number of a shade that is the stretch a person chose.
const CHOSEN: f64 = 3.0;
/// Empty bars kept right of the newest.
const RIGHT_BARS: f64 = 6.0;
/// CSS px per bar of a fresh view.
const BAR_PX: f64 = 6.0;

/// Where a reload puts the view.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Aim {
    /// The newest bars at the right edge.
    Newest,
    /// The same bars as before.
    Keep,
    /// As many bars as before, ending at this instant.
    EndAt(Ms),
    /// So many bars, the newest at the right edge.
    Zoom(f64),
    /// From one instant to another.
    Between(Ms, Ms),
}

/// Height of a folded pane: its header line.
const FOLDED_PX: f64 = 28.0;

/// Which series stand where.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Plan {
    /// Under the price, from top to bottom.
    pub(crate) panes: Vec<Pane>,
    /// Those with their header alone; [`Pane::Price`] may be among them.
    pub(crate) folded: Vec<Pane>,
    /// Hues of the market's tracks.
    pub(crate) hues: Vec<usize>,
    /// Lines over the price: number of the indicator, line of it.
    pub(crate) lines: Vec<(usize, usize)>,
    pub(crate) style: PriceStyle,
}

/// The stretch of bars the library holds, by time: indices shift when history grows in front.
#[derive(Clone, Copy, Debug)]
struct Held {
    first: Ms,
    last: Ms,
    count: usize,
    /// The newest bar was among them.
    to_end: bool,
}

/// What waits to be painted of one layer.
#[derive(Clone, Copy, Debug, Default)]
struct LayerState {
    /// Bars from this open time on have changed.
    since: Option<Ms>,
    /// Open time of the last row the library has.
    last: Option<Ms>,
}

pub(crate) struct Chart {
    js: JsChart,
    plan: Plan,
    tick_size: f64,
    held: Option<Held>,
    layers: [LayerState; Layer::COUNT],
    turns: Turns,
    /// Kept up by the library's range event.
    visible: Rc<Cell<Option<(f64, f64)>>>,
    mark: String,
    zone: Zone,
    /// Bars marks were made for, and the marks.
    marked: Option<(Ms, Ms)>,
    marks: Vec<f64>,
    /// What is shaded now: first and last bar in chart seconds, state.
    shaded: Vec<f64>,
}

impl Chart {
    /// # Errors
    /// When the chart library is missing.
    pub(crate) fn new(element: &web_sys::Element, plan: Plan, settings: &Settings) -> Result<Chart, JsValue> {
        let js = JsChart::new(element)?;
        let mut chart = Chart {
            js,
            plan: Plan { style: plan.style, ..Plan::default() },
            tick_size: 0.0,
            held: None,
            layers: [LayerState::default(); Layer::COUNT],
            turns: Turns::default(),
            visible: Rc::default(),
            mark: String::new(),
            zone: Zone::Utc,
            marked: None,
            marks: Vec::new(),
            shaded: Vec::new(),
        };
        for layer in [Layer::Price, Layer::Volume] {
            chart.add(layer, 0);
        }
        chart.arrange(plan, settings);
        Ok(chart)
    }

    /// Shows these panes and lines.
    pub(crate) fn arrange(&mut self, plan: Plan, settings: &Settings) {
        if self.plan != plan {
            let before = std::mem::replace(&mut self.plan, plan);
            let movable = |l: &Layer| !matches!(l, Layer::Price | Layer::Volume);
            for layer in all(&before).into_iter().filter(movable) {
                self.drop_layer(layer);
            }
            if before.style != self.plan.style {
                self.drop_layer(Layer::Price);
                self.add(Layer::Price, 0);
            }
            for (index, pane) in self.plan.panes.clone().into_iter().enumerate() {
                let mut of_pane = all(&self.plan);
                of_pane.retain(|l| l.pane() == Some(pane));
                if self.plan.folded.contains(&pane) {
                    // One empty series holds the place.
                    of_pane.truncate(1);
                }
                of_pane.into_iter().for_each(|layer| self.add(layer, index + 1));
            }
            (0..self.plan.lines.len().min(Layer::LINES)).for_each(|n| self.add(Layer::Line(n), 0));
        }
        self.set_heights(settings);
    }

    /// Shares the height among the panes; the folded ones have their header's.
    pub(crate) fn set_heights(&self, settings: &Settings) {
        let (rects, _) = self.js.pane_rects();
        let height: f64 = rects.iter().map(|(_, height)| height).sum();
        let panes = || std::iter::once(Pane::Price).chain(self.plan.panes.iter().copied());
        let folded = |pane: &Pane| self.plan.folded.contains(pane);
        let share = |pane: Pane| if pane == Pane::Price { 1.0 } else { settings.pane_height(pane) };
        let open: f64 = panes().filter(|p| !folded(p)).map(share).sum();
        let count = panes().filter(folded).count() as f64;
        let header = FOLDED_PX * open / (height - FOLDED_PX * count).max(FOLDED_PX);
        let factors: Vec<f64> = panes().map(|p| if folded(&p) { header } else { share(p) }).collect();
        self.js.set_stretch(&factors);
    }

    /// Whether a folded pane has another height than its header.
    pub(crate) fn misfolded(&self, heights: impl Iterator<Item = f64>) -> bool {
        let panes = std::iter::once(Pane::Price).chain(self.plan.panes.iter().copied());
        panes
            .zip(heights)
            .any(|(p, height)| self.plan.folded.contains(&p) && (height - FOLDED_PX).abs() > 2.0)
    }

    /// Reads the tokens anew after the theme changed.
    pub(crate) fn restyle(&mut self) {
        self.js.restyle();
        self.js.reline();
        for layer in self.shown_layers() {
            // Rows carry their colours.
            self.changed(layer, Ms(i64::MIN));
        }
        let mark = std::mem::take(&mut self.mark);
        self.set_watermark(&mark);
    }

    /// The clock of the axis; from days on, bars are of UTC days whatever the clock.
    pub(crate) fn set_zone(&mut self, zone: Zone, timeframe: Timeframe) {
        self.zone = zone;
        let intraday = timeframe < Timeframe::D1;
        self.js.show_times(intraday, intraday && zone == Zone::Local);
    }

    pub(crate) fn set_watermark(&mut self, text: &str) {
        if self.mark != text {
            self.js.watermark(text);
            self.mark = text.to_owned();
        }
    }

    /// Price axis and labels by tick size; intraday axes show the time.
    pub(crate) fn set_instrument(&mut self, tick_size: f64) {
        self.tick_size = tick_size;
        for layer in self.shown_layers().into_iter().filter(|l| in_price(*l)) {
            self.set_price_format(layer);
        }
    }

    fn set_price_format(&mut self, layer: Layer) {
        let decimals = format::decimals_of(self.tick_size);
        let step = if self.tick_size > 0.0 { self.tick_size } else { 0.01 };
        self.js.set_format(layer.index(), step, move |v| format::price(v, decimals));
    }

    pub(crate) fn js(&mut self) -> &mut JsChart {
        &mut self.js
    }

    pub(crate) fn visible_cell(&self) -> Rc<Cell<Option<(f64, f64)>>> {
        self.visible.clone()
    }

    /// Rows of a layer from the bar at or after `since` on have changed.
    pub(crate) fn changed(&mut self, layer: Layer, since: Ms) {
        if !self.shows(layer) {
            return;
        }
        let state = &mut self.layers[layer.index()];
        state.since = Some(state.since.map_or(since, |s| s.min(since)));
        self.turns.mark(layer.index());
    }

    /// The stretch of bars the library holds.
    pub(crate) fn held(&self, market: &Market, timeframe: Timeframe) -> Option<(usize, usize)> {
        let held = self.held?;
        let bars = market.bars(timeframe);
        Some((bars.lower(held.first), bars.lower(held.last) + 1))
    }

    /// Darkens the bars of holes, and dims those outside of a chosen stretch: its first and last bar.
    pub(crate) fn shade(&mut self, shades: &[Shade], chosen: Option<(Ms, Ms)>) {
        let flat = |s: &Shade| [layers::seconds(s.first), layers::seconds(s.last), f64::from(s.state as u8)];
        let mut flat: Vec<f64> = shades.iter().flat_map(flat).collect();
        flat.extend(chosen.iter().flat_map(|(a, b)| [layers::seconds(*a), layers::seconds(*b), CHOSEN]));
        if self.shaded != flat {
            self.js.shade(&flat);
            self.shaded = flat;
        }
    }

    /// Where holes were drawn, as JSON.
    pub(crate) fn bands(&self) -> String {
        self.js.shaded()
    }

    /// Drawn anew for what is in view and half as much on both sides; without `anew` only where the view left what they
    /// were made for. Answers whether they were made.
    pub(crate) fn mark(&mut self, market: &Market, timeframe: Timeframe, show: Drawn, anew: bool) -> bool {
        let Some((start, end)) = self.held(market, timeframe) else { return false };
        let Some(visible) = self.visible(market, timeframe) else { return false };
        let bars = market.bars(timeframe);
        let half = (visible.to - visible.from) / 2.0;
        let index = |at: f64| (at.max(0.0) as usize).clamp(start, end);
        let at = |i: usize| bars.get(i).map(|b| b.timestamp);
        let (from, to) = (index(visible.from), index(visible.to + 1.0));
        let covered = self.marked.is_some_and(|(first, last)| {
            at(from).is_none_or(|t| first <= t) && to.checked_sub(1).and_then(at).is_none_or(|t| t <= last)
        });
        if covered && !anew {
            return false;
        }
        let range = (index(visible.from - half), index(visible.to + half));
        self.marked = at(range.0).zip(range.1.checked_sub(1).and_then(at));
        let flat = marks(market, timeframe, range, show.signals, show.liquidations);
        if self.marks != flat {
            self.js.set_marks(&flat);
            self.marks = flat;
        }
        true
    }

    /// What is marked: time in seconds, kind and size of each.
    pub(crate) fn marks(&self) -> &[f64] {
        &self.marks
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.turns.is_idle()
    }

    /// What is visible in history indices; `None` before the first paint.
    pub(crate) fn visible(&self, market: &Market, timeframe: Timeframe) -> Option<Visible> {
        let start = market.bars(timeframe).lower(self.held?.first) as f64;
        let (from, to) = self.visible.get().or_else(|| self.js.visible())?;
        Some(Visible { from: from + start, to: to + start })
    }

    /// Times of the first and last visible bar.
    pub(crate) fn visible_times(&self, market: &Market, timeframe: Timeframe) -> Option<(Ms, Ms)> {
        let visible = self.visible(market, timeframe)?;
        let bars = market.bars(timeframe);
        let last = bars.len().checked_sub(1)?;
        let index = |at: f64| (at.max(0.0) as usize).min(last);
        let (from, to) = (bars.get(index(visible.from.ceil()))?, bars.get(index(visible.to.floor()))?);
        Some((from.timestamp, to.timestamp))
    }

    /// Paints what is due. Cheap when nothing is.
    pub(crate) fn flush(&mut self, market: &Market, timeframe: Timeframe) {
        let bars = market.bars(timeframe);
        let Some(held) = self.held else {
            if !bars.is_empty() {
                self.reload(market, timeframe, Aim::Newest);
            }
            return;
        };
        let (start, end) = (bars.lower(held.first), bars.lower(held.last) + 1);
        let intact = bars.find(held.first).is_some() && end.saturating_sub(start) == held.count;
        if !intact {
            // A hole was filled in the middle, or the far end left the store.
            self.reload(market, timeframe, Aim::Keep);
            return;
        }
        let window = Window { start, end: if held.to_end { bars.len() } else { end } };
        if let Some(visible) = self.visible(market, timeframe)
            && let Some(better) = window.moved(bars.len(), visible)
        {
            self.set_window(market, timeframe, better, Some(visible));
            return;
        }
        for _ in 0..SERIES_PER_FRAME {
            let Some(id) = self.turns.take() else { break };
            if let Some(layer) = self.shown_layers().into_iter().find(|l| l.index() == id) {
                self.paint(layer, market, timeframe, window);
            }
        }
        if let Some(last) = bars.get(window.end.saturating_sub(1)) {
            self.held = Some(Held { last: last.timestamp, count: window.len(), ..held });
        }
    }

    /// Replaces all rows, as after another symbol or timeframe was chosen.
    pub(crate) fn reload(&mut self, market: &Market, timeframe: Timeframe, aim: Aim) {
        let bars = market.bars(timeframe);
        let (width, span) = self.view_size();
        self.set_zone(self.zone, timeframe);
        let newest = |span: f64| {
            let to = bars.len() as f64 - 1.0 + RIGHT_BARS;
            Visible { from: to - span, to }
        };
        let fresh = (width / BAR_PX).clamp(20.0, 600.0);
        let visible = match aim {
            Aim::Newest => newest(fresh),
            Aim::Zoom(bars) => newest(bars),
            Aim::Keep => self.visible(market, timeframe).unwrap_or(newest(fresh)),
            Aim::EndAt(at) => {
                let to = bars.lower(at) as f64;
                Visible { from: to - span.unwrap_or(fresh), to }
            }
            Aim::Between(from, to) => {
                let (from, to) = (bars.lower(from) as f64, bars.lower(to) as f64);
                Visible { from: from - 0.5, to: to.max(from + 10.0) - 0.5 }
            }
        };
        self.set_window(market, timeframe, Window::around(bars.len(), Some(visible)), Some(visible));
    }

    /// Shows the bars between two instants, of those held or soon to be; following, up to the newest.
    pub(crate) fn show_times(
        &mut self,
        market: &Market,
        timeframe: Timeframe,
        from: Ms,
        to: Ms,
        follows: bool,
    ) {
        let bars = market.bars(timeframe);
        let Some(start) = self.held.map(|held| bars.lower(held.first) as f64) else { return };
        let end = if follows { bars.len() as f64 - 1.0 + RIGHT_BARS } else { bars.lower(to) as f64 };
        let from = (bars.lower(from) as f64).min(end - 5.0);
        self.js.show(from - start, end - start);
        self.visible.set(Some((from - start, end - start)));
    }

    /// Forgets all rows, as before another symbol's arrive.
    pub(crate) fn clear(&mut self) {
        for layer in self.shown_layers() {
            self.js.set_rows(layer.index(), layer.stride(), &[]);
        }
        self.js.set_marks(&[]);
        (self.marked, self.marks) = (None, Vec::new());
        self.held = None;
        self.layers = [LayerState::default(); Layer::COUNT];
        self.turns = Turns::default();
    }

    pub(crate) fn shown_layers(&self) -> Vec<Layer> {
        let mut layers = all(&self.plan);
        layers.retain(|l| self.shows(*l));
        layers
    }

    fn shows(&self, layer: Layer) -> bool {
        let (plan, tracks) = (&self.plan, self.plan.hues.len());
        layer.pane().is_none_or(|pane| plan.panes.contains(&pane) && !plan.folded.contains(&pane))
            && layer.track().is_none_or(|n| n < tracks.min(Layer::SLOTS))
            && !matches!(layer, Layer::Line(n) if n >= plan.lines.len())
            && (tracks > 1 || !matches!(layer, Layer::OiOf(_)))
    }

    fn drop_layer(&mut self, layer: Layer) {
        self.js.remove(layer.index());
        self.turns.clear(layer.index());
        self.layers[layer.index()] = LayerState::default();
    }

    /// Adds a series and asks for its rows.
    fn add(&mut self, layer: Layer, pane: usize) {
        let (look, hue) = match layer {
            Layer::Price => (self.plan.style.look(), 0),
            Layer::Line(n) => line_look(self.plan.lines.get(n).copied().unwrap_or_default()),
            Layer::Macd(0) => ("study", LINE_HUES[1]),
            _ => {
                let hue = layer.track().and_then(|n| self.plan.hues.get(n));
                (layer.look(), hue.copied().unwrap_or_default())
            }
        };
        self.js.add(layer.index(), look, hue, pane);
        if layer == Layer::Price {
            self.js.reline();
        }
        let (top, bottom) = match layer {
            Layer::Price | Layer::Line(_) => (0.12, 0.22),
            Layer::Volume => (0.82, 0.0),
            // The header line stands in the upper part.
            _ => (0.28, 0.1),
        };
        self.js.scale_margins(layer.index(), top, bottom);
        match layer {
            _ if in_price(layer) => self.set_price_format(layer),
            Layer::Funding(_) | Layer::Settled(_) => {
                self.js.set_format(layer.index(), 0.000_01, |v| format::price(v, 5));
            }
            // There is nothing beyond, whatever room the axis leaves.
            Layer::Rsi => self.js.set_format(layer.index(), 0.01, |v| match v {
                0.0..=100.0 => format::price(v, 2),
                _ => String::new(),
            }),
            Layer::Spread => self.js.set_format(layer.index(), 0.001, |v| format::price(v, 3)),
            // Both sides count up from the middle.
            Layer::LiqLong | Layer::LiqShort => {
                self.js.set_format(layer.index(), 0.01, |v| format::axis(v.abs()));
            }
            _ => self.js.set_format(layer.index(), 0.001, format::axis),
        }
        self.changed(layer, Ms(i64::MIN));
    }

    /// Plot width in px and visible bars; the latter `None` before anything was drawn.
    fn view_size(&self) -> (f64, Option<f64>) {
        let (_, width) = self.js.pane_rects();
        (width, self.visible.get().map(|(from, to)| to - from))
    }

    fn set_window(
        &mut self,
        market: &Market,
        timeframe: Timeframe,
        window: Window,
        visible: Option<Visible>,
    ) {
        let bars = market.bars(timeframe);
        for layer in self.shown_layers() {
            let rows = layer.rows(market, timeframe, window.start, window.end);
            self.js.set_rows(layer.index(), layer.stride(), &rows);
            let last = bars.get(window.end.saturating_sub(1)).map(|b| b.timestamp);
            self.layers[layer.index()] = LayerState { since: None, last };
            self.turns.clear(layer.index());
        }
        self.held = bars.get(window.start).zip(bars.get(window.end.saturating_sub(1))).map(|(a, b)| Held {
            first: a.timestamp,
            last: b.timestamp,
            count: window.len(),
            to_end: window.end == bars.len(),
        });
        if let (Some(v), false) = (visible, window.is_empty()) {
            let start = window.start as f64;
            self.js.show(v.from - start, v.to - start);
            // The library moves with its next paint and reports then; until then this is what will be visible.
            self.visible.set(Some((v.from - start, v.to - start)));
        }
    }

    fn paint(&mut self, layer: Layer, market: &Market, timeframe: Timeframe, window: Window) {
        let bars = market.bars(timeframe);
        let id = layer.index();
        let state = self.layers[id];
        let next = state.last.map_or(window.start, |last| bars.lower(last));
        let since = state.since.map_or(next, |at| bars.lower(at)).clamp(window.start, window.end);
        // Bars appended meanwhile are painted along, so that no layer skips one.
        let from = since.min(next.max(window.start));
        let rewrites = next.saturating_sub(from);
        let stride = layer.stride();
        let whole = state.last.is_none()
            || (rewrites > 0 && (layer != Layer::Price || rewrites > MAX_REWRITES))
            || window.end.saturating_sub(next) > 2 * MAX_REWRITES;
        let done = if whole {
            Err(JsValue::NULL)
        } else {
            let rows = layer.rows(market, timeframe, from, window.end);
            let (old, new) = rows.split_at((rewrites * stride).min(rows.len()));
            self.js.update(id, stride, old, true).and_then(|()| self.js.update(id, stride, new, false))
        };
        if done.is_err() {
            let rows = layer.rows(market, timeframe, window.start, window.end);
            self.js.set_rows(id, stride, &rows);
        }
        let last = bars.get(window.end.saturating_sub(1)).map(|b| b.timestamp);
        self.layers[id] = LayerState { since: None, last };
    }
}

/// Hues of indicators over the price, in turn.
const LINE_HUES: [usize; 6] = [1, 4, 0, 3, 2, 7];

/// The hue of the nth indicator over the price.
pub(crate) fn line_hue(nth: usize) -> usize {
    LINE_HUES.get(nth % LINE_HUES.len()).copied().unwrap_or_default()
}

/// Of bands the middle is dashed; they are the only ones with more than one line.
fn line_look((nth, line): (usize, usize)) -> (&'static str, usize) {
    ("study", line_hue(nth) + if line == 1 { Track::HUES } else { 0 })
}

/// All layers there are in a plan, folded ones included.
fn all(plan: &Plan) -> Vec<Layer> {
    Layer::all(plan.hues.len(), plan.lines.len())
}

/// Numbers of it are prices of the instrument.
const fn in_price(layer: Layer) -> bool {
    matches!(layer, Layer::Price | Layer::Line(_) | Layer::Macd(_))
}

/// The bar under the crosshair of chart seconds, if any.
pub(crate) fn crosshair_time(seconds: f64) -> Option<Ms> {
    seconds.is_finite().then(|| layers::from_seconds(seconds))
}
