//! The browser around the deck: width, events, address, storage.

use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use crate::settings::{Pane, Settings};
use crate::url_state::UrlState;

use super::Deck;
use super::view::put;

/// Wide enough for the desktop arrangement; below, one pane is shown under the price.
const PHONE_QUERY: &str = "(max-width: 640px)";

impl Deck {
    pub(super) fn watch_width(&self) {
        let query = web_sys::window().and_then(|w| w.match_media(PHONE_QUERY).ok().flatten());
        let Some(query) = query else { return };
        self.view.phone.set(query.matches());
        let (me, held) = (self.me.clone(), query.clone());
        let changed = Closure::<dyn FnMut()>::new(move || {
            if let Some(deck) = me.upgrade() {
                put(deck.view.phone, held.matches());
                deck.arrange();
            }
        });
        let _ = query.add_event_listener_with_callback("change", changed.as_ref().unchecked_ref());
        changed.forget();
    }

    /// Calls `act` on a window or document event for as long as the page lives.
    pub(super) fn listen(&self, event: &str, act: impl Fn(&Deck) + 'static) {
        let me = self.me.clone();
        let heard = Closure::<dyn FnMut()>::new(move || {
            if let Some(deck) = me.upgrade() {
                act(&deck);
            }
        });
        if let Some(window) = web_sys::window() {
            let target: &web_sys::EventTarget = &window;
            let document = window.document();
            let target = match (event, &document) {
                ("visibilitychange", Some(document)) => document.as_ref(),
                _ => target,
            };
            let _ = target.add_event_listener_with_callback(event, heard.as_ref().unchecked_ref());
        }
        heard.forget();
    }

    /// Writes address and settings.
    pub(super) fn remember(&self) {
        let core = self.core.borrow();
        if let Some(storage) = storage() {
            let _ = storage.set_item(Settings::KEY, &core.settings.to_json());
        }
        let open = self.view.open.get_untracked();
        let panes = self.view.panes.get_untracked();
        let state = UrlState {
            symbol: open.as_ref().map(|o| o.row.symbol.clone()),
            venue: open.as_ref().map(|o| o.venue.clone()),
            venues: open.as_ref().and_then(|o| core.settings.picked(&o.row.group)).map(<[String]>::to_vec),
            timeframe: Some(self.view.timeframe.get_untracked()),
            from: core.asked.from,
            to: core.asked.to,
            panes: Some(Pane::ALL.into_iter().filter(|p| panes.contains(p)).collect()),
            theme: Some(core.settings.theme),
        };
        if let Some(history) = web_sys::window().and_then(|w| w.history().ok()) {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&state.to_query()));
        }
    }
}

pub(super) fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

pub(super) fn apply_theme(name: &str) {
    let root = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute("data-theme", name);
    }
}
