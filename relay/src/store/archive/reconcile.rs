//! Bringing manifest and folder together after a kill, a copy or a hand in the folder.

use std::collections::HashSet;
use std::fs::Metadata;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use shared::event::Event;
use shared::market::Ms;

use super::layout::{Meta, Place};
use super::manifest::{Entry, MANIFEST, hash_file};
use super::read::{Sealed, Span};
use super::write::Written;
use super::{ASIDE, Archive, ArchiveError};

/// What opening an archive found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reconciled {
    /// Files that were whole and not listed, or not as they are.
    pub adopted: Vec<String>,
    /// Files that were listed and are not there.
    pub lost: Vec<Meta>,
    /// Files that are neither listed nor readable, and why.
    pub refused: Vec<(String, String)>,
    /// Files left half written.
    pub removed: Vec<String>,
}

pub(super) fn reconcile(archive: &Archive) -> Result<Reconciled, ArchiveError> {
    let mut found = Reconciled::default();
    let mut seen = HashSet::new();
    // A file changed since the last line was written may be one whose line is missing.
    let listed = archive.manifest.modified();
    walk(&archive.folder, "", &mut |path, metadata| {
        if let Some(whole) = path.strip_suffix(ASIDE) {
            if Place::parse(whole).is_some() || whole == MANIFEST {
                std::fs::remove_file(archive.folder.join(path)).map_err(|source| ArchiveError::Io {
                    doing: "remove",
                    path: archive.folder.join(path),
                    source,
                })?;
                found.removed.push(path.to_owned());
            }
            return Ok(());
        }
        if Place::parse(path).is_none() {
            return Ok(());
        }
        let known = archive.manifest.get(path);
        let modified = metadata.modified().ok();
        let changed = known.is_none_or(|entry| {
            let newer = modified.zip(listed).is_none_or(|(file, list)| file > list);
            entry.written.bytes != metadata.len()
                || (newer && hash_file(&archive.folder.join(path)).ok() != Some(entry.written.xxh3))
        });
        seen.insert(path.to_owned());
        if changed {
            match adopt(archive, path, modified) {
                Ok(entry) => {
                    archive.manifest.add(entry)?;
                    tracing::info!(path, "a sealed file was taken up into the manifest");
                    found.adopted.push(path.to_owned());
                }
                Err(error) => {
                    tracing::error!(%error, "a file in the archive cannot be used and is left as it is");
                    found.refused.push((path.to_owned(), error.to_string()));
                }
            }
        }
        Ok(())
    })?;
    for entry in archive.manifest.all() {
        let path = entry.meta.path();
        if !seen.contains(&path) {
            tracing::error!(path, "a sealed file is gone from the archive");
            archive.manifest.strike(&path)?;
            found.lost.push(entry.meta.clone());
        }
    }
    if let Err(error) = archive.manifest.tidy() {
        tracing::warn!(%error, "the manifest stays as long as it is");
    }
    Ok(found)
}

/// Reads a file whole and says what is to be listed of it.
fn adopt(archive: &Archive, path: &str, modified: Option<SystemTime>) -> Result<Entry, ArchiveError> {
    let at = archive.folder.join(path);
    let sealed = Sealed::open(&at)?;
    let meta = sealed.meta().cloned().filter(|meta| meta.path() == path);
    let meta =
        meta.ok_or_else(|| ArchiveError::Foreign { path: at.clone(), detail: "it is another's".into() })?;
    let rows = sealed.rows();
    let mut scan = sealed.scan(Span::all())?;
    let (mut read, mut first, mut last) = (0, None, Ms::ZERO);
    while let Some(chunk) = scan.chunk()? {
        read += chunk.len() as u64;
        first = first.or(chunk.first().map(Event::timestamp));
        last = chunk.last().map_or(last, Event::timestamp);
    }
    let Some(first) = first.filter(|_| read == rows) else {
        return Err(ArchiveError::damaged(&at, format!("it has {read} rows of {rows}")));
    };
    let io = |source| ArchiveError::Io { doing: "read", path: at.clone(), source };
    let bytes = std::fs::metadata(&at).map_err(io)?.len();
    let sealed = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let sealed = Ms(sealed.and_then(|at| i64::try_from(at.as_millis()).ok()).unwrap_or(0));
    Ok(Entry { meta, written: Written { rows, bytes, first, last, xxh3: hash_file(&at)? }, sealed })
}

/// Visits all files below a folder, in order of their names; paths have `/` between their parts.
fn walk(
    folder: &Path,
    below: &str,
    visit: &mut impl FnMut(&str, &Metadata) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let io = |source| ArchiveError::Io { doing: "look through", path: folder.to_owned(), source };
    let mut entries = std::fs::read_dir(folder).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        // A name that is not text is none of this archive's.
        let Some(name) = name.to_str() else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let metadata = entry.metadata().map_err(io)?;
        if metadata.is_dir() {
            walk(&entry.path(), &path, visit)?;
        } else {
            visit(&path, &metadata)?;
        }
    }
    Ok(())
}
