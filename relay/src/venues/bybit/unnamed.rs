//! Recorded REST bodies without their address, told by the fields of their rows.

use serde_json::value::RawValue;
use shared::market::{Instrument, Ms};

use super::parse::read;
use super::rest_parse::{
    Book, Envelope, Rows, depth, funding_history, open_interest_history, rows, ticker, trades,
};
use super::{Bybit, SPOT, symbol, wire};
use crate::venues::common::number::time;
use crate::venues::{Decoded, Frame, Instruments, Product, Update, VenueError, What};

/// What a body says, and of whom. Candles do not tell their interval.
pub(super) fn answer(
    venue: &Bybit,
    product: Product,
    all: &Instruments,
    received: Ms,
    text: &str,
) -> Result<Decoded, VenueError> {
    let ignored = |kind| Ok(Decoded::new(None, Frame::Ignored(kind)));
    let envelope: Envelope<'_> = read(text)?;
    if envelope.ret_code != 0 {
        return ignored("rest_error");
    }
    let result = envelope.result;
    let Ok(Rows { category, symbol: of, list, .. }) = read::<Rows<'_, &RawValue>>(result.get()) else {
        return unnamed_book(product, all, result);
    };
    if category.is_some_and(|c| c.as_str() != product) {
        return ignored("rest_other_product");
    }
    let Some(first) = list.first().map(|row| row.get()) else { return ignored("rest_empty") };
    let has = |field: &str| first.contains(field);
    let (mut updates, mut unlisted) = (Vec::new(), Vec::new());
    let mut say = |name: &str, what: &dyn Fn(&Instrument) -> Result<Vec<What>, VenueError>| {
        match all.get(product, name) {
            Some(i) => {
                let update = |what| Update { symbol: i.symbol.clone(), what };
                updates.extend(what(i)?.into_iter().map(update));
            }
            None if product != SPOT && symbol::outside_linear(name).is_some() => {}
            None => unlisted.push(name.to_owned()),
        }
        Ok::<(), VenueError>(())
    };
    let of = of.as_ref().map_or("", |name| name.as_str());
    if first.starts_with('[') {
        return ignored("rest_kline_unnamed");
    } else if has("\"baseCoin\"") {
        return ignored("rest_instruments_unnamed");
    } else if has("\"fundingRateTimestamp\"") {
        let name: wire::Symbol<'_> = read(first)?;
        say(name.symbol.as_str(), &|i| funding_history(venue, i, rows(result)?))?;
    } else if has("\"execId\"") {
        let name: wire::Symbol<'_> = read(first)?;
        say(name.symbol.as_str(), &|i| trades(i, rows(result)?))?;
    } else if has("\"timestamp\"") && has("\"openInterest\"") {
        say(of, &|i| open_interest_history(i, rows(result)?))?;
    } else if has("\"markPrice\"") {
        let at = envelope.time.map_or(Ok(received), |at| time("time", at))?;
        for row in rows::<wire::Ticker<'_>>(result)? {
            say(row.symbol.as_str(), &|i| ticker(venue, i, at, &row))?;
        }
    } else {
        return ignored("rest_other_call");
    }
    let frame = match (updates.is_empty(), unlisted.is_empty()) {
        (true, true) => Frame::Ignored("rest_other_market"),
        (true, false) => Frame::Ignored("unlisted"),
        (false, _) => Frame::Updates(updates),
    };
    Ok(Decoded { stream: None, frame, unlisted })
}

fn unnamed_book(product: Product, all: &Instruments, result: &RawValue) -> Result<Decoded, VenueError> {
    let Ok(book) = read::<Book<'_>>(result.get()) else {
        return Ok(Decoded::new(None, Frame::Ignored("rest_other_call")));
    };
    let name = book.s.as_str();
    let Some(i) = all.get(product, name) else {
        let unlisted = vec![name.to_owned()];
        return Ok(Decoded { stream: None, frame: Frame::Ignored("unlisted"), unlisted });
    };
    let update = |what| Update { symbol: i.symbol.clone(), what };
    Ok(Decoded::new(None, Frame::Updates(depth(i, result)?.into_iter().map(update).collect())))
}
