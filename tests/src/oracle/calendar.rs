//! Buckets by calendar, counted out year by year so that it shares nothing with the code it checks.

/// Milliseconds of a minute, an hour and a day.
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// The nine timeframes by their outer names, ascending.
pub const TIMEFRAMES: [&str; 9] = ["1m", "5m", "15m", "30m", "1H", "4H", "1D", "1W", "1M"];

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_lengths(year: i64) -> [i64; 12] {
    [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// First instant of the calendar month of `at` and of the month after it; from 1970.
pub fn month_bounds(at: i64) -> (i64, i64) {
    let mut start = 0;
    for year in 1970.. {
        for days in month_lengths(year) {
            let end = start + days * DAY;
            if at < end {
                return (start, end);
            }
            start = end;
        }
    }
    unreachable!("years do not end")
}

/// Open time of the bucket of `timeframe` that holds `at`, and of the bucket after it.
///
/// # Panics
/// On a timeframe that is none of [`TIMEFRAMES`].
pub fn bucket(timeframe: &str, at: i64) -> (i64, i64) {
    let fixed = |length: i64| {
        let open = at - at.rem_euclid(length);
        (open, open + length)
    };
    match timeframe {
        "1m" => fixed(MINUTE),
        "5m" => fixed(5 * MINUTE),
        "15m" => fixed(15 * MINUTE),
        "30m" => fixed(30 * MINUTE),
        "1H" => fixed(HOUR),
        "4H" => fixed(4 * HOUR),
        "1D" => fixed(DAY),
        // 1970-01-05 was the first Monday.
        "1W" => {
            let monday = 4 * DAY;
            let open = at - (at - monday).rem_euclid(7 * DAY);
            (open, open + 7 * DAY)
        }
        "1M" => month_bounds(at),
        other => panic!("{other} is no timeframe"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_known_instants() {
        // 2024-02-29 13:47:00 UTC, a Thursday in a leap year.
        let at = 1_709_214_420_000;
        let expected = [
            ("1m", 1_709_214_420_000),
            ("5m", 1_709_214_300_000),
            ("15m", 1_709_214_300_000),
            ("30m", 1_709_213_400_000),
            ("1H", 1_709_211_600_000),
            ("4H", 1_709_208_000_000),
            ("1D", 1_709_164_800_000),
            ("1W", 1_708_905_600_000),
            ("1M", 1_706_745_600_000),
        ];
        for (timeframe, open) in expected {
            assert_eq!(bucket(timeframe, at).0, open, "{timeframe}");
        }
        assert_eq!(bucket("1M", at).1, 1_709_251_200_000);
    }
}
