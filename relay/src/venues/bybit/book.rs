//! How depth updates chain: each has the number after the one before it, on linear and on spot alike.
//!
//! The venue does not promise that; it has been so in every recording, and any other step costs one
//! resubscription, which brings a snapshot. A snapshot may come at any time and starts the chain anew, with number 1
//! after the venue restarted its service.

use crate::venues::{DepthDiff, Sequencer, Verdict};

/// The number of the newest update; none before the first snapshot.
#[derive(Debug, Default)]
pub(super) struct Contiguous(Option<u64>);

impl Sequencer for Contiguous {
    fn rebase(&mut self, last_id: u64) {
        self.0 = Some(last_id);
    }

    fn check(&mut self, diff: &DepthDiff) -> Verdict {
        match self.0 {
            // Said again, by a connection that takes over.
            Some(last) if diff.last_id <= last => Verdict::Drop,
            Some(last) if diff.last_id == last + 1 => {
                self.0 = Some(diff.last_id);
                Verdict::Apply
            }
            Some(_) | None => Verdict::Gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Apply, Drop, Gap};
    use shared::market::Ms;

    #[test]
    fn updates_step_by_one_from_any_snapshot() {
        let mut chain = Contiguous::default();
        let mut step = |base: Option<u64>, id: u64| {
            if let Some(base) = base {
                chain.rebase(base);
            }
            let diff = DepthDiff {
                timestamp: Ms(1),
                first_id: id,
                last_id: id,
                previous_id: None,
                bids: vec![],
                asks: vec![],
            };
            chain.check(&diff)
        };
        let steps = [
            (None, 5, Gap), // no snapshot yet
            (Some(100), 101, Apply),
            (None, 102, Apply),
            (None, 102, Drop),
            (None, 104, Gap),
            (None, 105, Gap),    // and stays so until the next snapshot
            (Some(1), 2, Apply), // the service was restarted
            (None, 3, Apply),
        ];
        for (base, id, verdict) in steps {
            assert_eq!(step(base, id), verdict, "{id}");
        }
    }
}
