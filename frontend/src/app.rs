//! Contexts and arrangement.

use std::rc::Rc;

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::deck::Deck;
use crate::deck::view::{LinkState, View};
use crate::desk::{Desk, DeskRef};
use crate::signal::Sig;
use crate::ui::{
    Compare, PageKeys, PaneTabs, RangeBar, Side, Strip, SurfacePlace, Surfaces, Toast, TopBar, cell, cells,
    later, replay,
};
use crate::workspace::Layout;

/// A deck, for components; only the browser's one thread ever touches it.
#[derive(Clone, Copy)]
pub(crate) struct DeckRef(StoredValue<Rc<Deck>, LocalStorage>);

impl DeckRef {
    pub(crate) fn with<T>(self, act: impl FnOnce(&Deck) -> T) -> T {
        self.0.with_value(|deck| act(deck))
    }

    /// The deck itself, for what outlives this place.
    pub(crate) fn held(self) -> Rc<Deck> {
        self.0.get_value()
    }
}

/// The deck of this place: inside a chart's place its own, around the charts the active one.
pub(crate) fn use_deck() -> DeckRef {
    expect_context::<DeckRef>()
}

/// What there is to show of [`use_deck`].
pub(crate) fn use_view() -> View {
    expect_context::<View>()
}

/// Makes `deck` the one that [`use_deck`] and [`use_view`] give from here on.
pub(crate) fn provide_deck(deck: Rc<Deck>) {
    provide_context(deck.view);
    provide_context(DeckRef(StoredValue::new_local(deck)));
}

/// Replaces the grey layout in `#app` by the app.
pub(crate) fn mount() {
    // On a foreign page there is none: only elements are drawn.
    let grey = web_sys::window()
        .and_then(|w| w.document())
        .and_then(|d| d.query_selector("#app > .deck[aria-busy]").ok().flatten());
    let Some(host) =
        grey.and_then(|deck| deck.parent_element()).and_then(|h| h.dyn_into::<web_sys::HtmlElement>().ok())
    else {
        return;
    };
    host.set_text_content(None);
    leptos::mount::mount_to(host, App).forget();
}

#[component]
fn App() -> impl IntoView {
    let desk = StoredValue::new_local(Desk::open());
    provide_context(DeskRef(desk));
    // What the page's decks share is read through the first; it lives as long as the page.
    let first = desk.with_value(|desk| desk.first());
    let link = first.view.link;
    let layout = desk.with_value(|desk| desk.layout);
    provide_deck(first);
    provide_context(Surfaces::new());
    // Built anew when another chart becomes active.
    let of_active = move |children: fn() -> AnyView| {
        move || {
            provide_deck(desk.with_value(|desk| desk.active()));
            children()
        }
    };
    view! {
        <a class="skip" href="#chart">"Skip to the chart"</a>
        <div class="deck" class:offline=move || link.get().state == LinkState::Offline>
            {of_active(|| view! { <TopBar/> }.into_any())}
            <main class="stages" data-testid="stages" data-layout=move || layout.get().name()>
                {cell(0)}
                {move || (layout.get() != Layout::One).then(|| later(cells))}
            </main>
            {of_active(|| {
                let mode = use_view().mode;
                let is_replay = Sig::memo(move |_| mode.with(|mode| mode == "replay"));
                view! {
                    <RangeBar/>
                    {move || is_replay.get().then(|| later(replay))}
                    <PaneTabs/>
                    <Side/>
                    <Compare/>
                    <Strip/>
                }
                .into_any()
            })}
        </div>
        <Toast/>
        {of_active(|| {
            view! {
                <PageKeys/>
                <SurfacePlace/>
            }
            .into_any()
        })}
    }
}
