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
use crate::venues::{Fetch, Fetched, What};

/// Somebody waits at a screen: rather an honest "not now" than a long silence.
const PATIENCE: Duration = Duration::from_secs(8);
/// Most bars one call is asked for; the venue's adapter caps it further.
const PAGE: u32 = 1_000;

/// The REST clients of the live venues; venues without one (simulation, replay) have their history stored whole.
pub struct Sources {
    directory: Arc<Directory>,
    rests: RwLock<HashMap<VenueId, Rest>>,
}

impl Sources {
    pub fn new(directory: Arc<Directory>) -> Sources {
        Sources { directory, rests: RwLock::default() }
    }

    pub fn add(&self, rest: Rest) {
        self.rests.write().unwrap_or_else(PoisonError::into_inner).insert(rest.venue().id(), rest);
    }

    fn rest(&self, venue: &VenueId) -> Option<Rest> {
        self.rests.read().unwrap_or_else(PoisonError::into_inner).get(venue).cloned()
    }
}

#[async_trait]
impl HistorySource for Sources {
    fn native_timeframes(&self, venue: &VenueId) -> Vec<Timeframe> {
        self.rest(venue).map(|r| r.venue().native_timeframes().to_vec()).unwrap_or_default()
    }

    fn bars_per_call(&self, venue: &VenueId) -> Option<u32> {
        self.rest(venue)?.venue().bars_per_call()
    }

    async fn klines(
        &self,
        venue: &VenueId,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Ms,
        to: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        let Some((rest, instrument)) = self.rest(venue).zip(self.directory.get(venue, symbol)) else {
            return Ok(Vec::new());
        };
        let fetch = Fetch::Klines { instrument, timeframe, from, to, limit: PAGE };
        match rest.fetch(&fetch, PATIENCE).await {
            Ok(Fetched::Updates(updates)) => Ok(updates
                .into_iter()
                .filter_map(|u| match u.what {
                    What::Kline(bar) => Some(bar),
                    _ => None,
                })
                .collect()),
            Ok(_) | Err(RestError::Unsupported(_)) => Ok(Vec::new()),
            Err(error) => Err(SourceError { venue: venue.clone(), reason: error.to_string() }),
        }
    }

    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        None
    }
}
