//! Configuration: defaults < `tapedeck.toml` < environment (and `.env` beneath it) < flags.
//!
//! One struct per concern; the doc of each field names its variable, unit and default. The key in the file is
//! the field's name in its section. A setting that cannot be used stops the start with one line.

mod alerts;
mod guards;
mod layers;
mod limits;
mod log;
mod nearest;
mod retention;
mod server;
mod store;
#[cfg(test)]
mod tests;
mod venues;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use shared::market::Symbol;

pub use alerts::AlertsConfig;
pub use guards::GuardsConfig;
pub use layers::Layers;
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogFormat};
pub use retention::RetentionConfig;
pub use server::{ServerConfig, TlsFiles};
pub use store::StoreConfig;
pub use venues::{BaseUrls, Licence, Provider, VenuesConfig};

/// Read when it is there and no other is named.
const DEFAULT_FILE: &str = "tapedeck.toml";

/// What the command line says about the configuration.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Flags {
    /// `--demo`: the simulated market, whatever is configured.
    pub demo: bool,
    /// `--config FILE`, in place of `tapedeck.toml`.
    pub config: Option<PathBuf>,
    /// `--listen ADDR:PORT`.
    pub listen: Option<SocketAddr>,
}

/// Everything the relay is told. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: ServerConfig,
    pub venues: VenuesConfig,
    pub store: StoreConfig,
    pub retention: RetentionConfig,
    pub limits: LimitsConfig,
    pub log: LogConfig,
    pub guards: GuardsConfig,
    pub alerts: AlertsConfig,
}

/// Why the relay does not start; one line, with the setting's name and the fix. Never holds a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {file}: {detail}; name another with --config", file = file.display())]
    Unreadable { file: PathBuf, detail: String },
    // What the parser says would quote the line, and lines hold secrets.
    #[error(
        "{file} line {line} is not TOML: write name = \"text\", name = 123, name = true or name = [\"a\", \"b\"]"
    )]
    Syntax { file: String, line: usize },
    #[error(
        "{key}: that is no symbol and no guard; write [guards.\"BTCUSDT-PERP\"] for a symbol's own thresholds"
    )]
    NoSymbol { key: String },
    #[error(".env line {line} is not NAME=value: mend it or remove it")]
    DotEnv { line: usize },
    #[error("unknown setting {key} in {file}: {known}")]
    Unknown { key: String, file: String, known: String },
    #[error("unknown setting {name} in the environment: did you mean {nearest}? .env.example has them all")]
    UnknownVariable { name: String, nearest: String },
    #[error("{name}: {}not {expected}", shown.as_ref().map_or("this is ".to_owned(), |text| format!("`{text}` is ")))]
    Malformed {
        name: String,
        /// The value, unless it could be a secret.
        shown: Option<String>,
        /// What it should be, and how to write it.
        expected: &'static str,
    },
    #[error(
        "server.address: {listen} is reachable from outside: set TAPEDECK_TOKENS, or TAPEDECK_PUBLIC=true to serve everybody, or listen on 127.0.0.1"
    )]
    Exposed { listen: SocketAddr },
    #[error(
        "server.{missing} is not set, but server.{has} is: https needs both (TAPEDECK_TLS_CERT and TAPEDECK_TLS_KEY)"
    )]
    HalfTls { has: &'static str, missing: &'static str },
    #[error("PROVIDER: sim stands alone: use `sim`, or real venues without it")]
    SimBesideVenues,
    #[error("SYMBOLS: the simulated market has no {symbol}: use some of {has}")]
    NotSimulated { symbol: Symbol, has: String },
}

impl Config {
    /// Reads flags, environment, `.env` and `tapedeck.toml` of the working folder.
    ///
    /// # Errors
    /// [`ConfigError`], to be shown as it is.
    pub fn load(flags: &Flags) -> Result<Config, ConfigError> {
        // Variables that are not UTF-8 are none of ours.
        let utf8 =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let mut environments = vec![std::env::vars_os().filter_map(utf8).collect()];
        if let Some(text) = read_if_there(Path::new(".env"))? {
            environments.push(dot_env(&text)?);
        }
        let (path, text) = match &flags.config {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let unreadable = |e: std::io::Error| unreadable(path, &e);
                (path.clone(), text.map_err(unreadable)?)
            }
            None => (DEFAULT_FILE.into(), read_if_there(Path::new(DEFAULT_FILE))?.unwrap_or_default()),
        };
        Config::from_layers(&Layers::new(environments, &path.display().to_string(), &text)?, flags)
    }

    /// The configuration of given layers: the part of [`Config::load`] that reads nothing.
    ///
    /// # Errors
    /// [`ConfigError`], to be shown as it is.
    pub fn from_layers(layers: &Layers, flags: &Flags) -> Result<Config, ConfigError> {
        let mut config = Config {
            log: LogConfig::read(layers)?,
            guards: GuardsConfig::read(layers)?,
            alerts: AlertsConfig::read(layers)?,
            venues: VenuesConfig::read(layers, flags.demo)?,
            store: StoreConfig::read(layers)?,
            retention: RetentionConfig::read(layers)?,
            limits: LimitsConfig::read(layers)?,
            server: ServerConfig::read(layers, flags.listen)?,
        };
        layers.refuse_unknown()?;
        let exposed = !config.server.listen.ip().is_loopback();
        config.venues.settle(exposed, &config.store.data_dir);
        Ok(config)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::Unreadable { file: path.to_owned(), detail: error.to_string() }
}

fn read_if_there(path: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Variables of a `.env` file's text.
fn dot_env(text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    // Line by line, so that an error can name the line without quoting it.
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        for pair in dotenvy::from_read_iter(line.as_bytes()) {
            let (name, value) = pair.map_err(|_| ConfigError::DotEnv { line: number + 1 })?;
            variables.insert(name, value);
        }
    }
    Ok(variables)
}
