mod retire;

use std::path::Path;
use std::sync::Arc;

use shared::event::{
    Bar, Body, BookTop, Event, Liquidation, LiquidationSide, OpenInterest, Origin, PriceKind,
};
use shared::market::{Calendar, Ms, Symbol, Timeframe, VenueId};
use shared::maths::fold::fold;

use super::{Pace, SealError, Sealer, Summary};
use crate::clock::Clock;
use crate::config::RetentionConfig;
use crate::store::archive::layout::Meta;
use crate::store::archive::{Archive, Archived};
use crate::store::{Coverage, Dataset, Query, Record, SqliteStore, Store};

pub(in crate::store::archive) const M1: Dataset = Dataset::Bars(Timeframe::M1);
const H1: Dataset = Dataset::Bars(Timeframe::H1);
/// 2025-01-01.
pub(in crate::store::archive) const DAY0: Ms = Ms(1_735_689_600_000);

/// A hot store, an archive and a sealer on a folder of their own.
pub(in crate::store::archive) struct Stage {
    pub(in crate::store::archive) folder: tempfile::TempDir,
    pub(in crate::store::archive) hot: Arc<SqliteStore>,
    pub(in crate::store::archive) archive: Arc<Archive>,
    store: Archived,
    clock: Clock,
    sealer: Sealer,
}

impl Stage {
    /// At 00:30 of the second day.
    pub(in crate::store::archive) fn new() -> Stage {
        Stage::keeping(RetentionConfig::default())
    }

    fn keeping(retention: RetentionConfig) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let hot = Arc::new(SqliteStore::temporary().unwrap());
        let clock = Clock::recorded();
        clock.advance(DAY0 + Ms::DAY + Ms(30 * 60_000));
        Stage::with(folder, hot, clock, retention)
    }

    fn with(
        folder: tempfile::TempDir,
        hot: Arc<SqliteStore>,
        clock: Clock,
        retention: RetentionConfig,
    ) -> Stage {
        let archive = Arc::new(Archive::open(&folder.path().join("parquet")).unwrap());
        let store = Archived::new(hot.clone(), archive.clone());
        let calendars = Arc::new(|_: &Symbol, _: &VenueId| Some(Calendar::Continuous));
        let sealer =
            Sealer::new(hot.clone(), archive.clone(), calendars, retention, clock.clone(), Pace::Full);
        Stage { folder, hot, archive, store, clock, sealer }
    }

    /// What a start after a kill finds.
    fn restart(self) -> Stage {
        let Stage { folder, hot, clock, archive, .. } = self;
        drop(archive);
        Stage::with(folder, hot, clock, RetentionConfig::default())
    }

    pub(in crate::store::archive) async fn put(&self, events: impl IntoIterator<Item = Event>) {
        self.store.write(events.into_iter().map(Record::Event).collect()).await.unwrap();
        self.store.flush().await.unwrap();
    }

    pub(in crate::store::archive) async fn pass(&self) -> Result<Summary, SealError> {
        self.sealer.pass().await
    }

    /// Through the joined store.
    async fn rows(&self, dataset: Dataset) -> Vec<Event> {
        self.store.read(everything(dataset)).await.unwrap()
    }

    async fn hot_rows(&self, dataset: Dataset) -> Vec<Event> {
        self.hot.read(everything(dataset)).await.unwrap()
    }

    fn paths(&self) -> Vec<String> {
        self.archive.manifest().all().iter().map(|entry| entry.meta.path()).collect()
    }
}

fn symbol() -> Symbol {
    "BTCUSDT-PERP".parse().unwrap()
}

fn everything(dataset: Dataset) -> Query {
    let (from, to) = (Ms(i64::MIN), Ms(i64::MAX));
    Query { dataset, symbol: symbol(), venue: None, from, to, limit: usize::MAX, newest: false }
}

fn event(venue: &str, body: Body) -> Event {
    Event { received: Ms(5), symbol: symbol(), venue: VenueId::new(venue), body }
}

/// A closed minute of the days from [`DAY0`] on.
pub(in crate::store::archive) fn minute(n: i64) -> Event {
    let mut bar = Bar::flat(DAY0 + Ms(n * 60_000), Timeframe::M1, 100.0 + n as f64, Origin::Kline);
    (bar.closed, bar.volume) = (true, n as f64);
    event("okx", Body::Bar(bar))
}

fn bar(event: &Event) -> Bar {
    let Body::Bar(bar) = event.body else { panic!("{event:?}") };
    bar
}

fn oi(n: i64, value: f64) -> Event {
    let timestamp = DAY0 + Ms(n * 60_000);
    event("okx", Body::Oi(OpenInterest { timestamp, open_interest: value, open_interest_value: None }))
}

fn book(n: i64) -> Event {
    event("okx", Body::Book(BookTop::from_best(DAY0 + Ms(n * 60_000), (1.0, 1.0), (2.0, 1.0))))
}

fn liquidation(venue: &str, n: i64) -> Event {
    let body = Liquidation {
        timestamp: DAY0 + Ms(n * 60_000),
        side: LiquidationSide::Long,
        quantity: 1.0,
        price: 2.0,
        value: 2.0,
        price_kind: PriceKind::Mark,
        at_least: false,
    };
    event(venue, Body::Liquidation(body))
}

/// The day is over at 00:30.
#[tokio::test]
async fn finished_days_become_files_and_read_as_before() {
    let stage = Stage::new();
    let forming = Event { body: Body::Bar(Bar { closed: false, ..bar(&minute(700)) }), ..minute(700) };
    stage.put((0..2_000).filter(|n| *n != 700).map(minute)).await;
    stage.put([forming.clone(), oi(0, 1.0), oi(1_439, 2.0), oi(1_440, 3.0)]).await;
    stage.put([liquidation("okx", 3), liquidation("binance", 3), liquidation("okx", 2), book(9)]).await;
    let datasets = [M1, Dataset::Oi, Dataset::Liquidations, Dataset::Book];
    let mut before = Vec::new();
    for dataset in datasets {
        before.push(stage.rows(dataset).await);
    }
    let done = stage.pass().await.unwrap();
    assert_eq!(done, Summary { sealed: 4, rows: 1_439 + 2 + 3 + 1, hours: 1, ..Summary::default() });
    let paths = [
        "okx/BTCUSDT-PERP/bars/20250101.parquet",
        "okx/BTCUSDT-PERP/bars_1h/20250101.parquet",
        "okx/BTCUSDT-PERP/book/20250101.parquet",
        "liquidations/BTCUSDT-PERP/20250101.parquet",
        "okx/BTCUSDT-PERP/oi/20250101.parquet",
    ];
    assert_eq!(stage.paths(), paths);
    for (dataset, rows) in datasets.into_iter().zip(before) {
        assert_eq!(stage.rows(dataset).await, rows, "{dataset:?}");
    }
    // The running day and the abandoned minute are hot, nothing else is.
    let hot = stage.hot_rows(M1).await;
    assert_eq!((hot.len(), &hot[0]), (2_000 - 1_440 + 1, &forming));
    assert_eq!(stage.hot_rows(Dataset::Oi).await.len(), 1);
    assert_eq!(stage.hot_rows(Dataset::Liquidations).await, []);
    let stats = stage.store.stats().await.unwrap();
    let archive = stats.archive.unwrap();
    assert_eq!((archive.files, archive.pending_days, archive.late_rows), (5, 0, 0));
    assert_eq!((archive.sealed_to, archive.error), (Some(DAY0 + Ms::DAY), None));
    let disk = stats.disk.unwrap();
    assert_eq!(disk.used_bytes, stats.bytes + archive.bytes);
    assert!(disk.free_bytes.is_some_and(|free| free > 0) && disk.days_left.is_some_and(|days| days > 0));
    assert_eq!(stage.pass().await.unwrap(), Summary::default(), "nothing is left to do");
}

#[tokio::test]
async fn a_day_is_not_sealed_before_half_past_midnight() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::recorded();
    clock.advance(DAY0 + Ms::DAY + Ms(30 * 60_000 - 1));
    let hot = Arc::new(SqliteStore::temporary().unwrap());
    let stage = Stage::with(folder, hot, clock.clone(), RetentionConfig::default());
    stage.put([minute(0)]).await;
    assert_eq!(stage.pass().await.unwrap(), Summary::default());
    assert_eq!(stage.archive.state().stats(0, 0).sealed_to, Some(DAY0));
    clock.advance(clock.now() + Ms(1));
    assert_eq!(stage.pass().await.unwrap().sealed, 1);
}

#[tokio::test]
async fn hours_are_folded_from_minutes_and_again_with_late_ones() {
    let stage = Stage::new();
    let first: Vec<Event> =
        (0..1_440).filter(|n| n % 7 != 3 && !(120..180).contains(n)).map(minute).collect();
    stage.put(first.clone()).await;
    stage.pass().await.unwrap();
    let hours = |minutes: &[Event]| {
        let minutes: Vec<Bar> = minutes.iter().map(bar).collect();
        let folded = fold(&minutes, Timeframe::H1, &Calendar::Continuous);
        folded.into_iter().map(|hour| Bar { closed: true, through: None, ..hour }).collect::<Vec<_>>()
    };
    let rolled = || stage.archive.read(&everything(H1)).unwrap();
    assert_eq!(rolled().iter().map(bar).collect::<Vec<_>>(), hours(&first));
    assert_eq!(rolled().len(), 23, "an hour without minutes has no bar");
    assert!(rolled().iter().all(|row| row.received == Ms(5)));

    let mut late = minute(130);
    late.received = Ms(99);
    stage.put([late.clone()]).await;
    let done = stage.pass().await.unwrap();
    assert_eq!(done, Summary { compacted: 1, rows: 1, hours: 1, ..Summary::default() });
    let mut all = first;
    all.push(late);
    all.sort_by_key(Event::timestamp);
    assert_eq!(rolled().iter().map(bar).collect::<Vec<_>>(), hours(&all));
    assert_eq!(rolled()[2].received, Ms(99));
    assert_eq!(stage.rows(M1).await, all);
}

#[tokio::test]
async fn rows_told_again_change_no_file_and_late_ones_one() {
    let stage = Stage::new();
    stage.put((0..1_440).map(minute)).await;
    stage.put([oi(0, 1.0), oi(5, 1.0)]).await;
    stage.pass().await.unwrap();
    let entries = stage.archive.manifest().all();
    stage.put((0..1_440).map(minute)).await;
    assert_eq!(stage.hot_rows(M1).await.len(), 1_440);
    let done = stage.pass().await.unwrap();
    assert_eq!(done, Summary { rows: 1_440, ..Summary::default() });
    assert_eq!(stage.archive.manifest().all(), entries);
    assert_eq!(stage.hot_rows(M1).await, []);

    stage.put([oi(5, 7.0), oi(3, 2.0)]).await;
    let expected = [oi(0, 1.0), oi(3, 2.0), oi(5, 7.0)];
    assert_eq!(stage.rows(Dataset::Oi).await, expected, "late rows win while they are hot");
    assert_eq!(stage.pass().await.unwrap(), Summary { compacted: 1, rows: 2, ..Summary::default() });
    assert_eq!(stage.rows(Dataset::Oi).await, expected);
    assert_eq!(stage.hot_rows(Dataset::Oi).await, []);
}

/// A kill after each of the steps.
#[tokio::test]
async fn whatever_a_kill_leaves_is_made_good() {
    for step in 0..4 {
        let stage = Stage::new();
        let rows: Vec<Event> = (0..100).map(minute).collect();
        stage.put(rows.clone()).await;
        let meta = Meta::new(M1, &symbol(), &VenueId::new("okx"), DAY0);
        let aside = stage.archive.aside(&meta);
        std::fs::create_dir_all(aside.parent().unwrap()).unwrap();
        match step {
            0 => std::fs::write(&aside, "half a file").unwrap(),
            1 => drop(crate::store::archive::write::write(&aside, &meta, &rows).unwrap()),
            // Renamed and not listed.
            2 => drop(crate::store::archive::write::write(&stage.archive.path(&meta), &meta, &rows).unwrap()),
            // Listed and still hot.
            _ => super::day::publish(&stage.archive, &meta, &rows, Ms(1)).unwrap(),
        }
        let stage = stage.restart();
        assert!(!aside.exists(), "{step}");
        assert_eq!(stage.rows(M1).await, rows, "{step}");
        let done = stage.pass().await.unwrap();
        assert_eq!((done.sealed, done.rows, done.hours), (usize::from(step < 2), 100, 1), "{step}");
        assert_eq!(stage.rows(M1).await, rows, "{step}");
        assert_eq!(stage.hot_rows(M1).await, [], "{step}");
        // Killed before the hours.
        stage.archive.remove("okx/BTCUSDT-PERP/bars_1h/20250101.parquet").unwrap();
        assert_eq!(stage.pass().await.unwrap(), Summary { hours: 1, ..Summary::default() }, "{step}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_keeps_days_hot_until_it_can() {
    let stage = Stage::new();
    stage.put((0..10).map(minute)).await;
    // A file where a folder should be: refused to root as well.
    let blocked = stage.archive.folder().join("okx");
    std::fs::write(&blocked, "").unwrap();
    let error = stage.pass().await.unwrap_err().to_string();
    assert!(error.contains("okx") && !error.contains('\n'), "{error}");
    let stats = stage.store.stats().await.unwrap().archive.unwrap();
    assert_eq!((stats.error, stats.pending_days, stats.sealed_to), (Some(error), 1, Some(DAY0)));
    assert_eq!(stage.rows(M1).await.len(), 10);
    std::fs::remove_file(&blocked).unwrap();
    assert_eq!(stage.pass().await.unwrap().sealed, 1);
    assert_eq!(stage.store.stats().await.unwrap().archive.unwrap().error, None);
}

#[tokio::test]
async fn a_damaged_file_keeps_its_late_rows_hot_and_others_go_on() {
    let stage = Stage::new();
    stage.put([minute(0), oi(0, 1.0)]).await;
    stage.pass().await.unwrap();
    let path = stage.folder.path().join("parquet/okx/BTCUSDT-PERP/bars/20250101.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    stage.put([minute(1), oi(1, 1.0)]).await;
    let error = stage.pass().await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("bars/20250101.parquet"), "{error}");
    assert_eq!(stage.hot_rows(M1).await, [minute(1)]);
    assert_eq!(stage.rows(Dataset::Oi).await.len(), 2);
    assert_eq!(stage.hot_rows(Dataset::Oi).await, []);
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "left as it is");
    assert_eq!(stage.archive.state().stats(0, 0).late_rows, 1);
}

#[tokio::test]
async fn two_symbols_of_one_file_name_do_not_mix() {
    let stage = Stage::new();
    let named = |name: &str, n| Event { symbol: name.parse().unwrap(), ..minute(n) };
    stage.put([named("A/B", 0), named("A_B", 1)]).await;
    let error = stage.pass().await.unwrap_err().to_string();
    assert!(error.contains("A_B"), "{error}");
    for (name, n) in [("A/B", 0), ("A_B", 1)] {
        let query = Query { symbol: name.parse().unwrap(), ..everything(M1) };
        assert_eq!(stage.store.read(query).await.unwrap(), [named(name, n)]);
    }
}

/// Readers and a writer of late rows beside passes: each read has every row, and in the end nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_and_late_rows_beside_passes_miss_nothing() {
    let stage = Arc::new(Stage::new());
    stage.put((0..600).filter(|n| n % 2 == 0).map(|n| oi(n, 0.0))).await;
    let writer = stage.clone();
    let writing = tokio::spawn(async move {
        for round in 0..40 {
            writer.put((0..15).map(|n| oi((round * 15 + n) % 600, round as f64 + 1.0))).await;
        }
    });
    let reader = stage.clone();
    let reading = tokio::spawn(async move {
        let mut last = 300;
        while last < 450 {
            let rows = reader.rows(Dataset::Oi).await;
            assert!(rows.is_sorted_by(|a, b| a.timestamp() < b.timestamp()));
            assert!(rows.len() >= last, "{} rows after {last}", rows.len());
            last = rows.len();
        }
    });
    while !writing.is_finished() {
        stage.pass().await.unwrap();
    }
    writing.await.unwrap();
    stage.pass().await.unwrap();
    reading.await.unwrap();
    assert_eq!(stage.hot_rows(Dataset::Oi).await, []);
    let expected: Vec<Event> = (0..600).map(|n| oi(n, (n / 15) as f64 + 1.0)).collect();
    assert_eq!(stage.rows(Dataset::Oi).await, expected);
    let verified = super::super::verify::verify(stage.archive.folder(), false).unwrap();
    assert_eq!((verified.faults, verified.rows), (vec![], 600));
}

pub(in crate::store::archive) fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|e| if e.path().is_dir() { files_below(&e.path()) } else { 1 }).sum()
}
