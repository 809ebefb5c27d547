//! The writing connection: made, locked, and made again when it is lost.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Error, NoTls};

use super::batch::{self, Statements};
use super::schema::{self, Step};
use super::target::{PostgresUrl, told};
use crate::store::writer::Backend;
use crate::store::{Record, StoreError};

/// The advisory lock that a database's writer holds: one tapedeck per database.
const LOCK: i64 = 0x7461_7065_6465_636b;
/// How long a relay that has just ended may keep the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// No batch takes longer; one that does waits for somebody's lock or on a line that is dead.
const STATEMENT_LIMIT: &str = "SET statement_timeout='60s'; SET lock_timeout='20s'";
const BATCH_LIMIT: Duration = Duration::from_secs(90);

/// What the writing thread owns.
pub(super) struct Session {
    runtime: Runtime,
    url: PostgresUrl,
    /// What the server calls this writer, of this process alone.
    name: String,
    /// The server's process of the last connection: it may hold the lock although its line is lost.
    process: Option<i32>,
    live: Option<Live>,
}

struct Live {
    client: Client,
    statements: Statements,
}

/// Why there is no connection to write on.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{}", told(.0))]
    Server(#[from] Error),
    #[error("another tapedeck records there: stop that one, or set STORE_URL to another database")]
    Taken,
    #[error("the server does not answer")]
    Silent,
}

impl Session {
    /// Connects, takes the lock and migrates. Blocks; not for async threads.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] or [`StoreError::Open`], both to be shown as they are.
    pub(super) fn open(url: PostgresUrl, name: String, steps: &[Step]) -> Result<Session, StoreError> {
        let failed = |detail: String| StoreError::Open { path: url.shown().to_owned(), detail };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| failed(e.to_string()))?;
        let opened: Result<_, StoreError> = runtime.block_on(async {
            let lost = |e: Lost| failed(e.to_string());
            let (mut client, process) = connect(&url, &name, None, LOCK_PATIENCE).await.map_err(lost)?;
            schema::migrate(&mut client, &url, steps).await?;
            let statements = Statements::prepare(&client).await.map_err(|e| lost(e.into()))?;
            note_timescale(&client).await;
            Ok((Live { client, statements }, process))
        });
        let (live, process) = opened?;
        Ok(Session { runtime, url, name, process: Some(process), live: Some(live) })
    }
}

impl Backend for Session {
    type Error = String;

    fn apply(&mut self, records: &[Record]) -> Result<(), String> {
        let Session { runtime, url, name, process, live } = self;
        let written = runtime.block_on(async {
            let mut again = live.is_some();
            loop {
                let held = match live.take() {
                    Some(held) => held,
                    None => {
                        let (client, new) = connect(url, name, *process, Duration::ZERO).await?;
                        *process = Some(new);
                        let statements = Statements::prepare(&client).await?;
                        Live { client, statements }
                    }
                };
                let held = live.insert(held);
                let work = batch::apply(&mut held.client, &held.statements, records);
                let error = match tokio::time::timeout(BATCH_LIMIT, work).await {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(error)) => Lost::Server(error),
                    Err(_) => Lost::Silent,
                };
                // What the server says of a statement leaves the connection as it is; anything else ends it. A line
                // that broke while nothing was written is noticed only now: that is no failure yet. Whether the
                // batch was committed is not known then, and it does not matter: writing it twice changes nothing.
                if matches!(&error, Lost::Server(e) if of_a_statement(e)) && !held.client.is_closed() {
                    return Err(error);
                }
                *live = None;
                if !std::mem::take(&mut again) {
                    return Err(error);
                }
            }
        });
        written.map_err(|error| format!("{}: {error}", url.shown()))
    }
}

/// The server refused a statement; the session goes on. (An end of the session it calls fatal.)
fn of_a_statement(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| db.parsed_severity() == Some(Severity::Error))
}

/// A connection that holds the writer's lock, and the server's process behind it.
async fn connect(
    url: &PostgresUrl,
    name: &str,
    former: Option<i32>,
    patience: Duration,
) -> Result<(Client, i32), Lost> {
    let (client, connection) = url.config(name)?.connect(NoTls).await?;
    tokio::spawn(async move {
        // The error comes to the statement that meets it.
        connection.await.ok();
    });
    client.batch_execute(STATEMENT_LIMIT).await?;
    if let Some(process) = former {
        // Our own lost connection, should the server still believe in it: it holds the lock.
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid=$1 AND application_name=$2";
        client.query(end, &[&process, &name]).await?;
    }
    let until = Instant::now() + patience.max(Duration::from_millis(200));
    loop {
        let row = client.query_one("SELECT pg_try_advisory_lock($1), pg_backend_pid()", &[&LOCK]).await?;
        if row.try_get(0)? {
            return Ok((client, row.try_get(1)?));
        }
        if Instant::now() > until {
            return Err(Lost::Taken);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn note_timescale(client: &Client) {
    let found =
        client.query_opt("SELECT extversion FROM pg_extension WHERE extname='timescaledb'", &[]).await;
    if let Ok(Some(row)) = found {
        let version: String = row.try_get(0).unwrap_or_default();
        tracing::info!(version, "TimescaleDB is there and left unused: plain tables do");
    }
}
