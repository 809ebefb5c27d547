//! `cargo xtask coverage`: line coverage of `shared` and `relay` by their own and the end-to-end tests.
//!
//! Only workspace crates are instrumented: this program is cargo's wrapper around rustc for them and adds the flag, so
//! the dependencies that `cargo xtask test` built serve here too. Counts are read with the toolchain's own llvm-tools.

use crate::project::Project;
use crate::setup;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Set while cargo calls this program in place of rustc.
const WRAPPER: &str = "TAPEDECK_COVERAGE_WRAPPER";
const CRATES: [&str; 2] = ["shared", "relay"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail below this share of covered lines, in percent, in either crate.
    #[arg(long, default_value_t = 80.0)]
    min: f64,
}

/// If cargo called this program as its rustc wrapper: compiles with coverage and answers with rustc's exit code.
pub(crate) fn as_wrapper() -> Option<ExitCode> {
    std::env::var_os(WRAPPER)?;
    let mut args = std::env::args_os().skip(1);
    let status = Command::new(args.next()?).args(args).args(["-C", "instrument-coverage"]).status().ok()?;
    Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let mut report = Vec::new();
    let result = measure(&project, &mut steps, &mut report);
    steps.print_summary();
    result?;
    println!();
    for part in &report {
        println!("{:<8} {:>6.1} % of {} lines", part.name, part.percent(), part.lines);
        for (file, covered, lines) in part.weakest() {
            println!("         {:>6.1} % of {lines:>4}  {file}", 100.0 * *covered as f64 / *lines as f64);
        }
    }
    for part in &report {
        ensure!(part.percent() >= args.min, "{}: {:.1} % is below {} %", part.name, part.percent(), args.min);
    }
    Ok(())
}

/// Covered lines of one crate.
struct Part {
    name: String,
    lines: u64,
    covered: u64,
    files: Vec<(String, u64, u64)>,
}

impl Part {
    fn percent(&self) -> f64 {
        100.0 * self.covered as f64 / self.lines.max(1) as f64
    }

    /// The five files with the most uncovered lines.
    fn weakest(&self) -> impl Iterator<Item = &(String, u64, u64)> {
        let mut files: Vec<_> = self.files.iter().filter(|(_, covered, lines)| covered < lines).collect();
        files.sort_by_key(|(_, covered, lines)| std::cmp::Reverse(lines - covered));
        files.into_iter().take(5)
    }
}

fn measure(project: &Project, steps: &mut Steps, report: &mut Vec<Part>) -> Result<()> {
    let mut tools = PathBuf::new();
    steps.step("llvm tools", || {
        let (dir, note) = setup::llvm_tools(project)?;
        tools = dir;
        Ok(note)
    })?;
    let profiles = project.target.join("coverage");
    let mut binaries = Vec::new();
    steps.step("tests with coverage", || {
        let _ = std::fs::remove_dir_all(&profiles);
        std::fs::create_dir_all(&profiles)?;
        let wrapper = std::env::current_exe()?;
        let instrumented = |args: &[&str]| {
            cargo(&project.root, args)
                .env("RUSTC_WORKSPACE_WRAPPER", &wrapper)
                .env(WRAPPER, "1")
                .env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"))
        };
        let packages = ["-p", "shared", "-p", "tapedeck", "-p", "tests"];
        let mut build = vec!["test", "--no-run", "--message-format=json"];
        build.extend(packages);
        binaries = test_binaries(&instrumented(&build).read()?);
        let mut test = vec!["test", "--quiet"];
        test.extend(packages);
        instrumented(&test).run()?;
        Ok(format!("{} test binaries", binaries.len()))
    })?;
    steps.step("line counts", || {
        let merged = profiles.join("all.profdata");
        let mut args = vec!["merge".to_string(), "-sparse".into(), "-o".into(), text(&merged)?];
        for entry in std::fs::read_dir(&profiles)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "profraw") {
                args.push(text(&path)?);
            }
        }
        tool(project, &tools, "llvm-profdata", &args)?;

        let mut args =
            vec!["export".to_string(), "-summary-only".into(), format!("-instr-profile={}", text(&merged)?)];
        for (i, binary) in binaries.iter().enumerate() {
            args.extend((i > 0).then(|| "-object".to_string()));
            args.push(binary.clone());
        }
        let export: Value =
            serde_json::from_str(&tool(project, &tools, "llvm-cov", &args)?).context("llvm-cov")?;
        report.extend(CRATES.map(|name| summarise(&export, &project.root, name)));
        ensure!(report.iter().all(|part| part.lines > 0), "llvm-cov counted no line");
        Ok(String::new())
    })
}

/// Test executables out of cargo's JSON messages.
fn test_binaries(messages: &str) -> Vec<String> {
    let parsed = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = parsed.filter(|message| message["profile"]["test"] == true);
    tests.filter_map(|message| message["executable"].as_str().map(str::to_string)).collect()
}

/// The lines of `<root>/<name>/src`, without files that hold tests only.
fn summarise(export: &Value, root: &Path, name: &str) -> Part {
    let folder = root.join(name).join("src");
    let mut part = Part { name: name.to_string(), lines: 0, covered: 0, files: Vec::new() };
    for file in export["data"][0]["files"].as_array().into_iter().flatten() {
        let path = Path::new(file["filename"].as_str().unwrap_or_default());
        let Ok(inner) = path.strip_prefix(&folder) else { continue };
        if inner
            .components()
            .any(|component| matches!(component.as_os_str().to_str(), Some("tests" | "tests.rs")))
        {
            continue;
        }
        let counts = &file["summary"]["lines"];
        let (lines, covered) =
            (counts["count"].as_u64().unwrap_or(0), counts["covered"].as_u64().unwrap_or(0));
        part.lines += lines;
        part.covered += covered;
        part.files.push((inner.display().to_string(), covered, lines));
    }
    part
}

fn tool(project: &Project, tools: &Path, name: &str, args: &[String]) -> Result<String> {
    let program = text(&tools.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))?;
    call(&program, &project.root, &args.iter().map(String::as_str).collect::<Vec<_>>()).quiet().read()
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("a path is not UTF-8")?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_summed_per_crate_without_test_files() {
        let file = |name: &str, count: u64, covered: u64| json!({"filename": name, "summary": {"lines": {"count": count, "covered": covered}}});
        let files = [
            file("/w/shared/src/a.rs", 10, 9),
            file("/w/shared/src/b/c.rs", 30, 21),
            file("/w/shared/src/b/tests.rs", 100, 100),
            file("/w/relay/src/a.rs", 7, 0),
            file("/registry/x.rs", 50, 0),
        ];
        let export = json!({"data": [{"files": files}]});
        let part = summarise(&export, Path::new("/w"), "shared");
        assert_eq!((part.covered, part.lines, part.percent()), (30, 40, 75.0));
        assert_eq!(part.weakest().map(|(file, ..)| file.as_str()).collect::<Vec<_>>(), ["b/c.rs", "a.rs"]);
    }

    #[test]
    fn only_test_executables_are_taken_from_cargo_s_messages() {
        let messages = "{\"profile\":{\"test\":true},\"executable\":\"/t/a\"}\nnoise\n\
            {\"profile\":{\"test\":false},\"executable\":\"/t/b\"}\n{\"profile\":{\"test\":true},\"executable\":null}\n";
        assert_eq!(test_binaries(messages), ["/t/a"]);
    }
}
