//! What the venue writes. Every number is a text but the ids of book updates.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::venues::common::number::{Levels, Num, Text};

/// Any socket frame but `pong`, or a REST body.
///
/// `{"arg":{"channel":"trades","instId":"BTC-USDT-SWAP"},"data":[..]}`,
/// `{"id":"1","event":"subscribe","arg":{..},"connId":".."}`, `{"event":"error","code":"60018","msg":".."}`,
/// `{"code":"0","msg":"","data":[..]}`.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub event: Option<Text<'a>>,
    #[serde(borrow)]
    pub arg: Option<Arg<'a>>,
    #[serde(borrow)]
    pub action: Option<Text<'a>>,
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub code: Option<Text<'a>>,
    #[serde(borrow)]
    pub msg: Option<Text<'a>>,
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Arg<'a> {
    #[serde(borrow)]
    pub channel: Text<'a>,
    #[serde(borrow)]
    pub inst_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub inst_type: Option<Text<'a>>,
}

impl Arg<'_> {
    /// What the argument is about: an instrument, or all of a type.
    pub(super) fn about(&self) -> &str {
        self.inst_id.as_ref().or(self.inst_type.as_ref()).map_or("", |id| id.as_str())
    }

    /// The stream's name here.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.channel.as_str(), self.about())
    }
}

/// `{"instId":"BTC-USDT-SWAP","tradeId":"2832749635","px":"63913.5","sz":"1","side":"buy","ts":"1786540435948",
/// "count":"1","source":"0","seqId":333793117432}`; the last three are newer. Fills of one order at one price come
/// as one, with the id of the last.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trade<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub trade_id: Text<'a>,
    #[serde(borrow)]
    pub px: Num<'a>,
    #[serde(borrow)]
    pub sz: Num<'a>,
    /// The taker's.
    #[serde(borrow)]
    pub side: Text<'a>,
    #[serde(borrow)]
    pub ts: Num<'a>,
}

/// `{"asks":[["84093.5","667.26","0","70"]],"bids":[],"ts":"1790439595200","checksum":0,"seqId":342177337312,
/// "prevSeqId":342177337200}`; a level is price, size, a dead field and a number of orders. The checksum is dead
/// too. Recordings of 2022 have no ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Book<'a> {
    #[serde(borrow)]
    pub ts: Num<'a>,
    pub asks: Levels,
    pub bids: Levels,
    pub seq_id: Option<i64>,
    pub prev_seq_id: Option<i64>,
}

/// `{"instId":"BTC-USDT-SWAP","instType":"SWAP","markPx":"83003.8","ts":"1790757203016"}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MarkPrice<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub mark_px: Num<'a>,
    #[serde(borrow)]
    pub ts: Num<'a>,
}

/// `{"instId":"BTC-USDT","idxPx":"83043.9","high24h":"84560.3",..,"ts":"1790757203066"}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndexTicker<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub idx_px: Num<'a>,
    #[serde(borrow)]
    pub ts: Num<'a>,
}

/// `{"fundingRate":"0.0000252378080097","fundingTime":"1790784000000","nextFundingTime":"1790812800000",
/// "prevFundingTime":"1790755200000","settFundingRate":"0.0000337200721784","settState":"settled",
/// "instId":"BTC-USDT-SWAP","ts":"1790757122992",..}`: `fundingTime` is the next payment, `nextFundingTime` the one
/// after it. Recordings of 2022 have neither the latter nor `ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FundingRate<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub funding_rate: Num<'a>,
    #[serde(borrow)]
    pub funding_time: Num<'a>,
    #[serde(borrow)]
    pub next_funding_time: Option<Num<'a>>,
    #[serde(borrow)]
    pub prev_funding_time: Option<Num<'a>>,
    #[serde(borrow)]
    pub sett_funding_rate: Option<Num<'a>>,
    #[serde(borrow)]
    pub sett_state: Option<Text<'a>>,
    #[serde(borrow)]
    pub ts: Option<Num<'a>>,
}

/// `{"instId":"BTC-USDT-SWAP","instType":"SWAP","oi":"2874354.80000000919","oiCcy":"28743.5480000000919",
/// "oiUsd":"2385898442.70720762828816","ts":"1790757205999"}`: contracts, coins, and newer the value.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenInterest<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub oi_ccy: Num<'a>,
    #[serde(borrow)]
    pub oi_usd: Option<Num<'a>>,
    #[serde(borrow)]
    pub ts: Num<'a>,
}

/// `{"instId":"CNPY-USDT-SWAP","instType":"SWAP","details":[{"posSide":"short","side":"buy","sz":"2137",
/// "bkPx":"0.4162","bkLoss":"0","ccy":"","ts":"1789669898955"}],..}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Liquidations<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub details: Vec<Liquidation<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Liquidation<'a> {
    /// `long` or `short`; `net` or missing where the account holds one position for both.
    #[serde(borrow)]
    pub pos_side: Option<Text<'a>>,
    /// Of the forced order.
    #[serde(borrow)]
    pub side: Text<'a>,
    #[serde(borrow)]
    pub sz: Num<'a>,
    /// Despite its name the mark price.
    #[serde(borrow)]
    pub bk_px: Num<'a>,
    #[serde(borrow)]
    pub ts: Num<'a>,
}

/// `{"instId":"BTC-USDT-SWAP","ctType":"linear","ctVal":"0.01","ctMult":"1","settleCcy":"USDT","tickSz":"0.1",
/// "lotSz":"0.01","state":"live",..}`; the contract's fields are empty on spot.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing<'a> {
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    #[serde(borrow)]
    pub state: Text<'a>,
    #[serde(borrow)]
    pub ct_type: Text<'a>,
    #[serde(borrow)]
    pub ct_val: Num<'a>,
    #[serde(borrow)]
    pub ct_mult: Num<'a>,
    #[serde(borrow)]
    pub settle_ccy: Text<'a>,
    #[serde(borrow)]
    pub tick_sz: Num<'a>,
    #[serde(borrow)]
    pub lot_sz: Num<'a>,
}

/// `{"instId":"BTC-USDT-SWAP","fundingRate":"0.0001","realizedRate":"0.0001","fundingTime":"1790755200000",..}`:
/// predicted and paid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PastFunding<'a> {
    #[serde(borrow)]
    pub funding_rate: Num<'a>,
    #[serde(borrow)]
    pub realized_rate: Option<Num<'a>>,
    #[serde(borrow)]
    pub funding_time: Num<'a>,
}
