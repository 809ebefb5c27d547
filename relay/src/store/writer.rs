//! The one writer of a store: a thread that owns the writing connection and turns the queue into transactions.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shared::event::{Body, Event};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use tokio::sync::{Semaphore, oneshot};

use super::{Record, StoreError};

/// Records that may wait for the disk or server; a writer with more waits itself.
pub(super) const QUEUE_RECORDS: usize = 100_000;
/// How long records are collected before they are committed; with the commit itself under 250 ms.
const COLLECT: Duration = Duration::from_millis(150);
/// So many are committed without waiting longer.
const BATCH_RECORDS: usize = 10_000;
/// Spacing of attempts while disk or server refuses.
const RETRY: Duration = Duration::from_millis(500);

/// What a writing thread writes with.
pub(super) trait Backend: Send + 'static {
    type Error: Display;

    /// Writes all records or none. A record that can never be stored is left out and logged, so that it does not hold
    /// up the others.
    ///
    /// # Errors
    /// What went wrong, where trying again may help.
    fn apply(&mut self, records: &[Record]) -> Result<(), Self::Error>;

    /// The last call, after the last batch.
    fn close(&mut self) {}
}

/// The way to a writing thread. Dropping it commits what is queued; that blocks until done.
pub(super) struct Queue<B> {
    /// `None` only while dropping.
    commands: Option<mpsc::Sender<Command<B>>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
}

type Job<B> = Box<dyn FnOnce(&mut B) + Send>;

/// What the thread is asked to do.
enum Command<B> {
    /// Records and the queue places they hold.
    Write(Vec<Record>, usize),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    /// Something else with the connection, between two batches.
    Job(Job<B>),
}

/// What thread and queue both see.
struct State {
    places: Semaphore,
    pending: AtomicU64,
    error: Mutex<Option<String>>,
}

impl<B: Backend> Queue<B> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn start(backend: B) -> std::io::Result<Queue<B>> {
        let (places, pending, error) = (Semaphore::new(QUEUE_RECORDS), AtomicU64::new(0), Mutex::new(None));
        let state = Arc::new(State { places, pending, error });
        let (sender, commands) = mpsc::channel();
        let writer = Writer {
            backend,
            state: state.clone(),
            pending: Vec::new(),
            places: 0,
            waiting: Vec::new(),
            due: None,
        };
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread = Some(thread.spawn(move || writer.run(&commands))?);
        Ok(Queue { commands: Some(sender), thread, state })
    }

    /// Queues records; waits where the queue is full.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(super) async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        // A batch larger than the whole queue is let through once the queue is empty.
        let places = records.len().min(QUEUE_RECORDS);
        let turn = self.state.places.acquire_many(places as u32).await.map_err(|_| StoreError::Closed)?;
        self.state.pending.fetch_add(places as u64, Ordering::Relaxed);
        self.send(Command::Write(records, places))?;
        // The thread gives the places back once the records are durable.
        turn.forget();
        Ok(())
    }

    /// Waits until everything queued before is durable.
    ///
    /// # Errors
    /// [`StoreError::Write`] with what disk or server said; the records go on waiting.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let (reply, done) = oneshot::channel();
        self.send(Command::Flush(reply))?;
        done.await.map_err(|_| StoreError::Closed)?
    }

    /// Does something with the writing connection, between two batches.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut B) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, done) = oneshot::channel();
        let job = |backend: &mut B| {
            // The asker may have given up; it is done all the same.
            reply.send(job(backend)).ok();
        };
        self.send(Command::Job(Box::new(job)))?;
        done.await.map_err(|_| StoreError::Closed)
    }

    fn send(&self, command: Command<B>) -> Result<(), StoreError> {
        let commands = self.commands.as_ref().ok_or(StoreError::Closed)?;
        commands.send(command).map_err(|_| StoreError::Closed)
    }
}

impl<B> Queue<B> {
    /// Records that are not durable yet.
    pub(super) fn pending(&self) -> u64 {
        self.state.pending.load(Ordering::Relaxed)
    }

    /// What disk or server said last, while it refuses.
    pub(super) fn error(&self) -> Option<String> {
        self.state.error()
    }
}

impl<B> Drop for Queue<B> {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl State {
    fn error(&self) -> Option<String> {
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

struct Writer<B> {
    backend: B,
    state: Arc<State>,
    pending: Vec<Record>,
    /// Queue places of `pending`, given back once durable.
    places: usize,
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// When the next commit is tried; `None` while nothing waits.
    due: Option<Instant>,
}

impl<B: Backend> Writer<B> {
    /// Serves until the queue is gone, then commits what is left.
    fn run(mut self, commands: &Receiver<Command<B>>) {
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
            let (records, error) = (self.pending.len(), self.state.error().unwrap_or_default());
            tracing::error!(records, error, "closing with records that could not be written");
        }
        self.backend.close();
    }

    fn handle(&mut self, command: Command<B>) {
        match command {
            Command::Write(mut records, places) => {
                self.pending.append(&mut records);
                self.places += places;
                self.due.get_or_insert_with(|| Instant::now() + COLLECT);
                if self.pending.len() >= BATCH_RECORDS && self.state.error().is_none() {
                    self.commit();
                }
            }
            Command::Flush(reply) => {
                self.waiting.push(reply);
                self.commit();
            }
            Command::Job(job) => job(&mut self.backend),
        }
    }

    /// One transaction for all that is pending. On failure everything stays pending and is tried again.
    fn commit(&mut self) {
        coalesce(&mut self.pending);
        let result = match self.pending.is_empty() {
            true => Ok(()),
            false => self.backend.apply(&self.pending).map_err(|e| e.to_string()),
        };
        let answer = match result {
            Ok(()) => {
                self.pending = Vec::new();
                let places = std::mem::take(&mut self.places);
                self.state.pending.fetch_sub(places as u64, Ordering::Relaxed);
                self.state.places.add_permits(places);
                self.state.set_error(None);
                self.due = None;
                None
            }
            Err(e) => {
                self.state.set_error(Some(e.clone()));
                self.due = Some(Instant::now() + RETRY);
                Some(e)
            }
        };
        for reply in self.waiting.drain(..) {
            // The asker may have given up waiting; then there is nobody to tell.
            reply.send(answer.clone().map_or(Ok(()), |e| Err(StoreError::Write(e)))).ok();
        }
    }
}

/// Drops each forming bar that a later record of the batch supersedes.
fn coalesce(records: &mut Vec<Record>) {
    let mut later: HashSet<(Symbol, VenueId, Timeframe, Ms)> = HashSet::new();
    let mut keep: Vec<bool> = Vec::with_capacity(records.len());
    for record in records.iter().rev() {
        keep.push(match record {
            Record::Event(Event { symbol, venue, body: Body::Bar(bar), .. }) if !bar.closed => {
                later.insert((symbol.clone(), venue.clone(), bar.interval, bar.timestamp))
            }
            Record::Event(_) | Record::Gap { .. } | Record::Coverage(_) | Record::Uncovered(_) => true,
        });
    }
    let mut kept = keep.into_iter().rev();
    records.retain(|_| kept.next().unwrap_or(true));
}
