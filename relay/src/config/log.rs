//! What is logged, and how.

use tracing_subscriber::EnvFilter;

use super::{ConfigError, Layers};

/// `[log]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// `LOG_FORMAT`: `text` for people, `json` for machines. Default `text`.
    pub format: LogFormat,
    /// `RUST_LOG`: a level, or levels by module, like `info,relay::venues=debug`. Default `info`.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogConfig {
    pub(super) fn read(layers: &Layers) -> Result<LogConfig, ConfigError> {
        let format =
            layers.one("log.format", &["LOG_FORMAT"], "a log format: use json or text", |t| match t {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            })?;
        let expected = "a log filter: use a level like info, or info,relay=debug";
        let filter = layers.one("log.filter", &["RUST_LOG"], expected, |text| {
            EnvFilter::try_new(text).is_ok().then(|| text.to_owned())
        })?;
        Ok(LogConfig {
            format: format.unwrap_or(LogFormat::Text),
            filter: filter.unwrap_or_else(|| "info".to_owned()),
        })
    }
}
