//! Means over the last closes: SMA and Bollinger bands.

use super::name::{Deviations, Period};
use super::{finite, or_nan};

/// Number, mean and summed squared distances from the mean of some values.
#[derive(Clone, Copy, Debug)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    const NONE: Moments = Moments { count: 0.0, mean: 0.0, squares: 0.0 };

    fn of(value: f64) -> Moments {
        if value.is_nan() { Moments::NONE } else { Moments { count: 1.0, mean: value, squares: 0.0 } }
    }

    /// Those of both together. Nothing is ever taken away, so nothing cancels.
    fn and(self, other: Moments) -> Moments {
        if other.count == 0.0 {
            return self;
        }
        if self.count == 0.0 {
            return other;
        }
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        let share = other.count / count;
        let between = distance * distance * self.count * share;
        Moments { count, mean: self.mean + distance * share, squares: self.squares + other.squares + between }
    }
}

/// The moments of the last `length` values in O(1), with no error that builds up: values come in blocks of that
/// length, and a window is an end of the block before, summed up once that block was full, and what came since.
#[derive(Clone, Debug)]
struct Window {
    /// Up to `at` the values of this block; from there on the ends of the block before.
    blocks: Vec<Moments>,
    at: usize,
    /// All of this block.
    since: Moments,
}

impl Window {
    fn new(period: Period) -> Window {
        Window { blocks: vec![Moments::NONE; period.length()], at: 0, since: Moments::NONE }
    }

    /// NaN is a missing value; `None` unless the window is full of values.
    fn push(&mut self, value: f64) -> Option<Moments> {
        let value = Moments::of(value);
        if let Some(place) = self.blocks.get_mut(self.at) {
            *place = value;
        }
        self.at += 1;
        self.since = self.since.and(value);
        let length = self.blocks.len();
        let window = match self.blocks.get(self.at) {
            Some(end) => end.and(self.since),
            None => {
                let mut end = Moments::NONE;
                for place in self.blocks.iter_mut().rev() {
                    end = place.and(end);
                    *place = end;
                }
                self.at = 0;
                std::mem::replace(&mut self.since, Moments::NONE)
            }
        };
        (window.count == length as f64).then_some(window)
    }
}

/// Simple moving average of the closes.
#[derive(Clone, Debug)]
pub struct Sma(Window);

impl Sma {
    pub fn new(period: Period) -> Sma {
        Sma(Window::new(period))
    }

    /// `None` unless as many closes in a row as the period are known.
    pub fn push(&mut self, close: f64) -> Option<f64> {
        self.0.push(finite(close)).map(|window| window.mean)
    }

    /// Its values over `closes`, NaN where there is none.
    pub fn over(period: Period, closes: &[f64]) -> Vec<f64> {
        let mut sma = Sma::new(period);
        closes.iter().map(|close| or_nan(sma.push(*close))).collect()
    }
}

/// Bollinger bands: a simple moving average and some standard deviations (of the population) around it.
#[derive(Clone, Debug)]
pub struct Bollinger {
    window: Window,
    deviations: f64,
}

/// Values of [`Bollinger`], in price units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bands {
    pub upper: f64,
    pub middle: f64,
    pub lower: f64,
}

impl Bollinger {
    pub fn new(period: Period, deviations: Deviations) -> Bollinger {
        Bollinger { window: Window::new(period), deviations: deviations.value() }
    }

    /// `None` unless as many closes in a row as the period are known.
    pub fn push(&mut self, close: f64) -> Option<Bands> {
        let Moments { count, mean, squares } = self.window.push(finite(close))?;
        let width = self.deviations * (squares / count).sqrt();
        Some(Bands { upper: mean + width, middle: mean, lower: mean - width })
    }

    /// Upper, middle and lower band over `closes`, NaN where there is none.
    pub fn over(period: Period, deviations: Deviations, closes: &[f64]) -> [Vec<f64>; 3] {
        let mut bollinger = Bollinger::new(period, deviations);
        let mut columns = [(); 3].map(|()| Vec::with_capacity(closes.len()));
        for close in closes {
            let bands = bollinger.push(*close);
            let bands = bands.map_or([f64::NAN; 3], |b| [b.upper, b.middle, b.lower]);
            for (column, value) in columns.iter_mut().zip(bands) {
                column.push(value);
            }
        }
        columns
    }
}
