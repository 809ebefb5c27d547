//! How depth updates chain.
//!
//! Futures (the venue's steps; 1 and 2, buffering and fetching, are the caller's):
//! 3. drop updates with `u` < L, the snapshot's `lastUpdateId`;
//! 4. the first one applied has `U` <= L <= `u`; if the oldest left begins after L, the snapshot is too old;
//! 5. each further one has `pu` equal to the `u` before it;
//! 6. quantities are absolute, 0 deletes.
//!
//! Spot:
//! 3. drop updates with `u` <= L;
//! 4. the first one applied has `U` <= L + 1 <= `u`; if the oldest left begins later, the snapshot is too old;
//! 5. each further one has `U` <= id + 1, where id is the `u` before it; one with `u` <= id is a repeat;
//! 6. as above.
//!
//! A snapshot that is too old shows as [`Verdict::Gap`] before any [`Verdict::Apply`] since the last
//! [`Sequencer::rebase`].

use crate::venues::{DepthDiff, Sequencer, Verdict};

/// Where in the chain the book is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    NoSnapshot,
    /// Right after a snapshot with this id.
    Snapshot(u64),
    /// The last id applied.
    Chained(u64),
}

/// USD-M futures: `pu` chains, ids have holes.
#[derive(Debug)]
pub(super) struct FuturesSequencer(Place);

/// Spot: ids are contiguous.
#[derive(Debug)]
pub(super) struct SpotSequencer(Place);

impl FuturesSequencer {
    pub(super) fn new() -> FuturesSequencer {
        FuturesSequencer(Place::NoSnapshot)
    }
}

impl SpotSequencer {
    pub(super) fn new() -> SpotSequencer {
        SpotSequencer(Place::NoSnapshot)
    }
}

impl Sequencer for FuturesSequencer {
    fn rebase(&mut self, last_id: u64) {
        self.0 = Place::Snapshot(last_id);
    }

    fn check(&mut self, diff: &DepthDiff) -> Verdict {
        let verdict = match self.0 {
            Place::NoSnapshot => Verdict::Gap,
            // Step 3.
            Place::Snapshot(base) if diff.last_id < base => Verdict::Drop,
            // Step 4. Ids have holes: an update that follows one from before the snapshot misses nothing either.
            Place::Snapshot(base) => {
                let straddles = diff.first_id <= base || diff.previous_id.is_some_and(|id| id <= base);
                if straddles { Verdict::Apply } else { Verdict::Gap }
            }
            // Two overlapping connections deliver the same updates twice.
            Place::Chained(last) if diff.last_id <= last => Verdict::Drop,
            // Step 5.
            Place::Chained(last) if diff.previous_id == Some(last) => Verdict::Apply,
            Place::Chained(_) => Verdict::Gap,
        };
        if verdict == Verdict::Apply {
            self.0 = Place::Chained(diff.last_id);
        }
        verdict
    }
}

impl Sequencer for SpotSequencer {
    fn rebase(&mut self, last_id: u64) {
        self.0 = Place::Snapshot(last_id);
    }

    fn check(&mut self, diff: &DepthDiff) -> Verdict {
        let verdict = match self.0 {
            Place::NoSnapshot => Verdict::Gap,
            // Steps 3 and 5: nothing new.
            Place::Snapshot(id) | Place::Chained(id) if diff.last_id <= id => Verdict::Drop,
            // Steps 4 and 5.
            Place::Snapshot(id) | Place::Chained(id) if diff.first_id <= id.saturating_add(1) => {
                Verdict::Apply
            }
            Place::Snapshot(_) | Place::Chained(_) => Verdict::Gap,
        };
        if verdict == Verdict::Apply {
            self.0 = Place::Chained(diff.last_id);
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Apply, Drop, Gap};
    use shared::market::Ms;

    fn diff(first_id: u64, last_id: u64, previous_id: Option<u64>) -> DepthDiff {
        DepthDiff { timestamp: Ms(1), first_id, last_id, previous_id, bids: vec![], asks: vec![] }
    }

    #[test]
    fn futures_chain_by_previous_id_from_the_straddling_update() {
        let mut s = FuturesSequencer::new();
        assert_eq!(s.check(&diff(1, 2, Some(0))), Gap, "no snapshot yet");
        s.rebase(100);
        let steps = [
            (90, 99, 80, Drop),     // before the snapshot
            (98, 105, 90, Apply),   // straddles; its predecessor does not matter
            (109, 112, 105, Apply), // U is not u + 1: only pu chains
            (109, 112, 105, Drop),  // the same from an overlapping connection
            (120, 125, 118, Gap),   // one is missing
            (126, 130, 125, Gap),   // and stays so until the next snapshot
        ];
        for (first, last, previous, verdict) in steps {
            assert_eq!(s.check(&diff(first, last, Some(previous))), verdict, "{first}-{last}");
        }
        s.rebase(200);
        assert_eq!(s.check(&diff(210, 220, Some(205))), Gap, "snapshot too old");
        s.rebase(207);
        assert_eq!(s.check(&diff(210, 220, Some(205))), Apply, "snapshot in a hole between ids");
        s.rebase(300);
        assert_eq!(s.check(&diff(295, 300, Some(290))), Apply, "ends at the snapshot");
    }

    #[test]
    fn spot_ids_are_contiguous() {
        let mut s = SpotSequencer::new();
        assert_eq!(s.check(&diff(1, 2, None)), Gap);
        s.rebase(100);
        let steps = [
            (95, 100, Drop), // in the snapshot
            (99, 103, Apply),
            (104, 104, Apply),
            (103, 104, Drop),
            (104, 108, Apply), // overlaps, adds
            (110, 111, Gap),   // 109 is missing
        ];
        for (first, last, verdict) in steps {
            assert_eq!(s.check(&diff(first, last, None)), verdict, "{first}-{last}");
        }
        s.rebase(100);
        assert_eq!(s.check(&diff(101, 102, None)), Apply, "begins right after the snapshot");
        s.rebase(100);
        assert_eq!(s.check(&diff(102, 103, None)), Gap, "snapshot too old");
    }
}
