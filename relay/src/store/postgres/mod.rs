//! The store in a PostgreSQL database: one writing connection, a pool of reading ones.
//!
//! A commit is as durable as the server is told to make it. While the server is away records wait in the queue (see
//! [`crate::store::writer`]) and the error shows in the status; then the connection is made again. One tapedeck
//! writes to a database: its writer holds an advisory lock. Connections are not encrypted, so a server elsewhere
//! belongs behind a tunnel, and one behind a pooler that gives a session to many clients cannot be used.

mod batch;
mod columns;
mod schema;
mod select;
mod session;
mod target;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use shared::event::Event;
use shared::market::{Ms, Symbol, VenueId};
use tokio_postgres::NoTls;

use super::writer::Queue;
use super::{Dataset, GapRow, HotDay, HotStore, Mark, Query, Record, Store, StoreError, StoreStats};
use columns::Unreadable;
use schema::Step;
use session::Session;
use target::told;

pub use target::PostgresUrl;

/// Reading connections, and so queries that run at once.
const READERS: usize = 8;
/// How long a query waits for a connection, free or new.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long the status waits for the size.
const SIZE_PATIENCE: Duration = Duration::from_secs(1);
/// No reading query takes longer. Compiling them costs more than they take.
const READER_SETTINGS: &str = "SET statement_timeout='60s'; SET jit=off";

/// [`Store`] in a PostgreSQL database.
pub struct PostgresStore {
    url: PostgresUrl,
    queue: Queue<Session>,
    readers: Pool,
    /// As it was when the server was last asked.
    bytes: AtomicU64,
}

impl PostgresStore {
    /// Connects; makes the tables in an empty database, migrates older ones, keeping what a step changes.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] or [`StoreError::Open`], both to be shown as they are.
    pub async fn open(url: &PostgresUrl) -> Result<PostgresStore, StoreError> {
        PostgresStore::open_with(url, schema::MIGRATIONS).await
    }

    async fn open_with(url: &PostgresUrl, steps: &'static [Step]) -> Result<PostgresStore, StoreError> {
        let failed = |detail: String| StoreError::Open { path: url.shown().to_owned(), detail };
        let name = format!("tapedeck {} {}", std::process::id(), crate::clock::system_now().0);
        let writer = {
            let (url, name) = (url.clone(), name.clone());
            tokio::task::spawn_blocking(move || Session::open(url, name, steps))
        };
        let session = writer.await.map_err(|e| failed(e.to_string()))??;
        let config = url.config("tapedeck reader").map_err(|e| failed(told(&e)))?;
        // A server that was started anew leaves dead connections in the pool: each is tried before it is lent.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Verified };
        let settings = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(READER_SETTINGS).await.map_err(HookError::Backend) })
        });
        let readers = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(READERS)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1)
            .post_create(settings)
            .build()
            .map_err(|e| failed(e.to_string()))?;
        let queue = Queue::start(session).map_err(|e| failed(e.to_string()))?;
        Ok(PostgresStore { url: url.clone(), queue, readers, bytes: AtomicU64::new(0) })
    }

    fn unreadable(&self, detail: &str) -> StoreError {
        StoreError::Read(format!("{}: {detail}", self.url.shown()))
    }

    async fn reader(&self) -> Result<Object, StoreError> {
        self.readers.get().await.map_err(|e| match e {
            PoolError::Backend(e) | PoolError::PostCreateHook(HookError::Backend(e)) => {
                self.unreadable(&told(&e))
            }
            PoolError::Timeout(_) => self.unreadable("the server does not answer in time"),
            other => self.unreadable(&other.to_string()),
        })
    }

    fn read_as<T>(&self, answer: Result<T, Unreadable>) -> Result<T, StoreError> {
        answer.map_err(|e| self.unreadable(&e.to_string()))
    }

    /// Bytes of the tables with their indexes.
    async fn size(&self) -> Result<u64, StoreError> {
        self.read_as(select::size(&self.reader().await?).await)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.queue.write(records).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.queue.flush().await
    }

    async fn read(&self, query: Query) -> Result<Vec<Event>, StoreError> {
        self.read_as(select::read(&self.reader().await?, &query).await)
    }

    async fn gaps(&self, symbol: Option<Symbol>, from: Ms, to: Ms) -> Result<Vec<GapRow>, StoreError> {
        self.read_as(select::gaps(&self.reader().await?, symbol.as_ref(), from, to).await)
    }

    async fn coverage(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Vec<(Ms, Ms)>, StoreError> {
        self.read_as(select::coverage(&self.reader().await?, dataset, &symbol, &venue).await)
    }

    async fn newest(
        &self,
        dataset: Dataset,
        symbol: Symbol,
        venue: VenueId,
    ) -> Result<Option<Ms>, StoreError> {
        self.read_as(select::newest(&self.reader().await?, dataset, &symbol, &venue).await)
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        // The status is asked for above all when something is wrong, so it does not wait for the server.
        if let Ok(Ok(bytes)) = tokio::time::timeout(SIZE_PATIENCE, self.size()).await {
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        let (bytes, pending) = (self.bytes.load(Ordering::Relaxed), self.queue.pending());
        Ok(StoreStats {
            kind: "postgres",
            bytes,
            pending,
            error: self.queue.error(),
            ..StoreStats::default()
        })
    }
}

#[async_trait]
impl HotStore for PostgresStore {
    async fn hot_days(&self, before: Ms) -> Result<Vec<HotDay>, StoreError> {
        self.read_as(select::days(&self.reader().await?, before).await)
    }

    async fn snapshot(&self, query: Query) -> Result<(Vec<Event>, Mark), StoreError> {
        self.read_as(select::snapshot(&mut self.reader().await?, &query).await)
    }

    /// On a reading connection, so that new rows do not wait: a row that is written meanwhile is looked at again by
    /// the server before it goes, and its new number keeps it.
    async fn forget(
        &self,
        dataset: Dataset,
        symbol: &Symbol,
        venue: &VenueId,
        from: Ms,
        to: Ms,
        mark: Mark,
    ) -> Result<u64, StoreError> {
        let range = (from, to);
        let done = select::forget(&self.reader().await?, dataset, symbol, venue, range, mark).await;
        done.map_err(|e| StoreError::Write(format!("{}: {e}", self.url.shown())))
    }
}
