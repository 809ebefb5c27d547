//! The relay: connects to venues, records, serves history and live streams.
//!
//! Reading order:
//! - [`venues`]: one folder per venue, data and pure functions;
//! - [`bus`]: one order over all events;
//! - [`store`]: what was recorded, behind one trait.

pub mod bus;
pub mod directory;
pub mod hub;
pub mod store;
pub mod venues;
