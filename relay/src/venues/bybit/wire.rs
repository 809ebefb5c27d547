//! Frames as the venue sends them. Field names are the venue's; values stay text until parsed. The order of keys
//! differs between products.

use serde::Deserialize;

use crate::venues::common::number::{Levels, Num, Text};

/// `{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1786310819681,"data":..}`; books add `cts`.
#[derive(Deserialize)]
pub(super) struct Push<'a, D> {
    #[serde(borrow)]
    pub topic: Text<'a>,
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    pub ts: i64,
    /// Time of the matching engine, comparable with that of trades.
    pub cts: Option<i64>,
    pub data: D,
}

/// The topic alone.
#[derive(Deserialize)]
pub(super) struct Topic<'a> {
    #[serde(borrow)]
    pub topic: Option<Text<'a>>,
}

/// `{"success":true,"ret_msg":"","conn_id":"d8bu..","req_id":"1","op":"subscribe"}`, and
/// `{"op":"pong","args":["1786310819681"],..}`.
#[derive(Deserialize)]
pub(super) struct Control<'a> {
    #[serde(borrow)]
    pub op: Option<Text<'a>>,
    pub success: Option<bool>,
    #[serde(borrow)]
    pub ret_msg: Option<Text<'a>>,
    #[serde(borrow)]
    pub req_id: Option<Text<'a>>,
}

/// `{"T":1786310819680,"s":"BTCUSDT","S":"Sell","v":"0.004","p":"65114.20","L":"MinusTick","i":"a9188a0a-..",
/// "BT":false,"RPI":false,"seq":753843954913}`; spot without `L`.
#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(rename = "T")]
    pub time: i64,
    #[serde(borrow)]
    pub s: Text<'a>,
    /// The taker's side.
    #[serde(rename = "S", borrow)]
    pub side: Text<'a>,
    #[serde(borrow)]
    pub v: Num<'a>,
    #[serde(borrow)]
    pub p: Num<'a>,
    #[serde(borrow)]
    pub i: Text<'a>,
    /// A block trade.
    #[serde(rename = "BT", default)]
    pub block: bool,
}

/// `{"s":"BTCUSDT","b":[["65095.30","0.005"]],"a":[["65116.60","0"]],"u":15076953,"seq":753843913870}`
#[derive(Deserialize)]
pub(super) struct Book<'a> {
    #[serde(borrow)]
    pub s: Text<'a>,
    pub b: Levels,
    pub a: Levels,
    pub u: u64,
}

/// `{"T":1789670094099,"s":"ICPUSDT","S":"Buy","v":"19.7","p":"2.585"}`
#[derive(Deserialize)]
pub(super) struct Liquidation<'a> {
    #[serde(rename = "T")]
    pub time: i64,
    #[serde(borrow)]
    pub s: Text<'a>,
    /// Side of the position that died.
    #[serde(rename = "S", borrow)]
    pub side: Text<'a>,
    #[serde(borrow)]
    pub v: Num<'a>,
    /// The price at which the position's margin is used up.
    #[serde(borrow)]
    pub p: Num<'a>,
}

/// `{"start":1786310760000,"end":1786310819999,"interval":"1","open":"65119.9","close":"65114.3",
/// "high":"65119.9","low":"65114.2","volume":"1.576","turnover":"102627.995","confirm":false,..}`
#[derive(Deserialize)]
pub(super) struct Kline<'a> {
    pub start: i64,
    #[serde(borrow)]
    pub interval: Text<'a>,
    #[serde(borrow)]
    pub open: Num<'a>,
    #[serde(borrow)]
    pub high: Num<'a>,
    #[serde(borrow)]
    pub low: Num<'a>,
    #[serde(borrow)]
    pub close: Num<'a>,
    #[serde(borrow)]
    pub volume: Num<'a>,
    #[serde(borrow)]
    pub turnover: Num<'a>,
    /// Closed.
    pub confirm: bool,
}

/// What a ticker says of a perpetual; in changes a missing field means unchanged, and an empty text always not
/// applicable. `openInterest` counts both sides, `singleOpenInterest` (since June 2026) one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ticker<'a> {
    #[serde(borrow)]
    pub symbol: Text<'a>,
    #[serde(borrow)]
    pub mark_price: Option<Num<'a>>,
    #[serde(borrow)]
    pub index_price: Option<Num<'a>>,
    #[serde(borrow)]
    pub open_interest: Option<Num<'a>>,
    #[serde(borrow)]
    pub open_interest_value: Option<Num<'a>>,
    #[serde(borrow)]
    pub single_open_interest: Option<Num<'a>>,
    #[serde(borrow)]
    pub single_open_interest_value: Option<Num<'a>>,
    #[serde(borrow)]
    pub funding_rate: Option<Num<'a>>,
    #[serde(borrow)]
    pub next_funding_time: Option<Num<'a>>,
    #[serde(borrow)]
    pub funding_interval_hour: Option<Num<'a>>,
}

/// Whose a row is.
#[derive(Deserialize)]
pub(super) struct Symbol<'a> {
    #[serde(borrow)]
    pub symbol: Text<'a>,
}
