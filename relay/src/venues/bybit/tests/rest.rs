//! REST calls and answers.

use std::sync::Arc;

use shared::event::FundingKind;
use shared::market::{Instrument, Ms, Timeframe};

use super::{Bybit, LINEAR, RECEIVED, SPOT, instruments, listed};
use crate::venues::{Fetch, Fetched, Frame, Product, Venue, VenueError, What};

fn body(result: &str) -> String {
    format!(r#"{{"retCode":0,"retMsg":"OK","result":{result},"retExtInfo":{{}},"time":1790000000900}}"#)
}

fn klines(instrument: &Arc<Instrument>, timeframe: Timeframe, from: Ms, to: Ms, limit: u32) -> Fetch {
    Fetch::Klines { instrument: Arc::clone(instrument), timeframe, from, to, limit }
}

fn list(product: Product, venue: &Bybit, rows: &[String], cursor: &str) -> (Vec<Instrument>, Option<String>) {
    let fetch = Fetch::Instruments { product, venue_symbols: vec![], cursor: None };
    let result =
        format!(r#"{{"category":"{product}","list":[{}],"nextPageCursor":"{cursor}"}}"#, rows.join(","));
    match venue.parse_rest(&fetch, RECEIVED, body(&result).as_bytes()) {
        Ok(Fetched::Instruments { listed, next }) => (listed, next),
        other => panic!("{other:?}"),
    }
}

fn perp(symbol: &str, base: &str, quote: &str, contract: &str, status: &str, minutes: u32) -> String {
    format!(
        r#"{{"symbol":"{symbol}","contractType":"{contract}","status":"{status}","baseCoin":"{base}","quoteCoin":"{quote}","settleCoin":"{quote}","launchTime":"1585526400000","deliveryTime":"0","priceScale":"2","priceFilter":{{"minPrice":"0.10","tickSize":"0.10"}},"lotSizeFilter":{{"qtyStep":"0.001","minOrderQty":"0.001"}},"fundingInterval":{minutes}}}"#
    )
}

#[test]
fn calls_carry_category_address_and_budget() {
    let venue = Bybit::default();
    let (eth, spot) = (Arc::new(listed(LINEAR, "ETHUSDT")), Arc::new(listed(SPOT, "ETHUSDT")));
    let market = |tail: &str| format!("https://api.bybit.com/v5/market/{tail}");
    let page = |cursor: Option<&str>| Fetch::Instruments {
        product: LINEAR,
        venue_symbols: vec![],
        cursor: cursor.map(str::to_owned),
    };
    let between = |i: &Arc<Instrument>| Fetch::OpenInterestHistory {
        instrument: Arc::clone(i),
        from: Ms(1),
        to: Ms(3),
        limit: 999,
    };
    let hour = Ms::HOUR.0;
    let cases = [
        (page(None), "instruments-info?category=linear&limit=1000".to_owned(), "linear_calls"),
        (
            page(Some("a%3D1")),
            "instruments-info?category=linear&limit=1000&cursor=a%253D1".to_owned(),
            "linear_calls",
        ),
        (
            klines(&eth, Timeframe::H1, Ms(0), Ms(90 * hour), 5_000),
            format!(
                "kline?category=linear&symbol=ETHUSDT&interval=60&start=0&end={}&limit=1000",
                90 * hour - 1
            ),
            "linear_calls",
        ),
        (
            // Of a longer range the first rows are meant, and the venue would give the last.
            klines(&spot, Timeframe::H1, Ms(0), Ms(90 * hour), 10),
            format!("kline?category=spot&symbol=ETHUSDT&interval=60&start=0&end={}&limit=10", 10 * hour - 1),
            "spot_calls",
        ),
        (
            between(&eth),
            "open-interest?category=linear&symbol=ETHUSDT&intervalTime=5min&startTime=1&endTime=2&limit=200"
                .to_owned(),
            "linear_calls",
        ),
        (
            Fetch::FundingHistory { instrument: Arc::clone(&eth), from: Ms(1), to: Ms(3), limit: 7 },
            "funding/history?category=linear&symbol=ETHUSDT&startTime=1&endTime=2&limit=7".to_owned(),
            "linear_calls",
        ),
        (
            Fetch::Trades { instrument: Arc::clone(&spot), from: Ms(1), to: Ms(3), limit: 999 },
            "recent-trade?category=spot&symbol=ETHUSDT&limit=60".to_owned(),
            "spot_calls",
        ),
        (
            Fetch::Depth { instrument: Arc::clone(&eth) },
            "orderbook?category=linear&symbol=ETHUSDT&limit=200".to_owned(),
            "linear_calls",
        ),
        (
            Fetch::MarkPrice { instrument: Arc::clone(&eth) },
            "tickers?category=linear&symbol=ETHUSDT".to_owned(),
            "linear_calls",
        ),
    ];
    let budgets: Vec<&str> = venue.limits().iter().map(|l| l.name).collect();
    for (fetch, tail, limit) in cases {
        let request = venue.request(&fetch).unwrap();
        assert_eq!((request.url, request.limit, request.weight), (market(&tail), limit, 1));
        assert!(budgets.contains(&limit) && request.body.is_none());
    }
    assert!(venue.request(&between(&spot)).is_none(), "spot has no open interest");
    assert_eq!(venue.polls(&spot, RECEIVED), []);
    assert_eq!(venue.polls(&eth, RECEIVED).len(), 1);
}

#[test]
fn the_list_gives_usdt_and_usdc_perpetuals_page_by_page() {
    let venue = Bybit::default();
    let rows = [
        perp("BTCUSDT", "BTC", "USDT", "LinearPerpetual", "Trading", 480),
        perp("BTCPERP", "BTC", "USDC", "LinearPerpetual", "Trading", 480),
        perp("BTCUSDT-25DEC26", "BTC", "USDT", "LinearFutures", "Trading", 0),
        perp("OLDUSDT", "OLD", "USDT", "LinearPerpetual", "Closed", 480),
        perp("NEWUSDT", "NEW", "USDT", "LinearPerpetual", "PreLaunch", 480),
        perp("1000PEPEUSDT", "1000PEPE", "USDT", "LinearPerpetual", "Trading", 240),
        perp("SHIB1000USDT", "SHIB1000", "USDT", "LinearPerpetual", "Trading", 60),
    ];
    let (perps, next) = list(LINEAR, &venue, &rows, "page%3D2");
    assert_eq!(next.as_deref(), Some("page%3D2"));
    let names: Vec<_> = perps.iter().map(|i| (i.symbol.as_str(), i.multiplier)).collect();
    let expected = [
        ("BTCUSDT-PERP", 1.0),
        ("BTCUSDC-PERP", 1.0),
        ("PEPEUSDT-PERP", 1_000.0),
        ("SHIBUSDT-PERP", 1_000.0),
    ];
    assert_eq!(names, expected);
    assert_eq!((perps[0].tick_size, perps[0].step_size), (0.1, 0.001));
    assert_eq!((perps[3].tick_size, perps[3].step_size), (0.1 / 1_000.0, 1.0));
    assert_eq!((perps[1].group.as_str(), perps[1].quote.as_str()), ("BTC-PERP", "USDC"));

    let pair = r#"{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","status":"Trading","lotSizeFilter":{"basePrecision":"0.000001","minOrderQty":"0.000001"},"priceFilter":{"tickSize":"0.1"}}"#;
    let (pairs, next) = list(SPOT, &venue, &[pair.to_owned()], "");
    assert_eq!((pairs[0].symbol.as_str(), pairs[0].step_size, next), ("BTC/USDT", 0.000001, None));

    // What the list told besides: no bars before the launch, and the interval of the payments.
    let shib = Arc::new(perps[3].clone());
    let url = venue.request(&klines(&shib, Timeframe::D1, Ms(0), RECEIVED, 10)).unwrap().url;
    assert!(url.contains("&start=1585526400000&"), "{url}");
    let before = venue.request(&klines(&shib, Timeframe::D1, Ms(0), Ms(Ms::DAY.0), 10)).unwrap().url;
    assert!(
        before.contains("&start=0&end=86399999&"),
        "a range wholly before the launch is left as it is: {before}"
    );
    let ticker = r#"{"category":"linear","list":[{"symbol":"SHIB1000USDT","markPrice":"0.012","indexPrice":"0.012","fundingRate":"0.0001","nextFundingTime":"1790002800000","openInterest":"10","openInterestValue":"0.12"}]}"#;
    let fetch = Fetch::MarkPrice { instrument: shib };
    let Ok(Fetched::Updates(updates)) = venue.parse_rest(&fetch, RECEIVED, body(ticker).as_bytes()) else {
        panic!()
    };
    let What::Oi(oi) = updates[0].what else { panic!() };
    assert_eq!(
        (oi.timestamp, oi.open_interest, oi.open_interest_value),
        (Ms(1_790_000_000_900), 5_000.0, Some(0.06))
    );
    let What::Funding(funding) = updates[1].what else { panic!() };
    assert_eq!((funding.interval_hours, funding.kind), (Some(1.0), FundingKind::Predicted));
    assert_eq!(funding.mark_price, Some(0.012 / 1_000.0));
}

#[test]
fn rest_rows_become_updates_oldest_first() {
    let venue = Bybit::default();
    let i = Arc::new(listed(LINEAR, "1000PEPEUSDT"));
    let answer =
        |fetch: &Fetch, result: &str| match venue.parse_rest(fetch, RECEIVED, body(result).as_bytes()) {
            Ok(Fetched::Updates(updates)) => updates.into_iter().map(|u| u.what).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
    let (from, to, limit) = (Ms(0), RECEIVED, 200);
    let row = |open: i64| format!(r#"["{open}","0.012","0.014","0.011","0.013","200","2.6"]"#);
    let rows = format!(
        r#"{{"symbol":"1000PEPEUSDT","category":"linear","list":[{},{}]}}"#,
        row(1_789_999_980_000),
        row(1_789_999_920_000)
    );
    // The newer minute is still running at the time of receipt.
    let bars: Vec<_> = answer(&klines(&i, Timeframe::M1, from, to, limit), &rows)
        .into_iter()
        .map(|what| match what {
            What::Kline(bar) => (bar.timestamp.0, bar.closed, bar.open, bar.volume, bar.vwap),
            other => panic!("{other:?}"),
        })
        .collect();
    let (open, vwap) = (0.012 / 1_000.0, Some(2.6 / 200_000.0));
    let expected =
        [(1_789_999_920_000, true, open, 200_000.0, vwap), (1_789_999_980_000, false, open, 200_000.0, vwap)];
    assert_eq!(bars, expected);

    let oi = Fetch::OpenInterestHistory { instrument: Arc::clone(&i), from, to, limit };
    let rows = r#"{"symbol":"1000PEPEUSDT","category":"linear","list":[{"openInterest":"30","singleOpenInterest":"16","timestamp":"1789999800000"},{"openInterest":"30","timestamp":"1789999500000"}],"nextPageCursor":"x"}"#;
    let readings: Vec<_> = answer(&oi, rows)
        .into_iter()
        .map(|what| match what {
            What::Oi(oi) => (oi.timestamp.0, oi.open_interest, oi.open_interest_value),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(readings, [(1_789_999_500_000, 15_000.0, None), (1_789_999_800_000, 16_000.0, None)]);

    let funding = Fetch::FundingHistory { instrument: Arc::clone(&i), from, to, limit };
    let hour = |h: i64| 1_789_992_000_000 - h * 3_600_000;
    let row = |h| {
        format!(r#"{{"symbol":"1000PEPEUSDT","fundingRate":"0.0002","fundingRateTimestamp":"{}"}}"#, hour(h))
    };
    let rows = format!(r#"{{"category":"linear","list":[{},{},{}]}}"#, row(0), row(4), row(8));
    let payments: Vec<_> = answer(&funding, &rows)
        .into_iter()
        .map(|what| match what {
            What::Funding(f) => (f.timestamp.0, f.kind, f.interval_hours),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(payments, [8, 4, 0].map(|h| (hour(h), FundingKind::Settled, Some(4.0))));

    let trades = Fetch::Trades { instrument: Arc::clone(&i), from: Ms(1_790_000_000_000), to, limit };
    let row = |id: &str, at: i64, block: bool| {
        format!(
            r#"{{"execId":"{id}","symbol":"1000PEPEUSDT","price":"0.0125","size":"3","side":"Sell","time":"{at}","isBlockTrade":{block},"seq":"9"}}"#
        )
    };
    let rows = [
        row("d", 1_790_000_000_003, false),
        row("c", 1_790_000_000_002, true),
        row("b", 1_790_000_000_001, false),
        row("a", 1_789_999_999_999, false),
    ];
    let found = answer(&trades, &format!(r#"{{"category":"linear","list":[{}]}}"#, rows.join(",")));
    let ids: Vec<_> = found
        .into_iter()
        .map(|what| match what {
            What::Trade(t) => (t.trade.id, t.trade.quantity),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, [("b".to_owned(), 3_000.0), ("d".to_owned(), 3_000.0)]);

    let depth = Fetch::Depth { instrument: Arc::clone(&i) };
    let book = r#"{"s":"1000PEPEUSDT","b":[["0.0125","3"]],"a":[["0.0126","4"]],"ts":1790000000002,"u":5,"seq":7,"cts":1790000000001}"#;
    let [What::Top(top)] = answer(&depth, book)[..] else { panic!() };
    assert_eq!((top.timestamp, top.bid_qty, top.ask_qty), (Ms(1_790_000_000_001), 3_000.0, 4_000.0));

    let refused = r#"{"retCode":10001,"retMsg":"symbol invalid","result":{},"retExtInfo":{},"time":1}"#;
    let error = venue.parse_rest(&depth, RECEIVED, refused.as_bytes());
    assert_eq!(error, Err(VenueError::Refused { detail: "10001: symbol invalid".into() }));
    for bad in ["<html>", "{}", r#"{"retCode":0,"retMsg":"OK","result":{"list":7}}"#] {
        assert!(venue.parse_rest(&oi, RECEIVED, bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn bodies_without_an_address_are_known_by_their_rows() {
    let mut frames = Arc::new(Bybit::default()).decoder(LINEAR);
    let mut of = |result: &str| frames.decode(&instruments(), RECEIVED, body(result).as_bytes()).unwrap();
    let oi = r#"{"symbol":"ETHUSDT","category":"linear","list":[{"openInterest":"30","singleOpenInterest":"15","timestamp":"1789999800000"}]}"#;
    let Frame::Updates(updates) = of(oi).frame else { panic!() };
    assert!(matches!(updates[0].what, What::Oi(oi) if oi.open_interest == 15.0));
    let row = |name: &str| {
        format!(
            r#"{{"symbol":"{name}","markPrice":"1","fundingRate":"0.1","nextFundingTime":"1790002800000"}}"#
        )
    };
    let tickers = format!(
        r#"{{"category":"linear","list":[{},{},{}]}}"#,
        row("ETHUSDT"),
        row("NEWUSDT"),
        row("BTCUSDT-25DEC26")
    );
    let decoded = of(&tickers);
    assert_eq!(decoded.unlisted, ["NEWUSDT"]);
    assert!(matches!(decoded.frame, Frame::Updates(updates) if updates.len() == 1));
    let book = r#"{"s":"ETHUSDT","b":[["4120","3"]],"a":[["4121","4"]],"ts":1790000000002,"u":5,"seq":7}"#;
    assert!(matches!(of(book).frame, Frame::Updates(updates) if matches!(updates[0].what, What::Top(_))));
    let kinds = [
        (
            r#"{"category":"linear","symbol":"ETHUSDT","list":[["1","1","1","1","1","1","1"]]}"#,
            "rest_kline_unnamed",
        ),
        (r#"{"category":"spot","list":[{"baseCoin":"X"}]}"#, "rest_other_product"),
        (r#"{"category":"linear","list":[]}"#, "rest_empty"),
        (r#"{"timeSecond":"1688639403"}"#, "rest_other_call"),
    ];
    for (result, kind) in kinds {
        assert_eq!(of(result).frame, Frame::Ignored(kind), "{result}");
    }
    let whole = body(oi);
    for cut in 0..whole.len() {
        let _ = frames.decode(&instruments(), RECEIVED, &whole.as_bytes()[..cut]);
    }
}
