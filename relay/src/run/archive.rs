//! `tapedeck archive verify` and `tapedeck archive compact`.

use std::io::Write as _;
use std::sync::Arc;

use super::{open, start_logs};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::archive::seal::{Pace, Sealer, Summary, calendar_of};
use crate::store::archive::verify::verify as look;
use crate::store::archive::{Archive, Archived};
use crate::store::{FolderLock, LockError};

/// Checks every sealed day; prints a line for each fault and a summary. Answers whether all is well.
///
/// # Errors
/// When the folder cannot be read.
pub fn verify(config: &Config) -> anyhow::Result<bool> {
    if !config.store.data_dir.exists() {
        anyhow::bail!(
            "DATA_DIR: there is no {}: name the folder that is to be verified",
            config.store.data_dir.display()
        );
    }
    let folder = config.store.archive();
    // A folder that cannot be had is in the hands of a running relay. One that can is given back at once: a relay may
    // start meanwhile.
    let beside_relay =
        folder.exists() && matches!(FolderLock::take(&config.store.data_dir), Err(LockError::Taken { .. }));
    let found = look(&folder, beside_relay)?;
    let mut text = String::new();
    for fault in &found.faults {
        text.push_str(fault);
        text.push('\n');
    }
    let word =
        if found.faults.is_empty() { "ok".to_owned() } else { format!("{} faults", found.faults.len()) };
    let megabytes = found.bytes as f64 / 1e6;
    let (files, rows) = (found.files, found.rows);
    text.push_str(&format!(
        "{}: {word}, {files} whole files, {rows} rows, {megabytes:.1} MB\n",
        folder.display()
    ));
    // A reader that closed the pipe has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(found.faults.is_empty())
}

/// Does what a running relay does each hour: deletes what is too old, seals finished days, merges late rows.
///
/// # Errors
/// One line: a folder in use, a day that cannot be sealed.
pub async fn compact(config: Config) -> anyhow::Result<()> {
    start_logs(&config.log);
    let locks = open::take_folders(&config.store)?;
    let hot = open::hot_store(&config.store).await?;
    let archive = Arc::new(Archive::open(&config.store.archive())?);
    Archived::new(hot.clone(), archive.clone()).uncover_lost().await?;
    // Hours of a vendor's symbols, whose sessions only it knows, are folded by the relay.
    let calendars = Arc::new(|symbol: &_, _: &_| calendar_of(symbol));
    let sealer = Sealer::new(hot, archive, calendars, config.retention, Clock::real(), Pace::Full);
    let Summary { sealed, compacted, rows, hours, retired, .. } = sealer.pass().await?;
    println!(
        "{sealed} days sealed, {compacted} with late rows, {rows} rows in all; {hours} files of hours; {retired} too old"
    );
    drop(locks);
    Ok(())
}
