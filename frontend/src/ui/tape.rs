//! The list of liquidations.

use leptos::prelude::*;
use shared::event::{Channel, LiquidationSide};

use crate::app::use_view;
use crate::format;

#[component]
pub(crate) fn Tape() -> impl IntoView {
    let view = use_view();
    let decimals = move || view.open.with(|o| o.as_ref().map_or(2, |o| o.decimals));
    let empty = move || {
        let offered = view.tracks.with(|all| all.iter().any(|t| t.channels.contains(&Channel::Liquidation)));
        let venue = view.open.with(|o| o.as_ref().map_or_else(String::new, |o| o.venue.clone()));
        match (offered, view.tape_whole.get()) {
            (false, _) => format!("Not available on {venue}."),
            (true, true) => "None in all that is recorded here.".into(),
            (true, false) => "None so far; the record is being read.".into(),
        }
    };
    let rows = move || {
        let rows = view.tape.get();
        if rows.is_empty() {
            return view! { <p class="muted empty">{empty}</p> }.into_any();
        }
        let decimals = decimals();
        let line = |hit: shared::event::Liquidation| {
            let (word, class, title) = match hit.side {
                LiquidationSide::Long => ("L", "down", "Long liquidated"),
                LiquidationSide::Short => ("S", "up", "Short liquidated"),
            };
            view! {
                <tr>
                    <td class="muted">{format::clock(hit.timestamp)}</td>
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
    let title = "The venue publishes only some liquidations: what is listed is a lower bound";
    view! {
        <section class="card tape" data-testid="liq-tape">
            <h2>"Liquidations " <span class="muted" title=title>{bound}</span></h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Liquidations">{rows}</div>
        </section>
    }
}
