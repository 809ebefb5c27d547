//! `tapedeck backfill` against a venue, and what it left by `tapedeck export`.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::fake_binance::FakeBinance;
use tests::fake_binance::market::Product;
use tests::relay::{Options, binary};

use super::{MINUTE, PERP, SOON, fake};

/// The program on a folder, with the fake as its venue.
fn tapedeck(fake: &FakeBinance, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder).env("DATA_DIR", folder.join("data"));
    command.envs(Options::binance(fake, PERP).env);
    command
}

fn output(mut command: Command) -> Result<Output> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

/// Bars as (time, open, close) of the exported text.
fn bars(csv: &str) -> Result<Vec<(i64, f64, f64)>> {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().context("no header")?.split(',').collect();
    let at = |name: &str| names.iter().position(|n| *n == name).with_context(|| name.to_owned());
    let (time, open, close) = (at("timestamp")?, at("open")?, at("close")?);
    let bar = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        Ok((fields[time].parse()?, fields[open].parse()?, fields[close].parse()?))
    };
    lines.map(bar).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_is_killed_goes_on_and_asks_for_nothing_twice() -> Result<()> {
    let fake = fake().await?;
    let folder = tempfile::tempdir()?;
    let to = (fake.now() - 60 * MINUTE) / MINUTE * MINUTE;
    let from = to - 3 * 1_440 * MINUTE;
    let (from_text, to_text) = (from.to_string(), to.to_string());
    let args = ["backfill", "--symbol", PERP, "--from", &from_text, "--to", &to_text];
    // Slow enough to be killed in the midst of it.
    fake.delay_rest(Duration::from_millis(300));
    let mut first = tapedeck(&fake, folder.path(), &args).spawn()?;
    let log = folder.path().join("data/hot.sqlite3-wal");
    let until = Instant::now() + SOON;
    while std::fs::metadata(&log).map_or(0, |log| log.len()) < 100_000 {
        ensure!(Instant::now() < until, "nothing is written");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.kill()?;
    first.wait()?;
    fake.delay_rest(Duration::ZERO);
    let said = output(tapedeck(&fake, folder.path(), &args))?;
    let said = String::from_utf8(said.stdout)?;
    ensure!(said.contains("4320 1m bars"), "{said}");

    let export = ["export", "--symbol", PERP, "--venue", "binance", "--from", &from_text, "--to", &to_text];
    let exported = String::from_utf8(output(tapedeck(&fake, folder.path(), &export))?.stdout)?;
    let exact = fake.bars(Product::Usdm, "BTCUSDT", "1m", from, to);
    let found = bars(&exported)?;
    assert_eq!(found.len(), exact.len());
    for (bar, exact) in found.iter().zip(&exact) {
        let cents = |price: f64| (price * 100.0).round() as i128;
        assert_eq!((bar.0, cents(bar.1), cents(bar.2)), (exact.open_time, exact.open, exact.close));
    }
    let funding = ["export", "--dataset", "funding", "--symbol", PERP];
    let funding = String::from_utf8(output(tapedeck(&fake, folder.path(), &funding))?.stdout)?;
    ensure!(funding.lines().count() > 5 && funding.contains("settled"), "{funding}");

    // All of it is there: a third run has nothing to ask for but the list.
    let again = String::from_utf8(output(tapedeck(&fake, folder.path(), &args))?.stdout)?;
    ensure!(again.contains("4320 1m bars, 0 of funding and 0 of open interest"), "{again}");

    // Import of what was exported into another folder gives the same text.
    let file = folder.path().join("bars.csv");
    std::fs::write(&file, &exported)?;
    let other = tempfile::tempdir()?;
    let file = file.display().to_string();
    let import = ["import", &file, "--symbol", PERP, "--venue", "binance"];
    let misspelt = [&import[..5], &["binanse"]].concat();
    let refused = tapedeck(&fake, other.path(), &misspelt).output()?;
    ensure!(!refused.status.success() && String::from_utf8(refused.stderr)?.contains("no venue `binanse`"));
    output(tapedeck(&fake, other.path(), &import))?;
    let again = output(tapedeck(&fake, other.path(), &export))?;
    ensure!(again.stdout == exported.as_bytes(), "import and export change the text");

    // A folder in use is named in one line.
    let relay = Options::binance(&fake, PERP).start().await?;
    let data = relay.folder().display().to_string();
    let taken = tapedeck(&fake, other.path(), &import).env("DATA_DIR", &data).output()?;
    let text = String::from_utf8(taken.stderr)?;
    ensure!(!taken.status.success() && text.contains("in use by another tapedeck"), "{text}");
    ensure!(text.trim().lines().count() == 1, "{text}");
    Ok(())
}
