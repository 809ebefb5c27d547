//! Listeners on the browser's objects.

use wasm_bindgen::prelude::*;

/// A listener that is taken off when dropped.
pub(crate) struct Listener {
    target: web_sys::EventTarget,
    event: &'static str,
    heard: Closure<dyn FnMut()>,
}

impl Listener {
    pub(crate) fn new(
        target: web_sys::EventTarget,
        event: &'static str,
        act: impl FnMut() + 'static,
    ) -> Listener {
        let heard = Closure::<dyn FnMut()>::new(act);
        let _ = target.add_event_listener_with_callback(event, heard.as_ref().unchecked_ref());
        Listener { target, event, heard }
    }

    /// On the window.
    pub(crate) fn window(event: &'static str, act: impl FnMut() + 'static) -> Listener {
        let window = js_sys::global().unchecked_into();
        Listener::new(window, event, act)
    }

    /// On the document.
    pub(crate) fn document(event: &'static str, act: impl FnMut() + 'static) -> Listener {
        let document = web_sys::window().and_then(|w| w.document());
        Listener::new(document.unwrap_throw().into(), event, act)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let heard = self.heard.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.event, heard);
    }
}
