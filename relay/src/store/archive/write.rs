//! A day of rows as a Parquet file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use shared::event::Event;
use shared::market::{Ms, VenueId};
use xxhash_rust::xxh3::Xxh3Default;

use super::layout::{self, Meta};
use super::{ArchiveError, kinds};
use crate::store::Dataset;
use crate::store::row::{COMMON, Column, Kind, Sink};

/// Rows of a row group.
pub const GROUP_ROWS: usize = 65_536;
/// Rows of a page: what is decoded at least to find one row.
pub const PAGE_ROWS: usize = 8_192;
/// Number of this schema, in the metadata of each file.
pub const SCHEMA: &str = "1";

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    pub rows: u64,
    pub bytes: u64,
    /// Timestamp of the first row.
    pub first: Ms,
    /// Timestamp of the last row.
    pub last: Ms,
    /// XXH3 (64 bit) of the whole file.
    pub xxh3: u64,
}

/// Writes the rows of a day, ascending by (timestamp, venue, key), to `path`, over what is there, and waits until they
/// are on the disk. Folders are made; the folder itself is not synced.
///
/// # Errors
/// [`ArchiveError::Rows`] when there are none, or they are not in order, of another day, series or dataset, or hold a
/// number that is not finite; [`ArchiveError::Io`] with the disk's own words. What was begun is removed.
pub fn write(path: &Path, meta: &Meta, rows: &[Event]) -> Result<Written, ArchiveError> {
    check(path, meta, rows)?;
    let io = |doing, source| ArchiveError::Io { doing, path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| io("make the folder of", e))?;
    }
    let file = File::create(path).map_err(|e| io("create", e))?;
    let written = encode(file, meta, rows).map_err(|e| match e {
        Fault::Parquet(ParquetError::External(e)) => match e.downcast::<std::io::Error>() {
            Ok(e) => io("write", *e),
            Err(e) => ArchiveError::Rows { path: path.to_owned(), detail: e.to_string() },
        },
        Fault::Parquet(e) => ArchiveError::Rows { path: path.to_owned(), detail: e.to_string() },
        Fault::Io(e) => io("write", e),
        Fault::Value => ArchiveError::Rows { path: path.to_owned(), detail: "a number is not finite".into() },
    });
    if written.is_err() {
        // Half a file is of no use and takes room that a full disk lacks.
        std::fs::remove_file(path).ok();
    }
    written
}

fn check(path: &Path, meta: &Meta, rows: &[Event]) -> Result<(), ArchiveError> {
    let refuse = |detail: String| Err(ArchiveError::Rows { path: path.to_owned(), detail });
    if rows.is_empty() {
        return refuse("there are none".into());
    }
    for row in rows {
        let at = row.timestamp();
        let here = row.symbol == meta.symbol && meta.venue.as_ref().is_none_or(|venue| row.venue == *venue);
        if !here || !kinds::belongs(meta.dataset, row) || !(meta.day..meta.end()).contains(&at) {
            let name = layout::name(meta.dataset);
            return refuse(format!("{} {} at {} is no row of these {name}", row.venue, row.symbol, at.0));
        }
    }
    for pair in rows.windows(2) {
        if let [a, b] = pair
            && kinds::order(meta.dataset, a, b) != std::cmp::Ordering::Less
        {
            return refuse(format!("they are not in order at {}", b.timestamp().0));
        }
    }
    Ok(())
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Parquet(ParquetError),
    #[error("{0}")]
    Io(std::io::Error),
    /// Not a number, or endless.
    #[error("a number is not finite")]
    Value,
}

impl From<ParquetError> for Fault {
    fn from(e: ParquetError) -> Fault {
        Fault::Parquet(e)
    }
}

fn encode(file: File, meta: &Meta, rows: &[Event]) -> Result<Written, Fault> {
    let out = Hashing { inner: BufWriter::with_capacity(1 << 16, file), hash: Xxh3Default::new(), bytes: 0 };
    let properties = properties(meta.dataset, metadata(meta, rows.len()));
    let mut file = Rows::with(out, meta.dataset, properties)?;
    file.rows(rows)?;
    let mut out = file.end()?;
    let synced = out.inner.flush().and_then(|()| out.inner.get_ref().sync_all());
    synced.map_err(Fault::Io)?;
    let at = |row: Option<&Event>| row.map_or(Ms::ZERO, Event::timestamp);
    Ok(Written {
        rows: rows.len() as u64,
        bytes: out.bytes,
        first: at(rows.first()),
        last: at(rows.last()),
        xxh3: out.hash.digest(),
    })
}

/// Rows of one dataset on their way into a file, group by group.
pub(crate) struct Rows<W: Write + Send> {
    dataset: Dataset,
    writer: SerializedFileWriter<W>,
    columns: Columns,
    /// Rows in `columns`.
    held: usize,
}

impl<W: Write + Send> Rows<W> {
    /// A file of any rows of a dataset, with the units in its metadata.
    pub(crate) fn begin(out: W, dataset: Dataset) -> Result<Rows<W>, Fault> {
        Rows::with(out, dataset, properties(dataset, vec![units(dataset)]))
    }

    fn with(out: W, dataset: Dataset, properties: WriterProperties) -> Result<Rows<W>, Fault> {
        let writer = SerializedFileWriter::new(out, schema(dataset)?, Arc::new(properties))?;
        Ok(Rows { dataset, writer, columns: Columns::new(dataset), held: 0 })
    }

    /// Adds rows.
    pub(crate) fn rows(&mut self, rows: &[Event]) -> Result<(), Fault> {
        for row in rows {
            self.columns.row(self.dataset, row)?;
            self.held += 1;
            if self.held == GROUP_ROWS {
                self.group()?;
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), Fault> {
        let mut to = self.writer.next_row_group()?;
        self.columns.write(&mut to)?;
        to.close()?;
        self.columns.clear();
        self.held = 0;
        Ok(())
    }

    /// Writes the footer and gives back what was written to.
    pub(crate) fn end(mut self) -> Result<W, Fault> {
        if self.held > 0 {
            self.group()?;
        }
        Ok(self.writer.into_inner()?)
    }
}

/// All columns of a dataset's files.
pub(super) fn all_columns(dataset: Dataset) -> impl Iterator<Item = &'static Column> {
    COMMON.iter().chain(kinds::columns(dataset))
}

fn schema(dataset: Dataset) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Int => (Physical::INT64, None),
            Kind::Real => (Physical::DOUBLE, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let field = Type::primitive_type_builder(column.name, physical);
        field.with_repetition(repetition).with_logical_type(logical).build().map(Arc::new)
    };
    let fields = all_columns(dataset).map(field).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder("row").with_fields(fields).build()?))
}

fn said(name: &str, value: String) -> KeyValue {
    KeyValue::new(format!("tapedeck.{name}"), value)
}

/// What the columns are counted in.
fn units(dataset: Dataset) -> KeyValue {
    let units: serde_json::Map<String, serde_json::Value> = all_columns(dataset)
        .filter(|column| !column.unit.is_empty())
        .map(|column| (column.name.to_owned(), column.unit.into()))
        .collect();
    said("units", serde_json::Value::Object(units).to_string())
}

fn metadata(meta: &Meta, rows: usize) -> Vec<KeyValue> {
    vec![
        said("schema", SCHEMA.into()),
        said("dataset", layout::name(meta.dataset).into()),
        said("symbol", meta.symbol.to_string()),
        said("venue", meta.venue.as_ref().map_or(VenueId::ALL, VenueId::as_str).into()),
        said("day", layout::day_name(meta.day)),
        said("rows", rows.to_string()),
        units(meta.dataset),
    ]
}

fn properties(dataset: Dataset, metadata: Vec<KeyValue>) -> WriterProperties {
    let by_time = SortingColumn { column_idx: 2, descending: false, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("tapedeck version ", env!("CARGO_PKG_VERSION")).into())
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_key_value_metadata(Some(metadata))
        .set_sorting_columns(Some(vec![by_time]))
        .set_dictionary_enabled(false);
    // Texts repeat; ids do not, and numbers are packed well enough by zstd.
    for column in all_columns(dataset).filter(|column| column.kind == Kind::Text && column.name != "id") {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.name), true);
    }
    if let Ok(level) = ZstdLevel::try_new(3) {
        properties = properties.set_compression(Compression::ZSTD(level));
    }
    properties.build()
}

/// Counts and hashes what passes. The writer above it has a buffer of its own, of small pieces.
struct Hashing {
    inner: BufWriter<File>,
    hash: Xxh3Default,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.hash.update(buf.get(..n).unwrap_or(buf));
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Values of a row group, by column.
struct Columns {
    columns: Vec<Values>,
    /// The column that takes the next value.
    next: usize,
}

struct Values {
    values: Typed,
    /// 1 where there is a value, 0 where it is null; only for columns that may be.
    defined: Option<Vec<i16>>,
}

enum Typed {
    Int(Vec<i64>),
    Real(Vec<f64>),
    Text(Vec<ByteArray>),
    Flag(Vec<bool>),
}

impl Columns {
    fn new(dataset: Dataset) -> Columns {
        let column = |column: &Column| Values {
            values: match column.kind {
                Kind::Int => Typed::Int(Vec::new()),
                Kind::Real => Typed::Real(Vec::new()),
                Kind::Text => Typed::Text(Vec::new()),
                Kind::Flag => Typed::Flag(Vec::new()),
            },
            defined: column.nullable.then(Vec::new),
        };
        Columns { columns: all_columns(dataset).map(column).collect(), next: 0 }
    }

    fn clear(&mut self) {
        for column in &mut self.columns {
            match &mut column.values {
                Typed::Int(values) => values.clear(),
                Typed::Real(values) => values.clear(),
                Typed::Text(values) => values.clear(),
                Typed::Flag(values) => values.clear(),
            }
            column.defined.iter_mut().for_each(Vec::clear);
        }
    }

    fn row(&mut self, dataset: Dataset, row: &Event) -> Result<(), Fault> {
        self.next = 0;
        self.text(Some(row.symbol.as_str()))?;
        self.text(Some(row.venue.as_str()))?;
        self.int(Some(row.timestamp().0))?;
        self.int(Some(row.received.0))?;
        kinds::write(dataset, row, self)
    }

    /// The values the next column takes. What does not fit it is refused by the writer's count of values.
    fn next(&mut self, some: bool) -> Option<&mut Typed> {
        let column = self.columns.get_mut(self.next)?;
        self.next += 1;
        if let Some(defined) = &mut column.defined {
            defined.push(some.into());
        }
        Some(&mut column.values)
    }

    fn write(&self, to: &mut SerializedRowGroupWriter<'_, impl Write + Send>) -> Result<(), ParquetError> {
        for column in &self.columns {
            let Some(mut writer) = to.next_column()? else { break };
            let defined = column.defined.as_deref();
            match &column.values {
                Typed::Int(values) => put::<Int64Type>(&mut writer, values, defined)?,
                Typed::Real(values) => put::<DoubleType>(&mut writer, values, defined)?,
                Typed::Text(values) => put::<ByteArrayType>(&mut writer, values, defined)?,
                Typed::Flag(values) => put::<BoolType>(&mut writer, values, defined)?,
            }
            writer.close()?;
        }
        Ok(())
    }
}

fn put<T: parquet::data_type::DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    defined: Option<&[i16]>,
) -> Result<(), ParquetError> {
    writer.typed::<T>().write_batch(values, defined, None).map(drop)
}

impl Sink for Columns {
    type Error = Fault;

    fn int(&mut self, value: Option<i64>) -> Result<(), Fault> {
        if let (Some(Typed::Int(to)), Some(value)) = (self.next(value.is_some()), value) {
            to.push(value);
        }
        Ok(())
    }

    fn real(&mut self, value: Option<f64>) -> Result<(), Fault> {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(Fault::Value);
        }
        if let (Some(Typed::Real(to)), Some(value)) = (self.next(value.is_some()), value) {
            to.push(value);
        }
        Ok(())
    }

    fn text(&mut self, value: Option<&str>) -> Result<(), Fault> {
        if let (Some(Typed::Text(to)), Some(value)) = (self.next(value.is_some()), value) {
            let same = to.last().filter(|last| last.data() == value.as_bytes()).cloned();
            to.push(same.unwrap_or_else(|| value.into()));
        }
        Ok(())
    }

    fn flag(&mut self, value: Option<bool>) -> Result<(), Fault> {
        if let (Some(Typed::Flag(to)), Some(value)) = (self.next(value.is_some()), value) {
            to.push(value);
        }
        Ok(())
    }
}
