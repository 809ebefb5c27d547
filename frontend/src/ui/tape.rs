//! The list of liquidations.

use leptos::prelude::*;
use shared::event::LiquidationSide;

use crate::app::use_view;
use crate::format;

#[component]
pub(crate) fn Tape() -> impl IntoView {
    let view = use_view();
    let decimals = move || view.open.with(|o| o.as_ref().map_or(2, |o| o.decimals));
    let rows = move || {
        let rows = view.tape.get();
        if rows.is_empty() {
            return view! { <p class="muted empty">"None in the last 24 hours, as far as the venue tells."</p> }
                .into_any();
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
    let title = "Venues publish only some liquidations: what is listed is a lower bound";
    view! {
        <section class="card tape" data-testid="liq-tape">
            <h2 title=title>"Liquidations " <span class="muted">"at least these"</span></h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Liquidations">{rows}</div>
        </section>
    }
}
