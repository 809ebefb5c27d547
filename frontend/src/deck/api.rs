//! `window.tapedeck`: what scripts and tests may ask, and the events they hear.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use shared::event::Bar;
use wasm_bindgen::prelude::*;

use crate::chart::js::{Exposed, emit, expose};

use super::Deck;
use crate::json::{Write, write_list, write_object, written};
use crate::series::heat::Cell;
use crate::series::{Rolling, Timed};

/// Keeps the closures behind the exposed object alive.
pub(super) struct Api {
    target: Exposed,
    speaks: Rc<RefCell<Weak<Deck>>>,
    _rows: Closure<dyn Fn(String) -> Option<String>>,
    _range: Closure<dyn Fn() -> Vec<f64>>,
    _snapshot: Closure<dyn Fn() -> js_sys::Promise>,
}

impl Api {
    /// Speaks for a deck; as `window.tapedeck` where it is the page's.
    pub(super) fn new(deck: &Weak<Deck>, page: bool) -> Rc<Api> {
        let speaks = Rc::new(RefCell::new(deck.clone()));
        let held = speaks.clone();
        let find = move || held.borrow().upgrade();
        let of = find.clone();
        let rows = Closure::<dyn Fn(String) -> Option<String>>::new(move |id: String| of()?.rows(&id));
        let of = find.clone();
        let range = Closure::<dyn Fn() -> Vec<f64>>::new(move || of().map_or(Vec::new(), |d| d.range()));
        let snapshot = Closure::<dyn Fn() -> js_sys::Promise>::new(move || {
            let picture = find().and_then(|deck| {
                let mut core = deck.core.borrow_mut();
                core.chart.as_mut().map(|chart| chart.js().picture())
            });
            picture.unwrap_or_else(|| js_sys::Promise::reject(&JsValue::from_str("there is no chart yet")))
        });
        let target = expose(&rows, &range, &snapshot, page);
        Rc::new(Api { target, speaks, _rows: rows, _range: range, _snapshot: snapshot })
    }

    /// Speaks for another deck from now on: who listens need not notice.
    pub(super) fn speak_for(&self, deck: &Weak<Deck>) {
        *self.speaks.borrow_mut() = deck.clone();
    }
}

impl Deck {
    pub(super) fn expose(&self) {
        *self.exposed.borrow_mut() = Some(Api::new(&self.me, self.page.get()));
    }

    /// The object that scripts see.
    pub(crate) fn api(&self) -> JsValue {
        self.exposed.borrow().as_ref().map_or(JsValue::NULL, |api| JsValue::from(&*api.target))
    }

    /// All rows held of a series of the shown timeframe, as JSON; `None` for an unknown name.
    fn rows(&self, id: &str) -> Option<String> {
        let (_, shown) = self.turn();
        let core = self.core.borrow();
        let Some(market) = &core.market else { return Some("[]".into()) };
        match id {
            "price" => json_rows(market.bars(shown)),
            "oi" | "funding" | "liq" => {
                // Of the open market; joined, of the first track, whose prices the bars have.
                let Some(track) = market.own().or(market.tracks().first()) else { return Some("[]".into()) };
                match id {
                    "oi" => json_rows(&track.oi),
                    "liq" => json_rows(&track.liquidations),
                    _ => {
                        // Payments among the forecasts, by time.
                        let (mut rates, mut paid) = (Vec::new(), track.settled.iter().peekable());
                        for rate in track.predicted.iter() {
                            while let Some(earlier) = paid.next_if(|p| p.timestamp < rate.timestamp) {
                                rates.push(earlier);
                            }
                            rates.push(rate);
                        }
                        rates.extend(paid);
                        Some(list(rates))
                    }
                }
            }
            "signals" => json_rows(&market.signals),
            "marks" => Some(written(&core.chart.as_ref()?.marks().chunks(3).collect::<Vec<_>>())),
            "heatmap" => self.view.heat.with_untracked(|heat| {
                let cell = |c: &Cell| vec![f64::from(c.t), f64::from(c.p), c.count as f64, c.size_usd];
                let cells: Vec<_> = heat.iter().flat_map(|h| h.cells.iter().map(cell)).collect();
                Some(written(&cells))
            }),
            "indicators" => Some(market.studies.to_json()),
            "books" => json_rows(market.books()),
            "shaded" => core.chart.as_ref().map(|chart| chart.bands()),
            "holes" => {
                let gaps: Vec<_> = core.gaps.list().iter().map(|hole| hole.gap).collect();
                Some(written(&gaps))
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

    fn emit(&self, name: &str, detail: &str) {
        if let Some(api) = &*self.exposed.borrow() {
            emit(&api.target, name, detail);
        }
    }

    pub(super) fn emit_choice(&self, name: &str) {
        let open = self.view.open.get_untracked();
        let symbol = open.as_ref().map(|o| o.row.symbol.as_str());
        let venue = open.as_ref().map(|o| o.venue.as_str());
        let timeframe = Some(self.view.timeframe.get_untracked().name());
        self.emit(name, &object(&[("symbol", symbol), ("venue", venue), ("timeframe", timeframe)]));
    }

    pub(super) fn emit_bar(&self, bar: &Bar) {
        self.emit("bar", &written(bar));
    }

    pub(super) fn emit_status(&self) {
        let state = self.view.link.get_untracked().state.name();
        self.view.mode.with_untracked(|mode| {
            self.emit("status", &object(&[("state", Some(state)), ("mode", Some(mode))]));
        });
    }

    pub(super) fn emit_error(&self, message: &str) {
        self.emit("error", &object(&[("message", Some(message))]));
    }
}

/// Rows as a JSON list.
fn json_rows<T: Write + Timed>(rows: &Rolling<T>) -> Option<String> {
    Some(list(rows.iter()))
}

fn list<'a, T: Write + 'a>(rows: impl IntoIterator<Item = &'a T>) -> String {
    let mut out = String::new();
    write_list(&mut rows.into_iter().map(|row| row as &dyn Write), &mut out);
    out
}

/// A JSON object of texts; null where there is none.
pub(super) fn object(fields: &[(&str, Option<&str>)]) -> String {
    let fields: Vec<(&str, &dyn Write)> =
        fields.iter().map(|(name, value)| (*name, value as &dyn Write)).collect();
    let mut out = String::new();
    write_object(&fields, &mut out);
    out
}
