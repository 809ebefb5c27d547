//! Local time of the places where exchanges are, by rule instead of a zone database.

use std::fmt;
use std::str::FromStr;

use super::CalendarError;
use crate::market::{Civil, Ms};

/// A place's distance from UTC. Daylight saving follows today's rules (US: since 2007, EU: since 1996) in
/// every year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The IANA name it was asked for by; `None` for a plain distance.
    name: Option<&'static str>,
    /// Minutes ahead of UTC outside daylight saving.
    standard: i64,
    rule: Rule,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    /// No daylight saving.
    Fixed,
    /// Second Sunday of March to first Sunday of November, at 02:00 local time.
    Us,
    /// Last Sunday of March to last Sunday of October, at 01:00 UTC.
    Eu,
}

use Rule::{Eu, Fixed, Us};

/// Names vendors report, by hours ahead of UTC (times 60) and rule.
const NAMED: &[(i64, Rule, &[&str])] = &[
    (-600, Fixed, &["Pacific/Honolulu"]),
    (-480, Us, &["America/Los_Angeles", "America/Vancouver", "US/Pacific"]),
    (-420, Us, &["America/Denver", "US/Mountain"]),
    (-420, Fixed, &["America/Phoenix"]),
    (-360, Us, &["America/Chicago", "America/Winnipeg", "US/Central"]),
    (-360, Fixed, &["America/Mexico_City"]),
    (-300, Us, &["America/New_York", "America/Toronto", "US/Eastern"]),
    (-300, Fixed, &["America/Bogota", "America/Lima"]),
    (-240, Us, &["America/Halifax"]),
    (-180, Fixed, &["America/Argentina/Buenos_Aires", "America/Sao_Paulo"]),
    (0, Fixed, &["UTC", "Etc/UTC", "Etc/GMT", "GMT", "Africa/Accra", "Atlantic/Reykjavik"]),
    (0, Eu, &["Europe/London", "Europe/Dublin", "Europe/Lisbon"]),
    (60, Fixed, &["Africa/Lagos"]),
    (60, Eu, &["Europe/Amsterdam", "Europe/Berlin", "Europe/Brussels", "Europe/Budapest"]),
    (60, Eu, &["Europe/Copenhagen", "Europe/Luxembourg", "Europe/Madrid", "Europe/Oslo"]),
    (60, Eu, &["Europe/Paris", "Europe/Prague", "Europe/Rome", "Europe/Stockholm"]),
    (60, Eu, &["Europe/Vienna", "Europe/Warsaw", "Europe/Zurich"]),
    (120, Fixed, &["Africa/Johannesburg"]),
    (120, Eu, &["Europe/Athens", "Europe/Bucharest", "Europe/Helsinki", "Europe/Riga", "Europe/Vilnius"]),
    (180, Fixed, &["Africa/Nairobi", "Asia/Riyadh", "Europe/Istanbul", "Europe/Moscow"]),
    (240, Fixed, &["Asia/Dubai"]),
    (330, Fixed, &["Asia/Calcutta", "Asia/Kolkata"]),
    (420, Fixed, &["Asia/Bangkok", "Asia/Ho_Chi_Minh", "Asia/Jakarta"]),
    (480, Fixed, &["Asia/Hong_Kong", "Asia/Kuala_Lumpur", "Asia/Manila", "Asia/Shanghai"]),
    (480, Fixed, &["Asia/Singapore", "Asia/Taipei", "Australia/Perth"]),
    (540, Fixed, &["Asia/Seoul", "Asia/Tokyo"]),
    (600, Fixed, &["Australia/Brisbane"]),
];

/// Furthest a place is from UTC, in minutes.
const FURTHEST: i64 = 14 * 60;

impl Zone {
    pub(super) const CHICAGO: Zone = Zone { name: Some("America/Chicago"), standard: -360, rule: Us };

    /// Local time less UTC at an instant.
    pub fn offset(&self, at: Ms) -> Ms {
        let standard = Ms(self.standard * Ms::MINUTE.0);
        let year = (at + standard).civil().year;
        let saving = match self.rule {
            Fixed => false,
            Us => {
                let from = first_sunday(year, 3) + Ms(7 * Ms::DAY.0 + 2 * Ms::HOUR.0) - standard;
                let to = first_sunday(year, 11) + Ms::HOUR - standard;
                from <= at && at < to
            }
            Eu => {
                let week = Ms(7 * Ms::DAY.0);
                let from = first_sunday(year, 4) - week + Ms::HOUR;
                let to = first_sunday(year, 11) - week + Ms::HOUR;
                from <= at && at < to
            }
        };
        if saving { standard + Ms::HOUR } else { standard }
    }

    /// The instant at which clocks there show `local` (read as if it were UTC). Of an hour shown twice the
    /// second; an hour left out is the one before it.
    pub fn utc(&self, local: Ms) -> Ms {
        local - self.offset(local - Ms(self.standard * Ms::MINUTE.0))
    }
}

/// Midnight of a month's first Sunday.
fn first_sunday(year: i32, month: u8) -> Ms {
    let first = Civil::midnight(year, month, 1);
    first + Ms(i64::from(6 - Civil::weekday(first)) * Ms::DAY.0)
}

impl FromStr for Zone {
    type Err = CalendarError;

    /// An IANA name, as far as known, or a distance from UTC like `+05:30`.
    fn from_str(text: &str) -> Result<Zone, CalendarError> {
        let named = NAMED.iter().find_map(|(standard, rule, names)| {
            let name = names.iter().find(|name| **name == text)?;
            Some(Zone { name: Some(name), standard: *standard, rule: *rule })
        });
        named.or_else(|| distance(text)).ok_or_else(|| CalendarError::Zone(text.chars().take(40).collect()))
    }
}

fn distance(text: &str) -> Option<Zone> {
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let standard = sign * (hours * 60 + minutes);
    let fits = minutes < 60 && standard.abs() <= FURTHEST;
    fits.then_some(Zone { name: None, standard, rule: Fixed })
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => {
                let (sign, minutes) = (if self.standard < 0 { '-' } else { '+' }, self.standard.abs());
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}
