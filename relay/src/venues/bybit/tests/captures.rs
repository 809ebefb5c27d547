//! Every recorded frame is events or a named ignored kind, counted.

use std::sync::Arc;

use super::Bybit;
use crate::capture::capture_tests::table;

#[test]
fn every_recorded_frame_is_events_or_a_named_kind() {
    for (name, counts) in table(|| Arc::new(Bybit::default())) {
        for kind in ["unlisted", "depth_gap", "unknown_topic", "refused", "rest_other_call"] {
            assert!(!counts.contains_key(&format!("({kind})")), "{name} {kind}");
        }
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        match name.as_str() {
            "ws_2026-08-09.jsonl" => {
                assert_eq!((of("(instruments)"), of("(ack)"), of("(spot_ticker)")), (2, 13, 41));
                // Three snapshots and all their changes, in step throughout.
                assert_eq!(of("book") + of("(depth_no_change)"), 3 + 413 + 382 + 299);
                // Two frames hold a closed candle and the next.
                assert_eq!(of("bar"), 22 + 25 + 15 + 2);
                assert_eq!(of("trade"), 232);
                // Two whole tickers; open interest moved four times in each, one rate once.
                assert!(of("oi") >= 2 + 8 && of("funding") > 2 && of("(no_change)") > 100);
            }
            "all_liquidation_2026-09-18.jsonl" => assert_eq!(of("liquidation"), 2),
            "rest_2026.jsonl" => assert_eq!((of("bar"), of("oi")), (2, 2)),
            _ => {}
        }
    }
}
