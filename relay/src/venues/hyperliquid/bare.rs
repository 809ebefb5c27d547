//! Answers found among recorded frames: what was asked is told by their shape, whom they are about by themselves.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use shared::market::Ms;

use super::parse::{self, about, read};
use super::{rest_parse, wire};
use crate::venues::common::number::Num;
use crate::venues::{Decoded, Frame, Instruments, VenueError, What};

/// Decodes a body without an address.
pub(super) fn body(instruments: &Instruments, received: Ms, text: &str) -> Result<Decoded, VenueError> {
    let ignored = |kind| Ok(Decoded::new(None, Frame::Ignored(kind)));
    if text.starts_with('{') {
        if let Ok(book) = read::<wire::Book<'_>>(text) {
            return about(instruments, None, book.coin.as_str(), |i| {
                Ok(Ok(vec![What::Snapshot(parse::snapshot(&book, i.multiplier)?)]))
            });
        }
        if read::<wire::Meta<'_>>(text).is_ok() {
            return ignored("instruments");
        }
        if read::<HashMap<String, Num<'_>>>(text).is_ok_and(|prices| !prices.is_empty()) {
            return ignored("all_mids");
        }
        return Err(VenueError::Malformed { detail: "an object of no known shape".into() });
    }
    if read::<(wire::Meta<'_>, IgnoredAny)>(text).is_ok() {
        return ignored("instruments");
    }
    if let Ok(rows) = read::<Vec<wire::Candle<'_>>>(text)
        && let Some(first) = rows.first()
    {
        let Some(timeframe) = parse::timeframe_of(first.i.as_str()) else {
            return ignored("kline_other_interval");
        };
        return about(instruments, None, first.s.as_str(), |i| {
            rest_parse::klines(i, timeframe, received, text).map(Ok)
        });
    }
    if let Ok(rows) = read::<Vec<wire::Funding<'_>>>(text)
        && let Some(first) = rows.first()
    {
        return about(instruments, None, first.coin.as_str(), |i| {
            rest_parse::funding_history(i, text).map(Ok)
        });
    }
    if let Ok(rows) = read::<Vec<wire::Trade<'_>>>(text)
        && let Some(first) = rows.first()
    {
        return about(instruments, None, first.coin.as_str(), |i| rest_parse::trades(i, text).map(Ok));
    }
    let rows: Vec<IgnoredAny> = read(text)?;
    if rows.is_empty() {
        return ignored("rest_empty");
    }
    Err(VenueError::Malformed { detail: "an array of no known shape".into() })
}
