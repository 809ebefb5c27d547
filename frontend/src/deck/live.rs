//! Frames from the line, folded in as they come.

use shared::event::{Body, Channel, Gap, GapCause, GapState, Stamped};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use crate::feed::line::Said;
use crate::feed::pairs::Pairs;
use crate::feed::rows::Row;
use crate::series::{Changes, Hole, Layer, Reach};

use crate::desk::alerts::Ask;

use super::view::{GuardsView, LinkView, ReplayView, VenueView, put};
use super::{Core, Deck, wall};

/// The newest liquidation frame taken of each market: epoch and number on its topic.
#[derive(Default)]
pub(super) struct Taken(Pairs<(Symbol, VenueId), (u64, u64)>);

/// Ticks between two readings of the table of venues.
const OVERVIEW_EVERY: u32 = 5;
/// Events that came late to the relay are read by the next poll too.
const POLL_OVERLAP: Ms = Ms(30_000);

impl Deck {
    /// What the line tells.
    pub(super) fn said(&self, said: &Said<'_>) {
        match said {
            Said::Frame(frame) => self.frame(frame),
            Said::Lost => {
                let mut core = self.core.borrow_mut();
                let minutes = core.market.as_ref().map(|m| m.bars(Timeframe::M1));
                let last = minutes.and_then(|bars| bars.last()).map(|b| b.timestamp);
                core.last_minute_before_hole = core.last_minute_before_hole.or(last);
                core.polled_since = core.last_minute_before_hole;
            }
            Said::Again | Said::Slow => {
                self.core.borrow_mut().signals = Reach::default();
                self.refill();
                self.look_at_alerts();
            }
            Said::Polled => {
                self.refill_events();
                self.look_at_alerts();
            }
            Said::Link(link) => self.show_link(*link),
            Said::Tick(now) => self.tick(*now),
        }
    }

    fn frame(&self, frame: &Row) {
        match frame.tag.as_str() {
            "status" => self.take_status(frame),
            "replay" => self.take_replay(frame),
            "alert" if !self.beside => self.alerts(Ask::Look(frame.id)),
            "error" => {
                self.emit_error(&frame.message);
                self.toast(frame.message.clone());
            }
            _ => self.told(frame),
        }
    }

    /// A data frame.
    fn told(&self, frame: &Row) {
        if frame.tag == "guards" {
            let mut core = self.core.borrow_mut();
            if core.market.as_ref().is_some_and(|m| frame.symbol.as_ref() == Some(m.symbol())) {
                core.guards = Some(GuardsView::new(wall(), frame.guards.clone()));
                drop(core);
                self.ask_soon();
            }
        } else if frame.tag == "signal" {
            self.take_signal(frame);
        } else if frame.tag == "heatmap" {
            self.take_heat(frame);
        } else if let Some(stamped) = frame.stamped() {
            self.keep_shares(frame);
            self.take(&stamped);
        }
    }

    /// What the venues add to a joined minute.
    fn keep_shares(&self, frame: &Row) {
        let mut core = self.core.borrow_mut();
        if let Some(market) = core.market.as_mut().filter(|m| frame.symbol.as_ref() == Some(m.symbol()))
            && !frame.by_venue.0.is_empty()
            && let Some(interval) = frame.interval
        {
            market.keep_shares(interval, frame.timestamp, frame.by_venue.clone());
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
        // In a replay that began anew nothing is missing: all of it was read again.
        let anew =
            |gap: &Gap| gap.cause == GapCause::ResumeExpired && self.view.replay.get_untracked().is_some();
        if let Body::Gap(gap) = &event.body
            && !anew(gap)
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
        self.ask_soon();
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

    /// How the replay stands. Where it began anew, what was told before lies in its future and is forgotten.
    pub(crate) fn take_replay(&self, row: &Row) {
        let position = row.position.or(row.from).unwrap_or_default();
        let now = ReplayView {
            playing: row.state == "playing",
            ended: row.state == "ended",
            position,
            from: row.from.unwrap_or(position),
            to: row.to,
            target: row.target,
            speed: row.speed.0,
            run: row.run,
        };
        let anew = self.view.replay.get_untracked().is_some_and(|before| before.run != now.run);
        put(self.view.replay, Some(now));
        {
            let mut core = self.core.borrow_mut();
            core.stands = now.stands();
            if row.position.is_some() {
                core.clock_offset = position - wall();
            }
        }
        if anew && let Some(open) = self.view.open.get_untracked() {
            self.open(&open.row, Some(&open.venue));
        }
    }

    /// `live`, `demo` or `replay`; the chart carries the last two across it.
    pub(super) fn set_mode(&self, mode: &str) {
        put(self.view.mode, mode.to_owned());
        let mut core = self.core.borrow_mut();
        core.stale.mark = true;
        // The relay may have come back as another.
        core.stands = core.stands.filter(|_| mode == "replay");
        drop(core);
        self.ask_soon();
    }

    fn show_link(&self, link: LinkView) {
        // Without a market there is no line yet: the search for the relay shows its own state.
        if self.core.borrow().market.is_none() {
            return;
        }
        put(self.view.link, link);
        if std::mem::replace(&mut self.core.borrow_mut().told, link.state) != link.state {
            self.emit_status();
        }
    }

    /// Once a second: the clock in the panels, and what is read by the clock.
    fn tick(&self, now: Ms) {
        if !self.beside {
            put(self.view.wall, now);
            put(self.view.now, self.now());
        }
        self.keep_view();
        let ticks = {
            let mut core = self.core.borrow_mut();
            core.ticks = core.ticks.wrapping_add(1);
            (core.stale.strip, core.stale.cards) = (true, true);
            core.ticks
        };
        if ticks.is_multiple_of(OVERVIEW_EVERY) {
            self.load_overview();
        }
        self.load_again();
        self.ask_soon();
    }

    /// Events have no last value that a poll could give: those since the newest poll are read from the history.
    fn refill_events(&self) {
        let Some(deck) = self.me.upgrade() else { return };
        let next = self.now() - POLL_OVERLAP;
        let since = self.core.borrow_mut().polled_since.replace(next);
        leptos::task::spawn_local(async move { deck.refill_topics(since, &[Channel::Liquidation]).await });
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
            self.stale.marks |= self.studied.is_none();
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
            self.stale.marks |= channel == Channel::Liquidation;
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
