//! The watchlist: symbols with last price, the day's change and its course; a press opens one in the active chart.

use std::rc::Rc;

use leptos::prelude::*;
use shared::event::{Channel, Topic};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::later::lazy;
use super::text::{beat, flag, text};
use crate::app::{use_deck, use_view};
use crate::desk::use_desk;
use crate::feed::http::{self, HttpError};
use crate::feed::line::{Line, Said};
use crate::feed::rows::{Row, SymbolRow};
use crate::format;
use crate::series::Watched;
use crate::signal::{Sig, effect};

/// After a failed read the next bar waits this long until it asks again, ms.
const AGAIN: u32 = 5_000;

/// Open times and closes.
type Closes = Vec<(Ms, f64)>;

/// The hour, its course and the minutes of a day before, as [`Watched::read`] takes them; the newest hour there is
/// where none is named.
async fn day(
    relay: &str,
    symbol: &Symbol,
    venue: &VenueId,
    hour: Option<Ms>,
) -> Result<Option<(Ms, Closes, Closes)>, HttpError> {
    let closes = async |interval: Timeframe, limit: usize, to: Option<Ms>| {
        let mut query = vec![
            ("symbol", symbol.to_string()),
            ("venue", venue.to_string()),
            ("interval", interval.name().to_owned()),
            ("limit", limit.to_string()),
        ];
        query.extend(to.map(|to| ("to", to.0.to_string())));
        let rows: Vec<Row> = http::get(relay, "candles", &query).await?;
        Ok::<Closes, HttpError>(rows.iter().filter_map(|row| Some((row.timestamp, row.close?))).collect())
    };
    let hours = closes(Timeframe::H1, Watched::HOURS, None).await?;
    let Some(hour) = hour.or(hours.last().map(|(at, _)| *at)) else { return Ok(None) };
    let before = closes(Timeframe::M1, Watched::MINUTES, Some(Watched::day_before(hour))).await?;
    Ok(Some((hour, hours, before)))
}

lazy! {
    desk: pub(crate) fn watchlist() -> AnyView { built() }
}

fn built() -> AnyView {
    let (desk, deck, view) = (use_desk(), use_deck(), use_view());
    let list = Sig::new(deck.with(|d| d.kept(|s| s.watchlist.clone())));
    let held = Sig::new(Vec::<(Symbol, Watched)>::new());
    let change = move |symbol: &Symbol, act: &mut dyn FnMut(&mut Watched)| {
        held.update(|all| match all.iter_mut().find(|(s, _)| s == symbol) {
            Some((_, watched)) => act(watched),
            None => {
                let mut watched = Watched::default();
                act(&mut watched);
                all.push((symbol.clone(), watched));
            }
        });
    };
    let relay: Rc<str> = deck.with(|d| d.relay().into());
    let read = {
        let relay = relay.clone();
        move |symbol: Symbol, venue: VenueId, hour: Option<Ms>| {
            let relay = relay.clone();
            leptos::task::spawn_local(async move {
                match day(&relay, &symbol, &venue, hour).await {
                    Ok(None) => {}
                    Ok(Some((hour, hours, mut before))) => {
                        change(&symbol, &mut |w| w.read(hour, &hours, std::mem::take(&mut before)));
                    }
                    Err(_) => {
                        gloo_timers::future::TimeoutFuture::new(AGAIN).await;
                        change(&symbol, &mut Watched::failed);
                    }
                }
            });
        }
    };
    let read_hour = read.clone();
    let member = Rc::new(Line::join(&relay, move |said| {
        if let Said::Frame(Row {
            tag,
            symbol: Some(symbol),
            venue: Some(venue),
            timestamp,
            close: Some(close),
            ..
        }) = said
            && tag == "bar"
        {
            let mut hour = None;
            change(symbol, &mut |w| hour = w.take(*timestamp, *close));
            if hour.is_some() {
                read_hour(symbol.clone(), venue.clone(), hour);
            }
        }
    }));
    let member = StoredValue::new_local(member);
    let row_of = move |symbol: &str| {
        view.symbols.with(|rows| rows.iter().find(|row| row.symbol.as_str() == symbol).cloned())
    };
    effect(move || {
        let rows: Vec<SymbolRow> = list.get().iter().filter_map(|symbol| row_of(symbol)).collect();
        let topic = |row: &SymbolRow| {
            let venue = VenueId::new(row.venues.first()?);
            let interval = Some(Timeframe::M1);
            Some(Topic { symbol: row.symbol.clone(), venue, channel: Channel::Bar, interval })
        };
        let topics: Vec<Topic> = rows.iter().filter_map(topic).collect();
        for topic in &topics {
            read(topic.symbol.clone(), topic.venue.clone(), None);
        }
        member.with_value(|member| member.want(topics));
    });
    let keep = move |act: &dyn Fn(&mut Vec<String>)| {
        let deck = desk.with(|d| d.active_now());
        deck.keep(|s| act(&mut s.watchlist));
        list.set(deck.kept(|s| s.watchlist.clone()));
    };
    let typed = Sig::new(String::new());
    let add = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let name = typed.get_untracked().trim().to_ascii_uppercase();
        let open = view.open.with_untracked(|o| o.as_ref().map(|o| o.row.symbol.to_string()));
        let found =
            if name.is_empty() { open } else { untrack(|| row_of(&name)).map(|row| row.symbol.to_string()) };
        match found {
            Some(symbol) => keep(&|list| {
                if !list.contains(&symbol) {
                    list.push(symbol.clone());
                }
            }),
            None => deck.with(|d| d.toast(format!("{name} is not listed here."))),
        }
        typed.set(String::new());
    };
    let line = move |symbol: String| {
        let key = StoredValue::new(symbol.clone());
        let watched = Sig::memo(move |_| {
            key.with_value(|key| {
                held.with(|all| all.iter().find(|(s, _)| s.as_str() == key).map(|(_, w)| w.clone()))
            })
        });
        let read = move |pick: fn(&Watched) -> Option<f64>| watched.with(|w| w.as_ref().and_then(pick));
        let decimals =
            move || key.with_value(|key| row_of(key)).map_or(2, |row| format::decimals_of(row.tick_size));
        let price = move || {
            read(Watched::last).map_or_else(|| format::UNKNOWN.into(), |p| format::price(p, decimals()))
        };
        let percent = move || read(Watched::change).map_or_else(|| format::UNKNOWN.into(), format::percent);
        let (open, gone, label) = (symbol.clone(), symbol.clone(), format!("Remove {symbol}"));
        view! {
            <li
                data-testid="watched"
                class:up=flag(move || read(Watched::change).is_some_and(|c| c >= 0.0))
                class:down=flag(move || read(Watched::change).is_some_and(|c| c < 0.0))
            >
                <button
                    class="watched"
                    on:click=move |_| {
                        if let Some(row) = untrack(|| row_of(&open)) {
                            deck.with(|d| d.open(&row, None));
                        }
                    }
                >
                    <span class="num name">{symbol}</span>
                    <svg
                        viewBox="0 0 64 16"
                        width="64"
                        height="16"
                        fill="none"
                        stroke="currentColor"
                        aria-hidden="true"
                    >
                        <path d=text(move || watched.with(|w| w.as_ref().map(Watched::path)))/>
                    </svg>
                    <span class="num price" data-beat=beat(move || read(Watched::last).map(|_| price()))>
                        {text(price)}
                    </span>
                    <span class="num change">{text(percent)}</span>
                </button>
                <button
                    class="icon"
                    aria-label=label
                    title="Remove"
                    on:click=move |_| keep(&|list| list.retain(|held| *held != gone))
                >
                    "×"
                </button>
            </li>
        }
    };
    view! {
        <section class="card watchlist" data-testid="watchlist">
            <h2>"Watchlist"</h2>
            <ul>{move || list.get().into_iter().map(line).collect_view()}</ul>
            <form on:submit=add>
                <input
                    class="field"
                    aria-label="Symbol to watch"
                    placeholder="Symbol, or the open one"
                    data-testid="watch-symbol"
                    prop:value=move || typed.get()
                    on:input=move |event| typed.set(event_target_value(&event))
                />
                <button class="plain">"Add"</button>
            </form>
        </section>
    }
    .into_any()
}
