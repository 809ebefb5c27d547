//! The fake venue's clock, which a test may hold and move.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Venue time in Unix ms: the machine's, shifted, or standing still.
#[derive(Clone, Default)]
pub struct VenueClock(Arc<Mutex<Mode>>);

enum Mode {
    Running { ahead_ms: i64 },
    Held(i64),
}

impl Default for Mode {
    fn default() -> Self {
        Mode::Running { ahead_ms: 0 }
    }
}

/// The machine's clock in Unix ms.
pub fn machine_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

impl VenueClock {
    pub fn now(&self) -> i64 {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Mode::Running { ahead_ms } => machine_now() + ahead_ms,
            Mode::Held(at) => at,
        }
    }

    /// Runs from now on, `ahead_ms` before the machine's clock (behind it, if negative).
    pub fn run(&self, ahead_ms: i64) {
        self.set(Mode::Running { ahead_ms });
    }

    /// Runs from now on such that the minute is `second` seconds old: up to a minute before the machine's clock,
    /// which to a client is a clock of its own that is slow.
    pub fn run_into_minute(&self, second: i64) {
        self.run((second * 1_000 - machine_now().rem_euclid(60_000)).rem_euclid(60_000));
    }

    /// Stands at `at` until told otherwise. Time that went back would be no time: the market waits.
    pub fn hold(&self, at: i64) {
        self.set(Mode::Held(at));
    }

    fn set(&self, mode: Mode) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }
}
