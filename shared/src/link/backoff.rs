//! Growing pauses between attempts.

use crate::market::Ms;

/// Pauses of 1, 2, 4, 8 .. seconds up to a cap, each shortened by up to a fifth so that many clients do not
/// come back at the same instant. The same seed gives the same pauses.
#[derive(Clone, Debug)]
pub struct Backoff {
    cap: Ms,
    attempts: u32,
    random: u64,
}

/// The first pause.
const FIRST: Ms = Ms(1_000);
/// The share of a pause that is left to chance: one in so many.
const JITTER_SHARE: i64 = 5;

impl Backoff {
    /// The cap of a page's link to its relay: a person waits.
    pub const BROWSER_CAP: Ms = Ms(8_000);
    /// The cap of a relay's link to a venue: a venue bans.
    pub const VENUE_CAP: Ms = Ms(60_000);

    pub fn new(cap: Ms, seed: u64) -> Backoff {
        Backoff { cap, attempts: 0, random: seed }
    }

    /// The next pause, never more than the cap.
    pub fn pause(&mut self) -> Ms {
        let doublings = self.attempts.min(40);
        let whole = FIRST.0.saturating_mul(1_i64 << doublings).min(self.cap.0).max(1);
        self.attempts = self.attempts.saturating_add(1);
        Ms(whole - self.below(whole / JITTER_SHARE + 1))
    }

    /// Pauses asked for since the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Begins again at the first pause; jitter goes on where it was.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// A number in `0..n` (splitmix64; `n` is small against 2^64, so the bias does not matter).
    pub(super) fn below(&mut self, n: i64) -> i64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z % n.max(1).unsigned_abs()) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(cap: Ms, seed: u64, n: usize) -> Vec<i64> {
        let mut backoff = Backoff::new(cap, seed);
        (0..n).map(|_| backoff.pause().0).collect()
    }

    #[test]
    fn pauses_double_up_to_the_cap_within_a_fifth() {
        for (cap, whole) in [
            (Backoff::BROWSER_CAP, vec![1, 2, 4, 8, 8, 8, 8]),
            (Backoff::VENUE_CAP, vec![1, 2, 4, 8, 16, 32, 60, 60, 60]),
        ] {
            for seed in 0..50 {
                for (pause, whole) in pauses(cap, seed, whole.len()).into_iter().zip(&whole) {
                    assert!((whole * 800..=whole * 1_000).contains(&pause), "{pause} of {whole}");
                }
            }
        }
    }

    #[test]
    fn jitter_is_deterministic_by_seed_and_differs_between_seeds() {
        let cap = Backoff::VENUE_CAP;
        assert_eq!(pauses(cap, 7, 300), pauses(cap, 7, 300));
        assert_ne!(pauses(cap, 7, 300), pauses(cap, 8, 300));
    }

    #[test]
    fn reset_begins_again() {
        let mut backoff = Backoff::new(Backoff::VENUE_CAP, 1);
        for _ in 0..100 {
            backoff.pause();
        }
        assert_eq!(backoff.attempts(), 100);
        backoff.reset();
        assert!(backoff.pause().0 <= 1_000);
    }

    #[test]
    fn senseless_caps_still_pause() {
        assert_eq!(Backoff::new(Ms(0), 1).pause(), Ms(1));
        assert!((0..200).map(|_| Backoff::new(Ms(i64::MAX), 1).pause()).all(|p| p.0 > 0));
    }
}
