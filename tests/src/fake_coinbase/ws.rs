//! Socket sessions: subscribe in time, whole subscriptions refused for one bad part, acks under other names.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Inner;
use super::state::{State, Topic};
use crate::fake::clock::machine_now;
use crate::fake::socket::{Out, obey};

/// Client frames a second.
const FRAMES: u32 = 100;
/// Channels that want a key.
const PRIVATE: [&str; 4] = ["level2", "level3", "full", "user"];

/// Answers a handshake.
pub(super) async fn handshake(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let refused = {
        let mut state = inner.lock();
        let blocked = state.faults.refused_location.and_then(|s| StatusCode::from_u16(s).ok());
        let busy = state.faults.refuse_sockets.then_some(StatusCode::SERVICE_UNAVAILABLE);
        blocked.or(busy).or((!state.admit_handshake()).then_some(StatusCode::TOO_MANY_REQUESTS))
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
    let id = inner.lock().open(out);
    let (mut sink, mut incoming) = socket.split();
    let in_time = tokio::time::sleep(inner.options.subscribe_within);
    tokio::pin!(in_time);
    let mut subscribed = false;
    loop {
        let open = tokio::select! {
            order = orders.recv() => obey(&mut sink, order).await,
            () = &mut in_time, if !subscribed => {
                inner.lock().counts.unsubscribed_closed += 1;
                obey(&mut sink, Some(Out::Close(1000, "Subscribe within 5 seconds"))).await
            }
            message = incoming.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    subscribed |= handle(&inner, id, &text);
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
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    product_ids: Vec<String>,
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Channel {
    Name(String),
    Of {
        name: String,
        #[serde(default)]
        product_ids: Vec<String>,
    },
}

/// Takes one client frame; whether it subscribed something.
fn handle(inner: &Inner, id: u64, text: &str) -> bool {
    let now = inner.clock.now();
    let mut state = inner.lock();
    state.counts.frames_in += 1;
    if !state.windows.admit(("frames", id), FRAMES, 1_000, machine_now()) {
        state.violate("frames");
    }
    let Ok(frame) = serde_json::from_str::<Frame>(text) else {
        return refuse(&mut state, id, "Malformed JSON", None);
    };
    match frame.kind.as_str() {
        "subscribe" => {
            state.counts.subscribe_frames.push((id, text.to_owned()));
            let topics = match topics(&mut state, &frame) {
                Ok(topics) => topics,
                Err(reason) => return refuse(&mut state, id, "Failed to subscribe", Some(reason)),
            };
            // First frames come before the ack, now and then.
            let greetings: Vec<String> =
                topics.iter().filter_map(|topic| state.subscribe(id, topic, now)).collect();
            let ack = in_force(&state, id);
            let (early, late) = greetings.split_at(greetings.len().min(id as usize % 2));
            let frames = early.iter().cloned().chain([ack]).chain(late.iter().cloned());
            frames.for_each(|text| state.send(id, text));
            true
        }
        "unsubscribe" => {
            for channel in &frame.channels {
                let (name, own) = parts(channel);
                let products = if own.is_empty() { &frame.product_ids } else { own };
                let Some(connection) = state.connections.get_mut(&id) else { return false };
                let gone: Vec<Topic> = connection
                    .topics
                    .extract_if(.., |(c, p)| c == name && (products.is_empty() || products.contains(p)))
                    .collect();
                for topic in gone {
                    *state.counts.unsubscribed.entry(topic).or_default() += 1;
                }
            }
            let ack = in_force(&state, id);
            state.send(id, ack);
            false
        }
        _ => refuse(&mut state, id, "Type has to be either subscribe or unsubscribe", None),
    }
}

fn parts(channel: &Channel) -> (&str, &Vec<String>) {
    const NONE: &Vec<String> = &Vec::new();
    match channel {
        Channel::Name(name) => (name, NONE),
        Channel::Of { name, product_ids } => (name, product_ids),
    }
}

/// Everything a frame subscribes.
///
/// # Errors
/// The reason why all of it is refused.
fn topics(state: &mut State, frame: &Frame) -> Result<Vec<Topic>, String> {
    let mut topics = Vec::new();
    for channel in &frame.channels {
        let (name, own) = parts(channel);
        if PRIVATE.contains(&name) {
            return Err("level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth".to_owned());
        }
        if !["ticker", "ticker_batch", "matches", "heartbeat", "level2_batch", "status"].contains(&name) {
            return Err(format!("{name} is not a valid channel"));
        }
        let products: Vec<String> = own.iter().chain(&frame.product_ids).cloned().collect();
        if products.is_empty() && name != "status" {
            return Err(format!("{name} requires product_ids"));
        }
        for product in products {
            if state.market(&product).is_none_or(|m| m.listing.status == "delisted") {
                return Err(format!("{product} is not a valid product"));
            }
            topics.push((name.to_owned(), product));
        }
    }
    Ok(topics)
}

/// The ack: all a socket is subscribed to, some channels under other names than they were asked for by.
fn in_force(state: &State, id: u64) -> String {
    let mut channels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (channel, product) in state.connections.get(&id).into_iter().flat_map(|c| &c.topics) {
        let name = match channel.as_str() {
            "level2_batch" => "level2_50",
            "ticker_batch" => "ticker_1000",
            other => other,
        };
        channels.entry(name).or_default().push(product);
    }
    let channels: Vec<Value> = channels
        .into_iter()
        .map(|(name, products)| json!({"name": name, "product_ids": products, "account_ids": null}))
        .collect();
    json!({"type": "subscriptions", "channels": channels}).to_string()
}

/// Tells an error; answers that nothing was subscribed.
fn refuse(state: &mut State, id: u64, message: &str, reason: Option<String>) -> bool {
    state.counts.errors += 1;
    let mut frame = json!({"type": "error", "message": message});
    if let Some(reason) = reason {
        frame["reason"] = reason.into();
    }
    state.send(id, frame.to_string());
    false
}
