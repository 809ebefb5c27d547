//! The handle between the player of a replay and those who direct it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::market::{Ms, Timeframe};
use shared::wire::{Replay, ReplaySpeed, ReplayState};
use tokio::sync::{mpsc, oneshot};

/// What a replay can be told.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Order {
    /// Go on; after the last frame, from the first.
    Play,
    Pause,
    Speed(ReplaySpeed),
    /// To a recorded instant: forward at full speed, backward from the first frame in an empty store.
    Seek(Ms),
    /// At full speed until the next bar of this timeframe closes, then pause.
    Step(Timeframe),
}

/// An order and whom to tell that it is in force.
pub struct Given {
    pub order: Order,
    pub done: oneshot::Sender<()>,
}

/// How a replay stands, and the way to direct it.
pub struct Playback {
    known: Mutex<Replay>,
    orders: mpsc::UnboundedSender<Given>,
}

/// The player is gone: the relay is shutting down.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replay is over")]
pub struct Over;

impl Playback {
    /// A replay of `files` that plays from the start, and where its player finds its orders.
    pub fn new(files: Vec<String>, speed: ReplaySpeed) -> (Playback, mpsc::UnboundedReceiver<Given>) {
        let (orders, given) = mpsc::unbounded_channel();
        let known = Replay {
            state: ReplayState::Playing,
            position: None,
            from: None,
            to: None,
            target: None,
            speed,
            files,
            run: 1,
        };
        (Playback { known: Mutex::new(known), orders }, given)
    }

    /// How it stands now.
    pub fn status(&self) -> Replay {
        self.lock().clone()
    }

    /// Gives an order and waits until it is in force; a seek or a step may still be on its way then.
    ///
    /// # Errors
    /// [`Over`] when nobody plays any more.
    pub async fn order(&self, order: Order) -> Result<Replay, Over> {
        let (done, told) = oneshot::channel();
        self.orders.send(Given { order, done }).map_err(|_| Over)?;
        told.await.map_err(|_| Over)?;
        Ok(self.status())
    }

    /// Changes what is known of it.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Replay)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Replay> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
