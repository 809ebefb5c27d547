//! The crossing of two averages, unless momentum has run out already.

use super::{Strategy, Verdict, share};
use crate::event::{Action, Bar};
use crate::maths::indicators::{Ema, Period, Rsi};

/// Buys no longer from here on.
const OVERBOUGHT: f64 = 70.0;
/// Sells no longer down from here.
const OVERSOLD: f64 = 30.0;

/// Buys when EMA 20 crosses above EMA 50 with RSI 14 below 70, sells when it crosses below with RSI 14 above 30.
///
/// It crosses above where it is above and was not on the bar before. The confidence is the room RSI has left: 0 at
/// the level that forbids the action, 1 at the other of the two levels and beyond.
#[derive(Clone, Debug)]
pub struct EmaCrossoverRsi {
    fast: Ema,
    slow: Ema,
    strength: Rsi,
    /// Fast less slow on the bar before.
    before: Option<f64>,
}

impl EmaCrossoverRsi {
    pub const ID: &'static str = "ema_crossover_rsi";
}

impl Default for EmaCrossoverRsi {
    fn default() -> EmaCrossoverRsi {
        EmaCrossoverRsi {
            fast: Ema::new(Period::bounded(20)),
            slow: Ema::new(Period::bounded(50)),
            strength: Rsi::new(Period::bounded(14)),
            before: None,
        }
    }
}

impl Strategy for EmaCrossoverRsi {
    fn id(&self) -> &'static str {
        EmaCrossoverRsi::ID
    }

    fn push(&mut self, bar: &Bar) -> Verdict {
        let (fast, slow) = (self.fast.push(bar.close), self.slow.push(bar.close));
        let strength = self.strength.push(bar.close);
        let distance = fast.zip(slow).map(|(fast, slow)| fast - slow);
        let before = std::mem::replace(&mut self.before, distance);
        let (action, room) = match (before, distance, strength) {
            (Some(before), Some(now), Some(rsi)) if before <= 0.0 && now > 0.0 && rsi < OVERBOUGHT => {
                (Some(Action::Buy), OVERBOUGHT - rsi)
            }
            (Some(before), Some(now), Some(rsi)) if before >= 0.0 && now < 0.0 && rsi > OVERSOLD => {
                (Some(Action::Sell), rsi - OVERSOLD)
            }
            _ => (None, 0.0),
        };
        let confidence = share(room / (OVERBOUGHT - OVERSOLD));
        Verdict { action, confidence, inputs: vec![("ema_20", fast), ("ema_50", slow), ("rsi_14", strength)] }
    }
}
