//! Socket sessions: handshake, idle time, client frames.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Inner;
use super::state::{Connection, Path};
use crate::fake::socket::{Out, close, obey};

/// Handshakes allowed in a second.
const HANDSHAKES: u32 = 3;

/// Answers a handshake.
pub(super) async fn handshake(inner: Arc<Inner>, request: Request) -> Response {
    let path = match request.uri().path() {
        "/ws/v5/public" => Path::Public,
        "/ws/v5/business" => Path::Business,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    {
        let mut state = inner.lock();
        let now = inner.clock.now();
        if state.faults.refused_location {
            return StatusCode::FORBIDDEN.into_response();
        }
        if state.faults.refuse_sockets {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        if !state.windows.admit("handshakes".into(), HANDSHAKES, 1_000, now) {
            state.violation(format!("more than {HANDSHAKES} connection attempts in a second"));
            return StatusCode::TOO_MANY_REQUESTS.into_response();
        }
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| session(inner, socket, path)),
        Err(refusal) => refusal.into_response(),
    }
}

async fn session(inner: Arc<Inner>, socket: WebSocket, path: Path) {
    let (out, mut orders) = mpsc::unbounded_channel();
    let id = {
        let mut state = inner.lock();
        let id = state.next_connection;
        state.next_connection += 1;
        *state.counts.connections.entry(path).or_default() += 1;
        let name = format!("73220c{id:02x}");
        state.connections.insert(id, Connection { path, name, held: BTreeSet::new(), out });
        let open = state.connections.values().filter(|c| c.path == path).count();
        let most = state.counts.most_open.entry(path).or_default();
        *most = (*most).max(open);
        id
    };
    let (mut sink, mut incoming) = socket.split();
    let idle = tokio::time::sleep(inner.options.idle);
    tokio::pin!(idle);
    loop {
        let open = tokio::select! {
            order = orders.recv() => {
                // Data keep a connection alive, acks and pongs do not.
                if let Some(Out::Text(text)) = &order && text.contains(r#""data":["#) {
                    idle.as_mut().reset(Instant::now() + inner.options.idle);
                }
                obey(&mut sink, order).await
            }
            () = &mut idle => {
                inner.lock().counts.idle_closes += 1;
                close(&mut sink, 4004, "No data received in 30s.").await
            }
            message = incoming.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if text.as_str() == "ping" {
                        idle.as_mut().reset(Instant::now() + inner.options.idle);
                    }
                    let now = inner.clock.now();
                    inner.lock().control(id, &text, now);
                    true
                }
                Some(Ok(Message::Binary(_))) => close(&mut sink, 4002, "Invalid request").await,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            },
        };
        if !open {
            break;
        }
    }
    inner.lock().connections.remove(&id);
}
