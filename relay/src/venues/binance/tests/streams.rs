//! Which streams there are, how they are asked for, and whose a recorded frame is.

use super::*;

#[test]
fn streams_go_to_the_route_that_delivers_them() {
    let venue = Binance::new(Endpoints { spot_ws: "ws://127.0.0.1:9/".into(), ..Endpoints::default() });
    let routes: Vec<(&str, String)> = venue.routes().into_iter().map(|r| (r.name, r.url)).collect();
    let expected = [
        ("usdm/public", "wss://fstream.binance.com/public/stream"),
        ("usdm/market", "wss://fstream.binance.com/market/stream"),
        ("spot", "ws://127.0.0.1:9/stream"),
    ];
    assert_eq!(routes, expected.map(|(name, url)| (name, url.to_owned())));
    let names = |streams: Vec<Stream>| -> Vec<String> {
        streams.iter().map(|s| format!("{} {}", s.route, s.name)).collect()
    };
    let perp = names(venue.streams(&listed(USDM, "1000PEPEUSDT"), &Channel::OFFERED));
    let expected = [
        "usdm/market 1000pepeusdt@kline_1m",
        "usdm/market 1000pepeusdt@markPrice@1s",
        "usdm/market 1000pepeusdt@forceOrder",
        "usdm/market 1000pepeusdt@aggTrade",
        "usdm/public 1000pepeusdt@depth@100ms",
        "usdm/public 1000pepeusdt@bookTicker",
    ];
    assert_eq!(perp, expected);
    let spot = names(venue.streams(&listed(SPOT, "ETHUSDT"), &Channel::OFFERED));
    let expected = [
        "spot ethusdt@kline_1m",
        "spot ethusdt@aggTrade",
        "spot ethusdt@depth@100ms",
        "spot ethusdt@bookTicker",
    ];
    assert_eq!(spot, expected);
}

#[test]
fn subscriptions_come_in_few_frames_with_ids_counting_up() {
    let venue = Binance::default();
    let eth = listed(USDM, "ETHUSDT");
    let two = venue.streams(&eth, &[Channel::Trade, Channel::Liquidation]);
    let expected = r#"{"id":3,"method":"SUBSCRIBE","params":["ethusdt@aggTrade","ethusdt@forceOrder"]}"#;
    let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(same(&venue.subscribe(&two, &two, 3)[0]), same(expected));
    let many: Vec<Stream> = (0..250).flat_map(|_| venue.streams(&eth, &[Channel::Trade])).collect();
    let frames = venue.unsubscribe(&many, &[], 5);
    let ids: Vec<u64> = frames.iter().map(|f| same(f)["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [5, 6, 7]);
    let sizes: Vec<usize> = frames.iter().map(|f| same(f)["params"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
}

#[test]
fn recorded_addresses_and_frames_tell_their_product() {
    let venue = Binance::default();
    let frames = [
        (fixture!("ws_agg_trade"), Some(USDM)),
        (fixture!("ws_depth"), Some(USDM)),
        (fixture!("ws_kline"), Some(USDM)),
        (fixture!("ws_mark_price_dated"), Some(USDM)),
        (fixture!("ws_spot_book_ticker"), Some(SPOT)),
        (fixture!("ws_spot_depth20"), Some(SPOT)),
        (fixture!("ws_ack"), None),
    ];
    for (bytes, product) in frames {
        assert_eq!(venue.product_of_frame(None, bytes), product, "{}", String::from_utf8_lossy(bytes));
    }
    let urls = [
        ("wss://fstream.binance.com/market/stream", Some(USDM)),
        ("wss://stream.binance.com:9443/stream?streams=x@depth", Some(SPOT)),
        ("usdm/market", Some(USDM)),
        ("/futures/data/openInterestHist", Some(USDM)),
        ("https://api.binance.com/api/v3/depth", Some(SPOT)),
        ("https://dapi.binance.com/dapi/v1/depth", None),
    ];
    for (url, product) in urls {
        assert_eq!(venue.product_of_frame(Some(url), b"{}"), product, "{url}");
    }

    let call = |url, query| venue.fetch_of_url(None, url, query);
    let Some(Fetch::Klines { instrument, timeframe, from, to, limit }) =
        call("/fapi/v1/klines", "endTime=99&interval=1M&limit=7&startTime=5&symbol=1000PEPEUSDT")
    else {
        panic!()
    };
    assert_eq!((timeframe, from, to, limit), (Timeframe::Mo1, Ms(5), Ms(100), 7));
    assert_eq!(instrument.symbol.as_str(), "PEPEUSDT-PERP");
    let depth = call("https://api.binance.com/api/v3/depth?symbol=LRCBTC&limit=1000", "");
    assert!(matches!(depth, Some(Fetch::Depth { instrument }) if instrument.symbol.as_str() == "LRC/BTC"));
    let ignored = [
        ("/fapi/v1/ticker/24hr", "symbol=BTCUSD_201225", "rest_ticker_24h"),
        ("/futures/data/openInterestHist", "pair=BTCUSD&period=5m", "rest_other_market"),
        ("/fapi/v1/klines", "symbol=BTCUSDT&interval=3m", "kline_other_interval"),
        ("/dapi/v1/klines", "symbol=BTCUSD_PERP&interval=1m", "rest_other_product"),
        ("/api/v3/account", "", "rest_other_call"),
    ];
    for (url, query, kind) in ignored {
        assert_eq!(call(url, query), Some(Fetch::Ignored(kind)), "{url}");
    }
}
