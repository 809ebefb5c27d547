//! A file's bytes: small ones in memory, of others what is asked for.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::archive::ArchiveError;

/// Files up to this size are read whole: a day of bars is some 60 kB, a day of book a few MB.
pub(super) const WHOLE: u64 = 4 << 20;

pub(super) enum Input {
    Memory(Bytes),
    File(File),
}

impl Input {
    /// `known`: size and hash the file should have.
    pub(super) fn open(path: &Path, known: Option<(u64, u64)>) -> Result<Input, ArchiveError> {
        let io = |source| ArchiveError::Io { doing: "read", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        if let Some((bytes, _)) = known.filter(|(bytes, _)| *bytes != size) {
            let detail = format!("it has {size} bytes, the manifest says {bytes}");
            return Err(ArchiveError::Damaged { path: path.to_owned(), detail });
        }
        if size > WHOLE {
            return Ok(Input::File(file));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.read_to_end(&mut bytes).map_err(io)?;
        if known.is_some_and(|(_, xxh3)| xxh3_64(&bytes) != xxh3) {
            let detail = "its hash is not the one in the manifest".to_owned();
            return Err(ArchiveError::Damaged { path: path.to_owned(), detail });
        }
        Ok(Input::Memory(bytes.into()))
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        match self {
            Input::Memory(bytes) => bytes.len() as u64,
            Input::File(file) => Length::len(file),
        }
    }
}

/// Reads on from a place.
pub(super) enum From {
    Memory(Cursor<Bytes>),
    File(io::BufReader<File>),
}

impl Read for From {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            From::Memory(bytes) => bytes.read(buf),
            From::File(file) => file.read(buf),
        }
    }
}

impl ChunkReader for Input {
    type T = From;

    fn get_read(&self, start: u64) -> Result<From, ParquetError> {
        match self {
            Input::Memory(bytes) => {
                let mut bytes = Cursor::new(bytes.clone());
                bytes.set_position(start);
                Ok(From::Memory(bytes))
            }
            Input::File(file) => file.get_read(start).map(From::File),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Input::Memory(bytes) => {
                let from = usize::try_from(start).unwrap_or(usize::MAX);
                let to = from.checked_add(length).filter(|to| *to <= bytes.len());
                to.map(|to| bytes.slice(from..to)).ok_or_else(|| {
                    ParquetError::EOF(format!("{length} bytes at {start} lie beyond the file's end"))
                })
            }
            // The length comes from the file: never more is set aside than there is.
            Input::File(file) if start.saturating_add(length as u64) > Length::len(file) => {
                Err(ParquetError::EOF(format!("{length} bytes at {start} lie beyond the file's end")))
            }
            Input::File(file) => file.get_bytes(start, length),
        }
    }
}
