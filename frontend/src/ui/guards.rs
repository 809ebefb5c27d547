//! The guards: one line each, and an explanation under the line that is open.

use leptos::prelude::*;
use shared::market::Ms;

use super::cards::{level_of, or_unknown};
use super::explain::explanation;
use super::later::later;
use super::text::{flag, text};
use crate::app::use_view;
use crate::deck::view::View;
use crate::feed::rows::GuardRow;
use crate::format;
use crate::signal::Sig;

/// Frames come at least once a second; without one for this long the states are old.
const LIMIT: Ms = Ms(5_000);

/// Guards in the order the relay tells them, with short names.
const NAMES: [(&str, &str); 7] = [
    ("spread_bps", "Spread"),
    ("depth_10bps", "Depth"),
    ("funding_apr", "Funding"),
    ("liq_events_5m", "Liq 5 min"),
    ("basis_bps", "Basis"),
    ("premium_bps", "Premium"),
    ("oi_notional", "OI value"),
];

#[component]
pub(super) fn Guards() -> impl IntoView {
    let view = use_view();
    let opened = Sig::new(None::<&'static str>);
    let status = move || view.guards.with(|g| g.as_ref().map(|g| g.status));
    let old = move || {
        let heard = view.guards.with(|g| g.as_ref().map(|g| g.heard))?;
        let age = view.wall.get() - heard;
        (age > LIMIT).then(|| format::age(age))
    };
    let none = move || {
        let offered = view
            .open
            .with(|o| o.as_ref().is_none_or(|o| o.row.channels.contains(&shared::event::Channel::Guards)));
        (!offered).then(|| "Not watched for this symbol.".to_owned())
    };
    let lines = NAMES.map(|(name, label)| line(view, name, label, opened));
    view! {
        <section class="card guards" data-testid="guards-panel" class:stale=flag(move || old().is_some())>
            <h2>
                "Guards " <span class="muted num">{text(old)}</span>
                <span
                    class="state"
                    role="status"
                    data-testid="guards-status"
                    data-value=text(move || status().map(str::to_owned))
                    data-level=move || status().map_or("unknown", level_of)
                >
                    {text(move || or_unknown(status().map(str::to_owned)))}
                </span>
            </h2>
            <p class="muted empty">{text(none)}</p>
            {Vec::from(lines)}
        </section>
    }
}

fn line(view: View, name: &'static str, label: &'static str, opened: Sig<Option<&'static str>>) -> AnyView {
    let of = move |pick: fn(&GuardRow) -> String| {
        text(move || view.guards.with(|g| or_unknown(g.as_ref().and_then(|g| g.get(name)).map(pick))))
    };
    let age = move || {
        let (told, heard) =
            view.guards.with(|g| g.as_ref().map(|g| (g.get(name).and_then(|r| r.age_ms), g.heard)))?;
        told.map(|told| format::age(Ms(told) + (view.wall.get() - heard).max(Ms::ZERO)))
    };
    let state = of(|g| g.state.clone());
    let is_open = move || opened.get() == Some(name);
    let toggle = move |_| opened.set((!is_open()).then_some(name));
    view! {
        <button
            class="guard num"
            data-testid=format!("guard-{name}")
            data-state=state
            aria-expanded=text(move || is_open().to_string())
            title="Explain"
            on:click=toggle
        >
            <i class="dot" aria-hidden="true"></i>
            <span class="name">{label}</span>
            <span class="value">{of(value)}</span>
            <span class="muted limits">{of(limits)}</span>
            <span class="muted age">{text(age)}</span>
            <span class="visually-hidden">{of(|g| g.state.clone())}</span>
        </button>
        {move || is_open().then(|| later(move || explanation(view, name)))}
    }
    .into_any()
}

/// A guard's value in its unit; `≥` where it is a lower bound.
pub(super) fn value(g: &GuardRow) -> String {
    let text = or_unknown(g.value.map(|v| in_unit(&g.name, v)));
    if g.at_least && g.value.is_some() { format!("≥{text}") } else { text }
}

/// A number in the unit of a guard.
pub(super) fn in_unit(name: &str, v: f64) -> String {
    match name {
        "spread_bps" => format::bps(v),
        "basis_bps" | "premium_bps" => format::signed_bps(v),
        "funding_apr" => format::percent(v),
        _ => format::compact(v),
    }
}

/// A round number without its zeros: `50k`.
fn short(v: f64) -> String {
    let text = format::compact(v);
    let cut = [".00", ".0"].into_iter().find_map(|zeros| text.split_once(zeros));
    match cut.filter(|(_, unit)| !unit.starts_with(|c: char| c.is_ascii_digit())) {
        Some((whole, unit)) => format!("{whole}{unit}"),
        None => text,
    }
}

/// Thresholds: warning, breach.
fn limits(g: &GuardRow) -> String {
    let of = |limit: Option<f64>| limit.map_or_else(|| "off".into(), short);
    match (g.warning, g.breach) {
        _ if g.state == "n/a" => "n/a".into(),
        (None, None) => "off".into(),
        (warning, breach) => format!("{}/{}", of(warning), of(breach)),
    }
}
