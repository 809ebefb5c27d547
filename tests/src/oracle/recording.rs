//! A recorded session in the `hftbacktest` text form, counted independently of the relay.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::bars::{ExactBar, minutes_of};
use super::book::{ExactBook, Top};
use super::decimal::units;

/// Everything counted in one pass over a recording of one futures symbol.
pub struct Recording {
    /// Minute bars of all trades, and the first and last trade time.
    pub minutes: Vec<ExactBar>,
    pub trade_times: (i64, i64),
    /// The book after each applied depth update, ascending.
    pub tops: Vec<TopAt>,
    /// Depth updates whose predecessor was missing.
    pub gaps: usize,
    /// Frames by event name; the REST snapshot counts as `snapshot`.
    pub frames: std::collections::BTreeMap<String, usize>,
}

/// The top of the book after one depth update.
pub struct TopAt {
    /// The venue's event time.
    pub event: i64,
    /// The venue's transaction time.
    pub transaction: i64,
    pub last_id: u64,
    pub top: Top,
}

/// Decimals of the recorded market.
pub const PRICE_PLACES: u32 = 2;
pub const QUANTITY_PLACES: u32 = 3;

/// The recordings folder: `TAPEDECK_CAPTURES`, else `shared/captures` beside the workspace. `None`, with a plain
/// line, where it is missing.
///
/// # Panics
/// When it is missing under `CI=true`: there the recordings must be present.
pub fn captures(file: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let folder = std::env::var_os("TAPEDECK_CAPTURES")
        .map_or_else(|| workspace.join("../shared/captures"), |given| workspace.join(given));
    let path = folder.join(file);
    if path.exists() {
        return Some(path);
    }
    let ci = std::env::var("CI").is_ok_and(|v| v == "true");
    assert!(!ci, "{} is missing: set TAPEDECK_CAPTURES", path.display());
    println!("SKIPPED: {} is missing (set TAPEDECK_CAPTURES to the recordings' folder)", path.display());
    None
}

/// Reads and counts a recording.
///
/// # Errors
/// On a line that is none of the recorded kinds, or a book that cannot be synchronised: the recordings are known
/// to be sound, so anything odd is an error of the count.
pub fn read(path: &Path) -> Result<Recording> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut trades = Vec::new();
    let mut depth = DepthReader::default();
    let mut frames = std::collections::BTreeMap::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line = line?;
        let (_, frame) = line.split_once(' ').context("no receive time")?;
        let value: Value = serde_json::from_str(frame)?;
        let data = value.get("data").unwrap_or(&value);
        let kind = data["e"].as_str().unwrap_or("snapshot").to_owned();
        match kind.as_str() {
            "trade" => trades.push((
                int(data, "T")?,
                units(text(data, "p")?, PRICE_PLACES),
                units(text(data, "q")?, QUANTITY_PLACES),
                !data["m"].as_bool().context("m")?,
                1,
            )),
            "depthUpdate" => depth.update(data)?,
            "snapshot" => depth.snapshot(data)?,
            "bookTicker" => {}
            other => bail!("unexpected kind {other}"),
        }
        *frames.entry(kind).or_default() += 1;
    }
    let first = trades.first().context("no trades")?.0;
    let last = trades.last().context("no trades")?.0;
    ensure!(trades.is_sorted_by_key(|t| t.0), "trades out of order");
    ensure!(!depth.tops.is_empty(), "the book never synchronised");
    let minutes = minutes_of(trades);
    Ok(Recording { minutes, trade_times: (first, last), tops: depth.tops, gaps: depth.gaps, frames })
}

fn int(data: &Value, key: &str) -> Result<i64> {
    data[key].as_i64().with_context(|| format!("{key} is no integer"))
}

fn text<'a>(data: &'a Value, key: &str) -> Result<&'a str> {
    data[key].as_str().with_context(|| format!("{key} is no text"))
}

fn levels(data: &Value, key: &str) -> Result<Vec<(i128, i128)>> {
    let rows = data[key].as_array().with_context(|| format!("{key} is no list"))?;
    let level = |row: &Value| -> Result<(i128, i128)> {
        let price = row[0].as_str().context("price")?;
        let quantity = row[1].as_str().context("quantity")?;
        Ok((units(price, PRICE_PLACES), units(quantity, QUANTITY_PLACES)))
    };
    rows.iter().map(level).collect()
}

struct Update {
    first: u64,
    last: u64,
    previous: u64,
    event: i64,
    transaction: i64,
    bids: Vec<(i128, i128)>,
    asks: Vec<(i128, i128)>,
}

/// The venue's documented steps: buffer from the first update, take the snapshot, drop what it holds, chain.
#[derive(Default)]
struct DepthReader {
    waiting: Vec<Update>,
    book: Option<ExactBook>,
    last_id: u64,
    chained: bool,
    tops: Vec<TopAt>,
    gaps: usize,
}

impl DepthReader {
    fn update(&mut self, data: &Value) -> Result<()> {
        let id = |key: &str| data[key].as_u64().with_context(|| format!("{key} is no id"));
        let update = Update {
            first: id("U")?,
            last: id("u")?,
            previous: id("pu")?,
            event: int(data, "E")?,
            transaction: int(data, "T")?,
            bids: levels(data, "b")?,
            asks: levels(data, "a")?,
        };
        if self.book.is_some() {
            self.apply(update)
        } else {
            self.waiting.push(update);
            Ok(())
        }
    }

    fn snapshot(&mut self, data: &Value) -> Result<()> {
        let mut book = ExactBook::new(PRICE_PLACES, QUANTITY_PLACES);
        ExactBook::apply(&mut book.bids, levels(data, "bids")?);
        ExactBook::apply(&mut book.asks, levels(data, "asks")?);
        self.last_id = data["lastUpdateId"].as_u64().context("lastUpdateId")?;
        self.book = Some(book);
        for update in std::mem::take(&mut self.waiting) {
            self.apply(update)?;
        }
        Ok(())
    }

    fn apply(&mut self, update: Update) -> Result<()> {
        if !self.chained {
            if update.last < self.last_id {
                return Ok(());
            }
            ensure!(update.first <= self.last_id, "the snapshot is too old");
            self.chained = true;
        } else if update.previous != self.last_id {
            self.gaps += 1;
        }
        self.last_id = update.last;
        let book = self.book.as_mut().context("no snapshot")?;
        ExactBook::apply(&mut book.bids, update.bids);
        ExactBook::apply(&mut book.asks, update.asks);
        ensure!(!book.crossed(), "crossed at {}", update.last);
        let top = book.top().context("an empty side")?;
        let (event, transaction, last_id) = (update.event, update.transaction, update.last);
        self.tops.push(TopAt { event, transaction, last_id, top });
        Ok(())
    }
}
