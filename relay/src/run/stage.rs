//! Which relay answers now: a replay that goes back puts another in its place.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tower::ServiceExt;

use crate::app::Relay;
use crate::http::Core;

/// Why clients are closed that followed an earlier run: 1012, service restart.
const ANEW: (u16, &str) = (1012, "the replay begins anew");

/// Forwards requests to the relay that answers now.
pub(super) struct Stage {
    now: RwLock<(Router, Arc<Core>)>,
}

impl Stage {
    pub(super) fn new(relay: &Relay) -> Arc<Stage> {
        Arc::new(Stage { now: RwLock::new((relay.router(), relay.core().clone())) })
    }

    /// An application that is whatever relay answers at the time.
    pub(super) fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(forward).with_state(self)
    }

    /// The parts of the relay that answers now.
    pub(super) fn core(&self) -> Arc<Core> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Lets `relay` answer from now on; clients of the one before are closed, and find this one when they come back.
    pub(super) fn enter(&self, relay: &Relay) -> Arc<Core> {
        let next = (relay.router(), relay.core().clone());
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let (_, before) = std::mem::replace(&mut *now, next);
        before.hub.close_all(ANEW.0, ANEW.1);
        before
    }

    /// Ends a relay that has been replaced, with clients that were just about to open when it was.
    pub(super) async fn leave(relay: Relay, core: Arc<Core>) {
        relay.stop().await;
        core.hub.close_all(ANEW.0, ANEW.1);
    }
}

async fn forward(State(stage): State<Arc<Stage>>, request: Request) -> Response {
    let router = stage.now.read().unwrap_or_else(PoisonError::into_inner).0.clone();
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
