use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::event::{
    Action, Bar, BookTop, Channel, Cursor, Depth, Funding, FundingKind, Gap, GapCause, GapState, Liquidation,
    LiquidationSide, OpenInterest, Origin, PriceKind,
};
use shared::market::{Calendar, Kind, Ms, Symbol, Timeframe, VenueId};
use shared::wire::{ChannelStatus, VenueState, VenueStatus};

use super::*;
use crate::feed::pairs::Pairs;

/// What serde writes of a value is read here as the same.
fn reads<T: Serialize + Read + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
    for value in values {
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(read(&text), Ok(value), "{text}");
        let text = serde_json::to_string_pretty(&Some(&read::<T>(&text).unwrap())).unwrap();
        assert!(read::<Option<T>>(&text).unwrap().is_some(), "{text}");
    }
}

/// What is written here of a value is read by serde as the same, and has the members that serde writes.
fn writes<T: Serialize + DeserializeOwned + Write + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
    for value in values {
        let text = written(&value);
        let members = |text: &str| match serde_json::from_str(text).unwrap() {
            Value::Object(map) => map.into_iter().map(|(key, _)| key).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(members(&text), members(&serde_json::to_string(&value).unwrap()));
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }
}

#[test]
fn words_are_those_of_the_relay() {
    macro_rules! both {
        ($($list:expr),* $(,)?) => { $( reads($list); writes($list); )* };
    }
    both![
        [Origin::Import, Origin::Kline, Origin::Trades, Origin::Sim],
        [LiquidationSide::Long, LiquidationSide::Short],
        [PriceKind::Average, PriceKind::Bankruptcy, PriceKind::Mark],
        [FundingKind::Predicted, FundingKind::Settled],
        [Action::Buy, Action::Sell],
        [GapState::Open, GapState::Refilled, GapState::Lost],
        [GapCause::Disconnect, GapCause::Sequence, GapCause::Silence, GapCause::Restart],
        [GapCause::Delisted, GapCause::SlowClient, GapCause::ResumeExpired],
        [Kind::Perp, Kind::Spot, Kind::Future, Kind::Stock, Kind::Index],
        [VenueState::Live, VenueState::Quiet, VenueState::Silent, VenueState::Down, VenueState::Off],
        Channel::ALL,
        Timeframe::ALL,
        ["BTC/USDT", "币安人生USDT-PERP"].map(|text| text.parse::<Symbol>().unwrap()),
        [VenueId::new("sim"), VenueId::new("a \"b\" \\ \n \u{1f600} \u{1}")],
        [Cursor { epoch: 0xab, n: 12 }],
    ];
    assert!(read::<Channel>("\"nonsense\"").is_err() && read::<Symbol>("\"..\"").is_err());
}

#[test]
fn numbers_keep_every_bit() {
    let numbers =
        [0.0, -0.0, 1.0, 0.1, 1.0 / 3.0, 1e-308, 5e-324, f64::MAX, -61_694.5, 1e21, 123_456_789.123_456_78];
    reads(numbers);
    writes(numbers);
    reads([0, 1, -1, i64::MAX, i64::MIN]);
    reads([Ms(1_700_000_000_000), Ms(-1)]);
    assert_eq!(written(&f64::NAN), "null");
    for (text, number) in [("1E3", 1e3), ("-1.5e-2", -0.015), (" 7 ", 7.0)] {
        assert_eq!(read(text), Ok(number));
    }
    for junk in ["inf", "nan", "-inf", "1.", "", "-", "\"1\"", "null", "1 2", "0x1"] {
        assert!(read::<f64>(junk).is_err(), "{junk}");
    }
    assert!(read::<u32>("-1").is_err() && read::<u8>("256").is_err() && read::<i64>("1.5").is_err());
}

#[test]
fn rows_are_those_of_the_relay() {
    let bar = Bar::flat(Ms(60_000), Timeframe::M1, 1.5e-6, Origin::Trades);
    writes([
        bar,
        Bar { cvd: Some(-3.25), cvd_from: Some(Ms(0)), through: Some(Ms(60_000)), trades: None, ..bar },
    ]);
    writes([OpenInterest { timestamp: Ms(5), open_interest: 1.0 / 3.0, open_interest_value: None }]);
    writes([Funding {
        timestamp: Ms(6),
        kind: FundingKind::Settled,
        funding_rate: -0.0001,
        next_funding_time: Some(Ms(9)),
        interval_hours: Some(8.0),
        funding_apr: Some(-10.95),
        mark_price: None,
        index_price: Some(2.5),
    }]);
    writes([Liquidation {
        timestamp: Ms(7),
        side: LiquidationSide::Short,
        quantity: 2.0,
        price: 3.0,
        value: 6.0,
        price_kind: PriceKind::Mark,
        at_least: true,
    }]);
    let depth = Depth { bid_usd: 6.0, ask_usd: 7.0 };
    reads([depth]);
    let book = BookTop::from_best(Ms(8), (1.0, 2.0), (3.0, 4.0));
    writes([book, BookTop { depth_10bps: Some(depth), ..book }]);
    writes([Gap {
        timestamp: Ms(9),
        channel: Channel::Trade,
        from: Ms(1),
        to: None,
        cause: GapCause::Silence,
        state: GapState::Open,
    }]);
    let channel = ChannelStatus {
        channel: Channel::Funding,
        state: VenueState::Silent,
        since: Ms(4),
        last_event: Some(Ms(3)),
        stale: vec!["BTCUSDT-PERP".parse().unwrap()],
    };
    let venue = VenueStatus {
        venue: VenueId::new("okx"),
        state: VenueState::Off,
        since: Ms(5),
        reason: Some("no key".into()),
        channels: vec![channel],
    };
    reads([venue.clone(), VenueStatus { reason: None, channels: Vec::new(), ..venue }]);
    let session = r#"{"zone":"America/New_York","days":[1,2,3,4,5],"start":"09:30","end":"16:00","holidays":["2025-12-25"]}"#;
    let session = serde_json::from_str::<Calendar>(session).unwrap();
    assert!(session.session().is_some());
    reads([Calendar::Continuous, Calendar::Cme, session]);
    assert!(read::<Calendar>(r#"{"zone":"Nowhere","days":[1],"start":"0930","end":"1600"}"#).is_err());
}

#[test]
fn texts_and_lists_are_read_as_json_has_them() {
    let text = r#""\u00e9\ud83d\ude00 \"\\\/\b\f\n\r\t é""#;
    assert_eq!(read::<String>(text).ok(), serde_json::from_str(text).ok());
    for junk in [r#""\ud83d""#, r#""\ud83dx""#, r#""\x""#, r#"""#, r#""\u00g0""#, r#""\"#, "\"a\nb\"", "[]"] {
        assert!(read::<String>(junk).is_err(), "{junk}");
    }
    assert_eq!(read::<Vec<f64>>(" [ 1 , 2.5 ] "), Ok(vec![1.0, 2.5]));
    assert_eq!(read::<Vec<Vec<u32>>>("[[],[1]]"), Ok(vec![vec![], vec![1]]));
    assert_eq!(read::<(String, Vec<u32>)>(r#"["a",[1]]"#), Ok(("a".into(), vec![1])));
    for junk in ["[1,]", "[1 2]", "[,1]", "[1", "{}", "[null]", "[1]]"] {
        assert!(read::<Vec<f64>>(junk).is_err(), "{junk}");
    }
    assert!(read::<(u32, u32)>("[1]").is_err() && read::<(u32, u32)>("[1,2,3]").is_err());
    let pairs = read::<Pairs<Channel, Option<i64>>>(r#"{"oi":900,"bar":null}"#).unwrap();
    assert_eq!(pairs.0, [(Channel::Oi, Some(900)), (Channel::Bar, None)]);
    assert_eq!(read::<Vec<bool>>("[true,false,null]"), Err(Unread { at: 16 }));
}

#[test]
fn what_is_not_known_is_stepped_over_and_depth_is_bounded() {
    #[derive(Default, PartialEq, Debug)]
    struct One {
        a: u32,
    }
    members! { One { a } }
    let unknown = json!({ "x": [1, {"a": [[], {}, "]}", null, true, -1.5e3]}], "y": "\"", "z": {} });
    let text = format!("{{\"u\":{unknown},\"a\":7,\"v\":null}}");
    assert_eq!(read(&text), Ok(One { a: 7 }));
    for junk in ["{", "{\"a\"}", "{\"a\":}", "{\"b\":[}", "{a:1}", "{\"b\":]}", "{\"a\":1,}"] {
        assert!(read::<One>(junk).is_err(), "{junk}");
    }
    let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(read::<Deep>(&deep(60)).is_ok() && read::<Deep>(&deep(61)).is_err());
    assert!(read::<Deep>(&"[".repeat(1_000_000)).is_err());
}

struct Deep;

impl Read for Deep {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        json.list(&mut |json| Deep::read(json).map(drop))?;
        Some(Deep)
    }
}
