//! The commands that run a relay: from a configuration to a served address.

mod archive;
mod backfill;
mod open;
mod replay;
mod stage;
mod tools;
mod transfer;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::Mode;
use crate::alerts::Alerts;
use crate::alerts::webhook::Webhook;
use crate::app::{Parts, Relay};
use crate::clock::Clock;
use crate::config::{Config, LogConfig, LogFormat, Provider, ServerConfig};
use crate::door::{Door, Tls};
use crate::http::Access;
use crate::store::archive::{Archive, ArchiveError, Archived};
use crate::venues::sim::Place;

pub use archive::{compact, verify};
pub use backfill::backfill;
pub use replay::replay;
pub use tools::{decode, record};
pub use transfer::{export, import};

/// Upper bounds of the latency histogram, in seconds.
const LATENCY_BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// `tapedeck serve`: runs until SIGINT or SIGTERM.
///
/// # Errors
/// One line for people: what could not be had, and the fix.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    start_logs(&config.log);
    let door = listen(&config.server).await?;
    let locks = open::take_folders(&config.store)?;
    let relay = relay(&config, start_metrics()?).await?;
    serve_on(relay, door, until_signal()).await?;
    drop(locks);
    Ok(())
}

/// A relay of a configuration: hub, recorder and venues running, not served yet.
///
/// # Errors
/// When the store cannot be opened.
pub async fn relay(config: &Config, metrics: PrometheusHandle) -> anyhow::Result<Relay> {
    let hot = open::hot_store(&config.store).await?;
    let archive = Arc::new(open_archive(&config.store.archive())?);
    let store = Arc::new(Archived::new(hot.clone(), archive.clone()));
    store.uncover_lost().await?;
    let venues = &config.venues;
    let (mode, ids) = match &venues.provider {
        Provider::Sim => (Mode::Demo, Place::ALL.map(Place::venue).to_vec()),
        Provider::Venues(ids) => (Mode::Live, ids.clone()),
    };
    let mut relay = Relay::start(Parts {
        mode,
        venues: ids.clone(),
        store,
        store_trades: config.store.trades,
        access: access(config),
        metrics,
        clock: Clock::real(),
        follow: venues.follow_limits(),
        guards: config.guards.clone(),
        frame_ancestors: config.server.frame_ancestors.clone(),
        page_dir: config.server.page_dir.clone(),
        replay: None,
        alerts: (Arc::new(Alerts::open(&config.store.data_dir)?), webhook(config)),
    });
    match &venues.provider {
        Provider::Sim => relay.attach_sim(venues.sim_seed, &venues.symbols).await?,
        Provider::Venues(ids) => {
            for id in ids {
                relay.attach_live(id, venues, None)?;
            }
        }
    }
    // With the simulated history recorded: the first pass finds all there is.
    relay.seal(hot, archive, config.retention.clone());
    Ok(relay)
}

/// Whom a configuration has told of price alerts.
fn webhook(config: &Config) -> Option<Webhook> {
    let proxy = config.venues.https_proxy.clone();
    config.alerts.webhook_url.clone().map(|url| Webhook { url, proxy })
}

/// The archive of a folder, also of one that cannot be written: days then stay hot until it can.
fn open_archive(folder: &Path) -> Result<Archive, ArchiveError> {
    Archive::open(folder).or_else(|error| {
        let archive = Archive::look(folder)?;
        tracing::error!(%error, "the archive cannot be tidied up");
        Ok(archive)
    })
}

/// Prints the address and serves.
///
/// # Errors
/// What the listener fails with.
pub async fn serve_on(
    relay: Relay,
    door: Door,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    announce(&door)?;
    relay.serve(door, shutdown).await?;
    Ok(())
}

/// Prints the address.
fn announce(door: &Door) -> std::io::Result<()> {
    let url = door.url()?;
    println!("listening on {url}");
    info!(%url, version = env!("CARGO_PKG_VERSION"), "serving");
    Ok(())
}

/// Binds the configured address, with the configured certificate.
///
/// # Errors
/// One line that names the address or the setting, and the fix.
pub async fn listen(server: &ServerConfig) -> anyhow::Result<Door> {
    let tls = server.tls.as_ref().map(Tls::open).transpose()?;
    match TcpListener::bind(server.listen).await {
        Ok(listener) => Ok(Door::open(listener, tls)?),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("{} is taken: stop what listens there, or set PORT or --listen to another", server.listen)
        }
        Err(error) => {
            bail!("cannot listen on {}: {error}; set --listen to an address of this machine", server.listen)
        }
    }
}

/// The rules of [`Access`] from the configuration.
pub fn access(config: &Config) -> Access {
    let (server, limits) = (config.server.clone(), &config.limits);
    Access {
        tokens: server.tokens,
        public: server.public,
        allowed_hosts: server.allowed_hosts,
        allowed_origins: server.allowed_origins,
        cors_origins: server.cors_origins,
        frame_bytes: limits.frame_bytes,
        control_frames_per_second: limits.frames_per_second,
        subscriptions: limits.subscriptions,
        connections_per_address: limits.connections_per_address,
        requests_per_second: limits.requests_per_second,
    }
}

/// Logs go to standard error, so that answers and addresses on standard output stay clean.
pub fn start_logs(log: &LogConfig) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first.
    let _ = match log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.try_init(),
    };
}

/// The recorder of metrics of this process.
///
/// # Errors
/// When the process has one already.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let latency = Matcher::Full("tapedeck_latency_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(latency, &LATENCY_BUCKETS)?;
    builder.install_recorder().context("metrics are being recorded already")
}

/// The one crypto provider of the process.
pub(crate) fn install_tls() {
    // An error means that it is installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Resolves at SIGINT or SIGTERM.
pub async fn until_signal() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
