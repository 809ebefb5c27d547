//! Tables and how they change: numbered steps, the number kept in the table `tapedeck`.
//!
//! Texts are ordered by bytes (`COLLATE "C"`), as SQLite orders them, whatever language the database has. The time is
//! part of every unique key, as TimescaleDB asks of a table that is to be partitioned by it.

use tokio_postgres::{Client, Error};

use super::target::{PostgresUrl, told};
use crate::store::StoreError;

/// A step from schema n to n + 1.
pub(super) struct Step {
    pub(super) sql: &'static str,
    /// Tables whose rows it changes: kept beside as they were, `candles` as `candles_schema1`.
    pub(super) changes: &'static [&'static str],
}

/// Steps are history: never edited once released, only added to.
pub(super) const MIGRATIONS: &[Step] = &[Step { sql: V1, changes: &[] }];

/// The tables of rows.
pub(super) const TABLES: [&str; 8] =
    ["candles", "oi", "funding", "liquidations", "book", "trades", "gaps", "coverage"];

/// Times are Unix ms, UTC; `batch` is the number of the transaction that wrote the row last.
const V1: &str = r#"
CREATE TABLE candles (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL, interval text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL, received bigint NOT NULL, batch bigint NOT NULL,
    open double precision NOT NULL, high double precision NOT NULL, low double precision NOT NULL,
    close double precision NOT NULL, volume double precision NOT NULL,
    buy_volume double precision, sell_volume double precision, cvd double precision, cvd_from bigint,
    vwap double precision, trades bigint,
    origin text COLLATE "C" NOT NULL, revision bigint NOT NULL, closed boolean NOT NULL, through bigint,
    PRIMARY KEY (symbol, venue, interval, timestamp)
);
CREATE TABLE oi (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL, received bigint NOT NULL, batch bigint NOT NULL,
    open_interest double precision NOT NULL, open_interest_value double precision,
    PRIMARY KEY (symbol, venue, timestamp)
);
CREATE TABLE funding (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL, received bigint NOT NULL, batch bigint NOT NULL,
    kind text COLLATE "C" NOT NULL, funding_rate double precision NOT NULL, next_funding_time bigint,
    interval_hours double precision, funding_apr double precision, mark_price double precision,
    index_price double precision,
    PRIMARY KEY (symbol, venue, timestamp, kind)
);
CREATE TABLE liquidations (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL, received bigint NOT NULL, batch bigint NOT NULL,
    side text COLLATE "C" NOT NULL, quantity double precision NOT NULL, price double precision NOT NULL,
    value double precision NOT NULL, price_kind text COLLATE "C" NOT NULL, at_least boolean NOT NULL,
    PRIMARY KEY (symbol, venue, timestamp, side, price, quantity)
);
CREATE TABLE book (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL, received bigint NOT NULL, batch bigint NOT NULL,
    bid_px double precision NOT NULL, bid_qty double precision NOT NULL, ask_px double precision NOT NULL,
    ask_qty double precision NOT NULL, spread_bps double precision NOT NULL,
    depth_bid_usd double precision, depth_ask_usd double precision,
    PRIMARY KEY (symbol, venue, timestamp)
);
CREATE TABLE trades (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL,
    timestamp bigint NOT NULL, received bigint NOT NULL, batch bigint NOT NULL,
    id text COLLATE "C" NOT NULL, price double precision NOT NULL, quantity double precision NOT NULL,
    side text COLLATE "C" NOT NULL,
    PRIMARY KEY (symbol, venue, timestamp, id)
);
CREATE TABLE gaps (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL, channel text COLLATE "C" NOT NULL,
    from_ms bigint NOT NULL, to_ms bigint, timestamp bigint NOT NULL, cause text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    PRIMARY KEY (symbol, venue, channel, from_ms)
);
CREATE INDEX gaps_from ON gaps (from_ms);
CREATE TABLE coverage (
    symbol text COLLATE "C" NOT NULL, venue text COLLATE "C" NOT NULL, dataset text COLLATE "C" NOT NULL,
    from_ms bigint NOT NULL, to_ms bigint NOT NULL,
    PRIMARY KEY (symbol, venue, dataset, from_ms)
);
"#;

/// One row: which schema this is, and the number of the newest write transaction.
const STATE: &str = "CREATE TABLE IF NOT EXISTS tapedeck (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), schema bigint NOT NULL, batch bigint NOT NULL);
    INSERT INTO tapedeck (schema, batch) VALUES (0, 0) ON CONFLICT DO NOTHING";

/// Brings the database to the newest schema in one transaction. The caller holds the writer's lock.
///
/// # Errors
/// [`StoreError::NewerSchema`], or [`StoreError::Open`] with what the server said.
pub(super) async fn migrate(
    client: &mut Client,
    url: &PostgresUrl,
    steps: &[Step],
) -> Result<(), StoreError> {
    let path = url.shown().to_owned();
    let open = |e: Error| StoreError::Open { path: url.shown().to_owned(), detail: told(&e) };
    let known = steps.len() as i64;
    let tx = client.transaction().await.map_err(open)?;
    tx.batch_execute(STATE).await.map_err(open)?;
    let found: i64 = tx.query_one("SELECT schema FROM tapedeck", &[]).await.map_err(open)?.get(0);
    if found > known {
        return Err(StoreError::NewerSchema { path, found, known });
    }
    let Ok(done) = usize::try_from(found) else {
        return Err(StoreError::Open { path, detail: format!("schema {found} is none of tapedeck's") });
    };
    for (schema, step) in steps.iter().enumerate().skip(done) {
        for table in step.changes {
            let copy = format!("{table}_schema{schema}");
            let keep = format!("DROP TABLE IF EXISTS {copy}; CREATE TABLE {copy} AS TABLE {table}");
            tx.batch_execute(&keep).await.map_err(open)?;
            tracing::info!(copy, "store migrated; the table as it was is kept");
        }
        tx.batch_execute(step.sql).await.map_err(open)?;
    }
    tx.execute("UPDATE tapedeck SET schema=$1", &[&known]).await.map_err(open)?;
    tx.commit().await.map_err(open)
}
