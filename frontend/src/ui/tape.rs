//! The list of liquidations.

use leptos::prelude::*;
use shared::event::{Channel, LiquidationSide};

use super::text::text;
use crate::app::{use_deck, use_view};
use crate::format;
use crate::number;

/// Smallest values to choose from, quote currency.
const SIZES: [f64; 5] = [0.0, 1e4, 5e4, 1e5, 1e6];

#[component]
pub(crate) fn Tape() -> impl IntoView {
    let view = use_view();
    let deck = use_deck();
    let min = move || view.prefs.with(|p| p.tape_min);
    let decimals = move || view.open.with(|o| o.as_ref().map_or(2, |o| o.decimals));
    let empty = move || {
        let offered = view.tracks.with(|all| all.iter().any(|t| t.channels.contains(&Channel::Liquidation)));
        let venue = view.open.with(|o| o.as_ref().map_or_else(String::new, |o| o.venue.clone()));
        let of =
            if min() > 0.0 { format!("None of {} or more", format::compact(min())) } else { "None".into() };
        match (offered, view.tape_whole.get()) {
            (false, _) => format!("Not available on {venue}."),
            (true, true) => format!("{of} in all that is recorded here."),
            (true, false) => format!("{of} so far; the record is being read."),
        }
    };
    let rows = move || {
        let rows = view.tape.get();
        if rows.is_empty() {
            return view! { <p class="muted empty">{empty}</p> }.into_any();
        }
        let decimals = decimals();
        let zone = view.prefs.with(|p| p.zone);
        let line = move |hit: shared::event::Liquidation| {
            let (word, class, title) = match hit.side {
                LiquidationSide::Long => ("L", "down", "Long liquidated"),
                LiquidationSide::Short => ("S", "up", "Short liquidated"),
            };
            view! {
                <tr>
                    <td class="muted">{format::clock(zone.shift(hit.timestamp))}</td>
                    <td class=class title=title>{word}</td>
                    <td>{format::price(hit.price, decimals)}</td>
                    <td>{format::compact(hit.value)}</td>
                </tr>
            }
        };
        view! {
            <table class="num">
                <thead class="visually-hidden">
                    <tr><th>"Time"</th><th>"Side"</th><th>"Price"</th><th>"Value"</th></tr>
                </thead>
                <tbody>{rows.into_iter().map(line).collect_view()}</tbody>
            </table>
        }
        .into_any()
    };
    // Only where the venue says that it does not publish all.
    let bound = move || view.tape.with(|rows| rows.iter().any(|hit| hit.at_least));
    let bound = move || bound().then_some("at least these");
    let sizes = SIZES.map(|size| {
        let name = if size > 0.0 { format!("≥ {}", format::compact(size)) } else { "all".into() };
        view! { <option value=number::shortest(size) selected=move || min() == size>{name}</option> }
    });
    let title = "The venue publishes only some liquidations: what is listed is a lower bound";
    view! {
        <section class="card tape" data-testid="liq-tape">
            <h2>
                "Liquidations " <span class="muted" title=title>{bound}</span>
                <select
                    class="small num"
                    data-testid="tape-min"
                    aria-label="Smallest value shown"
                    title="Smallest value shown"
                    prop:value=text(move || number::shortest(min()))
                    on:change=move |event| {
                        let min = number::parse(&event_target_value(&event)).unwrap_or_default();
                        deck.with(|d| d.prefer(|p| p.tape_min = min));
                    }
                >
                    {Vec::from(sizes)}
                </select>
            </h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Liquidations">{rows}</div>
        </section>
    }
}
