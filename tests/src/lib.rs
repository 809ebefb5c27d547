//! What the end-to-end tests stand on.
//!
//! Reading order:
//! - [`oracle`]: independent, exact calculations to compare the relay's with;
//! - [`fake`]: what fake venues are made of: a clock, a market, a book, parts of sockets and REST;
//! - [`fake_binance`], [`fake_coinbase`], [`fake_hyperliquid`], [`fake_okx`]: venues that speak the real protocols,
//!   with faults by command;
//! - [`fake_insightsentry`]: the vendor of futures and shares, with its key, lists and budgets;
//! - [`fake_bybit`]: the same for Bybit's;
//! - [`proxy`]: a line that can be cut, stalled, delayed and restored;
//! - [`client`]: a WebSocket client that waits for conditions;
//! - [`check`]: what the relay shows against what the venue knows;
//! - [`relay`]: the binary, started on a folder of its own.

pub mod check;
pub mod client;
pub mod fake;
pub mod fake_binance;
pub mod fake_bybit;
pub mod fake_coinbase;
pub mod fake_hyperliquid;
pub mod fake_insightsentry;
pub mod fake_okx;
pub mod fleet;
pub mod oracle;
pub mod proxy;
pub mod relay;
