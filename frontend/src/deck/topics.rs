//! Open interest, funding and liquidations by HTTP: a month behind the newest, and older as the view goes back.

use shared::event::Channel;
use shared::market::Ms;

use crate::feed::http::{self, HttpError};
use crate::feed::rows::Row;

use crate::settings::Pane;

use super::{Core, Deck, wall};

/// Held behind the newest bar whatever is in view.
const BACK: Ms = Ms(30 * 86_400_000);
/// Rows of one page: read and merged within a frame or two.
const PAGE_ROWS: usize = 5_000;
/// Read again where it is not known since when rows are missing.
const REFILL_BACK: Ms = Ms(3_600_000);

/// Books behind the newest, one a second, are read this far back at most.
const BOOKS_BACK: Ms = Ms::DAY;
/// Place of liquidations in [`TOPICS`].
pub(super) const LIQUIDATIONS: usize = 2;

/// Channels with points of their own, as [`Core::reach`] orders them.
pub(super) const TOPICS: [Channel; 4] = [Channel::Oi, Channel::Funding, Channel::Liquidation, Channel::Book];

impl Deck {
    /// Older points where the bars in view, or a month, are not covered yet. Called after each paint.
    pub(super) fn load_topics_behind(&self) {
        let Some((wanted, books)) = self.wanted_since() else { return };
        let tracks = self.core.borrow().reach.len();
        for (n, index) in (0..tracks).flat_map(|n| (0..TOPICS.len()).map(move |index| (n, index))) {
            let topic = TOPICS[index];
            if !self.can_have(n, topic) {
                continue;
            }
            let page = {
                let mut core = self.core.borrow_mut();
                let full = core.is_full(n, topic);
                let Some(reach) = core.reach.get_mut(n).and_then(|r| r.get_mut(index)) else { return };
                if full {
                    reach.end();
                }
                reach.ask(if topic == Channel::Book { books } else { wanted }, wall())
            };
            let Some((page, deck)) = page.zip(self.me.upgrade()) else { continue };
            leptos::task::spawn_local(async move {
                let (generation, _) = deck.turn();
                let mut range = vec![("limit", PAGE_ROWS.to_string())];
                range.extend(page.to.map(|to| ("to", to.0.to_string())));
                let answer = deck.read_topic(n, topic, range).await;
                if deck.turn().0 != generation {
                    return;
                }
                let mut core = deck.core.borrow_mut();
                core.stale.tape |= topic == Channel::Liquidation;
                if let Some(reach) = core.reach.get_mut(n).and_then(|r| r.get_mut(index)) {
                    match answer {
                        Ok((oldest, rows)) => reach.got(oldest, rows >= PAGE_ROWS),
                        Err(_) => reach.failed(wall()),
                    }
                }
                drop(core);
                deck.ask_frame();
            });
        }
    }

    /// Points the line did not tell, read again since they may be missing.
    pub(super) async fn refill_topics(&self, since: Option<Ms>, topics: &[Channel]) {
        let (generation, _) = self.turn();
        let since = since.unwrap_or_else(|| self.now() - REFILL_BACK);
        let tracks = self.core.borrow().reach.len();
        for (n, topic) in (0..tracks).flat_map(|n| topics.iter().map(move |topic| (n, *topic))) {
            if self.can_have(n, topic) && self.turn().0 == generation {
                // What fails here is asked for again after the next hole; the line tells the newest anyway.
                let _ = self.read_topic(n, topic, vec![("from", since.0.max(0).to_string())]).await;
            }
        }
    }

    /// Since when points are wanted: a month before the newest bar, or what is in view and half as much again; and
    /// since when books: what is in view.
    fn wanted_since(&self) -> Option<(Ms, Ms)> {
        let (_, shown) = self.turn();
        let core = self.core.borrow();
        let market = core.market.as_ref()?;
        let newest = market.bars(shown).last()?.timestamp;
        let month = newest - BACK;
        let visible = core.chart.as_ref().and_then(|chart| chart.visible_times(market, shown));
        let points = visible.map_or(month, |(from, to)| month.min(from - Ms((to - from).0 / 2)));
        Some((points, visible.map_or(newest, |(from, _)| from.max(newest - BOOKS_BACK))))
    }

    fn can_have(&self, n: usize, topic: Channel) -> bool {
        let core = self.core.borrow();
        let Some(market) = &core.market else { return false };
        let Some(track) = market.tracks().get(n).filter(|t| t.member.offers(topic)) else { return false };
        // Of the open market alone, and while somebody looks.
        let own = || market.own().is_some_and(|own| own.name() == track.name());
        let panes = self.view.shown_panes();
        topic != Channel::Book || ((panes.contains(&Pane::Spread) || panes.contains(&Pane::Depth)) && own())
    }

    /// Reads and merges a stretch; answers with its oldest instant and the number of rows.
    async fn read_topic(
        &self,
        n: usize,
        topic: Channel,
        range: Vec<(&'static str, String)>,
    ) -> Result<(Option<Ms>, usize), HttpError> {
        let (generation, _) = self.turn();
        let path = match topic {
            Channel::Oi => "history/oi",
            Channel::Funding => "history/funding",
            Channel::Book => "history/book",
            _ => "history/liquidations",
        };
        let market = {
            let core = self.core.borrow();
            let track = core.market.as_ref().and_then(|m| m.tracks().get(n));
            track.map(|t| [("symbol", t.name().symbol.to_string()), ("venue", t.name().venue.to_string())])
        };
        let Some(market) = market else { return Ok((None, 0)) };
        let query: Vec<_> = market.into_iter().chain(range).collect();
        let rows: Vec<Row> = http::get(&self.relay, path, &query).await?;
        let seen = (rows.first().map(|row| row.timestamp), rows.len());
        {
            let mut core = self.core.borrow_mut();
            if core.generation != generation {
                return Ok(seen);
            }
            let Some(market) = &mut core.market else { return Ok(seen) };
            let changes = match topic {
                Channel::Oi => market.merge_oi(n, rows.iter().filter_map(Row::open_interest).collect()),
                Channel::Funding => market.merge_funding(n, rows.iter().filter_map(Row::funding).collect()),
                Channel::Book => market.merge_books(rows.iter().filter_map(Row::book).collect()),
                _ => market.merge_liquidations(n, rows.iter().filter_map(Row::liquidation).collect()),
            };
            core.note(&changes);
        }
        self.ask_frame();
        Ok(seen)
    }
}

impl Core {
    fn is_full(&self, n: usize, topic: Channel) -> bool {
        self.market.as_ref().and_then(|m| m.tracks().get(n)).is_some_and(|t| match topic {
            Channel::Oi => t.oi.is_full(),
            Channel::Funding => t.predicted.is_full(),
            Channel::Book => false,
            _ => t.liquidations.is_full(),
        })
    }
}
