//! `cargo xtask test`: every check, cheapest first, stopping at the first that fails.

use crate::bundle::{self, Kind};
use crate::equal;
use crate::project::Project;
use crate::setup;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use crate::suites;
use anyhow::{Context, Result, ensure};

const WASM: &str = "wasm32-unknown-unknown";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only the browser tests (and what they need), optionally only files whose name contains this.
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    browser: Option<String>,
    /// Run only the comparison of the market maths between native and wasm.
    #[arg(long, conflicts_with = "browser")]
    equal: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let mut totals = Totals::default();
    let result = match &args.browser {
        _ if args.equal => equal::check(&project, &mut steps),
        Some(filter) => browser(&project, &mut steps, filter, &mut totals),
        None => native(&project, &mut steps).and_then(|()| browser(&project, &mut steps, "", &mut totals)),
    };
    steps.print_summary();
    // A runner that reads only the end of the output finds the browser tests there too.
    if let Some((passed, failed)) = totals.browser {
        println!("\nbrowser: {passed} passed, {failed} failed");
    }
    result
}

#[derive(Default)]
struct Totals {
    browser: Option<(u64, u64)>,
}

fn native(project: &Project, steps: &mut Steps) -> Result<()> {
    let root = &project.root;
    let plain = |args: &[&str]| cargo(root, args).run().map(|()| String::new());
    steps.step("rustfmt", || setup::component(project, "rustfmt", &["fmt", "--version"]))?;
    steps.step("clippy", || setup::component(project, "clippy", &["clippy", "--version"]))?;
    steps.step("wasm target", || setup::wasm_target(project))?;
    steps.step("format", || plain(&["fmt", "--all", "--check"]))?;
    steps.step("lints, native", || {
        plain(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
    })?;
    steps.step("lints, wasm", || {
        plain(&[
            "clippy", "-p", "shared", "-p", "frontend", "-p", "equal", "--lib", "--target", WASM, "--", "-D",
            "warnings",
        ])
    })?;
    steps.step("documentation", || {
        let args = ["doc", "--workspace", "--no-deps", "--document-private-items"];
        cargo(root, &args).env("RUSTDOCFLAGS", "-D warnings").run().map(|()| String::new())
    })?;
    equal::check(project, steps)?;
    steps.step("PostgreSQL", || Ok(setup::postgres(project)?.display().to_string()))?;
    steps.step("unit and integration tests", || Ok(suites::run(project)?.to_string()))?;
    steps.step("examples in documentation", || plain(&["test", "--workspace", "--doc", "--quiet"]))?;
    archive(project, steps)
}

/// Sealed files are opened by a program that knows nothing of tapedeck.
fn archive(project: &Project, steps: &mut Steps) -> Result<()> {
    let tests = project.root.join("tests/duckdb");
    steps.step("DuckDB", || setup::npm_packages_of(&tests))?;
    steps.step("sealed files in DuckDB", || {
        let folder = project.target.join("archive-sample");
        // What an earlier run left would be read as well; the first time there is nothing.
        let _ = std::fs::remove_dir_all(&folder);
        let path = folder.to_str().context("the target path is not UTF-8")?;
        let sample = ["run", "-q", "-p", "tapedeck", "--example", "archive_sample", "--", path];
        let said = folder.with_extension("jsonl");
        std::fs::write(&said, cargo(&project.root, &sample).read()?)?;
        let call = call("node", &tests, &["--test", "archive.test.mjs"]);
        call.env("ARCHIVE", &folder).env("SAID", &said).run()?;
        Ok(String::new())
    })
}

fn browser(project: &Project, steps: &mut Steps, filter: &str, totals: &mut Totals) -> Result<()> {
    let mut chromium = std::path::PathBuf::new();
    steps.step("Chromium", || {
        chromium = setup::chromium(project)?;
        Ok(chromium.display().to_string())
    })?;
    steps.step("compile relay", || {
        cargo(&project.root, &["build", "-p", "tapedeck"]).run()?;
        Ok(String::new())
    })?;
    let page = Kind::Test.folder(project);
    bundle::build(project, steps, Kind::Test, &page)?;
    steps.step("browser tests", || {
        let counts_file = project.root.join("target/page/browser-tests.json");
        let _ = std::fs::remove_file(&counts_file);
        let counts_arg = format!("--test-reporter-destination={}", counts_file.display());
        let mut args = vec![
            "--test",
            "--test-concurrency=1",
            // One that hangs fails.
            "--test-timeout=600000",
            "--test-reporter=spec",
            "--test-reporter-destination=stdout",
            "--test-reporter=./tests/browser/support/counts.mjs",
            &counts_arg,
        ];
        let files = spec_files(project, filter)?;
        args.extend(files.iter().map(String::as_str));
        let outcome = call("node", &project.root, &args)
            .env("CHROME", &chromium)
            .env("TAPEDECK_BIN", project.relay("debug"))
            .env("TAPEDECK_PAGE_DIR", &page)
            .run();
        if let Ok(text) = std::fs::read_to_string(&counts_file) {
            let counts: serde_json::Value =
                serde_json::from_str(&text).context("counts of the browser tests")?;
            totals.browser = counts["passed"].as_u64().zip(counts["failed"].as_u64());
        }
        outcome?;
        let (passed, failed) = totals.browser.context("the browser tests left no counts")?;
        ensure!(passed > 0, "the browser tests ran no test");
        Ok(format!("{passed} passed, {failed} failed"))
    })
}

fn spec_files(project: &Project, filter: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(project.root.join("tests/browser")).context("tests/browser")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".spec.mjs") && name.contains(filter) {
            files.push(format!("tests/browser/{name}"));
        }
    }
    ensure!(!files.is_empty(), "no browser test file matches \"{filter}\"");
    files.sort();
    Ok(files)
}
