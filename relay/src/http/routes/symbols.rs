//! What there is to ask for: `/api/symbols`, `/api/symbols/search`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::event::Channel;
use shared::market::{Calendar, Group, Kind, Symbol, VenueId};

use super::ApiState;
use crate::directory::{Directory, Listing, Market};
use crate::http::error::ApiError;
use crate::http::params::Params;

/// Answers a search gives unless told otherwise, and the most it gives.
const FOUND: usize = 50;
const MOST_FOUND: u64 = 500;
const MAX_QUERY_CHARS: usize = 64;

/// A symbol with every venue that lists it; tick size and multiplier are the default venue's.
#[derive(Serialize, schemars::JsonSchema)]
pub(in crate::http) struct SymbolRow {
    symbol: Symbol,
    group: Group,
    kind: Kind,
    base: String,
    quote: String,
    tick_size: f64,
    multiplier: f64,
    /// In configured order; the first is the default. Those that delisted it count only where all did.
    venues: Vec<VenueId>,
    /// What any of them offers, and what the relay makes of it.
    channels: Vec<Channel>,
    /// What each of them offers.
    venue_channels: BTreeMap<VenueId, Vec<Channel>>,
    /// `"24x7"`, a named calendar, or the sessions of the default venue.
    calendar: Calendar,
    status: Listing,
    /// Whether it is followed at any of them.
    followed: bool,
}

/// The symbols that are followed, configured ones first; with `all=true` every symbol the venues list.
pub(super) async fn symbols(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Vec<SymbolRow>>, ApiError> {
    let all = params.parse("all", "invalid_switch", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("use true or false".to_owned()),
    })?;
    let directory = &state.directory;
    let symbols = if all == Some(true) { directory.symbols() } else { directory.followed() };
    Ok(Json(rows(&state, &symbols)))
}

/// The listed symbols that match `q` in symbol, base, group or a venue's own name, best match first; also what
/// venues that cannot list answer.
pub(super) async fn search(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Vec<SymbolRow>>, ApiError> {
    let text = params.text("q")?.unwrap_or_default();
    if text.chars().count() > MAX_QUERY_CHARS {
        let detail = format!("`q` is longer than {MAX_QUERY_CHARS} characters");
        return Err(ApiError::bad_request("invalid_query", detail));
    }
    let limit = params.number("limit", 1, MOST_FOUND)?.and_then(|n| usize::try_from(n).ok()).unwrap_or(FOUND);
    let told = state.lookup.find(text).await;
    Ok(Json(rows(&state, &state.directory.search(text, &told, limit))))
}

fn rows(state: &ApiState, symbols: &[Symbol]) -> Vec<SymbolRow> {
    let directory = &state.directory;
    symbols.iter().filter_map(|symbol| row(directory, &directory.markets(symbol))).collect()
}

/// `None` where nobody lists it any more.
fn row(directory: &Directory, markets: &[Market]) -> Option<SymbolRow> {
    let first = markets.first()?;
    let followed = markets.iter().any(|market| market.followed);
    let instruments = || markets.iter().filter(|market| market.status == first.status).map(|m| &m.instrument);
    let mut channels: Vec<Channel> = Vec::new();
    for channel in instruments().flat_map(|i| &i.channels) {
        if !channels.contains(channel) {
            channels.push(*channel);
        }
    }
    let default = &first.instrument;
    channels.extend(directory.made(&default.symbol));
    Some(SymbolRow {
        symbol: default.symbol.clone(),
        group: default.group.clone(),
        kind: default.kind,
        base: default.base.clone(),
        quote: default.quote.clone(),
        tick_size: default.tick_size,
        multiplier: default.multiplier,
        venues: instruments().map(|i| i.venue.clone()).collect(),
        channels,
        venue_channels: instruments().map(|i| (i.venue.clone(), i.channels.clone())).collect(),
        calendar: default.calendar.clone(),
        status: first.status,
        followed,
    })
}
