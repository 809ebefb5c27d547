//! Frames from the line, folded in as they come.

use std::rc::Rc;

use leptos::prelude::*;
use shared::event::{Body, Channel, GapState, Stamped};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use crate::feed::http;
use crate::feed::pairs::Pairs;
use crate::feed::rows::Row;
use crate::series::{Changes, Hole, Layer};

use super::view::{GuardsView, LinkState, LinkView, VenueView, put};
use super::{Core, Deck, wall};

/// The newest liquidation frame taken of each market: epoch and number on its topic.
#[derive(Default)]
pub(super) struct Taken(Pairs<(Symbol, VenueId), (u64, u64)>);

/// Ticks between two readings of the table of venues.
const OVERVIEW_EVERY: u32 = 5;
/// Asked for by polling, of the open market.
const POLLED: [Channel; 6] =
    [Channel::Bar, Channel::Guards, Channel::Oi, Channel::Funding, Channel::Liquidation, Channel::Book];

impl Deck {
    pub(super) fn connect(&self) {
        let me = self.me.clone();
        let said = move |generation, word| {
            if let Some(deck) = me.upgrade() {
                deck.said(generation, word);
            }
        };
        self.core.borrow_mut().client.connect(&self.relay, wall(), said);
        self.show_link();
    }

    fn said(&self, generation: u32, word: crate::feed::client::Word) {
        use crate::feed::client::Word;
        if !self.core.borrow().client.is_current(generation) {
            return;
        }
        match word {
            Word::Opened => {
                let again = self.core.borrow_mut().client.opened(wall());
                self.show_link();
                if again {
                    // What passed while the line was down.
                    self.refill();
                }
            }
            Word::Text(text) => {
                // Junk, or a type of a newer relay: skipped.
                if let Ok(frame) = Row::decode(&text) {
                    self.frame(frame);
                }
            }
            Word::Closed => {
                let mut core = self.core.borrow_mut();
                core.client.closed(wall());
                let minutes = core.market.as_ref().map(|m| m.bars(Timeframe::M1));
                let last = minutes.and_then(|bars| bars.last()).map(|b| b.timestamp);
                core.last_minute_before_hole = core.last_minute_before_hole.or(last);
                drop(core);
                self.show_link();
            }
        }
    }

    fn frame(&self, frame: Row) {
        self.core.borrow_mut().client.heard(wall(), frame.cursor);
        match frame.tag.as_str() {
            "status" => self.take_status(&frame),
            "pong" => {
                self.core.borrow_mut().client.ponged(frame.id, js_sys::Date::now());
                self.show_link();
            }
            "slow" => {
                self.view.link.update(|link| link.slow = true);
                self.refill();
            }
            "error" => {
                self.emit_error(&frame.message);
                self.toast(frame.message);
            }
            _ => self.told(frame),
        }
    }

    /// A data frame, from the line or from a poll.
    fn told(&self, frame: Row) {
        if frame.tag == "guards" {
            let mut core = self.core.borrow_mut();
            if core.market.as_ref().is_some_and(|m| frame.symbol.as_ref() == Some(m.symbol())) {
                core.guards = Some(GuardsView::new(wall(), frame.guards));
                drop(core);
                self.ask_frame();
            }
        } else if let Some(stamped) = frame.stamped() {
            self.keep_shares(frame);
            self.take(&stamped);
        }
    }

    /// What the venues add to a joined minute.
    fn keep_shares(&self, frame: Row) {
        let mut core = self.core.borrow_mut();
        if let Some(market) = core.market.as_mut().filter(|m| frame.symbol.as_ref() == Some(m.symbol()))
            && !frame.by_venue.0.is_empty()
            && let Some(interval) = frame.interval
        {
            market.keep_shares(interval, frame.timestamp, frame.by_venue);
        }
    }

    /// One event, from the line or from a poll.
    fn take(&self, stamped: &Stamped) {
        let event = &stamped.event;
        let mut stale = Vec::new();
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            let Some(market) = &mut core.market else { return };
            if let Body::Liquidation(_) = &event.body {
                let place = (stamped.cursor.epoch, stamped.seq);
                let topic = (event.symbol.clone(), event.venue.clone());
                let told =
                    core.taken.0.get(&topic).is_some_and(|(epoch, seq)| *epoch == place.0 && *seq >= place.1);
                if told {
                    return;
                }
                core.taken.0.put(topic, place);
            }
            core.heard.put((event.venue.clone(), event.channel()), event.received);
            let changes = market.apply(event);
            stale.extend_from_slice(&changes.stale);
            core.note(&changes);
        }
        if let Body::Gap(gap) = &event.body
            && self.concerns(&event.symbol, &event.venue)
        {
            let hole = Hole { venue: event.venue.clone(), gap: *gap };
            self.notice(&hole);
            self.core.borrow_mut().gaps.put(hole);
            if gap.state != GapState::Open {
                self.refill();
            }
        }
        for timeframe in stale {
            self.reload_newest(timeframe);
        }
        self.ask_frame();
    }

    pub(super) fn take_status(&self, status: &Row) {
        if !status.mode.is_empty() {
            self.set_mode(&status.mode);
        }
        let held = self.view.venues.get_untracked();
        let venues = status.venues.iter().map(|v| {
            let mut venue = VenueView {
                venue: v.venue.to_string(),
                state: v.state,
                reason: v.reason.clone(),
                last: v.channels.iter().filter_map(|c| c.last_event).max(),
                channels: v.channels.clone(),
            };
            if let Some(before) = held.iter().find(|h| h.venue == venue.venue) {
                venue.last = venue.last.max(before.last);
                let told = before.channels.iter().filter_map(|c| Some((c.channel, c.last_event?)));
                told.for_each(|(channel, at)| venue.heard(channel, at));
            }
            venue
        });
        put(self.view.venues, venues.collect());
        self.emit_status();
    }

    /// `live`, `demo` or `replay`; the chart carries the last two across it.
    pub(super) fn set_mode(&self, mode: &str) {
        put(self.view.mode, mode.to_owned());
        self.core.borrow_mut().stale.mark = true;
        self.ask_frame();
    }

    pub(super) fn show_link(&self) {
        let core = self.core.borrow();
        let state = if core.client.is_open() {
            LinkState::Live
        } else if core.polled {
            LinkState::Polling
        } else if core.client.has_failed() {
            LinkState::Offline
        } else {
            LinkState::Connecting
        };
        let slow = self.view.link.with_untracked(|l| l.slow) && state == LinkState::Live;
        let link =
            LinkView { state, latency_ms: core.client.latency_ms(), retry_at: core.client.retry_at(), slow };
        drop(core);
        let before = self.view.link.get_untracked().state;
        put(self.view.link, link);
        if before != state {
            self.emit_status();
        }
    }

    /// Once a second: retries, pings, polling, the clock in the panels.
    pub(super) fn tick(self: &Rc<Self>) {
        put(self.view.wall, wall());
        put(self.view.now, self.now());
        let (due, poll) = {
            let mut core = self.core.borrow_mut();
            let due = core.client.tick(wall());
            core.ticks = core.ticks.wrapping_add(1);
            let poll = core.client.wants_polling() && core.ticks.is_multiple_of(5);
            if core.client.is_open() {
                core.polled = false;
            }
            (due, poll)
        };
        if due && !self.view.symbols.with_untracked(Vec::is_empty) {
            self.connect();
        }
        if poll {
            self.poll();
        }
        self.show_link();
        let ticks = {
            let mut core = self.core.borrow_mut();
            (core.stale.strip, core.stale.cards) = (true, true);
            core.ticks
        };
        if ticks.is_multiple_of(OVERVIEW_EVERY) {
            self.load_overview();
        }
        self.ask_frame();
    }

    /// The network or the tab came back: no reason to wait for the timer.
    pub(super) fn wake(&self) {
        let waiting = self.core.borrow().client.retry_at().is_some();
        let visible = web_sys::window().and_then(|w| w.document()).is_none_or(|d| !d.hidden());
        if waiting && visible {
            self.connect();
        }
        self.ask_frame();
    }

    /// Last values by HTTP while the socket is down; the socket goes on being tried.
    fn poll(&self) {
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            let Some(query) = deck.market_query() else { return };
            let (generation, _) = deck.turn();
            // Joined over venues there are bars and guards alone.
            let joined = deck.core.borrow().market.as_ref().is_some_and(|m| m.own().is_none());
            let polled = if joined { &POLLED[..2] } else { &POLLED };
            let channels = polled.iter().map(|c| c.name()).collect::<Vec<_>>().join(",");
            let mut query = query.to_vec();
            query.push(("channels", channels));
            let answer = http::get::<Row>(&deck.relay, "snapshot", &query).await;
            if deck.turn().0 != generation || deck.core.borrow().client.is_open() {
                return;
            }
            deck.core.borrow_mut().polled = answer.is_ok();
            if let Ok(snapshot) = answer {
                snapshot.frames.into_iter().for_each(|frame| deck.told(frame));
                deck.refill();
            }
            deck.show_link();
        });
    }
}

impl Core {
    /// Marks what a change touches, on the chart and beside it.
    pub(super) fn note(&mut self, changes: &Changes) {
        let shown = self.shown;
        let calendar = self.market.as_ref().map(|m| m.calendar().clone()).unwrap_or_default();
        let bucket = |at: Ms| calendar.open(shown, at);
        if let Some(since) = changes.bars.get(shown.index()).copied().flatten() {
            self.changed(&[Layer::Price, Layer::Volume, Layer::Cvd], since);
            if let Some(market) = &mut self.market {
                market.studies.touch(since);
                // A bar that is new is shown with its values.
                let bars = market.bars(shown);
                if bars.lower(since) + 1 < bars.len() {
                    self.studied = None;
                }
            }
            (self.stale.legend, self.stale.bars) = (true, true);
        }
        if changes.bars.get(Timeframe::M1.index()).copied().flatten().is_some() {
            self.stale.quote = true;
        }
        if let Some((n, channel, at)) = changes.points {
            let layers = match channel {
                Channel::Oi => [Layer::Oi, Layer::OiOf(n)],
                Channel::Funding => [Layer::Funding(n), Layer::Settled(n)],
                Channel::Book => [Layer::DepthBid, Layer::DepthAsk],
                _ => [Layer::LiqLong, Layer::LiqShort],
            };
            self.changed(&layers, bucket(at));
            (self.stale.legend, self.stale.cards) = (true, true);
            self.stale.spark |= channel == Channel::Funding;
            self.stale.tape |= channel == Channel::Liquidation;
            if channel == Channel::Book {
                self.changed(&[Layer::Spread], bucket(at));
            }
        }
        if let Some(at) =
            self.market.as_ref().and_then(|m| m.book()).filter(|_| changes.book).map(|b| b.timestamp)
        {
            self.changed(&[Layer::Spread, Layer::DepthBid, Layer::DepthAsk], bucket(at));
            self.stale.legend = true;
            self.stale.cards = true;
        }
    }
}
