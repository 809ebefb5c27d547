//! The charts' places on the page.

use leptos::prelude::*;

use super::later::lazy;
use super::stage::Stage;
use super::text::{flag, text};
use crate::app::{provide_deck, use_view};
use crate::desk::use_desk;
use crate::workspace::Layout;

/// One chart in its place; several have a line with their name, and the active one is marked.
pub(crate) fn cell(place: usize) -> AnyView {
    let desk = use_desk();
    let view = use_view();
    let (layout, active) = desk.with(|d| (d.layout, d.active));
    let name = move || {
        let open = view.open.get()?;
        Some(format!("{}  {}  {}", open.row.symbol, open.venue, view.timeframe.get()))
    };
    let alone = flag(move || layout.get() == Layout::One);
    view! {
        <div
            class="cell"
            class:alone=alone
            class:active=flag(move || active.get() == place)
            data-testid=format!("chart-{place}")
            on:pointerdown=move |_| desk.with(|d| d.activate(place))
            on:focusin=move |_| desk.with(|d| d.activate(place))
        >
            <button class="cell-name num" aria-pressed=text(move || (active.get() == place).to_string())>
                {text(name)}
            </button>
            <Stage/>
        </div>
    }
    .into_any()
}

lazy! {
    /// The places of all charts but the first.
    desk: pub(crate) fn cells() -> AnyView { built() }
}

fn built() -> AnyView {
    let desk = use_desk();
    let layout = desk.with(|d| d.layout);
    view! {
        <For
            each=move || 1..layout.get().charts()
            key=|place| *place
            children=move |place| {
                provide_deck(desk.with(|d| d.at(place)));
                cell(place)
            }
        />
    }
    .into_any()
}
