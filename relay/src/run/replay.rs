//! `tapedeck replay`: recordings served as if they were live, in a temporary store.
//!
//! The player runs through the files once; directed back, it begins anew in another store and on another bus, so that
//! nobody is told of what has not happened yet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use shared::event::{Body, Stamped};
use shared::market::{Ms, Timeframe, VenueId};
use shared::wire::{ReplaySpeed, ReplayState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::stage::Stage;
use super::{access, announce, listen, start_logs, start_metrics, until_signal};
use crate::Mode;
use crate::alerts::Alerts;
use crate::app::{Parts, Relay, serve};
use crate::capture::{CaptureError, FrameReader, Merge, Pace, RawFrame};
use crate::cli::Speed;
use crate::clock::{Clock, system_now};
use crate::config::{BaseUrls, Config};
use crate::ingest::replay::Player;
use crate::playback::{Given, Order, Playback};
use crate::store::{SqliteStore, StoreError};
use crate::venues;

/// Frames read ahead of the players.
const READ_AHEAD: usize = 4_096;
/// Frames played between two chances for everyone else.
const BURST: u64 = 128;
/// Bad lines told one by one; the rest only counted.
const LOGGED_LINES: u64 = 20;
/// Clients are told of a new position so often at most.
const TOLD_EVERY: Duration = Duration::from_millis(250);

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
    let shelf = Shelf { config, files: files.clone(), playback: playback.clone(), metrics };
    shelf.readable()?;
    let listener = listen(&shelf.config.server).await?;
    let run = shelf.begin()?;
    let stage = Stage::new(&run.relay);
    measure(files.clone(), playback.clone());
    announce(&listener)?;
    let (over, ended) = oneshot::channel();
    let playing = tokio::spawn(drive(shelf, stage.clone(), run, orders, over));
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
    let served = serve(stage.router(), listener, shutdown, move || now.core()).await;
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
        let relay = Relay::start(Parts {
            mode: Mode::Replay,
            venues: Vec::new(),
            store: Arc::new(SqliteStore::temporary()?),
            store_trades: config.store.trades,
            access: access(config),
            metrics: self.metrics.clone(),
            clock: Clock::recorded(),
            follow: config.venues.follow_limits(),
            guards: config.guards.clone(),
            frame_ancestors: config.server.frame_ancestors.clone(),
            page_dir: config.server.page_dir.clone(),
            replay: Some(self.playback.clone()),
            alerts: (Alerts::unkept(), None),
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

/// Where a replay hurries to.
enum Goal {
    /// Past every frame recorded up to then.
    At(Ms),
    /// The close of a bar that no minute was in which had closed before.
    Bar { interval: Timeframe, newest: Option<Ms>, bars: mpsc::UnboundedReceiver<Arc<Stamped>> },
}

/// Plays the recordings as directed, until nobody can direct any more. `over` gets how many frames of the first way
/// through were understood.
async fn drive(
    shelf: Shelf,
    stage: Arc<Stage>,
    run: Run,
    mut orders: mpsc::UnboundedReceiver<Given>,
    over: oneshot::Sender<u64>,
) {
    let mut over = Some(over);
    let pace = Pace::MAX;
    let mut deck =
        Driver { shelf, stage, run, pace, goal: None, newest: None, told: Instant::now(), untold: true };
    deck.set_pace();
    loop {
        let state = deck.state();
        let waits = state == ReplayState::Ended || (state == ReplayState::Paused && deck.goal.is_none());
        let given = if waits {
            deck.tell();
            orders.recv().await
        } else {
            match orders.try_recv() {
                Ok(given) => Some(given),
                Err(mpsc::error::TryRecvError::Empty) => None,
                Err(mpsc::error::TryRecvError::Disconnected) => return,
            }
        };
        if let Some(Given { order, done }) = given {
            deck.obey(order);
            // Whoever gave it may have left.
            let _ = done.send(());
            continue;
        }
        if waits {
            return;
        }
        let Some(due) = deck.run.due().await else {
            let understood = deck.run.finish();
            deck.arrive(ReplayState::Ended);
            if let Some(over) = over.take() {
                let _ = over.send(understood);
            }
            continue;
        };
        if deck.has_arrived(due) {
            continue;
        }
        if let (None, Some(due)) = (&deck.goal, due)
            && !deck.is_due(due).await
        {
            continue;
        }
        deck.play(due);
        if deck.run.count.is_multiple_of(BURST) {
            tokio::task::yield_now().await;
        }
    }
}

struct Driver {
    shelf: Shelf,
    stage: Arc<Stage>,
    run: Run,
    pace: Pace,
    goal: Option<Goal>,
    /// Open of the newest minute that a step ended with.
    newest: Option<Ms>,
    told: Instant,
    /// The position has changed since it was told.
    untold: bool,
}

impl Driver {
    fn state(&self) -> ReplayState {
        self.shelf.playback.status().state
    }

    fn set(&mut self, state: ReplayState) {
        self.shelf.playback.update(|known| known.state = state);
    }

    /// From here on by the speed that is set.
    fn set_pace(&mut self) {
        let pace = match self.shelf.playback.status().speed {
            ReplaySpeed::Max(_) => Pace::MAX,
            ReplaySpeed::Times(times) => Pace::times(times),
        };
        self.pace = match self.run.position {
            Some(at) => pace.from(at, system_now()),
            None => pace,
        };
    }

    /// Tells clients how it stands.
    fn tell(&mut self) {
        (self.told, self.untold) = (Instant::now(), false);
        self.run.relay.core().hub.set_replay(self.shelf.playback.status());
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Play => {
                if self.state() == ReplayState::Ended {
                    self.begin_anew();
                }
                self.set(ReplayState::Playing);
            }
            Order::Pause => {
                if self.state() == ReplayState::Playing {
                    self.set(ReplayState::Paused);
                }
                self.hurry(None);
            }
            Order::Speed(speed) => self.shelf.playback.update(|known| known.speed = speed),
            Order::Seek(to) => {
                if self.run.position.is_some_and(|at| to < at) {
                    self.begin_anew();
                    if self.state() == ReplayState::Ended {
                        self.set(ReplayState::Paused);
                    }
                }
                if self.state() != ReplayState::Ended {
                    self.hurry(Some(Goal::At(to)));
                }
            }
            Order::Step(interval) => {
                if self.state() != ReplayState::Ended {
                    self.set(ReplayState::Paused);
                    let bars = self.run.relay.core().bus.consume();
                    self.hurry(Some(Goal::Bar { interval, newest: self.newest, bars }));
                }
            }
        }
        self.set_pace();
        self.tell();
    }

    /// Hurries to a goal, or no more.
    fn hurry(&mut self, goal: Option<Goal>) {
        let target = match &goal {
            Some(Goal::At(to)) => Some(*to),
            Some(Goal::Bar { .. }) | None => None,
        };
        self.goal = goal;
        self.shelf.playback.update(|known| known.target = target);
    }

    /// The goal is behind; from here on `state` holds.
    fn arrive(&mut self, state: ReplayState) {
        self.hurry(None);
        self.set(state);
        self.set_pace();
        self.tell();
    }

    /// Whether the goal was reached before a frame that is due at `due`.
    fn has_arrived(&mut self, due: Option<Ms>) -> bool {
        let there = match (&self.goal, due) {
            (Some(Goal::At(to)), Some(due)) => due > *to,
            _ => false,
        };
        if there {
            self.arrive(self.state());
        }
        there
    }

    /// Waits for a frame's time, or a while; `false`: look for orders first.
    async fn is_due(&mut self, due: Ms) -> bool {
        let wait = self.pace.wait(due, system_now());
        if wait.0 <= 0 {
            return true;
        }
        if self.untold && self.told.elapsed() >= TOLD_EVERY {
            self.tell();
        }
        let wait = Duration::from_millis(wait.0.unsigned_abs());
        // Short enough for orders to be obeyed at once.
        tokio::time::sleep(wait.min(Duration::from_millis(20))).await;
        wait <= Duration::from_millis(20)
    }

    /// Plays the next frame.
    fn play(&mut self, due: Option<Ms>) {
        self.run.play();
        let position = self.run.position;
        self.shelf.playback.update(|known| {
            known.position = position;
            known.from = known.from.or(due);
        });
        self.untold = true;
        if self.told.elapsed() >= TOLD_EVERY {
            self.tell();
        }
        if self.bar_has_closed() {
            self.arrive(ReplayState::Paused);
        }
    }

    /// Whether the bar that is stepped to has closed.
    fn bar_has_closed(&mut self) -> bool {
        let Some(Goal::Bar { interval, newest, bars }) = &mut self.goal else { return false };
        let directory = &self.run.relay.core().directory;
        let mut closed = None;
        while let Ok(stamped) = bars.try_recv() {
            let Body::Bar(bar) = stamped.event.body else { continue };
            if !bar.closed
                || bar.interval != Timeframe::M1
                || newest.is_some_and(|held| bar.timestamp <= held)
            {
                continue;
            }
            let listed = directory.get(&stamped.event.venue, &stamped.event.symbol);
            let calendar = listed.map(|instrument| instrument.calendar.clone()).unwrap_or_default();
            let end = calendar.close_of(Timeframe::M1, bar.timestamp);
            if calendar.open(*interval, bar.timestamp) != calendar.open(*interval, end) {
                closed = closed.max(Some(bar.timestamp));
            }
        }
        if closed.is_some() {
            self.newest = closed;
        }
        closed.is_some()
    }

    /// The recordings from their first frame, in an empty store; clients find it when they come back.
    fn begin_anew(&mut self) {
        let run = match self.shelf.begin() {
            Ok(run) => run,
            Err(error) => return error!(%error, "the replay cannot begin anew"),
        };
        self.shelf.playback.update(|known| (known.run, known.position) = (known.run + 1, None));
        let core = self.stage.enter(&run.relay);
        let before = std::mem::replace(&mut self.run, run);
        self.newest = None;
        tokio::spawn(Stage::leave(before.relay, core));
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
