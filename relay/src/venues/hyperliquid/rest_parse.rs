//! REST answers to updates.

use serde::de::IgnoredAny;
use shared::event::{Funding, FundingKind};
use shared::market::{Instrument, Ms, Timeframe};

use super::parse::{bar, context_updates, malformed, read, snapshot, trade_updates};
use super::{FUNDING_HOURS, symbol, wire};
use crate::venues::common::number::time;
use crate::venues::common::series::{spacing_hours, surely_closed};
use crate::venues::{Fetch, Fetched, Update, VenueError, What};

/// Decodes the body of an answer with a good status.
pub(super) fn answer(fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
    let text = std::str::from_utf8(body).map_err(malformed)?.trim_ascii();
    if text == "null" {
        return Err(VenueError::Refused { detail: "no such coin".into() });
    }
    let about = |i: &Instrument, what: Vec<What>| {
        let update = |what| Update { symbol: i.symbol.clone(), what };
        Fetched::Updates(what.into_iter().map(update).collect())
    };
    Ok(match fetch {
        Fetch::Instruments { .. } => Fetched::Instruments { listed: instruments(text)?, next: None },
        Fetch::Klines { instrument: i, timeframe, from, to, .. } => {
            let mut bars = klines(i, *timeframe, received, text)?;
            bars.retain(|what| matches!(what, What::Kline(bar) if (*from..*to).contains(&bar.timestamp)));
            about(i, bars)
        }
        Fetch::FundingHistory { instrument: i, .. } => about(i, funding_history(i, text)?),
        Fetch::MarkPrice { instrument: i } => about(i, context(i, received, text)?.1.into()),
        Fetch::OpenInterest { instrument: i } => about(i, context(i, received, text)?.0.into()),
        Fetch::Depth { instrument: i } => {
            about(i, vec![What::Snapshot(snapshot(&read(text)?, i.multiplier)?)])
        }
        Fetch::Trades { instrument: i, .. } => about(i, trades(i, text)?),
        Fetch::Ignored(kind) => {
            read::<IgnoredAny>(text)?;
            Fetched::Ignored(kind)
        }
        Fetch::OpenInterestHistory { .. } | Fetch::FundingIntervals { .. } | Fetch::Search { .. } => {
            Fetched::Ignored("rest_other_call")
        }
    })
}

/// `meta`, or the pair of it and the contexts in its order.
fn listing(text: &str) -> Result<(wire::Meta<'_>, Vec<wire::Context<'_>>), VenueError> {
    if text.starts_with('{') { Ok((read(text)?, Vec::new())) } else { read(text) }
}

fn instruments(text: &str) -> Result<Vec<Instrument>, VenueError> {
    let (meta, contexts) = listing(text)?;
    let listed = meta.universe.iter().enumerate().filter(|(_, asset)| !asset.is_delisted);
    let instrument = |(at, asset): (usize, &wire::Asset<'_>)| {
        let mark = contexts.get(at).and_then(|ctx| ctx.mark_px.price("markPx").ok());
        symbol::instrument(asset.name.as_str(), asset.sz_decimals, mark)
    };
    Ok(listed.filter_map(instrument).collect())
}

/// Open interest and predicted funding of one coin among all.
fn context(i: &Instrument, received: Ms, text: &str) -> Result<([What; 1], [What; 1]), VenueError> {
    let (meta, contexts) = listing(text)?;
    let place = meta.universe.iter().position(|asset| asset.name.as_str() == i.venue_symbol);
    let ctx = place.and_then(|place| contexts.get(place));
    let ctx =
        ctx.ok_or_else(|| VenueError::Refused { detail: format!("no context of {}", i.venue_symbol) })?;
    let [oi, funding] = context_updates(ctx, i, received)?;
    Ok(([oi], [funding]))
}

/// Candles by time; the last may be forming.
pub(super) fn klines(
    i: &Instrument,
    timeframe: Timeframe,
    received: Ms,
    text: &str,
) -> Result<Vec<What>, VenueError> {
    let mut rows: Vec<wire::Candle<'_>> = read(text)?;
    rows.sort_by_key(|row| row.t);
    let last = rows.len().saturating_sub(1);
    let kline = |(at, row): (usize, &wire::Candle<'_>)| {
        let closed = at < last || surely_closed(row.end, received);
        bar(row, timeframe, i.multiplier, closed).map(What::Kline)
    };
    rows.iter().enumerate().map(kline).collect()
}

/// Payments by time, on the full hour they were for.
pub(super) fn funding_history(i: &Instrument, text: &str) -> Result<Vec<What>, VenueError> {
    let mut rows: Vec<wire::Funding<'_>> = read(text)?;
    rows.retain(|row| row.coin.as_str() == i.venue_symbol);
    rows.sort_by_key(|row| row.time);
    let times = rows.iter().map(|row| time("time", row.time).map(|at| at.floor(Ms::HOUR)));
    let times: Vec<Ms> = times.collect::<Result<_, _>>()?;
    let settled = |(at, (row, timestamp)): (usize, (&wire::Funding<'_>, &Ms))| {
        let funding = Funding {
            timestamp: *timestamp,
            kind: FundingKind::Settled,
            funding_rate: row.funding_rate.get("fundingRate")?,
            next_funding_time: None,
            interval_hours: None,
            funding_apr: None,
            mark_price: None,
            index_price: None,
        };
        // Hourly now; every eight hours in the venue's first months.
        Ok(What::Funding(funding.with_interval(spacing_hours(&times, at).or(Some(FUNDING_HOURS)))))
    };
    rows.iter().zip(&times).enumerate().map(settled).collect()
}

/// Recent trades, by time.
pub(super) fn trades(i: &Instrument, text: &str) -> Result<Vec<What>, VenueError> {
    trade_updates(i, read(text)?)
}
