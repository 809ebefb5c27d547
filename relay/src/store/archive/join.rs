//! Sealed and hot rows of one query in one order.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use shared::event::Event;
use shared::market::Ms;

use super::manifest::Entry;
use super::read::{Scan, Span};
use super::write::PAGE_ROWS;
use super::{Archive, ArchiveError, kinds};
use crate::store::{Dataset, Query};

/// Rows of a query that are worth a second thread; in tests any two days are.
const LONG: usize = if cfg!(test) { 2 } else { 2_048 };

/// A query on its way through the days. Files are opened when their day's turn comes.
pub(super) struct Joining {
    query: Query,
    /// Not given yet, ascending.
    hot: VecDeque<Event>,
    /// Files not opened yet, by day, ascending.
    days: VecDeque<Vec<Arc<Entry>>>,
    day: Option<Day>,
    left: usize,
}

impl Joining {
    /// `hot` are the hot rows of the query, ascending, at least as many as its limit if there are more; read before this
    /// is called, so that what is sealed meanwhile is seen twice rather than not at all.
    pub(super) fn new(archive: &Archive, query: &Query, hot: Vec<Event>) -> Joining {
        let venue = query.venue.as_ref();
        let files = archive.manifest().find(query.dataset, &query.symbol, venue, query.from, query.to);
        let mut days: VecDeque<Vec<Arc<Entry>>> = VecDeque::new();
        for file in files {
            match days.back_mut() {
                Some(day) if day.first().is_some_and(|first| first.meta.day == file.meta.day) => {
                    day.push(file)
                }
                _ => days.push_back(vec![file]),
            }
        }
        Joining { query: query.clone(), hot: hot.into(), days, day: None, left: query.limit }
    }

    /// All rows of the query, ascending.
    pub(super) fn collect(mut self, archive: &Archive) -> Result<Vec<Event>, ArchiveError> {
        if self.query.newest {
            return self.newest(archive);
        }
        let limit = self.query.limit;
        let Some(later) = self.later_half() else { return self.rest(archive) };
        std::thread::scope(|scope| {
            let later = scope.spawn(|| later.rest(archive));
            let mut all = self.rest(archive)?;
            // What panics in there, panics here: whoever decodes keeps panics to itself.
            all.append(&mut later.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            all.truncate(limit);
            Ok(all)
        })
    }

    /// Splits the later half of a long query off, where another core can read it meanwhile. Its own rows may be more
    /// than the query still wants, never fewer.
    fn later_half(&mut self) -> Option<Joining> {
        let limit = self.query.limit;
        let rows = |day: &Vec<Arc<Entry>>| day.iter().map(|file| file.written.rows as usize).sum::<usize>();
        let there: usize = self.days.iter().map(rows).sum();
        let whole = self.query.venue.is_none() || self.days.iter().flatten().all(|f| f.meta.venue.is_some());
        let long = there.min(limit);
        if long < LONG || !whole || std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
            return None;
        }
        // Of the first day only the end may be asked for; of those after it that are not the last, every row.
        let (mut at, mut sure) = (1, 0);
        while sure < long / 2 && at + 1 < self.days.len() {
            sure += self.days.get(at).map_or(0, rows);
            at += 1;
        }
        let first = self.days.get(at)?.first()?.meta.day;
        let hot = self.hot_since(first);
        Some(Joining {
            query: self.query.clone(),
            hot: hot.into(),
            days: self.days.split_off(at),
            day: None,
            left: limit.saturating_sub(sure),
        })
    }

    /// All that is left, ascending.
    fn rest(mut self, archive: &Archive) -> Result<Vec<Event>, ArchiveError> {
        let files: u64 = self.days.iter().flatten().map(|file| file.written.rows).sum();
        let there = self.hot.len().saturating_add(usize::try_from(files).unwrap_or(usize::MAX));
        // Of a file that joins venues fewer may be asked for: room for one answer is enough to begin with.
        let mut all = Vec::with_capacity(there.min(self.left).min(3 * PAGE_ROWS));
        while let Some(mut rows) = self.next(archive)? {
            all.append(&mut rows);
        }
        Ok(all)
    }

    /// The next rows of an ascending query; `None` at the end.
    pub(super) fn next(&mut self, archive: &Archive) -> Result<Option<Vec<Event>>, ArchiveError> {
        let dataset = self.query.dataset;
        while self.left > 0 {
            let sealed = self.day.as_mut().map(|day| day.next(dataset)).transpose()?.flatten();
            let mut rows = if let Some(sealed) = sealed {
                // Hot rows up to the last of these go between them.
                let last = sealed.last();
                let upto = |row: &Event| {
                    last.is_some_and(|last| kinds::order(dataset, row, last) != Ordering::Greater)
                };
                let n = self.hot.partition_point(upto);
                merge(dataset, sealed, self.hot.drain(..n).collect())
            } else if let Some(files) = self.days.pop_front() {
                self.day = Some(Day::open(archive, &files, &self.query, self.left)?);
                continue;
            } else {
                self.day = None;
                std::mem::take(&mut self.hot).into()
            };
            if rows.is_empty() {
                return Ok(None);
            }
            rows.truncate(self.left);
            self.left -= rows.len();
            return Ok(Some(rows));
        }
        Ok(None)
    }

    /// The newest rows, ascending: from the last day back, no further than needed.
    fn newest(mut self, archive: &Archive) -> Result<Vec<Event>, ArchiveError> {
        let dataset = self.query.dataset;
        let mut runs: Vec<Vec<Event>> = Vec::new();
        while let Some(files) = self.days.pop_back() {
            let Some(day) = files.first().map(|file| file.meta.day) else { continue };
            let after = self.hot_since(day + Ms::DAY);
            self.run(&mut runs, after);
            if self.left == 0 {
                break;
            }
            let sealed = Day::open(archive, &files, &self.query, self.left)?.newest(dataset)?;
            let hot = self.hot_since(day);
            self.run(&mut runs, merge(dataset, sealed, hot));
        }
        let rest = self.hot_since(Ms(i64::MIN));
        self.run(&mut runs, rest);
        Ok(runs.into_iter().rev().flatten().collect())
    }

    /// Takes the hot rows at or after an instant.
    fn hot_since(&mut self, at: Ms) -> Vec<Event> {
        let n = self.hot.partition_point(|row| row.timestamp() < at);
        self.hot.split_off(n).into()
    }

    /// Adds the newest of some rows that lie before all others.
    fn run(&mut self, runs: &mut Vec<Vec<Event>>, mut rows: Vec<Event>) {
        rows.drain(..rows.len().saturating_sub(self.left));
        self.left -= rows.len();
        runs.push(rows);
    }
}

/// The files of one day.
struct Day(Vec<Open>);

struct Open {
    scan: Scan,
    /// Decoded and not given yet.
    rows: VecDeque<Event>,
}

impl Day {
    fn open(
        archive: &Archive,
        files: &[Arc<Entry>],
        query: &Query,
        limit: usize,
    ) -> Result<Day, ArchiveError> {
        let Query { from, to, venue, newest, .. } = query.clone();
        let span = Span { from, to, venue, limit, newest };
        let open = |file: &Arc<Entry>| {
            let Some(sealed) = archive.open_file(file)? else { return Ok(None) };
            let mut span = span.clone();
            if file.meta.venue.is_some() {
                // The whole file is of that venue.
                span.venue = None;
            }
            Ok(Some(Open { scan: sealed.scan(span)?, rows: VecDeque::new() }))
        };
        let opened = files.iter().filter_map(|file| open(file).transpose());
        Ok(Day(opened.collect::<Result<_, _>>()?))
    }

    /// The next rows of all files, ascending.
    fn next(&mut self, dataset: Dataset) -> Result<Option<Vec<Event>>, ArchiveError> {
        if let [only] = &mut self.0[..] {
            return only.scan.chunk();
        }
        let mut rows = Vec::new();
        while rows.len() < PAGE_ROWS {
            for open in &mut self.0 {
                if open.rows.is_empty() {
                    open.rows = open.scan.chunk()?.unwrap_or_default().into();
                }
            }
            let heads =
                self.0.iter().enumerate().filter_map(|(n, open)| open.rows.front().map(|row| (n, row)));
            let first = heads.min_by(|(_, a), (_, b)| kinds::order(dataset, a, b)).map(|(n, _)| n);
            let Some(open) = first.and_then(|n| self.0.get_mut(n)) else { break };
            rows.extend(open.rows.pop_front());
        }
        Ok((!rows.is_empty()).then_some(rows))
    }

    /// The newest rows of each file, ascending.
    fn newest(self, dataset: Dataset) -> Result<Vec<Event>, ArchiveError> {
        let one = self.0.len() == 1;
        let mut rows = Vec::new();
        for open in self.0 {
            rows.append(&mut open.scan.collect()?);
        }
        if !one {
            rows.sort_by(|a, b| kinds::order(dataset, a, b));
        }
        Ok(rows)
    }
}

/// Both in one order; of a key that both have, what the late row makes of the held one.
pub(super) fn merge(dataset: Dataset, held: Vec<Event>, late: Vec<Event>) -> Vec<Event> {
    if held.is_empty() || late.is_empty() {
        return if held.is_empty() { late } else { held };
    }
    let mut rows = Vec::with_capacity(held.len() + late.len());
    let (mut held, mut late) = (held.into_iter().peekable(), late.into_iter().peekable());
    loop {
        let order = match (held.peek(), late.peek()) {
            (Some(a), Some(b)) => kinds::order(dataset, a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return rows,
        };
        match order {
            Ordering::Less => rows.extend(held.next()),
            Ordering::Greater => rows.extend(late.next()),
            Ordering::Equal => {
                if let (Some(a), Some(b)) = (held.next(), late.next()) {
                    rows.push(kinds::merged(dataset, a, b));
                }
            }
        }
    }
}
