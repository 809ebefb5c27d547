//! Fetching what the store lacks, once, however many ask for it at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::event::{Body, Event};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::missing::missing;
use super::windows::Effort;
use super::{Candle, History, HistoryError, Series, SourceError, span};
use crate::store::{Coverage, Dataset, Record, StoreError};

/// A venue that failed is left alone so long.
const PAUSE: Duration = Duration::from_secs(5);
/// So long after its end a bar that is missing at the venue is missing for good.
const LATE: Ms = Ms(600_000);
/// More rows than any window holds.
const ALL: usize = 1_000_000;

/// What one call brought.
struct Page {
    rows: Vec<Candle>,
    /// Where to go on in the range that was asked for.
    next: Ms,
    /// What is settled by it, which may be more than was asked for.
    settled: (Ms, Ms),
}

pub(super) type Key = (VenueId, Symbol, Timeframe);

/// One lock per series: whoever holds it fetches, the others find the rows afterwards.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>);

impl Flights {
    fn of(&self, series: &Series, timeframe: Timeframe) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry((series.venue.clone(), series.symbol.clone(), timeframe)).or_default().clone()
    }
}

impl History {
    /// Closed rows of a range that ends at or before the settled edge, fetching what is missing where the
    /// venue has this timeframe. A failing venue is noted in `effort`; the rows there are come all the same. Where the
    /// calls run out, only the rows before the instant that was reached do.
    pub(super) async fn filled(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        effort: &mut Effort,
    ) -> Result<Vec<Candle>, HistoryError> {
        let mut rows = self.stored(series, timeframe, range, ALL, false).await?;
        if !series.native.contains(&timeframe)
            || self.holes(series, timeframe, range, &rows).await?.is_empty()
        {
            return Ok(rows);
        }
        let flight = self.flights.of(series, timeframe);
        let _turn = flight.lock().await;
        // Another request may just have fetched it.
        rows = self.stored(series, timeframe, range, ALL, false).await?;
        let mut fetched = Vec::new();
        let mut end = range.1;
        let mut settled = (Ms::ZERO, Ms::ZERO);
        'stretches: for (mut from, to) in self.holes(series, timeframe, range, &rows).await? {
            while from < to {
                if settled.0 <= from && from < settled.1 {
                    // Came with a page that was asked for something earlier.
                    from = settled.1;
                    continue;
                }
                match self.page(series, timeframe, (from, to), effort).await {
                    Ok(mut page) => {
                        fetched.append(&mut page.rows);
                        (from, settled) = (page.next, page.settled);
                    }
                    Err(e) => {
                        effort.fault = Some(e);
                        if effort.spent {
                            end = from;
                        }
                        break 'stretches;
                    }
                }
            }
        }
        if !fetched.is_empty() {
            // Durable before the turn ends, so that the next asker finds them. A disk that refuses keeps
            // them queued and shows in the status; this answer has them anyway.
            self.store.flush().await.ok();
            rows.append(&mut fetched);
            // Of two the one that was stored: the sort leaves it first.
            rows.sort_by_key(|row| row.bar.timestamp);
            rows.dedup_by_key(|row| row.bar.timestamp);
        }
        rows.retain(|row| (range.0..end).contains(&row.bar.timestamp));
        Ok(rows)
    }

    /// Where the first row at or after `range.0` opens; asks the venue where that is not known.
    ///
    /// Where a call spans few bars an empty one says little: there the venue's longer bars say first where any begin.
    pub(super) async fn next_row(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        effort: &mut Effort,
    ) -> Result<Option<Ms>, HistoryError> {
        let mut from = range.0;
        if self.source.bars_per_call(&series.venue).is_some() && series.native.contains(&timeframe) {
            let mut longer: Vec<_> = series.native.iter().copied().filter(|tf| *tf > timeframe).collect();
            longer.sort_unstable();
            for longer in longer.into_iter().rev() {
                if effort.fault.is_some() {
                    break;
                }
                let within = (series.calendar.open(longer, from), series.settled(longer).min(range.1));
                let found = self.first_row(series, longer, within, effort).await?;
                if effort.fault.is_none() {
                    from = from.max(found.unwrap_or(within.1));
                }
            }
        }
        let found = self.first_row(series, timeframe, (from, range.1), effort).await?;
        Ok(found.filter(|_| !effort.spent))
    }

    /// The same of one timeframe, page by page.
    async fn first_row(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        effort: &mut Effort,
    ) -> Result<Option<Ms>, HistoryError> {
        let first = self.nearest(series, timeframe, range, false).await?;
        if !series.native.contains(&timeframe) {
            return Ok(first);
        }
        let covered = self.coverage(series, timeframe).await?;
        let known_to = covered.iter().find(|(from, to)| *from <= range.0 && range.0 < *to).map(|c| c.1);
        let mut from = known_to.unwrap_or(range.0);
        let to = first.unwrap_or(range.1).min(range.1);
        while from < to {
            match self.page(series, timeframe, (from, to), effort).await {
                Ok(page) => {
                    let found = page.rows.iter().map(|row| row.bar.timestamp).find(|at| *at >= range.0);
                    if found.is_some() {
                        self.store.flush().await.ok();
                        return Ok(found);
                    }
                    from = page.next;
                }
                Err(e) => {
                    effort.fault = Some(e);
                    break;
                }
            }
        }
        Ok(first)
    }

    /// Whether a venue that answers with all it has did so lately, and `from` is no further back than what an
    /// answer leaves open.
    fn just_asked(&self, series: &Series, timeframe: Timeframe, from: Ms) -> bool {
        let key = (series.venue.clone(), series.symbol.clone(), timeframe);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&key).is_some_and(|at| series.now - *at < LATE && from >= *at - LATE)
    }

    /// Stretches of a range that may have rows beside `rows`.
    pub(super) async fn holes(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        rows: &[Candle],
    ) -> Result<Vec<(Ms, Ms)>, StoreError> {
        let covered = self.coverage(series, timeframe).await?;
        Ok(missing(&series.calendar, timeframe, range, rows.iter().map(|row| row.bar.timestamp), &covered))
    }

    async fn coverage(&self, series: &Series, timeframe: Timeframe) -> Result<Vec<(Ms, Ms)>, StoreError> {
        let dataset = Dataset::Bars(timeframe);
        self.store.coverage(dataset, series.symbol.clone(), series.venue.clone()).await
    }

    /// One page of the venue's bars, queued for the store with the stretch it settles.
    async fn page(
        &self,
        series: &Series,
        timeframe: Timeframe,
        (from, to): (Ms, Ms),
        effort: &mut Effort,
    ) -> Result<Page, SourceError> {
        if let Some(fault) = self.failing(&series.venue) {
            return Err(fault);
        }
        // As far back as one answer goes, whatever part of it was asked for.
        let reach = self.source.bars_reached(&series.venue);
        let reach = reach.map(|bars| (series.now - span(timeframe, bars as usize)).max(Ms::ZERO));
        if reach.is_some() && self.just_asked(series, timeframe, from) {
            // What is not there yet comes over the socket, or not at all.
            return Ok(Page { rows: Vec::new(), next: to, settled: (from, to) });
        }
        effort.call(&series.venue)?;
        let longest = self.source.bars_per_call(&series.venue);
        let to = longest.map_or(to, |bars| to.min(from + Ms(timeframe.nominal().0 * i64::from(bars))));
        let asked = self.source.klines(&series.venue, &series.symbol, timeframe, from, to).await;
        let mut bars = asked.inspect_err(|fault| {
            tracing::warn!(venue = %series.venue, symbol = %series.symbol, error = %fault, "no history");
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.insert(series.venue.clone(), (Instant::now() + PAUSE, fault.clone()));
        })?;
        if reach.is_some() {
            let key = (series.venue.clone(), series.symbol.clone(), timeframe);
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(key, series.now);
        }
        // What opens before the settled edge is closed, and `to` is not behind it. Anything else a venue adds (its
        // forming bar, a bar before the range, disorder) is not taken, unless it answers with all it has.
        let (low, high) = if reach.is_some() { (Ms::ZERO, series.settled(timeframe)) } else { (from, to) };
        bars.retain(|bar| low <= bar.timestamp && bar.timestamp < high && bar.interval == timeframe);
        bars.sort_by_key(|bar| bar.timestamp);
        bars.dedup_by_key(|bar| bar.timestamp);
        let whole = reach.is_some_and(|reach| reach <= from);
        let last = bars.last().filter(|last| !whole && last.timestamp >= from);
        let covered = last.map_or(to, |last| series.end(timeframe, last.timestamp).min(to));
        // An answer's empty end is believed only some time after: venues publish late now and then.
        let known = covered
            .min(series.now - LATE)
            .max(bars.last().map_or(from, |last| series.end(timeframe, last.timestamp)));
        let received = series.now;
        let page: Vec<Candle> = bars
            .into_iter()
            .map(|mut bar| {
                (bar.closed, bar.through) = (true, None);
                Candle { bar, received }
            })
            .collect();
        let (symbol, venue) = (&series.symbol, &series.venue);
        let event = |row: &Candle| Event {
            received,
            symbol: symbol.clone(),
            venue: venue.clone(),
            body: Body::Bar(row.bar),
        };
        let mut records: Vec<Record> = page.iter().map(|row| Record::Event(event(row))).collect();
        let dataset = Dataset::Bars(timeframe);
        let (symbol, venue) = (symbol.clone(), venue.clone());
        // With more than was asked for, more is settled.
        let first = page.first().map_or(from, |row| row.bar.timestamp.min(from));
        let first = reach.filter(|reach| *reach <= from).unwrap_or(first);
        let last = covered.max(page.last().map_or(covered, |row| series.end(timeframe, row.bar.timestamp)));
        let settled = (first, known.min(last));
        records.push(Record::Coverage(Coverage { dataset, symbol, venue, from: settled.0, to: settled.1 }));
        if let Err(e) = self.store.write(records).await {
            tracing::error!(error = %e, "fetched history is not kept");
        }
        Ok(Page { rows: page, next: covered, settled })
    }
}
