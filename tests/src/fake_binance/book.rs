//! Binance's numbering of book updates: ids chained as the product does.

use super::market::{Listing, Product, mix};
use crate::fake::ladder::{self, Ladder};
use crate::fake::market::Listed;
use crate::oracle::{ExactBook, Top};

/// Length of a step.
pub const STEP_MS: i64 = 100;
/// Levels each side aims to have.
const LEVELS: i64 = 120;

/// One step's changes.
#[derive(Clone, Debug)]
pub struct Diff {
    pub time: i64,
    pub first_id: u64,
    pub last_id: u64,
    pub previous_id: u64,
    pub bids: Vec<(i128, i128)>,
    pub asks: Vec<(i128, i128)>,
}

/// A book that steps with time.
pub struct FakeBook {
    listing: Listing,
    seed: u64,
    ladder: Ladder,
    last_id: u64,
    /// First id of the next step; futures leave holes between steps.
    next_first: u64,
}

impl FakeBook {
    /// A full book at `now`.
    pub fn new(listing: Listing, seed: u64, now: i64, mid_ticks: i64) -> FakeBook {
        let ladder = Ladder::new(listing.spec(), seed, now, mid_ticks, LEVELS, STEP_MS);
        let last_id = 11_671_659_000_000 + mix(seed, now as u64, 20) % 1_000_000;
        FakeBook { listing, seed, ladder, last_id, next_first: last_id + 1 }
    }

    pub fn book(&self) -> &ExactBook {
        &self.ladder.book
    }

    /// Time of the next step.
    pub fn due(&self) -> i64 {
        self.ladder.due()
    }

    /// Moves the book to its next step around `mid_ticks` and tells what changed.
    pub fn step(&mut self, mid_ticks: i64) -> Diff {
        let ladder::Diff { time, bids, asks } = self.ladder.step(mid_ticks);
        let hash = |n: u64| mix(self.seed ^ 35, time as u64, n);
        let previous_id = self.last_id;
        let first_id = self.next_first;
        self.last_id = first_id + (bids.len() + asks.len()) as u64 + hash(4) % 900;
        self.next_first = match self.listing.product {
            Product::Usdm => self.last_id + 1 + hash(5) % 500,
            Product::Spot => self.last_id + 1,
        };
        Diff { time, first_id, last_id: self.last_id, previous_id, bids, asks }
    }

    /// Id a snapshot taken now carries: inside the next step, as the real one does when asked between two.
    pub fn snapshot_id(&self) -> u64 {
        match self.listing.product {
            Product::Usdm => self.next_first,
            Product::Spot => self.last_id,
        }
    }

    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Top of the book after the step at `time`.
    pub fn top_at(&self, time: i64) -> Option<Top> {
        self.ladder.top_at(time)
    }

    /// Start of the newest step done.
    pub fn stepped(&self) -> i64 {
        self.ladder.due() - STEP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_binance::listings;

    #[test]
    fn a_snapshot_and_the_following_diffs_chain() {
        for listing in [listings::btc_perp(), listings::all().pop().expect("a spot pair")] {
            let (product, ticks) = (listing.product, listing.ticks);
            let mut fake = FakeBook::new(listing, 5, 1_000_000, ticks);
            let mut copy = fake.book().clone();
            let (mut id, snapshot_id) = (fake.last_id(), fake.snapshot_id());
            for n in 0..200 {
                let diff = fake.step(ticks + (n % 17) * 9 - 70);
                assert_eq!(diff.previous_id, id);
                match product {
                    Product::Usdm if n == 0 => assert!((diff.first_id..=diff.last_id).contains(&snapshot_id)),
                    Product::Usdm => {}
                    Product::Spot => assert_eq!(diff.first_id, id + 1),
                }
                id = diff.last_id;
                ExactBook::apply(&mut copy.bids, diff.bids);
                ExactBook::apply(&mut copy.asks, diff.asks);
                assert_eq!(&copy, fake.book());
            }
        }
    }
}
