//! What adapters share: numbers as venues write them, addresses of calls, rows of lists, names of contracts on
//! many coins, candles, and what rows tell by their times.

pub(super) mod candle;
pub(super) mod listing;
pub(super) mod multiple;
pub(super) mod number;
pub(super) mod series;
pub(super) mod url;
