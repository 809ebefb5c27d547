//! The row under the chart: how much of the past is shown, from when to when, and in which time zone.

use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use shared::market::Ms;

use super::text::text;
use crate::app::{use_deck, use_view};
use crate::format;
use crate::range::stretch;
use crate::zone::Zone;

/// Presets: name, what it does, days.
const PRESETS: [(&str, &str, i64); 5] = [
    ("1D", "The last day", 1),
    ("1W", "The last week", 7),
    ("1M", "The last 30 days", 30),
    ("3M", "The last 90 days", 90),
    ("All", "All there is, in days", 0),
];

#[component]
pub(crate) fn RangeBar() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let fields = [NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new()];
    let zone = move || view.prefs.with(|p| p.zone);
    let presets = PRESETS.map(|(name, title, days)| {
        let length = (days > 0).then_some(Ms(days * 86_400_000));
        view! {
            <button
                type="button"
                class="tf num"
                data-testid=format!("range-{name}")
                title=title
                on:click=move |_| deck.with(|d| d.show_last(length))
            >
                {name}
            </button>
        }
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let [from, to] = fields.map(|f| f.get_untracked().map_or_else(String::new, |f| f.value()));
        let now = view.now.get_untracked();
        match stretch(&from, &to, view.prefs.get_untracked().zone, now) {
            Ok((from, to)) => {
                view.range_note.set(None);
                deck.with(|d| d.show_range(from, to));
            }
            Err(line) => view.range_note.set(Some(line.into())),
        }
    };
    // The last day of the stretch, not the instant after it.
    let day = move |end: bool| {
        let (from, to) = view.range.get()?;
        let at = if end { to? - Ms(1) } else { from };
        Some(format::date(zone().shift(at)))
    };
    let field = |n: usize, testid: &'static str, label: &'static str| {
        view! {
            <input
                node_ref=fields[n]
                type="date"
                class="num"
                data-testid=testid
                aria-label=label
                title=label
                aria-describedby="date-note"
                prop:value=text(move || day(n == 1).unwrap_or_default())
            />
        }
    };
    let toggle = move |_| {
        deck.with(|d| d.prefer(|p| p.zone = if p.zone == Zone::Utc { Zone::Local } else { Zone::Utc }));
    };
    view! {
        <form class="range" aria-label="Time" novalidate on:submit=submit>
            {Vec::from(presets)}
            {field(0, "date-from", "First day")}
            <span class="muted" aria-hidden="true">"–"</span>
            {field(1, "date-to", "Last day")}
            <button class="tf" data-testid="date-apply" title="Show these days">"Show"</button>
            <span id="date-note" class="warn" role="alert" data-testid="date-note">
                {text(move || view.range_note.get())}
            </span>
            <span class="clock num" data-testid="clock">{text(move || format::clock(zone().shift(view.now.get())))}</span>
            <button
                type="button"
                class="tf num"
                data-testid="time-zone"
                title="Time zone of all times: UTC or this computer's"
                on:click=toggle
            >
                {text(move || zone().name(view.now.get()))}
            </button>
        </form>
    }
}
