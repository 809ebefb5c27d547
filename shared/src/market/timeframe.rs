//! The nine timeframes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Ms;

/// A bar length, ascending; buckets come from [`super::Calendar`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timeframe {
    M1,
    M5,
    M15,
    M30,
    H1,
    H4,
    D1,
    W1,
    Mo1,
}

impl Timeframe {
    /// All nine, ascending.
    pub const ALL: [Timeframe; 9] = [
        Timeframe::M1,
        Timeframe::M5,
        Timeframe::M15,
        Timeframe::M30,
        Timeframe::H1,
        Timeframe::H4,
        Timeframe::D1,
        Timeframe::W1,
        Timeframe::Mo1,
    ];

    /// The name used everywhere outside: `1m` is a minute, `1M` a month.
    pub const fn name(self) -> &'static str {
        match self {
            Timeframe::M1 => "1m",
            Timeframe::M5 => "5m",
            Timeframe::M15 => "15m",
            Timeframe::M30 => "30m",
            Timeframe::H1 => "1H",
            Timeframe::H4 => "4H",
            Timeframe::D1 => "1D",
            Timeframe::W1 => "1W",
            Timeframe::Mo1 => "1M",
        }
    }

    /// The usual length of a bucket; for `1M` the longest (31 days).
    pub const fn nominal(self) -> Ms {
        match self {
            Timeframe::M1 => Ms::MINUTE,
            Timeframe::M5 => Ms(300_000),
            Timeframe::M15 => Ms(900_000),
            Timeframe::M30 => Ms(1_800_000),
            Timeframe::H1 => Ms::HOUR,
            Timeframe::H4 => Ms(14_400_000),
            Timeframe::D1 => Ms::DAY,
            Timeframe::W1 => Ms(604_800_000),
            Timeframe::Mo1 => Ms(2_678_400_000),
        }
    }

    /// Position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// An interval that is none of the nine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown interval `{0}`: use one of 1m 5m 15m 30m 1H 4H 1D 1W 1M")]
pub struct TimeframeError(String);

impl FromStr for Timeframe {
    type Err = TimeframeError;

    /// Accepts the names and `1h 4h 1d 1w`.
    fn from_str(text: &str) -> Result<Self, TimeframeError> {
        Ok(match text {
            "1m" => Timeframe::M1,
            "5m" => Timeframe::M5,
            "15m" => Timeframe::M15,
            "30m" => Timeframe::M30,
            "1H" | "1h" => Timeframe::H1,
            "4H" | "4h" => Timeframe::H4,
            "1D" | "1d" => Timeframe::D1,
            "1W" | "1w" => Timeframe::W1,
            "1M" => Timeframe::Mo1,
            other => return Err(TimeframeError(other.chars().take(20).collect())),
        })
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Timeframe {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_month_is_not_minute() {
        for tf in Timeframe::ALL {
            assert_eq!(tf.name().parse(), Ok(tf));
            assert_eq!(Timeframe::ALL[tf.index()], tf);
        }
        assert_eq!("4h".parse(), Ok(Timeframe::H4));
        assert_ne!("1m".parse::<Timeframe>(), "1M".parse::<Timeframe>());
        let err = "7m".parse::<Timeframe>().unwrap_err().to_string();
        assert!(err.contains("7m") && err.contains("15m"), "{err}");
    }
}
