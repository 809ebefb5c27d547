//! Which panes stand under the price, and how.

use crate::settings::Pane;

use super::Deck;

impl Deck {
    /// Adds a pane at the bottom or takes it away.
    pub(crate) fn toggle_pane(&self, pane: Pane) {
        let mut panes = self.view.panes.get_untracked();
        match panes.iter().position(|p| *p == pane) {
            Some(at) => drop(panes.remove(at)),
            None => panes.push(pane),
        }
        // What is asked for is seen, and what is closed leaves the stage to the others.
        if !matches!(self.view.maximised.get_untracked(), Some(Pane::Price)) || panes.contains(&pane) {
            self.set_maximised(None);
        }
        self.set_panes(panes);
    }

    /// Shows these panes, from top to bottom.
    pub(crate) fn set_panes(&self, panes: Vec<Pane>) {
        self.core.borrow_mut().settings.panes.clone_from(&panes);
        self.view.panes.set(panes);
        self.arrange();
    }

    /// Moves a pane by one place.
    pub(crate) fn move_pane(&self, pane: Pane, up: bool) {
        let mut panes = self.view.panes.get_untracked();
        let Some(at) = panes.iter().position(|p| *p == pane) else { return };
        let to = if up { at.checked_sub(1) } else { Some(at + 1).filter(|to| *to < panes.len()) };
        if let Some(to) = to {
            panes.swap(at, to);
            self.set_panes(panes);
        }
    }

    /// Folds a pane to its header, or unfolds it.
    pub(crate) fn fold_pane(&self, pane: Pane) {
        let mut folded = self.view.folded.get_untracked();
        match folded.iter().position(|p| *p == pane) {
            Some(at) => drop(folded.remove(at)),
            None => folded.push(pane),
        }
        self.core.borrow_mut().settings.folded.clone_from(&folded);
        self.view.folded.set(folded);
        self.arrange();
    }

    /// Gives a pane the stage, or gives it back to all.
    pub(crate) fn maximise_pane(&self, pane: Pane) {
        let now = self.view.maximised.get_untracked();
        self.set_maximised((now != Some(pane)).then_some(pane));
        self.arrange();
    }

    fn set_maximised(&self, pane: Option<Pane>) {
        self.core.borrow_mut().settings.maximised = pane;
        self.view.maximised.set(pane);
    }
}
