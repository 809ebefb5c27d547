//! `cargo xtask bench`: measured figures beside their budgets. No time fails a build, for a busy machine is no defect;
//! a page that has grown beyond its budget does.

use crate::bundle::{self, Kind, Sizes};
use crate::equal;
use crate::project::Project;
use crate::setup;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Frames a second that one core must decode.
const DECODE_BUDGET: f64 = 200_000.0;

/// Programs of the relay that measure it: each prints lines that [`Figure::read`] reads.
const RATES: [&str; 3] = ["indicators_rate", "ingest_rate", "query_rate"];

/// Parts of `xtask/js/bench.mjs`, which measures the page in Chromium.
const PAGE: [(&str, &str); 4] = [
    ("a first visit", "visit"),
    ("first painted chart", "load"),
    ("frames and main thread", "live"),
    ("idle page", "idle"),
];

/// One measured figure.
struct Figure {
    what: String,
    value: f64,
    unit: String,
    budget: Option<f64>,
    /// Whether more is better.
    more: bool,
}

pub(crate) fn run() -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let mut figures = Vec::new();
    let result = measure(&project, &mut steps, &mut figures);
    steps.print_summary();
    result?;
    let sizes = Sizes::of(&project, &Kind::Release.folder(&project))?;
    println!("\n{}\n", sizes.table());
    println!(
        "{:<72} {:>10}  {:<10} {:>9}",
        "measured on this machine, as busy as it is", "value", "unit", "budget"
    );
    for figure in &figures {
        println!("{}", figure.row());
    }
    sizes.within_budget()
}

impl Figure {
    /// Reads what a program measured: a line `{"what", "value", "unit", "budget", "more"}` per figure, without
    /// `budget` where there is none, without `more` where less is better.
    fn read(output: &str, figures: &mut Vec<Figure>) -> Result<String> {
        for line in output.lines() {
            let value: Value = serde_json::from_str(line).with_context(|| format!("not a figure: {line}"))?;
            figures.push(Figure {
                what: value["what"].as_str().unwrap_or_default().to_string(),
                value: value["value"].as_f64().with_context(|| format!("names no value: {line}"))?,
                unit: value["unit"].as_str().unwrap_or_default().to_string(),
                budget: value["budget"].as_f64(),
                more: value["more"].as_bool().unwrap_or(false),
            });
        }
        Ok(String::new())
    }

    fn row(&self) -> String {
        let budget = self.budget.map_or("-".to_string(), |budget| budget.to_string());
        let met =
            self.budget.map(|budget| if self.more { self.value >= budget } else { self.value <= budget });
        let verdict = met.map_or("", |met| if met { "met" } else { "MISSED" });
        format!("{:<72} {:>10}  {:<10} {budget:>9}  {verdict}", self.what, self.value, self.unit)
            .trim_end()
            .to_string()
    }
}

fn measure(project: &Project, steps: &mut Steps, figures: &mut Vec<Figure>) -> Result<()> {
    let page = Kind::Release.folder(project);
    bundle::build(project, steps, Kind::Release, &page)?;
    let mut chromium = PathBuf::new();
    steps.step("Chromium", || {
        chromium = setup::chromium(project)?;
        Ok(chromium.display().to_string())
    })?;
    steps.step("compile relay for release", || {
        let mut args = vec!["build", "-p", "tapedeck", "--profile", "dist", "--bin", "tapedeck"];
        for example in RATES.into_iter().chain(["decode_rate"]) {
            args.extend(["--example", example]);
        }
        cargo(&project.root, &args).run()?;
        Ok(String::new())
    })?;
    steps.step("decode rates", || {
        for line in example(project, "decode_rate")?.lines() {
            let value: Value = serde_json::from_str(line).context("decode_rate")?;
            figures.push(Figure {
                what: format!("decode: {}", value["what"].as_str().unwrap_or_default()),
                value: value["per_second"].as_f64().context("decode_rate names no rate")?,
                unit: "frames/s".into(),
                budget: Some(DECODE_BUDGET),
                more: true,
            });
        }
        Ok(String::new())
    })?;
    for name in RATES {
        steps.step(name, || Figure::read(&example(project, name)?, figures).context(name))?;
    }
    let mut visited = String::new();
    for (what, part) in PAGE {
        steps.step(what, || {
            let output = call("node", &project.root, &["xtask/js/bench.mjs", part])
                .env("CHROME", &chromium)
                .env("TAPEDECK_BIN", project.relay("dist"))
                .env("TAPEDECK_PAGE_DIR", &page)
                .read()?;
            Figure::read(&output, figures).context("bench.mjs")?;
            if part == "visit" {
                visited = output;
            }
            Ok(String::new())
        })?;
    }
    steps.step("the table names what a first visit loads", || {
        let visit: Value = serde_json::from_str(visited.trim()).context("bench.mjs visit")?;
        let files: BTreeMap<String, u64> = serde_json::from_value(visit["files"].clone())?;
        Sizes::of(project, &page)?.compare(&files).map(|()| format!("{} files", files.len()))
    })?;
    steps.step("indicators as wasm", || {
        let module = equal::module(project, "dist")?;
        Figure::read(&equal::node(project, &module, "bench")?, figures).context("equal.mjs")
    })
}

/// What a built example prints.
fn example(project: &Project, name: &str) -> Result<String> {
    let program =
        project.target.join("dist/examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    call(program.to_str().context("the target path is not UTF-8")?, &project.root, &[]).read()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_the_direction_of_the_budget() {
        let figure =
            |value, budget, more| Figure { what: "x".into(), value, unit: "ms".into(), budget, more };
        assert!(figure(2.0, Some(1.0), false).row().ends_with("MISSED"));
        assert!(figure(1.0, Some(1.0), false).row().ends_with(" met"));
        assert!(figure(2.0, Some(1.0), true).row().ends_with(" met"));
        assert!(figure(0.5, Some(1.0), true).row().ends_with("MISSED"));
        assert!(figure(2.0, None, false).row().ends_with('-'));
    }

    #[test]
    fn figures_are_read_from_lines() {
        let mut figures = Vec::new();
        let lines = r#"{"what":"a","value":1.5,"unit":"ms","budget":2}
{"what":"b","value":7,"unit":"rows/s","more":true}"#;
        Figure::read(lines, &mut figures).unwrap();
        let read: Vec<_> = figures.iter().map(|f| (f.what.as_str(), f.value, f.budget, f.more)).collect();
        assert_eq!(read, [("a", 1.5, Some(2.0), false), ("b", 7.0, None, true)]);
        assert!(Figure::read(r#"{"what":"c"}"#, &mut figures).is_err());
        assert!(Figure::read("c", &mut figures).is_err());
    }
}
