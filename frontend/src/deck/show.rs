//! Once per animation frame: the chart gets what changed, the signals what the panels show.

use leptos::prelude::*;
use shared::event::{Bar, Channel, Funding, FundingKind, Liquidation, OpenInterest};
use shared::market::{Ms, Timeframe, VenueId};
use shared::maths::joined::MAX_AGE;
use shared::maths::joined::funding::Basis;

use crate::chart::line_hue;
use crate::format;
use crate::series::{Layer, Market, Reach, Share, Shares, Track, is_overlay, label, sudden};
use crate::settings::Pane;
use crate::spark::Frame;

use super::topics::LIQUIDATIONS;
use super::view::{Legend, PaneRect, Part, Quote, put};
use super::{Core, Deck};

/// Liquidations on the tape.
const TAPE_ROWS: usize = 60;
/// A forecast, and for how long it stands; then a payment, for the longest interval there is and a little more.
const FUNDING_KINDS: [(FundingKind, Ms); 2] =
    [(FundingKind::Predicted, MAX_AGE), (FundingKind::Settled, Ms(9 * 3_600_000))];
/// Width and height of the funding card's line, as its `viewBox` has them.
pub(crate) const SPARK: (f64, f64) = (88.0, 24.0);

/// Which parts of the page no longer show what is held.
#[derive(Clone, Copy, Default)]
pub(super) struct Stale {
    pub(super) legend: bool,
    pub(super) quote: bool,
    pub(super) cards: bool,
    pub(super) spark: bool,
    pub(super) tape: bool,
    pub(super) strip: bool,
    pub(super) bars: bool,
    pub(super) mark: bool,
}

impl Stale {
    pub(super) fn all() -> Stale {
        Stale {
            legend: true,
            quote: true,
            cards: true,
            spark: true,
            tape: true,
            strip: true,
            bars: false,
            mark: true,
        }
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
            core.study();
            let mut stale = std::mem::take(&mut core.stale);
            if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
                if std::mem::take(&mut stale.mark) {
                    chart.set_watermark(watermark(&self.view.mode.get_untracked()));
                }
                chart.flush(market, shown);
                let shades = chart.held(market, shown);
                let shades =
                    shades.map(|held| core.gaps.shades(market, shown, held, self.view.now.get_untracked()));
                chart.shade(&shades.unwrap_or_default());
                first_paint = !self.ready.get() && !market.bars(shown).is_empty();
                let follows =
                    chart.visible(market, shown).is_none_or(|v| v.follows(market.bars(shown).len()));
                put(self.view.away, !follows);
            }
            stale.legend |= self.crosshair_moved.replace(false);
            if let Some(market) = &core.market {
                if stale.legend {
                    let mut legend = self.legend(market, shown, crosshair);
                    legend.holes = crosshair.map(|at| self.holes_under(core, at)).unwrap_or_default();
                    put(self.view.legend, legend);
                }
                if stale.quote {
                    put(self.view.quote, quote(market, self.view.quote.get_untracked()));
                }
                if stale.cards {
                    self.show_cards(market);
                }
                if stale.spark {
                    put(self.view.funding_spark, funding_spark(market, self.view.now.get_untracked()));
                }
                if stale.tape {
                    put(self.view.tape, tape(market, self.view.prefs.get_untracked().tape_min));
                    let whole = market
                        .tracks()
                        .iter()
                        .zip(&core.reach)
                        .filter(|(track, _)| track.member.offers(Channel::Liquidation))
                        .all(|(_, reach)| reach.get(LIQUIDATIONS).is_some_and(Reach::is_whole));
                    put(self.view.tape_whole, whole);
                }
                if stale.bars {
                    newest = market.bars(shown).last().copied();
                }
            }
            if let Some(guards) = core.guards.take() {
                self.view.guards.set(Some(guards));
            }
            if stale.strip && !core.heard.0.is_empty() {
                let heard = std::mem::take(&mut core.heard);
                self.view.venues.update(|venues| {
                    for ((venue, channel), at) in heard.0 {
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
        let now = self.view.now.get_untracked();
        let (funding, oi, hour_ago) = match market.own() {
            Some(own) => {
                let oi = own.oi.last();
                let before = oi.and_then(|last| own.oi.at_or_before(last.timestamp - Ms::HOUR));
                (own.funding().copied(), oi.copied(), before.map(|b| b.open_interest))
            }
            None => joined_cards(market, now),
        };
        let moved = market.own().and_then(|own| sudden(&own.oi, now));
        put(self.view.oi_moved, moved);
        put(self.view.funding, funding);
        put(self.view.oi, oi);
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
        let decimals = self.decimals();
        let before = index.checked_sub(1).and_then(|i| bars.get(i)).map_or(bar.open, |b| b.close);
        let price = |v| format::price(v, decimals);
        let shown_panes = self.view.shown_panes();
        Legend {
            open: price(bar.open),
            high: price(bar.high),
            low: price(bar.low),
            close: price(bar.close),
            volume: format::compact(bar.volume),
            change: format::percent((bar.close - before) / before * 100.0),
            rising: bar.close >= before,
            time: under.map(|_| format::date_minute(bar.timestamp)),
            panes: Pane::ALL.map(|pane| match shown_panes.contains(&pane) {
                true => self.readout(market, pane, bar, under.is_some()),
                false => Vec::new(),
            }),
            studies: self.line_parts(market, bar),
            shares: market.shares(bar).map(|shares| self.shares(&shares)).unwrap_or_default(),
            holes: Vec::new(),
        }
    }

    /// A pane's values at a bar; without a crosshair, the newest there are.
    fn readout(&self, market: &Market, pane: Pane, bar: &Bar, under: bool) -> Vec<Part> {
        let show = |layer: Layer, text: fn(f64) -> String| {
            layer.value(market, bar).map_or_else(|| format::UNKNOWN.to_owned(), text)
        };
        let one = |value: String| Part { hue: None, name: String::new(), value };
        let layer_price = |layer: Layer| {
            let value = layer.value(market, bar);
            value.map_or_else(|| format::UNKNOWN.to_owned(), |v| format::price(v, self.decimals()))
        };
        let several = market.tracks().len() > 1;
        let per_track = |channel: Channel, layer: fn(usize) -> Layer, text: fn(f64) -> String| {
            let drawn = market.tracks().iter().enumerate().take(Layer::SLOTS);
            let drawn = drawn.filter(move |(_, t)| t.member.offers(channel));
            let part = move |(n, track): (usize, &Track)| Part {
                hue: Some(track.hue),
                name: if several { self.track_name(market, track) } else { String::new() },
                value: show(layer(n), text),
            };
            drawn.map(part).collect::<Vec<_>>()
        };
        match pane {
            Pane::Oi if several => {
                let mut parts = per_track(Channel::Oi, Layer::OiOf, format::compact);
                if !parts.is_empty() {
                    let sum = Part { name: "sum".into(), ..one(show(Layer::Oi, format::compact)) };
                    parts.insert(0, sum);
                }
                parts
            }
            Pane::Oi => per_track(Channel::Oi, |_| Layer::Oi, format::compact),
            Pane::Funding => {
                let mut parts = per_track(Channel::Funding, Layer::Funding, |v| format::signed(v, 5));
                for (n, part) in parts.iter_mut().enumerate().filter(|_| under) {
                    if let Some(paid) = Layer::Settled(n).value(market, bar) {
                        part.value.push_str(&format!(" paid {}", format::signed(paid, 5)));
                    }
                }
                parts
            }
            Pane::Cvd => vec![one(show(Layer::Cvd, format::compact))],
            Pane::Price => Vec::new(),
            Pane::Rsi => vec![one(show(Layer::Rsi, |v| format::price(v, 2)))],
            Pane::Macd => {
                let value = |n| layer_price(Layer::Macd(n));
                let part = |name: &str, n, hue| Part { hue, name: name.into(), value: value(n) };
                vec![part("line", 0, Some(4)), part("signal", 1, Some(1)), part("histogram", 2, None)]
            }
            Pane::Spread => vec![one(show(Layer::Spread, |v| format::price(v, 3)))],
            Pane::Depth => {
                let side = |layer| show(layer, format::compact);
                vec![one(format!("bid {}  ask {}", side(Layer::DepthBid), side(Layer::DepthAsk)))]
            }
            Pane::Liq if !market.tracks().iter().any(|t| t.member.offers(Channel::Liquidation)) => Vec::new(),
            Pane::Liq => {
                let side = |layer: Layer| {
                    layer.value(market, bar).map_or_else(|| "0".to_owned(), |v| format::compact(v.abs()))
                };
                vec![one(format!("long {}  short {}", side(Layer::LiqLong), side(Layer::LiqShort)))]
            }
        }
    }

    /// Decimals of the open symbol's prices.
    fn decimals(&self) -> usize {
        self.view.open.with_untracked(|o| o.as_ref().map_or(2, |o| o.decimals))
    }

    /// Values of the lines over the price; a band's from top to bottom.
    fn line_parts(&self, market: &Market, bar: &Bar) -> Vec<Part> {
        let studies = &market.studies;
        let mut parts: Vec<Part> = Vec::new();
        let drawn = studies.list().iter().filter(|one| is_overlay(one));
        let names: Vec<String> = drawn.map(label).collect();
        for (column, nth, line) in studies.overlays().into_iter().take(Layer::LINES) {
            let value = studies.value(column, bar.timestamp);
            let value =
                value.map_or_else(|| format::UNKNOWN.to_owned(), |v| format::price(v, self.decimals()));
            match parts.last_mut().filter(|_| line > 0) {
                Some(part) => part.value = format!("{} {value}", part.value),
                None => {
                    let name = names.get(nth).cloned().unwrap_or_default();
                    parts.push(Part { hue: Some(line_hue(nth)), name, value });
                }
            }
        }
        parts
    }

    /// A track's venue, with its quote where another market of the venue is drawn too.
    fn track_name(&self, market: &Market, track: &Track) -> String {
        let venue = &track.name().venue;
        let twin = market.tracks().iter().filter(|t| t.name().venue == *venue).count() > 1;
        if twin { format!("{venue} {}", track.member.quote) } else { venue.to_string() }
    }

    /// What each venue adds to a joined bar's volume.
    fn shares(&self, shares: &Shares) -> Vec<Part> {
        let hue = |name: &str| {
            self.view.tracks.with_untracked(|all| all.iter().find(|t| t.venue == name).map(|t| t.hue))
        };
        let part = |(venue, share): &(VenueId, Share)| Part {
            hue: hue(venue.as_str()),
            name: venue.to_string(),
            value: format::compact(share.volume),
        };
        shares.0.iter().map(part).collect()
    }

    /// Where the panes stand now; heights that changed under a pressed pointer are remembered.
    fn show_layout(&self) {
        let (shown, folded) = (self.view.shown_panes(), self.view.folded_panes());
        let mut core = self.core.borrow_mut();
        let dragging = core.dragging;
        let Core { chart: Some(chart), settings, .. } = &mut *core else { return };
        let (rects, width) = chart.js().pane_rects();
        let rects: Vec<PaneRect> =
            rects.into_iter().map(|(top, height)| PaneRect { top, height, width }).collect();
        if let Some(price) =
            rects.first().filter(|p| dragging && p.height > 0.0 && !folded.contains(&Pane::Price))
        {
            for (pane, rect) in shown.iter().zip(rects.iter().skip(1)) {
                if !folded.contains(pane) {
                    settings.set_pane_height(*pane, rect.height / price.height);
                }
            }
        }
        if !dragging && chart.misfolded(rects.iter().map(|r| r.height)) {
            chart.set_heights(settings);
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

/// Open interest summed, funding averaged: what the cards show of a market joined over venues.
fn joined_cards(market: &Market, now: Ms) -> (Option<Funding>, Option<OpenInterest>, Option<f64>) {
    let mut join = market.oi_join();
    let hour_ago = market.oi_at(&mut join, now - Ms::HOUR).filter(|j| j.missing.is_empty());
    let oi = market.oi_at(&mut join, now).filter(|j| j.missing.is_empty());
    let oi = oi.map(|j| OpenInterest {
        timestamp: j.timestamp,
        open_interest: j.open_interest,
        open_interest_value: j.open_interest_value,
    });
    let rates = market.funding_join(Ms(i64::MAX));
    let mean = rates.at(FundingKind::Predicted, &[], now).map(|joined| {
        let next = market.tracks().iter().filter_map(|t| t.predicted.last()?.next_funding_time);
        Funding {
            timestamp: joined.timestamp,
            kind: FundingKind::Predicted,
            funding_rate: joined.mean.hourly,
            next_funding_time: next.filter(|at| *at > now).min(),
            interval_hours: Some(1.0),
            funding_apr: Some(joined.mean.apr),
            mark_price: None,
            index_price: None,
        }
    });
    (mean, oi, hour_ago.map(|j| j.open_interest))
}

/// The yearly rate of the last day, a point per quarter of an hour: the forecast, or where none is held what was last
/// paid. Of the open market, or the mean over the venues where they are joined.
fn funding_spark(market: &Market, now: Ms) -> String {
    let own = market.own();
    let rate = |at: Ms| {
        FUNDING_KINDS.into_iter().find_map(|(kind, holds)| match own {
            Some(own) => {
                let rate = own.rates(kind).at_or_before(at)?;
                Basis::of(rate).filter(|_| at - rate.timestamp <= holds)
            }
            None => market.funding_join(at).at(kind, &[], at).map(|joined| joined.mean),
        })
    };
    let instants = (0..=96).rev().map(|n| now - Ms(n * 900_000));
    let points: Vec<(f64, f64)> =
        instants.filter_map(|at| rate(at).map(|basis| (at.0 as f64, basis.apr))).collect();
    Frame::around(&points, SPARK).map(|frame| frame.path(&points, None)).unwrap_or_default()
}

/// The newest liquidations of at least so much value of all tracks, newest first.
fn tape(market: &Market, min: f64) -> Vec<Liquidation> {
    let mut rows: Vec<Liquidation> = Vec::new();
    for track in market.tracks() {
        for hit in track.liquidations.iter().rev().filter(|hit| hit.value >= min).take(TAPE_ROWS) {
            let place = rows.partition_point(|held| held.timestamp >= hit.timestamp);
            rows.insert(place, *hit);
            rows.truncate(TAPE_ROWS);
        }
    }
    rows
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
