//! Folds of a market whose venue has no bars but minutes: kept, and added to as minutes close.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use shared::market::{Ms, Timeframe};

use super::partial::{Partial, fold};
use super::{ABANDONED, BarsQuery, Candle, History, HistoryError, Series, span};
use crate::store::StoreError;

/// Kept folds are made anew after this long: minutes recorded late, or replaced, are in them by then.
const FRESH: Duration = Duration::from_secs(60);
/// Minutes read at a time.
const CHUNK: usize = 20_000;

/// Where a market's folds are kept; locked while one request brings them up to date.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Folded>>>;

/// All folded timeframes of one market from the same pass over its minutes.
pub(super) struct Folded {
    /// The first minute looked at; a month's open, so that no bucket but a week is cut.
    from: Ms,
    /// The first minute not in it yet.
    next: Ms,
    built: Instant,
    frames: Vec<Frame>,
}

/// One timeframe: finished buckets, and the one that the next minute may belong to.
struct Frame {
    timeframe: Timeframe,
    done: Vec<Candle>,
    last: Option<Partial>,
}

impl Folded {
    fn new(from: Ms) -> Folded {
        let frame = |timeframe| Frame { timeframe, done: Vec::new(), last: None };
        let frames = Timeframe::ALL.into_iter().skip(1).map(frame).collect();
        Folded { from, next: from, built: Instant::now(), frames }
    }

    fn push(&mut self, minute: &Candle, series: &Series) {
        for frame in &mut self.frames {
            frame.done.extend(Partial::push(&mut frame.last, minute, frame.timeframe, &series.calendar));
        }
    }
}

impl History {
    /// Bars of a range, folded from stored minutes and the forming one.
    pub(super) async fn fold_stored(
        &self,
        series: &Series,
        query: &BarsQuery,
    ) -> Result<Vec<Candle>, HistoryError> {
        let timeframe = query.timeframe;
        let first = self.nearest(series, Timeframe::M1, (Ms::ZERO, Ms(i64::MAX)), false).await?;
        let Some(first) = first else {
            let tail = self.minutes(series, Ms::ZERO).await?;
            return Ok(fold_range(None, &tail, series, query));
        };
        // As far back as the answer can reach, at least this month.
        let newest = span(timeframe, query.limit.saturating_add(1));
        let reach = if query.newest { query.to.min(series.now) - newest } else { query.from };
        let wanted = reach.max(query.from).max(first).min(series.now);
        let wanted = series.calendar.open(Timeframe::Mo1, wanted);
        let slot = {
            let mut folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(folded.entry((series.venue.clone(), series.symbol.clone())).or_default())
        };
        let mut slot = slot.lock().await;
        let usable = slot.take().filter(|kept| kept.from <= wanted && kept.built.elapsed() < FRESH);
        let folded = slot.insert(usable.unwrap_or_else(|| Folded::new(wanted)));
        self.catch_up(series, folded).await?;
        let tail = self.minutes(series, folded.next).await?;
        let frame = folded.frames.iter().find(|frame| frame.timeframe == timeframe);
        // A week that began before the first month looked at is not whole, unless nothing is recorded earlier.
        let whole = if folded.from > first { folded.from } else { query.from };
        let query = BarsQuery { from: query.from.max(whole), ..query.clone() };
        Ok(fold_range(frame, &tail, series, &query))
    }

    /// Adds the minutes that are closed for good by now.
    async fn catch_up(&self, series: &Series, folded: &mut Folded) -> Result<(), StoreError> {
        let to = (series.now - ABANDONED).floor(Ms::MINUTE);
        while folded.next < to {
            // Abandoned minutes count as rows read, else a chunk with one would pass for the last.
            let rows = self.recorded(series, Timeframe::M1, (folded.next, to), CHUNK, false).await?;
            for row in rows.iter().filter(|row| row.bar.closed) {
                folded.push(row, series);
            }
            let last = rows.last().filter(|_| rows.len() >= CHUNK);
            folded.next = last.map_or(to, |row| row.bar.timestamp + Ms::MINUTE);
        }
        Ok(())
    }
}

/// Kept buckets in the query's range, with the newest minutes on top.
fn fold_range(frame: Option<&Frame>, tail: &[Candle], series: &Series, query: &BarsQuery) -> Vec<Candle> {
    let done = frame.map_or(&[][..], |frame| &frame.done);
    let at = |time: Ms| done.partition_point(|row| row.bar.timestamp < time);
    let mut bars: Vec<Candle> = done.get(at(query.from)..at(query.to)).unwrap_or_default().to_vec();
    let last = frame.and_then(|frame| frame.last);
    let newest = fold(last, tail, query.timeframe, query.base, series);
    bars.extend(newest.into_iter().filter(|row| (query.from..query.to).contains(&row.bar.timestamp)));
    bars
}
