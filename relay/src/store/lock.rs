//! The lock file: one relay per folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the lock file inside the folder.
const NAME: &str = "tapedeck.lock";

/// Held while this process has the folder to itself; the system releases it when the process ends, however.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

/// Why a folder cannot be had; terminal, one line with the fix.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "{folder} is in use by another tapedeck{}: stop that one, or set DATA_DIR to another folder",
        holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        folder = folder.display()
    )]
    Taken { folder: PathBuf, holder: Option<u32> },
    #[error("cannot write in {folder}: {detail}; make it writable, or set DATA_DIR to another folder", folder = folder.display())]
    Unwritable { folder: PathBuf, detail: String },
}

impl FolderLock {
    /// Makes the folder if it is missing and takes it, without waiting.
    ///
    /// # Errors
    /// [`LockError::Taken`] while another holds it, [`LockError::Unwritable`] when it cannot be made.
    pub fn take(folder: &Path) -> Result<FolderLock, LockError> {
        let unwritable =
            |e: std::io::Error| LockError::Unwritable { folder: folder.to_owned(), detail: e.to_string() };
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(folder.join(NAME)).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who holds it is a courtesy: without it the error is still clear.
                let _ = file.take(20).read_to_string(&mut text);
                let holder = text.trim().parse().ok();
                return Err(LockError::Taken { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        file.set_len(0).map_err(unwritable)?;
        file.rewind().map_err(unwritable)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(unwritable)?;
        Ok(FolderLock { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // The file stays: removing it would let a third process lock a name the second already opened.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let first = FolderLock::take(&inner).unwrap();
        let refused = FolderLock::take(&inner).unwrap_err();
        let text = refused.to_string();
        assert!(
            matches!(refused, LockError::Taken { holder, .. } if holder == Some(std::process::id())),
            "{text}"
        );
        assert!(text.contains("DATA_DIR") && !text.contains('\n'), "{text}");
        drop(first);
        FolderLock::take(&inner).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let text = FolderLock::take(&file.join("data")).unwrap_err().to_string();
        assert!(text.starts_with("cannot write in ") && text.contains("DATA_DIR"), "{text}");
    }
}
