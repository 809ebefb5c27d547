//! Once per animation frame: the chart gets what changed, the signals what the panels show.

use leptos::prelude::*;
use shared::event::Bar;
use shared::market::{Ms, Timeframe};

use crate::format;
use crate::series::{Layer, Market, layers};
use crate::settings::Pane;

use super::view::{Legend, PaneRect, Quote, put};
use super::{Core, Deck};

/// Liquidations on the tape.
const TAPE_ROWS: usize = 60;

/// Which parts of the page no longer show what is held.
#[derive(Clone, Copy, Default)]
pub(super) struct Stale {
    pub(super) legend: bool,
    pub(super) quote: bool,
    pub(super) cards: bool,
    pub(super) tape: bool,
    pub(super) strip: bool,
    pub(super) bars: bool,
    pub(super) mark: bool,
}

impl Stale {
    pub(super) fn all() -> Stale {
        Stale { legend: true, quote: true, cards: true, tape: true, strip: true, bars: false, mark: true }
    }
}

impl Deck {
    /// One frame's work.
    pub(super) fn paint(&self) {
        let (_, shown) = self.turn();
        let crosshair = self.crosshair.get();
        let mut newest = None;
        let mut first_paint = false;
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            let mut stale = std::mem::take(&mut core.stale);
            if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
                if std::mem::take(&mut stale.mark) {
                    chart.set_watermark(watermark(&self.view.mode.get_untracked()));
                }
                chart.flush(market, shown);
                first_paint = !self.ready.get() && !market.bars(shown).is_empty();
                let follows =
                    chart.visible(market, shown).is_none_or(|v| v.follows(market.bars(shown).len()));
                put(self.view.away, !follows);
            }
            stale.legend |= self.crosshair_moved.replace(false);
            if let Some(market) = &core.market {
                if stale.legend {
                    put(self.view.legend, self.legend(market, shown, crosshair));
                }
                if stale.quote {
                    put(self.view.quote, quote(market, self.view.quote.get_untracked()));
                }
                if stale.cards {
                    self.show_cards(market);
                }
                if stale.tape {
                    let rows = market.liquidations().iter().rev().take(TAPE_ROWS).copied().collect();
                    put(self.view.tape, rows);
                }
                if stale.bars {
                    newest = market.bars(shown).last().copied();
                }
            }
            if stale.strip && !core.heard.is_empty() {
                let heard = std::mem::take(&mut core.heard);
                self.view.venues.update(|venues| {
                    for ((venue, channel), at) in heard {
                        if let Some(held) = venues.iter_mut().find(|v| v.venue == venue.as_str()) {
                            held.heard(channel, at);
                        }
                    }
                });
            }
            if core.chart.as_ref().is_some_and(|chart| !chart.is_idle()) {
                self.ask_frame();
            }
        }
        if self.layout_moved.replace(false) {
            self.show_layout();
        }
        if first_paint {
            self.ready.set(true);
            self.emit_choice("ready");
        }
        if let Some(bar) = newest {
            self.emit_bar(&bar);
        }
        self.load_behind();
        self.load_topics_behind();
    }

    fn show_cards(&self, market: &Market) {
        put(self.view.funding, market.funding().last().copied());
        put(self.view.oi, market.oi().last().copied());
        let hour_ago = market.oi().last().and_then(|last| {
            let before = market.oi().at_or_before(last.timestamp - Ms::HOUR)?;
            Some(before.open_interest)
        });
        put(self.view.oi_hour_ago, hour_ago);
        put(self.view.book, market.book().copied());
    }

    fn legend(&self, market: &Market, shown: Timeframe, crosshair: Option<Ms>) -> Legend {
        let bars = market.bars(shown);
        let under = crosshair.and_then(|at| bars.find(at));
        let index = under.or(bars.len().checked_sub(1));
        let Some((index, bar)) = index.and_then(|i| Some((i, bars.get(i)?))) else {
            return Legend::default();
        };
        let decimals = self.view.open.with_untracked(|o| o.as_ref().map_or(2, |o| o.decimals));
        let before = index.checked_sub(1).and_then(|i| bars.get(i)).map_or(bar.open, |b| b.close);
        let price = |v| format::price(v, decimals);
        Legend {
            open: price(bar.open),
            high: price(bar.high),
            low: price(bar.low),
            close: price(bar.close),
            volume: format::compact(bar.volume),
            change: format::percent((bar.close - before) / before * 100.0),
            rising: bar.close >= before,
            time: under.map(|_| format::date_minute(bar.timestamp)),
            panes: Pane::ALL.map(|pane| readout(market, pane, bar, under.is_some())),
        }
    }

    /// Where the panes stand now; heights that changed under a pressed pointer are remembered.
    fn show_layout(&self) {
        let shown = self.view.shown_panes();
        let mut core = self.core.borrow_mut();
        let dragging = core.dragging;
        let Core { chart: Some(chart), settings, .. } = &mut *core else { return };
        let (rects, width) = chart.js().pane_rects();
        let rects: Vec<PaneRect> =
            rects.into_iter().map(|(top, height)| PaneRect { top, height, width }).collect();
        if let Some(price) = rects.first().filter(|p| dragging && p.height > 0.0) {
            for (pane, rect) in shown.iter().zip(rects.iter().skip(1)) {
                settings.set_pane_height(*pane, rect.height / price.height);
            }
        }
        drop(core);
        put(self.view.rects, rects);
    }
}

/// The word across the chart in a mode that is not live.
fn watermark(mode: &str) -> &'static str {
    match mode {
        "demo" => "DEMO",
        "replay" => "REPLAY",
        _ => "",
    }
}

/// A pane's value at a bar; without a crosshair, the newest there is.
fn readout(market: &Market, pane: Pane, bar: &Bar, under: bool) -> String {
    let value = |layer: Layer| layer.value(market, bar);
    let unknown = || format::UNKNOWN.to_owned();
    match pane {
        Pane::Oi => {
            let newest = market.oi().last().filter(|_| !under).map(|p| p.open_interest);
            value(Layer::Oi).or(newest).map_or_else(unknown, format::compact)
        }
        Pane::Funding => {
            let newest = market.funding().last().filter(|_| !under).and_then(layers::per_8h_percent);
            value(Layer::Funding).or(newest).map_or_else(unknown, |v| format::signed(v, 4))
        }
        Pane::Cvd => value(Layer::Cvd).map_or_else(unknown, format::compact),
        Pane::Liq => {
            let side = |layer| value(layer).map_or_else(|| "0".to_owned(), |v| format::compact(v.abs()));
            format!("long {}  short {}", side(Layer::LiqLong), side(Layer::LiqShort))
        }
    }
}

/// Last price and change against 24 h before, by whichever bars reach back that far.
fn quote(market: &Market, before: Quote) -> Quote {
    let Some(last) = market.bars(Timeframe::M1).last() else { return Quote::default() };
    let day_ago = last.timestamp - Ms::DAY;
    let reference = Timeframe::ALL.into_iter().take(6).find_map(|tf| {
        let bars = market.bars(tf);
        bars.first().filter(|first| first.timestamp <= day_ago)?;
        bars.at_or_before(day_ago).map(|b| b.close)
    });
    let change_percent = reference.filter(|r| *r > 0.0).map(|r| (last.close - r) / r * 100.0);
    let direction = match before.last {
        Some(held) if last.close > held => 1,
        Some(held) if last.close < held => -1,
        _ => before.direction,
    };
    Quote { last: Some(last.close), change_percent, direction }
}
