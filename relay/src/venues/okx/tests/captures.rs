//! Every recorded frame is events or a named ignored kind, counted.

use std::sync::Arc;

use super::Okx;
use crate::capture::capture_tests::table;

#[test]
fn every_recorded_frame_is_events_or_a_named_kind() {
    for (name, counts) in table(|| Arc::new(Okx::default())) {
        for kind in ["unlisted", "depth_gap", "unknown_channel", "unknown_event", "no_rows"] {
            // Single frames of many days: one book's change belongs to another's snapshot.
            let expected = kind == "depth_gap" && name == "ws_rest_literals_2022.jsonl";
            assert_eq!(counts.contains_key(&format!("({kind})")), expected, "{name} {kind}");
        }
        let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
        let total: u64 = counts.values().sum();
        match name.as_str() {
            "ws_2022-05-13.jsonl" => {
                assert_eq!((of("trade"), of("(ticker)"), of("(instruments)")), (69, 27, 2));
                // The whole pair's book and all its changes; the dated future's are passed over.
                assert_eq!(of("book") + of("(depth_no_change)"), 98);
                assert_eq!(of("(dated_future)"), 4 + 99);
                assert_eq!(total, 314);
            }
            "ws_perp_2026-09-30.tsv" => {
                // Two rates, one payment, the prices that follow a rate.
                assert_eq!((of("oi"), of("(ack)")), (3, 4));
                assert_eq!(
                    of("funding") + of("(mark_price_without_funding)") + of("(index_price_without_funding)"),
                    7
                );
            }
            "ws_md_btc_swap_2026-09-26_abridged.tsv" => {
                assert_eq!((of("trade"), of("(depth_unsynced)"), of("(ack)")), (4, 9, 3));
            }
            "ws_ccxt_2026-08-12.jsonl" => {
                assert_eq!((of("trade"), of("bar"), of("(ack)"), of("(ticker)")), (1, 2, 2, 1));
            }
            "liquidation_orders_2026.jsonl" => assert_eq!(of("(contract_size_unknown)"), 3),
            "rest_2026.jsonl" => {
                assert_eq!((of("bar"), of("(instruments)"), of("liquidation")), (2, 1, 2));
            }
            _ => {}
        }
    }
}
