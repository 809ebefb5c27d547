//! What is still hot: days with rows, a consistent view of some, and deleting what was sealed.
//!
//! Of bars only closed ones of 1m are counted and deleted: a forming one that was abandoned (the relay ended within
//! its minute, and nobody told the minute again) is in no sealed file and stays.

use rusqlite::{Connection, OptionalExtension, params};
use shared::event::{Bar, BookTop, Event, Funding, Liquidation, OpenInterest, Trade};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::select;
use crate::store::row::Stored;
use crate::store::{Dataset, HotDay, Mark, Query};

/// Rows deleted in one transaction: some milliseconds, so that new rows do not wait.
const CHUNK_ROWS: i64 = 4_000;
/// Pages given back to the disk after it: some more than such a chunk frees.
const SHRINK: &str = "PRAGMA incremental_vacuum(300)";

/// The newest transaction of this view.
fn mark(conn: &Connection) -> rusqlite::Result<Mark> {
    let mut newest = conn.prepare_cached("SELECT value FROM meta WHERE name='batch'")?;
    newest.query_row([], |r| r.get(0)).map(Mark)
}

/// Counts a new transaction and answers its number.
pub(super) fn next_mark(conn: &Connection) -> rusqlite::Result<Mark> {
    let mut next = conn.prepare_cached("UPDATE meta SET value=value+1 WHERE name='batch' RETURNING value")?;
    next.query_row([], |r| r.get(0)).map(Mark)
}

/// Rows and the mark of one view.
pub(super) fn snapshot(conn: &Connection, query: &Query) -> rusqlite::Result<(Vec<Event>, Mark)> {
    let view = conn.unchecked_transaction()?;
    let mark = mark(&view)?;
    let rows = select::read(&view, query)?;
    Ok((rows, mark))
}

/// Days with rows before `before`, ascending by day, then as they are found.
pub(super) fn days(conn: &Connection, before: Ms) -> rusqlite::Result<Vec<HotDay>> {
    let view = conn.unchecked_transaction()?;
    let mut days = Vec::new();
    days_of::<Bar>(&view, Dataset::Bars(Timeframe::M1), before, &mut days)?;
    days_of::<OpenInterest>(&view, Dataset::Oi, before, &mut days)?;
    days_of::<Funding>(&view, Dataset::Funding, before, &mut days)?;
    days_of::<Liquidation>(&view, Dataset::Liquidations, before, &mut days)?;
    days_of::<BookTop>(&view, Dataset::Book, before, &mut days)?;
    days_of::<Trade>(&view, Dataset::Trades, before, &mut days)?;
    days.sort_by_key(|day| day.day);
    Ok(days)
}

/// From series to series and from day to day by seeks in the key; only rows of the days found are touched.
fn days_of<T: Stored>(
    conn: &Connection,
    dataset: Dataset,
    before: Ms,
    days: &mut Vec<HotDay>,
) -> rusqlite::Result<()> {
    let (table, filter) = (T::TABLE, dataset.sealable());
    let mut next_series = conn.prepare_cached(&format!(
        "SELECT symbol,venue FROM {table} WHERE (symbol,venue)>(?,?) ORDER BY symbol,venue LIMIT 1"
    ))?;
    let range = format!("{table} WHERE symbol=?1 AND venue=?2 {filter} AND timestamp>=?3 AND timestamp<?4");
    let mut first =
        conn.prepare_cached(&format!("SELECT timestamp FROM {range} ORDER BY timestamp LIMIT 1"))?;
    let mut count = conn.prepare_cached(&format!("SELECT count(*) FROM {range}"))?;
    let mut series = (String::new(), String::new());
    loop {
        let found =
            next_series.query_row([&series.0, &series.1], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        let Some(found) = found else { return Ok(()) };
        series = found;
        // What no symbol can be was not written by tapedeck; it stays where it is.
        let Ok(symbol) = series.0.parse::<Symbol>() else { continue };
        let venue = VenueId::new(&series.1);
        let mut from = i64::MIN;
        loop {
            let at = first.query_row(params![series.0, series.1, from, before.0], |r| r.get::<_, i64>(0));
            let Some(at) = at.optional()? else { break };
            let day = Ms(at).floor(Ms::DAY);
            let end = (day + Ms::DAY).min(before);
            let rows = count.query_row(params![series.0, series.1, day.0, end.0], |r| r.get::<_, i64>(0))?;
            let (symbol, venue) = (symbol.clone(), venue.clone());
            days.push(HotDay { dataset, symbol, venue, day, rows: rows.unsigned_abs() });
            from = end.0;
        }
    }
}

/// Which rows are to go.
#[derive(Clone, Debug)]
pub(super) struct Forget {
    pub(super) dataset: Dataset,
    pub(super) symbol: Symbol,
    pub(super) venue: VenueId,
    pub(super) from: Ms,
    pub(super) to: Ms,
    pub(super) mark: Mark,
}

/// Deletes the first rows of the range that were not written after the mark; answers how many, and where to go on.
pub(super) fn forget_some(conn: &Connection, what: &Forget) -> rusqlite::Result<(u64, Option<Ms>)> {
    let (table, filter) = (what.dataset.table(), what.dataset.sealable());
    let key = (what.symbol.as_str(), what.venue.as_str());
    let range = format!("{table} WHERE symbol=?1 AND venue=?2 {filter} AND timestamp>=?3 AND timestamp<?4");
    let end = conn
        .prepare_cached(&format!("SELECT timestamp FROM {range} ORDER BY timestamp LIMIT 1 OFFSET ?5"))?
        .query_row(params![key.0, key.1, what.from.0, what.to.0, CHUNK_ROWS], |r| r.get::<_, i64>(0))
        .optional()?
        // Rows of one instant go together.
        .map(|at| Ms(at).max(what.from + Ms(1)));
    let deleted = conn.prepare_cached(&format!("DELETE FROM {range} AND batch<=?5"))?.execute(params![
        key.0,
        key.1,
        what.from.0,
        end.unwrap_or(what.to).0,
        what.mark.0
    ])?;
    if deleted > 0 {
        // Does nothing for files of the first versions, which reuse free pages instead.
        let mut shrink = conn.prepare_cached(SHRINK)?;
        let mut pages = shrink.query([])?;
        while pages.next()?.is_some() {}
    }
    Ok((deleted as u64, end))
}
