//! Rows to what they say, sizes in coins.

use serde::Deserialize;
use shared::event::{
    Bar, BookTop, Liquidation, LiquidationSide, OpenInterest, Origin, PriceKind, Side, Trade as TradeEvent,
};
use shared::market::{Instrument, Kind, Ms, Timeframe};
use shared::maths::book::OrderBook;

use super::contracts::coins;
use super::wire;
use crate::venues::common::number::{Levels, Num, Text, time};
use crate::venues::{DepthDiff, DepthSnapshot, Level, TradeUpdate, VenueError, What};

/// Reads a wire struct.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    serde_json::from_str(text).map_err(|error| VenueError::Malformed { detail: error.to_string() })
}

/// A time in ms, as text.
pub(super) fn at(field: &'static str, ms: Num<'_>) -> Result<Ms, VenueError> {
    time(field, ms.get(field)? as i64)
}

fn unknown(field: &'static str, text: &Text<'_>) -> VenueError {
    let excerpt: String = text.as_str().chars().take(20).collect();
    VenueError::Field { field, detail: format!("`{excerpt}` is not known") }
}

/// Side of the order that took.
fn side(text: &Text<'_>) -> Result<Side, VenueError> {
    match text.as_str() {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(unknown("side", text)),
    }
}

pub(super) fn trade(row: &wire::Trade<'_>, size: f64) -> Result<What, VenueError> {
    let trade = TradeEvent {
        timestamp: at("ts", row.ts)?,
        price: row.px.price("px")?,
        quantity: coins(row.sz.quantity("sz")?, size),
        side: side(&row.side)?,
        id: row.trade_id.as_str().to_owned(),
    };
    // Ids go up by as many fills as were merged: they tell repeats, not holes.
    Ok(What::Trade(TradeUpdate { trade, sequence: None }))
}

fn levels(side: Levels, size: f64) -> Vec<Level> {
    let mut levels = side.0;
    if size != 1.0 {
        levels.iter_mut().for_each(|level| level.quantity = coins(level.quantity, size));
    }
    levels
}

fn id(field: &'static str, value: i64) -> Result<u64, VenueError> {
    u64::try_from(value).map_err(|_| VenueError::Field { field, detail: format!("{value} is no id") })
}

/// A whole book or a change of it.
pub(super) fn book(book: wire::Book<'_>, whole: bool, size: f64) -> Result<What, VenueError> {
    let timestamp = at("ts", book.ts)?;
    let (bids, asks) = (levels(book.bids, size), levels(book.asks, size));
    let last_id = id("seqId", book.seq_id.unwrap_or(0))?;
    if whole {
        return Ok(What::Snapshot(DepthSnapshot { timestamp, last_id, bids, asks }));
    }
    let previous_id = book.prev_seq_id.map(|previous| id("prevSeqId", previous)).transpose()?;
    Ok(What::Diff(DepthDiff { timestamp, first_id: last_id, last_id, previous_id, bids, asks }))
}

/// The top of a book of a few levels, all of them.
pub(super) fn top(i: &Instrument, book: wire::Book<'_>, size: f64) -> Result<Option<What>, VenueError> {
    let timestamp = at("ts", book.ts)?;
    let (bids, asks) = (levels(book.bids, size), levels(book.asks, size));
    if let ([bid], [ask]) = (&bids[..], &asks[..]) {
        let (bid, ask) = ((bid.price, bid.quantity), (ask.price, ask.quantity));
        return Ok(Some(What::Top(BookTop::from_best(timestamp, bid, ask))));
    }
    let mut visible = OrderBook::new(i.tick_size);
    bids.iter().for_each(|l| visible.set_bid(l.price, l.quantity));
    asks.iter().for_each(|l| visible.set_ask(l.price, l.quantity));
    Ok(visible.top(timestamp).map(What::Top))
}

pub(super) fn open_interest(row: &wire::OpenInterest<'_>) -> Result<What, VenueError> {
    let value = row.oi_usd.map_or(Ok(None), |usd| usd.optional("oiUsd"))?;
    Ok(What::Oi(reading(at("ts", row.ts)?, row.oi_ccy.quantity("oiCcy")?, value)))
}

/// Open interest without the noise that the venue's floats leave in the eighth decimal and beyond.
pub(super) fn reading(timestamp: Ms, open: f64, value: Option<f64>) -> OpenInterest {
    let open_interest = (open * 1e6).round() / 1e6;
    OpenInterest { timestamp, open_interest, open_interest_value: value }
}

/// One forced close. The feed does not promise to hold all of them.
pub(super) fn liquidation(row: &wire::Liquidation<'_>, size: f64) -> Result<What, VenueError> {
    let side = match (row.pos_side.as_ref(), side(&row.side)?) {
        (Some(position), _) if position.as_str() == "long" => LiquidationSide::Long,
        (Some(position), _) if position.as_str() == "short" => LiquidationSide::Short,
        (Some(position), _) if !matches!(position.as_str(), "net" | "") => {
            return Err(unknown("posSide", position));
        }
        (_, Side::Sell) => LiquidationSide::Long,
        (_, Side::Buy) => LiquidationSide::Short,
    };
    let (price, quantity) = (row.bk_px.price("bkPx")?, coins(row.sz.quantity("sz")?, size));
    Ok(What::Liquidation(Liquidation {
        timestamp: at("ts", row.ts)?,
        side,
        quantity,
        price,
        value: price * quantity,
        price_kind: PriceKind::Mark,
        at_least: true,
    }))
}

/// A candle: `[ts, o, h, l, c, vol, volCcy, volCcyQuote, confirm]`, seven columns in 2022. `closed` where the row does
/// not say.
pub(super) fn candle(
    i: &Instrument,
    interval: Timeframe,
    row: &[Num<'_>],
    closed: impl FnOnce(Ms) -> bool,
) -> Result<Bar, VenueError> {
    let missing = |field| VenueError::Field { field, detail: "is missing".into() };
    let column = |n: usize, field: &'static str| row.get(n).copied().ok_or_else(|| missing(field));
    let price = |n, field| column(n, field)?.price(field);
    // Contracts, coins, quote on swaps; coins, quote, quote on spot.
    let (base, quote) = if i.kind == Kind::Perp { (6, 7) } else { (5, 6) };
    let volume = column(base, "volume")?.quantity("volume")?;
    let quote_volume = row.get(quote).map(|q| q.quantity("quote volume")).transpose()?;
    let timestamp = at("ts", column(0, "ts")?)?;
    let bar = Bar {
        timestamp,
        interval,
        open: price(1, "open")?,
        high: price(2, "high")?,
        low: price(3, "low")?,
        close: price(4, "close")?,
        volume,
        buy_volume: None,
        sell_volume: None,
        cvd: None,
        cvd_from: None,
        vwap: quote_volume.filter(|_| volume > 0.0).map(|quote| quote / volume),
        trades: None,
        origin: Origin::Kline,
        revision: 0,
        closed: row.get(8).map_or_else(|| closed(timestamp), |confirm| *confirm == Num::Text("1")),
        through: None,
    };
    let inside = |price: f64| bar.low <= price && price <= bar.high;
    if inside(bar.open) && inside(bar.close) {
        return Ok(bar);
    }
    let detail = format!("o {} h {} l {} c {}", bar.open, bar.high, bar.low, bar.close);
    Err(VenueError::Field { field: "high or low", detail })
}

/// The venue's name of an interval; days and longer in UTC, as its own are those of UTC+8.
pub(super) const fn interval_name(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "1m",
        Timeframe::M5 => "5m",
        Timeframe::M15 => "15m",
        Timeframe::M30 => "30m",
        Timeframe::H1 => "1H",
        Timeframe::H4 => "4H",
        Timeframe::D1 => "1Dutc",
        Timeframe::W1 => "1Wutc",
        Timeframe::Mo1 => "1Mutc",
    }
}

/// The timeframe of an interval; `None` for those we do not keep.
pub(super) fn timeframe_of(interval: &str) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|t| interval_name(*t) == interval)
}
