//! Frames from the relay.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Channel, Stamped, Topic};
use crate::market::{Ms, Symbol, Timeframe, VenueId};
use crate::wire::{Alert, Replay};

/// A data frame: an event with its place on the bus.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Data {
    #[serde(flatten)]
    pub stamped: Stamped,
    /// Marks the last known value sent on subscribing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub snapshot: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Anything the relay sends.
#[derive(Clone, PartialEq, Debug)]
pub enum ServerFrame {
    Data(Box<Data>),
    Status(Status),
    Subscribed(Subscribed),
    /// What a client did wrong; the socket stays open.
    Error {
        id: Option<Value>,
        code: String,
        message: String,
    },
    /// The answer to a ping.
    Pong {
        id: Option<Value>,
    },
    /// To a client that cannot keep up: frames lost and frames merged since the last such notice.
    Slow {
        dropped: u64,
        conflated: u64,
    },
    /// How the replay stands, to every client: once at connect, on each change, its position at most four times a
    /// second.
    Replay(Replay),
    /// A price alert fired; to every client.
    Alert(Alert),
}

/// Whether data flows, once at connect and on each change.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    pub timestamp: Ms,
    /// At least one venue delivers.
    pub connected: bool,
    /// Names of the configured venues.
    pub exchanges: Vec<VenueId>,
    pub venues: Vec<VenueStatus>,
    /// `live`, `demo` or `replay`.
    #[serde(default)]
    pub mode: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VenueStatus {
    pub venue: VenueId,
    pub state: VenueState,
    pub since: Ms,
    /// One plain line where something is wrong (a ban, a refused location).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same per channel, in the order of [`Channel::OFFERED`]; channels the venue does not offer are absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelStatus>,
}

/// What is known of one channel of a venue, over all symbols followed there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelStatus {
    pub channel: Channel,
    /// The worst of its symbols.
    pub state: VenueState,
    pub since: Ms,
    /// When its newest event came, by our clock; none until the first.
    pub last_event: Option<Ms>,
    /// Symbols that are neither live nor quiet.
    #[serde(default)]
    pub stale: Vec<Symbol>,
}

/// What is known of a venue or topic; worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VenueState {
    /// Data came within its usual interval.
    Live,
    /// Nothing came, and nothing needs to come.
    Quiet,
    /// The line lives and data that should come does not.
    Silent,
    /// No line.
    Down,
    /// A configured venue that was not started; its reason says why. Never the state of a topic.
    Off,
}

/// Confirms a subscription with the topics it resolved to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subscribed {
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::RequestId>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    pub topics: Vec<TopicName>,
}

/// A topic as JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopicName {
    pub symbol: Symbol,
    pub venue: VenueId,
    pub channel: Channel,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Timeframe>,
}

impl From<Topic> for TopicName {
    fn from(t: Topic) -> TopicName {
        TopicName { symbol: t.symbol, venue: t.venue, channel: t.channel, interval: t.interval }
    }
}

/// The frames that are not data, under their `type`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Control {
    Status(Status),
    Subscribed(Subscribed),
    Error {
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::RequestId>"))]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
        code: String,
        message: String,
    },
    Pong {
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::RequestId>"))]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
    Slow {
        dropped: u64,
        conflated: u64,
    },
    Replay(Replay),
    Alert(Alert),
}

impl ServerFrame {
    /// The JSON text of this frame.
    pub fn encode(&self) -> String {
        let control = match self {
            ServerFrame::Data(data) => return to_json(data),
            ServerFrame::Status(x) => Control::Status(x.clone()),
            ServerFrame::Subscribed(x) => Control::Subscribed(x.clone()),
            ServerFrame::Error { id, code, message } => {
                Control::Error { id: id.clone(), code: code.clone(), message: message.clone() }
            }
            ServerFrame::Pong { id } => Control::Pong { id: id.clone() },
            ServerFrame::Slow { dropped, conflated } => {
                Control::Slow { dropped: *dropped, conflated: *conflated }
            }
            ServerFrame::Replay(x) => Control::Replay(x.clone()),
            ServerFrame::Alert(x) => Control::Alert(x.clone()),
        };
        to_json(&control)
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// The JSON error, for junk and for types this version does not know; skip such a frame.
    pub fn decode(text: &str) -> Result<ServerFrame, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(rename = "type", borrow)]
            kind: std::borrow::Cow<'a, str>,
        }
        let head: Head<'_> = serde_json::from_str(text)?;
        if !matches!(&*head.kind, "status" | "subscribed" | "error" | "pong" | "slow" | "replay" | "alert") {
            return Ok(ServerFrame::Data(Box::new(serde_json::from_str(text)?)));
        }
        Ok(match serde_json::from_str(text)? {
            Control::Status(x) => ServerFrame::Status(x),
            Control::Subscribed(x) => ServerFrame::Subscribed(x),
            Control::Error { id, code, message } => ServerFrame::Error { id, code, message },
            Control::Pong { id } => ServerFrame::Pong { id },
            Control::Slow { dropped, conflated } => ServerFrame::Slow { dropped, conflated },
            Control::Replay(x) => ServerFrame::Replay(x),
            Control::Alert(x) => ServerFrame::Alert(x),
        })
    }
}

/// Frames hold text keys, numbers and texts only, which always serialise; non-finite numbers become null.
fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Action, Bar, Body, Class, Cursor, Event, Guard, GuardInput, GuardName, GuardState, Guards, Heatmap,
        HeatmapCell, HeatmapKind, HeatmapOutside, MemberName, Origin, Signal,
    };

    #[test]
    fn data_frames_are_flat_and_round_trip() {
        let mut bar = Bar::flat(Ms(60_000), Timeframe::M1, 1.5e-6, Origin::Trades);
        bar.closed = true;
        let event = Event {
            received: Ms(60_001),
            symbol: "BTCUSDT-PERP".parse().unwrap(),
            venue: VenueId::new("sim"),
            body: Body::Bar(bar),
        };
        let stamped = Stamped { event, seq: 3, cursor: Cursor { epoch: 0xab, n: 12 } };
        let frame = ServerFrame::Data(Box::new(Data { stamped, snapshot: true }));
        let text = frame.encode();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["type"], "bar");
        assert_eq!(value["timestamp"], 60_000);
        assert_eq!(value["cursor"], "ab.12");
        assert_eq!(value["vwap"], Value::Null);
        assert_eq!(value["snapshot"], true);
        assert_eq!(ServerFrame::decode(&text).unwrap(), frame);
    }

    fn derived(body: Body) -> (Stamped, Value) {
        let (symbol, venue) = ("BTCUSDT-PERP".parse().unwrap(), VenueId::all());
        let stamped = Stamped {
            event: Event { received: Ms(9), symbol, venue, body },
            seq: 1,
            cursor: Cursor { epoch: 1, n: 1 },
        };
        let text = ServerFrame::Data(Box::new(Data { stamped: stamped.clone(), snapshot: false })).encode();
        let ServerFrame::Data(back) = ServerFrame::decode(&text).unwrap() else { panic!("{text}") };
        assert_eq!(back.stamped, stamped);
        (stamped, serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn signals_are_events_of_an_interval() {
        let metadata = serde_json::json!({"rsi_14": 61.5}).as_object().cloned().unwrap();
        let (stamped, json) = derived(Body::Signal(Box::new(Signal {
            timestamp: Ms(300_000),
            interval: Timeframe::M5,
            action: Action::Buy,
            confidence: 0.75,
            strategy_id: "ema_crossover_rsi".into(),
            metadata,
        })));
        assert_eq!(stamped.event.class(), Class::Event);
        assert_eq!(stamped.event.topic().interval, Some(Timeframe::M5));
        assert_eq!(
            json,
            serde_json::json!({
                "type": "signal", "received": 9, "symbol": "BTCUSDT-PERP", "venue": "all", "seq": 1, "cursor": "1.1",
                "timestamp": 300_000, "interval": "5m", "action": "buy", "confidence": 0.75,
                "strategy_id": "ema_crossover_rsi", "metadata": {"rsi_14": 61.5},
            })
        );
    }

    #[test]
    fn heat_maps_and_guards_are_states() {
        let outside = HeatmapOutside { count: 1, size_usd: 5.0 };
        let (stamped, json) = derived(Body::Heatmap(Box::new(Heatmap {
            timestamp: Ms(7),
            kind: HeatmapKind::Prints,
            price_bins: vec![1.0, 2.0],
            time_bins: vec![Ms(0), Ms(300_000)],
            cells: vec![HeatmapCell { p: 0, t: 0, count: 2, size_usd: 3.5 }],
            outside,
            max_size_usd: 3.5,
        })));
        assert_eq!((stamped.event.class(), stamped.event.topic().interval), (Class::State, None));
        assert_eq!((&json["type"], &json["kind"]), (&"heatmap".into(), &"prints".into()));
        assert_eq!(json["cells"], serde_json::json!([{"p": 0, "t": 0, "count": 2, "size_usd": 3.5}]));

        let reference =
            MemberName { symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new("binance") };
        let input = GuardInput {
            name: "bid_px".into(),
            market: reference.clone(),
            value: Some(1.0),
            timestamp: Some(Ms(6)),
        };
        let guard = Guard {
            name: GuardName::Depth10Bps,
            value: None,
            at_least: false,
            warning: Some(5.0),
            breach: None,
            state: GuardState::NotApplicable,
            age_ms: Some(1),
            since: Ms(5),
            reason: "why".into(),
            inputs: vec![input],
        };
        let (stamped, json) = derived(Body::Guards(Box::new(Guards {
            timestamp: Ms(7),
            reference,
            spread_bps: Some(1.5),
            depth_10bps: None,
            funding_apr: None,
            basis_bps: None,
            premium_bps: None,
            oi_notional: None,
            liq_events_5m: Some(3),
            status: GuardState::Passing,
            since: Ms(5),
            guards: vec![guard],
        })));
        assert_eq!(stamped.event.class(), Class::State);
        assert_eq!(
            json["guards"][0],
            serde_json::json!({
                "name": "depth_10bps", "value": null, "warning": 5.0, "breach": null, "state": "n/a", "age_ms": 1,
                "since": 5, "reason": "why",
                "inputs": [{"name": "bid_px", "symbol": "BTCUSDT-PERP", "venue": "binance", "value": 1.0, "timestamp": 6}],
            })
        );
        for name in GuardName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.name());
            assert_eq!(GuardName::ALL[name.index()], name);
        }
        for state in [GuardState::NotApplicable, GuardState::Passing, GuardState::Warning, GuardState::Breach]
        {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn channels_of_a_venue_are_optional_on_the_wire() {
        let venue = VenueStatus {
            venue: VenueId::new("okx"),
            state: VenueState::Off,
            since: Ms(5),
            reason: Some("no key".into()),
            channels: vec![ChannelStatus {
                channel: Channel::Funding,
                state: VenueState::Silent,
                since: Ms(4),
                last_event: None,
                stale: vec!["BTCUSDT-PERP".parse().unwrap()],
            }],
        };
        let text = serde_json::to_string(&venue).unwrap();
        let head =
            r#"{"venue":"okx","state":"off","since":5,"reason":"no key","channels":[{"channel":"funding","#;
        assert!(text.starts_with(head), "{text}");
        assert!(
            text.ends_with(r#""state":"silent","since":4,"last_event":null,"stale":["BTCUSDT-PERP"]}]}"#)
        );
        assert_eq!(serde_json::from_str::<VenueStatus>(&text).unwrap(), venue);
        let short: VenueStatus = serde_json::from_str(r#"{"venue":"okx","state":"off","since":5}"#).unwrap();
        assert_eq!(short.channels, []);
    }

    #[test]
    fn control_frames_round_trip_and_junk_is_an_error() {
        for frame in [
            ServerFrame::Pong { id: Some(Value::from(3)) },
            ServerFrame::Slow { dropped: 1, conflated: 2 },
            ServerFrame::Error { id: None, code: "x".into(), message: "y".into() },
            ServerFrame::Status(Status::default()),
        ] {
            assert_eq!(ServerFrame::decode(&frame.encode()).unwrap(), frame);
        }
        for junk in ["", "{}", "null", r#"{"type":"nonsense"}"#, r#"{"type":"bar"}"#] {
            assert!(ServerFrame::decode(junk).is_err(), "{junk}");
        }
    }
}
