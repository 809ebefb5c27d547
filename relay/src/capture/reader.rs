//! Reads recordings line by line, whatever their form and compression. Never the whole file in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use shared::market::Ms;

use super::form::Unwrapper;

/// A longer line is skipped as damaged. Exchange info has tens of megabytes.
const MAX_LINE: usize = 64 << 20;
const BUFFER: usize = 256 << 10;

/// One recorded frame or answer.
#[derive(Clone, Debug, PartialEq)]
pub struct RawFrame {
    /// Line in the file, from 1.
    pub line: u64,
    /// Clock of the receiver; `None` where the form has none.
    pub received: Option<Ms>,
    /// The venue, where the form says so.
    pub venue: Option<String>,
    /// Route or address it came from, where the form says so.
    pub channel: Option<String>,
    pub source: Source,
    /// The frame or body as the venue sent it.
    pub data: Vec<u8>,
}

/// What kind of thing was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A socket frame from the venue.
    Socket,
    /// The body of a REST answer; `channel` is its address.
    Rest {
        /// The query where it is kept apart from the address.
        query: String,
    },
    /// Nothing the venue said: the recorder's own notes, by kind.
    Note(&'static str),
}

/// What went wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// This line is damaged; the next ones may be good.
    #[error("line {line}: {detail}")]
    Line { line: u64, detail: String },
    /// Nothing more can be read. Frames before it are good: a recorder that was killed leaves such an end.
    #[error("after line {line}: {error}")]
    Io {
        line: u64,
        #[source]
        error: io::Error,
    },
}

impl CaptureError {
    /// The line it is about.
    pub fn line(&self) -> u64 {
        match self {
            CaptureError::Line { line, .. } | CaptureError::Io { line, .. } => *line,
        }
    }
}

/// An iterator over the frames of one recording. Empty lines are skipped.
pub struct FrameReader<R> {
    input: R,
    unwrapper: Unwrapper,
    line: u64,
    buffer: Vec<u8>,
    ended: bool,
}

impl FrameReader<BufReader<Box<dyn Read + Send>>> {
    /// Opens a file, packed or not.
    ///
    /// # Errors
    /// When it cannot be opened or is not what its first bytes say.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::unpacking(File::open(path)?)
    }

    /// Reads a stream that may be packed: gzip and zstd are recognised by their first bytes.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub fn unpacking(input: impl Read + Send + 'static) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(BUFFER, input);
        let unpacked: Box<dyn Read + Send> = match input.fill_buf()? {
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(input)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
            _ => Box::new(input),
        };
        Ok(FrameReader::new(BufReader::with_capacity(BUFFER, unpacked)))
    }

    /// Whether the next line can be had without waiting for input.
    pub fn has_line_ready(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }
}

impl<R: BufRead> FrameReader<R> {
    /// Reads plain lines.
    pub fn new(input: R) -> FrameReader<R> {
        FrameReader { input, unwrapper: Unwrapper::default(), line: 0, buffer: Vec::new(), ended: false }
    }

    /// Reads one line into the buffer; `None` at the end.
    fn read_line(&mut self) -> Option<Result<(), CaptureError>> {
        self.buffer.clear();
        let taken = (&mut self.input).take(MAX_LINE as u64).read_until(b'\n', &mut self.buffer);
        match taken {
            Ok(0) => None,
            Ok(_) => {
                self.line += 1;
                if self.buffer.len() < MAX_LINE || self.buffer.ends_with(b"\n") {
                    return Some(Ok(()));
                }
                let detail = format!("longer than {MAX_LINE} bytes");
                let line = self.line;
                Some(match self.skip_line() {
                    Ok(()) => Err(CaptureError::Line { line, detail }),
                    Err(error) => Err(self.broken(error)),
                })
            }
            Err(error) => Some(Err(self.broken(error))),
        }
    }

    fn broken(&mut self, error: io::Error) -> CaptureError {
        self.ended = true;
        CaptureError::Io { line: self.line, error }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let held = self.input.fill_buf()?;
            let (used, found) = match held.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (held.len(), held.is_empty()),
            };
            self.input.consume(used);
            if found {
                return Ok(());
            }
        }
    }
}

impl<R: BufRead> Iterator for FrameReader<R> {
    type Item = Result<RawFrame, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.read_line() {
                None => self.ended = true,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(())) => {
                    let text = self.buffer.trim_ascii();
                    if text.is_empty() {
                        continue;
                    }
                    let line = self.line;
                    let frame = self.unwrapper.unwrap(line, text);
                    return Some(frame.map_err(|detail| CaptureError::Line { line, detail }));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};

    const FRAME: &str = r#"{"stream":"x@trade","data":{"e":"trade"}}"#;

    fn read(text: impl Into<Vec<u8>>) -> Vec<Result<RawFrame, CaptureError>> {
        FrameReader::unpacking(Cursor::new(text.into())).unwrap().collect()
    }

    fn one(text: &str) -> RawFrame {
        let mut all = read(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).unwrap()
    }

    fn socket(received: Option<i64>, channel: Option<&str>) -> RawFrame {
        RawFrame {
            line: 1,
            received: received.map(Ms),
            venue: None,
            channel: channel.map(str::to_owned),
            source: Source::Socket,
            data: FRAME.into(),
        }
    }

    #[test]
    fn every_recorded_form_gives_the_same_frame() {
        assert_eq!(one(FRAME), socket(None, None));
        assert_eq!(one(&format!("1723161255030314667 {FRAME}\r\n")), socket(Some(1_723_161_255_030), None));
        assert_eq!(
            one(&format!("93254030314667\t{FRAME}")),
            socket(None, None),
            "a monotonic clock is no time"
        );
        let own = format!(
            r#"{{"received":1723161255030,"venue":"binance","channel":"usdm/market","data":{FRAME}}}"#
        );
        let expected = socket(Some(1_723_161_255_030), Some("usdm/market"));
        assert_eq!(one(&own), RawFrame { venue: Some("binance".into()), ..expected });
        let quoted = serde_json::to_string(FRAME).unwrap();
        let feed = format!(r#"{{"t":"recv","conn":"B.ws.1","ts":1626992741.06217,"data":{quoted}}}"#);
        assert_eq!(one(&feed), socket(Some(1_626_992_741_062), None));
        let seconds = format!(r#"{{"recv_s":1626992741.06217,"frame":{FRAME}}}"#);
        assert_eq!(one(&seconds), socket(Some(1_626_992_741_062), None));
    }

    #[test]
    fn rest_answers_carry_their_address() {
        let rest = one(r#"{"url":"/fapi/v1/depth","query":"limit=5&symbol=X","data":{"lastUpdateId":1}}"#);
        assert_eq!(rest.source, Source::Rest { query: "limit=5&symbol=X".into() });
        assert_eq!(
            (rest.channel.as_deref(), &*rest.data),
            (Some("/fapi/v1/depth"), &br#"{"lastUpdateId":1}"#[..])
        );
        let own =
            one(r#"{"received":5,"venue":"binance","channel":"https://h/api/v3/depth?symbol=X","data":[]}"#);
        assert_eq!(own.source, Source::Rest { query: String::new() });
        let feed = one(
            r#"{"t":"http","conn":"c","ts":"1626992741.3","url":"https://h/x?a=1","data":"[1]","note":"n"}"#,
        );
        assert_eq!(feed.received, Some(Ms(1_626_992_741_300)));
        assert_eq!((feed.channel.as_deref(), &*feed.data), (Some("https://h/x?a=1"), &b"[1]"[..]));
    }

    #[test]
    fn frames_take_the_address_of_their_connection() {
        let lines = r#"{"t":"connect","conn":"a","ts":1.5,"addr":"wss://one/stream"}
{"t":"send","conn":"a","ts":1.6,"data":"{\"method\":\"SUBSCRIBE\"}"}
{"t":"recv","conn":"a","ts":1.7,"data":"{}"}
{"t":"recv","conn":"b","ts":1.8,"data":"{}"}"#;
        let frames: Vec<RawFrame> = read(lines).into_iter().map(Result::unwrap).collect();
        let sources: Vec<&Source> = frames.iter().map(|f| &f.source).collect();
        assert_eq!(
            sources,
            [&Source::Note("connect"), &Source::Note("send"), &Source::Socket, &Source::Socket]
        );
        assert_eq!(frames[2].channel.as_deref(), Some("wss://one/stream"));
        assert_eq!(frames[3].channel, None);
    }

    #[test]
    fn frames_of_venues_that_use_the_same_keys_stay_whole() {
        for frame in [
            r#"{"channel":"trades","data":[{"coin":"BTC"}]}"#,
            r#"{"topic":"tickers.X","type":"delta","ts":1,"data":{"t":"recv","conn":"x"}}"#,
            r#"{"arg":{"channel":"trades"},"data":[{"received":"1"}]}"#,
        ] {
            assert_eq!(one(frame).data, frame.as_bytes());
            assert_eq!(one(frame).source, Source::Socket);
        }
    }

    #[test]
    fn a_bad_line_is_an_error_and_reading_goes_on() {
        let lines = format!("{FRAME}\n\n{{\"received\":\"x\",\"data\":{{}}}}\n12345678\n{FRAME}\n");
        let found: Vec<Result<u64, u64>> =
            read(lines).into_iter().map(|r| r.map(|f| f.line).map_err(|e| e.line())).collect();
        assert_eq!(found, [Ok(1), Err(3), Err(4), Ok(5)]);
    }

    #[test]
    fn packed_recordings_are_unpacked_and_a_cut_end_is_told() {
        let text = format!("{FRAME}\n{FRAME}\n");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        gz.flush().unwrap();
        let flushed = gz.get_ref().clone();
        let whole = gz.finish().unwrap();
        let twice = [whole.clone(), whole].concat();
        assert_eq!(read(twice).into_iter().filter(Result::is_ok).count(), 4, "members one after the other");
        assert_eq!(read(zstd::encode_all(text.as_bytes(), 1).unwrap()).len(), 2);
        let cut = read(flushed);
        assert_eq!(cut.iter().filter(|r| r.is_ok()).count(), 2, "all that was flushed");
        assert!(matches!(cut.last(), Some(Err(CaptureError::Io { line: 2, .. }))));
    }
}
