//! The kinds of rows behind a dataset: what is generic over [`Stored`] chosen by value.

use std::cmp::Ordering;

use shared::event::{Bar, BookTop, Event, Funding, Liquidation, OpenInterest, Trade};
use shared::market::Ms;

use crate::store::Dataset;
use crate::store::row::{BadValue, Column, Row, Sink, Source, Stored};

/// Runs an expression with `$T` being the body type of a dataset.
macro_rules! of_kind {
    ($dataset:expr, $T:ident => $run:expr) => {
        match $dataset {
            Dataset::Bars(_) => {
                type $T = Bar;
                $run
            }
            Dataset::Oi => {
                type $T = OpenInterest;
                $run
            }
            Dataset::Funding => {
                type $T = Funding;
                $run
            }
            Dataset::Liquidations => {
                type $T = Liquidation;
                $run
            }
            Dataset::Book => {
                type $T = BookTop;
                $run
            }
            Dataset::Trades => {
                type $T = Trade;
                $run
            }
        }
    };
}

/// Columns of a dataset after those all have in common.
pub(crate) fn columns(dataset: Dataset) -> &'static [Column] {
    of_kind!(dataset, T => T::COLUMNS)
}

/// Whether an event is a row of the dataset.
pub(super) fn belongs(dataset: Dataset, event: &Event) -> bool {
    match dataset {
        Dataset::Bars(interval) => Bar::of(&event.body).is_some_and(|bar| bar.interval == interval),
        other => of_kind!(other, T => T::of(&event.body).is_some()),
    }
}

/// Writes the columns of an event's own body; nothing where it is of another kind.
pub(crate) fn write<S: Sink>(dataset: Dataset, event: &Event, to: &mut S) -> Result<(), S::Error> {
    of_kind!(dataset, T => T::of(&event.body).map_or(Ok(()), |body| body.write(to)))
}

/// Reads them back.
pub(crate) fn read<S: Source>(
    dataset: Dataset,
    timestamp: Ms,
    from: &mut S,
) -> Result<shared::event::Body, S::Error> {
    let body = of_kind!(dataset, T => T::read(timestamp, from)?.into_body());
    match (&body, dataset) {
        (shared::event::Body::Bar(bar), Dataset::Bars(interval)) if bar.interval != interval => {
            Err(BadValue::Unknown(bar.interval.name().to_owned()).into())
        }
        _ => Ok(body),
    }
}

/// The order of rows in files and answers: time, venue, then the rest of the key. Equal rows have the same key.
pub(super) fn order(dataset: Dataset, a: &Event, b: &Event) -> Ordering {
    let place = |event: &Event| event.timestamp();
    place(a).cmp(&place(b)).then_with(|| a.venue.cmp(&b.venue)).then_with(|| {
        of_kind!(dataset, T => match (T::of(&a.body), T::of(&b.body)) {
            (Some(a), Some(b)) => a.order(b),
            _ => Ordering::Equal,
        })
    })
}

/// What remains of two rows of one key.
pub(super) fn merged(dataset: Dataset, held: Event, late: Event) -> Event {
    fn rows<T: Stored + Clone>(held: &Event, late: &Event) -> Option<Row<T>> {
        let row = |event: &Event| {
            T::of(&event.body).map(|body| Row { received: event.received, body: body.clone() })
        };
        Some(T::merged(row(held)?, row(late)?))
    }
    of_kind!(dataset, T => match rows::<T>(&held, &late) {
        Some(row) => Event { received: row.received, body: row.body.into_body(), ..late },
        None => late,
    })
}
