//! Bars of any timeframe and range: stored where known, fetched from the venue where not, folded where the
//! venue has none.
//!
//! - 1m bars come from the store; minutes it lacks are fetched once and kept (`fill`).
//! - Higher timeframes are the venue's own bars where it has them. What it cannot have yet (the forming
//!   bucket, and any after its last bar) is folded from the largest closed bars inside, down to the forming
//!   minute (`tail`).
//! - A timeframe it lacks is folded from the largest of its own that nests in it, whole buckets only (`nested`).
//! - Where the venue has no bars of its own (simulation, recordings) all are folded from 1m bars and the
//!   folds are kept (`folded`).
//!
//! A minute without a row stays a hole in all of them.

mod fill;
mod folded;
mod heatmap;
mod joined;
mod missing;
mod nested;
mod partial;
mod tail;
mod windows;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use shared::event::{Bar, Body, Event};
use shared::market::{Calendar, Instrument, Ms, Symbol, Timeframe, VenueId};

use self::windows::Effort;
use crate::store::{Dataset, Query, Store, StoreError};

pub use heatmap::Walked;
pub use joined::{JoinedAnswer, JoinedCandle};

/// The venues' own bars.
#[async_trait]
pub trait HistorySource: Send + Sync + 'static {
    /// Timeframes the venue serves itself; others are folded from them. Empty where history is in the store alone.
    fn native_timeframes(&self, venue: &VenueId) -> Vec<Timeframe>;

    /// Bars one call to [`Self::klines`] may span; `None` for as many as asked for.
    fn bars_per_call(&self, _venue: &VenueId) -> Option<u32> {
        None
    }

    /// Bars [`Self::klines`] brings back from now, whatever part of them was asked for: they are kept. `None` where
    /// it brings what was asked for.
    fn bars_reached(&self, _venue: &VenueId) -> Option<u32> {
        None
    }

    /// Bars opening in `[from, to)`, ascending; where a page holds fewer, those nearest `from`. An empty
    /// answer means there is none in the whole range. The forming bar may be among them.
    ///
    /// # Errors
    /// [`SourceError`] while the venue is down, bans or refuses; it is not asked again for some seconds.
    async fn klines(
        &self,
        venue: &VenueId,
        symbol: &Symbol,
        timeframe: Timeframe,
        from: Ms,
        to: Ms,
    ) -> Result<Vec<Bar>, SourceError>;

    /// Since when the venue has bars, if known; nothing earlier is asked for.
    fn history_start(&self, venue: &VenueId, symbol: &Symbol) -> Option<Ms>;
}

/// Why a venue gave no bars; meant for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{venue} gives no history now: {reason}")]
pub struct SourceError {
    pub venue: VenueId,
    pub reason: String,
}

/// What a range of bars could not be answered for.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The venue is out of reach and nothing is stored.
    #[error(transparent)]
    Source(SourceError),
}

/// The minute that is being built.
pub trait LiveBars: Send + Sync + 'static {
    /// The newest 1m bars of a market: the last closed one and the forming one, as far as there are any.
    fn newest_minutes(&self, venue: &VenueId, symbol: &Symbol) -> Vec<Bar>;
}

impl<I, F> LiveBars for F
where
    I: IntoIterator<Item = Bar>,
    F: Fn(&VenueId, &Symbol) -> I + Send + Sync + 'static,
{
    fn newest_minutes(&self, venue: &VenueId, symbol: &Symbol) -> Vec<Bar> {
        self(venue, symbol).into_iter().collect()
    }
}

/// Which bars: those of one market opening in `[from, to)`.
#[derive(Clone, Debug)]
pub struct BarsQuery {
    pub instrument: Arc<Instrument>,
    pub timeframe: Timeframe,
    pub from: Ms,
    pub to: Ms,
    pub limit: usize,
    /// The newest `limit` instead of the oldest; ascending all the same.
    pub newest: bool,
    /// A forming bar of a higher timeframe is to be a base that the asker adds minutes to: it holds closed
    /// minutes only, up to its `through`. Otherwise the running minute is in it too.
    pub base: bool,
}

/// A bar and when this relay got it (a folded one: its newest part).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Candle {
    pub bar: Bar,
    pub received: Ms,
}

/// Bars in ascending order, one per bucket.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Answer {
    pub candles: Vec<Candle>,
    /// Why something may be missing although the venue has it: it is out of reach.
    pub incomplete: Option<String>,
}

/// A venue's last bars are asked for only when they have been closed for so long: venues amend them at first.
const SETTLE: Ms = Ms(10_000);
/// A minute that has not been closed so long after its end never will be (the relay was stopped in it).
const ABANDONED: Ms = Ms(120_000);

/// The history service; one per relay.
pub struct History {
    store: Arc<dyn Store>,
    source: Arc<dyn HistorySource>,
    live: Arc<dyn LiveBars>,
    now: Box<dyn Fn() -> Ms + Send + Sync>,
    flights: fill::Flights,
    /// When series of venues that answer with all they have were asked for.
    asked: Mutex<HashMap<fill::Key, Ms>>,
    folded: Mutex<HashMap<(VenueId, Symbol), folded::Slot>>,
    /// Venues that failed lately, until when they are left alone, and why.
    failed: Mutex<HashMap<VenueId, (Instant, SourceError)>>,
}

/// One market, with what decides how its bars are made.
struct Series {
    venue: VenueId,
    symbol: Symbol,
    calendar: Calendar,
    native: Vec<Timeframe>,
    now: Ms,
    /// A base holds no minute from here on.
    until: Ms,
}

impl Series {
    /// Open of the first bucket whose bar the venue may still amend.
    fn settled(&self, timeframe: Timeframe) -> Ms {
        self.calendar.open(timeframe, self.now - SETTLE)
    }

    /// End of the bucket that opens at `open`.
    fn end(&self, timeframe: Timeframe, open: Ms) -> Ms {
        self.calendar.next(timeframe, open)
    }
}

impl History {
    /// `now` is the clock all edges go by: in replay the time of the record.
    pub fn new(
        store: Arc<dyn Store>,
        source: Arc<dyn HistorySource>,
        live: Arc<dyn LiveBars>,
        now: impl Fn() -> Ms + Send + Sync + 'static,
    ) -> History {
        History {
            store,
            source,
            live,
            now: Box::new(now),
            flights: fill::Flights::default(),
            asked: Mutex::default(),
            folded: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// The time edges go by.
    pub fn now(&self) -> Ms {
        (self.now)()
    }

    /// Bars of a range, the forming one included where the range reaches it.
    ///
    /// # Errors
    /// [`HistoryError::Store`], or [`HistoryError::Source`] where the venue is out of reach and there is
    /// nothing else to answer with.
    pub async fn candles(&self, query: &BarsQuery) -> Result<Answer, HistoryError> {
        self.candles_until(query, Ms(i64::MAX)).await
    }

    /// The same; a base ends before the minute that opens at `until`.
    async fn candles_until(&self, query: &BarsQuery, until: Ms) -> Result<Answer, HistoryError> {
        let instrument = &query.instrument;
        let series = Series {
            venue: instrument.venue.clone(),
            symbol: instrument.symbol.clone(),
            calendar: instrument.calendar.clone(),
            native: self.source.native_timeframes(&instrument.venue),
            now: self.now(),
            until,
        };
        let mut effort = Effort::new();
        let stored = query.timeframe == Timeframe::M1 || series.native.contains(&query.timeframe);
        let closed = match series.rung(query.timeframe) {
            _ if stored => Some(self.closed(&series, query, &mut effort).await?),
            Some(rung) => Some(self.fold_native(&series, rung, query, &mut effort).await?),
            None => None,
        };
        let mut candles = match closed {
            Some(mut candles) => {
                if query.newest || candles.len() < query.limit {
                    self.add_tail(&series, query, &mut candles, &mut effort).await?;
                }
                candles
            }
            None => self.fold_stored(&series, query).await?,
        };
        let surplus = candles.len().saturating_sub(query.limit);
        if query.newest {
            candles.drain(..surplus);
        } else {
            candles.truncate(query.limit);
        }
        match effort.fault {
            Some(fault) if candles.is_empty() => Err(HistoryError::Source(fault)),
            fault => Ok(Answer { candles, incomplete: fault.map(|f| f.to_string()) }),
        }
    }

    /// Closed rows of the store, ascending.
    async fn stored(
        &self,
        series: &Series,
        timeframe: Timeframe,
        (from, to): (Ms, Ms),
        limit: usize,
        newest: bool,
    ) -> Result<Vec<Candle>, StoreError> {
        let mut rows = self.recorded(series, timeframe, (from, to), limit, newest).await?;
        rows.retain(|row| row.bar.closed);
        Ok(rows)
    }

    /// Rows of the store as they are, forming ones among them.
    async fn recorded(
        &self,
        series: &Series,
        timeframe: Timeframe,
        (from, to): (Ms, Ms),
        limit: usize,
        newest: bool,
    ) -> Result<Vec<Candle>, StoreError> {
        let query = Query {
            dataset: Dataset::Bars(timeframe),
            symbol: series.symbol.clone(),
            venue: Some(series.venue.clone()),
            from,
            to,
            limit,
            newest,
        };
        let events = self.store.read(query).await?;
        Ok(events.into_iter().filter_map(candle).collect())
    }

    /// The failure that keeps us from asking this venue, while it lasts.
    fn failing(&self, venue: &VenueId) -> Option<SourceError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(venue).filter(|(until, _)| Instant::now() < *until).map(|(_, fault)| fault.clone())
    }
}

fn candle(event: Event) -> Option<Candle> {
    match event.body {
        Body::Bar(bar) => Some(Candle { bar, received: event.received }),
        Body::Joined(_)
        | Body::Oi(_)
        | Body::Funding(_)
        | Body::Liquidation(_)
        | Body::Trade(_)
        | Body::Book(_)
        | Body::Signal(_)
        | Body::Guards(_)
        | Body::Heatmap(_)
        | Body::Gap(_) => None,
    }
}

/// The length of `n` buckets.
fn span(timeframe: Timeframe, n: usize) -> Ms {
    Ms(timeframe.nominal().0.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX)))
}
