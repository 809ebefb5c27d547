//! When a chart is painted.

use wasm_bindgen::prelude::*;

use super::Deck;

/// Charts that are not the active one are painted so often, ms; what stands beside the active one is written so often.
pub(super) const ASIDE_EVERY: u32 = 300;
/// News waits so long for more to be painted with it, ms: a paint costs what all panes together cost, whatever changed.
const NEWS_EVERY: u32 = 50;

impl Deck {
    /// One paint in the next animation frame; a hidden tab has none and so paints nothing.
    pub(crate) fn ask_frame(&self) {
        match self.is_aside() {
            true => self.ask_later(ASIDE_EVERY),
            false => self.ask_now(),
        }
    }

    /// The same for what nobody's hand waits for: together with what else comes within [`NEWS_EVERY`].
    pub(super) fn ask_soon(&self) {
        self.ask_later(if self.is_aside() { ASIDE_EVERY } else { NEWS_EVERY });
    }

    fn ask_later(&self, wait: u32) {
        let busy = self.frame.get().is_some() || self.disposed.get() || self.pausing.get();
        if busy || (self.is_aside() && self.view.phone.get_untracked()) {
            return;
        }
        self.pausing.set(true);
        let me = self.me.clone();
        self.pause.set(Some(gloo_timers::callback::Timeout::new(wait, move || {
            if let Some(deck) = me.upgrade() {
                deck.pausing.set(false);
                deck.ask_now();
            }
        })));
    }

    fn ask_now(&self) {
        if self.frame.get().is_some() || self.disposed.get() {
            return;
        }
        if let (Some(window), Some(callback)) = (web_sys::window(), &*self.on_frame.borrow()) {
            self.frame.set(window.request_animation_frame(callback.as_ref().unchecked_ref()).ok());
        }
    }
}
