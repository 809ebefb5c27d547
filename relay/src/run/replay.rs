//! `tapedeck replay`: recordings served as if they were live, in a temporary store.
//!
//! The player runs through the files once; directed back, it begins anew in another store and on another bus, so that
//! nobody is told of what has not happened yet.

mod drive;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use shared::market::{Ms, VenueId};
use shared::wire::ReplaySpeed;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::stage::Stage;
use super::{access, announce, listen, start_logs, start_metrics, until_signal};
use crate::Mode;
use crate::alerts::Alerts;
use crate::app::{Parts, Relay, serve};
use crate::capture::{CaptureError, FrameReader, Merge, RawFrame};
use crate::cli::Speed;
use crate::clock::Clock;
use crate::config::{BaseUrls, Config};
use crate::ingest::replay::Player;
use crate::playback::Playback;
use crate::store::{SqliteStore, StoreError};
use crate::venues;

/// Frames read ahead of the players.
const READ_AHEAD: usize = 4_096;
/// Bad lines told one by one; the rest only counted.
const LOGGED_LINES: u64 = 20;

/// A frame and the place of its recording.
type Recorded = (usize, Result<RawFrame, CaptureError>);

/// Plays `files` by their frames' receive times, serving all the while; then goes on serving, or ends.
///
/// # Errors
/// One line: a file that cannot be read, a taken address.
pub async fn replay(config: Config, files: Vec<PathBuf>, speed: Speed, exit: bool) -> anyhow::Result<()> {
    start_logs(&config.log);
    let names = files.iter().map(|file| file.file_name().unwrap_or_default().display().to_string()).collect();
    let speed = match speed {
        Speed::Max => ReplaySpeed::MAX,
        Speed::Times(times) => ReplaySpeed::Times(times),
    };
    let (playback, orders) = Playback::new(names, speed);
    let playback = Arc::new(playback);
    let metrics = start_metrics()?;
    let alerts = Arc::new(Alerts::unkept());
    // Gone when this function is left, whatever still runs then.
    let place = tempfile::Builder::new().prefix("tapedeck-").tempdir().context("no temporary folder")?;
    let stores = place.path().to_owned();
    let shelf = Shelf { config, files: files.clone(), playback: playback.clone(), metrics, alerts, stores };
    shelf.readable()?;
    let door = listen(&shelf.config.server).await?;
    let run = shelf.begin()?;
    let stage = Stage::new(&run.relay);
    measure(files.clone(), playback.clone());
    announce(&door)?;
    let (over, ended) = oneshot::channel();
    let playing = tokio::spawn(drive::drive(shelf, stage.clone(), run, orders, over));
    let unreadable = Arc::new(AtomicBool::new(false));
    let nothing = unreadable.clone();
    let shutdown = async move {
        let played = async {
            let understood = ended.await;
            nothing.store(understood == Ok(0), Ordering::Relaxed);
            if !exit && understood != Ok(0) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = played => {}
            () = until_signal() => {}
        }
    };
    let now = stage.clone();
    let served = serve(stage.router(), door, shutdown, move || now.core()).await;
    playing.abort();
    served?;
    if unreadable.load(Ordering::Relaxed) {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        anyhow::bail!("nothing to replay: no line of {} is a frame of a known venue", names.join(", "));
    }
    Ok(())
}

/// Looks through the files for the time of the last frame, beside the player.
fn measure(files: Vec<PathBuf>, playback: Arc<Playback>) {
    std::thread::spawn(move || {
        let frames = files.iter().filter_map(|file| FrameReader::open(file).ok()).flatten();
        let times = frames.filter_map(|frame| frame.ok()?.received);
        let range = times.fold(None, |range: Option<(Ms, Ms)>, at| {
            let (from, to) = range.unwrap_or((at, at));
            Some((from.min(at), to.max(at)))
        });
        if let Some((from, to)) = range {
            playback.update(|known| (known.from, known.to) = (Some(from), Some(to)));
        }
    });
}

/// What a run is made of.
struct Shelf {
    config: Config,
    files: Vec<PathBuf>,
    playback: Arc<Playback>,
    metrics: PrometheusHandle,
    /// What a person wants to be told of is of the whole replay, however often it is directed back.
    alerts: Arc<Alerts>,
    /// Folder of the runs' stores.
    stores: PathBuf,
}

impl Shelf {
    /// # Errors
    /// One line: a file that cannot be read.
    fn readable(&self) -> anyhow::Result<()> {
        let cannot = |file: &Path, e: std::io::Error| anyhow::anyhow!("cannot read {}: {e}", file.display());
        self.files.iter().try_for_each(|f| FrameReader::open(f).map(drop).map_err(|e| cannot(f, e)))
    }

    /// The recordings from their first frame, and an empty relay to play them to.
    fn begin(&self) -> Result<Run, StoreError> {
        let config = &self.config;
        let store = Arc::new(SqliteStore::temporary_in(&self.stores)?);
        self.alerts.rewind();
        let relay = Relay::start(Parts {
            mode: Mode::Replay,
            venues: Vec::new(),
            store,
            store_trades: config.store.trades,
            access: access(config),
            metrics: self.metrics.clone(),
            clock: Clock::recorded(),
            follow: config.venues.follow_limits(),
            guards: config.guards.clone(),
            frame_ancestors: config.server.frame_ancestors.clone(),
            page_dir: config.server.page_dir.clone(),
            replay: Some(self.playback.clone()),
            alerts: (self.alerts.clone(), None),
        });
        relay.core().hub.set_replay(self.playback.status());
        let (sender, frames) = mpsc::channel(READ_AHEAD);
        let readers: Vec<_> = self.files.iter().filter_map(|file| FrameReader::open(file).ok()).collect();
        std::thread::spawn(move || {
            for item in Merge::new(readers) {
                if sender.blocking_send(item).is_err() {
                    return;
                }
            }
        });
        let (make, players) = (Box::new(players(&relay)), HashMap::new());
        Ok(Run { relay, frames, next: None, players, make, position: None, count: 0, bad: 0 })
    }
}

/// One way through the recordings.
struct Run {
    relay: Relay,
    frames: mpsc::Receiver<Recorded>,
    next: Option<(usize, RawFrame)>,
    /// `None`: a venue this version does not know.
    players: HashMap<VenueId, Option<Player>>,
    make: Box<dyn Fn(VenueId) -> Option<Player> + Send + Sync>,
    /// Recorded time of the newest frame played.
    position: Option<Ms>,
    count: u64,
    bad: u64,
}

impl Run {
    /// Recorded time of the next frame, where it has one; the outer `None` is the end.
    async fn due(&mut self) -> Option<Option<Ms>> {
        while self.next.is_none() {
            match self.frames.recv().await? {
                (recording, Ok(frame)) => self.next = Some((recording, frame)),
                (_, Err(error)) => {
                    self.bad += 1;
                    if self.bad <= LOGGED_LINES {
                        warn!(%error, "skipped a line of a recording");
                    }
                }
            }
        }
        self.next.as_ref().map(|(_, frame)| frame.received)
    }

    /// Plays the next frame.
    fn play(&mut self) {
        let Some((recording, frame)) = self.next.take() else { return };
        self.count += 1;
        self.position = self.position.max(frame.received);
        let id = VenueId::new(frame.venue.as_deref().unwrap_or(venues::UNNAMED));
        let make = &self.make;
        if let Some(player) = self.players.entry(id.clone()).or_insert_with(|| make(id)) {
            player.play(recording, &frame);
        }
    }

    /// After the last frame; answers how many were understood.
    fn finish(&mut self) -> u64 {
        self.players.values_mut().flatten().for_each(Player::finish);
        info!(frames = self.count, bad_lines = self.bad, "replay has ended");
        self.players.values().flatten().map(Player::understood).sum()
    }
}

/// Makes the players of a replay, by venue.
fn players(relay: &Relay) -> impl Fn(VenueId) -> Option<Player> + Send + Sync + 'static {
    let (outlet, directory) = (relay.outlet_maker(), relay.core().directory.clone());
    move |id| {
        let venue = venues::build(&id, &BaseUrls::default());
        if venue.is_none() {
            warn!(venue = %id, "the recording holds frames of a venue this version does not know");
        }
        Some(Player::new(venue?, outlet(id), directory.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use metrics_exporter_prometheus::PrometheusBuilder;
    use shared::wire::{Alert, AlertDirection};

    use super::*;
    use crate::config::{Flags, Layers};

    #[tokio::test]
    async fn alerts_are_of_the_whole_replay() {
        let layers = Layers::new(vec![BTreeMap::new()], "tapedeck.toml", "").unwrap();
        let (playback, _orders) = Playback::new(Vec::new(), ReplaySpeed::MAX);
        let shelf = Shelf {
            config: Config::from_layers(&layers, &Flags::default()).unwrap(),
            files: Vec::new(),
            playback: Arc::new(playback),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            alerts: Arc::new(Alerts::unkept()),
            stores: std::env::temp_dir(),
        };
        let alert = Alert {
            id: 0,
            symbol: "BTCUSDT-PERP".parse().unwrap(),
            venue: None,
            price: 100.0,
            direction: AlertDirection::Cross,
            note: String::new(),
            once: true,
            created: Ms(5),
            reference: Some(99.0),
            fired: None,
            fired_price: None,
        };
        let first = shelf.begin().unwrap();
        first.relay.core().alerts.add(alert.clone()).unwrap();
        let anew = shelf.begin().unwrap();
        let alert = Alert { id: 1, created: Ms::ZERO, reference: None, ..alert };
        assert_eq!(anew.relay.core().alerts.list(), [alert]);
    }
}
