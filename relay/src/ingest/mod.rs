//! Ingest: from venues to the bus.

mod board;

pub use board::{Board, BudgetStatus, TopicStatus, VenueReport};
