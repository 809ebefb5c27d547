//! OKX's numbering of book updates: each names the one before it; ids jump, stand still in heartbeats, and start
//! anew now and then.

use super::market::Listing;
use crate::fake::ladder::{Diff, Ladder};
use crate::fake::market::mix;
use crate::oracle::{ExactBook, Top};

/// Length of a step.
pub const STEP_MS: i64 = 100;
/// Levels each side aims to have; with stray ones below the 400 the channel shows.
const LEVELS: i64 = 300;
/// Steps between heartbeats and between restarts of the numbering.
const HEARTBEAT: u64 = 45;
const RESTART: u64 = 170;

/// One message of the `books` channel.
#[derive(Clone, Debug)]
pub struct Update {
    pub time: i64,
    pub bids: Vec<(i128, i128)>,
    pub asks: Vec<(i128, i128)>,
    pub previous: i64,
    pub seq: i64,
}

/// A book that steps with time.
pub struct FakeBook {
    seed: u64,
    ladder: Ladder,
    seq: i64,
    steps: u64,
    /// Restart the numbering at the next step.
    restart: bool,
}

impl FakeBook {
    pub fn new(listing: &Listing, seed: u64, now: i64, mid_ticks: i64) -> FakeBook {
        let ladder = Ladder::new(listing.spec, seed, now, mid_ticks, LEVELS, STEP_MS);
        let seq = 342_177_000_000 + (mix(seed, now as u64, 20) % 1_000_000) as i64;
        FakeBook { seed, ladder, seq, steps: 0, restart: false }
    }

    pub fn book(&self) -> &ExactBook {
        &self.ladder.book
    }

    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Time of the next step, and of the one before.
    pub fn due(&self) -> i64 {
        self.ladder.due()
    }

    pub fn stepped(&self) -> i64 {
        self.ladder.due() - STEP_MS
    }

    /// Makes the next update's id smaller than the one before it.
    pub fn restart(&mut self) {
        self.restart = true;
    }

    /// Moves the book on; the messages that tell of it: the change, and at times a heartbeat before it.
    pub fn step(&mut self, mid_ticks: i64) -> Vec<Update> {
        let Diff { time, bids, asks } = self.ladder.step(mid_ticks);
        self.steps += 1;
        let mut told = Vec::new();
        if self.steps.is_multiple_of(HEARTBEAT) {
            let seq = self.seq;
            told.push(Update { time, bids: Vec::new(), asks: Vec::new(), previous: seq, seq });
        }
        let previous = self.seq;
        let jump = 1 + (mix(self.seed ^ 35, time as u64, 4) % 200) as i64;
        if self.restart || self.steps.is_multiple_of(RESTART) {
            self.restart = false;
            self.seq = previous - 1_000_000 + jump;
        } else {
            self.seq += jump;
        }
        told.push(Update { time, bids, asks, previous, seq: self.seq });
        told
    }

    /// Top of the book after the step at `time`.
    pub fn top_at(&self, time: i64) -> Option<Top> {
        self.ladder.top_at(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_okx::listings;

    #[test]
    fn every_update_names_the_one_before_through_heartbeats_and_restarts() {
        let listing = listings::btc_swap();
        let ticks = listing.spec.ticks;
        let mut fake = FakeBook::new(&listing, 5, 1_000_000, ticks);
        let (mut copy, mut seq) = (fake.book().clone(), fake.seq());
        let (mut heartbeats, mut restarts) = (0, 0);
        for n in 0..400 {
            for update in fake.step(ticks + (n % 17) * 9 - 70) {
                assert_eq!(update.previous, seq);
                heartbeats += u32::from(update.seq == update.previous);
                restarts += u32::from(update.seq < update.previous);
                assert!(update.seq != seq || update.bids.is_empty() && update.asks.is_empty());
                seq = update.seq;
                ExactBook::apply(&mut copy.bids, update.bids);
                ExactBook::apply(&mut copy.asks, update.asks);
            }
            assert_eq!(&copy, fake.book());
            assert!(copy.bids.len() <= 400 && copy.asks.len() <= 400);
        }
        assert_eq!((heartbeats, restarts), (8, 2));
    }
}
