//! Which bucket an instant falls in. Buckets go by calendar, never by counting bars.

use super::{Civil, Ms, Timeframe};

/// When a market trades, and so where its buckets begin.
///
/// A market with sessions becomes a further variant; every caller already asks its instrument's calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Calendar {
    /// Around the clock: UTC days, weeks from Monday, calendar months.
    #[default]
    Continuous,
}

impl Calendar {
    /// Open time of the bucket that holds `at`.
    pub const fn open(self, timeframe: Timeframe, at: Ms) -> Ms {
        match self {
            Calendar::Continuous => match timeframe {
                Timeframe::W1 => Ms((Civil::day_number(at) - Civil::weekday(at) as i64) * Ms::DAY.0),
                Timeframe::Mo1 => {
                    let c = at.civil();
                    Civil::midnight(c.year, c.month, 1)
                }
                fixed => at.floor(fixed.nominal()),
            },
        }
    }

    /// Open time of the bucket after the one that opens at `open`.
    pub const fn next(self, timeframe: Timeframe, open: Ms) -> Ms {
        match self {
            Calendar::Continuous => match timeframe {
                Timeframe::Mo1 => {
                    let c = open.civil();
                    if c.month == 12 {
                        Civil::midnight(c.year + 1, 1, 1)
                    } else {
                        Civil::midnight(c.year, c.month + 1, 1)
                    }
                }
                fixed => Ms(open.0 + fixed.nominal().0),
            },
        }
    }

    /// Open time of the bucket before the one that opens at `open`.
    pub const fn previous(self, timeframe: Timeframe, open: Ms) -> Ms {
        self.open(timeframe, Ms(open.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_the_calendar() {
        let at = Civil::midnight(2024, 2, 29) + Ms(13 * 3_600_000 + 47 * 60_000 + 5);
        let cases = [
            (Timeframe::M1, 13, 47, Ms::MINUTE),
            (Timeframe::M5, 13, 45, Ms(300_000)),
            (Timeframe::M15, 13, 45, Ms(900_000)),
            (Timeframe::M30, 13, 30, Ms(1_800_000)),
            (Timeframe::H1, 13, 0, Ms::HOUR),
            (Timeframe::H4, 12, 0, Ms(14_400_000)),
            (Timeframe::D1, 0, 0, Ms::DAY),
        ];
        for (tf, hour, minute, len) in cases {
            let open = Calendar::Continuous.open(tf, at);
            assert_eq!(open, Civil::midnight(2024, 2, 29) + Ms(hour * 3_600_000 + minute * 60_000), "{tf}");
            assert_eq!(Calendar::Continuous.next(tf, open), open + len);
        }
        // 29 February 2024 was a Thursday.
        assert_eq!(Calendar::Continuous.open(Timeframe::W1, at), Civil::midnight(2024, 2, 26));
        let month = Calendar::Continuous.open(Timeframe::Mo1, at);
        assert_eq!(month, Civil::midnight(2024, 2, 1));
        assert_eq!(Calendar::Continuous.next(Timeframe::Mo1, month), Civil::midnight(2024, 3, 1));
        assert_eq!(Calendar::Continuous.previous(Timeframe::Mo1, month), Civil::midnight(2024, 1, 1));
        let december = Civil::midnight(2023, 12, 1);
        assert_eq!(Calendar::Continuous.next(Timeframe::Mo1, december), Civil::midnight(2024, 1, 1));
    }
}
