//! What the bar's menus show once they are open.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::later::lazy;
use super::picker::{Opened, Which};
use super::text::text;
use crate::app::{use_deck, use_view};
use crate::feed::group::ALL;
use crate::feed::rows::SymbolRow;
use crate::settings::Pane;
use crate::signal::{Sig, effect};
use crate::typed::matches;

lazy! {
    /// The list under an open picker.
    menus: pub(super) fn menu(which: Which, opened: Opened) -> AnyView {
        match which {
            Which::Symbol => symbols(opened),
            Which::Venue => choices(opened, false, venue_items()),
            Which::Venues => choices(opened, true, venues_items()),
            Which::Panes => choices(opened, true, pane_items()),
        }
    }
}

/// Rows that match what was typed; all words must occur in symbol, base or quote.
fn matching(rows: &[SymbolRow], typed: &str) -> Vec<SymbolRow> {
    let hit = |row: &&SymbolRow| matches(&[row.symbol.as_str(), &row.base, &row.quote].join(" "), typed);
    rows.iter().filter(hit).take(200).cloned().collect()
}

/// Gives focus to the button that opened a menu.
fn to_button(event: &KeyboardEvent) {
    let picker = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    let picker = picker.and_then(|p| p.closest(".picker").ok().flatten());
    let button = picker.and_then(|p| p.first_element_child()?.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(button) = button {
        let _ = button.focus();
    }
}

fn symbols(Opened { shown, typed, back }: Opened) -> AnyView {
    let deck = use_deck();
    let view = use_view();
    let at = Sig::new(0_usize);
    let input = NodeRef::<html::Input>::new();
    let rows = Sig::memo(move |_| view.symbols.with(|all| typed.with(|t| matching(all, t))));
    let give_back = move || {
        let held = back.try_update_value(Option::take).flatten();
        held.is_some_and(|element| element.focus().is_ok())
    };
    let choose = move |row: SymbolRow| {
        shown.set(false);
        give_back();
        let venue = view.open.with_untracked(|o| o.as_ref().map(|o| o.venue.clone()));
        deck.with(|d| d.open(&row, venue.as_deref()));
    };
    effect(move || {
        if let Some(field) = input.get() {
            let _ = field.focus();
        }
    });
    let keys = move |event: KeyboardEvent| {
        let last = rows.with_untracked(Vec::len).saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|i| *i = (*i + 1).min(last)),
            "ArrowUp" => at.update(|i| *i = i.saturating_sub(1)),
            "Enter" => {
                if let Some(row) = rows.with_untracked(|r| r.get(at.get_untracked()).cloned()) {
                    choose(row);
                }
            }
            "Escape" => {
                if !give_back() {
                    to_button(&event);
                }
                shown.set(false);
            }
            _ => return,
        }
        event.prevent_default();
    };
    let list = move || {
        let rows = rows.get();
        if rows.is_empty() {
            return view! { <p class="menu-empty">"No symbol matches. Try a coin, like BTC."</p> }.into_any();
        }
        let items = rows.into_iter().enumerate().map(|(i, row)| {
            let (label, venues) = (row.symbol.to_string(), row.venues.join(", "));
            let selected = move || if at.get() == i { "true" } else { "false" };
            view! {
                <li
                    role="option"
                    id=format!("symbol-{i}")
                    aria-selected=selected
                    on:mousedown=move |event| {
                        event.prevent_default();
                        choose(row.clone());
                    }
                    on:mouseenter=move |_| at.set(i)
                >
                    <span class="num">{label}</span>
                    <span class="muted">{venues}</span>
                </li>
            }
        });
        view! { <ul role="listbox" id="symbol-list" aria-label="Symbols">{items.collect_view()}</ul> }
            .into_any()
    };
    view! {
        <div class="menu wide">
            <input
                node_ref=input
                type="search"
                placeholder="Search symbol"
                aria-label="Search symbol"
                aria-controls="symbol-list"
                aria-activedescendant=move || format!("symbol-{}", at.get())
                autocomplete="off"
                spellcheck="false"
                prop:value=move || typed.get()
                on:input=move |event| {
                    typed.set(event_target_value(&event));
                    at.set(0);
                }
                on:keydown=keys
            />
            {list}
        </div>
    }
    .into_any()
}

/// A menu of choices: arrows move, Escape closes; one that `stays` is open until left.
fn choices(Opened { shown, .. }: Opened, stays: bool, items: AnyView) -> AnyView {
    let keys = move |event: KeyboardEvent| {
        let step = match event.key().as_str() {
            "Escape" => {
                to_button(&event);
                shown.set(false);
                return;
            }
            "ArrowDown" => true,
            "ArrowUp" => false,
            _ => return,
        };
        event.prevent_default();
        let focused = web_sys::window().and_then(|w| w.document()).and_then(|d| d.active_element());
        let next =
            focused.and_then(|f| if step { f.next_element_sibling() } else { f.previous_element_sibling() });
        if let Some(next) = next.and_then(|n| n.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = next.focus();
        }
    };
    let menu = NodeRef::<html::Div>::new();
    effect(move || {
        let first = menu.get().and_then(|m| m.first_element_child());
        if let Some(first) = first.and_then(|f| f.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = first.focus();
        }
    });
    view! {
        <div class="menu" role="menu" node_ref=menu on:keydown=keys on:click=move |_| shown.set(stays)>
            {items}
        </div>
    }
    .into_any()
}

fn venue_items() -> AnyView {
    let deck = use_deck();
    let view = use_view();
    (move || {
        let open = view.open.get();
        let chosen = open.as_ref().map(|o| o.venue.clone());
        let mut venues = open.map(|o| o.row.venues).unwrap_or_default();
        if view.group_venues.with(|group| group.len() > 1) {
            venues.push(ALL.into());
        }
        let item = |venue: String| {
            let checked = (chosen.as_ref() == Some(&venue)).to_string();
            let name = if venue == ALL { "all, joined".into() } else { venue.clone() };
            view! {
                <button
                    role="menuitemradio"
                    data-value=venue.clone()
                    aria-checked=checked
                    on:click=move |_| {
                        if let Some(open) = view.open.get_untracked() {
                            deck.with(|d| d.open(&open.row, Some(&venue)));
                        }
                    }
                >
                    {name}
                </button>
            }
        };
        venues.into_iter().map(item).collect_view()
    })
    .into_any()
}

/// Which venues of the open group are drawn beside each other.
fn venues_items() -> AnyView {
    let deck = use_deck();
    let view = use_view();
    (move || {
        let own = view.open.with(|o| o.as_ref().map(|o| o.venue.clone()));
        let item = |venue: String| {
            let (name, key) = (venue.clone(), venue.clone());
            let fixed = own.as_ref() == Some(&venue);
            view! {
                <button
                    role="menuitemcheckbox"
                    data-value=venue.clone()
                    aria-checked=text(move || view.draws(&key).to_string())
                    disabled=fixed
                    title=fixed.then_some("The chart's own venue is always drawn")
                    on:click=move |_| deck.with(|d| d.toggle_venue(&venue))
                >
                    {name}
                </button>
            }
        };
        view.group_venues.get().into_iter().map(item).collect_view()
    })
    .into_any()
}

fn pane_items() -> AnyView {
    let deck = use_deck();
    let view = use_view();
    let item = |pane: Pane| {
        view! {
            <button
                role="menuitemcheckbox"
                aria-checked=text(move || view.panes.with(|p| p.contains(&pane)).to_string())
                on:click=move |_| deck.with(|d| d.toggle_pane(pane))
            >
                {pane.title()}
            </button>
        }
    };
    Pane::ALL.map(item).into_iter().collect_view().into_any()
}
