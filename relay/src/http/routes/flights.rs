//! Requests that ask the same at the same time are answered once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::OnceCell;

/// Bytes of a piece of a long body: what compressing takes at a time.
const PIECE: usize = 64 * 1024;

/// Answers being made, by path and query.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<String, Arc<Flight>>>>);

type Flight = OnceCell<Made>;

/// A whole answer.
#[derive(Clone)]
struct Made {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Flights {
    /// The flight of a key: one that is under way, else a new one.
    fn join(&self, key: &str) -> Arc<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(key.to_owned()).or_default().clone()
    }

    /// Ends a flight: who comes now asks anew.
    fn land(&self, key: &str, flight: &Arc<Flight>) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(key).is_some_and(|known| Arc::ptr_eq(known, flight)) {
            flights.remove(key);
        }
    }
}

/// Ends a flight also where its last passenger has left.
struct Ticket {
    flights: Flights,
    key: String,
    flight: Arc<Flight>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // The map and this one; whoever else is aboard ends it later.
        if self.flight.initialized() || Arc::strong_count(&self.flight) <= 2 {
            self.flights.land(&self.key, &self.flight);
        }
    }
}

/// Makes an answer, or takes the one that is being made; says 304 to who has it.
pub(super) async fn share(State(flights): State<Flights>, mut request: Request, next: Next) -> Response {
    let method = request.method().clone();
    if method != Method::GET && method != Method::HEAD {
        return next.run(request).await;
    }
    let uri = request.uri();
    let key = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    let known: Vec<HeaderValue> = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    // What is shared is the whole.
    request.headers_mut().remove(header::IF_NONE_MATCH);
    if method == Method::HEAD {
        let response = next.run(request).await;
        let known = has(&known, response.status(), response.headers());
        return if known { not_modified(response.headers().clone()) } else { response };
    }
    let ticket = Ticket { flight: flights.join(&key), flights, key };
    let made = ticket.flight.get_or_init(|| async move {
        let (parts, body) = next.run(request).await.into_parts();
        // These bodies are in memory: reading them does not fail.
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        Made { status: parts.status, headers: parts.headers, body }
    });
    let Made { status, mut headers, body } = made.await.clone();
    drop(ticket);
    if has(&known, status, &headers) {
        return not_modified(headers);
    }
    let mut response = in_pieces(body).into_response();
    *response.status_mut() = status;
    headers.remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(headers);
    response
}

/// Whether who asks has this answer.
fn has(known: &[HeaderValue], status: StatusCode, headers: &HeaderMap) -> bool {
    let tag = headers.get(header::ETAG).filter(|_| status == StatusCode::OK);
    tag.is_some_and(|tag| known.iter().any(|known| names(known, tag)))
}

fn not_modified(mut headers: HeaderMap) -> Response {
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// Short bodies whole, with a length; long ones piece by piece.
fn in_pieces(body: Bytes) -> Body {
    if body.len() <= PIECE {
        return Body::from(body);
    }
    let pieces = stream::unfold(body, |mut rest| async move {
        let piece = rest.split_to(rest.len().min(PIECE));
        (!piece.is_empty()).then_some((Ok::<_, std::convert::Infallible>(piece), rest))
    });
    // The compressing layer asks once more after the end.
    Body::from_stream(pieces.fuse())
}

/// Whether an `If-None-Match` value has the tag; compared weakly, as the method asks.
fn names(value: &HeaderValue, tag: &HeaderValue) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let (value, tag) = (value.to_str().unwrap_or_default(), opaque(tag.to_str().unwrap_or_default()));
    value.trim() == "*" || value.split(',').any(|known| opaque(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_in_pieces_may_be_asked_again_after_its_end() {
        let mut stream = in_pieces(vec![7; 2 * PIECE + 1].into()).into_data_stream();
        let mut pieces = Vec::new();
        while let Some(piece) = stream.next().await {
            pieces.push(piece.unwrap().len());
        }
        assert_eq!(pieces, [PIECE, PIECE, 1]);
        assert!(stream.next().await.is_none());
    }

    #[test]
    fn a_flight_ends_with_its_answer_or_its_last_passenger() {
        let flights = Flights::default();
        let ticket = || Ticket { flight: flights.join("a"), flights: flights.clone(), key: "a".into() };
        let under_way = || flights.0.lock().unwrap().len();
        let (first, second) = (ticket(), ticket());
        assert!(Arc::ptr_eq(&first.flight, &second.flight));
        drop(first);
        assert_eq!(under_way(), 1, "the second goes on");
        drop(second);
        assert_eq!(under_way(), 0);
        let (first, second) = (ticket(), ticket());
        let made = Made { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() };
        first.flight.set(made).ok();
        drop(first);
        assert_eq!(under_way(), 0, "who comes now asks anew");
        let third = ticket();
        drop(second);
        assert_eq!(under_way(), 1, "another's flight stays");
        drop(third);
    }
}
