//! Rows of a Parquet file, pruned by row group and page.
//!
//! Files of this archive are sorted by time and say so; of any other file every row is looked at. A file that is cut,
//! damaged or nobody's is an error, never a panic: whatever the decoder does with its bytes stays in here.

mod columns;
mod input;
mod pages;
mod window;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataReader};
use shared::event::Event;
use shared::market::{Ms, Symbol, VenueId};

use super::layout::{self, Meta};
use super::write::{PAGE_ROWS, SCHEMA, all_columns};
use super::{ArchiveError, kinds};
use crate::store::Dataset;
use crate::store::row::BadValue;
use columns::{Group, Layout};
use input::Input;
use window::Window;

/// Fewest rows decoded at a time.
const LEAST_ROWS: usize = 256;

/// Which rows of a file.
#[derive(Clone, Debug)]
pub struct Span {
    pub from: Ms,
    /// Exclusive.
    pub to: Ms,
    /// `None`: every venue the file has.
    pub venue: Option<VenueId>,
    pub limit: usize,
    /// The newest `limit` rows of the range instead of the oldest.
    pub newest: bool,
}

impl Span {
    /// Every row.
    pub fn all() -> Span {
        Span { from: Ms(i64::MIN), to: Ms(i64::MAX), venue: None, limit: usize::MAX, newest: false }
    }
}

/// What a file without this archive's metadata is taken for.
#[derive(Clone, Debug)]
pub struct Assumed {
    pub dataset: Dataset,
    /// The symbol of rows that name none.
    pub symbol: Symbol,
    /// The venue of rows that name none.
    pub venue: VenueId,
}

/// Rows of a file in a range, ascending; the file's own metadata say what they are.
///
/// # Errors
/// [`ArchiveError::Io`], [`ArchiveError::Damaged`], [`ArchiveError::Foreign`].
pub fn read(path: &Path, range: (Ms, Ms), limit: usize, newest: bool) -> Result<Vec<Event>, ArchiveError> {
    let span = Span { from: range.0, to: range.1, limit, newest, ..Span::all() };
    Sealed::open(path)?.scan(span)?.collect()
}

/// An opened file.
pub struct Sealed {
    path: PathBuf,
    input: Arc<Input>,
    metadata: ParquetMetaData,
    layout: Layout,
    dataset: Dataset,
    /// What the file says it is; `None` where it is taken for something.
    meta: Option<Meta>,
    defaults: Option<(Symbol, VenueId)>,
}

impl Sealed {
    /// Opens a file of this archive.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]; [`ArchiveError::Damaged`] when it cannot be a whole Parquet file; [`ArchiveError::Foreign`]
    /// when it is one that this archive did not write.
    pub fn open(path: &Path) -> Result<Sealed, ArchiveError> {
        Self::open_as(path, None, None)
    }

    /// The same, of a file whose size and hash are known. Only files small enough to be read whole are hashed.
    ///
    /// # Errors
    /// As [`Self::open`], and [`ArchiveError::Damaged`] when it is not the file it should be.
    pub fn open_known(path: &Path, bytes: u64, xxh3: u64) -> Result<Sealed, ArchiveError> {
        Self::open_as(path, Some((bytes, xxh3)), None)
    }

    /// Opens any Parquet file with columns of the names of a dataset's: those of other width or with times of other
    /// units are converted, absent ones are null where they may be.
    ///
    /// # Errors
    /// As [`Self::open`]; [`ArchiveError::Foreign`] when columns lack or cannot be what they should.
    pub fn open_foreign(path: &Path, assumed: Assumed) -> Result<Sealed, ArchiveError> {
        Self::open_as(path, None, Some(assumed))
    }

    fn open_as(
        path: &Path,
        known: Option<(u64, u64)>,
        assumed: Option<Assumed>,
    ) -> Result<Sealed, ArchiveError> {
        let input = Input::open(path, known)?;
        let path = path.to_owned();
        let shown = path.clone();
        guarded(&shown, || {
            let damaged = |e: parquet::errors::ParquetError| ArchiveError::damaged(&path, e);
            let metadata = ParquetMetaDataReader::new().parse_and_finish(&input).map_err(damaged)?;
            let foreign = |detail: String| ArchiveError::Foreign { path: path.clone(), detail };
            let meta = identity(metadata.file_metadata()).map_err(foreign);
            let (meta, dataset, defaults) = match assumed {
                None => {
                    let meta = meta?;
                    let dataset = meta.dataset;
                    (Some(meta), dataset, None)
                }
                Some(Assumed { dataset, symbol, venue }) => {
                    (meta.ok().filter(|meta| meta.dataset == dataset), dataset, Some((symbol, venue)))
                }
            };
            let columns: Vec<_> = all_columns(dataset).copied().collect();
            let layout = Layout::new(metadata.file_metadata(), columns, defaults.is_some());
            let layout = layout.map_err(|detail| ArchiveError::Foreign { path: path.clone(), detail })?;
            Ok(Sealed {
                path: path.clone(),
                input: Arc::new(input),
                metadata,
                layout,
                dataset,
                meta,
                defaults,
            })
        })
    }

    /// What the file says it holds; `None` where it is a foreign one.
    pub fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// Rows the file says it has.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or(0)
    }

    /// Begins to read. Only row groups and pages that can hold rows of the range are decoded.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`].
    pub fn scan(mut self, span: Span) -> Result<Scan, ArchiveError> {
        let pages = Arc::new(AtomicU64::new(0));
        let path = self.path.clone();
        let windows =
            guarded(&path, || self.windows(&span, &pages).map_err(|e| ArchiveError::damaged(&path, e)))?;
        let left = span.limit;
        Ok(Scan { file: self, span, windows, group: None, left, pages, names: Names::default() })
    }
}

/// Reads a file's own account of itself.
fn identity(file: &FileMetaData) -> Result<Meta, String> {
    let said: HashMap<&str, &str> = file
        .key_value_metadata()
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.strip_prefix("tapedeck.")?, pair.value.as_deref()?)))
        .collect();
    let get = |name: &str| said.get(name).copied().ok_or_else(|| format!("it has no tapedeck.{name}"));
    let schema = get("schema")?;
    if schema != SCHEMA {
        return Err(format!("its schema is {schema:.20}, this version reads {SCHEMA}"));
    }
    let unknown = |name: &str| format!("its tapedeck.{name} makes no sense");
    let dataset = layout::by_name(get("dataset")?).ok_or_else(|| unknown("dataset"))?;
    let symbol: Symbol = get("symbol")?.parse().map_err(|_| unknown("symbol"))?;
    let day = layout::parse_day(get("day")?).ok_or_else(|| unknown("day"))?;
    let venue = get("venue")?;
    let meta = Meta::new(dataset, &symbol, &VenueId::new(venue), day);
    let joined = venue == VenueId::ALL;
    if meta.venue.is_none() == joined { Ok(meta) } else { Err(unknown("venue")) }
}

/// A pass over a file's rows, in chunks.
pub struct Scan {
    file: Sealed,
    span: Span,
    /// In ascending order; taken from the front, or for the newest rows from the back.
    windows: VecDeque<Window>,
    group: Option<Group>,
    left: usize,
    pages: Arc<AtomicU64>,
    names: Names,
}

impl Scan {
    /// The next rows, ascending in themselves; of the newest the chunks come last first. `None` at the end.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`]; what follows is no more to be had.
    pub fn chunk(&mut self) -> Result<Option<Vec<Event>>, ArchiveError> {
        while self.left > 0 {
            let step = self.left.clamp(LEAST_ROWS, PAGE_ROWS);
            let Some(window) = Window::take(&mut self.windows, step, self.span.newest) else { break };
            let path = self.file.path.clone();
            let rows = guarded(&path, || self.decode(window));
            let mut rows = rows.inspect_err(|_| self.windows.clear())?;
            if self.span.newest {
                rows.drain(..rows.len().saturating_sub(self.left));
            } else {
                rows.truncate(self.left);
            }
            self.left -= rows.len();
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// All that is left, ascending.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`].
    pub fn collect(mut self) -> Result<Vec<Event>, ArchiveError> {
        let mut rows: Vec<Event> = Vec::new();
        if self.span.newest {
            let mut chunks = Vec::new();
            while let Some(chunk) = self.chunk()? {
                chunks.push(chunk);
            }
            chunks.into_iter().rev().for_each(|mut chunk| rows.append(&mut chunk));
        } else {
            while let Some(mut chunk) = self.chunk()? {
                if rows.is_empty() {
                    rows = chunk;
                } else {
                    rows.append(&mut chunk);
                }
            }
        }
        Ok(rows)
    }

    /// Data pages decoded so far.
    pub fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    fn decode(&mut self, window: Window) -> Result<Vec<Event>, ArchiveError> {
        let file = &self.file;
        let damaged = |e: parquet::errors::ParquetError| ArchiveError::damaged(&file.path, e);
        let group = match self.group.take().filter(|open| open.reaches(&window)) {
            Some(group) => group,
            None => file.group(window.group, &self.pages).map_err(damaged)?,
        };
        let group = self.group.insert(group);
        let values = group.read(&file.layout, &window).map_err(damaged)?;
        let mut source = columns::Source::new(values);
        let mut rows = Vec::with_capacity(window.rows());
        for row in 0..window.rows() {
            source.begin(row);
            let event =
                self.names.event(&mut source, file).map_err(|e| ArchiveError::damaged(&file.path, e))?;
            let at = event.timestamp();
            let wanted = self.span.venue.as_ref().is_none_or(|venue| event.venue == *venue);
            if wanted && (self.span.from..self.span.to).contains(&at) {
                rows.push(event);
            }
        }
        Ok(rows)
    }
}

/// Symbols and venues seen last, so that rows share them.
#[derive(Default)]
struct Names {
    symbols: Vec<Symbol>,
    venues: Vec<VenueId>,
}

/// Most names remembered; a file of this archive has one symbol and few venues.
const NAMES: usize = 32;

impl Names {
    fn event(&mut self, source: &mut columns::Source, file: &Sealed) -> Result<Event, BadValue> {
        use crate::store::row::Source as _;
        let default = |missing| file.defaults.as_ref().ok_or(missing);
        let symbol = match source.text()? {
            Some(text) => self.symbol(&text)?,
            None => default(BadValue::Missing)?.0.clone(),
        };
        let venue = match source.text()? {
            Some(text) => self.venue(&text),
            None => default(BadValue::Missing)?.1.clone(),
        };
        let timestamp = Ms(source.int()?.ok_or(BadValue::Missing)?);
        let received = match source.int()? {
            Some(received) => Ms(received),
            None => default(BadValue::Missing).map(|_| timestamp)?,
        };
        let body = kinds::read(file.dataset, timestamp, source)?;
        Ok(Event { received, symbol, venue, body })
    }

    fn symbol(&mut self, text: &str) -> Result<Symbol, BadValue> {
        if let Some(known) = self.symbols.iter().find(|known| known.as_str() == text) {
            return Ok(known.clone());
        }
        let symbol: Symbol = text.parse().map_err(|_| BadValue::Unknown(text.chars().take(20).collect()))?;
        self.symbols.truncate(NAMES);
        self.symbols.insert(0, symbol.clone());
        Ok(symbol)
    }

    fn venue(&mut self, text: &str) -> VenueId {
        if let Some(known) = self.venues.iter().find(|known| known.as_str() == text) {
            return known.clone();
        }
        let venue = VenueId::new(text);
        self.venues.truncate(NAMES);
        self.venues.insert(0, venue.clone());
        venue
    }
}

/// Runs what decodes bytes from outside; a panic in there is damage.
fn guarded<T>(path: &Path, run: impl FnOnce() -> Result<T, ArchiveError>) -> Result<T, ArchiveError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(ArchiveError::Damaged {
            path: path.to_owned(),
            detail: "the decoder gave up on its bytes".into(),
        })
    })
}
