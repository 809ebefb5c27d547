//! Golden cases over frames written by hand, and what the venue says of itself.

mod captures;

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use shared::event::{Channel, Side};
use shared::market::{Instrument, Ms, Timeframe};

use super::{Coinbase, SPOT};
use crate::venues::{
    Answer, BookSource, Decoded, Decoder, Fetch, Fetched, Frame, Instruments, Level, RestFault, Stream,
    Update, Venue, VenueError, What,
};

/// 2026-09-21T14:13:20.500Z.
const RECEIVED: Ms = Ms(1_790_000_000_500);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json")).trim()
    };
}

fn venue() -> Arc<Coinbase> {
    Arc::new(Coinbase::default())
}

fn eth() -> Instrument {
    venue().guess_instrument(SPOT, "ETH-USD").unwrap()
}

fn instruments() -> Instruments {
    let mut all = Instruments::default();
    all.insert(SPOT, eth());
    all
}

fn decode(decoder: &mut dyn Decoder, frame: &str) -> Result<Decoded, VenueError> {
    decoder.decode(&instruments(), RECEIVED, frame.as_bytes())
}

fn decoded(text: &str) -> Decoded {
    decode(&mut *venue().decoder(SPOT), text).unwrap()
}

fn updates(text: &str) -> Vec<Update> {
    match decoded(text).frame {
        Frame::Updates(updates) => updates,
        other => panic!("{other:?}"),
    }
}

fn only(text: &str) -> What {
    let mut all = updates(text);
    assert_eq!(all.len(), 1);
    let update = all.remove(0);
    assert_eq!(update.symbol.as_str(), "ETH/USD");
    update.what
}

#[test]
fn who_sold_to_a_resting_order_took_it() {
    let What::Trade(update) = only(fixture!("ws_match")) else { panic!() };
    assert_eq!(update.sequence, Some(500_100_201));
    let trade = update.trade;
    // The resting order sold: the aggressor bought.
    assert_eq!((trade.side, trade.price, trade.quantity), (Side::Buy, 3_100.5, 0.25));
    assert_eq!((trade.timestamp, trade.id.as_str()), (Ms(1_790_000_000_123), "500100201"));
    let bought = fixture!("ws_match").replace("\"sell\"", "\"buy\"");
    assert!(matches!(only(&bought), What::Trade(t) if t.trade.side == Side::Sell));
    assert_eq!(decoded(fixture!("ws_match")).stream.as_deref(), Some("matches:ETH-USD"));
}

#[test]
fn history_and_heartbeats_tell_the_newest_trade_and_are_none() {
    let told = What::LastTrade { timestamp: Ms(1_789_999_999_000), sequence: 500_100_200 };
    assert_eq!(only(fixture!("ws_last_match")), told);
    let told = What::LastTrade { timestamp: Ms(1_790_000_001_500), sequence: 500_100_205 };
    assert_eq!(only(fixture!("ws_heartbeat")), told);
    assert_eq!(decoded(fixture!("ws_heartbeat")).stream.as_deref(), Some("heartbeat:ETH-USD"));
    // Not data of the stream: the subscription may still be silent.
    assert_eq!(decoded(fixture!("ws_last_match")).stream, None);
}

#[test]
fn books_come_whole_and_then_as_changes_in_order() {
    let venue = venue();
    let mut decoder = venue.clone().decoder(SPOT);
    let mut what = |text| match decode(&mut *decoder, text).unwrap() {
        Decoded { stream, frame: Frame::Updates(mut updates), .. } => {
            assert_eq!(stream.as_deref(), Some("level2_batch:ETH-USD"));
            updates.remove(0).what
        }
        other => panic!("{other:?}"),
    };
    let level = |price, quantity| Level { price, quantity };
    let What::Snapshot(book) = what(fixture!("ws_snapshot")) else { panic!() };
    assert_eq!((book.timestamp, book.last_id), (RECEIVED, 1));
    assert_eq!(book.bids, [level(3_100.25, 2.0), level(3_100.0, 5.5)]);
    let What::Diff(diff) = what(fixture!("ws_l2update")) else { panic!() };
    assert_eq!((diff.timestamp, diff.first_id, diff.previous_id), (Ms(1_790_000_000_150), 2, Some(1)));
    assert_eq!((diff.bids, diff.asks), (vec![level(3_100.25, 0.0)], vec![level(3_100.75, 1.5)]));
    assert_eq!(venue.book_source(SPOT), BookSource::Stream { depth: None });
    let extra = fixture!("ws_snapshot").replace(r#""5.5"]"#, r#""5.5",3]"#);
    assert!(matches!(only(&extra), What::Snapshot(book) if book.bids.len() == 2));
}

#[test]
fn tickers_give_best_prices_where_they_have_sizes() {
    let What::Top(top) = only(fixture!("ws_ticker")) else { panic!() };
    assert_eq!((top.bid_px, top.bid_qty, top.ask_px, top.ask_qty), (3_100.25, 2.0, 3_100.5, 0.75));
    let old = fixture!("ws_ticker").replace("\"best_bid_size\":\"2\",", "");
    assert_eq!(decoded(&old).frame, Frame::Ignored("ticker"));
}

#[test]
fn the_other_stack_says_the_same() {
    let sides: Vec<_> = updates(fixture!("advanced_trades"))
        .into_iter()
        .map(|u| match u.what {
            What::Trade(t) => (t.sequence, t.trade.side, t.trade.price),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [(Some(500_100_201), Side::Buy, 3_100.5), (Some(500_100_202), Side::Sell, 3_100.75)];
    assert_eq!(sides, expected);
    let history = fixture!("advanced_trades").replace("update", "snapshot");
    assert!(matches!(only(&history), What::LastTrade { sequence: 500_100_202, .. }));

    let What::Snapshot(book) = only(fixture!("advanced_book")) else { panic!() };
    assert_eq!((book.bids[0].price, book.asks[0].price, book.timestamp), (3_100.25, 3_100.5, RECEIVED));
    let change = fixture!("advanced_book").replace("snapshot", "update");
    assert!(matches!(only(&change), What::Diff(diff) if diff.asks.len() == 1));

    let venue = venue();
    let mut decoder = venue.decoder(SPOT);
    let mut bars = |text: &str| match decode(&mut *decoder, text).unwrap().frame {
        Frame::Updates(updates) => updates
            .into_iter()
            .map(|u| match u.what {
                What::Kline(bar) => (bar.timestamp.0, bar.interval, bar.closed, bar.close),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let (first, second) = (1_789_999_800_000, 1_790_000_100_000);
    assert_eq!(bars(fixture!("advanced_candles")), [(first, Timeframe::M5, false, 3_105.5)]);
    let next = fixture!("advanced_candles").replace("1789999800", "1790000100");
    let expected = [(first, Timeframe::M5, true, 3_105.5), (second, Timeframe::M5, false, 3_105.5)];
    assert_eq!(bars(&next), expected);
}

#[test]
fn answers_and_other_kinds_are_named() {
    assert_eq!(decoded(fixture!("ws_subscriptions")).frame, Frame::Ack { id: None });
    let Frame::Refused { message, .. } = decoded(fixture!("ws_error")).frame else { panic!() };
    assert_eq!(message, "Failed to subscribe: NO-SUCH is not a valid product");
    let cases = [
        (r#"{"type":"open","price":"1"}"#, "full_channel"),
        (r#"{"price":"1","type":"open"}"#, "full_channel"),
        (r#"{"type":"status","products":[]}"#, "status"),
        (r#"{"type":"subscribe","channels":["ticker"]}"#, "sent"),
        (r#"{"type":"weather"}"#, "unknown_type"),
        (r#"{"channel":"heartbeats","events":[]}"#, "heartbeats"),
        (r#"{"channel":"weather","events":[]}"#, "unknown_channel"),
        ("[[1710327600,1.5,2.5,2.0,1.75,10.5]]", "rest_candles_unnamed"),
        (fixture!("rest_products"), "instruments"),
        ("[]", "rest_empty"),
        (r#"{"message":"NotFound"}"#, "rest_error"),
    ];
    for (text, kind) in cases {
        assert_eq!(decoded(text).frame, Frame::Ignored(kind), "{text}");
    }
    let of = |name: &str| decoded(&fixture!("ws_match").replace("ETH-USD", name));
    assert_eq!(of("NEW-USD").unlisted, ["NEW-USD"]);
    assert_eq!(of("BTC-PERP-INTX").frame, Frame::Ignored("derivative_market"));
}

#[test]
fn damaged_frames_are_errors_and_never_more() {
    let field = |text: &str| match decode(&mut *venue().decoder(SPOT), text) {
        Err(VenueError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&fixture!("ws_match").replace("\"sell\"", "\"both\"")), "side");
    assert_eq!(field(&fixture!("ws_match").replace("3100.50", "0")), "price");
    assert_eq!(field(&fixture!("ws_match").replace("2026-09-21T", "soon")), "time");
    assert_eq!(field(&fixture!("ws_l2update").replace("\"1.5\"", "\"-1\"")), "size");
    assert_eq!(field(&fixture!("advanced_candles").replace("\"3110\"", "\"3101\"")), "candle");
    for bad in
        ["", "null", "{}", "[[[[", "7", "[1]", r#"{"type":"match"}"#, r#"{"type":"l2update","changes":7}"#]
    {
        assert!(decode(&mut *venue().decoder(SPOT), bad).is_err(), "{bad}");
    }
    let frames = [
        fixture!("ws_match"),
        fixture!("ws_ticker"),
        fixture!("ws_snapshot"),
        fixture!("ws_l2update"),
        fixture!("advanced_trades"),
        fixture!("advanced_candles"),
        fixture!("rest_products"),
    ];
    for text in frames {
        let mut decoder = venue().decoder(SPOT);
        for cut in 0..text.len() {
            let _ = decoder.decode(&instruments(), RECEIVED, &text.as_bytes()[..cut]);
            let mut flipped = text.as_bytes().to_vec();
            flipped[cut] ^= 0x15;
            let _ = decoder.decode(&instruments(), RECEIVED, &flipped);
        }
    }
}

#[test]
fn each_product_has_a_frame_of_its_own_with_a_heartbeat() {
    let venue = venue();
    let all = venue.streams(&eth(), &Channel::OFFERED);
    let names: Vec<&str> = all.iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["matches:ETH-USD", "level2_batch:ETH-USD", "heartbeat:ETH-USD"]);
    let book = venue.streams(&eth(), &[Channel::Book]);
    let twice: Vec<Stream> = all.iter().chain(&book).cloned().collect();
    let frames = venue.subscribe(&twice, &twice, 1);
    let expected = json!({"type": "subscribe", "channels": [
        {"name": "matches", "product_ids": ["ETH-USD"]},
        {"name": "level2_batch", "product_ids": ["ETH-USD"]},
        {"name": "heartbeat", "product_ids": ["ETH-USD"]},
    ]});
    let frames: Vec<Value> = frames.iter().map(|f| serde_json::from_str(f).unwrap()).collect();
    assert_eq!(frames, [expected]);
    let gone: Vec<Value> =
        venue.unsubscribe(&all, &book, 1).iter().map(|f| serde_json::from_str(f).unwrap()).collect();
    let matches =
        json!({"type": "unsubscribe", "channels": [{"name": "matches", "product_ids": ["ETH-USD"]}]});
    assert_eq!(gone, [matches], "the book and its heartbeat stay");
    assert!(venue.streams(&eth(), &[Channel::Funding, Channel::Oi, Channel::Liquidation]).is_empty());
}

#[test]
fn calls_span_at_most_what_the_venue_answers() {
    let venue = venue();
    let instrument = Arc::new(eth());
    let from = Ms(1_789_999_980_000);
    let klines = |timeframe, to| {
        let instrument = Arc::clone(&instrument);
        venue.request(&Fetch::Klines { instrument, timeframe, from, to, limit: 1_500 }).map(|r| r.url)
    };
    let base = "https://api.exchange.coinbase.com/products";
    let url = |granularity: u32, end: &str| {
        let (start, end) = ("2026-09-21T14%3A13%3A00Z", end.replace(':', "%3A"));
        Some(format!("{base}/ETH-USD/candles?granularity={granularity}&start={start}&end={end}"))
    };
    assert_eq!(
        klines(Timeframe::M1, Ms::LATEST),
        url(60, "2026-09-21T19:12:00Z"),
        "300 rows, both ends inside"
    );
    assert_eq!(klines(Timeframe::M1, from + Ms(120_000)), url(60, "2026-09-21T14:14:59Z"));
    assert_eq!(klines(Timeframe::M30, Ms::LATEST), None, "folded from smaller ones");
    let trades = Fetch::Trades { instrument, from, to: RECEIVED, limit: 5_000 };
    let request = venue.request(&trades).unwrap();
    assert_eq!(request.url, format!("{base}/ETH-USD/trades?limit=1000"));
    assert!(venue.limits().iter().any(|l| l.name == request.limit && l.host == "api.exchange.coinbase.com"));
    assert_eq!(venue.native_timeframes().len(), 5);

    let call = |url, query| venue.fetch_of_url(None, url, query);
    assert!(matches!(call("/products", ""), Some(Fetch::Instruments { .. })));
    let hour = call("https://api.exchange.coinbase.com/products/ETH-USD/candles?granularity=3600", "");
    assert!(matches!(hour, Some(Fetch::Klines { timeframe: Timeframe::H1, .. })));
    let other = call("/api/v3/brokerage/market/products/ETH-USD/candles", "granularity=FIVE_MINUTE");
    assert!(matches!(other, Some(Fetch::Klines { timeframe: Timeframe::M5, .. })));
    assert_eq!(
        call("/products/ETH-USD/candles", "granularity=21600"),
        Some(Fetch::Ignored("kline_other_interval"))
    );
    assert_eq!(call("/time", ""), None);
}

#[test]
fn rows_are_turned_round_and_low_comes_before_high() {
    let venue = venue();
    let (instrument, timeframe) = (Arc::new(eth()), Timeframe::M1);
    let (from, to) = (Ms(1_789_999_920_000), Ms(1_790_000_040_000));
    let fetch = Fetch::Klines { instrument: Arc::clone(&instrument), timeframe, from, to, limit: 300 };
    let rows = |fetch: &Fetch, body: &str| match venue.parse_rest(fetch, RECEIVED, body.as_bytes()) {
        Ok(Fetched::Updates(updates)) => updates.into_iter().map(|u| u.what).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let body = "[[1789999980,1,4,2,3,10.5],[1789999920,1,4,2.5,3,8],[1789999860,1,4,2,3,1]]";
    let bars: Vec<_> = rows(&fetch, body)
        .into_iter()
        .map(|what| match what {
            What::Kline(b) => (b.timestamp.0, b.open, b.high, b.low, b.close, b.volume, b.closed),
            _ => panic!(),
        })
        .collect();
    let expected = [
        (1_789_999_920_000, 2.5, 4.0, 1.0, 3.0, 8.0, true),
        (1_789_999_980_000, 2.0, 4.0, 1.0, 3.0, 10.5, false),
    ];
    assert_eq!(bars, expected);
    let other =
        r#"{"candles":[{"start":"1789999920","low":"1","high":"4","open":"2.5","close":"3","volume":"8"}]}"#;
    assert!(
        matches!(rows(&fetch, other)[..], [What::Kline(bar)] if bar.open == 2.5 && bar.timestamp == from)
    );

    let trades = Fetch::Trades { instrument, from, to: RECEIVED, limit: 1_000 };
    let body = r#"[{"trade_id":8,"side":"sell","size":"1","price":"2","time":"2026-09-21T14:13:20.400Z"},
        {"trade_id":7,"side":"buy","size":"1","price":"2","time":"2026-09-21T14:13:20.100Z"},
        {"trade_id":6,"side":"buy","size":"1","price":"2","time":"2026-09-21T14:00:00.000Z"}]"#;
    let found: Vec<_> = rows(&trades, body)
        .into_iter()
        .map(|what| match what {
            What::Trade(t) => (t.sequence, t.trade.side),
            _ => panic!(),
        })
        .collect();
    assert_eq!(found, [(Some(7), Side::Sell), (Some(8), Side::Buy)]);

    let list = Fetch::Instruments { product: SPOT, venue_symbols: vec![], cursor: None };
    let Ok(Fetched::Instruments { listed, .. }) =
        venue.parse_rest(&list, RECEIVED, fixture!("rest_products").as_bytes())
    else {
        panic!()
    };
    let steps: Vec<_> = listed.iter().map(|i| (i.symbol.as_str(), i.tick_size, i.step_size)).collect();
    assert_eq!(steps, [("ETH/USD", 0.01, 0.00000001)]);
    let refused = venue.parse_rest(&list, RECEIVED, br#"{"message":"NotFound"}"#);
    assert_eq!(refused, Err(VenueError::Refused { detail: "NotFound".into() }));
}

#[test]
fn faults_say_what_to_do() {
    let headers = HeaderMap::new();
    let of = |status, body: &str| {
        venue().fault(&Answer { status, headers: &headers, body: body.as_bytes() }, RECEIVED)
    };
    assert_eq!(of(200, "[]"), None);
    let slow = of(429, r#"{"message":"Public rate limit exceeded"}"#);
    assert!(
        matches!(slow, Some(RestFault::Wait { until, reason }) if until == RECEIVED + Ms(2_000) && reason.contains("rate limit"))
    );
    assert!(matches!(of(404, r#"{"message":"NotFound"}"#), Some(RestFault::BadRequest { .. })));
    assert!(matches!(of(503, "<html>"), Some(RestFault::Retry { .. })));
    assert!(matches!(of(451, ""), Some(RestFault::RefusedLocation { .. })));
}
