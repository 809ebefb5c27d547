//! Frames and answers as the venue sends them. Field names are the venue's; values stay text until parsed.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::venues::common::number::{Num, Text};

/// `{"channel":"trades","data":..}`; a pong has no data.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub channel: Text<'a>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
}

/// `{"coin":"BTC","side":"A","px":"80639.0","sz":"0.00022","time":1788490042052,"hash":"0x..","tid":1095884267920331,
/// "users":["0x..","0x.."]}`
#[derive(Deserialize)]
pub(super) struct Trade<'a> {
    #[serde(borrow)]
    pub coin: Text<'a>,
    #[serde(borrow)]
    pub side: Text<'a>,
    #[serde(borrow)]
    pub px: Num<'a>,
    #[serde(borrow)]
    pub sz: Num<'a>,
    pub time: i64,
    pub tid: u64,
}

/// `{"coin":"BTC","time":1788490374938,"levels":[[{"px":"80639.0","sz":"1.5","n":3},..],[..]]}`
#[derive(Deserialize)]
pub(super) struct Book<'a> {
    #[serde(borrow)]
    pub coin: Text<'a>,
    pub time: i64,
    /// Bids, asks; best first.
    #[serde(borrow)]
    pub levels: (Vec<Level<'a>>, Vec<Level<'a>>),
}

#[derive(Deserialize)]
pub(super) struct Level<'a> {
    #[serde(borrow)]
    pub px: Num<'a>,
    #[serde(borrow)]
    pub sz: Num<'a>,
}

/// `{"coin":"BTC","time":1788490065008,"bbo":[{"px":"80639.0","sz":"0.00186","n":2},null]}`
#[derive(Deserialize)]
pub(super) struct Best<'a> {
    #[serde(borrow)]
    pub coin: Text<'a>,
    pub time: i64,
    #[serde(borrow)]
    pub bbo: (Option<Level<'a>>, Option<Level<'a>>),
}

/// `{"coin":"BTC","ctx":{..}}`
#[derive(Deserialize)]
pub(super) struct AssetContext<'a> {
    #[serde(borrow)]
    pub coin: Text<'a>,
    #[serde(borrow)]
    pub ctx: Context<'a>,
}

/// `{"funding":"0.0000052974","openInterest":"36295.80812","oraclePx":"80684.7","markPx":"80640.0","midPx":null,..}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context<'a> {
    /// For one hour.
    #[serde(borrow)]
    pub funding: Num<'a>,
    /// In units of the name, one-sided.
    #[serde(borrow)]
    pub open_interest: Num<'a>,
    #[serde(borrow)]
    pub oracle_px: Num<'a>,
    #[serde(borrow)]
    pub mark_px: Num<'a>,
}

/// `{"t":1788490020000,"T":1788490079999,"s":"BTC","i":"1m","o":"80640.0","c":"80640.0","h":"80641.0",
/// "l":"80639.0","v":"2.20493","n":61}`
#[derive(Deserialize)]
pub(super) struct Candle<'a> {
    pub t: i64,
    #[serde(rename = "T")]
    pub end: i64,
    #[serde(borrow)]
    pub s: Text<'a>,
    #[serde(borrow)]
    pub i: Text<'a>,
    #[serde(borrow)]
    pub o: Num<'a>,
    #[serde(borrow)]
    pub c: Num<'a>,
    #[serde(borrow)]
    pub h: Num<'a>,
    #[serde(borrow)]
    pub l: Num<'a>,
    #[serde(borrow)]
    pub v: Num<'a>,
    pub n: u64,
}

/// `{"type":"candle","coin":"BTC","interval":"1m"}`, possibly with more.
#[derive(Deserialize)]
pub(super) struct Subscription<'a> {
    #[serde(rename = "type", borrow)]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub coin: Option<Text<'a>>,
    #[serde(borrow)]
    pub interval: Option<Text<'a>>,
}

/// `{"coin":"BTC","fundingRate":"0.0000125","premium":"0.0003","time":1683849600048}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Funding<'a> {
    #[serde(borrow)]
    pub coin: Text<'a>,
    #[serde(borrow)]
    pub funding_rate: Num<'a>,
    pub time: i64,
}

/// `{"universe":[{"name":"BTC","szDecimals":5,"maxLeverage":40},..],..}`
#[derive(Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow)]
    pub universe: Vec<Asset<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asset<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    pub sz_decimals: i32,
    #[serde(default)]
    pub is_delisted: bool,
}
