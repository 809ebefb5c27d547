//! Ingest: from venues to the bus.
//!
//! `tape` turns one venue's updates into events; `book_sync` keeps its books in step; `outlet` counts and
//! publishes; `demand` is which symbols clients want; `board` is what is known of each venue right now; `recorder`
//! decides what is stored, `kept` keeps the lists of symbols. `sim` drives the simulated market.

mod board;
pub mod book_sync;
pub mod budget;
pub mod demand;
pub mod kept;
pub mod live;
pub mod lookup;
pub mod outlet;
pub mod quota;
pub mod recorder;
pub mod replay;
pub mod rest;
pub mod sim;
pub mod source;
pub mod tape;

pub use board::{Board, BudgetStatus, Teller, TopicStatus, VenueReport};
