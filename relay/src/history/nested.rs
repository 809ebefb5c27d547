//! Timeframes a venue lacks, folded from the largest of its own that nests in them.

use shared::market::{Calendar, Timeframe};

use super::partial::fold;
use super::windows::Effort;
use super::{BarsQuery, Candle, History, HistoryError, Series};

/// Whether bars of `rung` lie wholly in one of `timeframe`: a session's 4H count from its open while shorter ones
/// go by the clock, and weeks cross the ends of months.
pub(super) fn nests(rung: Timeframe, timeframe: Timeframe, calendar: &Calendar) -> bool {
    match timeframe {
        _ if rung >= timeframe => false,
        Timeframe::H4 => rung == Timeframe::M1 || !matches!(calendar, Calendar::Session(_)),
        Timeframe::Mo1 => rung != Timeframe::W1,
        _ => true,
    }
}

impl Series {
    /// The venue's own timeframe to fold one from that it lacks; `None` where it has none at all.
    pub(super) fn rung(&self, timeframe: Timeframe) -> Option<Timeframe> {
        self.native.iter().copied().filter(|rung| nests(*rung, timeframe, &self.calendar)).max()
    }
}

impl History {
    /// Closed bars of the query's timeframe from whole buckets of `rung`; a bucket of which a part may yet come, or
    /// could not be had, is left out.
    pub(super) async fn fold_native(
        &self,
        series: &Series,
        rung: Timeframe,
        query: &BarsQuery,
        effort: &mut Effort,
    ) -> Result<Vec<Candle>, HistoryError> {
        let timeframe = query.timeframe;
        // The first bucket that opens at or after a time.
        let from_open = |at| match series.calendar.open(timeframe, at) {
            open if open < at => series.end(timeframe, open),
            open => open,
        };
        let settled = series.settled(timeframe);
        let from = from_open(query.from);
        let to = if query.to < settled { from_open(query.to) } else { settled };
        let parts = timeframe.nominal().0 / rung.nominal().0 + 1;
        let limit =
            query.limit.saturating_add(1).saturating_mul(usize::try_from(parts).unwrap_or(usize::MAX));
        let of_rung = BarsQuery { timeframe: rung, from, to, limit, ..query.clone() };
        let mut rows = self.closed(series, &of_rung, effort).await?;
        let cut = !query.newest && rows.len() >= limit;
        let Some(first) = rows.first().map(|row| row.bar.timestamp) else { return Ok(rows) };
        let open = series.calendar.open(timeframe, first);
        if query.newest && open < first {
            // The newest rows begin anywhere in a bucket.
            let mut before = self.filled(series, rung, (open, first), effort).await?;
            before.append(&mut rows);
            rows = before;
        }
        let last = rows.last().map_or(first, |row| row.bar.timestamp);
        let end = series.end(timeframe, series.calendar.open(timeframe, last));
        let holes = self.holes(series, rung, (open, end), &rows).await?;
        let mut bars = fold(None, &rows, timeframe, false, series);
        if cut {
            bars.pop();
        }
        bars.retain(|row| {
            let (open, end) = (row.bar.timestamp, series.end(timeframe, row.bar.timestamp));
            holes.iter().all(|(from, to)| *to <= open || end <= *from)
        });
        Ok(bars)
    }
}
