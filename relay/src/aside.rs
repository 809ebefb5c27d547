//! Small files that are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces what a file holds: written aside (`<path>.new`), made durable, renamed. A reader finds the old content or
/// the new one, whenever this is cut off.
///
/// # Errors
/// When the disk refuses; the file is as before then.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let mut file = File::create(&aside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}
