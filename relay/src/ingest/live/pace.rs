//! What a venue accepts of us per stretch of time: new connections per host, frames per connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::market::Ms;

use crate::clock::Clock;
use crate::venues::Pace;

/// Keeps several paces at once. Virtual time.
#[derive(Debug)]
pub(super) struct Pacer {
    /// Each with when the last ones it counts went, oldest first.
    paces: Vec<(Pace, VecDeque<Ms>)>,
}

impl Pacer {
    pub(super) fn new(paces: Vec<Pace>) -> Pacer {
        Pacer { paces: paces.into_iter().map(|pace| (pace, VecDeque::new())).collect() }
    }

    /// When the next one, a ping or not, may go: at the earliest now.
    pub(super) fn next(&self, now: Ms, ping: bool) -> Ms {
        let counting = self.paces.iter().filter(|(pace, _)| pace.pings || !ping);
        let full = counting.filter(|(pace, gone)| gone.len() >= pace.count.max(1));
        let free = full.filter_map(|(pace, gone)| Some(*gone.front()? + pace.window));
        free.max().map_or(now, |at| at.max(now))
    }

    /// One goes now.
    pub(super) fn take(&mut self, now: Ms, ping: bool) {
        for (pace, gone) in self.paces.iter_mut().filter(|(pace, _)| pace.pings || !ping) {
            gone.push_back(now);
            if gone.len() > pace.count.max(1) {
                gone.pop_front();
            }
        }
    }
}

/// Lets connections to a venue's hosts through at the pace each host accepts; clones share it.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<HashMap<String, Pacer>>>);

impl Gate {
    /// Returns when a connection to the address may be opened.
    pub(super) async fn pass(&self, url: &str, paces: &[Pace], clock: &Clock) {
        loop {
            let now = clock.now();
            let at = {
                let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let pacer = hosts.entry(host(url).to_owned()).or_insert_with(|| Pacer::new(paces.to_vec()));
                let at = pacer.next(now, false);
                if at <= now {
                    pacer.take(now, false);
                    return;
                }
                at
            };
            tokio::time::sleep(Duration::from_millis((at - now).0.max(1).unsigned_abs())).await;
        }
    }
}

/// `stream.example:9443` of `wss://stream.example:9443/x`.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pace_holds() {
        let mut pacer = Pacer::new(vec![Pace::new(2, Ms(100)), Pace::new(3, Ms(1_000))]);
        let mut now = Ms(0);
        let mut times = Vec::new();
        for _ in 0..7 {
            now = pacer.next(now, false);
            pacer.take(now, false);
            times.push(now.0);
        }
        assert_eq!(times, [0, 0, 100, 1_000, 1_000, 1_100, 2_000]);
        assert_eq!(Pacer::new(Vec::new()).next(Ms(5), true), Ms(5));
    }

    #[test]
    fn pings_count_where_the_venue_counts_them() {
        let mut pacer = Pacer::new(vec![Pace::new(2, Ms(1_000)).without_pings(), Pace::new(2, Ms(100))]);
        for at in [0, 200, 400, 600] {
            assert_eq!(pacer.next(Ms(at), true), Ms(at));
            pacer.take(Ms(at), true);
        }
        // Four pings have used nothing of the longer pace.
        pacer.take(Ms(800), false);
        pacer.take(Ms(800), false);
        assert_eq!((pacer.next(Ms(850), false), pacer.next(Ms(850), true)), (Ms(1_800), Ms(900)));
    }

    #[test]
    fn one_host_one_pace() {
        assert_eq!(host("wss://a.example:9443/ws?x=1"), "a.example:9443");
        assert_eq!(host("ws://127.0.0.1:1"), "127.0.0.1:1");
    }
}
