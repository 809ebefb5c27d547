//! Keeps a book in step: buffers diffs, takes a snapshot, checks the chain, starts over at a gap.
//!
//! The book is cleared before a fresh snapshot is asked for, so that nobody reads a stale one. A crossed book is
//! a gap that went unnoticed.

use std::collections::VecDeque;

use shared::event::BookTop;
use shared::market::Ms;
use shared::maths::book::OrderBook;

use crate::venues::{BookSource, DepthDiff, DepthSnapshot, Level, Sequencer, Verdict};

/// Diffs held while waiting for a snapshot: minutes of a busy book.
const MAX_BUFFERED: usize = 5_000;
/// A snapshot not answered by then is asked for again.
const SNAPSHOT_PATIENCE: Ms = Ms(10_000);
/// Shortest wait between two requests, doubled with each failure up to the longest: snapshots are heavy calls.
const RETRY_FIRST: Ms = Ms(1_000);
const RETRY_LONGEST: Ms = Ms(60_000);

/// Half-width of the depth told with a top, as a share of the mid: 10 bps.
const DEPTH_SHARE: f64 = 0.001;

/// What the book says or needs.
#[derive(Clone, Debug, PartialEq)]
pub enum BookOut {
    Top(BookTop),
    /// Fetch a snapshot and give it to [`BookSync::snapshot`].
    NeedSnapshot,
    /// Nothing is known of the book in `[from, to)`; `to` is `None` while that lasts.
    Gap {
        from: Ms,
        to: Option<Ms>,
    },
}

/// One book and its chain of updates.
pub struct BookSync {
    sequencer: Box<dyn Sequencer>,
    source: BookSource,
    book: OrderBook,
    synced: bool,
    buffer: VecDeque<DepthDiff>,
    /// Diffs came that belong to a snapshot that is still to come.
    waiting: bool,
    /// Time and id of the newest update in the book.
    at: Ms,
    last_id: u64,
    hole_from: Option<Ms>,
    /// No request before then: one is under way, or the last snapshots were of no use.
    next_request: Option<Ms>,
    /// Requests since the book was last in step.
    attempts: u32,
}

impl BookSync {
    pub fn new(sequencer: Box<dyn Sequencer>, source: BookSource, tick_size: f64) -> BookSync {
        BookSync {
            sequencer,
            source,
            book: OrderBook::new(tick_size),
            synced: false,
            buffer: VecDeque::new(),
            waiting: false,
            at: Ms::ZERO,
            last_id: 0,
            hole_from: None,
            next_request: None,
            attempts: 0,
        }
    }

    /// The book is whole and current.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Since when nothing is known of the book, where that has been told.
    pub fn hole_from(&self) -> Option<Ms> {
        self.hole_from
    }

    /// Forgets everything: the line broke.
    pub fn reset(&mut self) {
        self.book.clear();
        self.buffer.clear();
        self.waiting = false;
        // A hole that was told stays open until the next snapshot.
        (self.synced, self.next_request) = (false, None);
    }

    /// Takes the next diff of the stream.
    pub fn diff(&mut self, diff: DepthDiff, now: Ms) -> Vec<BookOut> {
        if !self.synced {
            self.hold(diff);
            return self.request(now);
        }
        match self.sequencer.check(&diff) {
            Verdict::Drop => Vec::new(),
            Verdict::Apply => {
                self.apply(&diff);
                if self.book.crossed() { self.lose(now) } else { self.top() }
            }
            Verdict::Gap => {
                self.hold(diff);
                self.lose(now)
            }
        }
    }

    /// Keeps a diff for the snapshot to come; on a stream, what comes before its snapshot is in it.
    fn hold(&mut self, diff: DepthDiff) {
        match self.source {
            BookSource::Rest => {
                if self.buffer.len() == MAX_BUFFERED {
                    self.buffer.pop_front();
                }
                self.buffer.push_back(diff);
            }
            BookSource::Stream { .. } | BookSource::Whole => self.waiting = true,
        }
    }

    /// Takes a snapshot, asked for, on the stream or found in a recording, and what of the buffer follows it. A
    /// fetched one that is older than a book in step is of no use; one on the stream always is the new base.
    pub fn snapshot(&mut self, snapshot: DepthSnapshot, now: Ms) -> Vec<BookOut> {
        let stale = match self.source {
            BookSource::Rest => snapshot.last_id <= self.last_id,
            BookSource::Stream { .. } => false,
            BookSource::Whole => snapshot.timestamp < self.at,
        };
        if self.synced && stale {
            return Vec::new();
        }
        self.waiting = false;
        self.last_id = snapshot.last_id;
        self.next_request = Some(now + self.pause());
        self.sequencer.rebase(snapshot.last_id);
        self.book.clear();
        set_all(&mut self.book, &snapshot.bids, &snapshot.asks);
        self.at = snapshot.timestamp;
        while let Some(diff) = self.buffer.pop_front() {
            match self.sequencer.check(&diff) {
                Verdict::Drop => {}
                Verdict::Apply => self.apply(&diff),
                Verdict::Gap => {
                    // The snapshot is older than the oldest diff held, or a diff is missing: the rest stays
                    // buffered for the next snapshot.
                    self.buffer.push_front(diff);
                    self.book.clear();
                    self.synced = false;
                    return self.request(now);
                }
            }
        }
        if self.book.crossed() {
            return self.lose(now);
        }
        self.synced = true;
        (self.attempts, self.next_request) = (0, None);
        let mut out = Vec::new();
        if let Some(from) = self.hole_from.take() {
            out.push(BookOut::Gap { from, to: Some(self.at.max(from)) });
        }
        out.extend(self.top());
        out
    }

    /// Time passes: an unanswered request is repeated.
    pub fn tick(&mut self, now: Ms) -> Vec<BookOut> {
        let waits = self.waiting || !self.buffer.is_empty();
        if waits && !self.synced { self.request(now) } else { Vec::new() }
    }

    fn apply(&mut self, diff: &DepthDiff) {
        self.last_id = diff.last_id;
        set_all(&mut self.book, &diff.bids, &diff.asks);
        if let BookSource::Stream { depth: Some(depth) } = self.source {
            self.book.truncate(depth);
        }
        self.at = self.at.max(diff.timestamp);
    }

    fn lose(&mut self, now: Ms) -> Vec<BookOut> {
        self.book.clear();
        self.synced = false;
        let mut out = Vec::new();
        if self.hole_from.is_none() {
            self.hole_from = Some(self.at);
            out.push(BookOut::Gap { from: self.at, to: None });
        }
        out.extend(self.request(now));
        out
    }

    fn request(&mut self, now: Ms) -> Vec<BookOut> {
        if self.next_request.is_some_and(|at| now < at) {
            return Vec::new();
        }
        self.attempts += 1;
        self.next_request = Some(now + SNAPSHOT_PATIENCE.max(self.pause()));
        vec![BookOut::NeedSnapshot]
    }

    /// The first repeat is free, as a first snapshot is often too old; then 1 2 4 .. seconds.
    fn pause(&self) -> Ms {
        match self.attempts.checked_sub(2) {
            None => Ms::ZERO,
            Some(n) => Ms(RETRY_FIRST.0 << n.min(6)).min(RETRY_LONGEST),
        }
    }

    fn top(&self) -> Vec<BookOut> {
        let mut top = self.book.top(self.at);
        if let Some(top) = top.as_mut().filter(|top| self.is_cut_short(top.mid())) {
            top.depth_10bps = None;
        }
        top.map(BookOut::Top).into_iter().collect()
    }

    /// Whether a venue that sends whole books shows too few levels to sum the depth of: more may rest beyond the last.
    fn is_cut_short(&self, mid: f64) -> bool {
        let (low, high) = (mid * (1.0 - DEPTH_SHARE), mid * (1.0 + DEPTH_SHARE));
        self.source == BookSource::Whole
            && (self.book.bids().last().is_none_or(|(price, _)| price >= low)
                || self.book.asks().last().is_none_or(|(price, _)| price <= high))
    }
}

fn set_all(book: &mut OrderBook, bids: &[Level], asks: &[Level]) {
    for level in bids {
        book.set_bid(level.price, level.quantity);
    }
    for level in asks {
        book.set_ask(level.price, level.quantity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chains by `first_id == last + 1`.
    struct Chain(Option<u64>);

    impl Sequencer for Chain {
        fn rebase(&mut self, last_id: u64) {
            self.0 = Some(last_id);
        }

        fn check(&mut self, diff: &DepthDiff) -> Verdict {
            match self.0 {
                Some(last) if diff.last_id <= last => Verdict::Drop,
                Some(last) if diff.first_id <= last + 1 => {
                    self.0 = Some(diff.last_id);
                    Verdict::Apply
                }
                _ => Verdict::Gap,
            }
        }
    }

    fn level(price: f64, quantity: f64) -> Level {
        Level { price, quantity }
    }

    fn diff(id: u64, bid: f64) -> DepthDiff {
        let bids = vec![level(bid, 1.0)];
        DepthDiff {
            timestamp: Ms(id as i64),
            first_id: id,
            last_id: id,
            previous_id: None,
            bids,
            asks: vec![],
        }
    }

    fn snapshot(id: u64) -> DepthSnapshot {
        let (bids, asks) = (vec![level(99.0, 1.0)], vec![level(101.0, 2.0)]);
        DepthSnapshot { timestamp: Ms(id as i64), last_id: id, bids, asks }
    }

    fn bids(out: &[BookOut]) -> Vec<f64> {
        out.iter().filter_map(|o| if let BookOut::Top(t) = o { Some(t.bid_px) } else { None }).collect()
    }

    #[test]
    fn diffs_are_held_until_a_snapshot_and_old_ones_dropped() {
        let mut sync = BookSync::new(Box::new(Chain(None)), BookSource::Rest, 0.5);
        assert_eq!(sync.diff(diff(9, 98.0), Ms(1)), [BookOut::NeedSnapshot]);
        assert_eq!(sync.diff(diff(10, 98.5), Ms(2)), []);
        assert_eq!(sync.diff(diff(11, 99.5), Ms(3)), []);
        assert_eq!(bids(&sync.snapshot(snapshot(10), Ms(4))), [99.5]);
        assert!(sync.is_synced());
        assert_eq!(bids(&sync.diff(diff(12, 100.0), Ms(5))), [100.0]);
        assert_eq!(sync.diff(diff(12, 100.5), Ms(6)), []);
        assert_eq!(sync.snapshot(snapshot(11), Ms(7)), [], "an answer that comes late");
        assert_eq!(bids(&sync.diff(diff(13, 100.5), Ms(8))), [100.5]);
    }

    #[test]
    fn a_gap_clears_the_book_until_a_newer_snapshot() {
        let mut sync = BookSync::new(Box::new(Chain(None)), BookSource::Rest, 0.5);
        sync.diff(diff(1, 98.0), Ms(1));
        sync.snapshot(snapshot(1), Ms(2));
        let lost = sync.diff(diff(5, 99.5), Ms(20_000));
        assert_eq!(lost, [BookOut::Gap { from: Ms(1), to: None }, BookOut::NeedSnapshot]);
        assert!(!sync.is_synced());
        // A snapshot from before the held diffs is refused, the diffs stay.
        assert_eq!(sync.snapshot(snapshot(2), Ms(20_100)), [BookOut::NeedSnapshot]);
        let out = sync.snapshot(snapshot(4), Ms(21_000));
        assert_eq!(out.first(), Some(&BookOut::Gap { from: Ms(1), to: Some(Ms(5)) }));
        assert_eq!(bids(&out), [99.5]);
    }

    #[test]
    fn a_stream_brings_its_own_snapshot() {
        let source = BookSource::Stream { depth: Some(2) };
        let mut sync = BookSync::new(Box::new(Chain(None)), source, 0.5);
        assert_eq!(sync.diff(diff(9, 98.0), Ms(1)), [BookOut::NeedSnapshot], "its snapshot was missed");
        assert_eq!(bids(&sync.snapshot(snapshot(10), Ms(2))), [99.0]);
        assert_eq!(bids(&sync.diff(diff(11, 98.5), Ms(3))), [99.0]);
        assert_eq!(bids(&sync.diff(diff(12, 98.0), Ms(4))), [99.0], "a third level is beyond the depth");
        assert_eq!(sync.book.levels(), (2, 1));
        assert_eq!(sync.diff(diff(14, 98.0), Ms(5)).last(), Some(&BookOut::NeedSnapshot));
        assert_eq!(sync.diff(diff(15, 98.0), Ms(6)), [], "asked already");
        assert_eq!(sync.tick(Ms(20_000)), [BookOut::NeedSnapshot]);
        // The numbering may begin anew.
        let out = sync.snapshot(snapshot(1), Ms(20_001));
        assert_eq!(out.first(), Some(&BookOut::Gap { from: Ms(12), to: Some(Ms(12)) }));
        assert_eq!(bids(&sync.diff(diff(2, 99.5), Ms(20_002))), [99.5]);
    }

    #[test]
    fn whole_books_tell_the_depth_they_reach() {
        let mut sync = BookSync::new(Box::new(Chain(None)), BookSource::Whole, 0.01);
        let level = |price| Level { price, quantity: 2.0 };
        let book = |time, far| DepthSnapshot {
            timestamp: Ms(time),
            last_id: 0,
            bids: vec![level(99.99), level(far)],
            asks: vec![level(100.01), level(200.0 - far)],
        };
        let depth = |out: &[BookOut]| match out {
            [BookOut::Top(top)] => top.depth_10bps,
            other => panic!("{other:?}"),
        };
        assert_eq!(depth(&sync.snapshot(book(1, 99.95), Ms(1))), None, "5 bps are shown");
        let known = depth(&sync.snapshot(book(2, 99.8), Ms(2))).expect("20 bps are shown");
        assert_eq!((known.bid_usd, known.ask_usd), (99.99 * 2.0, 100.01 * 2.0));
    }

    #[test]
    fn a_crossed_book_is_a_gap() {
        let mut sync = BookSync::new(Box::new(Chain(None)), BookSource::Rest, 0.5);
        sync.snapshot(snapshot(1), Ms(1));
        let out = sync.diff(diff(2, 102.0), Ms(2));
        assert_eq!(out, [BookOut::Gap { from: Ms(2), to: None }, BookOut::NeedSnapshot]);
    }

    #[test]
    fn unanswered_requests_are_repeated_ever_more_slowly() {
        let mut sync = BookSync::new(Box::new(Chain(None)), BookSource::Rest, 0.5);
        sync.diff(diff(1, 98.0), Ms(0));
        let asked = (1..=3_000).filter(|t| !sync.tick(Ms(t * 100)).is_empty()).map(|t| t * 100);
        assert_eq!(asked.take(6).collect::<Vec<_>>(), [10_000, 20_000, 30_000, 40_000, 50_000, 66_000]);
    }
}
