//! Reading: ranges of one or all venues, holes, coverage.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use shared::event::{Bar, BookTop, Event, Funding, Liquidation, OpenInterest, Trade};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::row::{Reader, select_sql};
use crate::store::row::{BadValue, Source, Stored, needed};
use crate::store::rows::{GAP_COLUMNS, read_gap};
use crate::store::{Dataset, GapRow, Query};

/// Rows of a query, ascending by (timestamp, venue).
pub(super) fn read(conn: &Connection, query: &Query) -> rusqlite::Result<Vec<Event>> {
    match query.dataset {
        Dataset::Bars(tf) => rows::<Bar>(conn, query, Some(tf)),
        Dataset::Oi => rows::<OpenInterest>(conn, query, None),
        Dataset::Funding => rows::<Funding>(conn, query, None),
        Dataset::Liquidations => rows::<Liquidation>(conn, query, None),
        Dataset::Book => rows::<BookTop>(conn, query, None),
        Dataset::Trades => rows::<Trade>(conn, query, None),
    }
}

fn rows<T: Stored>(
    conn: &Connection,
    query: &Query,
    interval: Option<Timeframe>,
) -> rusqlite::Result<Vec<Event>> {
    if let Some(venue) = &query.venue {
        return rows_of_venue::<T>(conn, query, venue, interval);
    }
    // Each venue's part is a seek in the key; joined and cut to the limit here.
    let mut all = Vec::new();
    for venue in venues::<T>(conn, &query.symbol)? {
        all.append(&mut rows_of_venue::<T>(conn, query, &venue, interval)?);
    }
    // Stable: rows of one venue and instant keep the order of their key.
    all.sort_by(|a, b| (a.timestamp(), &a.venue).cmp(&(b.timestamp(), &b.venue)));
    let surplus = all.len().saturating_sub(query.limit);
    if query.newest {
        all.drain(..surplus);
    } else {
        all.truncate(query.limit);
    }
    Ok(all)
}

fn rows_of_venue<T: Stored>(
    conn: &Connection,
    query: &Query,
    venue: &VenueId,
    interval: Option<Timeframe>,
) -> rusqlite::Result<Vec<Event>> {
    let filter = if interval.is_some() { "AND interval=?6" } else { "" };
    let mut statement = conn.prepare_cached(&select_sql::<T>(filter, query.newest))?;
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut values: Vec<Value> = vec![
        query.symbol.as_str().to_owned().into(),
        venue.as_str().to_owned().into(),
        query.from.0.into(),
        query.to.0.into(),
        limit.into(),
    ];
    values.extend(interval.map(|tf| Value::from(tf.name().to_owned())));
    let mut found = statement.query(params_from_iter(values))?;
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        let mut reader = Reader::new(row);
        let timestamp = Ms(needed(reader.int()?)?);
        let received = Ms(needed(reader.int()?)?);
        let body = T::read(timestamp, &mut reader)?.into_body();
        events.push(Event { received, symbol: query.symbol.clone(), venue: venue.clone(), body });
    }
    if query.newest {
        events.reverse();
    }
    Ok(events)
}

/// Venues with rows of a symbol: one seek in the key for each.
fn venues<T: Stored>(conn: &Connection, symbol: &Symbol) -> rusqlite::Result<Vec<VenueId>> {
    let sql = format!("SELECT min(venue) FROM {} WHERE symbol=? AND venue>?", T::TABLE);
    let mut statement = conn.prepare_cached(&sql)?;
    let mut venues: Vec<VenueId> = Vec::new();
    loop {
        let after = venues.last().map_or("", VenueId::as_str);
        match statement.query_row([symbol.as_str(), after], |r| r.get::<_, Option<String>>(0))? {
            Some(name) => venues.push(VenueId::new(&name)),
            None => return Ok(venues),
        }
    }
}

pub(super) fn gaps(
    conn: &Connection,
    symbol: Option<&Symbol>,
    from: Ms,
    to: Ms,
) -> rusqlite::Result<Vec<GapRow>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT symbol,venue,{GAP_COLUMNS} FROM gaps
         WHERE (?3 IS NULL OR symbol=?3) AND from_ms<?2 AND (to_ms IS NULL OR to_ms>?1)
         ORDER BY from_ms,symbol,venue,channel"
    ))?;
    let mut found = statement.query(params![from.0, to.0, symbol.map(Symbol::as_str)])?;
    let mut gaps = Vec::new();
    while let Some(row) = found.next()? {
        let mut reader = Reader::new(row);
        let name = needed(reader.text()?)?;
        let symbol = name.parse().map_err(|_| BadValue::Unknown(name.into_owned()))?;
        let venue = VenueId::new(&needed(reader.text()?)?);
        gaps.push(GapRow { symbol, venue, gap: read_gap(&mut reader)? });
    }
    Ok(gaps)
}

pub(super) fn coverage(
    conn: &Connection,
    dataset: Dataset,
    symbol: &Symbol,
    venue: &VenueId,
) -> rusqlite::Result<Vec<(Ms, Ms)>> {
    conn.prepare_cached(
        "SELECT from_ms,to_ms FROM coverage WHERE symbol=? AND venue=? AND dataset=? ORDER BY from_ms",
    )?
    .query_map(params![symbol.as_str(), venue.as_str(), dataset.name()], |r| {
        Ok((Ms(r.get(0)?), Ms(r.get(1)?)))
    })?
    .collect()
}

pub(super) fn newest(
    conn: &Connection,
    dataset: Dataset,
    symbol: &Symbol,
    venue: &VenueId,
) -> rusqlite::Result<Option<Ms>> {
    let table = dataset.table();
    let interval = if let Dataset::Bars(tf) = dataset { Some(tf) } else { None };
    let filter = if interval.is_some() { "AND interval=?3" } else { "AND ?3 IS NULL" };
    let sql = format!(
        "SELECT timestamp FROM {table} WHERE symbol=?1 AND venue=?2 {filter} ORDER BY timestamp DESC LIMIT 1"
    );
    conn.prepare_cached(&sql)?
        .query_row(params![symbol.as_str(), venue.as_str(), interval.map(Timeframe::name)], |r| r.get(0))
        .optional()
        .map(|at| at.map(Ms))
}
