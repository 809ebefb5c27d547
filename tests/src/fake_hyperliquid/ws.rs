//! Socket sessions: handshake, subscriptions, pongs, and the end of those nothing was sent to.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::state::{State, Topic};
use super::{Inner, bucket};
use crate::fake::clock::machine_now;
use crate::fake::socket::{Out, obey};

/// Subscriptions an address may have, and frames it may send in a minute.
const SUBSCRIPTIONS: usize = 1_000;
const FRAMES: u32 = 2_000;

/// Answers a handshake.
pub(super) async fn handshake(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let refused = {
        let state = inner.lock();
        let blocked = state.faults.refused_location.and_then(|s| StatusCode::from_u16(s).ok());
        blocked.or(state.faults.refuse_sockets.then_some(StatusCode::BAD_GATEWAY))
    };
    if let Some(status) = refused {
        return status.into_response();
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| session(inner, socket)),
        Err(refusal) => refusal.into_response(),
    }
}

async fn session(inner: Arc<Inner>, socket: WebSocket) {
    let (out, mut orders) = mpsc::unbounded_channel();
    let id = {
        let mut state = inner.lock();
        let id = state.open(out);
        state.send(id, "Websocket connection established.".to_owned());
        id
    };
    let (mut sink, mut incoming) = socket.split();
    let mut sent = Instant::now();
    loop {
        let idle = tokio::time::sleep_until((sent + inner.options.idle).into());
        let open = tokio::select! {
            order = orders.recv() => {
                sent = Instant::now();
                obey(&mut sink, order).await
            }
            () = idle => {
                inner.lock().counts.idle_closed += 1;
                obey(&mut sink, Some(Out::Close(1000, "Inactive"))).await
            }
            message = incoming.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    handle(&inner, id, &text);
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
        };
        if !open {
            break;
        }
    }
    inner.lock().connections.remove(&id);
}

#[derive(Deserialize)]
#[serde(tag = "method", rename_all = "camelCase")]
enum Frame {
    Subscribe { subscription: Value },
    Unsubscribe { subscription: Value },
    Ping,
}

/// Takes one client frame.
fn handle(inner: &Inner, id: u64, text: &str) {
    let now = inner.clock.now();
    let mut state = inner.lock();
    state.counts.frames_in += 1;
    if !state.windows.admit("frames", FRAMES, 60_000, machine_now()) {
        state.violate("frames");
    }
    let (method, subscription) = match serde_json::from_str(text) {
        Ok(Frame::Ping) => {
            state.counts.pings += 1;
            state.send(id, r#"{"channel":"pong"}"#.to_owned());
            return;
        }
        Ok(Frame::Subscribe { subscription }) => ("subscribe", subscription),
        Ok(Frame::Unsubscribe { subscription }) => ("unsubscribe", subscription),
        Err(_) => {
            let reason = format!("Error parsing JSON into valid websocket request: {text}");
            return refuse(&mut state, id, reason);
        }
    };
    let named = topic(&subscription).filter(|(topic, _)| state.market(&topic.coin).is_some());
    let Some((topic, echo)) = named else {
        return refuse(&mut state, id, format!("Invalid subscription {subscription}"));
    };
    let held: usize = state.connections.values().map(|c| c.topics.len()).sum();
    let Some(connection) = state.connections.get_mut(&id) else { return };
    let subscribing = method == "subscribe";
    let changed =
        if subscribing { connection.topics.insert(topic.clone()) } else { connection.topics.remove(&topic) };
    let counted = if subscribing { &mut state.counts.subscribed } else { &mut state.counts.unsubscribed };
    *counted.entry(topic.clone()).or_default() += 1;
    if !changed {
        return refuse(&mut state, id, format!("Already {method}d: {subscription}"));
    }
    let ack = json!({"channel": "subscriptionResponse", "data": {"method": method, "subscription": echo}});
    if subscribing {
        if held >= SUBSCRIPTIONS {
            state.violate("subscriptions");
        }
        state.faults.mutes.subscribed(&topic);
        state.send(id, ack.to_string());
        state.greet(id, &topic, now);
    } else {
        state.send(id, ack.to_string());
    }
}

/// Tells an error; the socket stays open.
fn refuse(state: &mut State, id: u64, reason: String) {
    state.counts.errors += 1;
    state.send(id, json!({"channel": "error", "data": reason}).to_string());
}

/// The topic a subscription names, and the subscription with its defaults filled in; `None` for one that is invalid.
fn topic(subscription: &Value) -> Option<(Topic, Value)> {
    let text = |key: &str| subscription.get(key).and_then(Value::as_str);
    let (kind, coin) = (text("type")?, text("coin")?);
    let mut echo = subscription.clone();
    let topic = match kind {
        "trades" | "bbo" | "activeAssetCtx" => Topic::of(kind, coin),
        "l2Book" => {
            for default in ["nSigFigs", "mantissa"] {
                if let Some(fields) = echo.as_object_mut() {
                    fields.entry(default).or_insert(Value::Null);
                }
            }
            Topic::of(kind, coin)
        }
        "candle" => {
            let interval = text("interval")?;
            bucket(interval)?;
            Topic::candle(coin, interval)
        }
        _ => return None,
    };
    Some((topic, echo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_name_topics_and_come_back_with_defaults() {
        let (book, echo) = topic(&json!({"type": "l2Book", "coin": "BTC"})).expect("a topic");
        assert_eq!(book, Topic::of("l2Book", "BTC"));
        assert_eq!(echo, json!({"type": "l2Book", "coin": "BTC", "nSigFigs": null, "mantissa": null}));
        let candle = topic(&json!({"type": "candle", "coin": "BTC", "interval": "1M"})).expect("a topic").0;
        assert_eq!(candle, Topic::candle("BTC", "1M"));
        for wrong in [
            json!({"type": "candle", "coin": "BTC", "interval": "7m"}),
            json!({"type": "trade", "coin": "BTC"}),
            json!({"type": "trades"}),
            json!(3),
        ] {
            assert_eq!(topic(&wrong), None, "{wrong}");
        }
    }
}
