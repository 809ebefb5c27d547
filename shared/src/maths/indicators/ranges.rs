//! Indicators of whole bars: ATR and VWAP.

use super::name::Period;
use super::or_nan;
use crate::event::Bar;
use crate::market::Ms;

/// Wilder's average true range, in price units: a plain mean of the first true ranges, smoothed from there on.
#[derive(Clone, Debug)]
pub struct Atr {
    period: f64,
    /// True ranges so far, up to the period.
    seen: f64,
    /// Their sum until the period is full, then the average.
    value: f64,
    last: Option<f64>,
}

impl Atr {
    pub fn new(period: Period) -> Atr {
        Atr { period: f64::from(period.bars()), seen: 0.0, value: 0.0, last: None }
    }

    /// `None` before as many bars as the period. A bar with a price that is no finite number is passed over.
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        if [high, low, close].into_iter().all(f64::is_finite) {
            let span = high - low;
            let range = self.last.map_or(span, |last| span.max((high - last).abs()).max((low - last).abs()));
            self.last = Some(close);
            if self.seen < self.period {
                self.seen += 1.0;
                self.value += range;
                if self.seen == self.period {
                    self.value /= self.period;
                }
            } else {
                self.value = (self.value * (self.period - 1.0) + range) / self.period;
            }
        }
        (self.seen == self.period).then_some(self.value)
    }

    /// Its values over `bars` (ascending), NaN where there is none.
    pub fn over(period: Period, bars: &[Bar]) -> Vec<f64> {
        let mut atr = Atr::new(period);
        bars.iter().map(|bar| or_nan(atr.push(bar.high, bar.low, bar.close))).collect()
    }
}

/// Volume-weighted average price since 00:00 UTC, of the bars' typical prices `(high + low + close) / 3`. A bar
/// belongs to the day it opens in.
#[derive(Clone, Debug, Default)]
pub struct Vwap {
    day: Option<Ms>,
    turnover: f64,
    volume: f64,
}

impl Vwap {
    /// `None` before the first volume of the day. A bar with a number that is not finite is passed over.
    pub fn push(&mut self, bar: &Bar) -> Option<f64> {
        let day = bar.timestamp.floor(Ms::DAY);
        if self.day != Some(day) {
            *self = Vwap { day: Some(day), turnover: 0.0, volume: 0.0 };
        }
        let turnover = (bar.high + bar.low + bar.close) / 3.0 * bar.volume;
        if turnover.is_finite() {
            self.turnover += turnover;
            self.volume += bar.volume;
        }
        (self.volume > 0.0).then(|| self.turnover / self.volume)
    }

    /// Its values over `bars` (ascending), NaN where there is none.
    pub fn over(bars: &[Bar]) -> Vec<f64> {
        let mut vwap = Vwap::default();
        bars.iter().map(|bar| or_nan(vwap.push(bar))).collect()
    }
}
