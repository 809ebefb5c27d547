//! Which series a chart has, in which pane, and how high the panes are.

use shared::market::Ms;

use super::{Chart, LayerState};
use crate::format;
use crate::series::{Layer, Track};
use crate::settings::{Pane, PriceStyle, Settings};

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

impl Chart {
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

    pub(super) fn set_price_format(&mut self, layer: Layer) {
        let decimals = format::decimals_of(self.tick_size);
        let step = if self.tick_size > 0.0 { self.tick_size } else { 0.01 };
        self.js.set_format(layer.index(), step, move |v| format::price(v, decimals));
    }

    pub(crate) fn shown_layers(&self) -> Vec<Layer> {
        let mut layers = all(&self.plan);
        layers.retain(|l| self.shows(*l));
        layers
    }

    pub(super) fn shows(&self, layer: Layer) -> bool {
        let (plan, tracks) = (&self.plan, self.plan.hues.len());
        layer.pane().is_none_or(|pane| plan.panes.contains(&pane) && !plan.folded.contains(&pane))
            && layer.track().is_none_or(|n| n < tracks.min(Layer::SLOTS))
            && !matches!(layer, Layer::Line(n) if n >= plan.lines.len())
            && (tracks > 1 || !matches!(layer, Layer::OiOf(_)))
    }

    pub(super) fn drop_layer(&mut self, layer: Layer) {
        self.js.remove(layer.index());
        self.turns.clear(layer.index());
        self.layers[layer.index()] = LayerState::default();
    }

    /// Adds a series and asks for its rows.
    pub(super) fn add(&mut self, layer: Layer, pane: usize) {
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
pub(super) const fn in_price(layer: Layer) -> bool {
    matches!(layer, Layer::Price | Layer::Line(_) | Layer::Macd(_))
}
