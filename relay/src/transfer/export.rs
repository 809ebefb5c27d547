//! Rows of the store into a file.

use std::io::Write;
use std::sync::Arc;

use futures_util::StreamExt;
use shared::event::Event;
use shared::market::Ms;

use super::cells::columns;
use super::{Progress, Range, Series, TransferError};
use crate::store::archive::kinds;
use crate::store::archive::write::Rows as ParquetRows;
use crate::store::row::Sink;
use crate::store::{Dataset, Query, Store};

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Csv,
    Parquet,
}

/// Writes the rows of a range, ascending by (timestamp, venue), sealed and running days alike; answers how many.
/// Progress is told in milliseconds of the range, from its first row on.
///
/// # Errors
/// [`TransferError`], in one line.
pub async fn export(
    store: Arc<dyn Store>,
    series: &Series,
    (from, to): Range,
    format: Format,
    out: &mut (dyn Write + Send),
    progress: Progress<'_>,
) -> Result<u64, TransferError> {
    let query = Query {
        dataset: series.dataset,
        symbol: series.symbol.clone(),
        venue: series.venue.clone(),
        from,
        to,
        limit: usize::MAX,
        newest: false,
    };
    let mut chunks = store.stream(query);
    let mut file = match format {
        Format::Csv => Out::Csv(Csv::begin(out, series.dataset).map_err(unwritten)?),
        Format::Parquet => Out::Parquet(ParquetRows::begin(out, series.dataset).map_err(unwritten)?),
    };
    let (mut rows, mut begin) = (0, None);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        rows += chunk.len() as u64;
        match &mut file {
            Out::Csv(csv) => csv.rows(&chunk).map_err(unwritten)?,
            Out::Parquet(parquet) => parquet.rows(&chunk).map_err(unwritten)?,
        }
        if let (Some(first), Some(last)) = (chunk.first(), chunk.last()) {
            let begin = *begin.get_or_insert(first.timestamp());
            let span = |end: Ms| (end - begin).0.max(0).unsigned_abs();
            progress(span(last.timestamp()), span(to));
        }
    }
    match file {
        Out::Csv(csv) => csv.out.flush().map_err(unwritten)?,
        Out::Parquet(parquet) => drop(parquet.end().map_err(unwritten)?),
    }
    Ok(rows)
}

enum Out<'a> {
    Csv(Csv<'a>),
    Parquet(ParquetRows<&'a mut (dyn Write + Send)>),
}

fn unwritten(e: impl std::fmt::Display) -> TransferError {
    TransferError::File { doing: "write", path: "the rows".into(), detail: e.to_string() }
}

/// Lines of text; numbers as the HTTP answers have them.
struct Csv<'a> {
    out: &'a mut (dyn Write + Send),
    dataset: Dataset,
    line: Line,
}

impl<'a> Csv<'a> {
    fn begin(out: &'a mut (dyn Write + Send), dataset: Dataset) -> std::io::Result<Csv<'a>> {
        let names: Vec<&str> = columns(dataset).map(|column| column.name).collect();
        writeln!(out, "{}", names.join(","))?;
        Ok(Csv { out, dataset, line: Line(Vec::new()) })
    }

    fn rows(&mut self, events: &[Event]) -> std::io::Result<()> {
        for event in events {
            let Line(bytes) = &mut self.line;
            bytes.clear();
            self.line.text(Some(event.symbol.as_str()))?;
            self.line.text(Some(event.venue.as_str()))?;
            self.line.int(Some(event.timestamp().0))?;
            self.line.int(Some(event.received.0))?;
            kinds::write(self.dataset, event, &mut self.line)?;
            // The last comma becomes the end of the line.
            self.line.0.pop();
            self.line.0.push(b'\n');
            self.out.write_all(&self.line.0)?;
        }
        Ok(())
    }
}

/// A line of values, a comma after each.
struct Line(Vec<u8>);

impl Line {
    fn put(&mut self, value: Option<impl serde::Serialize>) -> std::io::Result<()> {
        if let Some(value) = value {
            serde_json::to_writer(&mut self.0, &value)?;
        }
        self.0.push(b',');
        Ok(())
    }
}

impl Sink for Line {
    type Error = std::io::Error;

    fn int(&mut self, value: Option<i64>) -> std::io::Result<()> {
        self.put(value)
    }

    fn real(&mut self, value: Option<f64>) -> std::io::Result<()> {
        self.put(value)
    }

    fn text(&mut self, value: Option<&str>) -> std::io::Result<()> {
        let value = value.unwrap_or_default();
        if value.contains([',', '"', '\n', '\r']) || value.trim() != value {
            write!(self.0, "\"{}\",", value.replace('"', "\"\""))
        } else {
            write!(self.0, "{value},")
        }
    }

    fn flag(&mut self, value: Option<bool>) -> std::io::Result<()> {
        self.put(value)
    }
}
