//! Who may connect, how often and how much: allow-lists for `Host` and `Origin`, limits per address.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use secrecy::{ExposeSecret, SecretString};
use shared::wire::MAX_CLIENT_FRAME_BYTES;
use tokio::time::Instant;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{Core, error::ApiError};
use crate::door::{Peers, Place, network};

/// Seconds after which peers that have been quiet are forgotten.
const SWEEP_S: u64 = 60;

/// Access rules and limits. `*` in a list admits all.
#[derive(Debug)]
pub struct Access {
    /// Beyond loopback, requests need one of these as bearer token, unless `public`.
    pub tokens: Vec<SecretString>,
    /// Serve beyond loopback without tokens.
    pub public: bool,
    /// Host names (without port) answered besides loopback names.
    pub allowed_hosts: Vec<String>,
    /// Origins admitted to `/ws` besides the page's own; `null` only when listed.
    pub allowed_origins: Vec<String>,
    /// Origins whose pages may read HTTP answers; `null` only when listed.
    pub cors_origins: Vec<String>,
    pub frame_bytes: usize,
    pub control_frames_per_second: u32,
    pub subscriptions: usize,
    pub connections_per_address: usize,
    pub requests_per_second: u32,
}

impl Default for Access {
    fn default() -> Access {
        Access {
            tokens: Vec::new(),
            public: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            cors_origins: Vec::new(),
            frame_bytes: MAX_CLIENT_FRAME_BYTES,
            control_frames_per_second: 20,
            subscriptions: 200,
            connections_per_address: 32,
            requests_per_second: 50,
        }
    }
}

/// Why a request is refused before it reaches a route.
pub(super) type Refusal = ApiError;

/// Requests per second and peer.
pub(super) struct RequestLimiter {
    rates: DefaultKeyedRateLimiter<IpAddr>,
    began: Instant,
    /// Seconds from then on at which it was last swept.
    swept: AtomicU64,
}

impl RequestLimiter {
    pub(super) fn new(access: &Access) -> RequestLimiter {
        let rate = NonZeroU32::new(access.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(3));
        let rates = RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
        RequestLimiter { rates, began: Instant::now(), swept: AtomicU64::new(0) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// The seconds after which another will do.
    fn check(&self, ip: IpAddr, now: Instant) -> Result<(), u64> {
        self.sweep(now.saturating_duration_since(self.began).as_secs());
        let early = self.rates.check_key(&network(ip)).err();
        let wait = early.map(|early| early.wait_time_from(DefaultClock::default().now()).as_secs() + 1);
        wait.map_or(Ok(()), Err)
    }

    /// Forgets peers that have been quiet, now and then: else each that ever came is held for ever. Locks a part of
    /// them at a time.
    fn sweep(&self, at: u64) {
        let last = self.swept.load(Ordering::Relaxed);
        if at >= last + SWEEP_S
            && self.swept.compare_exchange(last, at, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
    }
}

/// Checks host, origin, token and rate of every request. A page opened from disk may read why it is refused: only so
/// can it say which setting would admit it.
pub(super) async fn guard(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    match admit(&core, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            let null = HeaderValue::from_static("null");
            let from_disk = request.headers().get(header::ORIGIN) == Some(&null);
            let mut response = refusal.into_response();
            if from_disk {
                response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, null);
            }
            response
        }
    }
}

fn admit(core: &Core, request: &Request) -> Result<(), Refusal> {
    let (access, headers) = (&core.access, request.headers());
    let peer = request.extensions().get::<ConnectInfo<std::net::SocketAddr>>().map(|c| c.0.ip());
    // Without a peer address (in-process tests) the strict rules apply.
    let local = peer.is_some_and(|ip| ip.is_loopback());
    check_host(access, headers, request.uri().host())?;
    if answers_with_data(request.uri().path()) {
        check_reader(access, headers)?;
    }
    if local {
        return Ok(());
    }
    check_token(access, headers, request.uri().query())?;
    match peer.map(|ip| core.requests.check(ip, Instant::now())) {
        Some(Err(wait)) => {
            let detail = "too many requests from this address";
            Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(wait))
        }
        Some(Ok(())) | None => Ok(()),
    }
}

/// Files of the page are nobody's data; `/ws` looks at its own list.
fn answers_with_data(path: &str) -> bool {
    ["/api/", "/udf/", "/metrics"].iter().any(|prefix| path.starts_with(prefix))
}

/// Cross-origin reading by listed origins; everyone else's browser refuses the answer.
pub(super) fn cors(access: &Access) -> CorsLayer {
    let layer = CorsLayer::new().allow_methods([Method::GET, Method::POST, Method::DELETE]).allow_headers([
        header::CONTENT_TYPE,
        header::AUTHORIZATION,
        header::IF_NONE_MATCH,
        HeaderName::from_static("x-request-id"),
    ]);
    // Pages of rows, validators and the request's id are for scripts of listed origins too.
    let told = ["x-next-cursor", "x-incomplete", "x-request-id"].map(HeaderName::from_static);
    let layer =
        layer.expose_headers([header::LINK, header::ETAG].into_iter().chain(told).collect::<Vec<_>>());
    let origins = access.cors_origins.clone();
    layer.allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _: &_| {
        origin.to_str().is_ok_and(|origin| admits(&origins, origin))
    }))
}

/// A name without its port; IPv6 keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rfind(']') {
        Some(end) => host.get(..=end).unwrap_or(host),
        None => host.split(':').next().unwrap_or(host),
    }
}

fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn listed(list: &[String], value: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(value))
}

/// Refuses names this relay does not answer to (DNS rebinding).
fn check_host(access: &Access, headers: &HeaderMap, uri_host: Option<&str>) -> Result<(), Refusal> {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).or(uri_host).unwrap_or("localhost");
    let name = without_port(host);
    if is_loopback_name(name) || listed(&access.allowed_hosts, name) {
        return Ok(());
    }
    let detail = format!("host `{name}` is not allowed: add it to allowed_hosts in tapedeck.toml");
    Err(ApiError::new(StatusCode::FORBIDDEN, "host_not_allowed", detail))
}

/// Whether a list of origins has this one. `null` (a file, a sandboxed frame) is nobody in particular: the wildcard does
/// not cover it.
fn admits(origins: &[String], origin: &str) -> bool {
    match origin {
        "null" => origins.iter().any(|o| o == "null"),
        other => listed(origins, other),
    }
}

/// Refuses sockets of other origins' pages. Requests without `Origin` come from programs, not pages.
pub(super) fn check_origin(access: &Access, headers: &HeaderMap) -> Result<(), Refusal> {
    check_listed(&access.allowed_origins, headers, "allowed_origins", "TAPEDECK_ALLOWED_ORIGINS")
}

/// Refuses what other origins' pages ask for, before it does anything: reading they could not use the answer, and
/// changing something they would not need it.
fn check_reader(access: &Access, headers: &HeaderMap) -> Result<(), Refusal> {
    let (key, variable) = match access.cors_origins == access.allowed_origins {
        true => ("allowed_origins", "TAPEDECK_ALLOWED_ORIGINS"),
        false => ("cors_origins", "TAPEDECK_CORS_ORIGINS"),
    };
    check_listed(&access.cors_origins, headers, key, variable)
}

fn check_listed(list: &[String], headers: &HeaderMap, key: &str, variable: &str) -> Result<(), Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("?");
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let own = origin.split_once("://").is_some_and(|(_, rest)| Some(rest) == host);
    if own || admits(list, origin) {
        return Ok(());
    }
    let detail = format!(
        "origin `{origin}` is not allowed: add it to {key} in tapedeck.toml, or start the relay with {variable}={origin}"
    );
    Err(ApiError::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail))
}

fn check_token(access: &Access, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refusal> {
    if access.public {
        return Ok(());
    }
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|h| h.to_str().ok())
        .and_then(|h| h.strip_prefix("Bearer "));
    // Browsers cannot set headers on a socket: there the token travels in the query.
    let in_query = query.and_then(|q| q.split('&').find_map(|pair| pair.strip_prefix("token=")));
    let given = bearer.or(in_query).unwrap_or_default();
    if access.tokens.iter().any(|t| same_bytes(t.expose_secret().as_bytes(), given.as_bytes())) {
        return Ok(());
    }
    let detail =
        "this relay wants a token: send `Authorization: Bearer <token>`, or set public = true on the relay";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "token_required", detail))
}

/// Equality in time that does not depend on where the texts differ.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    !a.is_empty() && a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// Counts sockets per peer; loopback is exempt.
pub(super) struct Connections {
    most: usize,
    open: Peers,
}

impl Connections {
    pub(super) fn new(most: usize) -> Connections {
        Connections { most, open: Peers::new(most) }
    }

    /// What is to be held while the socket is open.
    pub(super) fn admit(&self, ip: IpAddr) -> Result<Option<Place>, Refusal> {
        if ip.is_loopback() {
            return Ok(None);
        }
        self.open.admit(ip).map(Some).ok_or_else(|| {
            let detail = format!("at most {} sockets per address", self.most);
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_connections", detail)
        })
    }
}

/// At most so many events in any second.
pub(super) struct RateWindow {
    most: usize,
    times: std::collections::VecDeque<Instant>,
}

impl RateWindow {
    pub(super) fn new(most: u32) -> RateWindow {
        RateWindow { most: most as usize, times: std::collections::VecDeque::new() }
    }

    pub(super) fn admit(&mut self, now: Instant) -> bool {
        while self.times.front().is_some_and(|t| now.duration_since(*t) >= Duration::from_secs(1)) {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() <= self.most
    }
}

#[cfg(test)]
mod tests;
