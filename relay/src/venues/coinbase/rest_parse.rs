//! REST answers to updates.

use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::event::Bar;
use shared::market::{Instrument, Ms, Timeframe};

use super::advanced::{self, Candle};
use super::parse::{malformed, read, trade};
use super::{symbol, wire};
use crate::venues::common::number::{Num, Text};
use crate::venues::common::series::surely_closed;
use crate::venues::{Fetch, Fetched, Update, VenueError, What};

/// `{"message":"NotFound"}`
#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    message: Text<'a>,
}

/// Decodes the body of an answer with a good status.
pub(super) fn answer(fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
    let text = std::str::from_utf8(body).map_err(malformed)?.trim_ascii();
    if let Ok(refusal) = serde_json::from_str::<Refusal<'_>>(text) {
        return Err(VenueError::Refused { detail: refusal.message.as_str().chars().take(200).collect() });
    }
    let about = |i: &Instrument, what: Vec<What>| {
        let update = |what| Update { symbol: i.symbol.clone(), what };
        Fetched::Updates(what.into_iter().map(update).collect())
    };
    Ok(match fetch {
        Fetch::Instruments { .. } => {
            let rows: Vec<symbol::Listing<'_>> = read(text)?;
            Fetched::Instruments {
                listed: rows.iter().filter_map(symbol::Listing::instrument).collect(),
                next: None,
            }
        }
        Fetch::Klines { instrument: i, timeframe, from, to, .. } => {
            let mut bars = klines(*timeframe, received, text)?;
            bars.retain(|bar| (*from..*to).contains(&bar.timestamp));
            about(i, bars.into_iter().map(What::Kline).collect())
        }
        Fetch::Trades { instrument: i, from, to, .. } => {
            let mut rows: Vec<wire::Match<'_>> = read(text)?;
            rows.sort_by_key(|row| row.trade_id);
            let trades: Vec<_> = rows.iter().map(trade).collect::<Result<_, _>>()?;
            let inside = trades.into_iter().filter(|t| (*from..*to).contains(&t.trade.timestamp));
            about(i, inside.map(What::Trade).collect())
        }
        Fetch::Ignored(kind) => {
            read::<IgnoredAny>(text)?;
            Fetched::Ignored(kind)
        }
        Fetch::Depth { .. }
        | Fetch::FundingIntervals { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::Search { .. } => Fetched::Ignored("rest_other_call"),
    })
}

/// `[[1710327600,73241.5,73402.47,73243.33,73370.65,1.56794406],..]`: time in seconds, LOW, HIGH, open, close, volume,
/// newest first; or the other stack's objects. The newest may be forming.
fn klines(timeframe: Timeframe, received: Ms, text: &str) -> Result<Vec<Bar>, VenueError> {
    #[derive(Deserialize)]
    struct Row<'a>(
        i64,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
        #[serde(borrow)] Num<'a>,
    );
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        candles: Vec<Candle<'a>>,
    }
    let mut bars: Vec<Bar> = if text.starts_with('{') {
        let body: Body<'_> = read(text)?;
        body.candles.iter().map(|candle| candle.bar(timeframe)).collect::<Result<_, _>>()?
    } else {
        let rows: Vec<Row<'_>> = read(text)?;
        let bar = |row: &Row<'_>| advanced::bar(row.0, [row.1, row.2, row.3, row.4], row.5, timeframe);
        rows.iter().map(bar).collect::<Result<_, _>>()?
    };
    bars.sort_by_key(|bar| bar.timestamp);
    let last = bars.len().saturating_sub(1);
    for (at, bar) in bars.iter_mut().enumerate() {
        let end = bar.timestamp.0 + timeframe.nominal().0 - 1;
        bar.closed = at < last || surely_closed(end, received);
    }
    Ok(bars)
}
