//! What both sides of tapedeck mean: identifiers, events, the wire protocol, market maths, connection machines.
//!
//! Reading order:
//! - [`market`]: times, symbols, venues, instruments, timeframes and their calendar;
//! - [`event`]: the one `Event` enum with its topic and class, one file per kind;
//! - [`wire`]: protocol v1, client frames in and server frames out, as JSON;
//! - [`maths`]: folding bars, building bars from trades, the order book;
//! - [`link`]: connection machines in virtual time (back-off, heartbeat, freshness, renewal);
//! - `schema` (a feature): JSON Schema of the frames, from the types.
//!
//! This crate never reads a clock, a socket or a file; it compiles for native and wasm alike and gives equal
//! bits on both (`+ - * /` and `sqrt` only).

pub mod event;
pub mod link;
pub mod market;
pub mod maths;
#[cfg(feature = "schema")]
pub mod schema;
pub mod wire;
