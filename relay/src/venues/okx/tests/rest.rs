//! Calls, their answers, and what recorded addresses were.

use super::*;
use crate::venues::Fetched;

fn fetched(venue: &Okx, fetch: &Fetch, body: &[u8]) -> Vec<What> {
    match venue.parse_rest(fetch, RECEIVED, body).unwrap() {
        Fetched::Updates(updates) => updates.into_iter().map(|u| u.what).collect(),
        other => panic!("{other:?}"),
    }
}

fn body(rows: &str) -> Vec<u8> {
    format!(r#"{{"code":"0","msg":"","data":{rows}}}"#).into_bytes()
}

#[test]
fn live_linear_swaps_are_listed_with_steps_in_coins() {
    let venue = Okx::default();
    let all = Fetch::Instruments { product: SWAP, venue_symbols: vec![], cursor: None };
    let Fetched::Instruments { listed, next: None } =
        venue.parse_rest(&all, RECEIVED, fixture!("rest_instruments_swap")).unwrap()
    else {
        panic!()
    };
    let rows: Vec<_> =
        listed.iter().map(|i| (i.symbol.as_str(), i.tick_size, i.step_size, i.multiplier)).collect();
    assert_eq!(rows, [("ETHUSDT-PERP", 0.01, 0.001, 1.0), ("BTCUSDC-PERP", 0.1, 0.0001, 1.0)]);
    assert_eq!(venue.contracts.coins(&listed[1]), Some(0.0001));
    // One odd row costs itself alone; a list of nothing else is an error.
    let text = String::from_utf8(fixture!("rest_instruments_swap").to_vec()).unwrap();
    let odd = text.replace(r#""ctVal":"0.1""#, r#""ctVal":"""#);
    let left = venue.parse_rest(&all, RECEIVED, odd.as_bytes()).unwrap();
    assert!(matches!(left, Fetched::Instruments { listed, .. } if listed.len() == 1));
    let none = venue.parse_rest(&all, RECEIVED, text.replace("tickSz", "tick").as_bytes());
    assert!(matches!(none, Err(VenueError::Malformed { .. })), "{none:?}");
    let all = Fetch::Instruments { product: SPOT, venue_symbols: vec![], cursor: None };
    let spot = venue.parse_rest(&all, RECEIVED, fixture!("rest_instruments_spot")).unwrap();
    assert!(matches!(spot, Fetched::Instruments { listed, .. } if listed[0].symbol.as_str() == "ETH/USDT"));
    let refused = venue.parse_rest(&all, RECEIVED, fixture!("rest_error"));
    assert_eq!(refused, Err(VenueError::Refused { detail: "51001: Instrument ID does not exist".into() }));
}

#[test]
fn calls_ask_for_what_fits_one_page() {
    let venue = Okx::default();
    let i = Arc::new(listed(SWAP, "ETH-USDT-SWAP"));
    let url = |fetch: &Fetch| venue.request(fetch).map(|r| (r.url, r.limit)).unwrap();
    let hours = |from: i64, n: i64| Fetch::Klines {
        instrument: Arc::clone(&i),
        timeframe: Timeframe::H1,
        from: Ms(from),
        to: Ms(from + n * Ms::HOUR.0),
        limit: 1_000,
    };
    let base = "https://www.okx.com/api/v5/market";
    let call = |path: &str, after: i64, limit: u32| {
        format!("{base}/{path}?instId=ETH-USDT-SWAP&bar=1H&after={after}&limit={limit}")
    };
    let hour = Ms::HOUR.0;
    let at = 497_000 * hour;
    // Before any time was seen, all is recent.
    assert_eq!(url(&hours(at, 10)), (call("candles", at + 10 * hour, 300), "candles"));
    venue.see(Ms(at + 1_000 * hour));
    assert_eq!(url(&hours(at, 1_000)).0, call("candles", at + 300 * hour, 300), "300 rows and no more");
    venue.see(Ms(at + 2_000 * hour));
    assert_eq!(url(&hours(at, 1_000)), (call("history-candles", at + 100 * hour, 100), "history_candles"));

    let (from, to) = (Ms(1_790_000_000_000), Ms(1_790_100_000_000));
    // The finest spacing of which a call holds all.
    for (hours, period) in [(2, "5m"), (24, "15m"), (40, "30m"), (24 * 30, "4H")] {
        let to = Ms(from.0 + hours * hour);
        let oi = Fetch::OpenInterestHistory { instrument: Arc::clone(&i), from, to, limit: 500 };
        let expected = format!(
            "https://www.okx.com/api/v5/rubik/stat/contracts/open-interest-history?instId=ETH-USDT-SWAP\
            &period={period}&begin=1790000000000&end={}&limit=100",
            to.0 - 1
        );
        assert_eq!(url(&oi), (expected, "open_interest_history"));
    }
    let funding = Fetch::FundingHistory { instrument: Arc::clone(&i), from, to, limit: 100 };
    let expected = "https://www.okx.com/api/v5/public/funding-rate-history?instId=ETH-USDT-SWAP\
        &after=1790100000000&limit=100";
    assert_eq!(url(&funding), (expected.into(), "funding_history"));
    let spot = Arc::new(listed(SPOT, "ETH-USDT"));
    assert!(venue.request(&Fetch::OpenInterest { instrument: spot }).is_none());
    let names: Vec<_> = venue.limits().into_iter().map(|l| (l.name, l.capacity, l.window)).collect();
    assert!(names.contains(&("candles", 40, Window::Sliding(Ms(2_200)))));
    assert!(names.iter().any(|(name, ..)| *name == "funding_history"));
}

#[test]
fn candles_are_given_oldest_first_within_what_was_asked() {
    let venue = Okx::default();
    let (from, to) = (Ms(1_789_999_920_000), Ms(1_790_000_040_000));
    let instrument = Arc::new(listed(SWAP, "ETH-USDT-SWAP"));
    let fetch = Fetch::Klines { instrument, timeframe: Timeframe::M1, from, to, limit: 300 };
    let rows = r#"[["1790000040000","5","5","5","5","1","0.1","0.5","0"],
        ["1789999980000","4120","4125","4119.5","4121","400","40","164880","1"],
        ["1789999920000","4120","4121","4119","4120","200","20","82400","1"],
        ["1789999860000","1","1","1","1","1","1","1","1"]]"#;
    let bars: Vec<_> = fetched(&venue, &fetch, &body(rows))
        .into_iter()
        .map(|what| match what {
            What::Kline(bar) => (bar.timestamp.0, bar.volume, bar.vwap, bar.closed),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected =
        [(1_789_999_920_000, 20.0, Some(4_120.0), true), (1_789_999_980_000, 40.0, Some(4_122.0), true)];
    assert_eq!(bars, expected);
}

#[test]
fn payments_are_the_paid_rate_with_the_spacing_as_interval() {
    let venue = Okx::default();
    let instrument = Arc::new(listed(SWAP, "ETH-USDT-SWAP"));
    let fetch = Fetch::FundingHistory { instrument, from: Ms(1), to: Ms(1_790_000_000_000), limit: 3 };
    let rows = r#"[{"instId":"ETH-USDT-SWAP","fundingRate":"0.0003","realizedRate":"0.0002","fundingTime":"1789992000000","method":"current_period"},
        {"instId":"ETH-USDT-SWAP","fundingRate":"0.0001","realizedRate":"","fundingTime":"1789977600000"}]"#;
    let paid: Vec<_> = fetched(&venue, &fetch, &body(rows))
        .into_iter()
        .map(|what| match what {
            What::Funding(f) => (f.timestamp.0, f.kind, f.funding_rate, f.interval_hours),
            other => panic!("{other:?}"),
        })
        .collect();
    let settled = FundingKind::Settled;
    let expected =
        [(1_789_977_600_000, settled, 0.0001, Some(4.0)), (1_789_992_000_000, settled, 0.0002, Some(4.0))];
    assert_eq!(paid, expected);
}

#[test]
fn other_answers_are_in_coins_too() {
    let venue = Okx::default();
    let instrument = Arc::new(listed(SWAP, "ETH-USDT-SWAP"));
    let range = (Ms(1_789_999_000_000), Ms(1_790_000_000_001));
    let (from, to) = range;
    let trades = Fetch::Trades { instrument: Arc::clone(&instrument), from, to, limit: 500 };
    let rows = r#"[{"instId":"ETH-USDT-SWAP","tradeId":"8","px":"4120.5","sz":"2","side":"buy","ts":"1790000000000"},
        {"instId":"ETH-USDT-SWAP","tradeId":"7","px":"4120","sz":"1","side":"sell","ts":"1790000000000"},
        {"instId":"ETH-USDT-SWAP","tradeId":"6","px":"1","sz":"1","side":"sell","ts":"1789998000000"}]"#;
    let unknown = venue.parse_rest(&trades, RECEIVED, &body(rows));
    assert!(matches!(unknown, Err(VenueError::Field { field: "ctVal", .. })), "no size, no trade");
    venue.contracts.guess(&instrument);
    let ids: Vec<_> = fetched(&venue, &trades, &body(rows))
        .into_iter()
        .map(|what| match what {
            What::Trade(t) => (t.trade.id, t.trade.quantity, t.trade.side),
            other => panic!("{other:?}"),
        })
        .collect();
    // The oldest is before the range: it shows that nothing of the range is missing.
    let expected =
        [("6".into(), 0.1, Side::Sell), ("7".into(), 0.1, Side::Sell), ("8".into(), 0.2, Side::Buy)];
    assert_eq!(ids, expected);

    let oi = Fetch::OpenInterestHistory { instrument: Arc::clone(&instrument), from, to, limit: 100 };
    let said = fetched(&venue, &oi, &body(r#"[["1789999800000","500","50.5","208000"]]"#));
    assert!(
        matches!(said[..], [What::Oi(oi)] if oi.open_interest == 50.5 && oi.open_interest_value == Some(208_000.0))
    );
    let now = Fetch::OpenInterest { instrument: Arc::clone(&instrument) };
    let rows = r#"[{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"1","oiCcy":"0.01","ts":"1790000000000"},
        {"instId":"ETH-USDT-SWAP","instType":"SWAP","oi":"500","oiCcy":"50","ts":"1790000000000"}]"#;
    let said = fetched(&venue, &now, &body(rows));
    assert!(
        matches!(said[..], [What::Oi(oi)] if oi.open_interest == 50.0 && oi.open_interest_value.is_none())
    );
    let book = Fetch::Depth { instrument };
    let rows = r#"[{"asks":[["4121","10","0","1"],["4122","10","0","1"]],"bids":[["4120","20","0","2"]],"ts":"1790000000000"}]"#;
    let said = fetched(&venue, &book, &body(rows));
    assert!(
        matches!(said[..], [What::Top(top)] if (top.bid_px, top.bid_qty, top.ask_qty) == (4_120.0, 2.0, 1.0))
    );
}

#[test]
fn recorded_addresses_tell_the_call() {
    let venue = Okx::default();
    let call = |url: &str, query: &str| venue.fetch_of_url(None, url, query).unwrap();
    let url =
        "https://www.okx.com/api/v5/market/history-candles?instId=ETH-USDT-SWAP&bar=1Dutc&after=90&before=4";
    let Fetch::Klines { instrument, timeframe, from, to, .. } = call(url, "") else { panic!() };
    assert_eq!((instrument.symbol.as_str(), timeframe), ("ETHUSDT-PERP", Timeframe::D1));
    assert_eq!((from, to), (Ms(5), Ms(90)));
    let spot = call("/api/v5/market/books", "instId=ETH-USDT&sz=5");
    assert!(matches!(spot, Fetch::Depth { instrument } if instrument.symbol.as_str() == "ETH/USDT"));
    assert!(matches!(
        call("/api/v5/public/instruments", "instType=SPOT"),
        Fetch::Instruments { product: SPOT, .. }
    ));
    for (path, query, kind) in [
        ("market/candles", "instId=ETH-USDT&bar=3m", "candle_other_interval"),
        ("market/candles", "instId=BTC-USD-SWAP&bar=1m", "rest_other_market"),
        ("market/ticker", "instId=ETH-USDT", "rest_ticker"),
        ("account/balance", "instId=ETH-USDT", "rest_other_call"),
        ("public/time", "", "rest_other_product"),
    ] {
        assert_eq!(call(&format!("/api/v5/{path}"), query), Fetch::Ignored(kind), "{path}");
    }
    // About many swaps: their rows say whose they are.
    for (path, query) in [
        ("public/open-interest", "instType=SWAP"),
        ("public/liquidation-orders", "instType=SWAP&instFamily=BTC-USDT&state=filled"),
    ] {
        assert_eq!(venue.fetch_of_url(None, &format!("/api/v5/{path}"), query), None, "{path}");
    }
}
