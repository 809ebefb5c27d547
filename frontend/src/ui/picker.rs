//! The bar's buttons that open menus: symbol, venue, venues side by side, panes.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::later::later;
use super::menus::menu;
use super::surface::use_surfaces;
use super::text::text;
use crate::app::use_view;
use crate::signal::{Sig, effect};

/// What a picker picks.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Which {
    Symbol,
    Venue,
    Venues,
    Panes,
}

/// A picker's state, for its menu.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) shown: Sig<bool>,
    pub(super) typed: Sig<String>,
    /// Where focus was when a letter opened the search.
    pub(super) back: StoredValue<Option<web_sys::HtmlElement>, LocalStorage>,
}

fn active() -> Option<web_sys::HtmlElement> {
    web_sys::window()?.document()?.active_element()?.dyn_into().ok()
}

/// Closes a menu when focus leaves it altogether.
pub(super) fn leaves(event: &web_sys::FocusEvent) -> bool {
    let to = event.related_target().and_then(|t| t.dyn_into::<web_sys::Node>().ok());
    let menu = event.current_target().and_then(|t| t.dyn_into::<web_sys::Node>().ok());
    menu.is_none_or(|m| !m.contains(to.as_ref()))
}

/// A button with its menu under it.
pub(super) fn picker(which: Which) -> AnyView {
    let view = use_view();
    let opened =
        Opened { shown: Sig::new(false), typed: Sig::new(String::new()), back: StoredValue::new_local(None) };
    let Opened { shown, typed, back } = opened;
    let (testid, title, class, button) = match which {
        Which::Symbol => ("symbol-select", "Symbol; any letter on the chart", "picker", "select symbol num"),
        Which::Venue => ("venue-select", "Venue", "picker", "select"),
        Which::Venues => ("venues-select", "Venues drawn beside each other", "picker panes venues", "select"),
        Which::Panes => ("pane-select", "Panes under the price", "picker panes", "select"),
    };
    let label = Sig::memo(move |_| match which {
        Which::Symbol => {
            view.open.with(|o| o.as_ref().map_or_else(|| "Symbol".into(), |o| o.row.symbol.to_string()))
        }
        Which::Venue => view.open.with(|o| o.as_ref().map_or_else(|| "venue".into(), |o| o.venue.clone())),
        Which::Venues => {
            let all = view.group_venues.get();
            let drawn = all.iter().filter(|venue| view.draws(venue)).count();
            [drawn.to_string(), " of ".into(), all.len().to_string()].concat()
        }
        Which::Panes => "Panes".into(),
    });
    if which == Which::Symbol {
        // A letter on the chart opens the search with it; more may come before the search is there.
        let surfaces = use_surfaces();
        effect(move || {
            let Some(letter) = surfaces.searched() else { return };
            if shown.get_untracked() {
                typed.update(|typed| typed.push_str(&letter));
            } else {
                back.set_value(active());
                typed.set(letter);
                shown.set(true);
            }
        });
    }
    let is_shown = Sig::memo(move |_| shown.get());
    view! {
        <div
            class=class
            on:focusout=move |event| {
                if leaves(&event) {
                    shown.set(false);
                }
            }
        >
            <button
                class=button
                data-testid=testid
                data-value=text(move || label.get())
                aria-haspopup=if which == Which::Symbol { "listbox" } else { "menu" }
                aria-expanded=text(move || shown.get().to_string())
                title=title
                on:click=move |_| {
                    back.set_value(None);
                    typed.set(String::new());
                    shown.update(|s| *s = !*s);
                }
            >
                {text(move || label.get())}
            </button>
            {move || is_shown.get().then(|| later(move || menu(which, opened)))}
        </div>
    }
    .into_any()
}
