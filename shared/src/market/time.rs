//! Instants as integer Unix milliseconds, and the civil dates they fall on.

use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// An instant (Unix ms, UTC) or, where a function says so, a length in ms.
///
/// Chart seconds are another type, in the page alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Ms(pub i64);

impl Ms {
    pub const ZERO: Ms = Ms(0);
    pub const SECOND: Ms = Ms(1_000);
    pub const MINUTE: Ms = Ms(60_000);
    pub const HOUR: Ms = Ms(3_600_000);
    pub const DAY: Ms = Ms(86_400_000);
    /// The last instant that counts as plausible: the end of year 9999.
    pub const LATEST: Ms = Ms(253_402_300_799_999);

    /// A length of `n` seconds.
    pub const fn seconds(n: i64) -> Ms {
        Ms(n * 1_000)
    }

    /// The start of the `step`-long slot that holds this instant, slots counted from the epoch.
    pub const fn floor(self, step: Ms) -> Ms {
        Ms(self.0.div_euclid(step.0).saturating_mul(step.0))
    }

    /// Whether this can be the time of a market event: from 1970 to the end of year 9999. Arithmetic on
    /// such instants cannot overflow.
    pub const fn is_plausible(self) -> bool {
        0 <= self.0 && self.0 <= Ms::LATEST.0
    }

    /// The civil UTC date and time of this instant.
    pub const fn civil(self) -> Civil {
        Civil::from_ms(self)
    }

    /// Reads a query time: Unix ms, RFC 3339 (`2025-01-31T10:00:00Z`, offsets allowed) or a date
    /// (`2025-01-31`, its UTC midnight).
    ///
    /// # Errors
    /// [`TimeError`] with the text, when it is none of the three.
    pub fn parse(text: &str) -> Result<QueryTime, TimeError> {
        parse_query_time(text).ok_or_else(|| TimeError(text.chars().take(40).collect()))
    }
}

/// A parsed query time and whether it named a whole day (then, as an end, that day is included).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueryTime {
    pub at: Ms,
    pub whole_day: bool,
}

/// A text that is no time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: use Unix milliseconds, RFC 3339 or a date like 2025-01-31")]
pub struct TimeError(String);

impl Add for Ms {
    type Output = Ms;
    fn add(self, other: Ms) -> Ms {
        Ms(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Ms {
    fn add_assign(&mut self, other: Ms) {
        *self = *self + other;
    }
}

impl Sub for Ms {
    type Output = Ms;
    fn sub(self, other: Ms) -> Ms {
        Ms(self.0.saturating_sub(other.0))
    }
}

/// A UTC date and time of day in the proleptic Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Civil {
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub millis: u16,
}

impl Civil {
    /// Midnight UTC of a date; `month` 1 to 12, `day` from 1.
    pub const fn midnight(year: i32, month: u8, day: u8) -> Ms {
        Ms(days_from_civil(year, month, day) * Ms::DAY.0)
    }

    /// Days since 1970-01-01 of an instant.
    pub const fn day_number(at: Ms) -> i64 {
        at.0.div_euclid(Ms::DAY.0)
    }

    /// 0 = Monday .. 6 = Sunday.
    pub const fn weekday(at: Ms) -> u8 {
        // 1970-01-01 was a Thursday.
        (Self::day_number(at) + 3).rem_euclid(7) as u8
    }

    const fn from_ms(at: Ms) -> Civil {
        let (year, month, day) = civil_from_days(Self::day_number(at));
        let rest = at.0.rem_euclid(Ms::DAY.0);
        Civil {
            year,
            month,
            day,
            hour: (rest / 3_600_000) as u8,
            minute: (rest / 60_000 % 60) as u8,
            second: (rest / 1_000 % 60) as u8,
            millis: (rest % 1_000) as u16,
        }
    }
}

/// Days since the epoch of a civil date (era arithmetic over 400-year cycles).
const fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let y = year as i64 - (month <= 2) as i64;
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let shifted_month = (month as i64 + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

const fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u8;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u8;
    let year = yoe + era * 400 + (month <= 2) as i64;
    (year as i32, month, day)
}

fn parse_query_time(text: &str) -> Option<QueryTime> {
    if let Ok(ms) = text.parse::<i64>() {
        // Negative and far-future instants are typing errors, not times.
        return Ms(ms).is_plausible().then_some(QueryTime { at: Ms(ms), whole_day: false });
    }
    let date = parse_date(text.get(..10)?)?;
    if text.len() == 10 {
        return Some(QueryTime { at: date, whole_day: true });
    }
    let clock = text.get(10..)?;
    let clock = clock.strip_prefix(['T', 't', ' '])?;
    let zone_at = clock.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = clock.split_at(zone_at);
    let at = date + parse_clock(time)? - parse_zone(zone)?;
    (at.0 >= 0).then_some(QueryTime { at, whole_day: false })
}

fn number(text: &str, max: i64) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value = digits.then(|| text.parse().ok())??;
    (value <= max).then_some(value)
}

fn parse_date(text: &str) -> Option<Ms> {
    let mut parts = text.split('-');
    let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
    if (y.len(), m.len(), d.len()) != (4, 2, 2) || parts.next().is_some() {
        return None;
    }
    let (y, m, d) = (number(y, 9_999)? as i32, number(m, 12)? as u8, number(d, 31)? as u8);
    let at = Civil::midnight(y, m, d);
    let back = at.civil();
    // A round trip refuses month 0, day 0 and 30 February.
    (m > 0 && (back.year, back.month, back.day) == (y, m, d)).then_some(at)
}

fn parse_clock(text: &str) -> Option<Ms> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let (h, m, s) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    if parts.next().is_some() || h.len() != 2 || m.len() != 2 || s.len() != 2 {
        return None;
    }
    number(fraction, i64::MAX)?;
    let millis: String = fraction.chars().chain("00".chars()).take(3).collect();
    let seconds = number(h, 23)? * 3_600 + number(m, 59)? * 60 + number(s, 60)?;
    Some(Ms(seconds * 1_000 + number(&millis, 999)?))
}

fn parse_zone(text: &str) -> Option<Ms> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Ms::ZERO);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (h, m) = text.get(1..)?.split_once(':')?;
    Some(Ms(sign * (number(h, 23)? * 60 + number(m, 59)?) * 60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_round_trip_over_leap_years() {
        for (y, m, d, ms) in [
            (1970, 1, 1, 0),
            (2000, 2, 29, 951_782_400_000),
            (2024, 2, 29, 1_709_164_800_000),
            (2026, 11, 21, 1_795_219_200_000),
        ] {
            assert_eq!(Civil::midnight(y, m, d), Ms(ms));
            let c = Ms(ms + 3_723_004).civil();
            assert_eq!((c.year, c.month, c.day), (y, m, d));
            assert_eq!((c.hour, c.minute, c.second, c.millis), (1, 2, 3, 4));
        }
    }

    #[test]
    fn weekday_counts_from_monday() {
        assert_eq!(Civil::weekday(Ms(0)), 3);
        assert_eq!(Civil::weekday(Civil::midnight(2026, 11, 21)), 5);
        assert_eq!(Civil::weekday(Civil::midnight(1969, 12, 29)), 0);
    }

    #[test]
    fn query_times_take_three_forms() {
        let at = |text| Ms::parse(text).map(|q| (q.at.0, q.whole_day));
        assert_eq!(at("1738281600000"), Ok((1_738_281_600_000, false)));
        assert_eq!(at("2025-01-31"), Ok((1_738_281_600_000, true)));
        assert_eq!(at("2025-01-31T00:00:00Z"), Ok((1_738_281_600_000, false)));
        assert_eq!(at("2025-01-31T01:30:00.5+01:30"), Ok((1_738_281_600_500, false)));
        for bad in [
            "",
            "yesterday",
            "2025-02-30",
            "2025-1-1",
            "-5",
            "2025-01-31T25:00:00Z",
            "2025-01-31T10:00",
            "é2025-01-3",
        ] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
