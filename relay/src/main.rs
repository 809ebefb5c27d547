//! The `tapedeck` binary.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};
use metrics_exporter_prometheus::PrometheusBuilder;
use relay::Mode;
use relay::app::{Parts, Relay};
use relay::clock::Clock;
use relay::http::Access;
use relay::store::SqliteStore;
use relay::venues::sim::SimMarket;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the relay.
    Serve {
        #[arg(long)]
        demo: bool,
        #[arg(long, default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Command::Serve { listen, .. } = Cli::parse().command;
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let folder = std::env::var("DATA_DIR").unwrap_or_else(|_| "./tapedeck-data".into());
    std::fs::create_dir_all(&folder)?;
    let store = Arc::new(SqliteStore::open(&std::path::Path::new(&folder).join("hot.sqlite3"))?);
    let mut relay = Relay::start(Parts {
        mode: Mode::Demo,
        venues: vec![SimMarket::venue()],
        store,
        store_trades: false,
        access: Access::default(),
        metrics,
        clock: Clock::real(),
    });
    relay.attach_sim(1);
    let listener =
        tokio::net::TcpListener::bind(listen).await.with_context(|| format!("listen on {listen}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    relay.serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}
