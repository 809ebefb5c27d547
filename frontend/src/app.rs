//! Contexts and arrangement.

use std::rc::Rc;

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::deck::Deck;
use crate::deck::view::{LinkState, View};
use crate::ui::{Compare, PaneTabs, Side, Stage, Strip, Toast, TopBar};

/// The deck, for components; only the browser's one thread ever touches it.
#[derive(Clone, Copy)]
pub(crate) struct DeckRef(StoredValue<Rc<Deck>, LocalStorage>);

impl DeckRef {
    pub(crate) fn with<T>(self, act: impl FnOnce(&Deck) -> T) -> T {
        self.0.with_value(|deck| act(deck))
    }
}

/// The deck of this page.
pub(crate) fn use_deck() -> DeckRef {
    expect_context::<DeckRef>()
}

/// What there is to show.
pub(crate) fn use_view() -> View {
    expect_context::<View>()
}

/// Replaces the grey layout in `#app` by the app.
pub(crate) fn mount() {
    let host = web_sys::window().and_then(|w| w.document()).and_then(|d| d.get_element_by_id("app"));
    let Some(host) = host.and_then(|h| h.dyn_into::<web_sys::HtmlElement>().ok()) else { return };
    host.set_text_content(None);
    leptos::mount::mount_to(host, App).forget();
}

#[component]
fn App() -> impl IntoView {
    let deck = Deck::new();
    let view = deck.view;
    provide_context(view);
    provide_context(DeckRef(StoredValue::new_local(deck)));
    view! {
        <div class="deck" class:offline=move || view.link.get().state == LinkState::Offline>
            <TopBar/>
            <Stage/>
            <PaneTabs/>
            <Side/>
            <Compare/>
            <Strip/>
        </div>
        <Toast/>
    }
}
