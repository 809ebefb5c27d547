//! `tapedeck import` and `tapedeck export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use shared::market::{Ms, VenueId};

use super::open::{progress_bar, take_folders, whole_store};
use super::start_logs;
use crate::cli::{Export, FormatName};
use crate::clock::system_now;
use crate::config::Config;
use crate::transfer::{self, Format, Series};
use crate::venues;
use crate::venues::sim::Place;

/// Imports a file, and says in one line what was.
///
/// # Errors
/// One line: what is wrong with the file, or who has the folder or database.
pub async fn import(config: Config, file: PathBuf, series: Series) -> anyhow::Result<()> {
    start_logs(&config.log);
    let known = || Place::ALL.into_iter().map(Place::venue).chain(venues::names().map(VenueId::new));
    if let Some(venue) = series.venue.as_ref().filter(|venue| !known().any(|known| known == **venue)) {
        let names: Vec<String> = known().map(|venue| venue.to_string()).collect();
        bail!(
            "--venue: there is no venue `{venue}`, and nobody would find its rows: use one of {}",
            names.join(", ")
        );
    }
    let _locks = take_folders(&config.store)?;
    let store = whole_store(&config.store).await?;
    let bar = progress_bar().with_message("importing");
    let mut progress = |done, whole| {
        bar.set_length(whole);
        bar.set_position(done);
    };
    let imported = transfer::import(&*store, &file, &series, system_now(), &mut progress).await;
    bar.finish_and_clear();
    let imported = imported?;
    if !imported.ignored.is_empty() {
        eprintln!("columns that are not used: {}", imported.ignored.join(", "));
    }
    println!("imported {} rows of {} into {series}", imported.rows, file.display());
    Ok(())
}

/// Exports to a file or, as CSV, to standard output.
///
/// # Errors
/// One line: a file that cannot be written, or who has the folder or database.
pub async fn export(config: Config, export: Export) -> anyhow::Result<()> {
    start_logs(&config.log);
    let series = export.series.series(export.venue.as_deref());
    let by_name = |file: &PathBuf| file.extension().is_some_and(|end| end.eq_ignore_ascii_case("parquet"));
    let format = match export.format {
        Some(FormatName::Parquet) => Format::Parquet,
        None if export.file.as_ref().is_some_and(by_name) => Format::Parquet,
        Some(FormatName::Csv) | None => Format::Csv,
    };
    let (from, to) = export.range.or(Ms(i64::MIN), Ms(i64::MAX));
    if from >= to {
        bail!("--from is not before --to: the range holds nothing");
    }
    let _locks = take_folders(&config.store)?;
    let store = whole_store(&config.store).await?;
    let bar = progress_bar().with_message("exporting");
    let until = to.min(system_now());
    let mut progress = |done, whole: u64| {
        bar.set_length(whole.min((until - from).0.max(1).unsigned_abs()));
        bar.set_position(done);
    };
    let Some(file) = &export.file else {
        if format == Format::Parquet {
            bail!("--format parquet needs a FILE to write to");
        }
        let mut out = BufWriter::new(std::io::stdout());
        let done = transfer::export(store, &series, (from, to), format, &mut out, &mut progress).await;
        bar.finish_and_clear();
        return Ok(done.map(drop)?);
    };
    // Whole or not at all: a name that is there says that the rows are.
    let aside = aside(file);
    let unwritable = || format!("cannot write {}", file.display());
    let mut out = BufWriter::new(File::create(&aside).with_context(unwritable)?);
    let done = transfer::export(store, &series, (from, to), format, &mut out, &mut progress).await;
    bar.finish_and_clear();
    let kept = match done {
        Ok(rows) => {
            let synced = out.flush().and_then(|()| out.get_ref().sync_all());
            synced.and_then(|()| std::fs::rename(&aside, file)).with_context(unwritable).map(|()| rows)
        }
        Err(error) => Err(error.into()),
    };
    match kept {
        Ok(rows) => println!("exported {rows} rows of {series} to {}", file.display()),
        Err(error) => {
            // Half a file is of no use.
            std::fs::remove_file(&aside).ok();
            return Err(error);
        }
    }
    Ok(())
}

fn aside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}
