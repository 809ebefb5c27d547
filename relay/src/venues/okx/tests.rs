//! Golden cases over frames written by hand, and what the venue says of itself.

mod captures;
mod rest;
mod surface;

use std::sync::Arc;

use shared::event::{Channel, FundingKind, LiquidationSide, Origin, PriceKind, Side};
use shared::market::{Instrument, Ms, Timeframe};

use super::{Endpoints, Okx, SPOT, SWAP};
use crate::config::BaseUrls;
use crate::venues::{
    Decoded, Decoder, Fetch, Frame, Instruments, Level, Product, Stream, Update, Venue, VenueError, What,
    Window,
};

const RECEIVED: Ms = Ms(1_790_000_000_900);

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/venues/okx/fixtures/", $name, ".json"))
            .as_slice()
    };
}
use fixture;

fn listed(product: Product, name: &str) -> Instrument {
    super::symbol::guess(product, name).unwrap()
}

/// A venue whose list of instruments was loaded: 0.1 ETH a contract.
fn venue() -> Arc<Okx> {
    let venue = Arc::new(Okx::default());
    let all = Fetch::Instruments { product: SWAP, venue_symbols: vec![], cursor: None };
    venue.parse_rest(&all, RECEIVED, fixture!("rest_instruments_swap")).unwrap();
    venue
}

fn instruments() -> Instruments {
    let mut all = Instruments::default();
    all.insert(SWAP, listed(SWAP, "ETH-USDT-SWAP"));
    all.insert(SPOT, listed(SPOT, "ETH-USDT"));
    all
}

/// A connection of a product.
struct Line(Box<dyn Decoder>);

impl Line {
    fn new(product: Product) -> Line {
        Line(venue().decoder(product))
    }

    fn decode(&mut self, frame: &[u8]) -> Result<Decoded, VenueError> {
        self.0.decode(&instruments(), RECEIVED, frame)
    }

    fn updates(&mut self, frame: &[u8]) -> Vec<Update> {
        match self.decode(frame).unwrap().frame {
            Frame::Updates(updates) => updates,
            other => panic!("{other:?}"),
        }
    }
}

fn only(product: Product, frame: &[u8]) -> Update {
    let mut updates = Line::new(product).updates(frame);
    assert_eq!(updates.len(), 1);
    updates.remove(0)
}

#[test]
fn the_side_is_the_takers_and_contracts_become_coins() {
    let decoded = Line::new(SWAP).decode(fixture!("ws_trades")).unwrap();
    assert_eq!(decoded.stream.as_deref(), Some("trades:ETH-USDT-SWAP"));
    let update = only(SWAP, fixture!("ws_trades"));
    assert_eq!(update.symbol.as_str(), "ETHUSDT-PERP");
    let What::Trade(update) = update.what else { panic!() };
    assert_eq!(update.sequence, None, "three fills came as one: the id tells repeats, not holes");
    let trade = update.trade;
    assert_eq!((trade.price, trade.quantity, trade.side), (4_120.5, 1.25, Side::Sell));
    assert_eq!((trade.timestamp, trade.id.as_str()), (Ms(1_790_000_000_000), "1000021"));
    let update = only(SPOT, fixture!("ws_trades_spot"));
    assert_eq!(update.symbol.as_str(), "ETH/USDT");
    assert!(matches!(update.what, What::Trade(t) if t.trade.quantity == 0.25 && t.trade.side == Side::Buy));
}

#[test]
fn nothing_is_said_of_sizes_while_the_contract_is_unknown() {
    let venue = Arc::new(Okx::default());
    let mut line = venue.clone().decoder(SWAP);
    let frames = [
        fixture!("ws_trades"),
        fixture!("ws_books_update"),
        fixture!("ws_bbo"),
        fixture!("ws_liquidation_long"),
    ];
    for frame in frames {
        let decoded = line.decode(&instruments(), RECEIVED, frame).unwrap();
        assert_eq!(decoded.frame, Frame::Ignored("contract_size_unknown"));
    }
    // Coins, value and rates need no size.
    for frame in [fixture!("ws_open_interest"), fixture!("ws_funding_rate"), fixture!("ws_candle1m")] {
        let decoded = line.decode(&instruments(), RECEIVED, frame).unwrap();
        assert!(matches!(decoded.frame, Frame::Updates(_)));
    }
    // A recording without the list: the usual size of a usual coin, and none for others.
    venue.guess_instrument(SWAP, "ETH-USDT-SWAP").unwrap();
    let decoded = line.decode(&instruments(), RECEIVED, fixture!("ws_trades")).unwrap();
    assert!(matches!(decoded.frame, Frame::Updates(_)));
    let other = venue.guess_instrument(SWAP, "NEW-USDT-SWAP").unwrap();
    assert_eq!(venue.contracts.coins(&other), None);
}

#[test]
fn a_long_dies_by_a_sale_at_the_mark_price() {
    let update = only(SWAP, fixture!("ws_liquidation_long"));
    let What::Liquidation(l) = update.what else { panic!() };
    assert_eq!((l.side, l.price_kind, l.at_least), (LiquidationSide::Long, PriceKind::Mark, true));
    assert_eq!((l.price, l.quantity, l.value), (4_100.5, 2.0, 8_201.0));
    assert_eq!(l.timestamp, Ms(1_790_000_001_000));
}

#[test]
fn net_positions_go_by_the_orders_side_and_rows_come_in_any_order() {
    let decoded = Line::new(SWAP).decode(fixture!("ws_liquidation_net")).unwrap();
    assert_eq!(decoded.stream.as_deref(), Some("liquidation-orders:SWAP"), "one stream for all swaps");
    assert_eq!(decoded.unlisted, ["NEW-USDT-SWAP"], "the inverse one is not followed");
    let Frame::Updates(updates) = decoded.frame else { panic!() };
    let rows: Vec<_> = updates
        .iter()
        .map(|u| match u.what {
            What::Liquidation(l) => (l.side, l.quantity, l.timestamp.0),
            _ => panic!(),
        })
        .collect();
    let (long, short) = (LiquidationSide::Long, LiquidationSide::Short);
    assert_eq!(rows, [(short, 0.1, 1_790_000_003_000), (long, 0.2, 1_789_999_000_000)]);
}

#[test]
fn books_carry_their_chain_and_sizes_in_coins() {
    let level = |price, quantity| Level { price, quantity };
    let What::Snapshot(book) = only(SWAP, fixture!("ws_books_snapshot")).what else { panic!() };
    assert_eq!((book.last_id, book.timestamp), (1_010, Ms(1_790_000_000_100)));
    assert_eq!(book.asks, [level(4_120.6, 2.0), level(4_121.0, 0.55)]);
    let What::Diff(diff) = only(SWAP, fixture!("ws_books_update")).what else { panic!() };
    assert_eq!((diff.last_id, diff.previous_id), (1_015, Some(1_010)));
    assert_eq!(diff.asks, [level(4_120.6, 0.0)]);
    assert_eq!(diff.bids, [level(4_120.5, 3.15), level(4_120.4, 0.2)]);

    let What::Top(top) = only(SWAP, fixture!("ws_bbo")).what else { panic!() };
    assert_eq!((top.bid_px, top.bid_qty, top.ask_px, top.ask_qty), (4_120.5, 3.0, 4_120.6, 2.0));
    assert_eq!(top.depth_10bps, None, "one level tells no depth");
    let What::Top(top) = only(SPOT, fixture!("ws_books5")).what else { panic!() };
    let depth = top.depth_10bps.unwrap();
    // 4100 is beyond 10 bps of the mid.
    assert_eq!((depth.bid_usd, depth.ask_usd), (4_119.0 * 2.0, 4_121.0 + 4_123.0 * 2.0));
}

#[test]
fn funding_is_merged_of_three_streams() {
    let mut line = Line::new(SWAP);
    let ignored = |decoded: Decoded| match decoded.frame {
        Frame::Ignored(kind) => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(ignored(line.decode(fixture!("ws_mark_price")).unwrap()), "mark_price_without_funding");
    let funding = |update: &Update| match update.what {
        What::Funding(funding) => funding,
        _ => panic!(),
    };
    let said = line.updates(fixture!("ws_funding_rate"));
    assert_eq!(said.len(), 2);
    let paid = funding(&said[0]);
    assert_eq!((paid.kind, paid.funding_rate), (FundingKind::Settled, -0.00005));
    assert_eq!((paid.timestamp, paid.interval_hours), (Ms(1_789_992_000_000), Some(4.0)));
    let next = funding(&said[1]);
    assert_eq!((next.kind, next.funding_rate), (FundingKind::Predicted, 0.0001));
    assert_eq!(next.next_funding_time, Some(Ms(1_790_006_400_000)), "fundingTime, not nextFundingTime");
    assert_eq!((next.interval_hours, next.timestamp), (Some(4.0), Ms(1_790_000_000_400)));
    assert!((next.funding_apr.unwrap() - 21.9).abs() < 1e-9);
    assert_eq!((next.mark_price, next.index_price), (Some(4_120.25), None));
    assert_eq!(line.updates(fixture!("ws_funding_rate")).len(), 1, "a payment is told once");

    let decoded = line.decode(fixture!("ws_index_tickers")).unwrap();
    assert_eq!(decoded.stream.as_deref(), Some("index-tickers:ETH-USDT"));
    let index = funding(&line.updates(fixture!("ws_index_tickers"))[0]);
    assert_eq!((index.mark_price, index.index_price), (Some(4_120.25), Some(4_119.75)));
    assert_eq!((index.timestamp, index.funding_rate), (Ms(1_790_000_000_350), 0.0001));
    // A new connection knows nothing.
    assert_eq!(
        ignored(Line::new(SWAP).decode(fixture!("ws_index_tickers")).unwrap()),
        "index_price_without_funding"
    );
}

#[test]
fn open_interest_is_told_in_coins_without_the_noise() {
    let What::Oi(oi) = only(SWAP, fixture!("ws_open_interest")).what else { panic!() };
    assert_eq!((oi.open_interest, oi.open_interest_value), (500_050.099, Some(2_060_456_432.929_75)));
    assert_eq!(oi.timestamp, Ms(1_790_000_000_500));
}

#[test]
fn candles_have_coins_and_vwap_and_say_when_they_are_closed() {
    let bars: Vec<_> = Line::new(SWAP)
        .updates(fixture!("ws_candle1m"))
        .into_iter()
        .map(|u| match u.what {
            What::Kline(bar) => bar,
            _ => panic!(),
        })
        .collect();
    assert_eq!(bars.len(), 2);
    let bar = &bars[0];
    assert_eq!((bar.timestamp, bar.interval, bar.closed), (Ms(1_789_999_980_000), Timeframe::M1, true));
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (4_120.0, 4_125.0, 4_119.5, 4_121.0));
    assert_eq!(
        (bar.volume, bar.vwap, bar.buy_volume, bar.origin),
        (40.0, Some(4_122.0), None, Origin::Kline)
    );
    assert!(!bars[1].closed);
    let What::Kline(bar) = only(SPOT, fixture!("ws_candle1m_spot")).what else { panic!() };
    assert_eq!((bar.volume, bar.vwap), (40.0, Some(4_122.0)));
    let text = String::from_utf8(fixture!("ws_candle1m_spot").to_vec()).unwrap();
    let of = |text: String| Line::new(SPOT).decode(text.as_bytes());
    let other = of(text.replace("candle1m", "candle3m")).unwrap();
    assert_eq!(other.frame, Frame::Ignored("candle_other_interval"));
    let wrong = of(text.replace("4125", "4120.5"));
    assert!(matches!(wrong, Err(VenueError::Field { field: "high or low", .. })));
}

#[test]
fn bodies_about_many_swaps_are_read_row_by_row() {
    let said = |data: &str| {
        let body = format!(r#"{{"code":"0","msg":"","data":{data}}}"#);
        let mut updates = Line::new(SWAP).updates(body.as_bytes());
        assert_eq!(updates.len(), 2, "{data}");
        (updates.remove(0), updates.remove(0))
    };
    let (open, other) = said(
        r#"[{"instId":"ETH-USDT-SWAP","instType":"SWAP","oi":"20","oiCcy":"2","oiUsd":"8000","ts":"1790000000000"},
        {"instId":"ETH-USDT-SWAP","instType":"SWAP","oi":"30","oiCcy":"3","oiUsd":"12000","ts":"1790000001000"}]"#,
    );
    assert!(matches!(open.what, What::Oi(oi) if oi.open_interest == 2.0));
    assert!(matches!(other.what, What::Oi(oi) if oi.open_interest_value == Some(12_000.0)));
    let (long, short) = said(
        r#"[{"details":[{"bkPx":"4000","side":"sell","sz":"10","ts":"1790000000000"},
        {"bkPx":"4001","side":"buy","posSide":"short","sz":"20","ts":"1790000001000"}],"instFamily":"ETH-USDT","instId":"ETH-USDT-SWAP","instType":"SWAP"}]"#,
    );
    let What::Liquidation(long) = long.what else { panic!("{long:?}") };
    assert_eq!((long.side, long.quantity, long.value), (LiquidationSide::Long, 1.0, 4_000.0));
    assert!(
        matches!(short.what, What::Liquidation(x) if x.side == LiquidationSide::Short && x.quantity == 2.0)
    );
}

#[test]
fn answers_and_notices_are_told_apart() {
    let refused = |id, stream: &str, message: &str| Frame::Refused {
        id,
        streams: vec![stream.to_owned()],
        message: message.to_owned(),
    };
    let text = "60018: Wrong URL or channel:trades,instId:NOPE-USDT-SWAP doesn't exist. Please use the correct URL, \
        channel and parameters.";
    for (frame, expected) in [
        (fixture!("ws_ack"), Frame::Ack { id: Some(7) }),
        (fixture!("ws_error"), refused(None, "trades:NOPE-USDT-SWAP", text)),
        (fixture!("ws_error_arg"), refused(Some(9), "candle1m:ETH-USDT-SWAP", "64002: not on this path")),
        (fixture!("ws_notice_upgrade"), Frame::Renew),
        (b"pong".as_slice(), Frame::Ignored("pong")),
        (fixture!("ws_tickers"), Frame::Ignored("ticker")),
        (fixture!("ws_unknown_channel"), Frame::Ignored("unknown_channel")),
        (fixture!("rest_error"), Frame::Ignored("rest_error")),
    ] {
        assert_eq!(Line::new(SWAP).decode(frame).unwrap().frame, expected);
    }
    let frame = br#"{"event":"error","code":"60012","msg":"Invalid request"}"#;
    let decoded = Line::new(SWAP).decode(frame).unwrap();
    assert!(matches!(decoded.frame, Frame::Refused { streams, .. } if streams.is_empty()));
}

#[test]
fn bad_frames_are_errors_that_name_the_field() {
    let field = |frame: &[u8], from: &str, to: &str| {
        let text = String::from_utf8(frame.to_vec()).unwrap().replace(from, to);
        match Line::new(SWAP).decode(text.as_bytes()) {
            Err(VenueError::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(field(fixture!("ws_trades"), "4120.5", "cheap"), "px");
    assert_eq!(field(fixture!("ws_trades"), "\"12.5\"", "\"-1\""), "sz");
    assert_eq!(field(fixture!("ws_trades"), "sell", "both"), "side");
    assert_eq!(field(fixture!("ws_trades"), "1790000000000", "1790000000000000"), "ts");
    assert_eq!(field(fixture!("ws_liquidation_long"), "\"long\"", "\"wide\""), "posSide");
    assert_eq!(field(fixture!("ws_books_update"), "1015", "-5"), "seqId");
    assert_eq!(field(fixture!("ws_mark_price"), "4120.25", "0"), "markPx");
    assert_eq!(field(fixture!("ws_funding_rate"), "\"1790006400000\"", "\"\""), "fundingTime");
    let bad: [&[u8]; 8] = [
        b"",
        b"null",
        b"{}",
        b"pang",
        b"[[1,2],[3]]",
        b"\xff\xfe{}",
        br#"{"arg":{"channel":"trades"},"data":{"x":1}}"#,
        br#"{"arg":{"channel":"books","instId":"ETH-USDT-SWAP"},"action":"update","data":[{"asks":[["1"]],"#,
    ];
    for bytes in bad {
        assert!(Line::new(SWAP).decode(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn any_cut_or_flipped_frame_gives_a_value_or_an_error() {
    let (venue, all) = (venue(), instruments());
    let mut line = venue.clone().decoder(SWAP);
    let frames = [
        fixture!("ws_books_update"),
        fixture!("ws_liquidation_net"),
        fixture!("ws_funding_rate"),
        fixture!("ws_candle1m"),
        fixture!("ws_error"),
    ];
    let instruments = Fetch::Instruments { product: SWAP, venue_symbols: vec![], cursor: None };
    for bytes in frames.into_iter().chain([fixture!("rest_instruments_swap")]) {
        for cut in 0..bytes.len() {
            let _ = line.decode(&all, RECEIVED, &bytes[..cut]);
            let mut flipped = bytes.to_vec();
            flipped[cut] ^= 0x15;
            let _ = line.decode(&all, RECEIVED, &flipped);
            let _ = venue.parse_rest(&instruments, RECEIVED, &flipped);
            let _ = venue.product_of_frame(None, &flipped);
        }
    }
}
