//! SQL of stored rows, and SQLite's side of their values.

use std::borrow::Cow;

use rusqlite::types::{FromSql, Null, ToSql, Type};
use rusqlite::{Row, Statement};

use crate::store::row::{BadValue, COMMON, Sink, Source, Stored};

/// Names of the columns of a table, in the order rows are written.
fn columns<T: Stored>() -> impl Iterator<Item = &'static str> {
    COMMON.iter().chain(T::COLUMNS).map(|column| column.name)
}

/// An upsert of `rows` rows. The first parameter is the number of the transaction.
pub(super) fn upsert_sql<T: Stored>(rows: usize) -> String {
    let columns: Vec<&str> = columns::<T>().collect();
    let one = format!("(?1,{})", vec!["?"; columns.len()].join(","));
    format!(
        "INSERT INTO {} (batch,{}) VALUES {} ON CONFLICT (symbol,venue,{}) {}",
        T::TABLE,
        columns.join(","),
        vec![one; rows].join(","),
        T::KEY.join(","),
        // A row that is changed was written by this transaction, one that stays as it is was not.
        T::ON_CONFLICT.replacen("DO UPDATE SET ", "DO UPDATE SET batch=excluded.batch,", 1),
    )
}

/// A range of one venue's rows in key order, symbol and venue left out; `filter` is an extra condition or empty.
///
/// Parameters: symbol, venue, from, to, limit, then what `filter` asks for.
pub(super) fn select_sql<T: Stored>(filter: &str, newest: bool) -> String {
    let order = if newest { " DESC" } else { "" };
    let by = |key: &&&str| **key != "interval";
    let order_by: Vec<String> = T::KEY.iter().filter(by).map(|key| format!("{key}{order}")).collect();
    let columns: Vec<&str> = columns::<T>().skip(2).collect();
    format!(
        "SELECT {} FROM {} WHERE symbol=?1 AND venue=?2 {filter} AND timestamp>=?3 AND timestamp<?4 \
         ORDER BY {} LIMIT ?5",
        columns.join(","),
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

    fn put<V: ToSql>(&mut self, value: Option<V>) -> rusqlite::Result<()> {
        match value {
            Some(value) => self.statement.raw_bind_parameter(self.next, value)?,
            None => self.statement.raw_bind_parameter(self.next, Null)?,
        }
        self.next += 1;
        Ok(())
    }
}

impl Sink for Binder<'_, '_> {
    type Error = rusqlite::Error;

    fn int(&mut self, value: Option<i64>) -> rusqlite::Result<()> {
        self.put(value)
    }

    /// SQLite would take NaN for null, so what is not finite is refused.
    fn real(&mut self, value: Option<f64>) -> rusqlite::Result<()> {
        if value.is_some_and(|number| !number.is_finite()) {
            return Err(rusqlite::Error::ToSqlConversionFailure("a number that is not finite".into()));
        }
        self.put(value)
    }

    fn text(&mut self, value: Option<&str>) -> rusqlite::Result<()> {
        self.put(value)
    }

    fn flag(&mut self, value: Option<bool>) -> rusqlite::Result<()> {
        self.put(value)
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

    fn take<V: FromSql>(&mut self) -> rusqlite::Result<V> {
        self.next += 1;
        self.row.get(self.next - 1)
    }
}

impl Source for Reader<'_, '_> {
    type Error = rusqlite::Error;

    fn int(&mut self) -> rusqlite::Result<Option<i64>> {
        self.take()
    }

    fn real(&mut self) -> rusqlite::Result<Option<f64>> {
        self.take()
    }

    fn text(&mut self) -> rusqlite::Result<Option<Cow<'_, str>>> {
        self.next += 1;
        Ok(self.row.get_ref(self.next - 1)?.as_str_or_null()?.map(Cow::Borrowed))
    }

    fn flag(&mut self) -> rusqlite::Result<Option<bool>> {
        self.take()
    }
}

impl From<BadValue> for rusqlite::Error {
    fn from(error: BadValue) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
    }
}
