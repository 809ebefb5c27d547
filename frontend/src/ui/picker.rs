//! Symbol, venue and pane menus.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::surface::use_surfaces;
use super::text::text;
use crate::app::{use_deck, use_view};
use crate::feed::group::ALL;
use crate::feed::rows::SymbolRow;
use crate::settings::Pane;
use crate::signal::{Sig, effect};
use crate::typed::matches;

/// Rows that match what was typed; all words must occur in symbol, base or quote.
fn matching(rows: &[SymbolRow], typed: &str) -> Vec<SymbolRow> {
    let hit = |row: &&SymbolRow| matches(&[row.symbol.as_str(), &row.base, &row.quote].join(" "), typed);
    rows.iter().filter(hit).take(200).cloned().collect()
}

fn active() -> Option<web_sys::HtmlElement> {
    web_sys::window()?.document()?.active_element()?.dyn_into().ok()
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

/// Closes a menu when focus leaves it altogether.
pub(super) fn leaves(event: &web_sys::FocusEvent) -> bool {
    let to = event.related_target().and_then(|t| t.dyn_into::<web_sys::Node>().ok());
    let menu = event.current_target().and_then(|t| t.dyn_into::<web_sys::Node>().ok());
    menu.is_none_or(|m| !m.contains(to.as_ref()))
}

#[component]
pub(crate) fn SymbolPicker() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let shown = Sig::new(false);
    let typed = Sig::new(String::new());
    let at = Sig::new(0_usize);
    let input = NodeRef::<html::Input>::new();
    let rows = Sig::memo(move |_| view.symbols.with(|all| typed.with(|t| matching(all, t))));
    let name =
        move || view.open.with(|o| o.as_ref().map_or_else(|| "Symbol".into(), |o| o.row.symbol.to_string()));
    // Where focus was when a letter opened the search.
    let back = StoredValue::new_local(None::<web_sys::HtmlElement>);
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
        if let (true, Some(field)) = (shown.get(), input.get()) {
            let _ = field.focus();
        }
    });
    // A letter on the chart opens the search with it.
    let surfaces = use_surfaces();
    effect(move || {
        if let Some(letter) = surfaces.searched() {
            back.set_value(active());
            typed.set(letter);
            at.set(0);
            shown.set(true);
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
        <div
            class="picker"
            on:focusout=move |event| {
                if leaves(&event) {
                    shown.set(false);
                }
            }
        >
            <button
                class="select symbol num"
                data-testid="symbol-select"
                data-value=name
                aria-haspopup="listbox"
                aria-expanded=text(move || shown.get().to_string())
                title="Symbol; any letter on the chart"
                on:click=move |_| {
                    back.set_value(None);
                    typed.set(String::new());
                    at.set(0);
                    shown.update(|s| *s = !*s);
                }
            >
                {name}
            </button>
            <Show when=move || shown.get()>
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
            </Show>
        </div>
    }
}

/// A button with a menu of choices under it; arrows move, Escape closes.
#[component]
fn Menu(
    label: Sig<String>,
    title: &'static str,
    testid: &'static str,
    #[prop(optional)] class: &'static str,
    children: ChildrenFn,
) -> impl IntoView {
    let shown = Sig::new(false);
    let children = StoredValue::new(children);
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
        <div
            class=format!("picker {class}")
            on:keydown=keys
            on:focusout=move |event| {
                if leaves(&event) {
                    shown.set(false);
                }
            }
        >
            <button
                class="select"
                data-testid=testid
                data-value=text(move || label.get())
                aria-haspopup="menu"
                aria-expanded=text(move || shown.get().to_string())
                title=title
                on:click=move |_| shown.update(|s| *s = !*s)
            >
                {move || label.get()}
            </button>
            <Show when=move || shown.get()>
                <div class="menu" role="menu" node_ref=menu on:click=move |_| shown.set(class.starts_with("panes"))>
                    {children.with_value(|c| c())}
                </div>
            </Show>
        </div>
    }
}

#[component]
pub(crate) fn VenuePicker() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let label = Sig::memo(move |_| {
        view.open.with(|o| o.as_ref().map_or_else(|| "venue".into(), |o| o.venue.clone()))
    });
    view! {
        <Menu label title="Venue" testid="venue-select">
            {move || {
                let open = view.open.get();
                let chosen = open.as_ref().map(|o| o.venue.clone());
                let mut venues = open.map(|o| o.row.venues).unwrap_or_default();
                if view.group_venues.with(|group| group.len() > 1) {
                    venues.push(ALL.into());
                }
                venues
                    .into_iter()
                    .map(|venue| {
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
                    })
                    .collect_view()
            }}
        </Menu>
    }
}

/// Which venues of the open group are drawn beside each other.
#[component]
pub(crate) fn VenuesMenu() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let picked = move |venue: &str| view.tracks.with(|all| all.iter().any(|t| t.venue == venue));
    let label = Sig::memo(move |_| {
        let all = view.group_venues.get();
        let drawn = all.iter().filter(|v| picked(v)).count();
        format!("{drawn} of {}", all.len())
    });
    let items = move || {
        let own = view.open.with(|o| o.as_ref().map(|o| o.venue.clone()));
        let item = |venue: String| {
            let (name, key) = (venue.clone(), venue.clone());
            let fixed = own.as_ref() == Some(&venue);
            view! {
                <button
                    role="menuitemcheckbox"
                    data-value=venue.clone()
                    aria-checked=text(move || picked(&key).to_string())
                    disabled=fixed
                    title=fixed.then_some("The chart's own venue is always drawn")
                    on:click=move |_| deck.with(|d| d.toggle_venue(&venue))
                >
                    {name}
                </button>
            }
        };
        view.group_venues.get().into_iter().map(item).collect_view()
    };
    move || {
        view.group_venues.with(|all| all.len() > 1).then(|| {
            view! {
                <Menu label title="Venues drawn beside each other" testid="venues-select" class="panes venues">
                    {items}
                </Menu>
            }
        })
    }
}

#[component]
pub(crate) fn PaneMenu() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let label = Sig::memo(|_| "Panes".to_owned());
    view! {
        <Menu label title="Panes under the price" testid="pane-select" class="panes">
            {Pane::ALL
                .map(|pane| {
                    let checked = move || view.panes.with(|p| p.contains(&pane)).to_string();
                    view! {
                        <button
                            role="menuitemcheckbox"
                            aria-checked=checked
                            on:click=move |_| deck.with(|d| d.toggle_pane(pane))
                        >
                            {pane.title()}
                        </button>
                    }
                })
                .into_iter().collect_view()}
        </Menu>
    }
}
