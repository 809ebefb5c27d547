//! Where data comes from: the relay's HTTP answers ([`rows`], `http`) and its socket ([`mod@line`], `socket`).

pub mod group;
pub mod line;
pub mod overview;
pub mod pairs;
pub mod rows;

#[cfg(target_arch = "wasm32")]
pub(crate) mod http;
#[cfg(target_arch = "wasm32")]
mod socket;
