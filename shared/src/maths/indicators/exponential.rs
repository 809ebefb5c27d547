//! Exponential means: EMA and MACD.

use super::name::Period;
use super::{finite, or_nan};

/// `mean <- (1 - alpha) * mean + alpha * value`, begun with the first value. A missing value (NaN) leaves the
/// mean as it is, but what it stands on counts for less when the next value comes.
#[derive(Clone, Debug)]
pub(super) struct Mean {
    alpha: f64,
    decay: f64,
    /// NaN until the first value.
    mean: f64,
    /// Weight of the mean beside the next value: `decay` once per step since the last one.
    weight: f64,
    /// Values still to come before anything is said.
    lacking: u32,
}

impl Mean {
    /// With `alpha = 1 / (1 + centre)`; silent before `least` values.
    fn new(centre: f64, least: Period) -> Mean {
        let alpha = 1.0 / (1.0 + centre);
        let decay = 1.0 - alpha;
        Mean { alpha, decay, mean: f64::NAN, weight: decay, lacking: least.bars() }
    }

    /// `alpha = 2 / (period + 1)`.
    pub(super) fn span(period: Period) -> Mean {
        Mean::new((f64::from(period.bars()) - 1.0) / 2.0, period)
    }

    /// `alpha = 1 / period`, as Wilder smooths.
    pub(super) fn wilder(period: Period) -> Mean {
        // By way of the centre of mass: rounded as in `ta`.
        let alpha = 1.0 / f64::from(period.bars());
        Mean::new((1.0 - alpha) / alpha, period)
    }

    /// NaN is a missing value. `None` before enough values came.
    #[inline]
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        if value.is_nan() {
            self.weight *= self.decay;
        } else {
            // One that stands still is left alone, lest rounding move it.
            if self.mean.is_nan() {
                self.mean = value;
            } else if self.mean != value {
                self.mean = self.weight * self.mean + self.alpha * value;
                // `decay + alpha` is 1 to the bit: only behind missing values is there something to divide by.
                if self.weight != self.decay {
                    self.mean /= self.weight + self.alpha;
                }
            }
            self.weight = self.decay;
            self.lacking = self.lacking.saturating_sub(1);
        }
        (self.lacking == 0).then_some(self.mean)
    }
}

/// Exponential moving average of the closes, `alpha = 2 / (period + 1)`.
#[derive(Clone, Debug)]
pub struct Ema(Mean);

impl Ema {
    pub fn new(period: Period) -> Ema {
        Ema(Mean::span(period))
    }

    /// `None` before as many closes as the period.
    #[inline]
    pub fn push(&mut self, close: f64) -> Option<f64> {
        self.0.push(finite(close))
    }

    /// Its values over `closes`, NaN where there is none.
    pub fn over(period: Period, closes: &[f64]) -> Vec<f64> {
        let mut ema = Ema::new(period);
        closes.iter().map(|close| or_nan(ema.push(*close))).collect()
    }
}

/// Moving average convergence divergence.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Mean,
    slow: Mean,
    signal: Mean,
}

/// Values of [`Macd`], in price units; the line comes first, the others when enough of it is known.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct MacdValue {
    /// Fast less slow EMA.
    pub line: Option<f64>,
    /// EMA of the line.
    pub signal: Option<f64>,
    /// Line less signal.
    pub histogram: Option<f64>,
}

impl Macd {
    pub fn new(fast: Period, slow: Period, signal: Period) -> Macd {
        Macd { fast: Mean::span(fast), slow: Mean::span(slow), signal: Mean::span(signal) }
    }

    pub fn push(&mut self, close: f64) -> MacdValue {
        let close = finite(close);
        let (fast, slow) = (self.fast.push(close), self.slow.push(close));
        let line = fast.zip(slow).map(|(fast, slow)| fast - slow);
        let signal = self.signal.push(or_nan(line));
        MacdValue { line, signal, histogram: line.zip(signal).map(|(line, signal)| line - signal) }
    }

    /// Line, signal and histogram over `closes`, NaN where there is none.
    pub fn over(periods: (Period, Period, Period), closes: &[f64]) -> [Vec<f64>; 3] {
        let mut macd = Macd::new(periods.0, periods.1, periods.2);
        let mut columns = [(); 3].map(|()| Vec::with_capacity(closes.len()));
        for close in closes {
            let value = macd.push(*close);
            for (column, value) in columns.iter_mut().zip([value.line, value.signal, value.histogram]) {
                column.push(or_nan(value));
            }
        }
        columns
    }
}
