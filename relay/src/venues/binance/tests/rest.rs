//! REST calls and answers.

use std::sync::Arc;

use shared::event::FundingKind;
use shared::market::{Instrument, Ms, Timeframe};

use super::{Binance, RECEIVED, SPOT, USDM, listed};
use crate::venues::{Fetch, Fetched, Level, Venue, VenueError, What};

#[test]
fn calls_carry_address_budget_and_weight() {
    let venue = Binance::default();
    let perp = Arc::new(listed(USDM, "ETHUSDT"));
    let spot = Arc::new(listed(SPOT, "ETHUSDT"));
    let klines = |instrument: &Arc<Instrument>, limit| Fetch::Klines {
        instrument: Arc::clone(instrument),
        timeframe: Timeframe::H1,
        from: Ms(1_000),
        to: Ms(2_000),
        limit,
    };
    let fapi = "https://fapi.binance.com";
    let api = "https://api.binance.com";
    let cases = [
        (
            klines(&perp, 99),
            format!("{fapi}/fapi/v1/klines?symbol=ETHUSDT&interval=1h&startTime=1000&endTime=1999&limit=99"),
            "usdm_weight",
            1,
        ),
        (
            klines(&perp, 9_000),
            format!(
                "{fapi}/fapi/v1/klines?symbol=ETHUSDT&interval=1h&startTime=1000&endTime=1999&limit=1500"
            ),
            "usdm_weight",
            10,
        ),
        (
            klines(&spot, 9_000),
            format!("{api}/api/v3/klines?symbol=ETHUSDT&interval=1h&startTime=1000&endTime=1999&limit=1000"),
            "spot_weight",
            2,
        ),
        (
            Fetch::Instruments {
                product: SPOT,
                venue_symbols: vec!["BTCUSDT".into(), "ETHUSDT".into()],
                cursor: None,
            },
            format!("{api}/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D"),
            "spot_weight",
            20,
        ),
        (
            Fetch::Depth { instrument: Arc::clone(&perp) },
            format!("{fapi}/fapi/v1/depth?symbol=ETHUSDT&limit=1000"),
            "usdm_weight",
            20,
        ),
        (
            Fetch::OpenInterestHistory { instrument: Arc::clone(&perp), from: Ms(1), to: Ms(3), limit: 999 },
            format!(
                "{fapi}/futures/data/openInterestHist?symbol=ETHUSDT&period=5m&startTime=1&endTime=2&limit=500"
            ),
            "usdm_stats",
            1,
        ),
        (Fetch::FundingIntervals { product: USDM }, format!("{fapi}/fapi/v1/fundingInfo"), "usdm_funding", 1),
    ];
    let budgets: Vec<&str> = venue.limits().iter().map(|l| l.name).collect();
    for (fetch, url, limit, weight) in cases {
        let call = venue.request(&fetch).unwrap();
        assert_eq!((call.url, call.limit, call.weight), (url, limit, weight));
        assert!(budgets.contains(&limit));
    }
    assert!(venue.request(&Fetch::OpenInterest { instrument: spot }).is_none(), "spot has no open interest");
    assert_eq!(venue.limits()[0].host, "fapi.binance.com");
}

#[test]
fn rest_rows_become_updates() {
    let venue = Binance::default();
    let i = Arc::new(listed(USDM, "1000PEPEUSDT"));
    let answer = |fetch: &Fetch, body: &str| match venue.parse_rest(fetch, RECEIVED, body.as_bytes()) {
        Ok(Fetched::Updates(updates)) => updates.into_iter().map(|u| u.what).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let (from, to, limit) = (Ms(0), RECEIVED, 500);
    let klines = Fetch::Klines { instrument: Arc::clone(&i), timeframe: Timeframe::M1, from, to, limit };
    let row = |open: i64| {
        let close = open + 59_999;
        format!(r#"[{open},"0.012","0.014","0.011","0.013","200",{close},"2.6",9,"50","0.65","0"]"#)
    };
    // The second minute of the two is still running at the time of receipt.
    let body = format!("[{},{}]", row(1_789_999_980_000), row(1_789_999_920_000));
    let bars: Vec<_> = answer(&klines, &body)
        .into_iter()
        .map(|what| match what {
            What::Kline(bar) => (bar.timestamp.0, bar.closed, bar.open, bar.volume, bar.vwap),
            _ => panic!(),
        })
        .collect();
    let (open, vwap) = (0.012 / 1_000.0, Some(2.6 / 200_000.0));
    let expected =
        [(1_789_999_920_000, true, open, 200_000.0, vwap), (1_789_999_980_000, false, open, 200_000.0, vwap)];
    assert_eq!(bars, expected);

    let history = Fetch::FundingHistory { instrument: Arc::clone(&i), from, to, limit };
    let row =
        |at: i64| format!(r#"{{"symbol":"X","fundingTime":{at},"fundingRate":"0.0002","markPrice":""}}"#);
    let hours = [0, 4, 8, 40, 41];
    let rows: Vec<String> =
        hours.iter().map(|h| row(1_790_000_000_000 / 3_600_000 * 3_600_000 + h * 3_600_000 + 7)).collect();
    let funding: Vec<_> = answer(&history, &format!("[{}]", rows.join(",")))
        .into_iter()
        .map(|what| match what {
            What::Funding(f) => (f.timestamp.0 % 3_600_000, f.kind, f.interval_hours),
            _ => panic!(),
        })
        .collect();
    let settled = |hours| (0, FundingKind::Settled, Some(hours));
    // The hole before the fourth is no interval; its successor tells.
    assert_eq!(funding, [settled(4.0), settled(4.0), settled(4.0), settled(1.0), settled(1.0)]);

    let now = Fetch::OpenInterest { instrument: Arc::clone(&i) };
    let oi = answer(&now, r#"{"openInterest":"12.5","symbol":"1000PEPEUSDT","time":1790000000000}"#);
    assert!(matches!(oi[0], What::Oi(o) if o.open_interest == 12_500.0 && o.open_interest_value.is_none()));

    let depth = Fetch::Depth { instrument: Arc::clone(&i) };
    let body = r#"{"lastUpdateId":5,"E":1790000000002,"T":1790000000001,"bids":[["0.012","3"]],"asks":[]}"#;
    let What::Snapshot(snapshot) = answer(&depth, body).remove(0) else { panic!() };
    assert_eq!((snapshot.last_id, snapshot.timestamp), (5, Ms(1_790_000_000_001)));
    assert_eq!(snapshot.bids, [Level { price: 0.012 / 1_000.0, quantity: 3_000.0 }]);

    let refused = venue.parse_rest(&depth, RECEIVED, br#"{"code":-1121,"msg":"Invalid symbol."}"#);
    assert_eq!(refused, Err(VenueError::Refused { detail: "-1121: Invalid symbol.".into() }));
    assert!(matches!(venue.parse_rest(&depth, RECEIVED, b"<html>"), Err(VenueError::Malformed { .. })));
}

#[test]
fn exchange_info_lists_trading_perpetuals_and_spot_pairs() {
    let venue = Binance::default();
    let market = |symbol: &str, contract: &str, status: &str, base: &str| {
        format!(
            r#"{{"symbol":"{symbol}","contractType":"{contract}","status":"{status}","baseAsset":"{base}","quoteAsset":"USDT",
            "filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.1","tickSize":"0.10"}},{{"filterType":"LOT_SIZE","stepSize":"0.001"}},
            {{"filterType":"MAX_NUM_ORDERS","limit":200}}]}}"#
        )
    };
    let markets = [
        market("BTCUSDT", "PERPETUAL", "TRADING", "BTC"),
        market("BTCUSDT_261225", "CURRENT_QUARTER", "TRADING", "BTC"),
        market("OLDUSDT", "PERPETUAL", "SETTLING", "OLD"),
        market("TSLAUSDT", "TRADIFI_PERPETUAL", "TRADING", "TSLA"),
        market("1000BONKUSDT", "PERPETUAL", "TRADING", "1000BONK"),
    ];
    let body = format!(r#"{{"timezone":"UTC","symbols":[{}]}}"#, markets.join(","));
    let list = |product| {
        let fetch = Fetch::Instruments { product, venue_symbols: vec![], cursor: None };
        match venue.parse_rest(&fetch, RECEIVED, body.as_bytes()) {
            Ok(Fetched::Instruments { listed, .. }) => listed,
            other => panic!("{other:?}"),
        }
    };
    let perps = list(USDM);
    let names: Vec<&str> = perps.iter().map(|i| i.symbol.as_str()).collect();
    assert_eq!(names, ["BTCUSDT-PERP", "BONKUSDT-PERP"]);
    assert_eq!((perps[0].tick_size, perps[0].step_size), (0.1, 0.001));
    assert_eq!((perps[1].tick_size, perps[1].step_size, perps[1].multiplier), (0.1 / 1_000.0, 1.0, 1_000.0));
    assert_eq!(list(SPOT).len(), 4, "spot has no contract type to go by");
}
