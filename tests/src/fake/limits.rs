//! Calls counted in windows.

use std::collections::HashMap;
use std::hash::Hash;

/// Counts per key in windows that begin at whole multiples of their length.
pub struct Windows<K> {
    counts: HashMap<K, (i64, u32)>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Windows { counts: HashMap::new() }
    }
}

impl<K: Eq + Hash> Windows<K> {
    /// Counts one more at `now`; whether it is within `most` per `window_ms`.
    pub fn admit(&mut self, key: K, most: u32, window_ms: i64, now: i64) -> bool {
        let window = now.div_euclid(window_ms);
        let (at, count) = self.counts.entry(key).or_insert((window, 0));
        if *at != window {
            (*at, *count) = (window, 0);
        }
        *count += 1;
        *count <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_count_apart_and_windows_begin_anew() {
        let mut windows = Windows::default();
        let mut at = |key, now| windows.admit(key, 2, 1_000, now);
        assert_eq!(
            [at("a", 5_100), at("a", 5_200), at("a", 5_999), at("b", 5_999)],
            [true, true, false, true]
        );
        assert_eq!([at("a", 6_000), at("b", 6_000), at("b", 6_001)], [true, true, true]);
    }
}
