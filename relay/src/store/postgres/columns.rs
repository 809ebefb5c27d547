//! Values on their way in and out: arrays of whole columns in, rows out.

use std::borrow::Cow;
use std::error::Error as StdError;

use bytes::{BufMut, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::row::{BadValue, COMMON, Column, Kind, Sink, Source, Stored};

/// The server's name of a kind.
pub(super) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "bigint",
        Kind::Real => "double precision",
        Kind::Text => "text",
        Kind::Flag => "boolean",
    }
}

/// Columns of a stored kind, the common ones first.
pub(super) fn columns<T: Stored>() -> impl Iterator<Item = &'static Column> {
    COMMON.iter().chain(T::COLUMNS)
}

/// The values of one column, as the protocol has them: no allocation for each.
#[derive(Debug)]
pub(super) struct Array {
    kind: Kind,
    elements: BytesMut,
    rows: i32,
    nulls: bool,
}

impl Array {
    fn new(kind: Kind) -> Array {
        Array { kind, elements: BytesMut::new(), rows: 0, nulls: false }
    }

    fn push(&mut self, value: Option<&[u8]>) {
        self.rows += 1;
        match value {
            Some(bytes) => {
                // No text of ours comes near that length; a longer one the server would refuse anyway.
                self.elements.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
                self.elements.put_slice(bytes);
            }
            None => {
                self.nulls = true;
                self.elements.put_i32(-1);
            }
        }
    }
}

impl ToSql for Array {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let element = match self.kind {
            Kind::Int => Type::INT8,
            Kind::Real => Type::FLOAT8,
            Kind::Text => Type::TEXT,
            Kind::Flag => Type::BOOL,
        };
        // Dimensions, whether there are nulls, type; then length and lower bound of the one dimension.
        out.put_i32(1);
        out.put_i32(self.nulls.into());
        out.put_u32(element.oid());
        out.put_i32(self.rows);
        out.put_i32(1);
        out.put_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8_ARRAY, Type::FLOAT8_ARRAY, Type::TEXT_ARRAY, Type::BOOL_ARRAY].contains(ty)
    }

    to_sql_checked!();
}

/// Rows, column by column.
pub(super) struct Arrays {
    pub(super) arrays: Vec<Array>,
    next: usize,
}

impl Arrays {
    pub(super) fn of<T: Stored>() -> Arrays {
        Arrays { arrays: columns::<T>().map(|column| Array::new(column.kind)).collect(), next: 0 }
    }

    /// The column of the next value; after the last comes the first, of the next row.
    fn next(&mut self) -> Result<&mut Array, Refused> {
        let at = self.next;
        self.next = (at + 1) % self.arrays.len().max(1);
        self.arrays.get_mut(at).ok_or(Refused("a value too many"))
    }
}

/// Why a value cannot be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(&'static str);

impl Sink for Arrays {
    type Error = Refused;

    fn int(&mut self, value: Option<i64>) -> Result<(), Refused> {
        self.next()?.push(value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        Ok(())
    }

    fn real(&mut self, value: Option<f64>) -> Result<(), Refused> {
        self.next()?.push(value.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        Ok(())
    }

    fn text(&mut self, value: Option<&str>) -> Result<(), Refused> {
        self.next()?.push(value.map(str::as_bytes));
        Ok(())
    }

    fn flag(&mut self, value: Option<bool>) -> Result<(), Refused> {
        self.next()?.push(value.map(|flag| [u8::from(flag)]).as_ref().map(<[u8; 1]>::as_slice));
        Ok(())
    }
}

/// Looks at values before they are sent: what the server would refuse would hold up the whole batch.
pub(super) struct Check;

impl Sink for Check {
    type Error = Refused;

    fn int(&mut self, _: Option<i64>) -> Result<(), Refused> {
        Ok(())
    }

    fn real(&mut self, value: Option<f64>) -> Result<(), Refused> {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(Refused("a number that is not finite"));
        }
        Ok(())
    }

    fn text(&mut self, value: Option<&str>) -> Result<(), Refused> {
        if value.is_some_and(|text| text.contains('\0')) {
            return Err(Refused("a text with a zero character"));
        }
        Ok(())
    }

    fn flag(&mut self, _: Option<bool>) -> Result<(), Refused> {
        Ok(())
    }
}

/// Reads a row's columns one after the other.
pub(super) struct Reader<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(row: &'a Row) -> Reader<'a> {
        Reader { row, next: 0 }
    }

    fn take<V: FromSql<'a>>(&mut self) -> Result<Option<V>, Unreadable> {
        self.next += 1;
        Ok(self.row.try_get(self.next - 1)?)
    }
}

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Value(#[from] BadValue),
    #[error("{}", super::target::told(.0))]
    Server(#[from] tokio_postgres::Error),
}

impl Source for Reader<'_> {
    type Error = Unreadable;

    fn int(&mut self) -> Result<Option<i64>, Unreadable> {
        self.take()
    }

    fn real(&mut self) -> Result<Option<f64>, Unreadable> {
        self.take()
    }

    fn text(&mut self) -> Result<Option<Cow<'_, str>>, Unreadable> {
        Ok(self.take::<&str>()?.map(Cow::Borrowed))
    }

    fn flag(&mut self) -> Result<Option<bool>, Unreadable> {
        self.take()
    }
}
