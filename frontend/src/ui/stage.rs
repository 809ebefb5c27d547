//! The chart's place, and what stands there when there is no chart.

use leptos::html;
use leptos::prelude::*;

use super::keys;
use super::panes::panes;
use super::status::OfflineBanner;
use super::surface::{Surface, use_surfaces};
use super::text::text;
use crate::app::{use_deck, use_view};
use crate::deck::view::Stage as State;
use crate::desk::DeskRef;
use crate::format;
use crate::number;
use crate::signal::effect;
use shared::market::Ms;

#[component]
pub(crate) fn Stage() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let surfaces = use_surfaces();
    let place = NodeRef::<html::Div>::new();
    let mut mounted = false;
    effect(move || {
        if let Some(place) = place.get()
            && !std::mem::replace(&mut mounted, true)
        {
            deck.with(|d| d.mount_chart(&place));
        }
    });
    let mut drawn = false;
    effect(move || {
        view.theme.track();
        view.prefs.track();
        if std::mem::replace(&mut drawn, true) {
            deck.with(|d| d.restyle());
        }
    });
    let history = move || {
        let (from, to) = view.range.get()?;
        let zone = view.prefs.with(|p| p.zone);
        let day = |at: Ms| format::date(zone.shift(at));
        let to = to.map_or_else(|| "now".into(), |to| day(to - Ms(1)));
        Some(format!("HISTORY {} to {to}", day(from)))
    };
    // An embed has no keys beside the chart's own.
    let keys = if use_context::<DeskRef>().is_some() { ", Alt T shows a table" } else { "" };
    let label = move || {
        let name = view.open.with(|o| o.as_ref().map_or_else(String::new, |o| o.row.symbol.to_string()));
        format!("Chart of {name}, {}. Arrow keys go bar by bar{keys}.", view.timeframe.get())
    };
    view! {
        <section
            class="stage"
            on:pointerdown=move |_| deck.with(|d| d.set_dragging(true))
            on:pointerup=move |_| deck.with(|d| d.set_dragging(false))
            on:pointercancel=move |_| deck.with(|d| d.set_dragging(false))
        >
            <div
                class="chart"
                id=deck.with(|d| d.is_first()).then_some("chart")
                node_ref=place
                tabindex="0"
                role="application"
                aria-roledescription="chart"
                aria-label=label
                on:contextmenu=move |event| {
                    event.prevent_default();
                    if let Some(price) = deck.with(|d| d.pointed_price()) {
                        surfaces.type_into(Surface::Spot, number::shortest(price));
                    }
                }
                on:keydown=move |event| keys::on_chart(event, deck, view.prefs.get_untracked().shortcuts, surfaces)
            ></div>
            <p class="visually-hidden" aria-live="polite" data-testid="spoken">{text(move || view.spoken.get())}</p>
            {panes(deck, view)}
            <Overlay/>
            <OfflineBanner/>
            <p class="history num" data-testid="history-badge">{text(history)}</p>
            <Show when=move || (view.away.get() || view.range.with(Option::is_some)) && view.stage.get() == State::Ready>
                <button
                    class="go-live"
                    data-testid="go-live"
                    title="Scroll to the newest bar"
                    on:click=move |_| deck.with(|d| d.go_live())
                >
                    "Newest bar"
                </button>
            </Show>
            <a
                class="attribution"
                data-testid="attribution"
                href="https://www.tradingview.com/"
                target="_blank"
                rel="noopener"
                title="TradingView Lightweight Charts™, Copyright (с) 2025 TradingView, Inc."
            >
                "Charts by TradingView"
            </a>
        </section>
    }
}

/// Loading, empty and error states over the chart.
#[component]
fn Overlay() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let again = move || {
        view.link.get().retry_at.filter(|_| view.open.with(Option::is_none)).map(|at| {
            let left = ((at - view.wall.get()).0.max(0) + 999) / 1_000;
            format!("Next attempt in {left}\u{a0}s.")
        })
    };
    move || {
        match view.stage.get() {
        State::Ready => ().into_any(),
        State::Loading => view! { <div class="chart-skeleton" aria-busy="true"></div> }.into_any(),
        State::Empty => view! {
            <div class="notice" role="status">
                <h2>"No bars here yet"</h2>
                <p>"The relay holds nothing for this symbol, venue and timeframe. Try a shorter timeframe or another symbol."</p>
            </div>
        }
        .into_any(),
        State::Failed(what) => view! {
            <div class="notice" role="alert">
                <h2>"No data: " {what}</h2>
                <p>
                    "Start the relay with " <code class="num">"cargo xtask run"</code> " or "
                    <code class="num">"tapedeck serve --demo"</code> ", or check that this page may reach it."
                </p>
                <p class="num muted">{again}</p>
                <button class="plain" on:click=move |_| deck.with(|d| d.retry())>"Try now"</button>
            </div>
        }
        .into_any(),
    }
    }
}
