//! Golden cases over frames written by hand, and what the venue says of itself.

mod captures;

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use shared::event::{Channel, FundingKind, Side};
use shared::market::{Instrument, Ms, Timeframe};

use super::{Hyperliquid, PERP};
use crate::venues::{
    Answer, Decoded, Decoder, Fetch, Fetched, Frame, Instruments, Level, RestFault, Stream, Update, Venue,
    VenueError, What,
};

const RECEIVED: Ms = Ms(1_790_000_000_500);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json")).trim()
    };
}

fn venue() -> Arc<Hyperliquid> {
    Arc::new(Hyperliquid::default())
}

fn listed(coin: &str) -> Instrument {
    venue().guess_instrument(PERP, coin).unwrap()
}

fn instruments() -> Instruments {
    let mut all = Instruments::default();
    ["SOL", "kPEPE"].into_iter().for_each(|coin| all.insert(PERP, listed(coin)));
    all
}

fn decode(decoder: &mut dyn Decoder, frame: &str) -> Result<Decoded, VenueError> {
    decoder.decode(&instruments(), RECEIVED, frame.as_bytes())
}

fn frame(text: &str) -> Frame {
    decode(&mut *venue().decoder(PERP), text).unwrap().frame
}

fn updates(text: &str) -> Vec<Update> {
    match frame(text) {
        Frame::Updates(updates) => updates,
        other => panic!("{other:?}"),
    }
}

#[test]
fn b_means_the_taker_bought_and_batches_come_in_order_of_time() {
    let decoded = decode(&mut *venue().decoder(PERP), fixture!("ws_trades")).unwrap();
    assert_eq!(decoded.stream.as_deref(), Some("trades:SOL"));
    let trades: Vec<_> = updates(fixture!("ws_trades"))
        .into_iter()
        .map(|update| match update.what {
            What::Trade(t) => (t.trade.timestamp.0, t.trade.price, t.trade.side, t.trade.id, t.sequence),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (1_790_000_000_100, 151.25, Side::Sell, "993000000000001".to_owned(), None),
        (1_790_000_000_120, 151.26, Side::Buy, "771000000000002".to_owned(), None),
    ];
    assert_eq!(trades, expected);
}

#[test]
fn names_by_the_thousand_are_told_per_coin() {
    let update = updates(fixture!("ws_trades_thousand")).remove(0);
    assert_eq!(update.symbol.as_str(), "PEPEUSDC-PERP");
    let What::Trade(t) = update.what else { panic!() };
    assert_eq!((t.trade.price, t.trade.quantity), (0.0125 / 1_000.0, 400_000.0));

    let What::Snapshot(book) = updates(fixture!("ws_l2_book")).remove(0).what else { panic!() };
    let level = |price: f64, quantity| Level { price: price / 1_000.0, quantity };
    assert_eq!(book.bids, [level(0.0125, 300_000.0), level(0.0124, 800_000.0)]);
    assert_eq!((book.asks, book.timestamp), (vec![level(0.0126, 100_000.0)], Ms(1_790_000_000_500)));
}

#[test]
fn a_context_is_open_interest_in_coins_and_funding_for_an_hour() {
    let mut what = updates(fixture!("ws_context")).into_iter().map(|u| u.what);
    let Some(What::Oi(oi)) = what.next() else { panic!() };
    // 2,000,000 thousands; the value does not change with the multiplier.
    assert_eq!((oi.open_interest, oi.open_interest_value), (2_000_000_000.0, Some(25_000.0)));
    assert_eq!(oi.timestamp, RECEIVED, "the venue does not time it");
    let Some(What::Funding(funding)) = what.next() else { panic!() };
    assert_eq!((funding.kind, funding.funding_rate), (FundingKind::Predicted, 0.0000125));
    assert_eq!(funding.interval_hours, Some(1.0));
    assert_eq!(funding.funding_apr, Some(0.0000125 * 8_760.0 * 100.0));
    assert_eq!(funding.next_funding_time, Some(Ms(1_790_002_800_000)), "the next full hour");
    assert_eq!(funding.mark_price, Some(0.0125 / 1_000.0));
    assert_eq!(funding.index_price, Some(0.0126 / 1_000.0));
}

#[test]
fn a_candle_closes_when_the_next_one_begins() {
    let venue = venue();
    let mut decoder = venue.decoder(PERP);
    let candle = |t: i64, close: &str| {
        let text = fixture!("ws_candle").replace("1789999980000", &t.to_string());
        text.replace("1790000039999", &(t + 59_999).to_string()).replace("\"c\":\"151.26\"", close)
    };
    let mut told = |t: i64, close: &str| {
        let decoded = decode(&mut *decoder, &candle(t, close)).unwrap();
        assert_eq!(decoded.stream.as_deref(), Some("candle:SOL:1m"));
        match decoded.frame {
            Frame::Updates(updates) => updates
                .iter()
                .map(|update| match update.what {
                    What::Kline(bar) => (bar.timestamp.0, bar.close, bar.closed),
                    _ => panic!("{update:?}"),
                })
                .collect::<Vec<_>>(),
            Frame::Ignored(kind) => panic!("{kind}"),
            other => panic!("{other:?}"),
        }
    };
    let (first, second) = (1_789_999_980_000, 1_790_000_040_000);
    assert_eq!(told(first, "\"c\":\"151.26\""), [(first, 151.26, false)]);
    assert_eq!(told(first, "\"c\":\"151.28\""), [(first, 151.28, false)]);
    assert_eq!(told(second, "\"c\":\"151.11\""), [(first, 151.28, true), (second, 151.11, false)]);
    assert_eq!(
        decode(&mut *decoder, &candle(first, "\"c\":\"151.2\"")).unwrap().frame,
        Frame::Ignored("candle_late")
    );

    let What::Kline(bar) = updates(fixture!("ws_candle")).remove(0).what else { panic!() };
    assert_eq!((bar.open, bar.high, bar.low, bar.volume, bar.trades), (151.2, 151.3, 151.1, 812.5, Some(44)));
    assert_eq!((bar.buy_volume, bar.interval), (None, Timeframe::M1));
    let other = fixture!("ws_candle").replace("\"1m\"", "\"3m\"");
    assert_eq!(frame(&other), Frame::Ignored("kline_other_interval"));
}

#[test]
fn what_is_no_market_of_ours_is_named() {
    let of = |coin: &str| frame(&fixture!("ws_l2_book").replace("kPEPE", coin));
    assert_eq!(of("xyz:AAPL"), Frame::Ignored("builder_dex_market"));
    assert_eq!(of("@107"), Frame::Ignored("spot_market"));
    assert_eq!(of("PURR/USDC"), Frame::Ignored("spot_market"));
    let decoded =
        decode(&mut *venue().decoder(PERP), &fixture!("ws_l2_book").replace("kPEPE", "NEW")).unwrap();
    assert_eq!((decoded.unlisted, decoded.frame), (vec!["NEW".to_owned()], Frame::Ignored("unlisted")));
    let cases = [
        (r#"{"channel":"pong"}"#, "pong"),
        (r#"{"channel":"allMids","data":{"mids":{"BTC":"1"}}}"#, "all_mids"),
        (r#"{"channel":"activeSpotAssetCtx","data":{}}"#, "spot_market"),
        (r#"{"channel":"userFills","data":{}}"#, "user_data"),
        (r#"{"channel":"weather","data":[]}"#, "unknown_channel"),
        (r#"{"channel":"trades","data":[]}"#, "empty_batch"),
        ("Websocket connection established.", "greeting"),
        ("[]", "rest_empty"),
    ];
    for (text, kind) in cases {
        assert_eq!(frame(text), Frame::Ignored(kind), "{text}");
    }
}

#[test]
fn answers_name_the_subscription_they_are_about() {
    assert_eq!(frame(fixture!("ws_ack")), Frame::Ack { id: None });
    let Frame::Refused { id: None, streams, message } = frame(fixture!("ws_error")) else { panic!() };
    assert_eq!(streams, ["trades:NOSUCH"]);
    assert!(message.starts_with("Invalid subscription"));
    let repeat = fixture!("ws_error").replace("Invalid subscription ", "Already unsubscribed: ");
    assert_eq!(frame(&repeat), Frame::Ignored("already_done"));
    let unreadable = r#"{"channel":"error","data":"Error parsing JSON into valid websocket request: x"}"#;
    assert!(matches!(frame(unreadable), Frame::Refused { streams, .. } if streams.is_empty()));
}

#[test]
fn best_prices_need_both_sides() {
    let What::Top(top) = updates(fixture!("ws_bbo")).remove(0).what else { panic!() };
    assert_eq!((top.bid_px, top.bid_qty, top.ask_px, top.ask_qty), (151.25, 10.0, 151.27, 4.5));
    let empty = r#"{"channel":"bbo","data":{"coin":"SOL","time":1,"bbo":[null,null]}}"#;
    assert_eq!(frame(empty), Frame::Ignored("one_sided_book"));
}

#[test]
fn damaged_frames_are_errors_and_never_more() {
    let field = |text: &str| match decode(&mut *venue().decoder(PERP), text) {
        Err(VenueError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&fixture!("ws_trades").replace("151.26", "cheap")), "px");
    assert_eq!(field(&fixture!("ws_trades").replace("\"A\"", "\"C\"")), "side");
    assert_eq!(field(&fixture!("ws_trades").replacen("SOL", "BTC", 2).replacen("BTC", "SOL", 1)), "coin");
    assert_eq!(field(&fixture!("ws_l2_book").replace("1790000000500", "1790000000500000")), "time");
    assert_eq!(field(&fixture!("ws_candle").replace("151.30", "151.00")), "high or low");
    for bad in ["", "null", "{}", "[[[[", "7", "\"x\"", r#"{"channel":"l2Book","data":{"coin":"SOL"}}"#] {
        assert!(decode(&mut *venue().decoder(PERP), bad).is_err(), "{bad}");
    }
    let frames = [
        fixture!("ws_trades"),
        fixture!("ws_l2_book"),
        fixture!("ws_context"),
        fixture!("ws_candle"),
        fixture!("ws_error"),
        fixture!("rest_meta_and_contexts"),
    ];
    for text in frames {
        let mut decoder = venue().decoder(PERP);
        for cut in 0..text.len() {
            let _ = decoder.decode(&instruments(), RECEIVED, &text.as_bytes()[..cut]);
            let mut flipped = text.as_bytes().to_vec();
            flipped[cut] ^= 0x15;
            let _ = decoder.decode(&instruments(), RECEIVED, &flipped);
        }
    }
}

#[test]
fn each_subscription_has_a_frame_and_shared_ones_are_sent_once() {
    let venue = venue();
    let all = venue.streams(&listed("kPEPE"), &Channel::OFFERED);
    let names: Vec<&str> = all.iter().map(|s| &*s.name).collect();
    assert!(names.contains(&"candle:kPEPE:1m") && all.iter().all(|s| s.channel != Channel::Liquidation));
    assert_eq!(names.iter().filter(|n| **n == "activeAssetCtx:kPEPE").count(), 2);
    let frames: Vec<Value> =
        venue.subscribe(&all, &all, 1).iter().map(|f| serde_json::from_str(f).unwrap()).collect();
    assert_eq!(frames.len(), 4);
    let candle = json!({"method": "subscribe",
        "subscription": {"type": "candle", "coin": "kPEPE", "interval": "1m"}});
    assert!(frames.contains(&candle));
    let (oi, held): (Vec<Stream>, Vec<Stream>) = all.into_iter().partition(|s| s.channel == Channel::Oi);
    assert_eq!(venue.unsubscribe(&oi, &held, 1), Vec::<String>::new(), "funding still wants it");
    assert_eq!(venue.unsubscribe(&oi, &[], 1).len(), 1);
    assert_eq!(venue.routes()[0].url, "wss://api.hyperliquid.xyz/ws");
}

fn klines(limit: u32) -> Fetch {
    let (instrument, timeframe) = (Arc::new(listed("SOL")), Timeframe::M1);
    Fetch::Klines { instrument, timeframe, from: Ms(60_000), to: Ms(100_000_000), limit }
}

#[test]
fn questions_carry_their_weight() {
    let venue = venue();
    let instrument = Arc::new(listed("kPEPE"));
    let window = json!({"type": "candleSnapshot",
        "req": {"coin": "SOL", "interval": "1m", "startTime": 60_000, "endTime": 6_059_999}});
    let (from, to) = (Ms(0), Ms(48 * Ms::HOUR.0));
    let cases = [
        (klines(100), window, 22),
        (Fetch::Depth { instrument: instrument.clone() }, json!({"type": "l2Book", "coin": "kPEPE"}), 2),
        (Fetch::MarkPrice { instrument: instrument.clone() }, json!({"type": "metaAndAssetCtxs"}), 20),
        (
            Fetch::FundingHistory { instrument: instrument.clone(), from, to, limit: 500 },
            json!({"type": "fundingHistory", "coin": "kPEPE", "startTime": 0, "endTime": 172_799_999}),
            23,
        ),
    ];
    for (fetch, body, weight) in cases {
        let request = venue.request(&fetch).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&request.body.unwrap()).unwrap(), body);
        assert_eq!((request.url.as_str(), request.weight), ("https://api.hyperliquid.xyz/info", weight));
        assert!(venue.limits().iter().any(|l| l.name == request.limit));
        // A recording that kept the question tells the call.
        assert!(venue.fetch_of_url(None, "/info", &body.to_string()).is_some());
    }
    assert!(venue.request(&Fetch::Trades { instrument, from, to, limit: 1 }).is_none());
    assert_eq!(venue.fetch_of_url(None, "/info", ""), None);
}

fn rows(fetch: &Fetch, body: &str) -> Vec<What> {
    match venue().parse_rest(fetch, RECEIVED, body.as_bytes()) {
        Ok(Fetched::Updates(updates)) => updates.into_iter().map(|u| u.what).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn listings_leave_out_what_is_delisted_and_step_by_the_price() {
    let body = fixture!("rest_meta_and_contexts");
    let fetch = Fetch::Instruments { product: PERP, venue_symbols: vec![], cursor: None };
    let Ok(Fetched::Instruments { listed, next: None }) =
        venue().parse_rest(&fetch, RECEIVED, body.as_bytes())
    else {
        panic!()
    };
    let steps: Vec<_> = listed.iter().map(|i| (i.symbol.as_str(), i.tick_size, i.step_size)).collect();
    assert_eq!(steps, [("SOLUSDC-PERP", 0.01, 0.01), ("PEPEUSDC-PERP", 0.000001 / 1_000.0, 1_000.0)]);
    let mark = Fetch::MarkPrice { instrument: Arc::new(listed[1].clone()) };
    assert!(matches!(rows(&mark, body)[..], [What::Funding(f)] if f.funding_rate == -0.00002));
    let oi = Fetch::OpenInterest { instrument: Arc::new(listed[1].clone()) };
    assert!(matches!(rows(&oi, body)[..], [What::Oi(o)] if o.open_interest == 500_000.0));
    let unknown = venue().parse_rest(&klines(1), RECEIVED, b"null");
    assert!(matches!(unknown, Err(VenueError::Refused { .. })));
}

#[test]
fn rows_become_bars_and_payments_on_the_hour() {
    let candle = |t: i64| {
        format!(
            r#"{{"t":{t},"T":{},"s":"SOL","i":"1m","o":"1","c":"2","h":"3","l":"1","v":"4","n":5}}"#,
            t + 59_999
        )
    };
    let now = 1_789_999_980_000;
    let fetch = match klines(10) {
        Fetch::Klines { instrument, timeframe, limit, .. } => {
            Fetch::Klines { instrument, timeframe, from: Ms(now - 60_000), to: Ms(now + 60_000), limit }
        }
        other => other,
    };
    let body = format!("[{},{},{}]", candle(now), candle(now - 60_000), candle(now - 120_000));
    let bars: Vec<_> = rows(&fetch, &body)
        .into_iter()
        .map(|what| match what {
            What::Kline(bar) => (bar.timestamp.0, bar.closed),
            _ => panic!(),
        })
        .collect();
    assert_eq!(bars, [(now - 60_000, true), (now, false)], "the last is still running");

    let hour = 497_222 * Ms::HOUR.0;
    let row = |at: i64| format!(r#"{{"coin":"SOL","fundingRate":"-0.0003","premium":"0","time":{at}}}"#);
    let instrument = Arc::new(listed("SOL"));
    let fetch = Fetch::FundingHistory { instrument, from: Ms(0), to: RECEIVED, limit: 500 };
    let body = format!("[{},{}]", row(hour + 48), row(hour + 8 * Ms::HOUR.0 + 150));
    let paid: Vec<_> = rows(&fetch, &body)
        .into_iter()
        .map(|what| match what {
            What::Funding(f) => (f.timestamp.0, f.kind, f.interval_hours),
            _ => panic!(),
        })
        .collect();
    let settled = |at| (at, FundingKind::Settled, Some(8.0));
    assert_eq!(paid, [settled(hour), settled(hour + 8 * Ms::HOUR.0)], "as their spacing tells");
    assert!(
        matches!(rows(&fetch, &format!("[{}]", row(hour)))[..], [What::Funding(f)] if f.interval_hours == Some(1.0))
    );
}

#[test]
fn faults_say_what_to_do() {
    let headers = HeaderMap::new();
    let of = |status, body: &str| {
        venue().fault(&Answer { status, headers: &headers, body: body.as_bytes() }, RECEIVED)
    };
    assert_eq!(of(200, "[]"), None);
    assert!(matches!(of(200, "null"), Some(RestFault::BadRequest { .. })));
    let unreadable = of(422, "Failed to deserialize the JSON body into the target type");
    assert!(matches!(unreadable, Some(RestFault::BadRequest { reason }) if reason.contains("deserialize")));
    assert!(matches!(of(429, "null"), Some(RestFault::Wait { until, .. }) if until == RECEIVED + Ms::MINUTE));
    assert!(matches!(of(502, "<html>"), Some(RestFault::Retry { .. })));
    assert!(matches!(of(403, ""), Some(RestFault::RefusedLocation { .. })));
}
