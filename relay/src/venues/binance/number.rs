//! Numbers and texts as the venue writes them, borrowed from the frame.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use shared::market::Ms;

use crate::venues::{Level, VenueError};

/// A decimal: text, sometimes a bare number, sometimes "".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Num<'a> {
    Text(&'a str),
    Value(f64),
}

impl Num<'_> {
    /// The value, finite.
    pub(super) fn get(self, field: &'static str) -> Result<f64, VenueError> {
        let value = match self {
            Num::Text(text) => text.parse().ok(),
            Num::Value(value) => Some(value),
        };
        value.filter(|v: &f64| v.is_finite()).ok_or_else(|| self.fault(field, "is not a number"))
    }

    /// The value, above 0.
    pub(super) fn price(self, field: &'static str) -> Result<f64, VenueError> {
        let value = self.get(field)?;
        if value > 0.0 { Ok(value) } else { Err(self.fault(field, "is not above 0")) }
    }

    /// The value, 0 or above.
    pub(super) fn quantity(self, field: &'static str) -> Result<f64, VenueError> {
        let value = self.get(field)?;
        if value >= 0.0 { Ok(value) } else { Err(self.fault(field, "is below 0")) }
    }

    /// The value, or nothing where the venue leaves it empty.
    pub(super) fn optional(self, field: &'static str) -> Result<Option<f64>, VenueError> {
        if self == Num::Text("") { Ok(None) } else { self.get(field).map(Some) }
    }

    fn fault(self, field: &'static str, what: &str) -> VenueError {
        let text: String = match self {
            Num::Text(text) => text.chars().take(40).collect(),
            Num::Value(value) => value.to_string(),
        };
        VenueError::Field { field, detail: format!("`{text}` {what}") }
    }
}

struct NumVisitor;

impl<'de> Visitor<'de> for NumVisitor {
    type Value = Num<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as text or number")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Num<'de>, E> {
        Ok(Num::Text(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Num<'de>, E> {
        // Only a text with escapes is not borrowed; no decimal has any.
        text.parse().map(Num::Value).map_err(|_| E::custom("a decimal with escapes"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Num<'de>, E> {
        Ok(Num::Value(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Num<'de>, E> {
        Ok(Num::Value(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Num<'de>, E> {
        Ok(Num::Value(value as f64))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Num<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumVisitor)
    }
}

/// A text, borrowed unless it has escapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        d.deserialize_str(TextVisitor)
    }
}

/// One side of a book: `[["price","quantity"], ..]`. Older frames have further elements in a level.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Levels(pub Vec<Level>);

impl Levels {
    /// Levels per coin: prices divided, quantities multiplied by `multiplier`.
    pub(super) fn per_coin(mut self, multiplier: f64) -> Vec<Level> {
        if multiplier != 1.0 {
            for level in &mut self.0 {
                level.price /= multiplier;
                level.quantity *= multiplier;
            }
        }
        self.0
    }
}

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct LevelsVisitor;
        impl<'de> Visitor<'de> for LevelsVisitor {
            type Value = Levels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("levels as [price, quantity]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Levels, A::Error> {
                let mut levels = Vec::new();
                while let Some(WireLevel(level)) = seq.next_element()? {
                    levels.push(level);
                }
                Ok(Levels(levels))
            }
        }
        d.deserialize_seq(LevelsVisitor)
    }
}

struct WireLevel(Level);

impl<'de> Deserialize<'de> for WireLevel {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct LevelVisitor;
        impl<'de> Visitor<'de> for LevelVisitor {
            type Value = WireLevel;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a level as [price, quantity]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WireLevel, A::Error> {
                let mut next = |place: usize| -> Result<Num<'de>, A::Error> {
                    seq.next_element()?.ok_or_else(|| A::Error::invalid_length(place, &self))
                };
                let (price, quantity) = (next(0)?, next(1)?);
                let price = price.price("level price").map_err(A::Error::custom)?;
                let quantity = quantity.quantity("level quantity").map_err(A::Error::custom)?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(WireLevel(Level { price, quantity }))
            }
        }
        d.deserialize_seq(LevelVisitor)
    }
}

/// Checks that a time is Unix ms of this era: a venue switched to microseconds must not pass.
pub(super) fn time(field: &'static str, value: i64) -> Result<Ms, VenueError> {
    const LAST: i64 = 10_000_000_000_000;
    if (0..LAST).contains(&value) {
        Ok(Ms(value))
    } else {
        Err(VenueError::Field { field, detail: format!("{value} is no time in milliseconds") })
    }
}
