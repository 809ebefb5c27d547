//! The table of venues: read while it is unfolded.

use crate::feed::http;
use crate::feed::overview::Overview;
use crate::feed::rows::Row;

use super::Deck;
use super::view::put;

impl Deck {
    /// Reads the open group's table anew, where it is shown.
    pub(super) fn load_overview(&self) {
        let Some(open) = self.view.open.get_untracked().filter(|_| self.view.compare.get_untracked()) else {
            return;
        };
        let Some(deck) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            let (generation, _) = deck.turn();
            let query = [("symbol", open.row.symbol.to_string())];
            let answer = http::get::<Row>(&deck.relay, "market/overview", &query).await;
            if deck.turn().0 != generation {
                return;
            }
            match answer {
                Ok(overview) => put(deck.view.overview, Some(Overview(overview))),
                // The last one stays, its ages grow.
                Err(error) => deck.emit_error(&error.to_string()),
            }
        });
    }
}
