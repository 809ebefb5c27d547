//! What a stored row is, said once for every store: columns with their units, the key, what becomes of a key
//! that is written twice, and both directions between columns and an event's body.
//!
//! A table or file has the [`COMMON`] columns first, then the body's own ([`Stored::COLUMNS`]).

use std::borrow::Cow;
use std::cmp::Ordering;

use shared::event::Body;
use shared::market::Ms;

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// 64 bit, signed.
    Int,
    /// 64 bit, always finite.
    Real,
    /// UTF-8.
    Text,
    Flag,
}

/// One column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    pub nullable: bool,
    /// `ms` (Unix, UTC), `base` (coins), `quote` (quote currency), `quote/base` (a price), `bps`, `percent`,
    /// `fraction`, `hours`, `count`, or empty for texts and flags.
    pub unit: &'static str,
}

impl Column {
    pub(super) const fn new(name: &'static str, kind: Kind, unit: &'static str) -> Column {
        Column { name, kind, nullable: false, unit }
    }

    /// The same, where a value may be unknown.
    pub(super) const fn or_null(self) -> Column {
        Column { nullable: true, ..self }
    }
}

/// Columns every table and file begins with.
pub const COMMON: [Column; 4] = [
    Column::new("symbol", Kind::Text, ""),
    Column::new("venue", Kind::Text, ""),
    Column::new("timestamp", Kind::Int, "ms"),
    Column::new("received", Kind::Int, "ms"),
];

/// Takes a row's values, column by column.
pub trait Sink {
    type Error;

    /// # Errors
    /// What the store has against the value.
    fn int(&mut self, value: Option<i64>) -> Result<(), Self::Error>;
    /// # Errors
    /// What the store has against the value, above all that it is not finite.
    fn real(&mut self, value: Option<f64>) -> Result<(), Self::Error>;
    /// # Errors
    /// What the store has against the value.
    fn text(&mut self, value: Option<&str>) -> Result<(), Self::Error>;
    /// # Errors
    /// What the store has against the value.
    fn flag(&mut self, value: Option<bool>) -> Result<(), Self::Error>;
}

/// Gives a row's values, column by column.
pub trait Source {
    type Error: From<BadValue>;

    /// # Errors
    /// When there is no further column or it is of another kind.
    fn int(&mut self) -> Result<Option<i64>, Self::Error>;
    /// # Errors
    /// As [`Self::int`].
    fn real(&mut self) -> Result<Option<f64>, Self::Error>;
    /// # Errors
    /// As [`Self::int`].
    fn text(&mut self) -> Result<Option<Cow<'_, str>>, Self::Error>;
    /// # Errors
    /// As [`Self::int`].
    fn flag(&mut self) -> Result<Option<bool>, Self::Error>;
}

/// A stored value that cannot be part of a row.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadValue {
    #[error("a value is missing")]
    Missing,
    #[error("unknown `{0}`")]
    Unknown(String),
    #[error("{0} is out of range")]
    Range(i64),
}

/// A body and when it was received.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row<T> {
    pub received: Ms,
    pub body: T,
}

/// A body kept in one table, and in files of one schema.
pub trait Stored: Sized {
    const TABLE: &'static str;
    /// Columns of its own, in the order [`Self::write`] and [`Self::read`] take.
    const COLUMNS: &'static [Column];
    /// Key columns after symbol and venue, in key order.
    const KEY: &'static [&'static str];
    /// What becomes of a row whose key exists: the text after `ON CONFLICT (..)`, in SQL that SQLite and PostgreSQL
    /// both take.
    const ON_CONFLICT: &'static str;

    /// The body, if it is of this kind.
    fn of(body: &Body) -> Option<&Self>;
    fn into_body(self) -> Body;

    /// Writes the columns of its own.
    ///
    /// # Errors
    /// What the sink has against a value.
    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error>;

    /// Reads the columns of its own; `timestamp` is the row's.
    ///
    /// # Errors
    /// What the source fails with, or a value that cannot be.
    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<Self, S::Error>;

    /// By the key columns, the interval aside, as the tables order them: texts by bytes.
    fn order(&self, other: &Self) -> Ordering;

    /// What a row is after `late` came to its key: [`Self::ON_CONFLICT`] outside of SQL.
    fn merged(held: Row<Self>, late: Row<Self>) -> Row<Self>;
}

/// The value of a column that is never null.
///
/// # Errors
/// [`BadValue::Missing`].
pub(super) fn needed<T>(value: Option<T>) -> Result<T, BadValue> {
    value.ok_or(BadValue::Missing)
}

/// A text that stands for one of a few values.
pub(super) fn named<V: Copy, S: Source>(from: &mut S, names: &[(&str, V)]) -> Result<V, S::Error> {
    let text = from.text()?.ok_or(BadValue::Missing)?;
    let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| BadValue::Unknown(text.chars().take(20).collect()).into())
}

/// The name of a value in the same kind of table; every value is listed, so the fallback is never stored.
pub(super) fn name_of<V: Copy + PartialEq>(value: V, names: &[(&'static str, V)]) -> &'static str {
    names.iter().find(|(_, v)| *v == value).map_or("", |(name, _)| name)
}
