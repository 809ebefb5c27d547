//! The stored bodies: columns, upsert rule, encode and decode of each, side by side; and the holes.

mod bar;
mod derivatives;
mod market;

#[cfg(test)]
mod tests;

use shared::event::{Channel, Gap, GapCause, GapState};
use shared::market::Ms;

use super::row::{Sink, Source, name_of, named, needed};

/// The two ways between [`shared::event::Body`] and what it holds.
macro_rules! body {
    ($variant:ident) => {
        fn of(body: &Body) -> Option<&Self> {
            if let Body::$variant(inner) = body { Some(inner) } else { None }
        }
        fn into_body(self) -> Body {
            Body::$variant(self)
        }
    };
}
use body;

const CAUSES: [(&str, GapCause); 7] = [
    ("disconnect", GapCause::Disconnect),
    ("sequence", GapCause::Sequence),
    ("silence", GapCause::Silence),
    ("restart", GapCause::Restart),
    ("delisted", GapCause::Delisted),
    ("slow_client", GapCause::SlowClient),
    ("resume_expired", GapCause::ResumeExpired),
];
const STATES: [(&str, GapState); 3] =
    [("open", GapState::Open), ("refilled", GapState::Refilled), ("lost", GapState::Lost)];

/// Columns of a hole after symbol and venue, in the order of [`write_gap`] and [`read_gap`].
pub(super) const GAP_COLUMNS: &str = "channel,from_ms,to_ms,timestamp,cause,state";

/// What becomes of a hole that is told again, by (symbol, venue, channel, from): news of it replace what is known,
/// except that a settled one (refilled, lost) is not opened again by a late repeat.
pub(super) const GAP_CONFLICT: &str = "DO UPDATE SET to_ms=excluded.to_ms,timestamp=excluded.timestamp,
    cause=excluded.cause,state=excluded.state WHERE gaps.state='open' OR excluded.state<>'open'";

/// Writes a hole's columns.
///
/// # Errors
/// What the sink has against a value.
pub(super) fn write_gap<S: Sink>(gap: &Gap, to: &mut S) -> Result<(), S::Error> {
    to.text(Some(gap.channel.name()))?;
    to.int(Some(gap.from.0))?;
    to.int(gap.to.map(|at| at.0))?;
    to.int(Some(gap.timestamp.0))?;
    to.text(Some(name_of(gap.cause, &CAUSES)))?;
    to.text(Some(name_of(gap.state, &STATES)))
}

/// Reads a hole's columns.
///
/// # Errors
/// What the source fails with, or a value that cannot be.
pub(super) fn read_gap<S: Source>(from: &mut S) -> Result<Gap, S::Error> {
    Ok(Gap {
        channel: named(from, &Channel::ALL.map(|c| (c.name(), c)))?,
        from: Ms(needed(from.int()?)?),
        to: from.int()?.map(Ms),
        timestamp: Ms(needed(from.int()?)?),
        cause: named(from, &CAUSES)?,
        state: named(from, &STATES)?,
    })
}
