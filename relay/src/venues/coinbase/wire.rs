//! Frames as the venue sends them. Field names are the venue's; values stay text until parsed.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::venues::common::number::{Levels, Num, Text};

/// What tells the kind of a frame or body whose `type` does not come first.
#[derive(Deserialize)]
pub(super) struct Shape<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub channel: Option<Text<'a>>,
    #[serde(default, deserialize_with = "present")]
    pub candles: bool,
    #[serde(default, deserialize_with = "present")]
    pub products: bool,
    #[serde(default, deserialize_with = "present")]
    pub trades: bool,
    #[serde(default, deserialize_with = "present")]
    pub bids: bool,
    #[serde(default, deserialize_with = "present")]
    pub trade_id: bool,
    #[serde(default, deserialize_with = "present")]
    pub volume_30day: bool,
    #[serde(default, deserialize_with = "present")]
    pub epoch: bool,
    #[serde(default, deserialize_with = "present")]
    pub message: bool,
}

fn present<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(d).map(|_| true)
}

/// `{"type":"match","trade_id":1081862675,"maker_order_id":"f07e..","taker_order_id":"e6f5..","side":"sell",
/// "size":"0.00000001","price":"80691.53","product_id":"BTC-USD","sequence":134905860111,
/// "time":"2026-08-25T03:35:57.198335Z"}`; a row of trades is the same without product.
#[derive(Deserialize)]
pub(super) struct Match<'a> {
    pub trade_id: Count,
    /// Of the order that rested.
    #[serde(borrow)]
    pub side: Text<'a>,
    #[serde(borrow)]
    pub size: Num<'a>,
    #[serde(borrow)]
    pub price: Num<'a>,
    #[serde(borrow)]
    pub product_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub time: Text<'a>,
}

/// A count: an integer in one of the venue's two stacks, a text in the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<'a> {
            Number(u64),
            #[serde(borrow)]
            Text(&'a str),
        }
        match Either::deserialize(d)? {
            Either::Number(count) => Ok(Count(count)),
            Either::Text(text) => text.parse().map(Count).map_err(serde::de::Error::custom),
        }
    }
}

/// `{"type":"ticker","sequence":137212619516,"product_id":"BTC-USD","best_bid":"84737.58",
/// "best_bid_size":"0.19921154","best_ask":"84737.59","best_ask_size":"0.05223077",
/// "time":"2026-10-03T20:58:31.127510Z",..}`; the other stack says `quantity` for `size`.
#[derive(Deserialize)]
pub(super) struct Ticker<'a> {
    #[serde(borrow)]
    pub product_id: Text<'a>,
    #[serde(borrow)]
    pub best_bid: Option<Num<'a>>,
    /// Absent in old recordings.
    #[serde(alias = "best_bid_quantity", borrow)]
    pub best_bid_size: Option<Num<'a>>,
    #[serde(borrow)]
    pub best_ask: Option<Num<'a>>,
    #[serde(alias = "best_ask_quantity", borrow)]
    pub best_ask_size: Option<Num<'a>>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
}

/// `{"type":"heartbeat","last_trade_id":278953096,"product_id":"ETH-USD","sequence":29716844241,
/// "time":"2022-05-20T21:22:34.751219Z"}`
#[derive(Deserialize)]
pub(super) struct Heartbeat<'a> {
    pub last_trade_id: u64,
    #[serde(borrow)]
    pub product_id: Text<'a>,
    #[serde(borrow)]
    pub time: Text<'a>,
}

/// `{"type":"snapshot","product_id":"BTC-USD","asks":[["80691.53","0.20084671"]],"bids":[..]}`
#[derive(Deserialize)]
pub(super) struct Snapshot<'a> {
    #[serde(borrow)]
    pub product_id: Text<'a>,
    pub bids: Levels,
    pub asks: Levels,
}

/// `{"type":"l2update","product_id":"BTC-USD","changes":[["buy","80688.08","0.59153273"],..],
/// "time":"2026-08-25T03:35:57.300000Z"}`; sizes are the new totals.
#[derive(Deserialize)]
pub(super) struct Changes<'a> {
    #[serde(borrow)]
    pub product_id: Text<'a>,
    #[serde(borrow)]
    pub changes: Vec<Change<'a>>,
    #[serde(borrow)]
    pub time: Text<'a>,
}

/// Side, price, size.
#[derive(Deserialize)]
pub(super) struct Change<'a>(
    #[serde(borrow)] pub Text<'a>,
    #[serde(borrow)] pub Num<'a>,
    #[serde(borrow)] pub Num<'a>,
);

/// `{"type":"error","message":"Failed to subscribe","reason":"..."}`
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow)]
    pub message: Text<'a>,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
}
