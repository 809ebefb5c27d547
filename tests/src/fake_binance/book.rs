//! The fake venue's order books: one step each 100 ms, ids chained as the product does.

use std::collections::{BTreeMap, VecDeque};

use super::market::{Listing, Product, mix};
use crate::oracle::{ExactBook, Top};

/// Length of a step.
pub const STEP_MS: i64 = 100;
/// Steps whose tops are remembered for comparison (ten minutes).
const REMEMBERED: usize = 6_000;
/// Levels each side aims to have, this many ticks apart.
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
    pub book: ExactBook,
    last_id: u64,
    /// First id of the next step; futures leave holes between steps.
    next_first: u64,
    /// Start of the next step.
    next_step: i64,
    /// Tops by step time.
    tops: VecDeque<(i64, Top)>,
}

impl FakeBook {
    /// A full book at `now`.
    pub fn new(listing: Listing, seed: u64, now: i64, mid_ticks: i64) -> FakeBook {
        let book = ExactBook::new(listing.price_places, listing.quantity_places);
        let last_id = 11_671_659_000_000 + mix(seed, now as u64, 20) % 1_000_000;
        let next_step = now - now.rem_euclid(STEP_MS);
        let mut fake = FakeBook {
            listing,
            seed,
            book,
            last_id,
            next_first: last_id + 1,
            next_step,
            tops: VecDeque::new(),
        };
        fake.step(mid_ticks);
        fake
    }

    /// Time of the next step.
    pub fn due(&self) -> i64 {
        self.next_step
    }

    /// Spacing of levels: a whole number of ticks such that the outermost lie about 30 bps away.
    fn spacing(&self) -> i64 {
        (self.listing.ticks / 400 / LEVELS).max(1)
    }

    /// Moves the book to its next step around `mid_ticks` and tells what changed.
    pub fn step(&mut self, mid_ticks: i64) -> Diff {
        let time = self.next_step;
        self.next_step += STEP_MS;
        let hash = |n: i64, what: u64| mix(self.seed ^ what, time as u64, n as u64);
        let spacing = self.spacing();
        let price = |ticks: i64| i128::from(ticks) * self.listing.tick;
        let quantity = |n: i64| i128::from(1 + hash(n, 31) % 5_000) * self.listing.step;
        let (best_bid, best_ask) =
            (mid_ticks - (hash(0, 32) % 2) as i64, mid_ticks + 1 + (hash(1, 32) % 3) as i64);
        let floor = price(best_bid - spacing * LEVELS);
        let ceiling = price(best_ask + spacing * LEVELS);

        let mut bids = BTreeMap::new();
        let mut asks = BTreeMap::new();
        // Levels the price has run through, and those left far behind.
        bids.extend(self.book.bids.range(price(best_bid) + 1..).map(|(p, _)| (*p, 0)));
        bids.extend(self.book.bids.range(..floor).map(|(p, _)| (*p, 0)));
        asks.extend(self.book.asks.range(..price(best_ask)).map(|(p, _)| (*p, 0)));
        asks.extend(self.book.asks.range(ceiling + 1..).map(|(p, _)| (*p, 0)));
        bids.insert(price(best_bid), quantity(2));
        asks.insert(price(best_ask), quantity(3));
        // The grid is absolute, so that levels stay put while the mid moves.
        let fill =
            |from: i64, to: i64, side: &mut BTreeMap<i128, i128>, have: &BTreeMap<i128, i128>, salt: u64| {
                let mut ticks = from.div_euclid(spacing) * spacing + spacing;
                while ticks < to {
                    let at = price(ticks);
                    let roll = hash(ticks, salt) % 100;
                    if !have.contains_key(&at) || roll < 4 {
                        side.insert(at, quantity(ticks));
                    } else if roll < 5 {
                        side.insert(at, 0);
                    }
                    ticks += spacing;
                }
            };
        fill(best_bid - spacing * LEVELS, best_bid, &mut bids, &self.book.bids, 33);
        fill(best_ask, best_ask + spacing * LEVELS, &mut asks, &self.book.asks, 34);
        // Deleting what is not there is normal.
        bids.insert(floor - self.listing.tick, 0);

        ExactBook::apply(&mut self.book.bids, bids.iter().map(|(p, q)| (*p, *q)));
        ExactBook::apply(&mut self.book.asks, asks.iter().map(|(p, q)| (*p, *q)));
        let previous_id = self.last_id;
        let first_id = self.next_first;
        self.last_id = first_id + (bids.len() + asks.len()) as u64 + hash(4, 35) % 900;
        self.next_first = match self.listing.product {
            Product::Usdm => self.last_id + 1 + hash(5, 35) % 500,
            Product::Spot => self.last_id + 1,
        };
        if let Some(top) = self.book.top() {
            self.tops.push_back((time, top));
        }
        if self.tops.len() > REMEMBERED {
            self.tops.pop_front();
        }
        let (bids, asks) = (bids.into_iter().rev().collect(), asks.into_iter().collect());
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
        self.tops.iter().rev().find(|(at, _)| *at == time).map(|(_, top)| *top)
    }

    /// Start of the newest step done.
    pub fn stepped(&self) -> i64 {
        self.next_step - STEP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_binance::listings;

    #[test]
    fn a_snapshot_and_the_following_diffs_give_the_same_book() {
        for listing in [listings::btc_perp(), listings::all().pop().expect("a spot pair")] {
            let (product, ticks) = (listing.product, listing.ticks);
            let mut fake = FakeBook::new(listing, 5, 1_000_000, ticks);
            let mut copy = fake.book.clone();
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
                assert_eq!(copy, fake.book);
                assert!(!fake.book.crossed());
                assert!(fake.book.bids.len() > 100 && fake.book.asks.len() > 100);
                let top = fake.top_at(diff.time).expect("both sides");
                assert!(top.bid_usd > 0.0 && top.spread_bps > 0.0);
            }
        }
    }
}
