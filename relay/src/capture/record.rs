//! Writes raw frames in the form the reader reads: `{"received":<ms>,"venue":"..","channel":"..","data":<frame>}`
//! a line, a file an hour, each closed or flushed within a second, so that a kill loses no more.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::market::{Ms, VenueId};
use tracing::{error, warn};

/// Frames waiting for the disk. Beyond it frames are left out and counted: the socket must not wait.
const QUEUE: usize = 65_536;
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// How files are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Packing {
    /// `.jsonl`
    Plain,
    /// `.jsonl.gz`
    #[default]
    Gzip,
}

/// A running recording: frames go in by its [`FrameSink`]s.
pub struct Recording {
    sink: FrameSink,
    writer: JoinHandle<io::Result<()>>,
}

/// Hands frames to the recording; cheap to clone.
#[derive(Clone, Debug)]
pub struct FrameSink {
    queue: SyncSender<Item>,
    venue: VenueId,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Item {
    Frame { received: Ms, venue: VenueId, channel: String, data: Vec<u8> },
    End,
}

impl Recording {
    /// Begins a recording of one venue into `folder`, which is made if missing.
    ///
    /// # Errors
    /// When the folder cannot be made or the writer cannot be started.
    pub fn start(folder: &Path, venue: VenueId, packing: Packing) -> io::Result<Recording> {
        std::fs::create_dir_all(folder)?;
        let (queue, items) = sync_channel(QUEUE);
        let sink = FrameSink { queue, venue, lost: Arc::default() };
        let lost = Arc::clone(&sink.lost);
        let files = Files { folder: folder.to_owned(), packing, open: None };
        let body =
            move || write_all(files, &items, &lost).inspect_err(|error| error!(%error, "recording stopped"));
        let writer = std::thread::Builder::new().name("recording".into()).spawn(body)?;
        Ok(Recording { sink, writer })
    }

    pub fn sink(&self) -> FrameSink {
        self.sink.clone()
    }

    /// Writes what is queued, closes the file and ends; sinks that are left write to nothing.
    ///
    /// # Errors
    /// When the disk failed during the recording.
    pub fn finish(self) -> io::Result<()> {
        // A queue without a reader has failed already; the thread says why.
        let _ = self.sink.queue.send(Item::End);
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the recording's writer failed")))
    }
}

impl FrameSink {
    /// Queues a frame; `channel` is its route, or the address of a REST call. Never waits.
    pub fn push(&self, received: Ms, channel: &str, data: &[u8]) {
        let (venue, channel) = (self.venue.clone(), channel.to_owned());
        let item = Item::Frame { received, venue, channel, data: data.to_vec() };
        if self.queue.try_send(item).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Frames that could not be kept because the disk was too slow or the recording has ended.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// One line of the recording.
#[derive(Serialize)]
struct Line<'a> {
    received: Ms,
    venue: &'a str,
    channel: &'a str,
    data: &'a RawValue,
}

fn write_all(mut files: Files, items: &Receiver<Item>, lost: &AtomicU64) -> io::Result<()> {
    let (mut flushed, mut told) = (Instant::now(), 0);
    loop {
        match items.recv_timeout(FLUSH_EVERY) {
            Ok(Item::Frame { received, venue, channel, data }) => {
                let line = encode(received, venue.as_str(), &channel, data)?;
                files.at(received, venue.as_str())?.write_all(&line)?;
            }
            Ok(Item::End) | Err(RecvTimeoutError::Disconnected) => return files.close(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            files.flush()?;
            flushed = Instant::now();
            let now = lost.load(Ordering::Relaxed);
            if now > told {
                warn!(frames = now - told, "the disk is too slow: frames are missing in the recording");
                told = now;
            }
        }
    }
}

/// The line of a frame. JSON is kept as it is, anything else as a text.
fn encode(received: Ms, venue: &str, channel: &str, mut data: Vec<u8>) -> io::Result<Vec<u8>> {
    // Between tokens a line break is a blank; within texts JSON has none.
    data.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')).for_each(|b| *b = b' ');
    let text = String::from_utf8_lossy(&data);
    let quoted;
    let data: &RawValue = match serde_json::from_str::<&RawValue>(&text) {
        // A JSON text would be read back as what it says.
        Ok(value) if !value.get().starts_with('"') => value,
        _ => {
            quoted = serde_json::value::to_raw_value(&text)?;
            &quoted
        }
    };
    let mut line = serde_json::to_vec(&Line { received, venue, channel, data })?;
    line.push(b'\n');
    Ok(line)
}

/// The file of the current hour.
struct Files {
    folder: PathBuf,
    packing: Packing,
    open: Option<(Ms, Output)>,
}

enum Output {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Files {
    fn at(&mut self, received: Ms, venue: &str) -> io::Result<&mut dyn Write> {
        let hour = received.floor(Ms::HOUR);
        // A clock that goes back does not go back to a closed file.
        if self.open.as_ref().is_some_and(|(open, _)| *open < hour) {
            self.close()?;
        }
        let (_, output) = match &mut self.open {
            Some(open) => open,
            none => none.insert((hour, create(&self.folder, venue, received, self.packing)?)),
        };
        Ok(match output {
            Output::Plain(file) => file,
            Output::Gzip(file) => file.as_mut(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some((_, Output::Plain(file))) => file.flush(),
            Some((_, Output::Gzip(file))) => file.flush(),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((_, Output::Plain(mut file))) => file.flush(),
            Some((_, Output::Gzip(file))) => file.finish()?.flush(),
            None => Ok(()),
        }
    }
}

/// A new file named by venue and time, never an existing one.
fn create(folder: &Path, venue: &str, at: Ms, packing: Packing) -> io::Result<Output> {
    let c = at.civil();
    let stem = format!(
        "{venue}-{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    );
    let ending = match packing {
        Packing::Plain => "jsonl",
        Packing::Gzip => "jsonl.gz",
    };
    for copy in 0.. {
        let name = if copy == 0 { format!("{stem}.{ending}") } else { format!("{stem}-{copy}.{ending}") };
        match File::options().write(true).create_new(true).open(folder.join(name)) {
            Ok(file) => {
                let file = BufWriter::new(file);
                return Ok(match packing {
                    Packing::Plain => Output::Plain(file),
                    Packing::Gzip => Output::Gzip(Box::new(GzEncoder::new(file, Compression::fast()))),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free file name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{FrameReader, RawFrame};

    const START: i64 = 1_790_002_799_000;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
        found.sort();
        found
    }

    fn read(path: &Path) -> Vec<RawFrame> {
        FrameReader::open(path).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn what_is_recorded_is_read_back_an_hour_a_file() {
        for (packing, ending) in [(Packing::Plain, "jsonl"), (Packing::Gzip, "jsonl.gz")] {
            let folder = tempfile::tempdir().unwrap();
            let recording = Recording::start(folder.path(), VenueId::new("binance"), packing).unwrap();
            let frames: [(i64, &str, &str); 4] = [
                (START, "usdm/market", r#"{"stream":"x@trade", "data":{"p":"1.10"}}"#),
                (START + 500, "https://h/fapi/v1/depth?symbol=X", r#"{"lastUpdateId":1}"#),
                (START + 1_000, "usdm/public", "pong"),
                (START + 1_001, "usdm/public", "\"text\""),
            ];
            for (at, channel, data) in frames {
                recording.sink().push(Ms(at), channel, data.as_bytes());
            }
            assert_eq!(recording.sink().lost(), 0);
            let left = recording.sink();
            recording.finish().unwrap();
            left.push(Ms(START), "usdm/public", b"{}");
            assert_eq!(left.lost(), 1, "after the end");
            let found = files(folder.path());
            let names: Vec<_> = found.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
            let expected =
                [format!("binance-20260921T145959Z.{ending}"), format!("binance-20260921T150000Z.{ending}")];
            assert_eq!(names, expected);
            let back: Vec<RawFrame> = found.iter().flat_map(|p| read(p)).collect();
            let pairs: Vec<(i64, &str, &str)> = back
                .iter()
                .map(|f| {
                    (f.received.unwrap().0, f.channel.as_deref().unwrap(), str::from_utf8(&f.data).unwrap())
                })
                .collect();
            assert_eq!(pairs, frames);
            assert!(back.iter().all(|f| f.venue.as_deref() == Some("binance")));
        }
    }

    #[test]
    fn frames_are_on_disk_soon_without_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let recording = Recording::start(folder.path(), VenueId::new("binance"), Packing::Gzip).unwrap();
        recording.sink().push(Ms(START), "spot", b"{\"a\":\n1}");
        let deadline = Instant::now() + Duration::from_secs(20);
        let kept = loop {
            let first = files(folder.path()).first().and_then(|p| FrameReader::open(p).ok()?.next()?.ok());
            if first.is_some() || Instant::now() > deadline {
                break first;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(kept.unwrap().data, b"{\"a\": 1}", "a line break in a frame is a blank");
        recording.finish().unwrap();
    }

    #[test]
    fn an_existing_file_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let recording = Recording::start(folder.path(), VenueId::new("b"), Packing::Plain).unwrap();
            recording.sink().push(Ms(START), "spot", b"{}");
            recording.finish().unwrap();
        }
        assert_eq!(files(folder.path()).len(), 2);
    }
}
