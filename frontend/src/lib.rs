//! The page: a Leptos app that draws what the relay tells.
//!
//! Reading order: `clock`, `format`, `settings`, `typed` and `url_state` are plain values; `series` holds the open
//! market's history and `feed` reads it from the relay; `chart` draws a window of it, `deck` joins these, `desk` holds
//! the decks of a page, and `ui` are the components around it. The first seven build and are tested natively; what
//! touches the browser is wasm only.

pub mod clock;
pub mod feed;
pub mod format;
pub mod json;
pub mod number;
pub mod range;
pub mod series;
pub mod settings;
pub mod spark;
pub mod typed;
pub mod url_state;
pub mod workspace;
pub mod zone;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod chart;
#[cfg(target_arch = "wasm32")]
mod deck;
#[cfg(target_arch = "wasm32")]
mod desk;
#[cfg(target_arch = "wasm32")]
pub mod embed;
#[cfg(target_arch = "wasm32")]
mod listener;
#[cfg(target_arch = "wasm32")]
mod signal;
#[cfg(target_arch = "wasm32")]
mod ui;

/// Runs when the module is loaded.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    app::mount();
}
