//! `tapedeck decode` and `tapedeck record`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use shared::market::{Symbol, VenueId};
use tracing::info;

use super::{access, start_logs, start_metrics, until_signal};
use crate::Mode;
use crate::alerts::Alerts;
use crate::app::{Parts, Relay};
use crate::capture::decode::{self, Summary};
use crate::capture::{Packing, Recording};
use crate::clock::Clock;
use crate::config::{BaseUrls, Config};
use crate::store::SqliteStore;
use crate::venues::{self, Product, Venue};

/// Decodes a file or standard input to standard output.
///
/// # Errors
/// One line: an unknown venue or product, a file that cannot be read.
pub fn decode(venue: &str, file: Option<&Path>, product: Option<&str>) -> anyhow::Result<Summary> {
    let venue = named(venue)?;
    let product = product.map(|name| product_named(&*venue, name)).transpose()?;
    let input: Box<dyn Read + Send> = match file {
        Some(path) => Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?),
        None => Box::new(std::io::stdin()),
    };
    Ok(decode::run(venue, product, input, std::io::stdout().lock())?)
}

fn named(name: &str) -> anyhow::Result<Arc<dyn Venue>> {
    match venues::build(&VenueId::new(name), &BaseUrls::default()) {
        Some(venue) => Ok(venue),
        None => {
            bail!("there is no venue `{name}`: use one of {}", venues::names().collect::<Vec<_>>().join(", "))
        }
    }
}

fn product_named(venue: &dyn Venue, name: &str) -> anyhow::Result<Product> {
    let products = venue.products();
    let found = products.iter().find(|p| **p == name);
    found.copied().with_context(|| {
        format!("--product: {} has no `{name}`: use one of {}", venue.id(), products.join(", "))
    })
}

/// Records the raw frames of one venue until SIGINT or SIGTERM.
///
/// # Errors
/// One line: an unknown venue, a folder that cannot be written.
pub async fn record(
    mut config: Config,
    folder: PathBuf,
    venue: String,
    symbols: Vec<Symbol>,
) -> anyhow::Result<()> {
    start_logs(&config.log);
    let id = named(&venue)?.id();
    config.venues.symbols = symbols;
    let recording = Recording::start(&folder, id.clone(), Packing::default())
        .with_context(|| format!("cannot record into {}", folder.display()))?;
    // The adapters, books and resubscriptions of a serving relay; what they make of the frames is thrown away.
    let mut relay = Relay::start(Parts {
        mode: Mode::Live,
        venues: vec![id.clone()],
        store: Arc::new(SqliteStore::temporary()?),
        store_trades: false,
        access: access(&config),
        metrics: start_metrics()?,
        clock: Clock::real(),
        follow: config.venues.follow_limits(),
        guards: config.guards.clone(),
        frame_ancestors: Vec::new(),
        page_dir: None,
        replay: None,
        alerts: (Arc::new(Alerts::unkept()), None),
    });
    relay.attach_live(&id, &config.venues, Some(recording.sink()))?;
    println!("recording {venue} into {}, end with Ctrl-C", folder.display());
    until_signal().await;
    relay.stop().await;
    let lost = recording.sink().lost();
    tokio::task::spawn_blocking(move || recording.finish()).await??;
    info!(lost, "recording ended");
    Ok(())
}
