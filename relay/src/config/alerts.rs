//! Whom price alerts are told to.

use secrecy::SecretString;

use super::{ConfigError, Layers};

/// `[alerts]`.
#[derive(Clone, Default, Debug)]
pub struct AlertsConfig {
    /// `ALERT_WEBHOOK_URL`: an address that gets one POST per fired alert; as good as a password, so it is shown
    /// nowhere. Default none.
    pub webhook_url: Option<SecretString>,
}

impl AlertsConfig {
    pub(super) fn read(layers: &Layers) -> Result<AlertsConfig, ConfigError> {
        let expected = "an address: use one like https://hooks.example.org/path";
        let address = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
                && reqwest::Url::parse(text).is_ok()
        };
        let webhook_url = layers.secret("alerts.webhook_url", &["ALERT_WEBHOOK_URL"], expected, address)?;
        Ok(AlertsConfig { webhook_url })
    }
}
