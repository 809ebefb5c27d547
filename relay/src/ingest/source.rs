//! History from the venues, as the history service asks for it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use shared::event::Bar;
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::rest::{Rest, RestError};
use crate::directory::Directory;
use crate::history::{HistorySource, SourceError};
use crate::venues::{Fetch, Fetched, Update, Venue, What};

/// Somebody waits at a screen: rather an honest "not now" than a long silence.
const PATIENCE: Duration = Duration::from_secs(8);
/// Most bars one call is asked for; the venue's adapter caps it further.
const PAGE: u32 = 1_000;

/// Pages of an answer's own making that may be empty one after the other.
const EMPTY_PAGES: usize = 4;

fn bar(update: Update) -> Option<Bar> {
    match update.what {
        What::Kline(bar) => Some(bar),
        _ => None,
    }
}

/// Whether a page, which may begin before `from`, has nothing from there on.
fn barren(page: &[Bar], from: Ms) -> bool {
    page.iter().all(|bar| bar.timestamp < from)
}

/// The REST clients of the live venues; venues without one (simulation, replay) have their history stored whole.
pub struct Sources {
    directory: Arc<Directory>,
    venues: RwLock<HashMap<VenueId, Source>>,
}

#[derive(Clone)]
enum Source {
    Rest(Rest),
    /// Not asked, for this reason: there is what was recorded.
    Off(Arc<dyn Venue>, String),
}

impl Source {
    fn venue(&self) -> &Arc<dyn Venue> {
        match self {
            Source::Rest(rest) => rest.venue(),
            Source::Off(venue, _) => venue,
        }
    }
}

impl Sources {
    pub fn new(directory: Arc<Directory>) -> Sources {
        Sources { directory, venues: RwLock::default() }
    }

    pub fn add(&self, rest: Rest) {
        self.insert(Source::Rest(rest));
    }

    /// A venue that is not to be asked, and why.
    pub fn off(&self, venue: Arc<dyn Venue>, reason: String) {
        self.insert(Source::Off(venue, reason));
    }

    fn insert(&self, source: Source) {
        let id = source.venue().id();
        self.venues.write().unwrap_or_else(PoisonError::into_inner).insert(id, source);
    }

    fn source(&self, venue: &VenueId) -> Option<Source> {
        self.venues.read().unwrap_or_else(PoisonError::into_inner).get(venue).cloned()
    }
}

#[async_trait]
impl HistorySource for Sources {
    fn native_timeframes(&self, venue: &VenueId) -> Vec<Timeframe> {
        self.source(venue).map(|s| s.venue().native_timeframes().to_vec()).unwrap_or_default()
    }

    fn bars_per_call(&self, venue: &VenueId) -> Option<u32> {
        self.source(venue)?.venue().bars_per_call()
    }

    fn bars_reached(&self, venue: &VenueId) -> Option<u32> {
        self.source(venue)?.venue().bars_reached()
    }

    async fn klines(
        &self,
        venue: &VenueId,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Ms,
        to: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        let Some((source, instrument)) = self.source(venue).zip(self.directory.get(venue, symbol)) else {
            return Ok(Vec::new());
        };
        let rest = match source {
            Source::Rest(rest) => rest,
            Source::Off(_, reason) => return Err(SourceError { venue: venue.clone(), reason }),
        };
        let mut fetch = Fetch::Klines { instrument, timeframe, from, to, limit: PAGE };
        for _ in 0..EMPTY_PAGES {
            let page_end = rest.venue().page_end(&fetch);
            if let Fetch::Klines { from, to, .. } = &mut fetch
                && page_end.is_none()
                && rest.venue().bars_reached().is_some()
            {
                (*from, *to) = (Ms::ZERO, Ms::LATEST);
            }
            let bars: Vec<Bar> = match rest.fetch(&fetch, PATIENCE).await {
                Ok(Fetched::Updates(updates)) => updates.into_iter().filter_map(bar).collect(),
                Ok(_) | Err(RestError::Unsupported(_)) => Vec::new(),
                Err(error) => {
                    return Err(SourceError { venue: venue.clone(), reason: error.to_string() });
                }
            };
            match (page_end, &mut fetch) {
                (Some(end), Fetch::Klines { from, .. }) if end < to && barren(&bars, *from) => *from = end,
                _ => return Ok(bars),
            }
        }
        Ok(Vec::new())
    }

    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::Origin;

    #[test]
    fn a_month_that_ends_before_the_range_is_as_good_as_empty() {
        let bar = |day: i64| Bar::flat(Ms(day * Ms::DAY.0), Timeframe::D1, 1.0, Origin::Kline);
        let from = Ms(31 * Ms::DAY.0);
        assert!(barren(&[], from));
        assert!(barren(&[bar(29), bar(30)], from), "the next month is asked for");
        assert!(!barren(&[bar(30), bar(31)], from));
    }
}
