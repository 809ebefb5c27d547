//! Keys: those of the chart while it has focus, and those of the whole page.

use leptos::ev::{self, KeyboardEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::surface::{Surface, Surfaces, use_surfaces};
use crate::app::{DeckRef, use_deck, use_view};
use crate::deck::hands::Walk;
use crate::desk::alerts::Ask;
use crate::settings::ScaleMode;

/// Bars walked with Shift.
const STRIDE: i64 = 10;
/// Factor of bars shown per press of `+` or `-`.
const ZOOM: f64 = 1.25;

/// Keys and what they do, for the help.
pub(super) const KEYS: [(&str, &str); 18] = [
    ("1 to 9", "Timeframe box; a bare number is minutes"),
    ("A to Z", "Symbol search"),
    ("← →", "Bar by bar, spoken; with Shift ten at once"),
    ("Home End", "Oldest and newest bar held"),
    ("+ −", "Zoom"),
    ("Delete", "Remove the line or alert near the crosshair"),
    ("Menu key", "What can be done at a price; also a right click or a long press"),
    ("Alt H", "Horizontal line at the crosshair"),
    ("Alt A", "Price alert at the crosshair"),
    ("Alt R", "Reset the view"),
    ("Alt L", "Logarithmic scale"),
    ("Alt P", "Percent scale"),
    ("Alt I", "Inverted scale"),
    ("Alt S", "Picture as PNG; with Shift into the clipboard"),
    ("Alt E", "Bars in view as CSV"),
    ("Alt T", "Bars in view as a table"),
    ("Ctrl K", "All commands"),
    ("?", "This help"),
];

/// A key on a chart that has focus.
pub(super) fn on_chart(event: KeyboardEvent, deck: DeckRef, shortcuts: bool, surfaces: Surfaces) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let key = event.key();
    let step = if event.shift_key() { STRIDE } else { 1 };
    match key.as_str() {
        "ArrowLeft" => deck.with(|d| d.walk(Walk::By(-step))),
        "ArrowRight" => deck.with(|d| d.walk(Walk::By(step))),
        "Home" => deck.with(|d| d.walk(Walk::Oldest)),
        "End" => deck.with(|d| d.walk(Walk::Newest)),
        "Escape" => deck.with(|d| d.leave()),
        _ if !shortcuts => return,
        "+" | "=" => deck.with(|d| d.zoom(1.0 / ZOOM)),
        "-" => deck.with(|d| d.zoom(ZOOM)),
        "Delete" => {
            deck.with(|d| {
                if let Some(price) = d.pointed_price() {
                    d.remove_near(price);
                }
            });
        }
        "?" => surfaces.open(Surface::Help),
        _ => {
            let mut letters = key.chars();
            let (Some(first), None) = (letters.next(), letters.next()) else { return };
            if first.is_ascii_digit() {
                surfaces.type_into(Surface::Timeframe, key);
            } else if first.is_ascii_alphabetic() {
                surfaces.search(key);
            } else {
                return;
            }
        }
    }
    event.prevent_default();
}

/// Listens for the keys of the page as long as it stands.
#[component]
pub(crate) fn PageKeys() -> impl IntoView {
    let (deck, view, surfaces) = (use_deck(), use_view(), use_surfaces());
    let heard = window_event_listener(ev::keydown, move |event: KeyboardEvent| {
        let (command, alt) = (event.ctrl_key() || event.meta_key(), event.alt_key());
        // By place, since Alt writes other letters on some keyboards.
        let code = event.code();
        match code.as_str() {
            "KeyK" if command && !alt => surfaces.open(Surface::Palette),
            // AltGr is both.
            _ if command || !alt || is_typing(&event) => return,
            "KeyR" => deck.with(|d| d.reset_view()),
            "KeyL" => deck.with(|d| d.toggle_scale(ScaleMode::Log)),
            "KeyP" => deck.with(|d| d.toggle_scale(ScaleMode::Percent)),
            "KeyI" => deck.with(|d| d.invert_scale()),
            "KeyS" => deck.with(|d| d.snapshot(event.shift_key())),
            "KeyE" => deck.with(|d| d.save_csv()),
            "KeyH" => deck.with(|d| {
                if let Some(price) = d.pointed_price() {
                    d.draw_line(price);
                }
            }),
            "KeyA" => deck.with(|d| {
                if let Some(price) = d.pointed_price() {
                    d.alerts(Ask::Set(price));
                }
            }),
            "KeyT" if view.open.with_untracked(Option::is_some) => surfaces.open(Surface::Table),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || heard.remove());
}

/// Whether the key goes into a field.
fn is_typing(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|t| matches!(t.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}
