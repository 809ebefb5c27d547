//! What each depth of a book shows: its own numbering, its own levels.

use std::collections::BTreeMap;

use crate::oracle::ExactBook;

/// The depths the venue offers.
pub const DEPTHS: [usize; 4] = [1, 50, 200, 1_000];

/// An unchanged book of one level is told again after so long.
const REPEAT_MS: i64 = 3_000;

/// One depth of one book.
#[derive(Clone, Debug)]
pub struct DepthFeed {
    pub depth: usize,
    /// Id of the last update told.
    pub u: u64,
    /// What a client that trims has.
    pub shown: ExactBook,
    told: i64,
}

/// What a step says at one depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The whole of it.
    Snapshot,
    /// Absolute quantities by price, bids descending, asks ascending; 0 deletes.
    Delta { bids: Vec<(i128, i128)>, asks: Vec<(i128, i128)> },
}

/// The best `depth` levels.
fn best(book: &ExactBook, depth: usize) -> ExactBook {
    let mut view = ExactBook::new(book.price_places, book.quantity_places);
    view.bids = book.bids.iter().rev().take(depth).map(|(p, q)| (*p, *q)).collect();
    view.asks = book.asks.iter().take(depth).map(|(p, q)| (*p, *q)).collect();
    view
}

/// Changes from one view of a side to the next. A level that is only pushed out of sight is not told: the client
/// trims.
fn changes(
    old: &BTreeMap<i128, i128>,
    new: &BTreeMap<i128, i128>,
    whole: &BTreeMap<i128, i128>,
) -> Vec<(i128, i128)> {
    let gone = old.keys().filter(|p| !whole.contains_key(p)).map(|p| (*p, 0));
    let set = new.iter().filter(|(p, q)| old.get(p) != Some(q)).map(|(p, q)| (*p, *q));
    let all: BTreeMap<i128, i128> = gone.chain(set).collect();
    all.into_iter().collect()
}

impl DepthFeed {
    pub fn new(depth: usize, u: u64, book: &ExactBook) -> DepthFeed {
        DepthFeed { depth, u, shown: best(book, depth), told: 0 }
    }

    /// Takes the book after the step at `time` and says what a subscriber is told, if anything.
    pub fn step(&mut self, book: &ExactBook, time: i64) -> Option<Said> {
        // The deepest book is told half as often.
        if self.depth == 1_000 && time.rem_euclid(200) != 0 {
            return None;
        }
        let next = best(book, self.depth);
        let mut bids = changes(&self.shown.bids, &next.bids, &book.bids);
        let asks = changes(&self.shown.asks, &next.asks, &book.asks);
        bids.reverse();
        let same = self.shown == next;
        self.shown = next;
        if self.depth == 1 {
            // The same id again is a sign of life, not a change.
            if same && time - self.told < REPEAT_MS {
                return None;
            }
            self.u += u64::from(!same);
            self.told = time;
            return Some(Said::Snapshot);
        }
        if bids.is_empty() && asks.is_empty() {
            return None;
        }
        self.u += 1;
        Some(Said::Delta { bids, asks })
    }

    /// Numbers from 1 again, as after a restart of the service.
    pub fn restart(&mut self) {
        self.u = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(bids: &[(i128, i128)], asks: &[(i128, i128)]) -> ExactBook {
        let mut book = ExactBook::new(1, 0);
        ExactBook::apply(&mut book.bids, bids.iter().copied());
        ExactBook::apply(&mut book.asks, asks.iter().copied());
        book
    }

    #[test]
    fn levels_pushed_out_of_sight_are_left_to_the_client_and_come_back_by_themselves() {
        let many: Vec<(i128, i128)> = (0..60).map(|n| (1_000 - n, 5)).collect();
        let mut whole = book(&many, &[(1_002, 7)]);
        let mut feed = DepthFeed::new(50, 8, &whole);
        assert_eq!((feed.shown.bids.len(), feed.u), (50, 8));
        whole.bids.insert(1_001, 4);
        let told = feed.step(&whole, 100);
        assert_eq!(told, Some(Said::Delta { bids: vec![(1_001, 4)], asks: vec![] }));
        assert_eq!((feed.shown.bids.len(), feed.u), (50, 9));
        assert!(!feed.shown.bids.contains_key(&951));
        whole.bids.remove(&1_001);
        whole.bids.remove(&999);
        let told = feed.step(&whole, 200);
        let bids = vec![(1_001, 0), (999, 0), (951, 5), (950, 5)];
        assert_eq!(told, Some(Said::Delta { bids, asks: vec![] }));
        assert_eq!(feed.step(&whole, 300), None, "nothing changed");
        assert_eq!(feed.u, 10);
    }

    #[test]
    fn one_level_is_always_whole_and_repeats_itself_with_the_same_id() {
        let mut whole = book(&[(999, 1)], &[(1_001, 1), (1_002, 1)]);
        let mut feed = DepthFeed::new(1, 3, &whole);
        assert_eq!(feed.step(&whole, 10_000), Some(Said::Snapshot));
        assert_eq!((feed.step(&whole, 10_100), feed.u), (None, 3));
        assert_eq!((feed.step(&whole, 13_000), feed.u), (Some(Said::Snapshot), 3));
        whole.asks.remove(&1_001);
        assert_eq!((feed.step(&whole, 13_100), feed.u), (Some(Said::Snapshot), 4));
        assert_eq!(feed.shown.asks.len(), 1);
    }

    #[test]
    fn the_deepest_book_is_told_every_second_step() {
        let whole = book(&[(999, 1)], &[(1_001, 1)]);
        let mut feed = DepthFeed::new(1_000, 3, &book(&[], &[]));
        assert_eq!(feed.step(&whole, 100), None);
        assert!(matches!(feed.step(&whole, 200), Some(Said::Delta { .. })));
        feed.restart();
        assert_eq!(feed.u, 1);
    }
}
