//! The chart: a window of the open market's history, painted a little each frame.
//!
//! [`js`] is the border to the library and says how layers look, [`plan`] which of them there are, [`paint`] gives them
//! their rows; lines by hand are in [`lines`].

pub(crate) mod js;
mod lines;
mod paint;
mod plan;

pub(crate) use plan::{Plan, line_hue};

use std::cell::Cell;
use std::rc::Rc;

use shared::market::{Ms, Timeframe};
use wasm_bindgen::JsValue;

use crate::series::{Layer, Market, Shade, Turns, Visible, layers, marks};
use crate::settings::{Drawn, Settings};
use crate::zone::Zone;

use js::JsChart;
use plan::in_price;

/// The number of a shade that is the stretch a person chose.
const CHOSEN: f64 = 3.0;
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

    /// The clock of the axis, which shows the time intraday; from days on, bars are of UTC days whatever the clock.
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

    /// Price axis and labels by tick size.
    pub(crate) fn set_instrument(&mut self, tick_size: f64) {
        self.tick_size = tick_size;
        for layer in self.shown_layers().into_iter().filter(|l| in_price(*l)) {
            self.set_price_format(layer);
        }
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
}

/// The bar under the crosshair of chart seconds, if any.
pub(crate) fn crosshair_time(seconds: f64) -> Option<Ms> {
    seconds.is_finite().then(|| layers::from_seconds(seconds))
}
