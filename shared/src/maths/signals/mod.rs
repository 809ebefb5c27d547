//! Strategies: machines that take closed bars and say when to buy or sell, how confidently and on what.
//!
//! To add one: a file here with a struct that is a [`Strategy`], and a line in [`STRATEGIES`]. docs/INDICATORS.md has
//! the rules of each.

mod bollinger_reversion;
mod ema_crossover_rsi;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::event::{Action, Bar, Signal};

pub use bollinger_reversion::BollingerReversion;
pub use ema_crossover_rsi::EmaCrossoverRsi;

/// Closed bars a strategy should have seen before its word is passed on: what an average began with counts for
/// nothing by then.
pub const WARM_UP: usize = 1_000;

/// A machine over the closed bars of one series.
pub trait Strategy: Send {
    /// The name it is asked for by.
    fn id(&self) -> &'static str;

    /// Takes the next closed bar (ascending) and says what is to be done at its close.
    fn push(&mut self, bar: &Bar) -> Verdict;
}

/// What a strategy says of a bar.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// `None` is to hold.
    pub action: Option<Action>,
    /// 0 to 1, as the strategy defines it; 0 when it holds.
    pub confidence: f64,
    /// The numbers it was decided on, null while there is not enough data.
    pub inputs: Vec<(&'static str, Option<f64>)>,
}

impl Verdict {
    /// `buy`, `sell` or `hold`.
    pub const fn name(&self) -> &'static str {
        match self.action {
            Some(Action::Buy) => "buy",
            Some(Action::Sell) => "sell",
            None => "hold",
        }
    }

    /// The inputs by name.
    pub fn metadata(&self) -> Map<String, Value> {
        self.inputs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }

    /// The signal to be told of the bar; `None` when it holds.
    pub fn signal(&self, bar: &Bar, strategy_id: &str) -> Option<Signal> {
        Some(Signal {
            timestamp: bar.timestamp,
            interval: bar.interval,
            action: self.action?,
            confidence: self.confidence,
            strategy_id: strategy_id.to_owned(),
            metadata: self.metadata(),
        })
    }
}

/// Makes a strategy that has seen nothing.
pub type Make = fn() -> Box<dyn Strategy>;

/// All strategies by name.
pub const STRATEGIES: &[(&str, Make)] = &[
    (EmaCrossoverRsi::ID, || Box::new(EmaCrossoverRsi::default())),
    (BollingerReversion::ID, || Box::new(BollingerReversion::default())),
];

/// A name that is no strategy; the message lists those there are.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown strategy `{0}`: use one of {names}", names = names())]
pub struct UnknownStrategy(String);

fn names() -> String {
    STRATEGIES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// A strategy by name that has seen nothing.
///
/// # Errors
/// [`UnknownStrategy`] where there is none of that name.
pub fn strategy(id: &str) -> Result<Box<dyn Strategy>, UnknownStrategy> {
    let found = STRATEGIES.iter().find(|(name, _)| *name == id);
    found.map(|(_, make)| make()).ok_or_else(|| UnknownStrategy(id.chars().take(40).collect()))
}

/// The batch form: what the strategy says of each of `bars` (closed, ascending).
pub fn verdicts(strategy: &mut dyn Strategy, bars: &[Bar]) -> Vec<Verdict> {
    bars.iter().map(|bar| strategy.push(bar)).collect()
}

/// `value` between 0 and 1; 0 where it is no number.
fn share(value: f64) -> f64 {
    if value > 0.0 { value.min(1.0) } else { 0.0 }
}
