//! The chart's place: legend, pane headers, and what stands there when there is no chart.

use leptos::html;
use leptos::prelude::*;

use shared::event::Channel;

use super::compare::CompareToggle;
use super::status::{OfflineBanner, is_stale};
use super::text::{flag, text};
use crate::app::{use_deck, use_view};
use crate::deck::view::{PaneRect, Part, Stage as State, View};
use crate::format;
use crate::series::Track;
use crate::settings::Pane;

#[component]
pub(crate) fn Stage() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let place = NodeRef::<html::Div>::new();
    Effect::new(move |mounted: Option<bool>| {
        let Some(place) = place.get() else { return false };
        if mounted != Some(true) {
            deck.with(|d| d.mount_chart(&place));
        }
        true
    });
    Effect::new(move |drawn: Option<()>| {
        let _ = (view.theme.get(), view.prefs.get());
        if drawn.is_some() {
            deck.with(|d| d.restyle());
        }
    });
    let label = move || {
        let name = view.open.with(|o| o.as_ref().map_or_else(String::new, |o| o.row.symbol.to_string()));
        format!("Chart of {name}, {}", view.timeframe.get())
    };
    view! {
        <section
            class="stage"
            on:pointerdown=move |_| deck.with(|d| d.set_dragging(true))
            on:pointerup=move |_| deck.with(|d| d.set_dragging(false))
            on:pointercancel=move |_| deck.with(|d| d.set_dragging(false))
        >
            <div class="chart" node_ref=place role="img" aria-label=label></div>
            <PanePlace rect=Signal::derive(move || view.rects.with(|r| r.first().copied())) testid="pane-price">
                <LegendLine/>
            </PanePlace>
            {move || panes(view)}
            <Overlay/>
            <OfflineBanner/>
            <Show when=move || view.away.get() && view.stage.get() == State::Ready>
                <button class="go-live" title="Scroll to the newest bar" on:click=move |_| deck.with(|d| d.go_live())>
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
            <span class="zone num" title="Time zone of the axis">"UTC"</span>
        </section>
    }
}

fn panes(view: View) -> impl IntoView {
    // Reading both keeps this in step with the arrangement.
    let phone = view.phone.get();
    let chosen = view.panes.get();
    let shown: Vec<Pane> = if phone {
        vec![view.phone_pane.get()]
    } else {
        Pane::ALL.into_iter().filter(|p| chosen.contains(p)).collect()
    };
    let row = |(i, pane): (usize, Pane)| {
        let rect = Signal::derive(move || view.rects.with(|r| r.get(i + 1).copied()));
        let index = Pane::ALL.iter().position(|p| *p == pane).unwrap_or(0);
        let values = move || parts(view.legend.with(|l| l.panes.get(index).cloned().unwrap_or_default()));
        let absent = move || unavailable(view, pane);
        let age = move || pane_age(view, pane);
        view! {
            <PanePlace rect testid=hook(pane)>
                <p class="pane-head" class:stale=flag(move || age().is_some())>
                    <span>{pane.title()}</span>
                    <span class="num parts">{values}</span>
                    <span class="muted unit">{pane.unit()}</span>
                    <span class="warn num">{text(age)}</span>
                    <span class="muted" data-testid=format!("{}-unavailable", hook(pane))>{text(absent)}</span>
                </p>
            </PanePlace>
        }
    };
    shown.into_iter().enumerate().map(row).collect_view()
}

const fn hook(pane: Pane) -> &'static str {
    match pane {
        Pane::Oi => "pane-oi",
        Pane::Funding => "pane-funding",
        Pane::Cvd => "pane-cvd",
        Pane::Liq => "pane-liq",
    }
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
    let venue = view.open.with(|o| o.as_ref().map(|o| o.venue.clone()))?;
    let last = view.venues.with(|all| all.iter().find(|v| v.venue == venue)?.channel(channel)?.last_event);
    let age = last.map(|at| format::age(view.now.get() - at));
    Some(age.map_or_else(|| "no data".into(), |age| format!("{age} old")))
}

/// Lies over one pane of the chart without catching the pointer.
#[component]
fn PanePlace(rect: Signal<Option<PaneRect>>, testid: &'static str, children: Children) -> impl IntoView {
    let px = move |pick: fn(PaneRect) -> f64| rect.get().map(|r| format!("{:.0}px", pick(r)));
    view! {
        <section
            class="pane"
            data-testid=testid
            hidden=flag(move || rect.get().is_none())
            style:top=text(move || px(|r| r.top))
            style:height=text(move || px(|r| r.height))
            style:width=text(move || px(|r| r.width))
        >
            {children()}
        </section>
    }
}

#[component]
fn LegendLine() -> impl IntoView {
    let view = use_view();
    let part = move |name: &'static str, pick: fn(&crate::deck::view::Legend) -> &String| {
        let text = move || view.legend.with(|l| pick(l).clone());
        view! { <span><b>{name}</b>{super::text::text(text)}</span> }
    };
    let rising = move || view.legend.with(|l| l.rising);
    let closed = move || {
        let now = view.now.get();
        let calendar = view.open.with(|o| o.as_ref().map(|o| o.row.calendar.clone()))?;
        (!calendar.is_open(now)).then(|| {
            let opens = calendar.next_open(now);
            format!("Session closed, opens {} UTC", format::date_minute(opens))
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
            <span class="parts">{move || parts(view.legend.with(|l| l.shares.clone()))}</span>
            <span class="time">{text(move || view.legend.with(|l| l.time.clone()))}</span>
        </p>
        <p class="holes num" data-testid="gap-tooltip">
            {move || view.legend.with(|l| l.holes.iter().map(|hole| view! { <span>{hole.clone()}</span> }).collect_view())}
        </p>
        <p class="holes closed" data-testid="session-closed">{text(closed)}</p>
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

/// On a phone: which pane stands under the price.
#[component]
pub(crate) fn PaneTabs() -> impl IntoView {
    let deck = use_deck();
    let view = use_view();
    let tabs = Pane::ALL.map(|pane| {
        let name = match pane {
            Pane::Oi => "OI",
            Pane::Funding => "Funding",
            Pane::Cvd => "CVD",
            Pane::Liq => "Liquidations",
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
