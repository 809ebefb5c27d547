//! What a stored row is: a table, its own columns, and both directions between them and an event's body.

use rusqlite::types::{FromSql, ToSql};
use rusqlite::{Row, Statement};
use shared::event::Body;

/// A body kept in one table. Columns every table has (symbol, venue, timestamp, received) are not listed.
pub(super) trait Stored: Sized {
    const TABLE: &'static str;
    /// Columns of its own, in the order [`Self::bind`] and [`Self::read`] take.
    const COLUMNS: &'static [&'static str];
    /// Key columns after symbol and venue, in key order.
    const KEY: &'static [&'static str];
    /// What happens to a row whose key exists: the text after `ON CONFLICT (..)`.
    const ON_CONFLICT: &'static str;

    /// The body, if it is of this kind.
    fn of(body: &Body) -> Option<&Self>;
    fn into_body(self) -> Body;
    /// Writes the columns of its own.
    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()>;
    /// Reads the columns of its own; `timestamp` is the row's.
    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<Self>;
}

/// An upsert of `rows` rows.
pub(super) fn upsert_sql<T: Stored>(rows: usize) -> String {
    let columns = T::COLUMNS.len() + 4;
    let one = format!("({})", vec!["?"; columns].join(","));
    format!(
        "INSERT INTO {} (symbol,venue,timestamp,received,{}) VALUES {} ON CONFLICT (symbol,venue,{}) {}",
        T::TABLE,
        T::COLUMNS.join(","),
        vec![one; rows].join(","),
        T::KEY.join(","),
        T::ON_CONFLICT,
    )
}

/// A range of one venue's rows in key order; `filter` is an extra condition or empty.
///
/// Parameters: symbol, venue, from, to, limit, then what `filter` asks for.
pub(super) fn select_sql<T: Stored>(filter: &str, newest: bool) -> String {
    let order = if newest { " DESC" } else { "" };
    let by = |key: &&&str| **key != "interval";
    let order_by: Vec<String> = T::KEY.iter().filter(by).map(|key| format!("{key}{order}")).collect();
    format!(
        "SELECT timestamp,received,{} FROM {} WHERE symbol=?1 AND venue=?2 {filter} AND timestamp>=?3 \
         AND timestamp<?4 ORDER BY {} LIMIT ?5",
        T::COLUMNS.join(","),
        T::TABLE,
        order_by.join(","),
    )
}

/// Binds values one after the other.
pub(super) struct Binder<'a, 'c> {
    statement: &'a mut Statement<'c>,
    next: usize,
}

impl<'a, 'c> Binder<'a, 'c> {
    pub(super) fn new(statement: &'a mut Statement<'c>) -> Self {
        Binder { statement, next: 1 }
    }

    pub(super) fn put<V: ToSql>(&mut self, value: V) -> rusqlite::Result<()> {
        self.statement.raw_bind_parameter(self.next, value)?;
        self.next += 1;
        Ok(())
    }

    /// A number; SQLite would take NaN for null, so what is not finite is refused.
    pub(super) fn real(&mut self, value: f64) -> rusqlite::Result<()> {
        if !value.is_finite() {
            return Err(rusqlite::Error::ToSqlConversionFailure("a number that is not finite".into()));
        }
        self.put(value)
    }

    pub(super) fn maybe_real(&mut self, value: Option<f64>) -> rusqlite::Result<()> {
        match value {
            Some(value) => self.real(value),
            None => self.put(rusqlite::types::Null),
        }
    }
}

/// Reads columns one after the other.
pub(super) struct Reader<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl<'a, 'r> Reader<'a, 'r> {
    pub(super) fn new(row: &'a Row<'r>) -> Self {
        Reader { row, next: 0 }
    }

    pub(super) fn take<V: FromSql>(&mut self) -> rusqlite::Result<V> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    /// A text that stands for one of a few values.
    pub(super) fn named<V: Copy>(&mut self, names: &[(&str, V)]) -> rusqlite::Result<V> {
        let column = self.next;
        self.next += 1;
        let text = self.row.get_ref(column)?.as_str()?;
        names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(column, kind, format!("unknown `{text}`").into())
        })
    }
}

/// The name of a value in the same kind of table; every value is listed, so the fallback is never stored.
pub(super) fn name_of<V: Copy + PartialEq>(value: V, names: &[(&'static str, V)]) -> &'static str {
    names.iter().find(|(_, v)| *v == value).map_or("", |(name, _)| name)
}
