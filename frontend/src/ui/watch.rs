//! The watchlist: symbols with last price, the day's change and its course; a press opens one in the active chart.

use std::rc::Rc;

use leptos::prelude::*;
use shared::event::{Channel, Topic};
use shared::market::{Symbol, Timeframe, VenueId};

use super::later::lazy;
use super::text::{beat, flag, text};
use crate::app::{use_deck, use_view};
use crate::desk::use_desk;
use crate::feed::http;
use crate::feed::line::{Line, Said};
use crate::feed::rows::{Row, SymbolRow};
use crate::format;
use crate::signal::{Sig, effect};

/// Hourly closes of a day and the one before it.
const HOURS: usize = 25;

/// What is shown of a symbol.
#[derive(Clone, PartialEq, Default)]
struct Watched {
    last: Option<f64>,
    closes: Vec<f64>,
}

impl Watched {
    /// Percent against the close a day ago.
    fn change(&self) -> Option<f64> {
        let (last, before) = (self.last?, *self.closes.first().filter(|_| self.closes.len() == HOURS)?);
        (before > 0.0).then(|| (last - before) / before * 100.0)
    }

    /// An SVG path over 64 by 16.
    fn path(&self) -> String {
        let (low, high) = self.closes.iter().fold((f64::MAX, f64::MIN), |(l, h), c| (l.min(*c), h.max(*c)));
        let step = 64.0 / (self.closes.len().max(2) - 1) as f64;
        let mut path = String::new();
        for (i, close) in self.closes.iter().enumerate() {
            let y = 15.0 - (close - low) / (high - low).max(f64::MIN_POSITIVE) * 14.0;
            path.push_str(&format!("{}{:.1} {y:.1}", if i == 0 { 'M' } else { 'L' }, i as f64 * step));
        }
        path
    }
}

lazy! {
    desk: pub(crate) fn watchlist() -> AnyView { built() }
}

fn built() -> AnyView {
    let (desk, deck, view) = (use_desk(), use_deck(), use_view());
    let list = Sig::new(deck.with(|d| d.kept(|s| s.watchlist.clone())));
    let held = Sig::new(Vec::<(String, Watched)>::new());
    let change = move |symbol: &str, act: &dyn Fn(&mut Watched)| {
        held.update(|all| match all.iter_mut().find(|(s, _)| s == symbol) {
            Some((_, watched)) => act(watched),
            None => {
                let mut watched = Watched::default();
                act(&mut watched);
                all.push((symbol.to_owned(), watched));
            }
        });
    };
    let take = move |symbol: &Symbol, close: f64| {
        change(symbol.as_str(), &|w| w.last = Some(close));
    };
    let relay = deck.with(|d| d.relay().to_owned());
    let member = Rc::new(Line::join(&relay, move |said| {
        if let Said::Frame(Row { tag, symbol: Some(symbol), close: Some(close), .. }) = said
            && tag == "bar"
        {
            take(symbol, *close);
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
        for topic in topics.iter().cloned() {
            let relay = relay.clone();
            leptos::task::spawn_local(async move {
                let query = [
                    ("symbol", topic.symbol.to_string()),
                    ("venue", topic.venue.to_string()),
                    ("interval", "1H".to_owned()),
                    ("limit", HOURS.to_string()),
                ];
                let Ok(rows) = http::get::<Vec<Row>>(&relay, "candles", &query).await else { return };
                let closes: Vec<f64> = rows.iter().filter_map(|row| row.close).collect();
                change(topic.symbol.as_str(), &|w| {
                    w.last = w.last.or(closes.last().copied());
                    w.closes.clone_from(&closes);
                });
            });
        }
        member.with_value(|member| member.want(topics));
    });
    let keep = move |act: &dyn Fn(&mut Vec<String>)| {
        list.update(|list| act(list));
        desk.with(|d| d.at(d.active.get_untracked()).keep(|s| s.watchlist = list.get_untracked()));
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
            key.with_value(|key| held.with(|all| all.iter().find(|(s, _)| s == key).map(|(_, w)| w.clone())))
        });
        let read = move |pick: fn(&Watched) -> Option<f64>| watched.with(|w| w.as_ref().and_then(pick));
        let decimals =
            move || key.with_value(|key| row_of(key)).map_or(2, |row| format::decimals_of(row.tick_size));
        let price =
            move || read(|w| w.last).map_or_else(|| format::UNKNOWN.into(), |p| format::price(p, decimals()));
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
                    <span class="num price" data-beat=beat(move || read(|w| w.last).map(|_| price()))>
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
