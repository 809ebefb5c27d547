//! What is typed to get somewhere: the command palette and the timeframe box.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use shared::market::Timeframe;

use super::later::lazy;
use super::surface::{Surface, dialog, use_surfaces};
use super::text::text;
use crate::app::{use_deck, use_view};
use crate::deck::hands::Drawing;
use crate::desk::DeskRef;
use crate::desk::alerts::Ask;
use crate::number;
use crate::settings::{Pane, ScaleMode};
use crate::signal::{Sig, effect};
use crate::typed;

/// Commands listed at once.
const LISTED: usize = 50;

lazy! {
    palette: pub(crate) fn palette() -> AnyView { all_commands() }
}

lazy! {
    palette: pub(crate) fn timeframe_box() -> AnyView { timeframes() }
}

lazy! {
    palette: pub(crate) fn spot() -> AnyView { at_price() }
}

/// What can be done at a price: the menu of a chart.
fn at_price() -> AnyView {
    let (deck, view, surfaces) = (use_deck(), use_view(), use_surfaces());
    // An embed has neither a desk, which holds alerts, nor keys of the page.
    let desk = use_context::<DeskRef>().is_some();
    let price: f64 = number::parse(&surfaces.typed()).unwrap_or_default();
    let near = deck.with(|d| d.near(price));
    // On a line, the line's own price is meant.
    let on_line = match near {
        Some(Drawing::Line(place)) => view.marks.with_untracked(|marks| marks.lines.get(place).copied()),
        _ => None,
    };
    let alert = on_line.unwrap_or(price);
    let button = |name: &'static str, key: &'static str, act: Act| {
        let act = StoredValue::new_local(act);
        let run = move |_| {
            surfaces.close(Surface::Spot);
            act.with_value(|act| act());
        };
        view! { <button class="plain" title=desk.then_some(key) on:click=run>{name}</button> }
    };
    let mut buttons =
        vec![button("Draw a line here", "Alt H", Box::new(move || deck.with(|d| d.draw_line(price))))];
    let set = Box::new(move || deck.with(|d| d.alerts(Ask::Set(alert))));
    if desk {
        buttons.push(button(
            if on_line.is_some() { "Alert at the line" } else { "Alert here" },
            "Alt A",
            set,
        ));
    }
    let remove = match near {
        Some(Drawing::Line(_)) => Some("Remove the line"),
        Some(Drawing::Alert(_)) => Some("Remove the alert"),
        None => None,
    };
    if let Some(name) = remove {
        buttons.push(button(name, "Delete", Box::new(move || deck.with(|d| d.remove_near(price)))));
    }
    if desk {
        buttons.push(button("All alerts", "", Box::new(move || surfaces.open(Surface::Alerts))));
    }
    let log = move || deck.with(|d| d.toggle_scale(ScaleMode::Log));
    let percent = move || deck.with(|d| d.toggle_scale(ScaleMode::Percent));
    buttons.push(button("Logarithmic scale", "Alt L", Box::new(log)));
    buttons.push(button("Percent scale", "Alt P", Box::new(percent)));
    buttons.push(button("Inverted scale", "Alt I", Box::new(move || deck.with(|d| d.invert_scale()))));
    buttons.push(button("Reset the view", "Alt R", Box::new(move || deck.with(|d| d.reset_view()))));
    buttons.push(button("Save a picture", "Alt S", Box::new(move || deck.with(|d| d.snapshot(false)))));
    buttons.push(button("Bars as a table", "Alt T", Box::new(move || surfaces.open(Surface::Table))));
    let title = format!("At {}", deck.with(|d| d.price_text(price)));
    let body = view! {
        <p class="num">{title}</p>
        <div class="rows">{buttons}</div>
    };
    dialog(Surface::Spot, "Chart", body.into_any())
}

type Act = Box<dyn Fn()>;

/// One line of the palette.
struct Command {
    name: String,
    /// Its key, or what it is at now.
    hint: String,
    act: Act,
}

fn all_commands() -> AnyView {
    let (deck, view, surfaces) = (use_deck(), use_view(), use_surfaces());
    let mut all: Vec<Command> = Vec::new();
    let mut add = |name: String, hint: &str, act: Act| all.push(Command { name, hint: hint.into(), act });
    for tf in Timeframe::ALL {
        add(format!("Timeframe {tf}"), "", Box::new(move || deck.with(|d| d.set_timeframe(tf))));
    }
    add("Settings".into(), "", Box::new(move || surfaces.open(Surface::Settings)));
    add("Keys and notices".into(), "?", Box::new(move || surfaces.open(Surface::Help)));
    add("Price alerts".into(), "", Box::new(move || surfaces.open(Surface::Alerts)));
    add("Charts and workspaces".into(), "", Box::new(move || surfaces.open(Surface::Charts)));
    add("Bars in view as a table".into(), "Alt T", Box::new(move || surfaces.open(Surface::Table)));
    add("Save a picture (PNG)".into(), "Alt S", Box::new(move || deck.with(|d| d.snapshot(false))));
    add("Copy a picture".into(), "Alt Shift S", Box::new(move || deck.with(|d| d.snapshot(true))));
    add("Save bars in view (CSV)".into(), "Alt E", Box::new(move || deck.with(|d| d.save_csv())));
    add("Reset the view".into(), "Alt R", Box::new(move || deck.with(|d| d.reset_view())));
    let log = move || deck.with(|d| d.toggle_scale(ScaleMode::Log));
    add("Logarithmic scale".into(), "Alt L", Box::new(log));
    let percent = move || deck.with(|d| d.toggle_scale(ScaleMode::Percent));
    add("Percent scale".into(), "Alt P", Box::new(percent));
    add("Inverted scale".into(), "Alt I", Box::new(move || deck.with(|d| d.invert_scale())));
    if let Some(price) = deck.with(|d| d.pointed_price()) {
        let name = format!("Draw a line at {}", deck.with(|d| d.price_text(price)));
        add(name, "Alt H", Box::new(move || deck.with(|d| d.draw_line(price))));
        let name = format!("Alert at {}", deck.with(|d| d.price_text(price)));
        add(name, "Alt A", Box::new(move || deck.with(|d| d.alerts(Ask::Set(price)))));
    }
    for (place, price) in view.marks.get_untracked().lines.into_iter().enumerate() {
        let name = format!("Remove the line at {}", deck.with(|d| d.price_text(price)));
        add(name, "", Box::new(move || deck.with(|d| d.remove_line(place))));
    }
    for pane in Pane::ALL {
        let hint = if view.panes.with_untracked(|p| p.contains(&pane)) { "shown" } else { "" };
        let act = move || deck.with(|d| d.toggle_pane(pane));
        add(format!("Pane {}", pane.title()), hint, Box::new(act));
    }
    add("Light or dark theme".into(), "", Box::new(move || deck.with(|d| d.toggle_theme())));
    for row in view.symbols.get_untracked() {
        let (name, venues) = (format!("Symbol {}", row.symbol), row.venues.join(", "));
        let act = move || {
            let venue = view.open.with_untracked(|o| o.as_ref().map(|o| o.venue.clone()));
            deck.with(|d| d.open(&row, venue.as_deref()));
        };
        add(name, &venues, Box::new(act));
    }
    let all = StoredValue::new_local(all);
    let words = Sig::new(String::new());
    let at = Sig::new(0_usize);
    let found = Sig::memo(move |_| {
        let words = words.get();
        all.with_value(|all| {
            let hit = |(_, c): &(usize, &Command)| typed::matches(&c.name, &words);
            all.iter().enumerate().filter(hit).map(|(n, _)| n).take(LISTED).collect::<Vec<_>>()
        })
    });
    let run = move |n: usize| {
        // Focus goes back first, so that what opens next takes it from there.
        surfaces.close(Surface::Palette);
        all.with_value(|all| {
            if let Some(command) = all.get(n) {
                (command.act)();
            }
        });
    };
    let keys = move |event: KeyboardEvent| {
        let last = found.with_untracked(Vec::len).saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|i| *i = (*i + 1).min(last)),
            "ArrowUp" => at.update(|i| *i = i.saturating_sub(1)),
            "Enter" => {
                if let Some(n) = found.with_untracked(|f| f.get(at.get_untracked()).copied()) {
                    run(n);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let item = move |(i, n): (usize, usize)| {
        let (name, hint) = all
            .with_value(|all| all.get(n).map_or_else(Default::default, |c| (c.name.clone(), c.hint.clone())));
        view! {
            <li
                role="option"
                id=format!("command-{i}")
                aria-selected=text(move || (at.get() == i).to_string())
                on:click=move |_| run(n)
            >
                {name} <span class="muted num">{hint}</span>
            </li>
        }
    };
    let list = move || found.get().into_iter().enumerate().map(item).collect_view();
    let none =
        move || found.with(Vec::is_empty).then(|| "No command matches. Try log, 4H or a coin.".to_owned());
    // The one chosen stays in view.
    effect(move || {
        let id = format!("command-{}", at.get());
        let shown = web_sys::window().and_then(|w| w.document()).and_then(|d| d.get_element_by_id(&id));
        if let Some(shown) = shown {
            shown.scroll_into_view_with_bool(false);
        }
    });
    let body = view! {
        <input
            class="field"
            type="text"
            role="combobox"
            aria-expanded="true"
            aria-label="Command"
            aria-controls="commands"
            aria-activedescendant=text(move || format!("command-{}", at.get()))
            placeholder="Symbol, timeframe, pane, action"
            autocomplete="off"
            spellcheck="false"
            autofocus
            on:input=move |event| {
                words.set(event_target_value(&event));
                at.set(0);
            }
            on:keydown=keys
        />
        <ul class="commands" role="listbox" id="commands" aria-label="Commands">{list}</ul>
        <p role="status">{text(none)}</p>
    };
    dialog(Surface::Palette, "Commands", body.into_any())
}

fn timeframes() -> AnyView {
    let (deck, surfaces) = (use_deck(), use_surfaces());
    let words = Sig::new(surfaces.typed());
    let meant = move || typed::timeframe(&words.get());
    let says = move || match meant() {
        Some(tf) => format!("{tf}, Enter to show"),
        None => "One of 1m 5m 15m 30m 1H 4H 1D 1W 1M".to_owned(),
    };
    let keys = move |event: KeyboardEvent| {
        if event.key() == "Enter" {
            event.prevent_default();
            if let Some(tf) = typed::timeframe(&words.get_untracked()) {
                surfaces.close(Surface::Timeframe);
                deck.with(|d| d.set_timeframe(tf));
            }
        }
    };
    let field = NodeRef::<html::Input>::new();
    let body = view! {
        <input
            class="field num"
            type="text"
            node_ref=field
            aria-label="Timeframe"
            autocomplete="off"
            spellcheck="false"
            autofocus
            value=words.get_untracked()
            on:input=move |event| words.set(event_target_value(&event))
            on:keydown=keys
        />
        <p role="status">{text(says)}</p>
    };
    // What was typed stays; the next key goes behind it.
    effect(move || {
        if let Some(field) = field.get() {
            let end = field.value().len() as u32;
            let _ = field.set_selection_range(end, end);
        }
    });
    dialog(Surface::Timeframe, "Timeframe", body.into_any())
}
