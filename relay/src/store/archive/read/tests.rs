use shared::market::Timeframe;

use super::super::samples::{DATASETS, body, day, event, rows, symbol};
use super::super::write::{GROUP_ROWS, Written, write};
use super::*;

fn meta(dataset: Dataset) -> Meta {
    Meta::new(dataset, &symbol(), &VenueId::new("sim"), day())
}

fn file(dataset: Dataset, rows: &[Event]) -> (tempfile::TempDir, PathBuf, Written) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/the/way/day.parquet");
    let written = write(&path, &meta(dataset), rows).unwrap();
    (folder, path, written)
}

#[test]
fn every_dataset_reads_back_as_it_was_written() {
    for dataset in DATASETS {
        let rows = rows(dataset, "sim", 1_000, 3_000);
        let (_folder, path, written) = file(dataset, &rows);
        let all = (Ms(i64::MIN), Ms(i64::MAX));
        assert_eq!(read(&path, all, usize::MAX, false).unwrap(), rows, "{dataset:?}");
        let bytes = std::fs::read(&path).unwrap();
        let expected = Written {
            rows: 3_000,
            bytes: bytes.len() as u64,
            first: day(),
            last: day() + Ms(2_999_000),
            xxh3: xxhash_rust::xxh3::xxh3_64(&bytes),
        };
        assert_eq!(written, expected);
        let sealed = Sealed::open_known(&path, written.bytes, written.xxh3).unwrap();
        assert_eq!((sealed.meta(), sealed.rows()), (Some(&meta(dataset)), 3_000));
        // The same rows give the same bytes.
        write(&path, &meta(dataset), &rows).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn venues_of_a_joined_file_are_told_apart() {
    let at = |n: i64| day() + Ms(n);
    let row = |venue, n: i64| event(venue, at(n), body(Dataset::Liquidations, at(n), n as u64));
    let rows = [row("okx", 1), row("binance", 2), row("okx", 2), row("binance", 9)];
    let (_folder, path, _) = file(Dataset::Liquidations, &rows);
    let of = |venue: &str, limit, newest| {
        let span = Span { venue: Some(VenueId::new(venue)), limit, newest, ..Span::all() };
        Sealed::open(&path).unwrap().scan(span).unwrap().collect().unwrap()
    };
    assert_eq!(of("okx", 9, false), [rows[0].clone(), rows[2].clone()]);
    assert_eq!(of("okx", 1, true), [rows[2].clone()]);
    assert_eq!(of("bybit", 9, true), []);
}

#[test]
fn ranges_and_limits_cut_exactly() {
    // Two row groups and a bit; nine rows share each instant.
    let count = 2 * GROUP_ROWS as u64 + 100;
    let at = |n: u64| day() + Ms(n as i64 / 9 * 5);
    let rows: Vec<Event> = (0..count).map(|n| event("sim", at(n), body(Dataset::Trades, at(n), n))).collect();
    let (_folder, path, _) = file(Dataset::Trades, &rows);
    let last = at(count - 1);
    let edges = [
        (Ms(0), Ms(i64::MAX)),
        (day(), last),
        (at(8_191), at(8_192)),
        (at(8_190), at(8_205)),
        (at(65_000), at(66_000)),
        (at(65_536), at(65_536)),
        (at(131_072), last + Ms(1)),
        (last, last + Ms(1)),
        (last + Ms(1), Ms(i64::MAX)),
        (Ms(0), day()),
        (at(20_000) + Ms(1), at(20_000) + Ms(4)),
    ];
    for (from, to) in edges {
        let inside: Vec<&Event> = rows.iter().filter(|row| (from..to).contains(&row.timestamp())).collect();
        for limit in [1, 300, 9_000, usize::MAX] {
            let n = inside.len().min(limit);
            let oldest = read(&path, (from, to), limit, false).unwrap();
            assert!(oldest.iter().eq(inside[..n].iter().copied()), "oldest {limit} of {from:?}..{to:?}");
            let newest = read(&path, (from, to), limit, true).unwrap();
            let expected = inside[inside.len() - n..].iter().copied();
            assert!(newest.iter().eq(expected), "newest {limit} of {from:?}..{to:?}");
        }
    }
}

#[test]
fn a_short_range_of_a_long_day_decodes_few_pages() {
    let count = 86_400;
    let book = rows(Dataset::Book, "sim", 1_000, count);
    let (_folder, path, _) = file(Dataset::Book, &book);
    let pages = |span: Span| {
        let mut scan = Sealed::open(&path).unwrap().scan(span).unwrap();
        let mut rows = 0;
        while let Some(chunk) = scan.chunk().unwrap() {
            assert!(chunk.len() <= PAGE_ROWS, "chunks are bounded");
            rows += chunk.len();
        }
        (rows, scan.pages())
    };
    let (all, whole) = pages(Span::all());
    assert_eq!(all, 86_400);
    // 11 pages of 9 columns whose values are not the same in all rows.
    assert_eq!(whole, 11 * 9);
    let noon = day() + Ms(12 * Ms::HOUR.0);
    let hour = Span { from: noon, to: noon + Ms::HOUR, ..Span::all() };
    // One page of the times more, to find where the range begins and ends.
    assert_eq!(pages(hour.clone()), (3_600, 1 + 9));
    let across = Span { from: day() + Ms(8_000_000), to: day() + Ms(8_400_000), ..Span::all() };
    assert_eq!(pages(across), (400, 2 + 2 * 9));
    assert_eq!(pages(Span { to: noon + Ms(1), ..hour.clone() }), (1, 1 + 9));
    assert_eq!(pages(Span { limit: 1, newest: true, ..Span::all() }), (1, 9));
    assert_eq!(pages(Span { to: day(), from: Ms(0), ..Span::all() }), (0, 0));
}

#[test]
fn rows_that_do_not_belong_are_refused() {
    let dataset = Dataset::Oi;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.parquet");
    let good = rows(dataset, "sim", 1_000, 2);
    let refused = |rows: &[Event]| match write(&path, &meta(dataset), rows) {
        Err(ArchiveError::Rows { detail, .. }) => detail,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]), "there are none");
    assert!(refused(&[good[1].clone(), good[0].clone()]).contains("not in order"));
    assert!(refused(&[good[0].clone(), good[0].clone()]).contains("not in order"));
    let elsewhere = Event { venue: VenueId::new("okx"), ..good[0].clone() };
    assert!(refused(&[elsewhere]).contains("no row of these oi"));
    let at = day() + Ms::DAY;
    assert!(refused(&[event("sim", at, body(dataset, at, 1))]).contains("no row of these oi"));
    assert!(refused(&[event("sim", day(), body(Dataset::Book, day(), 1))]).contains("no row of these oi"));
    let nan =
        shared::event::OpenInterest { timestamp: day(), open_interest: f64::NAN, open_interest_value: None };
    assert_eq!(refused(&[event("sim", day(), shared::event::Body::Oi(nan))]), "a number is not finite");
    assert!(!path.exists(), "nothing half written stays");
}

#[test]
fn cut_flipped_and_foreign_files_are_errors() {
    let dataset = Dataset::Bars(Timeframe::M1);
    let (_folder, path, written) = file(dataset, &rows(dataset, "sim", 60_000, 100));
    let whole = std::fs::read(&path).unwrap();
    let other = path.with_file_name("other.parquet");
    let all = (Ms(0), Ms(i64::MAX));
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for cut in (0..whole.len()).step_by(97).chain(whole.len() - 12..whole.len()) {
        std::fs::write(&other, &whole[..cut]).unwrap();
        let error = read(&other, all, 9, false).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Damaged { .. } | ArchiveError::Foreign { .. }),
            "{cut}: {error}"
        );
        let known = Sealed::open_known(&other, written.bytes, written.xxh3).map(|_| ()).unwrap_err();
        assert!(matches!(known, ArchiveError::Damaged { .. }), "{known}");
    }
    for at in (0..whole.len()).step_by(5) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&other, &flipped).unwrap();
        // Rows or an error: without the hash it cannot be told; with it, it is.
        read(&other, all, usize::MAX, false).ok();
        assert!(Sealed::open_known(&other, written.bytes, written.xxh3).is_err(), "{at}");
    }
    std::panic::set_hook(quiet);
    for text in ["", "PAR1", "not a Parquet file, but as long as its footer would be: PAR1"] {
        std::fs::write(&other, text).unwrap();
        assert!(matches!(read(&other, all, 9, false), Err(ArchiveError::Damaged { .. })), "{text}");
    }
    let absent = read(&path.with_file_name("absent"), all, 9, false).unwrap_err();
    assert!(absent.is_absent() && !absent.to_string().contains('\n'), "{absent}");
}

#[test]
fn a_foreign_file_is_read_by_the_names_of_its_columns() {
    use parquet::basic::Compression;
    use parquet::data_type::{DoubleType, Int32Type, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("from_elsewhere.parquet");
    let schema = "message m {
        REQUIRED DOUBLE open_interest; OPTIONAL INT32 open_interest_value;
        REQUIRED INT64 timestamp (TIMESTAMP(MICROS, true)); REQUIRED DOUBLE unknown; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let out = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[1.0, 2.0], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&[5], Some(&[0, 1]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[9_000_000, 1_000_999], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[0.0, 0.0], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();

    let assumed = |dataset| Assumed { dataset, symbol: symbol(), venue: VenueId::new("okx") };
    let sealed = Sealed::open_foreign(&path, assumed(Dataset::Oi)).unwrap();
    assert_eq!(sealed.meta(), None);
    let rows = sealed.scan(Span::all()).unwrap().collect().unwrap();
    let row = |at, open_interest, value| {
        let timestamp = Ms(at);
        let body = shared::event::OpenInterest { timestamp, open_interest, open_interest_value: value };
        event("okx", timestamp, shared::event::Body::Oi(body))
    };
    assert_eq!(rows, [row(9_000, 1.0, None), row(1_000, 2.0, Some(5.0))]);
    let refused = |sealed: Result<Sealed, ArchiveError>| sealed.map(drop).unwrap_err().to_string();
    let error = refused(Sealed::open_foreign(&path, assumed(Dataset::Book)));
    assert!(error.contains("it has no column bid_px"), "{error}");
    assert!(refused(Sealed::open(&path)).contains("it has no tapedeck.schema"));
}
