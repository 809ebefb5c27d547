//! How each symbol was last looked at: panes, zoom, and what stretch, kept between visits. Panes are those of the first
//! chart: one beside it has little room for them.

use shared::market::Ms;

use crate::chart::Aim;
use crate::range::reaching;
use crate::settings::SymbolView;

use super::Deck;
use super::page::storage;

fn stored(key: &str) -> SymbolView {
    SymbolView::parse(storage().and_then(|s| s.get_item(key).ok().flatten()).as_deref())
}

impl Deck {
    fn kept_key(&self) -> Option<String> {
        let open = self.view.open.with_untracked(|o| o.as_ref().map(|o| SymbolView::key(&o.row.symbol)));
        open.filter(|_| self.page.get())
    }

    /// Writes down how the open symbol is looked at. Called once a second and before another is opened.
    pub(super) fn keep_view(&self) {
        let Some(key) = self.kept_key() else { return };
        let mut guard = self.core.borrow_mut();
        let core = &mut *guard;
        let Some(before) = core.kept.clone() else { return };
        let settings = &core.settings;
        let mut now = if self.beside {
            SymbolView { bars: before.bars, span: before.span, ..stored(&key) }
        } else {
            SymbolView {
                panes: Some(settings.panes.clone()),
                folded: settings.folded.clone(),
                pane_heights: settings.pane_heights.clone(),
                ..before.clone()
            }
        };
        if let (Some(chart), Some(market), None) =
            (&core.chart, &core.market, self.view.range.get_untracked())
            && let Some(visible) = chart.visible(market, core.shown)
        {
            let bars = ((visible.to - visible.from) * 10.0).round() / 10.0;
            let follows = visible.follows(market.bars(core.shown).len());
            now.bars = Some(bars);
            now.span = chart.visible_times(market, core.shown).filter(|_| !follows);
        }
        if now != before {
            if let Some(storage) = storage() {
                let _ = storage.set_item(&key, &now.to_json());
            }
            core.kept = Some(now);
        }
    }

    /// Takes up the panes of the symbol that was just opened; [`Self::restore_view`] the rest, once there are bars.
    pub(super) fn take_up_panes(&self, key: &str) {
        let mut core = self.core.borrow_mut();
        core.kept = None;
        core.to_restore = if self.page.get() { stored(key) } else { SymbolView::default() };
        // The address goes before what was kept.
        let asked = core.asked.panes.take().is_some();
        let Some(panes) = core.to_restore.panes.clone().filter(|_| !asked && !self.beside) else { return };
        let kept = core.to_restore.clone();
        core.settings.panes = panes.clone();
        core.settings.folded = kept.folded.clone();
        core.settings.pane_heights = kept.pane_heights;
        drop(core);
        self.view.panes.set(panes);
        self.view.folded.set(kept.folded);
    }

    /// Zoom and stretch as they were; from here on they are kept.
    pub(super) async fn restore_view(&self) {
        let turn = self.turn();
        let kept = self.core.borrow().to_restore.clone();
        let near = |from: &Ms| reaching(turn.1, *from, self.now()) == turn.1;
        if self.view.range.get_untracked().is_some() {
            // What the person asks for now goes before.
        } else if let Some((from, to)) = kept.span.filter(|(from, _)| near(from)) {
            self.reach_back(from).await;
            if self.turn() == turn {
                self.aim(Aim::Between(from, to + Ms(1)));
            }
        } else if let Some(bars) = kept.bars {
            self.aim(Aim::Zoom(bars.clamp(10.0, 5_000.0)));
        }
        if self.turn().0 == turn.0 {
            self.core.borrow_mut().kept = Some(kept);
        }
    }
}
