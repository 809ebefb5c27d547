//! The bars in view as a table, for whoever does not see the chart or wants the numbers.

use leptos::prelude::*;

use super::later::lazy;
use super::surface::{Surface, dialog};
use super::text::{flag, text};
use crate::app::{use_deck, use_view};
use crate::signal::Sig;

/// Rows of a page.
const PAGE: usize = 50;

lazy! {
    table: pub(crate) fn table() -> AnyView { built() }
}

fn built() -> AnyView {
    let (deck, view) = (use_deck(), use_view());
    let skip = Sig::new(0_usize);
    let total = Sig::new(0_usize);
    let grid = move || {
        let held = deck.with(|d| d.rows_in_view(skip.get(), PAGE));
        let held = held.filter(|rows| rows.total > 0);
        total.set(held.as_ref().map_or(0, |rows| rows.total));
        let Some(held) = held else { return view! { <p>"There are no bars in view."</p> }.into_any() };
        let heads: Vec<_> =
            held.heads.into_iter().map(|head| view! { <th scope="col">{head}</th> }).collect();
        let row = |cells: Vec<String>| {
            let mut cells = cells.into_iter();
            let time = cells.next();
            let cells: Vec<_> = cells.map(|cell| view! { <td>{cell}</td> }).collect();
            view! { <tr><th scope="row">{time}</th>{cells}</tr> }
        };
        let rows: Vec<_> = held.rows.into_iter().map(row).collect();
        view! {
            <table class="grid num" data-testid="bars-table">
                <thead><tr>{heads}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    let where_now = move || {
        let (from, all) = (skip.get(), total.get());
        format!("Bars {} to {} of {all} in view, newest first", (from + 1).min(all), (from + PAGE).min(all))
    };
    let name =
        view.open.with_untracked(|o| o.as_ref().map_or_else(String::new, |o| o.row.symbol.to_string()));
    let label = format!("Bars of {name}, {}", view.timeframe.get_untracked());
    let body = view! {
        <div class="pager">
            <span role="status">{text(where_now)}</span>
            <button
                class="plain"
                disabled=flag(move || skip.get() == 0)
                on:click=move |_| skip.update(|s| *s = s.saturating_sub(PAGE))
            >
                "Newer"
            </button>
            <button
                class="plain"
                disabled=flag(move || skip.get() + PAGE >= total.get())
                on:click=move |_| skip.update(|s| *s += PAGE)
            >
                "Older"
            </button>
            <button class="plain" title="Save as CSV (Alt E)" on:click=move |_| deck.with(|d| d.save_csv())>
                "CSV"
            </button>
        </div>
        <div class="sheet" tabindex="0" role="region" aria-label=label>{grid}</div>
    };
    dialog(Surface::Table, "Bars in view", body.into_any())
}
