//! The REST side: paths, parameters, weights and errors as documented.

use super::frames;
use super::limits::{Refused, weight};
use super::market::{Listing, Market, Product, bars, venue_bucket};
use super::state::{RestCall, State};
use crate::fake::rest::{Answer, NoNumber, Query, cut, list};
use crate::oracle::calendar::{DAY, HOUR, MINUTE};
use crate::oracle::decimal::text;

/// The venue's error body.
struct Fault(i64, &'static str);

const NO_SYMBOL: Fault =
    Fault(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
const BAD_SYMBOL: Fault = Fault(-1121, "Invalid symbol.");
const BAD_PARAMETER: Fault = Fault(-1130, "Invalid data sent for a parameter.");

struct Params<'a>(Query<'a>);

impl Params<'_> {
    fn number(&self, key: &str) -> Result<Option<i64>, Fault> {
        self.0.number(key).map_err(|NoNumber| BAD_PARAMETER)
    }

    fn limit(&self, default: i64, most: i64) -> Result<usize, Fault> {
        let limit = self.number("limit")?.unwrap_or(default);
        if limit < 1 { Err(BAD_PARAMETER) } else { Ok(limit.min(most) as usize) }
    }

    /// `[startTime, endTime]` as a half-open range.
    fn range(&self) -> Result<(Option<i64>, Option<i64>), Fault> {
        let (start, end) = (self.number("startTime")?, self.number("endTime")?.map(|end| end + 1));
        match (start, end) {
            (Some(start), Some(end)) if start >= end => Err(BAD_PARAMETER),
            range => Ok(range),
        }
    }
}

impl State {
    /// Answers one call at `now`, counting it.
    pub(super) fn rest(&mut self, product: Product, path: &str, query: &str, now: i64) -> Answer {
        let answer = self.answer(product, path, query, now);
        *self.counts.rest.entry(path.to_owned()).or_default() += 1;
        let (path, query, status) = (path.to_owned(), query.to_owned(), answer.status);
        self.counts.rest_log.push(RestCall { at: now, product, path, query, status });
        answer
    }

    fn answer(&mut self, product: Product, path: &str, query: &str, now: i64) -> Answer {
        if let Some(status) = self.faults.refused_location {
            let reason = "Service unavailable from a restricted location according to 'b. Eligibility'.";
            return Answer::plain(status, format!(r#"{{"code":0,"msg":"{reason}"}}"#));
        }
        if self.faults.failures > 0 {
            self.faults.failures -= 1;
            return Answer::plain(
                503,
                r#"{"code":-1007,"msg":"Timeout waiting for response from backend server."}"#,
            );
        }
        let params = Params(Query::of(query));
        let limit = params.0.get("limit").and_then(|l| l.parse().ok());
        let Some(weight) = weight(product, path, limit, params.0.get("symbol").is_some()) else {
            return Answer::plain(404, "<html>not here</html>");
        };
        let bucket = match path {
            "/futures/data/openInterestHist" => "data",
            "/fapi/v1/fundingRate" | "/fapi/v1/fundingInfo" => "funding",
            _ => "weight",
        };
        let weight = if bucket == "weight" { weight } else { 1 };
        // A banned host refuses everything, whatever it is counted under.
        let banned = if bucket == "weight" { Ok(()) } else { self.limiter(product, "weight").admit(now, 0) };
        if let Err(refused) = banned.and_then(|()| self.limiter(product, bucket).admit(now, weight)) {
            return self.refusal(product, &refused);
        }
        let used = ("x-mbx-used-weight-1m", self.limiter(product, "weight").used.to_string());
        let (status, body) = match self.body(product, path, &params, now) {
            Ok(body) => (200, body),
            Err(Fault(code, message)) => (400, format!(r#"{{"code":{code},"msg":"{message}"}}"#)),
        };
        Answer { status, body, headers: vec![used] }
    }

    fn refusal(&mut self, product: Product, refused: &Refused) -> Answer {
        let Refused { status, wait_s, until } = refused;
        let with_header = self.limiter(product, "weight").retry_after_header;
        let headers = if with_header { vec![("retry-after", wait_s.to_string())] } else { Vec::new() };
        let what = if *status == 418 {
            format!("IP banned until {until}.")
        } else {
            "Way too many requests.".into()
        };
        Answer {
            status: *status,
            headers,
            body: format!(r#"{{"code":-1003,"msg":"Too many requests; {what}"}}"#),
        }
    }

    fn body(&mut self, product: Product, path: &str, params: &Params<'_>, now: i64) -> Result<String, Fault> {
        match path {
            "/fapi/v1/exchangeInfo" | "/api/v3/exchangeInfo" => {
                return self.exchange_info(product, params, now);
            }
            "/fapi/v1/fundingInfo" => return Ok(self.funding_info()),
            "/fapi/v1/time" | "/api/v3/time" => return Ok(format!(r#"{{"serverTime":{now}}}"#)),
            "/fapi/v1/premiumIndex" if params.0.get("symbol").is_none() => {
                let perps = self.markets.iter().filter(|m| m.listing.product == Product::Usdm);
                return Ok(list(perps.map(|m| premium_index(m, now))));
            }
            _ => {}
        }
        let symbol = params.0.get("symbol").filter(|s| !s.is_empty()).ok_or(NO_SYMBOL)?.to_owned();
        match path {
            "/fapi/v1/depth" | "/api/v3/depth" => self.depth(product, &symbol, params, now),
            _ => {
                let market = self.market(product, &symbol).ok_or(BAD_SYMBOL)?;
                match path {
                    "/fapi/v1/klines" | "/api/v3/klines" => klines(market, params, now),
                    "/fapi/v1/aggTrades" | "/api/v3/aggTrades" => agg_trades(market, params, now),
                    "/fapi/v1/openInterest" => Ok(open_interest(market, now)),
                    "/futures/data/openInterestHist" => open_interest_history(market, params, now),
                    "/fapi/v1/fundingRate" => funding_rates(market, params, now),
                    _ => Ok(premium_index(market, now)),
                }
            }
        }
    }

    fn exchange_info(&self, product: Product, params: &Params<'_>, now: i64) -> Result<String, Fault> {
        let only = params.0.get("symbols").or(params.0.get("symbol"));
        let chosen = |l: &Listing| {
            let quoted = format!("\"{}\"", l.symbol);
            l.product == product && only.is_none_or(|o| o.contains(&quoted) || o == l.symbol)
        };
        let symbols: Vec<String> =
            self.markets.iter().map(|m| &m.listing).filter(|l| chosen(l)).map(listed).collect();
        if only.is_some() && symbols.is_empty() {
            return Err(BAD_SYMBOL);
        }
        let weight = if product == Product::Usdm { 2_400 } else { 6_000 };
        Ok(format!(
            r#"{{"timezone":"UTC","serverTime":{now},"rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":{weight}}}],"exchangeFilters":[],"symbols":{}}}"#,
            list(symbols)
        ))
    }

    fn funding_info(&self) -> String {
        let changed = self.markets.iter().filter_map(|m| Some((m.listing.symbol, m.listing.funding_hours?)));
        list(changed.map(|(symbol, hours)| {
            format!(
                r#"{{"symbol":"{symbol}","adjustedFundingRateCap":"0.02000000","adjustedFundingRateFloor":"-0.02000000","fundingIntervalHours":{hours},"disclaimer":false}}"#
            )
        }))
    }

    fn depth(
        &mut self,
        product: Product,
        symbol: &str,
        params: &Params<'_>,
        now: i64,
    ) -> Result<String, Fault> {
        let market = self.market(product, symbol).ok_or(BAD_SYMBOL)?;
        let listing = market.listing.clone();
        let limit = params.limit(if product == Product::Usdm { 500 } else { 100 }, 5_000)?;
        let allowed = [5, 10, 20, 50, 100, 500, 1_000];
        if product == Product::Usdm && !allowed.contains(&limit) {
            return Err(Fault(-4021, "Invalid depth limit."));
        }
        let stale = self.faults.stale_snapshots > 0;
        self.faults.stale_snapshots = self.faults.stale_snapshots.saturating_sub(1);
        let book = self.books.get(&(product, listing.symbol)).ok_or(BAD_SYMBOL)?;
        let times = (product == Product::Usdm).then_some((now, book.stepped()));
        if stale {
            // Far below everything buffered, with a level nobody should ever see.
            let mut old = book.book().clone();
            old.bids.clear();
            old.bids.insert(listing.tick, listing.step);
            return Ok(frames::snapshot(&listing, &old, book.last_id() - 500_000_000, limit, times));
        }
        Ok(frames::snapshot(&listing, book.book(), book.snapshot_id(), limit, times))
    }
}

fn listed(l: &Listing) -> String {
    let tick = text(l.tick, l.price_places);
    let step = text(l.step, l.quantity_places);
    let Listing { symbol, base, quote, contract_type, status, .. } = l;
    let (notional, product) = match l.product {
        Product::Usdm => (
            r#"{"filterType":"MIN_NOTIONAL","notional":"5"}"#,
            format!(
                r#""pair":"{base}{quote}","contractType":"{contract_type}","marginAsset":"{quote}","deliveryDate":4133404800000,"onboardDate":1569398400000,"underlyingType":"COIN","underlyingSubType":[],"#
            ),
        ),
        Product::Spot => (
            r#"{"filterType":"NOTIONAL","minNotional":"5.00000000"}"#,
            r#""isSpotTradingAllowed":true,"permissions":[],"permissionSets":[["SPOT"]],"#.to_owned(),
        ),
    };
    format!(
        r#"{{"symbol":"{symbol}",{product}"status":"{status}","baseAsset":"{base}","quoteAsset":"{quote}","pricePrecision":8,"quantityPrecision":8,"filters":[{{"filterType":"PRICE_FILTER","minPrice":"{tick}","maxPrice":"1000000","tickSize":"{tick}"}},{{"filterType":"LOT_SIZE","minQty":"{step}","maxQty":"1000000","stepSize":"{step}"}},{notional}]}}"#
    )
}

fn klines(market: &mut Market, params: &Params<'_>, now: i64) -> Result<String, Fault> {
    let interval =
        params.0.get("interval").ok_or(Fault(-1102, "Mandatory parameter 'interval' was not sent."))?;
    let (_, end) = venue_bucket(interval, now).ok_or(Fault(-1120, "Invalid interval."))?;
    let most = if market.listing.product == Product::Usdm { 1_500 } else { 1_000 };
    let limit = params.limit(500, most)?;
    let (start, to) = params.range()?;
    let to = to.unwrap_or(end).min(end);
    // Without a start the last rows are meant: look back no further than they can reach.
    let (open, _) = venue_bucket(interval, to - 1).ok_or(BAD_PARAMETER)?;
    let length = end - venue_bucket(interval, now).map_or(0, |b| b.0);
    let from = start.unwrap_or(open - (limit as i64 + 1) * length.max(MINUTE)).max(market.since - 31 * DAY);
    let reach = if start.is_some() {
        to.min(from.saturating_add((limit as i64 + 2) * (length + 3 * DAY)))
    } else {
        to
    };
    let reach = if interval.ends_with('m') || interval.ends_with('h') {
        to.min(from.max(market.since).saturating_add((limit as i64 + 2) * length))
    } else {
        reach
    };
    let rows = bars(market, interval, from, reach, now).ok_or(BAD_PARAMETER)?;
    let rows = cut(rows, limit, start.is_some());
    let row = |bar| {
        frames::kline_row(&market.listing, bar, venue_bucket(interval, bar.open_time).map_or(0, |b| b.1))
    };
    Ok(list(rows.iter().map(row)))
}

fn agg_trades(market: &mut Market, params: &Params<'_>, now: i64) -> Result<String, Fault> {
    let limit = params.limit(500, 1_000)?;
    let (start, end) = params.range()?;
    if let (Some(start), Some(end)) = (start, end)
        && end - start > HOUR + 1
    {
        return Err(Fault(-4166, "Search window is restricted to recent 1 hour."));
    }
    let end = end.unwrap_or(start.map_or(now + 1, |s| s + HOUR)).min(now + 1);
    let from_id = params.number("fromId")?;
    let first = start.unwrap_or(end - if from_id.is_some() { 24 * HOUR } else { HOUR }).max(now - 24 * HOUR);
    let mut trades = market.trades(first, end);
    if let Some(id) = from_id {
        trades.retain(|t| t.id >= id as u64);
    }
    let rows = cut(trades, limit, start.is_some() || from_id.is_some());
    let Listing { price_places, quantity_places, .. } = market.listing;
    Ok(list(rows.iter().map(|t| {
        format!(
            r#"{{"a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{},"m":{}}}"#,
            t.id,
            text(t.price, price_places),
            text(t.quantity, quantity_places),
            t.first_fill,
            t.last_fill,
            t.time,
            !t.buy
        )
    })))
}

fn open_interest(market: &Market, now: i64) -> String {
    let Listing { symbol, quantity_places, .. } = market.listing;
    let coins = text(market.open_interest(now), quantity_places);
    format!(r#"{{"openInterest":"{coins}","symbol":"{symbol}","time":{now}}}"#)
}

fn open_interest_history(market: &Market, params: &Params<'_>, now: i64) -> Result<String, Fault> {
    let period = params.0.get("period");
    let period = period.filter(|p| !matches!(*p, "1m" | "3m" | "8h" | "3d" | "1w" | "1M"));
    let (_, end) = period.and_then(|p| venue_bucket(p, now)).ok_or(Fault(-1120, "Invalid interval."))?;
    let length = end - period.and_then(|p| venue_bucket(p, now)).map_or(end, |b| b.0);
    let limit = params.limit(30, 500)?;
    let (start, to) = params.range()?;
    let oldest = now - 30 * DAY;
    if start.is_some_and(|s| s < oldest - DAY) {
        return Err(Fault(-1130, "parameter 'startTime' is invalid."));
    }
    let to = to.unwrap_or(now + 1).min(now + 1);
    let mut at = start.unwrap_or(to - length * limit as i64).max(oldest);
    at += (-at).rem_euclid(length);
    let mut times = Vec::new();
    while at < to {
        times.push(at);
        at += length;
    }
    // The venue answers the newest rows of the range, ascending.
    let Listing { symbol, quantity_places, .. } = market.listing;
    Ok(list(cut(times, limit, false).into_iter().map(|at| {
        let coins = market.open_interest(at);
        let value = text(coins * market.mark_and_index(at).0, quantity_places + 8);
        let coins = text(coins, quantity_places);
        format!(
            r#"{{"symbol":"{symbol}","sumOpenInterest":"{coins}","sumOpenInterestValue":"{value}","CMCCirculatingSupply":"20070287.00000000","timestamp":{at}}}"#
        )
    })))
}

fn funding_rates(market: &Market, params: &Params<'_>, now: i64) -> Result<String, Fault> {
    let limit = params.limit(100, 1_000)?;
    let (start, to) = params.range()?;
    let interval = market.listing.funding_interval();
    let to = to.unwrap_or(now + 1).min(now + 1);
    let mut at = start.unwrap_or(to - interval * limit as i64).max(market.since);
    at += (-at).rem_euclid(interval);
    let mut rows = Vec::new();
    while at < to {
        let rate = text(market.funding_rate(at - 1), 8);
        // A few ms off the hour, as it comes.
        let time = at + at / interval % 4;
        let mark = text(market.mark_and_index(at).0, 8);
        rows.push(format!(
            r#"{{"symbol":"{}","fundingTime":{time},"fundingRate":"{rate}","markPrice":"{mark}","rateType":"FIXED"}}"#,
            market.listing.symbol
        ));
        at += interval;
    }
    Ok(list(cut(rows, limit, start.is_some())))
}

fn premium_index(market: &Market, now: i64) -> String {
    let (mark, index) = market.mark_and_index(now);
    let (mark, index) = (text(mark, 8), text(index, 8));
    format!(
        r#"{{"symbol":"{}","markPrice":"{mark}","indexPrice":"{index}","estimatedSettlePrice":"{mark}","lastFundingRate":"{}","interestRate":"0.00010000","nextFundingTime":{},"time":{now}}}"#,
        market.listing.symbol,
        text(market.funding_rate(now), 8),
        frames::next_funding(market, now)
    )
}
