//! What rows of a series tell by their times.

use shared::market::Ms;

/// Venues write funding times some ms off.
pub(in crate::venues) fn on_the_minute(at: Ms) -> Ms {
    (at + Ms(Ms::MINUTE.0 / 2)).floor(Ms::MINUTE)
}

/// Hours the payment at `at` was for: the distance to the one before, for the first to the one after. A
/// distance beyond the longest interval is a hole, not an interval.
pub(in crate::venues) fn spacing_hours(times: &[Ms], at: usize) -> Option<f64> {
    let here = *times.get(at)?;
    let before = at.checked_sub(1).and_then(|i| times.get(i)).map(|t| here - *t);
    let after = times.get(at + 1).map(|t| *t - here);
    let interval = |spacing: &Ms| (Ms::HOUR.0..=8 * Ms::HOUR.0).contains(&spacing.0);
    let spacing = before.filter(interval).or(after.filter(interval))?;
    Some(spacing.0 as f64 / Ms::HOUR.0 as f64)
}

/// Whether a candle that ends at `close_time` is surely over at `now`, two seconds of slack for clocks.
pub(in crate::venues) fn surely_closed(close_time: i64, now: Ms) -> bool {
    now.0 > close_time.saturating_add(2_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payments_tell_their_interval_and_holes_do_not() {
        let times = [0, 4, 8, 40, 41].map(|h| Ms(h * Ms::HOUR.0));
        let hours: Vec<_> = (0..6).map(|at| spacing_hours(&times, at)).collect();
        assert_eq!(hours, [Some(4.0), Some(4.0), Some(4.0), Some(1.0), Some(1.0), None]);
        assert_eq!(spacing_hours(&times[..1], 0), None);
        assert_eq!(on_the_minute(Ms(7_200_004)), Ms(7_200_000));
        assert!(surely_closed(1_000, Ms(3_001)) && !surely_closed(1_000, Ms(3_000)));
    }
}
