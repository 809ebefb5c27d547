//! A symbol on the watchlist: last price, the day's change and its course.

use shared::market::Ms;

/// Percent of `last` against the price a day before.
pub fn day_change(last: f64, before: f64) -> Option<f64> {
    (before > 0.0).then(|| (last - before) / before * 100.0)
}

/// What is shown of a symbol. The minutes move on with each bar; what else it takes is read each hour.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Watched {
    /// Open time and close of the newest bar.
    last: Option<(Ms, f64)>,
    /// The hour that was read for.
    hour: Option<Ms>,
    /// Closes of the hours before it.
    course: Vec<f64>,
    /// Minutes of the same hour a day before, and one before them.
    day_ago: Vec<(Ms, f64)>,
}

impl Watched {
    /// Hours of the course, the running one among them.
    pub const HOURS: usize = 25;
    /// Minutes of an hour, and the last one before it.
    pub const MINUTES: usize = 61;

    pub fn last(&self) -> Option<f64> {
        self.last.map(|(_, close)| close)
    }

    /// Takes a bar of a minute; answers with its hour where that is to be read for.
    pub fn take(&mut self, at: Ms, close: f64) -> Option<Ms> {
        // A late correction is not the last price.
        if self.last.is_some_and(|(last, _)| at < last) {
            return None;
        }
        self.last = Some((at, close));
        let hour = at.floor(Ms::HOUR);
        (self.hour.replace(hour) != Some(hour)).then_some(hour)
    }

    /// Where the minutes of a day before an hour end.
    pub fn day_before(hour: Ms) -> Ms {
        hour + Ms::HOUR - Ms::DAY
    }

    /// What was read for an hour: open times and closes of hours and of minutes, ascending.
    pub fn read(&mut self, hour: Ms, hours: &[(Ms, f64)], day_ago: Vec<(Ms, f64)>) {
        if self.hour.is_some_and(|held| hour < held) {
            return;
        }
        self.hour = Some(hour);
        self.last = self.last.or(hours.last().copied());
        self.course = hours.iter().filter(|(at, _)| *at < hour).map(|(_, close)| *close).collect();
        self.day_ago = day_ago;
    }

    /// It could not be read: the next bar asks again.
    pub fn failed(&mut self) {
        self.hour = None;
    }

    /// Percent against the last minute that had begun a day before.
    pub fn change(&self) -> Option<f64> {
        let (at, last) = self.last?;
        let (_, before) = self.day_ago.iter().rev().find(|(then, _)| *then <= at - Ms::DAY)?;
        day_change(last, *before)
    }

    /// The course up to the last price as an SVG path over 64 by 16.
    pub fn path(&self) -> String {
        let closes = || self.course.iter().copied().chain(self.last());
        let (low, high) = closes().fold((f64::MAX, f64::MIN), |(l, h), c| (l.min(c), h.max(c)));
        let step = 64.0 / self.course.len().max(1) as f64;
        let mut path = String::new();
        for (i, close) in closes().enumerate() {
            let y = 15.0 - (close - low) / (high - low).max(f64::MIN_POSITIVE) * 14.0;
            path.push_str(&format!("{}{:.1} {y:.1}", if i == 0 { 'M' } else { 'L' }, i as f64 * step));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Ms = Ms(3_600_000 * 480_000);

    fn read(hour: Ms) -> Watched {
        let mut watched = Watched::default();
        let hours: Vec<_> = (0..25).map(|n| (hour - Ms(3_600_000 * (24 - n)), 100.0 + n as f64)).collect();
        // Minute n of the hour a day before closed at 50 + n; the one before it at 49.
        let minutes = (-1..60).map(|n| (hour - Ms::DAY + Ms(60_000 * n), 50.0 + n as f64)).collect();
        watched.read(hour, &hours, minutes);
        watched
    }

    #[test]
    fn the_change_moves_with_the_minutes_and_the_hour() {
        let mut watched = read(HOUR);
        assert_eq!((watched.last(), watched.change()), (Some(124.0), day_change(124.0, 50.0)));
        assert_eq!(watched.take(HOUR + Ms(60_000 * 7), 75.0), None, "this hour was read for");
        assert_eq!(watched.change(), day_change(75.0, 57.0));
        assert_eq!(watched.take(HOUR, 1.0), None);
        assert_eq!(watched.last(), Some(75.0), "a late bar is not the last");
        let next = HOUR + Ms::HOUR;
        assert_eq!(watched.take(next, 80.0), Some(next));
        assert_eq!(watched.take(next + Ms(60_000), 80.0), None, "asked for once");
        assert_eq!(Watched::day_before(next), HOUR - Ms::DAY + Ms(2 * 3_600_000));
        watched.failed();
        assert_eq!(watched.take(next + Ms(60_000), 81.0), Some(next), "and again where that failed");
        // What was asked for an earlier hour comes too late.
        watched.read(HOUR, &[], Vec::new());
        assert_eq!(watched.change(), day_change(81.0, 109.0));
    }

    #[test]
    fn the_course_ends_with_the_last_price() {
        let mut watched = read(HOUR);
        watched.take(HOUR, 200.0);
        let path = watched.path();
        assert!(path.starts_with("M0.0 15.0L2.7 ") && path.ends_with("L64.0 1.0"), "{path}");
        assert_eq!(path.matches('L').count(), 24);
    }

    #[test]
    fn nothing_is_made_up() {
        assert_eq!((Watched::default().change(), Watched::default().path()), (None, String::new()));
        let mut young = Watched::default();
        young.read(HOUR, &[(HOUR, 5.0)], Vec::new());
        assert_eq!((young.last(), young.change()), (Some(5.0), None));
        assert_eq!(day_change(5.0, 0.0), None);
    }
}
