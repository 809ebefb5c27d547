//! What comes up over the page: one thing at a time, each a dialog that holds focus and gives it back.

use leptos::html;
use leptos::prelude::*;

use super::alerts::alerts;
use super::charts::charts;
use super::commands::{palette, spot, timeframe_box};
use super::help::help;
use super::later::later;
use super::settings::settings;
use super::table::table;
use crate::signal::{Sig, effect};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Surface {
    Settings,
    Help,
    Palette,
    Timeframe,
    Table,
    /// What can be done at a price, which is what was typed.
    Spot,
    Charts,
    Alerts,
}

/// Which one is up, and what was typed to get there.
#[derive(Clone, Copy)]
pub(crate) struct Surfaces {
    up: Sig<Option<Surface>>,
    /// Text for the symbol search, which then opens with it.
    search: Sig<Option<String>>,
    typed: StoredValue<String>,
    place: StoredValue<Option<web_sys::HtmlDialogElement>, LocalStorage>,
}

impl Surfaces {
    pub(crate) fn new() -> Surfaces {
        Surfaces {
            up: Sig::new(None),
            search: Sig::new(None),
            typed: StoredValue::new(String::new()),
            place: StoredValue::new_local(None),
        }
    }

    pub(crate) fn open(self, surface: Surface) {
        self.up.set(Some(surface));
    }

    /// Opens a surface that begins with what was typed.
    pub(crate) fn type_into(self, surface: Surface, typed: String) {
        self.typed.set_value(typed);
        self.open(surface);
    }

    /// What was typed to open this one.
    pub(crate) fn typed(self) -> String {
        self.typed.get_value()
    }

    /// Opens the symbol search with a text.
    pub(crate) fn search(self, typed: String) {
        self.search.set(Some(typed));
    }

    /// What the symbol search is to open with; once.
    pub(crate) fn searched(self) -> Option<String> {
        let typed = self.search.get()?;
        self.search.set(None);
        Some(typed)
    }

    /// Closes a surface if it is the one that is up; focus is back where it was when this returns.
    pub(crate) fn close(self, surface: Surface) {
        if self.up.get_untracked() == Some(surface) {
            if let Some(dialog) = self.place.get_value() {
                dialog.close();
            }
            self.up.set(None);
        }
    }
}

/// The surfaces of this page.
pub(crate) fn use_surfaces() -> Surfaces {
    expect_context::<Surfaces>()
}

/// Where they come up.
#[component]
pub(crate) fn SurfacePlace() -> impl IntoView {
    let surfaces = use_surfaces();
    move || {
        surfaces.up.get().map(|surface| match surface {
            Surface::Settings => later(settings),
            Surface::Help => later(help),
            Surface::Palette => later(palette),
            Surface::Timeframe => later(timeframe_box),
            Surface::Table => later(table),
            Surface::Spot => later(spot),
            Surface::Charts => later(charts),
            Surface::Alerts => later(alerts),
        })
    }
}

/// A button of the bar with an icon that opens a surface; `path` is drawn on 16 by 16.
pub(crate) fn opener(surface: Surface, title: &'static str, path: &'static str) -> AnyView {
    let surfaces = use_surfaces();
    view! {
        <button
            class="icon"
            data-testid=match surface {
                Surface::Charts => "layout-menu".to_owned(),
                _ => format!("open-{}", name(surface)),
            }
            aria-label=title
            title=title
            aria-haspopup="dialog"
            on:click=move |_| surfaces.open(surface)
        >
            <svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" aria-hidden="true">
                <path d=path/>
            </svg>
        </button>
    }
    .into_any()
}

const fn name(surface: Surface) -> &'static str {
    match surface {
        Surface::Settings => "settings",
        Surface::Help => "help",
        Surface::Palette => "palette",
        Surface::Timeframe => "timeframe",
        Surface::Table => "table",
        Surface::Spot => "spot",
        Surface::Charts => "charts",
        Surface::Alerts => "alerts",
    }
}

/// The dialog of a surface. Escape, the cross and a press beside it close it.
pub(crate) fn dialog(surface: Surface, title: &'static str, body: AnyView) -> AnyView {
    let surfaces = use_surfaces();
    let place = NodeRef::<html::Dialog>::new();
    effect(move || {
        if let Some(dialog) = place.get() {
            let _ = dialog.show_modal();
            surfaces.place.set_value(Some(dialog));
        }
    });
    // The browser gives focus back to where it was once a dialog is closed, so that comes before it is gone.
    let close = move || {
        if let Some(dialog) = place.get_untracked() {
            dialog.close();
        }
    };
    // Another surface may take its place.
    on_cleanup(close);
    let closed = move |_| {
        if surfaces.up.get_untracked() == Some(surface) {
            surfaces.up.set(None);
        }
    };
    let beside = move |event: web_sys::MouseEvent| {
        // Only the dialog itself, not what is in it: its padding is on its children.
        let dialog = place.get_untracked().map(web_sys::EventTarget::from);
        if event.target() == dialog {
            close();
        }
    };
    view! {
        <dialog
            class="dialog"
            data-testid=format!("dialog-{}", name(surface))
            node_ref=place
            aria-labelledby="dialog-title"
            on:close=closed
            on:pointerdown=move |event| beside(event.into())
        >
            <header>
                <h2 id="dialog-title">{title}</h2>
                <button class="icon" aria-label="Close" title="Close (Esc)" on:click=move |_| close()>
                    <svg viewBox="0 0 16 16" width="16" height="16" stroke="currentColor" aria-hidden="true">
                        <path d="M4 4l8 8M12 4l-8 8"/>
                    </svg>
                </button>
            </header>
            <div class="body">{body}</div>
        </dialog>
    }
    .into_any()
}
