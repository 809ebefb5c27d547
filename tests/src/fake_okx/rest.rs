//! The REST side: paths, parameters, limits and errors as documented.

use super::engine::day_and_last;
use super::frames;
use super::market::{Listing, Market, bars, liquidations, venue_bucket};
use super::state::{RestCall, State};
use crate::fake::rest::{Answer, NoNumber, Query};
use crate::oracle::calendar::{DAY, HOUR, MINUTE};

/// The venue's error: code, HTTP status, message.
struct Fault(u32, u16, &'static str);

const MISSING: Fault = Fault(50014, 400, "Parameter instId can not be empty.");
const BAD_PARAMETER: Fault = Fault(51000, 400, "Parameter error");
const NO_INSTRUMENT: Fault = Fault(51001, 200, "Instrument ID doesn't exist.");

impl From<NoNumber> for Fault {
    fn from(_: NoNumber) -> Fault {
        BAD_PARAMETER
    }
}

/// Calls allowed in two seconds, and whether they count by instrument; `None` for a path the venue does not have.
fn limit(path: &str) -> Option<(u32, bool)> {
    Some(match path {
        "/api/v5/public/instruments" => (20, false),
        "/api/v5/public/time" => (10, false),
        "/api/v5/market/candles" | "/api/v5/market/books" | "/api/v5/public/liquidation-orders" => {
            (40, false)
        }
        "/api/v5/market/history-candles" | "/api/v5/market/tickers" | "/api/v5/market/ticker" => (20, false),
        "/api/v5/market/trades" => (100, false),
        "/api/v5/public/open-interest" => (20, true),
        "/api/v5/public/funding-rate" | "/api/v5/public/funding-rate-history" => (10, true),
        "/api/v5/public/mark-price" => (10, false),
        "/api/v5/rubik/stat/contracts/open-interest-history" => (10, true),
        _ => return None,
    })
}

/// Rows asked for: the default, at most `most`.
fn rows(query: &Query<'_>, default: i64, most: i64) -> Result<usize, Fault> {
    let limit = query.number("limit")?.unwrap_or(default);
    if limit < 1 { Err(BAD_PARAMETER) } else { Ok(limit.min(most) as usize) }
}

/// `[newer than, older than)`: `before` asks for rows newer than it, `after` for older ones.
fn span(query: &Query<'_>, before: &str, after: &str, now: i64) -> Result<(i64, i64), Fault> {
    let from = query.number(before)?.map_or(0, |at| at + 1);
    Ok((from, query.number(after)?.unwrap_or(now + 1).min(now + 1)))
}

/// Times of a grid of `length` in `[from, to)`, newest first, at most `most`.
fn newest(length: i64, from: i64, to: i64, most: usize) -> Vec<i64> {
    let last = (to - 1) - (to - 1).rem_euclid(length);
    (0..most as i64).map(|n| last - n * length).take_while(|at| *at >= from).collect()
}

impl State {
    /// Answers one call at `now`, counting it.
    pub fn rest(&mut self, path: &str, query: &str, now: i64) -> Answer {
        let answer = self.answered(path, query, now);
        *self.counts.rest.entry(path.to_owned()).or_default() += 1;
        let code = answer.body.split(r#""code":""#).nth(1).and_then(|rest| rest.split('"').next());
        let code = code.and_then(|code| code.parse().ok()).unwrap_or(0);
        let (path, query, status) = (path.to_owned(), query.to_owned(), answer.status);
        self.counts.rest_log.push(RestCall { at: now, path, query, status, code });
        answer
    }

    fn answered(&mut self, path: &str, query: &str, now: i64) -> Answer {
        let refuse = |Fault(code, status, message): Fault| {
            Answer::plain(status, format!(r#"{{"code":"{code}","data":[],"msg":"{message}"}}"#))
        };
        if self.faults.refused_location {
            return refuse(Fault(50121, 200, "You can't access this service from your location."));
        }
        if self.faults.failures > 0 {
            self.faults.failures -= 1;
            return refuse(Fault(50001, 503, "Service temporarily unavailable. Try again later"));
        }
        let Some((most, by_instrument)) = limit(path) else {
            return Answer::plain(404, r#"{"msg":"API endpoint not found"}"#);
        };
        let query = Query::of(query);
        let too_many = |http| Fault(50011, if http { 429 } else { 200 }, "Too Many Requests");
        if self.faults.too_many.0 > 0 {
            self.faults.too_many.0 -= 1;
            return refuse(too_many(self.faults.too_many.1));
        }
        let of = if by_instrument { query.get("instId").unwrap_or("") } else { "" };
        if !self.windows.admit(format!("{path} {of}"), most, 2_000, now) {
            self.violation(format!("more than {most} calls in 2 s of {path} {of}"));
            // Either form, turn by turn.
            return refuse(too_many(self.counts.violations.len().is_multiple_of(2)));
        }
        match self.body(path, &query, now) {
            Ok(rows) => Answer::plain(200, format!(r#"{{"code":"0","msg":"","data":[{}]}}"#, rows.join(","))),
            Err(fault) => refuse(fault),
        }
    }

    fn body(&mut self, path: &str, query: &Query<'_>, now: i64) -> Result<Vec<String>, Fault> {
        match path {
            "/api/v5/public/time" => return Ok(vec![format!(r#"{{"ts":"{now}"}}"#)]),
            "/api/v5/public/instruments" => {
                return Ok(self.of_type(query)?.map(|m| frames::instrument(&m.listing)).collect());
            }
            "/api/v5/public/open-interest" => {
                return Ok(self.of_type(query)?.map(|m| frames::open_interest(m, now)).collect());
            }
            "/api/v5/public/mark-price" => {
                return Ok(self.of_type(query)?.map(|m| frames::mark_price(m, now)).collect());
            }
            "/api/v5/public/liquidation-orders" => return self.liquidation_orders(query, now),
            "/api/v5/public/funding-rate" if query.get("instId") == Some("ANY") => {
                let swaps = self.markets.iter().filter(|m| m.listing.swap());
                return Ok(swaps.map(|m| frames::funding(m, now)).collect());
            }
            "/api/v5/market/tickers" => {
                let ids: Vec<&str> = self.of_type(query)?.map(|m| m.listing.inst_id).collect();
                return Ok(ids.into_iter().filter_map(|id| self.ticker(id, now)).collect());
            }
            _ => {}
        }
        let id = query.get("instId").filter(|id| !id.is_empty()).ok_or(MISSING)?;
        let market = self.market(id).ok_or(NO_INSTRUMENT)?;
        let swap = market.listing.swap();
        match path {
            "/api/v5/market/candles" => candles(market, query, 300, Some(1_440), now),
            "/api/v5/market/history-candles" => candles(market, query, 100, None, now),
            "/api/v5/market/trades" => {
                let most = rows(query, 100, 500)?;
                let trades = market.trades(now - HOUR, now + 1);
                let newest = trades.iter().rev().take(most);
                Ok(newest.map(|t| frames::trade(&market.listing, t, false)).collect())
            }
            "/api/v5/market/ticker" => Ok(self.ticker(id, now).into_iter().collect()),
            "/api/v5/market/books" => {
                let depth = query.number("sz")?.unwrap_or(1).clamp(1, 400) as usize;
                let listing = market.listing.clone();
                let book = self.books.get(id).ok_or(NO_INSTRUMENT)?;
                Ok(vec![frames::depth(&listing, book.book(), depth, book.stepped(), None)])
            }
            _ if !swap => Err(NO_INSTRUMENT),
            "/api/v5/public/funding-rate" => Ok(vec![frames::funding(market, now)]),
            "/api/v5/public/funding-rate-history" => {
                let (from, to) = span(query, "before", "after", now)?;
                let from = from.max(market.since).max(now - 92 * DAY);
                let times = newest(market.listing.funding_interval(), from, to, rows(query, 400, 400)?);
                Ok(times.into_iter().map(|at| frames::funding_paid(market, at)).collect())
            }
            _ => open_interest_history(market, query, now),
        }
    }

    /// Markets of the asked kind, family and name.
    fn of_type(&self, query: &Query<'_>) -> Result<impl Iterator<Item = &Market>, Fault> {
        let kind = query
            .get("instType")
            .ok_or(Fault(50014, 400, "Parameter instType can not be empty."))?
            .to_owned();
        let (family, id) =
            (query.get("instFamily").map(str::to_owned), query.get("instId").map(str::to_owned));
        if !matches!(kind.as_str(), "SWAP" | "SPOT" | "FUTURES" | "OPTION" | "MARGIN") {
            return Err(BAD_PARAMETER);
        }
        let asked = move |l: &Listing| {
            l.inst_type.text() == kind
                && family.as_ref().is_none_or(|f| *f == l.family())
                && id.as_ref().is_none_or(|id| id == l.inst_id)
        };
        Ok(self.markets.iter().filter(move |m| asked(&m.listing)))
    }

    fn ticker(&mut self, id: &str, now: i64) -> Option<String> {
        let market = self.market(id)?;
        let (day, last) = day_and_last(market, now)?;
        let listing = market.listing.clone();
        Some(frames::ticker(&listing, self.books.get(id)?.book(), &last, &day, now))
    }

    /// Forced orders of a family, the last hour's.
    fn liquidation_orders(&self, query: &Query<'_>, now: i64) -> Result<Vec<String>, Fault> {
        let family = query.get("instFamily").or(query.get("uly")).ok_or(BAD_PARAMETER)?;
        let swap = |m: &&Market| m.listing.swap() && m.listing.family() == family;
        let market = self.markets.iter().find(swap).ok_or(NO_INSTRUMENT)?;
        let mut rows = liquidations(market, self.seed, now - HOUR, now);
        rows.extend(self.ordered.iter().filter(|(id, _)| *id == market.listing.inst_id).map(|(_, l)| *l));
        rows.sort_by_key(|l| -l.time);
        rows.truncate(100);
        Ok(vec![frames::liquidations(&market.listing, &rows)])
    }
}

/// Candles, newest first; of the venue's newest `reach` where that is all a call answers from.
fn candles(
    market: &mut Market,
    query: &Query<'_>,
    most: i64,
    reach: Option<i64>,
    now: i64,
) -> Result<Vec<String>, Fault> {
    let bar = query.get("bar").unwrap_or("1m");
    let (open, end) = venue_bucket(bar, now).ok_or(BAD_PARAMETER)?;
    let limit = rows(query, 100, most)?;
    let (from, to) = span(query, "before", "after", end)?;
    let oldest = reach.map_or(0, |rows| open - rows * (end - open));
    // Look back no further than the rows can reach; months are the longest by their name.
    let back = (limit as i64 + 1) * (end - open).max(MINUTE) + 3 * DAY * i64::from(bar.starts_with("1M"));
    let from = from.max(oldest).max(to - back).max(market.since);
    let mut found = bars(market, bar, from, to, now + 1).ok_or(BAD_PARAMETER)?;
    if reach.is_none() {
        found.retain(|b| b.open_time < open);
    }
    let listing = &market.listing;
    let row =
        |b| frames::candle(listing, b, venue_bucket(bar, b.open_time).is_some_and(|(_, end)| end <= now));
    Ok(found.iter().rev().take(limit).map(row).collect())
}

fn open_interest_history(market: &Market, query: &Query<'_>, now: i64) -> Result<Vec<String>, Fault> {
    let period = match query.get("period") {
        None | Some("5m") => 5 * MINUTE,
        Some("15m") => 15 * MINUTE,
        Some("30m") => 30 * MINUTE,
        Some("1H") => HOUR,
        Some("2H") => 2 * HOUR,
        Some("4H") => 4 * HOUR,
        Some("1Dutc") => DAY,
        Some(_) => return Err(BAD_PARAMETER),
    };
    let from = query.number("begin")?.unwrap_or(0).max(now - 1_440 * period);
    let to = query.number("end")?.map_or(now + 1, |end| end + 1).min(now + 1);
    let row = |at| {
        let (contracts, coins, usd) = frames::open_interest_of(market, at);
        format!(r#"["{at}","{contracts}","{coins}","{usd}"]"#)
    };
    Ok(newest(period, from, to, rows(query, 100, 100)?).into_iter().map(row).collect())
}
