//! Every recorded frame is events or a named ignored kind, counted.

use std::sync::Arc;

use super::Hyperliquid;
use crate::capture::capture_tests::table;

#[test]
fn every_recorded_frame_is_events_or_a_named_kind() {
    for (name, counts) in table(|| Arc::new(Hyperliquid::default())) {
        for kind in ["unlisted", "depth_gap", "unknown_channel"] {
            assert!(!counts.contains_key(&format!("({kind})")), "{name} {kind}");
        }
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        match name.as_str() {
            "ws_2026-09-03.jsonl" => {
                assert_eq!((of("trade"), of("book"), of("oi"), of("funding"), of("bar")), (2, 1, 1, 1, 1));
                assert_eq!((of("(ack)"), of("(pong)"), of("(one_sided_book)")), (2, 1, 1));
            }
            "ws_forming_candle_2026-07-26.jsonl" => assert_eq!(of("bar"), 3),
            "info_fundingHistory_BTC_2023.json" => assert_eq!(of("funding"), 1_038),
            "info_candleSnapshot_kPEPE_1h_2023.json" => assert_eq!(of("bar"), 24),
            "info_l2Book_DYDX_2023.json" => assert_eq!(of("book"), 1),
            "ws_hip3_2026-07.jsonl" => assert_eq!(of("(builder_dex_market)"), 1),
            "ws_user_fill_liquidation.json" => assert_eq!(of("(user_data)"), 1),
            _ => {}
        }
    }
}
