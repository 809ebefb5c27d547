//! Derive: events made of events, with the same functions the page uses.

mod bars;

pub use bars::HigherBars;
