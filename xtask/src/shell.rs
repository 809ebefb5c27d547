//! Other programs, called so that a failure says what was run and what to do.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// One call of another program.
pub(crate) struct Call {
    command: Command,
    line: String,
    quiet: bool,
}

/// A call of `program` in `dir`.
pub(crate) fn call(program: &str, dir: &Path, args: &[&str]) -> Call {
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).stdin(Stdio::null());
    let line = std::iter::once(program).chain(args.iter().copied()).collect::<Vec<_>>().join(" ");
    Call { command, line, quiet: false }
}

/// A call of cargo without the variables that the outer `cargo run` set for this process: build scripts that watch
/// them (ring's does) would otherwise rebuild each time cargo is called from a shell and from here in turn.
pub(crate) fn cargo(dir: &Path, args: &[&str]) -> Call {
    let mut call = call("cargo", dir, args);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let inherited = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if inherited.iter().any(|prefix| name.starts_with(prefix)) || name == "LD_LIBRARY_PATH" {
            call.command.env_remove(name.as_ref());
        }
    }
    call
}

impl Call {
    /// Does not print the command line.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it; a failure names the command line.
    pub(crate) fn run(mut self) -> Result<()> {
        self.print();
        let status = self.command.status().with_context(|| missing(&self.line))?;
        if !status.success() {
            bail!("`{}` failed ({status})", self.line);
        }
        Ok(())
    }

    /// Runs it and returns standard output; standard error goes through.
    pub(crate) fn read(mut self) -> Result<String> {
        self.print();
        let output = self.command.stderr(Stdio::inherit()).output().with_context(|| missing(&self.line))?;
        if !output.status.success() {
            bail!("`{}` failed ({})", self.line, output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("output of `{}`", self.line))
    }

    /// Whether it can be started and succeeds; prints nothing.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// The prepared command, for callers that need the child process itself.
    pub(crate) fn into_command(self) -> Command {
        self.print();
        self.command
    }

    fn print(&self) {
        if !self.quiet {
            println!("    $ {}", self.line);
        }
    }
}

/// What to say when a program cannot be started at all.
fn missing(line: &str) -> String {
    let program = line.split(' ').next().unwrap_or_default();
    let hint = match program {
        "npm" | "node" => "install Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)",
        "rustup" | "cargo" => "install Rust with rustup",
        _ => "is it installed and on PATH?",
    };
    format!("cannot start `{program}`: {hint}")
}
