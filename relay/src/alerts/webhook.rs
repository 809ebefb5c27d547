//! One POST per fired alert to an address of the user's.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use shared::wire::{Alert, AlertDirection, ServerFrame};
use tokio::sync::Notify;
use tracing::{info, warn};

use super::Alerts;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before it is tried again; the address may be a chat's that has a bad minute.
const PAUSES: [u64; 5] = [1, 4, 15, 60, 300];

/// Where to tell, and how to get there. The address is as good as a password: it is shown nowhere.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: SecretString,
    pub proxy: Option<SecretString>,
}

/// Why one attempt failed, without the address.
enum Failure {
    /// Asking again will not help.
    Refused(StatusCode),
    Later(String),
}

impl Webhook {
    /// Tells what fires, and what had fired when the relay was ended, one by one, for ever.
    ///
    /// # Errors
    /// What is wrong with the proxy address.
    pub fn run(
        self,
        alerts: Arc<Alerts>,
        woken: Arc<Notify>,
    ) -> Result<impl Future<Output = ()> + Send + 'static, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .user_agent(concat!("tapedeck/", env!("CARGO_PKG_VERSION")));
        let client = match &self.proxy {
            Some(proxy) => {
                let bypass = reqwest::NoProxy::from_string("localhost,127.0.0.1,::1");
                builder.proxy(reqwest::Proxy::all(proxy.expose_secret())?.no_proxy(bypass)).build()?
            }
            None => builder.no_proxy().build()?,
        };
        Ok(async move {
            loop {
                // Looked up each time: what fires again while an earlier one is tried takes its place.
                while let Some(alert) = alerts.unsent().into_iter().next() {
                    self.deliver(&client, &alert).await;
                    let alerts = alerts.clone();
                    let _ = tokio::task::spawn_blocking(move || alerts.sent(&alert)).await;
                }
                woken.notified().await;
            }
        })
    }

    /// Tells one alert, tried again while that may help.
    async fn deliver(&self, client: &reqwest::Client, alert: &Alert) {
        let body = body(alert);
        let mut pauses = PAUSES.iter();
        loop {
            let why = match self.post(client, body.clone()).await {
                Ok(()) => return info!(id = alert.id, "the webhook has been told"),
                Err(Failure::Refused(status)) => {
                    return warn!(id = alert.id, %status, "the webhook refused an alert");
                }
                Err(Failure::Later(why)) => why,
            };
            let Some(pause) = pauses.next() else {
                return warn!(id = alert.id, why, "the webhook cannot be told");
            };
            warn!(id = alert.id, why, again_in_s = pause, "the webhook was not told");
            tokio::time::sleep(Duration::from_secs(*pause)).await;
        }
    }

    async fn post(&self, client: &reqwest::Client, body: String) -> Result<(), Failure> {
        let request = client.post(self.url.expose_secret()).header("content-type", "application/json");
        let answer = request.body(body).send().await;
        let status = answer.map_err(|error| Failure::Later(reason(&error)))?.status();
        match status {
            _ if status.is_success() => Ok(()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Later(status.to_string()))
            }
            _ if status.is_server_error() => Err(Failure::Later(status.to_string())),
            _ => Err(Failure::Refused(status)),
        }
    }
}

/// What failed in a few words; what the client says itself would show the address.
fn reason(error: &reqwest::Error) -> String {
    let why = match error {
        e if e.is_timeout() => "it does not answer in time",
        e if e.is_connect() => "it cannot be reached",
        _ => "the request failed",
    };
    why.to_owned()
}

/// The frame clients get, with a line of text that chats show.
fn body(alert: &Alert) -> String {
    let way = match alert.direction {
        AlertDirection::Above => "at or above",
        AlertDirection::Below => "at or below",
        AlertDirection::Cross => "crossed",
    };
    let note = if alert.note.is_empty() { String::new() } else { format!(": {}", alert.note) };
    let last = alert.fired_price.unwrap_or(alert.price);
    let text = format!("{} {way} {} (last {last}){note}", alert.symbol, alert.price);
    let frame = ServerFrame::Alert(alert.clone()).encode();
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&frame).unwrap_or_default();
    fields.insert("text".into(), text.into());
    serde_json::Value::Object(fields).to_string()
}
