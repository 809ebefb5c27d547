//! The bottom strip: the truth about the venues. And the toast.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use shared::market::Ms;
use shared::wire::{ChannelStatus, VenueState};

use super::text::text;
use crate::app::{use_deck, use_view};
use crate::deck::view::{LinkState, VenueView};
use crate::format;
use crate::signal::{Sig, effect};

/// While a venue is unfolded its channels are asked for this often: frames tell changes of state, not every event.
const REFRESH_SECONDS: i64 = 5;

/// A state in one word.
const fn word(state: VenueState) -> &'static str {
    match state {
        VenueState::Live => "live",
        VenueState::Quiet => "quiet",
        VenueState::Silent => "silent",
        VenueState::Down => "down",
        VenueState::Off => "off",
    }
}

#[component]
pub(crate) fn Strip() -> impl IntoView {
    let view = use_view();
    let deck = use_deck();
    let unfolded = Sig::new(None::<String>);
    let names =
        Sig::memo(move |_| view.venues.with(|all| all.iter().map(|v| v.venue.clone()).collect::<Vec<_>>()));
    effect(move || {
        let now = view.wall.get();
        if unfolded.with(Option::is_some) && now.0 / 1_000 % REFRESH_SECONDS == 0 {
            deck.with(|d| d.refresh_status());
        }
    });
    let close = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            unfolded.set(None);
        }
    };
    view! {
        <footer class="strip" data-testid="venue-strip" aria-label="Venues" on:keydown=close>
            {move || names.get().into_iter().map(|name| chip(name, unfolded)).collect_view()}
            <span class="gap">{text(move || view.notice.get())}</span>
            {move || unfolded.get().map(details)}
        </footer>
    }
}

/// A venue's button: name, state where it is not live, age of its newest event, why it does not work.
fn chip(name: String, unfolded: Sig<Option<String>>) -> impl IntoView {
    let view = use_view();
    let deck = use_deck();
    let lost = Sig::memo(move |_| view.link.get().state == LinkState::Offline);
    let key = StoredValue::new(name.clone());
    let of = move |pick: fn(&VenueView) -> Option<String>| {
        key.with_value(|k| view.venues.with(|all| all.iter().find(|v| v.venue == *k).and_then(pick)))
    };
    // Without the relay nothing is known of the venues but when they were last heard.
    let state = move || {
        let known = of(|v| Some(word(v.state).to_owned())).filter(|_| !lost.get());
        known.unwrap_or_else(|| "unknown".into())
    };
    let said = move || Some(state()).filter(|s| s != "live");
    let reason = move || of(|v| v.reason.clone()).filter(|_| !lost.get());
    let last = move || {
        key.with_value(|k| view.venues.with(|all| all.iter().find(|v| v.venue == *k).and_then(|v| v.last)))
    };
    let age = move || last().map(|at| format::age(view.now.get() - at));
    let is_open = move || key.with_value(|k| unfolded.with(|u| u.as_ref() == Some(k)));
    let toggle = move |_| {
        let open = is_open();
        unfolded.set((!open).then(|| key.get_value()));
        if !open {
            deck.with(|d| d.refresh_status());
        }
    };
    view! {
        <button
            class="venue"
            data-testid=format!("venue-{name}")
            data-state=text(state)
            aria-expanded=text(move || is_open().to_string())
            aria-controls="venue-details"
            title=text(move || reason().unwrap_or_else(|| "Show its channels".into()))
            on:click=toggle
        >
            <i class="dot" aria-hidden="true"></i>
            {name.clone()}
            <span>{text(said)}</span>
            <span class="num age">{text(age)}</span>
            <span class="warn reason">{text(reason)}</span>
        </button>
    }
}

/// The unfolded venue: each channel with its state, age, and the symbols that are stale.
fn details(name: String) -> impl IntoView {
    let view = use_view();
    let key = name.clone();
    let venue = Sig::memo(move |_| view.venues.with(|all| all.iter().find(|v| v.venue == key).cloned()));
    let rows = move || {
        let now = view.now.get();
        let channels = venue.get().map(|v| v.channels).unwrap_or_default();
        channels.into_iter().map(|c| channel_row(&c, now)).collect_view()
    };
    let none = move || venue.get().is_none_or(|v| v.channels.is_empty());
    view! {
        <section class="details" id="venue-details" data-testid="venue-details" aria-label=format!("Channels of {name}")>
            <p class="warn">{text(move || venue.get().and_then(|v| v.reason))}</p>
            <table class="grid num">
                <thead>
                    <tr><th scope="col">{name.clone()}</th><th scope="col">"State"</th><th scope="col">"Last"</th><th scope="col">"Stale"</th></tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            <p class="muted">{text(move || none().then(|| "Nothing is followed here.".to_owned()))}</p>
        </section>
    }
}

fn channel_row(c: &ChannelStatus, now: Ms) -> impl IntoView + use<> {
    let state = word(c.state);
    let age = c.last_event.map_or_else(|| "nothing yet".into(), |at| format::age(now - at));
    let stale = match c.stale.as_slice() {
        [] => format::UNKNOWN.to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    view! {
        <tr data-state=state data-channel=c.channel.name()>
            <th scope="row">{channel_name(c.channel)}</th>
            <td><i class="dot" aria-hidden="true"></i>{state}</td>
            <td>{age}</td>
            <td class="stale-list">{stale}</td>
        </tr>
    }
}

/// A channel in plain words.
const fn channel_name(channel: shared::event::Channel) -> &'static str {
    use shared::event::Channel;
    match channel {
        Channel::Bar => "Bars",
        Channel::Oi => "Open interest",
        Channel::Funding => "Funding",
        Channel::Liquidation => "Liquidations",
        Channel::Trade => "Trades",
        Channel::Book => "Book",
        Channel::Signal => "Signals",
        Channel::Guards => "Guards",
        Channel::Heatmap => "Heat map",
    }
}

#[component]
pub(crate) fn Toast() -> impl IntoView {
    let view = use_view();
    view! {
        <div class="toasts" aria-live="polite">
            {move || view.toast.get().map(|text| view! { <p class="toast" data-testid="toast">{text}</p> })}
        </div>
    }
}
