//! The other recorded series and the holes: `/api/history/*`, `/api/gaps`.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::Response;
use shared::event::{Body, Event};
use shared::market::Ms;

use super::ApiState;
use super::joined;
use super::query::{Format, Range};
use super::rows::EventRow;
use super::table::{Freshness, Row, answer};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::store::{Dataset, GapRow, Query};

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");
const INCOMPLETE: HeaderName = HeaderName::from_static("x-incomplete");

/// What every series route takes from a request.
pub(super) type Request = (State<ApiState>, Uri, Params);

/// All venues unless one is named, ordered by (timestamp, venue); `all` adds the group's members and their sums.
pub(super) async fn open_interest(request: Request) -> Result<Response, ApiError> {
    let row = |e: Event| if let Body::Oi(x) = e.body { Some(EventRow::new(&e, x)) } else { None };
    if let Some(market) = request.0.joined(&request.2)? {
        return joined::open_interest(request, &market, row).await;
    }
    series(request, Dataset::Oi, true, row).await
}

/// All venues unless one is named, ordered by (timestamp, venue); `all` adds the group's members and their sums.
pub(super) async fn funding(request: Request) -> Result<Response, ApiError> {
    let row = |e: Event| if let Body::Funding(x) = e.body { Some(EventRow::new(&e, x)) } else { None };
    if let Some(market) = request.0.joined(&request.2)? {
        return joined::funding(request, &market, row).await;
    }
    series(request, Dataset::Funding, true, row).await
}

/// All venues unless one is named, ordered by (timestamp, venue); `all` adds the group's members and their sums.
pub(super) async fn liquidations(request: Request) -> Result<Response, ApiError> {
    let row = |e: Event| if let Body::Liquidation(x) = e.body { Some(EventRow::new(&e, x)) } else { None };
    if let Some(market) = request.0.joined(&request.2)? {
        return joined::liquidations(request, &market, row).await;
    }
    series(request, Dataset::Liquidations, true, row).await
}

/// One venue: the named one, else the first that lists the symbol.
pub(super) async fn book(request: Request) -> Result<Response, ApiError> {
    let row = |e: Event| if let Body::Book(x) = e.body { Some(EventRow::new(&e, x)) } else { None };
    series(request, Dataset::Book, false, row).await
}

async fn series<R: Row>(
    (State(state), uri, params): Request,
    dataset: Dataset,
    all_venues: bool,
    row: impl Fn(Event) -> Option<R>,
) -> Result<Response, ApiError> {
    let (symbol, mut venue) = state.market(&params)?;
    if all_venues {
        // The grid of sums, which one venue's rows have no need of: refused all the same where it makes no sense.
        joined::step(&params)?;
    } else if venue.is_none() {
        venue = Some(state.instrument(&params)?.venue.clone());
    }
    let range = Range::read(&params)?;
    let format = Format::read(&params)?;
    let Range { from, to, newest, .. } = range;
    let query = Query { dataset, symbol, venue, from, to, limit: range.reading(), newest };
    let mut events = state.store.read(query).await?;
    let next = range.page(&mut events, Event::timestamp);
    let rows = events.into_iter().filter_map(row).collect();
    let response = answer(rows, format, past(&state, to)).await;
    Ok(finish(response, &uri, &params, next, None))
}

/// Holes in the record of one symbol or of all, by when they began.
pub(super) async fn gaps((State(state), uri, params): Request) -> Result<Response, ApiError> {
    let symbol = match params.text("symbol")? {
        Some(_) => Some(state.market(&params)?.0),
        None => None,
    };
    let venue = state.venue(&params)?;
    let range = Range::read(&params)?;
    let format = Format::read(&params)?;
    let mut gaps = state.store.gaps(symbol, range.from, range.to).await?;
    gaps.retain(|row| venue.as_ref().is_none_or(|v| row.venue == *v));
    if range.newest {
        gaps.drain(..gaps.len().saturating_sub(range.limit));
    }
    // A hole that began before the range is on its first page; later pages begin at their cursor.
    if params.text("cursor")?.is_some() {
        gaps.retain(|row| row.gap.from >= range.from);
    }
    let next = range.page(&mut gaps, |row: &GapRow| row.gap.from);
    let response = answer(gaps, format, Freshness::Live).await;
    Ok(finish(response, &uri, &params, next, None))
}

/// Late rows come within minutes; a range further back changes seldom.
pub(super) fn past(state: &ApiState, to: Ms) -> Freshness {
    if to <= state.history.now() - Ms::HOUR { Freshness::Past } else { Freshness::Live }
}

/// Adds where the next page is, and what may be missing.
pub(super) fn finish(
    mut response: Response,
    uri: &Uri,
    params: &Params,
    next: Option<String>,
    incomplete: Option<String>,
) -> Response {
    let headers = response.headers_mut();
    if let Some(cursor) = next {
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), params.with("cursor", &cursor));
        for (name, text) in [(header::LINK, link), (NEXT_CURSOR, cursor)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
    // Header text is ASCII; a venue's words may not be.
    let plain = |text: String| text.replace(|c: char| !c.is_ascii() || c.is_ascii_control(), "?");
    if let Some(Ok(why)) = incomplete.map(|text| HeaderValue::try_from(plain(text))) {
        headers.insert(INCOMPLETE, why);
    }
    response
}
