//! What the sealer tells about itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use shared::market::Ms;

/// What the sealer does. The log says each change at level debug.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Idle,
    /// Writes finished days that have no file yet.
    Sealing,
    /// Writes files anew with the rows that came late.
    Compacting,
    /// Folds hours from minutes.
    RollingUp,
    /// Deletes what is older than it is to be kept.
    Retiring,
}

impl Phase {
    /// As status and log say it.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Sealing => "sealing",
            Phase::Compacting => "compacting",
            Phase::RollingUp => "rolling_up",
            Phase::Retiring => "retiring",
        }
    }
}

/// `archive` in the status of the store.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, schemars::JsonSchema)]
pub struct ArchiveStats {
    pub files: usize,
    pub bytes: u64,
    pub phase: Phase,
    /// Everything recorded before it is in files, late rows aside; null until it was looked for once.
    pub sealed_to: Option<Ms>,
    /// Finished days that have rows and no file yet, as far as is known.
    pub pending_days: usize,
    /// Rows of sealed days that are not in their files yet, as of the last look.
    pub late_rows: u64,
    /// What keeps days from being sealed, in one line, while it lasts.
    pub error: Option<String>,
}

/// `disk` in the status of the store.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, schemars::JsonSchema)]
pub struct DiskStats {
    /// Hot store and archive together.
    pub used_bytes: u64,
    pub cap_bytes: Option<u64>,
    /// Left on the disk of the archive; null where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Until the disk or the cap is reached if it goes on as in the last days; null while nothing is known of them, or
    /// nothing grows.
    pub days_left: Option<u64>,
    /// That the cap is reached by what is never deleted for it.
    pub error: Option<String>,
}

/// Written by the sealer, read by the status.
#[derive(Default)]
pub struct State(Mutex<Known>);

/// What [`State`] holds.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) phase: Phase,
    pub(super) sealed_to: Option<Ms>,
    pub(super) pending_days: usize,
    pub(super) late_rows: u64,
    pub(super) error: Option<String>,
    pub(super) cap: Option<u64>,
    pub(super) cap_error: Option<String>,
    /// Bytes a day of the last days.
    pub(super) growth: Option<u64>,
}

impl State {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is begun, with the file it is about.
    pub(super) fn enter(&self, phase: Phase, file: &str) {
        self.lock().phase = phase;
        tracing::debug!(phase = phase.name(), file, "archive");
    }

    /// Notes what keeps the sealer from its work, or that nothing does; news go to the log.
    pub(super) fn set_error(&self, error: Option<String>) {
        let mut known = self.lock();
        match (&known.error, &error) {
            (held, Some(e)) if held.as_ref() != Some(e) => {
                tracing::error!(error = %e, "days cannot be sealed; their rows stay in the hot store");
            }
            (Some(_), None) => tracing::info!("days are sealed again"),
            _ => {}
        }
        known.error = error;
    }

    /// For the status, with what is there now.
    pub fn stats(&self, files: usize, bytes: u64) -> ArchiveStats {
        let known = self.lock().clone();
        ArchiveStats {
            files,
            bytes,
            phase: known.phase,
            sealed_to: known.sealed_to,
            pending_days: known.pending_days,
            late_rows: known.late_rows,
            error: known.error,
        }
    }

    /// For the status, with what is used and free now.
    pub fn disk(&self, used_bytes: u64, free_bytes: Option<u64>) -> DiskStats {
        let known = self.lock().clone();
        let below_cap = known.cap.map(|cap| cap.saturating_sub(used_bytes));
        let room = [below_cap, free_bytes].into_iter().flatten().min();
        let days_left = match (room, known.growth) {
            (Some(room), Some(growth)) => room.checked_div(growth),
            _ => None,
        };
        DiskStats { used_bytes, cap_bytes: known.cap, free_bytes, days_left, error: known.cap_error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_go_by_whatever_is_nearer() {
        let state = State::default();
        assert_eq!(state.disk(10, Some(100)).days_left, None, "nothing is known of growth");
        state.lock().growth = Some(7);
        assert_eq!(state.disk(10, Some(100)).days_left, Some(14));
        assert_eq!(state.disk(10, None).days_left, None);
        state.lock().cap = Some(60);
        let disk = state.disk(10, Some(100));
        assert_eq!((disk.days_left, disk.cap_bytes, disk.used_bytes), (Some(7), Some(60), 10));
        assert_eq!(state.disk(61, Some(100)).days_left, Some(0));
        state.lock().growth = Some(0);
        assert_eq!(state.disk(10, Some(100)).days_left, None, "what does not grow lasts");
    }
}
