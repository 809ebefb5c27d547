//! Any text into a decoder gives a value or an error, and any value can be worked with.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::*;
use crate::event::{Body, Class, Depth, MemberName, Origin};
use crate::link::{Config, Input, Link, TopicSpec};
use crate::market::{Calendar, Ms, Timeframe};
use crate::maths::folds::Folds;
use crate::maths::joined::{Members, bars};
use crate::maths::order_flow::MinuteBuilder;

/// Words of the protocol, so that made-up frames get past the first check.
const WORDS: &[&str] = &[
    "action",
    "subscribe",
    "unsubscribe",
    "ping",
    "id",
    "symbols",
    "channels",
    "venues",
    "intervals",
    "resume",
    "type",
    "bar",
    "oi",
    "funding",
    "liquidation",
    "trade",
    "book",
    "signal",
    "guards",
    "heatmap",
    "gap",
    "status",
    "subscribed",
    "error",
    "pong",
    "slow",
    "timestamp",
    "received",
    "symbol",
    "venue",
    "seq",
    "cursor",
    "interval",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "origin",
    "trades",
    "revision",
    "closed",
    "by_venue",
    "marks",
    "kind",
    "predicted",
    "BTCUSDT-PERP",
    "BTC/USDT",
    "../etc",
    "1m",
    "1M",
    "7m",
    "binance",
    "ab.12",
    "long",
    "LONG",
    "buy",
    "topics",
    "code",
    "message",
    "",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-10_i64..100_000_000).prop_map(Value::from),
        any::<f64>().prop_map(|x| Number::from_f64(x).map_or(Value::Null, Value::Number)),
        proptest::sample::select(WORDS).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::vec((proptest::sample::select(WORDS), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    })
}

/// One good frame of each kind, to be damaged.
fn good() -> Vec<Value> {
    let head = |fields: Value| {
        let mut frame = json!({"timestamp": 60_000, "received": 60_001, "symbol": "BTCUSDT-PERP", "venue": "sim",
            "seq": 3, "cursor": "ab.12"});
        let (Value::Object(frame_fields), Value::Object(fields)) = (&mut frame, fields) else { return frame };
        frame_fields.extend(fields);
        frame
    };
    vec![
        head(
            json!({"type": "bar", "interval": "1m", "open": 1.0, "high": 2, "low": 0.5, "close": 1.5, "volume": 3.0,
            "buy_volume": 2.0, "sell_volume": 1.0, "cvd": 1.0, "cvd_from": 0, "vwap": 1.25, "trades": 7,
            "origin": "trades", "revision": 0, "closed": true}),
        ),
        head(
            json!({"type": "bar", "interval": "1D", "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 3.0,
            "buy_volume": null, "sell_volume": null, "cvd": null, "vwap": null, "trades": null,
            "origin": "kline", "revision": 1, "closed": false, "through": 60_000}),
        ),
        head(
            json!({"type": "bar", "venue": "all", "interval": "1m", "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5,
            "volume": 3.0, "buy_volume": 2.0, "sell_volume": 1.0, "cvd": null, "vwap": 1.25, "trades": 7,
            "origin": "trades", "revision": 2, "closed": true,
            "by_venue": {"a": {"volume": 3.0, "buy_volume": 2.0, "sell_volume": 1.0}},
            "marks": [{"symbol": "BTCUSDT-PERP", "venue": "b", "why": ["no_bar", "no_sides", "other_quote"]}]}),
        ),
        head(json!({"type": "oi", "open_interest": 5.5, "open_interest_value": null})),
        head(json!({"type": "funding", "kind": "predicted", "funding_rate": 1e-4, "next_funding_time": null,
            "interval_hours": 8.0, "funding_apr": 10.95, "mark_price": null, "index_price": null})),
        head(json!({"type": "liquidation", "side": "LONG", "quantity": 1.0, "price": 2.0, "value": 2.0,
            "price_kind": "average", "at_least": true})),
        head(json!({"type": "trade", "price": 1.0, "quantity": 2.0, "side": "sell", "id": "9"})),
        head(
            json!({"type": "book", "bid_px": 1.0, "bid_qty": 1.0, "ask_px": 2.0, "ask_qty": 1.0, "spread_bps": 1.0,
            "depth_10bps": {"bid_usd": 1.0, "ask_usd": 2.0}}),
        ),
        head(
            json!({"type": "gap", "channel": "trade", "from": 1, "to": null, "cause": "slow_client", "state": "open"}),
        ),
        json!({"type": "status", "timestamp": 1, "connected": true, "exchanges": ["sim"], "mode": "demo",
            "venues": [{"venue": "sim", "state": "live", "since": 1}]}),
        json!({"type": "subscribed", "id": 1, "topics": [{"symbol": "BTC/USDT", "venue": "sim", "channel": "bar",
            "interval": "1m"}]}),
        json!({"type": "error", "id": "x", "code": "invalid_json", "message": "not JSON"}),
        json!({"type": "pong", "id": 3}),
        json!({"type": "slow", "dropped": 0, "conflated": 12}),
        json!({"action": "subscribe", "id": 1, "symbols": ["BTCUSDT-PERP"], "channels": ["bar", "book"],
            "venues": ["sim"], "intervals": ["1m", "1D"], "resume": "ab.12"}),
        json!({"action": "unsubscribe", "id": 1, "symbols": ["BTCUSDT-PERP"]}),
        json!({"action": "ping", "id": 3}),
    ]
}

#[derive(Clone, Debug)]
enum Damage {
    Replace(usize, Value),
    Remove(usize),
    Cut(usize),
    None,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<usize>(), json_value()).prop_map(|(at, value)| Damage::Replace(at, value)),
        1 => any::<usize>().prop_map(Damage::Remove),
        1 => any::<usize>().prop_map(Damage::Cut),
        1 => Just(Damage::None),
    ]
}

fn damaged(frame: &Value, damage: Damage) -> String {
    let mut fields: Map<String, Value> = frame.as_object().cloned().unwrap_or_default();
    let key = |at: usize| fields.keys().nth(at % fields.len().max(1)).cloned().unwrap_or_default();
    match damage {
        Damage::Replace(at, value) => drop(fields.insert(key(at), value)),
        Damage::Remove(at) => drop(fields.remove(&key(at))),
        Damage::Cut(at) => {
            let text = frame.to_string();
            return text.chars().take(at % text.len()).collect();
        }
        Damage::None => {}
    }
    Value::Object(fields).to_string()
}

/// Decodes, and does with a decoded frame what a page does. Nothing of it may panic.
fn digest(text: &str) {
    if let Err(e) = ClientFrame::parse(text) {
        assert!(!e.code.is_empty() && !e.message.is_empty());
    }
    let Ok(frame) = ServerFrame::decode(text) else { return };
    let encoded = frame.encode();
    assert_eq!(ServerFrame::decode(&encoded).unwrap(), frame, "round trip of {encoded}");
    let ServerFrame::Data(data) = frame else { return };
    let event = &data.stamped.event;
    let topic = event.topic();
    assert_eq!(topic.channel, event.channel());
    let mut bars = Vec::new();
    match &event.body {
        Body::Bar(bar) => {
            assert_eq!(event.class() == Class::Event, bar.closed);
            let mut builder = MinuteBuilder::new(Origin::Trades, Calendar::Continuous);
            builder.resume(bar);
            builder.kline(bar, &mut bars);
            builder.covered_from(bar.timestamp);
            builder.uncovered(bar.timestamp);
            builder.refilled(bar.timestamp, bar.through.unwrap_or(bar.timestamp));
            builder.clock(bar.timestamp, &mut bars);
            let mut folds = Folds::new(Calendar::Continuous, 10);
            folds.push(bar, |_| {});
            folds.seed_minutes(&[*bar], bar.timestamp);
            folds.seed_base(bar);
            for timeframe in Timeframe::ALL {
                folds.bars(timeframe);
            }
        }
        Body::Trade(trade) => {
            let mut builder = MinuteBuilder::new(Origin::Trades, Calendar::Continuous);
            builder.covered_from(Ms(0));
            builder.trade(trade, &mut bars);
        }
        Body::Joined(joined) => {
            let name = MemberName { symbol: event.symbol.clone(), venue: event.venue.clone() };
            let mut joiner = bars::Joiner::new(&Members::of_names([name]), joined.bar.interval, 4);
            joiner.push(0, &joined.bar);
            joiner.clock(joined.bar.timestamp);
        }
        Body::Oi(_) | Body::Funding(_) | Body::Liquidation(_) | Body::Book(_) | Body::Gap(_) => {}
        Body::Signal(_) | Body::Guards(_) | Body::Heatmap(_) => {}
    }
    let spec = TopicSpec { name: topic.symbol.as_str().into(), usual_interval: Some(event.timestamp()) };
    let mut link = Link::new(Config::browser(1));
    link.handle(event.received, Input::Add(vec![spec]));
    link.handle(event.timestamp(), Input::Start);
    link.handle(event.received, Input::Timer);
}

#[test]
fn good_frames_decode() {
    for frame in good() {
        let text = frame.to_string();
        digest(&text);
        if frame.get("action").is_some() {
            assert!(ClientFrame::parse(&text).is_ok(), "{text}");
        } else {
            assert!(ServerFrame::decode(&text).is_ok(), "{text}");
        }
    }
}

/// Sums have 17 digits; a decoder that rounds the last one off makes page and relay disagree.
#[test]
fn numbers_arrive_with_all_their_bits() {
    let mut sum = 0.0_f64;
    for n in 1..5_000 {
        sum += f64::from(n % 97) * 0.001 + 1e-8;
        let depth = Depth { bid_usd: sum * 61_234.7, ask_usd: sum / 3.0 };
        let text = serde_json::to_string(&depth).unwrap();
        assert_eq!(serde_json::from_str::<Depth>(&text).unwrap(), depth, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_gives_a_value_or_an_error(text in ".{0,200}") {
        digest(&text);
    }

    #[test]
    fn any_json_gives_a_value_or_an_error(value in json_value()) {
        digest(&value.to_string());
    }

    #[test]
    fn damaged_frames_give_a_value_or_an_error(which in any::<usize>(), damage in damage()) {
        let frames = good();
        digest(&damaged(&frames[which % frames.len()], damage));
    }
}
