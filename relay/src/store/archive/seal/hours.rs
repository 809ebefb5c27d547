//! The hourly roll-up: a file of 1H bars for each file of minutes.

use std::sync::Arc;
use std::time::Instant;

use shared::event::{Bar, Body, Event};
use shared::market::{Calendar, Ms, Timeframe};
use shared::maths::fold::fold;

use super::{Phase, SealError, Sealer, Summary, blocking, day};
use crate::store::archive::join::merge;
use crate::store::archive::layout::Meta;
use crate::store::archive::manifest::Entry;
use crate::store::{Dataset, Query};

const MINUTES: Dataset = Dataset::Bars(Timeframe::M1);
const HOURS: Dataset = Dataset::Bars(Timeframe::H1);

impl Sealer {
    /// Folds the hours of every day whose minutes were written after them: what a kill in between left.
    pub(super) async fn fold_missing(
        &self,
        summary: &mut Summary,
        first: &mut Option<SealError>,
    ) -> Result<(), SealError> {
        let manifest = self.archive.manifest();
        let stale = |minutes: &Arc<Entry>| {
            let hours = manifest.get(&Meta { dataset: HOURS, ..minutes.meta.clone() }.path());
            minutes.meta.dataset == MINUTES && hours.is_none_or(|hours| hours.sealed < minutes.sealed)
        };
        let stale: Vec<Arc<Entry>> = manifest.all().into_iter().filter(stale).collect();
        for minutes in stale {
            let began = Instant::now();
            match self.fold(&minutes.meta, summary).await {
                Ok(()) => {}
                Err(e) if e.stops() => return Err(e),
                Err(e) => {
                    summary.failed += 1;
                    first.get_or_insert(e);
                }
            }
            self.pace.pause(began.elapsed()).await;
        }
        Ok(())
    }

    /// Folds the hours that begin on the day of a file of minutes. While the market's calendar is not known they are
    /// left to a later pass.
    pub(super) async fn fold(&self, minutes: &Meta, summary: &mut Summary) -> Result<(), SealError> {
        let Some(venue) = minutes.venue.clone() else { return Ok(()) };
        let Some(calendar) = (self.calendars)(&minutes.symbol, &venue) else { return Ok(()) };
        let meta = Meta { dataset: HOURS, ..minutes.clone() };
        self.archive.state().enter(Phase::RollingUp, &meta.path());
        // Where a market is half an hour off UTC its hours reach over midnight.
        let last = calendar.open(Timeframe::H1, meta.end() - Ms(1));
        let query = Query {
            dataset: MINUTES,
            symbol: meta.symbol.clone(),
            venue: Some(venue),
            from: calendar.open(Timeframe::H1, meta.day),
            to: calendar.next(Timeframe::H1, last),
            limit: usize::MAX,
            newest: false,
        };
        let hot = self.hot.read(query.clone()).await?;
        let (archive, now) = (self.archive.clone(), self.clock.now());
        let written = blocking(move || {
            let rows = merge(MINUTES, archive.read(&query)?, hot);
            let hours = hours(&rows, &meta, &calendar);
            if hours.is_empty() {
                return Ok(false);
            }
            // Not before the minutes, even if the clock was set back in between.
            let minutes = archive.manifest().get(&Meta { dataset: MINUTES, ..meta.clone() }.path());
            let sealed = minutes.map_or(now, |minutes| minutes.sealed.max(now));
            day::publish(&archive, &meta, &hours, sealed)?;
            Ok(true)
        })
        .await?;
        summary.hours += usize::from(written);
        Ok(())
    }
}

/// The hours that begin on a day, each received when the last of its minutes was. The day is over, so all are closed.
fn hours(rows: &[Event], meta: &Meta, calendar: &Calendar) -> Vec<Event> {
    let minutes: Vec<Bar> = rows
        .iter()
        .filter_map(|row| if let Body::Bar(bar) = row.body { Some(bar) } else { None })
        .filter(|bar| bar.closed)
        .collect();
    let begins = |hour: &Bar| (meta.day..meta.end()).contains(&hour.timestamp);
    let mut of_hour = rows.iter().peekable();
    fold(&minutes, Timeframe::H1, calendar)
        .into_iter()
        .filter(begins)
        .filter_map(|mut hour| {
            (hour.closed, hour.through) = (true, None);
            let end = calendar.next(Timeframe::H1, hour.timestamp);
            let mut received = Ms(i64::MIN);
            while let Some(row) = of_hour.next_if(|row| row.timestamp() < end) {
                if row.timestamp() >= hour.timestamp {
                    received = received.max(row.received);
                }
            }
            let venue = meta.venue.clone()?;
            Some(Event { received, symbol: meta.symbol.clone(), venue, body: Body::Bar(hour) })
        })
        .collect()
}
