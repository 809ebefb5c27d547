//! Puts the parts together: one running relay.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret;
use shared::event::{Bar, Body, Channel, Stamped, Topic};
use shared::market::{Instrument, Ms, Symbol, Timeframe, VenueId};
use shared::wire::Status;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::Mode;
use crate::alerts::Alerts;
use crate::alerts::watch::Watch;
use crate::alerts::webhook::Webhook;
use crate::bus::{Bus, MemoryBus};
use crate::capture::FrameSink;
use crate::clock::{Clock, system_now};
use crate::config::{GuardsConfig, RetentionConfig, VenuesConfig};
use crate::derive::{self, Asker, GuardsMaker, HeatMaps, HigherBars, JoinedBars, Makers, Signals};
use crate::directory::Directory;
use crate::door::Door;
use crate::history::History;
use crate::http::{self, Access, ApiState, Core};
use crate::hub::Hub;
use crate::ingest::demand::{FollowLimits, Follower};
use crate::ingest::kept::Keeper;
use crate::ingest::live::LiveVenue;
use crate::ingest::lookup::Lookup;
use crate::ingest::outlet::Outlet;
use crate::ingest::recorder::{self, Recorder};
use crate::ingest::rest::{Rest, http_client};
use crate::ingest::source::Sources;
use crate::ingest::{Board, sim};
use crate::playback::Playback;
use crate::run::install_tls;
use crate::store::archive::Archive;
use crate::store::archive::seal::{Pace, Sealer, calendar_of};
use crate::store::{HotStore, Store};
use crate::venues::sim::SimMarket;
use crate::venues::{self, Off};

/// How often the status frame is compared with what clients know.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// Times of last events alone are told so often.
const TIMES_EVERY: Ms = Ms(5_000);
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
    /// What following symbols on demand may cost.
    pub follow: FollowLimits,
    /// Thresholds of the risk guards.
    pub guards: GuardsConfig,
    /// Origins that may show the page in a frame.
    pub frame_ancestors: Vec<String>,
    /// A built page to serve instead of the embedded one.
    pub page_dir: Option<PathBuf>,
    /// In replay mode, the way to its player.
    pub replay: Option<Arc<Playback>>,
    /// Price alerts, and whom to tell besides clients.
    pub alerts: (Arc<Alerts>, Option<Webhook>),
}

/// A relay with hub and recorder running; venues are attached, then it serves.
pub struct Relay {
    core: Arc<Core>,
    history: Arc<History>,
    sources: Arc<Sources>,
    page: (Vec<String>, Option<PathBuf>),
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
        let follower = Arc::new(Follower::new(directory.clone(), hub.clone(), parts.follow));
        let lookup = Arc::new(Lookup::new(directory.clone(), parts.clock.clone()));
        let (demand, wanted) = mpsc::unbounded_channel();
        let (alerts, webhook) = parts.alerts;
        let sources = Arc::new(Sources::new(directory.clone()));
        let live = {
            let hub = hub.clone();
            move |venue: &VenueId, symbol: &Symbol| newest_minutes(&hub, venue, symbol)
        };
        let clock = parts.clock.clone();
        let history = History::new(parts.store.clone(), sources.clone(), Arc::new(live), move || clock.now());
        let history = Arc::new(history);
        let core = Arc::new(Core::new(
            parts.mode,
            parts.clock,
            hub.clone(),
            bus.clone(),
            parts.store.clone(),
            directory.clone(),
            board,
            parts.access,
            parts.metrics,
            follower.clone(),
            lookup,
            Asker::new(hub.clone(), demand),
            parts.replay,
            alerts.clone(),
        ));
        core.hub.set_status(core.board.status(core.clock.now()));
        let recorder = Recorder::new(parts.store_trades);
        let recorder = tokio::spawn(recorder::run(bus.consume(), parts.store.clone(), recorder));
        let higher = HigherBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let joined = JoinedBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let heat = HeatMaps::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let signals = Signals::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let guards = GuardsMaker::new(
            bus.clone(),
            hub.clone(),
            directory,
            parts.store,
            core.clock.clone(),
            parts.guards,
        );
        let makers = Makers { higher, joined, guards, heat, signals };
        let telling = webhook.map(|webhook| (webhook, Arc::new(Notify::new())));
        let woken = telling.as_ref().map(|(_, woken)| woken.clone());
        let (directory, clock) = (core.directory.clone(), core.clock.clone());
        let watch = Watch::new(alerts.clone(), directory, follower.clone(), hub.clone(), clock, woken);
        let mut tasks = vec![
            tokio::spawn(watch.run(bus.consume())),
            tokio::spawn(hub.run(bus.consume())),
            tokio::spawn(derive::run(bus.clone(), makers, wanted)),
            tokio::spawn(follower.run()),
            tokio::spawn(tell_status(core.clone())),
        ];
        if let Some((webhook, woken)) = telling {
            install_tls();
            match webhook.run(alerts, woken) {
                Ok(told) => tasks.push(tokio::spawn(told)),
                // Venues need the same proxy and say what is wrong with it.
                Err(_) => error!("HTTPS_PROXY is no proxy: the webhook of price alerts is not told"),
            }
        }
        let page = (parts.frame_ancestors, parts.page_dir);
        Relay { core, history, sources, page, recorder, tasks }
    }

    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Plays `symbols` at the simulated venues that list them; returns once their history is recorded.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn attach_sim(&mut self, seed: u64, symbols: &[Symbol]) -> anyhow::Result<()> {
        for market in SimMarket::all(seed).map(Arc::new) {
            let chosen = market.instruments().into_iter().filter(|i| symbols.contains(&i.symbol));
            let instruments: Vec<Arc<Instrument>> = chosen.map(Arc::new).collect();
            let venue = market.venue();
            self.core.directory.set(&venue, instruments.clone());
            let outlet = self.outlet(venue);
            let store = self.core.store.clone();
            let ready = sim::prepare(market, instruments, outlet, store)
                .await
                .context("the simulated market's history")?;
            self.tasks.push(tokio::spawn(ready.play()));
        }
        Ok(())
    }

    /// Follows a real venue.
    ///
    /// # Errors
    /// What is wrong with the proxy address.
    pub fn attach_live(
        &mut self,
        id: &VenueId,
        config: &VenuesConfig,
        frames: Option<FrameSink>,
    ) -> anyhow::Result<()> {
        let base_urls = config.base_urls.get(id.as_str()).cloned().unwrap_or_default();
        let Some(venue) = venues::build(id, &base_urls) else {
            anyhow::bail!("PROVIDER: there is no venue {id}")
        };
        let off = venue.off();
        // A recording keeps frames alone.
        let keeps = frames.is_none() && off.as_ref().is_none_or(|off| !off.withheld);
        let directory = self.core.directory.clone();
        let keeper = keeps.then(|| Keeper::restore(&config.data_dir, id, venue.unlisted(), directory));
        if let Some(Off { reason, .. }) = off {
            tracing::warn!(venue = %id, "{reason}");
            self.core.board.off(id, reason.clone());
            self.sources.off(venue, reason);
            return Ok(());
        }
        install_tls();
        let http = http_client(config.https_proxy.as_ref().map(ExposeSecret::expose_secret))
            .context("HTTPS_PROXY")?;
        let rest = Rest::new(venue.clone(), http, self.core.board.clone(), frames.clone())
            .keep_quota(&config.data_dir)
            .with_context(|| format!("DATA_DIR: the use of {id}'s monthly quota cannot be read"))?;
        self.sources.add(rest.clone());
        if venue.unlisted() {
            self.core.lookup.add(Arc::new(rest.clone()));
        }
        let live = LiveVenue {
            venue,
            symbols: config.symbols.clone(),
            reconnect_cap: config.reconnect_cap,
            orders: self.core.follower.attach(id, &config.symbols),
            rest,
            outlet: self.outlet(id.clone()),
            store: self.core.store.clone(),
            directory: self.core.directory.clone(),
            proxy: config.https_proxy.clone(),
            frames,
            seed: system_now().0.unsigned_abs(),
        };
        self.tasks.push(tokio::spawn(live.run()));
        self.tasks.extend(keeper.map(|keeper| tokio::spawn(keeper.run())));
        Ok(())
    }

    /// Seals finished days, from some seconds on and for as long as it runs.
    pub fn seal(&mut self, hot: Arc<dyn HotStore>, archive: Arc<Archive>, retention: RetentionConfig) {
        let directory = self.core.directory.clone();
        let calendars = move |symbol: &Symbol, venue: &VenueId| {
            let listed = directory.get(venue, symbol).map(|instrument| instrument.calendar.clone());
            listed.or_else(|| calendar_of(symbol))
        };
        let clock = self.core.clock.clone();
        let sealer = Sealer::new(hot, archive, Arc::new(calendars), retention, clock, Pace::Beside);
        self.tasks.push(tokio::spawn(sealer.run()));
    }

    fn outlet(&self, venue: VenueId) -> Outlet {
        self.outlet_maker()(venue)
    }

    /// Makes outlets onto this relay's bus.
    pub(crate) fn outlet_maker(&self) -> impl Fn(VenueId) -> Outlet + Send + Sync + 'static {
        let (bus, board, clock) = (self.core.bus.clone(), self.core.board.clone(), self.core.clock.clone());
        move |venue| Outlet::new(venue, bus.clone(), board.clone(), clock.clone())
    }

    /// Everything it answers.
    pub(crate) fn router(&self) -> axum::Router {
        let api = ApiState {
            directory: self.core.directory.clone(),
            history: self.history.clone(),
            store: self.core.store.clone(),
            hub: self.core.hub.clone(),
            board: self.core.board.clone(),
            lookup: self.core.lookup.clone(),
            follower: self.core.follower.clone(),
            asker: self.core.asker.clone(),
        };
        let (frame_ancestors, page_dir) = self.page.clone();
        let page = http::assets::routes(&frame_ancestors, page_dir);
        http::router(self.core.clone(), http::routes(api), page)
    }

    /// Serves until `shutdown` resolves, then says goodbye (1001) and flushes what is recorded.
    ///
    /// # Errors
    /// What the listener fails with.
    pub async fn serve(
        self,
        door: Door,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let core = self.core.clone();
        let result = serve(self.router(), door, shutdown, move || core.clone()).await;
        self.stop().await;
        result
    }

    /// Ends venues and hub and flushes what is recorded.
    pub async fn stop(self) {
        for task in &self.tasks {
            task.abort();
        }
        // With the producers gone, closing the bus ends the recorder after its last batch.
        self.core.bus.close();
        if tokio::time::timeout(SHUTDOWN_PATIENCE, self.recorder).await.is_err() {
            error!("the store did not take the last records in time");
        }
    }
}

/// Serves an application until `shutdown` resolves; then the clients of `core`, the relay that answers at that moment,
/// are told goodbye (1001) and waited for.
///
/// # Errors
/// What the listener fails with.
pub(crate) async fn serve(
    app: axum::Router,
    door: Door,
    shutdown: impl Future<Output = ()> + Send + 'static,
    core: impl Fn() -> Arc<Core> + Clone + Send + 'static,
) -> std::io::Result<()> {
    // Tapped, because axum tells the peer's address of listeners of its own only.
    let door = door.tap_io(|_| ());
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let (stopped, mut stopping) = watch::channel(false);
    let now = core.clone();
    let goodbye = async move {
        shutdown.await;
        info!("shutting down");
        now().hub.close_all(1001, "the relay is shutting down");
        stopped.send_replace(true);
    };
    let served = axum::serve(door, service).with_graceful_shutdown(goodbye).into_future();
    let result = tokio::select! {
        result = served => result,
        // Idle connections are no reason to stay.
        () = async {
            let _ = stopping.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(SHUTDOWN_PATIENCE).await;
        } => Ok(()),
    };
    // Sockets outlive the HTTP server; their close frames go out first.
    for _ in 0..100 {
        if core().hub.clients() == 0 {
            break;
        }
        tokio::time::sleep(SHUTDOWN_PATIENCE / 100).await;
    }
    result
}

/// Keeps every client's idea of the venues current: changes of state at once, times of last events now and then.
async fn tell_status(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(STATUS_EVERY);
    let (mut told, mut due) = (Status::default(), Ms::ZERO);
    loop {
        ticks.tick().await;
        let now = core.clock.now();
        let status = core.board.status(now);
        let states = without_times(status.clone());
        if now >= due || states != told {
            (told, due) = (states, now + TIMES_EVERY);
            core.hub.set_status(status);
        }
    }
}

fn without_times(mut status: Status) -> Status {
    status.timestamp = Ms::ZERO;
    status.venues.iter_mut().flat_map(|v| &mut v.channels).for_each(|c| c.last_event = None);
    status
}

/// The 1m bars the hub has handed out last: the closed one and the forming one.
fn newest_minutes(hub: &Hub, venue: &VenueId, symbol: &Symbol) -> Vec<Bar> {
    let interval = Some(Timeframe::M1);
    let topic = Topic { symbol: symbol.clone(), venue: venue.clone(), channel: Channel::Bar, interval };
    let bar = |stamped: &Arc<Stamped>| match stamped.event.body {
        Body::Bar(bar) => Some(bar),
        _ => None,
    };
    hub.last(&topic).iter().filter_map(bar).collect()
}
