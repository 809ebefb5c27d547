//! The recorded forms of a line.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::market::Ms;

use super::reader::{RawFrame, Source};

/// Receiver clocks from here on are of this era: 2001-09-09, in ns.
const FIRST_EPOCH_NS: u64 = 1_000_000_000_000_000_000;

/// Unwraps the lines of one recording.
#[derive(Default)]
pub(super) struct Unwrapper {
    /// Addresses by connection, from `connect` records.
    addresses: HashMap<String, String>,
}

/// Every key of the wrapped forms: our own (`received`, `venue`, `channel`, `data`), the records of one
/// connection (`t`, `conn`, `ts`, `data`, `url`, `addr`), REST answers (`url`, `query`, `data`) and frames with a
/// clock in seconds (`recv_s`, `frame`).
#[derive(Deserialize)]
struct Record<'a> {
    received: Option<i64>,
    #[serde(borrow)]
    venue: Option<Cow<'a, str>>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    t: Option<Cow<'a, str>>,
    #[serde(borrow)]
    conn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    query: Option<Cow<'a, str>>,
    #[serde(borrow)]
    addr: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    recv_s: Option<&'a RawValue>,
    #[serde(borrow)]
    frame: Option<&'a RawValue>,
}

/// Just enough to know which form a line has.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(borrow)]
    received: Option<&'a RawValue>,
    #[serde(borrow)]
    conn: Option<&'a RawValue>,
    #[serde(borrow)]
    t: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    recv_s: Option<&'a RawValue>,
    #[serde(borrow)]
    frame: Option<&'a RawValue>,
}

impl Unwrapper {
    pub(super) fn unwrap(&mut self, line: u64, text: &[u8]) -> Result<RawFrame, String> {
        let bare = |received, data: &[u8]| RawFrame {
            line,
            received,
            venue: None,
            channel: None,
            source: Source::Socket,
            data: data.to_vec(),
        };
        if text.first().is_some_and(u8::is_ascii_digit) {
            let (received, frame) = clocked(text)?;
            return Ok(bare(received, frame));
        }
        // Frames are many and wrapped lines name one of these keys; the search costs less than a parse.
        let text = match std::str::from_utf8(text) {
            Ok(text) if text.starts_with('{') => text,
            _ => return Ok(bare(None, text)),
        };
        let may_be_wrapped =
            ["\"received\"", "\"conn\"", "\"url\"", "\"recv_s\""].iter().any(|key| text.contains(key));
        if !may_be_wrapped || !is_wrapped(text) {
            return Ok(bare(None, text.as_bytes()));
        }
        let record: Record<'_> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        self.record(line, &record)
    }

    fn record(&mut self, line: u64, record: &Record<'_>) -> Result<RawFrame, String> {
        let owned = |text: &Option<Cow<'_, str>>| text.as_ref().map(|t| t.to_string());
        let mut frame = RawFrame {
            line,
            received: record.received.map(Ms),
            venue: owned(&record.venue),
            channel: owned(&record.channel),
            source: Source::Socket,
            data: record.data.or(record.frame).map_or_else(|| Ok(Vec::new()), payload)?,
        };
        if let Some(seconds) = record.ts.or(record.recv_s) {
            let seconds: f64 = seconds.get().trim_matches('"').parse().map_err(|_| "the clock is no time")?;
            if !(0.0..1e11).contains(&seconds) {
                return Err("no time in seconds".into());
            }
            frame.received = Some(Ms((seconds * 1_000.0).floor() as i64));
        }
        match record.t.as_deref() {
            None if record.frame.is_some() => {}
            None if record.received.is_some() => {
                let rest = frame.channel.as_deref().is_some_and(is_rest_address);
                if rest {
                    frame.source = Source::Rest { query: owned(&record.query).unwrap_or_default() };
                }
            }
            None | Some("http") => {
                frame.channel = owned(&record.url);
                frame.source = Source::Rest { query: owned(&record.query).unwrap_or_default() };
            }
            Some("connect") => {
                if let (Some(connection), Some(address)) = (owned(&record.conn), owned(&record.addr)) {
                    self.addresses.insert(connection, address);
                }
                frame.channel = owned(&record.addr);
                frame.source = Source::Note("connect");
            }
            Some("send") => frame.source = Source::Note("send"),
            Some("recv") => {
                let connection = record.conn.as_deref().unwrap_or_default();
                frame.channel = self.addresses.get(connection).cloned();
            }
            Some(other) => {
                return Err(format!("unknown record `{}`", other.chars().take(20).collect::<String>()));
            }
        }
        Ok(frame)
    }
}

/// Whether a JSON object is one of the wrapped forms rather than a frame with similar keys.
fn is_wrapped(text: &str) -> bool {
    serde_json::from_str::<Probe<'_>>(text).is_ok_and(|p| {
        let own = p.received.is_some() && p.data.is_some();
        let connection = p.conn.is_some() && p.t.is_some();
        let seconds = p.recv_s.is_some() && p.frame.is_some();
        own || connection || seconds || (p.url.is_some() && p.data.is_some())
    })
}

/// `<receiver clock, ns> <frame>`, blank or tab between. A monotonic clock tells no time.
fn clocked(text: &[u8]) -> Result<(Option<Ms>, &[u8]), String> {
    let blank = text.iter().position(u8::is_ascii_whitespace).ok_or("a number without a frame")?;
    let (clock, frame) = text.split_at(blank);
    let clock = std::str::from_utf8(clock).ok().and_then(|c| c.parse::<u64>().ok()).ok_or("not a clock")?;
    let ms = i64::try_from(clock / 1_000_000).map_err(|_| "not a clock")?;
    Ok(((clock >= FIRST_EPOCH_NS).then_some(Ms(ms)), frame.trim_ascii_start()))
}

/// A frame kept as JSON is itself; kept as a text it is what the text says.
fn payload(data: &RawValue) -> Result<Vec<u8>, String> {
    if data.get().starts_with('"') {
        let text: String = serde_json::from_str(data.get()).map_err(|e| e.to_string())?;
        return Ok(text.into_bytes());
    }
    Ok(data.get().as_bytes().to_vec())
}

fn is_rest_address(channel: &str) -> bool {
    channel.starts_with("http://") || channel.starts_with("https://") || channel.starts_with('/')
}
