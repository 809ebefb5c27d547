//! What is recorded, over HTTP: candles, the other series, holes, and what there is to ask for.

mod candles;
mod computed;
mod fields;
mod flights;
mod guards;
mod heatmap;
mod history;
mod joined;
mod market;
mod query;
mod rows;
mod symbols;
mod table;
mod udf;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use shared::event::Channel;
use shared::market::{Instrument, Symbol, VenueId};

use flights::Flights;

use super::error::ApiError;
use super::params::{Params, clip};
use crate::derive::Asker;
use crate::directory::{Directory, JoinedMarket};
use crate::history::{History, HistoryError};
use crate::hub::Hub;
use crate::ingest::Board;
use crate::ingest::demand::Follower;
use crate::ingest::lookup::Lookup;
use crate::store::Store;

pub(super) use guards::Answer as GuardsAnswer;
pub(super) use heatmap::Answer as HeatmapAnswer;
pub(super) use market::{OiPoint, Overview};
pub(super) use symbols::SymbolRow;
pub(super) use udf::{Answer as UdfHistory, Config as UdfConfig, Found as UdfFound, SymbolInfo as UdfSymbol};

/// Fields of every kind of row, by its name in the papers.
pub(super) fn row_fields() -> [(&'static str, &'static [&'static str]); 8] {
    use shared::event::{BookTop, Funding, Liquidation, OpenInterest};
    use {joined::With, rows::BarRow, rows::CandleRow, rows::EventRow, table::Row};
    [
        ("Candle", With::<CandleRow>::FIELDS),
        ("Bar", With::<BarRow>::FIELDS),
        ("Oi", With::<EventRow<OpenInterest>>::FIELDS),
        ("Funding", With::<EventRow<Funding>>::FIELDS),
        ("Liquidation", With::<EventRow<Liquidation>>::FIELDS),
        ("Book", EventRow::<BookTop>::FIELDS),
        ("Gap", crate::store::GapRow::FIELDS),
        ("Signal", computed::SignalRow::FIELDS),
    ]
}

/// What these routes need.
#[derive(Clone)]
pub struct ApiState {
    pub directory: Arc<Directory>,
    pub history: Arc<History>,
    pub store: Arc<dyn Store>,
    pub hub: Arc<Hub>,
    pub board: Arc<Board>,
    /// Finds what venues that cannot list have.
    pub lookup: Arc<Lookup>,
    /// Told what clients want of the venues.
    pub follower: Arc<Follower>,
    /// Has made what is made on demand.
    pub asker: Asker,
}

/// The routes, ready to be merged.
pub fn routes(state: ApiState) -> Router {
    let recorded = Router::new()
        .route("/api/candles", get(candles::candles))
        .route("/api/chart/history", get(candles::chart))
        .route("/api/history/bars", get(candles::bars))
        .route("/api/history/oi", get(history::open_interest))
        .route("/api/history/funding", get(history::funding))
        .route("/api/history/liquidations", get(history::liquidations))
        .route("/api/history/book", get(history::book))
        .route("/api/gaps", get(history::gaps))
        .route("/api/market/oi_history", get(market::oi_history))
        .route("/api/market/liq_heatmap", get(heatmap::liq_heatmap))
        .route_layer(from_fn_with_state(Flights::default(), flights::share));
    Router::new()
        .merge(recorded)
        .route("/api/latest-candle", get(candles::latest))
        .route("/api/engine/guards", get(guards::guards))
        .route("/api/market/overview", get(market::overview))
        .route("/api/indicators", post(computed::indicators))
        .route("/api/signals", post(computed::signals))
        .route("/api/symbols", get(symbols::symbols))
        .route("/api/symbols/search", get(symbols::search))
        .layer(from_fn_with_state(state.clone(), resolve))
        .with_state(state.clone())
        .merge(udf::routes(state))
}

/// A symbol nobody lists may be one of a venue that is asked by name.
async fn resolve(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let params = Params::read(request.uri().query().unwrap_or_default());
    if let Ok(symbol) = params.symbol() {
        state.lookup.resolve(&symbol).await;
    }
    next.run(request).await
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> ApiError {
        match error {
            HistoryError::Store(e) => e.into(),
            // What the venue said is meant for people: a ban, a refused location.
            HistoryError::Source(e) => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "venue_unavailable", e.to_string())
            }
        }
    }
}

fn nobody_lists(symbol: &Symbol) -> ApiError {
    let detail = format!("`symbol`: nobody lists `{symbol}`; /api/symbols/search finds what there is");
    ApiError::not_found("unknown_symbol", detail)
}

impl ApiState {
    /// The `symbol` and, where given, the `venue` of a request, both known to this relay.
    fn market(&self, params: &Params) -> Result<(Symbol, Option<VenueId>), ApiError> {
        let symbol = params.symbol()?;
        let listings = self.directory.listings(&symbol);
        let venue = self.venue(params)?;
        let listed = |v: &VenueId| listings.iter().any(|i| i.venue == *v);
        if listings.is_empty() {
            return Err(nobody_lists(&symbol));
        }
        if let Some(venue) = venue.as_ref().filter(|v| !listed(v)) {
            let there: Vec<&str> = listings.iter().map(|i| i.venue.as_str()).collect();
            let detail = format!("`venue`: {venue} does not list `{symbol}`; {} does", there.join(", "));
            return Err(ApiError::not_found("unknown_symbol", detail));
        }
        Ok((symbol, venue))
    }

    /// What is joined, where a request names the venue `all`.
    fn joined(&self, params: &Params) -> Result<Option<JoinedMarket>, ApiError> {
        let all = params.text("venue")? == Some(VenueId::ALL);
        if all { self.group(params).map(Some) } else { Ok(None) }
    }

    /// What is joined under the `symbol` of a request.
    fn group(&self, params: &Params) -> Result<JoinedMarket, ApiError> {
        let symbol = params.symbol()?;
        let found = self.directory.joined(&symbol).filter(|market| !market.members.is_empty());
        found.ok_or_else(|| nobody_lists(&symbol))
    }

    /// The instrument that a request's bars have their prices of.
    fn reference(&self, params: &Params) -> Result<Arc<Instrument>, ApiError> {
        let Some(market) = self.joined(params)? else { return self.instrument(params) };
        let market = market.with(Channel::Bar);
        market.reference().cloned().ok_or_else(|| {
            let detail = format!("no venue has bars of `{}`", market.symbol);
            ApiError::not_found("no_data", detail)
        })
    }

    /// The instrument of a single-series request: at the named venue, else at the first that lists it.
    fn instrument(&self, params: &Params) -> Result<Arc<Instrument>, ApiError> {
        let (symbol, venue) = self.market(params)?;
        let mut listings = self.directory.listings(&symbol).into_iter();
        let found = listings.find(|i| venue.as_ref().is_none_or(|v| i.venue == *v));
        found.ok_or_else(|| ApiError::not_found("unknown_symbol", format!("nobody lists `{symbol}`")))
    }

    /// The `venue` of a request, if it names one.
    fn venue(&self, params: &Params) -> Result<Option<VenueId>, ApiError> {
        let Some(name) = params.text("venue")? else { return Ok(None) };
        let known = self.directory.venues();
        let found = known.iter().find(|v| v.as_str() == name).cloned();
        found.map(Some).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(VenueId::as_str).collect();
            let detail =
                format!("`venue`: unknown venue `{}`: this relay has {}", clip(name), names.join(", "));
            ApiError::bad_request("unknown_venue", detail)
        })
    }
}
