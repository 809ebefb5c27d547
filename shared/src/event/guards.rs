//! Risk guards: how a market stands against thresholds.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Depth, MemberName};
use crate::market::Ms;

/// A guard, by the name of what it watches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GuardName {
    SpreadBps,
    #[serde(rename = "depth_10bps")]
    Depth10Bps,
    FundingApr,
    #[serde(rename = "liq_events_5m")]
    LiqEvents5m,
    BasisBps,
    PremiumBps,
    OiNotional,
}

impl GuardName {
    /// In the order of [`Guards::guards`].
    pub const ALL: [GuardName; 7] = [
        GuardName::SpreadBps,
        GuardName::Depth10Bps,
        GuardName::FundingApr,
        GuardName::LiqEvents5m,
        GuardName::BasisBps,
        GuardName::PremiumBps,
        GuardName::OiNotional,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            GuardName::SpreadBps => "spread_bps",
            GuardName::Depth10Bps => "depth_10bps",
            GuardName::FundingApr => "funding_apr",
            GuardName::LiqEvents5m => "liq_events_5m",
            GuardName::BasisBps => "basis_bps",
            GuardName::PremiumBps => "premium_bps",
            GuardName::OiNotional => "oi_notional",
        }
    }

    /// Its place in [`GuardName::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for GuardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a guard stands; worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum GuardState {
    /// The market cannot have such a value: the guard does not count.
    #[default]
    #[serde(rename = "n/a")]
    NotApplicable,
    Passing,
    /// Beyond the first threshold, or not known (any more).
    Warning,
    /// Beyond the second threshold.
    Breach,
}

impl GuardState {
    pub const fn name(self) -> &'static str {
        match self {
            GuardState::NotApplicable => "n/a",
            GuardState::Passing => "passing",
            GuardState::Warning => "warning",
            GuardState::Breach => "breach",
        }
    }
}

/// A number a guard was computed from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuardInput {
    /// What it is, as the field of the data it was taken from: `bid_px`, `mark_price` ..
    pub name: Cow<'static, str>,
    #[serde(flatten)]
    pub market: MemberName,
    /// Null where there is none (yet).
    pub value: Option<f64>,
    /// The time of that data; null where there is none (yet).
    pub timestamp: Option<Ms>,
}

/// One guard, and why it stands as it does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guard {
    pub name: GuardName,
    /// What is compared: of depth the thinner side. Null where it is missing or too old.
    pub value: Option<f64>,
    /// The value is a lower bound: a part of it is missing, or a venue tells only some.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Threshold beyond which it warns; null where there is none.
    pub warning: Option<f64>,
    /// Threshold beyond which it is breached; null where there is none.
    pub breach: Option<f64>,
    pub state: GuardState,
    /// Age of the oldest number it was computed from, or of what made it unknown; null where there is none (yet).
    pub age_ms: Option<i64>,
    /// Since when it is in this state, as far as it was watched.
    pub since: Ms,
    /// One plain sentence.
    pub reason: String,
    pub inputs: Vec<GuardInput>,
}

/// All guards of a market at one instant; values are null where they are missing or too old.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guards {
    /// When they were computed, by the relay's clock.
    pub timestamp: Ms,
    /// The market that spread, depth, funding and premium are of.
    pub reference: MemberName,
    /// (ask - bid) / mid * 10000.
    pub spread_bps: Option<f64>,
    /// Resting value within 10 bps of mid, per side.
    pub depth_10bps: Option<Depth>,
    /// Percent a year, predicted.
    pub funding_apr: Option<f64>,
    /// (mid of the USDT pair - mid of the USDC pair) / the latter * 10000.
    pub basis_bps: Option<f64>,
    /// (mark - index) / index * 10000.
    pub premium_bps: Option<f64>,
    /// Open interest of the group in quote currency.
    pub oi_notional: Option<f64>,
    /// Liquidations of the group in the last 5 minutes.
    pub liq_events_5m: Option<u64>,
    /// The worst of the guards that apply.
    pub status: GuardState,
    /// Since when the status is what it is, as far as it was watched.
    pub since: Ms,
    /// In the order of [`GuardName::ALL`].
    pub guards: Vec<Guard>,
}
