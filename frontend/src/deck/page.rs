//! The browser around the deck: width, events, address, storage.

use wasm_bindgen::prelude::*;

use crate::desk::{HASH, Moved};
use crate::listener::Listener;
use crate::settings::{Prefs, Settings, Theme};
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
        let held = query.clone();
        let me = self.me.clone();
        let changed = Listener::new(query.into(), "change", move || {
            if let Some(deck) = me.upgrade() {
                put(deck.view.phone, held.matches());
                deck.arrange();
            }
        });
        self.listeners.borrow_mut().push(changed);
    }

    /// Writes address and settings. Lists are as another window may have left them: [`Self::keep`] alone writes them.
    pub(crate) fn remember(&self) {
        self.keep(|_| {});
    }

    /// The same after a change of what is remembered of the page.
    pub(crate) fn keep(&self, change: impl FnOnce(&mut Settings)) {
        if self.page.get() {
            self.core.borrow_mut().settings.take_lists(stored());
        }
        change(&mut self.core.borrow_mut().settings);
        self.write();
    }

    fn write(&self) {
        if !self.page.get() {
            return self.moved(Moved::State);
        }
        let desk = self.desk.upgrade().and_then(|desk| desk.text());
        let hash = desk.as_ref().map_or_else(String::new, |text| format!("{HASH}{text}"));
        let mut core = self.core.borrow_mut();
        core.settings.desk = desk;
        core.settings.theme = self.view.theme.get_untracked();
        core.settings.prefs = self.view.prefs.get_untracked();
        if let Some(storage) = storage() {
            let _ = storage.set_item(Settings::KEY, &core.settings.to_json());
        }
        let open = self.view.open.get_untracked();
        let panes = self.view.panes.get_untracked();
        let range = self.view.range.get_untracked();
        let state = UrlState {
            symbol: open.as_ref().map(|o| o.row.symbol.clone()),
            venue: open.as_ref().map(|o| o.venue.clone()),
            venues: open.as_ref().and_then(|o| core.settings.picked(&o.row.group)).map(<[String]>::to_vec),
            timeframe: Some(self.view.timeframe.get_untracked()),
            from: range.map(|(from, _)| from),
            to: range.and_then(|(_, to)| to),
            panes: Some(panes),
            theme: Some(core.settings.theme),
        };
        if let Some(history) = web_sys::window().and_then(|w| w.history().ok()) {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&(state.to_query() + &hash)));
        }
    }
}

pub(crate) fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

impl Settings {
    /// What this browser remembers.
    pub(crate) fn stored() -> Settings {
        Settings::parse(stored().as_deref())
    }
}

fn stored() -> Option<String> {
    storage()?.get_item(Settings::KEY).ok().flatten()
}

/// Looks are attributes of the root: the style sheet says what they mean.
pub(super) fn apply_looks(theme: Theme, prefs: Prefs) {
    let root = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element());
    let Some(root) = root else { return };
    let motion = if prefs.less_motion { "less" } else { "" };
    for (name, value) in
        [("data-theme", theme.name()), ("data-palette", prefs.palette.name()), ("data-motion", motion)]
    {
        let _ = root.set_attribute(name, value);
    }
}
