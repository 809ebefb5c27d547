//! The order book behind a fake venue: one step each few ms, levels that come, go and are run through. How updates
//! are numbered is the venue's own affair.

use std::collections::{BTreeMap, VecDeque};

use super::market::{Spec, mix};
use crate::oracle::{ExactBook, Top};

/// Steps whose tops are remembered for comparison (ten minutes).
const REMEMBERED: usize = 6_000;

/// One step's changes.
#[derive(Clone, Debug)]
pub struct Diff {
    pub time: i64,
    pub bids: Vec<(i128, i128)>,
    pub asks: Vec<(i128, i128)>,
}

/// A book that steps with time.
pub struct Ladder {
    spec: Spec,
    seed: u64,
    /// Levels each side aims to have.
    levels: i64,
    /// Length of a step.
    step_ms: i64,
    pub book: ExactBook,
    /// Start of the next step.
    next_step: i64,
    /// Tops by step time.
    tops: VecDeque<(i64, Top)>,
}

impl Ladder {
    /// A full book at `now` around `mid_ticks`, with about `levels` on each side, that steps every `step_ms`.
    pub fn new(spec: Spec, seed: u64, now: i64, mid_ticks: i64, levels: i64, step_ms: i64) -> Ladder {
        let book = ExactBook::new(spec.price_places, spec.quantity_places);
        let next_step = now - now.rem_euclid(step_ms);
        let mut ladder = Ladder { spec, seed, levels, step_ms, book, next_step, tops: VecDeque::new() };
        ladder.step(mid_ticks);
        ladder
    }

    /// Time of the next step.
    pub fn due(&self) -> i64 {
        self.next_step
    }

    /// Spacing of levels: a whole number of ticks such that the outermost lie about 30 bps away.
    fn spacing(&self) -> i64 {
        (self.spec.ticks / 400 / self.levels).max(1)
    }

    /// Moves the book to its next step around `mid_ticks` and tells what changed.
    pub fn step(&mut self, mid_ticks: i64) -> Diff {
        let time = self.next_step;
        self.next_step += self.step_ms;
        let hash = |n: i64, what: u64| mix(self.seed ^ what, time as u64, n as u64);
        let (spacing, levels) = (self.spacing(), self.levels);
        let price = |ticks: i64| i128::from(ticks) * self.spec.tick;
        let quantity = |n: i64| i128::from(1 + hash(n, 31) % 5_000) * self.spec.step;
        let (best_bid, best_ask) =
            (mid_ticks - (hash(0, 32) % 2) as i64, mid_ticks + 1 + (hash(1, 32) % 3) as i64);
        let floor = price(best_bid - spacing * levels);
        let ceiling = price(best_ask + spacing * levels);

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
        fill(best_bid - spacing * levels, best_bid, &mut bids, &self.book.bids, 33);
        fill(best_ask, best_ask + spacing * levels, &mut asks, &self.book.asks, 34);
        // Deleting what is not there is normal.
        bids.insert(floor - self.spec.tick, 0);

        ExactBook::apply(&mut self.book.bids, bids.iter().map(|(p, q)| (*p, *q)));
        ExactBook::apply(&mut self.book.asks, asks.iter().map(|(p, q)| (*p, *q)));
        if let Some(top) = self.book.top() {
            self.tops.push_back((time, top));
        }
        if self.tops.len() > REMEMBERED {
            self.tops.pop_front();
        }
        let (bids, asks) = (bids.into_iter().rev().collect(), asks.into_iter().collect());
        Diff { time, bids, asks }
    }

    /// Top of the book after the step at `time`.
    pub fn top_at(&self, time: i64) -> Option<Top> {
        self.tops.iter().rev().find(|(at, _)| *at == time).map(|(_, top)| *top)
    }

    /// Start of the newest step done.
    pub fn stepped(&self) -> i64 {
        self.next_step - self.step_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_takes_every_diff_stays_the_same_book() {
        let spec = Spec {
            price_places: 2,
            quantity_places: 3,
            tick: 10,
            step: 1,
            ticks: 845_000,
            per_minute: (1, 1),
        };
        for levels in [120, 400] {
            let mut ladder = Ladder::new(spec, 5, 1_000_000, spec.ticks, levels, 100);
            let mut copy = ladder.book.clone();
            for n in 0..200 {
                let diff = ladder.step(spec.ticks + (n % 17) * 9 - 70);
                ExactBook::apply(&mut copy.bids, diff.bids);
                ExactBook::apply(&mut copy.asks, diff.asks);
                assert_eq!(copy, ladder.book);
                assert!(!ladder.book.crossed());
                let enough = levels as usize * 4 / 5;
                assert!(ladder.book.bids.len() > enough && ladder.book.asks.len() > enough);
                let top = ladder.top_at(diff.time).expect("both sides");
                assert!(top.bid_usd > 0.0 && top.spread_bps > 0.0);
            }
        }
    }
}
