//! Rows into the library: a window of the history, a little each frame.

use shared::market::{Ms, Timeframe};
use wasm_bindgen::JsValue;

use super::{Aim, Chart, Held, LayerState};
use crate::series::{Layer, Market, Visible, Window};

/// Changed series painted at once; the rest wait for the next paint.
const SERIES_PER_FRAME: usize = 5;
/// Older candles rewritten one by one; beyond this the whole series is set.
const MAX_REWRITES: usize = 16;
/// Empty bars kept right of the newest.
const RIGHT_BARS: f64 = 6.0;
/// CSS px per bar of a fresh view.
const BAR_PX: f64 = 6.0;

impl Chart {
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

    /// Plot width in px and visible bars; the latter `None` before anything was drawn.
    fn view_size(&self) -> (f64, Option<f64>) {
        let (_, width) = self.js.pane_rects();
        (width, self.visible.get().map(|(from, to)| to - from))
    }

    pub(super) fn set_window(
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
