//! The deck: joins feed, series and chart, and tells the components what to show.
//!
//! Frames are folded into plain stores as they come; signals and chart are written once per animation frame
//! ([`show`]). [`load`] reads history, [`live`] takes frames, [`api`] is what scripts see as `window.tapedeck`.

mod api;
mod live;
mod load;
mod show;
pub(crate) mod view;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use wasm_bindgen::prelude::*;

use crate::chart::{Aim, Chart, crosshair_time};
use crate::feed::client::{Client, Wanted};
use crate::feed::rows::SymbolRow;
use crate::format;
use crate::series::{Layer, Market};
use crate::settings::{Pane, Settings};
use crate::url_state::UrlState;

use show::Stale;
use view::{Open, Stage, View, put};

/// Wide enough for the desktop arrangement; below, one pane is shown under the price.
const PHONE_QUERY: &str = "(max-width: 640px)";

/// What is known of one timeframe's history.
#[derive(Clone, Copy, Default)]
struct Loaded {
    newest: bool,
    /// A newest page has come at least once.
    once: bool,
    loading: bool,
    /// After a failed read of an older page.
    retry_at: Option<Ms>,
    /// The relay has nothing older.
    exhausted: bool,
}

struct Core {
    settings: Settings,
    asked: UrlState,
    market: Option<Market>,
    chart: Option<Chart>,
    client: Client,
    /// Counts opened symbols: answers for an earlier one are dropped.
    generation: u32,
    loaded: [Loaded; Timeframe::ALL.len()],
    /// Newest place of an event topic already taken, per channel, so that a resumed line tells nothing twice.
    taken: live::Taken,
    /// The timeframe on screen.
    shown: Timeframe,
    /// When the relay got the newest event told here.
    last_event: Ms,
    /// The last whole minute before the line broke: the refill starts there.
    last_minute_before_hole: Option<Ms>,
    refilling: bool,
    /// Until when the next search for a relay waits.
    booting: Option<Ms>,
    /// Data comes by polling.
    polled: bool,
    ticks: u32,
    /// Relay's clock less ours.
    clock_offset: Ms,
    stale: Stale,
    /// A pointer is down on the stage: pane heights that change now were dragged.
    dragging: bool,
}

/// One per page (and later one per embed).
pub(crate) struct Deck {
    pub(crate) view: View,
    core: RefCell<Core>,
    /// Set by the chart's own events, which may come while the core is borrowed.
    crosshair: Cell<Option<Ms>>,
    crosshair_moved: Cell<bool>,
    layout_moved: Cell<bool>,
    /// The first bars have been painted.
    ready: Cell<bool>,
    frame_asked: Cell<bool>,
    on_frame: RefCell<Option<Closure<dyn FnMut()>>>,
    exposed: RefCell<Option<api::Api>>,
    me: Weak<Deck>,
}

impl Deck {
    pub(crate) fn new() -> Rc<Deck> {
        let window = web_sys::window();
        let query = window.as_ref().and_then(|w| w.location().search().ok()).unwrap_or_default();
        let stored = storage().and_then(|s| s.get_item(Settings::KEY).ok().flatten());
        let asked = UrlState::parse(&query);
        let mut settings = Settings::parse(stored.as_deref());
        settings.theme = asked.theme.unwrap_or(settings.theme);
        if let Some(panes) = &asked.panes {
            settings.panes = panes.clone();
        }
        let view = View::new(wall());
        view.theme.set(settings.theme);
        view.panes.set(settings.panes.clone());
        view.phone_pane.set(settings.phone_pane);
        view.timeframe.set(asked.timeframe.or(settings.timeframe).unwrap_or(Timeframe::M5));
        let deck = Rc::new_cyclic(|me| Deck {
            view,
            core: RefCell::new(Core {
                settings,
                asked,
                market: None,
                chart: None,
                client: Client::default(),
                generation: 0,
                loaded: Default::default(),
                taken: live::Taken::default(),
                shown: Timeframe::M5,
                last_event: Ms::ZERO,
                last_minute_before_hole: None,
                refilling: false,
                booting: None,
                polled: false,
                ticks: 0,
                clock_offset: Ms::ZERO,
                stale: Stale::default(),
                dragging: false,
            }),
            crosshair: Cell::new(None),
            crosshair_moved: Cell::new(false),
            layout_moved: Cell::new(false),
            ready: Cell::new(false),
            frame_asked: Cell::new(false),
            on_frame: RefCell::new(None),
            exposed: RefCell::new(None),
            me: me.clone(),
        });
        deck.core.borrow_mut().shown = deck.view.timeframe.get_untracked();
        deck.start();
        deck
    }

    fn start(self: &Rc<Self>) {
        let me = self.me.clone();
        *self.on_frame.borrow_mut() = Some(Closure::new(move || {
            if let Some(deck) = me.upgrade() {
                deck.frame_asked.set(false);
                deck.paint();
            }
        }));
        apply_theme(self.view.theme.get_untracked().name());
        self.watch_width();
        self.expose();
        let me = self.me.clone();
        // Ages and countdowns; the frame itself asks for nothing when nothing changed.
        gloo_timers::callback::Interval::new(1_000, move || {
            if let Some(deck) = me.upgrade() {
                deck.tick();
            }
        })
        .forget();
        for event in ["online", "visibilitychange"] {
            self.listen(event, |deck| deck.wake());
        }
        self.boot();
    }

    /// The market's now: our clock by the relay's, which in a replay runs in recorded time.
    pub(crate) fn now(&self) -> Ms {
        wall() + self.core.borrow().clock_offset
    }

    /// Puts the chart into its element, once it stands.
    pub(crate) fn mount_chart(&self, element: &web_sys::Element) {
        let made = {
            let core = self.core.borrow();
            Chart::new(element, &self.view.shown_panes(), &core.settings)
        };
        let mut chart = match made {
            Ok(chart) => chart,
            Err(_) => {
                put(
                    self.view.stage,
                    Stage::Failed(
                        "The chart library did not load. Reload the page; if it stays so, the relay's page files are incomplete.".into(),
                    ),
                );
                return;
            }
        };
        let (me, visible) = (self.me.clone(), chart.visible_cell());
        chart.js().on_range(move |from, to| {
            visible.set(Some((from, to)));
            if let Some(deck) = me.upgrade() {
                deck.ask_frame();
            }
        });
        let me = self.me.clone();
        chart.js().on_crosshair(move |seconds, _pane| {
            if let Some(deck) = me.upgrade() {
                deck.crosshair(crosshair_time(seconds));
            }
        });
        if let Some(open) = self.view.open.get_untracked() {
            chart.set_instrument(open.row.tick_size);
        }
        self.core.borrow_mut().chart = Some(chart);
        self.watch_layout();
        self.ask_frame();
    }

    /// Opens a symbol at a venue (its first, where the wanted one does not list it).
    pub(crate) fn open(&self, row: &SymbolRow, venue: Option<&str>) {
        let listed = |v: &&str| row.venues.iter().any(|have| have == v);
        let Some(venue) = venue.filter(listed).map(str::to_owned).or_else(|| row.venues.first().cloned())
        else {
            self.toast(format!("{} is listed at no configured venue.", row.symbol));
            return;
        };
        let decimals = format::decimals_of(row.tick_size);
        let wanted = Wanted { symbol: row.symbol.clone(), venue: VenueId::new(&venue) };
        {
            let mut core = self.core.borrow_mut();
            core.generation += 1;
            core.loaded = Default::default();
            core.taken = live::Taken::default();
            core.market = Some(Market::new(row.symbol.clone(), wanted.venue.clone()));
            core.settings.symbol = Some(row.symbol.to_string());
            core.settings.venue = Some(venue.clone());
            if let Some(chart) = &mut core.chart {
                chart.clear();
                chart.set_instrument(row.tick_size);
            }
            core.client.want(wanted);
            core.stale = Stale::all();
        }
        self.view.open.set(Some(Open { row: row.clone(), venue, decimals }));
        self.view.notice.set(None);
        put(self.view.stage, Stage::Loading);
        self.remember();
        self.emit_choice("symbolchange");
        self.load_symbol();
        self.ask_frame();
    }

    pub(crate) fn set_timeframe(&self, timeframe: Timeframe) {
        let before = self.view.timeframe.get_untracked();
        if before == timeframe {
            return;
        }
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            core.settings.timeframe = Some(timeframe);
            core.shown = timeframe;
            core.stale = Stale::all();
            if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
                let follows =
                    chart.visible(market, before).is_none_or(|v| v.follows(market.bars(before).len()));
                let edge = chart.visible_times(market, before).map(|(_, to)| to);
                let aim = edge.filter(|_| !follows).map_or(Aim::Newest, Aim::EndAt);
                if market.bars(timeframe).is_empty() {
                    chart.clear();
                } else {
                    chart.reload(market, timeframe, aim);
                }
            }
        }
        self.view.timeframe.set(timeframe);
        self.settle_stage();
        self.remember();
        self.emit_choice("timeframechange");
        self.load_timeframe(timeframe);
        self.ask_frame();
    }

    pub(crate) fn toggle_pane(&self, pane: Pane) {
        self.view.panes.update(|panes| {
            if panes.contains(&pane) {
                panes.retain(|p| *p != pane);
            } else {
                panes.push(pane);
            }
        });
        self.core.borrow_mut().settings.panes = self.view.panes.get_untracked();
        self.arrange();
    }

    /// The one pane under the price on a phone.
    pub(crate) fn choose_phone_pane(&self, pane: Pane) {
        self.view.phone_pane.set(pane);
        self.core.borrow_mut().settings.phone_pane = pane;
        self.arrange();
    }

    pub(crate) fn toggle_theme(&self) {
        let theme = self.view.theme.get_untracked().other();
        self.view.theme.set(theme);
        apply_theme(theme.name());
        {
            let mut core = self.core.borrow_mut();
            core.settings.theme = theme;
            if let Some(chart) = &mut core.chart {
                chart.restyle();
            }
        }
        self.remember();
        self.ask_frame();
    }

    /// Back to the newest bar.
    pub(crate) fn go_live(&self) {
        let mut guard = self.core.borrow_mut();
        let core = &mut *guard;
        if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
            chart.reload(market, self.view.timeframe.get_untracked(), Aim::Newest);
        }
        drop(guard);
        self.ask_frame();
    }

    pub(crate) fn set_dragging(&self, down: bool) {
        self.core.borrow_mut().dragging = down;
        if !down {
            self.remember();
        }
    }

    pub(crate) fn toast(&self, text: String) {
        put(self.view.toast, Some(text.clone()));
        let toast = self.view.toast;
        leptos::task::spawn_local(async move {
            gloo_timers::future::TimeoutFuture::new(6_000).await;
            if toast.with_untracked(|held| held.as_deref() == Some(&text)) {
                toast.set(None);
            }
        });
    }

    /// One paint in the next animation frame; a hidden tab has none and so paints nothing.
    pub(crate) fn ask_frame(&self) {
        if self.frame_asked.replace(true) {
            return;
        }
        if let (Some(window), Some(callback)) = (web_sys::window(), &*self.on_frame.borrow()) {
            let _ = window.request_animation_frame(callback.as_ref().unchecked_ref());
        }
    }

    fn crosshair(&self, at: Option<Ms>) {
        self.crosshair.set(at);
        self.crosshair_moved.set(true);
        self.ask_frame();
    }

    /// Shows the panes that are due after a choice or a change of width.
    fn arrange(&self) {
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            if let Some(chart) = &mut core.chart {
                chart.set_panes(&self.view.shown_panes(), &core.settings);
            }
            core.stale.legend = true;
        }
        self.watch_layout();
        self.remember();
        self.ask_frame();
    }

    /// Follows pane positions; the panes to watch change with the arrangement.
    fn watch_layout(&self) {
        let me = self.me.clone();
        if let Some(chart) = &mut self.core.borrow_mut().chart {
            chart.js().on_layout(move || {
                if let Some(deck) = me.upgrade() {
                    deck.layout_moved.set(true);
                    deck.ask_frame();
                }
            });
        }
    }

    fn watch_width(&self) {
        let query = web_sys::window().and_then(|w| w.match_media(PHONE_QUERY).ok().flatten());
        let Some(query) = query else { return };
        self.view.phone.set(query.matches());
        let (me, held) = (self.me.clone(), query.clone());
        let changed = Closure::<dyn FnMut()>::new(move || {
            if let Some(deck) = me.upgrade() {
                put(deck.view.phone, held.matches());
                deck.arrange();
            }
        });
        let _ = query.add_event_listener_with_callback("change", changed.as_ref().unchecked_ref());
        changed.forget();
    }

    /// Calls `act` on a window or document event for as long as the page lives.
    fn listen(&self, event: &str, act: impl Fn(&Deck) + 'static) {
        let me = self.me.clone();
        let heard = Closure::<dyn FnMut()>::new(move || {
            if let Some(deck) = me.upgrade() {
                act(&deck);
            }
        });
        if let Some(window) = web_sys::window() {
            let target: &web_sys::EventTarget = &window;
            let document = window.document();
            let target = match (event, &document) {
                ("visibilitychange", Some(document)) => document.as_ref(),
                _ => target,
            };
            let _ = target.add_event_listener_with_callback(event, heard.as_ref().unchecked_ref());
        }
        heard.forget();
    }

    /// Writes address and settings.
    fn remember(&self) {
        let core = self.core.borrow();
        if let Some(storage) = storage() {
            let _ = storage.set_item(Settings::KEY, &core.settings.to_json());
        }
        let open = self.view.open.get_untracked();
        let panes = self.view.panes.get_untracked();
        let state = UrlState {
            symbol: open.as_ref().map(|o| o.row.symbol.clone()),
            venue: open.as_ref().map(|o| o.venue.clone()),
            timeframe: Some(self.view.timeframe.get_untracked()),
            from: core.asked.from,
            to: core.asked.to,
            panes: Some(Pane::ALL.into_iter().filter(|p| panes.contains(p)).collect()),
            theme: Some(core.settings.theme),
        };
        if let Some(history) = web_sys::window().and_then(|w| w.history().ok()) {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&state.to_query()));
        }
    }

    /// The timeframe on screen and the open symbol's generation, for work that outlives a wait.
    fn turn(&self) -> (u32, Timeframe) {
        (self.core.borrow().generation, self.view.timeframe.get_untracked())
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

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

fn apply_theme(name: &str) {
    let root = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute("data-theme", name);
    }
}

/// Which symbol to open: the address, then the last visit, then the first listed.
fn first_choice<'a>(
    rows: &'a [SymbolRow],
    asked: Option<&Symbol>,
    last: Option<&str>,
) -> Option<&'a SymbolRow> {
    let by = |name: &str| rows.iter().find(|r| r.symbol.as_str() == name);
    asked
        .and_then(|s| by(s.as_str()))
        .or_else(|| last.and_then(by))
        .or_else(|| by("BTCUSDT-PERP"))
        .or_else(|| rows.first())
}
