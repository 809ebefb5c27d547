//! History by HTTP: what is shown first, then what stands behind it.

use shared::event::Bar;
use shared::link::Backoff;
use shared::market::{Ms, Timeframe};

use crate::clock;
use crate::feed::http::{self, HttpError};
use crate::feed::rows::{Row, SymbolRow};
use crate::series::{Loaded, Market};

use super::choose::first_choice;
use super::topics::TOPICS;
use super::view::{LinkState, Stage, put};
use super::{Deck, wall};

/// Bars asked for first: enough for a full view.
const FIRST_BARS: &str = "300";
/// Bars of one page of older history.
const PAGE_BARS: i64 = 2_000;
/// Minutes held behind the view before anyone scrolls: a day and more, so that folds rest on minutes.
const MINUTES_BEHIND: usize = 3_000;
/// Ask for older bars when fewer than this are left of the view.
const OLDER_MARGIN: f64 = 200.0;

impl Deck {
    /// Finds the relay, its mode and symbols, and opens one; tried until it answers.
    pub(super) fn boot(&self) {
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            let mut pauses = Backoff::new(Backoff::BROWSER_CAP, js_sys::Math::random().to_bits());
            loop {
                match deck.find_relay().await {
                    _ if deck.disposed.get() => return,
                    Ok(()) => return deck.look_at_alerts(),
                    Err(error) => {
                        deck.emit_error(&error.to_string());
                        let wait = pauses.pause();
                        deck.view.link.update(|link| {
                            link.state = LinkState::Offline;
                            link.retry_at = Some(wall() + wait);
                        });
                        put(deck.view.stage, Stage::Failed(error.to_string()));
                        deck.core.borrow_mut().booting = Some(wall() + wait);
                        while deck.core.borrow().booting.is_some_and(|at| wall() < at) {
                            gloo_timers::future::TimeoutFuture::new(200).await;
                        }
                    }
                }
            }
        });
    }

    async fn find_relay(&self) -> Result<(), HttpError> {
        let rows: Vec<SymbolRow> = if self.beside {
            // The page's first deck asks for all.
            while self.view.symbols.with_untracked(Vec::is_empty) && !self.disposed.get() {
                gloo_timers::future::TimeoutFuture::new(50).await;
            }
            self.view.symbols.get_untracked()
        } else {
            let status = self.read_status();
            let rows = http::get(&self.relay, "symbols", &[]).await?;
            status.await;
            rows
        };
        if self.disposed.get() {
            return Ok(());
        }
        let choice = {
            let core = self.core.borrow();
            let last = core.settings.symbol.clone();
            first_choice(&rows, core.asked.symbol.as_ref(), last.as_deref()).cloned()
        };
        if let Some(asked) = self.core.borrow().asked.symbol.clone()
            && choice.as_ref().is_some_and(|c| c.symbol != asked)
        {
            self.toast(format!("{asked} is not listed here."));
        }
        put(self.view.symbols, rows);
        let Some(row) = choice else {
            return Err(HttpError::Unreadable("it lists no symbols".into()));
        };
        let venue = {
            let mut core = self.core.borrow_mut();
            if let Some(venues) = core.settings.asked_venues.take() {
                core.settings.pick(&row.group, Some(venues));
            }
            core.asked.venue.clone().or_else(|| core.settings.venue.clone())
        };
        self.open(&row, venue.as_deref());
        Ok(())
    }

    /// Mode, venues and the relay's clock; asked for at once.
    pub(crate) fn read_status(&self) -> impl Future<Output = ()> {
        let asked = (wall(), http::get::<Row>(&self.relay, "status", &[]));
        async move {
            let Ok(status) = asked.1.await else { return };
            self.core.borrow_mut().clock_offset = clock::offset(asked.0, status.timestamp, wall());
            self.take_status(&status);
        }
    }

    /// Asks the relay for the state of all venues and channels.
    pub(crate) fn refresh_status(&self) {
        if let Some(deck) = self.me.upgrade() {
            leptos::task::spawn_local(async move { deck.read_status().await });
        }
    }

    /// The retry button: no waiting.
    pub(crate) fn retry(&self) {
        self.core.borrow_mut().booting = None;
        if self.view.open.with_untracked(Option::is_some) {
            self.load_symbol();
            let line = self.line.borrow().clone();
            if let Some(line) = line {
                line.retry();
            }
        }
    }

    /// `symbol` and `venue` of the open market.
    pub(super) fn market_query(&self) -> Option<[(&'static str, String); 2]> {
        let core = self.core.borrow();
        let market = core.market.as_ref()?;
        Some([("symbol", market.symbol().to_string()), ("venue", market.venue().to_string())])
    }

    /// The shown timeframe first, then the rest in the order it is likely to be wanted.
    pub(super) fn load_symbol(&self) {
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            let (generation, shown) = deck.turn();
            deck.load_newest(shown).await;
            deck.load_range().await;
            deck.restore_view().await;
            if deck.turn().0 != generation {
                return;
            }
            deck.load_newest(Timeframe::M1).await;
            // A grid has little room for history: one timeframe, and what the day's change is counted from.
            let others: &[Timeframe] = if deck.beside { &[Timeframe::M5] } else { &Timeframe::ALL };
            for timeframe in others.iter().copied() {
                if deck.turn().0 != generation {
                    return;
                }
                deck.load_newest(timeframe).await;
            }
            deck.load_gaps().await;
            deck.load_minutes().await;
        });
    }

    /// Minutes behind the view.
    async fn load_minutes(&self) {
        let (generation, _) = self.turn();
        while !self.beside && self.turn().0 == generation && self.minutes_wanted() {
            if !self.load_older(Timeframe::M1).await {
                break;
            }
        }
    }

    /// Asks again for newest bars that did not come: of the shown timeframe, and the minutes that others rest on.
    /// Called once a second; a relay that is gone is not asked.
    pub(super) fn load_again(&self) {
        let (_, shown) = self.turn();
        if self.view.link.get_untracked().state == LinkState::Offline {
            return;
        }
        for timeframe in [shown, Timeframe::M1] {
            let due = self.core.borrow().loaded[timeframe.index()].is_due(wall());
            let Some(deck) = self.me.upgrade().filter(|_| due) else { continue };
            leptos::task::spawn_local(async move {
                deck.load_newest(timeframe).await;
                if timeframe == Timeframe::M1 {
                    deck.load_minutes().await;
                }
                if timeframe == shown {
                    deck.load_range().await;
                }
            });
        }
    }

    pub(super) fn load_timeframe(&self, timeframe: Timeframe) {
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move { deck.load_newest(timeframe).await });
    }

    /// Reads the newest bars of a timeframe again, whatever is held.
    pub(super) fn reload_newest(&self, timeframe: Timeframe) {
        if let Some(loaded) = self.core.borrow_mut().loaded.get_mut(timeframe.index()) {
            loaded.forget();
        }
        self.load_timeframe(timeframe);
    }

    /// After a hole: minutes and topics since the last known, then the higher timeframes that are held.
    pub(super) fn refill(&self) {
        let Some(deck) = self.me.upgrade() else { return };
        {
            let mut core = self.core.borrow_mut();
            // One at a time; asked for meanwhile, it is done once more.
            core.refill_again = core.refilling;
            if std::mem::replace(&mut core.refilling, true) {
                return;
            }
        }
        leptos::task::spawn_local(async move {
            let (generation, shown) = deck.turn();
            let since = deck.core.borrow().last_minute_before_hole;
            let held: Vec<Timeframe> = {
                let mut core = deck.core.borrow_mut();
                let held =
                    Timeframe::ALL.into_iter().filter(|tf| core.loaded[tf.index()].is_newest()).collect();
                core.loaded.iter_mut().for_each(Loaded::forget);
                held
            };
            deck.load_newest(Timeframe::M1).await;
            deck.load_newest(shown).await;
            deck.refill_topics(since, &TOPICS).await;
            for timeframe in held {
                if deck.turn().0 == generation {
                    deck.load_newest(timeframe).await;
                }
            }
            deck.load_gaps().await;
            deck.core.borrow_mut().refilling = false;
            if deck.core.borrow().refill_again {
                return deck.refill();
            }
            deck.read_status().await;
        });
    }

    /// Newest bars, once, together with whatever was missed since the last one held.
    pub(super) async fn load_newest(&self, timeframe: Timeframe) {
        let (generation, _) = self.turn();
        let Some(mut query) = self.market_query().map(|q| q.to_vec()) else { return };
        let last = {
            let mut core = self.core.borrow_mut();
            let last = core.market.as_ref().and_then(|m| m.bars(timeframe).last()).map(|b| b.timestamp);
            let minute_hole = core.last_minute_before_hole.filter(|_| timeframe == Timeframe::M1);
            let asked = core.loaded.get_mut(timeframe.index()).and_then(Loaded::ask_newest);
            let Some(once) = asked else { return };
            // Bars told by minutes alone do not reach as far back as a first page.
            minute_hole.or(last).filter(|_| once)
        };
        query.push(("interval", timeframe.name().into()));
        match last {
            // From a few bars before the last one held: late corrections are in it.
            Some(last) => {
                let from = last - Ms(timeframe.nominal().0 * 3);
                query.push(("from", from.0.max(0).to_string()));
            }
            None => query.push(("limit", FIRST_BARS.into())),
        }
        let answer = http::get::<Vec<Row>>(&self.relay, "candles", &query).await;
        if self.turn().0 != generation {
            return;
        }
        let ok = answer.is_ok();
        {
            let mut core = self.core.borrow_mut();
            if timeframe == Timeframe::M1 && ok {
                core.last_minute_before_hole = None;
            }
            if let Some(loaded) = core.loaded.get_mut(timeframe.index()) {
                loaded.got_newest(ok, wall());
            }
        }
        match answer {
            Ok(rows) => self.merge(timeframe, rows),
            Err(error) => {
                self.emit_error(&error.to_string());
                let nothing = self.core.borrow().market.as_ref().is_none_or(|m| m.bars(timeframe).is_empty());
                if nothing && self.turn().1 == timeframe {
                    put(self.view.stage, Stage::Failed(error.to_string()));
                }
                return;
            }
        }
        self.settle_stage();
    }

    /// One page older than what is held. False when there is nothing older or no room.
    pub(super) async fn load_older(&self, timeframe: Timeframe) -> bool {
        self.load_page(timeframe, PAGE_BARS).await
    }

    /// The same with so many bars.
    pub(super) async fn load_page(&self, timeframe: Timeframe, bars: i64) -> bool {
        let (generation, _) = self.turn();
        let Some(mut query) = self.market_query().map(|q| q.to_vec()) else { return false };
        let first = {
            let mut core = self.core.borrow_mut();
            let full = core.market.as_ref().is_none_or(|m| m.bars(timeframe).is_full());
            let first = core.market.as_ref().and_then(|m| m.bars(timeframe).first()).map(|b| b.timestamp);
            let Some(loaded) = core.loaded.get_mut(timeframe.index()) else { return false };
            let Some(first) = first.filter(|_| !full && loaded.ask_older()) else { return false };
            first
        };
        query.push(("interval", timeframe.name().into()));
        // By number, not since a time: before a hole, like a weekend, there is more.
        query.push(("limit", bars.to_string()));
        query.push(("to", first.0.to_string()));
        let answer = http::get::<Vec<Row>>(&self.relay, "candles", &query).await;
        if self.turn().0 != generation {
            return false;
        }
        if let Some(loaded) = self.core.borrow_mut().loaded.get_mut(timeframe.index()) {
            loaded.got_older(answer.as_ref().ok().map(Vec::len), wall());
        }
        let rows = answer.unwrap_or_default();
        let got = !rows.is_empty();
        self.merge(timeframe, rows);
        got
    }

    /// More history behind the view when it nears the oldest bar held. Called after each paint.
    pub(super) fn load_behind(&self) {
        let (_, timeframe) = self.turn();
        let near = {
            let core = self.core.borrow();
            let (Some(chart), Some(market)) = (&core.chart, &core.market) else { return };
            let loaded = core.loaded.get(timeframe.index()).copied().unwrap_or_default();
            let margin = OLDER_MARGIN + market.studies.warm_up() as f64;
            let near = chart.visible(market, timeframe).is_some_and(|v| v.from < margin);
            near && loaded.wants_older(wall())
        };
        let Some(deck) = self.me.upgrade().filter(|_| near) else { return };
        leptos::task::spawn_local(async move {
            deck.load_older(timeframe).await;
            deck.ask_frame();
        });
    }

    fn merge(&self, timeframe: Timeframe, rows: Vec<Row>) {
        let bars: Vec<Bar> = rows.iter().filter_map(Row::bar).collect();
        {
            let mut core = self.core.borrow_mut();
            let Some(market) = &mut core.market else { return };
            for row in rows.into_iter().filter(|row| !row.by_venue.0.is_empty()) {
                market.keep_shares(timeframe, row.timestamp, row.by_venue);
            }
            let changes = market.merge_bars(timeframe, &bars);
            core.note(&changes);
        }
        self.ask_frame();
    }

    fn minutes_wanted(&self) -> bool {
        let held = |m: &Market| m.bars(Timeframe::M1).len();
        let core = self.core.borrow();
        let behind = core.loaded[Timeframe::M1.index()].is_newest();
        behind && core.market.as_ref().is_some_and(|m| held(m) < MINUTES_BEHIND)
    }

    /// What the chart's place shows, by what is held of the shown timeframe.
    pub(super) fn settle_stage(&self) {
        let (_, shown) = self.turn();
        let core = self.core.borrow();
        let empty = core.market.as_ref().is_none_or(|m| m.bars(shown).is_empty());
        let loaded = core.loaded.get(shown.index()).copied().unwrap_or_default();
        drop(core);
        let stage = match (empty, loaded.is_newest()) {
            (false, _) => Stage::Ready,
            (true, true) => Stage::Empty,
            (true, false) => Stage::Loading,
        };
        put(self.view.stage, stage);
    }
}
