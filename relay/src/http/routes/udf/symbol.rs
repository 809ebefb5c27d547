//! Symbols as the charting library knows them.

use std::collections::HashSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use shared::event::Channel;
use shared::market::{Calendar, Instrument, Kind, SessionForm, Symbol, VenueId};

use super::super::{ApiState, nobody_lists};
use super::RESOLUTIONS;
use crate::directory::{Directory, JoinedMarket};
use crate::http::error::ApiError;
use crate::http::params::clip;

/// Kinds by the library's names, and what a person calls them.
pub(super) const TYPES: [(Kind, &str, &str); 5] = [
    (Kind::Perp, "swap", "Perpetual"),
    (Kind::Spot, "spot", "Spot"),
    (Kind::Future, "futures", "Future"),
    (Kind::Stock, "stock", "Stock"),
    (Kind::Index, "index", "Index"),
];

/// Symbols looked through for those of one venue or type.
const LOOKED_THROUGH: usize = 20_000;
/// Most decimals a price or volume is shown with.
const MOST_DECIMALS: u32 = 16;

/// A symbol at a venue, or joined over all.
pub(super) struct Market {
    pub(super) symbol: Symbol,
    pub(super) venue: VenueId,
    /// What prices and sessions are of.
    pub(super) instrument: Arc<Instrument>,
    pub(super) joined: Option<JoinedMarket>,
}

/// A symbol in full.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UdfSymbol")]
pub(in crate::http) struct SymbolInfo {
    name: Symbol,
    /// `VENUE:SYMBOL`: what further requests name it by.
    ticker: String,
    full_name: String,
    description: String,
    #[serde(rename = "type")]
    kind: &'static str,
    exchange: VenueId,
    listed_exchange: VenueId,
    /// `24x7`, or `HHMM-HHMM:days` in the time zone; 1 = Sunday.
    session: String,
    timezone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    session_holidays: String,
    /// Smallest price step times `pricescale`.
    minmov: u64,
    pricescale: u64,
    minmove2: u64,
    fractional: bool,
    format: &'static str,
    has_intraday: bool,
    has_daily: bool,
    has_weekly_and_monthly: bool,
    has_empty_bars: bool,
    #[schemars(with = "Vec<String>")]
    intraday_multipliers: [&'static str; 6],
    #[schemars(with = "Vec<String>")]
    supported_resolutions: [&'static str; 9],
    volume_precision: u32,
    currency_code: String,
    data_status: &'static str,
}

/// A symbol found by a search.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UdfFound")]
pub(in crate::http) struct Found {
    symbol: Symbol,
    /// `VENUE:SYMBOL`.
    full_name: String,
    ticker: String,
    description: String,
    exchange: VenueId,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// The kind behind a `type` of a search, by the library's name or ours.
pub(super) fn kind(text: &str) -> Result<Kind, String> {
    let ours = |kind: Kind| match kind {
        Kind::Perp => "perp",
        Kind::Spot => "spot",
        Kind::Future => "future",
        Kind::Stock => "stock",
        Kind::Index => "index",
    };
    let found = TYPES.iter().find(|(kind, name, _)| text.eq_ignore_ascii_case(name) || text == ours(*kind));
    found
        .map(|(kind, ..)| *kind)
        .ok_or_else(|| format!("`{}` is none of {}", clip(text), TYPES.map(|(_, name, _)| name).join(", ")))
}

/// The venue of a name in any case: the library writes in capitals what a person types.
pub(super) fn venue(directory: &Directory, name: &str) -> Result<VenueId, String> {
    let venues = directory.venues();
    let found = venues.iter().find(|v| v.as_str().eq_ignore_ascii_case(name)).cloned();
    found.ok_or_else(|| {
        let names: Vec<&str> = venues.iter().map(VenueId::as_str).collect();
        format!("unknown venue `{}`: this relay has {}", clip(name), names.join(", "))
    })
}

/// The market of `SYMBOL` or `VENUE:SYMBOL`; a plain symbol is the default venue's.
///
/// # Errors
/// 400 where it is no symbol, 404 where nobody lists it.
pub(super) async fn find(state: &ApiState, text: &str) -> Result<Market, ApiError> {
    let bad = |text: &str| {
        let read: Result<Symbol, _> = text.parse();
        read.map_err(|e| ApiError::bad_request("invalid_symbol", format!("`symbol`: {e}")))
    };
    // A vendor's code may hold a colon too.
    if let Some((prefix, rest)) = text.split_once(':') {
        let all = prefix.eq_ignore_ascii_case(VenueId::ALL).then(VenueId::all);
        if let Some(venue) = all.or_else(|| venue(&state.directory, prefix).ok()) {
            let symbol = bad(rest)?;
            if let Some(market) = at(state, &symbol, Some(&venue)).await {
                return Ok(market);
            }
        }
    }
    let symbol = bad(text)?;
    at(state, &symbol, None).await.ok_or_else(|| nobody_lists(&symbol))
}

async fn at(state: &ApiState, symbol: &Symbol, venue: Option<&VenueId>) -> Option<Market> {
    state.lookup.resolve(symbol).await;
    if venue.is_some_and(VenueId::is_all) {
        let joined = state.directory.joined(symbol)?;
        let instrument = joined.with(Channel::Bar).reference()?.clone();
        return Some(Market {
            symbol: symbol.clone(),
            venue: VenueId::all(),
            instrument,
            joined: Some(joined),
        });
    }
    let mut listings = state.directory.listings(symbol).into_iter();
    let instrument = listings.find(|i| venue.is_none_or(|v| i.venue == *v))?;
    Some(Market { symbol: symbol.clone(), venue: instrument.venue.clone(), instrument, joined: None })
}

/// Every venue's market of the symbols that match, best match first.
pub(super) async fn found(
    state: &ApiState,
    text: &str,
    wanted: Option<Kind>,
    at: Option<&VenueId>,
    limit: usize,
) -> Vec<Found> {
    // What a person pastes may be a ticker.
    let named = text
        .split_once(':')
        .and_then(|(prefix, rest)| venue(&state.directory, prefix).ok().map(|venue| (venue, rest)));
    let (at, text) = match &named {
        Some((venue, rest)) => (at.or(Some(venue)), *rest),
        None => (at, text),
    };
    let told = state.lookup.find(text).await;
    let symbols = state.directory.search(text, &told, LOOKED_THROUGH);
    let markets = symbols.iter().flat_map(|symbol| state.directory.listings(symbol));
    let fits = |i: &Arc<Instrument>| {
        wanted.is_none_or(|kind| i.kind == kind)
            && at.is_none_or(|venue| i.venue == *venue)
            && i.channels.contains(&Channel::Bar)
    };
    let mut seen = HashSet::new();
    let once = |i: &Arc<Instrument>| seen.insert((i.venue.clone(), i.symbol.clone()));
    let row = |i: Arc<Instrument>| Found {
        full_name: ticker(&i.venue, &i.symbol),
        ticker: ticker(&i.venue, &i.symbol),
        description: description(&i, &i.venue),
        exchange: i.venue.clone(),
        kind: type_of(i.kind),
        symbol: i.symbol.clone(),
    };
    markets.filter(fits).filter(once).take(limit).map(row).collect()
}

pub(super) fn info(market: &Market) -> SymbolInfo {
    let Market { symbol, venue, instrument, .. } = market;
    let (minmov, pricescale) = price_steps(instrument.tick_size);
    let hours = hours(&instrument.calendar);
    SymbolInfo {
        name: symbol.clone(),
        ticker: ticker(venue, symbol),
        full_name: ticker(venue, symbol),
        description: description(instrument, venue),
        kind: type_of(instrument.kind),
        exchange: venue.clone(),
        listed_exchange: venue.clone(),
        session: hours.session,
        timezone: hours.timezone,
        session_holidays: hours.holidays,
        minmov,
        pricescale,
        minmove2: 0,
        fractional: false,
        format: "price",
        has_intraday: true,
        has_daily: true,
        has_weekly_and_monthly: true,
        has_empty_bars: false,
        intraday_multipliers: ["1", "5", "15", "30", "60", "240"],
        supported_resolutions: RESOLUTIONS,
        volume_precision: decimals(instrument.step_size).map_or(8, |(places, _)| places.min(8)),
        currency_code: instrument.quote.clone(),
        data_status: "streaming",
    }
}

fn ticker(venue: &VenueId, symbol: &Symbol) -> String {
    format!("{venue}:{symbol}")
}

fn description(instrument: &Instrument, venue: &VenueId) -> String {
    let Instrument { base, quote, kind, .. } = instrument;
    let kind = TYPES.iter().find(|(known, ..)| known == kind).map_or("", |(.., name)| name);
    let place = if venue.is_all() { "all venues, joined" } else { venue.as_str() };
    format!("{base} / {quote} {} at {place}", kind.to_lowercase())
}

fn type_of(kind: Kind) -> &'static str {
    TYPES.iter().find(|(known, ..)| *known == kind).map_or("", |(_, name, _)| name)
}

/// Decimal places of a step, and the step as a whole number of the last place; `None` for what is no step.
fn decimals(step: f64) -> Option<(u32, u64)> {
    if !step.is_finite() || step <= 0.0 {
        return None;
    }
    (0..=MOST_DECIMALS).find_map(|places| {
        let scaled = step * 10_f64.powi(places.try_into().ok()?);
        let whole = scaled.round();
        // A step that was divided by a multiplier is off by its last bits.
        let exact = (1.0..1e15).contains(&whole) && (scaled - whole).abs() <= 1e-9 * whole;
        exact.then_some((places, whole as u64))
    })
}

/// `minmov` and `pricescale`, whose quotient is the price step.
pub(super) fn price_steps(tick_size: f64) -> (u64, u64) {
    decimals(tick_size).map_or((1, 100), |(places, minmov)| (minmov, 10_u64.pow(places)))
}

/// When a market trades, in the library's words.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Hours {
    pub(super) session: String,
    pub(super) timezone: String,
    pub(super) holidays: String,
}

pub(super) fn hours(calendar: &Calendar) -> Hours {
    let always = || Hours { session: "24x7".into(), timezone: "Etc/UTC".into(), holidays: String::new() };
    let Some(session) = calendar.session() else { return always() };
    let SessionForm { zone, days, start, end, holidays } = session.clone().into();
    let timezone = match zone.as_str() {
        "US/Pacific" => "America/Los_Angeles",
        "US/Mountain" => "America/Denver",
        "US/Central" => "America/Chicago",
        "US/Eastern" => "America/New_York",
        "UTC" | "GMT" | "Etc/GMT" => "Etc/UTC",
        // The library knows places, not distances.
        other if !other.contains('/') => return always(),
        other => other,
    };
    let clock = |text: &str| text.replace(':', "");
    // Its week begins on Sunday.
    let mut days: Vec<u8> = days.iter().map(|day| day % 7 + 1).collect();
    days.sort_unstable();
    let days: String = days.iter().map(u8::to_string).collect();
    Hours {
        session: format!("{}-{}:{days}", clock(&start), clock(&end)),
        timezone: timezone.to_owned(),
        holidays: holidays.iter().map(|date| date.replace('-', "")).collect::<Vec<_>>().join(","),
    }
}
