//! Externs of `deck.js`, `heat.js`, `holes.js` and `exposed.js`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/chart/js/deck.js")]
extern "C" {
    pub(crate) type JsDeck;

    #[wasm_bindgen(js_name = createDeck, catch)]
    pub(crate) fn create_deck(element: &web_sys::Element) -> Result<JsDeck, JsValue>;
    #[wasm_bindgen(js_name = removeDeck)]
    pub(crate) fn remove_deck(deck: &JsDeck);
    pub(crate) fn restyle(deck: &JsDeck);
    #[wasm_bindgen(js_name = showTimes)]
    pub(crate) fn show_times(deck: &JsDeck, intraday: bool, local: bool);
    #[wasm_bindgen(js_name = addSeries)]
    pub(crate) fn add_series(deck: &JsDeck, id: usize, look: &str, hue: usize, pane: usize);
    #[wasm_bindgen(js_name = removeSeries)]
    pub(crate) fn remove_series(deck: &JsDeck, id: usize);
    #[wasm_bindgen(js_name = setFormat)]
    pub(crate) fn set_format(
        deck: &JsDeck,
        id: usize,
        format: &Closure<dyn Fn(f64) -> String>,
        min_move: f64,
    );
    #[wasm_bindgen(js_name = scaleMargins)]
    pub(crate) fn scale_margins(deck: &JsDeck, id: usize, top: f64, bottom: f64);
    #[wasm_bindgen(js_name = setCandles)]
    pub(crate) fn set_candles(deck: &JsDeck, id: usize, flat: &[f64]);
    #[wasm_bindgen(js_name = updateCandles, catch)]
    pub(crate) fn update_candles(
        deck: &JsDeck,
        id: usize,
        flat: &[f64],
        historical: bool,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = setPoints)]
    pub(crate) fn set_points(deck: &JsDeck, id: usize, flat: &[f64]);
    #[wasm_bindgen(js_name = updatePoints, catch)]
    pub(crate) fn update_points(
        deck: &JsDeck,
        id: usize,
        flat: &[f64],
        historical: bool,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = visibleLogical)]
    pub(crate) fn visible_logical(deck: &JsDeck) -> Vec<f64>;
    #[wasm_bindgen(js_name = showLogical)]
    pub(crate) fn show_logical(deck: &JsDeck, from: f64, to: f64);
    #[wasm_bindgen(js_name = onRange)]
    pub(crate) fn on_range(deck: &JsDeck, callback: &Closure<dyn FnMut(f64, f64)>);
    #[wasm_bindgen(js_name = onCrosshair)]
    pub(crate) fn on_crosshair(deck: &JsDeck, callback: &Closure<dyn FnMut(f64, i32)>);
    pub(crate) fn crosshair(deck: &JsDeck, seconds: f64, price: f64);
    #[wasm_bindgen(js_name = onLayout)]
    pub(crate) fn on_layout(deck: &JsDeck, callback: &Closure<dyn FnMut()>);
    #[wasm_bindgen(js_name = paneRects)]
    pub(crate) fn pane_rects(deck: &JsDeck) -> Vec<f64>;
    #[wasm_bindgen(js_name = setStretch)]
    pub(crate) fn set_stretch(deck: &JsDeck, factors: &[f64]);
    #[wasm_bindgen(js_name = setMarks)]
    pub(crate) fn set_marks(deck: &JsDeck, flat: &[f64]);
    pub(crate) fn watermark(deck: &JsDeck, text: &str);
    pub(crate) fn picture(deck: &JsDeck) -> js_sys::Promise;
}

#[wasm_bindgen(module = "/src/chart/js/heat.js")]
extern "C" {
    #[wasm_bindgen(js_name = setHeat)]
    pub(crate) fn set_heat(deck: &JsDeck, times: &[f64], edges: &[f64], pixels: &[u8], step: f64);
    #[wasm_bindgen(js_name = heatImage)]
    pub(crate) fn heat_image(canvas: &web_sys::HtmlCanvasElement, pixels: &[u8], width: usize) -> JsValue;
    #[wasm_bindgen(js_name = heatAt)]
    pub(crate) fn heat_at(deck: &JsDeck, x: f64, y: f64) -> Vec<f64>;
    #[wasm_bindgen(js_name = heatPlace)]
    pub(crate) fn heat_place(deck: &JsDeck, t: usize, p: usize) -> Vec<f64>;
}

#[wasm_bindgen(module = "/src/chart/js/holes.js")]
extern "C" {
    pub(crate) fn shade(deck: &JsDeck, flat: &[f64]);
    pub(crate) fn shaded(deck: &JsDeck) -> String;
}

#[wasm_bindgen(module = "/src/chart/js/exposed.js")]
extern "C" {
    /// The object behind `window.tapedeck`.
    pub(crate) type Exposed;

    pub(crate) fn expose(
        rows: &Closure<dyn Fn(String) -> Option<String>>,
        range: &Closure<dyn Fn() -> Vec<f64>>,
        snapshot: &Closure<dyn Fn() -> js_sys::Promise>,
        page: bool,
    ) -> Exposed;
    pub(crate) fn emit(target: &Exposed, name: &str, json: &str);
}
