//! `cargo xtask run`: page and relay up with one command.

use crate::bundle::{self, Kind};
use crate::project::Project;
use crate::shell::{call, cargo};
use crate::steps::Steps;
use anyhow::{Context, Result};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use the configured venues instead of the simulated market.
    #[arg(long)]
    live: bool,
    /// Further arguments for `tapedeck serve`, such as `--listen 127.0.0.1:9000`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    serve: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::find()?;
    let mut steps = Steps::new();
    let page = Kind::Dev.folder(&project);
    let result = prepare(&project, &mut steps, &page);
    steps.print_summary();
    result?;

    let relay = project.relay("debug");
    let mut serve = vec!["serve"];
    if !args.live {
        serve.push("--demo");
    }
    serve.extend(args.serve.iter().map(String::as_str));
    println!();
    let program = relay.to_str().context("the target path is not UTF-8")?;
    let command = call(program, &project.root, &serve).env("TAPEDECK_PAGE_DIR", &page).into_command();
    hand_over(command)
}

fn prepare(project: &Project, steps: &mut Steps, page: &std::path::Path) -> Result<()> {
    steps.step("compile relay", || {
        cargo(&project.root, &["build", "-p", "tapedeck"]).run()?;
        Ok(String::new())
    })?;
    bundle::build(project, steps, Kind::Dev, page)
}

/// Becomes the relay, so that Ctrl-C and any other signal reach it and nobody is left behind.
#[cfg(unix)]
fn hand_over(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("cannot start the relay")
}

/// Waits for the relay; the console sends Ctrl-C to both.
#[cfg(not(unix))]
fn hand_over(mut command: Command) -> Result<()> {
    let status = command.status().context("cannot start the relay")?;
    anyhow::ensure!(status.success(), "the relay ended with {status}");
    Ok(())
}
