//! Puts the parts together: one running relay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use shared::market::VenueId;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::Mode;
use crate::bus::{Bus, MemoryBus};
use crate::clock::{Clock, system_now};
use crate::directory::Directory;
use crate::http::{self, Access, Core};
use crate::hub::Hub;
use crate::ingest::outlet::Outlet;
use crate::ingest::recorder::{self, Recorder};
use crate::ingest::{Board, sim};
use crate::store::Store;
use crate::venues::sim::SimMarket;

/// How often the status frame is compared with what clients know.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// Longest wait for clients and store at shutdown.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// A relay's parts before it serves.
pub struct Parts {
    pub mode: Mode,
    pub venues: Vec<VenueId>,
    pub store: Arc<dyn Store>,
    pub store_trades: bool,
    pub access: Access,
    pub metrics: PrometheusHandle,
    pub clock: Clock,
}

/// A relay with hub and recorder running; venues are attached, then it serves.
pub struct Relay {
    core: Arc<Core>,
    recorder: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Starts hub, recorder and status.
    pub fn start(parts: Parts) -> Relay {
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new(system_now().0.unsigned_abs()));
        let hub = Arc::new(Hub::new());
        let directory = Arc::new(Directory::new(parts.venues.clone()));
        let board = Arc::new(Board::new(parts.mode, parts.venues));
        let (demand, _wanted) = mpsc::unbounded_channel();
        let core = Arc::new(Core::new(
            parts.mode,
            parts.clock,
            hub.clone(),
            bus.clone(),
            parts.store.clone(),
            directory,
            board,
            parts.access,
            parts.metrics,
            demand,
        ));
        core.hub.set_status(core.board.status(core.clock.now()));
        let recorder = Recorder::new(parts.store_trades);
        let recorder = tokio::spawn(recorder::run(bus.consume(), parts.store, recorder));
        let tasks = vec![tokio::spawn(hub.run(bus.consume())), tokio::spawn(tell_status(core.clone()))];
        Relay { core, recorder, tasks }
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Plays the simulated market.
    pub fn attach_sim(&mut self, seed: u64) {
        let market = Arc::new(SimMarket::new(seed));
        let venue = SimMarket::venue();
        self.core.directory.set(&venue, market.instruments().into_iter().map(Arc::new).collect());
        let outlet = self.outlet(venue);
        let store = self.core.store.clone();
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = sim::run(market, outlet, store).await {
                error!(%error, "the simulated market stopped");
            }
        }));
    }

    fn outlet(&self, venue: VenueId) -> Outlet {
        Outlet::new(venue, self.core.bus.clone(), self.core.board.clone(), self.core.clock.clone())
    }

    /// Serves until `shutdown` resolves, then says goodbye (1001) and flushes what is recorded.
    ///
    /// # Errors
    /// What the listener fails with.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let app = http::router(self.core.clone(), Router::new(), Router::new());
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let hub = self.core.hub.clone();
        let (stopped, mut stopping) = watch::channel(false);
        let goodbye = async move {
            shutdown.await;
            info!("shutting down");
            hub.close_all(1001, "the relay is shutting down");
            stopped.send_replace(true);
        };
        let served = axum::serve(listener, service).with_graceful_shutdown(goodbye).into_future();
        let result = tokio::select! {
            result = served => result,
            // Idle connections are no reason to stay.
            () = async {
                let _ = stopping.wait_for(|stopped| *stopped).await;
                tokio::time::sleep(SHUTDOWN_PATIENCE).await;
            } => Ok(()),
        };
        self.wait_for_clients().await;
        for task in &self.tasks {
            task.abort();
        }
        // With the tasks' copies gone, closing the bus ends the recorder after its last batch.
        self.core.bus.close();
        if tokio::time::timeout(SHUTDOWN_PATIENCE, self.recorder).await.is_err() {
            error!("the store did not take the last records in time");
        }
        result
    }

    /// Sockets outlive the HTTP server; their close frames go out first.
    async fn wait_for_clients(&self) {
        for _ in 0..100 {
            if self.core.hub.clients() == 0 {
                return;
            }
            tokio::time::sleep(SHUTDOWN_PATIENCE / 100).await;
        }
    }
}

/// Keeps every client's idea of the venues current.
async fn tell_status(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(STATUS_EVERY);
    loop {
        ticks.tick().await;
        core.hub.set_status(core.board.status(core.clock.now()));
    }
}
