//! The dialog of price alerts: what the relay holds, a new one by its price, and how they make themselves heard.

use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::wire::{Alert, AlertDirection};
use wasm_bindgen::JsCast;

use super::later::lazy;
use super::surface::{Surface, dialog};
use super::text::text;
use crate::app::{DeckRef, use_deck, use_view};
use crate::deck::view::{LinkState, View};
use crate::desk::alerts::{Book, Wish, book, way};
use crate::desk::{ring, use_desk};
use crate::feed::group::ALL;
use crate::feed::http::HttpError;
use crate::signal::Sig;

lazy! {
    alerts: pub(crate) fn alerts() -> AnyView { built() }
}

/// The book, for handlers.
type Held = StoredValue<Rc<Book>, LocalStorage>;

const WAYS: [AlertDirection; 3] = [AlertDirection::Cross, AlertDirection::Above, AlertDirection::Below];

fn built() -> AnyView {
    let (deck, view) = (use_deck(), use_view());
    let held: Held = StoredValue::new_local(use_desk().0.with_value(book));
    let (list, refusal) = held.with_value(|book| (book.list, book.refusal));
    refusal.set(None);
    let reading = held.get_value();
    spawn_local(async move { reading.look(None).await });
    let line = move || match view.link.get().state {
        LinkState::Live | LinkState::Connecting => None,
        LinkState::Polling => Some(
            "The live line is down: what fires is told here within 5\u{a0}s. The relay itself goes on watching.",
        ),
        LinkState::Offline => Some(
            "The relay does not answer: alerts can be neither set nor changed now. Where it still runs it goes on \
             watching, and what fired is told here once it is back.",
        ),
    };
    let rows = move || list.get().into_iter().rev().map(|alert| row(held, deck, alert)).collect_view();
    let none = move || {
        list.with(Vec::is_empty)
            .then(|| "None yet. Set one here, or with Alt A at a price of the chart.".to_owned())
    };
    let body = view! {
        <p>"Watched by the relay, also while this page is closed."</p>
        <p class="warn" role="status" data-testid="alerts-line">{text(move || line().map(str::to_owned))}</p>
        {form(held, view)}
        <p class="warn" role="alert" data-testid="alerts-refusal">{text(move || refusal.get())}</p>
        <ul class="alerts">{rows}</ul>
        <p role="status">{text(none)}</p>
        {heard(held)}
    };
    dialog(Surface::Alerts, "Price alerts", body.into_any())
}

/// Shows what came of a wish, and puts focus on the newest row where `then` says so.
fn answer(book: &Book, done: Result<(), HttpError>, focus: bool) {
    book.refusal.set(done.err().map(|error| error.to_string()));
    let first = || web_sys::window()?.document()?.query_selector("[data-testid=alert] input").ok().flatten();
    if focus && let Some(input) = first().and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = input.focus();
    }
}

/// A price as typed, thousands separated or not.
fn price_of(typed: &str) -> Option<f64> {
    let plain: String = typed.chars().filter(|c| !matches!(c, ',' | ' ' | '\u{a0}')).collect();
    plain.parse().ok().filter(|price: &f64| price.is_finite() && *price > 0.0)
}

const NO_PRICE: &str = "Type a price above 0, like 61,694.5.";

fn form(held: Held, view: View) -> AnyView {
    let open = view.open.get_untracked();
    let (symbol, venue) = open.map_or_else(Default::default, |o| (o.row.symbol.to_string(), o.venue));
    let named = if venue == ALL { symbol.clone() } else { format!("{symbol}, {venue}") };
    let (price, note) = (Sig::new(String::new()), Sig::new(String::new()));
    let (at, each) = (Sig::new(0_usize), Sig::new(false));
    let set = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let book = held.get_value();
        let Some(typed) = price_of(&price.get_untracked()) else {
            book.refusal.set(Some(NO_PRICE.into()));
            return;
        };
        let wish = Wish {
            symbol: symbol.clone(),
            venue: Some(venue.clone()).filter(|venue| venue != ALL),
            price: typed,
            direction: WAYS.get(at.get_untracked()).copied().unwrap_or(AlertDirection::Cross),
            note: note.get_untracked(),
            once: !each.get_untracked(),
        };
        spawn_local(async move {
            let done = book.add(&wish).await;
            if done.is_ok() {
                price.set(String::new());
                note.set(String::new());
            }
            answer(&book, done, false);
        });
    };
    let option = |(at, way_at): (usize, &AlertDirection)| {
        view! { <option value=at.to_string()>{way(*way_at)}</option> }
    };
    view! {
        <form class="line alert-new" on:submit=set>
            <span class="num muted">{named}</span>
            <select
                class="field"
                aria-label="Fires when the price"
                data-testid="alert-direction"
                on:change=move |event| at.set(event_target_value(&event).parse().unwrap_or_default())
            >
                {WAYS.iter().enumerate().map(option).collect::<Vec<_>>()}
            </select>
            <input
                class="field num"
                aria-label="Price"
                placeholder="Price"
                inputmode="decimal"
                autocomplete="off"
                data-testid="alert-price"
                prop:value=move || price.get()
                on:input=move |event| price.set(event_target_value(&event))
            />
            <input
                class="field"
                aria-label="Note"
                placeholder="Note"
                maxlength="200"
                autocomplete="off"
                data-testid="alert-note"
                prop:value=move || note.get()
                on:input=move |event| note.set(event_target_value(&event))
            />
            <label>
                <input type="checkbox" data-testid="alert-each" on:change=move |event| each.set(event_target_checked(&event))/>
                "Each time"
            </label>
            <button class="plain" data-testid="alert-set">"Set alert"</button>
        </form>
    }
    .into_any()
}

fn row(held: Held, deck: DeckRef, alert: Alert) -> AnyView {
    let text_of = |price: f64| held.with_value(|book| book.price_text(&alert, price));
    let place = alert.venue.as_ref().map_or_else(String::new, |venue| format!(", {venue}"));
    let name = format!("{}{place}", alert.symbol);
    let fired = alert.fired.map(|at| {
        let last = alert.fired_price.map_or_else(String::new, |price| format!(" at {}", text_of(price)));
        format!("{}{last}", deck.with(|d| d.time_text(at)))
    });
    let state = match (&fired, alert.once) {
        (Some(fired), true) => format!("fired {fired}"),
        (Some(fired), false) => format!("waits again; fired {fired}"),
        (None, true) => "waits".to_owned(),
        (None, false) => "waits, each time".to_owned(),
    };
    let (id, shown) = (alert.id, text_of(alert.price));
    let done = if alert.is_done() { "fired" } else { "waiting" };
    let before = shown.clone();
    let label = format!("Price of the alert on {name}");
    let changed = move |event: web_sys::Event| {
        let typed = event_target_value(&event);
        if typed == before {
            return;
        }
        let book = held.get_value();
        let Some(price) = price_of(&typed) else {
            book.refusal.set(Some(NO_PRICE.into()));
            return;
        };
        spawn_local(async move { answer(&book, book.shift(id, price, None).await, true) });
    };
    let gone = move |_| {
        let book = held.get_value();
        spawn_local(async move { answer(&book, book.remove(id).await, false) });
    };
    view! {
        <li data-testid="alert" data-state=done>
            <span class="num">{name.clone()}</span>
            <span>{way(alert.direction)}</span>
            <input class="field num" aria-label=label inputmode="decimal" autocomplete="off" value=shown on:change=changed/>
            <span class="muted"><span class="num">{state}</span> " " {alert.note}</span>
            <button class="plain" aria-label=format!("Delete the alert on {name}") on:click=gone>"Delete"</button>
        </li>
    }
    .into_any()
}

/// Sound and notifications, chosen for this browser.
fn heard(held: Held) -> AnyView {
    let kept = held.with_value(|book| book.kept());
    let notify = Sig::new(kept.notify);
    let refused = Sig::new(false);
    let sound = move |event: web_sys::Event| {
        let on = event_target_checked(&event);
        held.with_value(|book| {
            book.keep(|kept| kept.sound = on);
            if on {
                book.try_sound();
            }
        });
    };
    let asked = move |event: web_sys::Event| {
        let wanted = event_target_checked(&event);
        notify.set(wanted);
        let book = held.get_value();
        spawn_local(async move {
            let on = wanted && ring::ask_notify().await;
            book.keep(|kept| kept.notify = on);
            notify.set(on);
            refused.set(wanted && !on);
        });
    };
    let why = move || {
        refused
            .get()
            .then(|| "The browser refuses notifications; alerts are told on this page alone.".to_owned())
    };
    view! {
        <div class="line alert-heard">
            <label>
                <input type="checkbox" data-testid="alert-sound" checked=kept.sound on:change=sound/>
                "Sound"
            </label>
            <label>
                <input type="checkbox" data-testid="alert-notify" prop:checked=move || notify.get() on:change=asked/>
                "Notifications of the system"
            </label>
            <span class="warn" role="status">{text(why)}</span>
        </div>
    }
    .into_any()
}
