//! Ingest: from venues to the bus.
//!
//! [`tape`] turns one venue's updates into events; [`book_sync`] keeps its books in step; [`board`] is what is
//! known of each venue right now.

mod board;
pub mod book_sync;
pub mod tape;

pub use board::{Board, BudgetStatus, TopicStatus, VenueReport};
