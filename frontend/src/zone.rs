//! The time zone in which times are shown. Data stays in UTC.

use shared::market::Ms;

/// Which clock a person reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Zone {
    #[default]
    Utc,
    /// The browser's.
    Local,
}

impl Zone {
    /// The instant whose UTC date and time read as `at` does in this zone: for writing only.
    pub fn shift(self, at: Ms) -> Ms {
        match self {
            Zone::Utc => at,
            Zone::Local => at + offset(at),
        }
    }

    /// The instant that reads in this zone as `wall` does in UTC. What a change of the clock skips or repeats is
    /// taken by the offset before it.
    pub fn unshift(self, wall: Ms) -> Ms {
        match self {
            Zone::Utc => wall,
            Zone::Local => wall - offset(wall - offset(wall)),
        }
    }

    /// As it is written beside a time: `UTC`, `UTC+1`, `UTC−3:30`.
    pub fn name(self, at: Ms) -> String {
        named((self.shift(at) - at).0 / 60_000)
    }
}

/// The name of an offset in minutes.
fn named(minutes: i64) -> String {
    let (sign, size) = (if minutes < 0 { '\u{2212}' } else { '+' }, minutes.abs());
    match (size / 60, size % 60) {
        (0, 0) => "UTC".into(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, rest) => format!("UTC{sign}{hours}:{rest:02}"),
    }
}

/// The browser's clock less UTC at an instant.
#[cfg(target_arch = "wasm32")]
fn offset(at: Ms) -> Ms {
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at.0 as f64));
    Ms((-60_000.0 * date.get_timezone_offset()) as i64)
}

/// Without a browser there is no other zone.
#[cfg(not(target_arch = "wasm32"))]
fn offset(_: Ms) -> Ms {
    Ms::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_by_their_offset() {
        for (minutes, name) in [(0, "UTC"), (60, "UTC+1"), (-210, "UTC\u{2212}3:30"), (345, "UTC+5:45")] {
            assert_eq!(named(minutes), name);
        }
        assert_eq!(Zone::Utc.shift(Ms(5)), Ms(5));
        assert_eq!(Zone::Utc.name(Ms(5)), "UTC");
    }
}
