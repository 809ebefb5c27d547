//! Golden cases over frames written by hand, and what the venue says of itself.

mod captures;
mod rest;
mod surface;

use std::sync::Arc;

use shared::event::{FundingKind, LiquidationSide, Origin, PriceKind, Side};
use shared::market::{Instrument, Ms, Timeframe};

use super::{Bybit, LINEAR, SPOT};
use crate::venues::{
    BookSource, Decoder, Frame, Instruments, Level, Product, Update, Venue, VenueError, What,
};

const RECEIVED: Ms = Ms(1_790_000_001_000);

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name, ".json")).as_slice()
    };
}

fn listed(product: Product, name: &str) -> Instrument {
    Bybit::default().guess_instrument(product, name).unwrap()
}

fn instruments() -> Instruments {
    let mut all = Instruments::default();
    for name in ["ETHUSDT", "1000PEPEUSDT", "SHIB1000USDT"] {
        all.insert(LINEAR, listed(LINEAR, name));
    }
    all.insert(SPOT, listed(SPOT, "ETHUSDT"));
    all
}

fn decoder(product: Product) -> Box<dyn Decoder> {
    Arc::new(Bybit::default()).decoder(product)
}

fn frame(product: Product, bytes: &[u8]) -> Frame {
    decoder(product).decode(&instruments(), RECEIVED, bytes).unwrap().frame
}

fn updates(frame: Frame) -> Vec<Update> {
    match frame {
        Frame::Updates(updates) => updates,
        other => panic!("{other:?}"),
    }
}

fn only(product: Product, bytes: &[u8]) -> Update {
    let mut all = updates(frame(product, bytes));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn the_side_of_a_trade_is_the_takers_and_block_trades_are_left_out() {
    let decoded = decoder(LINEAR).decode(&instruments(), RECEIVED, fixture!("ws_trades")).unwrap();
    assert_eq!(decoded.stream.as_deref(), Some("publicTrade.ETHUSDT"));
    let trades: Vec<_> = updates(decoded.frame)
        .into_iter()
        .map(|u| match u.what {
            What::Trade(t) => {
                assert_eq!((u.symbol.as_str(), t.sequence), ("ETHUSDT-PERP", None));
                (t.trade.timestamp.0, t.trade.side, t.trade.price, t.trade.quantity, t.trade.id)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let id = |last| format!("0f4f5e1c-0000-5000-8000-00000000000{last}");
    let expected = [
        (1_790_000_000_100, Side::Sell, 4_120.5, 1.25, id('a')),
        (1_790_000_000_102, Side::Buy, 4_120.6, 0.5, id('c')),
    ];
    assert_eq!(trades, expected);
    let text = String::from_utf8(fixture!("ws_trades").to_vec()).unwrap();
    let blocks = text.replace("\"BT\":false", "\"BT\":true");
    assert_eq!(frame(LINEAR, blocks.as_bytes()), Frame::Ignored("block_trade"));
    let spot = only(SPOT, fixture!("ws_spot_trade"));
    assert_eq!(spot.symbol.as_str(), "ETH/USDT");
    assert!(matches!(spot.what, What::Trade(t) if t.trade.id == "2290000000077"));
}

#[test]
fn multiplied_contracts_are_told_per_coin_whichever_side_the_multiple_is_on() {
    let update = only(LINEAR, fixture!("ws_trade_suffix"));
    assert_eq!(update.symbol.as_str(), "SHIBUSDT-PERP");
    let What::Trade(t) = update.what else { panic!() };
    assert_eq!((t.trade.price, t.trade.quantity), (0.0125 / 1_000.0, 400_000.0));
}

#[test]
fn the_side_of_a_liquidation_is_the_positions_at_the_bankruptcy_price() {
    let rows: Vec<_> = updates(frame(LINEAR, fixture!("ws_liquidations")))
        .into_iter()
        .map(|u| match u.what {
            What::Liquidation(l) => {
                assert_eq!((l.price_kind, l.at_least), (PriceKind::Bankruptcy, false));
                assert_eq!(u.symbol.as_str(), "PEPEUSDT-PERP");
                (l.timestamp.0, l.side, l.quantity, l.price, l.value)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (1_790_000_000_411, LiquidationSide::Long, 2_000_000.0, 0.0125 / 1_000.0, 25.0),
        (1_790_000_000_412, LiquidationSide::Short, 100_000.0, 0.0130 / 1_000.0, 0.0130 * 100.0),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn books_begin_with_a_snapshot_and_go_on_with_absolute_quantities() {
    let level = |price, quantity| Level { price, quantity };
    let What::Snapshot(whole) = only(LINEAR, fixture!("ws_book_snapshot")).what else { panic!() };
    assert_eq!(
        (whole.timestamp, whole.last_id),
        (Ms(1_790_000_000_203), 5_001),
        "the matching engine's time"
    );
    assert_eq!(whole.bids, [level(4_120.5, 3.0), level(4_120.4, 1.5)]);
    let What::Diff(diff) = only(LINEAR, fixture!("ws_book_delta")).what else { panic!() };
    assert_eq!((diff.first_id, diff.last_id, diff.previous_id), (5_002, 5_002, Some(5_001)));
    assert_eq!(diff.bids, [level(4_120.5, 0.0), level(4_120.3, 7.0)]);
    assert_eq!(diff.asks, [level(4_120.6, 2.5)]);

    let text = String::from_utf8(fixture!("ws_book_snapshot").to_vec()).unwrap();
    let best = text.replace("orderbook.200", "orderbook.1");
    let What::Top(top) = only(LINEAR, best.as_bytes()).what else { panic!() };
    assert_eq!((top.bid_px, top.bid_qty, top.ask_px, top.ask_qty), (4_120.5, 3.0, 4_120.6, 2.0));
    let rpi = text.replace("orderbook.200", "orderbook.rpi");
    assert_eq!(frame(LINEAR, rpi.as_bytes()), Frame::Ignored("other_book"));
    let venue = Bybit::default();
    assert_eq!(venue.book_source(SPOT), BookSource::Stream { depth: Some(200) });
}

/// Coins and quote value of open interest.
type Interest = (f64, Option<f64>);

/// Open interest; rate, interval, mark and index of the funding to come.
fn told(updates: Vec<Update>) -> (Option<Interest>, Option<[f64; 4]>) {
    let (mut oi, mut funding) = (None, None);
    for update in updates {
        match update.what {
            What::Oi(x) => oi = Some((x.open_interest, x.open_interest_value)),
            What::Funding(f) => {
                assert_eq!(
                    (f.kind, f.next_funding_time),
                    (FundingKind::Predicted, Some(Ms(1_790_006_400_000)))
                );
                let prices = (f.mark_price.unwrap(), f.index_price.unwrap());
                funding = Some([f.funding_rate, f.interval_hours.unwrap(), prices.0, prices.1]);
            }
            other => panic!("{other:?}"),
        }
    }
    (oi, funding)
}

#[test]
fn tickers_merge_field_by_field_and_open_interest_is_of_one_side() {
    let (mut frames, all) = (decoder(LINEAR), instruments());
    let mut next = |bytes: &[u8]| told(updates(frames.decode(&all, RECEIVED, bytes).unwrap().frame));
    let first = next(fixture!("ws_ticker_snapshot"));
    assert_eq!(first, (Some((1_000.25, Some(4_122_030.25))), Some([0.0001, 4.0, 4_121.0, 4_119.0])));
    let second = next(fixture!("ws_ticker_delta"));
    assert_eq!(second, (Some((1_001.25, Some(4_122_030.25))), Some([-0.0002, 4.0, 4_121.0, 4_119.0])));
    assert_eq!(next(fixture!("ws_ticker_best")), (None, None), "nothing of ours changed");

    // Prices alone are told once a second, and none is lost.
    let text = String::from_utf8(fixture!("ws_ticker_best").to_vec()).unwrap();
    let mark = |price: &str, ts: i64| {
        let text = text.replace(r#""bid1Price":"4120.40""#, &format!(r#""markPrice":"{price}""#));
        text.replace("1790000000800", &ts.to_string()).into_bytes()
    };
    assert_eq!(next(&mark("4122.00", 1_790_000_000_900)), (None, None));
    let later = text.replace("1790000000800", "1790000001700");
    assert_eq!(next(later.as_bytes()), (None, Some([-0.0002, 4.0, 4_122.0, 4_119.0])));
}

#[test]
fn without_the_one_sided_field_open_interest_is_half() {
    let text = String::from_utf8(fixture!("ws_ticker_snapshot").to_vec()).unwrap();
    let old = text.replace("singleOpenInterest", "unknownField");
    assert_eq!(told(updates(frame(LINEAR, old.as_bytes()))).0, Some((1_000.25, Some(4_122_030.25))));
    let (mut frames, all) = (decoder(LINEAR), instruments());
    frames.decode(&all, RECEIVED, fixture!("ws_ticker_snapshot")).unwrap();
    let delta = String::from_utf8(fixture!("ws_ticker_delta").to_vec()).unwrap();
    let alone = delta.replace(r#""singleOpenInterest":"1001.25","#, "");
    let (oi, _) = told(updates(frames.decode(&all, RECEIVED, alone.as_bytes()).unwrap().frame));
    assert_eq!(oi.map(|oi| oi.0), Some(1_001.25), "the new both-sided figure outdates the old one-sided one");
    let none = text.replace(r#""fundingRate":"0.0001""#, r#""fundingRate":"""#);
    assert_eq!(told(updates(frame(LINEAR, none.as_bytes()))).1, None, "empty is not applicable, not zero");
}

#[test]
fn a_ticker_of_an_unlisted_market_leaves_no_trace() {
    let (mut frames, none, all) = (decoder(LINEAR), Instruments::default(), instruments());
    let decoded = frames.decode(&none, RECEIVED, fixture!("ws_ticker_snapshot")).unwrap();
    assert_eq!((decoded.frame, decoded.unlisted), (Frame::Ignored("unlisted"), vec!["ETHUSDT".to_owned()]));
    let first = frames.decode(&all, RECEIVED, fixture!("ws_ticker_snapshot")).unwrap().frame;
    assert_eq!(first, frame(LINEAR, fixture!("ws_ticker_snapshot")));
    // A connection of its own begins anew.
    let again = decoder(LINEAR).decode(&all, RECEIVED, fixture!("ws_ticker_delta")).unwrap().frame;
    assert!(
        updates(again).iter().all(|u| matches!(u.what, What::Oi(oi) if oi.open_interest_value.is_none())
            || matches!(u.what, What::Funding(f) if f.mark_price.is_none()))
    );
}

#[test]
fn klines_come_closed_and_forming_in_one_frame() {
    let bars: Vec<_> = updates(frame(LINEAR, fixture!("ws_kline")))
        .into_iter()
        .map(|u| match u.what {
            What::Kline(bar) => bar,
            other => panic!("{other:?}"),
        })
        .collect();
    let shape: Vec<_> = bars.iter().map(|b| (b.timestamp.0, b.closed, b.volume, b.vwap)).collect();
    let expected = [(1_789_999_980_000, true, 40.0, Some(4_122.0)), (1_790_000_040_000, false, 0.0, None)];
    assert_eq!(shape, expected);
    let first = &bars[0];
    assert_eq!((first.open, first.high, first.low, first.close), (4_120.0, 4_125.0, 4_119.5, 4_121.0));
    assert_eq!((first.buy_volume, first.trades, first.origin), (None, None, Origin::Kline));
    let text = String::from_utf8(fixture!("ws_kline").to_vec()).unwrap();
    let other = text.replace(r#""interval":"1""#, r#""interval":"3""#);
    assert_eq!(frame(LINEAR, other.as_bytes()), Frame::Ignored("kline_other_interval"));
    let month = text.replace(r#""interval":"1""#, r#""interval":"M""#);
    let month = updates(frame(LINEAR, month.as_bytes())).remove(0);
    assert!(matches!(month.what, What::Kline(bar) if bar.interval == Timeframe::Mo1));
    let spot = only(SPOT, fixture!("ws_spot_kline"));
    assert!(spot.symbol.as_str() == "ETH/USDT" && matches!(spot.what, What::Kline(bar) if !bar.closed));
}

#[test]
fn answers_and_named_kinds_are_told_apart() {
    let ack = |id| Frame::Ack { id };
    let cases: [(&[u8], Frame); 9] = [
        (br#"{"success":true,"ret_msg":"","conn_id":"x","req_id":"7","op":"subscribe"}"#, ack(Some(7))),
        (br#"{"success":true,"ret_msg":"subscribe","conn_id":"x","op":"subscribe"}"#, ack(None)),
        (
            br#"{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"ping","op":"ping"}"#,
            Frame::Ignored("pong"),
        ),
        (br#"{"req_id":"ping","op":"pong","args":["1790000000000"],"conn_id":"x"}"#, Frame::Ignored("pong")),
        (
            fixture!("ws_refused"),
            Frame::Refused {
                id: Some(9),
                streams: vec!["publicTrade.NOSUCHUSDT".into()],
                message: "Invalid topic: publicTrade.NOSUCHUSDT".into(),
            },
        ),
        (br#"{"topic":"priceLimit.ETHUSDT","ts":1,"data":{}}"#, Frame::Ignored("price_limit")),
        (br#"{"topic":"weather.ETHUSDT","ts":1,"data":{}}"#, Frame::Ignored("unknown_topic")),
        (
            br#"{"topic":"tickers.BTCUSDT-25DEC26","type":"delta","ts":1,"data":{}}"#,
            Frame::Ignored("dated_future"),
        ),
        (br#"{"ts":1,"topic":"tickers.BTCUSD","data":{}}"#, Frame::Ignored("inverse")),
    ];
    for (bytes, expected) in cases {
        assert_eq!(frame(LINEAR, bytes), expected, "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(frame(SPOT, fixture!("ws_spot_ticker")), Frame::Ignored("spot_ticker"));
}

#[test]
fn bad_frames_are_errors_that_name_the_field() {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let field = |bytes: &str| match decoder(LINEAR).decode(&instruments(), RECEIVED, bytes.as_bytes()) {
        Err(VenueError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let trades = text(fixture!("ws_trades"));
    assert_eq!(field(&trades.replace("4120.50", "cheap")), "p");
    assert_eq!(field(&trades.replace("\"1.25\"", "\"-1\"")), "v");
    assert_eq!(field(&trades.replace("\"Sell\"", "\"Both\"")), "S");
    assert_eq!(field(&trades.replace("1790000000100", "1790000000100000")), "T");
    assert_eq!(field(&trades.replace("\"s\":\"ETHUSDT\"", "\"s\":\"BTCUSDT\"")), "s");
    assert_eq!(field(&text(fixture!("ws_book_delta")).replace("\"delta\"", "\"whole\"")), "type");
    assert_eq!(field(&text(fixture!("ws_ticker_snapshot")).replace("\"4121.00\"", "\"x\"")), "markPrice");
    assert_eq!(field(&text(fixture!("ws_kline")).replace("4125.0", "4120.5")), "high or low");
    let bad: [&[u8]; 7] = [
        b"",
        b"null",
        b"{}",
        b"\xff\xfe{}",
        br#"{"topic":"publicTrade.ETHUSDT","type":"snapshot","ts":1,"data":[{"T":1"#,
        br#"{"topic":"publicTrade.ETHUSDT","type":"snapshot","ts":1,"data":{}}"#,
        br#"{"type":"snapshot","topic":"tickers.ETHUSDT","topic":7}"#,
    ];
    for bytes in bad {
        let result = decoder(LINEAR).decode(&instruments(), RECEIVED, bytes);
        assert!(result.is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn any_cut_or_flipped_frame_gives_a_value_or_an_error() {
    let (venue, all, mut frames) = (Bybit::default(), instruments(), decoder(LINEAR));
    let whole = [
        fixture!("ws_trades"),
        fixture!("ws_book_delta"),
        fixture!("ws_liquidations"),
        fixture!("ws_ticker_snapshot"),
        fixture!("ws_kline"),
        fixture!("ws_refused"),
    ];
    for bytes in whole {
        for cut in 0..bytes.len() {
            let _ = frames.decode(&all, RECEIVED, &bytes[..cut]);
            for mask in [0x01, 0x15, 0x80] {
                let mut flipped = bytes.to_vec();
                flipped[cut] ^= mask;
                let _ = frames.decode(&all, RECEIVED, &flipped);
                let _ = venue.product_of_frame(None, &flipped);
            }
        }
    }
}
