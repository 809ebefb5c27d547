//! Bars: `/api/candles`, `/api/chart/history`, `/api/latest-candle`, `/api/history/bars`.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use shared::event::Channel;
use shared::market::{Ms, Timeframe};

use super::ApiState;
use super::history::finish;
use super::joined;
use super::query::{DEFAULT_ROWS, Format, MAX_ROWS, Range};
use super::rows::{BarRow, Bars, CandleRow, Candles};
use super::table::{Freshness, answer_table, object};
use crate::history::{Answer, BarsQuery, Candle};
use crate::http::error::ApiError;
use crate::http::params::Params;

/// Bars of one market, ascending, one per bucket. A forming bar of a higher timeframe holds the closed minutes
/// up to its `through`: whoever follows the stream adds the later ones.
pub(super) async fn candles(
    State(state): State<ApiState>,
    uri: Uri,
    params: Params,
) -> Result<Response, ApiError> {
    rows(state, uri, params, DEFAULT_ROWS).await
}

/// The same; without a range as many of the newest as an answer holds.
pub(super) async fn chart(
    State(state): State<ApiState>,
    uri: Uri,
    params: Params,
) -> Result<Response, ApiError> {
    rows(state, uri, params, MAX_ROWS).await
}

async fn rows(state: ApiState, uri: Uri, params: Params, newest: usize) -> Result<Response, ApiError> {
    let (query, range, format) = read(&state, &params, newest)?;
    if let Some(market) = state.joined(&params)? {
        let row = |instrument, candle: Candle| CandleRow { instrument, bar: candle.bar };
        return joined::bars(&state, &uri, &params, (&market, query, range, format), row).await;
    }
    let Answer { mut candles, incomplete } = state.history.candles(&query).await?;
    let next = range.page(&mut candles, |row| row.bar.timestamp);
    let freshness = freshness(&state, &query, &range, incomplete.is_some());
    let response = answer_table(Candles(query.instrument.clone(), candles), format, freshness).await;
    Ok(finish(response, &uri, &params, next, incomplete))
}

/// Bars in the form of the live frames.
pub(super) async fn bars(
    State(state): State<ApiState>,
    uri: Uri,
    params: Params,
) -> Result<Response, ApiError> {
    let (query, range, format) = read(&state, &params, DEFAULT_ROWS)?;
    if let Some(market) = state.joined(&params)? {
        let row = |instrument, candle| BarRow { instrument, candle };
        return joined::bars(&state, &uri, &params, (&market, query, range, format), row).await;
    }
    let Answer { mut candles, incomplete } = state.history.candles(&query).await?;
    let next = range.page(&mut candles, |row| row.bar.timestamp);
    let freshness = freshness(&state, &query, &range, incomplete.is_some());
    let response = answer_table(Bars(query.instrument.clone(), candles), format, freshness).await;
    Ok(finish(response, &uri, &params, next, incomplete))
}

/// The newest bar, with the running minute in it.
pub(super) async fn latest(State(state): State<ApiState>, params: Params) -> Result<Response, ApiError> {
    let timeframe = interval(&params)?;
    let (from, to) = (Ms::ZERO, Ms(i64::MAX));
    let instrument = state.reference(&params)?;
    let query = BarsQuery { instrument, timeframe, from, to, limit: 1, newest: true, base: false };
    let mut body = Vec::new();
    if let Some(market) = state.joined(&params)? {
        let found = state.history.joined(&market.with(Channel::Bar), &query).await?.candles.pop();
        let row = |instrument, candle: Candle| CandleRow { instrument, bar: candle.bar };
        if let Some(found) = found {
            object(&joined::bar_row(&joined::face(&market, &query.instrument), found, row), &mut body);
        }
    } else if let Some(Candle { bar, .. }) = state.history.candles(&query).await?.candles.pop() {
        object(&CandleRow { instrument: query.instrument.clone(), bar }, &mut body);
    }
    if body.is_empty() {
        let detail = format!("there is no {timeframe} bar of `{}` yet", query.instrument.symbol);
        return Err(ApiError::not_found("no_data", detail));
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    Ok((StatusCode::OK, headers, body).into_response())
}

/// `newest`: rows of an answer whose query names no start.
fn read(state: &ApiState, params: &Params, newest: usize) -> Result<(BarsQuery, Range, Format), ApiError> {
    let instrument = state.reference(params)?;
    let timeframe = interval(params)?;
    let range = Range::read_up_to(params, newest)?;
    let format = Format::read(params)?;
    let Range { from, to, newest, .. } = range;
    let limit = range.reading();
    Ok((BarsQuery { instrument, timeframe, from, to, limit, newest, base: true }, range, format))
}

/// `interval` or `timeframe`; `1m` where neither is given.
pub(super) fn interval(params: &Params) -> Result<Timeframe, ApiError> {
    let named = params.timeframe("interval")?;
    Ok(named.or(params.timeframe("timeframe")?).unwrap_or(Timeframe::M1))
}

/// A range is past once its last bucket has been closed for some minutes.
pub(super) fn freshness(state: &ApiState, query: &BarsQuery, range: &Range, incomplete: bool) -> Freshness {
    let edge = query.instrument.calendar.open(query.timeframe, state.history.now() - Ms(300_000));
    if incomplete {
        Freshness::Incomplete
    } else if range.to <= edge {
        Freshness::Past
    } else {
        Freshness::Live
    }
}
