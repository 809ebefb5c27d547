//! Socket frames to updates.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use shared::market::{Instrument, Ms};

use super::contracts::Contracts;
use super::funding::Merged;
use super::parse::{self, at, read, timeframe_of};
use super::{Okx, SWAP, symbol, wire};
use crate::venues::common::number::Num;
use crate::venues::{Decoded, Decoder, Frame, Instruments, Product, Update, VenueError, What};

/// The frames of one connection.
pub(super) struct Frames {
    venue: Arc<Okx>,
    product: Product,
    /// By the venue's name of the swap.
    funding: HashMap<String, Merged>,
}

impl Frames {
    pub(super) fn new(venue: Arc<Okx>, product: Product) -> Frames {
        Frames { venue, product, funding: HashMap::new() }
    }
}

/// What one row says, or the named kind it is of.
type Row = Result<Result<Vec<What>, &'static str>, VenueError>;

/// What the rows of a frame say together.
struct Rows<'a> {
    product: Product,
    instruments: &'a Instruments,
    updates: Vec<Update>,
    unlisted: Vec<String>,
    ignored: Option<&'static str>,
}

impl Rows<'_> {
    /// Finds whose row it is and takes what it says.
    fn about(&mut self, name: &str, say: impl FnOnce(&Instrument) -> Row) -> Result<(), VenueError> {
        let Some(instrument) = self.instruments.get(self.product, name) else {
            match symbol::pair(self.product, name) {
                Ok(_) => self.unlisted.push(name.to_owned()),
                Err(kind) => self.ignored = self.ignored.or(Some(kind)),
            }
            return Ok(());
        };
        match say(instrument)? {
            Ok(said) => {
                let symbol = &instrument.symbol;
                self.updates.extend(said.into_iter().map(|what| Update { symbol: symbol.clone(), what }));
            }
            Err(kind) => self.ignored = self.ignored.or(Some(kind)),
        }
        Ok(())
    }

    fn frame(self, stream: Option<String>) -> Decoded {
        let Rows { updates, unlisted, ignored, .. } = self;
        let frame = if updates.is_empty() {
            let unlisted = (!unlisted.is_empty()).then_some("unlisted");
            Frame::Ignored(ignored.or(unlisted).unwrap_or("no_rows"))
        } else {
            Frame::Updates(updates)
        };
        Decoded { stream, frame, unlisted }
    }
}

impl Decoder for Frames {
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError> {
        self.venue.see(received);
        let text = std::str::from_utf8(frame).map_err(|e| VenueError::Malformed { detail: e.to_string() })?;
        let text = text.trim_ascii();
        if text == "pong" {
            return Ok(Decoded::new(None, Frame::Ignored("pong")));
        }
        let envelope: wire::Envelope<'_> = read(text)?;
        if let Some(event) = &envelope.event {
            return Ok(Decoded::new(None, control(event.as_str(), &envelope)));
        }
        let Some(data) = envelope.data.map(|data| data.get()) else {
            return Err(VenueError::Malformed { detail: "neither an event nor data".into() });
        };
        let (product, updates) = (self.product, Vec::new());
        let mut rows = Rows { product, instruments, updates, unlisted: Vec::new(), ignored: None };
        match &envelope.arg {
            Some(arg) => {
                let whole = envelope.action.as_ref().is_some_and(|a| a.as_str() == "snapshot");
                self.channel(&mut rows, arg, whole, received, data)?;
                Ok(rows.frame(Some(arg.name())))
            }
            None if envelope.code.as_ref().is_some_and(|c| c.as_str() != "0") => {
                Ok(Decoded::new(None, Frame::Ignored("rest_error")))
            }
            None => bare(rows, &self.venue.contracts, data),
        }
    }
}

impl Frames {
    fn channel(
        &mut self,
        rows: &mut Rows<'_>,
        arg: &wire::Arg<'_>,
        whole: bool,
        received: Ms,
        data: &str,
    ) -> Result<(), VenueError> {
        let contracts = &self.venue.contracts;
        // Nothing is said of sizes while the contract's is unknown.
        let sized = |i: &Instrument, say: &mut dyn FnMut(f64) -> Result<What, VenueError>| -> Row {
            Ok(match contracts.coins(i) {
                Some(coins) => Ok(vec![say(coins)?]),
                None => Err("contract_size_unknown"),
            })
        };
        let about = arg.about();
        match arg.channel.as_str() {
            "trades" | "trades-all" => {
                for row in read::<Vec<wire::Trade<'_>>>(data)? {
                    rows.about(row.inst_id.as_str(), |i| sized(i, &mut |coins| parse::trade(&row, coins)))?;
                }
            }
            "books" | "books-l2-tbt" | "books50-l2-tbt" => {
                for book in read::<Vec<wire::Book<'_>>>(data)? {
                    let mut book = Some(book);
                    let mut say = |coins| match book.take() {
                        Some(book) => parse::book(book, whole, coins),
                        None => Err(VenueError::Malformed { detail: "a book told twice".into() }),
                    };
                    rows.about(about, |i| sized(i, &mut say))?;
                }
            }
            "bbo-tbt" | "books5" => {
                for book in read::<Vec<wire::Book<'_>>>(data)? {
                    rows.about(about, |i| {
                        let Some(coins) = contracts.coins(i) else { return Ok(Err("contract_size_unknown")) };
                        Ok(parse::top(i, book, coins)?.map(|top| vec![top]).ok_or("one_sided_book"))
                    })?;
                }
            }
            "open-interest" => open_interest(rows, data)?,
            "liquidation-orders" => liquidations(rows, contracts, data)?,
            "mark-price" | "index-tickers" | "funding-rate" => self.merge(rows, arg, received, data)?,
            candle if candle.starts_with("candle") => {
                for row in read::<Vec<Vec<Num<'_>>>>(data)? {
                    rows.about(about, |i| {
                        let Some(timeframe) = timeframe_of(&candle["candle".len()..]) else {
                            return Ok(Err("candle_other_interval"));
                        };
                        Ok(Ok(vec![What::Kline(parse::candle(i, timeframe, &row, |_| false)?)]))
                    })?;
                }
            }
            other => {
                rows.ignored = Some(match other {
                    "tickers" => "ticker",
                    "instruments" => "instruments_change",
                    "books-rpi" => "rpi_depth",
                    "price-limit" => "price_limit",
                    "status" => "system_status",
                    _ if other.starts_with("mark-price-candle") || other.starts_with("index-candle") => {
                        "price_candle"
                    }
                    _ => "unknown_channel",
                });
            }
        }
        Ok(())
    }

    /// Takes one of the three streams that make up funding.
    fn merge(
        &mut self,
        rows: &mut Rows<'_>,
        arg: &wire::Arg<'_>,
        received: Ms,
        data: &str,
    ) -> Result<(), VenueError> {
        let funding = &mut self.funding;
        let or = |said: Option<What>, kind| Ok(said.map(|what| vec![what]).ok_or(kind));
        match arg.channel.as_str() {
            "mark-price" => {
                for row in read::<Vec<wire::MarkPrice<'_>>>(data)? {
                    let time = at("ts", row.ts)?;
                    rows.about(row.inst_id.as_str(), |i| {
                        or(merged(funding, i).mark(row.mark_px, time)?, "mark_price_without_funding")
                    })?;
                }
            }
            "index-tickers" => {
                for row in read::<Vec<wire::IndexTicker<'_>>>(data)? {
                    let time = at("ts", row.ts)?;
                    rows.about(&symbol::swap_of(row.inst_id.as_str()), |i| {
                        or(merged(funding, i).index(row.idx_px, time)?, "index_price_without_funding")
                    })?;
                }
            }
            _ => {
                for row in read::<Vec<wire::FundingRate<'_>>>(data)? {
                    rows.about(row.inst_id.as_str(), |i| Ok(Ok(merged(funding, i).rate(&row, received)?)))?;
                }
            }
        }
        Ok(())
    }
}

/// What is known of a swap so far.
fn merged<'a>(funding: &'a mut HashMap<String, Merged>, i: &Instrument) -> &'a mut Merged {
    funding.entry(i.venue_symbol.clone()).or_default()
}

fn open_interest(rows: &mut Rows<'_>, data: &str) -> Result<(), VenueError> {
    for row in read::<Vec<wire::OpenInterest<'_>>>(data)? {
        rows.about(row.inst_id.as_str(), |_| Ok(Ok(vec![parse::open_interest(&row)?])))?;
    }
    Ok(())
}

/// Forced orders; of the socket and of the call alike.
fn liquidations(rows: &mut Rows<'_>, contracts: &Contracts, data: &str) -> Result<(), VenueError> {
    for row in read::<Vec<wire::Liquidations<'_>>>(data)? {
        rows.about(row.inst_id.as_str(), |i| {
            let Some(coins) = contracts.coins(i) else { return Ok(Err("contract_size_unknown")) };
            let said = row.details.iter().map(|l| parse::liquidation(l, coins));
            Ok(Ok(said.collect::<Result<_, _>>()?))
        })?;
    }
    Ok(())
}

/// Answers to control frames, and notices.
fn control(event: &str, envelope: &wire::Envelope<'_>) -> Frame {
    let id = envelope.id.as_ref().and_then(|id| id.as_str().parse().ok());
    let code = envelope.code.as_ref().map_or("", |code| code.as_str());
    let message = envelope.msg.as_ref().map_or("", |msg| msg.as_str());
    match event {
        "subscribe" | "unsubscribe" => Frame::Ack { id },
        "error" => {
            let named = envelope.arg.as_ref().map(wire::Arg::name).or_else(|| named_in(message));
            let message = format!("{code}: {}", message.chars().take(200).collect::<String>());
            Frame::Refused { id, streams: named.into_iter().collect(), message }
        }
        // A minute before the connection goes.
        "notice" if code == "64008" => Frame::Renew,
        "notice" => Frame::Ignored("notice"),
        "channel-conn-count" => Frame::Ignored("connection_count"),
        _ => Frame::Ignored("unknown_event"),
    }
}

/// The stream in `Wrong URL or channel:tickers,instId:FOO-USDT-SWAP doesn't exist`: texts change, so maybe none.
fn named_in(message: &str) -> Option<String> {
    let after = |key: &str| {
        let (_, rest) = message.split_once(key)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        Some(rest.get(..end)?).filter(|text| !text.is_empty())
    };
    let about = after("instId:").or_else(|| after("instType:"))?;
    Some(format!("{}:{about}", after("channel:")?))
}

/// What tells the rows of a REST body without its address apart.
#[derive(Deserialize)]
struct Shape {
    #[serde(default, rename = "oiCcy", deserialize_with = "present")]
    open_interest: bool,
    #[serde(default, deserialize_with = "present")]
    asks: bool,
    #[serde(default, rename = "tradeId", deserialize_with = "present")]
    trade: bool,
    /// Of forced orders.
    #[serde(default, deserialize_with = "present")]
    details: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(d).map(|_| true)
}

/// The body of a REST answer among the frames, as recordings have them.
fn bare(mut rows: Rows<'_>, contracts: &Contracts, data: &str) -> Result<Decoded, VenueError> {
    let shapes: Vec<Shape> = serde_json::from_str(data).unwrap_or_default();
    match shapes.first() {
        Some(Shape { asks: true, .. }) => return Ok(Decoded::new(None, Frame::UnnamedDepth)),
        Some(Shape { open_interest: true, .. }) if rows.product == SWAP => open_interest(&mut rows, data)?,
        Some(Shape { details: true, .. }) if rows.product == SWAP => {
            liquidations(&mut rows, contracts, data)?;
        }
        Some(Shape { trade: true, .. }) => rows.ignored = Some("rest_trades"),
        _ => rows.ignored = Some("rest_body"),
    }
    Ok(rows.frame(None))
}
