//! The REST side: paths, parameters, paging and errors as documented. Nearly everything is HTTP 200; `retCode` tells.

use super::book::DEPTHS;
use super::frames;
use super::limits::Refused;
use super::market::{self, Fields, Listing, Market, Product, bars, bucket, trade_id};
use super::state::{RestCall, RestFault, State};
use crate::fake::rest::{Answer, NoNumber, Query, cut, list};
use crate::oracle::calendar::{DAY, HOUR, MINUTE};
use crate::oracle::decimal::text;

/// The venue's error code and message.
struct Fault(i64, String);

fn wrong(message: impl Into<String>) -> Fault {
    Fault(10_001, message.into())
}

impl From<NoNumber> for Fault {
    fn from(NoNumber: NoNumber) -> Fault {
        wrong("params error: not a number")
    }
}

/// The number of rows asked for.
fn limit(query: &Query<'_>, default: i64, most: i64) -> Result<usize, Fault> {
    let limit = query.number("limit")?.unwrap_or(default);
    if (1..=most).contains(&limit) { Ok(limit as usize) } else { Err(wrong("params error: limit invalid")) }
}

fn envelope(code: i64, message: &str, result: &str, now: i64) -> String {
    format!(r#"{{"retCode":{code},"retMsg":"{message}","result":{result},"retExtInfo":{{}},"time":{now}}}"#)
}

/// `result` of a list of rows.
fn rows(product: Product, rows: impl IntoIterator<Item = String>, cursor: Option<&str>) -> String {
    let cursor = cursor.map_or(String::new(), |c| format!(r#","nextPageCursor":"{c}""#));
    format!(r#"{{"category":"{}","list":{}{cursor}}}"#, product.category(), list(rows))
}

impl State {
    /// Answers one call at `now`, counting it.
    pub(super) fn rest(&mut self, path: &str, query: &str, now: i64) -> Answer {
        let (answer, ret_code) = self.answer(path, query, now);
        *self.counts.rest.entry(path.to_owned()).or_default() += 1;
        let (path, query, status) = (path.to_owned(), query.to_owned(), answer.status);
        self.counts.rest_log.push(RestCall { at: now, path, query, status, ret_code });
        answer
    }

    fn answer(&mut self, path: &str, query: &str, now: i64) -> (Answer, Option<i64>) {
        let told = |code, message: &str| (Answer::plain(200, envelope(code, message, "{}", now)), Some(code));
        match self.limits.call(path, now) {
            Err(Refused::TooFrequent) => return (Answer::plain(403, "access too frequent"), None),
            Err(Refused::TooManyVisits { reset }) => {
                let (mut answer, code) = told(10_006, "Too many visits. Exceeded the API Rate Limit.");
                answer.headers = vec![
                    ("x-bapi-limit", "50".into()),
                    ("x-bapi-limit-status", "0".into()),
                    ("x-bapi-limit-reset-timestamp", reset.to_string()),
                ];
                return (answer, code);
            }
            Ok(()) => {}
        }
        if let Some((fault, left)) = &mut self.faults.rest
            && *left > 0
        {
            *left -= 1;
            return match *fault {
                RestFault::Http429 => (Answer::plain(429, "system level frequency protection"), None),
                RestFault::Http403 => (Answer::plain(403, "<html>403 Forbidden</html>"), None),
                RestFault::RetCode(code) => told(code, "refused by order"),
            };
        }
        if !path.starts_with("/v5/market/") {
            return (Answer::plain(404, envelope(10_017, "Route not found.", "{}", now)), Some(10_017));
        }
        match self.body(path, &Query::of(query), now) {
            Ok(None) => (Answer::plain(404, envelope(10_017, "Route not found.", "{}", now)), Some(10_017)),
            Ok(Some(result)) => (Answer::plain(200, envelope(0, "OK", &result, now)), Some(0)),
            Err(Fault(code, message)) => told(code, &message),
        }
    }

    /// The result of a call; `None` for a path the venue does not have.
    fn body(&mut self, path: &str, query: &Query<'_>, now: i64) -> Result<Option<String>, Fault> {
        let call = path.trim_start_matches("/v5/market/");
        if call == "time" {
            return Ok(Some(format!(r#"{{"timeSecond":"{}","timeNano":"{}000000"}}"#, now / 1_000, now)));
        }
        // `kline` and `orderbook` of old calls leave it out; here it is asked for.
        let product = query.get("category").and_then(Product::of).ok_or(wrong("category invalid"))?;
        match call {
            "instruments-info" => return self.instruments(product, query).map(Some),
            "tickers" => return self.tickers(product, query, now).map(Some),
            "orderbook" => return self.orderbook(product, query, now).map(Some),
            _ => {}
        }
        let symbol = query.get("symbol").unwrap_or("");
        let market = self.market(product, symbol).filter(|m| m.listing.trading());
        let market = market.ok_or(wrong("params error: symbol invalid"));
        Ok(Some(match call {
            "kline" => kline(market?, query, now)?,
            "open-interest" => open_interest(market?, query, now)?,
            "funding/history" => funding_history(market?, query, now)?,
            "recent-trade" => recent_trades(market?, query, now)?,
            _ => return Ok(None),
        }))
    }

    fn instruments(&self, product: Product, query: &Query<'_>) -> Result<String, Fault> {
        let (status, only) = (query.get("status"), query.get("symbol"));
        let chosen: Vec<&Listing> = self
            .markets
            .iter()
            .map(|m| &m.listing)
            .filter(|l| l.product == product)
            .filter(|l| only.is_none_or(|s| s == l.symbol) && status.is_none_or(|s| s == l.status))
            .collect();
        if only.is_some() && chosen.is_empty() {
            return Err(wrong("params error: symbol invalid"));
        }
        if product == Product::Spot {
            // All of spot comes at once.
            return Ok(rows(product, chosen.into_iter().map(instrument), None));
        }
        let limit = limit(query, 500, 1_000)?.min(self.page);
        let first = match query.get("cursor").filter(|c| !c.is_empty()) {
            None => 0,
            Some(cursor) => {
                // Handed out escaped: it may come back as it is, or escaped again.
                let cursor = cursor.replace("%3D", "=");
                let at = cursor.strip_prefix("first=").and_then(|n| n.parse().ok());
                at.ok_or(wrong("params error: cursor invalid"))?
            }
        };
        let more = chosen.len() > first + limit;
        let cursor = if more { format!("first%3D{}", first + limit) } else { String::new() };
        Ok(rows(product, chosen.into_iter().skip(first).take(limit).map(instrument), Some(&cursor)))
    }

    fn tickers(&mut self, product: Product, query: &Query<'_>, now: i64) -> Result<String, Fault> {
        let only = query.get("symbol");
        let books = &self.books;
        let found: Vec<Fields> = self
            .markets
            .iter_mut()
            .filter(|m| m.listing.product == product && m.listing.trading())
            .filter(|m| only.is_none_or(|s| s == m.listing.symbol))
            .map(|m| {
                let book = books.get(&(product, m.listing.symbol)).map(|ladder| &ladder.book);
                market::ticker(m, book, now)
            })
            .collect();
        if found.is_empty() {
            return Err(wrong("params error: symbol invalid"));
        }
        Ok(rows(product, found.iter().map(frames::fields), None))
    }

    fn orderbook(&mut self, product: Product, query: &Query<'_>, now: i64) -> Result<String, Fault> {
        let symbol = query.get("symbol").unwrap_or("");
        let listing = self.market(product, symbol).ok_or(wrong("params error: symbol invalid"))?.listing;
        let default = if product == Product::Linear { 25 } else { 1 };
        let limit = limit(query, default, DEPTHS[3] as i64)?;
        let key = (product, listing.symbol);
        // Its numbers are those of the deepest stream.
        let feed = self.feeds.get(&key).and_then(|feeds| feeds.iter().find(|f| f.depth == DEPTHS[3]));
        let (feed, ladder) = feed.zip(self.books.get(&key)).ok_or(wrong("params error: symbol invalid"))?;
        let (bids, asks) = frames::sides(&listing, &feed.shown, limit);
        let at = ladder.stepped();
        Ok(format!(
            r#"{{"s":"{symbol}","b":{bids},"a":{asks},"ts":{now},"u":{},"seq":{at},"cts":{at}}}"#,
            feed.u
        ))
    }
}

fn instrument(l: &Listing) -> String {
    let Listing { symbol, base, quote, contract_type, status, funding_hours, .. } = l;
    let (tick, step) = (l.price(l.spec.tick), l.quantity(l.spec.step));
    match l.product {
        Product::Linear => format!(
            r#"{{"symbol":"{symbol}","contractType":"{contract_type}","status":"{status}","baseCoin":"{base}","quoteCoin":"{quote}","launchTime":"1585526400000","deliveryTime":"0","deliveryFeeRate":"","priceScale":"{}","priceFilter":{{"minPrice":"{tick}","maxPrice":"1999999.80","tickSize":"{tick}"}},"lotSizeFilter":{{"maxOrderQty":"1190.000","minOrderQty":"{step}","qtyStep":"{step}","minNotionalValue":"5"}},"unifiedMarginTrade":true,"fundingInterval":{},"settleCoin":"{quote}","copyTrading":"both","isPreListing":false,"preListingInfo":null,"symbolType":""}}"#,
            l.spec.price_places,
            funding_hours * 60
        ),
        Product::Spot => format!(
            r#"{{"symbolId":9,"symbol":"{symbol}","baseCoin":"{base}","quoteCoin":"{quote}","innovation":"0","status":"{status}","marginTrading":"utaOnly","stTag":"0","lotSizeFilter":{{"basePrecision":"{step}","quotePrecision":"0.0000001","minOrderQty":"{step}","maxOrderQty":"230","minOrderAmt":"5"}},"priceFilter":{{"tickSize":"{tick}"}},"symbolType":""}}"#
        ),
    }
}

fn kline(market: &mut Market, query: &Query<'_>, now: i64) -> Result<String, Fault> {
    let interval = query.get("interval").unwrap_or("");
    let (open, end) = bucket(interval, now).ok_or(wrong("Invalid period!"))?;
    let limit = limit(query, 200, 1_000)?;
    let (start, to) = (query.number("start")?, query.number("end")?.map(|end| end.saturating_add(1)));
    let to = to.unwrap_or(end).min(end);
    let reach = (limit as i64 + 1) * (end - open);
    // Without an end the rows go on from the start; otherwise the newest of the range are meant.
    let forward = start.is_some() && query.get("end").is_none();
    let from = start.unwrap_or(to - reach).max(market.since - 31 * DAY);
    let (from, to) =
        if forward { (from, to.min(from.saturating_add(reach))) } else { (from.max(to - reach), to) };
    let bars = bars(market, interval, from, to, now).unwrap_or_default();
    let l = market.listing;
    let row = |bar: &crate::oracle::ExactBar| {
        format!(
            r#"["{}","{}","{}","{}","{}","{}","{}"]"#,
            bar.open_time,
            l.price(bar.open),
            l.price(bar.high),
            l.price(bar.low),
            l.price(bar.close),
            l.quantity(bar.volume),
            l.value(bar.quote)
        )
    };
    let newest_first = list(cut(bars, limit, forward).iter().rev().map(row));
    let (category, symbol) = (l.product.category(), l.symbol);
    Ok(format!(r#"{{"symbol":"{symbol}","category":"{category}","list":{newest_first}}}"#))
}

/// Times at whole multiples of `step` in `[from, to)`, newest first, at most `limit`.
fn times(step: i64, from: i64, to: i64, limit: usize) -> Vec<i64> {
    let newest = (to - 1).div_euclid(step) * step;
    (0..).map(|n| newest - n * step).take_while(|at| *at >= from).take(limit).collect()
}

fn open_interest(market: &Market, query: &Query<'_>, now: i64) -> Result<String, Fault> {
    let l = market.listing;
    let step = match query.get("intervalTime").unwrap_or("") {
        "5min" => 5 * MINUTE,
        "15min" => 15 * MINUTE,
        "30min" => 30 * MINUTE,
        "1h" => HOUR,
        "4h" => 4 * HOUR,
        "1d" => DAY,
        _ => return Err(wrong("intervalTime invalid")),
    };
    if l.product == Product::Spot {
        return Err(wrong("category only support linear or inverse"));
    }
    let limit = limit(query, 50, 200)?;
    let from = query.number("startTime")?.unwrap_or(0).max(market.since);
    let mut to = query.number("endTime")?.unwrap_or(now).min(now) + 1;
    if let Some(cursor) = query.get("cursor").filter(|c| !c.is_empty()) {
        let cursor = cursor.replace("%3D", "=");
        let before = cursor.strip_prefix("lasttime=").and_then(|t| t.parse::<i64>().ok());
        to = to.min(before.ok_or(wrong("cursor invalid"))?);
    }
    let found = times(step, from, to, limit);
    let more = found.len() == limit && found.last().is_some_and(|at| at - step >= from);
    let cursor = found.last().filter(|_| more).map_or(String::new(), |at| format!("lasttime%3D{at}"));
    let row = |at: &i64| {
        let one_side = market.open_interest(*at);
        format!(
            r#"{{"openInterest":"{}","singleOpenInterest":"{}","timestamp":"{at}"}}"#,
            l.quantity(2 * one_side),
            l.quantity(one_side)
        )
    };
    let newest_first = list(found.iter().map(row));
    Ok(format!(
        r#"{{"symbol":"{}","category":"linear","list":{newest_first},"nextPageCursor":"{cursor}"}}"#,
        l.symbol
    ))
}

fn funding_history(market: &Market, query: &Query<'_>, now: i64) -> Result<String, Fault> {
    let l = market.listing;
    let (start, end) = (query.number("startTime")?, query.number("endTime")?);
    if start.is_some() && end.is_none() {
        return Err(wrong("params error: endTime is required with startTime"));
    }
    if l.product == Product::Spot {
        return Err(wrong("category only support linear or inverse"));
    }
    let limit = limit(query, 200, 200)?;
    let from = start.unwrap_or(0).max(market.since);
    let found = times(l.funding_interval(), from, end.unwrap_or(now).min(now) + 1, limit);
    let row = |at: i64| {
        let rate = text(market.funding_rate(at - 1), 8);
        format!(r#"{{"symbol":"{}","fundingRate":"{rate}","fundingRateTimestamp":"{at}"}}"#, l.symbol)
    };
    Ok(rows(l.product, found.into_iter().map(row), None))
}

fn recent_trades(market: &mut Market, query: &Query<'_>, now: i64) -> Result<String, Fault> {
    let l = market.listing;
    let most = if l.product == Product::Linear { 1_000 } else { 60 };
    let limit = limit(query, most.min(500), most)?;
    let trades = cut(market.trades(now - HOUR, now + 1), limit, false);
    let row = |t: &market::FakeTrade| {
        format!(
            r#"{{"execId":"{}","symbol":"{}","price":"{}","size":"{}","side":"{}","time":"{}","isBlockTrade":false,"isRPITrade":false,"seq":"{}"}}"#,
            trade_id(l.product, t),
            l.symbol,
            l.price(t.price),
            l.quantity(t.quantity),
            if t.buy { "Buy" } else { "Sell" },
            t.time,
            t.id * 3
        )
    };
    Ok(rows(l.product, trades.iter().rev().map(row), None))
}
