//! Market maths: pure functions and small incremental machines, equal bits native and wasm.
//!
//! - [`book`]: the order book, its spread and the depth near its mid;
//! - [`order_flow`]: 1m bars with taker sides from trades, or from the venue's klines where trades are missing;
//! - [`joined`]: bars, open interest, funding and liquidations over all venues of a group;
//! - [`indicators`]: EMA, SMA, RSI, MACD, Bollinger bands, ATR and VWAP, one bar at a time or over a slice;
//! - [`signals`]: strategies that make buy and sell signals of closed bars;
//! - [`heatmap`]: liquidation prints by price and time;
//! - [`guards`]: spread, depth, funding, basis, open interest and liquidations against thresholds;
//! - [`fold`]: bars of any timeframe from 1m bars, all at once; [`folds`]: the same, one minute at a time;
//! - [`digest`]: a fingerprint of numbers and texts.

pub mod book;
pub mod digest;
pub mod fold;
pub mod folds;
pub mod guards;
pub mod heatmap;
pub mod indicators;
pub mod joined;
pub mod order_flow;
pub mod signals;
