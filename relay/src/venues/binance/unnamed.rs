//! Recorded REST bodies without their address, told by the fields they have. What names its symbol is read; the rest
//! is of a named kind.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use shared::market::Instrument;

use super::parse::{Context, read};
use super::rest_parse::{funding_history, open_interest_history};
use super::{symbol, wire};
use crate::venues::{Decoded, Frame, Update, VenueError, What};

/// Columns of a candle.
const CANDLE: usize = 12;

/// What a list says as a whole; `None` where each of its rows is read by itself.
pub(super) fn rows(ctx: &Context<'_>, rows: &[&RawValue]) -> Result<Option<Decoded>, VenueError> {
    let Some(first) = rows.first().map(|row| row.get()) else { return Ok(None) };
    if first.starts_with('[') {
        let candle = |row: &&RawValue| read::<Vec<&RawValue>>(row.get()).is_ok_and(|row| row.len() == CANDLE);
        // They tell neither whose they are nor how long.
        let kind = rows.iter().all(candle).then(|| Decoded::new(None, Frame::Ignored("rest_kline_unnamed")));
        return Ok(kind);
    }
    let say = match fields(first) {
        Some(wire::RestShape { funding_time: true, .. }) => {
            |ctx: &Context<'_>, i: &Instrument, text: &str| funding_history(ctx.venue, i, text)
        }
        Some(wire::RestShape { sum_open_interest: true, .. }) => {
            |_: &Context<'_>, i: &Instrument, text: &str| open_interest_history(i, text)
        }
        _ => return Ok(None),
    };
    // The spacing of payments is of one symbol's.
    let mut by_name: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in rows {
        let name = fields(row.get()).and_then(|shape| shape.symbol).map(|name| name.as_str().to_owned());
        by_name.entry(name.unwrap_or_default()).or_default().push(row.get());
    }
    let (mut updates, mut unlisted): (Vec<Update>, Vec<String>) = Default::default();
    for (name, rows) in by_name {
        match ctx.instruments.get(ctx.product, &name) {
            Some(i) => {
                let said: Vec<What> = say(ctx, i, &format!("[{}]", rows.join(",")))?;
                updates.extend(said.into_iter().map(|what| Update { symbol: i.symbol.clone(), what }));
            }
            // Coin-margined rows name a pair, dated ones no perpetual.
            None if name.is_empty() || symbol::outside_usdm(&name).is_some() => {}
            None => unlisted.push(name),
        }
    }
    let frame = match (updates.is_empty(), unlisted.is_empty()) {
        (true, true) => Frame::Ignored("rest_other_market"),
        (true, false) => Frame::Ignored("unlisted"),
        (false, _) => Frame::Updates(updates),
    };
    Ok(Some(Decoded { stream: None, frame, unlisted }))
}

/// The named kind of a body, or of a row of one.
pub(super) fn kind(data: &str) -> Option<&'static str> {
    let shape = fields(data)?;
    let kinds = [
        (shape.symbols, "instruments"),
        (shape.funding_interval, "funding_intervals"),
        (shape.server_time, "rest_time"),
        (shape.maker || shape.first_id, "rest_trades_unnamed"),
        (shape.change, "rest_ticker_24h"),
        (shape.bid_price, "rest_book_ticker"),
        (shape.price && shape.symbol.is_some(), "rest_ticker_price"),
        (shape.long_short || shape.buy_sell, "rest_long_short_ratio"),
    ];
    kinds.into_iter().find_map(|(is, kind)| is.then_some(kind))
}

fn fields(data: &str) -> Option<wire::RestShape<'_>> {
    // A list would be read as fields in their order.
    data.starts_with('{').then(|| serde_json::from_str(data).ok()).flatten()
}
