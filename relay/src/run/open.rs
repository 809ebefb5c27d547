//! What every command that touches the record begins with: the folders to itself, and the store open.

use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::StoreConfig;
use crate::store::archive::{Archive, Archived};
use crate::store::{FolderLock, HotStore, PostgresStore, SqliteStore, Store, StoreError};

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

/// Running and sealed days as one.
///
/// # Errors
/// One line: what cannot be opened.
pub(super) async fn whole_store(config: &StoreConfig) -> anyhow::Result<Arc<dyn Store>> {
    let archive = Arc::new(Archive::open(&config.archive())?);
    let store = Archived::new(hot_store(config).await?, archive);
    store.uncover_lost().await?;
    Ok(Arc::new(store))
}

/// A bar on a terminal; nothing elsewhere.
pub(super) fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {percent}% {eta}");
    bar.set_style(style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> ")));
    bar
}
