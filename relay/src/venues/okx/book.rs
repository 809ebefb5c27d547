//! How book updates chain.
//!
//! The snapshot comes first on the stream. Each update names its own id and the one before it:
//! - previous id = id of the last update taken: it follows, whatever its own id is. Equal ids with nothing in it are
//!   a sign of life; a smaller own id is a restart of the numbering;
//! - an update from before the last one is a repeat, as of two connections that overlap;
//! - anything else: something is missing.
//!
//! Recordings of 2022 have no ids: whatever comes follows.

use crate::venues::{DepthDiff, Sequencer, Verdict};

/// Repeats in a row (five seconds) that mean the restart of the numbering was missed.
const REPEATS: u32 = 50;

/// Chains by `prevSeqId`.
#[derive(Debug, Default)]
pub(super) struct SeqIds {
    last: Option<u64>,
    repeats: u32,
}

impl Sequencer for SeqIds {
    fn rebase(&mut self, last_id: u64) {
        *self = SeqIds { last: Some(last_id), repeats: 0 };
    }

    fn check(&mut self, diff: &DepthDiff) -> Verdict {
        let Some(last) = self.last else { return Verdict::Gap };
        let Some(previous) = diff.previous_id else { return Verdict::Apply };
        if previous == last {
            self.rebase(diff.last_id);
            return Verdict::Apply;
        }
        self.repeats += 1;
        let repeat = previous <= last && diff.last_id <= last && self.repeats < REPEATS;
        if repeat { Verdict::Drop } else { Verdict::Gap }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Apply, Drop, Gap};
    use shared::market::Ms;

    fn diff(previous: Option<u64>, last_id: u64) -> DepthDiff {
        let (bids, asks) = (vec![], vec![]);
        DepthDiff { timestamp: Ms(1), first_id: last_id, last_id, previous_id: previous, bids, asks }
    }

    #[test]
    fn the_documented_chain_is_taken_and_a_hole_is_a_gap() {
        let mut chain = SeqIds::default();
        assert_eq!(chain.check(&diff(Some(10), 15)), Gap, "no snapshot yet");
        chain.rebase(10);
        let steps = [
            (10, 15, Apply),
            (15, 15, Apply), // a sign of life
            (10, 15, Drop),  // the same from an overlapping connection
            (5, 10, Drop),   // from before the snapshot
            (15, 3, Apply),  // the numbering begins anew
            (3, 5, Apply),
            (6, 9, Gap),
            (9, 12, Gap), // and stays one until the next snapshot
        ];
        for (previous, last, verdict) in steps {
            assert_eq!(chain.check(&diff(Some(previous), last)), verdict, "{previous}-{last}");
        }
        chain.rebase(12);
        assert_eq!(chain.check(&diff(Some(12), 400)), Apply, "ids jump by any amount");
    }

    #[test]
    fn a_missed_restart_of_the_numbering_does_not_look_like_repeats_for_ever() {
        let mut chain = SeqIds::default();
        chain.rebase(1_000_000);
        // 1000000 to 3 was lost.
        let verdicts: Vec<Verdict> = (3..60).map(|n| chain.check(&diff(Some(n), n + 1))).collect();
        assert!(verdicts[..49].iter().all(|v| *v == Drop));
        assert!(verdicts[49..].iter().all(|v| *v == Gap));
    }

    #[test]
    fn updates_without_ids_follow() {
        let mut chain = SeqIds::default();
        chain.rebase(0);
        assert_eq!([chain.check(&diff(None, 0)), chain.check(&diff(None, 0))], [Apply, Apply]);
    }
}
