//! Checking every file against the manifest, and the folder against both.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shared::event::Event;
use shared::market::Ms;

use super::manifest::{Entry, MANIFEST, hash_file};
use super::read::{Sealed, Span};
use super::{ASIDE, Archive, ArchiveError, kinds};

#[cfg(test)]
mod tests;

/// How long a running relay may take to put a file in place and list it.
const SWAP: Duration = Duration::from_millis(500);

/// What was looked at, and what is wrong.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Verified {
    pub files: usize,
    pub rows: u64,
    pub bytes: u64,
    /// A line each: the path below the archive's folder, and what is wrong with it.
    pub faults: Vec<String>,
}

/// Looks at every listed file (size, hash, columns, rows and their order, first and last) and for files that are not
/// listed. Changes nothing. A fault counts only if it is still there a moment later, when a relay that runs beside has put
/// its file in place and listed it; files that such a relay is writing are none.
///
/// # Errors
/// [`ArchiveError::Io`] when manifest or folder cannot be read at all.
pub fn verify(folder: &Path, beside_relay: bool) -> Result<Verified, ArchiveError> {
    if !folder.exists() {
        return Ok(Verified::default());
    }
    let mut archive = Archive::look(folder)?;
    let mut verified = Verified::default();
    let mut doubtful = Vec::new();
    for entry in archive.manifest().all() {
        match check(&archive, &entry) {
            None => verified.count(&entry),
            Some(fault) => doubtful.push((entry.meta.path(), fault)),
        }
    }
    let mut unlisted = unlisted(&archive)?;
    if !(doubtful.is_empty() && unlisted.is_empty()) {
        std::thread::sleep(SWAP);
        archive = Archive::look(folder)?;
        let mut still = Vec::new();
        for (path, _) in doubtful {
            // Struck off in between: retired.
            let Some(entry) = archive.manifest().get(&path) else { continue };
            match check(&archive, &entry) {
                None => verified.count(&entry),
                Some(fault) => still.push((path, fault)),
            }
        }
        doubtful = still;
        unlisted.retain(|path| {
            !(beside_relay && path.ends_with(ASIDE))
                && archive.manifest().get(path).is_none()
                && folder.join(path).exists()
        });
    }
    verified.faults = doubtful.into_iter().map(|(path, fault)| format!("{path}: {fault}")).collect();
    verified.faults.extend(unlisted.into_iter().map(|path| {
        let what = if path.ends_with(ASIDE) {
            "left half written; the next start of the relay removes it"
        } else {
            "is not in the manifest; the next start of the relay adds it if it is whole"
        };
        format!("{path}: {what}")
    }));
    Ok(verified)
}

impl Verified {
    fn count(&mut self, entry: &Entry) {
        self.files += 1;
        self.rows += entry.written.rows;
        self.bytes += entry.written.bytes;
    }
}

/// What is wrong with a listed file.
fn check(archive: &Archive, entry: &Entry) -> Option<String> {
    let path = archive.path(&entry.meta);
    let size = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Some("is missing".to_owned()),
        Err(e) => return Some(format!("cannot be read: {e}")),
    };
    let said = entry.written;
    if size != said.bytes {
        return Some(format!("has {size} bytes, the manifest says {}", said.bytes));
    }
    match hash_file(&path) {
        Ok(hash) if hash == said.xxh3 => {}
        Ok(hash) => return Some(format!("has hash {hash:016x}, the manifest says {:016x}", said.xxh3)),
        Err(e) => return Some(e.to_string()),
    }
    rows(&path, entry).unwrap_or_else(|e| Some(e.to_string()))
}

/// What is wrong with a file's rows.
fn rows(path: &Path, entry: &Entry) -> Result<Option<String>, ArchiveError> {
    let (meta, said) = (&entry.meta, entry.written);
    let file = Sealed::open(path)?;
    if file.meta() != Some(meta) {
        return Ok(Some("says that it is of another day or series".to_owned()));
    }
    let mut scan = file.scan(Span::all())?;
    let (mut count, mut first, mut last): (u64, Option<Ms>, Option<Event>) = (0, None, None);
    while let Some(rows) = scan.chunk()? {
        for row in rows {
            let at = row.timestamp();
            let here =
                row.symbol == meta.symbol && meta.venue.as_ref().is_none_or(|venue| row.venue == *venue);
            if !here || !kinds::belongs(meta.dataset, &row) || !(meta.day..meta.end()).contains(&at) {
                return Ok(Some(format!("has a row that does not belong to it, at {}", at.0)));
            }
            if last.as_ref().is_some_and(|last| kinds::order(meta.dataset, last, &row) != Ordering::Less) {
                return Ok(Some(format!("is not in order at {}", at.0)));
            }
            count += 1;
            first.get_or_insert(at);
            last = Some(row);
        }
    }
    if count != said.rows {
        return Ok(Some(format!("has {count} rows, the manifest says {}", said.rows)));
    }
    let edges = (first, last.map(|row| row.timestamp()));
    Ok((edges != (Some(said.first), Some(said.last)))
        .then(|| format!("begins at {:?} and ends at {:?}, the manifest says otherwise", edges.0, edges.1)))
}

/// Paths of files that are not in the manifest: sealed ones and those left half written. Others are not ours.
fn unlisted(archive: &Archive) -> Result<Vec<String>, ArchiveError> {
    let listed: HashSet<PathBuf> =
        archive.manifest().all().iter().map(|entry| archive.path(&entry.meta)).collect();
    let mut found = Vec::new();
    let mut folders = vec![archive.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        let io = |source| ArchiveError::Io { doing: "read", path: folder.clone(), source };
        for item in std::fs::read_dir(&folder).map_err(io)? {
            let item = item.map_err(io)?;
            let path = item.path();
            if item.file_type().map_err(io)?.is_dir() {
                folders.push(path);
            } else if !listed.contains(&path)
                && let Ok(below) = path.strip_prefix(archive.folder())
                && below.to_str() != Some(MANIFEST)
            {
                let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                let below = parts.join("/");
                if below.ends_with(".parquet") || below.ends_with(ASIDE) {
                    found.push(below);
                }
            }
        }
    }
    found.sort();
    Ok(found)
}
