//! Trading days of a market that closes.

use serde::{Deserialize, Serialize};

use super::Zone;
use crate::market::{Civil, Ms, Timeframe};

/// A daily session on some days of the week, holidays apart.
///
/// A session that ends no later in the day than it starts begins the evening before its trading day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Session {
    zone: Zone,
    /// Trading days of a week, Monday first.
    days: [bool; 7],
    /// Local minutes from the trading day's midnight; negative from the evening before.
    start: i64,
    end: i64,
    /// Numbers of days since 1970-01-01, ascending.
    holidays: Vec<i64>,
}

/// What was said of a session is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("`{0}` is not a known time zone: use an IANA name or a distance like +05:30")]
    Zone(String),
    #[error("trading days must be some of 1 (Monday) to 7 (Sunday)")]
    Days,
    #[error("`{0}` is not a time of day: use HHMM or HH:MM")]
    Clock(String),
    #[error("`{0}` is not a date: use YYYYMMDD or YYYY-MM-DD")]
    Holiday(String),
    #[error("{0} holidays are too many")]
    Holidays(usize),
}

/// The future exchange's: 17:00 the evening before to 16:00.
pub(super) static CME: Session = Session {
    zone: Zone::CHICAGO,
    days: [true, true, true, true, true, false, false],
    start: -7 * 60,
    end: 16 * 60,
    holidays: Vec::new(),
};

const DAY_MINUTES: i64 = 24 * 60;
/// Decades of them.
const MOST_HOLIDAYS: usize = 1_000;

impl Session {
    /// A session as a vendor tells it: zone by IANA name or distance (`+05:30`), trading days from 1 (Monday) to
    /// 7 (Sunday), start and end as local `HHMM` or `HH:MM` (the end up to `2400`), holidays as dates
    /// (`YYYYMMDD` or `YYYY-MM-DD`) that are no trading days.
    ///
    /// # Errors
    /// [`CalendarError`] naming what is wrong.
    pub fn new<S: AsRef<str>>(
        zone: &str,
        days: &[u8],
        start: &str,
        end: &str,
        holidays: &[S],
    ) -> Result<Session, CalendarError> {
        let mut week = [false; 7];
        for day in days {
            let place = usize::from(*day).checked_sub(1).and_then(|place| week.get_mut(place));
            *place.ok_or(CalendarError::Days)? = true;
        }
        if days.is_empty() {
            return Err(CalendarError::Days);
        }
        if holidays.len() > MOST_HOLIDAYS {
            return Err(CalendarError::Holidays(holidays.len()));
        }
        let (mut start, mut end) = (clock(start)?, clock(end)?);
        if end == 0 {
            end = DAY_MINUTES;
        }
        if end <= start {
            start -= DAY_MINUTES;
        }
        let date = |text: &S| date(text.as_ref());
        let mut holidays = holidays.iter().map(date).collect::<Result<Vec<i64>, _>>()?;
        holidays.sort_unstable();
        holidays.dedup();
        Ok(Session { zone: zone.parse()?, days: week, start, end, holidays })
    }

    /// Open time of the bucket that holds `at`.
    pub(super) fn open(&self, timeframe: Timeframe, at: Ms) -> Ms {
        let at = plausible(at);
        let day = self.day_at(at);
        match timeframe {
            Timeframe::D1 => self.opens(day),
            Timeframe::W1 => self.opens(self.day_after(week(day).0 - 1)),
            Timeframe::Mo1 => self.opens(self.day_after(month(day).0 - 1)),
            within => self.within(within, day, at).0,
        }
    }

    /// Open time of the bucket after the one that holds `at`.
    pub(super) fn next(&self, timeframe: Timeframe, at: Ms) -> Ms {
        let at = plausible(at);
        let day = self.day_at(at);
        let last = match timeframe {
            Timeframe::D1 => day,
            Timeframe::W1 => week(day).1,
            Timeframe::Mo1 => month(day).1,
            within => match self.within(within, day, at).1 {
                end if end < self.closes(day) => return end,
                _ => day,
            },
        };
        self.opens(self.day_after(last))
    }

    /// Close of the newest session that opened at or before `at`.
    pub(super) fn close_at(&self, at: Ms) -> Ms {
        self.closes(self.day_at(plausible(at)))
    }

    /// Open and end of the bucket within a session that holds `at`, or of its last one; the end may lie behind
    /// the session's.
    fn within(&self, timeframe: Timeframe, day: i64, at: Ms) -> (Ms, Ms) {
        let (step, start) = (timeframe.nominal(), self.opens(day));
        let at = at.min(self.closes(day) - Ms(1));
        if timeframe == Timeframe::H4 {
            let open = start + (at - start).floor(step);
            return (open, open + step);
        }
        let offset = self.zone.offset(at);
        let open = (at + offset).floor(step) - offset;
        (open.max(start), open + step)
    }

    /// Midnight UTC of the date of the newest trading day whose session began at or before `at`.
    pub(super) fn date_at(&self, at: Ms) -> Ms {
        Ms(self.day_at(plausible(at)) * Ms::DAY.0)
    }

    /// The newest trading day whose session began at or before `at`.
    fn day_at(&self, at: Ms) -> i64 {
        let local = at + self.zone.offset(at) - Ms(self.start * Ms::MINUTE.0);
        let mut day = Civil::day_number(local);
        if self.opens(day + 1) <= at {
            day += 1;
        } else if self.opens(day) > at {
            day -= 1;
        }
        while !self.trades(day) {
            day -= 1;
        }
        day
    }

    /// The first trading day after a day.
    fn day_after(&self, day: i64) -> i64 {
        let mut next = day + 1;
        while !self.trades(next) {
            next += 1;
        }
        next
    }

    fn trades(&self, day: i64) -> bool {
        let weekday = usize::from(Civil::weekday(Ms(day * Ms::DAY.0)));
        self.days.get(weekday) == Some(&true) && self.holidays.binary_search(&day).is_err()
    }

    fn opens(&self, day: i64) -> Ms {
        self.zone.utc(Ms(day * Ms::DAY.0 + self.start * Ms::MINUTE.0))
    }

    fn closes(&self, day: i64) -> Ms {
        self.zone.utc(Ms(day * Ms::DAY.0 + self.end * Ms::MINUTE.0))
    }
}

/// Keeps day numbers and years within what arithmetic can hold.
fn plausible(at: Ms) -> Ms {
    Ms(at.0.clamp(-Ms::LATEST.0, Ms::LATEST.0))
}

/// First and last day of the week from Monday that holds a day.
fn week(day: i64) -> (i64, i64) {
    let monday = day - i64::from(Civil::weekday(Ms(day * Ms::DAY.0)));
    (monday, monday + 6)
}

/// First and last day of the month that holds a day.
fn month(day: i64) -> (i64, i64) {
    let c = Ms(day * Ms::DAY.0).civil();
    let first = Civil::midnight(c.year, c.month, 1);
    let next = (first + Ms(31 * Ms::DAY.0)).civil();
    let next = Civil::midnight(next.year, next.month, 1);
    (Civil::day_number(first), Civil::day_number(next) - 1)
}

/// Digits of a fixed number of places.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Minutes from midnight.
fn clock(text: &str) -> Result<i64, CalendarError> {
    let plain = text.replacen(':', "", 1);
    let parsed = plain.split_at_checked(2).filter(|(_, minute)| minute.len() == 2);
    let parsed = parsed.and_then(|(hour, minute)| Some((digits(hour)?, digits(minute)?)));
    match parsed {
        Some((hour, minute)) if minute < 60 && hour * 60 + minute <= 24 * 60 => {
            Ok(i64::from(hour * 60 + minute))
        }
        _ => Err(CalendarError::Clock(text.chars().take(20).collect())),
    }
}

/// Number of a date's day.
fn date(text: &str) -> Result<i64, CalendarError> {
    let plain = text.replace('-', "");
    let wrong = || CalendarError::Holiday(text.chars().take(20).collect());
    let parsed = || {
        let (year, rest) = plain.split_at_checked(4)?;
        let (month, day) = rest.split_at_checked(2).filter(|(_, day)| day.len() == 2)?;
        let date = format!("{year}-{month}-{day}");
        Ms::parse(&date).ok().map(|q| Civil::day_number(q.at))
    };
    parsed().ok_or_else(wrong)
}

/// How a session is told outside.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Session"))]
pub struct Form {
    /// IANA name, or a distance from UTC like `+05:30`.
    pub zone: String,
    /// Trading days; 1 = Monday.
    pub days: Vec<u8>,
    /// Local `HH:MM`; later in the day than `end`, or the same: of the evening before.
    pub start: String,
    /// Local `HH:MM`, up to `24:00`.
    pub end: String,
    /// `YYYY-MM-DD`.
    #[serde(default)]
    pub holidays: Vec<String>,
}

impl TryFrom<Form> for Session {
    type Error = CalendarError;

    fn try_from(form: Form) -> Result<Session, CalendarError> {
        Session::new(&form.zone, &form.days, &form.start, &form.end, &form.holidays)
    }
}

impl From<Session> for Form {
    fn from(session: Session) -> Form {
        let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let date = |day: &i64| {
            let c = Ms(day * Ms::DAY.0).civil();
            format!("{:04}-{:02}-{:02}", c.year, c.month, c.day)
        };
        Form {
            zone: session.zone.to_string(),
            days: (1_u8..).zip(session.days).filter(|(_, trades)| *trades).map(|(day, _)| day).collect(),
            start: clock(session.start.rem_euclid(DAY_MINUTES)),
            end: clock(session.end),
            holidays: session.holidays.iter().map(date).collect(),
        }
    }
}
