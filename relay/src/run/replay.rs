//! `tapedeck replay`: recordings served as if they were live, in a temporary store.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::market::VenueId;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::{access, listen, serve_on, start_logs, start_metrics, until_signal};
use crate::Mode;
use crate::app::{Parts, Relay};
use crate::capture::{CaptureError, FrameReader, Merge, Pace, RawFrame};
use crate::cli::Speed;
use crate::clock::{Clock, system_now};
use crate::config::{BaseUrls, Config};
use crate::ingest::replay::Player;
use crate::store::SqliteStore;
use crate::venues;

/// Frames read ahead of the players.
const READ_AHEAD: usize = 4_096;
/// Frames played between two chances for everyone else.
const BURST: u64 = 128;
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
    let open = |file: &PathBuf| {
        FrameReader::open(file).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))
    };
    let readers = files.iter().map(open).collect::<anyhow::Result<Vec<_>>>()?;
    let listener = listen(&config.server).await?;
    let relay = Relay::start(Parts {
        mode: Mode::Replay,
        venues: Vec::new(),
        store: Arc::new(SqliteStore::temporary()?),
        store_trades: config.store.trades,
        access: access(&config),
        metrics: start_metrics()?,
        clock: Clock::recorded(),
        follow: config.venues.follow_limits(),
        guards: config.guards.clone(),
        frame_ancestors: config.server.frame_ancestors.clone(),
        page_dir: config.server.page_dir.clone(),
    });
    let (sender, frames) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        for item in Merge::new(readers) {
            if sender.blocking_send(item).is_err() {
                return;
            }
        }
    });
    let pace = match speed {
        Speed::Max => Pace::MAX,
        Speed::Times(times) => Pace::times(times),
    };
    let (over, ended) = oneshot::channel();
    let make = players(&relay);
    let playing = tokio::spawn(async move {
        let _ = over.send(play(frames, pace, make).await);
    });
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
    let served = serve_on(relay, listener, shutdown).await;
    playing.abort();
    served?;
    if unreadable.load(Ordering::Relaxed) {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        anyhow::bail!("nothing to replay: no line of {} is a frame of a known venue", names.join(", "));
    }
    Ok(())
}

/// Plays all frames at their pace; answers how many were understood.
async fn play(
    mut frames: mpsc::Receiver<Recorded>,
    mut pace: Pace,
    make: impl Fn(VenueId) -> Option<Player>,
) -> u64 {
    // `None`: a venue this version does not know.
    let mut players: HashMap<VenueId, Option<Player>> = HashMap::new();
    let (mut count, mut bad) = (0_u64, 0_u64);
    while let Some((recording, item)) = frames.recv().await {
        let frame = match item {
            Ok(frame) => frame,
            Err(error) => {
                bad += 1;
                if bad <= LOGGED_LINES {
                    warn!(%error, "skipped a line of a recording");
                }
                continue;
            }
        };
        if let Some(received) = frame.received {
            let wait = pace.wait(received, system_now());
            if wait.0 > 0 {
                tokio::time::sleep(Duration::from_millis(wait.0.unsigned_abs())).await;
            }
        }
        count += 1;
        if count.is_multiple_of(BURST) {
            tokio::task::yield_now().await;
        }
        let id = VenueId::new(frame.venue.as_deref().unwrap_or(venues::UNNAMED));
        if let Some(player) = players.entry(id.clone()).or_insert_with(|| make(id)) {
            player.play(recording, &frame);
        }
    }
    for player in players.values_mut().flatten() {
        player.finish();
    }
    info!(frames = count, bad_lines = bad, "replay has ended");
    players.values().flatten().map(Player::understood).sum()
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
