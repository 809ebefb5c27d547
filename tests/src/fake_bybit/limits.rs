//! What the venue puts up with, counted.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// New sockets in [`CONNECTIONS_MS`].
pub const CONNECTIONS: usize = 500;
pub const CONNECTIONS_MS: i64 = 300_000;
/// HTTP requests in [`REQUESTS_MS`].
pub const REQUESTS: usize = 600;
pub const REQUESTS_MS: i64 = 5_000;
/// Nothing by HTTP for so long after a breach.
pub const BAN_MS: i64 = 600_000;
/// Arguments of one spot subscription.
pub const SPOT_ARGS: usize = 10;
/// Characters of all arguments on one connection.
pub const ARGS_LENGTH: usize = 21_000;

/// At most so many within any window of that length.
#[derive(Debug)]
struct Sliding {
    capacity: usize,
    window_ms: i64,
    times: VecDeque<i64>,
}

impl Sliding {
    fn new(capacity: usize, window_ms: i64) -> Sliding {
        Sliding { capacity, window_ms, times: VecDeque::new() }
    }

    fn admit(&mut self, now: i64) -> bool {
        while self.times.front().is_some_and(|at| now - at >= self.window_ms) {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() <= self.capacity
    }
}

/// A refused call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// HTTP 403 "access too frequent".
    TooFrequent,
    /// `retCode` 10006, with the time it ends.
    TooManyVisits { reset: i64 },
}

/// All counters of one address.
pub struct Limits {
    connections: Sliding,
    requests: Sliding,
    banned_until: i64,
    /// Ends of ordered refusals by path, and whether the client was told.
    exhausted: HashMap<String, (i64, bool)>,
    violations: BTreeMap<&'static str, u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: Sliding::new(CONNECTIONS, CONNECTIONS_MS),
            requests: Sliding::new(REQUESTS, REQUESTS_MS),
            banned_until: 0,
            exhausted: HashMap::new(),
            violations: BTreeMap::new(),
        }
    }
}

impl Limits {
    /// Notes that the client broke a rule.
    pub fn breach(&mut self, rule: &'static str) {
        *self.violations.entry(rule).or_default() += 1;
    }

    /// Rules broken so far, and how often.
    pub fn violations(&self) -> &BTreeMap<&'static str, u64> {
        &self.violations
    }

    /// Counts a handshake; whether it is taken.
    pub fn connect(&mut self, now: i64) -> bool {
        let taken = self.connections.admit(now);
        if !taken {
            self.breach("connections");
        }
        taken
    }

    /// Counts a call.
    ///
    /// # Errors
    /// [`Refused`], while over a limit.
    pub fn call(&mut self, path: &str, now: i64) -> Result<(), Refused> {
        if now < self.banned_until {
            self.breach("request_while_banned");
            return Err(Refused::TooFrequent);
        }
        if !self.requests.admit(now) {
            self.breach("requests");
            self.banned_until = now + BAN_MS;
            return Err(Refused::TooFrequent);
        }
        match self.exhausted.get_mut(path) {
            Some((reset, told)) if now < *reset => {
                let (reset, early) = (*reset, std::mem::replace(told, true));
                if early {
                    self.breach("request_before_reset");
                }
                Err(Refused::TooManyVisits { reset })
            }
            _ => Ok(()),
        }
    }

    /// Refuses calls to a path until `reset`, as if its quota were used up.
    pub fn exhaust(&mut self, path: &str, reset: i64) {
        self.exhausted.insert(path.to_owned(), (reset, false));
    }

    /// Calls counted in the running window.
    pub fn calls_in_window(&self) -> usize {
        self.requests.times.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_hundred_and_first_call_is_refused_and_so_is_all_that_follows() {
        let mut limits = Limits::default();
        for n in 0..600 {
            assert_eq!(limits.call("/x", 1_000 + n), Ok(()));
        }
        assert_eq!(limits.call("/x", 5_999), Err(Refused::TooFrequent));
        assert_eq!(limits.call("/x", 5_999 + BAN_MS - 1), Err(Refused::TooFrequent));
        assert_eq!(limits.call("/x", 5_999 + BAN_MS), Ok(()));
        assert_eq!(*limits.violations(), BTreeMap::from([("request_while_banned", 1), ("requests", 1)]));
        assert_eq!(limits.calls_in_window(), 1);
    }

    #[test]
    fn windows_slide() {
        let mut limits = Limits::default();
        assert!((0..500).all(|n| limits.connect(n * 100)));
        assert!(!limits.connect(50_000));
        assert!(limits.connect(CONNECTIONS_MS + 200), "the first three have left the window");
        assert_eq!(*limits.violations(), BTreeMap::from([("connections", 1)]));
    }

    #[test]
    fn a_used_up_path_says_until_when_and_counts_who_does_not_wait() {
        let mut limits = Limits::default();
        limits.exhaust("/x", 2_000);
        assert_eq!(limits.call("/x", 1_000), Err(Refused::TooManyVisits { reset: 2_000 }));
        assert_eq!(limits.call("/y", 1_000), Ok(()));
        assert_eq!(limits.violations().len(), 0, "the first could not know");
        assert_eq!(limits.call("/x", 1_999), Err(Refused::TooManyVisits { reset: 2_000 }));
        assert_eq!(limits.call("/x", 2_000), Ok(()));
        assert_eq!(*limits.violations(), BTreeMap::from([("request_before_reset", 1)]));
    }
}
