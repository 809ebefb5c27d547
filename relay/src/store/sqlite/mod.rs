//! The embedded store: one SQLite file in WAL mode, one writing thread, a few reading connections.
//!
//! What a kill at any moment leaves: every transaction whole or absent. A commit survives the death of the
//! process at once; a power cut may take the transactions since the last checkpoint (`synchronous=NORMAL`),
//! never the file's integrity.

mod batch;
mod hot;
mod row;
mod schema;
mod select;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use shared::event::Event;
use shared::market::{Ms, Symbol, VenueId};
use tokio::sync::Semaphore;

use super::writer::{Backend, Queue};
use super::{Dataset, GapRow, HotDay, HotStore, Mark, Query, Record, Store, StoreError, StoreStats};
use hot::Forget;

/// Reading connections, and so queries that run at once.
const READERS: usize = 4;
/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(2);

/// [`Store`] in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    queue: Queue<Writing>,
    readers: Arc<Readers>,
    /// Kept for its end: a temporary store's folder goes with it.
    _folder: Option<tempfile::TempDir>,
}

struct Readers {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl SqliteStore {
    /// Opens or creates the store; an older schema is migrated, after a copy of the file was put beside it.
    /// Starts the writing thread. Blocks for as long as the disk does.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] or [`StoreError::Open`], both to be shown as they are.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        Self::open_with(path, schema::MIGRATIONS, None)
    }

    /// A store in a fresh temporary folder that is removed with it: for replay and tests.
    ///
    /// # Errors
    /// [`StoreError::Open`] when there is no place for temporary files.
    pub fn temporary() -> Result<SqliteStore, StoreError> {
        Self::temporary_in(&std::env::temp_dir())
    }

    /// The same with its folder in another, which may go earlier: a store outlives its relay where tasks still hold it.
    ///
    /// # Errors
    /// [`StoreError::Open`] when there is no place for it there.
    pub fn temporary_in(parent: &Path) -> Result<SqliteStore, StoreError> {
        let failed =
            |e: std::io::Error| StoreError::Open { path: "a temporary folder".into(), detail: e.to_string() };
        let folder = tempfile::Builder::new().prefix("tapedeck-").tempdir_in(parent).map_err(failed)?;
        let path = folder.path().join("hot.sqlite3");
        Self::open_with(&path, schema::MIGRATIONS, Some(folder))
    }

    fn open_with(
        path: &Path,
        migrations: &[&str],
        folder: Option<tempfile::TempDir>,
    ) -> Result<SqliteStore, StoreError> {
        let failed = |detail: String| StoreError::Open { path: path.display().to_string(), detail };
        let open = |e: rusqlite::Error| failed(e.to_string());
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|e| failed(e.to_string()))?;
        }
        let mut conn = Connection::open(path).map_err(open)?;
        conn.busy_timeout(BUSY).map_err(open)?;
        // Before the first table, or not at all: what sealing frees is given back to the disk.
        conn.execute_batch("PRAGMA auto_vacuum=INCREMENTAL").map_err(open)?;
        if let Some(copy) = schema::migrate(&mut conn, path, migrations)? {
            tracing::info!(copy = %copy.display(), "store migrated; the file as it was is kept");
        }
        conn.execute_batch(if folder.is_some() {
            // Nothing outlives the process, so the disk need not be waited for.
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-32000;"
        } else {
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;
             PRAGMA journal_size_limit=67108864;"
        })
        .map_err(open)?;
        conn.set_prepared_statement_cache_capacity(32);
        let readers = (0..READERS).map(|_| reader(path)).collect::<Result<Vec<_>, _>>().map_err(open)?;
        let queue = Queue::start(Writing(conn)).map_err(|e| failed(e.to_string()))?;
        Ok(SqliteStore {
            path: path.to_owned(),
            queue,
            readers: Arc::new(Readers {
                path: path.to_owned(),
                free: Mutex::new(readers),
                turns: Arc::new(Semaphore::new(READERS)),
            }),
            _folder: folder,
        })
    }

    /// Runs a query on a free reading connection, off the async threads.
    async fn query<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        let turn = readers.turns.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held to the end of the query, also where the asker has left.
            let _turn = turn;
            let free = || readers.free.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = free().pop();
            let conn = idle.map_or_else(|| reader(&readers.path), Ok)?;
            let answer = job(&conn);
            free().push(conn);
            answer
        });
        let answer = done.await.map_err(|e| StoreError::Read(e.to_string()))?;
        answer.map_err(|e: rusqlite::Error| StoreError::Read(e.to_string()))
    }
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// The writing connection.
struct Writing(Connection);

impl Backend for Writing {
    type Error = rusqlite::Error;

    fn apply(&mut self, records: &[Record]) -> rusqlite::Result<()> {
        batch::apply(&mut self.0, records)
    }

    /// Folds the log into the file, so that a copy of the file alone is whole.
    fn close(&mut self) {
        if let Err(e) = self.0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(error = %e, "the write-ahead log stays beside the store");
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.queue.write(records).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.queue.flush().await
    }

    async fn read(&self, query: Query) -> Result<Vec<Event>, StoreError> {
        self.query(move |conn| select::read(conn, &query)).await
    }

    async fn gaps(&self, symbol: Option<Symbol>, from: Ms, to: Ms) -> Result<Vec<GapRow>, StoreError> {
        self.query(move |conn| select::gaps(conn, symbol.as_ref(), from, to)).await
    }

    async fn coverage(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Vec<(Ms, Ms)>, StoreError> {
        self.query(move |conn| select::coverage(conn, dataset, &symbol, &venue)).await
    }

    async fn newest(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Option<Ms>, StoreError> {
        self.query(move |conn| select::newest(conn, dataset, &symbol, &venue)).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        let size = |suffix: &str| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(suffix);
            std::fs::metadata(name).map_or(0, |m| m.len())
        };
        Ok(StoreStats {
            kind: "sqlite",
            bytes: size("") + size("-wal"),
            pending: self.queue.pending(),
            error: self.queue.error(),
            ..StoreStats::default()
        })
    }
}

#[async_trait]
impl HotStore for SqliteStore {
    async fn hot_days(&self, before: Ms) -> Result<Vec<HotDay>, StoreError> {
        self.query(move |conn| hot::days(conn, before)).await
    }

    async fn snapshot(&self, query: Query) -> Result<(Vec<Event>, Mark), StoreError> {
        self.query(move |conn| hot::snapshot(conn, &query)).await
    }

    /// In small transactions of the writing thread, so that new rows do not wait.
    async fn forget(
        &self,
        dataset: Dataset,
        symbol: &Symbol,
        venue: &VenueId,
        from: Ms,
        to: Ms,
        mark: Mark,
    ) -> Result<u64, StoreError> {
        let (symbol, venue) = (symbol.clone(), venue.clone());
        let mut what = Forget { dataset, symbol, venue, from, to, mark };
        let mut deleted = 0;
        loop {
            let some = what.clone();
            let done = self.queue.run(move |writing| hot::forget_some(&writing.0, &some)).await?;
            let (some, next) = done.map_err(|e| StoreError::Write(e.to_string()))?;
            deleted += some;
            match next {
                Some(at) => what.from = at,
                None => return Ok(deleted),
            }
        }
    }
}
