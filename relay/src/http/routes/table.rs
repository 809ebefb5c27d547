//! Rows as JSON, columns or CSV: written straight from the rows, in pieces, with validators for caches.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use shared::event::Depth;

use super::query::Format;

/// Rows written between two pieces of a body.
const PIECE_ROWS: usize = 512;

/// One value of a row.
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
pub(super) trait Row: Send + 'static {
    const FIELDS: &'static [&'static str];
    /// The value of `FIELDS[field]`.
    fn cell(&self, field: usize) -> Cell<'_>;
}

/// Rows whose fields are known once they are asked for.
pub(super) trait Table: Send + 'static {
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

    fn hash(&self, hasher: &mut DefaultHasher) {
        match self {
            Cell::Int(value) => value.hash(hasher),
            Cell::Number(value) => value.to_bits().hash(hasher),
            Cell::Text(value) | Cell::Json(value) => value.hash(hasher),
            Cell::Bool(value) => value.hash(hasher),
            Cell::Depth(value) => (value.bid_usd.to_bits(), value.ask_usd.to_bits()).hash(hasher),
            Cell::Null => 0_u8.hash(hasher),
            Cell::Absent => 1_u8.hash(hasher),
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

/// The answer: streamed rows, or 304 where the client has them already.
pub(super) fn answer<R: Row>(
    rows: Vec<R>,
    format: Format,
    freshness: Freshness,
    request: &HeaderMap,
) -> Response {
    answer_table(rows, format, freshness, request)
}

/// The same of a table.
pub(super) fn answer_table(
    table: impl Table,
    format: Format,
    freshness: Freshness,
    request: &HeaderMap,
) -> Response {
    let tag = etag(&table, format);
    let known = request.get_all(header::IF_NONE_MATCH).iter().any(|v| names(v, &tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = if format == Format::Csv { "text/csv; charset=utf-8" } else { "application/json" };
        ([(header::CONTENT_TYPE, kind)], body(table, format)).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(freshness.cache_control()));
    response
}

/// Whether an `If-None-Match` value has the tag; compared weakly, as the method asks.
fn names(value: &HeaderValue, tag: &str) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let value = value.to_str().unwrap_or_default();
    value.trim() == "*" || value.split(',').any(|known| opaque(known) == opaque(tag))
}

/// Weak: compressed or not, the rows are the same.
fn etag(table: &impl Table, format: Format) -> String {
    let mut hasher = DefaultHasher::new();
    let fields = table.fields();
    (format as u8, &fields).hash(&mut hasher);
    for row in 0..table.rows() {
        for field in 0..fields.len() {
            table.cell(row, field).hash(&mut hasher);
        }
    }
    format!("W/\"{:016x}\"", hasher.finish())
}

fn body(table: impl Table, format: Format) -> Body {
    // Short answers in one piece, with a length.
    let total = steps(&table, format);
    if table.rows() <= PIECE_ROWS {
        let pieces: Vec<u8> = (0..total).flat_map(|n| piece(&table, format, n)).collect();
        return Body::from(pieces);
    }
    let pieces = stream::unfold((table, 0), move |(table, n)| async move {
        let bytes = (n < total).then(|| Bytes::from(piece(&table, format, n)))?;
        Some((Ok::<_, std::convert::Infallible>(bytes), (table, n + 1)))
    });
    // The compressing layer asks once more after the end.
    Body::from_stream(pieces.fuse())
}

/// Pieces a body is written in: runs of rows, or one column each.
fn steps(table: &impl Table, format: Format) -> usize {
    match format {
        Format::Json | Format::Csv => table.rows().div_ceil(PIECE_ROWS).max(1),
        Format::Columns => table.fields().len(),
    }
}

fn piece(table: &impl Table, format: Format, n: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * 1024);
    let last = n + 1 == steps(table, format);
    let run = n * PIECE_ROWS..table.rows().min((n + 1) * PIECE_ROWS);
    let fields = table.fields();
    match format {
        Format::Json => {
            if n == 0 {
                out.push(b'[');
            }
            for row in run {
                if row > 0 {
                    out.push(b',');
                }
                write_object(&fields, |field| table.cell(row, field), &mut out);
            }
            if last {
                out.push(b']');
            }
        }
        Format::Csv => {
            if n == 0 {
                out.extend_from_slice(fields.join(",").as_bytes());
                out.push(b'\n');
            }
            for row in run {
                for field in 0..fields.len() {
                    if field > 0 {
                        out.push(b',');
                    }
                    table.cell(row, field).csv(&mut out);
                }
                out.push(b'\n');
            }
        }
        Format::Columns => {
            out.push(if n == 0 { b'{' } else { b',' });
            json(&mut out, &fields.get(n));
            out.extend_from_slice(b":[");
            for row in 0..table.rows() {
                if row > 0 {
                    out.push(b',');
                }
                table.cell(row, n).json(&mut out);
            }
            out.push(b']');
            if last {
                out.push(b'}');
            }
        }
    }
    out
}

/// One row as a JSON object.
pub(super) fn object<R: Row>(row: &R, out: &mut Vec<u8>) {
    write_object(R::FIELDS, |field| row.cell(field), out);
}

fn write_object<'a>(fields: &[&str], cell: impl Fn(usize) -> Cell<'a>, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for (field, name) in fields.iter().enumerate() {
        let cell = cell(field);
        if matches!(cell, Cell::Absent) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        json(out, name);
        out.push(b':');
        cell.json(out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Number(i64);

    impl Row for Number {
        const FIELDS: &'static [&'static str] = &["timestamp"];

        fn cell(&self, _: usize) -> Cell<'_> {
            Cell::Int(self.0)
        }
    }

    #[tokio::test]
    async fn a_body_in_pieces_may_be_asked_again_after_its_end() {
        let rows: Vec<Number> = (0..2 * PIECE_ROWS as i64 + 1).map(Number).collect();
        let mut stream = body(rows, Format::Json).into_data_stream();
        let mut pieces = 0;
        while stream.next().await.is_some() {
            pieces += 1;
        }
        assert_eq!(pieces, 3);
        assert!(stream.next().await.is_none());
    }
}
