//! Keys: those of the chart while it has focus, and those of the whole page.

use std::rc::Rc;

use leptos::ev::{self, KeyboardEvent};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::later::lazy;
use super::surface::{Surface, Surfaces, use_surfaces};
use crate::app::{DeckRef, use_deck, use_view};
use crate::deck::Deck;
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

/// What a key does to the chart.
#[derive(Clone, Copy)]
enum Deed {
    Walk(Walk),
    /// Shows so many times as many bars.
    Zoom(f64),
    Reset,
    Scale(ScaleMode),
    Invert,
    Line,
    Alert,
    Remove,
    /// Into the clipboard or a file.
    Picture(bool),
    Csv,
}

lazy! {
    keys: fn done(deck: Rc<Deck>, deed: Deed) -> () {
        let price = || deck.pointed_price();
        match deed {
            Deed::Walk(to) => deck.walk(to),
            Deed::Zoom(factor) => deck.zoom(factor),
            Deed::Reset => deck.reset_view(),
            Deed::Scale(mode) => deck.toggle_scale(mode),
            Deed::Invert => deck.invert_scale(),
            Deed::Line => price().into_iter().for_each(|price| deck.draw_line(price)),
            Deed::Alert => price().into_iter().for_each(|price| deck.alerts(Ask::Set(price))),
            Deed::Remove => price().into_iter().for_each(|price| deck.remove_near(price)),
            Deed::Picture(to_clipboard) => deck.snapshot(to_clipboard),
            Deed::Csv => deck.save_csv(),
        }
    }
}

/// Does it once its code is there. The place of the key may be gone by then, the deck is not.
fn act(deck: DeckRef, deed: Deed) {
    let deck = deck.held();
    leptos::task::spawn_local(async move {
        if done(deck.clone(), deed).await.is_err() {
            deck.toast("This part of the page could not be loaded".into());
        }
    });
}

/// A key on a chart that has focus.
pub(super) fn on_chart(event: KeyboardEvent, deck: DeckRef, shortcuts: bool, surfaces: Surfaces) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    let key = event.key();
    let step = if event.shift_key() { STRIDE } else { 1 };
    match key.as_str() {
        "ArrowLeft" => act(deck, Deed::Walk(Walk::By(-step))),
        "ArrowRight" => act(deck, Deed::Walk(Walk::By(step))),
        "Home" => act(deck, Deed::Walk(Walk::Oldest)),
        "End" => act(deck, Deed::Walk(Walk::Newest)),
        "Escape" => deck.with(|d| d.leave()),
        _ if !shortcuts => return,
        "+" | "=" => act(deck, Deed::Zoom(1.0 / ZOOM)),
        "-" => act(deck, Deed::Zoom(ZOOM)),
        "Delete" => act(deck, Deed::Remove),
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
            "KeyR" => act(deck, Deed::Reset),
            "KeyL" => act(deck, Deed::Scale(ScaleMode::Log)),
            "KeyP" => act(deck, Deed::Scale(ScaleMode::Percent)),
            "KeyI" => act(deck, Deed::Invert),
            "KeyS" => act(deck, Deed::Picture(event.shift_key())),
            "KeyE" => act(deck, Deed::Csv),
            "KeyH" => act(deck, Deed::Line),
            "KeyA" => act(deck, Deed::Alert),
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
