//! Relative strength index.

use super::exponential::Mean;
use super::name::Period;
use super::{finite, or_nan};

/// Wilder's relative strength index of the closes, 0 to 100; 100 where nothing was ever lost.
#[derive(Clone, Debug)]
pub struct Rsi {
    gain: Mean,
    loss: Mean,
    /// NaN before the first close and behind a missing one.
    last: f64,
}

impl Rsi {
    pub fn new(period: Period) -> Rsi {
        Rsi { gain: Mean::wilder(period), loss: Mean::wilder(period), last: f64::NAN }
    }

    /// `None` before as many closes as the period. The first close counts as no change, and so does a change from
    /// or to a missing one.
    #[inline]
    pub fn push(&mut self, close: f64) -> Option<f64> {
        let close = finite(close);
        let change = close - self.last;
        self.last = close;
        let change = if change.is_nan() { 0.0 } else { change };
        // Exact, and without a branch that is taken at random.
        let gain = self.gain.push((change.abs() + change) * 0.5);
        let loss = self.loss.push((change.abs() - change) * 0.5);
        let (gain, loss) = gain.zip(loss)?;
        Some(if loss == 0.0 { 100.0 } else { 100.0 - 100.0 / (1.0 + gain / loss) })
    }

    /// Its values over `closes`, NaN where there is none.
    pub fn over(period: Period, closes: &[f64]) -> Vec<f64> {
        let mut rsi = Rsi::new(period);
        closes.iter().map(|close| or_nan(rsi.push(*close))).collect()
    }
}
