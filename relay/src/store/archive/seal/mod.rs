//! Turns finished days into files, and keeps the archive as it should be.
//!
//! A day is sealed from 00:30 UTC of the next on:
//! 1. its hot rows are read in one view, with the view's mark;
//! 2. joined with those its file has already, and written beside it, durable;
//! 3. read back and compared;
//! 4. renamed into place, the folder made durable, a manifest line added;
//! 5. the hot rows that were not written after the mark are deleted.
//!
//! Each step can be killed and is done again by the next pass; until the last the rows are hot, and hot rows win by
//! key. Rows that come late for a sealed day go the same way. The hours of a day are folded anew whenever its
//! minutes were written; that their file is missing or older than that of the minutes is seen from the manifest.
//!
//! An abandoned forming minute (the relay ended within it, and no venue told it again) is in no file and stays hot.

mod day;
mod hours;
mod retire;
mod state;

#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::market::{Calendar, Ms, Symbol, Timeframe, VenueId};
use tracing::info;

use super::layout::Meta;
use super::{Archive, ArchiveError};
use crate::clock::Clock;
use crate::config::RetentionConfig;
use crate::store::{Dataset, HotDay, HotStore, StoreError};

pub use state::{ArchiveStats, DiskStats, Phase, State};

/// A day is sealed so long after its end.
const SETTLE: Ms = Ms(30 * Ms::MINUTE.0);
/// From the start of a relay to its first pass.
const FIRST: Duration = Duration::from_secs(1);
/// How often the clock is looked at between passes: a machine that slept is late by no more.
const LOOK: Duration = Duration::from_secs(20);
/// After a pass that failed, growing to [`LONGEST_RETRY`].
const RETRY: Ms = Ms::seconds(10);
const LONGEST_RETRY: Ms = Ms::seconds(300);
/// A long pass says how far it is.
const PROGRESS: Duration = Duration::from_secs(30);

/// When a market trades; `None` while that is not known.
pub type Calendars = Arc<dyn Fn(&Symbol, &VenueId) -> Option<Calendar> + Send + Sync>;

/// The calendar that a symbol tells by itself: coins trade around the clock.
pub fn calendar_of(symbol: &Symbol) -> Option<Calendar> {
    let text = symbol.as_str();
    (text.ends_with("-PERP") || text.contains('/')).then_some(Calendar::Continuous)
}

/// How much of the machine a pass may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Three times as long as each file took nothing is done: the relay has others to serve.
    Beside,
    Full,
}

impl Pace {
    async fn pause(self, worked: Duration) {
        if self == Pace::Beside {
            tokio::time::sleep((worked * 3).clamp(Duration::from_millis(5), Duration::from_secs(2))).await;
        }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file that does not hold what was just written to it.
    #[error("{0} does not read back as it was written")]
    Differs(String),
    #[error("a task of the sealer ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl SealError {
    /// Whether the next file would fare no better: the disk is full, read-only, away.
    fn stops(&self) -> bool {
        match self {
            SealError::Archive(ArchiveError::Io { .. }) | SealError::Store(_) | SealError::Task(_) => true,
            SealError::Archive(_) | SealError::Differs(_) => false,
        }
    }
}

/// What a pass did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// Days of a series that had no file before.
    pub sealed: usize,
    /// Files written anew with late rows.
    pub compacted: usize,
    /// Rows taken out of the hot store.
    pub rows: u64,
    /// Files of hours.
    pub hours: usize,
    /// Files deleted for their age or the disk cap.
    pub retired: usize,
    /// Hot rows deleted for their age or the disk cap.
    pub retired_rows: u64,
    /// Files that could not be written.
    pub failed: usize,
}

/// Does the passes.
pub struct Sealer {
    hot: Arc<dyn HotStore>,
    archive: Arc<Archive>,
    calendars: Calendars,
    retention: RetentionConfig,
    clock: Clock,
    pace: Pace,
}

impl Sealer {
    pub fn new(
        hot: Arc<dyn HotStore>,
        archive: Arc<Archive>,
        calendars: Calendars,
        retention: RetentionConfig,
        clock: Clock,
        pace: Pace,
    ) -> Sealer {
        archive.state().lock().cap = retention.disk_cap;
        Sealer { hot, archive, calendars, retention, clock, pace }
    }

    /// A pass soon after the start, then each hour at its 30th minute, so that a day is sealed at 00:30; after a pass
    /// that failed sooner. Runs until it is dropped.
    pub async fn run(self) {
        tokio::time::sleep(FIRST).await;
        let mut retry = RETRY;
        loop {
            let failed = self.pass().await.is_err();
            let now = self.clock.now();
            let mut next = (now - SETTLE).floor(Ms::HOUR) + Ms::HOUR + SETTLE;
            if failed {
                next = next.min(now + retry);
                retry = (retry + retry).min(LONGEST_RETRY);
            } else {
                retry = RETRY;
            }
            // A clock that was set back waits no longer than an hour.
            let begun = now;
            while (begun..next).contains(&self.clock.now()) {
                let left = (next - self.clock.now()).0.max(0).unsigned_abs();
                tokio::time::sleep(LOOK.min(Duration::from_millis(left))).await;
            }
        }
    }

    /// Deletes what is too old, seals what is finished, folds hours, keeps to the disk cap. One file that fails does
    /// not keep the others back; a disk that fails ends the pass. The state tells either until a pass went well.
    ///
    /// # Errors
    /// The first failure, after all that could be done was.
    pub async fn pass(&self) -> Result<Summary, SealError> {
        let began = Instant::now();
        let mut summary = Summary::default();
        let mut first = None;
        let done = self.all(&mut summary, &mut first).await;
        let result = match (first, done) {
            (Some(e), _) | (None, Err(e)) => Err(e),
            (None, Ok(())) => Ok(summary),
        };
        let state = self.archive.state();
        state.set_error(result.as_ref().err().map(ToString::to_string));
        state.enter(Phase::Idle, "");
        if summary != Summary::default() {
            let Summary { sealed, compacted, rows, hours, retired, retired_rows, failed } = summary;
            let took_ms = began.elapsed().as_millis() as u64;
            info!(sealed, compacted, rows, hours, retired, retired_rows, failed, took_ms, "archive pass");
        }
        result
    }

    async fn all(&self, summary: &mut Summary, first: &mut Option<SealError>) -> Result<(), SealError> {
        self.retire(summary).await?;
        // First, because a full disk would end the pass below; again, because the pass fills it.
        self.keep_to_cap(summary).await?;
        self.seal(summary, first).await?;
        self.fold_missing(summary, first).await?;
        self.keep_to_cap(summary).await
    }

    /// Seals every finished day, oldest first.
    async fn seal(&self, summary: &mut Summary, first: &mut Option<SealError>) -> Result<(), SealError> {
        let before = (self.clock.now() - SETTLE).floor(Ms::DAY);
        let mut jobs = self.jobs(self.hot.hot_days(before).await?);
        self.tell(&jobs, before);
        let total = jobs.len();
        let mut told = Instant::now();
        let mut failed: Vec<Job> = Vec::new();
        while let Some(job) = jobs.pop_first() {
            let began = Instant::now();
            match self.seal_day(&job.1, summary).await {
                Ok(()) => {}
                Err(e) if e.stops() => return Err(e),
                Err(e) => {
                    tracing::debug!(error = %e, "a day stays hot");
                    summary.failed += 1;
                    first.get_or_insert(e);
                    failed.push(job.1);
                }
            }
            let left: Vec<&Job> = failed.iter().chain(jobs.values()).collect();
            self.tell_left(&left, before);
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                info!(done = total - jobs.len(), total, "sealing days");
            }
            self.pace.pause(began.elapsed()).await;
        }
        Ok(())
    }

    /// The files to write, oldest day first.
    fn jobs(&self, days: Vec<HotDay>) -> BTreeMap<(Ms, String), Job> {
        let mut jobs: BTreeMap<(Ms, String), Job> = BTreeMap::new();
        for HotDay { dataset, symbol, venue, day, rows } in days {
            let meta = Meta::new(dataset, &symbol, &venue, day);
            let path = meta.path();
            let listed = self.archive.manifest().get(&path).is_some();
            // Two symbols of one file name: the second has a job of its own, which says so.
            let key = (day, format!("{path} {symbol}"));
            jobs.entry(key).or_insert(Job { meta, listed, rows: 0 }).rows += rows;
        }
        jobs
    }

    fn tell(&self, jobs: &BTreeMap<(Ms, String), Job>, before: Ms) {
        self.tell_left(&jobs.values().collect::<Vec<_>>(), before);
    }

    fn tell_left(&self, jobs: &[&Job], before: Ms) {
        let pending: BTreeSet<Ms> = jobs.iter().filter(|job| !job.listed).map(|job| job.meta.day).collect();
        let mut known = self.archive.state().lock();
        known.sealed_to = Some(pending.first().copied().unwrap_or(before));
        known.pending_days = pending.len();
        known.late_rows = jobs.iter().filter(|job| job.listed).map(|job| job.rows).sum();
    }

    /// All steps for one file, and for the hours of its minutes.
    async fn seal_day(&self, job: &Job, summary: &mut Summary) -> Result<(), SealError> {
        let phase = if job.listed { Phase::Compacting } else { Phase::Sealing };
        self.archive.state().enter(phase, &job.meta.path());
        let done = day::seal(&self.hot, &self.archive, &job.meta, self.clock.now()).await?;
        summary.rows += done.rows;
        match (done.written, job.listed) {
            (false, _) => {}
            (true, false) => summary.sealed += 1,
            (true, true) => summary.compacted += 1,
        }
        if done.written && job.meta.dataset == Dataset::Bars(Timeframe::M1) {
            self.fold(&job.meta, summary).await?;
        }
        Ok(())
    }
}

/// One file to write.
struct Job {
    meta: Meta,
    /// There is a file of the day already.
    listed: bool,
    /// Hot rows.
    rows: u64,
}

/// Runs what waits for the disk off the async threads.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, SealError> + Send + 'static,
) -> Result<T, SealError> {
    tokio::task::spawn_blocking(run).await?
}
