//! Indicators: which are computed, and when.

use shared::market::Ms;

use crate::chart::Plan;
use crate::series::{Layer, Loaded, Studies};
use crate::settings::{Pane, PriceStyle};

use super::{Core, Deck, wall};

/// Values follow the newest bar this often, and as soon as it has closed.
const EVERY: Ms = Ms(200);

impl Deck {
    pub(crate) fn set_price_style(&self, style: PriceStyle) {
        self.view.price_style.set(style);
        self.core.borrow_mut().settings.price_style = style;
        self.arrange();
    }

    /// Takes names as `/api/indicators` has them, in the order of their colours.
    pub(crate) fn set_indicators(&self, names: Vec<String>) {
        self.view.indicators.set(names.clone());
        self.core.borrow_mut().settings.indicators = names;
        self.arrange();
    }

    /// What the chart is to show.
    pub(super) fn plan(&self, core: &Core) -> Plan {
        let panes = self.view.shown_panes();
        let studies = Studies::new(core.settings.studies(&panes));
        Plan {
            folded: self.view.folded_panes(),
            hues: core.market.iter().flat_map(|m| m.tracks().iter().map(|t| t.hue)).collect(),
            lines: studies.overlays().iter().map(|(_, nth, line)| (*nth, *line)).collect(),
            style: core.settings.price_style,
            panes,
        }
    }
}

impl Core {
    /// Computes what the panes and lines want, where that is not what is computed already.
    pub(super) fn choose_studies(&mut self, shown: &[Pane]) {
        let list = self.settings.studies(shown);
        if let Some(market) = self.market.as_mut().filter(|m| m.studies.list() != list) {
            market.studies = Studies::new(list);
            self.studied = None;
        }
    }

    /// Before a paint: values of the bars shown, and their layers marked.
    pub(super) fn study(&mut self) {
        let now = wall();
        let recent = self.studied.is_some_and(|at| (Ms::ZERO..EVERY).contains(&(now - at)));
        let Some(market) = self.market.as_mut().filter(|_| !recent) else { return };
        self.studied = Some(now);
        let whole = self.loaded.get(self.shown.index()).is_some_and(Loaded::is_exhausted);
        let Some(since) = market.sync_studies(self.shown, whole) else { return };
        let lines = market.studies.overlays().len();
        self.changed(&[Layer::Rsi, Layer::Macd(0), Layer::Macd(1), Layer::Macd(2)], since);
        (0..lines).for_each(|n| self.changed(&[Layer::Line(n)], since));
        self.stale.legend = true;
    }
}
