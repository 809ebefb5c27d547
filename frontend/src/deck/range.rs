//! The stretch of time a person looks at: chosen by dates, by a preset, or the newest bars.

use shared::market::{Ms, Timeframe};

use crate::chart::Aim;
use crate::format;
use crate::range::{comfortable, reaching};

use super::Deck;
use super::view::put;

/// Bars of one page on the way back to a chosen day.
const PAGE: i64 = 5_000;

impl Deck {
    /// Shows a stretch of history, apart from what is live, until [`Deck::go_live`]. It is in the address.
    pub(crate) fn show_range(&self, from: Ms, to: Option<Ms>) {
        let shown = self.view.timeframe.get_untracked();
        let reaching = reaching(shown, from, self.now());
        self.view.range.set(Some((from, to)));
        if reaching == shown {
            self.remember();
            self.load_chosen();
        } else {
            self.toast(format!("{shown} does not reach back that far: shown in {reaching}."));
            self.set_timeframe(reaching);
        }
    }

    /// Shows the last `length` up to the newest bar, which stays live; all there is without one.
    pub(crate) fn show_last(&self, length: Option<Ms>) {
        put(self.view.range, None);
        put(self.view.range_note, None);
        let shown = self.view.timeframe.get_untracked();
        self.set_timeframe(length.map_or(Timeframe::D1, |length| comfortable(shown, length)));
        self.remember();
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            let turn = deck.turn();
            let from = length.map_or(Ms::ZERO, |length| deck.now() - length);
            deck.reach_back(from).await;
            if deck.turn() == turn {
                deck.aim(Aim::Between(from, Ms(i64::MAX)));
            }
        });
    }

    /// Back to the newest bar.
    pub(crate) fn go_live(&self) {
        put(self.view.range, None);
        put(self.view.range_note, None);
        self.remember();
        self.aim(Aim::Newest);
    }

    /// Reads what the chosen stretch needs and shows it.
    pub(super) fn load_chosen(&self) {
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            deck.load_newest(deck.turn().1).await;
            deck.load_range().await;
        });
    }

    /// Pages back until the chosen start is held, then shows the stretch; says so where there is nothing in it.
    pub(super) async fn load_range(&self) {
        let Some((from, to)) = self.view.range.get_untracked() else { return };
        let turn = self.turn();
        self.reach_back(from).await;
        if self.turn() != turn || self.view.range.get_untracked() != Some((from, to)) {
            return;
        }
        let to = to.unwrap_or(Ms(i64::MAX));
        let note = {
            let core = self.core.borrow();
            let Some(market) = &core.market else { return };
            let bars = market.bars(turn.1);
            let zone = self.view.prefs.get_untracked().zone;
            let day = |at: Ms| format::date(zone.shift(at));
            let none = bars.lower(from) >= bars.lower(to);
            none.then(|| match bars.first() {
                Some(first) if first.timestamp >= to => {
                    format!("Nothing is recorded there: bars begin on {}.", day(first.timestamp))
                }
                _ => "Nothing is recorded there: choose other days.".into(),
            })
        };
        let nothing = note.is_some();
        put(self.view.range_note, note);
        if !nothing {
            self.aim(Aim::Between(from, to));
        }
    }

    /// Reads older bars of the shown timeframe until `from` is among them or there are no more.
    pub(super) async fn reach_back(&self, from: Ms) {
        self.core.borrow_mut().reaching = true;
        self.read_back(from).await;
        self.core.borrow_mut().reaching = false;
        self.ask_frame();
    }

    async fn read_back(&self, from: Ms) {
        let turn = self.turn();
        loop {
            let (first, loaded) = {
                let core = self.core.borrow();
                let first = core.market.as_ref().and_then(|m| m.bars(turn.1).first()).map(|b| b.timestamp);
                (first, core.loaded.get(turn.1.index()).copied().unwrap_or_default())
            };
            if loaded.is_loading() {
                // Another read of the same bars is on its way.
                gloo_timers::future::TimeoutFuture::new(50).await;
            } else if first.is_none_or(|first| first <= from) || !self.load_page(turn.1, PAGE).await {
                return;
            }
            if self.turn() != turn {
                return;
            }
        }
    }

    pub(super) fn aim(&self, aim: Aim) {
        let mut guard = self.core.borrow_mut();
        let core = &mut *guard;
        if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
            chart.reload(market, core.shown, aim);
        }
        drop(guard);
        self.ask_frame();
    }
}
