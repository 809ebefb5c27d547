//! Socket frames to updates.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::event::{
    BookTop, Funding, FundingKind, Liquidation, LiquidationSide, PriceKind, Side, Trade as TradeEvent,
};
use shared::market::{Instrument, Ms};
use shared::maths::book::OrderBook;

use super::bar::{Candle, timeframe_of};
use super::{Binance, rest, shape, symbol, unnamed, wire};
use crate::venues::common::number::{Num, time};
use crate::venues::{
    Decoded, DepthDiff, Frame, Instruments, Level, Product, TradeUpdate, Update, VenueError, What,
};

/// What a frame is decoded against.
pub(super) struct Context<'a> {
    pub venue: &'a Binance,
    pub product: Product,
    pub instruments: &'a Instruments,
    pub received: Ms,
}

/// What one event says.
pub(super) enum Said {
    Update(Update),
    Nothing(&'static str),
    /// Of a market that is not among the instruments.
    Unlisted(String),
    /// The venue is about to close.
    Shutdown,
}

type Parsed = Result<Said, VenueError>;

/// Decodes a frame, wrapped in its stream name or bare.
pub(super) fn frame(ctx: &Context<'_>, bytes: &[u8]) -> Result<Decoded, VenueError> {
    let text = std::str::from_utf8(bytes).map_err(malformed)?.trim_ascii();
    if let Some((stream, data)) = shape::unwrap_usual(text)
        && let Ok(decoded) = body(ctx, Some(stream), data)
    {
        return Ok(decoded);
    }
    match serde_json::from_str::<wire::Envelope<'_>>(text) {
        Ok(envelope) => body(ctx, Some(envelope.stream.as_str()), envelope.data.get()),
        Err(_) => body(ctx, None, text),
    }
}

fn body(ctx: &Context<'_>, stream: Option<&str>, data: &str) -> Result<Decoded, VenueError> {
    if data.starts_with('[') {
        return array(ctx, stream, data);
    }
    let (frame, unlisted) = match shape::event_kind(data) {
        Some(kind) => settle(event(ctx, stream, kind, data)?),
        // Spot's most frequent frame has no `e`.
        None if data.starts_with("{\"u\":") => settle(book_ticker(ctx, data)?),
        None => return unusual(ctx, stream, data),
    };
    Ok(Decoded { stream: stream.map(str::to_owned), frame, unlisted })
}

fn settle(said: Said) -> (Frame, Vec<String>) {
    match said {
        Said::Update(update) => (Frame::Updates(vec![update]), Vec::new()),
        Said::Nothing(kind) => (Frame::Ignored(kind), Vec::new()),
        Said::Shutdown => (Frame::Shutdown, Vec::new()),
        Said::Unlisted(name) => (Frame::Ignored("unlisted"), vec![name]),
    }
}

/// `!..@arr` frames: every element is an event.
fn array(ctx: &Context<'_>, stream: Option<&str>, data: &str) -> Result<Decoded, VenueError> {
    let elements: Vec<&RawValue> = read(data)?;
    if stream.is_none()
        && let Some(decoded) = unnamed::rows(ctx, &elements)?
    {
        return Ok(decoded);
    }
    let (mut updates, mut unlisted, mut ignored) = (Vec::new(), Vec::new(), None);
    for element in elements {
        let text = element.get();
        if !text.starts_with('{') {
            return Err(VenueError::Malformed { detail: "an array of something other than events".into() });
        }
        let inner = body(ctx, stream, text)?;
        unlisted.extend(inner.unlisted);
        match inner.frame {
            Frame::Updates(more) => updates.extend(more),
            Frame::Ignored(kind) => ignored = ignored.or(Some(kind)),
            Frame::Ack { .. }
            | Frame::Refused { .. }
            | Frame::Again { .. }
            | Frame::UnnamedDepth
            | Frame::Shutdown
            | Frame::Renew
            | Frame::Final(_) => {
                return Err(VenueError::Malformed { detail: "an array of answers".into() });
            }
        }
    }
    let frame = if updates.is_empty() {
        Frame::Ignored(ignored.unwrap_or("empty_array"))
    } else {
        Frame::Updates(updates)
    };
    Ok(Decoded { stream: stream.map(str::to_owned), frame, unlisted })
}

/// Frames without `e` in front: answers to control frames, partial depth, REST bodies, re-sorted keys.
fn unusual(ctx: &Context<'_>, stream: Option<&str>, data: &str) -> Result<Decoded, VenueError> {
    let shape: wire::Shape<'_> = read(data)?;
    let id = shape.id.and_then(|id| id.get().trim_matches('"').parse().ok());
    let refused = |code: i64, message: &str| {
        let message = format!("{code}: {message}");
        Frame::Refused { id, streams: Vec::new(), message }
    };
    let (frame, unlisted) = if let Some(kind) = &shape.e {
        settle(event(ctx, stream, kind.as_str(), data)?)
    } else if shape.result {
        (Frame::Ack { id }, Vec::new())
    } else if let Some(error) = shape.error {
        (refused(error.code, error.msg.as_str()), Vec::new())
    } else if let (Some(code), Some(msg)) = (shape.code, &shape.msg) {
        (refused(code, msg.as_str()), Vec::new())
    } else if shape.last_update_id {
        match stream.and_then(shape::partial_symbol) {
            Some(name) => settle(partial_depth(ctx, &name, data)?),
            None => (Frame::UnnamedDepth, Vec::new()),
        }
    } else if shape.open_interest {
        settle(rest::bare_open_interest(ctx, data)?)
    } else if shape.last_funding_rate {
        settle(rest::bare_premium_index(ctx, data)?)
    } else if shape.bid_quantity {
        settle(book_ticker(ctx, data)?)
    } else if let Some(kind) = unnamed::kind(data) {
        (Frame::Ignored(kind), Vec::new())
    } else {
        return Err(VenueError::Malformed { detail: "an object of no known shape".into() });
    };
    Ok(Decoded { stream: stream.map(str::to_owned), frame, unlisted })
}

fn event(ctx: &Context<'_>, stream: Option<&str>, kind: &str, data: &str) -> Parsed {
    Ok(Said::Nothing(match kind {
        "bookTicker" => return book_ticker(ctx, data),
        "depthUpdate" => return depth_update(ctx, stream, data),
        "aggTrade" => return agg_trade(ctx, data),
        "trade" => return trade(ctx, data),
        "kline" => return kline(ctx, data),
        "markPriceUpdate" => return mark_price(ctx, data),
        "forceOrder" => return force_order(ctx, data),
        "serverShutdown" => return Ok(Said::Shutdown),
        other => {
            // Not ours, but whole JSON all the same.
            read::<serde::de::IgnoredAny>(data)?;
            shape::ignored_kind(other)
        }
    }))
}

/// Finds whose event it is and makes the update.
fn about(
    ctx: &Context<'_>,
    name: &str,
    st: Option<i64>,
    what: impl FnOnce(&Instrument) -> Result<Result<What, &'static str>, VenueError>,
) -> Parsed {
    // Missing in recordings from before the futures streams were merged.
    if st.unwrap_or(1) != 1 {
        return Ok(Said::Nothing("coin_margined"));
    }
    let Some(instrument) = ctx.instruments.get(ctx.product, name) else {
        let foreign = if ctx.product == super::USDM { symbol::outside_usdm(name) } else { None };
        return Ok(foreign.map_or_else(|| Said::Unlisted(name.to_owned()), Said::Nothing));
    };
    Ok(match what(instrument)? {
        Ok(what) => Said::Update(Update { symbol: instrument.symbol.clone(), what }),
        Err(kind) => Said::Nothing(kind),
    })
}

fn agg_trade(ctx: &Context<'_>, data: &str) -> Parsed {
    let x: wire::AggTrade<'_> = read(data)?;
    about(ctx, x.s.as_str(), x.st, |i| Ok(Ok(trade_update(i, x.a, x.p, x.q, x.time, x.m)?)))
}

fn trade(ctx: &Context<'_>, data: &str) -> Parsed {
    let x: wire::Trade<'_> = read(data)?;
    // Fills of the insurance fund and of deleveraging are not market trades; aggTrade leaves them out too.
    if x.kind.as_ref().is_some_and(|kind| kind.as_str() != "MARKET") {
        return Ok(Said::Nothing("trade_off_market"));
    }
    about(ctx, x.s.as_str(), x.st, |i| Ok(Ok(trade_update(i, x.t, x.p, x.q, x.time, x.m)?)))
}

/// A trade, per coin.
pub(super) fn trade_update(
    instrument: &Instrument,
    id: u64,
    price: Num<'_>,
    quantity: Num<'_>,
    at: i64,
    buyer_was_maker: bool,
) -> Result<What, VenueError> {
    let trade = TradeEvent {
        timestamp: time("T", at)?,
        price: price.price("p")? / instrument.multiplier,
        quantity: quantity.quantity("q")? * instrument.multiplier,
        side: if buyer_was_maker { Side::Sell } else { Side::Buy },
        id: id.to_string(),
    };
    Ok(What::Trade(TradeUpdate { trade, sequence: Some(id) }))
}

fn depth_update(ctx: &Context<'_>, stream: Option<&str>, data: &str) -> Parsed {
    let x: wire::DepthUpdate<'_> = read(data)?;
    let partial = stream.is_some_and(|s| shape::partial_symbol(s).is_some());
    if stream.is_some_and(|s| s.contains("@rpiDepth")) {
        return Ok(Said::Nothing("rpi_depth"));
    }
    about(ctx, x.s.as_str(), x.st, |i| {
        let timestamp = time("T", x.time.unwrap_or(x.event_time))?;
        let (bids, asks) = (x.b.per_coin(i.multiplier), x.a.per_coin(i.multiplier));
        if partial {
            return Ok(visible_top(i, timestamp, &bids, &asks).ok_or("one_sided_book"));
        }
        if x.first > x.last {
            return Err(VenueError::Field {
                field: "U",
                detail: format!("{} is after u {}", x.first, x.last),
            });
        }
        Ok(Ok(What::Diff(DepthDiff {
            timestamp,
            first_id: x.first,
            last_id: x.last,
            previous_id: x.pu,
            bids,
            asks,
        })))
    })
}

fn partial_depth(ctx: &Context<'_>, name: &str, data: &str) -> Parsed {
    let x: wire::WholeDepth = read(data)?;
    about(ctx, name, None, |i| {
        let timestamp = x.time.or(x.event_time).map_or(Ok(ctx.received), |t| time("T", t))?;
        let (bids, asks) = (x.bids.per_coin(i.multiplier), x.asks.per_coin(i.multiplier));
        Ok(visible_top(i, timestamp, &bids, &asks).ok_or("one_sided_book"))
    })
}

/// The top and the visible depth of a whole top-N book.
fn visible_top(instrument: &Instrument, timestamp: Ms, bids: &[Level], asks: &[Level]) -> Option<What> {
    let mut book = OrderBook::new(instrument.tick_size);
    bids.iter().for_each(|l| book.set_bid(l.price, l.quantity));
    asks.iter().for_each(|l| book.set_ask(l.price, l.quantity));
    book.top(timestamp).map(What::Top)
}

fn book_ticker(ctx: &Context<'_>, data: &str) -> Parsed {
    let x: wire::BookTicker<'_> = read(data)?;
    about(ctx, x.s.as_str(), x.st, |i| {
        let timestamp = x.time.or(x.event_time).map_or(Ok(ctx.received), |t| time("T", t))?;
        let (bid, ask) = (x.b.quantity("b")? / i.multiplier, x.a.quantity("a")? / i.multiplier);
        let (bid_qty, ask_qty) = (x.bid_quantity.quantity("B")?, x.ask_quantity.quantity("A")?);
        // A side without orders has price 0.
        if bid <= 0.0 || ask <= 0.0 {
            return Ok(Err("one_sided_book"));
        }
        let (bid, ask) = ((bid, bid_qty * i.multiplier), (ask, ask_qty * i.multiplier));
        Ok(Ok(What::Top(BookTop::from_best(timestamp, bid, ask))))
    })
}

fn kline(ctx: &Context<'_>, data: &str) -> Parsed {
    let wire::KlineEvent { s, k, st } = read(data)?;
    let candle = Candle {
        open_time: k.t,
        open: k.o,
        high: k.h,
        low: k.l,
        close: k.c,
        volume: k.v,
        quote_volume: k.q,
        taker_buy: k.taker_buy,
        trades: k.n,
    };
    about(ctx, s.as_str(), st, |i| {
        let Some(timeframe) = timeframe_of(k.i.as_str()) else { return Ok(Err("kline_other_interval")) };
        Ok(Ok(What::Kline(candle.bar(timeframe, i.multiplier, k.x)?)))
    })
}

fn mark_price(ctx: &Context<'_>, data: &str) -> Parsed {
    let x: wire::MarkPrice<'_> = read(data)?;
    about(ctx, x.s.as_str(), x.st, |i| {
        let next = (x.next_funding > 0).then_some(x.next_funding);
        let mark = MarkAndFunding { at: x.event_time, mark: Some(x.p), index: x.i, rate: x.r, next };
        Ok(mark.predicted(ctx.venue, i)?.ok_or("mark_price_without_funding"))
    })
}

/// What the stream and the REST answer both say of a perpetual.
pub(super) struct MarkAndFunding<'a> {
    pub at: i64,
    pub mark: Option<Num<'a>>,
    pub index: Option<Num<'a>>,
    pub rate: Num<'a>,
    pub next: Option<i64>,
}

impl MarkAndFunding<'_> {
    /// The predicted funding; nothing for contracts without one.
    pub(super) fn predicted(&self, venue: &Binance, i: &Instrument) -> Result<Option<What>, VenueError> {
        let Some(funding_rate) = self.rate.optional("funding rate")? else { return Ok(None) };
        let per_coin = |price: Option<Num<'_>>, field| -> Result<Option<f64>, VenueError> {
            let value = price.map_or(Ok(None), |p| p.optional(field))?;
            Ok(value.filter(|p| *p > 0.0).map(|p| p / i.multiplier))
        };
        let funding = Funding {
            timestamp: time("event time", self.at)?,
            kind: FundingKind::Predicted,
            funding_rate,
            next_funding_time: self.next.map(|at| time("next funding time", at)).transpose()?,
            interval_hours: None,
            funding_apr: None,
            mark_price: per_coin(self.mark, "mark price")?,
            index_price: per_coin(self.index, "index price")?,
        };
        Ok(Some(What::Funding(funding.with_interval(venue.funding_interval(&i.venue_symbol)))))
    }
}

fn force_order(ctx: &Context<'_>, data: &str) -> Parsed {
    let wire::ForceOrder { o, st } = read(data)?;
    about(ctx, o.s.as_str(), o.st.or(st), |i| {
        let side = match o.side.as_str() {
            "SELL" => LiquidationSide::Long,
            "BUY" => LiquidationSide::Short,
            other => {
                let detail =
                    format!("`{}` is neither BUY nor SELL", other.chars().take(20).collect::<String>());
                return Err(VenueError::Field { field: "S", detail });
            }
        };
        let (average, filled) = (o.ap.quantity("ap")?, o.z.quantity("z")?);
        if average <= 0.0 || filled <= 0.0 {
            return Ok(Err("liquidation_unfilled"));
        }
        Ok(Ok(What::Liquidation(Liquidation {
            timestamp: time("T", o.time)?,
            side,
            quantity: filled * i.multiplier,
            price: average / i.multiplier,
            value: average * filled,
            price_kind: PriceKind::Average,
            // One order per symbol and second at most is published.
            at_least: true,
        })))
    })
}

/// Reads a wire struct.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    serde_json::from_str(text).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> VenueError {
    VenueError::Malformed { detail: error.to_string() }
}
