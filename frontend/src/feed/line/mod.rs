//! The page's line to a relay: one socket for all charts.
//!
//! [`wants`] joins what the charts want, [`session`] decides with the link machine of `shared` when to connect, what
//! to send and when to poll, and the driver does it: it owns socket and timers, and tells each chart its frames.

#[cfg(target_arch = "wasm32")]
mod driver;
pub mod session;
pub mod wants;

#[cfg(target_arch = "wasm32")]
pub(crate) use driver::{Line, Member, Said};
