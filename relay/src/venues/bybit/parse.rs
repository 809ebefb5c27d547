//! Socket frames to updates.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use shared::event::{BookTop, Liquidation, LiquidationSide, PriceKind, Side, Trade};
use shared::market::{Instrument, Ms};

use super::bar::{Candle, timeframe_of};
use super::ticker::Ticker;
use super::{Bybit, LINEAR, SPOT, shape, symbol, unnamed, wire};
use crate::venues::common::number::{Num, time};
use crate::venues::{
    Decoded, Decoder, DepthDiff, DepthSnapshot, Frame, Instruments, Level, Product, TradeUpdate, Update,
    VenueError, What,
};

/// Decodes one connection; keeps what tickers said so far.
pub(super) struct Frames {
    venue: Arc<Bybit>,
    product: Product,
    tickers: HashMap<String, Ticker>,
}

/// What a topic's data say of one instrument.
type Said = Result<Result<Vec<What>, &'static str>, VenueError>;

impl Frames {
    pub(super) fn new(venue: Arc<Bybit>, product: Product) -> Frames {
        Frames { venue, product, tickers: HashMap::new() }
    }
}

impl Decoder for Frames {
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError> {
        let text = std::str::from_utf8(frame).map_err(malformed)?.trim_ascii();
        if let Some(topic) = shape::usual_topic(text) {
            return self.push(instruments, topic, text);
        }
        let found: wire::Topic<'_> = read(text)?;
        match &found.topic {
            Some(topic) => self.push(instruments, topic.as_str(), text),
            None if shape::is_rest_answer(text) => self.answer(instruments, received, text),
            None => control(text).map(|frame| Decoded::new(None, frame)),
        }
    }
}

impl Frames {
    fn push(&mut self, all: &Instruments, topic: &str, text: &str) -> Result<Decoded, VenueError> {
        let stream = Some(topic.to_owned());
        let Some((kind, detail, name)) = shape::topic_parts(topic).filter(|(kind, ..)| known(kind)) else {
            read::<serde::de::IgnoredAny>(text)?;
            return Ok(Decoded::new(stream, Frame::Ignored(shape::ignored_topic(topic))));
        };
        let Some(i) = all.get(self.product, name) else {
            read::<serde::de::IgnoredAny>(text)?;
            let foreign = if self.product == LINEAR { symbol::outside_linear(name) } else { None };
            let unlisted = if foreign.is_none() { vec![name.to_owned()] } else { Vec::new() };
            return Ok(Decoded { stream, frame: Frame::Ignored(foreign.unwrap_or("unlisted")), unlisted });
        };
        let said = match kind {
            "publicTrade" => trades(i, read_push(topic, text)?),
            "orderbook" => book(i, detail, read_push(topic, text)?),
            "allLiquidation" => liquidations(i, read_push(topic, text)?),
            "kline" => klines(i, read_push(topic, text)?),
            _ if self.product == SPOT => {
                read::<serde::de::IgnoredAny>(text)?;
                Ok(Err("spot_ticker"))
            }
            _ => self.ticker(i, &read_push(topic, text)?),
        };
        let update = |what| Update { symbol: i.symbol.clone(), what };
        let frame = match said? {
            Ok(what) => Frame::Updates(what.into_iter().map(update).collect()),
            Err(kind) => Frame::Ignored(kind),
        };
        Ok(Decoded::new(stream, frame))
    }

    fn ticker(&mut self, i: &Instrument, push: &wire::Push<'_, wire::Ticker<'_>>) -> Said {
        same(i, push.data.symbol.as_str())?;
        let at = time("ts", push.ts)?;
        let whole = push.kind.as_str() == "snapshot";
        let old = self.tickers.get(&i.venue_symbol).filter(|_| !whole).cloned().unwrap_or_default();
        let mut ticker = old.merged(&push.data)?;
        let news = ticker.news(at, i, self.venue.facts(i).funding_hours);
        self.tickers.insert(i.venue_symbol.clone(), ticker);
        Ok(Ok(news))
    }

    /// A recorded REST body among the frames, without its address.
    fn answer(&self, all: &Instruments, received: Ms, text: &str) -> Result<Decoded, VenueError> {
        unnamed::answer(&self.venue, self.product, all, received, text)
    }
}

fn known(kind: &str) -> bool {
    matches!(kind, "publicTrade" | "orderbook" | "allLiquidation" | "kline" | "tickers")
}

/// The rows must be about the topic's symbol.
fn same(i: &Instrument, name: &str) -> Result<(), VenueError> {
    if name == i.venue_symbol {
        return Ok(());
    }
    let detail = format!("`{}` on a topic of {}", name.chars().take(40).collect::<String>(), i.venue_symbol);
    Err(VenueError::Field { field: "s", detail })
}

/// Block trades are agreed away from the book at a price of their own: they are left out, of trades and so of bars
/// and volumes, as the venue leaves them out of its candles.
fn trades(i: &Instrument, push: wire::Push<'_, Vec<wire::Trade<'_>>>) -> Said {
    let mut trades = Vec::with_capacity(push.data.len());
    for x in push.data {
        same(i, x.s.as_str())?;
        let row = TradeRow { at: x.time, price: x.p, size: x.v, side: x.side.as_str(), id: x.i.as_str() };
        let trade = row.update(i)?;
        if !x.block {
            trades.push(trade);
        }
    }
    Ok(if trades.is_empty() { Err("block_trade") } else { Ok(trades) })
}

/// A trade as the socket and REST say it.
pub(super) struct TradeRow<'a> {
    pub at: i64,
    pub price: Num<'a>,
    pub size: Num<'a>,
    pub side: &'a str,
    pub id: &'a str,
}

impl TradeRow<'_> {
    /// The trade, per coin. Ids are not numbers that count up.
    pub(super) fn update(&self, i: &Instrument) -> Result<What, VenueError> {
        let trade = Trade {
            timestamp: time("T", self.at)?,
            price: self.price.price("p")? / i.multiplier,
            quantity: self.size.quantity("v")? * i.multiplier,
            side: side(self.side)?,
            id: self.id.to_owned(),
        };
        Ok(What::Trade(TradeUpdate { trade, sequence: None }))
    }
}

fn side(text: &str) -> Result<Side, VenueError> {
    match text {
        "Buy" => Ok(Side::Buy),
        "Sell" => Ok(Side::Sell),
        other => {
            let detail = format!("`{}` is neither Buy nor Sell", other.chars().take(20).collect::<String>());
            Err(VenueError::Field { field: "S", detail })
        }
    }
}

fn book(i: &Instrument, depth: Option<&str>, push: wire::Push<'_, wire::Book<'_>>) -> Said {
    same(i, push.data.s.as_str())?;
    let timestamp = time("cts", push.cts.unwrap_or(push.ts))?;
    let wire::Book { b, a, u: last_id, .. } = push.data;
    let (bids, asks) = (b.per_coin(i.multiplier), a.per_coin(i.multiplier));
    let what = match (push.kind.as_str(), depth) {
        ("snapshot", Some("1")) => match best(timestamp, &bids, &asks) {
            Some(top) => What::Top(top),
            None => return Ok(Err("one_sided_book")),
        },
        ("snapshot", _) => What::Snapshot(DepthSnapshot { timestamp, last_id, bids, asks }),
        ("delta", _) => {
            let previous_id = last_id.checked_sub(1);
            What::Diff(DepthDiff { timestamp, first_id: last_id, last_id, previous_id, bids, asks })
        }
        (other, _) => {
            let detail = format!("`{}` is no kind of book", other.chars().take(20).collect::<String>());
            return Err(VenueError::Field { field: "type", detail });
        }
    };
    Ok(Ok(vec![what]))
}

fn best(at: Ms, bids: &[Level], asks: &[Level]) -> Option<BookTop> {
    let (bid, ask) = (bids.first()?, asks.first()?);
    Some(BookTop::from_best(at, (bid.price, bid.quantity), (ask.price, ask.quantity)))
}

/// Every liquidation is published. `S` is the side of the position, the opposite of Binance's order side; the price
/// is the bankruptcy price, off the market by some tenths of a percent.
fn liquidations(i: &Instrument, push: wire::Push<'_, Vec<wire::Liquidation<'_>>>) -> Said {
    let row = |x: &wire::Liquidation<'_>| {
        same(i, x.s.as_str())?;
        let (price, size) = (x.p.price("p")?, x.v.quantity("v")?);
        Ok(What::Liquidation(Liquidation {
            timestamp: time("T", x.time)?,
            side: match side(x.side.as_str())? {
                Side::Buy => LiquidationSide::Long,
                Side::Sell => LiquidationSide::Short,
            },
            quantity: size * i.multiplier,
            price: price / i.multiplier,
            value: price * size,
            price_kind: PriceKind::Bankruptcy,
            at_least: false,
        }))
    };
    push.data.iter().map(row).collect::<Result<Vec<What>, VenueError>>().map(Ok)
}

/// A frame may hold the candle that closed and the next one.
fn klines(i: &Instrument, push: wire::Push<'_, Vec<wire::Kline<'_>>>) -> Said {
    let mut bars = Vec::with_capacity(push.data.len());
    for k in &push.data {
        let Some(timeframe) = timeframe_of(k.interval.as_str()) else {
            return Ok(Err("kline_other_interval"));
        };
        let candle = Candle {
            open_time: k.start,
            open: k.open,
            high: k.high,
            low: k.low,
            close: k.close,
            volume: k.volume,
            turnover: k.turnover,
        };
        bars.push(What::Kline(candle.bar(timeframe, i.multiplier, k.confirm)?));
    }
    Ok(Ok(bars))
}

/// Answers to requests; the one to a ping has `ping` as its `op`.
fn control(text: &str) -> Result<Frame, VenueError> {
    let x: wire::Control<'_> = read(text)?;
    let message = x.ret_msg.as_ref().map_or("", |m| m.as_str());
    let id = x.req_id.as_ref().and_then(|id| id.as_str().parse().ok());
    let op = x.op.as_ref().map(|op| op.as_str());
    match (op, x.success) {
        (Some("ping" | "pong"), None | Some(true)) => Ok(Frame::Ignored("pong")),
        (_, Some(false)) => {
            let streams = shape::topics_in(message);
            Ok(Frame::Refused { id, streams, message: message.chars().take(200).collect() })
        }
        (Some("subscribe" | "unsubscribe"), Some(true)) => Ok(Frame::Ack { id }),
        (Some(_), _) => Ok(Frame::Ignored("control")),
        (None, _) => Err(VenueError::Malformed { detail: "an object of no known shape".into() }),
    }
}

fn read_push<'a, D: Deserialize<'a>>(topic: &str, text: &'a str) -> Result<wire::Push<'a, D>, VenueError> {
    let push: wire::Push<'a, D> = read(text)?;
    if push.topic.as_str() == topic {
        Ok(push)
    } else {
        Err(VenueError::Malformed { detail: "a topic inside the data".into() })
    }
}

/// Reads a wire struct.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    serde_json::from_str(text).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> VenueError {
    VenueError::Malformed { detail: error.to_string() }
}
