//! Recordings, and frames damaged in every way.

use shared::market::Ms;

use super::{RECEIVED, fixture, instruments, venue};
use crate::capture::capture_tests::table;
use crate::venues::Venue;
use crate::venues::insightsentry::LIVE;

#[test]
fn every_recorded_frame_is_events_or_a_named_kind() {
    for (name, counts) in table(|| venue()) {
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        assert!(!counts.contains_key("(unlisted)") && !counts.contains_key("(unknown_frame)"), "{name}");
        match name.as_str() {
            "rest_series_MNQ_1m_2026-01-02.json" => assert_eq!(of("bar"), 1),
            "rest_session_AAPL_2025.json" => assert_eq!(of("(session)"), 1),
            "ws_quote_docs_example.json" => assert_eq!(of("book"), 1),
            "ws_status_observed.jsonl" => assert_eq!(of("(status_text)"), 1),
            other => panic!("{other} has no expectation"),
        }
    }
}

#[test]
fn damaged_frames_never_panic() {
    let venue = venue();
    let mut decoder = venue.clone().decoder(LIVE);
    let instruments = instruments();
    let frames = [
        fixture!("series_burst"),
        fixture!("quotes"),
        fixture!("session_share"),
        fixture!("search"),
        r#"{"error":"x","symbol":"Y:Z","retry_after_seconds":1,"action":"wait_and_retry"}"#,
    ];
    let session =
        crate::venues::Fetch::Instruments { product: LIVE, venue_symbols: Vec::new(), cursor: None };
    let search = crate::venues::Fetch::Search { text: String::new() };
    let mut tried = 0;
    for frame in frames {
        let bytes = frame.as_bytes();
        for at in 0..bytes.len() {
            for with in [b'0', b'9', b'"', b'}', b'-', b'e', 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[at] = with;
                let _ = decoder.decode(&instruments, RECEIVED, &damaged);
                let _ = venue.parse_rest(&session, RECEIVED, &damaged);
                let _ = venue.parse_rest(&search, RECEIVED, &damaged);
                tried += 1;
            }
            let _ = decoder.decode(&instruments, Ms(i64::MAX), &bytes[..at]);
        }
    }
    for value in ["1e308", "-1e308", "1e999", "-1", "null", "\"x\"", "[]", "{}", "253402300800"] {
        let wild = fixture!("series_burst").replace("1790000040.0", value);
        let _ = decoder.decode(&instruments, RECEIVED, wild.as_bytes());
        let wild = fixture!("series_burst").replace("1790000050250", value).replace("1790000099.0", value);
        let _ = decoder.decode(&instruments, RECEIVED, wild.as_bytes());
        tried += 2;
    }
    assert!(tried > 5_000);
}
