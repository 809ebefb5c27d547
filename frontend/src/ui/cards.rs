//! The right column: funding, book, open interest, liquidations.

use leptos::prelude::*;
use shared::event::Channel;
use shared::market::Ms;
use shared::maths::joined::funding::Basis;

use super::status::stale_age;
use super::tape::Tape;
use super::text::{flag, text};
use crate::app::use_view;
use crate::feed::group::ALL;
use crate::format;

/// Display levels of the funding rate, percent a year.
const FUNDING_LEVELS: (f64, f64) = (300.0, 1_000.0);
/// Display levels of the spread, basis points.
const SPREAD_LEVELS: (f64, f64) = (5.0, 10.0);
/// Ages beyond which a value is greyed.
const FUNDING_AGE: Ms = Ms(120_000);
const BOOK_AGE: Ms = Ms(5_000);
const OI_AGE: Ms = Ms(600_000);

#[component]
pub(crate) fn Side() -> impl IntoView {
    view! {
        <aside class="side" aria-label="Market">
            <FundingPanel/>
            <BookCard/>
            <OiCard/>
            <Tape/>
        </aside>
    }
}

fn level(value: Option<f64>, (warning, breach): (f64, f64)) -> &'static str {
    match value.map(f64::abs) {
        None => "unknown",
        Some(v) if v > breach => "breach",
        Some(v) if v > warning => "warning",
        Some(_) => "ok",
    }
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| format::UNKNOWN.into())
}

/// Where the open market cannot have this channel: who does not offer it, for the card to say instead of waiting.
fn lacking(channel: Channel) -> impl Fn() -> Option<String> + Copy {
    let view = use_view();
    move || {
        view.open.with(|o| {
            let open = o.as_ref()?;
            let joined = open.venue == ALL;
            let offered = if joined { &open.row.channels } else { open.row.offered(&open.venue) };
            let lacks = !offered.is_empty() && !offered.contains(&channel);
            lacks.then(|| format!("Not available on {}.", if joined { "any venue" } else { &open.venue }))
        })
    }
}

#[component]
fn FundingPanel() -> impl IntoView {
    let view = use_view();
    let funding = move || view.funding.get();
    let apr = move || funding().and_then(|f| f.funding_apr);
    let per = move |hours: f64| {
        or_unknown(
            funding()
                .and_then(|f| f.interval_hours.map(|h| format::funding_rate(f.funding_rate / h * hours))),
        )
    };
    let countdown = move || {
        let next = funding().and_then(|f| f.next_funding_time);
        or_unknown(next.map(|at| format::countdown(at - view.now.get())))
    };
    let age = move || stale_age(view, Channel::Funding, funding().map(|f| f.timestamp), FUNDING_AGE);
    let value = move || funding().and_then(|f| Basis::of(&f)).map(|b| (b.rate_8h * 100.0).to_string());
    let none = lacking(Channel::Funding);
    view! {
        <section class="card" data-testid="funding-panel" data-value=value class:stale=flag(move || age().is_some())>
            <h2>"Funding" <span class="muted num">{text(age)}</span></h2>
            <Show when=move || none().is_none() fallback=move || view! { <p class="muted empty">{none}</p> }>
                <p
                    class="big num"
                    data-testid="card-funding-apr"
                    data-value=text(move || apr().map(|v| v.to_string()))
                    data-level=move || level(apr(), FUNDING_LEVELS)
                    title="Yearly rate; positive: longs pay shorts"
                >
                    {text(move || or_unknown(apr().map(format::percent)))} <span class="muted">" a year"</span>
                </p>
                <dl class="num">
                    <dt>"1 h"</dt> <dd>{text(move || per(1.0))}</dd>
                    <dt>"8 h"</dt> <dd>{text(move || per(8.0))}</dd>
                    <dt>"next in"</dt> <dd>{text(countdown)}</dd>
                </dl>
            </Show>
        </section>
    }
}

#[component]
fn BookCard() -> impl IntoView {
    let view = use_view();
    let spread = move || view.book.get().map(|b| b.spread_bps);
    let depth = move || view.book.get().and_then(|b| b.depth_10bps);
    let decimals = move || view.open.with(|o| o.as_ref().map_or(2, |o| o.decimals));
    let price = move |p: Option<f64>| or_unknown(p.map(|p| format::price(p, decimals())));
    let age = move || stale_age(view, Channel::Book, view.book.get().map(|b| b.timestamp), BOOK_AGE);
    view! {
        <section class="card" class:stale=flag(move || age().is_some())>
            <h2>"Spread" <span class="muted num">{text(age)}</span></h2>
            <p
                class="big num"
                data-testid="card-spread"
                data-value=text(move || spread().map(|v| v.to_string()))
                data-level=move || level(spread(), SPREAD_LEVELS)
            >
                {text(move || or_unknown(spread().map(format::bps)))}
            </p>
            <dl class="num">
                <dt>"bid"</dt> <dd class="up">{text(move || price(view.book.get().map(|b| b.bid_px)))}</dd>
                <dt>"ask"</dt> <dd class="down">{text(move || price(view.book.get().map(|b| b.ask_px)))}</dd>
                <dt title="Value resting within 10 bp of the mid">"depth bid"</dt>
                <dd>{text(move || or_unknown(depth().map(|d| format::compact(d.bid_usd))))}</dd>
                <dt title="Value resting within 10 bp of the mid">"depth ask"</dt>
                <dd>{text(move || or_unknown(depth().map(|d| format::compact(d.ask_usd))))}</dd>
            </dl>
        </section>
    }
}

#[component]
fn OiCard() -> impl IntoView {
    let view = use_view();
    let coins = move || view.oi.get().map(|o| o.open_interest);
    let value = move || view.oi.get().and_then(|o| o.open_interest_value);
    let change = move || {
        let (now, before) = (coins()?, view.oi_hour_ago.get().filter(|b| *b > 0.0)?);
        Some((now - before) / before * 100.0)
    };
    let age = move || stale_age(view, Channel::Oi, view.oi.get().map(|o| o.timestamp), OI_AGE);
    let none = lacking(Channel::Oi);
    let known = move || if coins().is_some() { "ok" } else { "unknown" };
    view! {
        <section class="card" class:stale=flag(move || age().is_some())>
            <h2>"Open interest" <span class="muted num">{text(age)}</span></h2>
            <Show when=move || none().is_none() fallback=move || view! { <p class="muted empty">{none}</p> }>
                <p
                    class="big num"
                    data-testid="card-oi"
                    data-value=text(move || value().or_else(coins).map(|v| v.to_string()))
                    data-level=known
                >
                    {text(move || or_unknown(value().or_else(coins).map(format::compact)))}
                </p>
                <dl class="num">
                    <dt>"coins"</dt> <dd>{text(move || or_unknown(coins().map(format::compact)))}</dd>
                    <dt>"1 h"</dt> <dd>{text(move || or_unknown(change().map(format::percent)))}</dd>
                </dl>
            </Show>
        </section>
    }
}
