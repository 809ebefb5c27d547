//! Market maths: pure functions and small incremental machines, equal bits native and wasm.
//!
//! - [`book`]: the order book, its spread and the depth near its mid.

pub mod book;
