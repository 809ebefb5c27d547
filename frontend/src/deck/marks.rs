//! What is drawn on the price beside its bars: signals, liquidations, the heat map.

use shared::event::Channel;
use shared::market::{Ms, Timeframe};

use crate::feed::group;
use crate::feed::http;
use crate::feed::rows::Row;
use crate::series::{Heat, Reach, SignalMark, layers};
use crate::settings::Drawn;

use super::api::object;
use super::view::put;
use super::{Deck, wall};

/// Drawn are made anew at most this often.
const EVERY: Ms = Ms(500);
/// Bars a strategy sees before those asked for, so that what its means began with counts for nothing.
const WARM_UP: i64 = 1_000;
const STRATEGY: &str = "ema_crossover_rsi";
/// Hours in the live heat map.
const LIVE_HOURS: u32 = 1;

impl Deck {
    pub(crate) fn set_drawn(&self, drawn: Drawn) {
        let before = self.view.drawn.get_untracked();
        self.view.drawn.set(drawn);
        {
            let mut core = self.core.borrow_mut();
            core.settings.drawn = drawn;
            (core.marked, core.stale.marks) = (None, true);
        }
        if before.heat != drawn.heat {
            self.load_heat();
        }
        self.want();
        self.remember();
        self.ask_frame();
    }

    /// Before a paint ends: marks of what is in view, where they are due.
    pub(super) fn draw_marks(&self, due: bool) {
        let mut guard = self.core.borrow_mut();
        let core = &mut *guard;
        let now = wall();
        let recent = core.marked.is_some_and(|at| (Ms::ZERO..EVERY).contains(&(now - at)));
        if recent {
            core.stale.marks |= due;
            return;
        }
        let marks = core.settings.drawn;
        if let (Some(chart), Some(market)) = (&mut core.chart, &core.market)
            && chart.mark(market, core.shown, marks, due)
        {
            core.marked = Some(now);
        }
    }

    /// Forgets signals, as before those of another timeframe are read.
    pub(super) fn drop_signals(&self) {
        let mut core = self.core.borrow_mut();
        core.signals = Reach::default();
        core.stale.marks = true;
        if let Some(market) = &mut core.market {
            market.signals.clear();
        }
    }

    /// Whether the relay makes signals of the open symbol.
    pub(super) fn has_signals(&self) -> bool {
        let offered = |channel| {
            self.view.open.with_untracked(|o| o.as_ref().is_some_and(|o| o.row.channels.contains(&channel)))
        };
        self.view.drawn.get_untracked().signals && offered(Channel::Signal)
    }

    /// One signal from the line.
    pub(super) fn take_signal(&self, frame: &Row) {
        let (_, shown) = self.turn();
        let mut core = self.core.borrow_mut();
        let Some(market) = &mut core.market else { return };
        let own =
            frame.symbol.as_ref() == Some(market.symbol()) && frame.venue.as_ref() == Some(market.venue());
        if let Some(signal) = frame.signal().filter(|_| own && frame.interval == Some(shown)) {
            market.signals.upsert(signal);
            (core.stale.marks, core.stale.legend) = (true, true);
            drop(core);
            self.ask_frame();
        }
    }

    /// Signals of the bars in view, where they are not held yet. Called after each paint.
    pub(super) fn load_signals_behind(&self) {
        if !self.has_signals() {
            return;
        }
        let (generation, shown) = self.turn();
        let asked = {
            let mut core = self.core.borrow_mut();
            let visible = core.chart.as_ref().zip(core.market.as_ref());
            let visible = visible.and_then(|(chart, market)| chart.visible_times(market, shown));
            let Some((from, to)) = visible else { return };
            // Half a view more than is seen; in steps, so that scrolling does not ask for each bar.
            let wanted = from - Ms((to - from).0 / 2);
            core.signals.ask(from, wall()).map(|page| (wanted, page.to))
        };
        let Some(((wanted, to), deck)) = asked.zip(self.me.upgrade()) else { return };
        leptos::task::spawn_local(async move {
            let Some([(_, symbol), (_, venue)]) = deck.market_query() else { return };
            let from = Ms((wanted.0 - WARM_UP * shown.nominal().0).max(0)).0.to_string();
            let to = to.map(|to| to.0.to_string());
            let mut fields = vec![
                ("symbol", Some(symbol.as_str())),
                ("venue", Some(venue.as_str())),
                ("interval", Some(shown.name())),
                ("strategy_id", Some(STRATEGY)),
                ("from", Some(from.as_str())),
            ];
            fields.extend(to.as_deref().map(|to| ("to", Some(to))));
            let answer = http::post::<Vec<Row>>(&deck.relay, "signals", &object(&fields)).await;
            if deck.turn() != (generation, shown) {
                return;
            }
            let mut guard = deck.core.borrow_mut();
            let core = &mut *guard;
            match answer {
                Ok(rows) => {
                    core.signals.got(Some(wanted - Ms(1)), true);
                    let told = rows.iter().filter(|row| row.timestamp >= wanted).filter_map(Row::signal);
                    let told: Vec<SignalMark> = told.collect();
                    if let Some(market) = &mut core.market {
                        told.into_iter().rev().for_each(|signal| market.signals.upsert(signal));
                    }
                }
                Err(_) => core.signals.failed(wall()),
            }
            (core.stale.marks, core.stale.legend) = (true, true);
            drop(guard);
            deck.ask_frame();
        });
    }

    /// The live map of the last hour.
    pub(super) fn take_heat(&self, frame: &Row) {
        let own = {
            let core = self.core.borrow();
            core.market.as_ref().is_some_and(|m| frame.symbol.as_ref() == Some(m.symbol()))
        };
        let hours = self.view.drawn.get_untracked().heat;
        let Some(live) = frame.heat().filter(|_| own && hours > 0) else { return };
        if hours == LIVE_HOURS {
            put(self.view.heat, Some(live));
            return;
        }
        let Some(mut held) = self.view.heat.get_untracked() else { return };
        if held.take(&live) {
            put(self.view.heat, Some(held));
        } else {
            self.load_heat();
        }
    }

    /// Reads the map of as many hours as are chosen, or forgets it.
    pub(super) fn load_heat(&self) {
        let hours = self.view.drawn.get_untracked().heat;
        let (generation, _) = self.turn();
        put(self.view.heat, None);
        let Some(deck) = self.me.upgrade().filter(|_| hours > 0) else { return };
        leptos::task::spawn_local(async move {
            let Some([symbol, _]) = deck.market_query() else { return };
            let query = [symbol, ("hours", hours.to_string()), ("venue", group::ALL.into())];
            let answer = http::get::<Row>(&deck.relay, "market/liq_heatmap", &query).await;
            let same = deck.turn().0 == generation && deck.view.drawn.get_untracked().heat == hours;
            match answer {
                Ok(row) if same => put(deck.view.heat, row.heat()),
                Err(error) if same => deck.toast(format!("No heat map: {error}.")),
                Ok(_) | Err(_) => {}
            }
        });
    }

    /// Puts the map behind the price; as an inset it has no place there.
    pub(crate) fn draw_heat(&self, heat: Option<&Heat>, timeframe: Timeframe) {
        let mut core = self.core.borrow_mut();
        let Some(chart) = &mut core.chart else { return };
        match heat {
            Some(heat) => {
                let times: Vec<f64> = heat.times.iter().map(|at| layers::seconds(*at)).collect();
                let step = layers::seconds(timeframe.nominal());
                chart.js().set_heat(&times, &heat.prices, &heat.pixels(), step);
            }
            None => chart.js().set_heat(&[], &[], &[], 0.0),
        }
    }

    /// Bin of the heat map at a place of the chart.
    pub(crate) fn heat_at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        self.core.borrow_mut().chart.as_mut()?.js().heat_at(x, y)
    }

    /// Where a bin of it stands.
    pub(crate) fn heat_place(&self, t: usize, p: usize) -> Option<(f64, f64)> {
        self.core.borrow_mut().chart.as_mut()?.js().heat_place(t, p)
    }
}
