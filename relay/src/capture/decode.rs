//! The `decode` command: recorded frames in, normalised events out, one JSON a line.
//!
//! Every line of the input gives at least one line: its events, `{"type":"ignored","line":n,"kind":".."}` for
//! named kinds without one, `{"type":"error","line":n,"detail":".."}` for a damaged line. Depth becomes `book`
//! events once a snapshot in the stream starts the book; before that it is ignored as `depth_unsynced`, and
//! after a hole as `depth_gap`.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::Serialize;
use shared::event::{Body, Cursor, Event, Stamped, Topic};
use shared::market::{Ms, Symbol};

use super::interpret::{Interpreter, Reading};
use super::reader::{CaptureError, FrameReader, RawFrame};
use crate::ingest::book_sync::{BookOut, BookSync};
use crate::venues::{BookSource, DepthDiff, DepthSnapshot, Product, Update, Venue, What};

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Line {
    Event(Stamped),
    Note(Note),
}

/// A line of input that gives no event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Note {
    Ignored { line: u64, kind: &'static str },
    Error { line: u64, detail: String },
}

/// How many of each there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub events: u64,
    pub ignored: u64,
    pub bad: u64,
}

/// A book and the newest id in it.
struct Book {
    sync: BookSync,
    last_id: u64,
    source: BookSource,
}

/// Decodes one recording.
pub struct Decoder {
    venue: Arc<dyn Venue>,
    interpreter: Interpreter,
    books: HashMap<Symbol, Book>,
    seqs: HashMap<Topic, u64>,
    cursor: u64,
}

impl Decoder {
    /// `product` overrides what frames tell of theirs.
    pub fn new(venue: Arc<dyn Venue>, product: Option<Product>) -> Decoder {
        let interpreter = Interpreter::new(Arc::clone(&venue), product);
        Decoder { venue, interpreter, books: HashMap::new(), seqs: HashMap::new(), cursor: 0 }
    }

    /// Everything one line of the recording says.
    pub fn line(&mut self, item: Result<RawFrame, CaptureError>) -> Vec<Line> {
        let frame = match item {
            Ok(frame) => frame,
            Err(error) => {
                let line = error.line();
                return vec![Line::Note(Note::Error { line, detail: error.to_string() })];
            }
        };
        let line = frame.line;
        match self.interpreter.read(&frame) {
            Err(error) => vec![Line::Note(Note::Error { line, detail: error.to_string() })],
            Ok(Reading::Ignored(kind)) => vec![Line::Note(Note::Ignored { line, kind })],
            Ok(Reading::Updates(updates)) => {
                updates.into_iter().map(|update| self.update(line, update)).collect()
            }
        }
    }

    fn update(&mut self, line: u64, update: Update) -> Line {
        let Update { symbol, what } = update;
        let body = match what {
            What::Trade(x) => Ok(Body::Trade(x.trade)),
            What::Kline(x) => Ok(Body::Bar(x)),
            What::Oi(x) => Ok(Body::Oi(x)),
            What::Funding(x) => Ok(Body::Funding(x)),
            What::Liquidation(x) => Ok(Body::Liquidation(x)),
            What::Top(x) => Ok(Body::Book(x)),
            What::Diff(x) => self.diff(&symbol, x),
            What::Snapshot(x) => self.snapshot(&symbol, x),
            What::LastTrade { .. } => Err("last_trade"),
        };
        match body {
            Ok(body) => Line::Event(self.stamp(symbol, body)),
            Err(kind) => Line::Note(Note::Ignored { line, kind }),
        }
    }

    fn book(&mut self, symbol: &Symbol) -> &mut Book {
        self.books.entry(symbol.clone()).or_insert_with(|| {
            let found = self.interpreter.instruments().by_symbol(symbol);
            let (product, tick_size) = found.map_or(("", 0.0), |(product, i)| (product, i.tick_size));
            let (chain, source) = (self.venue.sequencer(product), self.venue.book_source(product));
            Book { sync: BookSync::new(chain, source, tick_size), last_id: 0, source }
        })
    }

    fn diff(&mut self, symbol: &Symbol, diff: DepthDiff) -> Result<Body, &'static str> {
        let now = self.interpreter.now();
        let Book { sync, last_id, .. } = self.book(symbol);
        let (was_synced, id) = (sync.is_synced(), diff.last_id);
        let top = top_of(sync.diff(diff, now));
        match (top, was_synced, sync.is_synced()) {
            (Some(body), ..) => {
                *last_id = id;
                Ok(body)
            }
            (None, true, false) => Err("depth_gap"),
            (None, false, _) => Err("depth_unsynced"),
            // A repeat, older than the snapshot, or a book with an empty side.
            (None, true, true) => Err("depth_no_change"),
        }
    }

    fn snapshot(&mut self, symbol: &Symbol, snapshot: DepthSnapshot) -> Result<Body, &'static str> {
        let now = self.interpreter.now();
        let Book { sync, last_id, source } = self.book(symbol);
        if *source == BookSource::Rest && sync.is_synced() && snapshot.last_id <= *last_id {
            // The chain goes on without it; an older one would put the book back. On a stream it is the new base.
            return Err("depth_snapshot_spare");
        }
        *last_id = snapshot.last_id;
        let top = top_of(sync.snapshot(snapshot, now));
        let synced = sync.is_synced();
        top.ok_or(if synced { "depth_no_change" } else { "depth_snapshot_too_old" })
    }

    fn stamp(&mut self, symbol: Symbol, body: Body) -> Stamped {
        let mut event = Event { received: Ms::ZERO, symbol, venue: self.venue.id(), body };
        // The receiver's clock may run behind the venue's; a lag is never negative.
        event.received = self.interpreter.now().max(event.timestamp());
        let seq = self.seqs.entry(event.topic()).or_insert(0);
        *seq += 1;
        self.cursor += 1;
        Stamped { seq: *seq, cursor: Cursor { epoch: 0, n: self.cursor }, event }
    }
}

fn top_of(out: Vec<BookOut>) -> Option<Body> {
    out.into_iter().find_map(|out| match out {
        BookOut::Top(top) => Some(Body::Book(top)),
        BookOut::NeedSnapshot | BookOut::Gap { .. } => None,
    })
}

/// Decodes `input` to `output` until either ends; a reader of `output` that goes away ends it quietly.
///
/// # Errors
/// When `output` cannot be written, or `input` cannot be read at all.
pub fn run(
    venue: Arc<dyn Venue>,
    product: Option<Product>,
    input: impl Read + Send + 'static,
    output: impl Write,
) -> io::Result<Summary> {
    let mut summary = Summary::default();
    match decode_all(venue, product, input, output, &mut summary) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(summary),
        other => other.map(|()| summary),
    }
}

fn decode_all(
    venue: Arc<dyn Venue>,
    product: Option<Product>,
    input: impl Read + Send + 'static,
    output: impl Write,
    summary: &mut Summary,
) -> io::Result<()> {
    let mut frames = FrameReader::unpacking(input)?;
    let mut output = io::BufWriter::new(output);
    let mut decoder = Decoder::new(venue, product);
    loop {
        // In a pipe each line is answered before the next one is waited for.
        if !frames.has_line_ready() {
            output.flush()?;
        }
        let Some(item) = frames.next() else { break };
        for line in decoder.line(item) {
            match &line {
                Line::Event(_) => summary.events += 1,
                Line::Note(Note::Ignored { .. }) => summary.ignored += 1,
                Line::Note(Note::Error { .. }) => summary.bad += 1,
            }
            serde_json::to_writer(&mut output, &line)?;
            output.write_all(b"\n")?;
        }
    }
    output.flush()
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
