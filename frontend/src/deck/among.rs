//! A deck among others of its page: what it tells them, takes from them, and hands over.

use shared::market::{Ms, Symbol};

use crate::desk::Moved;
use crate::desk::alerts::{Ask, ask};
use crate::feed::http;
use crate::feed::rows::Row;
use crate::settings::Settings;
use crate::url_state::UrlState;

use super::Deck;

impl Deck {
    /// Tells the desk what was done here.
    pub(super) fn moved(&self, what: Moved) {
        if let Some(desk) = self.desk.upgrade() {
            desk.moved(self, what);
        }
    }

    /// One of several that is not the active one: painted now and then, on a phone not at all.
    pub(super) fn is_aside(&self) -> bool {
        !self.page.get() && self.desk.strong_count() > 0
    }

    /// The one that a page has always.
    pub(crate) fn is_first(&self) -> bool {
        !self.beside
    }

    /// Where its relay is; empty for the page's host.
    pub(crate) fn relay(&self) -> &str {
        &self.relay
    }

    /// What it shows.
    pub(crate) fn state(&self) -> UrlState {
        let open = self.view.open.get_untracked();
        let asked = &self.core.borrow().asked;
        UrlState {
            // Still looking for its relay, it will show what was asked for.
            symbol: open.as_ref().map(|o| o.row.symbol.clone()).or_else(|| asked.symbol.clone()),
            venue: open.as_ref().map(|o| o.venue.clone()).or_else(|| asked.venue.clone()),
            timeframe: Some(self.view.timeframe.get_untracked()),
            panes: Some(self.view.panes.get_untracked()),
            ..UrlState::default()
        }
    }

    /// Shows what another chart showed; what it does not say stays.
    pub(crate) fn take_over(&self, state: &UrlState) {
        if let Some(timeframe) = state.timeframe {
            self.set_timeframe(timeframe);
        }
        let row = |symbol: &Symbol| {
            self.view.symbols.with_untracked(|rows| rows.iter().find(|r| r.symbol == *symbol).cloned())
        };
        if let Some(row) = state.symbol.as_ref().and_then(row) {
            self.open(&row, state.venue.as_deref());
        }
        // Last: those shown before are kept for the symbol before, and the new symbol's own give way.
        if let Some(panes) = &state.panes {
            self.set_panes(panes.clone());
        }
    }

    /// Address, settings and `window.tapedeck` speak of `to` from here on.
    pub(crate) fn hand_over(&self, to: &Deck) {
        let page = self.core.borrow().settings.clone();
        {
            let mut core = to.core.borrow_mut();
            let own = std::mem::take(&mut core.settings);
            core.settings = Settings {
                panes: own.panes,
                folded: own.folded,
                maximised: own.maximised,
                phone_pane: own.phone_pane,
                pane_heights: own.pane_heights,
                price_style: own.price_style,
                indicators: own.indicators,
                drawn: own.drawn,
                symbol: own.symbol,
                venue: own.venue,
                timeframe: own.timeframe,
                ..page
            };
        }
        self.page.set(false);
        to.page.set(true);
        if let Some(api) = self.exposed.take() {
            api.speak_for(&to.me);
            *to.exposed.borrow_mut() = Some(api);
        }
        to.view.compare.set(self.view.compare.get_untracked());
        to.emit_choice("symbolchange");
        to.ask_frame();
    }

    /// Reads what is remembered of the page.
    pub(crate) fn kept<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        read(&self.core.borrow().settings)
    }

    /// Does something with price alerts, whose code is loaded by that.
    pub(crate) fn alerts(&self, what: Ask) {
        let (Some(desk), Some(deck)) = (self.desk.upgrade(), self.me.upgrade()) else { return };
        leptos::task::spawn_local(async move {
            if ask(desk, deck.clone(), what).await.is_err() {
                deck.toast("Price alerts could not be loaded; try again".into());
            }
        });
    }

    /// Reads the relay's alerts anew, where it holds any.
    pub(super) fn look_at_alerts(&self) {
        let Some(deck) = self.me.upgrade().filter(|_| !self.beside && self.desk.strong_count() > 0) else {
            return;
        };
        leptos::task::spawn_local(async move {
            let held = http::get::<Vec<Row>>(&deck.relay, "alerts", &[]).await;
            let begun = || deck.desk.upgrade().is_some_and(|desk| desk.alerts.borrow().is_some());
            if held.is_ok_and(|held| !held.is_empty() || begun()) {
                deck.alerts(Ask::Look(None));
            }
        });
    }

    /// Puts the crosshair onto the bar that holds an instant.
    pub(crate) fn show_crosshair(&self, at: Option<Ms>) {
        let bar = {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            let (Some(chart), Some(market)) = (&mut core.chart, &core.market) else { return };
            let bars = market.bars(core.shown);
            let open = at.map(|at| market.calendar().open(core.shown, at));
            let bar = open.and_then(|at| bars.get(bars.find(at)?)).copied();
            chart.js().crosshair(bar.map(|bar| (bar.timestamp, bar.close)));
            bar
        };
        self.crosshair.set(bar.map(|bar| bar.timestamp));
        self.crosshair_moved.set(true);
        self.ask_frame();
    }

    /// Shows the bars between two instants; following, up to the newest with the usual room beside it.
    pub(crate) fn follow_range(&self, from: Ms, to: Ms, follows: bool) {
        let mut guard = self.core.borrow_mut();
        let core = &mut *guard;
        if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
            chart.show_times(market, core.shown, from, to, follows);
        }
        drop(guard);
        self.ask_frame();
    }

    /// Tells linked charts what is visible, where that changed.
    pub(super) fn tell_range(&self) {
        if !self.page.get() {
            return;
        }
        let range = {
            let core = self.core.borrow();
            let times = core.chart.as_ref().zip(core.market.as_ref());
            times.and_then(|(chart, market)| chart.visible_times(market, core.shown))
        };
        if let Some((from, to)) = range
            && self.range_told.replace(range) != range
        {
            self.moved(Moved::Range(from, to, !self.view.away.get_untracked()));
        }
    }
}
