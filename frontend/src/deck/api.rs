//! `window.tapedeck`: what scripts and tests may ask, and the events they hear.

use leptos::prelude::*;
use serde_json::{Value, json};
use shared::event::Bar;
use wasm_bindgen::prelude::*;

use crate::chart::js::{Exposed, emit, expose};

use super::Deck;

/// Keeps the closures behind the exposed object alive.
pub(super) struct Api {
    target: Exposed,
    _rows: Closure<dyn Fn(String) -> Option<String>>,
    _range: Closure<dyn Fn() -> Vec<f64>>,
    _snapshot: Closure<dyn Fn() -> js_sys::Promise>,
}

impl Deck {
    pub(super) fn expose(&self) {
        let me = self.me.clone();
        let rows =
            Closure::<dyn Fn(String) -> Option<String>>::new(move |id: String| me.upgrade()?.rows(&id));
        let me = self.me.clone();
        let range =
            Closure::<dyn Fn() -> Vec<f64>>::new(move || me.upgrade().map_or(Vec::new(), |d| d.range()));
        let me = self.me.clone();
        let snapshot = Closure::<dyn Fn() -> js_sys::Promise>::new(move || {
            let picture = me.upgrade().and_then(|deck| {
                let mut core = deck.core.borrow_mut();
                core.chart.as_mut().map(|chart| chart.js().picture())
            });
            picture.unwrap_or_else(|| js_sys::Promise::reject(&JsValue::from_str("there is no chart yet")))
        });
        let target = expose(&rows, &range, &snapshot);
        *self.exposed.borrow_mut() = Some(Api { target, _rows: rows, _range: range, _snapshot: snapshot });
    }

    /// All rows held of a series of the shown timeframe, as JSON; `None` for an unknown name.
    fn rows(&self, id: &str) -> Option<String> {
        let (_, shown) = self.turn();
        let core = self.core.borrow();
        let Some(market) = &core.market else { return Some("[]".into()) };
        let bars = market.bars(shown).iter();
        let text = |rows: Vec<Value>| Some(Value::from(rows).to_string());
        match id {
            "price" => text(bars.filter_map(|b| serde_json::to_value(b).ok()).collect()),
            "volume" => text(bars.map(volume).collect()),
            "cvd" => text(bars.map(|b| json!({"timestamp": b.timestamp, "cvd": b.cvd})).collect()),
            "oi" => text(market.oi().iter().filter_map(|p| serde_json::to_value(p).ok()).collect()),
            "funding" => text(market.funding().iter().filter_map(|p| serde_json::to_value(p).ok()).collect()),
            "liq" => {
                text(market.liquidations().iter().filter_map(|p| serde_json::to_value(p).ok()).collect())
            }
            _ => None,
        }
    }

    fn range(&self) -> Vec<f64> {
        let (_, shown) = self.turn();
        let core = self.core.borrow();
        let times = core.chart.as_ref().zip(core.market.as_ref());
        let times = times.and_then(|(chart, market)| chart.visible_times(market, shown));
        times.map_or(Vec::new(), |(from, to)| vec![from.0 as f64, to.0 as f64])
    }

    fn emit(&self, name: &str, detail: &Value) {
        if let Some(api) = &*self.exposed.borrow() {
            emit(&api.target, name, &detail.to_string());
        }
    }

    pub(super) fn emit_choice(&self, name: &str) {
        let open = self.view.open.get_untracked();
        let detail = json!({
            "symbol": open.as_ref().map(|o| o.row.symbol.to_string()),
            "venue": open.as_ref().map(|o| o.venue.clone()),
            "timeframe": self.view.timeframe.get_untracked().name(),
        });
        self.emit(name, &detail);
    }

    pub(super) fn emit_bar(&self, bar: &Bar) {
        if let Ok(detail) = serde_json::to_value(bar) {
            self.emit("bar", &detail);
        }
    }

    pub(super) fn emit_status(&self) {
        let state = self.view.link.get_untracked().state.name();
        self.emit("status", &json!({"state": state, "mode": self.view.mode.get_untracked()}));
    }

    pub(super) fn emit_error(&self, message: &str) {
        self.emit("error", &json!({"message": message}));
    }
}

fn volume(bar: &Bar) -> Value {
    json!({
        "timestamp": bar.timestamp,
        "volume": bar.volume,
        "buy_volume": bar.buy_volume,
        "sell_volume": bar.sell_volume,
    })
}
