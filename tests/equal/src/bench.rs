//! What is timed in Node: a pass of three indicators over many closes.

use shared::maths::indicators::{Ema, Period, Rsi};

use crate::market::Walk;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::wasm_bindgen;

/// Closes to compute from.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen)]
pub struct Closes(Vec<f64>);

#[cfg_attr(target_arch = "wasm32", wasm_bindgen)]
impl Closes {
    /// So many of a market that wanders.
    #[cfg_attr(target_arch = "wasm32", wasm_bindgen(constructor))]
    pub fn new(count: usize) -> Closes {
        let mut walk = Walk::new(301, 70_000.0);
        Closes((0..count).map(|_| walk.next()).collect())
    }

    /// EMA 20, EMA 50 and RSI 14 in one pass; the answer depends on every value.
    pub fn indicators(&self) -> f64 {
        let [Some(fast), Some(slow), Some(strength)] = [20, 50, 14].map(Period::new) else { return f64::NAN };
        let (mut fast, mut slow, mut strength) = (Ema::new(fast), Ema::new(slow), Rsi::new(strength));
        // Three sums that do not wait for each other.
        let mut sums = [0.0; 3];
        for close in &self.0 {
            let values = [fast.push(*close), slow.push(*close), strength.push(*close)];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value.unwrap_or(0.0);
            }
        }
        sums.into_iter().sum()
    }
}
