//! The chart as other pages have it: what `element.js` makes of a `<tapedeck-chart>`, `frame.js` of `/embed`.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use crate::app::provide_deck;
use crate::deck::{Deck, DeckOptions};
use crate::ui::{Stage, SurfacePlace, Surfaces, Toast};
use crate::url_state::UrlState;

/// One chart in a place of a foreign page; freed, it gives everything back.
#[wasm_bindgen]
pub struct Embed {
    /// Taken off the page when dropped.
    _shown: Box<dyn Any>,
    deck: Option<Rc<Deck>>,
}

#[wasm_bindgen]
impl Embed {
    /// Draws into `place`; `query` is as in the page's address, `relay` its base address, empty for the page's host.
    #[wasm_bindgen(constructor)]
    pub fn new(place: web_sys::HtmlElement, query: &str, relay: String) -> Embed {
        let options = DeckOptions { asked: UrlState::parse(query), relay, ..DeckOptions::default() };
        let made = Rc::new(RefCell::new(None));
        let shown = leptos::mount::mount_to(place, {
            let made = made.clone();
            // In here, because a deck starts tasks, and this readies what runs them.
            move || {
                let deck = Deck::new(options);
                made.replace(Some(deck.clone()));
                provide_deck(deck);
                provide_context(Surfaces::new());
                view! {
                    <Stage/>
                    <SurfacePlace/>
                    <Toast/>
                }
                .into_any()
            }
        });
        Embed { _shown: Box::new(shown), deck: made.take() }
    }

    /// What scripts may ask, as `window.tapedeck` of the page.
    pub fn api(&self) -> JsValue {
        self.deck.as_ref().map_or(JsValue::NULL, |deck| deck.api())
    }

    /// Takes over what changed in `query`.
    pub fn choose(&self, query: &str) {
        if let Some(deck) = &self.deck {
            deck.choose(UrlState::parse(query));
        }
    }
}

impl Drop for Embed {
    fn drop(&mut self) {
        if let Some(deck) = self.deck.take() {
            deck.dispose();
        }
    }
}
