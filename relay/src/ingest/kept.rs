//! What a venue lists, kept in a file: what was recorded is served while the venue cannot be asked, and what it
//! no longer lists stays readable after a restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::market::{Instrument, VenueId};
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::aside;
use crate::directory::{Directory, Listed};

/// Changed when an older reader would misunderstand the file.
const VERSION: u32 = 1;
/// How often the directory is looked at for changes.
const EVERY: Duration = Duration::from_secs(1);

/// One venue's list and the file it is kept in.
pub struct Keeper {
    venue: VenueId,
    path: PathBuf,
    directory: Arc<Directory>,
    /// What the file holds, and the state of the directory when it was compared last.
    written: Listed,
    seen: Option<u64>,
    failing: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    trading: Vec<&'a Instrument>,
    delisted: Vec<&'a Instrument>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    trading: Vec<Instrument>,
    delisted: Vec<Instrument>,
}

/// Why a kept list is not used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("not understood: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("it is of version {0}")]
    Version(u32),
}

impl Keeper {
    /// The keeper of `<folder>/listings/<venue>.json`; what is there is in the directory when this returns. A file
    /// that cannot be used is passed over and said so: the venue will list anew.
    pub fn restore(folder: &Path, venue: &VenueId, unlisted: bool, directory: Arc<Directory>) -> Keeper {
        let path = folder.join("listings").join(format!("{venue}.json"));
        let written = match read(&path, venue) {
            Ok(listed) => listed,
            Err(error) => {
                warn!(%venue, path = %path.display(), %error, "the kept list is passed over");
                Listed::default()
            }
        };
        let Listed { trading, delisted } = written.clone();
        if unlisted {
            directory.add(venue, trading);
        } else if !(trading.is_empty() && delisted.is_empty()) {
            info!(%venue, listed = trading.len(), delisted = delisted.len(), "listed when last asked");
            // What was there and is no more is delisted.
            directory.list(venue, trading.iter().chain(&delisted).cloned().collect());
            directory.list(venue, trading);
        }
        Keeper { venue: venue.clone(), path, directory, written, seen: None, failing: false }
    }

    /// Writes the list down whenever it changed, until dropped.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    /// Writes the list down if it changed.
    async fn look(&mut self) {
        let changes = self.directory.changes();
        if self.seen == Some(changes) {
            return;
        }
        let listed = self.directory.listed(&self.venue);
        if listed != self.written {
            let (path, list) = (self.path.clone(), listed.clone());
            let result = tokio::task::spawn_blocking(move || write(&path, &list)).await;
            if let Err(error) = result.unwrap_or_else(|e| Err(io::Error::other(e))) {
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(venue = %self.venue, path = %self.path.display(), %error, "the list is not kept");
                }
                // Tried again until it is.
                return;
            }
            self.written = listed;
        }
        (self.seen, self.failing) = (Some(changes), false);
    }
}

fn read(path: &Path, venue: &VenueId) -> Result<Listed, Unusable> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listed::default()),
        Err(error) => return Err(error.into()),
    };
    // The version first: what it does not promise need not be understood.
    let Version { version } = serde_json::from_slice(&bytes)?;
    if version != VERSION {
        return Err(Unusable::Version(version));
    }
    let Read { trading, delisted } = serde_json::from_slice(&bytes)?;
    let own = |list: Vec<Instrument>| list.into_iter().filter(|i| i.venue == *venue).map(Arc::new).collect();
    Ok(Listed { trading: own(trading), delisted: own(delisted) })
}

fn write(path: &Path, listed: &Listed) -> io::Result<()> {
    let [trading, delisted] =
        [&listed.trading, &listed.delisted].map(|list| list.iter().map(|i| &**i).collect());
    let written = Written { version: VERSION, trading, delisted };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    aside::replace(path, &serde_json::to_vec(&written)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Listing;
    use shared::event::Channel;
    use shared::market::{Calendar, Group, Kind};

    fn venue() -> VenueId {
        VenueId::new("venue")
    }

    fn instrument(base: &str) -> Arc<Instrument> {
        Arc::new(Instrument {
            symbol: format!("{base}USDT-PERP").parse().unwrap(),
            venue: venue(),
            venue_symbol: base.to_lowercase(),
            group: Group::new(base, Kind::Perp),
            kind: Kind::Perp,
            base: base.into(),
            quote: "USDT".into(),
            tick_size: 0.1,
            step_size: 1e-8,
            multiplier: 1_000.0,
            channels: vec![Channel::Bar, Channel::Oi],
            calendar: Calendar::default(),
        })
    }

    fn restored(folder: &Path, unlisted: bool) -> (Arc<Directory>, Keeper) {
        let directory = Arc::new(Directory::new([venue()]));
        let keeper = Keeper::restore(folder, &venue(), unlisted, directory.clone());
        (directory, keeper)
    }

    /// Symbols and whether they are traded.
    fn markets(directory: &Directory) -> Vec<(String, Listing)> {
        let market = |symbol| directory.market(&venue(), &symbol).map(|m| (symbol.to_string(), m.status));
        directory.symbols().into_iter().filter_map(market).collect()
    }

    #[tokio::test]
    async fn what_was_listed_and_what_was_delisted_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (directory, mut keeper) = restored(folder.path(), false);
        directory.list(&venue(), vec![instrument("AAA"), instrument("BBB")]);
        directory.list(&venue(), vec![instrument("BBB"), instrument("CCC")]);
        keeper.look().await;
        let before = markets(&directory);
        let (directory, mut keeper) = restored(folder.path(), false);
        assert_eq!(markets(&directory), before);
        assert_eq!(before[2], ("AAAUSDT-PERP".to_owned(), Listing::Delisted));
        let symbol = "BBBUSDT-PERP".parse().unwrap();
        assert_eq!(directory.get(&venue(), &symbol), Some(instrument("BBB")));
        // Delisted once more, and back again: a third run knows.
        directory.list(&venue(), vec![instrument("AAA")]);
        keeper.look().await;
        let status: Vec<Listing> =
            markets(&restored(folder.path(), false).0).into_iter().map(|m| m.1).collect();
        assert_eq!(status, [Listing::Trading, Listing::Delisted, Listing::Delisted]);
    }

    #[tokio::test]
    async fn of_a_venue_that_cannot_list_what_was_asked_for_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (directory, mut keeper) = restored(folder.path(), true);
        // A search tells no tick: such a one is asked for again.
        let found = Instrument { tick_size: 0.0, ..(*instrument("AAA")).clone() };
        directory.add(&venue(), vec![Arc::new(found), instrument("BBB")]);
        keeper.look().await;
        let (directory, _) = restored(folder.path(), true);
        assert_eq!(markets(&directory), [("BBBUSDT-PERP".to_owned(), Listing::Trading)]);
    }

    #[tokio::test]
    async fn a_damaged_or_newer_file_is_passed_over_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("listings/venue.json");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for bad in
            [&b""[..], b"{\"version\":1,\"tra", b"{\"version\":2,\"trading\":[],\"delisted\":[]}", b"[]"]
        {
            fs::write(&path, bad).unwrap();
            let (directory, mut keeper) = restored(folder.path(), false);
            assert_eq!(markets(&directory), []);
            directory.list(&venue(), vec![instrument("AAA")]);
            keeper.look().await;
            assert_eq!(markets(&restored(folder.path(), false).0).len(), 1);
        }
    }

    #[tokio::test]
    async fn a_disk_that_refuses_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        // A file where the folder should be.
        fs::write(folder.path().join("listings"), b"").unwrap();
        let (directory, mut keeper) = restored(folder.path(), false);
        directory.list(&venue(), vec![instrument("AAA")]);
        keeper.look().await;
        assert!(keeper.failing);
        fs::remove_file(folder.path().join("listings")).unwrap();
        keeper.look().await;
        assert_eq!(markets(&restored(folder.path(), false).0).len(), 1);
    }
}
