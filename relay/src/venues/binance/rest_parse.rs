//! REST answers to updates.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use shared::event::{Funding, FundingKind, OpenInterest};
use shared::market::{Instrument, Ms, Timeframe};

use super::bar::Candle;
use super::parse::{MarkAndFunding, read, trade_update};
use super::{Binance, SPOT, symbol, wire};
use crate::venues::common::number::{Num, Text, time};
use crate::venues::common::series::{on_the_minute, spacing_hours, surely_closed};
use crate::venues::{DepthSnapshot, Fetch, Fetched, Product, Update, VenueError, What};

/// Decodes the body of an answer with a good status.
pub(super) fn answer(
    venue: &Binance,
    fetch: &Fetch,
    received: Ms,
    body: &[u8],
) -> Result<Fetched, VenueError> {
    let text = std::str::from_utf8(body).map_err(|e| VenueError::Malformed { detail: e.to_string() })?;
    let text = text.trim_ascii();
    if text.starts_with('{')
        && let Ok(refusal) = serde_json::from_str::<wire::Refusal<'_>>(text)
    {
        let detail = format!("{}: {}", refusal.code, refusal.msg.as_str());
        return Err(VenueError::Refused { detail });
    }
    let about = |i: &Instrument, what: Vec<What>| {
        let update = |what| Update { symbol: i.symbol.clone(), what };
        Fetched::Updates(what.into_iter().map(update).collect())
    };
    Ok(match fetch {
        Fetch::Instruments { product, .. } => {
            Fetched::Instruments { listed: instruments(product, text)?, next: None }
        }
        Fetch::FundingIntervals { .. } => Fetched::FundingIntervals(funding_intervals(text)?),
        Fetch::Klines { instrument: i, timeframe, .. } => about(i, klines(i, *timeframe, received, text)?),
        Fetch::OpenInterest { instrument: i } => {
            let row: OpenInterestNow<'_> = read(text)?;
            about(i, vec![What::Oi(row.reading(i)?)])
        }
        Fetch::OpenInterestHistory { instrument: i, .. } => about(i, open_interest_history(i, text)?),
        Fetch::FundingHistory { instrument: i, .. } => about(i, funding_history(venue, i, text)?),
        Fetch::MarkPrice { instrument: i } => {
            let row: PremiumIndex<'_> = read(text)?;
            about(i, MarkAndFunding::from(&row).predicted(venue, i)?.into_iter().collect())
        }
        Fetch::Depth { instrument: i } => about(i, vec![What::Snapshot(depth(i, received, text)?)]),
        Fetch::Trades { instrument: i, .. } => about(i, trades(i, text)?),
        // There is no such call.
        Fetch::Search { .. } => Fetched::Ignored("search"),
        Fetch::Ignored(kind) => {
            read::<&RawValue>(text)?;
            Fetched::Ignored(kind)
        }
    })
}

/// `{"symbols":[{"symbol":"BTCUSDT","contractType":"PERPETUAL","status":"TRADING","baseAsset":"BTC",
/// "quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.10"},..],..},..],..}`
#[derive(Deserialize)]
struct ExchangeInfo<'a> {
    #[serde(borrow)]
    symbols: Vec<Market<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Market<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    /// Futures only. Newer values exist (stocks, commodities): matched exactly.
    #[serde(borrow)]
    contract_type: Option<Text<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    base_asset: Text<'a>,
    #[serde(borrow)]
    quote_asset: Text<'a>,
    #[serde(borrow)]
    filters: Vec<Filter<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    #[serde(borrow)]
    filter_type: Text<'a>,
    #[serde(borrow)]
    tick_size: Option<Num<'a>>,
    #[serde(borrow)]
    step_size: Option<Num<'a>>,
}

impl Market<'_> {
    fn step(&self, filter: &str, pick: impl Fn(&Filter<'_>) -> Option<f64>) -> f64 {
        let found = self.filters.iter().find(|f| f.filter_type.as_str() == filter);
        found.and_then(pick).unwrap_or(0.0)
    }
}

fn instruments(product: Product, text: &str) -> Result<Vec<Instrument>, VenueError> {
    let info: ExchangeInfo<'_> = read(text)?;
    let bases: HashSet<&str> = info.symbols.iter().map(|m| m.base_asset.as_str()).collect();
    let trading = |m: &&Market<'_>| {
        let contract = m.contract_type.as_ref().map(Text::as_str);
        m.status.as_str() == "TRADING" && (product == SPOT || contract == Some("PERPETUAL"))
    };
    let listed = |m: &Market<'_>| {
        let listing = symbol::Listing {
            venue_symbol: m.symbol.as_str(),
            base: m.base_asset.as_str(),
            quote: m.quote_asset.as_str(),
            tick_size: m.step("PRICE_FILTER", |f| f.tick_size?.get("tickSize").ok()),
            step_size: m.step("LOT_SIZE", |f| f.step_size?.get("stepSize").ok()),
        };
        symbol::instrument(product, &listing, &bases)
    };
    Ok(info.symbols.iter().filter(trading).filter_map(listed).collect())
}

/// `[{"symbol":"LPTUSDT","fundingIntervalHours":4,..},..]`: only symbols with something unusual.
fn funding_intervals(text: &str) -> Result<Vec<(String, f64)>, VenueError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row<'a> {
        #[serde(borrow)]
        symbol: Text<'a>,
        #[serde(borrow)]
        funding_interval_hours: Num<'a>,
    }
    let rows: Vec<Row<'_>> = read(text)?;
    let hours = |r: &Row<'_>| {
        Ok((r.symbol.as_str().to_owned(), r.funding_interval_hours.price("fundingIntervalHours")?))
    };
    rows.iter().map(hours).collect()
}

/// `[openTime, o, h, l, c, volume, closeTime, quoteVolume, trades, takerBase, takerQuote, "0"]`; the last row
/// may be forming.
fn klines(i: &Instrument, timeframe: Timeframe, received: Ms, text: &str) -> Result<Vec<What>, VenueError> {
    #[derive(Deserialize)]
    struct Row<'a>(
        i64,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        i64,
        #[serde(borrow)] Num<'a>,
        u64,
        #[serde(borrow)] Num<'a>,
        IgnoredAny,
        IgnoredAny,
    );
    let mut rows: Vec<Row<'_>> = read(text)?;
    rows.sort_by_key(|row| row.0);
    let last = rows.len().saturating_sub(1);
    let bar = |(at, row): (usize, &Row<'_>)| {
        let candle = Candle {
            open_time: row.0,
            open: row.1,
            high: row.2,
            low: row.3,
            close: row.4,
            volume: row.5,
            quote_volume: row.7,
            taker_buy: row.9,
            trades: row.8,
        };
        let closed = at < last || surely_closed(row.6, received);
        candle.bar(timeframe, i.multiplier, closed).map(What::Kline)
    };
    rows.iter().enumerate().map(bar).collect()
}

/// `{"openInterest":"83782.317","symbol":"BTCUSDT","time":1702244985273}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenInterestNow<'a> {
    #[serde(borrow)]
    pub symbol: Text<'a>,
    #[serde(borrow)]
    open_interest: Num<'a>,
    time: i64,
}

impl OpenInterestNow<'_> {
    /// In coins; the value follows once a mark price is known.
    pub(super) fn reading(&self, i: &Instrument) -> Result<OpenInterest, VenueError> {
        Ok(OpenInterest {
            timestamp: time("time", self.time)?,
            open_interest: self.open_interest.quantity("openInterest")? * i.multiplier,
            open_interest_value: None,
        })
    }
}

/// `[{"symbol":"BTCUSDT","sumOpenInterest":"111856.664","sumOpenInterestValue":"7051831069.12",
/// "CMCCirculatingSupply":"20070287","timestamp":1786816800000},..]`
pub(super) fn open_interest_history(i: &Instrument, text: &str) -> Result<Vec<What>, VenueError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row<'a> {
        #[serde(borrow)]
        sum_open_interest: Num<'a>,
        #[serde(borrow)]
        sum_open_interest_value: Num<'a>,
        timestamp: i64,
    }
    let mut rows: Vec<Row<'_>> = read(text)?;
    rows.sort_by_key(|row| row.timestamp);
    let reading = |row: &Row<'_>| {
        Ok(What::Oi(OpenInterest {
            timestamp: time("timestamp", row.timestamp)?,
            open_interest: row.sum_open_interest.quantity("sumOpenInterest")? * i.multiplier,
            open_interest_value: Some(row.sum_open_interest_value.quantity("sumOpenInterestValue")?),
        }))
    };
    rows.iter().map(reading).collect()
}

/// `[{"symbol":"BTCUSDT","fundingTime":1698710400001,"fundingRate":"0.0001","markPrice":"34287.5"},..]`
pub(super) fn funding_history(venue: &Binance, i: &Instrument, text: &str) -> Result<Vec<What>, VenueError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row<'a> {
        funding_time: i64,
        #[serde(borrow)]
        funding_rate: Num<'a>,
        #[serde(borrow)]
        mark_price: Option<Num<'a>>,
    }
    let mut rows: Vec<Row<'_>> = read(text)?;
    rows.sort_by_key(|row| row.funding_time);
    let times = rows.iter().map(|row| time("fundingTime", row.funding_time).map(on_the_minute));
    let times: Vec<Ms> = times.collect::<Result<_, _>>()?;
    let usual = venue.funding_interval(&i.venue_symbol);
    let settled = |(at, row): (usize, &Row<'_>)| {
        let timestamp = times.get(at).copied().unwrap_or(Ms(row.funding_time));
        let mark = row.mark_price.map_or(Ok(None), |p| p.optional("markPrice"))?;
        let funding = Funding {
            timestamp,
            kind: FundingKind::Settled,
            funding_rate: row.funding_rate.get("fundingRate")?,
            next_funding_time: None,
            interval_hours: None,
            funding_apr: None,
            mark_price: mark.filter(|p| *p > 0.0).map(|p| p / i.multiplier),
            index_price: None,
        };
        Ok(What::Funding(funding.with_interval(spacing_hours(&times, at).or(usual))))
    };
    rows.iter().enumerate().map(settled).collect()
}

/// `{"symbol":"BTCUSDT","markPrice":"26780.8","indexPrice":"26798.2","estimatedSettlePrice":"26808.1",
/// "lastFundingRate":"0.00001226","interestRate":"0.0001","nextFundingTime":1687248000000,"time":1687244112000}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PremiumIndex<'a> {
    #[serde(borrow)]
    pub symbol: Text<'a>,
    #[serde(borrow)]
    mark_price: Num<'a>,
    #[serde(borrow)]
    index_price: Num<'a>,
    #[serde(borrow)]
    last_funding_rate: Num<'a>,
    next_funding_time: i64,
    time: i64,
}

impl<'a> From<&PremiumIndex<'a>> for MarkAndFunding<'a> {
    fn from(row: &PremiumIndex<'a>) -> MarkAndFunding<'a> {
        MarkAndFunding {
            at: row.time,
            mark: Some(row.mark_price),
            index: Some(row.index_price),
            rate: row.last_funding_rate,
            next: (row.next_funding_time > 0).then_some(row.next_funding_time),
        }
    }
}

/// The whole book to the limit asked for; spot does not say of when.
fn depth(i: &Instrument, received: Ms, text: &str) -> Result<DepthSnapshot, VenueError> {
    let book: wire::WholeDepth = read(text)?;
    let at = book.time.or(book.event_time);
    Ok(DepthSnapshot {
        timestamp: at.map_or(Ok(received), |at| time("T", at))?,
        last_id: book.last_update_id,
        bids: book.bids.per_coin(i.multiplier),
        asks: book.asks.per_coin(i.multiplier),
    })
}

/// `[{"a":19427407,"p":"49.73","q":"0.001","f":42831257,"l":42831257,"T":1602819697783,"m":true},..]`, or
/// single trades as `[{"id":229020336,"price":"11494.06","qty":"0.007","time":1602819641313,
/// "isBuyerMaker":false},..]`. Ascending by id.
fn trades(i: &Instrument, text: &str) -> Result<Vec<What>, VenueError> {
    #[derive(Deserialize)]
    struct Row<'a> {
        #[serde(alias = "id")]
        a: u64,
        #[serde(alias = "price", borrow)]
        p: Num<'a>,
        #[serde(alias = "qty", borrow)]
        q: Num<'a>,
        #[serde(rename = "T", alias = "time")]
        at: i64,
        #[serde(alias = "isBuyerMaker")]
        m: bool,
    }
    let mut rows: Vec<Row<'_>> = read(text)?;
    rows.sort_by_key(|row| row.a);
    rows.iter().map(|row| trade_update(i, row.a, row.p, row.q, row.at, row.m)).collect()
}
