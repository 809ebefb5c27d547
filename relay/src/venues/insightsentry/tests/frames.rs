//! Socket frames and messages.

use shared::event::{Bar, Channel};
use shared::market::{Kind, Ms};

use super::{CANARY, RECEIVED, fixture, instruments, licensed, venue};
use crate::config::Licence;
use crate::venues::insightsentry::LIVE;
use crate::venues::{Decoder, Frame, Stream, Venue, What};

fn decoder() -> Box<dyn Decoder> {
    venue().decoder(LIVE)
}

/// What a decoder makes of a frame at a time.
fn at(decoder: &mut dyn Decoder, received: Ms, frame: &str) -> Frame {
    decoder.decode(&instruments(), received, frame.as_bytes()).unwrap().frame
}

/// The bars of a frame: open in seconds, close, and whether closed.
fn bars(frame: Frame) -> Vec<(i64, f64, bool)> {
    let Frame::Updates(updates) = frame else { panic!("{frame:?}") };
    let bar = |what: What| match what {
        What::Kline(Bar { timestamp, close, closed, .. }) => (timestamp.0 / 1_000, close, closed),
        other => panic!("{other:?}"),
    };
    updates.into_iter().map(|u| bar(u.what)).collect()
}

#[test]
fn a_burst_is_history_and_each_bar_closes_once() {
    let mut d = decoder();
    let first = d.decode(&instruments(), RECEIVED, fixture!("series_burst").as_bytes()).unwrap();
    assert_eq!(first.stream.as_deref(), Some("CME_MINI:MNQ1!"));
    let burst =
        [(1_789_999_920, 24_001.0, true), (1_789_999_980, 24_002.75, true), (1_790_000_040, 24_003.0, false)];
    assert_eq!(bars(first.frame), burst);
    // The same again, as after a list was sent anew: only what forms is told.
    assert_eq!(bars(at(&mut *d, RECEIVED, fixture!("series_burst"))), burst[2..]);
    let forming = at(&mut *d, Ms(1_790_000_070_750), fixture!("series_forming"));
    assert_eq!(bars(forming), [(1_790_000_040, 24_003.25, false)]);
    // The next bar closes the one before, as it was told last.
    let next = bars(at(&mut *d, Ms(1_790_000_100_750), fixture!("series_next")));
    assert_eq!(next, [(1_790_000_040, 24_003.25, true), (1_790_000_100, 24_003.5, false)]);
    // What comes late about a closed bar is no news.
    assert!(bars(at(&mut *d, Ms(1_790_000_100_800), fixture!("series_forming"))).is_empty());
}

#[test]
fn a_bar_nothing_follows_closes_by_the_vendors_clock() {
    let mut d = decoder();
    at(&mut *d, RECEIVED, fixture!("series_burst"));
    // 1790000100 less the quarter of a second the vendor is ahead, and two seconds of grace.
    assert_eq!(at(&mut *d, Ms(1_790_000_101_749), "pong"), Frame::Ignored("pong"));
    assert_eq!(bars(at(&mut *d, Ms(1_790_000_101_750), "pong")), [(1_790_000_040, 24_003.0, true)]);
    assert_eq!(at(&mut *d, Ms(1_790_000_102_000), "pong"), Frame::Ignored("pong"));
    let told = r#"{"server_time":1790000103000}"#;
    assert_eq!(at(&mut *d, Ms(1_790_000_102_750), told), Frame::Ignored("server_time"));
}

#[test]
fn a_bar_told_at_its_end_may_still_lack_its_last_trades() {
    let mut d = decoder();
    // The vendor's clock says that the minute is over; what traded last comes a second later.
    let told = |at: &str| fixture!("series_forming").replace("1790000071000", at);
    let over = bars(at(&mut *d, Ms(1_790_000_100_000), &told("1790000100000")));
    assert_eq!(over, [(1_790_000_040, 24_003.25, false)]);
    let last = told("1790000101000").replace("24003.25", "24003.5");
    assert_eq!(bars(at(&mut *d, Ms(1_790_000_101_000), &last)), [(1_790_000_040, 24_003.5, false)]);
    let closed =
        bars(at(&mut *d, Ms(1_790_000_102_000), &told("1790000102000").replace("24003.25", "24003.5")));
    assert_eq!(closed, [(1_790_000_040, 24_003.5, true)]);
}

#[test]
fn frames_are_told_apart_in_order() {
    let mut d = decoder();
    let cases = [
        ("pong", "pong"),
        (r#"{"event":"subscription_status","status":"active","subscription_count":1}"#, "status"),
        (r#"{"server_time":1790000000000}"#, "server_time"),
        (r#"{"message":"Connecting..."}"#, "status_text"),
        (r#"{"message":"Connected to W:ASIA-SOUTHEAST"}"#, "status_text"),
        (r#"{"code":"CME_MINI:MNQ1!","bar_type":"3m","series":[]}"#, "series_other_interval"),
        (fixture!("session_share"), "session"),
        (fixture!("search"), "search"),
        (r#"{"base_code":"CME_MINI:MNQ","contracts":[]}"#, "contracts"),
        (r#"{"weather":"fine"}"#, "unknown_frame"),
    ];
    for (frame, kind) in cases {
        assert_eq!(at(&mut *d, RECEIVED, frame), Frame::Ignored(kind), "{frame}");
    }
    // An error with a message is an error, whatever else it holds.
    let both = r#"{"message":"later","error":"processing_throttled","retry_after_seconds":1.5,"code":"X:Y"}"#;
    let again = Frame::Again { after: Ms(1_500), message: "processing_throttled: later".into() };
    assert_eq!(at(&mut *d, RECEIVED, both), again);
    for damaged in
        ["", "null", "[1,2]", "[[[[", "\"pong", "{", r#"{"series":[{"time":1}],"code":"CME_MINI:MNQ1!"}"#]
    {
        assert!(d.decode(&instruments(), RECEIVED, damaged.as_bytes()).is_err(), "{damaged}");
    }
    assert!(d.decode(&instruments(), RECEIVED, &[0xff, 0xfe]).is_err());
}

#[test]
fn unlisted_codes_are_named_and_leave_no_trace() {
    let mut d = decoder();
    let other = fixture!("series_burst").replace("CME_MINI:MNQ1!", "CBOT:ZN1!");
    let decoded = d.decode(&instruments(), RECEIVED, other.as_bytes()).unwrap();
    assert_eq!((decoded.unlisted, decoded.frame), (vec!["CBOT:ZN1!".to_owned()], Frame::Ignored("unlisted")));
    let guess =
        |code: &str| venue().guess_instrument(LIVE, code).map(|i| (i.kind, i.base, i.group.to_string()));
    let expected = |kind, base: &str, group: &str| Some((kind, base.to_owned(), group.to_owned()));
    assert_eq!(guess("CME_MINI:MNQ1!"), expected(Kind::Future, "MNQ", "MNQ-FUTURE"));
    assert_eq!(guess("CME_MINI:MNQZ2026"), expected(Kind::Future, "MNQ", "MNQZ2026-FUTURE"));
    assert_eq!(guess("NASDAQ:AAPL"), expected(Kind::Stock, "AAPL", "AAPL-STOCK"));
    for wrong in ["", ":", "BTCUSDT", "cme:x", "A:B:C", "A:", "A:b", "BTC/USDT"] {
        assert_eq!(guess(wrong), None, "{wrong}");
    }
}

#[test]
fn quotes_are_merged_and_delayed_ones_are_no_book() {
    let mut d = decoder();
    let tops = |frame: Frame| match frame {
        Frame::Updates(updates) => {
            let top = |what: &What| match what {
                What::Top(t) => (t.bid_px, t.bid_qty, t.ask_px, t.ask_qty),
                other => panic!("{other:?}"),
            };
            updates.iter().map(|u| top(&u.what)).collect::<Vec<_>>()
        }
        Frame::Ignored(_) => Vec::new(),
        other => panic!("{other:?}"),
    };
    let now = Ms(1_790_000_000_100);
    assert_eq!(tops(at(&mut *d, now, fixture!("quotes"))), [(210.0, 3.0, 210.05, 1.0)]);
    // Alone, and with what changed only.
    let sparse = r#"{"code":"NASDAQ:AAPL","ask":210.04,"ask_size":7}"#;
    assert_eq!(tops(at(&mut *d, now, sparse)), [(210.0, 3.0, 210.04, 7.0)]);
    assert_eq!(at(&mut *d, now, sparse), Frame::Ignored("quote_without_book"), "nothing changed");
    let delayed = r#"{"data":[{"code":"NASDAQ:AAPL","bid":209.9,"delay_seconds":900}]}"#;
    assert_eq!(at(&mut *d, now, delayed), Frame::Ignored("quote_delayed"));
    let crossed = r#"{"code":"NASDAQ:AAPL","bid":211.0,"delay_seconds":0}"#;
    assert!(tops(at(&mut *d, now, crossed)).is_empty());
}

#[test]
fn errors_go_by_what_is_to_be_done() {
    let mut d = decoder();
    let mut frame = |text: &str| at(&mut *d, RECEIVED, text);
    let bad = r#"{"error":"invalid_symbol","symbol":"X:Y"}"#;
    let refused =
        Frame::Refused { id: None, streams: vec!["X:Y".into()], message: "invalid_symbol (X:Y)".into() };
    assert_eq!(frame(bad), refused);
    let again = |after: i64, message: &str| Frame::Again { after: Ms(after), message: message.into() };
    let cases = [
        (r#"{"error":"reconnect_throttled","delay_seconds":30}"#, again(30_000, "reconnect_throttled")),
        (r#"{"error":"x","action":"wait_and_retry","retry_after_seconds":2}"#, again(2_000, "x")),
        (r#"{"error":"x","action":"retry_request","message":"soon"}"#, again(5_000, "x: soon")),
        (
            r#"{"error":"temporarily_unavailable","retry_after_seconds":1e9}"#,
            again(5_000, "temporarily_unavailable"),
        ),
        (r#"{"error":"x","action":"reconnect"}"#, Frame::Shutdown),
        (r#"{"error":"x","action":"reconnect_with_current_entitlements"}"#, Frame::Shutdown),
        (r#"{"error":"server_busy","retryable":true}"#, Frame::Shutdown),
    ];
    for (text, expected) in cases {
        assert_eq!(frame(text), expected, "{text}");
    }
    for text in [
        r#"{"error":"max_connections_exceeded"}"#,
        r#"{"error":"connection_evicted","message":"Replaced"}"#,
        r#"{"error":"invalid_api_key"}"#,
        r#"{"error":"server_busy"}"#,
    ] {
        assert!(
            matches!(frame(text), Frame::Final(reason) if reason.starts_with("insightsentry ended it: "))
        );
    }
    assert!(matches!(frame(r#"{"error":{"code":7}}"#), Frame::Refused { .. }));
}

#[test]
fn every_message_is_the_whole_list_with_the_key() {
    let venue = venue();
    let stream = |code: &str| {
        let instrument = venue.guess_instrument(LIVE, code).unwrap();
        let mut streams = venue.streams(&instrument, &Channel::OFFERED);
        assert_eq!(streams.len(), 1, "one series feeds every timeframe");
        streams.remove(0)
    };
    let held: Vec<Stream> = ["CME_MINI:MNQ1!", "CME_MINI:ES1!", "NASDAQ:AAPL"].map(stream).into();
    let list = |frames: Vec<String>| -> serde_json::Value {
        assert_eq!(frames.len(), 1);
        serde_json::from_str(&frames[0]).unwrap()
    };
    let one = list(venue.subscribe(&held[..1], &held[..1], 1));
    let series = |code: &str| {
        serde_json::json!({"code": code, "type": "series", "bar_type": "minute", "bar_interval": 1,
                           "extended": true, "badj": false})
    };
    let expected = serde_json::json!({"api_key": CANARY, "subscriptions": [series("CME_MINI:MNQ1!")]});
    assert_eq!(one, expected);
    // A plan of two: the newest stay.
    let codes = |list: serde_json::Value| -> Vec<String> {
        let list = list["subscriptions"].as_array().unwrap().clone();
        list.iter().map(|s| s["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes(list(venue.subscribe(&held[2..], &held, 2))), ["CME_MINI:ES1!", "NASDAQ:AAPL"]);
    assert_eq!(
        codes(list(venue.unsubscribe(&held[2..], &held[..2], 3))),
        ["CME_MINI:MNQ1!", "CME_MINI:ES1!"]
    );
    assert!(venue.unsubscribe(&held, &[], 4).is_empty(), "an empty list is no message");
    let larger = licensed(Licence { live_subscriptions: 5, ..Licence::default() });
    assert_eq!(codes(list(larger.subscribe(&[], &held, 5))).len(), 3);
    let route = &venue.routes()[0];
    assert_eq!(route.url, "wss://realtime.insightsentry.com/live");
    assert!(route.messages.iter().any(|pace| pace.count <= 300 && pace.window >= Ms(300_000)));
}

#[test]
fn the_key_cannot_be_printed() {
    let venue = venue();
    assert!(!format!("{venue:?} {venue:#?}").contains(CANARY));
    let mut d = venue.clone().decoder(LIVE);
    let said = [
        format!(r#"{{"error":"invalid_api_key","message":"no such key: {CANARY}"}}"#),
        format!(r#"{{"error":"{CANARY}","action":"wait_and_retry"}}"#),
        format!(r#"{{"error":"invalid_symbol","symbol":"{CANARY}","message":"{CANARY}"}}"#),
        format!(r#"{{"error":{{"key":"{CANARY}"}}}}"#),
        format!(r#"{{"message":"hello {CANARY}"}}"#),
        format!(r#"{{"series":"{CANARY}","code":"X:Y"}}"#),
        CANARY.to_owned(),
    ];
    for frame in said {
        let decoded = d.decode(&instruments(), RECEIVED, frame.as_bytes());
        assert!(!format!("{decoded:?}").contains(CANARY), "{frame}");
        // An error would have the frame quoted in the log.
        assert!(decoded.is_ok(), "{frame}");
    }
}
