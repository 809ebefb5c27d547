//! Sudden moves of open interest.

use shared::event::OpenInterest;
use shared::market::Ms;

use super::Rolling;

/// A move beyond this is told, percent.
pub const SUDDEN: f64 = 5.0;
/// Time a move may take to count as sudden, and for which it is told.
const WITHIN: Ms = Ms::MINUTE;
/// The oldest value that may stand for the one a minute ago: venues that are asked for it answer about once a minute.
const REFERENCE: Ms = Ms(120_000);

/// The largest change of open interest (coins) up to the newest point over the minute before `now`, percent, where it
/// is beyond [`SUDDEN`] either way; `None` while it is calm or nothing is known.
pub fn sudden(points: &Rolling<OpenInterest>, now: Ms) -> Option<f64> {
    let newest = points.last()?;
    // A venue's clock may be ahead of ours.
    let since = now.max(newest.timestamp) - WITHIN;
    let before = points.at_or_before(since).filter(|p| p.timestamp > since - (REFERENCE - WITHIN));
    let inside = points.range(since + Ms(1), newest.timestamp);
    let change = |p: &OpenInterest| (newest.open_interest - p.open_interest) / p.open_interest * 100.0;
    let changes = before.into_iter().chain(inside).filter(|p| p.open_interest > 0.0).map(change);
    changes.filter(|c| c.abs() > SUDDEN).max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The change told at second `now` of points (second, coins), rounded to tenths.
    fn told(points: &[(i64, f64)], now: i64) -> Option<f64> {
        let mut held = Rolling::new(100);
        for (second, open_interest) in points {
            held.upsert(OpenInterest {
                timestamp: Ms::seconds(*second),
                open_interest: *open_interest,
                open_interest_value: None,
            });
        }
        sudden(&held, Ms::seconds(now)).map(|c| (c * 10.0).round() / 10.0)
    }

    #[test]
    fn only_moves_beyond_five_percent_within_a_minute_are_told() {
        type Case<'a> = (&'a str, &'a [(i64, f64)], i64, Option<f64>);
        let cases: [Case<'_>; 11] = [
            ("nothing", &[], 100, None),
            ("one point", &[(100, 10.0)], 100, None),
            ("five is not beyond", &[(100, 100.0), (110, 105.0)], 110, None),
            ("up", &[(100, 100.0), (110, 105.1)], 110, Some(5.1)),
            ("down", &[(100, 100.0), (110, 94.0)], 110, Some(-6.0)),
            ("over several points", &[(100, 100.0), (120, 103.0), (140, 106.0)], 140, Some(6.0)),
            ("too slow", &[(0, 100.0), (60, 103.0), (120, 106.0)], 120, None),
            ("from what held a minute ago", &[(0, 100.0), (70, 106.0)], 70, Some(6.0)),
            ("what held is too old", &[(0, 100.0), (200, 106.0)], 200, None),
            ("over after a minute", &[(100, 100.0), (110, 110.0)], 171, None),
            ("a venue's clock ahead of ours", &[(100, 100.0), (110, 110.0)], 90, Some(10.0)),
        ];
        for (what, points, now, expected) in cases {
            assert_eq!(told(points, now), expected, "{what}");
        }
        assert_eq!(told(&[(100, 0.0), (110, 5.0)], 110), None, "nothing is no base");
    }
}
