//! The desk: the charts of a page, one of them active.
//!
//! The first chart lives as long as the page; further ones come and go with the layout. Bar, side and strip speak of
//! the active one, which alone writes address and settings; what a person does in one chart is told here and, where
//! charts are linked, done in the others.

pub(crate) mod alerts;
pub(crate) mod ring;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use shared::market::Ms;

use crate::deck::{Deck, DeckOptions};
use crate::settings::Settings;
use crate::signal::Sig;
use crate::url_state::UrlState;
use crate::workspace::{Layout, Links, Workspace};

/// What was done in a chart.
#[derive(Clone, Copy)]
pub(crate) enum Moved {
    Symbol,
    Timeframe,
    /// The pointer's bar; none once it left.
    Crosshair(Option<Ms>),
    /// First and last visible bar, and whether the newest is followed.
    Range(Ms, Ms, bool),
    /// Anything that is remembered.
    State,
}

/// The charts of this page.
pub(crate) struct Desk {
    /// Never empty, by place.
    decks: RefCell<Vec<Rc<Deck>>>,
    /// Place of the active one.
    pub(crate) active: Sig<usize>,
    pub(crate) layout: Sig<Layout>,
    pub(crate) links: Sig<Links>,
    /// The watchlist is shown.
    pub(crate) watching: Sig<bool>,
    /// The relay's price alerts, once there are any.
    pub(crate) alerts: RefCell<Option<Rc<alerts::Book>>>,
    /// Of the app: signals of charts made in a dialog outlive it.
    owner: Owner,
    /// What is told now was done by the desk itself.
    echo: Cell<bool>,
    me: Weak<Desk>,
}

/// The desk, for components.
#[derive(Clone, Copy)]
pub(crate) struct DeskRef(pub(crate) StoredValue<Rc<Desk>, LocalStorage>);

impl DeskRef {
    pub(crate) fn with<T>(self, act: impl FnOnce(&Desk) -> T) -> T {
        self.0.with_value(|desk| act(desk))
    }
}

pub(crate) fn use_desk() -> DeskRef {
    expect_context::<DeskRef>()
}

/// Before the arrangement in an address.
pub(crate) const HASH: &str = "#desk=";

impl Desk {
    /// The charts that the address asks for, else those remembered. A symbol asked for opens in the active one.
    pub(crate) fn open() -> Rc<Desk> {
        let location = web_sys::window().map(|w| w.location());
        let text = |part: fn(&web_sys::Location) -> Result<String, wasm_bindgen::JsValue>| {
            location.as_ref().and_then(|l| part(l).ok()).unwrap_or_default()
        };
        let asked = UrlState::parse(&text(web_sys::Location::search));
        let hash = text(web_sys::Location::hash);
        let linked = hash.strip_prefix(HASH).and_then(Workspace::from_text);
        let held = linked.or_else(|| Workspace::from_text(Settings::stored().desk.as_deref()?));
        let Workspace { layout, links, active, charts } = held.unwrap_or_default();
        // The query speaks of the active chart; a link to the arrangement alone has none.
        let chart = |place: usize| match charts.get(place) {
            Some(chart) if place != active || asked.symbol.is_none() => chart.clone(),
            _ if place == active => asked.clone(),
            _ => UrlState::default(),
        };
        let first = UrlState { theme: asked.theme, ..chart(0) };
        let desk = Rc::new_cyclic(|me: &Weak<Desk>| Desk {
            decks: RefCell::new(vec![Deck::new(DeckOptions {
                asked: first,
                relay: relay(),
                page: true,
                desk: me.clone(),
                ..DeckOptions::default()
            })]),
            active: Sig::new(0),
            layout: Sig::new(layout),
            links: Sig::new(links),
            watching: Sig::new(Settings::stored().watching),
            alerts: RefCell::default(),
            owner: Owner::current().unwrap_or_default(),
            echo: Cell::new(false),
            me: me.clone(),
        });
        for place in 1..layout.charts() {
            desk.add(chart(place));
        }
        desk.activate(active);
        desk
    }

    /// The chart that is always there.
    pub(crate) fn first(&self) -> Rc<Deck> {
        self.decks.borrow()[0].clone()
    }

    /// The chart at a place; the first where there is none.
    pub(crate) fn at(&self, place: usize) -> Rc<Deck> {
        let decks = self.decks.borrow();
        decks.get(place).unwrap_or(&decks[0]).clone()
    }

    /// The chart that bar, side and strip speak of.
    pub(crate) fn active(&self) -> Rc<Deck> {
        self.at(self.active.get())
    }

    /// [`Self::active`] for handlers.
    pub(crate) fn active_now(&self) -> Rc<Deck> {
        self.at(self.active.get_untracked())
    }

    fn add(&self, asked: UrlState) {
        let beside = Some(self.first().view);
        let options =
            DeckOptions { asked, relay: relay(), beside, desk: self.me.clone(), ..DeckOptions::default() };
        let deck = self.owner.with(|| Deck::new(options));
        self.decks.borrow_mut().push(deck);
    }

    /// Makes the chart at a place the active one.
    pub(crate) fn activate(&self, place: usize) {
        let before = self.active.get_untracked();
        if place != before && place < self.decks.borrow().len() {
            self.at(before).hand_over(&self.at(place));
            self.active.set(place);
            self.at(place).remember();
        }
    }

    /// Shows so many charts; those that stay keep what they show, new ones begin with the active one's symbol.
    pub(crate) fn set_layout(&self, layout: Layout) {
        let active = self.active.get_untracked();
        let state = self.at(active).state();
        if active >= layout.charts() {
            self.activate(0);
            // Its panes stay: charts beside it begin without any.
            self.first().take_over(&UrlState { panes: None, ..state.clone() });
        }
        self.resize(layout, |_| UrlState { panes: Some(Vec::new()), ..state.clone() });
    }

    /// Brings the number of charts to that of a layout.
    fn resize(&self, layout: Layout, chart: impl Fn(usize) -> UrlState) {
        while self.decks.borrow().len() < layout.charts() {
            let place = self.decks.borrow().len();
            self.add(chart(place));
        }
        let gone = self.decks.borrow_mut().split_off(layout.charts());
        self.layout.set(layout);
        gone.iter().for_each(|deck| deck.dispose());
        self.first().ask_frame();
        self.moved(&self.first(), Moved::State);
    }

    pub(crate) fn toggle_watching(&self) {
        let watching = !self.watching.get_untracked();
        self.watching.set(watching);
        self.active_now().keep(|s| s.watching = watching);
    }

    pub(crate) fn toggle_link(&self, link: Links) {
        self.links.update(|links| *links = links.toggled(link));
        let active = self.active_now();
        if self.links.get_untracked().has(link) {
            // Common from now on: as the active chart has it.
            match link {
                Links::SYMBOL => self.moved(&active, Moved::Symbol),
                Links::TIMEFRAME => self.moved(&active, Moved::Timeframe),
                _ => {}
            }
        }
        self.moved(&active, Moved::State);
    }

    /// Everything that is arranged.
    pub(crate) fn workspace(&self) -> Workspace {
        Workspace {
            layout: self.layout.get_untracked(),
            links: self.links.get_untracked(),
            active: self.active.get_untracked(),
            charts: self.decks.borrow().iter().map(|deck| deck.state()).collect(),
        }
    }

    /// Arranges the page so.
    pub(crate) fn arrange(&self, workspace: &Workspace) {
        self.activate(0);
        // No linking while the charts are set one by one.
        self.echo.set(true);
        let chart = |place: usize| workspace.charts.get(place).cloned().unwrap_or_default();
        let kept = self.decks.borrow().len().min(workspace.layout.charts());
        for place in 0..kept {
            self.at(place).take_over(&chart(place));
        }
        self.echo.set(false);
        self.links.set(workspace.links);
        self.resize(workspace.layout, chart);
        self.activate(workspace.active);
    }

    /// The arrangement as it is remembered: none for a single chart, which the query of the address describes.
    pub(crate) fn text(&self) -> Option<String> {
        (self.layout.get_untracked() != Layout::One).then(|| self.workspace().to_text())
    }

    /// All charts but one.
    pub(crate) fn others(&self, one: &Deck) -> Vec<Rc<Deck>> {
        self.decks.borrow().iter().filter(|deck| !std::ptr::eq(&***deck, one)).cloned().collect()
    }

    /// Something was done in a chart; linked, it is done in the others.
    pub(crate) fn moved(&self, by: &Deck, what: Moved) {
        let link = match what {
            Moved::State => return self.active_now().remember(),
            Moved::Symbol => Links::SYMBOL,
            Moved::Timeframe => Links::TIMEFRAME,
            Moved::Crosshair(_) => Links::CROSSHAIR,
            Moved::Range(..) => Links::RANGE,
        };
        if !self.links.get_untracked().has(link) || self.echo.replace(true) {
            return;
        }
        for deck in self.others(by) {
            match what {
                Moved::Symbol => {
                    if let Some(open) = by.view.open.get_untracked() {
                        deck.open(&open.row, Some(&open.venue));
                    }
                }
                Moved::Timeframe => deck.set_timeframe(by.view.timeframe.get_untracked()),
                Moved::Crosshair(at) => deck.show_crosshair(at),
                Moved::Range(from, to, follows) => deck.follow_range(from, to, follows),
                Moved::State => {}
            }
        }
        self.echo.set(false);
    }
}

/// Where the relay is; empty for the page's host. Only a page that came from elsewhere says (`anywhere.js`).
fn relay() -> String {
    let root = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element());
    root.and_then(|root| root.get_attribute("data-relay")).unwrap_or_default()
}
