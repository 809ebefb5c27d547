//! REST calls: one address, what is asked is in the body; weights and the budget.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::event::Channel;
use shared::market::{Instrument, Ms, Timeframe};

use super::parse::{interval_name, timeframe_of};
use super::{Endpoints, PERP, symbol};
use crate::venues::common::url::host;
use crate::venues::{Fetch, LimitSpec, Poll, RestRequest, Window};

const WEIGHT: &str = "weight";
/// Of most questions; books are light.
const USUAL_WEIGHT: u32 = 20;
const BOOK_WEIGHT: u32 = 2;
/// Rows of an answer that cost one more.
const CANDLES_PER_WEIGHT: u32 = 60;
const PAYMENTS_PER_WEIGHT: u32 = 20;
/// Rows asked for at once. The venue has about the newest 5000 of an interval.
pub(super) const MOST_CANDLES: u32 = 1_500;
const MOST_PAYMENTS: u32 = 500;

pub(super) fn limits(endpoints: &Endpoints) -> Vec<LimitSpec> {
    vec![LimitSpec {
        name: WEIGHT,
        host: host(&endpoints.rest).to_owned(),
        capacity: 1_200,
        // Calls may arrive closer together than they were sent.
        window: Window::Sliding(Ms(Ms::MINUTE.0 + 500)),
        counted: None,
    }]
}

/// Settled payments have no stream.
pub(super) fn polls(instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
    let instrument = Arc::clone(instrument);
    let settled = Fetch::FundingHistory { instrument, from: now - Ms(6 * Ms::HOUR.0), to: now, limit: 100 };
    vec![Poll { channel: Channel::Funding, every: Ms::seconds(300), fetch: settled }]
}

pub(super) fn request(endpoints: &Endpoints, fetch: &Fetch) -> Option<RestRequest> {
    let (body, weight) = match fetch {
        // The contexts tell the prices by which the steps go.
        Fetch::Instruments { .. } | Fetch::MarkPrice { .. } | Fetch::OpenInterest { .. } => {
            (json!({ "type": "metaAndAssetCtxs" }), USUAL_WEIGHT)
        }
        Fetch::Klines { instrument: i, timeframe, from, to, limit } => {
            let rows = rows((*limit).clamp(1, MOST_CANDLES), timeframe.nominal(), *from, *to);
            // Both ends are inside, by the time a bar opens; the venue takes no limit.
            let end = (*to).min(*from + Ms(timeframe.nominal().0 * i64::from(rows)));
            let req = json!({
                "coin": i.venue_symbol, "interval": interval_name(*timeframe),
                "startTime": from.0, "endTime": end.0 - 1,
            });
            let weight = USUAL_WEIGHT + rows.div_ceil(CANDLES_PER_WEIGHT);
            (json!({ "type": "candleSnapshot", "req": req }), weight)
        }
        Fetch::FundingHistory { instrument: i, from, to, limit } => {
            let rows = rows((*limit).clamp(1, MOST_PAYMENTS), Ms::HOUR, *from, *to);
            let body = json!({
                "type": "fundingHistory", "coin": i.venue_symbol, "startTime": from.0, "endTime": to.0 - 1,
            });
            (body, USUAL_WEIGHT + rows.div_ceil(PAYMENTS_PER_WEIGHT))
        }
        Fetch::Depth { instrument: i } => (json!({ "type": "l2Book", "coin": i.venue_symbol }), BOOK_WEIGHT),
        // Trades come again on subscribing and cannot be had from further back; open interest has no history.
        Fetch::Trades { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::FundingIntervals { .. }
        | Fetch::Search { .. }
        | Fetch::Ignored(_) => return None,
    };
    let url = format!("{}/info", endpoints.rest.trim_end_matches('/'));
    Some(RestRequest::post(url, body.to_string(), WEIGHT, weight))
}

/// Rows `[from, to)` can hold, at most `limit`.
fn rows(limit: u32, spacing: Ms, from: Ms, to: Ms) -> u32 {
    let fit = (to - from).0.max(0) / spacing.0.max(1) + 1;
    u32::try_from(fit).unwrap_or(limit).min(limit)
}

/// The question a recorded body was; `None` where the recording does not have it.
pub(super) fn fetch_of_question(question: &str) -> Option<Fetch> {
    let question: Value = serde_json::from_str(question).ok()?;
    let kind = question.get("type")?.as_str()?;
    let about = question.get("req").unwrap_or(&question);
    let instrument = || Some(Arc::new(symbol::guess(PERP, about.get("coin")?.as_str()?)?));
    let time = |name: &str, default| about.get(name).and_then(Value::as_i64).unwrap_or(default);
    let (from, to) = (Ms(time("startTime", 0)), Ms(time("endTime", Ms::LATEST.0)) + Ms(1));
    let found = match kind {
        "meta" | "metaAndAssetCtxs" if question.get("dex").is_none() => {
            Some(Fetch::Instruments { product: PERP, venue_symbols: Vec::new(), cursor: None })
        }
        "candleSnapshot" => {
            let interval: Option<Timeframe> = about.get("interval")?.as_str().and_then(timeframe_of);
            let Some(timeframe) = interval else { return Some(Fetch::Ignored("kline_other_interval")) };
            let limit = MOST_CANDLES;
            instrument().map(|instrument| Fetch::Klines { instrument, timeframe, from, to, limit })
        }
        "fundingHistory" => {
            let limit = MOST_PAYMENTS;
            instrument().map(|instrument| Fetch::FundingHistory { instrument, from, to, limit })
        }
        "l2Book" => instrument().map(|instrument| Fetch::Depth { instrument }),
        "recentTrades" => {
            instrument().map(|instrument| Fetch::Trades { instrument, from, to, limit: u32::MAX })
        }
        "allMids" => Some(Fetch::Ignored("all_mids")),
        "meta" | "metaAndAssetCtxs" | "perpDexs" => Some(Fetch::Ignored("builder_dex")),
        _ => Some(Fetch::Ignored("rest_other_call")),
    };
    found.or(Some(Fetch::Ignored("rest_other_market")))
}
