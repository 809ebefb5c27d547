//! The settings dialog: choices that hold for the whole page and are remembered.

use leptos::prelude::*;

use super::later::lazy;
use super::surface::{Surface, dialog, use_surfaces};
use crate::app::{use_deck, use_view};
use crate::settings::{Palette, Prefs, Theme};
use crate::zone::Zone;

lazy! {
    dialogs: pub(crate) fn settings() -> AnyView { built() }
}

fn built() -> AnyView {
    let (deck, view) = (use_deck(), use_view());
    let held = view.prefs.get_untracked();
    let set = move |change: fn(&mut Prefs, usize)| {
        move |chosen: usize| {
            let mut prefs = view.prefs.get_untracked();
            change(&mut prefs, chosen);
            deck.with(|d| d.set_prefs(prefs));
        }
    };
    let light = usize::from(view.theme.get_untracked() == Theme::Light);
    let theme = move |_| deck.with(|d| d.toggle_theme());
    let rows = vec![
        choice("theme", "Theme", "", &["Dark", "Light"], light, theme),
        choice(
            "palette",
            "Rising and falling",
            "Sky and orange are told apart with any colour sight.",
            &["Lime, rose", "Sky, orange"],
            usize::from(held.palette == Palette::Safe),
            set(|p, at| p.palette = if at == 1 { Palette::Safe } else { Palette::Lime }),
        ),
        choice(
            "motion",
            "Motion",
            "No flashes, no gliding.",
            &["As the system", "Less"],
            usize::from(held.less_motion),
            set(|p, at| p.less_motion = at == 1),
        ),
        choice(
            "zone",
            "Times",
            "",
            &["UTC", "Local"],
            usize::from(held.zone == Zone::Local),
            set(|p, at| p.zone = if at == 1 { Zone::Local } else { Zone::Utc }),
        ),
        choice(
            "funding",
            "Positive funding",
            "Longs pay shorts.",
            &["Falling colour", "Rising colour"],
            usize::from(held.funding_green),
            set(|p, at| p.funding_green = at == 1),
        ),
        choice(
            "shortcuts",
            "Single-key shortcuts",
            "While the chart has focus; ? lists them.",
            &["On", "Off"],
            usize::from(!held.shortcuts),
            set(|p, at| p.shortcuts = at == 0),
        ),
    ];
    let surfaces = use_surfaces();
    let body = view! {
        {rows}
        <div class="rows">
            <button class="plain" title="Ctrl K" on:click=move |_| surfaces.open(Surface::Palette)>"All commands"</button>
            <button class="plain" title="?" on:click=move |_| surfaces.open(Surface::Help)>"Keys and notices"</button>
        </div>
    };
    dialog(Surface::Settings, "Settings", body.into_any())
}

/// A row with options of which one is chosen; `pick` gets its place when that changes.
pub(super) fn choice(
    name: &'static str,
    label: &'static str,
    note: &'static str,
    options: &[&'static str],
    chosen: usize,
    pick: impl Fn(usize) + Copy + 'static,
) -> AnyView {
    let option = |(at, text): (usize, &&'static str)| {
        view! {
            <label>
                <input
                    type="radio"
                    name=name
                    data-testid=format!("setting-{name}-{at}")
                    checked=at == chosen
                    on:change=move |_| pick(at)
                />
                {*text}
            </label>
        }
    };
    let options: Vec<_> = options.iter().enumerate().map(option).collect();
    view! {
        <fieldset class="choice">
            <legend>{label}</legend>
            <p class="muted">{note}</p>
            <div class="segments">{options}</div>
        </fieldset>
    }
    .into_any()
}
