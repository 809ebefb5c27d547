//! One store out of two: running days in SQL, sealed days in files.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use shared::event::Event;
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::Archive;
use super::join::Joining;
use super::layout::Meta;
use crate::store::{
    Coverage, Dataset, GapRow, HotStore, Query, Record, RowStream, Store, StoreError, StoreStats, chunk_rows,
};

/// Joins a hot store and an archive. Hot rows are read first, the manifest afterwards: a day sealed in between is seen
/// in both, never in neither. A hot row of a sealed key is a late one and wins as it would in the hot store.
pub struct Archived {
    hot: Arc<dyn HotStore>,
    archive: Arc<Archive>,
}

impl Archived {
    pub fn new(hot: Arc<dyn HotStore>, archive: Arc<Archive>) -> Archived {
        Archived { hot, archive }
    }

    /// Lets the days whose files are gone be fetched again.
    ///
    /// # Errors
    /// [`StoreError::Write`] when the hot store cannot be written.
    pub async fn uncover_lost(&self) -> Result<(), StoreError> {
        let lost: Vec<Record> = self.archive.lost().iter().filter_map(uncovered).collect();
        if lost.is_empty() {
            return Ok(());
        }
        self.hot.write(lost).await?;
        self.hot.flush().await
    }

    pub fn hot(&self) -> &Arc<dyn HotStore> {
        &self.hot
    }

    pub fn archive(&self) -> &Arc<Archive> {
        &self.archive
    }
}

/// Whether days of a dataset are sealed. Bars of other intervals stay hot: they are few, and hourly files are roll-ups
/// of minutes, not what a venue said.
pub(super) fn is_sealed(dataset: Dataset) -> bool {
    match dataset {
        Dataset::Bars(interval) => interval == Timeframe::M1,
        Dataset::Oi | Dataset::Funding | Dataset::Liquidations | Dataset::Book | Dataset::Trades => true,
    }
}

/// What the hot store is to be told of a day whose file is gone: coverage would call it known to be empty.
pub(super) fn uncovered(day: &Meta) -> Option<Record> {
    let venue = day.venue.clone().filter(|_| is_sealed(day.dataset))?;
    let (from, to) = (day.day, day.day + Ms::DAY);
    let (dataset, symbol) = (day.dataset, day.symbol.clone());
    Some(Record::Uncovered(Coverage { dataset, symbol, venue, from, to }))
}

/// Runs what waits for the disk off the async threads.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(run).await.map_err(|e| StoreError::Read(e.to_string()))?
}

/// What is left on the disk of a folder, for those who may not use the system's reserve.
fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(folder).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

#[async_trait]
impl Store for Archived {
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.hot.write(records).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.hot.flush().await
    }

    async fn read(&self, query: Query) -> Result<Vec<Event>, StoreError> {
        let hot = self.hot.read(query.clone()).await?;
        if !is_sealed(query.dataset) {
            return Ok(hot);
        }
        let archive = self.archive.clone();
        blocking(move || Ok(Joining::new(&archive, &query, hot).collect(&archive)?)).await
    }

    fn stream(self: Arc<Self>, query: Query) -> RowStream {
        if !is_sealed(query.dataset) {
            return self.hot.clone().stream(query);
        }
        if query.newest {
            return stream::once(async move { self.read(query).await }).boxed();
        }
        let state = Streaming { store: self, left: query.limit, next: Some(query.from), query, window: None };
        stream::unfold(state, |mut state| async move {
            let rows = state.next().await.transpose()?;
            if rows.is_err() {
                (state.next, state.window) = (None, None);
            }
            Some((rows, state))
        })
        .boxed()
    }

    async fn gaps(&self, symbol: Option<Symbol>, from: Ms, to: Ms) -> Result<Vec<GapRow>, StoreError> {
        self.hot.gaps(symbol, from, to).await
    }

    async fn coverage(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Vec<(Ms, Ms)>, StoreError> {
        self.hot.coverage(dataset, symbol, venue).await
    }

    async fn newest(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Option<Ms>, StoreError> {
        let hot = self.hot.newest(dataset, symbol.clone(), venue.clone()).await?;
        if !is_sealed(dataset) {
            return Ok(hot);
        }
        let from = hot.unwrap_or(Ms(i64::MIN));
        let query =
            Query { dataset, symbol, venue: Some(venue), from, to: Ms(i64::MAX), limit: 1, newest: true };
        let archive = self.archive.clone();
        let sealed = blocking(move || Ok(archive.read(&query)?)).await?;
        Ok(sealed.last().map(Event::timestamp).max(hot))
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = self.hot.stats().await?;
        let (state, manifest) = (self.archive.state(), self.archive.manifest());
        let bytes = manifest.bytes();
        stats.archive = Some(state.stats(manifest.len(), bytes));
        stats.disk = Some(state.disk(stats.bytes + bytes, free_bytes(self.archive.folder())));
        Ok(stats)
    }
}

/// A stream on its way: windows of hot rows, and the sealed ones of each.
struct Streaming {
    store: Arc<Archived>,
    query: Query,
    left: usize,
    /// Where the next window begins; `None` after the last.
    next: Option<Ms>,
    window: Option<Joining>,
}

impl Streaming {
    async fn next(&mut self) -> Result<Option<Vec<Event>>, StoreError> {
        while self.left > 0 {
            let window = match self.window.take() {
                Some(window) => window,
                None => match self.next {
                    Some(from) => self.open(from).await?,
                    None => return Ok(None),
                },
            };
            let archive = self.store.archive.clone();
            let (window, rows) = blocking(move || {
                let mut window = window;
                let rows = window.next(&archive)?;
                Ok((window, rows))
            })
            .await?;
            if let Some(mut rows) = rows {
                self.window = Some(window);
                rows.truncate(self.left);
                self.left -= rows.len();
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// Reads the hot rows from an instant on, as many as are held at a time, and then the manifest for their stretch.
    async fn open(&mut self, from: Ms) -> Result<Joining, StoreError> {
        let mut limit = chunk_rows(self.left);
        loop {
            let query = Query { from, limit, ..self.query.clone() };
            let mut hot = self.store.hot.read(query.clone()).await?;
            // Whether more rows of the last one's instant follow is not known: it is left to the next window.
            let full = (hot.len() == limit).then(|| hot.last().map(Event::timestamp)).flatten();
            let to = full.unwrap_or(query.to);
            if full == Some(from) {
                limit = limit.saturating_mul(4);
                continue;
            }
            hot.retain(|row| row.timestamp() < to);
            self.next = full;
            let window = Query { to, limit: usize::MAX, ..query };
            return Ok(Joining::new(&self.store.archive, &window, hot));
        }
    }
}
