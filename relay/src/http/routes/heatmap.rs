//! Liquidations of a group by price and time: `/api/market/liq_heatmap`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::event::{Body, Channel, Heatmap};
use shared::market::{Symbol, VenueId};
use shared::maths::heatmap::{Grid, PRICE_BINS, Painter, fingerprint, window};

use super::ApiState;
use super::market::MOST_HOURS;
use super::table::{Freshness, tagged};
use crate::derive::heatmap_topic;
use crate::directory::JoinedMarket;
use crate::http::error::ApiError;
use crate::http::params::Params;

/// A heat map and what it is of.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "HeatmapAnswer")]
pub(in crate::http) struct Answer {
    symbol: Symbol,
    /// `all`: the whole group.
    venue: VenueId,
    #[serde(flatten)]
    map: Heatmap,
}

/// The map of the last `hours` as of now, of the symbol's group, or of the symbol at one `venue`.
pub(super) async fn liq_heatmap(State(state): State<ApiState>, params: Params) -> Result<Response, ApiError> {
    let group = state.group(&params)?;
    let named = params.text("venue")?.is_some_and(|name| name != VenueId::ALL);
    let venue = if named { state.market(&params)?.1 } else { None };
    let hours = params.number("hours", 1, MOST_HOURS)?.unwrap_or(1) as usize;
    let market = deaths(&group, venue.as_ref())?;
    let Some(grid) = grid(&state, &group).await? else {
        let detail = format!("no price of `{}` is known yet", group.symbol);
        return Err(ApiError::not_found("no_data", detail));
    };
    let now = state.history.now();
    let mut painter = Painter::new(&grid, now, hours);
    state.history.prints(&market, window(now, hours), |print| painter.add(&print)).await?;
    let map = painter.finish();
    let tag = format!("W/\"{:016x}\"", fingerprint(&map));
    let answer = Answer { symbol: group.symbol, venue: venue.unwrap_or_else(VenueId::all), map };
    Ok(tagged(tag, Freshness::Live, Json(answer).into_response()))
}

/// Those members whose prints are in the map.
fn deaths(group: &JoinedMarket, venue: Option<&VenueId>) -> Result<JoinedMarket, ApiError> {
    let market = group.with(Channel::Liquidation);
    let market = match venue {
        Some(venue) => market.at(venue),
        None => market,
    };
    if !market.instruments.is_empty() {
        return Ok(market);
    }
    let whom = venue.map_or("no venue publishes".to_owned(), |venue| format!("{venue} does not publish"));
    Err(ApiError::not_found("no_data", format!("{whom} liquidations of `{}`", group.symbol)))
}

/// The grid of the live map, where there is one: whatever is asked for, bins of a symbol are the same.
async fn grid(state: &ApiState, group: &JoinedMarket) -> Result<Option<Grid>, ApiError> {
    let live = state.hub.last(&heatmap_topic(&group.symbol));
    let edges = live.last().and_then(|stamped| match &stamped.event.body {
        Body::Heatmap(map) => map.price_bins.get(PRICE_BINS / 2).copied(),
        _ => None,
    });
    if let Some(grid) = edges.and_then(Grid::centred) {
        return Ok(Some(grid));
    }
    let walked = state.history.heat_grid(&group.with(Channel::Bar)).await?;
    Ok(walked.map(|walked| walked.grid))
}
