//! Which rows a request asks for and how they are to be written.

use shared::market::Ms;

use super::super::error::ApiError;
use super::super::params::{Params, clip};

/// Most rows one answer holds.
pub(super) const MAX_ROWS: usize = 20_000;
/// Rows of an answer whose query names no start.
pub(super) const DEFAULT_ROWS: usize = 500;

/// Which rows a query asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Range {
    pub(super) from: Ms,
    /// Exclusive.
    pub(super) to: Ms,
    pub(super) limit: usize,
    /// No start was given: the newest rows before `to`.
    pub(super) newest: bool,
    /// Rows at exactly `from` that an earlier page gave already.
    pub(super) skip: usize,
}

impl Range {
    /// `from`, `to`, `limit` and `cursor`. Without `from` and `cursor` the newest rows, 500 unless `limit`
    /// says otherwise; else from there on, up to 20,000.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub(super) fn read(params: &Params) -> Result<Range, ApiError> {
        Range::read_up_to(params, DEFAULT_ROWS)
    }

    /// The same with another number than 500.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub(super) fn read_up_to(params: &Params, default: usize) -> Result<Range, ApiError> {
        let from = params.time("from")?.map(|t| t.at);
        // A date as an end includes that day.
        let to = params.time("to")?.map(|t| if t.whole_day { t.at + Ms::DAY } else { t.at });
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let detail = format!("`from` ({}) is after `to` ({})", from.0, to.0);
            return Err(ApiError::bad_request("invalid_range", detail));
        }
        let limit = params.number("limit", 1, MAX_ROWS as u64)?.map(|n| n as usize);
        let place = params.parse("cursor", "invalid_cursor", |text| {
            let parts = text.split_once('.');
            let place = parts.and_then(|(at, skip)| Some((Ms(at.parse().ok()?), skip.parse().ok()?)));
            let known = place.filter(|(at, skip)| at.is_plausible() && *skip <= 10 * MAX_ROWS);
            known.ok_or_else(|| "use the text of X-Next-Cursor as it is".into())
        })?;
        let newest = from.is_none() && place.is_none();
        let limit = limit.unwrap_or(if newest { default } else { MAX_ROWS });
        let (from, skip) = place.unwrap_or((from.unwrap_or(Ms::ZERO), 0));
        Ok(Range { from, to: to.unwrap_or(Ms(i64::MAX)), limit, newest, skip })
    }

    /// Rows to read so that this page can be cut out and it is known whether more follow.
    pub(super) fn reading(&self) -> usize {
        if self.newest { self.limit } else { self.skip + self.limit + 1 }
    }

    /// Cuts this page out of what was read; answers with the cursor of the next, if rows follow.
    pub(super) fn page<T>(&self, rows: &mut Vec<T>, at: impl Fn(&T) -> Ms) -> Option<String> {
        if self.newest {
            return None;
        }
        let given = rows.iter().take(self.skip).take_while(|row| at(row) == self.from).count();
        rows.drain(..given);
        if rows.len() <= self.limit {
            return None;
        }
        rows.truncate(self.limit);
        let last = rows.last().map(&at)?;
        let same = rows.iter().rev().take_while(|row| at(row) == last).count();
        let before = if last == self.from { given } else { 0 };
        Some(format!("{}.{}", last.0, same + before))
    }
}

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// A list of objects.
    Json,
    /// An object with one list per field.
    Columns,
    /// A header line and a line per row.
    Csv,
}

impl Format {
    /// # Errors
    /// 400 where it is none of the three.
    pub(super) fn read(params: &Params) -> Result<Format, ApiError> {
        let format = params.parse("format", "invalid_format", |text| match text {
            "json" => Ok(Format::Json),
            "columns" => Ok(Format::Columns),
            "csv" => Ok(Format::Csv),
            other => Err(format!("`{}` is none of json, columns, csv", clip(other))),
        })?;
        Ok(format.unwrap_or(Format::Json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_their_defaults() {
        let range = |query| Range::read(&Params::read(query)).unwrap();
        let all = Range { from: Ms(0), to: Ms(i64::MAX), limit: 500, newest: true, skip: 0 };
        assert_eq!(range(""), all);
        assert_eq!(range("limit=7"), Range { limit: 7, ..all });
        assert_eq!(range("to=9"), Range { to: Ms(9), ..all });
        let from = Range { from: Ms(5), limit: 20_000, newest: false, ..all };
        assert_eq!(range("from=5"), from);
        assert_eq!(range("from=5&cursor=7.2"), Range { from: Ms(7), skip: 2, ..from });
        let day = Range { from: Ms(86_400_000), to: Ms(172_800_000), ..from };
        assert_eq!(range("from=1970-01-02&to=1970-01-02"), day);
    }

    #[test]
    fn pages_join_without_loss_or_repeat_inside_one_instant() {
        // Five rows share an instant; pages of two.
        let all = [1, 5, 5, 5, 5, 5, 9].map(Ms);
        let mut query = "from=0&limit=2".to_owned();
        let mut seen = Vec::new();
        loop {
            let range = Range::read(&Params::read(&query)).unwrap();
            let mut rows: Vec<(usize, Ms)> = all.iter().copied().enumerate().collect();
            rows.retain(|(_, at)| *at >= range.from);
            rows.truncate(range.reading());
            let next = range.page(&mut rows, |(_, at)| *at);
            seen.extend(rows.iter().map(|(n, _)| *n));
            let Some(cursor) = next else { break };
            query = format!("from=0&limit=2&cursor={cursor}");
        }
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
    }
}
