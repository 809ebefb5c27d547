//! What the venue says of itself: addresses, topics, requests, and what recordings are of.

use shared::event::Channel;
use shared::market::{Ms, Timeframe};

use super::{Bybit, LINEAR, SPOT, listed};
use crate::config::BaseUrls;
use crate::venues::bybit::Endpoints;
use crate::venues::{Fetch, Product, Stream, Venue};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name, ".json")).as_slice()
    };
}

#[test]
fn streams_and_addresses_are_the_products() {
    let base = "ws://127.0.0.1:9/".to_owned();
    let urls = BaseUrls { ws: Some(base), ..BaseUrls::default() };
    let venue = Bybit::new(Endpoints::from(&urls));
    let routes: Vec<(&str, String)> = venue.routes().into_iter().map(|r| (r.name, r.url)).collect();
    let at = |name| format!("ws://127.0.0.1:9/v5/public/{name}");
    assert_eq!(routes, [(LINEAR, at(LINEAR)), (SPOT, at(SPOT))]);
    let own = Bybit::default().routes().remove(1).url;
    assert_eq!(own, "wss://stream.bybit.com/v5/public/spot");
    let names = |product, name| -> Vec<String> {
        let streams = venue.streams(&listed(product, name), &Channel::OFFERED);
        assert!(streams.iter().all(|s| s.route == product));
        streams.into_iter().map(|s| format!("{} {}", s.channel, s.name)).collect()
    };
    let perp = names(LINEAR, "1000PEPEUSDT");
    let expected = [
        "bar kline.1.1000PEPEUSDT",
        "oi tickers.1000PEPEUSDT",
        "funding tickers.1000PEPEUSDT",
        "liquidation allLiquidation.1000PEPEUSDT",
        "trade publicTrade.1000PEPEUSDT",
        "book orderbook.200.1000PEPEUSDT",
    ];
    assert_eq!(perp, expected);
    let spot = names(SPOT, "ETHUSDT");
    assert_eq!(spot, ["bar kline.1.ETHUSDT", "trade publicTrade.ETHUSDT", "book orderbook.200.ETHUSDT"]);
}

#[test]
fn requests_name_each_topic_once_and_no_more_than_the_product_takes() {
    let venue = Bybit::default();
    let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let eth = listed(LINEAR, "ETHUSDT");
    let both = venue.streams(&eth, &[Channel::Oi, Channel::Funding, Channel::Trade]);
    let expected = r#"{"req_id":"3","op":"subscribe","args":["tickers.ETHUSDT","publicTrade.ETHUSDT"]}"#;
    let frames = venue.subscribe(&both, &both, 3);
    assert_eq!(frames.iter().map(|f| same(f)).collect::<Vec<_>>(), [same(expected)]);
    let funding_stays = venue.unsubscribe(&both[..1], &both[1..], 4);
    assert!(funding_stays.is_empty(), "{funding_stays:?}");
    let sizes = |product: Product| -> Vec<usize> {
        let names = (0..450).map(|n| format!("COIN{n}USDT"));
        let streams: Vec<Stream> = names
            .flat_map(|name| venue.streams(&listed(product, &name), &[Channel::Trade]))
            .take(if product == SPOT { 25 } else { 450 })
            .collect();
        let frames = venue.subscribe(&streams, &streams, 5);
        let ids: Vec<String> =
            frames.iter().map(|f| same(f)["req_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, ["5", "6", "7"]);
        frames.iter().map(|f| same(f)["args"].as_array().unwrap().len()).collect()
    };
    assert_eq!(sizes(LINEAR), [200, 200, 50]);
    assert_eq!(sizes(SPOT), [10, 10, 5]);
    // The whole connection stays under what all its arguments may have together.
    let longest = venue.streams(&listed(LINEAR, "1000000BABYDOGEUSDT"), &Channel::OFFERED);
    let longest = longest.iter().map(|s| s.name.len()).max().unwrap();
    assert!(venue.routes().iter().all(|r| r.max_streams * longest <= 21_000));
}

#[test]
fn recorded_addresses_and_frames_tell_their_product() {
    let venue = Bybit::default();
    let frames = [
        (fixture!("ws_trades"), Some(LINEAR)),
        (fixture!("ws_spot_trade"), Some(SPOT)),
        (fixture!("ws_book_delta"), Some(LINEAR)),
        (fixture!("ws_liquidations"), Some(LINEAR)),
        (fixture!("ws_ticker_snapshot"), Some(LINEAR)),
        (fixture!("ws_ticker_delta"), Some(LINEAR)),
        (fixture!("ws_spot_ticker"), Some(SPOT)),
        (fixture!("ws_kline"), Some(LINEAR)),
        (fixture!("ws_spot_kline"), Some(SPOT)),
        (br#"{"topic":"orderbook.50.X","ts":1,"type":"delta","data":{}}"#.as_slice(), Some(SPOT)),
        (br#"{"success":true,"ret_msg":"subscribe","conn_id":"x","op":"subscribe"}"#, Some(SPOT)),
        (br#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[]}}"#, Some(LINEAR)),
        (fixture!("ws_refused"), None),
    ];
    for (bytes, product) in frames {
        assert_eq!(venue.product_of_frame(None, bytes), product, "{}", String::from_utf8_lossy(bytes));
    }
    let urls = [
        ("wss://stream.bybit.com/v5/public/linear", Some(LINEAR)),
        ("wss://stream.bybit.com/v5/public/spot", Some(SPOT)),
        ("wss://stream.bybit.com/v5/public/inverse", None),
        ("linear", Some(LINEAR)),
        ("spot", Some(SPOT)),
        ("https://api.bybit.com/v5/market/tickers?&category=spot&symbol=X", Some(SPOT)),
        ("/v5/market/kline", None),
    ];
    for (url, product) in urls {
        assert_eq!(venue.product_of_frame(Some(url), b"{}"), product, "{url}");
    }
    let call = |url, query| venue.fetch_of_url(None, url, query);
    let Some(Fetch::Klines { instrument, timeframe, from, to, limit }) =
        call("/v5/market/kline", "category=linear&symbol=SHIB1000USDT&interval=240&start=5&end=99&limit=7")
    else {
        panic!()
    };
    assert_eq!((timeframe, from, to, limit), (Timeframe::H4, Ms(5), Ms(100), 7));
    assert_eq!(instrument.symbol.as_str(), "SHIBUSDT-PERP");
    let ignored = [
        ("/v5/market/kline?category=linear&symbol=BTCUSDT&interval=3", "", "kline_other_interval"),
        ("/v5/market/kline", "category=inverse&symbol=BTCUSD&interval=1", "rest_other_product"),
        ("/v5/market/kline", "category=linear&symbol=BTCUSDT-25DEC26&interval=1", "rest_other_market"),
        ("/v5/market/tickers", "category=linear", "rest_tickers_all"),
        ("/v5/market/tickers", "category=spot&symbol=BTCUSDT", "rest_spot_ticker"),
        ("/v5/market/insurance", "category=linear", "rest_other_call"),
        ("/v5/market/time", "", "rest_time"),
    ];
    for (url, query, kind) in ignored {
        assert_eq!(call(url, query), Some(Fetch::Ignored(kind)), "{url} {query}");
    }
    assert_eq!(call("/v5/order/create", ""), None);
}
