//! Price alerts: held here, so that they outlive the tab that set them.
//!
//! Kept in one small file that is replaced as a whole. [`watch`] looks at prices and fires, [`webhook`] tells the
//! outside.

pub mod watch;
pub mod webhook;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use shared::market::Ms;
use shared::wire::Alert;
use tracing::warn;

use crate::aside;

/// Most alerts held, those that are done included.
pub const MOST: usize = 200;
/// One that fires more than once is quiet for so long after it fired: a price that swings around it is told once.
const REARMED_AFTER: Ms = Ms::MINUTE;
/// Changed when an older reader would misunderstand the file.
const VERSION: u32 = 1;

/// Why an alert is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    #[error("there are {MOST} alerts already: delete one")]
    Full,
    #[error("the alert cannot be kept: {0}")]
    Unkept(#[from] io::Error),
}

/// Why the kept alerts are not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("cannot read {path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is damaged ({error}): mend it or move it away", path = path.display())]
    Damaged { path: PathBuf, error: serde_json::Error },
    #[error(
        "{path} was written by a newer tapedeck (version {version}): use that one, or move it away",
        path = path.display()
    )]
    Newer { path: PathBuf, version: u32 },
}

/// All alerts, and the file they are kept in.
pub struct Alerts {
    kept: Mutex<Kept>,
    path: Option<PathBuf>,
    /// Counts changes.
    version: AtomicU64,
    /// Counts beginnings of time: changed with `kept` locked.
    run: AtomicU64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    version: u32,
    next: u32,
    alerts: Vec<Alert>,
    /// Fired, and not yet told to the webhook: of each alert the newest time, of all the newest [`MOST`].
    unsent: Vec<Alert>,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept { version: VERSION, next: 1, alerts: Vec::new(), unsent: Vec::new() }
    }
}

impl Alerts {
    /// Alerts that are forgotten at the end.
    pub fn unkept() -> Alerts {
        Alerts::of(Kept::default(), None)
    }

    /// The alerts kept in `<folder>/alerts.json`.
    ///
    /// # Errors
    /// [`Unusable`]: what a person wanted to be told of is not dropped silently.
    pub fn open(folder: &Path) -> Result<Alerts, Unusable> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let path = folder.join("alerts.json");
        let kept = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(Unusable::Io { path, error }),
            Ok(bytes) => {
                let damaged = |error| Unusable::Damaged { path: path.clone(), error };
                let Version { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
                if version != VERSION {
                    return Err(Unusable::Newer { path, version });
                }
                serde_json::from_slice(&bytes).map_err(damaged)?
            }
        };
        Ok(Alerts::of(kept, Some(path)))
    }

    fn of(kept: Kept, path: Option<PathBuf>) -> Alerts {
        Alerts { kept: Mutex::new(kept), path, version: AtomicU64::new(0), run: AtomicU64::new(0) }
    }

    /// Time begins anew, as where a replay is directed back: none has fired, all wait from the beginning (`created` is
    /// then 0), and what is left of the time before fires none.
    pub fn rewind(&self) {
        let mut kept = self.lock();
        for alert in &mut kept.alerts {
            (alert.created, alert.reference) = (Ms::ZERO, None);
            (alert.fired, alert.fired_price) = (None, None);
        }
        kept.unsent.clear();
        self.run.fetch_add(1, Ordering::Relaxed);
        self.note(&kept);
    }

    /// Which beginning of time counts.
    fn run(&self) -> u64 {
        self.run.load(Ordering::Relaxed)
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Alert> {
        self.lock().alerts.clone()
    }

    /// Changes whenever the list does.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Takes an alert in and gives it its number. Waits for the disk.
    ///
    /// # Errors
    /// [`AlertError`]; then nothing has changed.
    pub fn add(&self, alert: Alert) -> Result<Alert, AlertError> {
        self.change(|kept| {
            if kept.alerts.len() >= MOST {
                return Err(AlertError::Full);
            }
            let alert = Alert { id: kept.next, ..alert };
            kept.next += 1;
            kept.alerts.push(alert.clone());
            Ok(alert)
        })
    }

    /// Deletes an alert; `None` where there is none of that number. Waits for the disk.
    ///
    /// # Errors
    /// [`AlertError::Unkept`]; then nothing has changed.
    pub fn remove(&self, id: u32) -> Result<Option<Alert>, AlertError> {
        self.change(|kept| {
            let place = kept.alerts.iter().position(|alert| alert.id == id);
            Ok(place.map(|place| kept.alerts.remove(place)))
        })
    }

    /// Notes that an alert fired, and with `send` that the webhook is to be told. `None` where it has been deleted or
    /// has fired meanwhile, or time has begun anew since `run`. Waits for the disk; fires even where that cannot keep it.
    fn fire(&self, run: u64, id: u32, price: f64, now: Ms, send: bool) -> Option<Alert> {
        let mut kept = self.lock();
        if run != self.run() {
            return None;
        }
        let alert = kept.alerts.iter_mut().find(|alert| alert.id == id && is_armed(alert, now))?;
        (alert.fired, alert.fired_price) = (Some(now), Some(price));
        let alert = alert.clone();
        if send {
            // Whoever could not be told for a while wants what holds now, not a list of every time.
            kept.unsent.retain(|earlier| earlier.id != id);
            let excess = (kept.unsent.len() + 1).saturating_sub(MOST);
            kept.unsent.drain(..excess);
            kept.unsent.push(alert.clone());
        }
        self.note(&kept);
        Some(alert)
    }

    /// What fired and has not been told to the webhook, oldest first.
    fn unsent(&self) -> Vec<Alert> {
        self.lock().unsent.clone()
    }

    /// The webhook has been told, or will never be. Waits for the disk.
    fn sent(&self, sent: &Alert) {
        let mut kept = self.lock();
        kept.unsent.retain(|alert| (alert.id, alert.fired) != (sent.id, sent.fired));
        self.note(&kept);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Kept) -> Result<T, AlertError>) -> Result<T, AlertError> {
        let mut kept = self.lock();
        let mut next = kept.clone();
        let result = change(&mut next)?;
        self.write(&next)?;
        *kept = next;
        self.version.fetch_add(1, Ordering::Release);
        Ok(result)
    }

    /// Keeps what has happened already, if that can be.
    fn note(&self, kept: &Kept) {
        if let Err(error) = self.write(kept) {
            warn!(%error, "a fired alert is not kept: it may fire again after a restart");
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        aside::replace(path, &serde_json::to_vec(kept)?)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an alert may fire at `now`: it is not done, and has not fired within the last minute.
fn is_armed(alert: &Alert, now: Ms) -> bool {
    // Fired later than now: a clock was set back, which shall not silence it.
    !alert.is_done() && alert.fired.is_none_or(|at| now < at || now >= at + REARMED_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::wire::AlertDirection;

    pub(super) fn alert(once: bool) -> Alert {
        Alert {
            id: 0,
            symbol: "BTCUSDT-PERP".parse().expect("a symbol"),
            venue: None,
            price: 100.0,
            direction: AlertDirection::Above,
            note: "a note".into(),
            once,
            created: Ms(1),
            reference: None,
            fired: None,
            fired_price: None,
        }
    }

    #[test]
    fn alerts_survive_and_numbers_are_never_used_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let alerts = Alerts::open(folder.path()).expect("alerts");
        let ids = [true, false].map(|once| alerts.add(alert(once)).expect("taken").id);
        assert_eq!(ids, [1, 2]);
        let fired = alerts.fire(0, 1, 100.5, Ms(9), true).expect("fired");
        assert_eq!((fired.fired, fired.fired_price), (Some(Ms(9)), Some(100.5)));
        assert!(alerts.fire(0, 1, 101.0, Ms(100_000), true).is_none(), "it fires once");
        assert!(alerts.remove(2).expect("deleted").is_some() && alerts.remove(2).expect("kept").is_none());

        let alerts = Alerts::open(folder.path()).expect("alerts");
        assert_eq!(alerts.list(), std::slice::from_ref(&fired));
        assert_eq!(alerts.unsent(), std::slice::from_ref(&fired), "told after a restart");
        alerts.sent(&fired);
        let alerts = Alerts::open(folder.path()).expect("alerts");
        assert!(alerts.unsent().is_empty());
        assert_eq!(alerts.add(alert(true)).expect("taken").id, 3);
    }

    #[test]
    fn a_price_that_swings_around_an_alert_is_told_once_a_minute_and_sent_once() {
        let alerts = Alerts::unkept();
        alerts.add(alert(false)).expect("taken");
        let times = (0..300).filter(|s| alerts.fire(0, 1, 100.0, Ms(s * 1_000), true).is_some());
        assert_eq!(times.collect::<Vec<_>>(), [0, 60, 120, 180, 240]);
        let unsent: Vec<_> = alerts.unsent().iter().map(|alert| alert.fired).collect();
        assert_eq!(unsent, [Some(Ms(240_000))], "the newest alone");
        assert!(alerts.fire(0, 1, 100.0, Ms(239_999), true).is_some(), "a clock that was set back");
    }

    #[test]
    fn what_is_not_sent_is_bounded_though_alerts_come_and_go() {
        let alerts = Alerts::unkept();
        let most = u32::try_from(MOST).expect("few");
        for id in 1..=most + 2 {
            alerts.add(alert(true)).expect("taken");
            assert!(alerts.fire(0, id, 100.0, Ms(1), true).is_some() && alerts.remove(id).is_ok());
        }
        let unsent = alerts.unsent();
        assert_eq!((unsent.len(), unsent[0].id), (MOST, 3));
    }

    #[test]
    fn time_that_begins_anew_keeps_alerts_and_forgets_what_they_did() {
        let alerts = Alerts::unkept();
        alerts.add(Alert { reference: Some(99.0), ..alert(true) }).expect("taken");
        alerts.fire(0, 1, 100.0, Ms(9), true).expect("fired");
        alerts.rewind();
        assert_eq!(alerts.list(), [Alert { id: 1, created: Ms::ZERO, ..alert(true) }]);
        assert!(alerts.unsent().is_empty());
        assert!(
            alerts.fire(0, 1, 100.0, Ms(9), true).is_none(),
            "what the run before still fires is not heard"
        );
        assert!(alerts.fire(alerts.run(), 1, 100.0, Ms(9), true).is_some());
    }

    #[test]
    fn there_are_bounds_and_a_damaged_file_is_named() {
        let alerts = Alerts::unkept();
        assert!((0..MOST).all(|_| alerts.add(alert(true)).is_ok()));
        assert!(matches!(alerts.add(alert(true)), Err(AlertError::Full)));
        let folder = tempfile::tempdir().expect("a folder");
        for (text, names) in [("{\"version\":2}", "newer"), ("{\"version\":1", "damaged")] {
            std::fs::write(folder.path().join("alerts.json"), text).expect("written");
            let error = Alerts::open(folder.path()).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(names) && error.contains("alerts.json"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let alerts = Alerts::open(&folder.path().join("gone")).expect("alerts");
        assert!(matches!(alerts.add(alert(true)), Err(AlertError::Unkept(_))));
        assert!(alerts.list().is_empty());
    }
}
