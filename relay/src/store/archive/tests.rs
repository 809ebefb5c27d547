use proptest::prelude::*;
use shared::event::{Body, Origin};
use shared::market::{Symbol, Timeframe, VenueId};

use super::samples::{DATASETS, body, day, event, rows, symbol};
use super::write::write;
use super::*;
use crate::store::{Dataset, HotStore, Record, SqliteStore, Store};

fn venue() -> VenueId {
    VenueId::new("sim")
}

/// Writes rows of one day and puts them in place.
fn seal(archive: &Archive, dataset: Dataset, rows: &[Event]) -> Arc<Entry> {
    let meta = Meta::new(dataset, &symbol(), &rows[0].venue, rows[0].timestamp());
    let written = write(&archive.aside(&meta), &meta, rows).unwrap();
    archive.publish(&meta, written, Ms(1)).unwrap()
}

fn query(dataset: Dataset, from: Ms, to: Ms) -> Query {
    Query { dataset, symbol: symbol(), venue: Some(venue()), from, to, limit: usize::MAX, newest: false }
}

fn all(dataset: Dataset) -> Query {
    query(dataset, Ms(0), Ms(i64::MAX))
}

#[test]
fn what_is_published_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, found) = Archive::reconciled(folder.path()).unwrap();
    assert_eq!(found, Reconciled::default());
    let oi = rows(Dataset::Oi, "sim", 60_000, 1_440);
    let entry = seal(&archive, Dataset::Oi, &oi);
    assert_eq!(archive.read(&all(Dataset::Oi)).unwrap(), oi);
    assert_eq!(archive.read(&all(Dataset::Funding)).unwrap(), []);
    assert!(!archive.aside(&entry.meta).exists());

    let (again, found) = Archive::reconciled(folder.path()).unwrap();
    assert_eq!(found, Reconciled::default());
    assert_eq!(again.manifest().all(), std::slice::from_ref(&entry));
    assert_eq!(again.manifest().bytes(), entry.written.bytes);
    assert_eq!(again.read(&all(Dataset::Oi)).unwrap(), oi);
    again.remove(&entry.meta.path()).unwrap();
    assert_eq!(again.read(&all(Dataset::Oi)).unwrap(), []);
    assert!(again.manifest().is_empty() && !again.path(&entry.meta).exists());
    let (after, found) = Archive::reconciled(folder.path()).unwrap();
    assert!(after.manifest().is_empty() && found == Reconciled::default());
}

#[test]
fn a_path_is_of_one_symbol_only() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path()).unwrap();
    seal(&archive, Dataset::Oi, &rows(Dataset::Oi, "sim", 60_000, 2));
    let other: Symbol = "BTC_USDT".parse().unwrap();
    let rows: Vec<Event> = rows(Dataset::Oi, "sim", 60_000, 2)
        .into_iter()
        .map(|row| Event { symbol: other.clone(), ..row })
        .collect();
    let meta = Meta::new(Dataset::Oi, &other, &venue(), day());
    let written = write(&archive.aside(&meta), &meta, &rows).unwrap();
    let error = archive.publish(&meta, written, Ms(1)).unwrap_err();
    assert!(error.to_string().contains("taken by BTC/USDT"), "{error}");
}

#[test]
fn opening_mends_what_a_kill_left() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path()).unwrap();
    let oi = rows(Dataset::Oi, "sim", 60_000, 100);
    let book = rows(Dataset::Book, "sim", 1_000, 100);
    let funding = rows(Dataset::Funding, "sim", 60_000, 100);
    let entry = seal(&archive, Dataset::Oi, &oi[..50]);
    let lost = seal(&archive, Dataset::Book, &book);
    // Replaced, and killed before the line; written, and killed before the rename; removed by hand; no file of ours.
    let path = archive.path(&entry.meta);
    let written = write(&path, &entry.meta, &oi).unwrap();
    let meta = Meta::new(Dataset::Funding, &symbol(), &venue(), day());
    write(&archive.aside(&meta), &meta, &funding).unwrap();
    std::fs::remove_file(archive.path(&lost.meta)).unwrap();
    let junk = archive.path(&Meta::new(Dataset::Trades, &symbol(), &venue(), day()));
    std::fs::create_dir_all(junk.parent().unwrap()).unwrap();
    std::fs::write(&junk, "junk").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();

    let (archive, found) = Archive::reconciled(folder.path()).unwrap();
    assert_eq!(found.adopted, [entry.meta.path()]);
    assert_eq!(found.lost, std::slice::from_ref(&lost.meta));
    assert_eq!(archive.lost(), found.lost);
    assert_eq!(found.removed, ["sim/BTC_USDT/funding/20250131.parquet.tmp"]);
    assert_eq!(found.refused[0].0, "sim/BTC_USDT/trades/20250131.parquet");
    assert_eq!(archive.manifest().get(&entry.meta.path()).unwrap().written, written);
    assert_eq!(archive.read(&all(Dataset::Oi)).unwrap(), oi);
    assert!(junk.exists() && folder.path().join("notes.txt").exists());
    let (_, again) = Archive::reconciled(folder.path()).unwrap();
    assert_eq!((again.adopted.len(), again.lost.len(), again.removed.len()), (0, 0, 0));
}

#[test]
fn a_replaced_file_of_the_same_size_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path()).unwrap();
    let oi = rows(Dataset::Oi, "sim", 60_000, 20);
    let entry = seal(&archive, Dataset::Oi, &oi);
    let path = archive.path(&entry.meta);
    let mut bytes = std::fs::read(&path).unwrap();
    // A letter of the writer's name: nothing but the hash changes.
    let at = bytes.windows(16).rposition(|w| w == b"tapedeck version").unwrap();
    bytes[at] = b'T';
    std::fs::write(&path, bytes).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    assert!(archive.read(&all(Dataset::Oi)).unwrap_err().to_string().contains("hash"));
    let (archive, found) = Archive::reconciled(folder.path()).unwrap();
    assert_eq!(found.adopted, [entry.meta.path()]);
    assert_eq!(archive.read(&all(Dataset::Oi)).unwrap(), oi);
}

#[test]
fn a_torn_or_flipped_manifest_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(folder.path()).unwrap();
    for n in 0..4 {
        let at = day() + Ms(n * Ms::DAY.0);
        seal(&archive, Dataset::Oi, &[event("sim", at, body(Dataset::Oi, at, n as u64))]);
    }
    let rows = archive.read(&all(Dataset::Oi)).unwrap();
    assert_eq!(rows.len(), 4);
    let path = folder.path().join(manifest::MANIFEST);
    let whole = std::fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for at in (0..whole.len()).step_by(13).chain([last, last + 1, whole.len() - 1]) {
        // Cut there, and appended to: the torn line is none, the next is whole.
        std::fs::write(&path, &whole[..at]).unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        assert_eq!(archive.read(&all(Dataset::Oi)).unwrap(), rows, "cut at {at}");
        assert_eq!(Archive::look(folder.path()).unwrap().manifest().len(), 4, "cut at {at}");
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, flipped).unwrap();
        let archive = Archive::open(folder.path()).unwrap();
        let found = archive.manifest().all();
        assert_eq!(found.len(), 4, "flipped at {at}");
    }
}

#[test]
fn a_manifest_of_dead_lines_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let list = manifest::Manifest::open(folder.path()).unwrap();
    let meta = Meta::new(Dataset::Oi, &symbol(), &venue(), day());
    let written = Written { rows: 1, bytes: 1, first: day(), last: day(), xxh3: 1 };
    let path = folder.path().join(manifest::MANIFEST);
    let line = {
        list.add(Entry { meta: meta.clone(), written, sealed: Ms(0) }).unwrap();
        std::fs::read_to_string(&path).unwrap()
    };
    let fields: serde_json::Value = serde_json::from_str(&line).unwrap();
    let expected = serde_json::json!({
        "path": "sim/BTC_USDT/oi/20250131.parquet", "dataset": "oi", "symbol": "BTC/USDT", "venue": "sim",
        "day": "20250131", "rows": 1, "bytes": 1, "first": day().0, "last": day().0,
        "xxh3": "0000000000000001", "sealed": 0,
    });
    assert_eq!(fields, expected);
    std::fs::write(&path, line.repeat(1_002)).unwrap();
    let list = manifest::Manifest::open(folder.path()).unwrap();
    list.tidy().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), line);
    list.strike(&meta.path()).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("\"gone\":true}\n"));
    assert!(manifest::Manifest::open(folder.path()).unwrap().is_empty());
}

/// A hot store and an archive beside one that has everything hot.
struct Pair {
    _folder: tempfile::TempDir,
    hot: Arc<SqliteStore>,
    both: Arc<Archived>,
    plain: Arc<SqliteStore>,
}

impl Pair {
    fn new() -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let archive = Arc::new(Archive::open(folder.path()).unwrap());
        let hot = Arc::new(SqliteStore::temporary().unwrap());
        let both = Arc::new(Archived::new(hot.clone(), archive));
        Pair { _folder: folder, hot, both, plain: Arc::new(SqliteStore::temporary().unwrap()) }
    }

    /// Writes to both; a forming bar that another of the same batch supersedes would be left out, so one by one.
    async fn put(&self, rows: &[Event]) {
        for row in rows {
            let records = vec![Record::Event(row.clone())];
            self.both.write(records.clone()).await.unwrap();
            self.plain.write(records).await.unwrap();
            self.both.flush().await.unwrap();
            self.plain.flush().await.unwrap();
        }
    }

    /// Takes a day of a series out of the hot store.
    async fn seal(&self, dataset: Dataset, day: Ms) {
        let hot_days = self.hot.hot_days(day + Ms::DAY).await.unwrap();
        let venues: Vec<VenueId> = hot_days
            .into_iter()
            .filter(|hot| (hot.dataset, hot.day) == (dataset, day))
            .map(|hot| hot.venue)
            .collect();
        let archive = self.both.archive();
        for venue in venues {
            let span = Query { venue: Some(venue.clone()), ..query(dataset, day, day + Ms::DAY) };
            let (mut rows, mark) = self.hot.snapshot(span.clone()).await.unwrap();
            rows.retain(|row| row.body.bar().is_none_or(|bar| bar.closed));
            let meta = Meta::new(dataset, &symbol(), &venue, day);
            let held = match archive.manifest().get(&meta.path()) {
                Some(_) => archive.read(&Query { venue: meta.venue.clone(), ..span }).unwrap(),
                None => Vec::new(),
            };
            let rows = join::merge(dataset, held, rows);
            if rows.is_empty() {
                continue;
            }
            let written = write(&archive.aside(&meta), &meta, &rows).unwrap();
            archive.publish(&meta, written, Ms(1)).unwrap();
            self.hot.forget(dataset, &symbol(), &venue, day, day + Ms::DAY, mark).await.unwrap();
        }
    }

    async fn agree(&self, query: &Query) -> Result<(), TestCaseError> {
        let expected = self.plain.read(query.clone()).await.unwrap();
        prop_assert_eq!(&self.both.read(query.clone()).await.unwrap(), &expected, "{:?}", query);
        for store in [self.both.clone() as Arc<dyn Store>, self.plain.clone()] {
            let mut stream = store.stream(query.clone());
            let mut rows = Vec::new();
            while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
                rows.append(&mut chunk.unwrap());
            }
            prop_assert_eq!(&rows, &expected, "streamed {:?}", query);
        }
        Ok(())
    }
}

/// A row of a few keys over three days. Bars of later writes have later revisions, as venues' machines count them.
fn some_row() -> impl Strategy<Value = (usize, usize, u64, u64)> {
    (0..DATASETS.len(), 0..3_usize, 0..12_u64, 0..1_000_u64)
}

fn made(n: usize, (dataset, venue, slot, value): (usize, usize, u64, u64)) -> Event {
    let dataset = DATASETS[dataset];
    let at = day() + Ms(slot as i64 * Ms::HOUR.0 * 6);
    let mut body = body(dataset, at, value);
    if let Body::Bar(bar) = &mut body {
        bar.closed = value % 4 > 0;
        bar.origin = [Origin::Kline, Origin::Trades][(n > 20) as usize];
        bar.revision = n as u32;
    }
    event(["binance", "okx", "sim"][venue], Ms(n as i64), body)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_between_hot_and_sealed_answers_like_all_hot(
        first in prop::collection::vec(some_row(), 1..40),
        seals in prop::collection::vec((0..DATASETS.len(), 0..3_i64), 0..12),
        late in prop::collection::vec(some_row(), 0..12),
        again in prop::collection::vec((0..DATASETS.len(), 0..3_i64), 0..3),
        limit in 1..8_usize,
        range in (0..13_i64, 0..13_i64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pair = Pair::new();
            let rows: Vec<Event> = first.iter().chain(&late).enumerate().map(|(n, row)| made(n, *row)).collect();
            pair.put(&rows[..first.len()]).await;
            for (dataset, n) in &seals {
                pair.seal(DATASETS[*dataset], day() + Ms(n * Ms::DAY.0)).await;
            }
            pair.put(&rows[first.len()..]).await;
            for (dataset, n) in &again {
                pair.seal(DATASETS[*dataset], day() + Ms(n * Ms::DAY.0)).await;
            }
            let at = |slot: i64| day() + Ms(slot * Ms::HOUR.0 * 6);
            for dataset in DATASETS {
                for venue in [None, Some(venue())] {
                    for (limit, newest) in [(limit, false), (limit, true), (usize::MAX >> 1, false)] {
                        for (from, to) in [(Ms(0), Ms(i64::MAX)), (at(range.0), at(range.1))] {
                            let symbol = symbol();
                            pair.agree(&Query { dataset, symbol, venue: venue.clone(), from, to, limit, newest }).await?;
                        }
                    }
                }
                let newest = |store: Arc<dyn Store>| async move {
                    store.newest(dataset, symbol(), venue()).await.unwrap()
                };
                prop_assert_eq!(newest(pair.both.clone()).await, newest(pair.plain.clone()).await);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn long_days_of_many_venues_stream_in_bounded_chunks() {
    let pair = Pair::new();
    for venue in ["binance", "okx"] {
        let rows = rows(Dataset::Book, venue, 1_000, 20_000);
        let records: Vec<Record> = rows.into_iter().map(Record::Event).collect();
        pair.both.write(records.clone()).await.unwrap();
        pair.plain.write(records).await.unwrap();
    }
    pair.both.flush().await.unwrap();
    pair.plain.flush().await.unwrap();
    let query = Query { venue: None, ..all(Dataset::Book) };
    pair.agree(&query).await.unwrap();
    pair.seal(Dataset::Book, day()).await;
    assert_eq!(pair.hot.read(query.clone()).await.unwrap(), []);
    pair.agree(&query).await.unwrap();
    pair.agree(&Query { limit: 30_001, from: day() + Ms(3_333), ..query.clone() }).await.unwrap();
    let mut stream = (pair.both.clone() as Arc<dyn Store>).stream(query);
    let mut chunks = 0;
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        assert!(chunk.unwrap().len() <= write::PAGE_ROWS);
        chunks += 1;
    }
    assert_eq!(chunks, 5);
}

#[tokio::test]
async fn other_bars_and_unknown_series_are_asked_of_the_hot_store_alone() {
    let pair = Pair::new();
    let hours = rows(Dataset::Bars(Timeframe::H1), "sim", Ms::HOUR.0, 5);
    // An hourly file is a roll-up: what is asked for are the venue's hours.
    seal(pair.both.archive(), Dataset::Bars(Timeframe::H1), &hours);
    assert_eq!(pair.both.read(all(Dataset::Bars(Timeframe::H1))).await.unwrap(), []);
    assert_eq!(pair.both.newest(Dataset::Bars(Timeframe::H1), symbol(), venue()).await.unwrap(), None);
    assert_eq!(pair.both.archive().read(&all(Dataset::Bars(Timeframe::H1))).unwrap(), hours);
}
