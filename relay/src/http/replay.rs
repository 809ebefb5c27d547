//! `/api/replay`: how a replay stands, and directing it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use shared::market::{Ms, Timeframe};
use shared::wire::{Replay, ReplaySpeed};

use super::body::object;
use super::params::clip;
use super::{ApiError, Core};
use crate::playback::Order;

const LIKE: &str = "{\"action\":\"seek\",\"to\":1723075200000}";

/// How the replay stands.
pub(super) async fn status(State(core): State<Arc<Core>>) -> Result<Json<Replay>, ApiError> {
    let detail = "there is no replay here: `tapedeck replay FILE` starts one";
    let playback = core.replay.as_ref().ok_or_else(|| ApiError::not_found("no_replay", detail))?;
    Ok(Json(playback.status()))
}

/// Plays, pauses, changes speed, seeks or steps; answers how it stands then.
pub(super) async fn direct(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Replay>, ApiError> {
    let Some(playback) = &core.replay else {
        let detail = format!("this relay serves {} data: only a replay can be directed", core.mode.name());
        return Err(ApiError::new(StatusCode::CONFLICT, "no_replay", detail));
    };
    let order = order(&object(&headers, body, LIKE).await?)?;
    let over = |e: crate::playback::Over| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "replay_over", e.to_string())
    };
    Ok(Json(playback.order(order).await.map_err(over)?))
}

fn order(fields: &Map<String, Value>) -> Result<Order, ApiError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (order, own) = match text("action") {
        Some("play") => (Order::Play, None),
        Some("pause") => (Order::Pause, None),
        Some("speed") => (Order::Speed(speed(fields.get("speed"))?), Some("speed")),
        Some("seek") => (Order::Seek(instant(fields.get("to"))?), Some("to")),
        Some("step") => {
            let invalid = |e: String| ApiError::bad_request("invalid_interval", format!("`interval`: {e}"));
            let interval = match fields.get("interval") {
                None | Some(Value::Null) => Timeframe::M1,
                Some(Value::String(text)) => text.parse().map_err(|e| invalid(format!("{e}")))?,
                Some(_) => return Err(invalid("a text like \"5m\"".into())),
            };
            (Order::Step(interval), Some("interval"))
        }
        _ => {
            let detail = "`action`: use play, pause, speed, seek or step";
            return Err(ApiError::bad_request("invalid_action", detail));
        }
    };
    match fields.keys().find(|name| *name != "action" && Some(name.as_str()) != own) {
        None => Ok(order),
        Some(name) => {
            let detail = format!("`{}`: no such field of this action", clip(name));
            Err(ApiError::bad_request("unknown_field", detail))
        }
    }
}

fn speed(value: Option<&Value>) -> Result<ReplaySpeed, ApiError> {
    let times = value.and_then(Value::as_f64).filter(|times| times.is_finite() && *times > 0.0);
    match (times, value.and_then(Value::as_str)) {
        (Some(times), _) => Ok(ReplaySpeed::Times(times)),
        (None, Some("max")) => Ok(ReplaySpeed::MAX),
        (None, _) => {
            Err(ApiError::bad_request("invalid_speed", "`speed`: a number above 0, like 1 or 60, or \"max\""))
        }
    }
}

fn instant(value: Option<&Value>) -> Result<Ms, ApiError> {
    let text = match value {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let parsed = Ms::parse(&text).map(|time| time.at);
    parsed.map_err(|e| ApiError::bad_request("invalid_time", format!("`to`: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_field_by_field() {
        let read = |text: &str| order(&serde_json::from_str(text).unwrap());
        for (text, expected) in [
            (r#"{"action":"play"}"#, Order::Play),
            (r#"{"action":"pause"}"#, Order::Pause),
            (r#"{"action":"speed","speed":10}"#, Order::Speed(ReplaySpeed::Times(10.0))),
            (r#"{"action":"speed","speed":"max"}"#, Order::Speed(ReplaySpeed::MAX)),
            (r#"{"action":"seek","to":1723075200000}"#, Order::Seek(Ms(1_723_075_200_000))),
            (r#"{"action":"seek","to":"2024-08-08T00:00:00Z"}"#, Order::Seek(Ms(1_723_075_200_000))),
            (r#"{"action":"step"}"#, Order::Step(Timeframe::M1)),
            (r#"{"action":"step","interval":"5m"}"#, Order::Step(Timeframe::M5)),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for (text, code, names) in [
            ("{}", "invalid_action", "action"),
            (r#"{"action":"rewind"}"#, "invalid_action", "action"),
            (r#"{"action":"speed"}"#, "invalid_speed", "speed"),
            (r#"{"action":"speed","speed":0}"#, "invalid_speed", "speed"),
            (r#"{"action":"speed","speed":"fast"}"#, "invalid_speed", "speed"),
            (r#"{"action":"seek"}"#, "invalid_time", "to"),
            (r#"{"action":"seek","to":"soon"}"#, "invalid_time", "to"),
            (r#"{"action":"step","interval":"7m"}"#, "invalid_interval", "interval"),
            (r#"{"action":"step","interval":1}"#, "invalid_interval", "interval"),
            (r#"{"action":"play","speed":1}"#, "unknown_field", "speed"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.code == code && refusal.detail.contains(names), "{text}: {refusal:?}");
        }
    }
}
