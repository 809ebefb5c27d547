//! Socket sessions: handshake, control frames, silence.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;

use super::market::Product;
use super::state::Connection;
use super::{Inner, frames};
use crate::fake::socket::{Out, obey};

/// The product a socket address is of.
fn address(path: &str) -> Option<Product> {
    Product::of(path.strip_prefix("/v5/public/")?)
}

/// Answers a handshake.
pub(super) async fn handshake(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let Some(product) = address(request.uri().path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = inner.clock.now();
    let refused = {
        let mut state = inner.lock();
        let full = !state.limits.connect(now);
        state.faults.refuse_sockets.or(full.then_some(403))
    };
    if let Some(status) = refused {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN).into_response();
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| session(inner, socket, product)),
        Err(refusal) => refusal.into_response(),
    }
}

async fn session(inner: Arc<Inner>, socket: WebSocket, product: Product) {
    let (out, mut orders) = mpsc::unbounded_channel();
    let id = {
        let mut state = inner.lock();
        let id = state.next_connection;
        state.next_connection += 1;
        *state.counts.connections.entry(product.category()).or_default() += 1;
        state.connections.insert(id, Connection { product, topics: BTreeSet::new(), out: out.clone() });
        let open = state.connections.values().filter(|c| c.product == product).count();
        let most = state.counts.most_open.entry(product.category()).or_default();
        *most = (*most).max(open);
        id
    };
    let (mut sink, mut incoming) = socket.split();
    // Data going out and pings coming in both count as life.
    let mut alive = Instant::now();
    loop {
        let silence = tokio::time::sleep_until((alive + inner.options.idle_cut).into());
        let open = tokio::select! {
            order = orders.recv() => {
                alive = Instant::now();
                obey(&mut sink, order).await
            }
            message = incoming.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    alive = Instant::now();
                    for answer in control(&inner, id, &text) {
                        // The receiving end is this loop.
                        drop(out.send(Out::Text(answer)));
                    }
                    true
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            },
            () = silence => {
                inner.lock().counts.idle_cuts += 1;
                false
            }
        };
        if !open {
            break;
        }
    }
    inner.lock().connections.remove(&id);
}

/// The answer to a control frame, and the snapshots that follow it.
fn control(inner: &Inner, connection: u64, text: &str) -> Vec<String> {
    let now = inner.clock.now();
    let mut state = inner.lock();
    state.counts.frames_in += 1;
    let Some(product) = state.connections.get(&connection).map(|c| c.product) else { return Vec::new() };
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    let (op, req_id) = (frame["op"].as_str().unwrap_or(""), frame["req_id"].as_str());
    let answer =
        |success, message: &str, op| frames::answer(product, success, message, connection, req_id, op);
    let topics: Option<Vec<String>> = frame["args"]
        .as_array()
        .and_then(|args| args.iter().map(|arg| arg.as_str().map(str::to_owned)).collect());
    match (op, topics) {
        ("ping", _) => {
            state.counts.pings += 1;
            vec![answer(true, "pong", "ping")]
        }
        ("subscribe", Some(topics)) => match state.subscribe(connection, &topics, now) {
            Ok(snapshots) => {
                let message = if product == Product::Spot { "subscribe" } else { "" };
                std::iter::once(answer(true, message, "subscribe")).chain(snapshots).collect()
            }
            Err(message) => vec![answer(false, &message, "subscribe")],
        },
        ("unsubscribe", Some(topics)) => {
            state.unsubscribe(connection, &topics);
            vec![answer(true, if product == Product::Spot { "unsubscribe" } else { "" }, "unsubscribe")]
        }
        _ => {
            state.counts.failed_requests += 1;
            vec![answer(false, "Request format is incorrect", "")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_the_product() {
        assert_eq!(address("/v5/public/linear"), Some(Product::Linear));
        assert_eq!(address("/v5/public/spot"), Some(Product::Spot));
        assert_eq!((address("/v5/public/inverse"), address("/realtime_public")), (None, None));
    }
}
