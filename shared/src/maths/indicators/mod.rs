//! Technical indicators: a machine each that takes a bar or a close and gives its value in O(1), and a batch form
//! over a slice with the same numbers, bit for bit.
//!
//! Formulas and seeding are those of the Python library `ta` 0.11 with `fillna=False` (docs/INDICATORS.md):
//! - [`Ema`], [`Rsi`] and [`Macd`] stand on one exponential mean that begins with the first close; nothing is said
//!   before as many closes as the period have come;
//! - [`Sma`] and [`Bollinger`] stand on one sliding window that only ever adds, so that no error builds up;
//! - [`Atr`] is Wilder's, seeded with a plain mean; [`Vwap`] begins anew at 00:00 UTC.
//!
//! Two kinds of holes: bars that are not there are simply not there, their neighbours follow each other. A close
//! that is not a finite number counts as missing in place, as NaN does in `ta`: averages keep their value and
//! forget one step, windows are silent while it is in them.
//!
//! [`Indicator`] is what a name like `ema_20` says; [`IndicatorSet`] computes many at once, a row per bar.

mod exponential;
mod name;
mod ranges;
mod rsi;
mod window;

#[cfg(test)]
mod tests;

use crate::event::Bar;

pub use exponential::{Ema, Macd, MacdValue};
pub use name::{Deviations, Indicator, IndicatorError, MAX_PERIOD, Period};
pub use ranges::{Atr, Vwap};
pub use rsi::Rsi;
pub use window::{Bands, Bollinger, Sma};

/// Many indicators at once, a row of values per bar.
#[derive(Clone, Debug)]
pub struct IndicatorSet {
    machines: Vec<Machine>,
    row: Vec<Option<f64>>,
}

#[derive(Clone, Debug)]
enum Machine {
    Ema(Ema),
    Sma(Sma),
    Rsi(Rsi),
    Macd(Macd),
    Bollinger(Bollinger),
    Atr(Atr),
    Vwap(Vwap),
}

impl IndicatorSet {
    /// Machines that have seen nothing; their values come in the order of `indicators`, see [`Self::columns`].
    pub fn new(indicators: &[Indicator]) -> IndicatorSet {
        let machine = |indicator: &Indicator| match *indicator {
            Indicator::Ema(period) => Machine::Ema(Ema::new(period)),
            Indicator::Sma(period) => Machine::Sma(Sma::new(period)),
            Indicator::Rsi(period) => Machine::Rsi(Rsi::new(period)),
            Indicator::Macd { fast, slow, signal } => Machine::Macd(Macd::new(fast, slow, signal)),
            Indicator::Bollinger { period, deviations } => {
                Machine::Bollinger(Bollinger::new(period, deviations))
            }
            Indicator::Atr(period) => Machine::Atr(Atr::new(period)),
            Indicator::Vwap => Machine::Vwap(Vwap::default()),
        };
        IndicatorSet { machines: indicators.iter().map(machine).collect(), row: Vec::new() }
    }

    /// Names of the values of a row, in order.
    pub fn columns(indicators: &[Indicator]) -> Vec<String> {
        indicators.iter().flat_map(Indicator::columns).collect()
    }

    /// Takes the next bar and gives its row: one value per column, `None` while there is not enough data.
    pub fn push(&mut self, bar: &Bar) -> &[Option<f64>] {
        self.row.clear();
        let row = &mut self.row;
        for machine in &mut self.machines {
            match machine {
                Machine::Ema(x) => row.push(x.push(bar.close)),
                Machine::Sma(x) => row.push(x.push(bar.close)),
                Machine::Rsi(x) => row.push(x.push(bar.close)),
                Machine::Macd(x) => {
                    let value = x.push(bar.close);
                    row.extend([value.line, value.signal, value.histogram]);
                }
                Machine::Bollinger(x) => {
                    let bands = x.push(bar.close);
                    row.extend([bands.map(|b| b.upper), bands.map(|b| b.middle), bands.map(|b| b.lower)]);
                }
                Machine::Atr(x) => row.push(x.push(bar.high, bar.low, bar.close)),
                Machine::Vwap(x) => row.push(x.push(bar)),
            }
        }
        &self.row
    }

    /// Takes a bar from before the range that is computed: only what counts from the start of the day wants it.
    pub fn push_earlier(&mut self, bar: &Bar) {
        for machine in &mut self.machines {
            if let Machine::Vwap(x) = machine {
                x.push(bar);
            }
        }
    }
}

/// The batch form of [`IndicatorSet`]: its columns over `bars` (ascending), each with one number per bar, NaN
/// where there is none.
pub fn columns(indicators: &[Indicator], bars: &[Bar]) -> Vec<(String, Vec<f64>)> {
    let named = |name| (name, Vec::with_capacity(bars.len()));
    let mut columns: Vec<(String, Vec<f64>)> =
        IndicatorSet::columns(indicators).into_iter().map(named).collect();
    let mut set = IndicatorSet::new(indicators);
    for bar in bars {
        for ((_, column), value) in columns.iter_mut().zip(set.push(bar)) {
            column.push(or_nan(*value));
        }
    }
    columns
}

/// A value in the form of columns.
fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// A close as the machines take it: NaN where it is no price.
fn finite(close: f64) -> f64 {
    if close.is_finite() { close } else { f64::NAN }
}
