//! How far back a topic has been asked for, so that each page of it is asked for once.

use shared::market::Ms;

/// After a failed read the same page waits this long.
pub(super) const RETRY: Ms = Ms(5_000);

/// One topic's history as asked so far: everything from some instant up to now.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Reach {
    /// All rows from here on have been given.
    from: Option<Ms>,
    asking: bool,
    /// There is nothing older.
    ended: bool,
    retry_at: Option<Ms>,
}

/// One page to ask for: the newest rows before `to`, or the newest of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    pub to: Option<Ms>,
}

impl Reach {
    /// The page to ask for next so that rows since `wanted` are held; `None` when they are, when nothing older
    /// exists, or while an answer is awaited. Whoever takes a page tells [`Self::got`] or [`Self::failed`].
    pub fn ask(&mut self, wanted: Ms, now: Ms) -> Option<Page> {
        let held = self.from.is_some_and(|from| from <= wanted);
        let waits = self.retry_at.is_some_and(|at| now < at);
        if held || self.ended || self.asking || waits {
            return None;
        }
        self.asking = true;
        Some(Page { to: self.from })
    }

    /// The page came: its oldest row, and whether it had all the rows asked for.
    pub fn got(&mut self, oldest: Option<Ms>, full: bool) {
        (self.asking, self.retry_at) = (false, None);
        // Rows of the oldest instant may have been cut in two: the next page repeats it.
        let next = oldest.map(|at| at + Ms(1));
        let further = next.is_some_and(|next| self.from.is_none_or(|from| next < from));
        self.ended |= !full || !further;
        self.from = match (self.from, next) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The page did not come; it is asked for again, not at once.
    pub fn failed(&mut self, now: Ms) {
        (self.asking, self.retry_at) = (false, Some(now + RETRY));
    }

    /// Everything the relay has was given.
    pub fn is_whole(&self) -> bool {
        self.ended
    }

    /// No room for older rows.
    pub fn end(&mut self) {
        self.ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_back_until_what_is_wanted_is_held() {
        let mut reach = Reach::default();
        let now = Ms(10_000);
        assert_eq!(reach.ask(Ms(500), now), Some(Page { to: None }));
        assert_eq!(reach.ask(Ms(500), now), None, "one at a time");
        reach.got(Some(Ms(900)), true);
        assert_eq!(reach.ask(Ms(901), now), None, "held already");
        assert_eq!(reach.ask(Ms(500), now), Some(Page { to: Some(Ms(901)) }), "the cut instant again");
        reach.got(Some(Ms(400)), true);
        assert_eq!(reach.ask(Ms(500), now), None);
        assert_eq!(reach.ask(Ms(100), now), Some(Page { to: Some(Ms(401)) }));
        reach.got(Some(Ms(300)), false);
        assert_eq!(reach.ask(Ms(0), now), None, "a short page is the last");
    }

    #[test]
    fn an_empty_or_stuck_page_ends_it() {
        let mut reach = Reach::default();
        assert!(reach.ask(Ms(0), Ms(1)).is_some());
        reach.got(None, false);
        assert_eq!(reach.ask(Ms(0), Ms(1)), None);
        let mut stuck = Reach::default();
        for _ in 0..2 {
            assert!(stuck.ask(Ms(0), Ms(1)).is_some());
            stuck.got(Some(Ms(900)), true);
        }
        assert_eq!(stuck.ask(Ms(0), Ms(1)), None, "more rows in one instant than a page holds");
    }

    #[test]
    fn a_failed_page_waits_and_is_asked_for_again() {
        let mut reach = Reach::default();
        assert!(reach.ask(Ms(0), Ms(1_000)).is_some());
        reach.failed(Ms(1_000));
        assert_eq!(reach.ask(Ms(0), Ms(5_999)), None);
        assert_eq!(reach.ask(Ms(0), Ms(6_000)), Some(Page { to: None }));
        reach.got(Some(Ms(50)), true);
        reach.end();
        assert_eq!(reach.ask(Ms(0), Ms(9_000)), None);
    }
}
