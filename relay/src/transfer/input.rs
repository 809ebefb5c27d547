//! Files as rows of values: CSV with a header line, or Parquet.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::cells::{self, Value, columns};
use super::{Series, TransferError};
use crate::store::row::{Column, Kind};

/// How a Parquet file begins.
const MAGIC: &[u8] = b"PAR1";

/// The rows of a file, one after the other.
pub(super) struct Input {
    path: String,
    rows: Rows,
    /// Bytes of a CSV file, rows of a Parquet file.
    pub(super) whole: u64,
    /// Columns of the file that mean nothing here.
    pub(super) ignored: Vec<String>,
}

enum Rows {
    Csv { reader: Box<csv::Reader<BufReader<File>>>, fields: Vec<Option<usize>>, record: csv::StringRecord },
    Parquet { rows: RowIter<'static>, fields: Vec<Option<(usize, Scale)>>, row: u64 },
}

/// What a file's number has to be divided by to be ours; dates count days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scale {
    By(i64),
    Days,
}

impl Input {
    /// Opens a file; the form is told by how it begins.
    ///
    /// # Errors
    /// A file that cannot be read, or lacks a column.
    pub(super) fn open(path: &Path, series: &Series) -> Result<Input, TransferError> {
        let shown = path.display().to_string();
        let failed = |e: &dyn std::fmt::Display| TransferError::File {
            doing: "read",
            path: shown.clone(),
            detail: e.to_string(),
        };
        let mut file = File::open(path).map_err(|e| failed(&e))?;
        let mut begin = Vec::new();
        file.by_ref().take(4).read_to_end(&mut begin).map_err(|e| failed(&e))?;
        file.rewind().map_err(|e| failed(&e))?;
        if begin == MAGIC {
            return Input::parquet(file, shown, series);
        }
        let whole = file.metadata().map_err(|e| failed(&e))?.len();
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(BufReader::new(file));
        let header = reader.headers().map_err(|e| failed(&e))?.clone();
        let names: Vec<String> = header.iter().map(name).collect();
        let (fields, ignored) = place(&names, &shown, series)?;
        let rows = Rows::Csv { reader: Box::new(reader), fields, record: csv::StringRecord::new() };
        Ok(Input { path: shown, rows, whole, ignored })
    }

    fn parquet(file: File, path: String, series: &Series) -> Result<Input, TransferError> {
        let failed = |e: parquet::errors::ParquetError| TransferError::File {
            doing: "read",
            path: path.clone(),
            detail: format!("{e} (zstd, snappy and no compression can be read)"),
        };
        let reader = SerializedFileReader::new(file).map_err(failed)?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let mut names = Vec::new();
        let mut kept = Vec::new();
        let mut scales = Vec::new();
        let mut ignored = Vec::new();
        for field in schema.root_schema().get_fields() {
            let known = columns(series.dataset).any(|column| column.name == name(field.name()));
            if known && field.is_primitive() {
                names.push(name(field.name()));
                scales.push(scale(field));
                kept.push(Arc::clone(field));
            } else {
                ignored.push(field.name().to_owned());
            }
        }
        let (fields, _) = place(&names, &path, series)?;
        let fields =
            fields.into_iter().map(|n| n.map(|n| (n, scales.get(n).copied().unwrap_or(Scale::By(1)))));
        let fields = fields.collect();
        let projection = Type::group_type_builder(schema.root_schema().name()).with_fields(kept).build();
        let whole = reader.metadata().file_metadata().num_rows().unsigned_abs();
        let rows = RowIter::from_file_into(Box::new(reader)).project(Some(projection.map_err(failed)?));
        let rows = Rows::Parquet { rows: rows.map_err(failed)?, fields, row: 0 };
        Ok(Input { path, rows, whole, ignored })
    }

    /// The next row's values, in the order of [`columns`]; `None` after the last.
    ///
    /// # Errors
    /// A line or value that cannot be read.
    pub(super) fn next(&mut self, series: &Series) -> Result<Option<Vec<Value>>, TransferError> {
        let values = match &mut self.rows {
            Rows::Csv { reader, fields, record } => match reader.read_record(record) {
                Ok(false) => return Ok(None),
                Ok(true) => {
                    let text = |n: &Option<usize>| n.and_then(|n| record.get(n)).unwrap_or_default();
                    columns(series.dataset)
                        .zip(fields.iter())
                        .map(|(c, n)| cells::parse(c, text(n)))
                        .collect()
                }
                Err(e) => Err(match e.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("{len} fields instead of {expected_len}")
                    }
                    csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
                    _ => e.to_string(),
                }),
            },
            Rows::Parquet { rows, fields, row } => {
                let Some(found) = rows.next() else { return Ok(None) };
                *row += 1;
                match found {
                    Ok(found) => {
                        let found: Vec<&Field> = found.get_column_iter().map(|(_, field)| field).collect();
                        let value = |(column, place): (&Column, &Option<(usize, Scale)>)| match place {
                            Some((n, scale)) => {
                                found.get(*n).map_or(Ok(Value::Null), |field| convert(column, field, *scale))
                            }
                            None => Ok(Value::Null),
                        };
                        columns(series.dataset).zip(fields.iter()).map(value).collect()
                    }
                    Err(e) => Err(e.to_string()),
                }
            }
        };
        values.map(Some).map_err(|detail| self.bad(detail))
    }

    /// Blames the row that was read last.
    pub(super) fn bad(&self, detail: String) -> TransferError {
        let place = match &self.rows {
            Rows::Csv { reader, record, .. } => {
                let line = record.position().map_or_else(|| reader.position().line(), csv::Position::line);
                format!("line {line}")
            }
            Rows::Parquet { row, .. } => format!("row {row}"),
        };
        TransferError::Row { path: self.path.clone(), place, detail }
    }

    /// How far it is, of [`Self::whole`].
    pub(super) fn done(&self) -> u64 {
        match &self.rows {
            Rows::Csv { reader, .. } => reader.position().byte(),
            Rows::Parquet { row, .. } => *row,
        }
    }
}

/// A column's name as it is compared: spreadsheets put a mark before the first.
fn name(text: &str) -> String {
    text.trim_start_matches('\u{feff}').trim().to_ascii_lowercase()
}

/// Where in the file each column stands, and what else there is.
fn place(
    names: &[String],
    path: &str,
    series: &Series,
) -> Result<(Vec<Option<usize>>, Vec<String>), TransferError> {
    let mut fields = Vec::new();
    for column in columns(series.dataset) {
        let at = names.iter().position(|name| name == column.name);
        if at.is_none() && !cells::may_lack(series.dataset, column) {
            let needed = columns(series.dataset).filter(|c| !cells::may_lack(series.dataset, c));
            let needed: Vec<&str> = needed.map(|c| c.name).collect();
            let needed = needed.join(", ");
            return Err(TransferError::Column { path: path.to_owned(), column: column.name, needed });
        }
        fields.push(at);
    }
    let unknown = |name: &&String| !columns(series.dataset).any(|column| column.name == name.as_str());
    Ok((fields, names.iter().filter(unknown).cloned().collect()))
}

/// How a Parquet column counts time.
fn scale(field: &Type) -> Scale {
    match field.get_basic_info().logical_type_ref() {
        // The others the reader knows by themselves.
        Some(LogicalType::Timestamp(at)) if at.unit == TimeUnit::NANOS => Scale::By(1_000_000),
        Some(LogicalType::Date) => Scale::Days,
        _ => Scale::By(1),
    }
}

/// A Parquet value as what our column holds.
fn convert(column: &Column, field: &Field, scale: Scale) -> Result<Value, String> {
    let whole = |n: i64| match (column.kind, scale) {
        (Kind::Real, _) => Value::Real(n as f64),
        (_, Scale::By(by)) => Value::Int(n.div_euclid(by)),
        (_, Scale::Days) => Value::Int(n.saturating_mul(86_400_000)),
    };
    Ok(match (field, column.kind) {
        (Field::Null, _) => Value::Null,
        // Frames have no null of numbers but this.
        (Field::Float(x), _) if x.is_nan() && column.nullable => Value::Null,
        (Field::Double(x), _) if x.is_nan() && column.nullable => Value::Null,
        (Field::Bool(flag), Kind::Flag) => Value::Flag(*flag),
        (Field::Byte(n), Kind::Int | Kind::Real) => whole((*n).into()),
        (Field::Short(n), Kind::Int | Kind::Real) => whole((*n).into()),
        (Field::Int(n) | Field::Date(n), Kind::Int | Kind::Real) => whole((*n).into()),
        (Field::Long(n) | Field::TimestampMillis(n), Kind::Int | Kind::Real) => whole(*n),
        (Field::TimestampMicros(n), Kind::Int) => Value::Int(n.div_euclid(1_000)),
        (Field::UByte(n), Kind::Int | Kind::Real) => whole((*n).into()),
        (Field::UShort(n), Kind::Int | Kind::Real) => whole((*n).into()),
        (Field::UInt(n), Kind::Int | Kind::Real) => whole((*n).into()),
        (Field::ULong(n), Kind::Int | Kind::Real) => whole(i64::try_from(*n).unwrap_or(i64::MAX)),
        (Field::Float(x), Kind::Real) => Value::Real((*x).into()),
        (Field::Double(x), Kind::Real) => Value::Real(*x),
        // A column of whole numbers with nulls becomes one of doubles in a frame.
        (Field::Double(x), Kind::Int) if x.fract() == 0.0 && x.abs() < 9e15 => Value::Int(*x as i64),
        (Field::Str(text), _) => cells::parse(column, text)?,
        (Field::Bytes(bytes), Kind::Text) => {
            let text =
                std::str::from_utf8(bytes.data()).map_err(|_| format!("`{}` is not UTF-8", column.name))?;
            cells::parse(column, text)?
        }
        (other, _) => {
            return Err(format!(
                "`{}`: {} cannot be read here",
                column.name,
                cells::clip(&other.to_string())
            ));
        }
    })
}
