//! The desk: the charts of a page, one of them active.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;

use crate::deck::{Deck, DeckOptions};
use crate::url_state::UrlState;

/// The charts of this page.
pub(crate) struct Desk {
    decks: RefCell<Vec<Rc<Deck>>>,
    /// Place of the active one.
    active: RwSignal<usize>,
}

impl Desk {
    /// A desk with the one chart that the address asks for.
    pub(crate) fn open() -> Desk {
        let query = web_sys::window().and_then(|w| w.location().search().ok()).unwrap_or_default();
        let asked = UrlState::parse(&query);
        let first = Deck::new(DeckOptions { asked, relay: relay(), page: true, ..DeckOptions::default() });
        Desk { decks: RefCell::new(vec![first]), active: RwSignal::new(0) }
    }

    /// The chart that is always there.
    pub(crate) fn first(&self) -> Rc<Deck> {
        self.decks.borrow()[0].clone()
    }

    /// The chart that bar, side and strip speak of.
    pub(crate) fn active(&self) -> Rc<Deck> {
        let decks = self.decks.borrow();
        decks.get(self.active.get()).unwrap_or(&decks[0]).clone()
    }
}

/// Where the relay is; empty for the page's host. Only a page that came from elsewhere says (`anywhere.js`).
fn relay() -> String {
    let root = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element());
    root.and_then(|root| root.get_attribute("data-relay")).unwrap_or_default()
}
