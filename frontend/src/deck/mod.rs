//! The deck: joins feed, series and chart, and tells the components what to show.
//!
//! Frames are folded into plain stores as they come; signals and chart are written once per animation frame
//! ([`show`]). [`choose`] is what a person picks, [`load`] and [`topics`] read history, [`live`] takes frames,
//! [`stage`] joins the chart, [`page`] the browser around it, [`api`] is what scripts see as `window.tapedeck`.
//!
//! A page holds several ([`crate::desk`]). A deck owns its signals and everything it asked of the browser, and
//! gives all of it back when it is disposed of.

mod among;
mod api;
mod choose;
mod gaps;
pub(crate) mod hands;
mod kept;
mod live;
mod load;
mod marks;
mod overview;
mod pace;
pub(crate) mod page;
mod panes;
mod range;
mod show;
mod stage;
mod studies;
mod sums;
mod topics;
pub(crate) mod view;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use shared::event::Channel;
use shared::market::{Ms, Timeframe, VenueId};
use wasm_bindgen::prelude::*;

use crate::chart::Chart;
use crate::desk::Desk;
use crate::feed::line::{Line, Member};
use crate::feed::pairs::Pairs;
use crate::listener::Listener;
use crate::series::{Holes, Layer, Loaded, Market, Reach};
use crate::settings::{Settings, SymbolView};
use crate::url_state::UrlState;

use api::Api;
use page::apply_looks;
use show::Stale;
pub(crate) use sums::SPARK;
use view::{GuardsView, LinkState, View, put};

/// What a deck begins with.
#[derive(Default)]
pub(crate) struct DeckOptions {
    /// Symbol, venue, timeframe, panes, theme and stretch of time; what is absent is as remembered.
    pub(crate) asked: UrlState,
    /// Where the relay is, as `https://host`; empty for the host the page came from.
    pub(crate) relay: String,
    /// It speaks for the page: address, settings and `window.tapedeck` are its own.
    pub(crate) page: bool,
    /// A deck of the same page, whose theme, clock, symbols and line are this one's as well.
    pub(crate) beside: Option<View>,
    /// The desk it stands on; an embed stands alone.
    pub(crate) desk: Weak<Desk>,
}

struct Core {
    settings: Settings,
    asked: UrlState,
    market: Option<Market>,
    chart: Option<Chart>,
    /// Counts opened symbols: answers for an earlier one are dropped.
    generation: u32,
    loaded: [Loaded; Timeframe::ALL.len()],
    /// How far back each of [`topics::TOPICS`] is held, by track.
    reach: Vec<[Reach; topics::TOPICS.len()]>,
    /// Bars of a chosen stretch are on their way: what else stands behind the view waits for them.
    reaching: bool,
    /// Holes in the record of the open market.
    gaps: Holes,
    /// Newest place of an event topic already taken, per channel, so that a resumed line tells nothing twice.
    taken: live::Taken,
    /// The timeframe on screen.
    shown: Timeframe,
    /// When the relay got the newest event told here, by venue and channel, since the strip was last written.
    heard: Pairs<(VenueId, Channel), Ms>,
    /// The last whole minute before the line broke: the refill starts there.
    last_minute_before_hole: Option<Ms>,
    refilling: bool,
    /// Another refill was asked for during this one.
    refill_again: bool,
    /// While polling: since when events are to be read again.
    polled_since: Option<Ms>,
    /// Until when the next search for a relay waits.
    booting: Option<Ms>,
    /// Guards told since they were last shown.
    guards: Option<GuardsView>,
    /// The line as `status` last told it.
    told: LinkState,
    ticks: u32,
    /// Relay's clock less ours.
    clock_offset: Ms,
    /// The market's now in a replay that stands still.
    stands: Option<Ms>,
    stale: Stale,
    /// When what stands beside the chart was last written.
    panels_at: Ms,
    /// How the open symbol is looked at, as last written down; none until it is as it was.
    kept: Option<SymbolView>,
    /// How it was looked at before it was opened.
    to_restore: SymbolView,
    /// When the indicators were last computed.
    studied: Option<Ms>,
    /// How far back signals are held, and when marks were last made.
    signals: Reach,
    marked: Option<Ms>,
    /// A pointer is down on the stage: pane heights that change now were dragged.
    dragging: bool,
}

/// One chart with its data. A page has one per place of its layout, and one per embed.
pub(crate) struct Deck {
    pub(crate) view: View,
    /// Where the relay is; empty for the page's host.
    pub(crate) relay: String,
    /// See [`DeckOptions::page`]; moves between decks.
    page: Cell<bool>,
    desk: Weak<Desk>,
    /// Shares the page's clock and symbols with the first deck, and holds less history.
    beside: bool,
    core: RefCell<Core>,
    /// Set by the chart's own events, which may come while the core is borrowed.
    crosshair: Cell<Option<Ms>>,
    crosshair_moved: Cell<bool>,
    layout_moved: Cell<bool>,
    /// The first bars have been painted.
    ready: Cell<bool>,
    /// The animation frame asked for.
    frame: Cell<Option<i32>>,
    /// Waits until a chart that is not the active one is painted again.
    pause: Cell<Option<gloo_timers::callback::Timeout>>,
    pausing: Cell<bool>,
    /// What linked charts were last told to show.
    range_told: Cell<Option<(Ms, Ms)>>,
    on_frame: RefCell<Option<Closure<dyn FnMut()>>>,
    exposed: RefCell<Option<Rc<Api>>>,
    /// Given back in [`Deck::dispose`].
    listeners: RefCell<Vec<Listener>>,
    line: RefCell<Option<Rc<Member>>>,
    disposed: Cell<bool>,
    me: Weak<Deck>,
    /// Of the signals in `view`: they live as long as anyone holds the deck.
    _owner: Owner,
}

impl Deck {
    pub(crate) fn new(options: DeckOptions) -> Rc<Deck> {
        let DeckOptions { asked, relay, page, beside, desk } = options;
        // What is stored in a foreign page is not ours.
        let ours = page || beside.is_some();
        let mut settings = if ours { Settings::stored() } else { Settings::default() };
        settings.theme = asked.theme.unwrap_or(settings.theme);
        if let Some(panes) = &asked.panes {
            settings.panes = panes.clone();
        }
        if let Some(venues) = asked.venues.clone() {
            settings.asked_venues = Some(venues);
        }
        // Nobody's child: a request on its way holds the deck, and sets its signals, after the page around is gone.
        let owner = Owner::default();
        let view = owner.with(|| View::new(wall(), beside));
        view.compare.set(settings.compare);
        if beside.is_none() {
            view.theme.set(settings.theme);
            view.prefs.set(settings.prefs);
        }
        view.panes.set(settings.panes.clone());
        view.phone_pane.set(settings.phone_pane);
        view.folded.set(settings.folded.clone());
        view.maximised.set(settings.maximised);
        view.drawn.set(settings.drawn);
        view.price_style.set(settings.price_style);
        view.indicators.set(settings.indicators.clone());
        view.range.set(asked.from.map(|from| (from, asked.to)));
        view.timeframe.set(asked.timeframe.or(settings.timeframe).unwrap_or(Timeframe::M5));
        let deck = Rc::new_cyclic(|me| Deck {
            view,
            relay,
            page: Cell::new(page),
            desk,
            beside: beside.is_some(),
            core: RefCell::new(Core {
                settings,
                asked,
                market: None,
                chart: None,
                generation: 0,
                loaded: Default::default(),
                reach: Vec::new(),
                reaching: false,
                gaps: Holes::default(),
                taken: live::Taken::default(),
                shown: Timeframe::M5,
                heard: Pairs::default(),
                last_minute_before_hole: None,
                refilling: false,
                refill_again: false,
                booting: None,
                guards: None,
                told: LinkState::Connecting,
                polled_since: None,
                ticks: 0,
                clock_offset: Ms::ZERO,
                stands: None,
                stale: Stale::default(),
                panels_at: Ms::ZERO,
                kept: None,
                to_restore: SymbolView::default(),
                studied: None,
                signals: Reach::default(),
                marked: None,
                dragging: false,
            }),
            crosshair: Cell::new(None),
            crosshair_moved: Cell::new(false),
            layout_moved: Cell::new(false),
            ready: Cell::new(false),
            frame: Cell::new(None),
            pause: Cell::new(None),
            pausing: Cell::new(false),
            range_told: Cell::new(None),
            on_frame: RefCell::new(None),
            exposed: RefCell::new(None),
            listeners: RefCell::default(),
            line: RefCell::new(None),
            disposed: Cell::new(false),
            me: me.clone(),
            _owner: owner,
        });
        deck.core.borrow_mut().shown = deck.view.timeframe.get_untracked();
        deck.start();
        deck
    }

    fn start(self: &Rc<Self>) {
        let me = self.me.clone();
        *self.on_frame.borrow_mut() = Some(Closure::new(move || {
            if let Some(deck) = me.upgrade() {
                deck.frame.set(None);
                deck.paint();
            }
        }));
        if self.page.get() {
            apply_looks(self.view.theme.get_untracked(), self.view.prefs.get_untracked());
        }
        self.watch_width();
        let me = self.me.clone();
        let leaving = Listener::window("pagehide", move || {
            if let Some(deck) = me.upgrade() {
                deck.keep_view();
            }
        });
        self.listeners.borrow_mut().push(leaving);
        if !self.beside {
            self.expose();
        }
        let me = self.me.clone();
        let member = Line::join(&self.relay, move |said| {
            if let Some(deck) = me.upgrade() {
                deck.said(said);
            }
        });
        *self.line.borrow_mut() = Some(Rc::new(member));
        self.boot();
    }

    /// Gives back chart, line, timers and listeners; what still waits for an answer finds nothing to do. The signals
    /// stay readable for whoever still holds the deck.
    pub(crate) fn dispose(&self) {
        self.disposed.set(true);
        self.listeners.take();
        let line = self.line.take();
        self.exposed.take();
        self.pause.take();
        if let (Some(window), Some(frame)) = (web_sys::window(), self.frame.take()) {
            let _ = window.cancel_animation_frame(frame);
        }
        let gone = {
            let mut core = self.core.borrow_mut();
            core.generation += 1;
            core.booting = None;
            (core.chart.take(), core.market.take())
        };
        // Not under the borrow: the chart's own events may come on its way out.
        drop((gone, line));
    }

    /// The market's now: our clock by the relay's, which in a replay runs, or stands, in recorded time.
    pub(crate) fn now(&self) -> Ms {
        if self.beside {
            return wall() + (self.view.now.get_untracked() - self.view.wall.get_untracked());
        }
        let core = self.core.borrow();
        core.stands.unwrap_or_else(|| wall() + core.clock_offset)
    }

    pub(crate) fn set_dragging(&self, down: bool) {
        self.core.borrow_mut().dragging = down;
        if !down {
            self.remember();
        }
    }

    pub(crate) fn toast(&self, text: String) {
        self.toast_for(text, 6_000);
    }

    /// Tells something for so many ms.
    pub(crate) fn toast_for(&self, text: String, ms: u32) {
        put(self.view.toast, Some(text.clone()));
        // Held meanwhile: the signal goes with the last holder.
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            gloo_timers::future::TimeoutFuture::new(ms).await;
            let toast = deck.view.toast;
            if toast.with_untracked(|held| held.as_deref() == Some(&text)) {
                toast.set(None);
            }
        });
    }

    /// The timeframe on screen and the open symbol's generation, for work that outlives a wait.
    fn turn(&self) -> (u32, Timeframe) {
        let core = self.core.borrow();
        (core.generation, core.shown)
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        self.dispose();
    }
}

/// Layers and since when, for [`Core::changed`].
impl Core {
    fn changed(&mut self, layers: &[Layer], since: Ms) {
        if let Some(chart) = &mut self.chart {
            for layer in layers {
                chart.changed(*layer, since);
            }
        }
    }
}

/// The person's clock.
pub(crate) fn wall() -> Ms {
    Ms(js_sys::Date::now() as i64)
}
