//! Which server and database, and how both are called in errors: the address holds a password.

use std::error::Error as _;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error};

/// How long a server may take to answer a new connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a sent packet may stay unacknowledged before the line counts as dead.
const DEAD_LINE: Duration = Duration::from_secs(15);

/// `postgres://user:password@host:port/database`; never shown as it is.
#[derive(Clone)]
pub struct PostgresUrl {
    text: SecretString,
    shown: String,
}

impl PostgresUrl {
    /// Whether a text is meant as such an address.
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Reads an address; it must name a host. `sslmode=require` is refused: connections are not encrypted.
    pub fn parse(text: &str) -> Option<PostgresUrl> {
        if !PostgresUrl::is_one(text) {
            return None;
        }
        let config: Config = text.parse().ok()?;
        let host = match config.get_hosts().first()? {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        };
        let plain = config.get_ssl_mode() != SslMode::Require;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let database = config.get_dbname().or(config.get_user()).unwrap_or("its default database");
        let shown = format!("PostgreSQL at {host}:{port}/{database}");
        plain.then(|| PostgresUrl { text: text.into(), shown })
    }

    /// Host and database, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What a connection is made by; `name` is what the server calls it.
    pub(super) fn config(&self, name: &str) -> Result<Config, Error> {
        let mut config: Config = self.text.expose_secret().parse()?;
        config.application_name(name).connect_timeout(CONNECT).tcp_user_timeout(DEAD_LINE);
        config.keepalives_idle(DEAD_LINE);
        Ok(config)
    }
}

impl std::fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &PostgresUrl) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}

impl Eq for PostgresUrl {}

/// What a server or a connection to it said, in one line, with the fix where there is one.
pub(super) fn told(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        let code = db.code();
        if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
            return "the server does not accept user and password of STORE_URL".to_owned();
        }
        let fix = if *code == SqlState::INVALID_CATALOG_NAME { ": make it with createdb" } else { "" };
        return format!("{}{fix}", one_line(db.message()));
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    one_line(&text)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The record is at fault, not server, disk or line: trying again cannot help.
pub(super) fn refused(error: &Error) -> bool {
    // Data exceptions, violated constraints, exceeded limits (a key too long for an index).
    let class = error.code().map(|code| code.code().get(..2));
    matches!(class, Some(Some("22" | "23" | "54")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_user_and_password() {
        let shown = |text: &str| PostgresUrl::parse(text).map(|url| format!("{url:?}"));
        let at = |place: &str| Some(format!("PostgreSQL at {place}"));
        assert_eq!(shown("postgres://me:s%40cret@db.example:6543/deck"), at("db.example:6543/deck"));
        assert_eq!(shown("postgresql://me:s3cret@127.0.0.1"), at("127.0.0.1:5432/me"));
        assert_eq!(shown("postgres:///deck?host=/var/run/postgresql"), at("/var/run/postgresql:5432/deck"));
        for bad in [
            "postgres://",
            "mysql://me@db/deck",
            "postgres://me@db:port/deck",
            "postgres://db/deck?sslmode=require",
            "postgres://db/deck?colour=red",
            "",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }
}
