//! `cargo xtask screens`: the pictures of docs/SCREENS.md, taken anew.

use crate::bundle::{self, Kind};
use crate::project::Project;
use crate::setup;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::Result;

/// Where they lie, below the project.
const FOLDER: &str = "docs/screens";

pub(crate) fn run() -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let result = take(&project, &mut steps);
    steps.print_summary();
    result
}

fn take(project: &Project, steps: &mut Steps) -> Result<()> {
    let page = Kind::Dev.folder(project);
    let chromium = setup::chromium(project)?;
    steps.step("compile relay", || {
        cargo(&project.root, &["build", "-p", "tapedeck"]).run().map(|()| String::new())
    })?;
    bundle::build(project, steps, Kind::Dev, &page)?;
    steps.step("screens", || {
        call("node", &project.root, &["xtask/js/screens.mjs", FOLDER])
            .env("CHROME", &chromium)
            .env("TAPEDECK_BIN", project.relay("debug"))
            .env("TAPEDECK_PAGE_DIR", &page)
            .run()?;
        Ok(format!("written to {FOLDER}"))
    })
}
