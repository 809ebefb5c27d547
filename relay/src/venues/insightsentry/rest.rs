//! REST calls: addresses and budgets; and what call a recorded address was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use secrecy::SecretString;
use shared::market::{Ms, Timeframe};

use super::{InsightSentry, LIVE, symbol};
use crate::venues::common::url::{Call, Parameters, host, percent_decode, percent_encode};
use crate::venues::{Fetch, LimitSpec, RestRequest, Window};

const MINUTE: &str = "requests_minute";
const MONTH: &str = "requests_month";
/// Bars one call for a series may bring; a plan may give fewer.
pub(super) const POINTS: u32 = 20_000;
/// Deep history is asked for month by month; nothing before this is.
const EARLIEST: i32 = 2000;

pub(super) fn limits(venue: &InsightSentry) -> Vec<LimitSpec> {
    let host = host(&venue.rest);
    let limit =
        |name, capacity, window| LimitSpec { name, host: host.to_owned(), capacity, window, counted: None };
    vec![
        limit(MINUTE, venue.licence.requests_per_minute, Window::Sliding(Ms::MINUTE)),
        limit(MONTH, venue.licence.requests_per_month, Window::Month),
    ]
}

/// Type and interval of the vendor's own bars.
fn bar_type(timeframe: Timeframe) -> (&'static str, i64) {
    match timeframe {
        Timeframe::M1 => ("minute", 1),
        Timeframe::M5 => ("minute", 5),
        Timeframe::M15 => ("minute", 15),
        Timeframe::M30 => ("minute", 30),
        Timeframe::H1 => ("hour", 1),
        Timeframe::H4 => ("hour", 4),
        Timeframe::D1 => ("day", 1),
        Timeframe::W1 => ("week", 1),
        Timeframe::Mo1 => ("month", 1),
    }
}

fn timeframe_of(bar_type: &str, interval: i64) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|tf| self::bar_type(*tf) == (bar_type, interval))
}

pub(super) fn request(venue: &InsightSentry, fetch: &Fetch) -> Option<RestRequest> {
    let call = |path: String| Call::new(&venue.rest, &format!("/v3/symbols/{path}"));
    let call = match fetch {
        Fetch::Klines { instrument, timeframe, from, .. } => {
            let ((kind, interval), code) = (bar_type(*timeframe), percent_encode(&instrument.venue_symbol));
            let deep = month_of(venue, *timeframe, *from);
            let call = call(format!("{code}/{}", if deep.is_some() { "history" } else { "series" }));
            // `badj=false`: prices as they were traded, as in the subscription.
            let call = call.with("bar_type", kind).with("bar_interval", interval);
            let call = call.with("extended", true).with("badj", false);
            match deep {
                // All a call may bring: calls are what is counted.
                None => call.with("dp", POINTS),
                Some((month, _)) => call.with("start_date", month),
            }
        }
        // What a symbol is and when it trades; one at a time.
        Fetch::Instruments { venue_symbols, .. } => match venue_symbols.as_slice() {
            [code] => call(format!("{}/session", percent_encode(code))),
            _ => return None,
        },
        Fetch::Search { text } => call("search".to_owned()).with("query", text).with("page", 1),
        Fetch::FundingIntervals { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::Depth { .. }
        | Fetch::Trades { .. }
        | Fetch::Ignored(_) => return None,
    };
    let bearer = SecretString::from(format!("Bearer {}", venue.key()));
    let request = RestRequest::get(call.url(), MINUTE, 1);
    Some(RestRequest { headers: vec![("authorization", bearer)], also: &[MONTH], ..request })
}

/// Where the answer to `fetch` ends though its range goes on: deep history comes by the month.
pub(super) fn page_end(venue: &InsightSentry, fetch: &Fetch) -> Option<Ms> {
    match fetch {
        Fetch::Klines { timeframe, from, .. } => month_of(venue, *timeframe, *from).map(|(_, end)| end),
        _ => None,
    }
}

/// The month to ask deep history for, and its end: where bars of minutes and hours lie further back than a series
/// reaches. Longer bars reach back decades.
fn month_of(venue: &InsightSentry, timeframe: Timeframe, from: Ms) -> Option<(String, Ms)> {
    let now = Ms(venue.told.load(Ordering::Relaxed));
    let deep = !matches!(timeframe, Timeframe::D1 | Timeframe::W1 | Timeframe::Mo1);
    let reach = timeframe.nominal().0.saturating_mul(i64::from(POINTS));
    if !deep || now == Ms::ZERO || (now - from).0 <= reach {
        return None;
    }
    let calendar = shared::market::Calendar::Continuous;
    let civil = from.civil();
    if civil.year < EARLIEST {
        return None;
    }
    let end = calendar.next(Timeframe::Mo1, calendar.open(Timeframe::Mo1, from));
    Some((format!("{:04}-{:02}", civil.year, civil.month), end))
}

/// What a recorded call was.
pub(super) fn fetch_of_url(url: &str, query: &str) -> Option<Fetch> {
    let (address, parameters) = Parameters::of(url, query);
    let (_, rest) = address.split_once("/v3/symbols/")?;
    if rest == "search" {
        return Some(Fetch::Search { text: parameters.get("query").unwrap_or_default() });
    }
    let (code, call) = rest.split_once('/').unwrap_or(("", rest));
    let code = percent_decode(code)?;
    match call {
        "series" | "history" => {
            let instrument = Arc::new(symbol::guess(&code)?);
            let (kind, interval) = (parameters.get("bar_type"), parameters.number("bar_interval", 1));
            let timeframe = timeframe_of(kind.as_deref().unwrap_or("day"), interval)?;
            Some(Fetch::Klines { instrument, timeframe, from: Ms::ZERO, to: Ms::LATEST, limit: u32::MAX })
        }
        "session" => Some(Fetch::Instruments { product: LIVE, venue_symbols: vec![code], cursor: None }),
        "quotes" => Some(Fetch::Ignored("rest_quotes")),
        "info" => Some(Fetch::Ignored("rest_info")),
        "contracts" => Some(Fetch::Ignored("rest_contracts")),
        "exchanges" => Some(Fetch::Ignored("rest_exchanges")),
        _ => None,
    }
}
