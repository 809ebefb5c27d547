//! Whether data comes as often as it should.

use crate::market::Ms;
use crate::wire::VenueState;

/// Watches the arrivals of one topic. Only data counts: an ack is none.
///
/// The expected interval is the longest usual gap: the given default until shorter gaps have been seen for
/// a while, longer ones within a few arrivals. It is the largest recent gap, forgotten slowly by time and not by count,
/// so that bursts do not shorten it; one outage at most triples it. A silence that ended as soon as the topic was
/// subscribed again was the subscription's and says nothing of the rate; but one of those in ten minutes only, for a
/// rare topic may seem to answer as well (venues repeat what was last).
#[derive(Clone, Debug)]
pub struct Freshness {
    /// `None`: silence means nothing.
    default: Option<Ms>,
    /// Data, or else the subscription or the session's open, came then.
    since: Ms,
    /// The market trades: data is to come.
    open: bool,
    /// Newest and first data of this subscription.
    last: Option<Ms>,
    first: Option<Ms>,
    gaps: u32,
    /// Gaps were watched long enough to believe in an interval shorter than the default.
    learned: bool,
    /// The largest recent gap in ms, fading.
    peak: f64,
    /// Subscribed again then, because it was silent.
    asked: Option<Ms>,
    /// A silence was last put down to the subscription then.
    excused: Option<Ms>,
}

/// Missing for so many intervals is silent.
const PATIENCE: i64 = 3;
/// Gaps seen before a shorter interval than the default is believed.
const ENOUGH_GAPS: u32 = 8;
/// A learned interval is not below this: the network alone can hold data up for a moment.
const SHORTEST: f64 = 1_000.0;
/// Without data for this long a large gap is forgotten.
const MEMORY_MS: f64 = 600_000.0;
/// The interval of a topic that may be silent, as far as `Live` and `Quiet` go.
const CALM: Ms = Ms(20_000);

impl Freshness {
    /// `usual_interval`: the default until a rate is learned; `None` where silence means nothing.
    pub fn new(usual_interval: Option<Ms>) -> Freshness {
        let default = usual_interval.map(|ms| Ms(ms.0.max(1)));
        Freshness {
            default,
            since: Ms::ZERO,
            open: true,
            last: None,
            first: None,
            gaps: 0,
            learned: false,
            peak: 0.0,
            asked: None,
            excused: None,
        }
    }

    /// Subscribed at `now`: waits for the first data. What was learned stays.
    pub fn subscribed(&mut self, now: Ms) {
        (self.since, self.last, self.first) = (now, None, None);
    }

    /// Subscribed again at `now`, because it was silent.
    pub fn asked_again(&mut self, now: Ms) {
        self.asked = Some(now);
    }

    /// The market's session has opened or closed by `now`; before the first call it is open. While it is
    /// closed nothing is missed, and its length is no gap.
    pub fn session(&mut self, now: Ms, open: bool) {
        if open && !self.open {
            self.since = self.since.max(now);
        }
        self.open = open;
    }

    /// Data came.
    pub fn data(&mut self, now: Ms) {
        if self.last.is_some() {
            let gap = (now - self.rate_since(now)).0.max(0) as f64;
            let most = (self.interval().0.saturating_mul(PATIENCE)) as f64;
            let faded = self.peak * (1.0 - (gap / MEMORY_MS).min(1.0));
            self.peak = gap.min(most).max(faded);
            self.gaps = self.gaps.saturating_add(1);
        }
        let watched = now - *self.first.get_or_insert(now);
        (self.last, self.since) = (Some(now), now);
        let enough = self.default.unwrap_or(CALM).0.saturating_mul(PATIENCE);
        self.learned |= self.gaps >= ENOUGH_GAPS && watched.0 >= enough;
    }

    /// Since when nothing came for want of data at the venue, as far as one can know.
    fn rate_since(&mut self, now: Ms) -> Ms {
        let prompt = self.asked.take().filter(|asked| now - *asked <= self.interval());
        match prompt.filter(|_| self.excused.is_none_or(|at| (now - at).0 as f64 > MEMORY_MS)) {
            Some(asked) => {
                self.excused = Some(now);
                asked
            }
            None => self.since,
        }
    }

    /// The interval data is expected in; `None` where silence means nothing, and while the session is closed.
    pub fn expected(&self) -> Option<Ms> {
        self.default.filter(|_| self.open).map(|_| self.interval())
    }

    /// When newest data came on this subscription.
    pub fn last(&self) -> Option<Ms> {
        self.last
    }

    /// The instant from which [`Self::state`] may answer something worse if nothing comes.
    pub fn deadline(&self) -> Ms {
        self.since + self.window()
    }

    /// How long nothing may come: three intervals.
    pub fn window(&self) -> Ms {
        Ms(self.interval().0.saturating_mul(PATIENCE))
    }

    /// Live, quiet or silent, the line being up.
    pub fn state(&self, now: Ms) -> VenueState {
        match (now >= self.deadline(), self.expected(), self.last) {
            // Older than the session, data says nothing of it.
            (false, _, Some(last)) if last >= self.since => VenueState::Live,
            (false, ..) | (true, None, _) => VenueState::Quiet,
            (true, Some(_), _) => VenueState::Silent,
        }
    }

    fn interval(&self) -> Ms {
        let Some(default) = self.default else { return CALM };
        if self.learned { Ms(self.peak.max(SHORTEST) as i64) } else { default.max(Ms(self.peak as i64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000;

    fn fed(usual: Option<Ms>, arrivals: impl IntoIterator<Item = i64>) -> Freshness {
        let mut f = Freshness::new(usual);
        f.subscribed(Ms(0));
        arrivals.into_iter().for_each(|at| f.data(Ms(at)));
        f
    }

    #[test]
    fn without_data_a_topic_is_quiet_then_silent_after_three_defaults() {
        let f = fed(Some(Ms(5 * S)), []);
        assert_eq!(f.expected(), Some(Ms(5 * S)));
        assert_eq!((f.state(Ms(0)), f.state(Ms(15 * S - 1))), (VenueState::Quiet, VenueState::Quiet));
        assert_eq!(f.state(Ms(15 * S)), VenueState::Silent);
    }

    #[test]
    fn data_is_live_until_three_intervals_without() {
        let f = fed(Some(Ms(5 * S)), [7 * S]);
        assert_eq!(f.state(Ms(22 * S - 1)), VenueState::Live);
        assert_eq!(f.state(Ms(22 * S)), VenueState::Silent);
    }

    #[test]
    fn shorter_interval_is_learned_after_a_while_only() {
        let two_seconds = |n: i64| fed(Some(Ms(5 * S)), (0..n).map(|i| i * 2 * S));
        assert_eq!(two_seconds(8).expected(), Some(Ms(5 * S)));
        assert_eq!(two_seconds(20).expected(), Some(Ms(2 * S)));
        // A burst of many says nothing about gaps.
        assert_eq!(fed(Some(Ms(5 * S)), 0..1_000).expected(), Some(Ms(5 * S)));
    }

    #[test]
    fn bursts_between_pauses_do_not_shorten_the_interval() {
        let bursts = (0..200).flat_map(|i| (0..100).map(move |k| i * 4 * S + k));
        let expected = fed(Some(Ms(5 * S)), bursts).expected().unwrap();
        assert!((3 * S..=4 * S).contains(&expected.0), "{expected:?}");
    }

    #[test]
    fn random_arrivals_are_never_called_silent() {
        // A Poisson stream of 2 per second, 50,000 arrivals, is far from regular.
        let mut random = super::super::Backoff::new(Ms(1), 3);
        let mut f = fed(Some(Ms(5 * S)), []);
        let mut now = 0;
        for _ in 0..50_000 {
            let mut gap = 1;
            while random.below(500) != 0 {
                gap += 1;
            }
            now += gap;
            assert_ne!(f.state(Ms(now)), VenueState::Silent, "after {gap} ms at {now}");
            f.data(Ms(now));
        }
        assert!(f.window() < Ms(20 * S), "{:?}", f.window());
    }

    #[test]
    fn slow_topic_stretches_its_interval_at_once_and_an_outage_only_threefold() {
        let slow = fed(Some(Ms(5 * S)), (0..5).map(|i| i * 60 * S));
        assert_eq!(slow.expected(), Some(Ms(60 * S)));
        let mut steady = fed(Some(Ms(5 * S)), (0..100).map(|i| i * S));
        steady.data(Ms(10_000 * S));
        assert_eq!(steady.expected(), Some(Ms(3 * S)));
        // Forgotten again by time.
        (0..1_000).for_each(|i| steady.data(Ms(10_000 * S + i * S)));
        assert!(steady.expected().unwrap() < Ms(2 * S));
    }

    #[test]
    fn a_broken_subscription_teaches_no_rate_but_a_rare_topic_does() {
        let outage = |f: &mut Freshness, from: i64| {
            f.asked_again(Ms(from + 15 * S));
            f.data(Ms(from + 15 * S + 100));
        };
        let mut f = fed(Some(Ms(5 * S)), (0..4).map(|i| i * S));
        outage(&mut f, 3 * S);
        assert_eq!(f.expected(), Some(Ms(5 * S)));
        // The same again soon after: it may be no outage but the rate.
        outage(&mut f, 18 * S + 100);
        assert_eq!(f.expected(), Some(Ms(15 * S)));
        // What comes long after it was asked for comes of itself.
        let mut rare = fed(Some(Ms(5 * S)), [0]);
        rare.asked_again(Ms(15 * S));
        rare.data(Ms(40 * S));
        assert_eq!(rare.expected(), Some(Ms(15 * S)));
        outage(&mut rare, 40 * S);
        assert_eq!(rare.excused, Some(Ms(55 * S + 100)));
    }

    #[test]
    fn topic_that_may_be_silent_is_quiet_instead() {
        let mut f = fed(None, []);
        assert_eq!(
            (f.expected(), f.state(Ms(0)), f.state(Ms(i64::MAX))),
            (None, VenueState::Quiet, VenueState::Quiet)
        );
        f.data(Ms(5 * S));
        assert_eq!(f.state(Ms(6 * S)), VenueState::Live);
        assert_eq!(f.state(Ms(65 * S)), VenueState::Quiet);
    }

    #[test]
    fn closed_session_is_quiet_and_no_gap() {
        let mut f = fed(Some(Ms(5 * S)), (0..20).map(|i| i * 2 * S));
        let close = Ms(40 * S);
        f.session(close, false);
        assert_eq!((f.state(close), f.expected()), (VenueState::Live, None));
        assert_eq!(f.state(Ms(44 * S)), VenueState::Quiet);
        assert_eq!(f.state(Ms(100_000 * S)), VenueState::Quiet);
        // Said again, nothing changes; with the open the wait begins.
        let open = Ms(200_000 * S);
        f.session(Ms(300 * S), false);
        f.session(open, true);
        f.session(open + Ms(3 * S), true);
        assert_eq!((f.state(open + Ms(5 * S)), f.expected()), (VenueState::Quiet, Some(Ms(2 * S))));
        assert_eq!(f.state(open + Ms(6 * S)), VenueState::Silent);
        f.data(open + Ms(2 * S));
        assert_eq!(f.expected(), Some(Ms(2 * S)), "the weekend was no gap");
    }

    #[test]
    fn silent_topic_is_quiet_once_its_session_closes() {
        let mut f = fed(Some(Ms(5 * S)), [0]);
        assert_eq!(f.state(Ms(15 * S)), VenueState::Silent);
        f.session(Ms(16 * S), false);
        assert_eq!(f.state(Ms(16 * S)), VenueState::Quiet);
    }

    #[test]
    fn new_subscription_keeps_what_was_learned() {
        let mut f = fed(Some(Ms(5 * S)), (0..20).map(|i| i * 60 * S));
        f.subscribed(Ms(5_000 * S));
        assert_eq!((f.last(), f.expected()), (None, Some(Ms(60 * S))));
        assert_eq!(f.state(Ms(5_179 * S)), VenueState::Quiet);
        assert_eq!(f.state(Ms(5_180 * S)), VenueState::Silent);
    }
}
