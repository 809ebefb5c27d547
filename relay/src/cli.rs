//! The command line.

mod check;
mod healthcheck;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use shared::market::{Ms, QueryTime, Symbol, Timeframe, VenueId};

use crate::config::Flags;
use crate::store::Dataset;
use crate::transfer::Series;

pub use check::report;
pub use healthcheck::{HealthError, probe};

/// A self-hosted real-time crypto market deck.
#[derive(Parser, Debug)]
#[command(name = "tapedeck", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What is wrong with a command line; `None` where it asks for help or the version.
pub fn one_line(error: &clap::Error) -> Option<String> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    let text = error.render().to_string();
    let said = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let said: Vec<&str> = said.split_whitespace().collect();
    Some(format!("{}; `tapedeck help` and `--help` behind a command say what there is", said.join(" ")))
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
    /// Rows of a CSV or Parquet file into the record.
    Import(Import),
    /// Rows of the record as CSV or Parquet.
    Export(Export),
    /// History from the venues into the record; what is there already is not asked for again.
    Backfill(Backfill),
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

/// What `import` and `export` move.
#[derive(Args, Debug)]
pub struct SeriesArgs {
    /// What the rows are.
    #[arg(long, value_name = "D", default_value = "bars", value_enum)]
    pub dataset: DatasetName,
    /// The symbol, like BTCUSDT-PERP.
    #[arg(long, value_name = "S")]
    pub symbol: Symbol,
    /// The interval of bars.
    #[arg(long, value_name = "I", default_value = "1m")]
    pub interval: Timeframe,
    /// Settings file in place of ./tapedeck.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A dataset by the name it has in commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DatasetName {
    Bars,
    Oi,
    Funding,
    Liquidations,
    Book,
    Trades,
}

impl SeriesArgs {
    /// For [`crate::transfer`].
    pub fn series(&self, venue: Option<&str>) -> Series {
        let dataset = match self.dataset {
            DatasetName::Bars => Dataset::Bars(self.interval),
            DatasetName::Oi => Dataset::Oi,
            DatasetName::Funding => Dataset::Funding,
            DatasetName::Liquidations => Dataset::Liquidations,
            DatasetName::Book => Dataset::Book,
            DatasetName::Trades => Dataset::Trades,
        };
        Series { dataset, symbol: self.symbol.clone(), venue: venue.map(VenueId::new) }
    }

    /// For [`crate::config::Config::load`].
    pub fn flags(&self) -> Flags {
        Flags { config: self.config.clone(), ..Flags::default() }
    }
}

/// `tapedeck import`.
#[derive(Args, Debug)]
pub struct Import {
    /// CSV with a line of column names, or Parquet; columns in any order.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The venue the rows are of, like binance.
    #[arg(long, value_name = "V")]
    pub venue: String,
    #[command(flatten)]
    pub series: SeriesArgs,
}

/// `tapedeck export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Where to; CSV goes to standard output without it.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Rows of this venue alone.
    #[arg(long, value_name = "V")]
    pub venue: Option<String>,
    /// csv or parquet; without it as FILE ends, else csv.
    #[arg(long, value_name = "F", value_enum)]
    pub format: Option<FormatName>,
    #[command(flatten)]
    pub series: SeriesArgs,
    #[command(flatten)]
    pub range: RangeArgs,
}

/// A file's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FormatName {
    Csv,
    Parquet,
}

/// `[from, to)`.
#[derive(Args, Clone, Copy, Default, Debug)]
pub struct RangeArgs {
    /// Since when: Unix ms, RFC 3339 or a date.
    #[arg(long, value_name = "T", value_parser = query_time)]
    pub from: Option<QueryTime>,
    /// Until when, in the same forms; a date is included, anything else is not.
    #[arg(long, value_name = "T", value_parser = query_time)]
    pub to: Option<QueryTime>,
}

fn query_time(text: &str) -> Result<QueryTime, String> {
    Ms::parse(text).map_err(|e| e.to_string())
}

impl RangeArgs {
    /// The range, with what it is where an end was not given.
    pub fn or(self, from: Ms, to: Ms) -> (Ms, Ms) {
        let end = |to: QueryTime| if to.whole_day { to.at + Ms::DAY } else { to.at };
        (self.from.map_or(from, |from| from.at), self.to.map_or(to, end))
    }
}

/// `tapedeck backfill`.
#[derive(Args, Debug)]
pub struct Backfill {
    /// What to fetch, like BTCUSDT-PERP; several times or separated by commas for more. Without it the configured
    /// symbols.
    #[arg(long = "symbol", value_name = "S", value_delimiter = ',')]
    pub symbols: Vec<Symbol>,
    /// Where from, like binance; several times or separated by commas for more. Without it the configured venues.
    #[arg(long = "venue", value_name = "V", value_delimiter = ',')]
    pub venues: Vec<String>,
    /// The interval of the bars.
    #[arg(long, value_name = "I", default_value = "1m")]
    pub interval: Timeframe,
    /// Without --from the last 30 days.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Settings file in place of ./tapedeck.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
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
mod tests;
