//! The heat map of liquidations: behind the price where its columns hold whole bars, else as an inset.

use leptos::ev::{KeyboardEvent, PointerEvent, pointermove};
use leptos::html;
use leptos::prelude::*;
use shared::market::Timeframe;
use wasm_bindgen::JsCast;

use super::later::{later, lazy};
use super::text::{flag, text};
use crate::app::DeckRef;
use crate::chart::js::heat_image;
use crate::deck::view::View;
use crate::format;
use crate::series::Heat;
use crate::signal::{Sig, effect};

/// Room a tooltip takes, px.
const TIP_PX: f64 = 232.0;

/// The map, while it is switched on.
pub(super) fn heat_place(deck: DeckRef, view: View) -> impl IntoView {
    let on = Sig::memo(move |_| view.drawn.with(|m| m.heat > 0));
    move || on.get().then(|| later(move || map(deck, view)))
}

/// A bin under the pointer or chosen by key: time, price, and where its words stand.
type Chosen = Sig<Option<(usize, usize, f64, f64)>>;

lazy! {
    chart_menu: fn map(deck: DeckRef, view: View) -> AnyView {
        let chosen: Chosen = Sig::new(None);
        let place = NodeRef::<html::Div>::new();
        let canvas = NodeRef::<html::Canvas>::new();
        let inset = Sig::memo(move |_| view.timeframe.get() > Timeframe::M5);
        effect(move || {
            let timeframe = view.timeframe.get();
            view.heat.with(|heat| deck.with(|d| d.draw_heat(heat.as_ref().filter(|_| !inset.get()), timeframe)));
        });
        on_cleanup(move || deck.with(|d| d.draw_heat(None, Timeframe::M1)));
        effect(move || {
            let Some(canvas) = canvas.get() else { return };
            view.heat.with(|heat| {
                if let Some(heat) = heat {
                    heat_image(&canvas, &heat.pixels(), heat.times.len() - 1);
                }
            });
        });
        let moved = window_event_listener(pointermove, move |event| pointed(deck, view, place, inset.get_untracked(), chosen, &event));
        on_cleanup(move || moved.remove());
        let keys = move |event: KeyboardEvent| {
            let step = match event.key().as_str() {
                "ArrowRight" | "ArrowDown" => 1,
                "ArrowLeft" | "ArrowUp" => -1,
                "Escape" => {
                    chosen.set(None);
                    return;
                }
                _ => return,
            };
            event.prevent_default();
            event.stop_propagation();
            walk(deck, view, place, inset.get_untracked(), chosen, step);
        };
        let label = move || {
            let cells = view.heat.with(|heat| heat.as_ref().map(|h| h.cells.len()));
            let hours = view.drawn.with(|m| m.heat);
            match cells {
                Some(cells) => format!("Heat map of liquidations, {hours} hours, {cells} cells; arrow keys walk through them"),
                None => "Heat map of liquidations, loading".into(),
            }
        };
        let tip = move || {
            let (t, p, ..) = chosen.get()?;
            view.heat.with(|heat| words(view, heat.as_ref()?, t, p))
        };
        let at = move |pick: fn((usize, usize, f64, f64)) -> f64| {
            text(move || chosen.get().map(|one| format!("{:.0}px", pick(one))))
        };
        view! {
            <div
                node_ref=place
                class="heatmap"
                class:inset=flag(move || inset.get())
                data-testid="heatmap"
                data-cells=text(move || view.heat.with(|h| h.as_ref().map(|h| h.cells.len().to_string())))
                role="img"
                tabindex="0"
                aria-label=label
                on:keydown=keys
                on:blur=move |_| chosen.set(None)
            >
                {move || inset.get().then(|| view! { <canvas node_ref=canvas></canvas> })}
            </div>
            <p
                class="heat-tip num"
                data-testid="heatmap-tooltip"
                role="status"
                style:left=at(|(_, _, x, _)| x)
                style:top=at(|(_, _, _, y)| y)
            >
                {text(tip)}
            </p>
        }
        .into_any()
    }
}

/// `3 liquidations, 24.1k`, then price and time.
fn words(view: View, heat: &Heat, t: usize, p: usize) -> Option<String> {
    let cell = heat.cell(t, p)?;
    let decimals = view.open.with(|o| o.as_ref().map_or(2, |o| o.decimals));
    let price = |edge: usize| heat.prices.get(edge).map(|v| format::price(*v, decimals));
    let time = |edge: usize| heat.times.get(edge).copied();
    let zone = view.prefs.with(|prefs| prefs.zone);
    let (start, end) = (time(t)?, format::clock(zone.shift(time(t + 1)?)));
    let plural = if cell.count == 1 { "" } else { "s" };
    Some(format!(
        "{} liquidation{plural}, {}\n{} to {}\n{} to {} {}",
        cell.count,
        format::compact(cell.size_usd),
        price(p)?,
        price(p + 1)?,
        format::date_minute(zone.shift(start)),
        end.get(..5)?,
        zone.name(start)
    ))
}

/// The bin under the pointer, if the pointer is on the map and not on something above it.
fn pointed(
    deck: DeckRef,
    view: View,
    place: NodeRef<html::Div>,
    inset: bool,
    chosen: Chosen,
    event: &PointerEvent,
) {
    let Some(place) = place.get_untracked() else { return };
    let on = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    let on = on.is_some_and(|element| element.tag_name() == "CANVAS");
    let rect = place.get_bounding_client_rect();
    let (x, y) = (f64::from(event.client_x()) - rect.left(), f64::from(event.client_y()) - rect.top());
    let inside = on && (0.0..rect.width()).contains(&x) && (0.0..rect.height()).contains(&y);
    let bin =
        inside.then(|| bin_at(deck, view, inset, (x / rect.width(), y / rect.height()), (x, y))).flatten();
    let filled = bin
        .filter(|(t, p)| view.heat.with_untracked(|h| h.as_ref().is_some_and(|h| h.cell(*t, *p).is_some())));
    let now = filled.map(|(t, p)| shown_at(&place, t, p, x, y));
    if chosen.get_untracked() != now && (now.is_some() || !focused(&place)) {
        chosen.set(now);
    }
}

fn focused(place: &web_sys::Element) -> bool {
    let active = web_sys::window().and_then(|w| w.document()).and_then(|d| d.active_element());
    active.is_some_and(|a| a == *place)
}

/// Bin at a place, given in parts of the inset and in px of the chart.
fn bin_at(
    deck: DeckRef,
    view: View,
    inset: bool,
    part: (f64, f64),
    px: (f64, f64),
) -> Option<(usize, usize)> {
    if !inset {
        return deck.with(|d| d.heat_at(px.0, px.1));
    }
    view.heat.with_untracked(|heat| {
        let heat = heat.as_ref()?;
        let (across, down) = (heat.times.len() - 1, heat.prices.len() - 1);
        let (t, row) = ((part.0 * across as f64) as usize, (part.1 * down as f64) as usize);
        Some((t.min(across - 1), down - 1 - row.min(down - 1)))
    })
}

/// Words beside a place of the map, within the pane.
fn shown_at(place: &web_sys::HtmlElement, t: usize, p: usize, x: f64, y: f64) -> (usize, usize, f64, f64) {
    let pane = place.parent_element().map_or(0.0, |pane| f64::from(pane.client_width()));
    let left = f64::from(place.offset_left()) + x + 12.0;
    (t, p, left.min(pane - TIP_PX).max(0.0), f64::from(place.offset_top()) + y + 12.0)
}

/// The next or previous bin with prints.
fn walk(deck: DeckRef, view: View, place: NodeRef<html::Div>, inset: bool, chosen: Chosen, step: isize) {
    let Some(place) = place.get_untracked() else { return };
    let found = view.heat.with_untracked(|heat| {
        let heat = heat.as_ref()?;
        let now = chosen.get_untracked();
        let at =
            now.and_then(|(t, p, ..)| heat.cells.iter().position(|c| (c.t as usize, c.p as usize) == (t, p)));
        let last = heat.cells.len().checked_sub(1)?;
        // Begins with the newest.
        let next = at.map_or(last, |at| at.saturating_add_signed(step).min(last));
        let cell = heat.cells.get(next)?;
        let (t, p) = (cell.t as usize, cell.p as usize);
        let (across, down) = (heat.times.len() as f64 - 1.0, heat.prices.len() as f64 - 1.0);
        let (width, height) = (f64::from(place.client_width()), f64::from(place.client_height()));
        let middle = if inset {
            Some(((t as f64 + 0.5) / across * width, (down - 0.5 - p as f64) / down * height))
        } else {
            deck.with(|d| d.heat_place(t, p))
        };
        let (x, y) = middle.unwrap_or((0.0, 24.0));
        Some(shown_at(&place, t, p, x.clamp(0.0, width), y.clamp(0.0, height)))
    });
    chosen.set(found);
}
