//! `cargo xtask`: everything a person or a CI machine does with this repository.
//!
//! Reading order:
//! - [`project`]: where things are; [`shell`]: how other programs are called; [`steps`]: named, timed steps;
//! - [`setup`]: installs what is missing, or names it in one line;
//! - [`bundle`]: index.html, wasm and npm files to a folder of hashed files;
//! - [`equal`]: market maths compared between native and wasm;
//! - [`licences`]: the texts that go with a release;
//! - [`run`], [`mod@test`], [`mod@bench`], [`dist`], [`screens`], [`coverage`]: one file per command.

mod bench;
mod bundle;
mod coverage;
mod dist;
mod equal;
mod licences;
mod project;
mod run;
mod screens;
mod setup;
mod shell;
mod steps;
mod suites;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set-up, build, test, bench and release steps of tapedeck")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build page and relay and start the relay with the simulated market.
    Run(run::Args),
    /// Run every check: format, lints, docs, unit, integration and browser tests.
    Test(test::Args),
    /// Build the page for release into dist/ and print its size table.
    Bundle(bundle::Args),
    /// Print bundle size, load time, frame times and decode rates beside their budgets.
    Bench,
    /// Make release artefacts with checksums in dist-out/.
    Dist,
    /// Take the pictures of docs/SCREENS.md anew.
    Screens,
    /// Line coverage of shared and relay.
    Coverage(coverage::Args),
}

fn main() -> ExitCode {
    if let Some(code) = coverage::as_wrapper() {
        return code;
    }
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bundle(args) => bundle::run(&args),
        Command::Bench => bench::run(),
        Command::Dist => dist::run(),
        Command::Screens => screens::run(),
        Command::Coverage(args) => coverage::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
