//! The top bar.

use leptos::prelude::*;
use shared::market::Timeframe;

use super::compare::CompareToggle;
use super::picker::{Which, picker};
use super::status::{ConnectionStatus, ModeBadge};
use super::surface::{Surface, opener};
use super::text::{flag, text};
use crate::app::{use_deck, use_view};
use crate::desk::use_desk;
use crate::format;
use crate::settings::Theme;
use crate::signal::{Sig, effect};

/// A looking glass.
const GLASS: &str = "M11 7A4 4 0 1 1 3 7a4 4 0 0 1 8 0zM10 10l4 4";
/// Four panes.
const GRID: &str = "M2.5 2.5h11v11h-11zM8 2.5v11M2.5 8h11";
/// Three sliders.
const GEAR: &str = "M2 4h6m4 0h2M2 8h1m4 0h7M2 12h7m4 0h1M10 2.5v3M5 6.5v3M11 10.5v3";
/// A bell.
const BELL: &str = "M8 2.5a3.5 3.5 0 0 0-3.5 3.5v3L3 11.5h10L11.5 9V6A3.5 3.5 0 0 0 8 2.5zM6.5 13.5h3";
/// A question mark in a circle.
const HELP: &str =
    "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0zM6.2 6.4C6.4 4 9.8 4.2 9.8 6.2 9.8 7.6 8 7.6 8 9.2M8 10.8v.9";

#[component]
pub(crate) fn TopBar() -> impl IntoView {
    let desk = use_desk();
    let watching = desk.with(|d| d.watching);
    let deck = use_deck();
    let view = use_view();
    let several = Sig::memo(move |_| view.group_venues.with(|all| all.len() > 1));
    let theme_label = move || match view.theme.get() {
        Theme::Dark => "Light theme",
        Theme::Light => "Dark theme",
    };
    view! {
        <header class="bar">
            <span class="brand">"tapedeck"</span>
            {picker(Which::Symbol)}
            {picker(Which::Venue)}
            <LastPrice/>
            <Timeframes/>
            {picker(Which::Panes)}
            {move || several.get().then(|| picker(Which::Venues))}
            <CompareToggle on_phone=false/>
            <div class="bar-end">
                <ModeBadge/>
                <ConnectionStatus/>
                <button
                    class="icon"
                    data-testid="theme-toggle"
                    aria-label=theme_label
                    title=theme_label
                    on:click=move |_| deck.with(|d| d.toggle_theme())
                >
                    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                        <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor"/>
                        <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor"/>
                    </svg>
                </button>
                {opener(Surface::Palette, "All commands (Ctrl K)", GLASS)}
                <button
                    class="icon"
                    data-testid="watch-toggle"
                    aria-label="Watchlist"
                    title="Watchlist"
                    aria-pressed=text(move || watching.get().to_string())
                    on:click=move |_| desk.with(|d| d.toggle_watching())
                >
                    <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" aria-hidden="true">
                        <path d="M2.5 4h11M2.5 8h11M2.5 12h7"/>
                    </svg>
                </button>
                {opener(Surface::Alerts, "Price alerts", BELL)}
                {opener(Surface::Charts, "Charts and workspaces", GRID)}
                {opener(Surface::Settings, "Settings", GEAR)}
                {opener(Surface::Help, "Keys and notices (?)", HELP)}
            </div>
        </header>
    }
}

#[component]
fn LastPrice() -> impl IntoView {
    let view = use_view();
    let price = move || {
        let decimals = view.open.with(|o| o.as_ref().map_or(2, |o| o.decimals));
        view.quote.get().last.map_or_else(|| format::UNKNOWN.into(), |p| format::price(p, decimals))
    };
    let change =
        move || view.quote.get().change_percent.map_or_else(|| format::UNKNOWN.into(), format::percent);
    let rising = move || view.quote.get().change_percent.is_some_and(|c| c >= 0.0);
    let falling = move || view.quote.get().change_percent.is_some_and(|c| c < 0.0);
    effect(move || {
        let Some(open) = view.open.get() else { return };
        // Once a second: each change of a title goes through all of the browser.
        view.wall.track();
        if let Some(document) = web_sys::window().and_then(|w| w.document()) {
            document.set_title(&format!("{} {} · tapedeck", untrack(price), open.row.symbol));
        }
    });
    view! {
        <div class="quote">
            <span
                class="num last"
                class:up=move || { view.quote.get().direction > 0 }
                class:down=move || { view.quote.get().direction < 0 }
            >
                {price}
            </span>
            <span class="num change" class:up=flag(rising) class:down=flag(falling) title="Change over 24 hours">
                {change}
            </span>
        </div>
    }
}

#[component]
fn Timeframes() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let buttons = Timeframe::ALL.map(|tf| {
        let pressed = move || if view.timeframe.get() == tf { "true" } else { "false" };
        view! {
            <button
                class="tf num"
                data-testid=format!("timeframe-{tf}")
                aria-pressed=pressed
                title=format!("{tf}; typed on the chart, then Enter")
                on:click=move |_| deck.with(|d| d.set_timeframe(tf))
            >
                {tf.name()}
            </button>
        }
    });
    view! { <div class="timeframes" role="group" aria-label="Timeframe">{Vec::from(buttons)}</div> }
}
