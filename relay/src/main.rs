//! The `tapedeck` binary: reads the command line and says in one line what went wrong.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use relay::cli::{Archive, Cli, Command, one_line, probe, report};
use relay::config::{Config, Flags};
use relay::door::Tls;
use relay::run;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    match command(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tapedeck: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Help and version as they are; a mistake in one line, like those of settings.
fn misused(error: &clap::Error) -> ExitCode {
    match one_line(error) {
        Some(line) => {
            eprintln!("tapedeck: {line}");
            ExitCode::from(2)
        }
        None => error.exit(),
    }
}

fn command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => on_runtime(run::serve(Config::load(&serve.flags())?)),
        Command::Check(common) => {
            let config = Config::load(&common.flags())?;
            config.server.tls.as_ref().map(Tls::open).transpose()?;
            let text = report(&config);
            // A reader that closed the pipe has seen enough.
            let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Archive(Archive::Verify(options)) => {
            let sound = run::verify(&Config::load(&options.flags())?)?;
            Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Archive(Archive::Compact(options)) => {
            on_runtime(run::compact(Config::load(&options.flags())?))
        }
        Command::Healthcheck(common) => {
            probe(&Config::load(&common.flags())?.server)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay(replay) => {
            let config = Config::load(&replay.common.flags())?;
            on_runtime(run::replay(config, replay.files, replay.speed, replay.exit))
        }
        Command::Record(record) => {
            let flags = Flags { config: record.config, ..Flags::default() };
            on_runtime(run::record(Config::load(&flags)?, record.folder, record.venue, record.symbols))
        }
        Command::Import(import) => {
            let series = import.series.series(Some(&import.venue));
            on_runtime(run::import(Config::load(&import.series.flags())?, import.file, series))
        }
        Command::Export(export) => on_runtime(run::export(Config::load(&export.series.flags())?, export)),
        Command::Backfill(backfill) => {
            let flags = Flags { config: backfill.config.clone(), ..Flags::default() };
            on_runtime(run::backfill(Config::load(&flags)?, backfill))
        }
        Command::Decode(decode) => {
            let summary = run::decode(&decode.venue, decode.file.as_deref(), decode.product.as_deref())?;
            Ok(if summary.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // Nothing that still runs may hold up the end.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}
