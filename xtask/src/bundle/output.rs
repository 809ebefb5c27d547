//! The folder a bundle is written to, and the names its files got.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Writes files into one folder.
pub(super) struct Output<'a> {
    dir: &'a Path,
}

impl<'a> Output<'a> {
    pub(super) fn new(dir: &'a Path) -> Self {
        Self { dir }
    }

    /// Writes under a name that carries the content's hash, and returns that name.
    pub(super) fn write_hashed(&mut self, name: &str, bytes: &[u8]) -> Result<String> {
        let name = hashed_name(name, bytes);
        self.write_plain(&name, bytes)?;
        Ok(name)
    }

    /// Writes under the name as it is.
    pub(super) fn write_plain(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `app.js` to `app-0123456789abcdef.js`.
fn hashed_name(name: &str, bytes: &[u8]) -> String {
    let digest = sha256(bytes);
    let hash = digest.get(..16).unwrap_or(&digest);
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{hash}.{extension}"),
        None => format!("{name}-{hash}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_carries_the_hash_before_the_last_extension() {
        assert_eq!(hashed_name("a.b.js", b"abc"), "a.b-ba7816bf8f01cfea.js");
        assert_eq!(hashed_name("a.b.js", b"abd"), "a.b-a52d159f262b2c6d.js");
        assert_eq!(hashed_name("LICENSE", b"abc"), "LICENSE-ba7816bf8f01cfea");
    }
}
