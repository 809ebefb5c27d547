//! HTTP and WebSocket: routes, limits, errors.

pub mod assets;
pub mod error;
mod limits;
pub mod params;
mod routes;
mod status;
mod ws;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use shared::event::{Channel, Topic};
use shared::wire::{ClientError, Subscribe};
use tokio::time::Instant;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

pub use error::ApiError;
pub use limits::Access;
pub use routes::{ApiState, routes};

use crate::Mode;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::hub::Hub;
use crate::ingest::Board;
use crate::store::Store;

/// What every route can reach.
pub struct Core {
    pub mode: Mode,
    pub started: Instant,
    pub clock: Clock,
    pub hub: Arc<Hub>,
    pub bus: Arc<dyn Bus>,
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    pub board: Arc<Board>,
    pub access: Access,
    pub metrics: PrometheusHandle,
    /// Told which topics clients have asked for.
    pub demand: tokio::sync::mpsc::UnboundedSender<Topic>,
    connections: limits::Connections,
    requests: limits::RequestLimiter,
}

impl Core {
    /// Fills in what follows from the rest.
    #[allow(clippy::too_many_arguments, reason = "called once, where all parts are made")]
    pub fn new(
        mode: Mode,
        clock: Clock,
        hub: Arc<Hub>,
        bus: Arc<dyn Bus>,
        store: Arc<dyn Store>,
        directory: Arc<Directory>,
        board: Arc<Board>,
        access: Access,
        metrics: PrometheusHandle,
        demand: tokio::sync::mpsc::UnboundedSender<Topic>,
    ) -> Core {
        let connections = limits::Connections::new(access.connections_per_address);
        let requests = limits::request_limiter(&access);
        let started = Instant::now();
        Core {
            mode,
            started,
            clock,
            hub,
            bus,
            store,
            directory,
            board,
            access,
            metrics,
            demand,
            connections,
            requests,
        }
    }

    /// The topics a subscription means; channels an instrument does not have are left out.
    ///
    /// # Errors
    /// [`ClientError`] naming the symbol or venue that does not exist; then the whole request is refused.
    pub fn topics_of(&self, request: &Subscribe) -> Result<Vec<Topic>, ClientError> {
        let fail = |code, message| ClientError { id: request.id.clone(), code, message };
        let known = self.directory.venues();
        if let Some(venue) = request.venues.iter().find(|v| !known.contains(v)) {
            let names: Vec<&str> = known.iter().map(|v| v.as_str()).collect();
            let message = format!("unknown venue `{venue}`: this relay has {}", names.join(", "));
            return Err(fail("unknown_venue", message));
        }
        let mut topics = Vec::new();
        for symbol in &request.symbols {
            let mut listings = self.directory.listings(symbol);
            listings.retain(|i| request.venues.is_empty() || request.venues.contains(&i.venue));
            if listings.is_empty() {
                let message = format!("unknown symbol `{symbol}`: /api/symbols lists what there is");
                return Err(fail("unknown_symbol", message));
            }
            for instrument in &listings {
                for channel in request.channels.iter().filter(|c| instrument.channels.contains(c)) {
                    let topic = |interval| Topic {
                        symbol: symbol.clone(),
                        venue: instrument.venue.clone(),
                        channel: *channel,
                        interval,
                    };
                    match channel {
                        Channel::Bar => topics.extend(request.intervals.iter().map(|tf| topic(Some(*tf)))),
                        Channel::Oi
                        | Channel::Funding
                        | Channel::Liquidation
                        | Channel::Trade
                        | Channel::Book => {
                            topics.push(topic(None));
                        }
                    }
                }
            }
        }
        topics.sort();
        topics.dedup();
        Ok(topics)
    }

    /// Notes that clients want these topics.
    pub fn wanted(&self, topics: &[Topic]) {
        for topic in topics {
            let _ = self.demand.send(topic.clone());
        }
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything the relay answers, with `api` (history and symbols) and `page` merged in.
pub fn router(core: Arc<Core>, api: Router, page: Router) -> Router {
    let own = Router::new()
        .route("/health", get(status::health))
        .route("/metrics", get(status::metrics))
        .route("/api/status", get(status::status))
        .route("/api/snapshot", get(status::snapshot))
        .with_state(core.clone());
    let socket = Router::new()
        .route("/ws", get(ws::upgrade))
        .method_not_allowed_fallback(wrong_method)
        .with_state(core.clone());
    let unknown_api = Router::new().route("/api/{*rest}", axum::routing::any(no_such_route));
    own.merge(api)
        .merge(unknown_api)
        .method_not_allowed_fallback(wrong_method)
        .layer(CompressionLayer::new().br(true).gzip(true))
        // A socket is not a body to compress; the page brings its own compressed twins.
        .merge(socket)
        .fallback_service(page)
        .layer(from_fn_with_state(core.clone(), limits::guard))
        .layer(from_fn(status::log_request))
        .layer(limits::cors(&core.access))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

async fn no_such_route() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_route",
        "there is no such endpoint: see the README for the list",
    )
}

async fn wrong_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this endpoint does not take that method",
    )
}
