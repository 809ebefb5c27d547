//! The command line.

mod check;
mod healthcheck;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use shared::market::Symbol;

use crate::config::Flags;

pub use check::report;
pub use healthcheck::{HealthError, probe};

/// A self-hosted real-time crypto market deck.
#[derive(Parser, Debug)]
#[command(name = "tapedeck", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Follow venues (or the simulated market), record, and serve page and API.
    Serve(Serve),
    /// Play recorded venue frames through the same adapters, served as if live, in a temporary store.
    Replay(Replay),
    /// Store a venue's raw frames with receive times, in the form `replay` reads.
    Record(Record),
    /// Raw frames, one a line, to normalised events, one JSON a line. Exit code 1 if any line was bad.
    Decode(Decode),
    /// Check the configuration without starting, and show what it amounts to.
    Check(Common),
    /// Look after the sealed days.
    #[command(subcommand)]
    Archive(Archive),
    /// Ask the running relay whether it serves; exit code 0 if it does. For containers.
    Healthcheck(Common),
}

/// Options of every command that reads the configuration.
#[derive(Args, Clone, Default, Debug)]
pub struct Common {
    /// Settings file in place of ./tapedeck.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port, like 127.0.0.1:8000.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
}

impl Common {
    /// For [`crate::config::Config::load`].
    pub fn flags(&self) -> Flags {
        Flags { demo: false, config: self.config.clone(), listen: self.listen }
    }
}

/// `tapedeck serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// The simulated market in place of the configured venues.
    #[arg(long)]
    pub demo: bool,
    #[command(flatten)]
    pub common: Common,
}

impl Serve {
    /// For [`crate::config::Config::load`].
    pub fn flags(&self) -> Flags {
        Flags { demo: self.demo, ..self.common.flags() }
    }
}

/// `tapedeck replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// Recordings (.jsonl or the hftbacktest text form, plain, .gz or .zst), played one after the other.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How many times faster than recorded, or `max`.
    #[arg(long, value_name = "N|max", default_value = "1")]
    pub speed: Speed,
    /// End after the last frame instead of serving on.
    #[arg(long)]
    pub exit: bool,
    #[command(flatten)]
    pub common: Common,
}

/// `tapedeck archive`.
#[derive(Subcommand, Debug)]
pub enum Archive {
    /// Check every file against the manifest, changing nothing; also beside a running relay. Exit code 1 and a line
    /// for each fault.
    Verify(ArchiveOptions),
    /// Seal finished days and merge late rows into them now; a running relay does so by itself each hour.
    Compact(ArchiveOptions),
}

/// Options of `tapedeck archive`.
#[derive(Args, Clone, Default, Debug)]
pub struct ArchiveOptions {
    /// Settings file in place of ./tapedeck.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl ArchiveOptions {
    /// For [`crate::config::Config::load`].
    pub fn flags(&self) -> Flags {
        Flags { config: self.config.clone(), ..Flags::default() }
    }
}

/// `tapedeck record`.
#[derive(Args, Debug)]
pub struct Record {
    /// Folder to record into; made if missing.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The venue, like binance.
    #[arg(long, value_name = "V")]
    pub venue: String,
    /// What to record, like BTCUSDT-PERP; several times or separated by commas for more.
    #[arg(long = "symbol", value_name = "S", required = true, value_delimiter = ',')]
    pub symbols: Vec<Symbol>,
    /// Settings file in place of ./tapedeck.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `tapedeck decode`.
#[derive(Args, Debug)]
pub struct Decode {
    /// The venue whose frames they are, like binance.
    #[arg(value_name = "VENUE")]
    pub venue: String,
    /// Where they are; standard input without it.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The part of the venue they come from, like spot or usdm, where frames do not tell.
    #[arg(long, value_name = "P")]
    pub product: Option<String>,
}

/// How fast a recording plays.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// As fast as it can be decoded.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Speed::Max),
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Speed::Times(times)),
            _ => Err("use a number above 0, like 1 or 60, or max".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_takes_demo_config_and_listen() {
        let Ok(Command::Serve(serve)) = parse("tapedeck serve --demo --config x.toml --listen 127.0.0.1:0")
        else {
            panic!("not understood")
        };
        let flags =
            Flags { demo: true, config: Some("x.toml".into()), listen: Some("127.0.0.1:0".parse().unwrap()) };
        assert_eq!(serve.flags(), flags);
        assert!(parse("tapedeck serve --listen 8000").is_err());
    }

    #[test]
    fn archive_is_verified_or_compacted() {
        let Ok(Command::Archive(Archive::Verify(options))) = parse("tapedeck archive verify --config x.toml")
        else {
            panic!("not understood")
        };
        assert_eq!(options.flags().config, Some("x.toml".into()));
        assert!(matches!(parse("tapedeck archive compact"), Ok(Command::Archive(Archive::Compact(_)))));
        assert!(parse("tapedeck archive").is_err());
    }

    #[test]
    fn replay_takes_files_and_a_speed() {
        let speed = |line: &str| match parse(line) {
            Ok(Command::Replay(replay)) => Some((replay.files.len(), replay.speed, replay.exit)),
            _ => None,
        };
        assert_eq!(speed("tapedeck replay a b --speed max --exit"), Some((2, Speed::Max, true)));
        assert_eq!(speed("tapedeck replay a --speed 2.5"), Some((1, Speed::Times(2.5), false)));
        assert_eq!(speed("tapedeck replay a"), Some((1, Speed::Times(1.0), false)));
        for bad in [
            "replay",
            "replay a --speed 0",
            "replay a --speed -1",
            "replay a --speed NaN",
            "replay a --speed fast",
        ] {
            assert_eq!(speed(&format!("tapedeck {bad}")), None, "{bad}");
        }
    }

    #[test]
    fn record_and_decode_name_venue_and_symbols() {
        let Ok(Command::Record(record)) =
            parse("tapedeck record out --venue binance --symbol BTCUSDT-PERP,BTC/USDT --symbol ETHUSDT-PERP")
        else {
            panic!("not understood")
        };
        let symbols: Vec<_> = record.symbols.iter().map(Symbol::as_str).collect();
        assert_eq!(symbols, ["BTCUSDT-PERP", "BTC/USDT", "ETHUSDT-PERP"]);
        assert!(parse("tapedeck record out --venue binance --symbol ../etc").is_err());
        assert!(parse("tapedeck record out --venue binance").is_err());
        let Ok(Command::Decode(decode)) = parse("tapedeck decode binance --product spot") else {
            panic!("not understood")
        };
        assert_eq!(
            (decode.venue.as_str(), decode.file, decode.product.as_deref()),
            ("binance", None, Some("spot"))
        );
    }
}
