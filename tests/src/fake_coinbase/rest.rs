//! The REST side: paths, parameters, paging headers, the rate limit and errors as documented.

use super::frames::{self, iso};
use super::state::{RestCall, State, last_trade};
use super::{Product, read_time};
use crate::fake::clock::machine_now;
use crate::fake::market::{FakeTrade, aligned};
use crate::fake::rest::{Answer, Query, list};
use crate::oracle::calendar::HOUR;
use crate::oracle::decimal::text;

/// Rows of a candles answer, and of a trades answer.
const CANDLES: i64 = 300;
const TRADES: usize = 1_000;
/// How far back trades are kept.
const TRADES_KEPT: i64 = 24 * HOUR;

/// Calls let through: so many a second, and so many at once after a pause.
pub struct Bucket {
    pub per_second: f64,
    pub burst: f64,
    tokens: f64,
    filled: i64,
    /// Refuses everything until then, because a test said so.
    pub refuse_until: i64,
}

impl Default for Bucket {
    fn default() -> Self {
        Bucket { per_second: 10.0, burst: 15.0, tokens: 15.0, filled: 0, refuse_until: 0 }
    }
}

impl Bucket {
    fn admit(&mut self, now: i64) -> bool {
        let elapsed = (now - self.filled).max(0) as f64 / 1_000.0;
        self.filled = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

fn refused(status: u16, message: &str) -> Answer {
    Answer::plain(status, format!(r#"{{"message":"{message}"}}"#))
}

impl State {
    /// Answers one call at `now`, counting it.
    pub(super) fn rest(&mut self, path: &str, query: &str, agent: bool, now: i64) -> Answer {
        let answer = self.answer(path, query, agent, now);
        *self.counts.rest.entry(path.to_owned()).or_default() += 1;
        let (path, query, status) = (path.to_owned(), query.to_owned(), answer.status);
        self.counts.rest_log.push(RestCall { at: now, path, query, status });
        answer
    }

    fn answer(&mut self, path: &str, query: &str, agent: bool, now: i64) -> Answer {
        if let Some(status) = self.faults.refused_location {
            return refused(status, "Forbidden");
        }
        if self.faults.failures > 0 {
            self.faults.failures -= 1;
            return Answer::plain(503, "<html>Service Unavailable</html>");
        }
        if !agent {
            return refused(400, "User-Agent header is required.");
        }
        let clock = machine_now();
        if clock < self.bucket.refuse_until {
            return refused(429, "Public rate limit exceeded");
        }
        if !self.bucket.admit(clock) {
            self.violate("rest");
            return refused(429, "Public rate limit exceeded");
        }
        let query = Query::of(query);
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        match parts.as_slice() {
            ["time"] => {
                let seconds = now as f64 / 1_000.0;
                Answer::plain(200, format!(r#"{{"iso":"{}","epoch":{seconds}}}"#, iso(now, 0)))
            }
            ["products"] => Answer::plain(200, list(self.markets.iter().map(frames::product_row))),
            ["products", id] => match self.market(id) {
                Some(market) => Answer::plain(200, frames::product_row(market)),
                None => refused(404, "NotFound"),
            },
            ["products", id, what] => self.of_product(id, what, &query, now),
            _ => refused(404, "Route not found"),
        }
    }

    fn of_product(&mut self, id: &str, what: &str, query: &Query<'_>, now: i64) -> Answer {
        let (book, far_levels) = (self.book(id), self.far_levels);
        let Some(market) = self.market(id) else { return refused(404, "NotFound") };
        let listing = market.listing.clone();
        match what {
            "candles" => candles(market, query, now),
            "trades" => trades(market, query, now),
            "book" => {
                let deep = query.get("level").is_some_and(|l| l == "2");
                let (bids, asks) = frames::sides(&listing, &book, if deep { far_levels } else { 0 });
                let sequence = last_trade(market, now).map_or(0, |t| frames::sequence(&t));
                let time = iso(now, 0);
                Answer::plain(
                    200,
                    format!(
                        r#"{{"bids":{bids},"asks":{asks},"sequence":{sequence},"auction_mode":false,"auction":null,"time":"{time}"}}"#
                    ),
                )
            }
            "ticker" => {
                let Some(t) = last_trade(market, now) else { return refused(404, "NotFound") };
                let price = |units| text(units, listing.spec.price_places);
                let best = |level: Option<(&i128, &i128)>| price(level.map_or(0, |(p, _)| *p));
                let (bid, ask) = (best(book.bids.last_key_value()), best(book.asks.first_key_value()));
                let size = text(t.quantity, listing.spec.quantity_places);
                Answer::plain(
                    200,
                    format!(
                        r#"{{"trade_id":{},"price":"{}","size":"{size}","time":"{}","bid":"{bid}","ask":"{ask}","volume":"1836.9678175"}}"#,
                        t.id,
                        price(t.price),
                        frames::trade_time(&t),
                    ),
                )
            }
            _ => refused(404, "Route not found"),
        }
    }
}

/// Candles, newest first; buckets without trades are left out.
fn candles(market: &mut Product, query: &Query<'_>, now: i64) -> Answer {
    let Ok(granularity) = query.number("granularity") else {
        return refused(400, "Invalid granularity");
    };
    let seconds = granularity.unwrap_or(60);
    if ![60, 300, 900, 3_600, 21_600, 86_400].contains(&seconds) {
        return refused(400, "Unsupported granularity");
    }
    let length = seconds * 1_000;
    let bucket = |at| aligned(length, 0, at);
    let newest = bucket(now).0;
    // One alone is as good as none.
    let (from, to) = match (query.get("start"), query.get("end")) {
        (Some(start), Some(end)) => match (read_time(start), read_time(end)) {
            (Some(start), Some(end)) => (start + (-start).rem_euclid(length), end.min(now)),
            _ => return refused(400, "Invalid time"),
        },
        _ => (newest - (CANDLES - 1) * length, now),
    };
    if from > to {
        return Answer::plain(200, "[]");
    }
    if (to - from) / length + 1 > CANDLES {
        return refused(
            400,
            "granularity too small for the requested time range. Count of aggregations requested exceeds 300",
        );
    }
    let bars = market.bars_by(bucket, from.max(market.since), to + 1, now + 1);
    let traded = bars.iter().rev().filter(|b| b.trades > 0);
    Answer::plain(200, list(traded.map(|b| frames::candle_row(&market.listing, b))))
}

/// Trades, newest first. `after` pages to older ones; `before` asks for the newest of those that are newer.
fn trades(market: &mut Product, query: &Query<'_>, now: i64) -> Answer {
    let (Ok(limit), Ok(before), Ok(after)) =
        (query.number("limit"), query.number("before"), query.number("after"))
    else {
        return refused(400, "Invalid pagination parameter");
    };
    let limit = limit.unwrap_or(TRADES as i64).clamp(1, TRADES as i64) as usize;
    let wanted = |t: &FakeTrade| {
        after.is_none_or(|id| (t.id as i64) < id) && before.is_none_or(|id| (t.id as i64) > id)
    };
    // Hour by hour backwards, until there are enough.
    let mut rows: Vec<FakeTrade> = Vec::new();
    let mut to = now + 1;
    while rows.len() < limit && to > (now - TRADES_KEPT).max(market.since) {
        let from = to - HOUR;
        rows.extend(market.trades(from, to).into_iter().rev().filter(wanted));
        if rows.last().is_some_and(|t| before.is_some_and(|id| t.id as i64 <= id + 1)) {
            break;
        }
        to = from;
    }
    rows.truncate(limit);
    let mut answer = Answer::plain(200, list(rows.iter().map(|t| frames::trade_row(&market.listing, t))));
    if let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) {
        answer.headers = vec![("cb-before", newest.id.to_string()), ("cb-after", oldest.id.to_string())];
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_lets_a_burst_through_and_then_a_rate() {
        let mut bucket = Bucket::default();
        let burst = (0..20).filter(|_| bucket.admit(1_000_000)).count();
        let rate = (0..20).filter(|n| bucket.admit(1_000_000 + n * 50)).count();
        assert_eq!((burst, rate), (15, 9));
    }
}
