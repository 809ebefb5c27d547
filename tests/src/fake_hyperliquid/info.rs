//! `POST /info`: the body's `type` selects the question; weights are counted and enforced.

use serde::Deserialize;

use super::frames::{self, number};
use super::state::{RestCall, State};
use super::{Coin, bucket};
use crate::fake::clock::machine_now;
use crate::fake::rest::{Answer, cut, list};
use crate::oracle::calendar::{HOUR, MINUTE};

/// Bars of an interval that are kept.
const BARS: i64 = 5_000;
/// Rows of a funding answer.
const FUNDINGS: usize = 500;
/// Trades of an answer.
const TRADES: usize = 200;

/// A question as the venue reads it.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Question {
    Meta { dex: Option<String> },
    MetaAndAssetCtxs { dex: Option<String> },
    AllMids { dex: Option<String> },
    CandleSnapshot { req: Candles },
    FundingHistory { coin: String, start_time: i64, end_time: Option<i64> },
    L2Book { coin: String },
    RecentTrades { coin: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candles {
    coin: String,
    interval: String,
    start_time: i64,
    end_time: i64,
}

/// Weight used in the minute.
pub struct Limiter {
    pub capacity: u32,
    minute: i64,
    pub used: u32,
    /// Refuses everything until then, because a test said so.
    pub refuse_until: i64,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter { capacity: 1_200, minute: 0, used: 0, refuse_until: 0 }
    }
}

impl Limiter {
    /// Weight that is left at `now`.
    fn left(&mut self, now: i64) -> u32 {
        if now.div_euclid(MINUTE) != self.minute {
            (self.minute, self.used) = (now.div_euclid(MINUTE), 0);
        }
        self.capacity.saturating_sub(self.used)
    }
}

const UNREADABLE: &str = "Failed to deserialize the JSON body into the target type";

impl State {
    /// Answers one call at `now`, counting it.
    pub(super) fn info(&mut self, body: &str, now: i64) -> Answer {
        let (answer, weight) = self.answer(body, now);
        let kind = serde_json::from_str::<serde_json::Value>(body).ok();
        let kind = kind.and_then(|b| Some(b.get("type")?.as_str()?.to_owned())).unwrap_or_default();
        *self.counts.rest.entry(kind).or_default() += 1;
        self.counts.rest_log.push(RestCall { at: now, body: body.to_owned(), status: answer.status, weight });
        answer
    }

    fn answer(&mut self, body: &str, now: i64) -> (Answer, u32) {
        if let Some(status) = self.faults.refused_location {
            return (Answer::plain(status, "Forbidden"), 0);
        }
        if self.faults.failures > 0 {
            self.faults.failures -= 1;
            return (Answer::plain(502, "<html>Bad Gateway</html>"), 0);
        }
        let clock = machine_now();
        if clock < self.limiter.refuse_until {
            return (Answer::plain(429, "null"), 0);
        }
        let Ok(question) = serde_json::from_str::<Question>(body) else {
            return (Answer::plain(422, UNREADABLE), 20);
        };
        let base =
            if matches!(question, Question::L2Book { .. } | Question::AllMids { .. }) { 2 } else { 20 };
        if self.limiter.left(clock) < base {
            self.violate("weight");
            return (Answer::plain(429, "null"), base);
        }
        let (answer, rows) = self.ask(question, now);
        let weight = base + rows;
        self.limiter.used += weight;
        (answer, weight)
    }

    /// The answer, and the weight its rows cost.
    fn ask(&mut self, question: Question, now: i64) -> (Answer, u32) {
        let fine = |body: String| Answer::plain(200, body);
        let other = |dex: &Option<String>| dex.as_ref().is_some_and(|d| !d.is_empty());
        match question {
            Question::Meta { dex } | Question::MetaAndAssetCtxs { dex } | Question::AllMids { dex }
                if other(&dex) =>
            {
                (fine("null".to_owned()), 0)
            }
            Question::Meta { .. } => (fine(frames::meta(&self.markets)), 0),
            Question::MetaAndAssetCtxs { .. } => {
                let contexts = list(self.markets.iter().map(|m| frames::context(m, now)));
                (fine(format!("[{},{contexts}]", frames::meta(&self.markets))), 0)
            }
            Question::AllMids { .. } => {
                let open = self.markets.iter().filter(|m| !m.listing.delisted);
                let mids = open.map(|m| {
                    let mid = i128::from(m.mid_ticks(now)) * m.listing.spec.tick;
                    format!(r#""{}":"{}""#, m.listing.coin, number(mid, m.listing.spec.price_places))
                });
                (fine(format!("{{{}}}", mids.collect::<Vec<_>>().join(","))), 0)
            }
            Question::CandleSnapshot { req } => {
                let Some(bucket) = bucket(&req.interval) else {
                    return (Answer::plain(422, UNREADABLE), 0);
                };
                self.rows(&req.coin, 60, |m| candles(m, bucket, &req, now))
            }
            Question::FundingHistory { coin, start_time, end_time } => {
                let end = end_time.unwrap_or(now).min(now);
                self.rows(&coin, 20, |m| fundings(m, start_time, end))
            }
            Question::L2Book { coin } => {
                let time = self.books.get(coin.as_str()).map_or(now, |ladder| ladder.stepped());
                let book = self.book(&coin);
                let told = self.market(&coin).map(|m| frames::book(&m.listing, &book, time));
                (fine(told.unwrap_or_else(|| "null".to_owned())), 0)
            }
            Question::RecentTrades { coin } => self.rows(&coin, 20, |m| {
                let trades = cut(m.trades(now - 10 * MINUTE, now + 1), TRADES, false);
                trades.iter().rev().map(|t| frames::trade(&m.listing, t)).collect()
            }),
        }
    }

    /// Rows of a coin and what they weigh, one for each `per` of them; null for a coin that is not listed.
    fn rows(&mut self, coin: &str, per: usize, rows: impl FnOnce(&mut Coin) -> Vec<String>) -> (Answer, u32) {
        let Some(market) = self.market(coin) else { return (Answer::plain(200, "null"), 0) };
        let rows = rows(market);
        let weight = (rows.len() / per) as u32;
        (Answer::plain(200, list(rows)), weight)
    }
}

/// Bars that reach into `[start, end]`, the newest of them: the one that holds `start` is among them.
fn candles(
    market: &mut Coin,
    bucket: impl Fn(i64) -> (i64, i64) + Copy,
    req: &Candles,
    now: i64,
) -> Vec<String> {
    let (newest, end) = bucket(req.end_time.min(now));
    let oldest = newest - (BARS - 1) * (end - newest);
    let from = bucket(req.start_time.max(oldest).max(market.since)).0;
    if from >= end || req.start_time > req.end_time {
        return Vec::new();
    }
    let bars = market.bars_by(bucket, from, end, now + 1);
    bars.iter().map(|b| frames::candle(&market.listing, &req.interval, b, bucket(b.open_time).1)).collect()
}

/// Settlements in `[start, end]`, the oldest of them: each a few ms after its hour.
fn fundings(market: &Coin, start: i64, end: i64) -> Vec<String> {
    let mut hour = start.max(market.since);
    hour -= hour.rem_euclid(HOUR);
    let mut rows = Vec::new();
    while hour <= end && rows.len() < FUNDINGS {
        let time = hour + hour / HOUR * 37 % 150;
        if (start..=end).contains(&time) && hour >= market.since {
            let rate = number(frames::hourly_rate(market, hour - 1), 10);
            rows.push(format!(
                r#"{{"coin":"{}","fundingRate":"{rate}","premium":"{rate}","time":{time}}}"#,
                market.listing.coin
            ));
        }
        hour += HOUR;
    }
    rows
}
