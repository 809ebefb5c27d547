//! Bars that join the markets of a group over venues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Bar;
use crate::market::{Symbol, VenueId};

/// One market of a group: a symbol at a venue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberName {
    pub symbol: Symbol,
    pub venue: VenueId,
}

/// What one venue's members add to a joined bar; coins.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VenueVolume {
    pub volume: f64,
    /// Null where sides are unknown.
    pub buy_volume: Option<f64>,
    /// Null where sides are unknown.
    pub sell_volume: Option<f64>,
}

/// How a member's data differs from what the sum seems to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// It has no bar in this closed bucket: a hole, or it was not listed yet.
    NoBar,
    /// Its bar does not say who the takers were.
    NoSides,
    /// It is quoted in another currency than the asked symbol.
    OtherQuote,
}

/// A member that differs, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mark {
    #[serde(flatten)]
    pub member: MemberName,
    pub why: Vec<Difference>,
}

/// A bar over all members of a group: the reference member's prices, everybody's volume.
///
/// Goes under venue `all` and the `type` of any bar, with `by_venue` and `marks` beside the fields of a bar.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinedBar {
    #[serde(flatten)]
    pub bar: Bar,
    /// The venues with a bar in this bucket.
    pub by_venue: BTreeMap<VenueId, VenueVolume>,
    /// Members that differ, in member order; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// A bar as it comes in, joined or not: `by_venue` tells.
#[derive(Deserialize)]
pub(super) struct AnyBar {
    #[serde(flatten)]
    bar: Bar,
    by_venue: Option<BTreeMap<VenueId, VenueVolume>>,
    #[serde(default)]
    marks: Vec<Mark>,
}

impl From<AnyBar> for super::Body {
    fn from(any: AnyBar) -> super::Body {
        let AnyBar { bar, by_venue, marks } = any;
        match by_venue {
            Some(by_venue) => super::Body::Joined(Box::new(JoinedBar { bar, by_venue, marks })),
            None => super::Body::Bar(bar),
        }
    }
}
