//! The last 24 hours of open interest, summed over the venues. Loaded when the card is first pressed.

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use shared::market::Ms;
use wasm_bindgen::JsCast;

use super::cards::or_unknown;
use super::later::lazy;
use super::text::text;
use crate::app::use_deck;
use crate::deck::view::View;
use crate::feed::http;
use crate::feed::pairs::Pairs;
use crate::format;
use crate::json::needs;
use crate::series::Track;
use crate::signal::{Sig, effect};
use crate::spark::{Frame, ticks};

/// A row of `/api/market/oi_history`.
#[derive(Clone, PartialEq)]
struct Point {
    timestamp: Ms,
    /// Quote currency; none while a venue is missing.
    oi_notional: Option<f64>,
    by_venue: Pairs<String, Option<f64>>,
}

needs! { Point { timestamp; oi_notional, by_venue } }

/// Units of the drawing, stretched over its place.
const SIZE: f64 = 1_000.0;
const DAY: Ms = Ms(86_400_000);

lazy! {
    /// The dialog, while `shown`.
    cards: pub(super) fn oi_area(view: View, shown: Sig<bool>) -> AnyView { built(view, shown) }
}

fn built(view: View, shown: Sig<bool>) -> AnyView {
    let open = view.open.get_untracked();
    let symbol = open.map_or_else(String::new, |o| o.row.symbol.to_string());
    let query = [("symbol", symbol.clone()), ("hours", "24".to_owned())];
    let relay = use_deck().with(|deck| deck.relay.clone());
    let answer = Sig::new(None::<Result<Vec<Point>, String>>);
    leptos::task::spawn_local(async move {
        let points = http::get::<Vec<Point>>(&relay, "market/oi_history", &query).await;
        // It may have been closed meanwhile.
        answer.set(Some(points.map_err(|error| error.to_string())));
    });
    let body = move || match answer.get() {
        None => view! { <div class="area" aria-busy="true"></div> }.into_any(),
        Some(Ok(points)) if points.iter().filter(|p| p.oi_notional.is_some()).count() > 1 => {
            drawing(view, points)
        }
        Some(Ok(_)) => view! {
            <p class="muted">"Nothing is recorded of the last 24 hours yet. It fills as the relay runs."</p>
        }
        .into_any(),
        Some(Err(error)) => view! { <p class="warn">{error}</p> }.into_any(),
    };
    let dialog = NodeRef::<html::Dialog>::new();
    effect(move || {
        if let Some(dialog) = dialog.get() {
            let _ = dialog.show_modal();
        }
    });
    view! {
        <dialog class="about area-box" node_ref=dialog data-testid="oi-area" aria-labelledby="oi-title" on:close=move |_| shown.set(false)>
            <h2 id="oi-title">"Open interest of all venues, 24 hours " <span class="num muted">{symbol}</span></h2>
            {body}
            <form method="dialog"><button class="plain">"Close"</button></form>
        </dialog>
    }
    .into_any()
}

fn drawing(view: View, points: Vec<Point>) -> AnyView {
    let line: Vec<(f64, f64)> =
        points.iter().map(|p| (p.timestamp.0 as f64, p.oi_notional.unwrap_or(f64::NAN))).collect();
    let Some(mut frame) = Frame::around(&line, (SIZE, SIZE)) else { return ().into_any() };
    let last = points.last().map_or(Ms::ZERO, |p| p.timestamp);
    let room = ((frame.y.1 - frame.y.0) * 0.1).max(frame.y.1.abs() * 1e-6);
    frame.y = (frame.y.0 - room, frame.y.1 + room);
    frame.x = ((last - DAY).0 as f64, last.0 as f64);
    let zone = view.prefs.get_untracked().zone;
    let first_hour = Ms(frame.x.0 as i64 - 1).floor(Ms::HOUR) + Ms::HOUR;
    let hours: Vec<Ms> = (0..25).map(|n| first_hour + Ms(n * 3_600_000)).filter(|at| *at <= last).collect();
    let across = move |at: Ms| frame.place((at.0 as f64, 0.0)).0;
    let marks: String = hours.iter().map(|at| format!("M{:.1} {SIZE}v-16", across(*at))).collect();
    let levels = ticks(frame.y.0, frame.y.1);
    let rules: String = levels.iter().map(|v| format!("M0 {:.1}H{SIZE}", frame.place((0.0, *v)).1)).collect();
    let percent = |part: f64| format!("{:.2}%", part / SIZE * 100.0);
    let names = hours.iter().filter(|at| zone.shift(**at).civil().hour.is_multiple_of(4)).map(|at| {
        let name = format::clock(zone.shift(*at));
        view! { <span class="x num" style:left=percent(across(*at))>{name.get(..5).unwrap_or_default().to_owned()}</span> }
    });
    let names = names.collect::<Vec<_>>();
    let values = levels.iter().map(|v| {
        view! { <span class="y num" style:top=percent(frame.place((0.0, *v)).1)>{format::axis(*v)}</span> }
    });
    let values = values.collect::<Vec<_>>();
    let (fill, stroke) = (frame.path(&line, Some(SIZE)), frame.path(&line, None));

    let count = points.len();
    let at = Sig::new(None::<usize>);
    let points = StoredValue::new(points);
    let told = move || at.get().unwrap_or(count - 1);
    let head = move || points.with_value(|all| all.get(told()).map(|p| head(view, p)));
    let parts = move || points.with_value(|all| all.get(told()).map(|p| parts(view, p)));
    let needle = move || {
        let x = points.with_value(|all| at.get().and_then(|n| all.get(n)).map(|p| across(p.timestamp)))?;
        Some(format!("M{x:.1} 0V{SIZE}"))
    };
    let point = move |event: PointerEvent| {
        let Some(place) = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else {
            return;
        };
        let rect = place.get_bounding_client_rect();
        let share = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0);
        let time = Ms((frame.x.0 + share * (frame.x.1 - frame.x.0)) as i64);
        let nearest = points.with_value(|all| {
            (0..all.len()).min_by_key(|n| all.get(*n).map_or(i64::MAX, |p| (p.timestamp - time).0.abs()))
        });
        at.set(nearest);
    };
    let keys = move |event: KeyboardEvent| {
        let next = match event.key().as_str() {
            "ArrowLeft" => told().saturating_sub(1),
            "ArrowRight" => (told() + 1).min(count - 1),
            "Home" => 0,
            "End" => count - 1,
            _ => return,
        };
        event.prevent_default();
        at.set(Some(next));
    };
    view! {
        <p class="num area-head" aria-live="polite" data-testid="oi-area-at">{text(head)}</p>
        <p class="num parts" data-testid="oi-area-venues">{parts}</p>
        <div
            class="area"
            tabindex="0"
            role="group"
            aria-label="Open interest of the last 24 hours; arrows move from point to point"
            on:keydown=keys
            on:pointermove=point
            on:pointerleave=move |_| at.set(None)
        >
            <svg viewBox=format!("0 0 {SIZE} {SIZE}") preserveAspectRatio="none" aria-hidden="true">
                <defs>
                    <linearGradient id="oi-fill" x1="0" y1="0" x2="0" y2="1">
                        <stop class="top" offset="0"></stop>
                        <stop class="bottom" offset="1"></stop>
                    </linearGradient>
                </defs>
                <path class="rule" d=rules/>
                <path class="fill" d=fill/>
                <path class="line" d=stroke/>
                <path class="rule" d=marks/>
                <path class="needle" d=text(needle)/>
            </svg>
            {names}
            {values}
        </div>
    }
    .into_any()
}

/// Time and sum of a point.
fn head(view: View, p: &Point) -> String {
    let at = view.prefs.with(|prefs| prefs.zone).shift(p.timestamp);
    format!("{}  {}", format::date_minute(at), or_unknown(p.oi_notional.map(format::compact)))
}

/// What each venue holds at a point, in its hue.
fn parts(view: View, p: &Point) -> Vec<AnyView> {
    let hue = |name: &str| view.tracks.with(|all| all.iter().find(|t| t.venue == name).map(|t| t.hue));
    let part = |(venue, value): &(String, Option<f64>)| {
        let class = hue(venue).map(|hue| format!("hue-{}", hue % Track::HUES));
        view! { <span class=class>{venue.clone()} " " {or_unknown(value.map(format::compact))}</span> }
            .into_any()
    };
    p.by_venue.0.iter().map(part).collect()
}
