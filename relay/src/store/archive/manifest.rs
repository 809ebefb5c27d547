//! Which files the archive has: an append-only list of lines, the last about a path being true.
//!
//! A line is written once its file is in place and durable before the rows leave the hot store. A torn last line is a
//! line that was not written; one that makes no sense is passed over, and its file looked at anew.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use shared::market::{Ms, Symbol, VenueId};

use super::ArchiveError;
use super::layout::{self, Meta};
use super::write::Written;
use crate::store::Dataset;

/// The list's name below the archive's folder.
pub const MANIFEST: &str = "manifest.jsonl";
/// Dead lines that are left lying, beside as many as there are live ones.
const DEAD_LINES: usize = 1_000;

/// A file of the archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub meta: Meta,
    pub written: Written,
    /// When it was put in place.
    pub sealed: Ms,
}

/// An [`Entry`] as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    path: String,
    dataset: String,
    symbol: String,
    venue: Option<String>,
    day: String,
    rows: u64,
    bytes: u64,
    first: i64,
    last: i64,
    xxh3: String,
    sealed: i64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

impl Line {
    fn new(entry: &Entry, gone: bool) -> Line {
        let Entry { meta, written, sealed } = entry;
        Line {
            path: meta.path(),
            dataset: layout::name(meta.dataset).into(),
            symbol: meta.symbol.to_string(),
            venue: meta.venue.as_ref().map(VenueId::to_string),
            day: layout::day_name(meta.day),
            rows: written.rows,
            bytes: written.bytes,
            first: written.first.0,
            last: written.last.0,
            xxh3: format!("{:016x}", written.xxh3),
            sealed: sealed.0,
            gone,
        }
    }

    /// `None` where the parts do not fit together.
    fn entry(&self) -> Option<Entry> {
        let dataset = layout::by_name(&self.dataset)?;
        let symbol: Symbol = self.symbol.parse().ok()?;
        let venue = self.venue.as_deref().map(VenueId::new);
        let meta = Meta { dataset, symbol, venue, day: layout::parse_day(&self.day)? };
        let written = Written {
            rows: self.rows,
            bytes: self.bytes,
            first: Ms(self.first),
            last: Ms(self.last),
            xxh3: u64::from_str_radix(&self.xxh3, 16).ok()?,
        };
        (meta.path() == self.path).then_some(Entry { meta, written, sealed: Ms(self.sealed) })
    }
}

/// The list, in memory and on the disk. Safe to share; appends are one after the other.
pub struct Manifest {
    path: PathBuf,
    index: RwLock<Index>,
    tail: Mutex<Tail>,
    /// Lines that say nothing any more.
    dead: AtomicUsize,
}

/// Files of a series by day, then venue.
type Days = BTreeMap<(Ms, Option<VenueId>), Arc<Entry>>;

#[derive(Default)]
struct Index {
    /// By path.
    files: HashMap<String, Arc<Entry>>,
    /// By series.
    series: HashMap<(Dataset, Symbol), Days>,
}

/// Where the next line goes.
#[derive(Default)]
struct Tail {
    file: Option<File>,
    /// The file ends within a line.
    torn: bool,
}

impl Index {
    fn put(&mut self, entry: Entry) -> Arc<Entry> {
        let entry = Arc::new(entry);
        let Meta { dataset, symbol, venue, day } = entry.meta.clone();
        self.series.entry((dataset, symbol)).or_default().insert((day, venue), entry.clone());
        self.files.insert(entry.meta.path(), entry.clone());
        entry
    }

    fn take(&mut self, path: &str) -> Option<Arc<Entry>> {
        let entry = self.files.remove(path)?;
        let Meta { dataset, symbol, venue, day } = entry.meta.clone();
        let key = (dataset, symbol);
        if let Some(days) = self.series.get_mut(&key) {
            days.remove(&(day, venue));
            if days.is_empty() {
                self.series.remove(&key);
            }
        }
        Some(entry)
    }
}

impl Manifest {
    /// Reads the list of a folder; an absent one is empty.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when it cannot be read. That it cannot be written shows with the first line.
    pub fn open(folder: &Path) -> Result<Manifest, ArchiveError> {
        let path = folder.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(ArchiveError::Io { doing: "read", path, source }),
        };
        let torn = text.last().is_some_and(|byte| *byte != b'\n');
        let mut index = Index::default();
        let mut lines = 0;
        for (n, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            lines += 1;
            let line: Option<Line> = serde_json::from_slice(line).ok();
            match line.and_then(|line| Some((line.entry()?, line))) {
                Some((_, Line { gone: true, path, .. })) => drop(index.take(&path)),
                Some((entry, _)) => drop(index.put(entry)),
                None => {
                    tracing::warn!(line = n + 1, path = %path.display(), "a line makes no sense");
                }
            }
        }
        let dead = AtomicUsize::new(lines - index.files.len().min(lines));
        let (index, tail) = (RwLock::new(index), Mutex::new(Tail { file: None, torn }));
        Ok(Manifest { path, index, tail, dead })
    }

    /// Writes the list anew, aside, where it is mostly dead weight.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; the list is then as before.
    pub fn tidy(&self) -> Result<(), ArchiveError> {
        let dead = self.dead.load(Ordering::Relaxed);
        if dead > DEAD_LINES.max(self.len()) { self.rewrite() } else { Ok(()) }
    }

    /// When the list was last written; `None` where there is none.
    pub fn modified(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.path).and_then(|m| m.modified()).ok()
    }

    /// Adds a file, or what a file is now. Durable when it returns.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; the list is then as before.
    pub fn add(&self, entry: Entry) -> Result<Arc<Entry>, ArchiveError> {
        let _tail = self.append(&Line::new(&entry, false))?;
        Ok(self.index.write().unwrap_or_else(PoisonError::into_inner).put(entry))
    }

    /// Strikes a file off. Durable when it returns; one that is not listed is none of its business.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; the list is then as before.
    pub fn strike(&self, path: &str) -> Result<(), ArchiveError> {
        if let Some(entry) = self.get(path) {
            let _tail = self.append(&Line::new(&entry, true))?;
            self.index.write().unwrap_or_else(PoisonError::into_inner).take(path);
        }
        Ok(())
    }

    /// The file at a path below the archive's folder.
    pub fn get(&self, path: &str) -> Option<Arc<Entry>> {
        self.read().files.get(path).cloned()
    }

    /// All files, by dataset, symbol, day and venue.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self.read().files.values().cloned().collect();
        all.sort_by_cached_key(|entry| {
            let Meta { dataset, symbol, venue, day } = &entry.meta;
            (layout::name(*dataset), symbol.clone(), *day, venue.clone())
        });
        all
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.read().files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.read().files.values().map(|entry| entry.written.bytes).sum()
    }

    /// Files that can have rows of a series in `[from, to)`, ascending by day, then venue. Files that join venues are
    /// among them whatever `venue` is.
    pub fn find(
        &self,
        dataset: Dataset,
        symbol: &Symbol,
        venue: Option<&VenueId>,
        from: Ms,
        to: Ms,
    ) -> Vec<Arc<Entry>> {
        if from >= to {
            return Vec::new();
        }
        let index = self.read();
        let Some(days) = index.series.get(&(dataset, symbol.clone())) else { return Vec::new() };
        let wanted = |entry: &&Arc<Entry>| {
            let Entry { meta, written, .. } = &***entry;
            let of_venue = venue.is_none() || meta.venue.is_none() || meta.venue.as_ref() == venue;
            of_venue && written.first < to && written.last >= from
        };
        days.range((from.floor(Ms::DAY), None)..(to, None))
            .map(|(_, entry)| entry)
            .filter(wanted)
            .cloned()
            .collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers with the lock, so that the index changes in the order of the lines.
    fn append(&self, line: &Line) -> Result<MutexGuard<'_, Tail>, ArchiveError> {
        let io = |doing| move |source| ArchiveError::Io { doing, path: self.path.clone(), source };
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = serde_json::to_vec(line).map_err(|e| io("write")(e.into()))?;
        text.push(b'\n');
        if tail.torn {
            // What a disk took of a line before it was full stays a line of its own.
            text.insert(0, b'\n');
        }
        if tail.file.is_none() {
            let file = OpenOptions::new().append(true).create(true).open(&self.path).map_err(io("write"))?;
            sync_folder(&self.path)?;
            tail.file = Some(file);
        }
        if let Some(file) = &mut tail.file {
            let done = file.write_all(&text).and_then(|()| file.sync_data());
            tail.torn = done.is_err();
            done.map_err(io("write"))?;
        }
        Ok(tail)
    }

    /// Writes the live lines aside and puts them in the place of all.
    fn rewrite(&self) -> Result<(), ArchiveError> {
        let aside = self.path.with_extension("jsonl.tmp");
        let io = |doing| {
            let path = aside.clone();
            move |source| ArchiveError::Io { doing, path, source }
        };
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Vec::new();
        for entry in self.all() {
            serde_json::to_writer(&mut text, &Line::new(&entry, false)).map_err(|e| io("write")(e.into()))?;
            text.push(b'\n');
        }
        let mut file = File::create(&aside).map_err(io("create"))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(io("write"))?;
        std::fs::rename(&aside, &self.path).map_err(io("rename"))?;
        *tail = Tail::default();
        self.dead.store(0, Ordering::Relaxed);
        sync_folder(&self.path)
    }
}

/// Makes durable what was created, renamed or removed beside `path`.
///
/// # Errors
/// [`ArchiveError::Io`].
pub fn sync_folder(path: &Path) -> Result<(), ArchiveError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    // Elsewhere folders cannot be opened as files, and a rename is durable without.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| ArchiveError::Io { doing: "sync", path: folder.to_owned(), source })?;
    }
    Ok(())
}

/// XXH3 of a whole file.
///
/// # Errors
/// [`ArchiveError::Io`].
pub fn hash_file(path: &Path) -> Result<u64, ArchiveError> {
    let io = |source| ArchiveError::Io { doing: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => return Ok(hash.digest()),
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}
