//! Errors on the socket, by what is to be done about them.

use shared::market::Ms;

use super::InsightSentry;
use super::decode::read;
use super::wire::Refusal;
use crate::venues::Frame;

/// Before the list is sent again where the vendor does not say when.
const PAUSE: Ms = Ms::seconds(5);
const LONGEST_PAUSE: Ms = Ms(10 * Ms::MINUTE.0);

/// What an error frame asks for.
pub(super) fn frame(venue: &InsightSentry, text: &str) -> Frame {
    let Ok(refusal) = read::<Refusal<'_>>(text) else {
        // An error in another form; it cannot be known to be final.
        return refused(Vec::new(), "an error in a form of its own".to_owned());
    };
    let code = refusal.error.as_deref().unwrap_or_default();
    let action = refusal.action.as_deref().unwrap_or_default();
    let said = match refusal.message.as_deref() {
        Some(message) if message != code => format!("{code}: {message}"),
        _ => code.to_owned(),
    };
    let message = venue.without_key(&said);
    match (code, action) {
        ("invalid_symbol" | "invalid_bar_interval" | "invalid_currency_code" | "invalid_unit_code", _) => {
            let symbol = refusal.symbol.as_deref().map(|s| venue.without_key(s));
            let named = symbol.as_ref().map(|s| format!("{message} ({s})"));
            refused(symbol.into_iter().collect(), named.unwrap_or(message))
        }
        ("processing_throttled" | "reconnect_throttled" | "temporarily_unavailable", _)
        | (_, "wait_and_retry" | "retry_request") => {
            let seconds = refusal.retry_after_seconds.or(refusal.delay_seconds);
            let told = seconds.filter(|s| (0.0..=1e6).contains(s)).map(|s| Ms((s * 1_000.0).ceil() as i64));
            Frame::Again { after: told.unwrap_or(PAUSE).min(LONGEST_PAUSE), message }
        }
        (_, "reconnect" | "reconnect_and_send_request" | "reconnect_with_current_entitlements") => {
            Frame::Shutdown
        }
        ("server_busy" | "internal_server_error", _) if refusal.retryable == Some(true) => Frame::Shutdown,
        _ => Frame::Final(format!("{} ended it: {message}", super::NAME)),
    }
}

fn refused(streams: Vec<String>, message: String) -> Frame {
    Frame::Refused { id: None, streams, message }
}
