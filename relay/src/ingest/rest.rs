//! The one way to a venue's REST side: budgeted, obedient to bans, retried with back-off.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use shared::market::Ms;
use tracing::{debug, warn};

use super::budget::{Budget, Denied};
use super::quota::QuotaFile;
use super::{Board, Teller};
use crate::capture::FrameSink;
use crate::clock::system_now;
use crate::venues::{Answer, Fetch, Fetched, RestFault, RestRequest, Venue, VenueError, Window};

const TIMEOUT: Duration = Duration::from_secs(15);
const RETRIES: u32 = 4;
/// Larger bodies are no answer to anything we ask.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// The budget or a ban would keep the caller waiting longer than it is willing to.
    #[error("{venue} takes no request before {until:?}: {reason}")]
    Busy { venue: String, until: Ms, reason: String },
    /// Terminal until configuration or location changes.
    #[error("{venue} does not serve this location: {reason}")]
    RefusedLocation { venue: String, reason: String },
    /// Do not repeat this request.
    #[error("{venue} refused the request: {reason}")]
    BadRequest { venue: String, reason: String },
    /// Worth trying again later.
    #[error("{venue} did not answer: {reason}")]
    Unavailable { venue: String, reason: String },
    /// The venue has no such call.
    #[error("{0} does not offer that")]
    Unsupported(String),
    #[error("{venue} answered what it should not: {error}")]
    Decode { venue: String, error: VenueError },
}

/// A venue's REST client; clones share budget and connections.
#[derive(Clone)]
pub struct Rest {
    venue: Arc<dyn Venue>,
    http: reqwest::Client,
    budget: Arc<Mutex<Budget>>,
    board: Arc<Board>,
    /// Books fetched while recording belong into the recording: diffs alone cannot be played.
    frames: Option<FrameSink>,
    /// Where the use of monthly quotas is kept.
    quota: Option<Arc<Mutex<QuotaFile>>>,
}

/// A client for all venues' calls; `proxy` as `HTTPS_PROXY` gives it.
///
/// # Errors
/// What is wrong with the proxy address.
pub fn http_client(proxy: Option<&str>) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(Duration::from_secs(5))
        .user_agent(concat!("tapedeck/", env!("CARGO_PKG_VERSION")));
    match proxy {
        // Loopback venues (tests, gateways) are not behind the proxy.
        Some(address) => {
            let bypass = reqwest::NoProxy::from_string("localhost,127.0.0.1,::1");
            builder.proxy(reqwest::Proxy::all(address)?.no_proxy(bypass)).build()
        }
        None => builder.no_proxy().build(),
    }
}

impl Rest {
    /// A client with fresh budgets; depth answers also go to `frames`.
    pub fn new(
        venue: Arc<dyn Venue>,
        http: reqwest::Client,
        board: Arc<Board>,
        frames: Option<FrameSink>,
    ) -> Rest {
        let budget = Arc::new(Mutex::new(Budget::new(venue.limits())));
        let rest = Rest { venue, http, budget, board, frames, quota: None };
        rest.report();
        rest
    }

    /// Keeps the use of monthly quotas in `folder`, where the venue has any; what is there already counts.
    ///
    /// # Errors
    /// When the file there cannot be read: what is used already is not known then.
    pub fn keep_quota(mut self, folder: &Path) -> std::io::Result<Rest> {
        if self.venue.limits().iter().any(|limit| limit.window == Window::Month) {
            let file = QuotaFile::open(&folder.join(format!("quota-{}.json", self.venue.id())))?;
            self.lock().resume(file.used(), system_now());
            self.quota = Some(Arc::new(Mutex::new(file)));
            self.report();
        }
        Ok(self)
    }

    /// Writes down what is used before it is used: a crash in between costs a request of the month, not the count.
    async fn note_quota(&self) {
        let Some(file) = self.quota.clone() else { return };
        let budget = self.budget.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let used = budget.lock().unwrap_or_else(PoisonError::into_inner).months(system_now());
            file.write(used)
        });
        if let Ok(Err(error)) = written.await {
            warn!(venue = %self.venue.id(), %error, "the month's use is not kept");
        }
    }

    /// Asks, waiting for budget and retrying for at most about `patience`.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn fetch(&self, fetch: &Fetch, patience: Duration) -> Result<Fetched, RestError> {
        let name = self.venue.id().to_string();
        let request = self.venue.request(fetch).ok_or_else(|| RestError::Unsupported(name.clone()))?;
        let deadline = system_now() + Ms(patience.as_millis() as i64);
        let mut attempt = 0;
        loop {
            self.wait_for_budget(&request, deadline).await?;
            self.note_quota().await;
            let reason = match self.send(&request).await {
                Ok(body) => {
                    self.board.reason(&self.venue.id(), Teller::Rest, None);
                    if let (Some(sink), Fetch::Depth { .. }) = (&self.frames, fetch) {
                        sink.push(system_now(), &request.url, &body);
                    }
                    let parsed = self.venue.parse_rest(fetch, system_now(), &body);
                    return parsed.map_err(|error| RestError::Decode { venue: name, error });
                }
                Err(Failure::Fault(RestFault::Wait { until, reason })) => {
                    // "At once" is no answer to having asked too often.
                    let until = until.max(system_now() + Ms::SECOND);
                    warn!(venue = %name, until = until.0, reason, "the venue asks for silence");
                    self.lock().block(request.limit, until, system_now());
                    self.note_quota().await;
                    self.board.reason(&self.venue.id(), Teller::Rest, Some(reason));
                    self.report();
                    continue;
                }
                Err(Failure::Fault(RestFault::RefusedLocation { reason })) => {
                    self.board.reason(&self.venue.id(), Teller::Rest, Some(reason.clone()));
                    return Err(RestError::RefusedLocation { venue: name, reason });
                }
                Err(Failure::Fault(RestFault::BadRequest { reason })) => {
                    return Err(RestError::BadRequest { venue: name, reason });
                }
                Err(Failure::Fault(RestFault::Retry { reason }) | Failure::Line(reason)) => reason,
            };
            attempt += 1;
            let pause = Duration::from_millis(250 << attempt.min(6));
            if attempt > RETRIES || system_now() + Ms(pause.as_millis() as i64) > deadline {
                return Err(RestError::Unavailable { venue: name, reason });
            }
            debug!(venue = %name, reason, attempt, "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    pub fn venue(&self) -> &Arc<dyn Venue> {
        &self.venue
    }

    /// Puts the budgets on the board.
    pub fn report(&self) {
        let rows = self.lock().report(system_now());
        self.board.budgets(&self.venue.id(), rows);
    }

    async fn wait_for_budget(&self, request: &RestRequest, deadline: Ms) -> Result<(), RestError> {
        loop {
            let now = system_now();
            let denied = match self.lock().reserve_all(request.limits(), request.weight, now) {
                Ok(()) => return Ok(()),
                Err(denied) => denied,
            };
            if denied.until() > deadline {
                let reason = match denied {
                    Denied::Full(_) => "the request budget is used up",
                    Denied::Blocked(_) => "the venue asked for silence",
                };
                let (venue, until) = (self.venue.id().to_string(), denied.until());
                return Err(RestError::Busy { venue, until, reason: reason.to_owned() });
            }
            let wait = (denied.until() - now).0.max(1).unsigned_abs();
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }

    async fn send(&self, request: &RestRequest) -> Result<Vec<u8>, Failure> {
        let line = |e: reqwest::Error| Failure::Line(e.without_url().to_string());
        let mut call = match &request.body {
            None => self.http.get(&request.url),
            Some(body) => {
                self.http.post(&request.url).header("content-type", "application/json").body(body.clone())
            }
        };
        for (name, value) in &request.headers {
            let value = HeaderValue::from_str(value.expose_secret());
            let mut value = value.map_err(|_| Failure::Line(format!("{name} cannot be sent")))?;
            value.set_sensitive(true);
            call = call.header(*name, value);
        }
        let mut response = call.send().await.map_err(line)?;
        let (status, now) = (response.status(), system_now());
        let headers = response.headers().clone();
        for limit in request.limits() {
            let mut budget = self.lock();
            let told =
                budget.header(limit).and_then(|name| headers.get(name)?.to_str().ok()?.trim().parse().ok());
            if let Some(told) = told {
                budget.observe(limit, told, now);
            }
        }
        self.report();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(line)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(Failure::Line("the answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        let answer = Answer { status: status.as_u16(), headers: &headers, body: &body };
        match self.venue.fault(&answer, now) {
            None => Ok(body),
            Some(fault) => Err(Failure::Fault(fault)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Failure {
    Fault(RestFault),
    /// The line, not the venue.
    Line(String),
}
