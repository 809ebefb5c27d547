//! REST answers to updates.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::event::{Funding, FundingKind, OpenInterest};
use shared::market::{Instrument, Ms, Timeframe};
use shared::maths::book::OrderBook;

use super::bar::Candle;
use super::parse::{TradeRow, read};
use super::ticker::Ticker;
use super::{Bybit, Facts, SPOT, symbol, wire};
use crate::venues::common::number::{Levels, Num, Text, time};
use crate::venues::common::series::{on_the_minute, spacing_hours, surely_closed};
use crate::venues::{Fetch, Fetched, Product, Update, VenueError, What};

/// `{"retCode":0,"retMsg":"OK","result":{..},"retExtInfo":{},"time":1786820637599}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    pub(super) ret_code: i64,
    #[serde(borrow)]
    pub(super) ret_msg: Text<'a>,
    #[serde(borrow)]
    pub(super) result: &'a RawValue,
    pub(super) time: Option<i64>,
}

/// `{"category":"linear","list":[..],"nextPageCursor":""}`; `symbol` where all rows are of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rows<'a, R> {
    #[serde(borrow)]
    pub(super) category: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) symbol: Option<Text<'a>>,
    pub(super) list: Vec<R>,
    #[serde(borrow)]
    next_page_cursor: Option<Text<'a>>,
}

pub(super) fn rows<'a, R: Deserialize<'a>>(result: &'a RawValue) -> Result<Vec<R>, VenueError> {
    read::<Rows<'a, R>>(result.get()).map(|rows| rows.list)
}

/// Decodes the body of an answer.
pub(super) fn answer(venue: &Bybit, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
    let text = std::str::from_utf8(body).map_err(|e| VenueError::Malformed { detail: e.to_string() })?;
    let envelope: Envelope<'_> = read(text)?;
    if envelope.ret_code != 0 {
        let detail = format!("{}: {}", envelope.ret_code, envelope.ret_msg.as_str());
        return Err(VenueError::Refused { detail });
    }
    let result = envelope.result;
    let updates = |i: &Instrument, what: Vec<What>| {
        let update = |what| Update { symbol: i.symbol.clone(), what };
        Ok(Fetched::Updates(what.into_iter().map(update).collect()))
    };
    match fetch {
        Fetch::Instruments { product, .. } => instruments(venue, product, result),
        Fetch::Klines { instrument: i, timeframe, .. } => {
            updates(i, klines(i, *timeframe, received, rows(result)?)?)
        }
        Fetch::OpenInterest { instrument: i } | Fetch::MarkPrice { instrument: i } => {
            let at = envelope.time.map_or(Ok(received), |at| time("time", at))?;
            let rows: Vec<wire::Ticker<'_>> = rows(result)?;
            let row = rows.iter().find(|row| row.symbol.as_str() == i.venue_symbol);
            updates(i, row.map_or(Ok(Vec::new()), |row| ticker(venue, i, at, row))?)
        }
        Fetch::OpenInterestHistory { instrument: i, .. } => {
            updates(i, open_interest_history(i, rows(result)?)?)
        }
        Fetch::FundingHistory { instrument: i, .. } => updates(i, funding_history(venue, i, rows(result)?)?),
        Fetch::Depth { instrument: i } => updates(i, depth(i, result)?),
        Fetch::Trades { instrument: i, from, to, .. } => {
            let mut found = trades(i, rows(result)?)?;
            // The venue gives its newest, whatever the time.
            found.retain(|what| match what {
                What::Trade(t) => (*from..*to).contains(&t.trade.timestamp),
                _ => true,
            });
            updates(i, found)
        }
        Fetch::Ignored(kind) => Ok(Fetched::Ignored(kind)),
        Fetch::FundingIntervals { .. } | Fetch::Search { .. } => Ok(Fetched::Ignored("rest_other_call")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    /// Linear only.
    #[serde(borrow)]
    contract_type: Option<Text<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    base_coin: Text<'a>,
    #[serde(borrow)]
    quote_coin: Text<'a>,
    #[serde(borrow)]
    launch_time: Option<Num<'a>>,
    #[serde(borrow)]
    price_filter: PriceFilter<'a>,
    #[serde(borrow)]
    lot_size_filter: LotSizeFilter<'a>,
    /// Minutes.
    #[serde(borrow)]
    funding_interval: Option<Num<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceFilter<'a> {
    #[serde(borrow)]
    tick_size: Num<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LotSizeFilter<'a> {
    #[serde(borrow)]
    qty_step: Option<Num<'a>>,
    /// Spot's name for it.
    #[serde(borrow)]
    base_precision: Option<Num<'a>>,
}

fn instruments(venue: &Bybit, product: Product, result: &RawValue) -> Result<Fetched, VenueError> {
    let page: Rows<'_, Listed<'_>> = read(result.get())?;
    let bases: HashSet<&str> = page.list.iter().map(|m| m.base_coin.as_str()).collect();
    let ours = |m: &&Listed<'_>| {
        let contract = m.contract_type.as_ref().map(Text::as_str);
        let perpetual =
            contract == Some("LinearPerpetual") && matches!(m.quote_coin.as_str(), "USDT" | "USDC");
        m.status.as_str() == "Trading" && (product == SPOT || perpetual)
    };
    let step = |value: Option<Num<'_>>, field| value.and_then(|v| v.quantity(field).ok()).unwrap_or(0.0);
    let (mut listed, mut told) = (Vec::new(), Vec::new());
    for m in page.list.iter().filter(ours) {
        let lot = &m.lot_size_filter;
        let listing = symbol::Listing {
            venue_symbol: m.symbol.as_str(),
            base: m.base_coin.as_str(),
            quote: m.quote_coin.as_str(),
            tick_size: step(Some(m.price_filter.tick_size), "tickSize"),
            step_size: step(lot.qty_step.or(lot.base_precision), "qtyStep"),
        };
        listed.extend(symbol::instrument(product, &listing, &bases));
        if product != SPOT {
            let minutes = m.funding_interval.and_then(|n| n.price("fundingInterval").ok());
            let launched = m.launch_time.and_then(|n| n.get("launchTime").ok());
            let launched = launched.and_then(|at| time("launchTime", at as i64).ok());
            let facts = Facts { funding_hours: minutes.map(|m| m / 60.0), launched };
            told.push((m.symbol.as_str().to_owned(), facts));
        }
    }
    venue.learn(told);
    let next = page.next_page_cursor.map(|c| c.as_str().to_owned()).filter(|c| !c.is_empty());
    Ok(Fetched::Instruments { listed, next })
}

/// `["1786820400000","63027.8","63032.3","63027.7","63032.3","4.591","289363.9178"]`: start, o, h, l, c, volume,
/// turnover; newest first, the first may be forming.
#[derive(Deserialize)]
struct KlineRow<'a>(
    #[serde(borrow)] Num<'a>,
    #[serde(borrow)] Num<'a>,
    #[serde(borrow)] Num<'a>,
    #[serde(borrow)] Num<'a>,
    #[serde(borrow)] Num<'a>,
    #[serde(borrow)] Num<'a>,
    #[serde(borrow)] Num<'a>,
);

fn klines(
    i: &Instrument,
    timeframe: Timeframe,
    received: Ms,
    rows: Vec<KlineRow<'_>>,
) -> Result<Vec<What>, VenueError> {
    fn timed(row: KlineRow<'_>) -> Result<(Ms, KlineRow<'_>), VenueError> {
        Ok((time("start", row.0.get("start")? as i64)?, row))
    }
    let mut rows: Vec<_> = rows.into_iter().map(timed).collect::<Result<_, _>>()?;
    rows.sort_by_key(|(start, _)| *start);
    let last = rows.len().saturating_sub(1);
    let bar = |(at, (start, row)): (usize, &(Ms, KlineRow<'_>))| {
        let candle = Candle {
            open_time: start.0,
            open: row.1,
            high: row.2,
            low: row.3,
            close: row.4,
            volume: row.5,
            turnover: row.6,
        };
        let closed = at < last || surely_closed(start.0 + timeframe.nominal().0 - 1, received);
        candle.bar(timeframe, i.multiplier, closed).map(What::Kline)
    };
    rows.iter().enumerate().map(bar).collect()
}

pub(super) fn ticker(
    venue: &Bybit,
    i: &Instrument,
    at: Ms,
    row: &wire::Ticker<'_>,
) -> Result<Vec<What>, VenueError> {
    Ok(Ticker::default().merged(row)?.news(at, i, venue.facts(i).funding_hours))
}

/// `{"openInterest":"52664.64200000","singleOpenInterest":"26332.321","timestamp":"1789458600000"}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenInterestRow<'a> {
    /// Both sides.
    #[serde(borrow)]
    open_interest: Num<'a>,
    #[serde(borrow)]
    single_open_interest: Option<Num<'a>>,
    #[serde(borrow)]
    timestamp: Num<'a>,
}

pub(super) fn open_interest_history(
    i: &Instrument,
    rows: Vec<OpenInterestRow<'_>>,
) -> Result<Vec<What>, VenueError> {
    let reading = |row: &OpenInterestRow<'_>| {
        let single = row.single_open_interest.map_or(Ok(None), |n| n.optional("singleOpenInterest"))?;
        let both = row.open_interest.quantity("openInterest")?;
        let coins = single.filter(|coins| *coins >= 0.0).unwrap_or(both / 2.0);
        Ok(OpenInterest {
            timestamp: time("timestamp", row.timestamp.get("timestamp")? as i64)?,
            open_interest: coins * i.multiplier,
            open_interest_value: None,
        })
    };
    let mut readings = rows.iter().map(reading).collect::<Result<Vec<OpenInterest>, VenueError>>()?;
    readings.sort_by_key(|oi| oi.timestamp);
    Ok(readings.into_iter().map(What::Oi).collect())
}

/// `{"symbol":"BTCUSDT","fundingRate":"0.0001","fundingRateTimestamp":"1786320000000"}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FundingRow<'a> {
    #[serde(borrow)]
    funding_rate: Num<'a>,
    #[serde(borrow)]
    funding_rate_timestamp: Num<'a>,
}

/// Payments made; the interval of each is the distance to the one before.
pub(super) fn funding_history(
    venue: &Bybit,
    i: &Instrument,
    rows: Vec<FundingRow<'_>>,
) -> Result<Vec<What>, VenueError> {
    let paid = |row: &FundingRow<'_>| {
        let at = row.funding_rate_timestamp.get("fundingRateTimestamp")? as i64;
        Ok((on_the_minute(time("fundingRateTimestamp", at)?), row.funding_rate.get("fundingRate")?))
    };
    let mut paid = rows.iter().map(paid).collect::<Result<Vec<(Ms, f64)>, VenueError>>()?;
    paid.sort_by_key(|(at, _)| *at);
    let times: Vec<Ms> = paid.iter().map(|(at, _)| *at).collect();
    let usual = venue.facts(i).funding_hours;
    let settled = |(n, (timestamp, funding_rate)): (usize, &(Ms, f64))| {
        let funding = Funding {
            timestamp: *timestamp,
            kind: FundingKind::Settled,
            funding_rate: *funding_rate,
            next_funding_time: None,
            interval_hours: None,
            funding_apr: None,
            mark_price: None,
            index_price: None,
        };
        What::Funding(funding.with_interval(spacing_hours(&times, n).or(usual)))
    };
    Ok(paid.iter().enumerate().map(settled).collect())
}

/// `{"s":"BTCUSDT","b":[["65114.2","5.9"]],"a":[..],"ts":1786310819681,"u":15076953,"seq":7538,"cts":1786310819680}`
#[derive(Deserialize)]
pub(super) struct Book<'a> {
    #[serde(borrow)]
    pub(super) s: Text<'a>,
    b: Levels,
    a: Levels,
    ts: i64,
    cts: Option<i64>,
}

/// The top of the book alone: its number is that of the deepest stream, so that no chain can begin with it.
pub(super) fn depth(i: &Instrument, result: &RawValue) -> Result<Vec<What>, VenueError> {
    let Book { b, a, ts, cts, .. } = read(result.get())?;
    let mut book = OrderBook::new(i.tick_size);
    b.per_coin(i.multiplier).iter().for_each(|l| book.set_bid(l.price, l.quantity));
    a.per_coin(i.multiplier).iter().for_each(|l| book.set_ask(l.price, l.quantity));
    Ok(book.top(time("ts", cts.unwrap_or(ts))?).map(What::Top).into_iter().collect())
}

/// `{"execId":"2100000000007764263","symbol":"BTCUSDT","price":"16618.49","size":"0.00012","side":"Buy",
/// "time":"1672052955758","isBlockTrade":false,"isRPITrade":false,"seq":"123456"}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecentTrade<'a> {
    #[serde(borrow)]
    exec_id: Text<'a>,
    #[serde(borrow)]
    price: Num<'a>,
    #[serde(borrow)]
    size: Num<'a>,
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    time: Num<'a>,
    #[serde(default)]
    is_block_trade: bool,
}

/// Recent trades, oldest first; block trades are left out as on the socket.
pub(super) fn trades(i: &Instrument, rows: Vec<RecentTrade<'_>>) -> Result<Vec<What>, VenueError> {
    let mut found = Vec::with_capacity(rows.len());
    for x in rows.iter().rev().filter(|x| !x.is_block_trade) {
        let at = x.time.get("time")? as i64;
        let (side, id) = (x.side.as_str(), x.exec_id.as_str());
        found.push((at, TradeRow { at, price: x.price, size: x.size, side, id }.update(i)?));
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, what)| what).collect())
}
