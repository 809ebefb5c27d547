//! Trading hours of the listed markets, worked out by the rules of daylight saving rather than a zone database.

use crate::oracle::calendar::{DAY, HOUR, MINUTE, month_bounds};

/// When a market trades.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hours {
    /// 17:00 to 16:00 of the next day in Chicago, Sunday evening to Friday afternoon.
    Cme,
    /// 09:30 to 16:00 in New York, Monday to Friday.
    UsStocks,
    Always,
}

/// Days without a session, as `YYYYMMDD`.
pub const HOLIDAYS: [&str; 6] = ["20251225", "20260101", "20260403", "20261225", "20270101", "20270326"];
/// Days whose session ends at 12:00 local time.
pub const SHORT_DAYS: [&str; 6] = ["20251128", "20251224", "20261127", "20261224", "20271126", "20271224"];

/// Year, month and day of an instant from 1970 on, counted out month by month.
pub fn civil(at: i64) -> (i64, i64, i64) {
    let (mut months, mut start) = (0, 0);
    loop {
        let (_, end) = month_bounds(start);
        if at < end {
            return (1970 + months / 12, months % 12 + 1, (at - start).div_euclid(DAY) + 1);
        }
        (months, start) = (months + 1, end);
    }
}

/// First instant of a month.
pub fn month_start(year: i64, month: i64) -> i64 {
    (0..(year - 1970) * 12 + month - 1).fold(0, |start, _| month_bounds(start).1)
}

/// 0 for Sunday to 6 for Saturday; 1970-01-01 was a Thursday.
fn weekday(at: i64) -> i64 {
    (at.div_euclid(DAY) + 4).rem_euclid(7)
}

/// The `n`th Sunday of a month.
fn sunday(year: i64, month: i64, n: i64) -> i64 {
    let first = month_start(year, month);
    first + ((7 - weekday(first)) % 7 + 7 * (n - 1)) * DAY
}

/// The instant at which clocks of a US zone, `west` hours behind UTC in winter, show `local`.
fn us_instant(local: i64, west: i64) -> i64 {
    let (year, ..) = civil(local);
    let summer = sunday(year, 3, 2) + 2 * HOUR..sunday(year, 11, 1) + 2 * HOUR;
    local + (west - i64::from(summer.contains(&local))) * HOUR
}

fn date_text(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}{month:02}{day:02}")
}

impl Hours {
    pub fn zone(self) -> &'static str {
        match self {
            Hours::Cme => "America/Chicago",
            Hours::UsStocks => "America/New_York",
            Hours::Always => "Etc/UTC",
        }
    }

    /// Local start and end as the venue writes them.
    pub fn texts(self) -> (&'static str, &'static str) {
        match self {
            Hours::Cme => ("1700", "1600"),
            Hours::UsStocks => ("0930", "1600"),
            Hours::Always => ("0000", "2400"),
        }
    }

    /// Sessions `[open, close)` of the days from that of `from` to that of `to`, ascending.
    pub fn sessions(self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let days = (from.div_euclid(DAY)..=to.div_euclid(DAY)).map(|day| day * DAY);
        let session = |day: i64| {
            let date = date_text(day);
            let works = !matches!(weekday(day), 0 | 6) && !HOLIDAYS.contains(&date.as_str());
            let end = if SHORT_DAYS.contains(&date.as_str()) { 12 } else { 16 };
            match self {
                Hours::Always => Some((day, day + DAY)),
                Hours::Cme => works.then(|| (us_instant(day - 7 * HOUR, 6), us_instant(day + end * HOUR, 6))),
                Hours::UsStocks => {
                    let open = day + 9 * HOUR + 30 * MINUTE;
                    works.then(|| (us_instant(open, 5), us_instant(day + end * HOUR, 5)))
                }
            }
        };
        days.filter_map(session).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_move_with_daylight_saving_and_skip_what_is_closed() {
        let at = |year: i64, month: i64, day: i64, hour: i64, minute: i64| {
            month_start(year, month) + (day - 1) * DAY + hour * HOUR + minute * MINUTE
        };
        // Clocks go forward on Sunday 8 March 2026 and back on Sunday 1 November 2026.
        let cme = Hours::Cme.sessions(at(2026, 3, 5, 0, 0), at(2026, 3, 9, 0, 0));
        assert_eq!(
            cme,
            [
                (at(2026, 3, 4, 23, 0), at(2026, 3, 5, 22, 0)),
                (at(2026, 3, 5, 23, 0), at(2026, 3, 6, 22, 0)),
                (at(2026, 3, 8, 22, 0), at(2026, 3, 9, 21, 0)),
            ]
        );
        let autumn = Hours::Cme.sessions(at(2026, 11, 1, 0, 0), at(2026, 11, 2, 0, 0));
        assert_eq!(autumn, [(at(2026, 11, 1, 23, 0), at(2026, 11, 2, 22, 0))]);
        let stocks = Hours::UsStocks.sessions(at(2026, 10, 30, 0, 0), at(2026, 11, 2, 0, 0));
        assert_eq!(
            stocks,
            [
                (at(2026, 10, 30, 13, 30), at(2026, 10, 30, 20, 0)),
                (at(2026, 11, 2, 14, 30), at(2026, 11, 2, 21, 0)),
            ]
        );
        // Christmas is none, the day before is short.
        let christmas = Hours::Cme.sessions(at(2026, 12, 24, 0, 0), at(2026, 12, 25, 0, 0));
        assert_eq!(christmas, [(at(2026, 12, 23, 23, 0), at(2026, 12, 24, 18, 0))]);
        assert_eq!(civil(at(2028, 2, 29, 5, 0)), (2028, 2, 29));
    }
}
