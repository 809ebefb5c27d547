//! `/ws`: one client, a reader and a writer as two tasks.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use shared::event::{Body, Cursor, Event, Gap, GapCause, GapState, Stamped, Topic};
use shared::market::Ms;
use shared::wire::{
    ClientError, ClientFrame, Data, SUBPROTOCOL_JSON, ServerFrame, Subscribe, Subscribed, Unsubscribe,
};
use tracing::{Instrument, debug, info, info_span};

use super::limits::{self, RateWindow};
use super::{ApiError, Core, TOO_MANY_SYMBOLS};
use crate::hub::{Client, Loss};

/// Frames joined into one write.
const WRITE_BATCH_BYTES: usize = 64 * 1024;
/// Frames above the limit are still read, up to this, so that the client gets an answer instead of a reset.
const READ_LIMIT_BYTES: usize = 2 * 1024 * 1024;
/// A write that takes longer earns a `slow` notice.
const STALL: Duration = Duration::from_secs(1);
/// Stalls after which the client is closed with 1013.
const MAX_STALLS: u32 = 5;

/// Upgrades a request that passed the allow-lists.
pub(super) async fn upgrade(
    State(core): State<Arc<Core>>,
    ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>,
    headers: HeaderMap,
    ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let ws = match ws {
        Ok(ws) => ws,
        Err(why) => return ApiError::bad_request("not_a_websocket", why.body_text()).into_response(),
    };
    if let Err(refusal) = limits::check_origin(&core.access, &headers) {
        return refusal.into_response();
    }
    let permit = match core.connections.admit(peer.ip()) {
        Ok(permit) => permit,
        Err(refusal) => return refusal.into_response(),
    };
    ws.protocols([SUBPROTOCOL_JSON])
        .read_buffer_size(1024)
        .write_buffer_size(WRITE_BATCH_BYTES)
        .max_message_size(READ_LIMIT_BYTES)
        .max_frame_size(READ_LIMIT_BYTES)
        .on_upgrade(move |socket| async move {
            let client = core.hub.connect();
            let span = info_span!("ws", connection = client.id());
            session(core, client, socket).instrument(span).await;
            drop(permit);
        })
}

async fn session(core: Arc<Core>, client: Arc<Client>, socket: WebSocket) {
    info!("client connected");
    let (sink, mut stream) = socket.split();
    let mut writer = tokio::spawn(write(core.clone(), client.clone(), sink).in_current_span());
    let stop = {
        let mut reader = Box::pin(read(&core, &client, &mut stream));
        tokio::select! {
            stop = &mut reader => stop,
            // The writer closed the socket or lost it; the peer gets a moment to answer the close.
            _ = &mut writer => {
                let _ = tokio::time::timeout(STALL, &mut reader).await;
                None
            }
        }
    };
    if let Some((code, reason)) = stop {
        client.close(code, reason);
        // What still comes is read and thrown away: closed over unread bytes a socket is reset, and the peer would
        // never learn why.
        let draining = async { while let Some(Ok(_)) = stream.next().await {} };
        let closing = async { tokio::join!(&mut writer, draining) };
        let _ = tokio::time::timeout(STALL * MAX_STALLS, closing).await;
    }
    // A peer that left cannot be written to; for all others the writer is done.
    writer.abort();
    core.hub.disconnect(&client);
    core.follower.release(client.id(), Vec::new());
    info!("client disconnected");
}

/// Reads control frames until the peer leaves (`None`) or must be closed (code and reason).
async fn read(
    core: &Core,
    client: &Arc<Client>,
    stream: &mut SplitStream<WebSocket>,
) -> Option<(u16, &'static str)> {
    let mut frames = RateWindow::new(core.access.control_frames_per_second);
    while let Some(Ok(message)) = stream.next().await {
        let (size, text) = match message {
            Message::Text(text) => (text.len(), Some(text)),
            Message::Binary(bytes) => (bytes.len(), None),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return None,
        };
        if size > core.access.frame_bytes {
            refuse(
                client,
                None,
                "frame_too_large",
                &format!("a control frame is at most {} bytes", core.access.frame_bytes),
            );
            return Some((close_code::POLICY, "frame too large"));
        }
        if !frames.admit(tokio::time::Instant::now()) {
            let most = core.access.control_frames_per_second;
            refuse(client, None, "rate_limited", &format!("at most {most} control frames a second"));
            return Some((close_code::POLICY, "too many control frames"));
        }
        let Some(text) = text else {
            refuse(client, None, "binary_frame", "control frames are JSON text, not binary");
            continue;
        };
        if handle(core, client, &text).await.is_err() {
            return Some((close_code::POLICY, "too many subscriptions"));
        }
    }
    None
}

/// A client went over a limit and must be closed; it has been told.
struct OverLimit;

async fn handle(core: &Core, client: &Arc<Client>, text: &str) -> Result<(), OverLimit> {
    match ClientFrame::parse(text) {
        Ok(ClientFrame::Ping { id }) => client.control(ServerFrame::Pong { id }.encode()),
        Ok(ClientFrame::Subscribe(request)) => return subscribe(core, client, request).await,
        Ok(ClientFrame::Unsubscribe(request)) => unsubscribe(core, client, &request),
        Err(ClientError { id, code, message }) => refuse(client, id, code, &message),
    }
    Ok(())
}

async fn subscribe(core: &Core, client: &Arc<Client>, request: Subscribe) -> Result<(), OverLimit> {
    for symbol in &request.symbols {
        core.lookup.resolve(symbol).await;
    }
    let topics = match core.topics_of(&request) {
        Ok(topics) => topics,
        Err(ClientError { code, message, .. }) => {
            refuse(client, request.id, code, &message);
            return Ok(());
        }
    };
    let most = core.access.subscriptions;
    if client.topics_with(&topics) > most {
        let message =
            format!("at most {most} subscriptions a connection (symbol x venue x channel x interval)");
        refuse(client, request.id, "too_many_subscriptions", &message);
        return Err(OverLimit);
    }
    let held = client.topics().into_iter().chain(topics.iter().cloned()).collect();
    if let Err(full) = core.follower.hold(client.id(), held) {
        refuse(client, request.id, TOO_MANY_SYMBOLS, &full.to_string());
        return Ok(());
    }
    core.asker.wanted(&topics).await;
    let names = topics.iter().cloned().map(Into::into).collect();
    let answer = ServerFrame::Subscribed(Subscribed { id: request.id, topics: names }).encode();
    let Some(cursor) = request.resume else {
        let _ = core.hub.subscribe(client, &topics, [answer], None);
        return Ok(());
    };
    if core.hub.subscribe(client, &topics, [answer.clone()], Some((&*core.bus, cursor))).is_err() {
        let (now, place) = (core.clock.now(), core.place());
        let from = core.bus.missing_since(cursor).unwrap_or(now).min(now);
        let gap = |topic| gap_frame(core, topic, (from, now), GapCause::ResumeExpired, place);
        let first: Vec<String> = std::iter::once(answer).chain(topics.iter().map(gap)).collect();
        let _ = core.hub.subscribe(client, &topics, first, None);
    }
    Ok(())
}

fn unsubscribe(core: &Core, client: &Client, r: &Unsubscribe) {
    core.hub.unsubscribe(client, |t| {
        (r.symbols.is_empty() || r.symbols.contains(&t.symbol))
            && (r.channels.is_empty() || r.channels.contains(&t.channel))
            && (r.venues.is_empty() || r.venues.contains(&t.venue))
            && (r.intervals.is_empty() || t.interval.is_some_and(|i| r.intervals.contains(&i)))
    });
    core.follower.release(client.id(), client.topics());
    let topics = client.topics().into_iter().map(Into::into).collect();
    client.control(ServerFrame::Subscribed(Subscribed { id: r.id.clone(), topics }).encode());
}

fn refuse(client: &Client, id: Option<serde_json::Value>, code: &str, message: &str) {
    debug!(code, message, "refused a control frame");
    client.control(ServerFrame::Error { id, code: code.to_owned(), message: message.to_owned() }.encode());
}

/// A gap that concerns this client alone; it has no place of its own on the bus and leaves its reader at `cursor`.
fn gap_frame(core: &Core, topic: &Topic, (from, to): (Ms, Ms), cause: GapCause, cursor: Cursor) -> String {
    let now = core.clock.now();
    let gap =
        Gap { timestamp: now, channel: topic.channel, from, to: Some(to), cause, state: GapState::Lost };
    let body = Body::Gap(gap);
    let event = Event { received: now, symbol: topic.symbol.clone(), venue: topic.venue.clone(), body };
    ServerFrame::Data(Box::new(Data { stamped: Stamped { event, seq: 0, cursor }, snapshot: false })).encode()
}

/// Why a write ended.
enum Write {
    Done,
    Gone,
    /// Took too long, too often.
    TooSlow,
}

async fn write(core: Arc<Core>, client: Arc<Client>, mut sink: SplitSink<WebSocket, Message>) {
    let mut stalls = 0;
    loop {
        let batch = client.next_batch(WRITE_BATCH_BYTES).await;
        let mut frames: Vec<Utf8Bytes> = batch.frames;
        for (topic, Loss { from, to, .. }) in &batch.lost {
            let span = (*from, Ms(to.0 + 1));
            frames.push(gap_frame(&core, topic, span, GapCause::SlowClient, batch.cursor).into());
        }
        match write_all(&client, &mut sink, frames, &mut stalls).await {
            Write::Done => {}
            Write::Gone => return,
            Write::TooSlow => {
                info!("client cannot keep up, closing");
                return close(&mut sink, close_code::AGAIN, "too slow").await;
            }
        }
        if let Some((code, reason)) = batch.close {
            return close(&mut sink, code, reason).await;
        }
    }
}

/// Writes frames as one flush; each second it takes is a stall, and the first of them is told.
async fn write_all(
    client: &Client,
    sink: &mut SplitSink<WebSocket, Message>,
    frames: Vec<Utf8Bytes>,
    stalls: &mut u32,
) -> Write {
    let sending = async {
        for text in frames {
            sink.feed(Message::Text(text)).await?;
        }
        sink.flush().await
    };
    tokio::pin!(sending);
    let mut stalled = false;
    loop {
        match tokio::time::timeout(STALL, &mut sending).await {
            Ok(Ok(())) => break,
            Ok(Err(_)) => return Write::Gone,
            Err(_) => {
                stalled = true;
                *stalls += 1;
                if *stalls >= MAX_STALLS {
                    return Write::TooSlow;
                }
            }
        }
    }
    if stalled {
        let (dropped, conflated) = client.take_counts();
        client.control(ServerFrame::Slow { dropped, conflated }.encode());
    } else {
        // Only a client that keeps stalling is closed; one that recovers starts anew.
        *stalls = 0;
    }
    Write::Done
}

async fn close(sink: &mut SplitSink<WebSocket, Message>, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _ = tokio::time::timeout(STALL, sink.send(Message::Close(Some(frame)))).await;
}
