//! Installs what a fresh machine lacks, or names it in one line.

use crate::project::Project;
use crate::shell::call;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

const WASM: &str = "wasm32-unknown-unknown";

/// The standard library for wasm. Asked for by name: `RUSTUP_AUTO_INSTALL=0` keeps rustup from reading the toolchain
/// file by itself.
pub(crate) fn wasm_target(project: &Project) -> Result<String> {
    let sysroot = call("rustc", &project.root, &["--print", "sysroot"]).quiet().read()?;
    if PathBuf::from(sysroot.trim()).join("lib/rustlib").join(WASM).is_dir() {
        return Ok("present".into());
    }
    call("rustup", &project.root, &["target", "add", WASM]).run()?;
    Ok("installed".into())
}

/// The source of the standard library, of which release bundles have their own build.
pub(crate) fn library_source(project: &Project) -> Result<String> {
    let sysroot = call("rustc", &project.root, &["--print", "sysroot"]).quiet().read()?;
    if PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").is_file() {
        return Ok("present".into());
    }
    call("rustup", &project.root, &["component", "add", "rust-src"]).run()?;
    Ok("installed".into())
}

/// A rustup component such as `clippy`.
pub(crate) fn component(project: &Project, name: &str, probe: &[&str]) -> Result<String> {
    if crate::shell::cargo(&project.root, probe).succeeds() {
        return Ok("present".into());
    }
    call("rustup", &project.root, &["component", "add", name]).run()?;
    Ok("installed".into())
}

/// The folder of llvm-profdata and llvm-cov that fit the compiler, and whether they had to be installed.
pub(crate) fn llvm_tools(project: &Project) -> Result<(PathBuf, String)> {
    let sysroot = call("rustc", &project.root, &["--print", "sysroot"]).quiet().read()?;
    let version = call("rustc", &project.root, &["-vV"]).quiet().read()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let dir = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(host).join("bin");
    let tool = dir.join(format!("llvm-profdata{}", std::env::consts::EXE_SUFFIX));
    if tool.is_file() {
        return Ok((dir, "present".into()));
    }
    call("rustup", &project.root, &["component", "add", "llvm-tools"]).run()?;
    Ok((dir, "installed".into()))
}

/// npm packages of the page and its tests, exactly as the lock file says. `npm ci` deletes and rewrites `node_modules`.
pub(crate) fn npm_packages(project: &Project) -> Result<String> {
    npm(&project.root, "package-lock.json", "ci")
}

/// npm packages that only a test needs, in a folder of their own without a lock file: their exact versions are in its
/// `package.json`, and of a package per platform only this one's is looked at.
pub(crate) fn npm_packages_of(folder: &Path) -> Result<String> {
    npm(folder, "package.json", "install")
}

/// Installs where the file that says what differs from the one of the last time.
fn npm(folder: &Path, said: &str, command: &str) -> Result<String> {
    let wanted = std::fs::read(folder.join(said)).with_context(|| said.to_owned())?;
    let stamp = folder.join("node_modules/.tapedeck-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok("present".into());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut args = vec![command, "--no-audit", "--no-fund", "--loglevel=error"];
    if command == "install" {
        args.push("--no-package-lock");
    }
    call(npm, folder, &args).run()?;
    std::fs::write(stamp, wanted)?;
    Ok("installed".into())
}

/// A Chromium for the browser tests: `$CHROME`, the usual names on PATH, else Debian's package.
pub(crate) fn chromium(project: &Project) -> Result<PathBuf> {
    if let Some(path) = find_chromium() {
        return Ok(path);
    }
    if debian_package(project, "chromium")?
        && let Some(path) = find_chromium()
    {
        return Ok(path);
    }
    bail!(
        "no Chromium found: install one (Debian: apt-get install chromium) or set CHROME to a Chrome or Chromium binary"
    )
}

/// The programs of a PostgreSQL server for the tests: `$POSTGRES_BIN`, where they usually are, else Debian's package.
/// Tests run servers of their own, so the one the package would start is kept from starting.
pub(crate) fn postgres(project: &Project) -> Result<PathBuf> {
    if let Some(path) = postgres_server::programs() {
        return Ok(path);
    }
    // How Debian asks whether a package may start its service; one that is there stays.
    let policy = PathBuf::from("/usr/sbin/policy-rc.d");
    let ours = !policy.exists() && std::fs::write(&policy, "#!/bin/sh\nexit 101\n").is_ok();
    if ours {
        call("chmod", &project.root, &["755", &policy.to_string_lossy()]).quiet().run()?;
    }
    let installed = debian_package(project, "postgresql");
    if ours {
        std::fs::remove_file(&policy).context("/usr/sbin/policy-rc.d")?;
    }
    if installed? && let Some(path) = postgres_server::programs() {
        return Ok(path);
    }
    bail!(
        "no PostgreSQL found: install one (Debian: apt-get install postgresql) or set POSTGRES_BIN to the folder of initdb"
    )
}

/// Installs a package where this is Debian and we are root; false elsewhere.
fn debian_package(project: &Project, name: &str) -> Result<bool> {
    let debian = cfg!(target_os = "linux") && std::path::Path::new("/etc/debian_version").exists();
    if !debian || !call("id", &project.root, &["-u"]).quiet().read().is_ok_and(|uid| uid.trim() == "0") {
        return Ok(false);
    }
    call("apt-get", &project.root, &["update", "-qq"]).run()?;
    call("apt-get", &project.root, &["install", "-y", "-qq", "--no-install-recommends", name])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()?;
    Ok(true)
}

fn find_chromium() -> Option<PathBuf> {
    if let Some(chosen) = std::env::var_os("CHROME").map(PathBuf::from) {
        return chosen.is_file().then_some(chosen);
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    names
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file()))
}
