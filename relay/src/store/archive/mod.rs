//! Sealed days: Parquet files and the manifest that lists them.

mod archived;
mod join;
pub(crate) mod kinds;
pub mod layout;
pub mod manifest;
pub mod read;
mod reconcile;
#[cfg(test)]
mod samples;
pub mod seal;
pub mod verify;
pub mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use shared::event::Event;
use shared::market::Ms;

pub use archived::Archived;
use join::Joining;
use layout::Meta;
use manifest::{Entry, Manifest, sync_folder};
use read::Sealed;
pub use reconcile::Reconciled;
use write::Written;

use super::{Query, StoreError};

/// What can go wrong with a file of the archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk's own words; worth another try where the disk is full or away.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// Its bytes are not what was written.
    #[error("{} is damaged: {detail}; `tapedeck archive verify` looks at all files", path.display())]
    Damaged { path: PathBuf, detail: String },
    /// A file that this archive did not write, or with columns that it does not know.
    #[error("{} cannot be read here: {detail}", path.display())]
    Foreign { path: PathBuf, detail: String },
    /// Rows that do not belong into the file they were meant for.
    #[error("rows for {} cannot be written: {detail}", path.display())]
    Rows { path: PathBuf, detail: String },
}

impl ArchiveError {
    fn damaged(path: &Path, what: impl std::fmt::Display) -> ArchiveError {
        ArchiveError::Damaged { path: path.to_owned(), detail: what.to_string() }
    }

    /// Whether there is no such file.
    pub fn is_absent(&self) -> bool {
        matches!(self, ArchiveError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

impl From<ArchiveError> for StoreError {
    fn from(error: ArchiveError) -> StoreError {
        match error {
            ArchiveError::Rows { .. } => StoreError::Write(error.to_string()),
            ArchiveError::Io { .. } | ArchiveError::Damaged { .. } | ArchiveError::Foreign { .. } => {
                StoreError::Read(error.to_string())
            }
        }
    }
}

/// How files end that are being written.
const ASIDE: &str = ".tmp";

/// The folder of sealed days. All methods block for as long as the disk does.
pub struct Archive {
    folder: PathBuf,
    manifest: Manifest,
    /// Held by who puts a file in the place of another until the manifest says so, and by who opens one, so that size
    /// and hash are those of the file.
    swap: RwLock<()>,
    /// What the sealer tells about itself.
    state: seal::State,
    /// Files that were listed when it was opened, and gone.
    lost: Vec<Meta>,
}

impl Archive {
    /// Opens or makes an archive: removes what was left half written, looks at files that the manifest does not know as
    /// they are, and strikes off those that are no longer there.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when the folder cannot be made or looked through, or the manifest not be read.
    pub fn open(folder: &Path) -> Result<Archive, ArchiveError> {
        Self::reconciled(folder).map(|(archive, _)| archive)
    }

    /// The same, with what was found.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reconciled(folder: &Path) -> Result<(Archive, Reconciled), ArchiveError> {
        let io = |source| ArchiveError::Io { doing: "make", path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let mut archive = Self::look(folder)?;
        let found = reconcile::reconcile(&archive)?;
        archive.lost.clone_from(&found.lost);
        Ok((archive, found))
    }

    /// Opens an archive as its manifest has it, touching nothing: for tools that read.
    ///
    /// # Errors
    /// [`ArchiveError::Io`] when the manifest cannot be read.
    pub fn look(folder: &Path) -> Result<Archive, ArchiveError> {
        let manifest = Manifest::open(folder)?;
        Ok(Archive {
            folder: folder.to_owned(),
            manifest,
            swap: RwLock::new(()),
            state: seal::State::default(),
            lost: Vec::new(),
        })
    }

    /// Files that were listed when it was opened, and gone.
    pub fn lost(&self) -> &[Meta] {
        &self.lost
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the sealer tells about itself.
    pub fn state(&self) -> &seal::State {
        &self.state
    }

    /// Where a file lies.
    pub fn path(&self, meta: &Meta) -> PathBuf {
        self.folder.join(meta.path())
    }

    /// Where a file is written before it is put in its place: beside it, so that a rename does it.
    pub fn aside(&self, meta: &Meta) -> PathBuf {
        self.folder.join(meta.path() + ASIDE)
    }

    /// Puts a file that was written [`Self::aside`] in its place, over the one that is there, and lists it. Durable
    /// when it returns.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]. The file may be in place and not be listed; the next opening finds it, and the next try
    /// does it all again.
    pub fn publish(&self, meta: &Meta, written: Written, sealed: Ms) -> Result<Arc<Entry>, ArchiveError> {
        let (aside, path) = (self.aside(meta), self.path(meta));
        let held = self.manifest.get(&meta.path());
        if let Some(other) = held.filter(|entry| entry.meta != *meta) {
            let detail = format!("its path is taken by {}", other.meta.symbol);
            return Err(ArchiveError::Rows { path, detail });
        }
        let _swapping = self.swap.write().unwrap_or_else(PoisonError::into_inner);
        std::fs::rename(&aside, &path).map_err(|source| ArchiveError::Io {
            doing: "rename to",
            path: path.clone(),
            source,
        })?;
        self.sync_folders(&path)?;
        self.manifest.add(Entry { meta: meta.clone(), written, sealed })
    }

    /// Removes a file for good: struck off first, so that nobody opens it any more.
    ///
    /// # Errors
    /// [`ArchiveError::Io`]. Where only the removal failed, the file comes back with the next opening.
    pub fn remove(&self, path: &str) -> Result<(), ArchiveError> {
        let _swapping = self.swap.write().unwrap_or_else(PoisonError::into_inner);
        self.manifest.strike(path)?;
        let path = self.folder.join(path);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ArchiveError::Io { doing: "remove", path, source })
            }
            _ => sync_folder(&path),
        }
    }

    /// Opens a listed file; `None` when it is no longer listed.
    ///
    /// # Errors
    /// As [`Sealed::open_known`].
    pub fn open_file(&self, entry: &Entry) -> Result<Option<Sealed>, ArchiveError> {
        let _opening = self.swap.read().unwrap_or_else(PoisonError::into_inner);
        // It may have been replaced or removed since it was found.
        let Some(entry) = self.manifest.get(&entry.meta.path()) else { return Ok(None) };
        let Written { bytes, xxh3, .. } = entry.written;
        Sealed::open_known(&self.path(&entry.meta), bytes, xxh3).map(Some)
    }

    /// Sealed rows of a range, ascending by (timestamp, venue, key).
    ///
    /// # Errors
    /// Of the first file that cannot be read.
    pub fn read(&self, query: &Query) -> Result<Vec<Event>, ArchiveError> {
        Joining::new(self, query, Vec::new()).collect(self)
    }

    /// Makes the names of a path's folders durable, up to the archive's own: a day may be the first of its series.
    fn sync_folders(&self, path: &Path) -> Result<(), ArchiveError> {
        for below in path.ancestors().take_while(|at| *at != self.folder) {
            sync_folder(below)?;
        }
        Ok(())
    }
}
