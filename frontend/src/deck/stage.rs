//! The chart in its place: made once its element stands, heard from then on.

use shared::market::Ms;

use crate::chart::{Chart, crosshair_time};
use crate::desk::Moved;

use super::Deck;
use super::view::{Stage, put};

impl Deck {
    /// Puts the chart into its element, once it stands.
    pub(crate) fn mount_chart(&self, element: &web_sys::Element) {
        let made = {
            let core = self.core.borrow();
            Chart::new(element, self.plan(&core), &core.settings)
        };
        let mut chart = match made {
            Ok(chart) => chart,
            Err(_) => {
                put(
                    self.view.stage,
                    Stage::Failed(
                        "The chart library did not load. Reload the page; if it stays so, the relay's page files are incomplete.".into(),
                    ),
                );
                return;
            }
        };
        let (me, visible) = (self.me.clone(), chart.visible_cell());
        chart.js().on_range(move |from, to| {
            visible.set(Some((from, to)));
            if let Some(deck) = me.upgrade() {
                deck.ask_frame();
            }
        });
        let me = self.me.clone();
        chart.js().on_crosshair(move |seconds, pane| {
            if let Some(deck) = me.upgrade() {
                put(deck.view.under_pointer, usize::try_from(pane).ok());
                deck.crosshair(crosshair_time(seconds));
            }
        });
        let me = self.me.clone();
        chart.on_line(move |key, price| {
            if let Some(deck) = me.upgrade() {
                deck.line_moved(&key, price);
            }
        });
        if let Some(open) = self.view.open.get_untracked() {
            chart.set_instrument(open.row.tick_size);
        }
        chart.set_zone(self.view.prefs.get_untracked().zone, self.view.timeframe.get_untracked());
        self.core.borrow_mut().chart = Some(chart);
        self.load_marks();
        self.watch_layout();
        self.ask_frame();
    }

    /// Follows pane positions; the panes to watch change with the arrangement.
    pub(super) fn watch_layout(&self) {
        let me = self.me.clone();
        if let Some(chart) = &mut self.core.borrow_mut().chart {
            chart.js().on_layout(move || {
                if let Some(deck) = me.upgrade() {
                    deck.layout_moved.set(true);
                    deck.ask_frame();
                }
            });
        }
    }

    fn crosshair(&self, at: Option<Ms>) {
        // The library tells it again after each change of data, while the pointer rests.
        if self.crosshair.replace(at) == at {
            return;
        }
        self.moved(Moved::Crosshair(at));
        self.crosshair_moved.set(true);
        self.ask_frame();
    }
}
