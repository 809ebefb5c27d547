//! Socket frames to updates.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::event::{Bar, BookTop, Funding, FundingKind, OpenInterest, Origin, Side, Trade as TradeEvent};
use shared::market::{Instrument, Ms, Symbol, Timeframe};

use super::{PERP, bare, symbol, wire};
use crate::venues::common::candle::sound;
pub(super) use crate::venues::common::candle::{interval_name, timeframe_of};
use crate::venues::common::number::{Num, time};
use crate::venues::{
    Decoded, Decoder, DepthSnapshot, Frame, Instruments, Level, TradeUpdate, Update, VenueError, What,
};

/// Decodes one connection. Candles carry no sign of their end: the newest of each is kept until the next begins.
#[derive(Default)]
pub(super) struct Frames {
    forming: HashMap<(Symbol, Timeframe), Bar>,
}

impl Decoder for Frames {
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError> {
        let text = std::str::from_utf8(frame).map_err(malformed)?.trim_ascii();
        if let Some((channel, data)) = unwrap_usual(text)
            && let Ok(decoded) = self.body(instruments, received, channel, data)
        {
            return Ok(decoded);
        }
        if text.starts_with("Websocket connection") {
            return Ok(Decoded::new(None, Frame::Ignored("greeting")));
        }
        match serde_json::from_str::<wire::Envelope<'_>>(text) {
            Ok(envelope) => {
                let data = envelope.data.map_or("null", |data| data.get());
                self.body(instruments, received, envelope.channel.as_str(), data)
            }
            Err(_) => bare::body(instruments, received, text),
        }
    }
}

/// Splits `{"channel":"NAME","data":BODY}` as the venue writes it, without reading the body.
fn unwrap_usual(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("{\"channel\":\"")?.split_once('"')?;
    let body = rest.strip_prefix(",\"data\":")?.strip_suffix('}')?;
    (!name.contains('\\')).then_some((name, body))
}

impl Frames {
    fn body(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        channel: &str,
        data: &str,
    ) -> Result<Decoded, VenueError> {
        let ignored = |kind| {
            // Not ours, but whole JSON all the same.
            read::<IgnoredAny>(data)?;
            Ok(Decoded::new(None, Frame::Ignored(kind)))
        };
        match channel {
            "trades" => trades(instruments, data),
            "l2Book" => book(instruments, data),
            "activeAssetCtx" => context(instruments, received, data),
            "candle" => self.candle(instruments, data),
            "bbo" => best(instruments, data),
            "subscriptionResponse" => {
                read::<IgnoredAny>(data)?;
                Ok(Decoded::new(None, Frame::Ack { id: None }))
            }
            "error" => refusal(data),
            "pong" => ignored("pong"),
            "allMids" => ignored("all_mids"),
            "allDexsAssetCtxs" | "assetCtxs" => ignored("all_contexts"),
            "activeSpotAssetCtx" => ignored("spot_market"),
            "user" | "userEvents" | "userFills" | "userFundings" | "orderUpdates" | "webData2" => {
                ignored("user_data")
            }
            "notification" => ignored("notification"),
            _ => ignored("unknown_channel"),
        }
    }

    fn candle(&mut self, instruments: &Instruments, data: &str) -> Result<Decoded, VenueError> {
        let x: wire::Candle<'_> = read(data)?;
        let Some(timeframe) = timeframe_of(x.i.as_str()) else {
            return Ok(Decoded::new(None, Frame::Ignored("kline_other_interval")));
        };
        let stream = format!("candle:{}:{}", x.s.as_str(), x.i.as_str());
        about(instruments, Some(stream), x.s.as_str(), |i| {
            let bar = bar(&x, timeframe, i.multiplier, false)?;
            let held = self.forming.entry((i.symbol.clone(), timeframe)).or_insert(bar);
            if bar.timestamp < held.timestamp {
                return Ok(Err("candle_late"));
            }
            let before = std::mem::replace(held, bar);
            let ended = (before.timestamp < bar.timestamp).then_some(Bar { closed: true, ..before });
            Ok(Ok(ended.into_iter().chain([bar]).map(What::Kline).collect()))
        })
    }
}

/// Finds whose frame it is and makes its updates, or names why there are none.
pub(super) fn about(
    instruments: &Instruments,
    stream: Option<String>,
    coin: &str,
    what: impl FnOnce(&Instrument) -> Result<Result<Vec<What>, &'static str>, VenueError>,
) -> Result<Decoded, VenueError> {
    let Some(instrument) = instruments.get(PERP, coin) else {
        let mut decoded = Decoded::new(stream, Frame::Ignored("unlisted"));
        match symbol::outside(coin) {
            Some(kind) => decoded.frame = Frame::Ignored(kind),
            None => decoded.unlisted.push(coin.to_owned()),
        }
        return Ok(decoded);
    };
    let frame = match what(instrument)? {
        Ok(what) => {
            let update = |what| Update { symbol: instrument.symbol.clone(), what };
            Frame::Updates(what.into_iter().map(update).collect())
        }
        Err(kind) => Frame::Ignored(kind),
    };
    Ok(Decoded::new(stream, frame))
}

/// A batch of trades, all of one coin. After subscribing the newest ones come again: they are known by their id.
fn trades(instruments: &Instruments, data: &str) -> Result<Decoded, VenueError> {
    let rows: Vec<wire::Trade<'_>> = read(data)?;
    let Some(coin) = rows.first().map(|row| row.coin.as_str().to_owned()) else {
        return Ok(Decoded::new(None, Frame::Ignored("empty_batch")));
    };
    about(instruments, Some(format!("trades:{coin}")), &coin, |i| trade_updates(i, rows).map(Ok))
}

/// Trades by time, per coin.
pub(super) fn trade_updates(i: &Instrument, mut rows: Vec<wire::Trade<'_>>) -> Result<Vec<What>, VenueError> {
    rows.sort_by_key(|row| (row.time, row.tid));
    let trade = |row: &wire::Trade<'_>| {
        if row.coin.as_str() != i.venue_symbol {
            return Err(VenueError::Field { field: "coin", detail: "trades of several coins".into() });
        }
        let side = match row.side.as_str() {
            "B" => Side::Buy,
            "A" => Side::Sell,
            other => return Err(bad_text("side", other, "is neither A nor B")),
        };
        let trade = TradeEvent {
            timestamp: time("time", row.time)?,
            price: row.px.price("px")? / i.multiplier,
            quantity: row.sz.quantity("sz")? * i.multiplier,
            side,
            id: row.tid.to_string(),
        };
        // Ids are no numbering: they jump both ways.
        Ok(What::Trade(TradeUpdate { trade, sequence: None }))
    };
    rows.iter().map(trade).collect()
}

fn book(instruments: &Instruments, data: &str) -> Result<Decoded, VenueError> {
    let x: wire::Book<'_> = read(data)?;
    about(instruments, Some(format!("l2Book:{}", x.coin.as_str())), x.coin.as_str(), |i| {
        Ok(Ok(vec![What::Snapshot(snapshot(&x, i.multiplier)?)]))
    })
}

/// The whole book the venue shows: up to 20 levels a side.
pub(super) fn snapshot(x: &wire::Book<'_>, multiplier: f64) -> Result<DepthSnapshot, VenueError> {
    let side = |levels: &[wire::Level<'_>]| levels.iter().map(|l| level(l, multiplier)).collect();
    let timestamp = time("time", x.time)?;
    let (bids, asks): (Result<_, _>, Result<_, _>) = (side(&x.levels.0), side(&x.levels.1));
    Ok(DepthSnapshot { timestamp, last_id: timestamp.0.unsigned_abs(), bids: bids?, asks: asks? })
}

fn level(x: &wire::Level<'_>, multiplier: f64) -> Result<Level, VenueError> {
    Ok(Level { price: x.px.price("px")? / multiplier, quantity: x.sz.quantity("sz")? * multiplier })
}

fn best(instruments: &Instruments, data: &str) -> Result<Decoded, VenueError> {
    let x: wire::Best<'_> = read(data)?;
    about(instruments, Some(format!("bbo:{}", x.coin.as_str())), x.coin.as_str(), |i| {
        let (Some(bid), Some(ask)) = &x.bbo else { return Ok(Err("one_sided_book")) };
        let (bid, ask) = (level(bid, i.multiplier)?, level(ask, i.multiplier)?);
        let (bid, ask) = ((bid.price, bid.quantity), (ask.price, ask.quantity));
        Ok(Ok(vec![What::Top(BookTop::from_best(time("time", x.time)?, bid, ask))]))
    })
}

fn context(instruments: &Instruments, received: Ms, data: &str) -> Result<Decoded, VenueError> {
    let x: wire::AssetContext<'_> = read(data)?;
    about(instruments, Some(format!("activeAssetCtx:{}", x.coin.as_str())), x.coin.as_str(), |i| {
        Ok(Ok(context_updates(&x.ctx, i, received)?.to_vec()))
    })
}

/// Open interest and predicted funding of a context, which the venue does not time.
pub(super) fn context_updates(
    x: &wire::Context<'_>,
    i: &Instrument,
    received: Ms,
) -> Result<[What; 2], VenueError> {
    let contracts = x.open_interest.quantity("openInterest")?;
    let (mark, oracle) = (x.mark_px.price("markPx")?, x.oracle_px.price("oraclePx")?);
    let oi = OpenInterest {
        timestamp: received,
        open_interest: contracts * i.multiplier,
        open_interest_value: Some(contracts * mark),
    };
    let funding = Funding {
        timestamp: received,
        kind: FundingKind::Predicted,
        funding_rate: x.funding.get("funding")?,
        // Paid on every full hour.
        next_funding_time: Some(received.floor(Ms::HOUR) + Ms::HOUR),
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(mark / i.multiplier),
        index_price: Some(oracle / i.multiplier),
    };
    Ok([What::Oi(oi), What::Funding(funding.with_interval(Some(super::FUNDING_HOURS)))])
}

/// The bar of a candle, per coin.
pub(super) fn bar(
    x: &wire::Candle<'_>,
    interval: Timeframe,
    multiplier: f64,
    closed: bool,
) -> Result<Bar, VenueError> {
    let price = |num: Num<'_>, field| num.price(field).map(|price| price / multiplier);
    let bar = Bar {
        open: price(x.o, "o")?,
        high: price(x.h, "h")?,
        low: price(x.l, "l")?,
        close: price(x.c, "c")?,
        volume: x.v.quantity("v")? * multiplier,
        // The venue does not say who was the aggressor.
        buy_volume: None,
        sell_volume: None,
        trades: Some(x.n),
        closed,
        ..Bar::flat(time("t", x.t)?, interval, 0.0, Origin::Kline)
    };
    sound(bar)
}

/// `"Already unsubscribed: {\"type\":\"trades\",\"coin\":\"ETH\"}"`: a text that quotes the subscription it is about.
fn refusal(data: &str) -> Result<Decoded, VenueError> {
    let message: String = read(data)?;
    if message.starts_with("Already ") {
        return Ok(Decoded::new(None, Frame::Ignored("already_done")));
    }
    let quoted = message.find('{').and_then(|at| message.get(at..));
    let mut objects = quoted.into_iter().flat_map(|text| {
        // Something may follow the object.
        serde_json::Deserializer::from_str(text).into_iter::<wire::Subscription<'_>>()
    });
    let streams = objects.next().and_then(Result::ok).map(|s| super::stream_name(&s));
    let message = message.chars().take(200).collect();
    Ok(Decoded::new(None, Frame::Refused { id: None, streams: streams.into_iter().collect(), message }))
}

pub(super) fn bad_text(field: &'static str, text: &str, what: &str) -> VenueError {
    let text: String = text.chars().take(20).collect();
    VenueError::Field { field, detail: format!("`{text}` {what}") }
}

/// Reads a wire struct.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    serde_json::from_str(text).map_err(malformed)
}

pub(super) fn malformed(error: impl std::fmt::Display) -> VenueError {
    VenueError::Malformed { detail: error.to_string() }
}
