//! Numbers and texts as the venue writes them, borrowed from the frame.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::market::Ms;

use crate::venues::{Level, VenueError};

/// A decimal: text, sometimes a bare number, sometimes "".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::venues) enum Num<'a> {
    Text(&'a str),
    Value(f64),
}

impl Num<'_> {
    /// The value, finite.
    pub(in crate::venues) fn get(self, field: &'static str) -> Result<f64, VenueError> {
        let value = match self {
            Num::Text(text) => short_decimal(text).or_else(|| text.parse().ok()),
            Num::Value(value) => Some(value),
        };
        value.filter(|v: &f64| v.is_finite()).ok_or_else(|| self.fault(field, "is not a number"))
    }

    /// The value, above 0.
    pub(in crate::venues) fn price(self, field: &'static str) -> Result<f64, VenueError> {
        let value = self.get(field)?;
        if value > 0.0 { Ok(value) } else { Err(self.fault(field, "is not above 0")) }
    }

    /// The value, 0 or above.
    pub(in crate::venues) fn quantity(self, field: &'static str) -> Result<f64, VenueError> {
        let value = self.get(field)?;
        if value >= 0.0 { Ok(value) } else { Err(self.fault(field, "is below 0")) }
    }

    /// The value, or nothing where the venue leaves it empty.
    pub(in crate::venues) fn optional(self, field: &'static str) -> Result<Option<f64>, VenueError> {
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

/// Powers of ten a float holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Reads `123.4500` as nearly all numbers here are; `None` leaves the rest to the general parser.
fn short_decimal(text: &str) -> Option<f64> {
    let (value, rest) = decimal_prefix(text.as_bytes())?;
    rest.is_empty().then_some(value)
}

/// The decimal up to a closing quote, and what follows the quote.
fn plain_decimal(text: &[u8]) -> Option<(f64, &[u8])> {
    let (value, rest) = decimal_prefix(text)?;
    Some((value, rest.strip_prefix(b"\"")?))
}

/// A decimal of up to 15 digits and what follows it.
///
/// The digits and the power of ten are exact floats, so that one division rounds once and the result has the
/// same bits as the general parser's.
fn decimal_prefix(text: &[u8]) -> Option<(f64, &[u8])> {
    let digits = |from: usize, mut value: u64| {
        let mut at = from;
        while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        (at, value)
    };
    let (whole, value) = digits(0, 0);
    let (end, value, decimals) = match text.get(whole) {
        Some(b'.') => {
            let (end, value) = digits(whole + 1, value);
            (end, value, end - whole - 1)
        }
        _ => (whole, value, 0),
    };
    let fits = whole > 0 && whole + decimals <= 15 && (decimals > 0 || end == whole);
    Some((fits.then(|| value as f64 / EXACT_POWERS[decimals])?, text.get(end..)?))
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
pub(in crate::venues) struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    pub(in crate::venues) fn as_str(&self) -> &str {
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
pub(in crate::venues) struct Levels(pub Vec<Level>);

impl Levels {
    /// Levels per coin: prices divided, quantities multiplied by `multiplier`.
    pub(in crate::venues) fn per_coin(mut self, multiplier: f64) -> Vec<Level> {
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
        let raw: &'de RawValue = Deserialize::deserialize(d)?;
        if let Some(levels) = plain_levels(raw.get().as_bytes()) {
            return Ok(Levels(levels));
        }
        let levels: Vec<WireLevel> = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Levels(levels.into_iter().map(|WireLevel(level)| level).collect()))
    }
}

/// Reads levels as nearly all frames have them: `[["84551.00","2.027"],..]` without blanks. `None` leaves the
/// rest, and the naming of faults, to the general parser, which reads the same numbers more slowly. The text is
/// known to be JSON.
fn plain_levels(text: &[u8]) -> Option<Vec<Level>> {
    let mut rest = text.strip_prefix(b"[")?;
    // A level is seldom shorter than this.
    let mut levels = Vec::with_capacity(text.len() / 20);
    while let Some(level) = rest.strip_prefix(b"[\"") {
        let (price, after) = plain_decimal(level)?;
        let (quantity, after) = plain_decimal(after.strip_prefix(b",\"")?)?;
        if price <= 0.0 {
            return None;
        }
        levels.push(Level { price, quantity });
        rest = after_texts(after).strip_prefix(b"]")?;
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
    (rest == b"]").then_some(levels)
}

/// What follows `,"..","..`: further texts of a level, such as a number of orders.
fn after_texts(mut rest: &[u8]) -> &[u8] {
    while let Some(text) = rest.strip_prefix(b",\"") {
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        match text.get(digits..).and_then(|end| end.strip_prefix(b"\"")) {
            Some(after) => rest = after,
            None => return rest,
        }
    }
    rest
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
pub(in crate::venues) fn time(field: &'static str, value: i64) -> Result<Ms, VenueError> {
    const LAST: i64 = 10_000_000_000_000;
    if (0..LAST).contains(&value) {
        Ok(Ms(value))
    } else {
        Err(VenueError::Field { field, detail: format!("{value} is no time in milliseconds") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_decimals_have_the_bits_of_the_general_parser() {
        let mut state = 7_u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let digits = (state >> 13) % 10_u64.pow(1 + (state >> 60) as u32 % 15);
            let mut text = digits.to_string();
            let point = 1 + (state >> 5) as usize % text.len();
            if point < text.len() {
                text.insert(point, '.');
            }
            let general: f64 = text.parse().unwrap();
            assert_eq!(short_decimal(&text).map(f64::to_bits), Some(general.to_bits()), "{text}");
        }
        for text in ["0", "0.000", "61800.30", "0.00001234", "000.5", "999999999999999"] {
            assert_eq!(short_decimal(text), text.parse().ok(), "{text}");
        }
        let levels = r#"[["61800.30","0.014"],["0.00001234","0"]]"#;
        let expected =
            [(61_800.3, 0.014), (0.00001234, 0.0)].map(|(price, quantity)| Level { price, quantity });
        assert_eq!(plain_levels(levels.as_bytes()), Some(expected.to_vec()));
        assert_eq!(plain_levels(b"[]"), Some(vec![]));
        let counted = levels.replace("\"0.014\"", "\"0.014\",\"0\",\"12\"");
        assert_eq!(plain_levels(counted.as_bytes()), Some(expected.to_vec()), "a dead field and a count");
        let unusual = levels.replace("],", "] , ").replace("\"0.014\"", "0.014, []");
        assert_eq!(plain_levels(unusual.as_bytes()), None);
        assert_eq!(serde_json::from_str::<Levels>(&unusual).unwrap().0, expected);
        for bad in [r#"[["0","1"]]"#, r#"[["1","-1"]]"#, r#"[["1"]]"#, r#"[["1","x"]]"#, r#"["1","1"]"#, "{}"]
        {
            assert!(serde_json::from_str::<Levels>(bad).is_err(), "{bad}");
        }
        for text in ["", ".", "1.", ".5", "1.2.3", "-1", "+1", "1e5", "NaN", "1234567890123456", "1 "] {
            assert_eq!(short_decimal(text), None, "{text}");
        }
    }
}
