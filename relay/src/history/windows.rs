//! Closed bars of a timeframe the venue has: walks over a range in windows, and what one answer may cost.

use shared::market::{Ms, Timeframe, VenueId};

use super::{BarsQuery, Candle, History, HistoryError, Series, SourceError, span};
use crate::store::StoreError;

/// Calls of a venue that one answer may take: the 20,001 bars of the longest at the smallest pages there are, and
/// those of four hours folded from hours.
const CALLS: usize = 288;
/// Calls a window may take: an empty one ends a walk back, so that it is to be long, but not the whole budget.
const WINDOW: usize = 48;
/// Rows read to find a closed one: a minute that was abandoned stays in the store as it was.
const FEW: usize = 16;

/// What one answer has cost, and what it could not have.
pub(super) struct Effort {
    /// Why something may be missing.
    pub(super) fault: Option<SourceError>,
    /// The calls are used up; rows behind the stretch that was being fetched are not whole.
    pub(super) spent: bool,
    calls: usize,
}

impl Effort {
    pub(super) fn new() -> Effort {
        Effort { fault: None, spent: false, calls: CALLS }
    }

    /// One more call.
    pub(super) fn call(&mut self, venue: &VenueId) -> Result<(), SourceError> {
        if self.calls == 0 {
            self.spent = true;
            let reason = format!("this range takes more than {CALLS} calls, ask again for the rest");
            return Err(SourceError { venue: venue.clone(), reason });
        }
        self.calls -= 1;
        Ok(())
    }
}

impl History {
    /// Closed bars of a stored timeframe, up to the settled edge.
    pub(super) async fn closed(
        &self,
        series: &Series,
        query: &BarsQuery,
        effort: &mut Effort,
    ) -> Result<Vec<Candle>, HistoryError> {
        let timeframe = query.timeframe;
        let start = self.source.history_start(&series.venue, &series.symbol).unwrap_or(Ms::ZERO);
        let from = query.from.max(series.calendar.open(timeframe, start));
        let to = query.to.min(series.settled(timeframe));
        if from >= to {
            return Ok(Vec::new());
        }
        if query.newest {
            self.newest(series, timeframe, (from, to), query.limit, effort).await
        } else {
            self.oldest(series, timeframe, (from, to), query.limit, effort).await
        }
    }

    /// Buckets a window may span.
    fn longest(&self, series: &Series) -> usize {
        let bars = self.source.bars_per_call(&series.venue);
        bars.map_or(usize::MAX, |bars| (bars as usize).saturating_mul(WINDOW))
    }

    /// The newest rows of a range: a window as long as the limit, then further back while holes left it short.
    async fn newest(
        &self,
        series: &Series,
        timeframe: Timeframe,
        (from, mut end): (Ms, Ms),
        limit: usize,
        effort: &mut Effort,
    ) -> Result<Vec<Candle>, HistoryError> {
        let longest = self.longest(series);
        let mut rows: Vec<Candle> = Vec::new();
        let mut widen = 0;
        while widen < 4 {
            let lacking = limit.saturating_sub(rows.len()).saturating_mul(4_usize.pow(widen));
            // A window cut to what calls may fetch is no wider look yet.
            widen += u32::from(lacking <= longest);
            let lacking = lacking.min(longest);
            let start = (end - span(timeframe, lacking)).max(from);
            let start = series.calendar.open(timeframe, start).max(from);
            let mut window = self.filled(series, timeframe, (start, end), effort).await?;
            if effort.spent {
                // What is later is whole.
                break;
            }
            let empty = window.is_empty();
            window.append(&mut rows);
            rows = window;
            if rows.len() >= limit || start <= from {
                break;
            }
            end = start;
            if empty {
                // Nothing near: go on from the last row there is, if any.
                match self.nearest(series, timeframe, (from, start), true).await? {
                    Some(last) => end = series.end(timeframe, last),
                    None => break,
                }
            }
        }
        Ok(rows)
    }

    /// The oldest rows of a range: windows as long as what is lacking; empty stretches are skipped.
    async fn oldest(
        &self,
        series: &Series,
        timeframe: Timeframe,
        (mut start, to): (Ms, Ms),
        limit: usize,
        effort: &mut Effort,
    ) -> Result<Vec<Candle>, HistoryError> {
        let longest = self.longest(series);
        let mut rows: Vec<Candle> = Vec::new();
        while rows.len() < limit && start < to {
            let lacking = (limit - rows.len()).min(longest);
            let mut end = (series.calendar.open(timeframe, start) + span(timeframe, lacking)).min(to);
            let mut window = self.filled(series, timeframe, (start, end), effort).await?;
            if window.is_empty() && end < to && !effort.spent {
                match self.next_row(series, timeframe, (end, to), effort).await? {
                    Some(at) => end = at,
                    None => break,
                }
            }
            if rows.is_empty() {
                rows = window;
            } else {
                rows.append(&mut window);
            }
            if effort.spent {
                // What follows would lie behind a hole.
                break;
            }
            start = end;
        }
        Ok(rows)
    }

    /// Where the first closed row of a range in the store opens, or the last.
    pub(super) async fn nearest(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        newest: bool,
    ) -> Result<Option<Ms>, StoreError> {
        let rows = self.stored(series, timeframe, range, FEW, newest).await?;
        let row = if newest { rows.last() } else { rows.first() };
        Ok(row.map(|row| row.bar.timestamp))
    }
}
