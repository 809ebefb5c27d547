//! `cargo xtask bench`: measured figures beside their budgets. Nothing here fails a build: a busy machine is no defect.

use crate::bundle::{self, Kind, Sizes};
use crate::project::Project;
use crate::steps::Steps;
use anyhow::Result;

pub(crate) fn run() -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let page = Kind::Release.folder(&project);
    let result = bundle::build(&project, &mut steps, Kind::Release, &page);
    steps.print_summary();
    result?;
    println!("\n{}", Sizes::of(&project, &page)?.table());
    Ok(())
}
