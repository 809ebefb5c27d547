//! Price alerts on the page: the relay's list, drawn on the charts that show its symbols, and told when one fires.
//!
//! The relay holds and watches them ([`shared::wire::Alert`]); nothing is kept here but what was told already. Loaded
//! with the first alert.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::task::spawn_local;
use shared::market::Ms;
use shared::wire::{Alert, AlertDirection};

use super::{Desk, ring};
use crate::deck::Deck;
use crate::deck::page::storage;
use crate::feed::http::{self, HttpError};
use crate::feed::rows::Row;
use crate::format;
use crate::json::{self, members, needs, words, writes};
use crate::signal::{Sig, effect};
use crate::ui::lazy;

/// So long a fired alert is told, ms.
const TOLD_FOR: u32 = 20_000;
/// Where [`Kept`] is, in the browser's local storage.
const KEY: &str = "tapedeck.alerts";

/// What a chart asks for.
pub(crate) enum Ask {
    /// The relay's list anew; of an alert that fired just now, its number.
    Look(Option<u32>),
    /// One at a price of the open symbol, from either side.
    Set(f64),
    /// Another price for one.
    Move(u32, f64),
    Remove(u32),
}

lazy! {
    alerts: pub(crate) fn ask(desk: Rc<Desk>, deck: Rc<Deck>, what: Ask) -> () {
        let book = book(&desk);
        spawn_local(async move { book.ask(&deck, what).await });
    }
}

/// A new alert as the relay takes it.
pub(crate) struct Wish {
    pub(crate) symbol: String,
    pub(crate) venue: Option<String>,
    pub(crate) price: f64,
    pub(crate) direction: AlertDirection,
    pub(crate) note: String,
    pub(crate) once: bool,
}

words! { AlertDirection { Above "above", Below "below", Cross "cross" } }
needs! { Alert { id, symbol, price, direction ; venue, note, once, created, reference, fired, fired_price } }
writes! { Wish { symbol, venue, price, direction, note, once } }
members! { Kept { sound, notify, seen } }
writes! { Kept { sound, notify, seen } }

/// What this browser remembers of alerts.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) sound: bool,
    pub(crate) notify: bool,
    /// Told are those that fired up to here, by the relay's clock; none before the first look.
    seen: Option<Ms>,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept { sound: true, notify: false, seen: None }
    }
}

/// The alerts of a page.
pub(crate) struct Book {
    pub(crate) list: Sig<Vec<Alert>>,
    /// What the relay said against the last wish, in one line.
    pub(crate) refusal: Sig<Option<String>>,
    kept: RefCell<Kept>,
    /// Number and time of what was told since the page stands.
    told: RefCell<Vec<(u32, Ms)>>,
    looked: Cell<bool>,
    /// Counts readings of the list; a later one wins.
    reading: Cell<u32>,
    desk: Weak<Desk>,
    bell: RefCell<Option<ring::Bell>>,
}

/// The page's book of alerts, made at the first call.
pub(crate) fn book(desk: &Rc<Desk>) -> Rc<Book> {
    if let Some(book) = desk.alerts.borrow().clone() {
        return book;
    }
    let kept = storage().and_then(|s| s.get_item(KEY).ok().flatten());
    let kept: Kept = kept.and_then(|text| json::read(&text).ok()).unwrap_or_default();
    let book = desk.owner.with(|| {
        Rc::new(Book {
            list: Sig::new(Vec::new()),
            refusal: Sig::new(None),
            kept: RefCell::new(kept),
            told: RefCell::default(),
            looked: Cell::new(false),
            reading: Cell::new(0),
            desk: Rc::downgrade(desk),
            bell: RefCell::default(),
        })
    });
    *desk.alerts.borrow_mut() = Some(book.clone());
    let (list, held) = (book.list, Rc::downgrade(desk));
    // Marks are shown once a chart stands and whenever another symbol is opened in it.
    desk.owner.with(|| {
        effect(move || {
            let Some(desk) = held.upgrade() else { return };
            desk.layout.track();
            let decks = desk.decks.borrow().clone();
            for deck in decks {
                deck.view.marks.track();
                let open = deck.view.open.with_untracked(|o| o.as_ref().map(|o| o.row.symbol.clone()));
                let waits = |alert: &&Alert| Some(&alert.symbol) == open.as_ref() && !alert.is_done();
                let lines: Vec<(u32, f64)> = list
                    .with(|list| list.iter().filter(waits).map(|alert| (alert.id, alert.price)).collect());
                deck.show_alerts(&lines);
            }
        });
    });
    book
}

impl Book {
    async fn ask(&self, deck: &Deck, what: Ask) {
        let before = self.list.with_untracked(Vec::len);
        let done = match what {
            Ask::Look(fired) => return self.look(fired).await,
            Ask::Set(price) => {
                let Some(open) = deck.view.open.get_untracked() else { return };
                let wish = Wish {
                    symbol: open.row.symbol.to_string(),
                    venue: Some(open.venue).filter(|venue| venue != crate::feed::group::ALL),
                    price,
                    direction: AlertDirection::Cross,
                    note: String::new(),
                    once: true,
                };
                self.add(&wish).await.map(|()| format!("Alert set at {}", deck.price_text(price)))
            }
            Ask::Move(id, price) => {
                let moved = self.shift(id, price, Some(deck)).await;
                moved.map(|()| format!("Alert moved to {}", deck.price_text(price)))
            }
            Ask::Remove(id) => self.remove(id).await.map(|()| "Alert removed".to_owned()),
        };
        // Also where nothing came of it: a line that was dragged goes back.
        if done.is_err() || before == self.list.with_untracked(Vec::len) {
            self.list.notify();
        }
        deck.toast(done.unwrap_or_else(|error| format!("The alert stays as it was: {error}")));
    }

    /// Sets an alert.
    ///
    /// # Errors
    /// What the relay says against it.
    pub(crate) async fn add(&self, wish: &Wish) -> Result<(), HttpError> {
        http::post::<Row>(&self.relay(), "alerts", &json::written(wish)).await?;
        self.look(None).await;
        Ok(())
    }

    /// # Errors
    /// What the relay says against it.
    pub(crate) async fn remove(&self, id: u32) -> Result<(), HttpError> {
        let removed = http::delete::<Row>(&self.relay(), &format!("alerts?id={id}")).await;
        self.look(None).await;
        removed.map(|_| ())
    }

    /// Sets an alert at another price in place of one. Dragged in a chart it waits on the side where the price is not.
    ///
    /// # Errors
    /// What the relay says against it.
    pub(crate) async fn shift(&self, id: u32, price: f64, by: Option<&Deck>) -> Result<(), HttpError> {
        let held = self.list.with_untracked(|list| list.iter().find(|alert| alert.id == id).cloned());
        let Some(held) = held else { return Ok(()) };
        let last = by.and_then(|deck| deck.view.quote.get_untracked().last);
        let direction = match (held.direction, last) {
            (AlertDirection::Cross, _) | (_, None) => held.direction,
            (_, Some(last)) if price > last => AlertDirection::Above,
            _ => AlertDirection::Below,
        };
        let wish = Wish {
            symbol: held.symbol.to_string(),
            venue: held.venue.map(|venue| venue.to_string()),
            price,
            direction,
            note: held.note,
            once: held.once,
        };
        self.add(&wish).await?;
        self.remove(id).await
    }

    /// Reads the relay's list and tells what fired meanwhile.
    pub(crate) async fn look(&self, fired: Option<u32>) {
        let reading = self.reading.get() + 1;
        self.reading.set(reading);
        let list = http::get::<Vec<Alert>>(&self.relay(), "alerts", &[]).await;
        if self.reading.get() != reading && fired.is_none() {
            return;
        }
        match list {
            Ok(list) => {
                self.tell(&list, fired);
                self.list.set(list);
            }
            Err(error) => self.refusal.set(Some(error.to_string())),
        }
    }

    /// Tells each firing once, also those of the time the page was away.
    fn tell(&self, list: &[Alert], fired: Option<u32>) {
        let seen = self.kept.borrow().seen;
        let away = !self.looked.replace(true) && fired.is_none();
        let is_new = |alert: &&Alert| {
            let told = |at: Ms| self.told.borrow().contains(&(alert.id, at));
            let after = |at: Ms| fired == Some(alert.id) || seen.is_some_and(|seen| at > seen);
            alert.fired.is_some_and(|at| !told(at) && after(at))
        };
        let new: Vec<&Alert> = list.iter().filter(is_new).collect();
        self.told.borrow_mut().extend(new.iter().filter_map(|alert| Some((alert.id, alert.fired?))));
        let newest = list.iter().filter_map(|alert| alert.fired).max().unwrap_or(Ms::ZERO);
        if seen.is_none_or(|seen| newest > seen) {
            self.keep(|kept| kept.seen = Some(newest));
        }
        let Some(desk) = self.desk.upgrade().filter(|_| !new.is_empty()) else { return };
        let words: Vec<String> = new.iter().map(|alert| self.in_words(alert)).collect();
        let lead = if away { "While this page was away: " } else { "Alert: " };
        desk.first().toast_for(format!("{lead}{}", words.join("; ")), TOLD_FOR);
        let kept = self.kept.borrow().clone();
        if kept.sound && !away {
            ring::ring(&mut self.bell.borrow_mut());
        }
        if kept.notify {
            for (alert, words) in new.iter().zip(&words) {
                ring::notify(&self.desk, alert.symbol.clone(), words);
            }
        }
    }

    /// What an alert waits for, or what it came to.
    pub(crate) fn in_words(&self, alert: &Alert) -> String {
        let price = |price| self.price_text(alert, price);
        let last = alert.fired_price.map_or_else(String::new, |last| format!(" (last {})", price(last)));
        let note = if alert.note.is_empty() { String::new() } else { format!(", {}", alert.note) };
        format!("{} {} {}{last}{note}", alert.symbol, way(alert.direction), price(alert.price))
    }

    /// A price of the alert's symbol.
    pub(crate) fn price_text(&self, alert: &Alert, price: f64) -> String {
        let decimals = self.desk.upgrade().and_then(|desk| {
            let row = |rows: &Vec<crate::feed::rows::SymbolRow>| {
                rows.iter().find(|row| row.symbol == alert.symbol).map(|row| row.tick_size)
            };
            desk.first().view.symbols.with_untracked(row).map(format::decimals_of)
        });
        format::price(price, decimals.unwrap_or(2))
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept.borrow().clone()
    }

    /// Changes what this browser remembers.
    pub(crate) fn keep(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept.borrow_mut());
        if let Some(storage) = storage() {
            let _ = storage.set_item(KEY, &json::written(&*self.kept.borrow()));
        }
    }

    /// The sound, for whoever wants to know it.
    pub(crate) fn try_sound(&self) {
        ring::ring(&mut self.bell.borrow_mut());
    }

    fn relay(&self) -> String {
        self.desk.upgrade().map_or_else(String::new, |desk| desk.first().relay().to_owned())
    }
}

/// A direction in words, before a price.
pub(crate) const fn way(direction: AlertDirection) -> &'static str {
    match direction {
        AlertDirection::Above => "at or above",
        AlertDirection::Below => "at or below",
        AlertDirection::Cross => "crosses",
    }
}
