//! Rows as JSON, columns or CSV: written straight from the rows, with a validator for caches.

use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::event::Depth;
use xxhash_rust::xxh3::xxh3_64;

use super::query::Format;

/// Answers of more rows are written off the async threads: a long one takes some milliseconds.
const AT_ONCE: usize = 512;
/// Answers of so many rows are worth a second thread; in tests most are.
const LONG: usize = if cfg!(test) { 2 } else { 2_048 };
/// Bytes a row takes, about.
const ROW_BYTES: usize = 320;

/// One value of a row.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    Int(i64),
    Number(f64),
    Text(&'a str),
    Bool(bool),
    Depth(Depth),
    /// JSON text that stands as it is.
    Json(&'a str),
    Null,
    /// Not said at all: left out of JSON objects, null in columns, empty in CSV.
    Absent,
}

/// A row of fixed fields.
pub(super) trait Row: Send + Sync + 'static {
    const FIELDS: &'static [&'static str];
    /// The value of `FIELDS[field]`.
    fn cell(&self, field: usize) -> Cell<'_>;
}

/// Rows whose fields are known once they are asked for.
pub(super) trait Table: Send + Sync + 'static {
    fn fields(&self) -> Vec<&str>;
    fn rows(&self) -> usize;
    /// The value of field number `field` of a row.
    fn cell(&self, row: usize, field: usize) -> Cell<'_>;
}

impl<R: Row> Table for Vec<R> {
    fn fields(&self) -> Vec<&str> {
        R::FIELDS.to_vec()
    }

    fn rows(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize, field: usize) -> Cell<'_> {
        self.get(row).map_or(Cell::Absent, |row| row.cell(field))
    }
}

impl<'a> Cell<'a> {
    pub(super) fn maybe_number(value: Option<f64>) -> Cell<'a> {
        value.map_or(Cell::Null, Cell::Number)
    }

    pub(super) fn maybe_int(value: Option<i64>) -> Cell<'a> {
        value.map_or(Cell::Null, Cell::Int)
    }

    /// Whether it is written as `other` is; where that is not looked into, it is not.
    fn is_same(self, other: Cell<'_>) -> bool {
        match (self, other) {
            (Cell::Int(a), Cell::Int(b)) => a == b,
            (Cell::Number(a), Cell::Number(b)) => a.to_bits() == b.to_bits(),
            (Cell::Text(a), Cell::Text(b)) => a == b,
            (Cell::Bool(a), Cell::Bool(b)) => a == b,
            (Cell::Null, Cell::Null) | (Cell::Absent, Cell::Absent) => true,
            _ => false,
        }
    }

    fn json(&self, out: &mut Vec<u8>) {
        match self {
            Cell::Int(value) => json(out, value),
            Cell::Number(value) => json(out, value),
            Cell::Text(value) => json(out, value),
            Cell::Bool(value) => json(out, value),
            Cell::Depth(value) => json(out, value),
            Cell::Json(text) => out.extend_from_slice(text.as_bytes()),
            Cell::Null | Cell::Absent => out.extend_from_slice(b"null"),
        }
    }

    fn csv(&self, out: &mut Vec<u8>) {
        match self {
            // Nothing a symbol, venue or name may hold needs quoting but these.
            Cell::Text(value) if !value.contains([',', '"', '\n', '\r']) => {
                out.extend_from_slice(value.as_bytes());
            }
            Cell::Text(value) | Cell::Json(value) => {
                out.extend_from_slice(format!("\"{}\"", value.replace('"', "\"\"")).as_bytes());
            }
            Cell::Depth(value) => {
                json(out, &value.bid_usd);
                out.push(b';');
                json(out, &value.ask_usd);
            }
            Cell::Null | Cell::Absent => {}
            Cell::Int(_) | Cell::Number(_) | Cell::Bool(_) => self.json(out),
        }
    }
}

/// Writing to memory does not fail; a number that is not finite becomes null.
fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).unwrap_or_default();
}

/// How long an answer may be reused without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Freshness {
    /// The range reaches the present: ask each time (and hear 304 if nothing changed).
    Live,
    /// The range lies in the past; corrections and refilled holes are seldom.
    Past,
    /// Something could not be fetched.
    Incomplete,
}

impl Freshness {
    const fn cache_control(self) -> &'static str {
        match self {
            Freshness::Live => "no-cache",
            Freshness::Past => "max-age=300",
            Freshness::Incomplete => "no-store",
        }
    }
}

/// The answer, with a weak validator: compressed or not, and wherever the rows came from, they are the same.
pub(super) async fn answer<R: Row>(rows: Vec<R>, format: Format, freshness: Freshness) -> Response {
    answer_table(rows, format, freshness).await
}

/// The same of a table.
pub(super) async fn answer_table(table: impl Table, format: Format, freshness: Freshness) -> Response {
    let (bytes, tag) = if table.rows() <= AT_ONCE {
        written(&table, format)
    } else {
        // Fails only where the runtime is shutting down; nobody hears the answer then.
        tokio::task::spawn_blocking(move || written(&table, format)).await.unwrap_or_default()
    };
    let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/json" };
    tagged(tag, freshness, ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}

/// One JSON document, tagged by its text.
pub(super) fn document(value: &impl Serialize, freshness: Freshness) -> Response {
    let mut body = Vec::new();
    json(&mut body, value);
    let tag = tag_of(&body);
    tagged(tag, freshness, ([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// An answer under a tag. That a client has it already is seen where answers are shared.
pub(super) fn tagged(tag: String, freshness: Freshness, mut response: Response) -> Response {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(freshness.cache_control()));
    response
}

fn tag_of(body: &[u8]) -> String {
    format!("W/\"{:016x}\"", xxh3_64(body))
}

/// The body and its tag.
fn written(table: &impl Table, format: Format) -> (Bytes, String) {
    let mut out = Vec::with_capacity(table.rows() * ROW_BYTES);
    match format {
        Format::Json => objects(table, &mut out),
        Format::Columns => columns(table, &mut out),
        Format::Csv => lines(table, &mut out),
    }
    let tag = tag_of(&out);
    (out.into(), tag)
}

fn objects(table: &impl Table, out: &mut Vec<u8>) {
    let keys = Keys::of_table(table);
    let write = |rows: Range<usize>, out: &mut Vec<u8>| {
        for row in rows {
            keys.object(|field| table.cell(row, field), out);
            out.push(b',');
        }
    };
    let rows = table.rows();
    out.push(b'[');
    if rows < LONG || std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        write(0..rows, out);
    } else {
        // The later half meanwhile, on another core.
        std::thread::scope(|scope| {
            let later = scope.spawn(|| {
                let mut later = Vec::with_capacity((rows - rows / 2) * ROW_BYTES);
                write(rows / 2..rows, &mut later);
                later
            });
            write(0..rows / 2, out);
            out.append(&mut later.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        });
    }
    if rows > 0 {
        out.pop();
    }
    out.push(b']');
}

fn columns(table: &impl Table, out: &mut Vec<u8>) {
    for (n, name) in table.fields().iter().enumerate() {
        out.push(if n == 0 { b'{' } else { b',' });
        json(out, name);
        out.extend_from_slice(b":[");
        for row in 0..table.rows() {
            if row > 0 {
                out.push(b',');
            }
            table.cell(row, n).json(out);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn lines(table: &impl Table, out: &mut Vec<u8>) {
    let fields = table.fields();
    out.extend_from_slice(fields.join(",").as_bytes());
    out.push(b'\n');
    for row in 0..table.rows() {
        for field in 0..fields.len() {
            if field > 0 {
                out.push(b',');
            }
            table.cell(row, field).csv(out);
        }
        out.push(b'\n');
    }
}

/// What stands in the JSON of every row: the fields' names, and whatever value all rows have.
struct Keys {
    varying: Vec<Key>,
    /// Fields that are the same in all rows, after the last that is not.
    tail: Vec<u8>,
}

/// A field that differs from row to row.
struct Key {
    field: usize,
    /// Same fields before it, each with the comma before it.
    before: Vec<u8>,
    /// Its comma, name and colon.
    name: Vec<u8>,
}

impl Keys {
    fn of(fields: &[&str]) -> Keys {
        Self::new(fields, |_| None)
    }

    /// Most rows of an answer have one symbol, venue, interval: these are found and written once.
    fn of_table(table: &impl Table) -> Keys {
        Self::new(&table.fields(), |field| {
            let first = table.cell(0, field);
            let same = table.rows() > 1 && (1..table.rows()).all(|row| table.cell(row, field).is_same(first));
            same.then_some(first)
        })
    }

    fn new<'a>(fields: &[&str], same: impl Fn(usize) -> Option<Cell<'a>>) -> Keys {
        let mut varying = Vec::new();
        let mut before = Vec::new();
        for (field, name) in fields.iter().enumerate() {
            let mut key = vec![b','];
            json(&mut key, name);
            key.push(b':');
            match same(field) {
                Some(Cell::Absent) => {}
                Some(cell) => {
                    before.append(&mut key);
                    cell.json(&mut before);
                }
                None => varying.push(Key { field, before: std::mem::take(&mut before), name: key }),
            }
        }
        Keys { varying, tail: before }
    }

    fn object<'a>(&self, cell: impl Fn(usize) -> Cell<'a>, out: &mut Vec<u8>) {
        let begin = out.len();
        for Key { field, before, name } in &self.varying {
            out.extend_from_slice(before);
            let cell = cell(*field);
            if !matches!(cell, Cell::Absent) {
                out.extend_from_slice(name);
                cell.json(out);
            }
        }
        out.extend_from_slice(&self.tail);
        // The first field's comma is the object's brace.
        match out.get_mut(begin) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }
}

/// One row as a JSON object.
pub(super) fn object<R: Row>(row: &R, out: &mut Vec<u8>) {
    Keys::of(R::FIELDS).object(|field| row.cell(field), out);
}
