//! Columns of a row group, decoded a stretch of rows at a time.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parquet::basic::{Compression, LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, FileMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;

use super::Sealed;
use super::pages::Counted;
use super::window::Window;
use crate::store::row::{self, BadValue, COMMON, Column, Kind};

/// Which of a file's columns is which of a dataset's.
pub(super) struct Layout {
    columns: Vec<(Column, Option<usize>)>,
}

impl Layout {
    /// `lenient`: what every row has in common may be absent.
    pub(super) fn new(
        file: &FileMetaData,
        columns: Vec<Column>,
        lenient: bool,
    ) -> std::result::Result<Layout, String> {
        let there = file.schema_descr().columns();
        let find = |(n, column): (usize, Column)| {
            let at = there.iter().position(|c| c.path().parts().len() == 1 && c.name() == column.name);
            if let Some(found) = at.and_then(|at| there.get(at))
                && (found.max_rep_level() > 0 || found.max_def_level() > 1)
            {
                return Err(format!("its column {} holds more than one value a row", column.name));
            }
            // A time is the one thing that nothing can stand for.
            let spare = column.nullable || (lenient && n < COMMON.len() && column.name != "timestamp");
            if at.is_none() && !spare {
                return Err(format!("it has no column {}", column.name));
            }
            Ok((column, at))
        };
        let columns = columns.into_iter().enumerate().map(find).collect::<std::result::Result<_, _>>()?;
        Ok(Layout { columns })
    }

    /// Place of a column in the file.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().find(|(column, _)| column.name == name).and_then(|(_, at)| *at)
    }
}

/// A row group being read: all columns stand at the same row.
pub(super) struct Group {
    number: usize,
    at: usize,
    columns: Vec<Reading>,
}

/// Where a column's values come from.
enum Reading {
    /// The same in each row, as the statistics say.
    Same(Same),
    /// And how many of a time's units make a millisecond.
    Pages(ColumnReader, i64),
}

#[derive(Clone)]
pub(super) enum Same {
    Null,
    Int(i64),
    Text(Arc<str>),
    Flag(bool),
}

impl Sealed {
    /// Begins a row group.
    pub(super) fn group(&self, number: usize, pages: &Arc<AtomicU64>) -> Result<Group> {
        let open = |(column, at): &(Column, Option<usize>)| match at {
            None => Ok(Reading::Same(Same::Null)),
            Some(at) => {
                let chunk = self.chunk(number, *at)?;
                // Of a foreign file's statistics one does not know who made them.
                let same = self.meta.is_some().then(|| same(column, chunk)).flatten();
                match same {
                    Some(same) => Ok(Reading::Same(same)),
                    None => {
                        let per_ms = unit(chunk.column_descr().logical_type_ref());
                        Ok(Reading::Pages(self.pages(number, *at, pages)?, per_ms))
                    }
                }
            }
        };
        let columns = self.layout.columns.iter().map(open).collect::<Result<_>>()?;
        Ok(Group { number, at: 0, columns })
    }

    fn chunk(&self, group: usize, column: usize) -> Result<&ColumnChunkMetaData> {
        let groups = self.metadata.row_groups();
        let chunk = groups.get(group).and_then(|group| group.columns().get(column));
        chunk
            .ok_or_else(|| ParquetError::General(format!("there is no column {column} in row group {group}")))
    }

    /// A reader of one column of a row group.
    pub(super) fn pages(&self, group: usize, column: usize, pages: &Arc<AtomicU64>) -> Result<ColumnReader> {
        let chunk = self.chunk(group, column)?;
        let rows = self.metadata.row_group_num_rows(group)?;
        let index = self.metadata.page_index().and_then(|index| index.offset_index(group, column));
        let locations = index.map(|index| index.page_locations().clone());
        // A reader's own codec is made anew for each column, at the cost of a day's worth of its values. This archive's
        // pages are taken as they are and unpacked by one that stays.
        let packed = self.meta.is_some() && matches!(chunk.compression(), Compression::ZSTD(_));
        let plain;
        let as_is = if packed {
            plain = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
            &plain
        } else {
            chunk
        };
        let inner = SerializedPageReader::new(self.input.clone(), as_is, rows, locations)?;
        let counted = Counted { inner, packed, pages: pages.clone() };
        Ok(get_column_reader(chunk.column_descr_ptr(), Box::new(counted)))
    }
}

/// The value every row of a chunk has, if its statistics tell for certain. Numbers are left out: 0 and -0 compare alike.
fn same(column: &Column, chunk: &ColumnChunkMetaData) -> Option<Same> {
    let statistics = chunk.statistics()?;
    let nulls = statistics.null_count_opt()?;
    if column.nullable && nulls > 0 {
        return (i64::try_from(nulls).ok()? == chunk.num_values()).then_some(Same::Null);
    }
    if !statistics.min_is_exact() || !statistics.max_is_exact() {
        return None;
    }
    match (statistics, column.kind) {
        (Statistics::Int64(s), Kind::Int) => {
            s.min_opt().filter(|min| s.max_opt() == Some(min)).map(|v| Same::Int(*v))
        }
        (Statistics::Boolean(s), Kind::Flag) => {
            s.min_opt().filter(|min| s.max_opt() == Some(min)).map(|v| Same::Flag(*v))
        }
        (Statistics::ByteArray(s), Kind::Text) => {
            let text = s.min_opt().filter(|min| s.max_opt() == Some(min))?.as_utf8().ok()?;
            Some(Same::Text(text.into()))
        }
        _ => None,
    }
}

impl Group {
    /// Whether it can go on to a window without beginning anew.
    pub(super) fn reaches(&self, window: &Window) -> bool {
        self.number == window.group && self.at <= window.from
    }

    /// Decodes the rows of a window.
    pub(super) fn read(&mut self, layout: &Layout, window: &Window) -> Result<Vec<Values>> {
        let (skip, rows) = (window.from - self.at, window.rows());
        let read = |(reading, (column, _)): (&mut Reading, &(Column, Option<usize>))| match reading {
            Reading::Same(same) => Ok(Values::Same(same.clone())),
            Reading::Pages(reader, per_ms) => values(reader, column, *per_ms, skip, rows),
        };
        let values = self.columns.iter_mut().zip(&layout.columns).map(read).collect::<Result<_>>()?;
        self.at = window.to;
        Ok(values)
    }
}

/// Values of one column, row by row.
pub(super) enum Values {
    Same(Same),
    Ints(Cells<i64>),
    Reals(Cells<f64>),
    Texts(Cells<ByteArray>),
    Flags(Cells<bool>),
}

pub(super) struct Cells<T> {
    values: Vec<T>,
    /// 0 where a row has no value; absent where all have one.
    defined: Option<Vec<i16>>,
    /// The next value, where rows and values do not run in step.
    next: usize,
}

impl<T> Cells<T> {
    fn map<U>(self, change: impl FnMut(T) -> Result<U>) -> Result<Cells<U>> {
        let values = self.values.into_iter().map(change).collect::<Result<_>>()?;
        Ok(Cells { values, defined: self.defined, next: self.next })
    }

    fn get(&mut self, row: usize) -> Option<&T> {
        let Some(defined) = &self.defined else { return self.values.get(row) };
        if defined.get(row).is_none_or(|level| *level == 0) {
            return None;
        }
        self.next += 1;
        self.values.get(self.next - 1)
    }
}

/// Decodes `rows` rows after `skip`, as values of the column's kind.
fn values(
    reader: &mut ColumnReader,
    column: &Column,
    per_ms: i64,
    skip: usize,
    rows: usize,
) -> Result<Values> {
    let not = |what: &str| ParquetError::General(format!("column {} holds {what}", column.name));
    let whole = |value: f64| {
        let fits = value.fract() == 0.0 && value.abs() < 9.0e15;
        if fits { Ok(value as i64) } else { Err(not("numbers with fractions")) }
    };
    Ok(match (column.kind, reader) {
        (Kind::Int, ColumnReader::Int64ColumnReader(r)) => {
            let cells = cells(r, skip, rows)?;
            match per_ms {
                1 => Values::Ints(cells),
                _ => Values::Ints(cells.map(|value| Ok(value.div_euclid(per_ms)))?),
            }
        }
        (Kind::Int, ColumnReader::Int32ColumnReader(r)) => {
            Values::Ints(cells(r, skip, rows)?.map(|value| Ok(value.into()))?)
        }
        (Kind::Int, ColumnReader::DoubleColumnReader(r)) => Values::Ints(cells(r, skip, rows)?.map(whole)?),
        (Kind::Real, ColumnReader::DoubleColumnReader(r)) => Values::Reals(cells(r, skip, rows)?),
        (Kind::Real, ColumnReader::FloatColumnReader(r)) => {
            Values::Reals(cells(r, skip, rows)?.map(|value| Ok(value.into()))?)
        }
        (Kind::Real, ColumnReader::Int64ColumnReader(r)) => {
            Values::Reals(cells(r, skip, rows)?.map(|value| Ok(value as f64))?)
        }
        (Kind::Real, ColumnReader::Int32ColumnReader(r)) => {
            Values::Reals(cells(r, skip, rows)?.map(|value| Ok(value.into()))?)
        }
        (Kind::Text, ColumnReader::ByteArrayColumnReader(r)) => Values::Texts(cells(r, skip, rows)?),
        (Kind::Text, ColumnReader::Int64ColumnReader(r)) => {
            Values::Texts(cells(r, skip, rows)?.map(|value| Ok(value.to_string().as_str().into()))?)
        }
        (Kind::Flag, ColumnReader::BoolColumnReader(r)) => Values::Flags(cells(r, skip, rows)?),
        (kind, _) => return Err(not(&format!("something else than {kind:?}"))),
    })
}

fn cells<T: DataType>(reader: &mut ColumnReaderImpl<T>, skip: usize, rows: usize) -> Result<Cells<T::T>> {
    let cut = || ParquetError::EOF("a column has fewer rows than its row group".into());
    if reader.skip_records(skip)? != skip {
        return Err(cut());
    }
    let mut values = Vec::with_capacity(rows);
    let mut defined = Vec::new();
    let (read, ..) = reader.read_records(rows, Some(&mut defined), None, &mut values)?;
    if read != rows {
        return Err(cut());
    }
    let defined = (values.len() != rows).then_some(defined);
    Ok(Cells { values, defined, next: 0 })
}

/// Timestamps of some rows.
pub(super) fn times(mut reader: ColumnReader, skip: usize, rows: usize) -> Result<Vec<i64>> {
    let column = Column { name: "timestamp", kind: Kind::Int, nullable: false, unit: "ms" };
    match values(&mut reader, &column, 1, skip, rows)? {
        Values::Ints(cells) if cells.defined.is_none() => Ok(cells.values),
        _ => Err(ParquetError::General("a timestamp is missing".into())),
    }
}

/// How many of a time column's units make a millisecond.
fn unit(logical: Option<&LogicalType>) -> i64 {
    match logical {
        Some(LogicalType::Timestamp(time)) => match time.unit {
            TimeUnit::MILLIS => 1,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1_000_000,
        },
        _ => 1,
    }
}

/// Gives the values of a row, column by column.
pub(super) struct Source {
    columns: Vec<Values>,
    row: usize,
    next: usize,
}

impl Source {
    pub(super) fn new(columns: Vec<Values>) -> Source {
        Source { columns, row: 0, next: 0 }
    }

    /// Goes to a row; rows are taken one after the other, and each wholly.
    pub(super) fn begin(&mut self, row: usize) {
        (self.row, self.next) = (row, 0);
    }

    fn column(&mut self) -> std::result::Result<(&mut Values, usize), BadValue> {
        self.next += 1;
        self.columns.get_mut(self.next - 1).map(|values| (values, self.row)).ok_or(BadValue::Missing)
    }
}

impl row::Source for Source {
    type Error = BadValue;

    fn int(&mut self) -> std::result::Result<Option<i64>, BadValue> {
        match self.column()? {
            (Values::Ints(cells), row) => Ok(cells.get(row).copied()),
            (Values::Same(Same::Int(value)), _) => Ok(Some(*value)),
            (Values::Same(Same::Null), _) => Ok(None),
            _ => Err(BadValue::Missing),
        }
    }

    fn real(&mut self) -> std::result::Result<Option<f64>, BadValue> {
        match self.column()? {
            (Values::Reals(cells), row) => match cells.get(row) {
                Some(value) if !value.is_finite() => Err(BadValue::Unknown(value.to_string())),
                value => Ok(value.copied()),
            },
            (Values::Same(Same::Null), _) => Ok(None),
            _ => Err(BadValue::Missing),
        }
    }

    fn text(&mut self) -> std::result::Result<Option<Cow<'_, str>>, BadValue> {
        let text = match self.column()? {
            (Values::Texts(cells), row) => cells.get(row),
            (Values::Same(Same::Text(value)), _) => return Ok(Some(Cow::Borrowed(value))),
            (Values::Same(Same::Null), _) => None,
            _ => return Err(BadValue::Missing),
        };
        let unreadable = |_| BadValue::Unknown("a text that is not UTF-8".into());
        text.map(|text| std::str::from_utf8(text.data()).map(Cow::Borrowed).map_err(unreadable)).transpose()
    }

    fn flag(&mut self) -> std::result::Result<Option<bool>, BadValue> {
        match self.column()? {
            (Values::Flags(cells), row) => Ok(cells.get(row).copied()),
            (Values::Same(Same::Flag(value)), _) => Ok(Some(*value)),
            (Values::Same(Same::Null), _) => Ok(None),
            _ => Err(BadValue::Missing),
        }
    }
}
