//! REST answers to updates. Rows come newest first and are given oldest first.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::market::{Instrument, Ms};

use super::contracts::coins;
use super::parse::{self, at, read, reading};
use super::{Okx, SWAP, funding, symbol, wire};
use crate::venues::common::number::{Num, Text};
use crate::venues::common::series::{spacing_hours, surely_closed};
use crate::venues::{Fetch, Fetched, Product, Update, VenueError, What};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// A row that is told by its times.
type Timed = Result<(Ms, What), VenueError>;

/// Decodes the body of an answer.
pub(super) fn answer(venue: &Okx, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
    let text = std::str::from_utf8(body).map_err(|e| VenueError::Malformed { detail: e.to_string() })?;
    let body: Body<'_> = read(text.trim_ascii())?;
    if body.code.as_str() != "0" {
        let message = body.msg.as_ref().map_or("", |msg| msg.as_str());
        return Err(VenueError::Refused { detail: format!("{}: {message}", body.code.as_str()) });
    }
    let data = body.data.ok_or(VenueError::Field { field: "data", detail: "is missing".into() })?.get();
    match fetch {
        Fetch::Instruments { product, .. } => instruments(venue, product, data),
        Fetch::Klines { instrument: i, timeframe, from, to, .. } => {
            let closed = |open: Ms| surely_closed((open + timeframe.nominal()).0, received);
            let row = |row: Vec<Num<'_>>| -> Timed {
                let bar = parse::candle(i, *timeframe, &row, closed)?;
                Ok((bar.timestamp, What::Kline(bar)))
            };
            rows(i, (*from, *to), read::<Vec<Vec<Num<'_>>>>(data)?.into_iter().map(row))
        }
        Fetch::Trades { instrument: i, to, .. } => {
            let coins = size(venue, i)?;
            let row = |row: wire::Trade<'_>| -> Timed { Ok((at("ts", row.ts)?, parse::trade(&row, coins)?)) };
            // Older ones show that the newest so many reach over the range.
            rows(i, (Ms::ZERO, *to), read::<Vec<wire::Trade<'_>>>(data)?.into_iter().map(row))
        }
        Fetch::OpenInterest { instrument: i } => {
            let mut all = read::<Vec<wire::OpenInterest<'_>>>(data)?;
            all.retain(|row| row.inst_id.as_str() == i.venue_symbol);
            let row = |row: wire::OpenInterest<'_>| -> Timed {
                Ok((at("ts", row.ts)?, parse::open_interest(&row)?))
            };
            rows(i, EVER, all.into_iter().map(row))
        }
        Fetch::OpenInterestHistory { instrument: i, from, to, .. } => {
            let all = read::<Vec<[Num<'_>; 4]>>(data)?;
            let row = |[time, _, coins, usd]: [Num<'_>; 4]| -> Timed {
                let (time, coins) = (at("ts", time)?, coins.quantity("oiCcy")?);
                Ok((time, What::Oi(reading(time, coins, usd.optional("oiUsd")?))))
            };
            rows(i, (*from, *to), all.into_iter().map(row))
        }
        Fetch::FundingHistory { instrument: i, from, to, .. } => payments(i, (*from, *to), data),
        Fetch::MarkPrice { instrument: i } => forecast(i, received, data),
        Fetch::Depth { instrument: i } => {
            let coins = size(venue, i)?;
            let books: Vec<wire::Book<'_>> = read(data)?;
            let mut said = Vec::new();
            for book in books {
                said.extend(parse::top(i, book, coins)?);
            }
            Ok(about(i, said))
        }
        Fetch::Ignored(kind) => Ok(Fetched::Ignored(kind)),
        Fetch::Search { .. } | Fetch::FundingIntervals { .. } => Ok(Fetched::Ignored("rest_other_call")),
    }
}

/// No bounds.
const EVER: (Ms, Ms) = (Ms::ZERO, Ms(i64::MAX));

fn about(i: &Instrument, said: Vec<What>) -> Fetched {
    let update = |what| Update { symbol: i.symbol.clone(), what };
    Fetched::Updates(said.into_iter().map(update).collect())
}

/// The rows of `[from, to)`, by time.
fn rows(
    i: &Instrument,
    (from, to): (Ms, Ms),
    said: impl Iterator<Item = Timed>,
) -> Result<Fetched, VenueError> {
    let mut said: Vec<(Ms, What)> = said.collect::<Result<_, _>>()?;
    said.retain(|(time, _)| (from..to).contains(time));
    // Newest first: turned round, so that rows of one time stay in their order.
    said.reverse();
    said.sort_by_key(|(time, _)| *time);
    Ok(about(i, said.into_iter().map(|(_, what)| what).collect()))
}

/// Coins per unit of size.
fn size(venue: &Okx, i: &Instrument) -> Result<f64, VenueError> {
    let unknown =
        || VenueError::Field { field: "ctVal", detail: format!("of {} is unknown", i.venue_symbol) };
    venue.contracts.coins(i).ok_or_else(unknown)
}

/// Live linear swaps or spot pairs; the contract sizes are kept. A row that cannot be read is passed over: one odd
/// listing is no reason to do without all the others.
fn instruments(venue: &Okx, product: Product, data: &str) -> Result<Fetched, VenueError> {
    let rows = read::<Vec<&RawValue>>(data)?;
    let found = rows.iter().filter_map(|row| listing(product, row.get()).ok().flatten());
    let (listed, sizes): (Vec<Instrument>, Vec<(String, f64)>) =
        found.map(|(i, coins)| (i.clone(), (i.venue_symbol, coins))).unzip();
    if listed.is_empty() && !rows.is_empty() {
        // None of so many is no odd row: read one again for what is wrong.
        rows.iter().try_for_each(|row| listing(product, row.get()).map(|_| ()))?;
    }
    if product == SWAP {
        venue.contracts.learn(sizes);
    }
    Ok(Fetched::Instruments { listed, next: None })
}

/// An instrument we follow and the coins of one unit of its size.
fn listing(product: Product, row: &str) -> Result<Option<(Instrument, f64)>, VenueError> {
    let row: wire::Listing<'_> = read(row)?;
    let name = row.inst_id.as_str();
    let Ok((_, quote)) = symbol::pair(product, name) else { return Ok(None) };
    let linear = row.ct_type.as_str() == "linear" && row.settle_ccy.as_str() == quote;
    if row.state.as_str() != "live" || (product == SWAP && !linear) {
        return Ok(None);
    }
    let size = if product == SWAP {
        row.ct_val.price("ctVal")? * row.ct_mult.optional("ctMult")?.unwrap_or(1.0)
    } else {
        1.0
    };
    let (tick, step) = (row.tick_sz.price("tickSz")?, coins(row.lot_sz.price("lotSz")?, size));
    Ok(symbol::instrument(product, name, tick, step).map(|i| (i, size)))
}

/// Payments made; the paid rate where it is told.
fn payments(i: &Instrument, (from, to): (Ms, Ms), data: &str) -> Result<Fetched, VenueError> {
    let mut paid: Vec<(Ms, f64)> = Vec::new();
    for row in read::<Vec<wire::PastFunding<'_>>>(data)? {
        let realized = row.realized_rate.map_or(Ok(None), |rate| rate.optional("realizedRate"))?;
        let rate = realized.map_or_else(|| row.funding_rate.get("fundingRate"), Ok)?;
        paid.push((at("fundingTime", row.funding_time)?, rate));
    }
    paid.sort_by_key(|(time, _)| *time);
    let times: Vec<Ms> = paid.iter().map(|(time, _)| *time).collect();
    let row = |(n, (time, rate)): (usize, (Ms, f64))| -> Timed {
        Ok((time, What::Funding(funding::paid(time, rate, spacing_hours(&times, n)))))
    };
    rows(i, (from, to), paid.into_iter().enumerate().map(row))
}

/// What the funding and the mark price call have in common.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Forecast<'a> {
    #[serde(borrow)]
    inst_id: Text<'a>,
    #[serde(borrow)]
    mark_px: Option<Num<'a>>,
}

fn forecast(i: &Arc<Instrument>, received: Ms, data: &str) -> Result<Fetched, VenueError> {
    let mut said = Vec::new();
    for raw in read::<Vec<&RawValue>>(data)? {
        let row: Forecast<'_> = read(raw.get())?;
        if row.inst_id.as_str() != i.venue_symbol {
            continue;
        }
        if row.mark_px.is_some() {
            return Ok(Fetched::Ignored("mark_price_without_funding"));
        }
        let row: wire::FundingRate<'_> = read(raw.get())?;
        said.extend(funding::Merged::default().rate(&row, received)?);
    }
    Ok(about(i, said))
}
