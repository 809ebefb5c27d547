//! Frames as the venue sends them. Field names are the venue's; values stay text until parsed.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::value::RawValue;

use crate::venues::common::number::{Levels, Num, Text};

/// `{"stream":"btcusdt@aggTrade","data":{..}}`
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub stream: Text<'a>,
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// What tells the kind of a frame whose keys are not in the usual order, or that has no `e`.
#[derive(Deserialize)]
pub(super) struct Shape<'a> {
    #[serde(borrow)]
    pub e: Option<Text<'a>>,
    /// Present, even as null, in answers to control frames.
    #[serde(default, deserialize_with = "present")]
    pub result: bool,
    #[serde(borrow)]
    pub error: Option<Refusal<'a>>,
    #[serde(borrow)]
    pub id: Option<&'a RawValue>,
    pub code: Option<i64>,
    #[serde(borrow)]
    pub msg: Option<Text<'a>>,
    #[serde(rename = "lastUpdateId", default, deserialize_with = "present")]
    pub last_update_id: bool,
    #[serde(rename = "openInterest", default, deserialize_with = "present")]
    pub open_interest: bool,
    #[serde(rename = "lastFundingRate", default, deserialize_with = "present")]
    pub last_funding_rate: bool,
    #[serde(rename = "B", default, deserialize_with = "present")]
    pub bid_quantity: bool,
}

/// What tells a recorded REST body, or a row of one, that came without its address.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RestShape<'a> {
    #[serde(borrow)]
    pub symbol: Option<Text<'a>>,
    #[serde(deserialize_with = "present")]
    pub funding_time: bool,
    #[serde(deserialize_with = "present")]
    pub sum_open_interest: bool,
    #[serde(deserialize_with = "present")]
    pub symbols: bool,
    #[serde(rename = "fundingIntervalHours", deserialize_with = "present")]
    pub funding_interval: bool,
    #[serde(deserialize_with = "present")]
    pub server_time: bool,
    #[serde(rename = "isBuyerMaker", deserialize_with = "present")]
    pub maker: bool,
    /// Of the trades in an aggregate.
    #[serde(rename = "f", deserialize_with = "present")]
    pub first_id: bool,
    #[serde(rename = "priceChangePercent", deserialize_with = "present")]
    pub change: bool,
    #[serde(deserialize_with = "present")]
    pub bid_price: bool,
    #[serde(deserialize_with = "present")]
    pub price: bool,
    #[serde(rename = "longShortRatio", deserialize_with = "present")]
    pub long_short: bool,
    #[serde(rename = "buySellRatio", deserialize_with = "present")]
    pub buy_sell: bool,
}

fn present<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(d).map(|_| true)
}

/// `{"code":2,"msg":"Invalid request: ..."}`
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    pub code: i64,
    #[serde(borrow)]
    pub msg: Text<'a>,
}

/// `{"e":"aggTrade","E":1790526539033,"a":3466782974,"s":"BTCUSDT","p":"84551.10","q":"0.030","nq":"0.030",
/// "f":8123344783,"l":8123344783,"T":1790526538883,"m":false,"st":1}`
#[derive(Deserialize)]
pub(super) struct AggTrade<'a> {
    #[serde(borrow)]
    pub s: Text<'a>,
    pub a: u64,
    #[serde(borrow)]
    pub p: Num<'a>,
    #[serde(borrow)]
    pub q: Num<'a>,
    #[serde(rename = "T")]
    pub time: i64,
    /// The buyer was the maker: the aggressor sold.
    pub m: bool,
    pub st: Option<i64>,
}

/// `{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",
/// "X":"MARKET","m":false}`
#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(borrow)]
    pub s: Text<'a>,
    pub t: u64,
    #[serde(borrow)]
    pub p: Num<'a>,
    #[serde(borrow)]
    pub q: Num<'a>,
    #[serde(rename = "T")]
    pub time: i64,
    pub m: bool,
    /// Futures only: `MARKET`, or fills of the insurance fund and the like.
    #[serde(rename = "X", borrow)]
    pub kind: Option<Text<'a>>,
    pub st: Option<i64>,
}

/// `{"e":"depthUpdate","E":1790526538985,"T":1790526538981,"s":"BTCUSDT","ps":"BTCUSDT","U":11671659683245,
/// "u":11671659687966,"pu":11671659683147,"b":[["84551.00","2.027"]],"a":[["84565.90","0.000"]],"st":1}`;
/// spot without `T`, `pu`, `ps`, `st`.
#[derive(Deserialize)]
pub(super) struct DepthUpdate<'a> {
    #[serde(rename = "E")]
    pub event_time: i64,
    #[serde(rename = "T")]
    pub time: Option<i64>,
    #[serde(borrow)]
    pub s: Text<'a>,
    #[serde(rename = "U")]
    pub first: u64,
    #[serde(rename = "u")]
    pub last: u64,
    pub pu: Option<u64>,
    pub b: Levels,
    pub a: Levels,
    pub st: Option<i64>,
}

/// `{"lastUpdateId":17044571457,"bids":[["1782.00","6.483"]],"asks":[["1782.01","15.46"]]}`: spot's partial
/// depth and, with `E` and `T` on futures, the REST answer.
#[derive(Deserialize)]
pub(super) struct WholeDepth {
    #[serde(rename = "lastUpdateId")]
    pub last_update_id: u64,
    #[serde(rename = "E")]
    pub event_time: Option<i64>,
    #[serde(rename = "T")]
    pub time: Option<i64>,
    pub bids: Levels,
    pub asks: Levels,
}

/// `{"e":"bookTicker","u":11671659685961,"s":"BTCUSDT","ps":"BTCUSDT","b":"84551.00","B":"2.646",
/// "a":"84551.10","A":"5.302","T":1790526538939,"E":1790526538940,"st":1}`; spot without `e` and times.
#[derive(Deserialize)]
pub(super) struct BookTicker<'a> {
    #[serde(borrow)]
    pub s: Text<'a>,
    #[serde(borrow)]
    pub b: Num<'a>,
    #[serde(rename = "B", borrow)]
    pub bid_quantity: Num<'a>,
    #[serde(borrow)]
    pub a: Num<'a>,
    #[serde(rename = "A", borrow)]
    pub ask_quantity: Num<'a>,
    #[serde(rename = "T")]
    pub time: Option<i64>,
    #[serde(rename = "E")]
    pub event_time: Option<i64>,
    pub st: Option<i64>,
}

/// `{"e":"markPriceUpdate","E":1790526539000,"s":"BTCUSDT","p":"84551.10762319","ap":"84551.10762319",
/// "P":"84559.09090930","i":"84590.87304348","r":"0.00000801","T":1790553600000,"st":1}`
#[derive(Deserialize)]
pub(super) struct MarkPrice<'a> {
    #[serde(rename = "E")]
    pub event_time: i64,
    #[serde(borrow)]
    pub s: Text<'a>,
    #[serde(borrow)]
    pub p: Num<'a>,
    #[serde(borrow)]
    pub i: Option<Num<'a>>,
    /// Empty where the contract has no funding.
    #[serde(borrow)]
    pub r: Num<'a>,
    #[serde(rename = "T")]
    pub next_funding: i64,
    pub st: Option<i64>,
}

/// `{"e":"forceOrder","E":1790526561105,"o":{..}}`
#[derive(Deserialize)]
pub(super) struct ForceOrder<'a> {
    #[serde(borrow)]
    pub o: LiquidationOrder<'a>,
    pub st: Option<i64>,
}

/// `{"s":"DOGEUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"1147","p":"0.096340","ap":"0.096960","X":"FILLED",
/// "l":"1147","z":"1147","T":1790526560090,"ps":"DOGEUSDT","st":1}`
#[derive(Deserialize)]
pub(super) struct LiquidationOrder<'a> {
    #[serde(borrow)]
    pub s: Text<'a>,
    /// The side of the liquidating order: SELL ends a long.
    #[serde(rename = "S", borrow)]
    pub side: Text<'a>,
    /// Average price of the fills.
    #[serde(borrow)]
    pub ap: Num<'a>,
    /// Filled quantity so far.
    #[serde(borrow)]
    pub z: Num<'a>,
    #[serde(rename = "T")]
    pub time: i64,
    pub st: Option<i64>,
}

/// `{"e":"kline","E":1790526539304,"s":"BTCUSDT","k":{..}}`
#[derive(Deserialize)]
pub(super) struct KlineEvent<'a> {
    #[serde(borrow)]
    pub s: Text<'a>,
    #[serde(borrow)]
    pub k: Kline<'a>,
    pub st: Option<i64>,
}

/// `{"t":1790526480000, "T":1790526539999, "s":"BTCUSDT", "i":"1m", "f":8123343290, "L":8123344784,
/// "o":"84550.20", "c":"84551.10", "h":"84558.90", "l":"84536.70", "v":"104.194", "n":1483, "x":false,
/// "q":"8809619.55440", "V":"56.811", "Q":"4803302.95620", "B":"0"}`
#[derive(Deserialize)]
pub(super) struct Kline<'a> {
    pub t: i64,
    #[serde(borrow)]
    pub i: Text<'a>,
    #[serde(borrow)]
    pub o: Num<'a>,
    #[serde(borrow)]
    pub h: Num<'a>,
    #[serde(borrow)]
    pub l: Num<'a>,
    #[serde(borrow)]
    pub c: Num<'a>,
    #[serde(borrow)]
    pub v: Num<'a>,
    pub n: u64,
    /// Closed.
    pub x: bool,
    #[serde(borrow)]
    pub q: Num<'a>,
    #[serde(rename = "V", borrow)]
    pub taker_buy: Num<'a>,
}
