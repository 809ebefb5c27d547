//! Disks that are full or cannot be written: the relay goes on, says so, loses nothing, and recovers by itself.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::fake::clock::machine_now;
use tests::relay::{Options, Relay, binary};

const SOON: Duration = Duration::from_secs(30);
/// The sealer tries again after ten seconds, then rests between files.
const SEALED: Duration = Duration::from_secs(120);
const SYMBOL: &str = "BTC/USDT";

fn options() -> Options {
    Options::sim().env("SYMBOLS", SYMBOL)
}

fn archive(status: &Value) -> &Value {
    &status["store"]["archive"]
}

/// The minutes of the first days there are, as they are served.
async fn bars(relay: &Relay) -> Result<Vec<Value>> {
    const DAY: i64 = 86_400_000;
    let today = machine_now() / DAY * DAY;
    let (from, to) = (today - 29 * DAY, today - 20 * DAY);
    relay.rows(&format!("/api/history/bars?symbol={SYMBOL}&venue=sim&from={from}&to={to}")).await
}

/// Waits until every finished day is in files that verify, and what was served is served again.
async fn recovers(relay: &Relay, before: &[Value]) -> Result<()> {
    relay
        .wait_status("all days sealed", SEALED, |status| {
            archive(status)["error"].is_null() && archive(status)["pending_days"] == 0
        })
        .await?;
    ensure!(bars(relay).await? == before, "other rows than before");
    let mut verify = Command::new(binary());
    verify
        .args(["archive", "verify"])
        .env_clear()
        .env("DATA_DIR", relay.folder())
        .current_dir(relay.folder());
    let done = verify.output()?;
    ensure!(done.status.success(), "archive verify: {}", String::from_utf8_lossy(&done.stdout));
    Ok(())
}

#[tokio::test]
async fn a_folder_of_files_that_cannot_be_written_keeps_days_hot() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    // A file where a folder should be: refused to root as well.
    let blocked = folder.path().join("parquet/sim");
    std::fs::create_dir(folder.path().join("parquet"))?;
    std::fs::write(&blocked, "")?;
    let relay = Relay::start(options(), folder).await?;
    let status = relay.wait_status("the fault is told", SOON, |s| archive(s)["error"].is_string()).await?;
    ensure!(archive(&status)["error"].as_str().is_some_and(|e| e.contains("parquet/sim")), "{status:#}");
    ensure!(archive(&status)["pending_days"].as_u64() > Some(25), "{status:#}");
    let before = bars(&relay).await?;
    ensure!(before.len() > 9 * 1_400, "{} rows", before.len());
    std::fs::remove_file(blocked)?;
    recovers(&relay, &before).await
}

/// A file system of so many bytes, gone when dropped.
struct Small(PathBuf, #[allow(dead_code, reason = "kept for its end")] tempfile::TempDir);

impl Small {
    /// `None` where this user may not mount.
    fn mount(megabytes: u32) -> Result<Option<Small>> {
        let place = tempfile::TempDir::new()?;
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tapedeck-test"])
            .arg(place.path())
            .output();
        let done = mounted.is_ok_and(|done| done.status.success());
        Ok(done.then(|| Small(place.path().to_owned(), place)))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a relay that is being killed may still have files open.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Takes all the room there is.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    let block = vec![1_u8; 1 << 16];
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&block[..size]).is_ok() {}
    }
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing() -> Result<()> {
    let Some(small) = Small::mount(64)? else {
        println!("not tested: this user may not mount a file system of a small size");
        return Ok(());
    };
    let relay = Relay::start(options(), tempfile::TempDir::new_in(&small.0)?).await?;
    let ballast = small.0.join("ballast");
    fill(&ballast)?;
    let status =
        relay.wait_status("the full disk is told", SOON, |s| archive(s)["error"].is_string()).await?;
    ensure!(archive(&status)["error"].as_str().is_some_and(|e| e.contains("No space left")), "{status:#}");
    ensure!(status["store"]["disk"]["free_bytes"].as_u64() < Some(1 << 16), "{status:#}");
    let before = bars(&relay).await?;
    ensure!(before.len() > 9 * 1_400, "{} rows", before.len());
    std::fs::remove_file(&ballast)?;
    recovers(&relay, &before).await?;
    drop(relay);
    Ok(())
}
