//! Why a guard stands as it does. Loaded when a guard is first opened.

use leptos::prelude::*;
use shared::market::Ms;

use super::cards::or_unknown;
use super::guards::in_unit;
use super::later::lazy;
use super::text::text;
use crate::deck::view::View;
use crate::feed::rows::GuardRow;
use crate::format;

lazy! {
    /// The explanation of one guard, kept up while it is open.
    cards: pub(super) fn explanation(view: View, name: &'static str) -> AnyView { built(view, name) }
}

fn built(view: View, name: &'static str) -> AnyView {
    let guard = move || view.guards.with(|g| g.as_ref().and_then(|g| g.get(name)).cloned());
    let limits = move || guard().map(|g| limits(&g));
    let since = move || {
        let at = guard()?.since;
        let zone = view.prefs.with(|p| p.zone);
        Some(format!("{} since {}", guard()?.state, format::date_minute(zone.shift(at))))
    };
    let rows = move || {
        let Some(guard) = guard() else { return Vec::new() };
        let now = view.now.get();
        guard.inputs.iter().map(|input| row(view, input, now)).collect()
    };
    view! {
        <div class="explain" data-testid="guard-explanation" role="region" aria-label="Explanation">
            <p>{text(move || guard().map(|g| g.reason))}</p>
            <p class="muted num">{text(limits)}</p>
            <p class="muted num">{text(since)}</p>
            <table class="num">
                <thead class="visually-hidden">
                    <tr><th>"Input"</th><th>"Value"</th><th>"Age"</th></tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// What warns and what breaches, in words.
fn limits(g: &GuardRow) -> String {
    let side = if g.name == "depth_10bps" { "below" } else { "above" };
    let of = |what: &str, limit: Option<f64>| match limit {
        Some(limit) => format!("{what} {side} {}", in_unit(&g.name, limit).trim_start_matches('+')),
        None => format!("no {what} threshold"),
    };
    format!("{}, {}", of("warning", g.warning), of("breach", g.breach))
}

/// A number it was computed from: what and where, value, age.
fn row(view: View, input: &GuardRow, now: Ms) -> AnyView {
    let decimals = view.open.with_untracked(|o| o.as_ref().map_or(2, |o| o.decimals));
    let shown = |v| match input.name.as_str() {
        "bid_px" | "ask_px" | "mid" => format::price(v, decimals),
        // The index has more digits than the tick.
        "mark_price" | "index_price" => format::price(v, decimals.max(2)),
        "funding_rate" => format::funding_rate(v),
        _ => format::compact(v),
    };
    let (name, place) = (input.name.replace('_', " "), format!("{} {}", input.symbol, input.venue));
    view! {
        <tr>
            <th scope="row">{name}<span class="muted">{place}</span></th>
            <td>{or_unknown(input.value.map(shown))}</td>
            <td class="muted">{or_unknown(input.timestamp.map(|at| format::age(now - at)))}</td>
        </tr>
    }
    .into_any()
}
