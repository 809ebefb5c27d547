//! One socket of a link: connecting, then open.

use super::ConnId;
use crate::market::Ms;

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) phase: Phase,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
    Connecting { until: Ms },
    Open(Open),
}

#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) since: Ms,
    /// Without a frame until then it is dead.
    pub(super) dead_at: Ms,
    pub(super) ping_at: Option<Ms>,
    /// First and newest data of any topic.
    pub(super) data: Option<(Ms, Ms)>,
}

impl Connection {
    pub(super) fn open(&self) -> Option<&Open> {
        match &self.phase {
            Phase::Open(open) => Some(open),
            Phase::Connecting { .. } => None,
        }
    }

    pub(super) fn open_mut(&mut self) -> Option<&mut Open> {
        match &mut self.phase {
            Phase::Open(open) => Some(open),
            Phase::Connecting { .. } => None,
        }
    }

    /// When it is given up if nothing comes.
    pub(super) fn fails_at(&self) -> Ms {
        match &self.phase {
            Phase::Connecting { until } => *until,
            Phase::Open(open) => open.dead_at,
        }
    }

    /// The next instant at which something is to be done about it.
    pub(super) fn deadline(&self) -> Ms {
        let ping = self.open().and_then(|o| o.ping_at);
        ping.map_or(self.fails_at(), |at| at.min(self.fails_at()))
    }
}

/// Time as the machine counts it: the driver's clock without steps back and without sleep.
#[derive(Clone, Debug, Default)]
pub(super) struct VirtualClock {
    /// Own time less the driver's.
    offset: i64,
    last: Option<Ms>,
}

/// Later than this past the wake time, the machine was asleep.
const ASLEEP: Ms = Ms(10_000);

impl VirtualClock {
    /// Own time at the driver's `now`, and whether the machine was asleep before. `wake` is the instant, in own
    /// time, at which it had asked to be called.
    pub(super) fn advance(&mut self, now: Ms, wake: Option<Ms>) -> (Ms, bool) {
        let own = self.own(now);
        let wake = wake.filter(|wake| own > *wake + ASLEEP);
        let reached = match (self.last, wake) {
            // Not back either if the wake time itself had passed already.
            (Some(last), Some(wake)) => wake.max(last),
            (Some(last), None) => own.max(last),
            (None, _) => own,
        };
        self.offset = self.offset.saturating_add((reached - own).0);
        self.last = Some(reached);
        (reached, wake.is_some())
    }

    /// Own time of an instant of the driver's.
    pub(super) fn own(&self, driver: Ms) -> Ms {
        driver + Ms(self.offset)
    }

    /// The driver's instant of one in own time.
    pub(super) fn driver(&self, own: Ms) -> Ms {
        own - Ms(self.offset)
    }
}
