//! What a first visit downloads, beside its budget.

use super::wasm::LATER;
use crate::project::Project;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that a first visit loads, brotli.
const BUDGET_BYTES: u64 = 300_000;
/// How the names of files begin that no first visit loads: what other pages embed, and parts loaded when first needed.
const APART: [&str; 4] = ["embed.js", "embed.html", "frame-", LATER];

/// Sizes of one bundle.
pub(crate) struct Sizes {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    raw: u64,
    gzip: u64,
    brotli: u64,
}

impl Row {
    /// What is loaded when first needed, and what other pages load, is listed but not counted.
    fn in_budget(&self) -> bool {
        !APART.iter().any(|start| self.name.starts_with(start))
    }
}

impl Sizes {
    /// Measures every file of `dir`; where there is no compressed twin the file is compressed for the table alone.
    pub(crate) fn of(project: &Project, dir: &Path) -> Result<Self> {
        let folder = dir.to_str().context("the output path is not UTF-8")?;
        let report = crate::shell::call("node", &project.root, &["xtask/js/compress.mjs", "--sizes", folder]);
        let report: serde_json::Value = serde_json::from_str(&report.quiet().read()?).context("sizes")?;
        let mut rows = Vec::new();
        for file in report.as_array().context("sizes is no list")? {
            let number = |key: &str| file[key].as_u64().with_context(|| format!("sizes has no {key}"));
            rows.push(Row {
                name: file["name"].as_str().context("sizes has no name")?.to_string(),
                raw: number("raw")?,
                gzip: number("gzip")?,
                brotli: number("brotli")?,
            });
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.brotli));
        Ok(Self { rows })
    }

    /// An error where a first visit loads more than the budget has.
    pub(crate) fn within_budget(&self) -> Result<()> {
        let total = self.total_brotli();
        ensure!(
            total <= BUDGET_BYTES,
            "a first visit loads {total} bytes of brotli; the budget is {BUDGET_BYTES}"
        );
        Ok(())
    }

    /// An error where a browser loaded other files on a first visit than those counted, or as many other bytes: names
    /// with the bytes of their bodies.
    pub(crate) fn compare(&self, loaded: &BTreeMap<String, u64>) -> Result<()> {
        let counted = self.rows.iter().filter(|row| row.in_budget());
        let counted: BTreeMap<String, u64> = counted.map(|row| (row.name.clone(), row.brotli)).collect();
        let differ = |a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>| {
            let list = a.iter().filter(|(name, bytes)| b.get(*name) != Some(bytes));
            list.map(|(name, bytes)| format!("{name} ({bytes})")).collect::<Vec<_>>().join(", ")
        };
        ensure!(
            *loaded == counted,
            "a first visit and the table differ: loaded [{}], counted [{}]",
            differ(loaded, &counted),
            differ(&counted, loaded)
        );
        Ok(())
    }

    /// Bytes that a first visit loads, brotli.
    fn total_brotli(&self) -> u64 {
        self.sum(|row| row.brotli)
    }

    fn sum(&self, of: fn(&Row) -> u64) -> u64 {
        self.rows.iter().filter(|row| row.in_budget()).map(of).sum()
    }

    /// The table as text.
    pub(crate) fn table(&self) -> String {
        let line = |name: &str, raw: u64, gzip: u64, brotli: u64| {
            format!("{name:<62} {raw:>10} {gzip:>10} {brotli:>10}\n")
        };
        let mut text = format!("{:<62} {:>10} {:>10} {:>10}\n", "file (bytes)", "raw", "gzip", "brotli");
        let (first, apart): (Vec<_>, Vec<_>) = self.rows.iter().partition(|row| row.in_budget());
        for row in first {
            text.push_str(&line(&row.name, row.raw, row.gzip, row.brotli));
        }
        let (raw, gzip) = (self.sum(|row| row.raw), self.sum(|row| row.gzip));
        text.push_str(&line("a first visit loads", raw, gzip, self.total_brotli()));
        for row in apart {
            text.push_str(&line(&row.name, row.raw, row.gzip, row.brotli));
        }
        let verdict = if self.within_budget().is_ok() { "within" } else { "OVER" };
        text.push_str(&format!("{verdict} the budget of {BUDGET_BYTES} bytes brotli"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_loaded_is_what_was_counted() {
        let row = |name: &str, brotli| Row { name: name.into(), raw: 0, gzip: 0, brotli };
        let sizes = Sizes { rows: vec![row("app.wasm", 20), row("later-dialogs-0.wasm", 9)] };
        let loaded = |files: &[(&str, u64)]| {
            sizes.compare(&files.iter().map(|(name, bytes)| (name.to_string(), *bytes)).collect())
        };
        assert!(loaded(&[("app.wasm", 20)]).is_ok());
        let error = loaded(&[("app.wasm", 20), ("later-dialogs-0.wasm", 9)]).unwrap_err().to_string();
        assert!(error.ends_with("loaded [later-dialogs-0.wasm (9)], counted []"), "{error}");
        let error = loaded(&[("app.wasm", 21)]).unwrap_err().to_string();
        assert!(error.ends_with("loaded [app.wasm (21)], counted [app.wasm (20)]"), "{error}");
    }

    #[test]
    fn fonts_count_and_what_is_loaded_later_does_not() {
        let row = |name: &str, brotli| Row { name: name.into(), raw: 0, gzip: 0, brotli };
        let mut sizes = Sizes {
            rows: vec![
                row("app.wasm", 200_000),
                row("later-dialogs-0.wasm", 90_000),
                row("a.woff2", 100_000),
            ],
        };
        assert_eq!(sizes.total_brotli(), 300_000);
        assert!(sizes.within_budget().is_ok());
        assert!(sizes.table().ends_with("within the budget of 300000 bytes brotli"));
        sizes.rows.push(row("index.html", 1));
        assert!(sizes.within_budget().is_err());
        assert!(sizes.table().ends_with("OVER the budget of 300000 bytes brotli"));
    }
}
