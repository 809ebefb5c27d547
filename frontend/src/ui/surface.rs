//! What comes up over the page: one thing at a time, each a dialog that holds focus and gives it back.

use leptos::html;
use leptos::prelude::*;

use super::help::help;
use super::later::later;
use super::settings::settings;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Surface {
    Settings,
    Help,
}

/// Which one is up.
#[derive(Clone, Copy)]
pub(crate) struct Surfaces(RwSignal<Option<Surface>>);

impl Surfaces {
    pub(crate) fn new() -> Surfaces {
        Surfaces(RwSignal::new(None))
    }

    pub(crate) fn open(self, surface: Surface) {
        self.0.set(Some(surface));
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
        surfaces.0.get().map(|surface| match surface {
            Surface::Settings => later(settings),
            Surface::Help => later(help),
        })
    }
}

/// A button of the bar with an icon that opens a surface; `path` is drawn on 16 by 16.
pub(crate) fn opener(surface: Surface, title: &'static str, path: &'static str) -> AnyView {
    let surfaces = use_surfaces();
    view! {
        <button
            class="icon"
            data-testid=format!("open-{}", name(surface))
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
    }
}

/// The dialog of a surface. Escape, the cross and a press beside it close it.
pub(crate) fn dialog(surface: Surface, title: &'static str, body: AnyView) -> AnyView {
    let surfaces = use_surfaces();
    let place = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        if let Some(dialog) = place.get() {
            let _ = dialog.show_modal();
        }
    });
    // The browser gives focus back to where it was, once it is closed and before it is gone.
    let close = move || {
        if let Some(dialog) = place.get_untracked() {
            dialog.close();
        }
    };
    // Another surface may take its place.
    on_cleanup(close);
    let closed = move |_| {
        if surfaces.0.get_untracked() == Some(surface) {
            surfaces.0.set(None);
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
