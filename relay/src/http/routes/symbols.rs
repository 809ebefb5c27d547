//! What there is to ask for: `/api/symbols`, `/api/symbols/search`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::event::Channel;
use shared::market::{Group, Instrument, Kind, Symbol, VenueId};

use super::ApiState;
use crate::http::error::ApiError;
use crate::http::params::Params;

/// Most answers a search gives.
const MAX_FOUND: usize = 50;
const MAX_QUERY_CHARS: usize = 64;

/// A symbol with every venue that lists it; tick size and multiplier are the default venue's.
#[derive(Serialize)]
pub(super) struct SymbolRow {
    symbol: Symbol,
    group: Group,
    kind: Kind,
    base: String,
    quote: String,
    tick_size: f64,
    multiplier: f64,
    /// In configured order; the first is the default.
    venues: Vec<VenueId>,
    /// What any of them offers.
    channels: Vec<Channel>,
}

/// Every symbol, in the order venues are configured and list them.
pub(super) async fn symbols(State(state): State<ApiState>) -> Json<Vec<SymbolRow>> {
    Json(rows(&state))
}

/// Symbols that have the text in their name, best match first, at most 50.
pub(super) async fn search(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Vec<SymbolRow>>, ApiError> {
    let text = params.text("q")?.unwrap_or_default();
    if text.chars().count() > MAX_QUERY_CHARS {
        let detail = format!("`q` is longer than {MAX_QUERY_CHARS} characters");
        return Err(ApiError::bad_request("invalid_query", detail));
    }
    let text = text.trim().to_uppercase();
    let mut found: Vec<(u8, SymbolRow)> =
        rows(&state).into_iter().filter_map(|row| Some((rank(&row, &text)?, row))).collect();
    // Stable: equal ranks keep the listed order.
    found.sort_by_key(|(rank, _)| *rank);
    Ok(Json(found.into_iter().take(MAX_FOUND).map(|(_, row)| row).collect()))
}

/// 0 is best; `None` does not match.
fn rank(row: &SymbolRow, text: &str) -> Option<u8> {
    let (symbol, base) = (row.symbol.as_str().to_uppercase(), row.base.to_uppercase());
    if symbol == text || base == text {
        Some(0)
    } else if symbol.starts_with(text) {
        Some(1)
    } else if symbol.contains(text) || row.group.as_str().to_uppercase().contains(text) {
        Some(2)
    } else {
        None
    }
}

fn rows(state: &ApiState) -> Vec<SymbolRow> {
    let mut rows: Vec<SymbolRow> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for instrument in state.directory.all() {
        let place = *places.entry(instrument.symbol.clone()).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(row) => {
                row.venues.push(instrument.venue.clone());
                let new = instrument.channels.iter().filter(|c| !row.channels.contains(c));
                let new: Vec<Channel> = new.copied().collect();
                row.channels.extend(new);
            }
            None => rows.push(row(&instrument)),
        }
    }
    rows
}

fn row(instrument: &Instrument) -> SymbolRow {
    SymbolRow {
        symbol: instrument.symbol.clone(),
        group: instrument.group.clone(),
        kind: instrument.kind,
        base: instrument.base.clone(),
        quote: instrument.quote.clone(),
        tick_size: instrument.tick_size,
        multiplier: instrument.multiplier,
        venues: vec![instrument.venue.clone()],
        channels: instrument.channels.clone(),
    }
}
