//! The use of monthly quotas, kept in a file so that a restart does not begin the month anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::market::Ms;

use crate::aside;

/// What was used of one quota in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The limit's name.
    pub name: String,
    /// First instant of the month, UTC.
    pub month: Ms,
    pub used: u32,
}

/// The file of one venue's quotas.
#[derive(Debug)]
pub struct QuotaFile {
    path: PathBuf,
    written: Vec<Used>,
}

impl QuotaFile {
    /// Opens the file; one that is not there has nothing used.
    ///
    /// # Errors
    /// When it is there and cannot be read or understood.
    pub fn open(path: &Path) -> io::Result<QuotaFile> {
        let written = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(QuotaFile { path: path.to_owned(), written })
    }

    /// What the file holds.
    pub fn used(&self) -> &[Used] {
        &self.written
    }

    /// Replaces what the file holds: written aside, made durable, renamed.
    ///
    /// # Errors
    /// When the disk refuses; the file is as before then.
    pub fn write(&mut self, used: Vec<Used>) -> io::Result<()> {
        if used == self.written {
            return Ok(());
        }
        aside::replace(&self.path, &serde_json::to_vec(&used)?)?;
        self.written = used;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_after_a_restart_and_a_torn_write_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quota-x.json");
        let used = |used| vec![Used { name: "requests_month".into(), month: Ms(1_793_491_200_000), used }];
        let mut file = QuotaFile::open(&path).unwrap();
        assert!(file.used().is_empty());
        file.write(used(41)).unwrap();
        file.write(used(42)).unwrap();
        // A write that was cut off leaves its beginning aside.
        fs::write(path.with_extension("json.new"), b"[{\"name\":\"requ").unwrap();
        assert_eq!(QuotaFile::open(&path).unwrap().used(), used(42));
        fs::write(&path, b"[{").unwrap();
        assert!(QuotaFile::open(&path).is_err());
    }
}
