//! The open group venue by venue: a table under the chart.

use leptos::prelude::*;
use shared::maths::joined::funding::Basis;

use super::text::{flag, text};
use super::{later, lazy};
use crate::app::{use_deck, use_view};
use crate::deck::view::View;
use crate::feed::overview::Line;
use crate::format;
use crate::number;

/// Folds the table in and out; only there where there is something to compare, on a phone among the pane tabs.
#[component]
pub(crate) fn CompareToggle(on_phone: bool) -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let several = move || view.group_venues.with(|venues| venues.len() > 1);
    move || {
        (several() && view.phone.get() == on_phone).then(|| {
            view! {
                <button
                    class="tf compare-toggle"
                    data-testid="compare-toggle"
                    aria-pressed=text(move || view.compare.get().to_string())
                    title="Open interest, funding, volume and liquidations of each venue"
                    on:click=move |_| deck.with(|d| d.toggle_compare())
                >
                    "Compare"
                </button>
            }
        })
    }
}

/// Columns: head, what it is, and the cell of a line.
const HEADS: [(&str, &str); 12] = [
    ("Open interest", "Coins"),
    ("Value", "Quote currency"),
    ("Share", "Of the coins shown"),
    ("Funding 1 h", "Forecast, on an hourly basis; positive: longs pay shorts"),
    ("8 h", "The same for eight hours"),
    ("APR", "The same for a year"),
    ("Last paid 1 h", "Last settled rate, on an hourly basis"),
    ("Next in", "Until the next payment"),
    ("Volume 24 h", "Coins"),
    ("Longs died", "Long positions liquidated in the last hour, quote currency"),
    ("Shorts died", "Short positions liquidated in the last hour, quote currency"),
    ("Data", "Age of its newest data"),
];

#[component]
pub(crate) fn Compare() -> impl IntoView {
    let view = use_view();
    move || view.compare.get().then(|| later(move || table(view)))
}

lazy! {
    compare: fn table(view: View) -> AnyView {
        let several = move || view.group_venues.with(|venues| venues.len() > 1);
        let body = move || {
            let Some(overview) = view.overview.get().filter(|_| several()) else { return Vec::new() };
            let drawn = view.tracks.get();
            let (lines, sum) = overview.lines(|venue| drawn.iter().any(|t| t.venue == venue));
            let mut rows: Vec<AnyView> = lines.iter().map(|l| row(view, l, false).into_any()).collect();
            rows.push(row(view, &sum, true).into_any());
            rows
        };
        let heads = HEADS.map(|(head, what)| view! { <th scope="col" title=what>{head}</th> });
        view! {
            <section class="compare" class:gone=flag(move || !several()) data-testid="compare" aria-label="Venues compared" tabindex="0">
                <table class="grid num">
                    <thead>
                        <tr><th scope="col">"Venue"</th>{Vec::from(heads)}<th scope="col">"Notes"</th></tr>
                    </thead>
                    <tbody>{body}</tbody>
                </table>
            </section>
        }
        .into_any()
    }
}

fn row(view: View, line: &Line, sum: bool) -> impl IntoView + use<> {
    let now = view.now.get();
    let basis = line.predicted.map(Basis::of_hourly);
    let cells: [(&str, Option<f64>, String); 12] = [
        ("oi", line.oi, known(line.oi, format::compact)),
        ("oi-value", line.oi_value, known(line.oi_value, format::compact)),
        ("share", line.share, known(line.share, |v| format!("{}\u{a0}%", format::price(v, 1)))),
        ("hourly", line.predicted, known(line.predicted, rate)),
        ("rate-8h", basis.map(|b| b.rate_8h), known(basis.map(|b| b.rate_8h), format::funding_rate)),
        ("apr", basis.map(|b| b.apr), known(basis.map(|b| b.apr), format::percent)),
        ("settled", line.settled, known(line.settled, rate)),
        ("next", None, line.next.map_or_else(unknown, |at| format::countdown(at - now))),
        ("volume", line.volume, known(line.volume, format::compact)),
        ("long", line.long, known(line.long, format::compact)),
        ("short", line.short, known(line.short, format::compact)),
        ("age", None, line.last.map_or_else(unknown, |at| format::age(now - at))),
    ];
    // Nothing stands for a sum of rates, times or ages.
    let blank = |name: &str, value: Option<f64>| {
        sum && value.is_none() && !matches!(name, "oi" | "volume" | "long" | "short")
    };
    let cells = cells.map(|(name, value, text)| {
        let text = if blank(name, value) { String::new() } else { text };
        view! { <td data-cell=name data-value=value.map(number::shortest)>{text}</td> }
    });
    view! {
        <tr class:sum=sum data-row=line.name.clone()>
            <th scope="row">{line.name.clone()}</th>
            {Vec::from(cells)}
            <td class="notes">{line.notes.join(", ")}</td>
        </tr>
    }
}

/// Signed percent of one hour.
fn rate(hourly: f64) -> String {
    format!("{}\u{a0}%", format::signed(hourly * 100.0, 5))
}

fn known(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(unknown, text)
}

fn unknown() -> String {
    format::UNKNOWN.into()
}
