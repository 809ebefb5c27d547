//! Which rows of which row groups can lie in a range.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMask, PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

use super::columns::times;
use super::{PAGE_ROWS, Sealed, Span};

/// Rows `[from, to)` of a row group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    pub(super) group: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Window {
    pub(super) fn rows(&self) -> usize {
        self.to - self.from
    }

    /// Takes at most `step` rows from the front, or from the back.
    pub(super) fn take(windows: &mut VecDeque<Window>, step: usize, back: bool) -> Option<Window> {
        let whole = if back { windows.pop_back()? } else { windows.pop_front()? };
        if whole.rows() <= step {
            return Some(whole);
        }
        if back {
            let middle = whole.to - step;
            windows.push_back(Window { to: middle, ..whole });
            Some(Window { from: middle, ..whole })
        } else {
            let middle = whole.from + step;
            windows.push_front(Window { from: middle, ..whole });
            Some(Window { to: middle, ..whole })
        }
    }
}

impl Sealed {
    /// The rows of a range, ascending. In a file of this archive exactly those; of another all rows there are.
    pub(super) fn windows(&mut self, span: &Span, pages: &Arc<AtomicU64>) -> Result<VecDeque<Window>> {
        let column = self.layout.place("timestamp").filter(|_| self.meta.is_some());
        let mut windows = VecDeque::new();
        let mut cut = Vec::new();
        for group in 0..self.metadata.num_row_groups() {
            let rows = self.metadata.row_group_num_rows(group)?;
            let edges = column.and_then(|column| self.edges(group, column));
            let (first, last) = edges.unwrap_or((i64::MIN, i64::MAX));
            if rows == 0 || last < span.from.0 || first >= span.to.0 {
                continue;
            }
            if column.is_some() && (first < span.from.0 || last >= span.to.0) {
                cut.push(group);
            }
            windows.push_back(Window { group, from: 0, to: rows });
        }
        let (Some(column), false) = (column, cut.is_empty()) else { return Ok(windows) };
        if windows.iter().any(|window| cut.contains(&window.group) && window.rows() > PAGE_ROWS) {
            self.load_page_index(&cut, column)?;
        }
        for window in windows.iter_mut().filter(|window| cut.contains(&window.group)) {
            *window = self.narrowed(*window, column, span, pages)?;
        }
        windows.retain(|window| window.from < window.to);
        Ok(windows)
    }

    /// First and last time of a row group.
    fn edges(&self, group: usize, column: usize) -> Option<(i64, i64)> {
        let chunk = self.metadata.row_groups().get(group)?.columns().get(column)?;
        match chunk.statistics()? {
            Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
            _ => None,
        }
    }

    fn load_page_index(&mut self, groups: &[usize], column: usize) -> Result<()> {
        let of_groups = ColumnChunkMask::row_groups(groups.iter().copied());
        let of_times = ColumnChunkMask::row_groups_and_columns(groups.iter().copied(), [column]);
        let mut reader = ParquetMetaDataReader::new_with_metadata(self.metadata.clone())
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_offset_index_mask(of_groups)
            .with_column_index_mask(of_times);
        reader.read_page_indexes(&*self.input)?;
        self.metadata = reader.finish()?;
        Ok(())
    }

    /// Cuts a window down to the rows in the range: by the page index to a page at each end, there by the times.
    fn narrowed(&self, window: Window, column: usize, span: &Span, pages: &Arc<AtomicU64>) -> Result<Window> {
        let all = [(window.from, window.to, i64::MIN, i64::MAX)];
        let listed = self.pages_of(window.group, column, window.to);
        let listed = listed.as_deref().filter(|pages| !pages.is_empty()).unwrap_or(&all);
        let mut narrowed = Window { from: window.to, to: window.to, ..window };
        // The first page with a row not before the range.
        let Some(first) = listed.iter().find(|(.., last)| *last >= span.from.0) else { return Ok(narrowed) };
        // The last page with a row not after it.
        let last = listed.iter().rfind(|(_, _, first, _)| *first < span.to.0);
        let Some(last) = last.filter(|last| last.0 >= first.0) else { return Ok(narrowed) };
        let read = |(from, to, ..): &(usize, usize, i64, i64)| {
            times(self.pages(window.group, column, pages)?, *from, to.saturating_sub(*from))
        };
        let times = read(first)?;
        narrowed.from = first.0 + times.partition_point(|at| *at < span.from.0);
        let times = if first.0 == last.0 { times } else { read(last)? };
        narrowed.to = last.0 + times.partition_point(|at| *at < span.to.0);
        narrowed.to = narrowed.to.max(narrowed.from);
        Ok(narrowed)
    }

    /// Pages of the time column: first row, row after the last, first time, last time.
    fn pages_of(&self, group: usize, column: usize, rows: usize) -> Option<Vec<(usize, usize, i64, i64)>> {
        let index = self.metadata.page_index()?;
        let ColumnIndexMetaData::INT64(times) = index.column_index(group, column)? else { return None };
        let places = index.offset_index(group, column)?.page_locations();
        let begins: Vec<usize> =
            places.iter().map(|page| usize::try_from(page.first_row_index).ok()).collect::<Option<_>>()?;
        let ends = begins.iter().skip(1).copied().chain([rows]);
        let pages = begins.iter().zip(ends).zip(times.min_values().iter().zip(times.max_values()));
        pages
            .map(|((from, to), (first, last))| {
                (*from <= to && to <= rows).then_some((*from, to, *first, *last))
            })
            .collect()
    }
}
