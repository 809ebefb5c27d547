//! Holes in the record: read once, then as the line tells them; named under the pointer.

use shared::event::{Gap, GapCause, GapState};
use shared::market::{Ms, Symbol, VenueId};

use crate::feed::http;
use crate::feed::rows::Row;
use crate::format;
use crate::series::Hole;
use crate::zone::Zone;

use super::{Core, Deck};

/// Read before the oldest bar held: a month, like the points.
const BACK: Ms = Ms(30 * 86_400_000);

impl Deck {
    /// The holes of the open symbol at the venues that are drawn.
    pub(super) async fn load_gaps(&self) {
        let (generation, _) = self.turn();
        let now = self.now();
        let symbols: Vec<String> = {
            let core = self.core.borrow();
            let Some(market) = &core.market else { return };
            let mut symbols: Vec<String> = Vec::new();
            for symbol in market.tracks().iter().map(|t| t.name().symbol.to_string()) {
                if !symbols.contains(&symbol) {
                    symbols.push(symbol);
                }
            }
            symbols
        };
        for symbol in symbols {
            let range = [("from", (now - BACK).0.max(0).to_string()), ("to", (now + Ms::HOUR).0.to_string())];
            let query: Vec<_> = [("symbol", symbol)].into_iter().chain(range).collect();
            let Ok(rows) = http::get::<Vec<Row>>(&self.relay, "gaps", &query).await else { continue };
            if self.turn().0 != generation {
                return;
            }
            for row in rows {
                let (Some(venue), Some(symbol), Some(gap)) =
                    (row.venue.clone(), row.symbol.clone(), row.gap())
                else {
                    continue;
                };
                if self.concerns(&symbol, &venue) {
                    self.core.borrow_mut().gaps.put(Hole { venue, gap });
                }
            }
        }
        self.ask_frame();
    }

    /// Whether the open chart is made of this market's data: the open one, or any track where it is joined.
    pub(super) fn concerns(&self, symbol: &Symbol, venue: &VenueId) -> bool {
        let core = self.core.borrow();
        core.market.as_ref().is_some_and(|market| match market.own() {
            Some(own) => own.name().symbol == *symbol && own.name().venue == *venue,
            None => market.tracks().iter().any(|t| t.name().symbol == *symbol && t.name().venue == *venue),
        })
    }

    /// The holes under the crosshair, a line each.
    pub(super) fn holes_under(&self, core: &Core, at: Ms) -> Vec<String> {
        let Some(market) = &core.market else { return Vec::new() };
        let (shown, now) = (core.shown, self.view.now.get_untracked());
        if market.bars(shown).find(at).is_none() {
            return Vec::new();
        }
        let several = market.own().is_none();
        let zone = self.view.prefs.get_untracked().zone;
        // Channels that went together are told in one line.
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for hole in core.gaps.under(market, shown, at, now) {
            let venue = if several { format!("{} ", hole.venue) } else { String::new() };
            let said = format!("{venue}{}", hole_words(&hole.gap, zone));
            let channel = hole.gap.channel.name();
            match lines.iter_mut().find(|(held, _)| *held == said) {
                Some((_, channels)) => channels.push(channel),
                None => lines.push((said, vec![channel])),
            }
        }
        lines.into_iter().map(|(said, channels)| format!("{}: {said}", channels.join(", "))).collect()
    }

    /// The newest hole of the open market, for the strip.
    pub(super) fn notice(&self, hole: &Hole) {
        let words = hole_words(&hole.gap, self.view.prefs.get_untracked().zone);
        super::view::put(self.view.notice, Some(format!("{}: {words}", hole.gap.channel)));
    }
}

/// `02:10:00 to 02:14:30, the line was down, lost`.
fn hole_words(gap: &Gap, zone: Zone) -> String {
    let clock = |at| format::clock(zone.shift(at));
    let cause = match gap.cause {
        GapCause::Disconnect => "the line was down",
        GapCause::Sequence => "the venue's numbers jumped",
        GapCause::Silence => "the venue sent nothing",
        GapCause::Restart => "the relay was not running",
        GapCause::Delisted => "the venue delisted it",
        GapCause::SlowClient => "this page was too slow",
        GapCause::ResumeExpired => "this page was away too long",
    };
    let state = match gap.state {
        GapState::Open => "still missing",
        GapState::Refilled => "refilled",
        GapState::Lost => "lost",
    };
    let to = gap.to.map_or_else(|| "now".into(), clock);
    format!("{} to {to}, {cause}, {state}", clock(gap.from))
}
