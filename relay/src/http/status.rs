//! Health, status, metrics, snapshots, and the log line of each request.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::event::Channel;
use shared::market::Timeframe;
use shared::wire::{Data, Subscribe};
use tracing::{Instrument, info, info_span};

use super::{ApiError, Core, REQUEST_ID, too_many};
use crate::Mode;
use crate::ingest::VenueReport;
use crate::store::StoreStats;

/// 200 while the relay can serve.
pub(super) async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct StatusAnswer {
    version: &'static str,
    uptime_s: u64,
    mode: Mode,
    /// The relay's clock; in replay the record's.
    timestamp: shared::market::Ms,
    venues: Vec<VenueReport>,
    bus: BusStatus,
    store: StoreStats,
    clients: usize,
}

#[derive(Serialize, schemars::JsonSchema)]
struct BusStatus {
    kind: &'static str,
    cursor: shared::event::Cursor,
}

pub(super) async fn status(State(core): State<Arc<Core>>) -> Json<StatusAnswer> {
    let now = core.clock.now();
    let store = match core.store.stats().await {
        Ok(stats) => stats,
        Err(error) => StoreStats { error: Some(error.to_string()), ..StoreStats::default() },
    };
    Json(StatusAnswer {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: core.started.elapsed().as_secs(),
        mode: core.mode,
        timestamp: now,
        venues: core.board.report(now),
        bus: BusStatus { kind: core.bus.name(), cursor: core.bus.head() },
        store,
        clients: core.hub.clients(),
    })
}

pub(super) async fn metrics(State(core): State<Arc<Core>>) -> Response {
    metrics::gauge!("tapedeck_clients").set(core.hub.clients() as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], core.metrics.render())
        .into_response()
}

#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct SnapshotAnswer {
    cursor: shared::event::Cursor,
    #[schemars(with = "Vec<Frame>")]
    frames: Vec<Data>,
}

/// A data frame; its schema is among those of the frames.
struct Frame;

impl schemars::JsonSchema for Frame {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Frame".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "$ref": "#/components/schemas/ServerFrame" })
    }
}

/// The frames a new subscriber would get: what a page polls while its socket is down.
pub(super) async fn snapshot(
    State(core): State<Arc<Core>>,
    params: super::params::Params,
) -> Result<Json<SnapshotAnswer>, ApiError> {
    let symbol = params.symbol()?;
    core.lookup.resolve(&symbol).await;
    let channels = params.list("channels", |text| text.parse::<Channel>().map_err(|e| e.to_string()))?;
    let intervals = params.list("intervals", |text| text.parse::<Timeframe>().map_err(|e| e.to_string()))?;
    let request = Subscribe {
        id: None,
        symbols: vec![symbol],
        channels: channels.unwrap_or_else(|| Channel::DEFAULT.to_vec()),
        venues: params.text("venue")?.map(shared::market::VenueId::new).into_iter().collect(),
        intervals: intervals.unwrap_or_else(|| vec![Timeframe::M1]),
        resume: None,
    };
    let topics = core.topics_of(&request).map_err(|e| {
        let (status, parameter) = match e.code {
            "unknown_symbol" => (StatusCode::NOT_FOUND, "symbol"),
            _ => (StatusCode::BAD_REQUEST, "venue"),
        };
        ApiError::new(status, e.code, format!("`{parameter}`: {}", e.message))
    })?;
    core.follower.poll(&topics).map_err(|full| too_many(&full, &core.follower))?;
    core.asker.wanted(&topics).await;
    // The cursor first: what comes between is told again, never missed.
    let cursor = core.place();
    Ok(Json(SnapshotAnswer { cursor, frames: core.hub.snapshot(&topics) }))
}

/// One structured line per request, with its id.
pub(super) async fn log_request(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = tokio::time::Instant::now();
    let response = next.run(request).instrument(info_span!("http", request = %id)).await;
    let status = response.status().as_u16();
    let duration_ms = started.elapsed().as_millis() as u64;
    // Assets and health probes are too many to be worth a line at the usual level.
    if path.starts_with("/api") || path == "/ws" || status >= 400 {
        info!(request = %id, %method, path, status, duration_ms, "request");
    } else {
        tracing::debug!(request = %id, %method, path, status, duration_ms, "request");
    }
    response
}

fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get(REQUEST_ID).and_then(|v| v.to_str().ok()).unwrap_or("-");
    id.chars().take(64).collect()
}
