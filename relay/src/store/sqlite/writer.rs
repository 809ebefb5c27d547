//! The one writer: a thread that owns the writing connection and turns the queue into transactions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use shared::market::Ms;
use tokio::sync::{Semaphore, oneshot};

use super::batch;
use super::hot::{self, Forget};
use crate::store::{Record, StoreError};

/// Records that may wait for the disk; a writer with more waits itself.
pub(super) const QUEUE_RECORDS: usize = 100_000;
/// How long records are collected before they are committed; with the commit itself under 250 ms.
const COLLECT: Duration = Duration::from_millis(150);
/// So many are committed without waiting longer.
const BATCH_RECORDS: usize = 10_000;
/// Spacing of attempts while the disk refuses.
const RETRY: Duration = Duration::from_millis(500);

/// What the thread is asked to do.
pub(super) enum Command {
    /// Records and the queue places they hold.
    Write(Vec<Record>, usize),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    /// Deletes some rows; answers how many, and where to go on.
    Forget(Forget, oneshot::Sender<Result<(u64, Option<Ms>), StoreError>>),
    /// Runs as it is on the writing connection: how a test makes the disk full.
    #[cfg(test)]
    Sql(&'static str),
}

/// What the thread and the store both see.
pub(super) struct Shared {
    pub(super) queue: Semaphore,
    pub(super) pending: AtomicU64,
    pub(super) error: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn new() -> Arc<Shared> {
        Arc::new(Shared {
            queue: Semaphore::new(QUEUE_RECORDS),
            pending: AtomicU64::new(0),
            error: Mutex::new(None),
        })
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_error(&self, error: Option<String>) {
        let mut current = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*current, &error) {
            (None, Some(e)) => tracing::error!(error = %e, "the store cannot write; records wait"),
            (Some(_), None) => tracing::info!("the store writes again"),
            _ => {}
        }
        *current = error;
    }
}

pub(super) struct Writer {
    conn: Connection,
    shared: Arc<Shared>,
    pending: Vec<Record>,
    /// Queue places of `pending`, given back once durable.
    places: usize,
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// When the next commit is tried; `None` while nothing waits.
    due: Option<Instant>,
}

impl Writer {
    pub(super) fn new(conn: Connection, shared: Arc<Shared>) -> Writer {
        Writer { conn, shared, pending: Vec::new(), places: 0, waiting: Vec::new(), due: None }
    }

    /// Serves until every sender is gone, then commits what is left.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let next = match self.due {
                None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => commands.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => self.commit(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.commit();
        if !self.pending.is_empty() {
            let (records, error) = (self.pending.len(), self.shared.error().unwrap_or_default());
            tracing::error!(records, error, "closing with records that could not be written");
        }
        // Folds the log into the file, so that a copy of the file alone is whole.
        if let Err(e) = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(error = %e, "the write-ahead log stays beside the store");
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Write(mut records, places) => {
                self.pending.append(&mut records);
                self.places += places;
                self.due.get_or_insert_with(|| Instant::now() + COLLECT);
                if self.pending.len() >= BATCH_RECORDS && self.shared.error().is_none() {
                    self.commit();
                }
            }
            Command::Flush(reply) => {
                self.waiting.push(reply);
                self.commit();
            }
            Command::Forget(what, reply) => {
                let done = hot::forget_some(&self.conn, &what).map_err(|e| StoreError::Write(e.to_string()));
                // The asker may have given up; the rows are gone all the same.
                reply.send(done).ok();
            }
            #[cfg(test)]
            Command::Sql(sql) => self.conn.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}")),
        }
    }

    /// One transaction for all that is pending. On failure everything stays pending and is tried again.
    fn commit(&mut self) {
        batch::coalesce(&mut self.pending);
        let result = match self.pending.is_empty() {
            true => Ok(()),
            false => batch::apply(&mut self.conn, &self.pending),
        };
        let answer = match result {
            Ok(()) => {
                self.pending = Vec::new();
                let places = std::mem::take(&mut self.places);
                self.shared.pending.fetch_sub(places as u64, Ordering::Relaxed);
                self.shared.queue.add_permits(places);
                self.shared.set_error(None);
                self.due = None;
                None
            }
            Err(e) => {
                self.shared.set_error(Some(e.to_string()));
                self.due = Some(Instant::now() + RETRY);
                Some(e.to_string())
            }
        };
        for reply in self.waiting.drain(..) {
            // The asker may have given up waiting; then there is nobody to tell.
            reply.send(answer.clone().map_or(Ok(()), |e| Err(StoreError::Write(e)))).ok();
        }
    }
}
