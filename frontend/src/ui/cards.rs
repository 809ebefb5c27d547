//! The right column: funding, basis, book, open interest; guards and liquidations have files of their own.

use leptos::prelude::*;
use shared::event::Channel;
use shared::market::Ms;
use shared::maths::joined::funding::Basis;

use super::guards::Guards;
use super::later::later;
use super::oi_area::oi_area;
use super::status::stale_age;
use super::tape::Tape;
use super::text::{beat, flag, text};
use super::watch::watchlist;
use crate::app::{use_deck, use_view};
use crate::deck::SPARK;
use crate::deck::view::View;
use crate::desk::use_desk;
use crate::feed::group::ALL;
use crate::format;
use crate::number;
use crate::signal::Sig;

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
    let watching = use_desk().with(|d| d.watching);
    view! {
        <aside class="side" aria-label="Market">
            {move || watching.get().then(|| later(watchlist))}
            <FundingPanel/>
            <BasisCard/>
            <BookCard/>
            <OiCard/>
            <Guards/>
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

/// The display level of a guard's state.
pub(super) fn level_of(state: &str) -> &'static str {
    match state {
        "passing" => "ok",
        "warning" => "warning",
        "breach" => "breach",
        _ => "unknown",
    }
}

/// Whether a rate wears the rising colour, or the falling one: by its sign and the person's choice.
fn paints(view: View, rate: Option<f64>, rising: bool) -> bool {
    let green = view.prefs.with(|p| p.funding_green);
    rate.is_some_and(|r| if r > 0.0 { green == rising } else { r < 0.0 && green != rising })
}

pub(super) fn or_unknown(text: Option<String>) -> String {
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
    let deck = use_deck();
    let green = move || view.prefs.with(|p| p.funding_green);
    let funding = move || view.funding.get();
    let apr = move || funding().and_then(|f| f.funding_apr);
    let basis = move || funding().and_then(|f| Basis::of(&f));
    let per = move |rate: fn(Basis) -> f64| or_unknown(basis().map(|b| format::funding_rate(rate(b))));
    let countdown = move || {
        let next = funding().and_then(|f| f.next_funding_time);
        or_unknown(next.map(|at| format::countdown(at - view.now.get())))
    };
    let age = move || stale_age(view, Channel::Funding, funding().map(|f| f.timestamp), FUNDING_AGE);
    let value = move || basis().map(|b| number::shortest(b.rate_8h * 100.0));
    let none = lacking(Channel::Funding);
    view! {
        <section class="card" data-testid="funding-panel" data-value=value class:stale=flag(move || age().is_some())>
            <h2>
                "Funding " <span class="muted num">{text(age)}</span>
                <button
                    class="swap"
                    data-testid="funding-colour"
                    aria-pressed=text(move || green().to_string())
                    title="Positive funding, which longs pay, in red or in green"
                    on:click=move |_| deck.with(|d| d.prefer(|p| p.funding_green = !p.funding_green))
                >
                    "positive "
                    <span class=move || if green() { "up" } else { "down" }>
                        {text(move || if green() { "green".to_owned() } else { "red".to_owned() })}
                    </span>
                </button>
            </h2>
            <Show when=move || none().is_none() fallback=move || view! { <p class="muted empty">{none}</p> }>
                <div class="head">
                    <p
                        class="big num"
                        class:up=flag(move || paints(view, apr(), true))
                        class:down=flag(move || paints(view, apr(), false))
                        data-testid="card-funding-apr"
                        data-value=text(move || apr().map(number::shortest))
                        data-level=move || level(apr(), FUNDING_LEVELS)
                        data-beat=beat(move || apr().map(format::percent))
                        title="Yearly rate; positive: longs pay shorts"
                    >
                        {text(move || or_unknown(apr().map(format::percent)))} <span class="muted">" a year"</span>
                    </p>
                    <svg
                        class="spark"
                        data-testid="funding-spark"
                        class:up=flag(move || paints(view, apr(), true))
                        class:down=flag(move || paints(view, apr(), false))
                        viewBox=format!("0 0 {} {}", number::shortest(SPARK.0), number::shortest(SPARK.1))
                        preserveAspectRatio="none"
                        role="img"
                        aria-label="The last 24 hours of it"
                    >
                        <path d=text(move || view.funding_spark.get())/>
                    </svg>
                </div>
                <dl class="num">
                    <dt>"1 h"</dt> <dd>{text(move || per(|b| b.hourly))}</dd>
                    <dt>"8 h"</dt> <dd>{text(move || per(|b| b.rate_8h))}</dd>
                    <dt>"next in"</dt> <dd>{text(countdown)}</dd>
                </dl>
            </Show>
        </section>
    }
}

/// How the market stands to its twin in another quote, and to its index.
#[component]
fn BasisCard() -> impl IntoView {
    let view = use_view();
    let guard = move |name: &str| view.guards.with(|g| g.as_ref().and_then(|g| g.get(name)).cloned());
    let value = move |name: &'static str| guard(name).and_then(|g| g.value);
    let shown = move |name: &'static str| text(move || or_unknown(value(name).map(format::signed_bps)));
    // Why there is none.
    let why = move || guard("basis_bps").filter(|g| g.value.is_none()).map(|g| g.reason);
    view! {
        <section class="card">
            <h2>"Basis"</h2>
            <p
                class="big num"
                data-testid="card-basis"
                data-value=text(move || value("basis_bps").map(number::shortest))
                data-level=move || guard("basis_bps").filter(|g| g.value.is_some()).map_or("unknown", |g| level_of(&g.state))
                title="USDT pair against USDC pair"
            >
                {shown("basis_bps")}
            </p>
            <p class="muted empty">{text(why)}</p>
            <dl class="num">
                <dt title="Mark price against the index">"premium"</dt> <dd data-testid="premium">{shown("premium_bps")}</dd>
            </dl>
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
                data-value=text(move || spread().map(number::shortest))
                data-level=move || level(spread(), SPREAD_LEVELS)
            >
                {text(move || or_unknown(spread().map(format::bps)))}
            </p>
            <dl class="num two" class:long=flag(move || decimals() > 5)>
                <dt>"bid"</dt> <dd class="up">{text(move || price(view.book.get().map(|b| b.bid_px)))}</dd>
                <dt>"ask"</dt> <dd class="down">{text(move || price(view.book.get().map(|b| b.ask_px)))}</dd>
                <dt title="Bids resting within 10 bp of the mid">"depth"</dt>
                <dd>{text(move || or_unknown(depth().map(|d| format::compact(d.bid_usd))))}</dd>
                <dt title="Asks resting within 10 bp of the mid">"depth"</dt>
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
    let opened = Sig::new(false);
    let moved = move || view.oi_moved.get();
    let known = move || match (coins(), moved()) {
        (None, _) => "unknown",
        (_, Some(_)) => "warning",
        _ => "ok",
    };
    view! {
        <section
            class="card"
            class:stale=flag(move || age().is_some())
            class:moved=flag(move || moved().is_some())
            on:click=move |_| opened.set(none().is_none())
        >
            <h2>"Open interest" <span class="muted num">{text(age)}</span></h2>
            <Show when=move || none().is_none() fallback=move || view! { <p class="muted empty">{none}</p> }>
                <button
                    class="big num"
                    data-testid="card-oi"
                    data-value=text(move || value().or_else(coins).map(number::shortest))
                    data-level=known
                    data-beat=beat(move || value().or_else(coins).map(format::compact))
                    aria-haspopup="dialog"
                    title="Show the last 24 hours"
                >
                    {text(move || or_unknown(value().or_else(coins).map(format::compact)))}
                </button>
                <p class="warn num" role="status" data-testid="oi-moved">
                    {text(move || moved().map(|c| format!("{} within a minute", format::percent(c))))}
                </p>
                <dl class="num">
                    <dt>"coins"</dt> <dd>{text(move || or_unknown(coins().map(format::compact)))}</dd>
                    <dt>"1 h"</dt> <dd>{text(move || or_unknown(change().map(format::percent)))}</dd>
                </dl>
            </Show>
        </section>
        {move || opened.get().then(|| later(move || oi_area(view, opened)))}
    }
}
