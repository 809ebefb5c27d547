//! Applying a batch of records in one transaction.

use std::cmp::Ordering;

use shared::event::{Bar, Body, BookTop, Event, Funding, Gap, Liquidation, OpenInterest, Trade};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement, Transaction};

use super::columns::{Arrays, Check, columns, type_name};
use super::target::refused;
use crate::store::row::{Row, Sink, Stored};
use crate::store::rows::{GAP_COLUMNS, GAP_CONFLICT, write_gap};
use crate::store::{Coverage, Record};

/// The writing statements of one connection.
pub(super) struct Statements {
    bars: Statement,
    oi: Statement,
    funding: Statement,
    liquidations: Statement,
    book: Statement,
    trades: Statement,
    next_batch: Statement,
    gap: Statement,
    uncover: Statement,
    cover: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Statements, Error> {
        let gap = format!(
            "INSERT INTO gaps (symbol,venue,{GAP_COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)
             ON CONFLICT (symbol,venue,channel,from_ms) {GAP_CONFLICT}"
        );
        Ok(Statements {
            bars: client.prepare(&upsert_sql::<Bar>()).await?,
            oi: client.prepare(&upsert_sql::<OpenInterest>()).await?,
            funding: client.prepare(&upsert_sql::<Funding>()).await?,
            liquidations: client.prepare(&upsert_sql::<Liquidation>()).await?,
            book: client.prepare(&upsert_sql::<BookTop>()).await?,
            trades: client.prepare(&upsert_sql::<Trade>()).await?,
            next_batch: client.prepare("UPDATE tapedeck SET batch=batch+1 RETURNING batch").await?,
            gap: client.prepare(&gap).await?,
            uncover: client
                .prepare(
                    "DELETE FROM coverage WHERE symbol=$1 AND venue=$2 AND dataset=$3 AND to_ms>=$4
                     AND from_ms<=$5 RETURNING from_ms,to_ms",
                )
                .await?,
            cover: client
                .prepare("INSERT INTO coverage (symbol,venue,dataset,from_ms,to_ms) VALUES ($1,$2,$3,$4,$5)")
                .await?,
        })
    }
}

/// An upsert of arrays of columns. The first parameter is the number of the transaction, which a row that stays as it
/// is does not get.
fn upsert_sql<T: Stored>() -> String {
    let names: Vec<&str> = columns::<T>().map(|column| column.name).collect();
    let arrays: Vec<String> = columns::<T>()
        .enumerate()
        .map(|(n, column)| format!("${}::{}[]", n + 2, type_name(column.kind)))
        .collect();
    format!(
        "INSERT INTO {} (batch,{}) SELECT $1::bigint,* FROM unnest({}) ON CONFLICT (symbol,venue,{}) {}",
        T::TABLE,
        names.join(","),
        arrays.join(","),
        T::KEY.join(","),
        T::ON_CONFLICT.replacen("DO UPDATE SET ", "DO UPDATE SET batch=excluded.batch,", 1),
    )
}

/// Writes all records or none; where the server refuses a record for what it is, one by one without those, which are
/// logged and left out, so that they do not hold up the others.
///
/// # Errors
/// What the server or the line said, where trying again may help.
pub(super) async fn apply(
    client: &mut Client,
    statements: &Statements,
    records: &[Record],
) -> Result<(), Error> {
    match apply_all(client, statements, records).await {
        Err(e) if refused(&e) => {}
        other => return other,
    }
    for record in records {
        match apply_all(client, statements, std::slice::from_ref(record)).await {
            Err(e) if refused(&e) => leave_out(record, &super::target::told(&e)),
            other => other?,
        }
    }
    Ok(())
}

fn leave_out(what: &impl std::fmt::Debug, why: &str) {
    tracing::error!(error = why, record = ?what, "a record cannot be stored and is left out");
}

async fn apply_all(client: &mut Client, statements: &Statements, records: &[Record]) -> Result<(), Error> {
    let tx = client.transaction().await?;
    let batch: i64 = tx.query_one(&statements.next_batch, &[]).await?.get(0);
    upsert::<Bar>(&tx, &statements.bars, batch, records).await?;
    upsert::<OpenInterest>(&tx, &statements.oi, batch, records).await?;
    upsert::<Funding>(&tx, &statements.funding, batch, records).await?;
    upsert::<Liquidation>(&tx, &statements.liquidations, batch, records).await?;
    upsert::<BookTop>(&tx, &statements.book, batch, records).await?;
    upsert::<Trade>(&tx, &statements.trades, batch, records).await?;
    for record in records {
        match record {
            Record::Event(Event { symbol, venue, body: Body::Gap(gap), .. })
            | Record::Gap { symbol, venue, gap } => put_gap(&tx, statements, symbol, venue, gap).await?,
            Record::Coverage(coverage) => put_coverage(&tx, statements, coverage).await?,
            Record::Uncovered(stretch) => cut_coverage(&tx, statements, stretch).await?,
            Record::Event(_) => {}
        }
    }
    tx.commit().await
}

/// Upserts the bodies of one kind in one statement.
async fn upsert<T: Stored + Clone>(
    tx: &Transaction<'_>,
    statement: &Statement,
    batch: i64,
    records: &[Record],
) -> Result<(), Error> {
    let Some(arrays) = arrays::<T>(records) else { return Ok(()) };
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&batch];
    values.extend(arrays.arrays.iter().map(|array| array as &(dyn ToSql + Sync)));
    tx.execute(statement, &values).await?;
    Ok(())
}

/// One row of the batch.
struct Found<'a, T> {
    event: &'a Event,
    interval: Option<Timeframe>,
    body: &'a T,
}

impl<T: Stored> Found<'_, T> {
    /// By the whole key.
    fn order(&self, other: &Self) -> Ordering {
        let series =
            |x: &Self| (x.event.symbol.as_str(), x.event.venue.as_str(), x.interval.map(Timeframe::name));
        series(self).cmp(&series(other)).then_with(|| self.body.order(other.body))
    }
}

/// The columns of all rows of one kind, in order of their keys; `None` where there is no row. An upsert may not meet a
/// key twice, so rows of one key become one by the rule the upsert itself has.
fn arrays<T: Stored + Clone>(records: &[Record]) -> Option<Arrays> {
    let mut rows: Vec<Found<'_, T>> = records.iter().filter_map(found).collect();
    if rows.is_empty() {
        return None;
    }
    // Stable: rows of one key stay in the order they came in.
    rows.sort_by(Found::order);
    let mut arrays = Arrays::of::<T>();
    let put = |arrays: &mut Arrays, event: &Event, received: Ms, body: &T| {
        arrays.text(Some(event.symbol.as_str()))?;
        arrays.text(Some(event.venue.as_str()))?;
        arrays.int(Some(event.timestamp().0))?;
        arrays.int(Some(received.0))?;
        body.write(arrays)
    };
    for same in rows.chunk_by(|a, b| a.order(b) == Ordering::Equal) {
        let row = |found: &Found<'_, T>| Row { received: found.event.received, body: found.body.clone() };
        // Values were checked: an error here would be of a column too many, which a test would show.
        let done = match same {
            [] => Ok(()),
            [one] => put(&mut arrays, one.event, one.event.received, one.body),
            [first, later @ ..] => {
                let whole = later.iter().map(row).fold(row(first), T::merged);
                put(&mut arrays, first.event, whole.received, &whole.body)
            }
        };
        if let Err(e) = done {
            leave_out(&same.first().map(|found| found.event), &e.to_string());
        }
    }
    Some(arrays)
}

/// The row of a record, if it is of this kind and can be stored.
fn found<T: Stored>(record: &Record) -> Option<Found<'_, T>> {
    let Record::Event(event) = record else { return None };
    let body = T::of(&event.body)?;
    if let Err(e) = body.write(&mut Check) {
        leave_out(event, &e.to_string());
        return None;
    }
    let interval = if let Body::Bar(bar) = &event.body { Some(bar.interval) } else { None };
    Some(Found { event, interval, body })
}

async fn put_gap(
    tx: &Transaction<'_>,
    statements: &Statements,
    symbol: &Symbol,
    venue: &VenueId,
    gap: &Gap,
) -> Result<(), Error> {
    let mut values = Values(vec![Box::new(symbol.as_str().to_owned()), Box::new(venue.as_str().to_owned())]);
    match write_gap(gap, &mut values) {
        Ok(()) => {}
        Err(never) => match never {},
    }
    let values: Vec<&(dyn ToSql + Sync)> =
        values.0.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    tx.execute(&statements.gap, &values).await?;
    Ok(())
}

/// Parameters of a statement for one row.
struct Values(Vec<Box<dyn ToSql + Sync + Send>>);

impl Sink for Values {
    type Error = std::convert::Infallible;

    fn int(&mut self, value: Option<i64>) -> Result<(), Self::Error> {
        self.0.push(Box::new(value));
        Ok(())
    }

    fn real(&mut self, value: Option<f64>) -> Result<(), Self::Error> {
        self.0.push(Box::new(value));
        Ok(())
    }

    fn text(&mut self, value: Option<&str>) -> Result<(), Self::Error> {
        self.0.push(Box::new(value.map(ToOwned::to_owned)));
        Ok(())
    }

    fn flag(&mut self, value: Option<bool>) -> Result<(), Self::Error> {
        self.0.push(Box::new(value));
        Ok(())
    }
}

/// Joins a stretch with those it overlaps or touches.
async fn put_coverage(tx: &Transaction<'_>, statements: &Statements, c: &Coverage) -> Result<(), Error> {
    if c.from >= c.to {
        return Ok(());
    }
    let held = take_coverage(tx, statements, c).await?;
    let (from, to) =
        held.into_iter().fold((c.from.0, c.to.0), |(from, to), held| (from.min(held.0), to.max(held.1)));
    cover(tx, statements, c, (from, to)).await
}

/// Takes a stretch out of those it overlaps.
async fn cut_coverage(tx: &Transaction<'_>, statements: &Statements, c: &Coverage) -> Result<(), Error> {
    for held in take_coverage(tx, statements, c).await? {
        for rest in c.outside(held) {
            cover(tx, statements, c, rest).await?;
        }
    }
    Ok(())
}

/// Deletes the stretches that one overlaps or touches, and answers them.
async fn take_coverage(
    tx: &Transaction<'_>,
    statements: &Statements,
    c: &Coverage,
) -> Result<Vec<(i64, i64)>, Error> {
    let (symbol, venue, dataset) = (c.symbol.as_str(), c.venue.as_str(), c.dataset.name());
    let rows = tx.query(&statements.uncover, &[&symbol, &venue, &dataset, &c.from.0, &c.to.0]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn cover(
    tx: &Transaction<'_>,
    statements: &Statements,
    c: &Coverage,
    (from, to): (i64, i64),
) -> Result<(), Error> {
    let (symbol, venue, dataset) = (c.symbol.as_str(), c.venue.as_str(), c.dataset.name());
    tx.execute(&statements.cover, &[&symbol, &venue, &dataset, &from, &to]).await?;
    Ok(())
}
