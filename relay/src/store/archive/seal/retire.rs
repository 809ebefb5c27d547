//! Deleting: what is older than it is to be kept, and book and trades where the disk cap wants room.

use std::sync::Arc;

use shared::event::{Body, Event, Origin};
use shared::market::{Ms, Timeframe};
use tracing::info;

use super::{Phase, SETTLE, SealError, Sealer, Summary, blocking};
use crate::config::RetentionConfig;
use crate::store::archive::Archive;
use crate::store::archive::archived::uncovered;
use crate::store::archive::layout::Meta;
use crate::store::archive::manifest::Entry;
use crate::store::archive::read::Span;
use crate::store::{Dataset, HotDay, Mark, Query};

/// Days the growth is taken from.
const GROWTH_DAYS: i64 = 7;
/// Every row, whenever it was written.
const ALL: Mark = Mark(i64::MAX);

impl RetentionConfig {
    /// Days a dataset is kept; `None` for ever. Imports aside.
    fn days(&self, dataset: Dataset) -> Option<u32> {
        match dataset {
            Dataset::Bars(_) => self.bars,
            Dataset::Oi => self.oi,
            Dataset::Funding => self.funding,
            Dataset::Liquidations => self.liquidations,
            Dataset::Book => self.book,
            Dataset::Trades => self.trades,
        }
    }

    /// The first day of a dataset that is kept.
    fn kept_from(&self, dataset: Dataset, today: Ms) -> Option<Ms> {
        self.days(dataset).map(|days| today - Ms(Ms::DAY.0 * i64::from(days)))
    }

    /// The first day with imported bars that is kept: they are kept as long as other bars at least.
    fn imports_kept_from(&self, today: Ms) -> Option<Ms> {
        Some(today - Ms(Ms::DAY.0 * i64::from(self.imports?.max(self.bars?))))
    }
}

impl Sealer {
    fn today(&self) -> Ms {
        self.clock.now().floor(Ms::DAY)
    }

    /// Deletes the days that are too old, files and hot rows.
    pub(super) async fn retire(&self, summary: &mut Summary) -> Result<(), SealError> {
        let today = self.today();
        let old = |dataset, day| self.retention.kept_from(dataset, today).is_some_and(|from| day < from);
        for entry in self.archive.manifest().all() {
            let Meta { dataset, day, .. } = entry.meta;
            if old(dataset, day) && !self.holds_imports(&entry, today).await? {
                self.remove(&entry, summary).await?;
            }
        }
        let newest = [Dataset::Bars(Timeframe::M1), Dataset::Oi, Dataset::Funding, Dataset::Liquidations]
            .into_iter()
            .chain([Dataset::Book, Dataset::Trades])
            .filter_map(|dataset| self.retention.kept_from(dataset, today))
            .max();
        let Some(newest) = newest else { return Ok(()) };
        for hot in self.hot.hot_days(newest).await? {
            if old(hot.dataset, hot.day) && !self.holds_hot_imports(&hot, today).await? {
                self.forget_day(&hot, summary).await?;
            }
        }
        Ok(())
    }

    /// Whether a file of bars has imported ones that are to be kept. The hours stay as long as their minutes.
    async fn holds_imports(&self, entry: &Arc<Entry>, today: Ms) -> Result<bool, SealError> {
        let minutes = match entry.meta.dataset {
            Dataset::Bars(Timeframe::M1) => entry.clone(),
            Dataset::Bars(_) => {
                let meta = Meta { dataset: Dataset::Bars(Timeframe::M1), ..entry.meta.clone() };
                return Ok(self.archive.manifest().get(&meta.path()).is_some_and(|minutes| {
                    // Removed before their hours, being first by name, unless they are kept.
                    minutes.meta == meta
                }));
            }
            Dataset::Oi | Dataset::Funding | Dataset::Liquidations | Dataset::Book | Dataset::Trades => {
                return Ok(false);
            }
        };
        if self.retention.imports_kept_from(today).is_some_and(|from| minutes.meta.day < from) {
            return Ok(false);
        }
        let archive = self.archive.clone();
        blocking(move || {
            let Some(file) = archive.open_file(&minutes)? else { return Ok(false) };
            Ok(file.scan(Span::all())?.collect()?.iter().any(imported))
        })
        .await
    }

    async fn holds_hot_imports(&self, hot: &HotDay, today: Ms) -> Result<bool, SealError> {
        let too_old = self.retention.imports_kept_from(today).is_some_and(|from| hot.day < from);
        if !matches!(hot.dataset, Dataset::Bars(_)) || too_old {
            return Ok(false);
        }
        let rows = self.hot.read(Query {
            dataset: hot.dataset,
            symbol: hot.symbol.clone(),
            venue: Some(hot.venue.clone()),
            from: hot.day,
            to: hot.day + Ms::DAY,
            limit: usize::MAX,
            newest: false,
        });
        Ok(rows.await?.iter().any(imported))
    }

    async fn remove(&self, entry: &Arc<Entry>, summary: &mut Summary) -> Result<(), SealError> {
        let path = entry.meta.path();
        self.archive.state().enter(Phase::Retiring, &path);
        let archive = self.archive.clone();
        blocking(move || Ok(archive.remove(&path)?)).await?;
        summary.retired += 1;
        self.uncover(&entry.meta).await
    }

    async fn forget_day(&self, hot: &HotDay, summary: &mut Summary) -> Result<(), SealError> {
        let HotDay { dataset, symbol, venue, day, .. } = hot;
        self.archive.state().enter(Phase::Retiring, "");
        summary.retired_rows += self.hot.forget(*dataset, symbol, venue, *day, *day + Ms::DAY, ALL).await?;
        self.uncover(&Meta::new(*dataset, symbol, venue, *day)).await
    }

    /// A deleted day may be fetched again when somebody asks for it.
    async fn uncover(&self, day: &Meta) -> Result<(), SealError> {
        match uncovered(day) {
            Some(record) => Ok(self.hot.write(vec![record]).await?),
            None => Ok(()),
        }
    }

    /// Deletes the oldest days of book and trades while more is used than the cap allows. Nothing else is deleted for
    /// it: where they do not suffice the state says so, and the rest goes on being recorded.
    pub(super) async fn keep_to_cap(&self, summary: &mut Summary) -> Result<(), SealError> {
        let (before, today) = ((self.clock.now() - SETTLE).floor(Ms::DAY), self.today());
        let growth = growth(&self.archive, &self.retention, before, today);
        self.archive.state().lock().growth = growth;
        let Some(cap) = self.retention.disk_cap else { return Ok(()) };
        let spare = |dataset| matches!(dataset, Dataset::Book | Dataset::Trades);
        let mut used = self.used().await?;
        let mut files = self.archive.manifest().all();
        files.retain(|entry| spare(entry.meta.dataset));
        files.sort_by_key(|entry| entry.meta.day);
        let (mut days, retired) = (None, summary.retired);
        for entry in files {
            if used <= cap {
                break;
            }
            self.remove(&entry, summary).await?;
            used = used.saturating_sub(entry.written.bytes);
            days = Some((days.map_or(entry.meta.day, |(first, _)| first), entry.meta.day));
        }
        if let Some((first, last)) = days {
            let day = |at| crate::store::archive::layout::day_name(at);
            let files = summary.retired - retired;
            info!(
                files,
                from = day(first),
                to = day(last),
                "book and trades deleted to keep to the disk cap"
            );
        }
        if used > cap {
            for hot in self.hot.hot_days(today).await?.iter().filter(|hot| spare(hot.dataset)) {
                self.forget_day(hot, summary).await?;
            }
            used = self.used().await?;
        }
        let error = (used > cap).then(|| {
            "DISK_CAP is reached by what is never deleted for it: raise it, or set RETENTION_BARS_DAYS and its like"
                .to_owned()
        });
        let mut known = self.archive.state().lock();
        if let (None, Some(error)) = (&known.cap_error, &error) {
            tracing::error!(used, cap, "{error}");
        }
        known.cap_error = error;
        Ok(())
    }

    /// Bytes of hot store and archive.
    async fn used(&self) -> Result<u64, SealError> {
        Ok(self.hot.stats().await?.bytes + self.archive.manifest().bytes())
    }
}

fn imported(row: &Event) -> bool {
    matches!(row.body, Body::Bar(bar) if bar.origin == Origin::Import)
}

/// Bytes a day that the archive has grown by in the last days. What is deleted as fast as it comes does not count.
fn growth(archive: &Archive, retention: &RetentionConfig, before: Ms, today: Ms) -> Option<u64> {
    let files = archive.manifest().all();
    let level = |dataset| {
        retention.kept_from(dataset, today).is_some_and(|from| {
            files.iter().any(|entry| entry.meta.dataset == dataset && entry.meta.day <= from)
        })
    };
    let from = before - Ms(Ms::DAY.0 * GROWTH_DAYS);
    let recent = || files.iter().filter(|entry| (from..before).contains(&entry.meta.day));
    let first = recent().map(|entry| entry.meta.day).min()?;
    let days = ((before - first).0 / Ms::DAY.0).max(1).unsigned_abs();
    let bytes: u64 = recent().filter(|e| !level(e.meta.dataset)).map(|e| e.written.bytes).sum();
    Some(bytes / days)
}
