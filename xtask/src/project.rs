//! Where the repository, cargo's target folder and the outputs are.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The repository's folders.
pub(crate) struct Project {
    /// The workspace root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, `CARGO_TARGET_DIR` and configuration files included.
    pub(crate) target: PathBuf,
    /// The workspace version.
    pub(crate) version: String,
}

impl Project {
    /// Asks cargo where things are.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
        let output =
            crate::shell::cargo(root, &["metadata", "--no-deps", "--format-version", "1", "--offline"])
                .quiet()
                .read()?;
        let metadata: serde_json::Value = serde_json::from_str(&output).context("cargo metadata")?;
        let target =
            metadata["target_directory"].as_str().context("cargo metadata has no target_directory")?;
        Ok(Self {
            root: root.to_path_buf(),
            target: PathBuf::from(target),
            version: env!("CARGO_PKG_VERSION").to_string(),
        })
    }

    /// The relay as `cargo build` leaves it in `profile`'s folder (`debug`, `dist`).
    pub(crate) fn relay(&self, folder: &str) -> PathBuf {
        self.target.join(folder).join(format!("tapedeck{}", std::env::consts::EXE_SUFFIX))
    }
}
