//! Once per animation frame: the chart gets what changed, the signals what the panels show.

use shared::event::{Action, Bar, Channel};
use shared::market::{Ms, Timeframe, VenueId};

use crate::chart::line_hue;
use crate::format;
use crate::series::{Layer, Market, Reach, Share, Shares, Track, is_overlay, label, sudden};
use crate::settings::Pane;

use super::pace::ASIDE_EVERY;
use super::sums::{funding_spark, joined_cards, quote, tape};
use super::topics::LIQUIDATIONS;
use super::view::{Legend, PaneRect, Part, put};
use super::{Core, Deck, wall};

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
    /// Marks on the price.
    pub(super) marks: bool,
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
            marks: true,
        }
    }

    /// Of what stands beside the chart.
    fn beside(&self) -> bool {
        self.cards || self.spark || self.tape || self.strip
    }
}

impl Core {
    /// What is to be written now: what stands beside the chart waits until [`ASIDE_EVERY`] has passed.
    fn due(&mut self) -> Stale {
        let mut due = std::mem::take(&mut self.stale);
        let now = wall();
        if (Ms::ZERO..Ms(i64::from(ASIDE_EVERY))).contains(&(now - self.panels_at)) {
            let Stale { cards, spark, tape, strip, .. } = due;
            self.stale = Stale { cards, spark, tape, strip, ..Stale::default() };
            (due.cards, due.spark, due.tape, due.strip) = (false, false, false, false);
        } else if due.beside() {
            self.panels_at = now;
        }
        due
    }
}

impl Deck {
    /// One frame's work.
    pub(super) fn paint(&self) {
        let (_, shown) = self.turn();
        let crosshair = self.crosshair.get();
        let mut newest = None;
        let mut first_paint = false;
        let marks;
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            core.study();
            let mut stale = core.due();
            marks = stale.marks;
            if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
                if std::mem::take(&mut stale.mark) {
                    chart.set_watermark(watermark(&self.view.mode.get_untracked()));
                }
                chart.flush(market, shown);
                let shades = chart.held(market, shown);
                let shades =
                    shades.map(|held| core.gaps.shades(market, shown, held, self.view.now.get_untracked()));
                let chosen = self
                    .view
                    .range
                    .get_untracked()
                    .and_then(|(from, to)| chosen(market, shown, chart.held(market, shown)?, from, to));
                chart.shade(&shades.unwrap_or_default(), chosen);
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
            if core.stale.beside() || core.chart.as_ref().is_some_and(|chart| !chart.is_idle()) {
                self.ask_soon();
            }
        }
        self.draw_marks(marks);
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
        self.tell_range();
        if !self.core.borrow().reaching {
            self.load_behind();
            self.load_signals_behind();
            self.load_topics_behind();
        }
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
            time: under.map(|_| self.bar_time(bar)),
            panes: Pane::ALL.map(|pane| match shown_panes.contains(&pane) {
                true => self.readout(market, pane, bar, under.is_some()),
                false => Vec::new(),
            }),
            studies: self.line_parts(market, bar),
            shares: market.shares(bar).map(|shares| self.shares(&shares)).unwrap_or_default(),
            holes: Vec::new(),
        }
    }

    /// When a bar opened, in the shown zone; from days on, its UTC day.
    fn bar_time(&self, bar: &Bar) -> String {
        match bar.interval {
            Timeframe::D1 | Timeframe::W1 | Timeframe::Mo1 => format::date(bar.timestamp),
            _ => format::date_minute(self.view.prefs.get_untracked().zone.shift(bar.timestamp)),
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
        for (column, nth, line) in studies.overlays().iter().copied().take(Layer::LINES) {
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
        if let Some(signal) = market.signals.find(bar.timestamp).and_then(|i| market.signals.get(i)) {
            let name = if signal.action == Action::Buy { "buy" } else { "sell" };
            let value = format!("{} %", format::price(signal.confidence * 100.0, 0));
            parts.push(Part { hue: None, name: name.into(), value });
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

/// The first and the last bar held by the chart that lie in a chosen stretch.
fn chosen(
    market: &Market,
    shown: Timeframe,
    (start, end): (usize, usize),
    from: Ms,
    to: Option<Ms>,
) -> Option<(Ms, Ms)> {
    let bars = market.bars(shown);
    let (first, after) = (bars.lower(from).max(start), to.map_or(end, |to| bars.lower(to).min(end)));
    Some((
        bars.get(first)?.timestamp,
        bars.get(after.checked_sub(1).filter(|last| *last >= first)?)?.timestamp,
    ))
}

/// The word across the chart in a mode that is not live.
fn watermark(mode: &str) -> &'static str {
    match mode {
        "demo" => "DEMO",
        "replay" => "REPLAY",
        _ => "",
    }
}
