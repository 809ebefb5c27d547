//! The one place that tells the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use shared::market::Ms;

/// Wall-clock time, or in replay the time of the record.
#[derive(Clone, Default)]
pub struct Clock {
    recorded: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// Follows the machine's clock.
    pub fn real() -> Clock {
        Clock::default()
    }

    /// Stands at the last recorded instant it was told.
    pub fn recorded() -> Clock {
        Clock { recorded: Some(Arc::new(AtomicI64::new(0))) }
    }

    pub fn now(&self) -> Ms {
        match &self.recorded {
            Some(at) => Ms(at.load(Ordering::Relaxed)),
            None => system_now(),
        }
    }

    /// Moves recorded time on; never back, and nothing for a real clock.
    pub fn advance(&self, to: Ms) {
        if let Some(at) = &self.recorded {
            at.fetch_max(to.0, Ordering::Relaxed);
        }
    }
}

/// The machine's clock.
pub fn system_now() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
