//! What a person chooses: symbol, timeframe, panes, theme.

use leptos::prelude::*;
use shared::market::{Symbol, Timeframe, VenueId};

use crate::chart::Aim;
use crate::feed::client::Wanted;
use crate::feed::rows::SymbolRow;
use crate::format;
use crate::series::Market;
use crate::settings::Pane;

use super::page::apply_theme;
use super::show::Stale;
use super::view::{Open, Stage, put};
use super::{Deck, live};

impl Deck {
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
            core.reach = Default::default();
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

    /// Shows the panes that are due after a choice or a change of width.
    pub(super) fn arrange(&self) {
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
}

/// Which symbol to open: the address, then the last visit, then the first listed.
pub(super) fn first_choice<'a>(
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
