//! Channels, topics, classes and cursors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::market::{Ms, Symbol, Timeframe, VenueId};

/// A kind of stream a client can subscribe to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Bar,
    Oi,
    Funding,
    Liquidation,
    Trade,
    Book,
    Signal,
    Guards,
    Heatmap,
}

impl Channel {
    pub const ALL: [Channel; 9] = [
        Channel::Bar,
        Channel::Oi,
        Channel::Funding,
        Channel::Liquidation,
        Channel::Trade,
        Channel::Book,
        Channel::Signal,
        Channel::Guards,
        Channel::Heatmap,
    ];

    /// What venues offer; the relay makes the others of these.
    pub const OFFERED: [Channel; 6] =
        [Channel::Bar, Channel::Oi, Channel::Funding, Channel::Liquidation, Channel::Trade, Channel::Book];

    /// What a subscription without `channels` gets.
    pub const DEFAULT: [Channel; 4] = [Channel::Bar, Channel::Oi, Channel::Funding, Channel::Liquidation];

    pub const fn name(self) -> &'static str {
        match self {
            Channel::Bar => "bar",
            Channel::Oi => "oi",
            Channel::Funding => "funding",
            Channel::Liquidation => "liquidation",
            Channel::Trade => "trade",
            Channel::Book => "book",
            Channel::Signal => "signal",
            Channel::Guards => "guards",
            Channel::Heatmap => "heatmap",
        }
    }

    /// The usual spacing of its events until a rate is learned; `None` where silence means nothing.
    pub const fn usual_interval(self) -> Option<Ms> {
        match self {
            Channel::Bar => Some(Ms(5_000)),
            Channel::Oi => Some(Ms(15_000)),
            Channel::Funding => Some(Ms(3_000)),
            Channel::Trade => Some(Ms(5_000)),
            Channel::Book => Some(Ms(1_000)),
            Channel::Guards => Some(Ms(1_000)),
            // An unchanged heat map is not told again.
            Channel::Liquidation | Channel::Signal | Channel::Heatmap => None,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A channel name nobody serves.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown channel `{0}`: use one of bar oi funding liquidation trade book signal guards heatmap")]
pub struct ChannelError(String);

impl FromStr for Channel {
    type Err = ChannelError;
    fn from_str(text: &str) -> Result<Self, ChannelError> {
        let found = Channel::ALL.into_iter().find(|c| c.name() == text);
        found.ok_or_else(|| ChannelError(text.chars().take(20).collect()))
    }
}

/// How an event may be treated on its way to a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// Only the last value matters: may be conflated, never lost for good.
    State,
    /// Each one matters: never merged; if lost, the loss is told.
    Event,
}

/// One ordered stream: symbol, venue and channel, and for bars and signals the interval.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Topic {
    pub symbol: Symbol,
    pub venue: VenueId,
    pub channel: Channel,
    pub interval: Option<Timeframe>,
}

/// A place in the one order over all topics: `<epoch>.<n>`, opaque to clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Cursor {
    pub epoch: u64,
    pub n: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.epoch, self.n)
    }
}

impl FromStr for Cursor {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, n) = text.split_once('.').ok_or(())?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(drop)?;
        Ok(Cursor { epoch, n: n.parse().map_err(drop)? })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(|()| serde::de::Error::custom("a cursor is `<epoch>.<n>`"))
    }
}
