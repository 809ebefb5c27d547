//! What lies over the panes: legend, headers, and their controls.

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use shared::event::Channel;
use wasm_bindgen::JsCast;

use super::compare::CompareToggle;
use super::heat::heat_place;
use super::indicators::IndicatorsMenu;
use super::status::{is_stale, oldest};
use super::text::{flag, text};
use crate::app::{DeckRef, use_deck, use_view};
use crate::deck::view::{Part, View};
use crate::format;
use crate::number;
use crate::series::Track;
use crate::settings::Pane;

/// A place over each pane of the chart, the price first. They follow the arrangement.
pub(super) fn panes(deck: DeckRef, view: View) -> impl IntoView {
    move || {
        let all = std::iter::once(Pane::Price).chain(view.watch_panes()).enumerate();
        all.map(|(place, pane)| pane_place(deck, view, place, pane)).collect_view()
    }
}

/// Lies over one pane of the chart without catching the pointer, but for its controls.
fn pane_place(deck: DeckRef, view: View, place: usize, pane: Pane) -> AnyView {
    let px = move |pick: fn(&crate::deck::view::PaneRect) -> f64| {
        text(move || view.rects.with(|r| r.get(place).map(|r| number::fixed(pick(r), 0) + "px")))
    };
    let inside = match pane {
        Pane::Price => legend_line(view).into_any(),
        _ => header(view, pane).into_any(),
    };
    view! {
        <section
            class="pane"
            class:price=flag(move || pane == Pane::Price)
            class:under=flag(move || view.under_pointer.get() == Some(place))
            data-testid=pane_id(pane, "")
            hidden=flag(move || view.rects.with(|r| r.get(place).is_none()))
            style:top=px(|r| r.top)
            style:height=px(|r| r.height)
            style:width=px(|r| r.width)
        >
            {inside}
            {(pane == Pane::Price).then(|| heat_place(deck, view))}
            {tools(deck, view, pane)}
        </section>
    }
    .into_any()
}

fn pane_id(pane: Pane, part: &str) -> String {
    format!("pane-{}{part}", pane.name())
}

/// Name, values and unit of a pane, and what is amiss with it.
fn header(view: View, pane: Pane) -> impl IntoView {
    let index = Pane::ALL.iter().position(|p| *p == pane).unwrap_or(0);
    let values = move || parts(view.legend.with(|l| l.panes.get(index).cloned().unwrap_or_default()));
    let age = move || pane_age(view, pane);
    view! {
        <p class="pane-head" class:stale=flag(move || age().is_some())>
            <span>{pane.title()}</span>
            <span class="num parts">{values}</span>
            <span class="muted unit">{pane.unit()}</span>
            <span class="warn num">{text(age)}</span>
            <span class="muted" data-testid=pane_id(pane, "-unavailable")>{text(move || unavailable(view, pane))}</span>
        </p>
    }
}

/// What can be done with a pane.
#[derive(Clone, Copy, PartialEq)]
enum Tool {
    Up,
    Down,
    Fold,
    Maximise,
    Close,
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Tool::Up => "up",
            Tool::Down => "down",
            Tool::Fold => "fold",
            Tool::Maximise => "maximise",
            Tool::Close => "close",
        }
    }
}

/// Controls of a pane: seen while it is under the pointer or has the focus.
fn tools(deck: DeckRef, view: View, pane: Pane) -> impl IntoView {
    let panes = view.panes.get_untracked();
    let place = panes.iter().position(|p| *p == pane);
    let alone = view.maximised.get_untracked() == Some(pane);
    let folded = view.folded.with(|folded| folded.contains(&pane));
    let mut shown = Vec::new();
    if place.is_some() && !alone {
        shown.push((Tool::Up, "↑", "Move up", place == Some(0)));
        shown.push((Tool::Down, "↓", "Move down", place == panes.len().checked_sub(1)));
        shown.push(if folded {
            (Tool::Fold, "+", "Unfold", false)
        } else {
            (Tool::Fold, "–", "Fold", false)
        });
    }
    shown.push(if alone {
        (Tool::Maximise, "❐", "Restore", false)
    } else {
        (Tool::Maximise, "□", "Maximise", false)
    });
    if place.is_some() {
        shown.push((Tool::Close, "×", "Close", false));
    }
    let button = |(tool, sign, what, disabled): (Tool, &'static str, &'static str, bool)| {
        let label = format!("{what}: {}", pane.title());
        view! {
            <button
                data-testid=pane_id(pane, &format!("-{}", tool.name()))
                aria-label=label
                title=what
                disabled=disabled
                on:click=move |event| act(deck, pane, tool, &event)
            >
                {sign}
            </button>
        }
    };
    let menu = (pane == Pane::Price).then(|| view! { <IndicatorsMenu/> });
    view! {
        <div class="pane-tools" role="group" aria-label=format!("{} pane", pane.title())>
            {menu}
            {shown.into_iter().map(button).collect_view()}
        </div>
    }
}

/// Does it, and keeps the focus on the control, which is made anew where the arrangement changed.
fn act(deck: DeckRef, pane: Pane, tool: Tool, event: &MouseEvent) {
    let button = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    let stage = button.and_then(|b| b.closest(".stage").ok().flatten());
    deck.with(|d| match tool {
        Tool::Up => d.move_pane(pane, true),
        Tool::Down => d.move_pane(pane, false),
        Tool::Fold => d.fold_pane(pane),
        Tool::Maximise => d.maximise_pane(pane),
        Tool::Close => d.toggle_pane(pane),
    });
    leptos::task::spawn_local(async move {
        gloo_timers::future::TimeoutFuture::new(0).await;
        let id = pane_id(pane, &format!("-{}", tool.name()));
        let again = stage.and_then(|s| s.query_selector(&format!("[data-testid={id}]")).ok().flatten());
        if let Some(again) = again.and_then(|a| a.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = again.focus();
        }
    });
}

/// Values of a header, each in the hue of its venue.
fn parts(parts: Vec<Part>) -> impl IntoView {
    let part = |Part { hue, name, value }: Part| {
        let class = hue.filter(|_| !name.is_empty()).map(|hue| format!("hue-{}", hue % Track::HUES));
        view! { <span class=class>{name} " " {value}</span> }
    };
    parts.into_iter().map(part).collect_view()
}

/// The channel a pane draws.
const fn channel(pane: Pane) -> Channel {
    match pane {
        Pane::Price | Pane::Rsi | Pane::Macd => Channel::Bar,
        Pane::Spread | Pane::Depth => Channel::Book,
        Pane::Oi => Channel::Oi,
        Pane::Funding => Channel::Funding,
        Pane::Cvd => Channel::Bar,
        Pane::Liq => Channel::Liquidation,
    }
}

/// Says which of the drawn venues do not offer what a pane draws.
fn unavailable(view: View, pane: Pane) -> Option<String> {
    let channel = channel(pane);
    let lacking = view.tracks.with(|all| {
        let lacking = all.iter().filter(|t| !t.channels.contains(&channel)).map(|t| t.venue.clone());
        let mut lacking: Vec<String> = lacking.collect();
        lacking.dedup();
        lacking
    });
    (!lacking.is_empty()).then(|| format!("not available on {}", lacking.join(", ")))
}

/// How long the open market's channel of a pane has been stale.
fn pane_age(view: View, pane: Pane) -> Option<String> {
    let channel = channel(pane);
    if !is_stale(view, channel) {
        return None;
    }
    let last = oldest(view, |v| v.channel(channel)?.last_event);
    let age = last.map(|at| format::age(view.now.get() - at));
    Some(age.map_or_else(|| "no data".into(), |age| format!("{age} old")))
}

/// Open, high, low, close, what indicators say, and what is amiss.
fn legend_line(view: View) -> impl IntoView {
    let part = move |name: &'static str, pick: fn(&crate::deck::view::Legend) -> &String| {
        let text = move || view.legend.with(|l| pick(l).clone());
        view! { <span><b>{name}</b>{crate::ui::text::text(text)}</span> }
    };
    let rising = move || view.legend.with(|l| l.rising);
    let closes = move || {
        let (now, timeframe) = (view.now.get(), view.timeframe.get());
        let calendar = view.open.with(|o| o.as_ref().map(|o| o.row.calendar.clone()))?;
        let ends = calendar.next(timeframe, calendar.open(timeframe, now));
        calendar.is_open(now).then(|| format!("closes in {}", format::left(ends - now)))
    };
    let closed = move || {
        let now = view.now.get();
        let calendar = view.open.with(|o| o.as_ref().map(|o| o.row.calendar.clone()))?;
        (!calendar.is_open(now)).then(|| {
            let opens = calendar.next_open(now);
            let zone = view.prefs.with(|p| p.zone);
            format!("Session closed, opens {}", format::date_minute(zone.shift(opens)))
        })
    };
    view! {
        <p class="legend num" data-testid="legend" class:up=flag(rising) class:down=flag(move || !rising())>
            {part("O", |l| &l.open)}
            {part("H", |l| &l.high)}
            {part("L", |l| &l.low)}
            {part("C", |l| &l.close)}
            {part("V", |l| &l.volume)}
            <span>{text(move || view.legend.with(|l| l.change.clone()))}</span>
            <span class="parts">{move || parts(view.legend.with(|l| l.studies.clone()))}</span>
            <span class="parts">{move || parts(view.legend.with(|l| l.shares.clone()))}</span>
            <span class="time" data-testid="bar-countdown" title="Until the running bar closes">{text(closes)}</span>
            <span class="time">{text(move || view.legend.with(|l| l.time.clone()))}</span>
        </p>
        <p class="holes num" data-testid="gap-tooltip">
            {move || view.legend.with(|l| l.holes.iter().map(|hole| view! { <span>{hole.clone()}</span> }).collect_view())}
        </p>
        <p class="holes closed" data-testid="session-closed">{text(closed)}</p>
    }
}

/// On a phone: which pane stands under the price.
#[component]
pub(crate) fn PaneTabs() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let tabs = Pane::ALL.map(|pane| {
        let name = match pane {
            Pane::Oi => "OI",
            other => other.title(),
        };
        view! {
            <button
                aria-pressed=text(move || (view.phone_pane.get() == pane).to_string())
                on:click=move |_| deck.with(|d| d.choose_phone_pane(pane))
            >
                {name}
            </button>
        }
    });
    view! {
        <div class="pane-tabs" role="group" aria-label="Pane under the price">
            {Vec::from(tabs)}
            <CompareToggle on_phone=true/>
        </div>
    }
}
