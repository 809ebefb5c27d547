//! Risk guards: `/api/engine/guards`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::event::{Body, Channel, Guards, Topic};
use shared::market::{Ms, Symbol, VenueId};

use super::ApiState;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::too_many;

/// What `/ws` tells on `guards`, with the symbol and venue that were asked for.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "GuardsAnswer")]
pub(in crate::http) struct Answer {
    /// As `timestamp`.
    ts: Ms,
    symbol: Symbol,
    /// `all` unless one was named.
    venue: VenueId,
    #[serde(flatten)]
    guards: Guards,
}

/// The guards of a symbol at a venue, else at the first that lists it: the last that were told on the bus, which
/// are made and told at least once a second from now on.
pub(super) async fn guards(State(state): State<ApiState>, params: Params) -> Result<Json<Answer>, ApiError> {
    let (symbol, venue) = match state.joined(&params)? {
        Some(group) => (group.symbol, None),
        None => state.market(&params)?,
    };
    let topic =
        |venue: VenueId| Topic { symbol: symbol.clone(), venue, channel: Channel::Guards, interval: None };
    let all = topic(VenueId::all());
    // Where the whole group is too much to follow, the market itself still is not.
    let alone = || state.directory.listings(&symbol).first().map(|i| i.venue.clone());
    if state.follower.poll(std::slice::from_ref(&all)).is_err()
        && let Some(venue) = venue.clone().or_else(alone)
    {
        state.follower.poll(&[topic(venue)]).map_err(|full| too_many(&full, &state.follower))?;
    }
    let topic = venue.map_or(all, topic);
    state.asker.wanted(std::slice::from_ref(&topic)).await;
    let told = state.hub.last(&topic).pop().map(|stamped| stamped.event.body.clone());
    let Some(Body::Guards(guards)) = told else {
        let detail = format!("the guards of `{symbol}` are not ready: ask again in a moment");
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).retry_after(1));
    };
    Ok(Json(Answer { ts: guards.timestamp, symbol: topic.symbol, venue: topic.venue, guards: *guards }))
}
