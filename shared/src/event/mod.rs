//! Events: what venues say, normalised. One enum, one file per kind, a topic and a class for each.
//!
//! Adding a channel is a variant of [`Body`], a row in [`Channel`] and an arm wherever the compiler asks;
//! there are no catch-all arms.

mod bar;
mod book;
mod funding;
mod gap;
mod guards;
mod heatmap;
mod joined;
mod liquidation;
mod open_interest;
mod signal;
mod topic;
mod trade;

use serde::{Deserialize, Serialize};

pub use bar::{Bar, Origin};
pub use book::{BookTop, Depth};
pub use funding::{Funding, FundingKind};
pub use gap::{Gap, GapCause, GapState};
pub use guards::{Guard, GuardInput, GuardName, GuardState, Guards};
pub use heatmap::{Heatmap, HeatmapCell, HeatmapKind, HeatmapOutside};
pub use joined::{Difference, JoinedBar, Mark, MemberName, VenueVolume};
pub use liquidation::{Liquidation, LiquidationSide, PriceKind};
pub use open_interest::OpenInterest;
pub use signal::{Action, Signal};
pub use topic::{Channel, ChannelError, Class, Cursor, Topic};
pub use trade::{Side, Trade};

use crate::market::{Ms, Symbol, Timeframe, VenueId};

/// One normalised event of one symbol at one venue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// When this process got it. Never earlier than the venue's time by contract: a lag is clamped to 0.
    pub received: Ms,
    pub symbol: Symbol,
    pub venue: VenueId,
    // Each kind of body makes a schema of its own (`crate::schema`).
    #[cfg_attr(feature = "schema", schemars(skip))]
    #[serde(flatten)]
    pub body: Body,
}

/// What the event says; the JSON field `type` names the variant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", from = "Said")]
pub enum Body {
    Bar(Bar),
    /// A bar over all members of a group, under venue `all`; its `type` is `bar` too.
    #[serde(rename = "bar")]
    Joined(Box<JoinedBar>),
    Oi(OpenInterest),
    Funding(Funding),
    Liquidation(Liquidation),
    Trade(Trade),
    Book(BookTop),
    Signal(Box<Signal>),
    Guards(Box<Guards>),
    Heatmap(Box<Heatmap>),
    Gap(Gap),
}

/// [`Body`] as it is read: two of its variants go by one `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Bar(joined::AnyBar),
    Oi(OpenInterest),
    Funding(Funding),
    Liquidation(Liquidation),
    Trade(Trade),
    Book(BookTop),
    Signal(Box<Signal>),
    Guards(Box<Guards>),
    Heatmap(Box<Heatmap>),
    Gap(Gap),
}

impl From<Said> for Body {
    fn from(said: Said) -> Body {
        match said {
            Said::Bar(x) => x.into(),
            Said::Oi(x) => Body::Oi(x),
            Said::Funding(x) => Body::Funding(x),
            Said::Liquidation(x) => Body::Liquidation(x),
            Said::Trade(x) => Body::Trade(x),
            Said::Book(x) => Body::Book(x),
            Said::Signal(x) => Body::Signal(x),
            Said::Guards(x) => Body::Guards(x),
            Said::Heatmap(x) => Body::Heatmap(x),
            Said::Gap(x) => Body::Gap(x),
        }
    }
}

impl Body {
    /// The bar it is, of one market or joined.
    pub fn bar(&self) -> Option<&Bar> {
        match self {
            Body::Bar(bar) => Some(bar),
            Body::Joined(joined) => Some(&joined.bar),
            Body::Oi(_)
            | Body::Funding(_)
            | Body::Liquidation(_)
            | Body::Trade(_)
            | Body::Book(_)
            | Body::Signal(_)
            | Body::Guards(_)
            | Body::Heatmap(_)
            | Body::Gap(_) => None,
        }
    }
}

impl Event {
    /// The venue's time; for a bar and a signal the open of the bucket, for what the relay makes its own time.
    pub fn timestamp(&self) -> Ms {
        match &self.body {
            Body::Bar(x) => x.timestamp,
            Body::Joined(x) => x.bar.timestamp,
            Body::Oi(x) => x.timestamp,
            Body::Funding(x) => x.timestamp,
            Body::Liquidation(x) => x.timestamp,
            Body::Trade(x) => x.timestamp,
            Body::Book(x) => x.timestamp,
            Body::Signal(x) => x.timestamp,
            Body::Guards(x) => x.timestamp,
            Body::Heatmap(x) => x.timestamp,
            Body::Gap(x) => x.timestamp,
        }
    }

    /// The channel it belongs to; a gap belongs to the channel that has the hole.
    pub fn channel(&self) -> Channel {
        match &self.body {
            Body::Bar(_) | Body::Joined(_) => Channel::Bar,
            Body::Oi(_) => Channel::Oi,
            Body::Funding(_) => Channel::Funding,
            Body::Liquidation(_) => Channel::Liquidation,
            Body::Trade(_) => Channel::Trade,
            Body::Book(_) => Channel::Book,
            Body::Signal(_) => Channel::Signal,
            Body::Guards(_) => Channel::Guards,
            Body::Heatmap(_) => Channel::Heatmap,
            Body::Gap(gap) => gap.channel,
        }
    }

    pub fn topic(&self) -> Topic {
        let interval = match &self.body {
            Body::Bar(bar) => Some(bar.interval),
            Body::Joined(joined) => Some(joined.bar.interval),
            Body::Signal(signal) => Some(signal.interval),
            Body::Gap(gap) if gap.channel == Channel::Bar => Some(Timeframe::M1),
            Body::Oi(_)
            | Body::Funding(_)
            | Body::Liquidation(_)
            | Body::Trade(_)
            | Body::Book(_)
            | Body::Guards(_)
            | Body::Heatmap(_)
            | Body::Gap(_) => None,
        };
        Topic { symbol: self.symbol.clone(), venue: self.venue.clone(), channel: self.channel(), interval }
    }

    /// Decides conflation, loss reporting and storage, alone.
    pub fn class(&self) -> Class {
        match &self.body {
            Body::Bar(bar) if bar.closed => Class::Event,
            Body::Joined(joined) if joined.bar.closed => Class::Event,
            Body::Bar(_)
            | Body::Joined(_)
            | Body::Oi(_)
            | Body::Funding(_)
            | Body::Book(_)
            | Body::Guards(_)
            | Body::Heatmap(_) => Class::State,
            Body::Liquidation(_) | Body::Trade(_) | Body::Signal(_) | Body::Gap(_) => Class::Event,
        }
    }
}

/// An event with its place on the bus.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stamped {
    #[serde(flatten)]
    pub event: Event,
    /// Counts the source events of its topic, conflated ones included; restarts with the cursor's epoch.
    pub seq: u64,
    pub cursor: Cursor,
}
