//! Streams, subscribe frames, and which product a recorded frame is of.

use super::*;

#[test]
fn streams_go_to_the_socket_that_has_them() {
    let urls = BaseUrls { spot_ws: Some("ws://127.0.0.1:9/".into()), ..BaseUrls::default() };
    let venue = Okx::new(Endpoints::from(&urls));
    let routes: Vec<(&str, String)> = venue.routes().into_iter().map(|r| (r.name, r.url)).collect();
    let expected = [
        ("swap/public", "wss://ws.okx.com:8443/ws/v5/public"),
        ("swap/business", "wss://ws.okx.com:8443/ws/v5/business"),
        ("spot/public", "ws://127.0.0.1:9/ws/v5/public"),
        ("spot/business", "ws://127.0.0.1:9/ws/v5/business"),
    ];
    assert_eq!(routes, expected.map(|(name, url)| (name, url.to_owned())));
    let names = |product, name: &str| -> Vec<String> {
        let streams = venue.streams(&listed(product, name), &Channel::OFFERED);
        streams.iter().map(|s| format!("{} {}", s.route, s.name)).collect()
    };
    let mut perp = names(SWAP, "ETH-USDT-SWAP");
    perp.sort();
    let expected = [
        "swap/business candle1m:ETH-USDT-SWAP",
        "swap/public books:ETH-USDT-SWAP",
        "swap/public funding-rate:ETH-USDT-SWAP",
        "swap/public index-tickers:ETH-USDT",
        "swap/public liquidation-orders:SWAP",
        "swap/public mark-price:ETH-USDT-SWAP",
        "swap/public open-interest:ETH-USDT-SWAP",
        "swap/public trades:ETH-USDT-SWAP",
    ];
    assert_eq!(perp, expected);
    let mut spot = names(SPOT, "ETH-USDT");
    spot.sort();
    assert_eq!(
        spot,
        ["spot/business candle1m:ETH-USDT", "spot/public books:ETH-USDT", "spot/public trades:ETH-USDT"]
    );
}

#[test]
fn one_stream_of_all_swaps_is_subscribed_once_and_kept_while_needed() {
    let venue = Okx::default();
    let streams = |name: &str| venue.streams(&listed(SWAP, name), &[Channel::Liquidation, Channel::Trade]);
    let (eth, btc) = (streams("ETH-USDT-SWAP"), streams("BTC-USDT-SWAP"));
    let both: Vec<Stream> = eth.iter().chain(&btc).cloned().collect();
    let parsed = |frames: Vec<String>| -> Vec<serde_json::Value> {
        frames.iter().map(|f| serde_json::from_str(f).unwrap()).collect()
    };
    let args = serde_json::json!([
        {"channel": "liquidation-orders", "instType": "SWAP"},
        {"channel": "trades", "instId": "ETH-USDT-SWAP"},
        {"channel": "trades", "instId": "BTC-USDT-SWAP"},
    ]);
    let expected = serde_json::json!({"id": "3", "op": "subscribe", "args": args});
    assert_eq!(parsed(venue.subscribe(&both, &both, 3)), [expected]);
    let left = parsed(venue.unsubscribe(&eth, &btc, 4));
    assert_eq!(left[0]["args"], serde_json::json!([{"channel": "trades", "instId": "ETH-USDT-SWAP"}]));
    assert!(venue.unsubscribe(&eth[..1], &btc, 5).is_empty());
    let many: Vec<Stream> = (0..120)
        .flat_map(|n| venue.streams(&listed(SPOT, &format!("C{n}-USDT")), &[Channel::Trade]))
        .collect();
    let ids: Vec<_> = parsed(venue.subscribe(&many, &many, 8)).iter().map(|f| f["id"].clone()).collect();
    assert_eq!(ids, ["8", "9", "10"]);
}

#[test]
fn recorded_frames_tell_their_product() {
    let venue = Okx::default();
    for (frame, product) in [
        (fixture!("ws_trades"), Some(SWAP)),
        (fixture!("ws_trades_spot"), Some(SPOT)),
        (fixture!("ws_index_tickers"), Some(SWAP)),
        (fixture!("ws_liquidation_net"), Some(SWAP)),
        (fixture!("ws_candle1m_spot"), Some(SPOT)),
        (fixture!("rest_instruments_spot"), Some(SPOT)),
        (b"pong".as_slice(), None),
    ] {
        assert_eq!(venue.product_of_frame(None, frame), product, "{}", String::from_utf8_lossy(frame));
    }
    for (url, product) in [
        ("swap/business", Some(SWAP)),
        ("spot/public", Some(SPOT)),
        ("wss://ws.okx.com:8443/ws/v5/public", None),
        ("https://www.okx.com/api/v5/public/instruments?instType=SPOT", Some(SPOT)),
        ("/api/v5/market/books?sz=5&instId=ETH-USDT-SWAP", Some(SWAP)),
    ] {
        assert_eq!(venue.product_of_frame(Some(url), b""), product, "{url}");
    }
}

#[test]
fn pings_are_no_requests_and_a_named_refusal_is_of_one_stream() {
    let venue = Okx::default();
    for route in venue.routes() {
        let hourly = route.messages.iter().find(|pace| pace.window == Ms::HOUR).unwrap();
        assert!(!hourly.pings, "{}", route.name);
    }
    assert!(venue.refuses_singly());
}
