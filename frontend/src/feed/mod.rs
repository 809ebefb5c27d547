//! Where data comes from: the relay's HTTP answers ([`rows`], `http`) and its socket (`socket`, `client`).

pub mod group;
pub mod overview;
pub mod pairs;
pub mod rows;

#[cfg(target_arch = "wasm32")]
pub(crate) mod client;
#[cfg(target_arch = "wasm32")]
pub(crate) mod http;
#[cfg(target_arch = "wasm32")]
mod socket;
