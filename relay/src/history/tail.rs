//! The end of a series, which no venue bar covers yet: folded down to the forming minute.

use shared::market::{Ms, Timeframe};

use super::nested::nests;
use super::partial::fold;
use super::windows::Effort;
use super::{ABANDONED, BarsQuery, Candle, History, HistoryError, Series};
use crate::store::StoreError;

/// A tail reaches back at most so far, where a venue has been out of reach for long.
const REACH: Ms = Ms(40 * Ms::DAY.0);
/// More minutes than [`REACH`] holds.
const MINUTES: usize = 60_000;

/// The timeframes a bar of `timeframe` is put together from, largest first: few rows from each.
pub(super) fn rungs(timeframe: Timeframe) -> &'static [Timeframe] {
    match timeframe {
        Timeframe::M1 => &[],
        Timeframe::M5 | Timeframe::M15 | Timeframe::M30 | Timeframe::H1 => &[Timeframe::M1],
        Timeframe::H4 | Timeframe::D1 => &[Timeframe::H1, Timeframe::M1],
        Timeframe::W1 | Timeframe::Mo1 => &[Timeframe::D1, Timeframe::H1, Timeframe::M1],
    }
}

impl History {
    /// Adds the bars after the last of `closed` that reach into the query's range.
    pub(super) async fn add_tail(
        &self,
        series: &Series,
        query: &BarsQuery,
        candles: &mut Vec<Candle>,
        effort: &mut Effort,
    ) -> Result<(), HistoryError> {
        let timeframe = query.timeframe;
        if effort.spent && !query.newest {
            // Behind a hole that is yet to be fetched.
            return Ok(());
        }
        let settled = series.settled(timeframe);
        let reach = if effort.fault.is_some() && !effort.spent {
            // With the venue out of reach its bars end early; minutes may be known all the same.
            series.now - REACH
        } else if timeframe == Timeframe::M1 || series.native.contains(&timeframe) {
            settled
        } else {
            // A folded bucket waits for its last part, which may be late.
            series.calendar.previous(timeframe, settled)
        };
        let last = candles.last().map(|row| series.end(timeframe, row.bar.timestamp));
        let start = series.calendar.open(timeframe, last.unwrap_or(query.from).max(reach).min(settled));
        if query.to <= start {
            return Ok(());
        }
        let tail = if timeframe == Timeframe::M1 {
            self.minutes(series, start).await?
        } else {
            self.fold_tail(series, timeframe, start, query.base, effort).await?
        };
        let known = candles.last().map(|row| row.bar.timestamp);
        let inside = |row: &Candle| (query.from..query.to).contains(&row.bar.timestamp);
        candles.extend(tail.into_iter().filter(|row| inside(row) && Some(row.bar.timestamp) > known));
        Ok(())
    }

    /// Buckets from the one that opens at `start` on: closed bars of each rung as far as they go, then of
    /// the next smaller one.
    async fn fold_tail(
        &self,
        series: &Series,
        timeframe: Timeframe,
        start: Ms,
        base: bool,
        effort: &mut Effort,
    ) -> Result<Vec<Candle>, HistoryError> {
        let mut parts: Vec<Candle> = Vec::new();
        let mut from = start;
        for rung in rungs(timeframe) {
            if *rung == Timeframe::M1 {
                let settled = series.settled(Timeframe::M1);
                if from < settled {
                    parts.append(&mut self.filled(series, Timeframe::M1, (from, settled), effort).await?);
                }
                parts.append(&mut self.minutes(series, from.max(settled)).await?);
            } else if series.native.contains(rung)
                && nests(*rung, timeframe, &series.calendar)
                && from < series.settled(*rung)
            {
                let range = (from, series.settled(*rung));
                parts.append(&mut self.filled(series, *rung, range, effort).await?);
                from = parts.last().map_or(from, |row| series.end(*rung, row.bar.timestamp));
            }
        }
        Ok(fold(None, &parts, timeframe, base, series))
    }

    /// Minutes from `start` on as recorded, with the newest from the live stream; the last may be forming.
    pub(super) async fn minutes(&self, series: &Series, start: Ms) -> Result<Vec<Candle>, StoreError> {
        let range = (start, Ms(i64::MAX));
        let mut rows = self.recorded(series, Timeframe::M1, range, MINUTES, true).await?;
        rows.retain(|row| row.bar.closed || row.bar.timestamp + Ms::MINUTE + ABANDONED > series.now);
        // The minute that just closed may not be durable yet: without it there would be a hole for a moment.
        for bar in self.live.newest_minutes(&series.venue, &series.symbol) {
            if bar.timestamp < start {
                continue;
            }
            let place = rows.partition_point(|row| row.bar.timestamp < bar.timestamp);
            let live = Candle { bar, received: series.now };
            match rows.get_mut(place) {
                Some(row) if row.bar.timestamp == bar.timestamp => {
                    if !row.bar.closed {
                        *row = live;
                    }
                }
                _ => rows.insert(place, live),
            }
        }
        Ok(rows)
    }
}
