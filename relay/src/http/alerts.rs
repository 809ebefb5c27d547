//! `/api/alerts`: price alerts that the relay holds.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use shared::event::{Body as EventBody, Channel, Topic};
use shared::market::{Symbol, Timeframe, VenueId};
use shared::wire::{Alert, AlertDirection};

use super::body::object;
use super::params::{Params, clip};
use super::{ApiError, Core, too_many};
use crate::alerts::AlertError;
use crate::alerts::watch::topic;

const LIKE: &str = "{\"symbol\":\"BTCUSDT-PERP\",\"price\":70000}";
const FIELDS: [&str; 6] = ["symbol", "venue", "price", "direction", "note", "once"];
/// Most characters of a note.
const LONGEST_NOTE: usize = 200;

/// All alerts, oldest first, those that have fired included.
pub(super) async fn list(State(core): State<Arc<Core>>) -> Json<Vec<Alert>> {
    Json(core.alerts.list())
}

/// Takes a new alert.
pub(super) async fn add(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Alert>, ApiError> {
    let fields = object(&headers, body, LIKE).await?;
    let mut alert = read(&fields)?;
    let known = core.directory.venues();
    if let Some(venue) = alert.venue.as_ref().filter(|venue| !known.contains(venue)) {
        let names: Vec<&str> = known.iter().map(VenueId::as_str).collect();
        let detail = format!("`venue`: unknown venue `{venue}`: this relay has {}", names.join(", "));
        return Err(ApiError::bad_request("unknown_venue", detail));
    }
    core.lookup.resolve(&alert.symbol).await;
    let listings = core.directory.listings(&alert.symbol);
    let listed = listings.iter().find(|i| alert.venue.as_ref().is_none_or(|venue| i.venue == *venue));
    let Some(instrument) = listed else {
        let symbol = &alert.symbol;
        let detail = match &alert.venue {
            Some(venue) if !listings.is_empty() => format!("`venue`: {venue} does not list `{symbol}`"),
            _ => format!("`symbol`: nobody lists `{symbol}`; /api/symbols/search finds what there is"),
        };
        return Err(ApiError::not_found("unknown_symbol", detail));
    };
    // An alert that nobody can watch is none; asked for now, its symbol stays open until the watch has it.
    core.follower.poll(&[topic(instrument)]).map_err(|full| too_many(&full, &core.follower))?;
    alert.created = core.clock.now();
    if alert.direction == AlertDirection::Cross {
        alert.reference = newest_price(&core, &alert.symbol, &instrument.venue);
    }
    let alerts = core.alerts.clone();
    changed(tokio::task::spawn_blocking(move || alerts.add(alert)).await)
}

/// Deletes an alert and answers what it was.
pub(super) async fn remove(State(core): State<Arc<Core>>, params: Params) -> Result<Json<Alert>, ApiError> {
    let missing = || ApiError::bad_request("missing_id", "`id` is missing: like id=7");
    let id = params.number("id", 1, u64::from(u32::MAX))?.ok_or_else(missing)?;
    let id = u32::try_from(id).map_err(|_| missing())?;
    let alerts = core.alerts.clone();
    let removed = changed(tokio::task::spawn_blocking(move || alerts.remove(id)).await)?;
    let gone = || ApiError::not_found("unknown_alert", format!("`id`: there is no alert {id}"));
    removed.0.map(Json).ok_or_else(gone)
}

fn changed<T>(done: Result<Result<T, AlertError>, tokio::task::JoinError>) -> Result<Json<T>, ApiError> {
    let unkept = "the alert cannot be kept now: try again";
    match done {
        Ok(Ok(value)) => Ok(Json(value)),
        Ok(Err(full @ AlertError::Full)) => {
            Err(ApiError::new(StatusCode::CONFLICT, "too_many_alerts", full.to_string()))
        }
        Ok(Err(AlertError::Unkept(error))) => {
            // Paths stay in the log.
            tracing::warn!(%error, "an alert cannot be kept");
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", unkept))
        }
        Err(_) => Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", unkept)),
    }
}

/// The close of the forming minute.
fn newest_price(core: &Core, symbol: &Symbol, venue: &VenueId) -> Option<f64> {
    let interval = Some(Timeframe::M1);
    let topic = Topic { symbol: symbol.clone(), venue: venue.clone(), channel: Channel::Bar, interval };
    match core.hub.last(&topic).last()?.event.body {
        EventBody::Bar(bar) => Some(bar.close),
        _ => None,
    }
}

/// An alert of a body's fields, without number and time.
fn read(fields: &Map<String, Value>) -> Result<Alert, ApiError> {
    if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let detail = format!("`{}`: no such field; there are {}", clip(name), FIELDS.join(", "));
        return Err(ApiError::bad_request("unknown_field", detail));
    }
    let invalid = |detail: &str| ApiError::bad_request("invalid_body", detail);
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(invalid(&format!("`{name}`: a text"))),
    };
    let symbol = text("symbol")?.ok_or_else(|| invalid("`symbol` is missing: like \"BTCUSDT-PERP\""))?;
    let symbol =
        symbol.parse().map_err(|e| ApiError::bad_request("invalid_symbol", format!("`symbol`: {e}")))?;
    let price = fields.get("price").and_then(Value::as_f64).filter(|price| price.is_finite() && *price > 0.0);
    let price = price.ok_or_else(|| ApiError::bad_request("invalid_price", "`price`: a number above 0"))?;
    let direction = match text("direction")? {
        None | Some("cross") => AlertDirection::Cross,
        Some("above") => AlertDirection::Above,
        Some("below") => AlertDirection::Below,
        Some(_) => {
            let detail = "`direction`: use above, below or cross";
            return Err(ApiError::bad_request("invalid_direction", detail));
        }
    };
    let note = text("note")?.unwrap_or_default().trim();
    if note.chars().count() > LONGEST_NOTE || note.chars().any(char::is_control) {
        let detail = format!("`note`: one line of at most {LONGEST_NOTE} characters");
        return Err(ApiError::bad_request("invalid_note", detail));
    }
    let once = match fields.get("once") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(once)) => *once,
        Some(_) => return Err(invalid("`once`: true or false")),
    };
    Ok(Alert {
        id: 0,
        symbol,
        venue: text("venue")?.map(VenueId::new),
        price,
        direction,
        note: note.to_owned(),
        once,
        created: shared::market::Ms::ZERO,
        reference: None,
        fired: None,
        fired_price: None,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use shared::market::{Calendar, Group, Instrument, Kind, Ms};
    use tower::ServiceExt;

    use super::*;
    use crate::http::papers::tests::relay;
    use crate::ingest::demand::FollowLimits;

    #[tokio::test]
    async fn an_alert_whose_symbol_cannot_be_followed_is_refused() {
        let relay = relay(FollowLimits { grace: Ms::seconds(7), symbols: 0 });
        let (core, venue) = (relay.core(), VenueId::new("one"));
        let _orders = core.follower.attach(&venue, &[]);
        let instrument = Instrument {
            symbol: "BTCUSDT-PERP".parse().unwrap(),
            venue: venue.clone(),
            venue_symbol: "BTCUSDT".into(),
            group: Group::new("BTC", Kind::Perp),
            kind: Kind::Perp,
            base: "BTC".into(),
            quote: "USDT".into(),
            tick_size: 0.1,
            step_size: 0.1,
            multiplier: 1.0,
            channels: vec![Channel::Trade],
            calendar: Calendar::default(),
        };
        core.directory.list(&venue, vec![Arc::new(instrument)]);
        let request = Request::post("/api/alerts").header("content-type", "application/json");
        let answer = relay.router().oneshot(request.body(Body::from(LIKE)).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()["retry-after"], "7");
        let body = axum::body::to_bytes(answer.into_body(), 4_096).await.unwrap();
        let refusal: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(refusal["code"], "too_many_symbols");
        assert!(
            refusal["detail"].as_str().unwrap().ends_with("or raise TAPEDECK_DYNAMIC_SYMBOLS"),
            "{refusal}"
        );
        assert!(core.alerts.list().is_empty());
    }

    #[test]
    fn alerts_are_read_field_by_field() {
        let read = |text: &str| read(&serde_json::from_str(text).unwrap());
        let alert = read(r#"{"symbol":"BTCUSDT-PERP","price":70000}"#).unwrap();
        assert_eq!((alert.price, alert.direction, alert.once), (70_000.0, AlertDirection::Cross, true));
        let alert = read(
            r#"{"symbol":"A-PERP","venue":"sim","price":1.5,"direction":"below","note":" x ","once":false}"#,
        );
        let alert = alert.unwrap();
        assert_eq!((alert.direction, alert.note.as_str(), alert.once), (AlertDirection::Below, "x", false));
        let long = format!(r#"{{"symbol":"A-PERP","price":1,"note":"{}"}}"#, "x".repeat(201));
        for (text, code, names) in [
            ("{}", "invalid_body", "symbol"),
            (r#"{"symbol":"../x","price":1}"#, "invalid_symbol", "symbol"),
            (r#"{"symbol":"A-PERP"}"#, "invalid_price", "price"),
            (r#"{"symbol":"A-PERP","price":-1}"#, "invalid_price", "price"),
            (r#"{"symbol":"A-PERP","price":1,"direction":"up"}"#, "invalid_direction", "direction"),
            (r#"{"symbol":"A-PERP","price":1,"once":"yes"}"#, "invalid_body", "once"),
            (r#"{"symbol":"A-PERP","price":1,"venue":1}"#, "invalid_body", "venue"),
            (r#"{"symbol":"A-PERP","price":1,"id":1}"#, "unknown_field", "id"),
            (long.as_str(), "invalid_note", "note"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.code == code && refusal.detail.contains(names), "{text}: {refusal:?}");
        }
    }
}
