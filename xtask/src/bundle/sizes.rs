//! What a first visit downloads, beside its budget.

use crate::project::Project;
use anyhow::{Context, Result};
use std::path::Path;

/// HTML, CSS, JS, wasm and chart library, brotli.
const BUDGET_BYTES: u64 = 300_000;

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
    /// Fonts and icons load beside the page and do not hold up the first paint; the budget leaves them out.
    fn in_budget(&self) -> bool {
        [".html", ".css", ".js", ".wasm"].iter().any(|end| self.name.ends_with(end))
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

    /// Bytes counted against the budget.
    pub(crate) fn total_brotli(&self) -> u64 {
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
        for row in &self.rows {
            text.push_str(&line(&row.name, row.raw, row.gzip, row.brotli));
        }
        let (raw, gzip) = (self.sum(|row| row.raw), self.sum(|row| row.gzip));
        text.push_str(&line("total without fonts and icon", raw, gzip, self.total_brotli()));
        let verdict = if self.total_brotli() <= BUDGET_BYTES { "within" } else { "OVER" };
        text.push_str(&format!("{verdict} the budget of {BUDGET_BYTES} bytes brotli"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_do_not_count_and_the_verdict_follows_the_sum() {
        let row = |name: &str, brotli| Row { name: name.into(), raw: 0, gzip: 0, brotli };
        let mut sizes =
            Sizes { rows: vec![row("app.wasm", 200_000), row("a.woff2", 90_000), row("app.js", 100_000)] };
        assert_eq!(sizes.total_brotli(), 300_000);
        assert!(sizes.table().ends_with("within the budget of 300000 bytes brotli"));
        sizes.rows.push(row("index.html", 1));
        assert!(sizes.table().ends_with("OVER the budget of 300000 bytes brotli"));
    }
}
