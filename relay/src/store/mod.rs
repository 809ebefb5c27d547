//! The store: what was recorded, behind one trait.

pub mod archive;
mod lock;
mod postgres;
pub mod row;
mod rows;
mod sqlite;
#[cfg(test)]
pub(crate) mod suite;
mod writer;

pub use lock::{FolderLock, LockError};
pub use postgres::{PostgresStore, PostgresUrl};
pub use sqlite::SqliteStore;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use row::Stored as _;
use shared::event::{Bar, BookTop, Channel, Event, Funding, Gap, Liquidation, OpenInterest, Trade};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

/// A recorded series: bars of an interval, or another channel's events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dataset {
    Bars(Timeframe),
    Oi,
    Funding,
    Liquidations,
    Book,
    Trades,
}

impl Dataset {
    /// The dataset that records a channel; bars are stored per interval. `None` for what is made anew of others.
    pub fn of(channel: Channel, interval: Option<Timeframe>) -> Option<Dataset> {
        match channel {
            Channel::Bar => Some(Dataset::Bars(interval.unwrap_or(Timeframe::M1))),
            Channel::Oi => Some(Dataset::Oi),
            Channel::Funding => Some(Dataset::Funding),
            Channel::Liquidation => Some(Dataset::Liquidations),
            Channel::Book => Some(Dataset::Book),
            Channel::Trade => Some(Dataset::Trades),
            Channel::Signal | Channel::Guards | Channel::Heatmap => None,
        }
    }

    /// The table it is kept in.
    fn table(self) -> &'static str {
        match self {
            Dataset::Bars(_) => Bar::TABLE,
            Dataset::Oi => OpenInterest::TABLE,
            Dataset::Funding => Funding::TABLE,
            Dataset::Liquidations => Liquidation::TABLE,
            Dataset::Book => BookTop::TABLE,
            Dataset::Trades => Trade::TABLE,
        }
    }

    /// What of that table belongs to it and may be sealed, as a further condition.
    fn sealable(self) -> String {
        match self {
            Dataset::Bars(interval) => format!("AND interval='{interval}' AND closed"),
            Dataset::Oi | Dataset::Funding | Dataset::Liquidations | Dataset::Book | Dataset::Trades => {
                String::new()
            }
        }
    }

    /// The name coverage is kept under.
    fn name(self) -> String {
        match self {
            Dataset::Bars(tf) => format!("bars:{tf}"),
            Dataset::Oi => "oi".into(),
            Dataset::Funding => "funding".into(),
            Dataset::Liquidations => "liquidations".into(),
            Dataset::Book => "book".into(),
            Dataset::Trades => "trades".into(),
        }
    }
}

/// Which rows: `[from, to)` of one symbol, of one venue or of all.
#[derive(Clone, Debug)]
pub struct Query {
    pub dataset: Dataset,
    pub symbol: Symbol,
    /// `None`: all venues, ordered by (timestamp, venue).
    pub venue: Option<VenueId>,
    pub from: Ms,
    pub to: Ms,
    pub limit: usize,
    /// The newest `limit` rows of the range instead of the oldest; answered ascending all the same.
    pub newest: bool,
}

/// A stretch of a series that was fetched whole from the venue, `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    pub dataset: Dataset,
    pub symbol: Symbol,
    pub venue: VenueId,
    pub from: Ms,
    pub to: Ms,
}

impl Coverage {
    /// What of `[from, to)` lies outside of the stretch, before and after it.
    pub(crate) fn outside(&self, (from, to): (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
        let parts = [(from, to.min(self.from.0)), (from.max(self.to.0), to)];
        parts.into_iter().filter(|(from, to)| from < to)
    }
}

/// One thing to record.
#[derive(Clone, Debug)]
pub enum Record {
    /// Upsert by key: (symbol, venue, interval, timestamp) for bars, where a closed bar yields only to a
    /// better origin or a higher revision; (symbol, venue, timestamp, kind) for funding; and so on.
    Event(Event),
    /// Upsert by (symbol, venue, channel, from).
    Gap { symbol: Symbol, venue: VenueId, gap: Gap },
    /// Joins with overlapping and touching stretches.
    Coverage(Coverage),
    /// Rows of a stretch are gone from the record: what reads it may fetch them again.
    Uncovered(Coverage),
}

/// A recorded hole.
#[derive(Clone, Debug, PartialEq)]
pub struct GapRow {
    pub symbol: Symbol,
    pub venue: VenueId,
    pub gap: Gap,
}

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Retry later: disk full, read-only, locked.
    #[error("the store cannot write: {0}")]
    Write(String),
    #[error("the store cannot read: {0}")]
    Read(String),
    /// Terminal.
    #[error(
        "{path} was written by a newer tapedeck (schema {found}, this one knows {known}): use that version, or set DATA_DIR or STORE_URL to another place"
    )]
    NewerSchema { path: String, found: i64, known: i64 },
    /// Terminal.
    #[error("cannot open {path}: {detail}")]
    Open { path: String, detail: String },
    #[error("the store is closed")]
    Closed,
}

/// Rows in chunks, ascending.
pub type RowStream = BoxStream<'static, Result<Vec<Event>, StoreError>>;

/// Rows a stream reads at a time of those still wanted.
pub(crate) fn chunk_rows(wanted: usize) -> usize {
    wanted.clamp(1, 8_192)
}

/// The repository: idempotent, safe to kill at any moment.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Queues records; they are durable at the latest 250 ms later. Waits where the queue is full, so that
    /// nothing is lost.
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError>;

    /// Waits until everything queued before is durable.
    async fn flush(&self) -> Result<(), StoreError>;

    /// The same rows as [`Self::read`] has, in chunks, so that of a long range few are held at a time. What is written
    /// meanwhile may be among them. The newest rows come as one chunk. Ends after an error.
    fn stream(self: Arc<Self>, query: Query) -> RowStream {
        if query.newest {
            return stream::once(async move { self.read(query).await }).boxed();
        }
        let state = Some((self, query, 0_usize));
        stream::unfold(state, |state| async move {
            let (store, mut query, given) = state?;
            let limit = chunk_rows(query.limit).saturating_add(given);
            let read = store.read(Query { limit, ..query.clone() }).await;
            let mut rows = match read {
                Ok(rows) => rows,
                Err(error) => return Some((Err(error), None)),
            };
            let more = rows.len() == limit;
            // Rows of the instant that the last chunk ended in come again, in the same order.
            rows.drain(..given.min(rows.len()));
            rows.truncate(query.limit);
            query.limit -= rows.len();
            let last = rows.last().map_or(query.to, Event::timestamp);
            let same = rows.iter().rev().take_while(|row| row.timestamp() == last).count();
            let given = if last == query.from { given + same } else { same };
            query.from = last;
            let on = more && query.limit > 0;
            Some((Ok(rows), on.then_some((store, query, given))))
        })
        .boxed()
    }

    /// Rows of a series, ascending.
    async fn read(&self, query: Query) -> Result<Vec<Event>, StoreError>;

    /// Recorded holes that touch `[from, to)`, ascending; `None` means every symbol.
    async fn gaps(&self, symbol: Option<Symbol>, from: Ms, to: Ms) -> Result<Vec<GapRow>, StoreError>;

    /// The fetched stretches of a series, ascending, disjoint.
    async fn coverage(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Vec<(Ms, Ms)>, StoreError>;

    /// Timestamp of the newest row of a series.
    async fn newest(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Option<Ms>, StoreError>;

    /// `sqlite` or `postgres`, rows and bytes, for status.
    async fn stats(&self) -> Result<StoreStats, StoreError>;
}

/// Number of a write transaction; each row remembers the one that wrote it last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mark(pub i64);

/// A day of a series that has rows in the hot store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HotDay {
    pub dataset: Dataset,
    pub symbol: Symbol,
    pub venue: VenueId,
    /// 00:00 UTC.
    pub day: Ms,
    pub rows: u64,
}

/// A store of running days, whose finished days can be taken out.
#[async_trait]
pub trait HotStore: Store {
    /// Days before `before` that have rows, ascending by day. Of bars closed ones of 1m alone; holes and coverage are
    /// never taken out.
    async fn hot_days(&self, before: Ms) -> Result<Vec<HotDay>, StoreError>;

    /// Rows of a range in one consistent view, ascending, and the mark of that view.
    async fn snapshot(&self, query: Query) -> Result<(Vec<Event>, Mark), StoreError>;

    /// Deletes rows in `[from, to)` that were not written after `mark`; answers how many. Of bars closed ones alone: a
    /// forming one that was abandoned is in no file.
    async fn forget(
        &self,
        dataset: Dataset,
        symbol: &Symbol,
        venue: &VenueId,
        from: Ms,
        to: Ms,
        mark: Mark,
    ) -> Result<u64, StoreError>;
}

/// For `/api/status`.
#[derive(Clone, Debug, Default, serde::Serialize, schemars::JsonSchema)]
pub struct StoreStats {
    pub kind: &'static str,
    pub bytes: u64,
    /// Records queued and not yet durable.
    pub pending: u64,
    /// The last write error, in one line, while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Sealed days, where there are any to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<archive::seal::ArchiveStats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<archive::seal::DiskStats>,
}
