//! What a person does to the chart: horizontal lines, the crosshair by keys, the view, the price scale.

use shared::market::{Ms, Timeframe};

use super::Chart;
use crate::series::{Market, Visible, Window};
use crate::settings::Scale;

/// Bars shown at least and at most when zooming by keys.
const ZOOM: (f64, f64) = (10.0, 4_000.0);

impl Chart {
    /// Draws a horizontal line under a key, or moves the one that has it. `title` stands at its label; `look` names
    /// the token of its colour. Lines stay until they are removed, also when another symbol is opened.
    pub(crate) fn set_line(&self, key: &str, price: f64, title: &str, look: &str) {
        self.js.set_line(key, price, title, look);
    }

    pub(crate) fn remove_line(&self, key: &str) {
        self.js.remove_line(key);
    }

    /// Removes all lines whose keys begin so.
    pub(crate) fn remove_lines(&self, begin: &str) {
        self.js.remove_lines(begin);
    }

    /// Calls back with key and price of a line that was dragged, once it is let go.
    pub(crate) fn on_line(&mut self, moved: impl FnMut(String, f64) + 'static) {
        self.js.on_line(moved);
    }

    /// The key of the line near a price, as far as a finger reaches.
    pub(crate) fn near_line(&self, price: f64) -> Option<String> {
        self.js.near_line(price)
    }

    /// The price under the pointer, in the price pane.
    pub(crate) fn pointer_price(&self) -> Option<f64> {
        Some(self.js.pointer_price()).filter(|p| p.is_finite())
    }

    /// Puts the crosshair on a bar at a price; none takes it away.
    pub(crate) fn move_crosshair(&self, at: Option<(Ms, f64)>) {
        self.js.crosshair(at);
    }

    pub(crate) fn set_scale(&self, scale: Scale) {
        self.js.set_scale(scale.mode as u8, scale.inverted);
    }

    /// The chart under a line of words, as a PNG: a promise of a `Blob`.
    pub(crate) fn portrait(&self, words: &str) -> js_sys::Promise {
        self.js.portrait(words)
    }

    /// Shows this stretch of the history.
    pub(crate) fn look(&mut self, market: &Market, timeframe: Timeframe, visible: Visible) {
        let len = market.bars(timeframe).len();
        let Some((start, end)) = self.held(market, timeframe) else { return };
        if visible.from < start as f64 && start > 0 || visible.to > end as f64 && end < len {
            self.set_window(market, timeframe, Window::around(len, Some(visible)), Some(visible));
            return;
        }
        let (from, to) = (visible.from - start as f64, visible.to - start as f64);
        self.js.show(from, to);
        self.visible.set(Some((from, to)));
    }

    /// Brings a bar into view, if it is not.
    pub(crate) fn reveal(&mut self, market: &Market, timeframe: Timeframe, index: usize) {
        let Some(now) = self.visible(market, timeframe) else { return };
        let (at, edge) = (index as f64, 2.0_f64.min((now.to - now.from) / 4.0));
        let by = if at < now.from + edge {
            at - edge - now.from
        } else if at > now.to - edge {
            at + edge - now.to
        } else {
            return;
        };
        self.look(market, timeframe, Visible { from: now.from + by, to: now.to + by });
    }

    /// Shows `factor` times as many bars around `index`, or around the newest in view.
    pub(crate) fn zoom(&mut self, market: &Market, timeframe: Timeframe, factor: f64, index: Option<usize>) {
        let Some(now) = self.visible(market, timeframe) else { return };
        let newest = market.bars(timeframe).len() as f64 - 1.0;
        let fixed = index.map_or(now.to.min(newest), |i| i as f64).min(now.to).max(now.from);
        let span = now.to - now.from;
        let factor = (span * factor).clamp(ZOOM.0, ZOOM.1) / span;
        let visible =
            Visible { from: fixed - (fixed - now.from) * factor, to: fixed + (now.to - fixed) * factor };
        self.look(market, timeframe, visible);
    }
}
