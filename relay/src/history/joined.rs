//! Bars of a range joined over the members of a group.

use futures_util::future::join_all;
use shared::event::{Bar, JoinedBar};
use shared::market::{Ms, Timeframe};
use shared::maths::joined::bars::{GRACE, join};

use super::{BarsQuery, Candle, History, HistoryError};
use crate::directory::JoinedMarket;

/// A joined bar and when this relay got the newest part of it.
#[derive(Clone, PartialEq, Debug)]
pub struct JoinedCandle {
    pub joined: JoinedBar,
    pub received: Ms,
}

/// Joined bars in ascending order, one per bucket.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct JoinedAnswer {
    pub candles: Vec<JoinedCandle>,
    /// Why a member's part may be missing although its venue has it.
    pub incomplete: Option<String>,
}

impl History {
    /// The query's range for every member, joined; the query's own instrument is the reference. All members of
    /// `market` must offer bars.
    ///
    /// # Errors
    /// As [`History::candles`], where no member can be answered for.
    pub async fn joined(
        &self,
        market: &JoinedMarket,
        query: &BarsQuery,
    ) -> Result<JoinedAnswer, HistoryError> {
        // One more: a forming bar leans on the one before.
        let limit = if query.newest { query.limit.saturating_add(1) } else { query.limit };
        let of = |i| BarsQuery { instrument: i, limit, ..query.clone() };
        let queries: Vec<BarsQuery> = market.instruments.iter().cloned().map(of).collect();
        let answers = join_all(queries.iter().map(|q| self.candles(q))).await;
        let mut series: Vec<Vec<Candle>> = Vec::with_capacity(answers.len());
        let (mut incomplete, mut fault) = (None, None);
        for answer in answers {
            match answer {
                Ok(answer) => {
                    incomplete = incomplete.or(answer.incomplete);
                    series.push(answer.candles);
                }
                Err(HistoryError::Source(e)) => {
                    incomplete = incomplete.or(Some(e.to_string()));
                    fault = Some(e);
                    series.push(Vec::new());
                }
                Err(e) => return Err(e),
            }
        }
        if let Some(fault) = fault.filter(|_| series.iter().all(Vec::is_empty)) {
            return Err(HistoryError::Source(fault));
        }
        let now = self.now();
        let through = self.align(&queries, &mut series, now).await?;
        let bars: Vec<Vec<Bar>> = series.iter().map(|rows| rows.iter().map(|c| c.bar).collect()).collect();
        let calendar = query.instrument.calendar.clone();
        let mut joined = join(&market.members, query.timeframe, calendar, &bars, now);
        let (first, last) = whole(&series, limit, query.newest);
        joined.retain(|j| (first..=last).contains(&j.bar.timestamp));
        let surplus = joined.len().saturating_sub(query.limit);
        if query.newest {
            joined.drain(..surplus);
        } else {
            joined.truncate(query.limit);
        }
        let received = |at: Ms| {
            let row = |rows: &Vec<Candle>| {
                let place = rows.binary_search_by_key(&at, |c| c.bar.timestamp).ok()?;
                rows.get(place).map(|c| c.received)
            };
            series.iter().filter_map(row).max().unwrap_or(now)
        };
        let candles = joined.into_iter().map(|mut joined| {
            if let Some((_, through)) = through.filter(|(open, _)| *open == joined.bar.timestamp) {
                joined.bar.through = through;
            }
            JoinedCandle { received: received(joined.bar.timestamp), joined }
        });
        Ok(JoinedAnswer { candles: candles.collect(), incomplete })
    }

    /// Makes the members' forming bars of the newest bucket end with the same minute, where they are a base that
    /// minutes are added to: venues close their minutes some seconds apart. Answers the bucket and its `through`.
    async fn align(
        &self,
        queries: &[BarsQuery],
        series: &mut [Vec<Candle>],
        now: Ms,
    ) -> Result<Option<(Ms, Option<Ms>)>, HistoryError> {
        let newest = series.iter().filter_map(|rows| rows.last()).map(|c| c.bar.timestamp).max();
        let (Some(query), Some(open)) = (queries.first(), newest) else { return Ok(None) };
        let end = query.instrument.calendar.next(query.timeframe, open);
        if !query.base || query.timeframe == Timeframe::M1 || end + GRACE <= now {
            return Ok(None);
        }
        let reach = |rows: &Vec<Candle>| {
            let bar = rows.last().map(|c| c.bar).filter(|bar| bar.timestamp == open)?;
            if bar.closed { Some(end - Ms::MINUTE) } else { bar.through }
        };
        let reached: Vec<Option<Ms>> = series.iter().map(reach).collect();
        let Some(most) = reached.iter().flatten().max().copied() else { return Ok(None) };
        let settled = most + Ms::MINUTE + GRACE <= now || reached.iter().all(|r| *r == Some(most));
        if settled {
            return Ok(Some((open, Some(most))));
        }
        if most == open {
            // Not one minute that all have had the time for: something to look at, no base.
            return Ok(Some((open, None)));
        }
        for ((query, rows), reached) in queries.iter().zip(series).zip(reached) {
            if reached == Some(most) {
                let query = BarsQuery { from: open, to: end, limit: 1, newest: true, ..query.clone() };
                let shorter = self.candles_until(&query, most).await?.candles;
                rows.pop();
                rows.extend(shorter);
            }
        }
        Ok(Some((open, Some(most - Ms::MINUTE))))
    }
}

/// Between which buckets nothing can be missing because a member's rows were cut at the limit.
fn whole(series: &[Vec<Candle>], limit: usize, newest: bool) -> (Ms, Ms) {
    let cut = series.iter().filter(|rows| rows.len() >= limit);
    if newest {
        let first = cut.filter_map(|rows| rows.first()).map(|c| c.bar.timestamp).max();
        (first.unwrap_or(Ms::ZERO), Ms(i64::MAX))
    } else {
        let last = cut.filter_map(|rows| rows.last()).map(|c| c.bar.timestamp).min();
        (Ms::ZERO, last.unwrap_or(Ms(i64::MAX)))
    }
}
