//! Answers to calls.

use serde_json::value::RawValue;
use shared::market::{Calendar, Instrument, Ms};

use super::InsightSentry;
use super::bars::of_series;
use super::decode::read;
use super::symbol::{self, Hours, Listing};
use super::wire::{Refusal, Search, Series, Session};
use crate::venues::{Fetch, Fetched, Update, VenueError, What};

/// Decodes the body of a successful answer.
pub(super) fn answer(
    venue: &InsightSentry,
    fetch: &Fetch,
    received: Ms,
    body: &[u8],
) -> Result<Fetched, VenueError> {
    let text = std::str::from_utf8(body).map_err(|e| VenueError::Malformed { detail: e.to_string() })?;
    let text = text.trim_ascii();
    if let Some(detail) = refusal(venue, text) {
        return Err(VenueError::Refused { detail });
    }
    Ok(match fetch {
        Fetch::Klines { instrument, timeframe, from, to, .. } => {
            let series: Series<'_> = object(text)?;
            let told = series.last_update.and_then(|at| super::bars::instant("last_update", at, Ms(1)).ok());
            let now = if received > Ms::ZERO { received } else { told.unwrap_or(received) };
            let mut bars = of_series(&series, *timeframe, &instrument.calendar, now)?;
            bars.retain(|bar| (*from..*to).contains(&bar.timestamp));
            let update = |bar| Update { symbol: instrument.symbol.clone(), what: What::Kline(bar) };
            Fetched::Updates(bars.into_iter().map(update).collect())
        }
        Fetch::Instruments { .. } => {
            Fetched::Instruments { listed: vec![session(&object::<Session<'_>>(text)?)?], next: None }
        }
        Fetch::Search { .. } => {
            let found: Search<'_> = object(text)?;
            let listing = |row: &super::wire::Found<'_>| {
                let (code, kind) = (row.code.as_deref()?, row.kind.as_deref());
                let listing = Listing { code, kind, currency: row.currency_code.as_deref(), tick_size: 0.0 };
                let calendar = symbol::guess(code).map_or(Calendar::Continuous, |i| i.calendar);
                symbol::instrument(&listing, calendar)
            };
            Fetched::Instruments { listed: found.symbols.iter().filter_map(listing).collect(), next: None }
        }
        Fetch::Ignored(kind) => {
            read::<&RawValue>(text)?;
            Fetched::Ignored(kind)
        }
        // There are no such calls.
        Fetch::FundingIntervals { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::Depth { .. }
        | Fetch::Trades { .. } => Fetched::Ignored("unsupported"),
    })
}

/// A list would be read as the fields of a struct in their order.
fn object<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    if text.starts_with('{') {
        read(text)
    } else {
        Err(VenueError::Malformed { detail: "not an object".to_owned() })
    }
}

/// The error a body is, though its status may say otherwise; without the key.
pub(super) fn refusal(venue: &InsightSentry, text: &str) -> Option<String> {
    // Errors are short; answers are long and hold none.
    if !text.starts_with('{') || text.len() > 4_096 || !text.contains("\"error\"") {
        return None;
    }
    let refusal: Refusal<'_> = read(text).ok()?;
    let code = refusal.error.as_deref()?;
    let said = refusal.message.as_deref().map_or(code.to_owned(), |message| format!("{code}: {message}"));
    Some(venue.without_key(&said))
}

fn session(session: &Session<'_>) -> Result<Instrument, VenueError> {
    let tick_size = match (session.minimum_movement, session.price_scale) {
        (Some(movement), Some(scale)) if movement > 0.0 && scale > 0.0 => movement / scale,
        _ => 0.0,
    };
    let hours = Hours {
        zone: session.timezone.as_deref(),
        start: session.start_hour.as_deref(),
        end: session.end_hour.as_deref(),
    };
    let holidays: Vec<&str> = session.holidays.iter().map(|day| &**day).collect();
    let calendar = symbol::calendar(&session.code, &hours, &holidays);
    let listing = Listing {
        code: &session.code,
        kind: session.kind.as_deref(),
        currency: session.currency_code.as_deref(),
        tick_size,
    };
    let unknown = || VenueError::Field { field: "code", detail: "not EXCHANGE:TICKER".to_owned() };
    symbol::instrument(&listing, calendar).ok_or_else(unknown)
}
