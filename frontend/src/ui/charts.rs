//! The dialog of layouts, links between charts, and workspaces.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::later::lazy;
use super::surface::{Surface, dialog, use_surfaces};
use super::text::text;
use crate::app::{use_deck, use_view};
use crate::deck::view::View;
use crate::desk::{DeskRef, HASH, use_desk};
use crate::signal::Sig;
use crate::url_state::encode;
use crate::workspace::{Layout, Links, NAME_CHARS, Workspace, from_file, to_file};

lazy! {
    desk: pub(crate) fn charts() -> AnyView { built() }
}

/// Names and texts.
type Saved = Vec<(String, String)>;

const LINKS: [(Links, &str, &str); 4] = [
    (Links::SYMBOL, "symbol", "Symbol"),
    (Links::TIMEFRAME, "timeframe", "Timeframe"),
    (Links::CROSSHAIR, "crosshair", "Crosshair"),
    (Links::RANGE, "range", "Visible range"),
];

fn built() -> AnyView {
    let desk = use_desk();
    let (layout, links) = desk.with(|d| (d.layout, d.links));
    let surfaces = use_surfaces();
    let shape = move |one: Layout| {
        let (name, drawn) = shape_of(one);
        let pick = move |_| {
            surfaces.close(Surface::Charts);
            desk.with(|d| d.set_layout(one));
        };
        view! {
            <button
                class="plain shape"
                data-testid=format!("layout-{}", one.name())
                aria-label=name
                title=name
                aria-pressed=text(move || (layout.get() == one).to_string())
                on:click=pick
            >
                <svg viewBox="0 0 28 20" width="28" height="20" fill="none" stroke="currentColor" aria-hidden="true">
                    <path d=drawn/>
                </svg>
            </button>
        }
    };
    let link = |(link, name, label): (Links, &'static str, &'static str)| {
        view! {
            <label>
                <input
                    type="checkbox"
                    data-testid=format!("link-{name}")
                    checked=links.get_untracked().has(link)
                    on:change=move |_| desk.with(|d| d.toggle_link(link))
                />
                {label}
            </label>
        }
    };
    let body = view! {
        <div class="shapes" role="group" aria-label="Charts">
            {Layout::ALL.map(shape).into_iter().collect::<Vec<_>>()}
        </div>
        <h3 id="linked">"Linked"</h3>
        <p>"What is done in one chart is done in all."</p>
        <div class="line" role="group" aria-labelledby="linked">
            {LINKS.map(link).into_iter().collect::<Vec<_>>()}
        </div>
        {workspaces(desk)}
    };
    dialog(Surface::Charts, "Charts and workspaces", body.into_any())
}

/// A layout in words and as lines on 28 by 20.
const fn shape_of(layout: Layout) -> (&'static str, &'static str) {
    match layout {
        Layout::One => ("One chart", "M1 1h26v18H1z"),
        Layout::Two => ("Two charts side by side", "M1 1h26v18H1zM14 1v18"),
        Layout::Four => ("Four charts, 2 × 2", "M1 1h26v18H1zM14 1v18M1 10h26"),
        Layout::Nine => ("Nine charts, 3 × 3", "M1 1h26v18H1zM9.7 1v18M18.3 1v18M1 7h26M1 13h26"),
    }
}

/// Saved arrangements, and ways to take one elsewhere.
fn workspaces(desk: DeskRef) -> AnyView {
    let (deck, view) = (use_deck(), use_view());
    let saved = Sig::new(deck.with(|d| d.kept(|s| s.workspaces.clone())));
    let name = Sig::new(String::new());
    let keep = move |change: &dyn Fn(&mut Saved)| {
        // Opening a workspace may have made another chart the active one.
        let deck = desk.with(|d| d.active_now());
        deck.keep(|s| change(&mut s.workspaces));
        saved.set(deck.kept(|s| s.workspaces.clone()));
    };
    let put = move |name: String, text: String| {
        keep(&|list| match list.iter_mut().find(|(held, _)| *held == name) {
            Some(held) => held.1.clone_from(&text),
            None => list.push((name.clone(), text.clone())),
        });
    };
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let name: String = name.get_untracked().trim().chars().take(NAME_CHARS).collect();
        if !name.is_empty() {
            put(name, desk.with(|d| d.workspace().to_text()));
        }
    };
    let row = move |(name, arrangement): (String, String)| {
        let (open, gone) = (arrangement.clone(), name.clone());
        let file = format!("data:application/json,{}", encode(&to_file(&name, &arrangement)));
        view! {
            <li data-testid="workspace">
                <button
                    class="plain grow"
                    title="Open"
                    on:click=move |_| {
                        if let Some(workspace) = Workspace::from_text(&open) {
                            desk.with(|d| d.arrange(&workspace));
                        }
                    }
                >
                    {name.clone()}
                </button>
                <a class="plain" href=file download=format!("{name}.tapedeck.json")>"Export"</a>
                <button
                    class="plain"
                    aria-label=format!("Delete {name}")
                    on:click=move |_| keep(&|list| list.retain(|(held, _)| *held != gone))
                >
                    "Delete"
                </button>
            </li>
        }
    };
    let file = NodeRef::<html::Input>::new();
    let import = move |_| {
        let chosen = file.get_untracked().and_then(|f| f.files()?.get(0));
        let Some(chosen) = chosen else { return };
        leptos::task::spawn_local(async move {
            let text = JsFuture::from(chosen.text()).await.ok().and_then(|text| text.as_string());
            match from_file(&text.unwrap_or_default()) {
                Ok((name, text)) => put(name, text),
                Err(why) => deck.with(|d| d.toast(why.into())),
            }
        });
    };
    view! {
        <section class="workspaces">
            <h3>"Workspaces"</h3>
            <p>{text(move || saved.with(Vec::is_empty).then(|| "None saved yet.".to_owned()))}</p>
            <ul>{move || saved.get().into_iter().map(row).collect_view()}</ul>
            <form class="line" on:submit=save>
                <input
                    class="field"
                    aria-label="Name"
                    placeholder="Name"
                    maxlength=NAME_CHARS
                    data-testid="workspace-name"
                    on:input=move |event| name.set(event_target_value(&event))
                />
                <button class="plain">"Save"</button>
            </form>
            <label class="plain file">
                "Import a file"
                <input
                    class="visually-hidden"
                    type="file"
                    accept=".json,application/json"
                    data-testid="workspace-import"
                    node_ref=file
                    on:change=import
                />
            </label>
            {shared(desk, view)}
        </section>
    }
    .into_any()
}

/// The arrangement as a link.
fn shared(desk: DeskRef, view: View) -> AnyView {
    let link = move || {
        // Follows what may change while the dialog is up.
        desk.with(|d| (d.layout.track(), d.links.track(), d.active.track()));
        let page = web_sys::window()
            .map(|w| w.location())
            .and_then(|l| Some(format!("{}{}", l.origin().ok()?, l.pathname().ok()?)));
        format!("{}{HASH}{}", page.unwrap_or_default(), desk.with(|d| d.workspace().to_text()))
    };
    let copy = move |_| {
        let clipboard = web_sys::window().map(|w| w.navigator().clipboard());
        let Some(clipboard) = clipboard else { return };
        leptos::task::spawn_local(async move {
            let done = JsFuture::from(clipboard.write_text(&untrack(link))).await;
            let said =
                if done.is_ok() { "Link copied." } else { "The browser refused; copy the link by hand." };
            view.toast.set(Some(said.into()));
        });
    };
    view! {
        <div class="line">
            <input class="field num" readonly=true aria-label="Link" data-testid="workspace-link" prop:value=link/>
            <button class="plain" on:click=copy>"Copy link"</button>
        </div>
    }
    .into_any()
}
