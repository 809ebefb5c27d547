//! A bounded, time-ordered store.

use std::collections::VecDeque;

use shared::market::Ms;

/// Anything with an instant it is ordered by.
pub trait Timed {
    fn at(&self) -> Ms;
}

/// Rows in ascending time, at most `capacity`; the oldest leave first.
///
/// Appending is O(1) and finding O(log n); an insertion in the middle moves the shorter side.
#[derive(Clone, Debug)]
pub struct Rolling<T> {
    rows: VecDeque<T>,
    capacity: usize,
}

impl<T: Timed> Rolling<T> {
    /// An empty store; `capacity` of 0 counts as 1.
    pub fn new(capacity: usize) -> Rolling<T> {
        Rolling { rows: VecDeque::new(), capacity: capacity.max(1) }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// No older row would find room.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= self.capacity
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.rows.get(index)
    }

    pub fn first(&self) -> Option<&T> {
        self.rows.front()
    }

    pub fn last(&self) -> Option<&T> {
        self.rows.back()
    }

    /// Ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.rows.iter()
    }

    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Index of the first row at or after `at`; `len` when there is none.
    pub fn lower(&self, at: Ms) -> usize {
        if self.rows.back().is_none_or(|row| row.at() < at) {
            return self.rows.len();
        }
        self.rows.partition_point(|row| row.at() < at)
    }

    /// Index of the row exactly at `at`.
    pub fn find(&self, at: Ms) -> Option<usize> {
        let index = self.lower(at);
        (self.rows.get(index)?.at() == at).then_some(index)
    }

    /// The last row at or before `at`.
    pub fn at_or_before(&self, at: Ms) -> Option<&T> {
        let after = self.rows.partition_point(|row| row.at() <= at);
        self.rows.get(after.checked_sub(1)?)
    }

    /// Rows of `[from, to)`, ascending.
    pub fn range(&self, from: Ms, to: Ms) -> impl DoubleEndedIterator<Item = &T> {
        let (a, b) = (self.lower(from), self.lower(to));
        self.rows.range(a.min(b)..b)
    }

    /// Puts a row in, replacing the one at the same instant.
    pub fn upsert(&mut self, row: T) {
        let index = self.lower(row.at());
        match self.rows.get_mut(index) {
            Some(held) if held.at() == row.at() => *held = row,
            Some(_) => self.insert(index, row),
            None => self.push(row),
        }
    }

    /// Puts a row in after those of the same instant.
    pub fn add(&mut self, row: T) {
        let index = self.rows.partition_point(|held| held.at() <= row.at());
        if index == self.rows.len() { self.push(row) } else { self.insert(index, row) }
    }

    /// Drops the rows of `[from, to)`.
    pub fn remove_range(&mut self, from: Ms, to: Ms) {
        let (a, b) = (self.lower(from), self.lower(to));
        self.rows.drain(a.min(b)..b);
    }

    /// Puts ascending rows in the place of those held in the stretch they span, first and last instant included.
    pub fn replace(&mut self, rows: Vec<T>) {
        let (Some(first), Some(last)) = (rows.first().map(T::at), rows.last().map(T::at)) else { return };
        self.remove_range(first, Ms(last.0.saturating_add(1)));
        let newer = self.rows.split_off(self.lower(first));
        self.rows.extend(rows);
        self.rows.extend(newer);
        let excess = self.rows.len().saturating_sub(self.capacity);
        self.rows.drain(..excess);
    }

    fn push(&mut self, row: T) {
        if self.is_full() {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }

    fn insert(&mut self, index: usize, row: T) {
        if !self.is_full() {
            self.rows.insert(index, row);
        } else if index > 0 {
            self.rows.pop_front();
            self.rows.insert(index - 1, row);
        }
        // A row older than everything in a full store has no place.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    struct P(i64, i32);

    impl Timed for P {
        fn at(&self) -> Ms {
            Ms(self.0)
        }
    }

    fn held(rolling: &Rolling<P>) -> Vec<(i64, i32)> {
        rolling.iter().map(|p| (p.0, p.1)).collect()
    }

    #[test]
    fn upsert_keeps_order_and_one_row_per_instant() {
        let mut r = Rolling::new(10);
        for p in [P(3, 0), P(1, 0), P(2, 0), P(3, 1), P(1, 2)] {
            r.upsert(p);
        }
        assert_eq!(held(&r), [(1, 2), (2, 0), (3, 1)]);
        assert_eq!(r.find(Ms(2)), Some(1));
        assert_eq!(r.find(Ms(4)), None);
        assert_eq!(r.at_or_before(Ms(9)), Some(&P(3, 1)));
        assert_eq!(r.at_or_before(Ms(0)), None);
        assert_eq!(r.range(Ms(2), Ms(3)).count(), 1);
        assert_eq!(r.range(Ms(5), Ms(2)).count(), 0);
    }

    #[test]
    fn a_full_store_drops_the_oldest_and_refuses_older() {
        let mut r = Rolling::new(3);
        (1..=4).for_each(|t| r.upsert(P(t, 0)));
        assert_eq!(held(&r), [(2, 0), (3, 0), (4, 0)]);
        r.upsert(P(1, 9));
        assert_eq!(r.first(), Some(&P(2, 0)));
        r.upsert(P(3, 7));
        assert_eq!(r.len(), 3);
        r.remove_range(Ms(2), Ms(3));
        r.add(P(3, 8));
        assert_eq!(held(&r), [(3, 7), (3, 8), (4, 0)]);
        r.replace(vec![P(1, 1), P(2, 1), P(3, 1)]);
        assert_eq!(held(&r), [(2, 1), (3, 1), (4, 0)]);
        r.replace(vec![P(4, 1), P(4, 2)]);
        assert_eq!(held(&r), [(3, 1), (4, 1), (4, 2)]);
        r.replace(Vec::new());
        assert_eq!(r.len(), 3);
        // In a full store a late row in the middle pushes the oldest out.
        r.add(P(3, 9));
        assert_eq!(held(&r), [(3, 9), (4, 1), (4, 2)]);
    }
}
