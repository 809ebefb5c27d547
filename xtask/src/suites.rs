//! The workspace's test programs: built in one go, then run, the end-to-end ones side by side.
//!
//! Those spend most of their time waiting for minutes to end and for back-offs, so a few together take little more
//! than the longest of them. Each has servers and folders of its own.

use crate::project::Project;
use crate::shell::cargo;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// End-to-end suites running at once.
const TOGETHER: usize = 3;
/// They load the machine themselves, or measure what a loaded one would blur: one after another, at the end.
const ALONE: [&str; 3] = ["kill", "slow", "soak"];
/// The longest, so that none of them is started last.
const FIRST: [&str; 6] = ["binance", "coinbase", "bybit", "okx", "insightsentry", "hyperliquid"];

/// What the programs counted, added up.
#[derive(Default)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

/// One test program.
struct Suite {
    name: String,
    program: PathBuf,
    /// Where cargo would run it: the folder of its package.
    folder: PathBuf,
    end_to_end: bool,
}

/// Builds and runs all of them; the error names those that failed, whose output is printed once more at the end.
pub(crate) fn run(project: &Project) -> Result<Counts> {
    let (units, ends): (Vec<_>, Vec<_>) = build(project)?.into_iter().partition(|suite| !suite.end_to_end);
    let (alone, mut together): (Vec<_>, Vec<_>) =
        ends.into_iter().partition(|suite| ALONE.contains(&suite.name.as_str()));
    together.sort_by_key(|suite| FIRST.iter().position(|name| *name == suite.name).unwrap_or(FIRST.len()));

    let done = Mutex::new((Counts::default(), Vec::new()));
    let one = |suite: &Suite| finish(suite, &done);
    units.iter().try_for_each(one)?;
    let waiting = Mutex::new(together.iter().collect::<VecDeque<_>>());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        let work = || std::iter::from_fn(next).try_for_each(one);
        let threads: Vec<_> = (0..TOGETHER).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
    })?;
    alone.iter().try_for_each(one)?;

    let (counts, failures) = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (_, output) in &failures {
        println!("{output}");
    }
    let names: Vec<&str> = failures.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(names.is_empty(), "failed: {} ({counts})", names.join(", "));
    ensure!(counts.passed > 0, "the suites ran no test");
    Ok(counts)
}

/// The test programs of the workspace, and the relay the end-to-end ones start.
fn build(project: &Project) -> Result<Vec<Suite>> {
    let args = ["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"];
    let said = cargo(&project.root, &args).read()?;
    cargo(&project.root, &["build", "--quiet", "-p", "tests", "-p", "tapedeck", "--bin", "tapedeck"])
        .run()?;
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let suites: Vec<_> = messages.filter_map(|message| suite(&message)).collect();
    ensure!(!suites.is_empty(), "cargo built no test program");
    Ok(suites)
}

/// The test program that a message of cargo is about, if it is about one.
fn suite(message: &Value) -> Option<Suite> {
    let target = &message["target"];
    let program = PathBuf::from(message["executable"].as_str()?);
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    (message["profile"]["test"] == true).then(|| Suite {
        name: target["name"].as_str().unwrap_or_default().to_owned(),
        program,
        folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
        end_to_end: target["kind"][0] == "test",
    })
}

/// Runs a suite, prints what it said in one piece and adds up what it counted.
fn finish(suite: &Suite, done: &Mutex<(Counts, Vec<(String, String)>)>) -> Result<()> {
    let started = Instant::now();
    let mut command = Command::new(&suite.program);
    let Output { status, stdout, stderr } = command
        .current_dir(&suite.folder)
        .env("CARGO_MANIFEST_DIR", &suite.folder)
        .output()
        .with_context(|| suite.program.display().to_string())?;
    let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let mut held = done.lock().unwrap_or_else(PoisonError::into_inner);
    println!("    suite {} ({:.0} s)\n{said}", suite.name, started.elapsed().as_secs_f64());
    for counts in said.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        held.0.passed += count(counts, "passed");
        held.0.failed += count(counts, "failed");
        held.0.ignored += count(counts, "ignored");
    }
    if !status.success() {
        held.1.push((suite.name.clone(), format!("    suite {} FAILED ({status})\n{said}", suite.name)));
    }
    Ok(())
}

/// `12` from `ok. 12 passed; 0 failed`.
fn count(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    words.iter().position(|w| *w == word).and_then(|i| words[i.checked_sub(1)?].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_counts_of_a_suite_are_read_from_its_last_line() {
        let line = "ok. 12 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(["passed", "failed", "ignored"].map(|word| count(line, word)), [12, 1, 3]);
        assert_eq!(count("ok.", "passed"), 0);
    }

    #[test]
    fn test_programs_are_told_from_what_else_cargo_builds() {
        let message = |test: bool, kind: &str| {
            json!({"reason": "compiler-artifact", "executable": "/t/a-1", "manifest_path": "/w/a/Cargo.toml",
                   "profile": {"test": test}, "target": {"name": "a", "kind": [kind]}})
        };
        let found = suite(&message(true, "test")).unwrap();
        assert_eq!((found.name.as_str(), found.end_to_end), ("a", true));
        assert_eq!(found.folder, PathBuf::from("/w/a"));
        assert!(!suite(&message(true, "lib")).unwrap().end_to_end);
        assert!(suite(&message(false, "bin")).is_none());
        assert!(suite(&json!({"reason": "build-finished", "success": true})).is_none());
    }
}
