//! Rows of a series out of the store into files, and back: CSV and Parquet.
//!
//! Columns are named as in [`Stored::COLUMNS`](crate::store::row::Stored::COLUMNS); the units are theirs. What one
//! relay exports another imports unchanged, of any dataset: so a record moves between stores.

mod cells;
mod export;
mod import;
mod input;
#[cfg(test)]
mod tests;

use shared::market::{Ms, Symbol, Timeframe, VenueId};

use crate::store::{Dataset, StoreError};

pub use export::{Format, export};
pub use import::{Imported, import};

/// What a file holds rows of.
#[derive(Clone, Debug)]
pub struct Series {
    pub dataset: Dataset,
    pub symbol: Symbol,
    /// `None` exports all venues; an import needs one.
    pub venue: Option<VenueId>,
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Series { dataset, symbol, venue } = self;
        match dataset {
            Dataset::Bars(interval) => write!(f, "{interval} bars of {symbol}")?,
            Dataset::Oi => write!(f, "open interest of {symbol}")?,
            Dataset::Funding => write!(f, "funding of {symbol}")?,
            Dataset::Liquidations => write!(f, "liquidations of {symbol}")?,
            Dataset::Book => write!(f, "best prices of {symbol}")?,
            Dataset::Trades => write!(f, "trades of {symbol}")?,
        }
        match venue {
            Some(venue) => write!(f, " at {venue}"),
            None => write!(f, " at all venues"),
        }
    }
}

/// Why rows could not be moved; one line, with the place and the fix.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("cannot {doing} {path}: {detail}")]
    File { doing: &'static str, path: String, detail: String },
    #[error("{path} has no column `{column}`: the first line names the columns; needed are {needed}")]
    Column { path: String, column: &'static str, needed: String },
    /// A row that cannot be; nothing of the file was stored.
    #[error("{path} {place}: {detail}; mend or remove it: nothing was imported")]
    Row { path: String, place: String, detail: String },
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Told how far a transfer is: done, and of how many where that is known.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// `[from, to)`.
pub type Range = (Ms, Ms);

/// The interval a file of bars is of.
fn interval(dataset: Dataset) -> Option<Timeframe> {
    if let Dataset::Bars(interval) = dataset { Some(interval) } else { None }
}
