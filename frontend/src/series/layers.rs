//! What each layer of the chart draws: flat rows of numbers, one per bar of the shown timeframe.
//!
//! Every layer has a row for every bar and no other instant: the chart's time axis is the union of the times of
//! all its series, so one point off the grid would open an empty slot in all of them.

use shared::event::{Bar, Funding, FundingKind, LiquidationSide};
use shared::market::{Ms, Timeframe};

use super::Market;
use crate::settings::Pane;

/// One series in the chart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    Price,
    Volume,
    Oi,
    Funding,
    Cvd,
    LiqLong,
    LiqShort,
}

/// Palette entries of layers whose rows are coloured one by one.
const UP: f64 = 0.0;
const DOWN: f64 = 1.0;
/// The series' own colour.
const PLAIN: f64 = -1.0;

impl Layer {
    pub const ALL: [Layer; 7] =
        [Layer::Price, Layer::Volume, Layer::Oi, Layer::Funding, Layer::Cvd, Layer::LiqLong, Layer::LiqShort];

    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name under which `deck.js` says how it is drawn.
    pub const fn look(self) -> &'static str {
        match self {
            Layer::Price => "price",
            Layer::Volume => "volume",
            Layer::Oi => "oi",
            Layer::Funding => "funding",
            Layer::Cvd => "cvd",
            Layer::LiqLong => "liq_long",
            Layer::LiqShort => "liq_short",
        }
    }

    /// The pane under the price it stands in; `None` is the price pane.
    pub const fn pane(self) -> Option<Pane> {
        match self {
            Layer::Price | Layer::Volume => None,
            Layer::Oi => Some(Pane::Oi),
            Layer::Funding => Some(Pane::Funding),
            Layer::Cvd => Some(Pane::Cvd),
            Layer::LiqLong | Layer::LiqShort => Some(Pane::Liq),
        }
    }

    /// Numbers in one row: candles have 5 (time, open, high, low, close), the others 3 (time, value, colour).
    pub const fn stride(self) -> usize {
        match self {
            Layer::Price => 5,
            _ => 3,
        }
    }

    /// Rows for the bars `[from, to)` of a timeframe, times in seconds; NaN where there is nothing to draw.
    pub fn rows(self, market: &Market, timeframe: Timeframe, from: usize, to: usize) -> Vec<f64> {
        let bars = market.bars(timeframe);
        let to = to.min(bars.len());
        let mut flat = Vec::with_capacity(to.saturating_sub(from) * self.stride());
        for index in from..to {
            let Some(bar) = bars.get(index) else { break };
            let time = seconds(bar.timestamp);
            if self == Layer::Price {
                flat.extend([time, bar.open, bar.high, bar.low, bar.close]);
                continue;
            }
            let colour = match self {
                Layer::Volume if bar.close < bar.open => DOWN,
                Layer::Volume => UP,
                _ => PLAIN,
            };
            let value = self.value(market, bar).unwrap_or(f64::NAN);
            flat.extend([time, value, colour]);
        }
        flat
    }

    /// What it shows in the bucket of a bar; `None` where nothing is known there.
    pub fn value(self, market: &Market, bar: &Bar) -> Option<f64> {
        let (open, end) = (bar.timestamp, market.calendar().next(bar.interval, bar.timestamp));
        match self {
            Layer::Price => Some(bar.close),
            Layer::Volume => Some(bar.volume),
            Layer::Oi => market.oi().range(open, end).next_back().map(|p| p.open_interest),
            Layer::Funding => {
                // A forecast is the running value; a payment stands in where no forecast was recorded.
                let points = || market.funding().range(open, end).rev();
                let forecast = points().find(|p| p.kind == FundingKind::Predicted);
                per_8h_percent(forecast.or_else(|| points().next())?)
            }
            Layer::Cvd => bar.cvd,
            Layer::LiqLong => liquidated(market, LiquidationSide::Long, open, end).map(|v| -v),
            Layer::LiqShort => liquidated(market, LiquidationSide::Short, open, end),
        }
    }
}

/// Chart seconds of an instant; the only place that leaves milliseconds.
pub fn seconds(at: Ms) -> f64 {
    at.0 as f64 / 1_000.0
}

/// The instant of chart seconds.
pub fn from_seconds(seconds: f64) -> Ms {
    Ms((seconds * 1_000.0).round() as i64)
}

/// Funding in percent on the common 8 h basis; `None` where the interval is unknown.
pub fn per_8h_percent(point: &Funding) -> Option<f64> {
    point.interval_hours.map(|hours| point.funding_rate / hours * 8.0 * 100.0)
}

fn liquidated(market: &Market, side: LiquidationSide, from: Ms, to: Ms) -> Option<f64> {
    let mut hits = market.liquidations().range(from, to).filter(|l| l.side == side).peekable();
    hits.peek()?;
    Some(hits.map(|l| l.value).sum())
}
