//! Fetching what the store lacks, once, however many ask for it at the same time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::event::{Body, Event};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::missing::missing;
use super::{Candle, History, HistoryError, Series, SourceError, span};
use crate::store::{Coverage, Dataset, Record, StoreError};

/// Pages one request may ask of a venue; what is left is fetched by the next request.
const MAX_PAGES: usize = 48;
/// A venue that failed is left alone so long.
const PAUSE: Duration = Duration::from_secs(5);
/// So long after its end a bar that is missing at the venue is missing for good.
const LATE: Ms = Ms(600_000);
/// More rows than any window holds.
const ALL: usize = 1_000_000;

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
    /// venue has this timeframe. A failing venue is noted in `fault`; the rows there are come all the same.
    pub(super) async fn filled(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        fault: &mut Option<SourceError>,
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
        let mut pages = 0;
        'stretches: for (mut from, to) in self.holes(series, timeframe, range, &rows).await? {
            while from < to && pages < MAX_PAGES {
                pages += 1;
                match self.page(series, timeframe, (from, to)).await {
                    Ok((mut page, covered)) => {
                        fetched.append(&mut page);
                        from = covered;
                    }
                    Err(e) => {
                        *fault = Some(e);
                        break 'stretches;
                    }
                }
            }
        }
        if !fetched.is_empty() {
            // Durable before the turn ends, so that the next asker finds them. A disk that refuses keeps
            // them queued and shows in the status; this answer has them anyway.
            self.store.flush().await.ok();
            let known: HashSet<Ms> = rows.iter().map(|row| row.bar.timestamp).collect();
            let inside = |row: &Candle| (range.0..range.1).contains(&row.bar.timestamp);
            rows.extend(fetched.into_iter().filter(|f| inside(f) && !known.contains(&f.bar.timestamp)));
            rows.sort_by_key(|row| row.bar.timestamp);
        }
        Ok(rows)
    }

    /// Where the first row at or after `range.0` opens; asks the venue where that is not known.
    pub(super) async fn next_row(
        &self,
        series: &Series,
        timeframe: Timeframe,
        range: (Ms, Ms),
        fault: &mut Option<SourceError>,
    ) -> Result<Option<Ms>, HistoryError> {
        let first = self.stored(series, timeframe, range, 1, false).await?;
        let first = first.first().map(|row| row.bar.timestamp);
        if !series.native.contains(&timeframe) {
            return Ok(first);
        }
        let covered = self.coverage(series, timeframe).await?;
        let known_to = covered.iter().find(|(from, to)| *from <= range.0 && range.0 < *to).map(|c| c.1);
        let from = known_to.unwrap_or(range.0);
        let to = first.unwrap_or(range.1).min(range.1);
        if from >= to {
            return Ok(first);
        }
        match self.page(series, timeframe, (from, to)).await {
            Ok((page, _)) => {
                self.store.flush().await.ok();
                Ok(page.iter().map(|row| row.bar.timestamp).find(|at| *at >= range.0).or(first))
            }
            Err(e) => {
                *fault = Some(e);
                Ok(first)
            }
        }
    }

    /// Whether a venue that answers with all it has did so lately, and `from` is no further back than what an
    /// answer leaves open.
    fn just_asked(&self, series: &Series, timeframe: Timeframe, from: Ms) -> bool {
        let key = (series.venue.clone(), series.symbol.clone(), timeframe);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&key).is_some_and(|at| series.now - *at < LATE && from >= *at - LATE)
    }

    async fn holes(
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

    /// One page of the venue's bars, queued for the store with the stretch it settles; answers with that
    /// stretch's end.
    async fn page(
        &self,
        series: &Series,
        timeframe: Timeframe,
        (from, to): (Ms, Ms),
    ) -> Result<(Vec<Candle>, Ms), SourceError> {
        if let Some(fault) = self.failing(&series.venue) {
            return Err(fault);
        }
        // As far back as one answer goes, whatever part of it was asked for.
        let reach = self.source.bars_reached(&series.venue);
        let reach = reach.map(|bars| (series.now - span(timeframe, bars as usize)).max(Ms::ZERO));
        if reach.is_some() && self.just_asked(series, timeframe, from) {
            // What is not there yet comes over the socket, or not at all.
            return Ok((Vec::new(), to));
        }
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
        let covered = bars.last().map_or(to, |last| series.end(timeframe, last.timestamp).min(to));
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
        records.push(Record::Coverage(Coverage { dataset, symbol, venue, from: first, to: known.min(last) }));
        if let Err(e) = self.store.write(records).await {
            tracing::error!(error = %e, "fetched history is not kept");
        }
        Ok((page, covered))
    }
}
