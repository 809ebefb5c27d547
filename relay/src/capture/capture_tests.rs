//! Every recorded frame is events or a named ignored kind, counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decode::{Decoder, Line, Note};
use super::reader::FrameReader;
use crate::venues::Venue;
use crate::venues::binance::Binance;

/// The recordings, by default beside the workspace; `None` where there are none, which CI does not allow.
fn captures() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var("TAPEDECK_CAPTURES").unwrap_or_else(|_| "../shared/captures".into());
    let folder = workspace.join(named);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "no recordings at {}", folder.display());
    println!("SKIPPED: no recordings at {}", folder.display());
    None
}

/// Counts by kind of one recording of a venue; panics at a damaged frame.
fn counts(venue: Arc<dyn Venue>, path: &Path) -> BTreeMap<String, u64> {
    let mut decoder = Decoder::new(venue, None);
    let mut counts = BTreeMap::new();
    for item in FrameReader::open(path).unwrap() {
        for line in decoder.line(item) {
            let kind = match line {
                Line::Event(stamped) => {
                    assert!(stamped.event.received >= stamped.event.timestamp());
                    stamped.event.channel().name().to_owned()
                }
                Line::Note(Note::Ignored { kind, .. }) => format!("({kind})"),
                Line::Note(Note::Error { line, detail }) => panic!("{} {line}: {detail}", path.display()),
            };
            *counts.entry(kind).or_default() += 1;
        }
    }
    counts
}

/// A venue's recordings by file name: events by channel, ignored kinds in brackets; printed as a table. Empty where
/// there are no recordings. Panics at a damaged frame.
pub(crate) fn table(venue: impl Fn() -> Arc<dyn Venue>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let Some(folder) = captures() else { return BTreeMap::new() };
    let folder = folder.join(venue().id().as_str());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e != "md"));
    files.sort();
    assert!(!files.is_empty());
    let mut all = BTreeMap::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let counts = counts(venue(), &file);
        println!("{name}");
        counts.iter().for_each(|(kind, n)| println!("    {n:>6}  {kind}"));
        all.insert(name, counts);
    }
    all
}

#[test]
fn every_recorded_frame_is_events_or_a_named_kind() {
    for (name, counts) in table(|| Arc::new(Binance::default())) {
        assert!(!counts.contains_key("(unlisted)"), "{name}");
        assert!(!counts.contains_key("(depth_gap)"), "{name}");
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        match name.as_str() {
            "usdm_ws_2021-07-22.jsonl" => {
                assert_eq!((of("trade"), of("bar"), of("(connect)"), of("(instruments)")), (78, 54, 1, 1));
                // Tickers, then the diffs in step with the two snapshots ahead of them.
                assert_eq!(of("book") + of("(depth_no_change)"), 450 + 440 + 2);
            }
            "usdm_streams_2026-09-27.txt" => {
                assert_eq!((of("liquidation"), of("funding"), of("bar")), (12, 2, 2));
                assert_eq!(of("(depth_unsynced)"), 3);
            }
            "usdm_single_frames_2026.jsonl" => {
                assert_eq!((of("trade"), of("liquidation"), of("(coin_margined)")), (1, 1, 1));
            }
            _ => {}
        }
    }
}

#[test]
fn long_recordings_keep_their_books_in_step() {
    let Some(folder) = captures() else { return };
    let cases = [
        ("binance_usdm_btcusdt_20240808.txt.gz", 21_313, 66_089 + 6_551 + 1),
        ("binance_usdm_ethusdt_20240808_first120s.txt.gz", 4_027, 19_711 + 2_303 + 1),
        ("binance_spot_btcusdt_20240809.txt.gz", 10_147, 45_134 + 3_044),
    ];
    for (name, trades, books) in cases {
        let counts = counts(Arc::new(Binance::default()), &folder.join("replay").join(name));
        println!("{name} {counts:?}");
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        assert_eq!(of("trade"), trades);
        assert_eq!(of("(depth_gap)") + of("(depth_no_change)"), 0);
        let unsynced = of("(depth_unsynced)");
        assert_eq!(of("book") + unsynced, books);
        if name.contains("spot") {
            assert_eq!(unsynced, 3_044, "no snapshot in the recording");
        } else {
            assert!((1..=20).contains(&unsynced), "{unsynced}");
        }
    }
}
