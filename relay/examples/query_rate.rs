//! How long recorded history takes from sealed files to JSON, and an archive to open: what `cargo xtask bench` prints.
//!
//! `cargo run --profile dist --example query_rate`. The archive is made here, of an invented market, in a temporary
//! folder. One line of JSON per figure: `{"what", "value", "unit", "budget", "more"}`, `more` saying whether more is
//! better.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use axum::body::{Body as HttpBody, to_bytes};
use axum::http::Request;
use relay::Mode;
use relay::clock::Clock;
use relay::derive::Asker;
use relay::directory::Directory;
use relay::history::{History, HistorySource, SourceError};
use relay::http::{ApiState, routes};
use relay::hub::Hub;
use relay::ingest::Board;
use relay::ingest::demand::{FollowLimits, Follower};
use relay::ingest::lookup::Lookup;
use relay::store::archive::layout::{Meta, day_name};
use relay::store::archive::manifest::MANIFEST;
use relay::store::archive::write::write;
use relay::store::archive::{Archive, Archived};
use relay::store::{Dataset, SqliteStore, Store};
use shared::event::{Bar, Body, Channel, Event, Origin};
use shared::market::{Calendar, Civil, Group, Instrument, Kind, Ms, Symbol, Timeframe, VenueId};
use tower::ServiceExt;

const DAYS: i64 = 365;
const MINUTES: i64 = 1_440;
const FIRST: Ms = Civil::midnight(2024, 1, 1);
const RUNS: usize = 7;
const SYMBOLS: usize = 10;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let symbol: Symbol = "BTCUSDT-PERP".parse()?;
    let bytes = record(folder.path(), &symbol)?;
    let app = app(folder.path(), &symbol)?;
    let from = |day: i64| FIRST + Ms(day * Ms::DAY.0);
    // What was allocated before is no part of what a query holds.
    let before = resident();
    let year = best(2, async || pages(&app, from(0), from(DAYS)).await).await?;
    ensure!(year.rows == (DAYS * MINUTES) as usize, "{} rows of a year", year.rows);
    tell("a year of 1m bars, 525,600 rows, from sealed days to JSON", year.ms, "ms", Some(400.0));
    if let (Some(before), Some(after)) = (before, resident()) {
        tell("the same: memory at its peak beyond that of an idle relay", after - before, "MB", None);
    }
    tell("the same: JSON", year.bytes as f64 / 1e6, "MB", None);
    let day = best(RUNS, async || pages(&app, from(100), from(101)).await).await?;
    ensure!(day.rows == MINUTES as usize, "{} rows of a day", day.rows);
    tell("a day of 1m bars from its sealed file to JSON", day.ms, "ms", Some(5.0));
    let fortnight = best(RUNS, async || pages(&app, from(200), from(214)).await).await?;
    ensure!(fortnight.rows == 14 * MINUTES as usize, "{} rows of 14 days", fortnight.rows);
    tell("14 days of 1m bars, 20,160 rows, from sealed days to JSON", fortnight.ms, "ms", Some(10.0));
    tell("a sealed day of 1m bars", bytes as f64 / DAYS as f64 / 1e3, "kB", None);
    drop(app);

    let folder = tempfile::tempdir()?;
    let files = many(folder.path())?;
    let mut opened = f64::INFINITY;
    for _ in 0..3 {
        let started = Instant::now();
        let archive = Archive::open(folder.path())?;
        opened = opened.min(started.elapsed().as_secs_f64() * 1e3);
        ensure!(archive.manifest().len() == files, "{} of {files} files", archive.manifest().len());
    }
    let what = format!("opening a year of {SYMBOLS} symbols, {files} files");
    tell(&what, opened, "ms", Some(1_000.0));
    Ok(())
}

fn tell(what: &str, value: f64, unit: &str, budget: Option<f64>) {
    let value = (value * 100.0).round() / 100.0;
    let mut line = serde_json::json!({ "what": what, "value": value, "unit": unit, "more": false });
    if let (Some(budget), Some(line)) = (budget, line.as_object_mut()) {
        line.insert("budget".into(), budget.into());
    }
    println!("{line}");
}

/// A query with all its pages.
struct Query {
    ms: f64,
    rows: usize,
    bytes: usize,
}

/// The machine may be busy: the run that was disturbed least.
async fn best(runs: usize, run: impl AsyncFn() -> Result<Query>) -> Result<Query> {
    let mut best: Option<Query> = None;
    for _ in 0..runs {
        let query = run().await?;
        if best.as_ref().is_none_or(|best| query.ms < best.ms) {
            best = Some(query);
        }
    }
    best.context("no run")
}

async fn pages(app: &axum::Router, from: Ms, to: Ms) -> Result<Query> {
    let base = format!("/api/candles?symbol=BTCUSDT-PERP&interval=1m&from={}&to={}", from.0, to.0);
    let mut query = Query { ms: 0.0, rows: 0, bytes: 0 };
    let mut uri = base.clone();
    loop {
        let request = Request::get(&uri).body(HttpBody::empty())?;
        let started = Instant::now();
        let response = app.clone().oneshot(request).await?;
        let status = response.status();
        let cursor = response.headers().get("x-next-cursor").map(|c| c.to_str().map(str::to_owned));
        let body = to_bytes(response.into_body(), usize::MAX).await?;
        query.ms += started.elapsed().as_secs_f64() * 1e3;
        ensure!(status.is_success(), "{uri}: {status}");
        // Counted outside of the time: a row is an object without objects in it.
        query.rows += body.iter().filter(|byte| **byte == b'{').count();
        query.bytes += body.len();
        match cursor.transpose()? {
            Some(cursor) => uri = format!("{base}&cursor={cursor}"),
            None => return Ok(query),
        }
    }
}

/// Most memory this process ever had, in MB, where the system says it.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<f64>().ok().map(|kb| kb / 1e3)
}

/// A year of minutes as sealed days; answers with their bytes.
fn record(folder: &Path, symbol: &Symbol) -> Result<u64> {
    let archive = Archive::open(folder)?;
    let mut bytes = 0;
    for day in 0..DAYS {
        let at = FIRST + Ms(day * Ms::DAY.0);
        let meta = Meta::new(Dataset::Bars(Timeframe::M1), symbol, &VenueId::new("sim"), at);
        let rows: Vec<Event> = (0..MINUTES).map(|n| minute(symbol, day * MINUTES + n)).collect();
        let written = write(&archive.aside(&meta), &meta, &rows)?;
        bytes += written.bytes;
        archive.publish(&meta, written, at + Ms::DAY)?;
    }
    Ok(bytes)
}

/// A minute of a market that goes up and down by ticks of a tenth, with quantities of three decimals.
fn minute(symbol: &Symbol, n: i64) -> Event {
    let noise = |salt: u64| (n as u64 ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
    let tick = |salt: u64| 600_000.0 + ((n % 20_000) - 10_000).abs() as f64 + (noise(salt) % 512) as f64;
    let (buy, sell) = (noise(3) as f64 / 1e3, noise(4) as f64 / 1e3);
    let timestamp = FIRST + Ms(n * Ms::MINUTE.0);
    let (open, close) = (tick(1) / 10.0, tick(2) / 10.0);
    let bar = Bar {
        open,
        high: open.max(close) + 0.1,
        low: open.min(close) - 0.1,
        close,
        volume: buy + sell,
        buy_volume: Some(buy),
        sell_volume: Some(sell),
        cvd: Some((noise(5) as f64 - 8_192.0) / 1e3),
        cvd_from: Some(timestamp.floor(Ms::DAY)),
        vwap: Some((open * buy + close * sell) / (buy + sell + 1e-3)),
        trades: Some(noise(6)),
        closed: true,
        ..Bar::flat(timestamp, Timeframe::M1, open, Origin::Trades)
    };
    let received = timestamp + Ms::MINUTE + Ms(40);
    Event { received, symbol: symbol.clone(), venue: VenueId::new("sim"), body: Body::Bar(bar) }
}

/// The routes of a relay over that archive, with nothing hot and a venue that has minutes of its own.
fn app(folder: &Path, symbol: &Symbol) -> Result<axum::Router> {
    let archive = Arc::new(Archive::open(folder)?);
    let store: Arc<dyn Store> = Arc::new(Archived::new(Arc::new(SqliteStore::temporary()?), archive));
    let venue = VenueId::new("sim");
    let directory = Arc::new(Directory::new([venue.clone()]));
    let instrument = Instrument {
        symbol: symbol.clone(),
        venue: venue.clone(),
        venue_symbol: symbol.to_string(),
        group: Group::new("BTC", Kind::Perp),
        kind: Kind::Perp,
        base: "BTC".into(),
        quote: "USDT".into(),
        tick_size: 0.1,
        step_size: 0.001,
        multiplier: 1.0,
        channels: vec![Channel::Bar],
        calendar: Calendar::Continuous,
    };
    directory.set(&venue, vec![Arc::new(instrument)]);
    let now = FIRST + Ms((DAYS + 1) * Ms::DAY.0);
    let live = |_: &VenueId, _: &Symbol| None::<Bar>;
    let hub = Arc::new(Hub::new());
    // Nobody makes anything on demand here.
    let (demand, _) = tokio::sync::mpsc::unbounded_channel();
    Ok(routes(ApiState {
        follower: Arc::new(Follower::new(directory.clone(), hub.clone(), FollowLimits::default())),
        asker: Asker::new(hub.clone(), demand),
        history: Arc::new(History::new(store.clone(), Arc::new(Away), Arc::new(live), move || now)),
        lookup: Arc::new(Lookup::new(directory.clone(), Clock::real())),
        directory,
        store,
        hub,
        board: Arc::new(Board::new(Mode::Live, [venue])),
    }))
}

/// Has minutes, and is not to be asked for them: all are recorded.
struct Away;

#[async_trait]
impl HistorySource for Away {
    fn native_timeframes(&self, _: &VenueId) -> Vec<Timeframe> {
        Timeframe::ALL.to_vec()
    }

    async fn klines(
        &self,
        venue: &VenueId,
        _: &Symbol,
        _: Timeframe,
        _: Ms,
        _: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        Err(SourceError { venue: venue.clone(), reason: "it was asked for what is recorded".into() })
    }

    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        None
    }
}

/// An archive of a year of some symbols, every dataset, each file of one row: how long one takes to open goes by their
/// number. Answers with it.
fn many(folder: &Path) -> Result<usize> {
    let datasets = [
        Dataset::Bars(Timeframe::M1),
        Dataset::Bars(Timeframe::H1),
        Dataset::Oi,
        Dataset::Funding,
        Dataset::Liquidations,
        Dataset::Book,
    ];
    let sample = folder.join("sample");
    let symbol: Symbol = "BTCUSDT-PERP".parse()?;
    let meta = Meta::new(Dataset::Bars(Timeframe::M1), &symbol, &VenueId::new("sim"), FIRST);
    let written = write(&sample, &meta, &[minute(&symbol, 0)])?;
    let (bytes, mut lines) = (std::fs::read(&sample)?, String::new());
    std::fs::remove_file(&sample)?;
    let mut files = 0;
    for n in 0..SYMBOLS {
        let symbol: Symbol = format!("C{n}USDT-PERP").parse()?;
        for dataset in datasets {
            for day in 0..DAYS {
                let at = FIRST + Ms(day * Ms::DAY.0);
                let meta = Meta::new(dataset, &symbol, &VenueId::new("sim"), at);
                let path = folder.join(meta.path());
                std::fs::create_dir_all(path.parent().context("a file without a folder")?)?;
                std::fs::write(&path, &bytes)?;
                let line = serde_json::json!({
                    "path": meta.path(),
                    "dataset": relay::store::archive::layout::name(dataset),
                    "symbol": symbol,
                    "venue": meta.venue,
                    "day": day_name(at),
                    "rows": 1,
                    "bytes": written.bytes,
                    "first": at.0,
                    "last": at.0,
                    "xxh3": format!("{:016x}", written.xxh3),
                    "sealed": at.0,
                });
                lines += &format!("{line}\n");
                files += 1;
            }
        }
    }
    std::fs::write(folder.join(MANIFEST), lines)?;
    Ok(files)
}
