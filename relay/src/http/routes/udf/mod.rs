//! TradingView's UDF: what its own charting library asks a data feed for, under `/udf`.
//!
//! The one place besides the chart where times are seconds. What the library has a word for (an unknown symbol, no
//! data) is told in the protocol's own form with status 200; parameters that make no sense are refused with 4xx, and
//! both forms of the error in one body.

mod symbol;
#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::event::{Bar, Channel};
use shared::market::{Calendar, Ms, Timeframe};

pub(in crate::http) use self::symbol::{Found, SymbolInfo};
use self::symbol::{Market, find, found, info};
use super::query::MAX_ROWS;
use super::{ApiState, Params};
use crate::history::{BarsQuery, HistoryError};
use crate::http::error::ApiError;
use crate::http::params::clip;

/// Most bars a request may name; an answer holds the newest 20,000 of them.
const MOST_BACK: u64 = 1_000_000;
const SEARCH_ROWS: usize = 30;
const MOST_SEARCH_ROWS: u64 = 500;
const MAX_QUERY_CHARS: usize = 64;

/// Resolutions by the library's names, in the order of [`Timeframe::ALL`].
const RESOLUTIONS: [&str; 9] = ["1", "5", "15", "30", "60", "240", "1D", "1W", "1M"];

/// An instant in Unix seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub(in crate::http) struct Seconds(i64);

impl From<Ms> for Seconds {
    fn from(at: Ms) -> Seconds {
        Seconds(at.0.div_euclid(1_000))
    }
}

impl From<Seconds> for Ms {
    fn from(at: Seconds) -> Ms {
        Ms(at.0.saturating_mul(1_000))
    }
}

/// The routes, ready to be merged.
pub(super) fn routes(state: ApiState) -> Router {
    Router::new()
        .route("/udf/config", get(config))
        .route("/udf/symbols", get(symbols))
        .route("/udf/search", get(search))
        .route("/udf/history", get(history))
        .route("/udf/time", get(time))
        .route("/udf/{*rest}", any(unknown))
        .with_state(state)
}

/// An error in both forms: the library reads `s` and `errmsg`, everyone else the rest.
struct UdfError(ApiError);

impl<E: Into<ApiError>> From<E> for UdfError {
    fn from(error: E) -> UdfError {
        UdfError(error.into())
    }
}

impl IntoResponse for UdfError {
    fn into_response(self) -> Response {
        let UdfError(error) = self;
        let told = json!({ "s": "error", "errmsg": error.detail });
        if error.status == StatusCode::NOT_FOUND {
            // To the protocol a symbol nobody lists is an answer.
            return (StatusCode::OK, Json(told)).into_response();
        }
        error.with(&told)
    }
}

async fn unknown() -> ApiError {
    let detail = "UDF has config, symbols, search, history and time here";
    ApiError::not_found("no_such_route", detail)
}

/// What the library may ask for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UdfConfig")]
pub(in crate::http) struct Config {
    supports_search: bool,
    supports_group_request: bool,
    supports_marks: bool,
    supports_timescale_marks: bool,
    supports_time: bool,
    #[schemars(with = "Vec<String>")]
    supported_resolutions: [&'static str; 9],
    exchanges: Vec<Exchange>,
    symbols_types: Vec<SymbolType>,
}

#[derive(Serialize, JsonSchema)]
struct Exchange {
    /// What `exchange` of a search takes; empty: all.
    value: String,
    name: String,
    desc: String,
}

#[derive(Serialize, JsonSchema)]
struct SymbolType {
    name: &'static str,
    /// What `type` of a search takes; empty: all.
    value: &'static str,
}

async fn config(State(state): State<ApiState>) -> Json<Config> {
    let all = Exchange { value: String::new(), name: "All".into(), desc: "All venues".into() };
    let exchange = |name: &str| Exchange { value: name.into(), name: name.into(), desc: name.into() };
    let venues = state.directory.venues();
    let types = symbol::TYPES.map(|(_, value, name)| SymbolType { name, value });
    Json(Config {
        supports_search: true,
        supports_group_request: false,
        supports_marks: false,
        supports_timescale_marks: false,
        supports_time: true,
        supported_resolutions: RESOLUTIONS,
        exchanges: std::iter::once(all).chain(venues.iter().map(|v| exchange(v.as_str()))).collect(),
        symbols_types: std::iter::once(SymbolType { name: "All", value: "" }).chain(types).collect(),
    })
}

/// The relay's clock.
async fn time(State(state): State<ApiState>) -> Response {
    let now = Seconds::from(state.history.now());
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], now.0.to_string()).into_response()
}

async fn symbols(State(state): State<ApiState>, params: Params) -> Result<Json<SymbolInfo>, UdfError> {
    let market = market(&state, &params).await?;
    Ok(Json(info(&market)))
}

async fn search(State(state): State<ApiState>, params: Params) -> Result<Json<Vec<Found>>, UdfError> {
    let text = params.text("query")?.unwrap_or_default();
    if text.chars().count() > MAX_QUERY_CHARS {
        let detail = format!("`query` is longer than {MAX_QUERY_CHARS} characters");
        return Err(ApiError::bad_request("invalid_query", detail).into());
    }
    let limit = params.number("limit", 1, MOST_SEARCH_ROWS)?.and_then(|n| usize::try_from(n).ok());
    let kind = params.parse("type", "unknown_type", symbol::kind)?;
    let venue = params.parse("exchange", "unknown_venue", |name| symbol::venue(&state.directory, name))?;
    Ok(Json(found(&state, text, kind, venue.as_ref(), limit.unwrap_or(SEARCH_ROWS)).await))
}

/// The required `symbol`, plain or as `VENUE:SYMBOL`.
async fn market(state: &ApiState, params: &Params) -> Result<Market, ApiError> {
    let Some(text) = params.text("symbol")? else {
        let detail = "`symbol` is missing: like symbol=BTCUSDT-PERP or symbol=binance:BTCUSDT-PERP";
        return Err(ApiError::bad_request("missing_symbol", detail));
    };
    find(state, text).await
}

/// Bars as columns, or why there are none.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "s", rename_all = "snake_case")]
#[schemars(rename = "UdfHistory")]
#[allow(dead_code, reason = "an error is written where it arises; it is here for the papers")]
pub(in crate::http) enum Answer {
    Ok(Columns),
    NoData {
        /// Time of the newest bar before the range; absent where there is none.
        #[serde(rename = "nextTime", skip_serializing_if = "Option::is_none")]
        next_time: Option<Seconds>,
    },
    Error {
        errmsg: String,
    },
}

/// One entry per bar, ascending.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UdfColumns")]
pub(in crate::http) struct Columns {
    /// Unix seconds of the open; from `1D` on 00:00 UTC of the trading day.
    t: Vec<Seconds>,
    o: Vec<f64>,
    h: Vec<f64>,
    l: Vec<f64>,
    c: Vec<f64>,
    v: Vec<f64>,
}

async fn history(State(state): State<ApiState>, params: Params) -> Result<Json<Answer>, UdfError> {
    let market = market(&state, &params).await?;
    let timeframe = params.parse("resolution", "invalid_resolution", resolution)?;
    let Some(timeframe) = timeframe else {
        let detail = format!("`resolution` is missing: one of {}", RESOLUTIONS.join(" "));
        return Err(ApiError::bad_request("missing_resolution", detail).into());
    };
    let from = seconds(&params, "from")?;
    let to = seconds(&params, "to")?.unwrap_or(Seconds::from(state.history.now()));
    let count = params.number("countback", 1, MOST_BACK)?.and_then(|n| usize::try_from(n).ok());
    if from.is_some_and(|from| from > to) {
        let detail = format!("`from` ({}) is after `to` ({})", from.unwrap_or(to).0, to.0);
        return Err(ApiError::bad_request("invalid_range", detail).into());
    }
    // The library takes so many bars before `to`, wherever they begin, if it says how many.
    let start = from.filter(|_| count.is_none()).unwrap_or(Seconds(0));
    let limit = count.unwrap_or(MAX_ROWS).min(MAX_ROWS);
    let bars = bars(&state, &market, timeframe, (start, to), limit).await?;
    if !bars.is_empty() {
        return Ok(Json(Answer::Ok(columns(&bars))));
    }
    let before = match start {
        Seconds(0) => None,
        start => self::bars(&state, &market, timeframe, (Seconds(0), start), 1).await?.pop(),
    };
    Ok(Json(Answer::NoData { next_time: before.map(|(at, _)| at) }))
}

fn columns(bars: &[(Seconds, Bar)]) -> Columns {
    let column = |of: fn(&Bar) -> f64| bars.iter().map(|(_, bar)| of(bar)).collect();
    Columns {
        t: bars.iter().map(|(at, _)| *at).collect(),
        o: column(|bar| bar.open),
        h: column(|bar| bar.high),
        l: column(|bar| bar.low),
        c: column(|bar| bar.close),
        v: column(|bar| bar.volume),
    }
}

/// The newest `limit` bars of `[from, to)` with the time the library knows them by, the forming one among them.
async fn bars(
    state: &ApiState,
    market: &Market,
    timeframe: Timeframe,
    (from, to): (Seconds, Seconds),
    limit: usize,
) -> Result<Vec<(Seconds, Bar)>, HistoryError> {
    let instrument = market.instrument.clone();
    let calendar = instrument.calendar.clone();
    // A trading day goes by its date, which may be hours from its open.
    let named = timeframe >= Timeframe::D1 && calendar != Calendar::Continuous;
    let (margin, more) = if named { (Ms::DAY, 2) } else { (Ms::ZERO, 0) };
    let query = BarsQuery {
        instrument,
        timeframe,
        from: (Ms::from(from) - margin).max(Ms::ZERO),
        to: Ms::from(to) + margin,
        limit: limit + more,
        newest: true,
        base: false,
    };
    let bars: Vec<Bar> = match &market.joined {
        Some(joined) => {
            let answer = state.history.joined(&joined.with(Channel::Bar), &query).await?;
            answer.candles.into_iter().map(|candle| candle.joined.bar).collect()
        }
        None => {
            let answer = state.history.candles(&query).await?;
            answer.candles.into_iter().map(|candle| candle.bar).collect()
        }
    };
    let time = |open| if named { calendar.trading_day(open) } else { open };
    let mut rows: Vec<(Seconds, Bar)> =
        bars.into_iter().map(|bar| (Seconds::from(time(bar.timestamp)), bar)).collect();
    rows.retain(|(at, _)| (from..to).contains(at));
    rows.drain(..rows.len().saturating_sub(limit));
    Ok(rows)
}

/// Old versions of the library say `D` for `1D`.
fn resolution(text: &str) -> Result<Timeframe, String> {
    let name = match text {
        "D" => "1D",
        "W" => "1W",
        "M" => "1M",
        other => other,
    };
    let found = RESOLUTIONS.iter().zip(Timeframe::ALL).find(|(known, _)| **known == name);
    found
        .map(|(_, timeframe)| timeframe)
        .ok_or_else(|| format!("`{}` is none of {}", clip(text), RESOLUTIONS.join(" ")))
}

/// A time; the library asks for what lies before 1970 too when a chart is dragged far back.
fn seconds(params: &Params, name: &'static str) -> Result<Option<Seconds>, ApiError> {
    params.parse(name, "invalid_time", |text| {
        let furthest = Ms::LATEST.0 / 1_000;
        let inside = text.parse().ok().filter(|at: &i64| (-furthest..=furthest).contains(at));
        let wrong = || format!("`{}` is not a time in Unix seconds", clip(text));
        inside.map(|at| Seconds(at.max(0))).ok_or_else(wrong)
    })
}
