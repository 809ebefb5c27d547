//! Tables and how they change: numbered steps, the number kept in `user_version`.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::StoreError;

/// Step n brings schema n to n + 1. Steps are history: never edited once released, only added to.
pub(super) const MIGRATIONS: &[&str] = &[V1, V2];

/// Rows are found by key alone, so tables are clustered by it (`WITHOUT ROWID`). Times are Unix ms, UTC.
const V1: &str = "
CREATE TABLE candles (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, interval TEXT NOT NULL, timestamp INTEGER NOT NULL,
    received INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
    buy_volume REAL, sell_volume REAL, cvd REAL, cvd_from INTEGER, vwap REAL, trades INTEGER,
    origin TEXT NOT NULL, revision INTEGER NOT NULL, closed INTEGER NOT NULL, through INTEGER,
    PRIMARY KEY (symbol, venue, interval, timestamp)
) WITHOUT ROWID;
CREATE TABLE oi (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, timestamp INTEGER NOT NULL, received INTEGER NOT NULL,
    open_interest REAL NOT NULL, open_interest_value REAL,
    PRIMARY KEY (symbol, venue, timestamp)
) WITHOUT ROWID;
CREATE TABLE funding (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, timestamp INTEGER NOT NULL, received INTEGER NOT NULL,
    kind TEXT NOT NULL, funding_rate REAL NOT NULL, next_funding_time INTEGER, interval_hours REAL,
    funding_apr REAL, mark_price REAL, index_price REAL,
    PRIMARY KEY (symbol, venue, timestamp, kind)
) WITHOUT ROWID;
CREATE TABLE liquidations (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, timestamp INTEGER NOT NULL, received INTEGER NOT NULL,
    side TEXT NOT NULL, quantity REAL NOT NULL, price REAL NOT NULL, value REAL NOT NULL,
    price_kind TEXT NOT NULL, at_least INTEGER NOT NULL,
    PRIMARY KEY (symbol, venue, timestamp, side, price, quantity)
) WITHOUT ROWID;
CREATE TABLE book (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, timestamp INTEGER NOT NULL, received INTEGER NOT NULL,
    bid_px REAL NOT NULL, bid_qty REAL NOT NULL, ask_px REAL NOT NULL, ask_qty REAL NOT NULL,
    spread_bps REAL NOT NULL, depth_bid_usd REAL, depth_ask_usd REAL,
    PRIMARY KEY (symbol, venue, timestamp)
) WITHOUT ROWID;
CREATE TABLE trades (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, timestamp INTEGER NOT NULL, received INTEGER NOT NULL,
    id TEXT NOT NULL, price REAL NOT NULL, quantity REAL NOT NULL, side TEXT NOT NULL,
    PRIMARY KEY (symbol, venue, timestamp, id)
) WITHOUT ROWID;
CREATE TABLE gaps (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, channel TEXT NOT NULL, from_ms INTEGER NOT NULL,
    to_ms INTEGER, timestamp INTEGER NOT NULL, cause TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (symbol, venue, channel, from_ms)
) WITHOUT ROWID;
CREATE TABLE coverage (
    symbol TEXT NOT NULL, venue TEXT NOT NULL, dataset TEXT NOT NULL,
    from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
    PRIMARY KEY (symbol, venue, dataset, from_ms)
) WITHOUT ROWID;
";

/// Each row remembers the transaction that wrote it last, and `meta` the newest of them: what is deleted after it
/// was sealed is only what had been sealed. Rows from before count as written by transaction 0.
const V2: &str = "
ALTER TABLE candles ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE oi ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE funding ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE liquidations ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE book ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trades ADD COLUMN batch INTEGER NOT NULL DEFAULT 0;
CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('batch', 0);
";

/// Brings the file to the newest schema; an older file is copied first, beside itself.
///
/// # Errors
/// [`StoreError::NewerSchema`], or [`StoreError::Open`] with what SQLite said.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    steps: &[&str],
) -> Result<Option<PathBuf>, StoreError> {
    let shown = || path.display().to_string();
    let open = |e: rusqlite::Error| StoreError::Open { path: shown(), detail: e.to_string() };
    let found: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(open)?;
    let known = steps.len() as i64;
    if found > known {
        return Err(StoreError::NewerSchema { path: shown(), found, known });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Open {
        path: shown(),
        detail: format!("schema {found} is none of tapedeck's"),
    })?;
    if done == steps.len() {
        return Ok(None);
    }
    let copy = if done == 0 { None } else { Some(keep_copy(conn, path, found).map_err(open)?) };
    let tx = conn.transaction().map_err(open)?;
    for step in steps.iter().skip(done) {
        tx.execute_batch(step).map_err(open)?;
    }
    tx.pragma_update(None, "user_version", known).map_err(open)?;
    tx.commit().map_err(open)?;
    Ok(copy)
}

/// A whole copy named after the schema it holds. One left by a migration that did not finish is replaced.
fn keep_copy(conn: &Connection, path: &Path, schema: i64) -> Result<PathBuf, rusqlite::Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema{schema}.bak"));
    let copy = PathBuf::from(name);
    // `VACUUM INTO` refuses an existing file; a missing one is the usual case.
    std::fs::remove_file(&copy).ok();
    conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
    Ok(copy)
}
