//! One browser WebSocket with its listeners; closed on drop.

use shared::wire::SUBPROTOCOL_JSON;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, WebSocket};

/// What a socket reports.
pub(crate) enum Word {
    Opened,
    Text(String),
    Closed,
}

pub(crate) struct Socket {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_close: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Socket {
    /// Opens `/ws` of the relay at `base`; empty: of the host the page came from.
    ///
    /// # Errors
    /// When the browser refuses the address.
    pub(crate) fn open(base: &str, said: impl Fn(Word) + Clone + 'static) -> Result<Socket, JsValue> {
        let origin = if base.is_empty() {
            web_sys::window().ok_or(JsValue::NULL)?.location().origin()?
        } else {
            base.to_owned()
        };
        // http to ws, https to wss.
        let url = format!("{}/ws", origin.replacen("http", "ws", 1));
        let socket = WebSocket::new_with_str(&url, SUBPROTOCOL_JSON)?;
        let on_open = Closure::<dyn FnMut()>::new({
            let said = said.clone();
            move || said(Word::Opened)
        });
        let on_close = Closure::<dyn FnMut()>::new({
            let said = said.clone();
            move || said(Word::Closed)
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                said(Word::Text(text));
            }
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Ok(Socket { socket, _on_open: on_open, _on_close: on_close, _on_message: on_message })
    }

    /// Sends text; dropped unless open (the close event follows by itself).
    pub(crate) fn send(&self, text: &str) {
        if self.socket.ready_state() == WebSocket::OPEN {
            let _ = self.socket.send_with_str(text);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        self.socket.set_onmessage(None);
        let _ = self.socket.close();
    }
}
