//! Exchange frames to updates, and what both stacks share.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::event::{Bar, BookTop, Side, Trade};
use shared::market::{Civil, Instrument, Ms, Symbol};

use super::{SPOT, advanced, bare, symbol, wire};
use crate::venues::common::number::Num;
use crate::venues::{
    Decoded, Decoder, DepthDiff, DepthSnapshot, Frame, Instruments, Level, TradeUpdate, Update, VenueError,
    What,
};

/// Decodes one connection.
#[derive(Default)]
pub(super) struct Frames {
    /// Book frames so far: the venue does not number them.
    pub books: u64,
    /// The newest candle of each product, until the next begins: they carry no sign of their end.
    pub forming: HashMap<Symbol, Bar>,
}

impl Decoder for Frames {
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError> {
        let text = std::str::from_utf8(frame).map_err(malformed)?.trim_ascii();
        let ctx = Context { instruments, received };
        if let Some(kind) = text.strip_prefix("{\"type\":\"").and_then(|rest| rest.split('"').next()) {
            return self.event(&ctx, kind, text);
        }
        if !text.starts_with('{') {
            return bare::rows(text);
        }
        let shape: wire::Shape<'_> = read(text)?;
        match (&shape.kind, &shape.channel) {
            (Some(kind), _) => self.event(&ctx, kind.as_str(), text),
            (None, Some(channel)) => advanced::frame(self, &ctx, channel.as_str(), text),
            (None, None) => bare::object(&ctx, &shape, text),
        }
    }
}

/// What a frame is decoded against.
pub(super) struct Context<'a> {
    pub instruments: &'a Instruments,
    pub received: Ms,
}

impl Context<'_> {
    /// Finds whose frame it is and makes its update, or names why there is none.
    fn about(
        &self,
        channel: Option<&str>,
        product_id: &str,
        what: impl FnOnce(&Instrument) -> Result<Result<What, &'static str>, VenueError>,
    ) -> Result<Decoded, VenueError> {
        let stream = channel.map(|channel| format!("{channel}:{product_id}"));
        let Some(instrument) = self.instruments.get(SPOT, product_id) else {
            return Ok(unlisted(stream, [product_id]));
        };
        let frame = match what(instrument)? {
            Ok(what) => Frame::Updates(vec![Update { symbol: instrument.symbol.clone(), what }]),
            Err(kind) => Frame::Ignored(kind),
        };
        Ok(Decoded::new(stream, frame))
    }
}

/// A frame about products that are not among the instruments.
pub(super) fn unlisted<'a>(stream: Option<String>, names: impl IntoIterator<Item = &'a str>) -> Decoded {
    let mut decoded = Decoded::new(stream, Frame::Ignored("unlisted"));
    for name in names {
        match symbol::outside(name) {
            Some(kind) => decoded.frame = Frame::Ignored(kind),
            None => decoded.unlisted.push(name.to_owned()),
        }
    }
    decoded
}

impl Frames {
    fn event(&mut self, ctx: &Context<'_>, kind: &str, text: &str) -> Result<Decoded, VenueError> {
        let ignored = |kind| {
            // Not ours, but whole JSON all the same.
            read::<IgnoredAny>(text)?;
            Ok(Decoded::new(None, Frame::Ignored(kind)))
        };
        match kind {
            "l2update" => self.changes(ctx, text),
            "match" => {
                let x: wire::Match<'_> = read(text)?;
                ctx.about(Some("matches"), product(&x)?, |_| Ok(Ok(What::Trade(trade(&x)?))))
            }
            // History: the newest trade before the subscription.
            "last_match" => {
                let x: wire::Match<'_> = read(text)?;
                let sequence = x.trade_id.0;
                ctx.about(None, product(&x)?, |_| {
                    Ok(Ok(What::LastTrade { timestamp: iso("time", x.time.as_str())?, sequence }))
                })
            }
            "heartbeat" => {
                let x: wire::Heartbeat<'_> = read(text)?;
                ctx.about(Some("heartbeat"), x.product_id.as_str(), |_| {
                    let timestamp = iso("time", x.time.as_str())?;
                    Ok(Ok(What::LastTrade { timestamp, sequence: x.last_trade_id }))
                })
            }
            "ticker" => {
                let x: wire::Ticker<'_> = read(text)?;
                ctx.about(Some("ticker"), x.product_id.as_str(), |_| {
                    let at = x.time.as_ref().map_or(Ok(ctx.received), |t| iso("time", t.as_str()))?;
                    Ok(top(&x, at)?.map(What::Top).ok_or("ticker"))
                })
            }
            "snapshot" => self.snapshot(ctx, text),
            "subscriptions" => {
                read::<IgnoredAny>(text)?;
                Ok(Decoded::new(None, Frame::Ack { id: None }))
            }
            "error" => {
                let x: wire::Refusal<'_> = read(text)?;
                let reason = x.reason.as_ref().map(|reason| format!(": {}", reason.as_str()));
                let message = format!("{}{}", x.message.as_str(), reason.unwrap_or_default());
                let message = message.chars().take(200).collect();
                Ok(Decoded::new(None, Frame::Refused { id: None, streams: Vec::new(), message }))
            }
            "received" | "open" | "done" | "change" | "activate" => ignored("full_channel"),
            "status" => ignored("status"),
            "subscribe" | "unsubscribe" => ignored("sent"),
            _ => ignored("unknown_type"),
        }
    }

    fn snapshot(&mut self, ctx: &Context<'_>, text: &str) -> Result<Decoded, VenueError> {
        let x: wire::Snapshot<'_> = read(text)?;
        ctx.about(Some("level2_batch"), x.product_id.as_str(), |_| {
            self.books += 1;
            // It does not say of when it is.
            let (timestamp, last_id) = (ctx.received, self.books);
            Ok(Ok(What::Snapshot(DepthSnapshot { timestamp, last_id, bids: x.bids.0, asks: x.asks.0 })))
        })
    }

    fn changes(&mut self, ctx: &Context<'_>, text: &str) -> Result<Decoded, VenueError> {
        let x: wire::Changes<'_> = read(text)?;
        ctx.about(Some("level2_batch"), x.product_id.as_str(), |_| {
            let timestamp = iso("time", x.time.as_str())?;
            let changes =
                x.changes.iter().map(|wire::Change(side, price, size)| (side.as_str(), *price, *size));
            let (bids, asks) = sides(changes)?;
            Ok(Ok(What::Diff(self.diff(timestamp, bids, asks))))
        })
    }

    /// A change of a book, numbered in the order of the connection.
    pub(super) fn diff(&mut self, timestamp: Ms, bids: Vec<Level>, asks: Vec<Level>) -> DepthDiff {
        self.books += 1;
        let previous_id = Some(self.books - 1);
        DepthDiff { timestamp, first_id: self.books, last_id: self.books, previous_id, bids, asks }
    }
}

/// Bids and asks among changes; sizes are totals, 0 deletes.
pub(super) fn sides<'a>(
    changes: impl Iterator<Item = (&'a str, Num<'a>, Num<'a>)>,
) -> Result<(Vec<Level>, Vec<Level>), VenueError> {
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    for (side, price, quantity) in changes {
        let level = Level { price: price.price("price")?, quantity: quantity.quantity("size")? };
        match side {
            "buy" | "bid" => bids.push(level),
            "sell" | "offer" => asks.push(level),
            other => return Err(bad_text("side", other)),
        }
    }
    Ok((bids, asks))
}

fn product<'a>(x: &'a wire::Match<'_>) -> Result<&'a str, VenueError> {
    let missing = || VenueError::Field { field: "product_id", detail: "is missing".into() };
    x.product_id.as_ref().map(|name| name.as_str()).ok_or_else(missing)
}

/// A trade. The side is that of the order that rested: who sold to it took it.
pub(super) fn trade(x: &wire::Match<'_>) -> Result<TradeUpdate, VenueError> {
    let side = match x.side.as_str() {
        "sell" | "SELL" => Side::Buy,
        "buy" | "BUY" => Side::Sell,
        other => return Err(bad_text("side", other)),
    };
    let trade = Trade {
        timestamp: iso("time", x.time.as_str())?,
        price: x.price.price("price")?,
        quantity: x.size.quantity("size")?,
        side,
        id: x.trade_id.0.to_string(),
    };
    Ok(TradeUpdate { trade, sequence: Some(x.trade_id.0) })
}

/// Best prices, where the frame has both with their sizes.
pub(super) fn top(x: &wire::Ticker<'_>, at: Ms) -> Result<Option<BookTop>, VenueError> {
    let value = |num: Option<Num<'_>>, field| num.map_or(Ok(None), |num| num.optional(field));
    let bid = value(x.best_bid, "best_bid")?.zip(value(x.best_bid_size, "best_bid_size")?);
    let ask = value(x.best_ask, "best_ask")?.zip(value(x.best_ask_size, "best_ask_size")?);
    let both = bid.zip(ask).filter(|(bid, ask)| bid.0 > 0.0 && ask.0 > 0.0 && bid.1 >= 0.0 && ask.1 >= 0.0);
    Ok(both.map(|(bid, ask)| BookTop::from_best(at, bid, ask)))
}

/// Reads `2026-08-25T03:35:57.198335Z`, to the ms.
pub(super) fn iso(field: &'static str, text: &str) -> Result<Ms, VenueError> {
    let usual = usual_iso(text.as_bytes());
    let general = || Ms::parse(text).ok().filter(|_| text.as_bytes().get(10) == Some(&b'T')).map(|t| t.at);
    usual.or_else(general).ok_or_else(|| bad_text(field, text))
}

/// As nearly all frames write it; `None` leaves the rest, and faults, to the general parser.
fn usual_iso(text: &[u8]) -> Option<Ms> {
    let digits = |from: usize, to: usize| {
        text.get(from..to)?.iter().try_fold(0_u32, |value, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then(|| value * 10 + u32::from(digit))
        })
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if marks.iter().any(|(place, byte)| text.get(*place) != Some(byte)) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let (millis, rest) = (digits(20, 23)?, text.get(23..)?.strip_suffix(b"Z")?);
    let midnight = Civil::midnight(year as i32, month as u8, day as u8);
    let exists = (1..=12).contains(&month) && u32::from(midnight.civil().day) == day;
    let sound = exists && hour < 24 && minute < 60 && second < 60 && rest.iter().all(u8::is_ascii_digit);
    let clock = ((hour * 60 + minute) * 60 + second) * 1_000 + millis;
    sound.then(|| midnight + Ms(i64::from(clock)))
}

pub(super) fn bad_text(field: &'static str, text: &str) -> VenueError {
    let text: String = text.chars().take(40).collect();
    VenueError::Field { field, detail: format!("`{text}` is not what this venue sends") }
}

/// Reads a wire struct.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    serde_json::from_str(text).map_err(malformed)
}

pub(super) fn malformed(error: impl std::fmt::Display) -> VenueError {
    VenueError::Malformed { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_precision_have_the_ms_of_the_general_parser() {
        let usual = "2026-08-25T03:35:57.198335Z";
        assert_eq!(usual_iso(usual.as_bytes()), Some(Ms(1_787_628_957_198)));
        for text in [usual, "2024-02-29T23:59:59.999Z", "2026-09-30T02:39:59.615767928Z"] {
            assert_eq!(usual_iso(text.as_bytes()), Ms::parse(text).ok().map(|t| t.at), "{text}");
        }
        for text in ["2026-08-25T03:35:57Z", "2026-08-25T03:35:57.1Z", "2026-08-25T03:35:57.198+01:00"] {
            assert_eq!(usual_iso(text.as_bytes()), None, "{text}");
            assert!(iso("time", text).is_ok(), "{text}");
        }
        for text in [
            "2026-02-30T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-08-25",
            "1787628957198",
            "",
            "soon",
        ] {
            assert!(iso("time", text).is_err(), "{text}");
        }
    }
}
