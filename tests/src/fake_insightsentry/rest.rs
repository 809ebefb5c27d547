//! The REST side: paths, parameters, the key, the two budgets.

use std::time::Duration;

use axum::http::Uri;
use serde_json::{Value, json};

use super::frames;
use super::market::{Market, Series, Span};
use super::session::month_start;
use super::state::{RestCall, State, count_within, rounded};
use crate::fake::rest::{Answer, Query};
use crate::oracle::calendar::month_bounds;

/// Rows of a search page.
const PAGE: usize = 50;

/// A call may come this much less than a minute after the one that made room for it, since lines differ.
const WINDOW: Duration = Duration::from_secs(59);

fn fail(status: u16, error: &str, message: &str) -> Answer {
    Answer::plain(status, json!({"error": error, "message": message}).to_string())
}

fn bad(message: &str) -> Answer {
    fail(400, "bad_request", message)
}

fn number(params: &Query<'_>, name: &str, default: usize) -> Result<usize, Answer> {
    let number = params.number(name).ok().map(|n| n.map_or(Ok(default), usize::try_from));
    number.and_then(Result::ok).ok_or_else(|| bad(name))
}

fn series_of(params: &Query<'_>) -> Result<Series, Answer> {
    let interval = number(params, "bar_interval", 1)? as i64;
    let span = Span::of(params.get("bar_type").unwrap_or("day"), interval);
    let adjusted = params.get("badj").is_none_or(|text| text == "true");
    span.map(|span| Series { span, adjusted })
        .ok_or_else(|| fail(400, "invalid_bar_interval", "bar_interval"))
}

impl State {
    /// Answers one call at `now`, counting it.
    pub(super) fn rest(&mut self, uri: &Uri, authorization: &str, now: i64) -> Answer {
        self.addresses.push(uri.to_string());
        let answer = self.answer(uri, authorization, now).unwrap_or_else(|refusal| refusal);
        self.counts.rest.push(RestCall {
            at: now,
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or("").to_owned(),
            authorization: authorization.to_owned(),
            status: answer.status,
        });
        answer
    }

    fn answer(&mut self, uri: &Uri, authorization: &str, now: i64) -> Result<Answer, Answer> {
        if authorization != format!("Bearer {}", self.options.key) {
            return Err(fail(401, "unauthorized", "Invalid API key"));
        }
        let (left, status) = self.faults.failures;
        if left > 0 {
            self.faults.failures.0 -= 1;
            return Err(fail(status, "temporarily_unavailable", "Try again later"));
        }
        self.admit()?;
        let params = Query::of(uri.query().unwrap_or(""));
        let path = uri.path().replace("%3A", ":").replace("%3a", ":").replace("%21", "!");
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let body = match parts[..] {
            ["v3", "symbols", "search"] => self.search(&params)?,
            ["v3", "symbols", "quotes"] => self.quotes(&params, now)?,
            ["v3", "symbols", code, what] => {
                let most = self.options.points;
                let market = self.markets.iter_mut().find(|m| m.listing.code == code);
                let market = market.ok_or_else(|| fail(400, "invalid_symbol", code))?;
                match what {
                    "series" => series(market, &params, most, now)?,
                    "history" => history(market, &params, now)?,
                    "session" => frames::session(&market.listing, now),
                    "info" => {
                        let mut info = frames::session(&market.listing, now);
                        info["delay_seconds"] = json!(market.listing.delay_seconds);
                        info
                    }
                    _ => return Err(fail(404, "not_found", what)),
                }
            }
            _ => return Err(fail(404, "not_found", &path)),
        };
        Ok(Answer::plain(200, body.to_string()))
    }

    /// Counts a call against the month and the minute.
    fn admit(&mut self) -> Result<(), Answer> {
        if let Some(until) = self.faults.limited_until {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if !left.is_zero() {
                return Err(too_many(left));
            }
            self.faults.limited_until = None;
        }
        if self.faults.quota_exceeded || self.counts.month >= self.options.per_month {
            if std::mem::replace(&mut self.faults.quota_exceeded, true) {
                self.violation("a REST call after the month was used up");
            }
            return Err(fail(429, "quota_exceeded", "Monthly quota exceeded"));
        }
        self.counts.month += 1;
        if count_within(&mut self.calls, WINDOW) > self.options.per_minute {
            self.violation("too many REST calls in a minute");
            return Err(too_many(WINDOW));
        }
        Ok(())
    }

    fn search(&self, params: &Query<'_>) -> Result<Value, Answer> {
        let (query, kind) = (params.get("query").unwrap_or("").to_lowercase(), params.get("type"));
        let (page, exchange) = (number(params, "page", 1)?, params.get("exchange"));
        if page < 1 {
            return Err(bad("page"));
        }
        let listed = self
            .markets
            .iter()
            .map(|m| (m.listing.code.to_owned(), m.listing.name.to_owned(), m.listing.kind));
        // A page is not enough for these.
        let more = (0..120).map(|n| (format!("NYSE:PAPER{n:03}"), format!("Paper Company {n}"), "STOCK"));
        let rows: Vec<Value> = listed
            .chain(more)
            .filter(|(code, name, _)| {
                let texts = [code.to_lowercase(), name.to_lowercase()];
                texts.iter().any(|text| text.contains(&query))
            })
            .filter(|(code, ..)| exchange.is_none_or(|e| code.starts_with(&format!("{e}:"))))
            .filter(|(.., of)| kind.is_none_or(|kind| of.eq_ignore_ascii_case(kind)))
            .map(|(code, name, kind)| frames::found(&code, &name, kind))
            .collect();
        let page_rows: Vec<&Value> = rows.iter().skip((page - 1) * PAGE).take(PAGE).collect();
        Ok(json!({"current_page": page, "has_more": rows.len() > page * PAGE, "symbols": page_rows}))
    }

    fn quotes(&mut self, params: &Query<'_>, now: i64) -> Result<Value, Answer> {
        let codes: Vec<&str> =
            params.get("codes").unwrap_or("").split(',').filter(|c| !c.is_empty()).collect();
        if codes.is_empty() || codes.len() > 10 {
            return Err(bad("codes"));
        }
        let known = self.markets.iter_mut().filter(|m| codes.contains(&m.listing.code));
        Ok(frames::quotes(known.map(|m| frames::quote(m, now)).collect(), now))
    }
}

fn too_many(wait: Duration) -> Answer {
    let mut answer = fail(429, "rate_limit_exceeded", "Too many requests");
    answer.headers.push(("retry-after", wait.as_millis().div_ceil(1_000).to_string()));
    answer
}

fn series(market: &mut Market, params: &Query<'_>, most: usize, now: i64) -> Result<Value, Answer> {
    let wanted = series_of(params)?;
    let count = number(params, "dp", 3_000)?;
    if !(1..=30_000).contains(&count) {
        return Err(bad("dp"));
    }
    let bars = market.newest(wanted, rounded(count).min(most), now);
    Ok(frames::series(market, wanted, &bars, now))
}

fn history(market: &mut Market, params: &Query<'_>, now: i64) -> Result<Value, Answer> {
    let wanted = series_of(params)?;
    let date = params.get("start_date").or(params.get("start_ym")).ok_or_else(|| bad("start_date"))?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (Some(Ok(year @ 1970..=2100)), Some(Ok(month @ 1..=12))) = (parts.next(), parts.next()) else {
        return Err(bad("start_date"));
    };
    let (from, to) = month_bounds(month_start(year, month));
    let bars = match wanted.span {
        Span::Ms(_) => market.bars(wanted, from, to.min(now), now),
        Span::Day | Span::Week | Span::Month => return Err(bad("bar_type")),
    };
    Ok(frames::series(market, wanted, &bars, now))
}
