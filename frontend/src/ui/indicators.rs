//! How the price is drawn, and what over it: a small menu by the legend, loaded when it is first opened.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use shared::maths::indicators::{Indicator, IndicatorError};

use super::later::{later, lazy};
use super::picker::leaves;
use super::text::text;
use crate::app::{DeckRef, use_deck, use_view};
use crate::chart::line_hue;
use crate::deck::view::View;
use crate::series::is_overlay;
use crate::settings::{Drawn, PriceStyle, Settings};
use crate::signal::Sig;

/// What can be added, with the name people read and the periods offered, the first free one first.
const OFFERED: [(&str, &[&str]); 4] = [
    ("EMA", &["ema_20", "ema_50", "ema_100", "ema_200", "ema_9"]),
    ("SMA", &["sma_20", "sma_50", "sma_100", "sma_200"]),
    ("Bollinger", &["bb_20_2"]),
    ("VWAP", &["vwap"]),
];

#[component]
pub(crate) fn IndicatorsMenu() -> impl IntoView {
    let (deck, view) = (use_deck(), use_view());
    let shown = Sig::new(false);
    let keys = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            shown.set(false);
        }
    };
    view! {
        <div
            class="picker"
            on:keydown=keys
            on:focusout=move |event| {
                if leaves(&event) {
                    shown.set(false);
                }
            }
        >
            <button
                class="select"
                data-testid="indicators"
                aria-expanded=text(move || shown.get().to_string())
                title="Price style and indicators"
                on:click=move |_| shown.update(|s| *s = !*s)
            >
                "Indicators"
            </button>
            {move || shown.get().then(|| later(move || contents(deck, view)))}
        </div>
    }
}

lazy! {
    chart_menu: fn contents(deck: DeckRef, view: View) -> AnyView {
        let styles = PriceStyle::ALL.map(|style| {
            view! {
                <button
                    aria-pressed=text(move || (view.price_style.get() == style).to_string())
                    on:click=move |_| deck.with(|d| d.set_price_style(style))
                >
                    {style.title()}
                </button>
            }
        });
        let mark = |title: &'static str, on: fn(&Drawn) -> bool, set: fn(&mut Drawn)| {
            view! {
                <button
                    aria-pressed=text(move || view.drawn.with(on).to_string())
                    on:click=move |_| {
                        let mut marks = view.drawn.get_untracked();
                        set(&mut marks);
                        deck.with(|d| d.set_drawn(marks));
                    }
                >
                    {title}
                </button>
            }
            .into_any()
        };
        let marks = vec![
            mark("Signals", |m| m.signals, |m| m.signals = !m.signals),
            mark("Liquidations", |m| m.liquidations, |m| m.liquidations = !m.liquidations),
        ];
        let heat = [
            mark("Off", |m| m.heat == 0, |m| m.heat = 0),
            mark("1 h", |m| m.heat == 1, |m| m.heat = 1),
            mark("4 h", |m| m.heat == 4, |m| m.heat = 4),
            mark("24 h", |m| m.heat == 24, |m| m.heat = 24),
        ];
        let kinds = move || {
            let kind = |name: &String| name.split('_').next().unwrap_or_default().to_owned();
            view.indicators.with(|all| all.iter().map(kind).enumerate().collect::<Vec<_>>())
        };
        let add = OFFERED.map(|(title, names)| {
            let add = move |_| {
                let mut all = view.indicators.get_untracked();
                if all.iter().filter(|n| overlay(n)).count() >= Settings::OVERLAYS {
                    deck.with(|d| d.toast(format!("At most {} indicators over the price.", Settings::OVERLAYS)));
                } else if let Some(name) = names.iter().find(|n| !all.iter().any(|held| held == *n)) {
                    // Over the price first, so that colours follow the order of the list.
                    let at = all.iter().rposition(|n| overlay(n)).map_or(0, |at| at + 1);
                    all.insert(at, (*name).to_owned());
                    deck.with(|d| d.set_indicators(all));
                }
            };
            view! { <button on:click=add>"+ " {title}</button> }
        });
        view! {
            <div class="menu tall" role="dialog" aria-label="Price style and indicators" data-testid="indicators-menu">
                <div class="choice" role="group" aria-label="Price drawn as">{Vec::from(styles)}</div>
                <For each=kinds key=Clone::clone children=move |(i, kind)| row(deck, view, i, &kind)/>
                <div class="choice" role="group" aria-label="Add over the price">{Vec::from(add)}</div>
                <div class="choice" role="group" aria-label="Marks on the price">{marks}</div>
                <div class="choice" role="group" aria-label="Heat map of liquidations">
                    <span class="muted">"Heat map"</span> {Vec::from(heat)}
                </div>
            </div>
        }
        .into_any()
    }
}

fn overlay(name: &str) -> bool {
    name.parse::<Indicator>().is_ok_and(|one| is_overlay(&one))
}

/// An indicator with its numbers, by its place in the list.
fn row(deck: DeckRef, view: View, i: usize, kind: &str) -> AnyView {
    let (title, numbers): (_, &'static [&'static str]) = match kind {
        "ema" => ("EMA", &["Period"]),
        "sma" => ("SMA", &["Period"]),
        "rsi" => ("RSI", &["Period"]),
        "bb" => ("Bollinger", &["Period", "Standard deviations"]),
        "macd" => ("MACD", &["Fast period", "Slow period", "Signal period"]),
        "vwap" => ("VWAP", &[]),
        _ => return ().into_any(),
    };
    let name = move || view.indicators.with(|all| all.get(i).cloned().unwrap_or_default());
    let removable = !matches!(kind, "rsi" | "macd");
    let hue = move || {
        let nth = view.indicators.with(|all| all.iter().take(i).filter(|n| overlay(n)).count());
        Some(format!("dot hue-{}", if removable { line_hue(nth) } else { 6 }))
    };
    let field = move |(k, label): (usize, &'static str)| {
        let value = move || name().split('_').nth(k + 1).unwrap_or_default().to_owned();
        let change = move |event| {
            let typed = event_target_value(&event);
            let before = name();
            let parts = before.split('_').enumerate();
            let parts: Vec<&str> =
                parts.map(|(at, part)| if at == k + 1 { typed.trim() } else { part }).collect();
            let wanted = parts.join("_");
            let known: Result<Indicator, IndicatorError> = wanted.parse();
            match known {
                Ok(_) => {
                    let mut all = view.indicators.get_untracked();
                    if let Some(held) = all.get_mut(i) {
                        *held = wanted;
                    }
                    deck.with(|d| d.set_indicators(all));
                }
                Err(error) => {
                    deck.with(|d| d.toast(error.to_string()));
                    // What was typed gives way to what holds.
                    view.indicators.notify();
                }
            }
        };
        view! {
            <input
                class="num"
                inputmode="decimal"
                autocomplete="off"
                aria-label=format!("{title}: {label}")
                title=label
                prop:value=value
                on:change=change
            />
        }
    };
    let remove = move |_| {
        let mut all = view.indicators.get_untracked();
        if i < all.len() {
            all.remove(i);
            deck.with(|d| d.set_indicators(all));
        }
    };
    view! {
        <div class="line">
            <span class=text(hue)></span>
            <span class="grow">{title}</span>
            {numbers.iter().copied().enumerate().map(field).collect_view()}
            {removable.then(|| view! { <button class="icon" aria-label=format!("Remove {title}") on:click=remove>"×"</button> })}
        </div>
    }
    .into_any()
}
