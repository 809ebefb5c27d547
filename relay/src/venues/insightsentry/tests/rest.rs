//! Calls, their answers and their errors.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use shared::event::{Channel, Origin};
use shared::market::{Calendar, Civil, Instrument, Kind, Ms, Timeframe};

use super::{CANARY, RECEIVED, fixture, licensed, listed, venue};
use crate::config::{BaseUrls, Licence};
use crate::venues::insightsentry::{InsightSentry, LIVE};
use crate::venues::{Answer, Fetch, Fetched, RestFault, Venue, VenueError, What, Window};

fn klines(timeframe: Timeframe, from: Ms, to: Ms) -> Fetch {
    let instrument = Arc::new(listed(fixture!("session_future")));
    Fetch::Klines { instrument, timeframe, from, to, limit: 500 }
}

fn url(venue: &InsightSentry, fetch: &Fetch) -> String {
    let request = venue.request(fetch).unwrap();
    assert!(!format!("{request:?}").contains(CANARY));
    let (name, value) = &request.headers[0];
    assert_eq!((*name, value.expose_secret()), ("authorization", &*format!("Bearer {CANARY}")));
    let limits: Vec<&str> = request.limits().collect();
    assert_eq!(limits, ["requests_minute", "requests_month"]);
    request.url.strip_prefix("https://api.insightsentry.com/v3/symbols/").unwrap().to_owned()
}

#[test]
fn calls_have_their_addresses_and_the_key_in_a_header() {
    let venue = venue();
    let minute = klines(Timeframe::M1, Ms(1_790_000_000_000), RECEIVED);
    assert_eq!(
        url(&venue, &minute),
        "CME_MINI%3AMNQ1%21/series?bar_type=minute&bar_interval=1&extended=true&badj=false&dp=20000"
    );
    let native = |timeframe| {
        let url = url(&venue, &klines(timeframe, Ms(1_790_000_000_000), RECEIVED));
        url.split('&').take(2).collect::<Vec<_>>().join("&").split_once('?').unwrap().1.to_owned()
    };
    let names = Timeframe::ALL.map(native);
    let of = |kind: &str, interval: u32| format!("bar_type={kind}&bar_interval={interval}");
    let expected = [
        of("minute", 1),
        of("minute", 5),
        of("minute", 15),
        of("minute", 30),
        of("hour", 1),
        of("hour", 4),
        of("day", 1),
        of("week", 1),
        of("month", 1),
    ];
    assert_eq!(names, expected);
    assert_eq!(venue.native_timeframes(), &Timeframe::ALL);
    let session = |codes: &[&str]| Fetch::Instruments {
        product: LIVE,
        venue_symbols: codes.iter().map(|c| (*c).to_owned()).collect(),
        cursor: None,
    };
    assert_eq!(url(&venue, &session(&["NASDAQ:AAPL"])), "NASDAQ%3AAAPL/session");
    assert!(venue.request(&session(&[])).is_none(), "nothing can be listed");
    assert_eq!(url(&venue, &Fetch::Search { text: "nas daq".into() }), "search?query=nas%20daq&page=1");
    let limits: Vec<_> = venue.limits().into_iter().map(|l| (l.capacity, l.window, l.host)).collect();
    let host = "api.insightsentry.com".to_owned();
    assert_eq!(limits, [(25, Window::Sliding(Ms::MINUTE), host.clone()), (50_000, Window::Month, host)]);
}

#[test]
fn what_a_series_does_not_reach_is_asked_for_by_the_month() {
    let venue = venue();
    let old = Civil::midnight(2024, 2, 10);
    let fetch = klines(Timeframe::M1, old, old + Ms::DAY);
    assert_eq!(venue.page_end(&fetch), None, "it is not known yet what time it is");
    let session = Fetch::Instruments { product: LIVE, venue_symbols: Vec::new(), cursor: None };
    venue.parse_rest(&session, RECEIVED, fixture!("session_future").as_bytes()).unwrap();
    assert_eq!(venue.page_end(&fetch), Some(Civil::midnight(2024, 3, 1)));
    assert_eq!(
        url(&venue, &fetch),
        "CME_MINI%3AMNQ1%21/history?bar_type=minute&bar_interval=1&extended=true&badj=false&start_date=2024-02"
    );
    // Twenty thousand hours reach further; days reach everything.
    assert_eq!(venue.page_end(&klines(Timeframe::H4, old, RECEIVED)), None);
    assert_eq!(venue.page_end(&klines(Timeframe::D1, Civil::midnight(2001, 1, 1), RECEIVED)), None);
    assert_eq!(venue.page_end(&klines(Timeframe::M1, RECEIVED - Ms::DAY, RECEIVED)), None);
}

#[test]
fn a_series_is_bars_and_only_the_newest_may_form() {
    let bars = |timeframe, from: Ms, received: Ms| {
        let body = fixture!("series_burst").as_bytes();
        match venue().parse_rest(&klines(timeframe, from, Ms::LATEST), received, body).unwrap() {
            Fetched::Updates(updates) => updates
                .into_iter()
                .map(|u| match u.what {
                    What::Kline(bar) => bar,
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let all = bars(Timeframe::M1, Ms::ZERO, RECEIVED);
    assert_eq!(all.iter().map(|b| b.closed).collect::<Vec<_>>(), [true, true, false]);
    let first = all[0];
    assert_eq!((first.timestamp, first.open, first.high), (Ms(1_789_999_920_000), 24_000.0, 24_001.5));
    assert_eq!((first.low, first.close, first.volume), (23_999.25, 24_001.0, 310.0));
    assert_eq!((first.origin, first.buy_volume, first.vwap, first.trades), (Origin::Kline, None, None, None));
    assert!(!bars(Timeframe::M1, Ms::ZERO, Ms(1_790_000_101_999))[2].closed, "two seconds of slack");
    assert!(bars(Timeframe::M1, Ms::ZERO, Ms(1_790_000_102_000)).iter().all(|b| b.closed));
    assert_eq!(bars(Timeframe::M1, Ms(1_789_999_980_000), RECEIVED).len(), 2);
    // The trading day of the three minutes: one bar, at its session's open.
    let day = bars(Timeframe::D1, Ms::ZERO, RECEIVED);
    let open = Calendar::Cme.open(Timeframe::D1, Ms(1_790_000_000_000));
    assert_eq!((day.len(), day[0].timestamp, day[0].closed), (1, open, false));
    assert_eq!(
        (day[0].open, day[0].close, day[0].high, day[0].volume),
        (24_000.0, 24_003.0, 24_003.0, 537.0)
    );
}

#[test]
fn sessions_say_kind_tick_and_hours() {
    let future = listed(fixture!("session_future"));
    assert_eq!(
        (future.symbol.as_str(), future.kind, future.tick_size),
        ("CME_MINI:MNQ1!", Kind::Future, 0.25)
    );
    assert_eq!((&*future.base, &*future.quote, future.calendar), ("MNQ", "USD", Calendar::Cme));
    assert_eq!(future.channels, [Channel::Bar]);
    let share = listed(fixture!("session_share"));
    assert_eq!((share.kind, share.tick_size, share.base.as_str()), (Kind::Stock, 0.01, "XYZ"));
    // Friday, 27 November 2026; the day before is a holiday.
    let at = Civil::midnight(2026, 11, 27) + Ms(12 * 3_600_000);
    assert_eq!(share.calendar.open(Timeframe::D1, at), Civil::midnight(2026, 11, 27) + Ms(9 * 3_600_000));
    assert!(!share.calendar.is_open(at - Ms::DAY) && share.calendar.is_open(at));
    // Hours that contradict the rule are believed; unusable ones are left out.
    let other = fixture!("session_future").replace("1700", "0000").replace("1600", "2400");
    let around = listed(&other.replace("America/Chicago", "Etc/UTC"));
    assert_eq!(around.calendar, Calendar::Continuous);
    let nowhere = listed(&fixture!("session_share").replace("America/New_York", "Mars/Olympus"));
    assert_eq!(nowhere.calendar, Calendar::Continuous);
    let new_york = fixture!("session_future").replace("CME_MINI:MNQ1!", "NYMEX:CL1!");
    let new_york = new_york.replace("America/Chicago", "America/New_York");
    let oil = listed(&new_york.replace("1700\",\"end_hour\":\"1600", "1800\",\"end_hour\":\"1700"));
    assert_eq!(oil.calendar, Calendar::Cme);
}

#[test]
fn a_search_gives_listings() {
    let fetch = Fetch::Search { text: "x".into() };
    let found = venue().parse_rest(&fetch, RECEIVED, fixture!("search").as_bytes()).unwrap();
    let Fetched::Instruments { listed, next: None } = found else { panic!("{found:?}") };
    let rows: Vec<(&str, Kind)> = listed.iter().map(|i: &Instrument| (i.symbol.as_str(), i.kind)).collect();
    let expected =
        [("CME_MINI:MNQ1!", Kind::Future), ("CME_MINI:MNQZ2026", Kind::Future), ("NASDAQ:NDX", Kind::Index)];
    assert_eq!(rows, expected);
    assert_eq!(
        (listed[0].calendar.clone(), listed[2].calendar.clone()),
        (Calendar::Cme, Calendar::Continuous)
    );
}

#[test]
fn errors_of_calls_by_class() {
    let now = Civil::midnight(2026, 9, 21) + Ms(5_000);
    let fault = |status: u16, retry: Option<&str>, body: &str| {
        let mut headers = HeaderMap::new();
        if let Some(retry) = retry {
            headers.insert("retry-after", HeaderValue::from_str(retry).unwrap());
        }
        venue().fault(&Answer { status, headers: &headers, body: body.as_bytes() }, now)
    };
    let wait = |fault: Option<RestFault>| match fault {
        Some(RestFault::Wait { until, .. }) => until - now,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(200, None, fixture!("series_burst")), None);
    assert_eq!(wait(fault(429, Some("7"), "{}")), Ms(7_000));
    assert_eq!(wait(fault(429, Some("Mon, 21 Sep 2026 00:01:05 GMT"), "{}")), Ms(60_000));
    assert_eq!(wait(fault(429, None, "slow down")), Ms::MINUTE);
    let quota = fault(429, Some("7"), r#"{"error":"quota_exceeded"}"#);
    assert_eq!(wait(quota), Civil::midnight(2026, 10, 1) - now, "final for the month");
    assert!(wait(fault(401, None, "{}")) >= Ms::HOUR, "no loop with a bad key");
    assert!(matches!(fault(503, None, "<html>"), Some(RestFault::Retry { .. })));
    assert!(matches!(fault(408, None, ""), Some(RestFault::Retry { .. })));
    assert_eq!(wait(fault(503, Some("30"), "")), Ms(30_000));
    for status in [400, 403, 404] {
        let body = r#"{"error":"invalid_symbol","message":"no"}"#;
        let reason = format!("{status} invalid_symbol: no");
        assert_eq!(fault(status, None, body), Some(RestFault::BadRequest { reason }));
    }
    // An error with a good status.
    assert!(matches!(fault(200, None, r#"{"error":"x"}"#), Some(RestFault::BadRequest { .. })));
    let repeated = fault(400, None, &format!(r#"{{"error":"bad","message":"key {CANARY}"}}"#));
    assert_eq!(repeated, Some(RestFault::BadRequest { reason: "400 bad: key ***".into() }));
    let refused = venue().parse_rest(&Fetch::Ignored("x"), now, br#"{"error":"x"}"#);
    assert_eq!(refused, Err(VenueError::Refused { detail: "x".into() }));
}

#[test]
fn it_is_off_without_a_key_and_beyond_loopback_without_leave() {
    let off = |licence: Licence| InsightSentry::new(&BaseUrls { licence, ..BaseUrls::default() }).off();
    let without = off(Licence::default()).unwrap();
    assert_eq!(without.reason, "insightsentry is off: it needs a key, set INSIGHTSENTRY_API_KEY");
    assert!(!without.withheld, "the record is its owner's");
    assert!(off(Licence { exposed: true, ..Licence::default() }).unwrap().withheld);
    let key = || Licence { key: Some(CANARY.into()), ..Licence::default() };
    assert_eq!(off(key()), None);
    let exposed = off(Licence { exposed: true, ..key() }).unwrap();
    assert!(exposed.withheld && exposed.reason.contains("INSIGHTSENTRY_PUBLIC=true"), "{exposed:?}");
    assert!(!exposed.reason.contains('\n'), "{exposed:?}");
    assert_eq!(off(Licence { exposed: true, public: true, ..key() }), None);
    assert_eq!(licensed(Licence { requests_per_minute: 80, ..Licence::default() }).limits()[0].capacity, 80);
}

#[test]
fn recorded_addresses_tell_their_call() {
    let venue = venue();
    let call = |url: &str, query: &str| venue.fetch_of_url(None, url, query);
    let series =
        "https://api.insightsentry.com/v3/symbols/CME_MINI%3AMNQ1%21/series?bar_type=hour&bar_interval=4";
    let Some(Fetch::Klines { instrument, timeframe, .. }) = call(series, "") else { panic!() };
    assert_eq!((instrument.symbol.as_str(), timeframe), ("CME_MINI:MNQ1!", Timeframe::H4));
    let beside = call("/v3/symbols/NASDAQ:AAPL/history", "bar_interval=5&bar_type=minute");
    assert!(matches!(beside, Some(Fetch::Klines { timeframe: Timeframe::M5, .. })));
    assert!(matches!(call("/v3/symbols/NASDAQ:AAPL/session", ""), Some(Fetch::Instruments { .. })));
    assert!(
        matches!(call("/v3/symbols/search?query=ab%20c", ""), Some(Fetch::Search { text }) if text == "ab c")
    );
    assert_eq!(call("/v3/symbols/quotes?codes=A", ""), Some(Fetch::Ignored("rest_quotes")));
    assert_eq!(call("/v3/symbols/NASDAQ:AAPL/series?bar_type=minute&bar_interval=7", ""), None);
    assert_eq!(call("/v3/symbols/%zz/series", ""), None);
    assert_eq!(call("/v2/websocket-key", ""), None);
}
