//! Externs of `lines.js`.

use wasm_bindgen::prelude::*;

use super::raw::JsDeck;

#[wasm_bindgen(module = "/src/chart/js/lines.js")]
extern "C" {
    #[wasm_bindgen(js_name = setLine)]
    pub(crate) fn set_line(deck: &JsDeck, key: &str, price: f64, title: &str, look: &str);
    #[wasm_bindgen(js_name = removeLine)]
    pub(crate) fn remove_line(deck: &JsDeck, key: &str);
    #[wasm_bindgen(js_name = removeLines)]
    pub(crate) fn remove_lines(deck: &JsDeck, begin: &str);
    pub(crate) fn reline(deck: &JsDeck);
    #[wasm_bindgen(js_name = onLine)]
    pub(crate) fn on_line(deck: &JsDeck, moved: &Closure<dyn FnMut(String, f64)>);
    #[wasm_bindgen(js_name = pointerPrice)]
    pub(crate) fn pointer_price(deck: &JsDeck) -> f64;
    #[wasm_bindgen(js_name = nearLine)]
    pub(crate) fn near_line(deck: &JsDeck, price: f64) -> Option<String>;
    #[wasm_bindgen(js_name = setScale)]
    pub(crate) fn set_scale(deck: &JsDeck, mode: u8, inverted: bool);
    pub(crate) fn portrait(deck: &JsDeck, words: &str) -> js_sys::Promise;

    /// Saves a `Blob`, or text, as a file.
    pub(crate) fn save(what: &JsValue, name: &str);
    /// Puts a promised picture into the clipboard.
    #[wasm_bindgen(js_name = copyPicture)]
    pub(crate) fn copy_picture(picture: &js_sys::Promise) -> js_sys::Promise;
}
