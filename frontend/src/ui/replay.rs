//! Directs a replay: play, pause, speed, scrub, step by one bar. Shown in replay mode alone, under the chart.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::market::Ms;

use super::later::lazy;
use super::text::{flag, text};
use crate::app::{use_deck, use_view};
use crate::deck::view::ReplayView;
use crate::feed::http;
use crate::feed::rows::Row;
use crate::format;
use crate::signal::Sig;

/// Times as fast as recorded, and without waiting.
const SPEEDS: [f64; 6] = [1.0, 2.0, 5.0, 10.0, 60.0, f64::INFINITY];

const PLAY: &str = "M5 3l8 5-8 5z";
const PAUSE: &str = "M5 3v10M11 3v10";
const STEP: &str = "M4 3l6 5-6 5zM12 3v10";

lazy! {
    replay: pub(crate) fn replay() -> AnyView { built() }
}

fn built() -> AnyView {
    let (deck, view) = (use_deck(), use_view());
    let order = move |body: String| {
        // This place may be gone when the answer comes.
        let deck = deck.held();
        let before = view.replay.get_untracked();
        spawn_local(async move {
            match http::post::<Row>(&deck.relay, "replay", &body).await {
                // A frame tells the same, and may have told of what came after.
                Ok(_) if deck.view.replay.get_untracked() != before => {}
                Ok(row) => deck.take_replay(&row),
                Err(error) => deck.toast(format!("The replay: {error}.")),
            }
        });
    };
    let now = move || view.replay.get();
    let playing = move || now().is_some_and(|r| r.playing);
    let toggle = move || order(plain(if playing() { "pause" } else { "play" }));
    let step = move || {
        let interval = view.timeframe.get_untracked();
        order(format!("{{\"action\":\"step\",\"interval\":\"{interval}\"}}"));
    };
    // Where the handle is held while it is dragged.
    let held = Sig::new(None::<Ms>);
    let place =
        move || held.get().or_else(|| now().map(|r| r.target.unwrap_or(r.position))).unwrap_or_default();
    let drag = move |event| held.set(event_target_value(&event).parse().ok().map(Ms));
    let seek = move |event| {
        if let Ok(to) = event_target_value(&event).parse::<i64>() {
            order(format!("{{\"action\":\"seek\",\"to\":{to}}}"));
        }
        held.set(None);
    };
    let speed = move |event| {
        let chosen = event_target_value(&event);
        let value = if chosen == "max" { "\"max\"" } else { chosen.as_str() };
        order(format!("{{\"action\":\"speed\",\"speed\":{value}}}"));
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        if !view.prefs.get_untracked().shortcuts || event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        match event.key().as_str() {
            "k" => toggle(),
            "." => step(),
            _ => return,
        }
        event.prevent_default();
    };
    // A speed from elsewhere that is not among the choices is shown all the same.
    let chosen = move || now().map_or(1.0, |r| r.speed);
    let options = move || {
        let mut speeds = SPEEDS.to_vec();
        if !speeds.contains(&chosen()) {
            speeds.insert(0, chosen());
        }
        let option = |speed: f64| {
            let (value, label) = named(speed);
            let on = speed == chosen();
            view! { <option value=value selected=on>{label}</option> }
        };
        speeds.into_iter().map(option).collect_view()
    };
    view! {
        <section
            class="replay"
            data-testid="replay"
            data-state=text(move || now().map(|r| state(r).to_owned()))
            aria-label="Replay of recorded data"
            on:keydown=keys
        >
            <span class="badge" title="Recorded market: not happening now">"REPLAY"</span>
            <button
                class="icon"
                data-testid="replay-play"
                aria-label=text(move || (if playing() { "Pause" } else { "Play" }).to_owned())
                title=text(move || format!("{} (k)", if playing() { "Pause" } else { "Play" }))
                on:click=move |_| toggle()
            >
                {icon(move || if playing() { PAUSE } else { PLAY })}
            </button>
            <button
                class="icon"
                data-testid="replay-step"
                aria-label="Step one bar"
                title="Until the next bar closes (.)"
                disabled=flag(move || now().is_some_and(|r| r.ended))
                on:click=move |_| step()
            >
                {icon(|| STEP)}
            </button>
            <select data-testid="replay-speed" aria-label="Speed" title="Speed" on:change=speed>
                {options}
            </select>
            <input
                type="range"
                data-testid="replay-scrub"
                aria-label="Recorded time"
                aria-valuetext=text(move || said(place()))
                step="1000"
                min=text(move || now().map(|r| r.from.0.to_string()))
                max=text(move || now().map(|r| r.to.unwrap_or(r.position).0.to_string()))
                prop:value=move || place().0.to_string()
                on:input=drag
                on:change=seek
            />
            <time class="num" data-testid="replay-time">{text(move || said(place()))}</time>
            <span class="muted" role="status">{text(move || now().map(|r| words(r).to_owned()))}</span>
        </section>
    }
    .into_any()
}

fn plain(action: &str) -> String {
    format!("{{\"action\":\"{action}\"}}")
}

fn icon(path: impl Fn() -> &'static str + Send + 'static) -> AnyView {
    view! {
        <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" aria-hidden="true">
            <path d=text(move || path().to_owned())/>
        </svg>
    }
    .into_any()
}

fn named(speed: f64) -> (String, String) {
    if speed.is_finite() {
        (speed.to_string(), format!("{speed}\u{d7}"))
    } else {
        ("max".into(), "max".into())
    }
}

fn said(at: Ms) -> String {
    format!("{} {} UTC", &format::date_minute(at)[..10], format::clock(at))
}

fn state(replay: ReplayView) -> &'static str {
    match replay {
        ReplayView { ended: true, .. } => "ended",
        ReplayView { playing: true, .. } => "playing",
        _ => "paused",
    }
}

fn words(replay: ReplayView) -> &'static str {
    match replay {
        ReplayView { target: Some(_), .. } => "seeking",
        ReplayView { ended: true, .. } => "ended: play begins anew",
        ReplayView { playing: true, .. } => "",
        _ => "paused",
    }
}
