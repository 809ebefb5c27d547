//! Where the record is kept.

use std::path::{Path, PathBuf};

use super::{ConfigError, Layers};
use crate::store::PostgresUrl;

/// `[store]`. `STORE_URL` beats `SQLITE_PATH`, which beats `DATA_DIR`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreConfig {
    /// `DATA_DIR`: the folder of everything recorded. Default `./tapedeck-data`.
    pub data_dir: PathBuf,
    /// `STORE_URL` (`sqlite:PATH`) or `SQLITE_PATH`: the database file. Default `<DATA_DIR>/hot.sqlite3`.
    pub sqlite_path: PathBuf,
    /// `STORE_URL` (`postgres://user:password@host:port/database`): a database in place of the file. Default none.
    pub postgres: Option<PostgresUrl>,
    /// `STORE_TRADES`: keep every trade, not only the bars made of them. Default false.
    pub trades: bool,
}

impl StoreConfig {
    pub(super) fn read(layers: &Layers) -> Result<StoreConfig, ConfigError> {
        let path = |key: &str, variable: &str| {
            layers
                .one(key, &[variable], "a path: use a folder or file name", |text| Some(PathBuf::from(text)))
        };
        let data_dir = path("store.data_dir", "DATA_DIR")?.unwrap_or_else(|| "./tapedeck-data".into());
        let sqlite_path = path("store.sqlite_path", "SQLITE_PATH")?;
        // A store's address may hold a password: it is read as a secret.
        let expected = "a store's address: use sqlite:PATH or postgres://user:password@host:port/database \
                        (connections are not encrypted: no sslmode=require)";
        let url = layers.secret("store.url", &["STORE_URL"], expected, |text| {
            PostgresUrl::parse(text).is_some() || sqlite_url(text).is_some()
        })?;
        let url = url.as_ref().map(secrecy::ExposeSecret::expose_secret);
        let (postgres, from_url) = (url.and_then(PostgresUrl::parse), url.and_then(sqlite_url));
        let sqlite_path = from_url.or(sqlite_path).unwrap_or_else(|| data_dir.join("hot.sqlite3"));
        let trades = layers.switch("store.trades", &["STORE_TRADES"])?.unwrap_or(false);
        Ok(StoreConfig { data_dir, sqlite_path, postgres, trades })
    }

    /// The folder of sealed days.
    pub fn archive(&self) -> PathBuf {
        self.data_dir.join("parquet")
    }

    /// The folders this relay writes to and must have to itself.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.data_dir.clone()];
        match self.sqlite_path.parent() {
            _ if self.postgres.is_some() => {}
            Some(parent) if parent == Path::new("") => folders.push(".".into()),
            Some(parent) => folders.push(parent.to_owned()),
            None => {}
        }
        folders.dedup();
        folders
    }
}

/// `sqlite:PATH` and `sqlite://PATH`; three slashes begin an absolute path.
fn sqlite_url(text: &str) -> Option<PathBuf> {
    let rest = text.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    (!path.is_empty() && !path.ends_with('/')).then(|| PathBuf::from(path))
}
