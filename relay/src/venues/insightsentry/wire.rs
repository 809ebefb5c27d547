//! What the vendor writes: on the socket and in answers alike.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Every field that tells frames apart, unread.
#[derive(Deserialize, Default)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event: Option<&'a RawValue>,
    #[serde(borrow)]
    pub server_time: Option<&'a RawValue>,
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub series: Option<&'a RawValue>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub symbols: Option<&'a RawValue>,
    #[serde(borrow)]
    pub price_scale: Option<&'a RawValue>,
    #[serde(borrow)]
    pub contracts: Option<&'a RawValue>,
    #[serde(borrow)]
    pub last_price: Option<&'a RawValue>,
    #[serde(borrow)]
    pub bid: Option<&'a RawValue>,
    #[serde(borrow)]
    pub ask: Option<&'a RawValue>,
}

/// `{"code":"CME_MINI:MNQ1!","bar_type":"1m","bar_end":1767218399.0,"last_update":1767302846127,"series":[..]}`:
/// seconds in rows and `bar_end`, milliseconds in `last_update`.
#[derive(Deserialize)]
pub(super) struct Series<'a> {
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    #[serde(borrow)]
    pub bar_type: Option<Cow<'a, str>>,
    /// The last second of the newest bar.
    pub bar_end: Option<f64>,
    pub last_update: Option<f64>,
    pub series: Vec<Row>,
}

/// One bar; `time` is its open.
#[derive(Deserialize, Clone, Copy)]
pub(super) struct Row {
    pub time: f64,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: Option<f64>,
}

/// Quotes: only what changed, with the code.
#[derive(Deserialize)]
pub(super) struct Quotes<'a> {
    pub last_update: Option<f64>,
    #[serde(borrow)]
    pub data: Vec<Quote<'a>>,
}

/// One quote, alone or among others. A field that is not there did not change.
#[derive(Deserialize, Clone)]
pub(super) struct Quote<'a> {
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    pub last_update: Option<f64>,
    /// Seconds.
    pub lp_time: Option<f64>,
    pub bid: Option<f64>,
    pub ask: Option<f64>,
    pub bid_size: Option<f64>,
    pub ask_size: Option<f64>,
    /// 0 live, 900 delayed, -1 end of day.
    pub delay_seconds: Option<f64>,
}

/// `{"error":"invalid_symbol","symbol":"X:Y","message":"..","action":"..","retryable":false}`.
#[derive(Deserialize)]
pub(super) struct Refusal<'a> {
    #[serde(borrow)]
    pub error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub symbol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub action: Option<Cow<'a, str>>,
    pub retryable: Option<bool>,
    pub delay_seconds: Option<f64>,
    pub retry_after_seconds: Option<f64>,
}

/// Hours and steps of a symbol. Numbers may be texts.
#[derive(Deserialize)]
pub(super) struct Session<'a> {
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub currency_code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub timezone: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub start_hour: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub end_hour: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub holidays: Vec<Cow<'a, str>>,
    pub price_scale: Option<f64>,
    pub minimum_movement: Option<f64>,
}

/// A page of a search; fields other than `code` may be missing or null.
#[derive(Deserialize)]
pub(super) struct Search<'a> {
    #[serde(borrow)]
    pub symbols: Vec<Found<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Found<'a> {
    #[serde(borrow)]
    pub code: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub currency_code: Option<Cow<'a, str>>,
}
