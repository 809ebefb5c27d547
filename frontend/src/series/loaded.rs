//! How much of a timeframe's bars is held, and which page of them to ask for next.

use shared::market::Ms;

use super::reach::RETRY;

/// One timeframe's history as read so far: the newest bars, and pages behind them. One read at a time.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Loaded {
    newest: bool,
    /// A newest page has come at least once.
    once: bool,
    loading: bool,
    /// Forgotten while a read was under way, which may have begun too early.
    again: bool,
    /// After a failed read.
    retry_at: Option<Ms>,
    exhausted: bool,
}

impl Loaded {
    /// The newest bars are held.
    pub fn is_newest(&self) -> bool {
        self.newest
    }

    /// An answer is awaited.
    pub fn is_loading(&self) -> bool {
        self.loading
    }

    /// The relay has nothing older.
    pub fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Begins to read the newest bars; `None` where they are held or an answer is awaited, else whether a newest page
    /// came before. Whoever begins tells [`Self::got_newest`].
    pub fn ask_newest(&mut self) -> Option<bool> {
        if self.newest || self.loading {
            return None;
        }
        (self.loading, self.again, self.retry_at) = (true, false, None);
        Some(self.once)
    }

    /// The newest bars came, or did not.
    pub fn got_newest(&mut self, ok: bool, now: Ms) {
        self.loading = false;
        self.newest = ok && !self.again;
        self.once |= ok;
        self.retry_at = (!ok).then(|| now + RETRY);
    }

    /// The newest bars may be others by now: they are to be read again, whatever is on its way.
    pub fn forget(&mut self) {
        (self.newest, self.again) = (false, self.loading);
    }

    /// Nobody else asks for the newest bars again: they did not come, or were forgotten while something was read.
    pub fn is_due(&self, now: Ms) -> bool {
        !self.newest && !self.loading && (self.again || self.retry_at.is_some_and(|at| now >= at))
    }

    /// Begins to read a page behind what is held, where there may be one. Whoever begins tells [`Self::got_older`].
    pub fn ask_older(&mut self) -> bool {
        let asks = !self.exhausted && !self.loading;
        self.loading |= asks;
        asks
    }

    /// The page came with so many bars, or did not come, which says nothing about what is there.
    pub fn got_older(&mut self, bars: Option<usize>, now: Ms) {
        (self.loading, self.exhausted) = (false, bars == Some(0));
        if bars.is_none() {
            self.retry_at = Some(now + RETRY);
        } else if self.newest {
            self.retry_at = None;
        }
    }

    /// A view that nears the oldest bar asks for a page behind it.
    pub fn wants_older(&self, now: Ms) -> bool {
        let waits = self.retry_at.is_some_and(|at| now < at);
        self.newest && !self.loading && !self.exhausted && !waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Ms = Ms(100_000);
    const LATER: Ms = Ms(105_000);

    #[test]
    fn a_failed_newest_page_is_asked_for_again() {
        let mut loaded = Loaded::default();
        assert!(!loaded.is_due(NOW), "nothing was asked for yet");
        assert_eq!(loaded.ask_newest(), Some(false));
        assert_eq!(loaded.ask_newest(), None, "one at a time");
        loaded.got_newest(false, NOW);
        assert!(!loaded.is_due(Ms(104_999)) && loaded.is_due(LATER));
        // A page behind it in between does not make up for it.
        assert!(loaded.ask_older() && !loaded.is_due(LATER));
        loaded.got_older(Some(5), NOW);
        assert!(loaded.is_due(LATER));
        assert_eq!(loaded.ask_newest(), Some(false));
        loaded.got_newest(true, LATER);
        assert!(loaded.is_newest() && !loaded.is_due(Ms(i64::MAX)) && loaded.wants_older(LATER));
        loaded.forget();
        assert_eq!(loaded.ask_newest(), Some(true), "from here on what was missed is enough");
    }

    #[test]
    fn what_is_forgotten_during_a_read_is_read_again_after_it() {
        let mut loaded = Loaded::default();
        loaded.ask_newest();
        loaded.forget();
        loaded.got_newest(true, NOW);
        assert!(!loaded.is_newest() && loaded.is_due(NOW));
        loaded.ask_newest();
        loaded.got_newest(true, NOW);
        assert!(loaded.is_newest());
        assert!(loaded.ask_older());
        loaded.forget();
        assert_eq!(loaded.ask_newest(), None);
        loaded.got_older(Some(5), NOW);
        assert!(loaded.is_due(NOW));
    }

    #[test]
    fn only_an_empty_page_is_the_last() {
        let mut loaded = Loaded::default();
        loaded.ask_newest();
        loaded.got_newest(true, NOW);
        assert!(loaded.ask_older() && !loaded.ask_older());
        loaded.got_older(None, NOW);
        assert!(!loaded.is_exhausted() && !loaded.wants_older(NOW) && loaded.wants_older(LATER));
        assert!(loaded.ask_older());
        loaded.got_older(Some(1), LATER);
        assert!(loaded.wants_older(LATER));
        assert!(loaded.ask_older());
        loaded.got_older(Some(0), LATER);
        assert!(loaded.is_exhausted() && !loaded.ask_older() && !loaded.wants_older(LATER));
    }
}
