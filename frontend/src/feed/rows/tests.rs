use shared::wire::{Data, ServerFrame, Status, VenueState};

use super::*;

fn stamped(body: Body) -> Stamped {
    let event = Event {
        received: Ms(61_500),
        symbol: "BTCUSDT-PERP".parse().unwrap(),
        venue: VenueId::new("sim"),
        body,
    };
    Stamped { event, seq: 7, cursor: Cursor { epoch: 0xab, n: 12 } }
}

#[test]
fn what_the_relay_writes_is_what_the_page_reads() {
    let mut bar = Bar::flat(Ms(60_000), Timeframe::M1, 1.5e-6, Origin::Trades);
    (bar.cvd, bar.cvd_from, bar.through, bar.closed) = (Some(-3.25), Some(Ms(0)), Some(Ms(60_000)), true);
    let bodies = [
        Body::Bar(bar),
        Body::Bar(Bar { buy_volume: None, sell_volume: None, vwap: Some(0.1), trades: None, ..bar }),
        Body::Oi(OpenInterest { timestamp: Ms(5), open_interest: 1.0 / 3.0, open_interest_value: None }),
        Body::Funding(Funding {
            timestamp: Ms(6),
            kind: FundingKind::Settled,
            funding_rate: -0.0001,
            next_funding_time: Some(Ms(9)),
            interval_hours: Some(8.0),
            funding_apr: Some(-10.95),
            mark_price: None,
            index_price: Some(2.5),
        }),
        Body::Liquidation(Liquidation {
            timestamp: Ms(7),
            side: LiquidationSide::Short,
            quantity: 2.0,
            price: 3.0,
            value: 6.0,
            price_kind: PriceKind::Bankruptcy,
            at_least: true,
        }),
        Body::Book(BookTop {
            timestamp: Ms(8),
            bid_px: 1.0,
            bid_qty: 2.0,
            ask_px: 3.0,
            ask_qty: 4.0,
            spread_bps: 5.0,
            depth_10bps: Some(Depth { bid_usd: 6.0, ask_usd: 7.0 }),
        }),
        Body::Gap(Gap {
            timestamp: Ms(9),
            channel: Channel::Trade,
            from: Ms(1),
            to: None,
            cause: GapCause::Silence,
            state: GapState::Open,
        }),
    ];
    for body in bodies {
        let sent = stamped(body);
        let text = ServerFrame::Data(Box::new(Data { stamped: sent.clone(), snapshot: true })).encode();
        assert_eq!(Row::decode(&text).unwrap().stamped(), Some(sent), "{text}");
    }
}

#[test]
fn control_frames_say_what_they_are() {
    let status = Status { mode: "demo".into(), timestamp: Ms(5), ..Status::default() };
    let row = Row::decode(&ServerFrame::Status(status).encode()).unwrap();
    assert_eq!((row.tag.as_str(), row.mode.as_str(), row.timestamp), ("status", "demo", Ms(5)));
    let pong = Row::decode(&ServerFrame::Pong { id: Some(3.into()) }.encode()).unwrap();
    assert_eq!((pong.tag.as_str(), pong.id, pong.stamped()), ("pong", Some(3), None));
    let error = ServerFrame::Error { id: None, code: "x".into(), message: "why".into() };
    assert_eq!(Row::decode(&error.encode()).unwrap().message, "why");
    for junk in ["", "null", r#"{"type":"bar","interval":"7m"}"#, r#"{"channel":"nonsense"}"#] {
        assert!(Row::decode(junk).is_err(), "{junk}");
    }
    assert_eq!(Row::decode(r#"{"type":"bar","open":1.0}"#).unwrap().stamped(), None, "a bar without a close");
}

#[test]
fn a_candle_needs_only_what_the_contract_names() {
    let text = r#"[{"timestamp":60000,"open":1.0,"high":2.0,"low":0.5,"close":1.5,"volume":3.0,
        "symbol":"BTCUSDT-PERP","venue":"sim","interval":"5m","closed":false,"origin":"sim","through":60000}]"#;
    let rows: Vec<Row> = crate::json::read(text).unwrap();
    let bar = rows[0].bar().unwrap();
    assert_eq!((bar.timestamp, bar.interval, bar.through), (Ms(60_000), Timeframe::M5, Some(Ms(60_000))));
    assert_eq!((bar.buy_volume, bar.revision, bar.closed), (None, 0, false));
}

#[test]
fn a_status_answer_tolerates_what_it_does_not_know() {
    let text = r#"{"version":"0.1.0","uptime_s":5,"mode":"demo","bus":{},"store":{},"clients":1,"venues":[
        {"venue":"sim","connected":true,"state":"quiet","since":4,"reconnects":2,"errors":0,"rate_budget":null,
        "topics":[{"symbol":"BTC/USDT","channel":"bar","last_event":null,"state":"quiet"}]}]}"#;
    let status = Row::decode(text).unwrap();
    assert_eq!(status.mode, "demo");
    assert_eq!((status.venues[0].state, status.venues[0].since), (VenueState::Quiet, Ms(4)));
}

#[test]
fn signals_and_heat_maps_are_read_from_frames_and_from_history() {
    let mut metadata = serde_json::Map::new();
    metadata.insert("rsi_14".into(), 51.5.into());
    let signal = shared::event::Signal {
        timestamp: Ms(300_000),
        interval: Timeframe::M5,
        action: Action::Sell,
        confidence: 0.5,
        strategy_id: "ema_crossover_rsi".into(),
        metadata,
    };
    let written = serde_json::to_string(&signal).unwrap();
    let row = Row::decode(&written).unwrap();
    assert_eq!(row.interval, Some(Timeframe::M5));
    let mark = SignalMark { timestamp: Ms(300_000), action: Action::Sell, confidence: 0.5 };
    assert_eq!(row.signal(), Some(mark));
    assert_eq!(Row::decode(&written.replace("sell", "hold")).unwrap().signal(), None);

    let map = shared::event::Heatmap {
        timestamp: Ms(9),
        kind: shared::event::HeatmapKind::Prints,
        price_bins: vec![1.0, 2.0],
        time_bins: vec![Ms(0), Ms(300_000)],
        cells: vec![shared::event::HeatmapCell { p: 0, t: 0, count: 3, size_usd: 1.5 }],
        outside: Default::default(),
        max_size_usd: 1.5,
    };
    let heat = Row::decode(&serde_json::to_string(&map).unwrap()).unwrap().heat();
    let cell = Cell { p: 0, t: 0, count: 3, size_usd: 1.5 };
    assert_eq!(heat, Heat::new(vec![1.0, 2.0], vec![Ms(0), Ms(300_000)], vec![cell]));
}

#[test]
fn a_replay_says_where_it_stands_and_how_fast_it_goes() {
    let frame = r#"{"type":"replay","state":"paused","position":1500,"from":1000,"to":null,"target":2000,"speed":10.0,"files":["a"],"run":2}"#;
    let row = Row::decode(frame).unwrap();
    assert_eq!(
        (row.position, row.from, row.to, row.target),
        (Some(Ms(1_500)), Some(Ms(1_000)), None, Some(Ms(2_000)))
    );
    assert_eq!((row.state.as_str(), row.run, row.speed), ("paused", 2, Speed(10.0)));
    let row = Row::decode(r#"{"type":"replay","speed":"max"}"#).unwrap();
    assert_eq!(row.speed, Speed(f64::INFINITY));
}
