//! Golden cases over frames written by hand, and what the venue says of itself.

mod rest;
mod streams;

use shared::event::{Channel, Depth, FundingKind, LiquidationSide, Origin, PriceKind, Side};
use shared::market::{Instrument, Ms, Timeframe};

use std::sync::Arc;

use super::{Binance, Endpoints, SPOT, USDM};
use crate::venues::{
    Decoded, Decoder, Fetch, Frame, Instruments, Level, Product, Stream, Update, Venue, VenueError, What,
};

const RECEIVED: Ms = Ms(1_790_000_000_500);

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/venues/binance/fixtures/", $name, ".json"))
            .as_slice()
    };
}
use fixture;

fn listed(product: Product, name: &str) -> Instrument {
    Binance::default().guess_instrument(product, name).unwrap()
}

fn instruments() -> Instruments {
    let mut all = Instruments::default();
    for name in ["ETHUSDT", "1000PEPEUSDT"] {
        all.insert(USDM, listed(USDM, name));
    }
    all.insert(SPOT, listed(SPOT, "ETHUSDT"));
    all
}

fn decoder(venue: &Arc<Binance>, product: Product) -> Box<dyn Decoder> {
    venue.clone().decoder(product)
}

fn decode(venue: &Arc<Binance>, product: Product, frame: &[u8]) -> Result<Decoded, VenueError> {
    decoder(venue, product).decode(&instruments(), RECEIVED, frame)
}

fn frame(product: Product, frame: &[u8]) -> Frame {
    decode(&Arc::default(), product, frame).unwrap().frame
}

fn only(product: Product, bytes: &[u8]) -> Update {
    match frame(product, bytes) {
        Frame::Updates(updates) if updates.len() == 1 => updates.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_maker_buyer_means_the_aggressor_sold() {
    let decoded = decode(&Arc::default(), USDM, fixture!("ws_agg_trade")).unwrap();
    assert_eq!(decoded.stream.as_deref(), Some("ethusdt@aggTrade"));
    let update = only(USDM, fixture!("ws_agg_trade"));
    assert_eq!(update.symbol.as_str(), "ETHUSDT-PERP");
    let What::Trade(update) = update.what else { panic!("{update:?}") };
    assert_eq!(update.sequence, Some(5_100_200_300));
    let trade = update.trade;
    assert_eq!((trade.price, trade.quantity, trade.side), (4_120.5, 1.25, Side::Sell));
    assert_eq!((trade.timestamp, trade.id.as_str()), (Ms(1_790_000_000_000), "5100200300"));
}

#[test]
fn multiplied_contracts_are_told_per_coin() {
    let update = only(USDM, fixture!("ws_agg_trade_multiplied"));
    assert_eq!(update.symbol.as_str(), "PEPEUSDT-PERP");
    let What::Trade(trade) = update.what else { panic!() };
    assert_eq!((trade.trade.price, trade.trade.quantity), (0.0125 / 1_000.0, 400_000.0));
    assert_eq!(trade.trade.side, Side::Buy);

    let update = only(USDM, fixture!("ws_force_order_buy"));
    let What::Liquidation(l) = update.what else { panic!() };
    assert_eq!((l.side, l.quantity, l.price), (LiquidationSide::Short, 2_000_000.0, 0.0125 / 1_000.0));
    assert_eq!(l.value, 25.0, "value does not change with the multiplier");
}

#[test]
fn a_selling_liquidation_order_ends_a_long_at_the_average_price() {
    let What::Liquidation(l) = only(USDM, fixture!("ws_force_order_sell")).what else { panic!() };
    assert_eq!((l.side, l.price_kind, l.at_least), (LiquidationSide::Long, PriceKind::Average, true));
    assert_eq!((l.price, l.quantity, l.value), (4_100.0, 2.5, 10_250.0));
    assert_eq!(l.timestamp, Ms(1_790_000_001_000));
}

#[test]
fn coin_margined_and_other_named_kinds_are_ignored() {
    let cases = [
        (fixture!("ws_agg_trade_coin_margined"), "coin_margined"),
        (fixture!("ws_force_order_coin_margined"), "coin_margined"),
        (fixture!("ws_trade_off_market"), "trade_off_market"),
        (fixture!("ws_mini_tickers"), "mini_ticker"),
        (fixture!("ws_unknown_event"), "unknown_event"),
    ];
    for (bytes, kind) in cases {
        assert_eq!(frame(USDM, bytes), Frame::Ignored(kind));
    }
}

#[test]
fn answers_and_notices_are_told_apart() {
    let cases = [
        (fixture!("ws_ack"), Frame::Ack { id: Some(7) }),
        (fixture!("ws_list_subscriptions"), Frame::Ack { id: Some(8) }),
        (
            fixture!("ws_error_wrapped"),
            Frame::Refused {
                id: Some(9),
                streams: Vec::new(),
                message: "2: Invalid request: unknown variant".into(),
            },
        ),
        (
            fixture!("ws_error_bare"),
            Frame::Refused {
                streams: Vec::new(),
                id: Some(10),
                message: "3: Invalid JSON: expected value at line 1 column 1".into(),
            },
        ),
        (fixture!("ws_server_shutdown"), Frame::Shutdown),
        (br#"{"result":null,"id":null}"#.as_slice(), Frame::Ack { id: None }),
        (br#"{"result":null,"id":"12"}"#.as_slice(), Frame::Ack { id: Some(12) }),
    ];
    for (bytes, expected) in cases {
        assert_eq!(frame(SPOT, bytes), expected);
    }
}

#[test]
fn depth_updates_keep_ids_and_absolute_quantities() {
    let What::Diff(diff) = only(USDM, fixture!("ws_depth")).what else { panic!() };
    assert_eq!((diff.first_id, diff.last_id, diff.previous_id), (1_001, 1_010, Some(998)));
    assert_eq!(diff.timestamp, Ms(1_790_000_000_105), "the transaction's time");
    let level = |price, quantity| Level { price, quantity };
    assert_eq!(diff.bids, [level(4_120.4, 3.0), level(4_120.3, 0.0)]);
    assert_eq!(diff.asks, [level(4_120.6, 0.0)]);
}

#[test]
fn partial_depth_is_a_whole_book_reduced_to_its_top() {
    let What::Top(top) = only(USDM, fixture!("ws_depth20")).what else { panic!() };
    assert_eq!((top.bid_px, top.bid_qty, top.ask_px, top.ask_qty), (4_120.0, 2.0, 4_120.5, 1.0));
    // 4100 is beyond 10 bps of the mid.
    let depth = Depth { bid_usd: 4_120.0 * 2.0 + 4_118.0, ask_usd: 4_120.5 + 4_123.0 * 2.0 };
    assert_eq!(top.depth_10bps, Some(depth));

    let update = only(SPOT, fixture!("ws_spot_depth20"));
    assert_eq!(update.symbol.as_str(), "ETH/USDT");
    let What::Top(top) = update.what else { panic!() };
    assert_eq!((top.timestamp, top.bid_px, top.ask_px), (RECEIVED, 4_120.0, 4_121.0));
    let bare = br#"{"lastUpdateId":160,"bids":[["1","1"]],"asks":[["2","1"]]}"#;
    assert_eq!(frame(SPOT, bare), Frame::UnnamedDepth);
}

#[test]
fn book_tickers_give_best_prices_alone() {
    let update = only(SPOT, fixture!("ws_spot_book_ticker"));
    let What::Top(top) = update.what else { panic!() };
    assert_eq!((top.bid_px, top.bid_qty), (4_120.0, 31.21));
    assert_eq!((top.ask_px, top.ask_qty), (4_120.01, 40.66));
    assert_eq!((top.timestamp, top.depth_10bps), (RECEIVED, None));
    let empty = br#"{"u":1,"s":"ETHUSDT","b":"0.00000000","B":"0","a":"4120.01","A":"40.66"}"#;
    assert_eq!(frame(SPOT, empty), Frame::Ignored("one_sided_book"));
}

#[test]
fn klines_carry_sides_and_vwap() {
    let What::Kline(bar) = only(USDM, fixture!("ws_kline")).what else { panic!() };
    assert_eq!((bar.timestamp, bar.interval, bar.closed), (Ms(1_789_999_980_000), Timeframe::M1, true));
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (4_120.0, 4_125.0, 4_119.5, 4_121.0));
    assert_eq!((bar.volume, bar.buy_volume, bar.sell_volume), (40.0, Some(25.0), Some(15.0)));
    assert_eq!((bar.vwap, bar.trades, bar.origin), (Some(4_122.0), Some(50), Origin::Kline));

    let text = String::from_utf8(fixture!("ws_kline").to_vec()).unwrap();
    let other = text.replace(r#""i":"1m""#, r#""i":"3m""#);
    assert_eq!(frame(USDM, other.as_bytes()), Frame::Ignored("kline_other_interval"));
    let month = text.replace(r#""i":"1m""#, r#""i":"1M""#);
    assert!(matches!(only(USDM, month.as_bytes()).what, What::Kline(bar) if bar.interval == Timeframe::Mo1));
    let quiet = text.replace("\"40.000\"", "\"0\"").replace("\"25.000\"", "\"0\"");
    let What::Kline(bar) = only(USDM, quiet.as_bytes()).what else { panic!() };
    assert_eq!((bar.vwap, bar.sell_volume), (None, Some(0.0)));
    let wrong = text.replace("4125.00", "4120.50");
    assert!(matches!(
        decode(&Arc::default(), USDM, wrong.as_bytes()),
        Err(VenueError::Field { field: "high or low", .. })
    ));
}

#[test]
fn funding_has_an_interval_once_the_exceptions_are_known() {
    let venue: Arc<Binance> = Arc::default();
    let funding = |venue: &Arc<Binance>| match decode(venue, USDM, fixture!("ws_mark_price")).unwrap().frame {
        Frame::Updates(updates) => match updates[0].what {
            What::Funding(funding) => funding,
            _ => panic!(),
        },
        other => panic!("{other:?}"),
    };
    let before = funding(&venue);
    assert_eq!((before.kind, before.funding_rate), (FundingKind::Predicted, 0.0001));
    assert_eq!((before.interval_hours, before.funding_apr), (None, None));
    assert_eq!((before.mark_price, before.index_price), (Some(4_120.5), Some(4_119.0)));
    assert_eq!(before.next_funding_time, Some(Ms(1_790_006_400_000)));

    let list = Fetch::FundingIntervals { product: USDM };
    let body = br#"[{"symbol":"SOLUSDT","fundingIntervalHours":4}]"#;
    venue.parse_rest(&list, RECEIVED, body).unwrap();
    assert_eq!(funding(&venue).interval_hours, Some(8.0), "absent from the list");
    let apr = funding(&venue).funding_apr.unwrap();
    assert!((apr - 10.95).abs() < 1e-9, "{apr}");
    let body = br#"[{"symbol":"ETHUSDT","fundingIntervalHours":4}]"#;
    venue.parse_rest(&list, RECEIVED, body).unwrap();
    assert_eq!(funding(&venue).interval_hours, Some(4.0));
}

#[test]
fn arrays_give_what_is_listed_and_name_what_is_not() {
    let decoded = decode(&Arc::default(), USDM, fixture!("ws_mark_price_dated")).unwrap();
    assert_eq!(decoded.unlisted, ["NEWUSDT"]);
    let Frame::Updates(updates) = decoded.frame else { panic!() };
    assert_eq!(updates.len(), 1);
    assert!(matches!(updates[0].what, What::Funding(f) if f.funding_rate == -0.00005));
}

#[test]
fn frames_may_come_bare_or_with_keys_in_another_order() {
    let text = String::from_utf8(fixture!("ws_agg_trade").to_vec()).unwrap();
    let (_, bare) = text.trim().split_once("\"data\":").unwrap();
    let bare = &bare[..bare.len() - 1];
    let sorted = br#"{"data":{"E":1790000000150,"T":1790000000000,"a":5100200300,"e":"aggTrade","m":true,
        "p":4120.50,"q":"1.250","s":"\u0045THUSDT"},"stream":"ethusdt@aggTrade"}"#;
    assert_eq!(only(USDM, bare.as_bytes()), only(USDM, text.as_bytes()));
    assert_eq!(only(USDM, sorted), only(USDM, text.as_bytes()));
}

#[test]
fn bodies_of_calls_without_their_address_are_told_by_their_shape() {
    for (body, kind) in [
        (r#"[[1786816800000,"1","2","1","2","9",1786820399999,"18",3,"4","8","0"]]"#, "rest_kline_unnamed"),
        (r#"{"timezone":"UTC","serverTime":1620099477465,"symbols":[]}"#, "instruments"),
        (r#"{"serverTime":1620099477465}"#, "rest_time"),
        (r#"[{"symbol":"GTCUSDT","fundingIntervalHours":8,"disclaimer":false}]"#, "funding_intervals"),
        (
            r#"[{"T":1602819697783,"a":1,"f":4,"l":4,"m":true,"p":"49.73","q":"0.001"}]"#,
            "rest_trades_unnamed",
        ),
        (
            r#"[{"id":2,"isBuyerMaker":false,"price":"9","qty":"1","time":1602819641313}]"#,
            "rest_trades_unnamed",
        ),
        (r#"{"symbol":"BTCUSDT","priceChangePercent":"1","lastPrice":"9"}"#, "rest_ticker_24h"),
        (r#"[{"symbol":"BTCUSDT","bidPrice":"9","bidQty":"1"}]"#, "rest_book_ticker"),
        (r#"{"symbol":"BTCUSDT","price":"9","time":1602820249252}"#, "rest_ticker_price"),
        (r#"[{"symbol":"BTCUSDT","longShortRatio":"1.3","timestamp":1}]"#, "rest_long_short_ratio"),
        (r#"[{"pair":"BTCUSD","sumOpenInterest":"9","timestamp":1}]"#, "rest_other_market"),
        (r#"[{"symbol":"NEWUSDT","fundingTime":1,"fundingRate":"0.1"}]"#, "unlisted"),
    ] {
        assert_eq!(frame(USDM, body.as_bytes()), Frame::Ignored(kind), "{body}");
    }
    let said = |body: &str| match frame(USDM, body.as_bytes()) {
        Frame::Updates(updates) => updates,
        other => panic!("{other:?}"),
    };
    let payments = said(
        r#"[{"symbol":"ETHUSDT","fundingTime":1698681600000,"fundingRate":"0.0002"},{"symbol":"ETHUSDT","fundingTime":1698710400001,"fundingRate":"0.0001","markPrice":"34287.5"}]"#,
    );
    let What::Funding(last) = payments[1].what else { panic!("{payments:?}") };
    assert_eq!((payments.len(), payments[1].symbol.as_str()), (2, "ETHUSDT-PERP"));
    assert_eq!(
        (last.funding_rate, last.interval_hours, last.mark_price),
        (0.0001, Some(8.0), Some(34_287.5))
    );
    let open = said(
        r#"[{"symbol":"ETHUSDT","sumOpenInterest":"286060.674","sumOpenInterestValue":"13151177.5","timestamp":1602028800000}]"#,
    );
    let What::Oi(open) = open[0].what else { panic!("{open:?}") };
    assert_eq!((open.open_interest, open.open_interest_value), (286_060.674, Some(13_151_177.5)));
    for bad in ["{}", "[[]]", "[{}]", r#"[[1,2]]"#, r#"[{"symbol":"ETHUSDT","fundingTime":1}]"#] {
        assert!(decode(&Arc::new(Binance::default()), USDM, bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn bad_frames_are_errors_that_name_the_field() {
    let text = String::from_utf8(fixture!("ws_agg_trade").to_vec()).unwrap();
    let field = |bytes: &str| match decode(&Arc::default(), USDM, bytes.as_bytes()) {
        Err(VenueError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&text.replace("4120.50", "cheap")), "p");
    assert_eq!(field(&text.replace("4120.50", "NaN")), "p");
    assert_eq!(field(&text.replace("4120.50", "-1")), "p");
    assert_eq!(field(&text.replace("1.250", "")), "q");
    assert_eq!(field(&text.replace("1790000000000", "1790000000000000")), "T");
    let no_side = String::from_utf8(fixture!("ws_force_order_sell").to_vec()).unwrap();
    assert_eq!(field(&no_side.replace("SELL", "BOTH")), "S");
    let bad: [&[u8]; 9] = [
        fixture!("ws_damaged"),
        b"",
        b"null",
        b"{}",
        b"[[1,2],[3]]",
        b"[{\"result\":null,\"id\":1}]",
        b"\xff\xfe{}",
        br#"{"stream":"x","data":{"e":"aggTrade"}}"#,
        br#"{"stream":"x","data":{"e":"weather","#,
    ];
    for bytes in bad {
        assert!(decode(&Arc::default(), USDM, bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn any_cut_or_flipped_frame_gives_a_value_or_an_error() {
    let venue: Arc<Binance> = Arc::default();
    let (all, mut frames) = (instruments(), decoder(&venue, USDM));
    for bytes in [fixture!("ws_depth"), fixture!("ws_kline"), fixture!("ws_mark_price_dated")] {
        for cut in 0..bytes.len() {
            let _ = frames.decode(&all, RECEIVED, &bytes[..cut]);
            let mut flipped = bytes.to_vec();
            flipped[cut] ^= 0x15;
            let _ = frames.decode(&all, RECEIVED, &flipped);
            let _ = venue.product_of_frame(None, &flipped);
        }
    }
}
