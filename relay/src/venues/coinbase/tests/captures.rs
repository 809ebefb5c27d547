//! Every recorded frame is events or a named ignored kind, counted.

use std::sync::Arc;

use super::Coinbase;
use crate::capture::capture_tests::table;

#[test]
fn every_recorded_frame_is_events_or_a_named_kind() {
    for (name, counts) in table(|| Arc::new(Coinbase::default())) {
        for kind in ["unlisted", "depth_gap", "unknown_channel", "unknown_type"] {
            assert!(!counts.contains_key(&format!("({kind})")), "{name} {kind}");
        }
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        match name.as_str() {
            "ws_exchange_2021.jsonl" => {
                assert_eq!((of("trade"), of("(last_trade)"), of("(ack)")), (66, 6, 3));
                // Best bids and asks without sizes.
                assert_eq!(of("(ticker)"), 72);
                assert_eq!(of("book") + of("(depth_no_change)"), 6 + 5_637);
            }
            "ws_exchange_recent.jsonl" => {
                assert_eq!((of("book"), of("(last_trade)"), of("(full_channel)")), (3, 2, 1));
            }
            "ws_advanced_synthetic.jsonl" => {
                assert_eq!((of("bar"), of("trade"), of("book")), (1, 2, 2));
            }
            "rest_advanced_ticker.json" => assert_eq!(of("trade"), 3),
            "rest_products_2021.json" => assert_eq!(of("(instruments)"), 1),
            "rest_exchange_candle_ccxt.json" => assert_eq!(of("(rest_candles_unnamed)"), 1),
            _ => {}
        }
    }
}
