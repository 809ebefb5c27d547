//! Socket sessions: handshake, control frames, pings, limits.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Inner;
use super::market::Product;
use super::state::{Connection, Route};
use crate::fake::socket::{close, obey};

/// A socket listener's product and the venue behind it.
#[derive(Clone)]
pub(super) struct Listener {
    pub product: Product,
    pub inner: Arc<Inner>,
}

/// Reads route, form and streams from the address: `/public/ws/<a>/<b>`, `/market/stream?streams=<a>/<b>`, and so on.
fn address(product: Product, path: &str, query: &str) -> Option<(Route, bool, Vec<String>)> {
    let (route, rest) = match product {
        Product::Spot => (Route::Spot, path),
        Product::Usdm => match (path.strip_prefix("/public"), path.strip_prefix("/market")) {
            (Some(rest), _) => (Route::UsdmPublic, rest),
            (_, Some(rest)) => (Route::UsdmMarket, rest),
            _ => (Route::UsdmUnrouted, path),
        },
    };
    let split = |list: &str| list.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if rest == "/stream" {
        let streams = query.split('&').find_map(|pair| pair.strip_prefix("streams=")).unwrap_or("");
        return Some((route, true, split(streams)));
    }
    let list = rest.strip_prefix("/ws")?;
    (list.is_empty() || list.starts_with('/')).then(|| (route, false, split(list)))
}

/// Answers a handshake.
pub(super) async fn handshake(Shared(listener): Shared<Listener>, request: Request) -> Response {
    let uri = request.uri().clone();
    let Some((route, combined, streams)) = address(listener.product, uri.path(), uri.query().unwrap_or(""))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let refused = {
        let state = listener.inner.lock();
        let blocked = state.faults.refused_location.and_then(|s| StatusCode::from_u16(s).ok());
        blocked.or(state.faults.refuse_sockets.then_some(StatusCode::SERVICE_UNAVAILABLE))
    };
    if let Some(status) = refused {
        return status.into_response();
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => {
            upgrade.on_upgrade(move |socket| session(listener.inner, socket, route, combined, streams))
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn session(inner: Arc<Inner>, socket: WebSocket, route: Route, combined: bool, streams: Vec<String>) {
    let (out, mut orders) = mpsc::unbounded_channel();
    let id = {
        let mut state = inner.lock();
        let id = state.next_connection;
        state.next_connection += 1;
        *state.counts.connections.entry(route).or_default() += 1;
        state.connections.insert(id, Connection { route, combined, streams: HashSet::new(), out });
        let open = state.connections.values().filter(|c| c.route == route).count();
        let most = state.counts.most_open.entry(route).or_default();
        *most = (*most).max(open);
        for stream in streams {
            state.subscribe(id, &stream);
        }
        id
    };
    let (mut sink, mut incoming) = socket.split();
    let mut recent: VecDeque<Instant> = VecDeque::new();
    let options = &inner.options;
    let mut ping = tokio::time::interval(options.ping_every);
    ping.reset();
    // Since when a pong is owed.
    let mut owed: Option<Instant> = None;
    let end = tokio::time::sleep(options.max_age);
    tokio::pin!(end);
    loop {
        let open = tokio::select! {
            order = orders.recv() => obey(&mut sink, order).await,
            _ = ping.tick() => {
                if owed.is_some_and(|since| since.elapsed() >= options.pong_within) {
                    inner.lock().counts.pong_timeouts += 1;
                    close(&mut sink, 1008, "Pong timeout").await
                } else {
                    owed.get_or_insert_with(Instant::now);
                    let payload = inner.clock.now().to_string().into_bytes();
                    sink.send(Message::Ping(payload.into())).await.is_ok()
                }
            }
            () = &mut end => close(&mut sink, 1001, "24 h are over").await,
            message = incoming.next() => match message {
                Some(Ok(message)) => {
                    recent.push_back(Instant::now());
                    while recent.front().is_some_and(|at| at.elapsed() > Duration::from_secs(1)) {
                        recent.pop_front();
                    }
                    let pong = matches!(message, Message::Pong(_));
                    {
                        let mut state = inner.lock();
                        state.counts.frames_in += 1;
                        state.counts.pongs += u64::from(pong);
                    }
                    if pong {
                        owed = None;
                    }
                    if recent.len() > route.frames_per_second() {
                        inner.lock().counts.too_fast += 1;
                        close(&mut sink, 1008, "Too many requests").await
                    } else {
                        handle(&inner, id, &mut sink, message).await
                    }
                }
                Some(Err(_)) | None => false,
            },
        };
        if !open {
            break;
        }
    }
    inner.lock().connections.remove(&id);
}

/// Takes one client message; answers whether the session goes on.
async fn handle(inner: &Inner, id: u64, sink: &mut SplitSink<WebSocket, Message>, message: Message) -> bool {
    let text = match message {
        Message::Text(text) => text,
        Message::Binary(_) => return close(sink, 1008, "Invalid request").await,
        Message::Close(_) => return false,
        Message::Ping(_) | Message::Pong(_) => return true,
    };
    let (answer, open) = control(inner, id, &text);
    // Acks are slower than the data they announce, now and then.
    let sent = sink.send(Message::Text(answer.to_string().into())).await.is_ok();
    if open { sent } else { close(sink, 1008, "Invalid request").await }
}

fn refuse(code: i64, message: &str, id: &Value) -> Value {
    json!({"error": {"code": code, "msg": format!("Invalid request: {message}")}, "id": id})
}

/// The answer to a control frame, and whether the socket stays open.
fn control(inner: &Inner, connection: u64, text: &str) -> (Value, bool) {
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        return (json!({"error": {"code": 3, "msg": "Invalid JSON"}}), false);
    };
    let id = frame.get("id").cloned().unwrap_or(Value::Null);
    let sound = match &id {
        Value::Null => true,
        Value::Number(n) => n.is_i64(),
        Value::String(s) => s.len() <= 36 && s.bytes().all(|b| b.is_ascii_alphanumeric()),
        _ => false,
    };
    if !sound {
        return (refuse(2, "request ID must be an integer or text", &Value::Null), false);
    }
    let mut state = inner.lock();
    let method = frame.get("method").and_then(Value::as_str).unwrap_or("");
    if method == "LIST_SUBSCRIPTIONS" {
        let streams =
            state.connections.get(&connection).map(|c| c.streams.iter().cloned().collect::<Vec<_>>());
        return (json!({"result": streams, "id": id}), true);
    }
    if !matches!(method, "SUBSCRIBE" | "UNSUBSCRIBE") {
        return (refuse(2, "unknown variant", &id), true);
    }
    let params: Option<Vec<&str>> =
        frame.get("params").and_then(Value::as_array).and_then(|p| p.iter().map(Value::as_str).collect());
    let Some(params) = params else {
        return (refuse(1, "`params` is a list of texts", &id), true);
    };
    for stream in params {
        if method == "SUBSCRIBE" {
            state.subscribe(connection, stream);
        } else {
            if let Some(c) = state.connections.get_mut(&connection) {
                c.streams.remove(stream);
            }
            *state.counts.unsubscribed.entry(stream.to_owned()).or_default() += 1;
        }
    }
    if method == "SUBSCRIBE" {
        state.counts.subscribe_frames.push((connection, text.to_owned()));
    }
    // Good, unknown and upper-case names get the same answer.
    (json!({"result": null, "id": id}), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_route_form_and_streams() {
        let at = |path, query| address(Product::Usdm, path, query);
        assert_eq!(at("/public/ws", ""), Some((Route::UsdmPublic, false, vec![])));
        assert_eq!(
            at("/market/stream", "streams=a@aggTrade/b@markPrice"),
            Some((Route::UsdmMarket, true, vec!["a@aggTrade".into(), "b@markPrice".into()]))
        );
        assert_eq!(at("/ws/a@depth", ""), Some((Route::UsdmUnrouted, false, vec!["a@depth".into()])));
        assert_eq!(address(Product::Spot, "/stream", ""), Some((Route::Spot, true, vec![])));
        assert_eq!(at("/public/wsx", ""), None);
        assert!(
            Route::UsdmMarket.delivers("btcusdt@aggTrade")
                && !Route::UsdmMarket.delivers("btcusdt@depth@100ms")
        );
        assert!(
            Route::UsdmUnrouted.delivers("btcusdt@bookTicker")
                && !Route::UsdmPublic.delivers("!forceOrder@arr")
        );
    }
}
