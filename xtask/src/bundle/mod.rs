//! The page: index.html (the same file Trunk reads), wasm and npm files to one folder of content-hashed files.
//!
//! wasm-bindgen runs as a library, so its version equals the crate's by construction and nothing is downloaded. Every
//! file but index.html carries 16 hex digits of its SHA-256 in its name and may be cached for ever. No inline script is
//! written: a module starts the wasm, so the page runs under a strict content security policy.

mod embed;
mod html;
mod output;
mod places;
mod sizes;
mod small;
mod split;
mod wasm;

use crate::project::Project;
use crate::setup;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

pub(crate) use output::sha256;
pub(crate) use sizes::Sizes;

const PRODUCTION_CHART: &str = "standalone.production.js";
const DEVELOPMENT_CHART: &str = "standalone.development.js";
/// The only script that uses the chart library.
const CHART_USER: &str = "frontend/src/chart/js/deck.js";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build quickly instead of small, without compressed twins (what `cargo xtask run` does).
    #[arg(long)]
    dev: bool,
    /// Where to write; the default is what the relay embeds.
    #[arg(long, default_value = "dist")]
    out: PathBuf,
}

/// How the page is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Quick to build: the dev profile, no wasm-opt, no compressed twins.
    Dev,
    /// As [`Kind::Dev`], with the chart library's development build, which checks what it is given.
    Test,
    /// Small to send: profile `page`, wasm-opt, esbuild, .br and .gz twins.
    Release,
}

impl Kind {
    /// Where the bundle is kept. `dist/` holds nothing but release bundles, because the relay embeds it.
    pub(crate) fn folder(self, project: &Project) -> PathBuf {
        match self {
            Self::Dev => project.root.join("target/page/dev"),
            Self::Test => project.root.join("target/page/test"),
            Self::Release => project.root.join("dist"),
        }
    }
}

/// `cargo xtask bundle`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let kind = if args.dev { Kind::Dev } else { Kind::Release };
    let out = project.root.join(&args.out);
    let result = build(&project, &mut steps, kind, &out);
    steps.print_summary();
    result?;
    let sizes = Sizes::of(&project, &out)?;
    println!("\n{}", sizes.table());
    if kind == Kind::Release { sizes.within_budget() } else { Ok(()) }
}

/// Builds the page into `out`, skipping whatever is up to date.
pub(crate) fn build(project: &Project, steps: &mut Steps, kind: Kind, out: &Path) -> Result<()> {
    steps.step("wasm target", || setup::wasm_target(project))?;
    if kind == Kind::Release {
        steps.step("source of the standard library", || setup::library_source(project))?;
    }
    steps.step("npm packages", || setup::npm_packages(project))?;
    let mut compiled = PathBuf::new();
    steps.step("compile page", || {
        compiled = compile(project, kind)?;
        Ok(String::new())
    })?;
    steps.step("bundle page", || {
        let stamp = stamp(project, kind, &compiled)?;
        let name = out.file_name().and_then(|name| name.to_str()).context("the output path has no name")?;
        let stamp_file = project.root.join(format!("target/page/{name}.stamp"));
        if std::fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp)
            && out.join("index.html").is_file()
        {
            return Ok("unchanged".into());
        }
        // The stamp goes first: an interrupted build must not look finished.
        let _ = std::fs::remove_file(&stamp_file);
        write(project, kind, &compiled, out)?;
        std::fs::create_dir_all(project.root.join("target/page"))?;
        std::fs::write(stamp_file, stamp)?;
        Ok(format!("written to {}", out.strip_prefix(&project.root).unwrap_or(out).display()))
    })
}

/// Writes the bundle in `dir` as one file that opens from disk.
pub(crate) fn standalone(project: &Project, dir: &Path, out: &Path) -> Result<()> {
    elsewhere(project, "xtask/js/standalone.mjs", dir, out)
}

/// Writes the bundle in `dir` as a folder for any static server, which asks for its relay.
pub(crate) fn portable(project: &Project, dir: &Path, out: &Path) -> Result<()> {
    elsewhere(project, "xtask/js/portable.mjs", dir, out)
}

fn elsewhere(project: &Project, script: &str, dir: &Path, out: &Path) -> Result<()> {
    let utf8 = |path: &Path| path.to_str().map(str::to_string).context("the path is not UTF-8");
    call("node", &project.root, &[script, &utf8(dir)?, &utf8(out)?]).run()
}

/// Compiles the frontend and returns its wasm file.
fn compile(project: &Project, kind: Kind) -> Result<PathBuf> {
    let target = "wasm32-unknown-unknown";
    let page = ["-p", "frontend", "--lib", "--target", target, "--profile"];
    let folder = if kind == Kind::Release {
        // The standard library is built with the page: for size, and with panics that end the page at once instead of
        // writing what happened, which nobody reads in a release. Cargo has no stable way to say so.
        let whole = ["rustc", "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];
        // Relocations and names for the splitter; what it generates at the marks is unsafe code.
        let split = ["page", "--features", "split", "--", "--cap-lints=allow", "-Clink-arg=--emit-relocs"];
        // Views of one type instead of a type each: a twentieth less to send.
        let flags = "--cfg erase_components -Zunstable-options -Cpanic=immediate-abort";
        cargo(&project.root, &[&whole, &page[..], &split].concat())
            .env("RUSTFLAGS", flags)
            .env("RUSTC_BOOTSTRAP", "1")
            .run()?;
        "page"
    } else {
        cargo(&project.root, &[&["build"], &page[..], &["dev"]].concat()).run()?;
        "debug"
    };
    Ok(project.target.join(target).join(folder).join("frontend.wasm"))
}

/// Text that changes whenever the bundle would: a hash over everything that goes in, this code included.
fn stamp(project: &Project, kind: Kind, compiled: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update([kind as u8]);
    for code in [
        include_str!("mod.rs"),
        include_str!("embed.rs"),
        include_str!("html.rs"),
        include_str!("output.rs"),
        include_str!("places.rs"),
        include_str!("small.rs"),
        include_str!("split.rs"),
        include_str!("wasm.rs"),
        include_str!("../../js/minify.mjs"),
        include_str!("../../js/order.mjs"),
        include_str!("../../js/font.mjs"),
    ] {
        hash.update(code);
    }
    let page = std::fs::read_to_string(project.root.join("index.html")).context("index.html")?;
    for link in html::links(&page)? {
        for file in link.files(&project.root)? {
            hash.update(file.to_string_lossy().as_bytes());
            // npm's files are pinned by the lock file below.
            if !file.components().any(|part| part.as_os_str() == "node_modules") {
                hash.update(
                    std::fs::read(&file).with_context(|| format!("index.html names {}", file.display()))?,
                );
            }
        }
    }
    for name in ["element.js", "frame.html", "frame.css", "frame.js"] {
        hash.update(std::fs::read(project.root.join(embed::FOLDER).join(name)).context(name)?);
    }
    hash.update(page);
    hash.update(std::fs::read(project.root.join("package-lock.json"))?);
    hash.update(std::fs::read(compiled).with_context(|| compiled.display().to_string())?);
    Ok(output::hex(&hash.finalize()))
}

/// A file that index.html names, as the bundle has it.
fn read(small: &small::Small<'_>, kind: Kind, path: &Path) -> Result<Vec<u8>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.ends_with(PRODUCTION_CHART) && kind == Kind::Release {
        return small.chart(CHART_USER);
    }
    let path = source(path, name, kind);
    let bytes = std::fs::read(&path).with_context(|| format!("index.html names {}", path.display()))?;
    small.file(name, bytes)
}

/// Where a file is read from: tests get the development build of the chart library.
fn source(path: &Path, name: &str, kind: Kind) -> PathBuf {
    match kind {
        Kind::Test => path.with_file_name(name.replace(PRODUCTION_CHART, DEVELOPMENT_CHART)),
        _ => path.to_path_buf(),
    }
}

/// Writes the bundle aside and swaps it in, so a running relay never serves half of one.
fn write(project: &Project, kind: Kind, compiled: &Path, out: &Path) -> Result<()> {
    let aside = out.with_extension("new");
    let _ = std::fs::remove_dir_all(&aside);
    std::fs::create_dir_all(&aside)?;
    let mut output = output::Output::new(&aside);
    let page = std::fs::read_to_string(project.root.join("index.html")).context("index.html")?;
    let small = small::Small::new(project, kind);
    let parts = if kind == Kind::Release {
        let split = split::split(compiled, &project.root.join("target/page/split"))?;
        wasm::bindgen(&split.main, Some(&split), &mut output, &small)?
    } else {
        wasm::bindgen(compiled, None, &mut output, &small)?
    };
    let read = |path: &Path| read(&small, kind, path);
    let page = html::rewrite(&page, &project.root, read, &parts.tags(), &mut output)?;
    output.write_plain("index.html", page.as_bytes())?;
    embed::write(&project.root, &page, parts.script(), &small, &mut output)?;
    if kind == Kind::Release {
        let folder = aside.to_str().context("the output path is not UTF-8")?;
        call("node", &project.root, &["xtask/js/compress.mjs", folder]).run()?;
    }
    let _ = std::fs::remove_dir_all(out);
    std::fs::rename(&aside, out).with_context(|| format!("cannot move the bundle to {}", out.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_get_the_development_build_of_the_chart_library() {
        let name = "chart.standalone.production.js";
        let path = Path::new("lib").join(name);
        assert_eq!(source(&path, name, Kind::Test), Path::new("lib/chart.standalone.development.js"));
        assert_eq!(source(&path, name, Kind::Dev), path);
    }
}
