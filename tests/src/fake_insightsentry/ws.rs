//! Socket sessions of `/live`.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Inner;
use super::state::Connection;
use crate::fake::socket::{Out, obey};

/// Answers a handshake.
pub(super) async fn handshake(Shared(inner): Shared<Arc<Inner>>, request: Request) -> Response {
    let refused = {
        let mut state = inner.lock();
        state.addresses.push(request.uri().to_string());
        state.faults.refuse_sockets.and_then(|s| StatusCode::from_u16(s).ok())
    };
    if let Some(status) = refused {
        return status.into_response();
    }
    if request.uri().path() != "/live" {
        return StatusCode::NOT_FOUND.into_response();
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
        let id = state.next_connection;
        state.next_connection += 1;
        state.connections.insert(id, Connection::new(out));
        state.counts.connections += 1;
        state.counts.most_open = state.counts.most_open.max(state.connections.len());
        state.send(id, &json!({"message": "Connecting..."}));
        id
    };
    let (mut sink, mut incoming) = socket.split();
    let idle = inner.options.silence;
    let end = tokio::time::sleep(idle);
    tokio::pin!(end);
    loop {
        let open = tokio::select! {
            biased;
            order = orders.recv() => obey(&mut sink, order).await,
            () = &mut end => {
                inner.lock().counts.silent += 1;
                false
            }
            message = incoming.next() => {
                end.as_mut().reset(Instant::now() + idle);
                match message {
                    Some(Ok(Message::Text(text))) if text.as_str() == "ping" => {
                        inner.lock().counts.pings += 1;
                        sink.send(Message::Text("pong".into())).await.is_ok()
                    }
                    Some(Ok(Message::Text(text))) => inner.lock().message(id, &text, inner.clock.now()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                    Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => false,
                }
            }
        };
        if !open {
            break;
        }
    }
    // What was said last is still sent.
    while let Ok(Out::Text(text)) = orders.try_recv() {
        if sink.send(Message::Text(text.into())).await.is_err() {
            break;
        }
    }
    drop(sink.close().await);
    inner.lock().connections.remove(&id);
}
