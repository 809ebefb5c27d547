//! The market maths natively and as wasm: `tests/equal` computes the same in both, and the reports must be equal.

use crate::project::Project;
use crate::setup;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// Compares all sections; the first part that differs fails the step.
pub(crate) fn check(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.step("wasm target", || setup::wasm_target(project))?;
    steps.step("native equals wasm", || {
        let module = module(project, "dev")?;
        let native =
            cargo(&project.root, &["run", "--quiet", "-p", "equal", "--example", "native"]).read()?;
        let wasm = node(project, &module, "report")?;
        compare(&native, &wasm)
    })
}

/// Runs `what` of `xtask/js/equal.mjs` on a compiled module and answers with what it says.
pub(crate) fn node(project: &Project, module: &std::path::Path, what: &str) -> Result<String> {
    let module = module.to_str().context("the output path is not UTF-8")?;
    call("node", &project.root, &["xtask/js/equal.mjs", module, what]).read()
}

/// Compiles `tests/equal` to a module for Node.
pub(crate) fn module(project: &Project, profile: &str) -> Result<PathBuf> {
    let args = ["build", "-p", "equal", "--lib", "--target", TARGET, "--profile", profile];
    cargo(&project.root, &args).run()?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let compiled = project.target.join(TARGET).join(folder).join("equal.wasm");
    // Inside the repository, whose package.json says that scripts are modules.
    let out = project.root.join("target/page/equal").join(folder);
    Bindgen::new()
        .input_path(&compiled)
        .nodejs_module(true)?
        .typescript(false)
        .generate(&out)
        .context("wasm-bindgen")?;
    Ok(out.join("equal.js"))
}

/// What is compared, or where the first difference is.
fn compare(native: &str, wasm: &str) -> Result<String> {
    let (mut section, mut sections, mut parts) = ("", 0, 0);
    let mut theirs = wasm.lines();
    for own in native.lines() {
        let their = theirs.next().unwrap_or("nothing");
        if own != their {
            bail!("{section}: native says `{own}`, wasm says `{their}` (part, rows, digest)");
        }
        match own.strip_prefix("== ") {
            Some(name) => (section, sections) = (name, sections + 1),
            None => parts += 1,
        }
    }
    if let Some(their) = theirs.next() {
        bail!("{section}: wasm goes on with `{their}`");
    }
    if parts == 0 {
        bail!("nothing was compared");
    }
    Ok(format!("{sections} sections, {parts} parts, equal to the bit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named_by_section_and_part() {
        let report = "== fold\na 3 00ff\nb 4 01ff\n== heatmap\nc 1 02ff\n";
        assert_eq!(compare(report, report).unwrap(), "2 sections, 3 parts, equal to the bit");
        let differs = |wasm: &str| compare(report, wasm).unwrap_err().to_string();
        assert!(differs(&report.replace("01ff", "01fe")).starts_with("fold: native says `b 4 01ff`"));
        assert!(differs("== fold\na 3 00ff\n").contains("wasm says `nothing`"));
        assert!(differs(&format!("{report}d 1 03ff\n")).contains("goes on with `d 1 03ff`"));
        assert!(compare("", "").is_err());
    }
}
