//! Which stretches of time the trade feed covers.

use crate::market::Ms;

/// Knows where trades may be missing.
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    /// `[from, to)`, ascending and disjoint; the last reaches to the end of time while trades are missing now.
    holes: Vec<(Ms, Ms)>,
}

const ALWAYS: Ms = Ms(i64::MAX);
/// Holes remembered one by one.
const MOST_HOLES: usize = 64;

impl Coverage {
    /// Nothing is covered yet.
    pub(super) fn none() -> Coverage {
        Coverage { holes: vec![(Ms(i64::MIN), ALWAYS)] }
    }

    /// No trade from `at` on is missing.
    pub(super) fn covered_from(&mut self, at: Ms) {
        self.holes.retain(|(from, _)| *from < at);
        if let Some((_, to)) = self.holes.last_mut() {
            *to = at.min(*to);
        }
    }

    /// Trades from `at` on may be missing.
    pub(super) fn uncovered(&mut self, at: Ms) {
        self.holes.retain(|(from, _)| *from < at);
        match self.holes.last_mut() {
            Some((_, to)) if at <= *to => *to = ALWAYS,
            Some(_) | None => self.holes.push((at, ALWAYS)),
        }
        if self.holes.len() > MOST_HOLES {
            // The two oldest become one: nothing lost is ever called covered.
            let (from, _) = self.holes.remove(0);
            self.holes[0].0 = from;
        }
    }

    /// The trades of `[from, to)` were given after all.
    pub(super) fn refilled(&mut self, from: Ms, to: Ms) {
        if from >= to {
            return;
        }
        let outside = |(start, end): (Ms, Ms)| {
            let rest = [(start, end.min(from)), (start.max(to), end)];
            let untouched = end <= from || to <= start;
            let kept = if untouched { [(start, end), (Ms(0), Ms(0))] } else { rest };
            kept.into_iter().filter(|(start, end)| start < end)
        };
        self.holes = self.holes.drain(..).flat_map(outside).collect();
    }

    /// Whether no trade of the minute opening at `open` is missing.
    pub(super) fn whole(&self, open: Ms) -> bool {
        let end = open + Ms::MINUTE;
        self.holes.iter().rev().all(|(from, to)| *from >= end || *to <= open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: i64 = 60_000;

    fn whole(coverage: &Coverage, minutes: std::ops::Range<i64>) -> Vec<i64> {
        minutes.filter(|m| coverage.whole(Ms(m * M))).collect()
    }

    #[test]
    fn a_minute_is_whole_when_no_hole_touches_it() {
        let mut c = Coverage::none();
        assert!(whole(&c, 0..5).is_empty());
        c.covered_from(Ms(M + 1));
        assert_eq!(whole(&c, 0..5), [2, 3, 4]);
        c.uncovered(Ms(3 * M));
        assert_eq!(whole(&c, 0..8), [2]);
        c.covered_from(Ms(5 * M));
        assert_eq!(whole(&c, 0..8), [2, 5, 6, 7]);
        // Said again, later: nothing new.
        c.covered_from(Ms(6 * M));
        assert_eq!(whole(&c, 0..8), [2, 5, 6, 7]);
        // The hole was refilled in part, then wholly.
        c.covered_from(Ms(4 * M));
        assert_eq!(whole(&c, 0..8), [2, 4, 5, 6, 7]);
        c.covered_from(Ms(3 * M));
        assert_eq!(whole(&c, 0..8), [2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_hole_found_late_reaches_back() {
        let mut c = Coverage::none();
        c.covered_from(Ms(0));
        c.uncovered(Ms(5 * M));
        c.uncovered(Ms(2 * M));
        c.uncovered(Ms(4 * M));
        c.covered_from(Ms(7 * M));
        assert_eq!(whole(&c, 0..9), [0, 1, 7, 8]);
        c.uncovered(Ms(6 * M));
        assert_eq!(whole(&c, 0..9), [0, 1]);
        c.covered_from(Ms(8 * M));
        assert_eq!(whole(&c, 0..11), [0, 1, 8, 9, 10]);
    }

    #[test]
    fn refilling_one_hole_leaves_the_others() {
        let mut c = Coverage::none();
        c.covered_from(Ms(0));
        for hole in [2, 5] {
            c.uncovered(Ms(hole * M + 10));
            c.covered_from(Ms((hole + 1) * M - 10));
        }
        c.uncovered(Ms(8 * M + 5));
        assert_eq!(whole(&c, 0..10), [0, 1, 3, 4, 6, 7]);
        c.refilled(Ms(2 * M + 10), Ms(3 * M - 10));
        assert_eq!(whole(&c, 0..10), [0, 1, 2, 3, 4, 6, 7]);
        // In part: the minute stays a hole until the rest comes.
        c.refilled(Ms(5 * M + 20), Ms(5 * M + 30));
        assert_eq!(whole(&c, 0..10), [0, 1, 2, 3, 4, 6, 7]);
        c.refilled(Ms(5 * M), Ms(6 * M));
        assert_eq!(whole(&c, 0..10), [0, 1, 2, 3, 4, 5, 6, 7]);
        // Still down.
        c.refilled(Ms(8 * M), Ms(9 * M));
        assert_eq!(whole(&c, 0..12), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        c.refilled(Ms(9 * M), Ms(9 * M));
        assert_eq!(c.holes, [(Ms(i64::MIN), Ms(0)), (Ms(9 * M), ALWAYS)]);
    }

    #[test]
    fn many_holes_stay_holes() {
        let mut c = Coverage::none();
        for i in 0..200 {
            c.covered_from(Ms(2 * i * M));
            c.uncovered(Ms((2 * i + 1) * M));
        }
        assert!(c.holes.len() <= MOST_HOLES);
        let even: Vec<i64> = (280..400).filter(|m| m % 2 == 0).collect();
        assert_eq!(whole(&c, 280..500), even);
        assert_eq!(whole(&c, 0..280).iter().filter(|m| *m % 2 == 1).count(), 0);
    }
}
