//! What every command that touches the record begins with: the folders to itself, and the store open.

use std::sync::Arc;

use anyhow::Context;

use crate::config::StoreConfig;
use crate::store::{FolderLock, HotStore, PostgresStore, SqliteStore, StoreError};

/// Takes the folders of a configuration; they are released when the locks are dropped.
///
/// # Errors
/// One line: a folder in use or one that cannot be written.
pub(super) fn take_folders(config: &StoreConfig) -> anyhow::Result<Vec<FolderLock>> {
    let take = |folder: &std::path::PathBuf| {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("DATA_DIR: cannot make {}", folder.display()))?;
        Ok(FolderLock::take(folder)?)
    };
    config.folders().iter().map(take).collect()
}

/// The store of running days that a configuration names.
///
/// # Errors
/// [`StoreError`], to be shown as it is.
pub(super) async fn hot_store(config: &StoreConfig) -> Result<Arc<dyn HotStore>, StoreError> {
    Ok(match &config.postgres {
        Some(url) => Arc::new(PostgresStore::open(url).await?),
        None => Arc::new(SqliteStore::open(&config.sqlite_path)?),
    })
}
