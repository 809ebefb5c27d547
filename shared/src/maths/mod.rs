//! Market maths: pure functions and small incremental machines, equal bits native and wasm.
//!
//! - [`book`]: the order book, its spread and the depth near its mid;
//! - [`order_flow`]: 1m bars with taker sides from trades, or from the venue's klines where trades are missing.

pub mod book;
pub mod order_flow;
