//! A replay as it is directed: at a speed, on its way to a goal, standing, or begun anew.

use std::sync::Arc;
use std::time::Duration;

use shared::event::{Body, Stamped};
use shared::market::{Ms, Timeframe};
use shared::wire::{ReplaySpeed, ReplayState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::error;

use super::super::stage::Stage;
use super::{Run, Shelf};
use crate::capture::Pace;
use crate::clock::system_now;
use crate::playback::{Given, Order};

/// Frames played between two chances for everyone else.
const BURST: u64 = 128;
/// Clients are told of a new position so often at most.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// Where a replay hurries to.
enum Goal {
    /// Past every frame recorded up to then.
    At(Ms),
    /// The close of a bar that no minute was in which had closed before.
    Bar { interval: Timeframe, newest: Option<Ms>, bars: mpsc::UnboundedReceiver<Arc<Stamped>> },
}

/// Plays the recordings as directed, until nobody can direct any more. `over` gets how many frames of the first way
/// through were understood.
pub(super) async fn drive(
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
