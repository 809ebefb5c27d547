//! The bus: one order over all events, told to every consumer, resumable by cursor.

mod memory;

use shared::event::{Cursor, Event, Stamped};
use shared::market::Ms;
use std::sync::Arc;
use tokio::sync::mpsc;

pub use memory::MemoryBus;

/// Why a reader cannot resume where it asked to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("cursor {0} is of another epoch or too old")]
pub struct ResumeExpired(pub Cursor);

/// Carries events from ingest to store, hub and derive. At least once, ordered per topic; consumers
/// deduplicate by (topic, seq).
pub trait Bus: Send + Sync + 'static {
    /// Stamps the event with its topic's `seq` and the next cursor and hands it to every consumer.
    fn publish(&self, event: Event) -> Arc<Stamped>;

    /// A new consumer: gets every event published from now on, in order. Unbounded by design of the caller:
    /// a consumer must drain it and bound what it keeps.
    fn consume(&self) -> mpsc::UnboundedReceiver<Arc<Stamped>>;

    /// Events after `cursor`, oldest first.
    ///
    /// # Errors
    /// [`ResumeExpired`] when they are no longer held.
    fn since(&self, cursor: Cursor) -> Result<Vec<Arc<Stamped>>, ResumeExpired>;

    /// Since when a reader who cannot resume at `cursor` may lack events, as far as is known; `None` on an empty bus.
    fn missing_since(&self, cursor: Cursor) -> Option<Ms>;

    /// The place of the newest event.
    fn head(&self) -> Cursor;

    /// Ends every consumer after what it has been handed.
    fn close(&self);

    /// `memory` or `redis`, for status.
    fn name(&self) -> &'static str;
}
