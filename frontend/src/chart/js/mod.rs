//! The only place that touches JavaScript of the chart library: externs in [`raw`], a handle that cleans up here.

mod lines;
mod raw;

use wasm_bindgen::prelude::*;

pub(crate) use lines::{copy_picture, save};
pub(crate) use raw::{Exposed, emit, expose, heat_image};

/// Writes a number on an axis.
type Format = Closure<dyn Fn(f64) -> String>;

/// A chart in an element; removed, with its listeners, on drop.
pub(crate) struct JsChart {
    deck: raw::JsDeck,
    range: Option<Closure<dyn FnMut(f64, f64)>>,
    crosshair: Option<Closure<dyn FnMut(f64, i32)>>,
    layout: Option<Closure<dyn FnMut()>>,
    line: Option<Closure<dyn FnMut(String, f64)>>,
    /// Formatters by series: the library calls them as long as the series lives.
    formats: Vec<Option<Format>>,
}

impl JsChart {
    /// # Errors
    /// When the library did not load.
    pub(crate) fn new(element: &web_sys::Element) -> Result<JsChart, JsValue> {
        let deck = raw::create_deck(element)?;
        Ok(JsChart { deck, range: None, crosshair: None, layout: None, line: None, formats: Vec::new() })
    }

    /// Takes the style sheet's colours anew; rows that carry colours must be set again.
    pub(crate) fn restyle(&self) {
        raw::restyle(&self.deck);
    }

    /// Whether the axis shows the time of day, and by the browser's clock.
    pub(crate) fn show_times(&self, intraday: bool, local: bool) {
        raw::show_times(&self.deck, intraday, local);
    }

    /// Adds a series that looks as `deck.js` says under that name; `hue` tells venues apart.
    pub(crate) fn add(&self, id: usize, look: &str, hue: usize, pane: usize) {
        raw::add_series(&self.deck, id, look, hue, pane);
    }

    pub(crate) fn remove(&mut self, id: usize) {
        raw::remove_series(&self.deck, id);
        if let Some(format) = self.formats.get_mut(id) {
            *format = None;
        }
    }

    /// Numbers on the series' axis; `min_move` is the smallest step it may show.
    pub(crate) fn set_format(&mut self, id: usize, min_move: f64, format: impl Fn(f64) -> String + 'static) {
        let closure = Format::new(format);
        raw::set_format(&self.deck, id, &closure, min_move);
        if self.formats.len() <= id {
            self.formats.resize_with(id + 1, || None);
        }
        if let Some(slot) = self.formats.get_mut(id) {
            *slot = Some(closure);
        }
    }

    pub(crate) fn scale_margins(&self, id: usize, top: f64, bottom: f64) {
        raw::scale_margins(&self.deck, id, top, bottom);
    }

    /// Replaces all rows; ascending, unique times.
    pub(crate) fn set_rows(&self, id: usize, stride: usize, flat: &[f64]) {
        if stride == 5 {
            raw::set_candles(&self.deck, id, flat);
        } else {
            raw::set_points(&self.deck, id, flat);
        }
    }

    /// Replaces the last row or appends; `historical` rewrites rows that exist before the last.
    ///
    /// # Errors
    /// When a row is older than the last and not historical, or historical and absent.
    pub(crate) fn update(
        &self,
        id: usize,
        stride: usize,
        flat: &[f64],
        historical: bool,
    ) -> Result<(), JsValue> {
        if stride == 5 {
            raw::update_candles(&self.deck, id, flat, historical)
        } else {
            raw::update_points(&self.deck, id, flat, historical)
        }
    }

    /// Visible range in indices of the rows held; `None` before there are any.
    pub(crate) fn visible(&self) -> Option<(f64, f64)> {
        match raw::visible_logical(&self.deck).as_slice() {
            [from, to] => Some((*from, *to)),
            _ => None,
        }
    }

    pub(crate) fn show(&self, from: f64, to: f64) {
        raw::show_logical(&self.deck, from, to);
    }

    pub(crate) fn on_range(&mut self, callback: impl FnMut(f64, f64) + 'static) {
        let closure = Closure::<dyn FnMut(f64, f64)>::new(callback);
        raw::on_range(&self.deck, &closure);
        self.range = Some(closure);
    }

    /// Calls back with the chart seconds under the crosshair (NaN: none) and the pane.
    pub(crate) fn on_crosshair(&mut self, callback: impl FnMut(f64, i32) + 'static) {
        let closure = Closure::<dyn FnMut(f64, i32)>::new(callback);
        raw::on_crosshair(&self.deck, &closure);
        self.crosshair = Some(closure);
    }

    /// Puts the crosshair onto a bar at a price, where it stays until the pointer moves, or takes it away;
    /// [`Self::on_crosshair`] is not told.
    pub(crate) fn crosshair(&self, at: Option<(shared::market::Ms, f64)>) {
        let (seconds, price) =
            at.map_or((f64::NAN, 0.0), |(at, price)| (crate::series::layers::seconds(at), price));
        raw::crosshair(&self.deck, seconds, price);
    }

    /// Calls back after a pane or the chart changed its size; call again after panes came or went.
    pub(crate) fn on_layout(&mut self, callback: impl FnMut() + 'static) {
        let closure = Closure::<dyn FnMut()>::new(callback);
        raw::on_layout(&self.deck, &closure);
        self.layout = Some(closure);
    }

    /// Top and height of each pane in CSS px, then the width of the plot.
    pub(crate) fn pane_rects(&self) -> (Vec<(f64, f64)>, f64) {
        let flat = raw::pane_rects(&self.deck);
        let rects = flat.chunks_exact(2).filter_map(|c| Some((*c.first()?, *c.get(1)?))).collect();
        (rects, flat.last().copied().unwrap_or_default())
    }

    pub(crate) fn set_stretch(&self, factors: &[f64]) {
        raw::set_stretch(&self.deck, factors);
    }

    /// Bars to darken: time of the first, of the last, number of the state; again and again.
    pub(crate) fn shade(&self, flat: &[f64]) {
        raw::shade(&self.deck, flat);
    }

    /// The darkened stretches as they were drawn, as JSON.
    pub(crate) fn shaded(&self) -> String {
        raw::shaded(&self.deck)
    }

    /// Marks on the price: time, kind and size of each, ascending.
    pub(crate) fn set_marks(&self, flat: &[f64]) {
        raw::set_marks(&self.deck, flat);
    }

    /// The heat map behind the price; without `times` there is none. `step`: seconds of a bar.
    pub(crate) fn set_heat(&self, times: &[f64], edges: &[f64], pixels: &[u8], step: f64) {
        raw::set_heat(&self.deck, times, edges, pixels, step);
    }

    /// Time and price bin at a place of the chart's element.
    pub(crate) fn heat_at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        match raw::heat_at(&self.deck, x, y).as_slice() {
            [t, p] => Some((*t as usize, *p as usize)),
            _ => None,
        }
    }

    /// Middle of a bin of the heat map in CSS px; `None` where it is out of view.
    pub(crate) fn heat_place(&self, t: usize, p: usize) -> Option<(f64, f64)> {
        match raw::heat_place(&self.deck, t, p).as_slice() {
            [x, y] => Some((*x, *y)),
            _ => None,
        }
    }

    pub(crate) fn watermark(&self, text: &str) {
        raw::watermark(&self.deck, text);
    }

    /// Draws a line under a key or moves it; `look` names the token of its colour.
    pub(crate) fn set_line(&self, key: &str, price: f64, title: &str, look: &str) {
        lines::set_line(&self.deck, key, price, title, look);
    }

    pub(crate) fn remove_line(&self, key: &str) {
        lines::remove_line(&self.deck, key);
    }

    pub(crate) fn remove_lines(&self, begin: &str) {
        lines::remove_lines(&self.deck, begin);
    }

    /// Draws all lines once more, after the price series or the colours changed.
    pub(crate) fn reline(&self) {
        lines::reline(&self.deck);
    }

    /// Calls back with key and price of a line that was dragged.
    pub(crate) fn on_line(&mut self, moved: impl FnMut(String, f64) + 'static) {
        let closure = Closure::<dyn FnMut(String, f64)>::new(moved);
        lines::on_line(&self.deck, &closure);
        self.line = Some(closure);
    }

    /// The price under the pointer; NaN where it is elsewhere.
    pub(crate) fn pointer_price(&self) -> f64 {
        lines::pointer_price(&self.deck)
    }

    /// The key of the line near a price.
    pub(crate) fn near_line(&self, price: f64) -> Option<String> {
        lines::near_line(&self.deck, price)
    }

    /// 0 plain, 1 logarithmic, 2 percent.
    pub(crate) fn set_scale(&self, mode: u8, inverted: bool) {
        lines::set_scale(&self.deck, mode, inverted);
    }

    /// The chart under a line of words, as a PNG: a promise of a `Blob`.
    pub(crate) fn portrait(&self, words: &str) -> js_sys::Promise {
        lines::portrait(&self.deck, words)
    }

    /// The chart as a PNG: a promise of a `Blob`.
    pub(crate) fn picture(&self) -> js_sys::Promise {
        raw::picture(&self.deck)
    }
}

impl Drop for JsChart {
    fn drop(&mut self) {
        raw::remove_deck(&self.deck);
    }
}
