//! Independent calculations that the relay's are compared with: integers throughout, nothing from
//! `shared::maths`.

pub mod bars;
pub mod book;
pub mod calendar;
pub mod decimal;
pub mod recording;

pub use bars::{ExactBar, fold, minutes_of};
pub use book::{ExactBook, Top};
