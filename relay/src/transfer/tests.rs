use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use shared::event::{Bar, Body, Event, Origin};
use shared::market::{Ms, Timeframe, VenueId};

use super::{Format, Imported, Series, TransferError, export, import};
use crate::store::archive::{Archive, Archived};
use crate::store::suite::{Place, bar, event, put, query, samples, seal_all, symbol};
use crate::store::{Dataset, Query, SqliteStore, Store};

const M1: Dataset = Dataset::Bars(Timeframe::M1);

fn series(dataset: Dataset) -> Series {
    Series { dataset, symbol: symbol(), venue: Some(VenueId::new("sim")) }
}

async fn exported(store: Arc<dyn Store>, dataset: Dataset, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    let range = (Ms(i64::MIN), Ms(i64::MAX));
    export(store, &series(dataset), range, format, &mut bytes, &mut |_, _| ()).await.unwrap();
    bytes
}

async fn imported(store: &dyn Store, path: &Path, dataset: Dataset) -> Result<Imported, TransferError> {
    import(store, path, &series(dataset), Ms(77), &mut |_, _| ()).await
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn rows(store: &dyn Store, dataset: Dataset) -> Vec<Event> {
    let all = Query { limit: usize::MAX, ..query(dataset, None, i64::MIN, i64::MAX) };
    store.read(all).await.unwrap()
}

async fn bars(store: &dyn Store) -> Vec<(i64, Bar)> {
    let bar = |row: Event| if let Body::Bar(bar) = row.body { Some((row.received.0, bar)) } else { None };
    rows(store, M1).await.into_iter().filter_map(bar).collect()
}

/// Rows of two days, more than a chunk or a page of a file holds, many of them in one instant.
fn many() -> Vec<Event> {
    let mut events: Vec<Event> = samples().into_iter().map(|(_, event)| event).collect();
    events.extend((0..2_000).map(|n| event("sim", n, Body::Bar(bar(n, 101.0 + n as f64 / 7.0)))));
    for event in &mut events {
        if let Body::Bar(bar) = &mut event.body {
            bar.low = bar.open.min(bar.close);
            bar.high = bar.open.max(bar.close);
        }
    }
    for n in 0..20_000_i64 {
        let trade = shared::event::Trade {
            timestamp: Ms(n / 9_000),
            price: 0.1 + n as f64,
            quantity: 1e-8,
            side: shared::event::Side::Buy,
            id: format!("{n}, \"quoted\" {n}"),
        };
        events.push(event("sim", n, Body::Trade(trade)));
    }
    events
}

#[tokio::test]
async fn what_is_exported_and_imported_is_exported_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for place in [Place::sqlite(), Place::postgres()].into_iter().flatten() {
        let hot = place.open().await;
        put(&*hot, many()).await;
        let archive = Arc::new(Archive::open(&folder.path().join(place.name().len().to_string())).unwrap());
        let whole: Arc<dyn Store> = Arc::new(Archived::new(hot.clone(), archive.clone()));
        let mut files = Vec::new();
        let datasets = [
            M1,
            Dataset::Bars(Timeframe::Mo1),
            Dataset::Oi,
            Dataset::Funding,
            Dataset::Liquidations,
            Dataset::Book,
            Dataset::Trades,
        ];
        for dataset in datasets {
            for format in [Format::Csv, Format::Parquet] {
                let bytes = exported(whole.clone(), dataset, format).await;
                let again: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
                let count = rows(&*whole, dataset).await.len() as u64;
                let done = imported(&*again, &file(&folder, "rows", &bytes), dataset).await.unwrap();
                assert!(count > 0 && done.rows == count && done.ignored.is_empty(), "{dataset:?} {done:?}");
                assert_eq!(rows(&*again, dataset).await, rows(&*whole, dataset).await, "{dataset:?}");
                assert!(exported(again, dataset, format).await == bytes, "{dataset:?} {format:?}");
                files.push((dataset, format, bytes));
            }
        }
        // Sealed days are exported like those that are not.
        seal_all(&*hot, &archive).await;
        for (dataset, format, bytes) in files {
            assert!(exported(whole.clone(), dataset, format).await == bytes, "{dataset:?} sealed");
        }
    }
}

#[tokio::test]
async fn a_table_of_anybody_is_read() {
    let folder = tempfile::tempdir().unwrap();
    // A mark and blanks, columns in any order, one nobody knows, times in each form, disorder and repeats.
    let text = "\u{feff}Close , timestamp,open,high,low,volume,note\n\
                4,1970-01-01T00:03:00Z,1,9,1,7,x\n\
                3,120000,1,9,1,7,\n\
                2,1970-01-01T01:01:00+01:00,1,9,1,7,\"a, b\"\n\
                3,120000,1,9,1,7,\n\
                1,1970-01-01,1,9,1,7,\n";
    let store = SqliteStore::temporary().unwrap();
    let done = imported(&store, &file(&folder, "a.csv", text), M1).await.unwrap();
    assert_eq!(done, Imported { rows: 5, span: Some((Ms(0), Ms(180_000))), ignored: vec!["note".into()] });
    let found = bars(&store).await;
    let seen: Vec<(i64, f64)> = found.iter().map(|(_, b)| (b.timestamp.0, b.close)).collect();
    assert_eq!(seen, [(0, 1.0), (60_000, 2.0), (120_000, 3.0), (180_000, 4.0)]);
    let (received, first) = found[0];
    let plain = (first.origin, first.closed, first.revision, first.buy_volume, first.cvd, received);
    assert_eq!(plain, (Origin::Import, true, 0, None, None, 77));
    // The venue's own bar is better than an imported one, and stays.
    put(&store, [event("sim", 1, Body::Bar(bar(0, 5.0)))]).await;
    imported(&store, &file(&folder, "a.csv", text), M1).await.unwrap();
    assert_eq!((bars(&store).await[0].1.close, bars(&store).await[0].1.origin), (5.0, Origin::Kline));

    let text = "timestamp,funding_rate,interval_hours\n0,0.0001,8\n28800000,-0.0002,\n";
    imported(&store, &file(&folder, "f.csv", text), Dataset::Funding).await.unwrap();
    let Body::Funding(funding) = rows(&store, Dataset::Funding).await[0].body else { panic!("no funding") };
    assert_eq!(funding.funding_apr, Some(shared::event::Funding::apr(0.000_1, 8.0)));
    let text = "timestamp,side,price,quantity\n5,LONG,100,0.5\n";
    imported(&store, &file(&folder, "l.csv", text), Dataset::Liquidations).await.unwrap();
    let Body::Liquidation(print) = rows(&store, Dataset::Liquidations).await[0].body else { panic!("none") };
    assert_eq!((print.value, print.at_least), (50.0, false));
}

#[tokio::test]
async fn one_bad_row_is_named_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let head = "timestamp,open,high,low,close,volume,symbol,interval,closed";
    let good = "0,1,9,1,4,7,BTCUSDT-PERP,1m,true";
    let cases = [
        ("60000,1,9,1,x,7,,,", "line 3: `close`: `x` is not a number"),
        ("60000,1,9,1,NaN,7,,,", "line 3: `close`: unknown `NaN`"),
        ("60000,1,9,1,,7,,,", "line 3: `close`: a value is missing"),
        (",1,9,1,4,7,,,", "line 3: `timestamp` is missing"),
        ("soon,1,9,1,4,7,,,", "line 3: `timestamp`: `soon` is not a time"),
        ("1700000000,1,9,1,4,7,,,", "line 3: `timestamp`: `1700000000` looks like seconds"),
        ("60001,1,9,1,4,7,,,", "line 3: `timestamp` 60001 is not where a 1m bar opens"),
        ("60000,1,3,1,4,7,,,", "line 3: open 1, high 3, low 1, close 4 are no bar"),
        ("60000,1,9,1,4,-7,,,", "line 3: `volume` is -7"),
        ("60000,1,9,1,4,7,ETHUSDT-PERP,,", "line 3: `symbol` is ETHUSDT-PERP, not the BTCUSDT-PERP"),
        ("60000,1,9,1,4,7,,5m,", "line 3: `interval` is 5m, not 1m"),
        ("60000,1,9,1,4,7,,,maybe", "line 3: `closed`: `maybe` is not true or false"),
        ("60000,1,9", "line 3: 3 fields instead of 9"),
    ];
    let store = SqliteStore::temporary().unwrap();
    for (bad, expected) in cases {
        let path = file(&folder, "bad.csv", format!("{head}\n{good}\n{bad}\n{good}\n"));
        let text = imported(&store, &path, M1).await.unwrap_err().to_string();
        assert!(text.contains(expected) && text.contains("bad.csv"), "{bad}: {text}");
        assert!(text.ends_with("nothing was imported") && !text.contains('\n'), "{bad}: {text}");
    }
    let path = file(&folder, "bad.csv", "timestamp,open,high,low,close\n0,1,1,1,1\n");
    let text = imported(&store, &path, M1).await.unwrap_err().to_string();
    assert!(text.contains("no column `volume`") && text.contains("timestamp, open, high"), "{text}");
    let path = file(&folder, "bad.csv", "timestamp,side,price,quantity\n5,long,100,0.5\n");
    let text = imported(&store, &path, Dataset::Liquidations).await.unwrap_err().to_string();
    assert!(text.contains("line 2: `side`: unknown `long`: use LONG or SHORT"), "{text}");
    for junk in ["PAR1 and then nothing of the kind", ""] {
        let path = file(&folder, "junk", junk);
        assert!(!imported(&store, &path, M1).await.unwrap_err().to_string().contains('\n'));
    }
    assert_eq!(rows(&store, M1).await, []);
}

/// As frames write them: times in nanoseconds, floats of both sizes, whole numbers as they come.
#[tokio::test]
async fn parquet_of_anybody_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frame.parquet");
    let field = |name: &str, physical, logical| {
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
        Arc::new(field.with_logical_type(logical).build().unwrap())
    };
    let nanos = Some(LogicalType::timestamp(true, TimeUnit::NANOS));
    let fields = vec![
        field("timestamp", Physical::INT64, nanos),
        field("open", Physical::DOUBLE, None),
        field("high", Physical::DOUBLE, None),
        field("low", Physical::DOUBLE, None),
        field("close", Physical::FLOAT, None),
        field("volume", Physical::INT32, None),
        field("trades", Physical::DOUBLE, None),
        field("__index_level_0__", Physical::INT64, None),
    ];
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build().unwrap());
    let out = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(WriterProperties::new())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for n in 0.. {
        let Some(mut column) = group.next_column().unwrap() else { break };
        match n {
            0 => column.typed::<Int64Type>().write_batch(&[60_000_000_000, 0], None, None).unwrap(),
            4 => column.typed::<FloatType>().write_batch(&[1.5, 2.5], None, None).unwrap(),
            5 => column.typed::<Int32Type>().write_batch(&[7, 8], None, None).unwrap(),
            6 => column.typed::<DoubleType>().write_batch(&[f64::NAN, 3.0], None, None).unwrap(),
            7 => column.typed::<Int64Type>().write_batch(&[0, 1], None, None).unwrap(),
            3 => column.typed::<DoubleType>().write_batch(&[1.0, 2.0], None, None).unwrap(),
            _ => column.typed::<DoubleType>().write_batch(&[2.0, 2.5], None, None).unwrap(),
        };
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let store = SqliteStore::temporary().unwrap();
    let done = imported(&store, &path, M1).await.unwrap();
    assert_eq!((done.rows, done.ignored), (2, vec!["__index_level_0__".to_owned()]));
    let found: Vec<_> =
        bars(&store).await.iter().map(|(_, b)| (b.timestamp.0, b.close, b.volume, b.trades)).collect();
    assert_eq!(found, [(0, 2.5, 8.0, Some(3)), (60_000, 1.5, 7.0, None)]);
    // The same file as something else lacks what that needs.
    let text = imported(&store, &path, Dataset::Oi).await.unwrap_err().to_string();
    assert!(text.contains("no column `open_interest`"), "{text}");
}
