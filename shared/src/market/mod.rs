//! Identifiers and units of the market: time, symbol, venue, instrument, timeframe, calendar.

mod calendar;
mod instrument;
mod symbol;
mod time;
mod timeframe;
mod venue;

pub use calendar::{Calendar, CalendarError, Session, SessionForm, Zone};
pub use instrument::Instrument;
pub use symbol::{Group, Kind, Symbol, SymbolError};
pub use time::{Civil, Ms, QueryTime, TimeError};
pub use timeframe::{Timeframe, TimeframeError};
pub use venue::VenueId;
