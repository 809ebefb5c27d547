//! Applying a batch of records in one transaction.

use rusqlite::{Connection, Error, ErrorCode, Statement, params};
use shared::event::{Bar, Body, BookTop, Event, Funding, Gap, Liquidation, OpenInterest, Trade};
use shared::market::{Symbol, VenueId};

use super::hot;
use super::row::{Binder, upsert_sql};
use crate::store::row::{Sink, Stored};
use crate::store::rows::{GAP_COLUMNS, GAP_CONFLICT, write_gap};
use crate::store::{Coverage, Mark, Record};

/// Rows in one INSERT: enough that the cost per statement vanishes, few enough to stay far from SQLite's
/// limit of bound values.
const ROWS_PER_STATEMENT: usize = 100;

/// Writes all records or none. A record the tables refuse (a number that is not finite) is left out and
/// logged, so that it does not hold up the others.
///
/// # Errors
/// What SQLite said, where trying again may help: disk full, read-only, locked.
pub(super) fn apply(conn: &mut Connection, records: &[Record]) -> rusqlite::Result<()> {
    match apply_all(conn, records) {
        Err(e) if refused(&e) => apply_each(conn, records),
        other => other,
    }
}

/// The record is at fault, not the disk.
fn refused(error: &Error) -> bool {
    match error {
        Error::ToSqlConversionFailure(_) => true,
        Error::SqliteFailure(e, _) => {
            matches!(e.code, ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
        }
        _ => false,
    }
}

fn apply_all(conn: &mut Connection, records: &[Record]) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    let mark = hot::next_mark(&tx)?;
    upsert::<Bar>(&tx, records, mark)?;
    upsert::<OpenInterest>(&tx, records, mark)?;
    upsert::<Funding>(&tx, records, mark)?;
    upsert::<Liquidation>(&tx, records, mark)?;
    upsert::<BookTop>(&tx, records, mark)?;
    upsert::<Trade>(&tx, records, mark)?;
    for record in records {
        put_other(&tx, record)?;
    }
    tx.commit()
}

/// The slow way round: one by one, leaving out what is refused.
fn apply_each(conn: &mut Connection, records: &[Record]) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    let mark = hot::next_mark(&tx)?;
    for record in records {
        let one = std::slice::from_ref(record);
        let done = upsert::<Bar>(&tx, one, mark)
            .and_then(|()| upsert::<OpenInterest>(&tx, one, mark))
            .and_then(|()| upsert::<Funding>(&tx, one, mark))
            .and_then(|()| upsert::<Liquidation>(&tx, one, mark))
            .and_then(|()| upsert::<BookTop>(&tx, one, mark))
            .and_then(|()| upsert::<Trade>(&tx, one, mark))
            .and_then(|()| put_other(&tx, record));
        match done {
            Err(e) if refused(&e) => {
                tracing::error!(error = %e, record = ?record, "a record cannot be stored and is left out");
            }
            other => other?,
        }
    }
    tx.commit()
}

/// Upserts the bodies of one kind, many rows a statement.
fn upsert<T: Stored>(conn: &Connection, records: &[Record], mark: Mark) -> rusqlite::Result<()> {
    let rows: Vec<(&Event, &T)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Event(event) => T::of(&event.body).map(|body| (event, body)),
            Record::Gap { .. } | Record::Coverage(_) | Record::Uncovered(_) => None,
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let whole = rows.chunks_exact(ROWS_PER_STATEMENT);
    let rest = whole.remainder();
    let mut many = conn.prepare_cached(&upsert_sql::<T>(ROWS_PER_STATEMENT))?;
    for chunk in whole {
        insert(&mut many, chunk, mark)?;
    }
    let mut one = conn.prepare_cached(&upsert_sql::<T>(1))?;
    for row in rest.chunks(1) {
        insert(&mut one, row, mark)?;
    }
    Ok(())
}

fn insert<T: Stored>(
    statement: &mut Statement<'_>,
    rows: &[(&Event, &T)],
    mark: Mark,
) -> rusqlite::Result<()> {
    let mut binder = Binder::new(statement);
    binder.int(Some(mark.0))?;
    for (event, body) in rows {
        binder.text(Some(event.symbol.as_str()))?;
        binder.text(Some(event.venue.as_str()))?;
        binder.int(Some(event.timestamp().0))?;
        binder.int(Some(event.received.0))?;
        body.write(&mut binder)?;
    }
    statement.raw_execute()?;
    Ok(())
}

fn put_other(conn: &Connection, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::Event(Event { symbol, venue, body: Body::Gap(gap), .. })
        | Record::Gap { symbol, venue, gap } => put_gap(conn, symbol, venue, gap),
        Record::Coverage(coverage) => put_coverage(conn, coverage),
        Record::Uncovered(stretch) => cut_coverage(conn, stretch),
        Record::Event(_) => Ok(()),
    }
}

fn put_gap(conn: &Connection, symbol: &Symbol, venue: &VenueId, gap: &Gap) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(&format!(
        "INSERT INTO gaps (symbol,venue,{GAP_COLUMNS}) VALUES (?,?,?,?,?,?,?,?)
         ON CONFLICT (symbol,venue,channel,from_ms) {GAP_CONFLICT}"
    ))?;
    let mut binder = Binder::new(&mut statement);
    binder.text(Some(symbol.as_str()))?;
    binder.text(Some(venue.as_str()))?;
    write_gap(gap, &mut binder)?;
    statement.raw_execute()?;
    Ok(())
}

const UNCOVER: &str =
    "DELETE FROM coverage WHERE symbol=? AND venue=? AND dataset=? AND to_ms>=? AND from_ms<=?
    RETURNING from_ms,to_ms";
const COVER: &str = "INSERT INTO coverage (symbol,venue,dataset,from_ms,to_ms) VALUES (?,?,?,?,?)";

/// Joins a stretch with those it overlaps or touches.
fn put_coverage(conn: &Connection, c: &Coverage) -> rusqlite::Result<()> {
    if c.from >= c.to {
        return Ok(());
    }
    let (from, to) = take_coverage(conn, c)?
        .into_iter()
        .fold((c.from.0, c.to.0), |(from, to), held| (from.min(held.0), to.max(held.1)));
    cover(conn, c, from, to)
}

/// Takes a stretch out of those it overlaps.
fn cut_coverage(conn: &Connection, c: &Coverage) -> rusqlite::Result<()> {
    for (from, to) in take_coverage(conn, c)? {
        for (from, to) in c.outside((from, to)) {
            cover(conn, c, from, to)?;
        }
    }
    Ok(())
}

/// Deletes the stretches that one overlaps or touches, and answers them.
fn take_coverage(conn: &Connection, c: &Coverage) -> rusqlite::Result<Vec<(i64, i64)>> {
    let touching = params![c.symbol.as_str(), c.venue.as_str(), c.dataset.name(), c.from.0, c.to.0];
    let mut delete = conn.prepare_cached(UNCOVER)?;
    delete.query_map(touching, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn cover(conn: &Connection, c: &Coverage, from: i64, to: i64) -> rusqlite::Result<()> {
    let row = params![c.symbol.as_str(), c.venue.as_str(), c.dataset.name(), from, to];
    conn.prepare_cached(COVER)?.execute(row)?;
    Ok(())
}
