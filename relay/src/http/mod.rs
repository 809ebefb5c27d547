//! HTTP and WebSocket: routes, limits, errors.

mod alerts;
pub mod assets;
mod body;
pub mod error;
mod limits;
mod papers;
pub mod params;
mod replay;
mod routes;
mod status;
mod ws;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use shared::event::{Channel, Cursor, Topic};
use shared::market::{Instrument, VenueId};
use shared::wire::{ClientError, Subscribe};
use tokio::time::Instant;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

pub use error::ApiError;
pub use limits::Access;
pub use routes::{ApiState, routes};

use crate::Mode;
use crate::alerts::Alerts;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::derive::Asker;
use crate::directory::Directory;
use crate::hub::Hub;
use crate::ingest::Board;
use crate::ingest::demand::{Follower, TooMany};
use crate::ingest::lookup::Lookup;
use crate::playback::Playback;
use crate::store::Store;

/// Code of a refusal: a venue follows as many symbols on demand as it may.
const TOO_MANY_SYMBOLS: &str = "too_many_symbols";

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
    /// Told what clients want of the venues.
    pub follower: Arc<Follower>,
    /// Finds what venues that cannot list have.
    pub lookup: Arc<Lookup>,
    /// Has made what is made on demand.
    pub asker: Asker,
    /// In replay mode, the way to its player.
    pub replay: Option<Arc<Playback>>,
    pub alerts: Arc<Alerts>,
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
        follower: Arc<Follower>,
        lookup: Arc<Lookup>,
        asker: Asker,
        replay: Option<Arc<Playback>>,
        alerts: Arc<Alerts>,
    ) -> Core {
        let connections = limits::Connections::new(access.connections_per_address);
        let requests = limits::RequestLimiter::new(&access);
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
            follower,
            lookup,
            asker,
            replay,
            alerts,
            connections,
            requests,
        }
    }

    /// Where a reader of the hub's last values stands.
    pub fn place(&self) -> Cursor {
        Cursor { n: self.hub.place(), ..self.bus.head() }
    }

    /// The topics a subscription means; channels an instrument does not have are left out. Venue `all` means the
    /// joined bars, and of the other channels those of every member of the symbol's group. Guards and heat maps
    /// are of venue `all` whatever venues are named.
    ///
    /// # Errors
    /// [`ClientError`] naming the symbol or venue that does not exist; then the whole request is refused.
    pub fn topics_of(&self, request: &Subscribe) -> Result<Vec<Topic>, ClientError> {
        let fail = |code, message| ClientError { id: request.id.clone(), code, message };
        let known = self.directory.venues();
        if let Some(venue) = request.venues.iter().find(|v| !v.is_all() && !known.contains(v)) {
            let mut names: Vec<&str> = known.iter().map(|v| v.as_str()).collect();
            names.push(VenueId::ALL);
            let message = format!("unknown venue `{venue}`: this relay has {}", names.join(", "));
            return Err(fail("unknown_venue", message));
        }
        let mut topics = Vec::new();
        for symbol in &request.symbols {
            let joined = request.venues.iter().any(VenueId::is_all);
            let joined = joined.then(|| self.directory.joined(symbol)).flatten();
            let all = self.directory.listings(symbol);
            let named = |i: &&Arc<Instrument>| request.venues.is_empty() || request.venues.contains(&i.venue);
            let listings: Vec<_> = all.iter().filter(named).cloned().collect();
            if listings.is_empty() && joined.is_none() {
                let there: Vec<&str> = all.iter().map(|i| i.venue.as_str()).collect();
                let message = match request.venues.first().filter(|_| !there.is_empty()) {
                    Some(venue) => format!("{venue} does not list `{symbol}`; {} does", there.join(", ")),
                    None => format!("unknown symbol `{symbol}`: /api/symbols/search finds what there is"),
                };
                return Err(fail("unknown_symbol", message));
            }
            for channel in &request.channels {
                let topic = |i: &Arc<Instrument>, interval| Topic {
                    symbol: i.symbol.clone(),
                    venue: i.venue.clone(),
                    channel: *channel,
                    interval,
                };
                let offering = |i: &&Arc<Instrument>| i.channels.contains(channel);
                match channel {
                    Channel::Bar => {
                        let bars = |i| request.intervals.iter().map(move |tf| topic(i, Some(*tf)));
                        topics.extend(listings.iter().filter(offering).flat_map(bars));
                        let whole = |tf| Topic {
                            symbol: symbol.clone(),
                            venue: VenueId::all(),
                            channel: Channel::Bar,
                            interval: Some(tf),
                        };
                        if joined.as_ref().is_some_and(|j| j.instruments.iter().any(|i| offering(&i))) {
                            topics.extend(request.intervals.iter().copied().map(whole));
                        }
                    }
                    Channel::Signal => {
                        let members = joined.iter().flat_map(|j| &j.instruments);
                        let barred = |i: &&Arc<Instrument>| i.channels.contains(&Channel::Bar);
                        let signals = |i| request.intervals.iter().map(move |tf| topic(i, Some(*tf)));
                        topics.extend(listings.iter().chain(members).filter(barred).flat_map(signals));
                    }
                    Channel::Guards | Channel::Heatmap => {
                        if self.directory.made(symbol).contains(channel) {
                            let (symbol, venue) = (symbol.clone(), VenueId::all());
                            topics.push(Topic { symbol, venue, channel: *channel, interval: None });
                        }
                    }
                    Channel::Oi
                    | Channel::Funding
                    | Channel::Liquidation
                    | Channel::Trade
                    | Channel::Book => {
                        // Of what is not bars the members' own are the joined view.
                        let members = joined.iter().flat_map(|j| &j.instruments);
                        topics
                            .extend(listings.iter().chain(members).filter(offering).map(|i| topic(i, None)));
                    }
                }
            }
        }
        topics.sort();
        topics.dedup();
        Ok(topics)
    }
}

/// A venue follows as many symbols on demand as it may.
pub(crate) fn too_many(full: &TooMany, follower: &Follower) -> ApiError {
    let refusal = ApiError::new(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_SYMBOLS, full.to_string());
    refusal.retry_after(follower.grace_s())
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything the relay answers, with `api` (history and symbols) and `page` merged in.
pub fn router(core: Arc<Core>, api: Router, page: Router) -> Router {
    let own = Router::new()
        .route("/health", get(status::health))
        .route("/metrics", get(status::metrics))
        .route("/api/status", get(status::status))
        .route("/api/snapshot", get(status::snapshot))
        .route("/api/alerts", get(alerts::list).post(alerts::add).delete(alerts::remove))
        .route("/api/replay", get(replay::status).post(replay::direct))
        .with_state(core.clone())
        .merge(papers::routes());
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
        .layer(from_fn(hardened))
        .layer(from_fn(status::log_request))
        .layer(limits::cors(&core.access))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

/// What every answer says to browsers, where it does not say otherwise itself: it is no document, of the type it says,
/// for the origin's own pages and those that CORS admits.
async fn hardened(request: Request, next: Next) -> Response {
    const SAID: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in SAID {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
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
