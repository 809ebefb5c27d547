//! Texts of socket frames, field by field as documented; spot writes its keys in another order than linear.

use super::market::{FakeLiquidation, FakeTrade, Fields, Listing, Product, trade_id};
use crate::oracle::ExactBook;
use crate::oracle::bars::ExactBar;

/// A frame of data.
pub fn wrap(product: Product, topic: &str, kind: &str, ts: i64, extra: &str, data: &str) -> String {
    match product {
        Product::Linear => format!(r#"{{"topic":"{topic}","type":"{kind}","ts":{ts},"data":{data}{extra}}}"#),
        Product::Spot => format!(r#"{{"topic":"{topic}","ts":{ts},"type":"{kind}","data":{data}{extra}}}"#),
    }
}

/// One row of `publicTrade`. `up` is the direction since the trade before; `block` marks a block trade.
pub fn trade_row(listing: &Listing, t: &FakeTrade, up: bool, block: bool) -> String {
    let Listing { product, symbol, .. } = *listing;
    let (price, quantity) = (listing.price(t.price), listing.quantity(t.quantity));
    let (side, id, seq) = (if t.buy { "Buy" } else { "Sell" }, trade_id(product, t), t.id * 3);
    match product {
        Product::Linear => {
            let tick = if up { "PlusTick" } else { "MinusTick" };
            format!(
                r#"{{"T":{},"s":"{symbol}","S":"{side}","v":"{quantity}","p":"{price}","L":"{tick}","i":"{id}","BT":{block},"RPI":false,"seq":{seq}}}"#,
                t.time
            )
        }
        Product::Spot => format!(
            r#"{{"i":"{id}","T":{},"p":"{price}","v":"{quantity}","S":"{side}","seq":{seq},"s":"{symbol}","BT":{block},"RPI":false}}"#,
            t.time
        ),
    }
}

/// One row of `allLiquidation`: the side is the position's.
pub fn liquidation_row(listing: &Listing, l: &FakeLiquidation) -> String {
    let side = if l.long { "Buy" } else { "Sell" };
    format!(
        r#"{{"T":{},"s":"{}","S":"{side}","v":"{}","p":"{}"}}"#,
        l.time,
        listing.symbol,
        listing.quantity(l.quantity),
        listing.price(l.price)
    )
}

/// A list of `[price, quantity]`; what is gone has the quantity `0`.
pub fn levels<'a>(listing: &Listing, levels: impl IntoIterator<Item = (&'a i128, &'a i128)>) -> String {
    let level = |(price, quantity): (&i128, &i128)| {
        let size = if *quantity == 0 { "0".into() } else { listing.quantity(*quantity) };
        format!(r#"["{}","{size}"]"#, listing.price(*price))
    };
    let rows: Vec<String> = levels.into_iter().map(level).collect();
    format!("[{}]", rows.join(","))
}

/// The `data` of a book frame.
pub fn book_data(listing: &Listing, bids: &str, asks: &str, u: u64, seq: i64) -> String {
    format!(r#"{{"s":"{}","b":{bids},"a":{asks},"u":{u},"seq":{seq}}}"#, listing.symbol)
}

/// Both sides of a whole book, best first.
pub fn sides(listing: &Listing, book: &ExactBook, limit: usize) -> (String, String) {
    (levels(listing, book.bids.iter().rev().take(limit)), levels(listing, book.asks.iter().take(limit)))
}

/// An object of texts.
pub fn fields(fields: &Fields) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
    format!("{{{}}}", pairs.join(","))
}

/// One row of `kline`.
pub fn kline_row(
    listing: &Listing,
    interval: &str,
    bar: &ExactBar,
    end: i64,
    confirm: bool,
    now: i64,
) -> String {
    format!(
        r#"{{"start":{},"end":{},"interval":"{interval}","open":"{}","close":"{}","high":"{}","low":"{}","volume":"{}","turnover":"{}","confirm":{confirm},"timestamp":{}}}"#,
        bar.open_time,
        end - 1,
        listing.price(bar.open),
        listing.price(bar.close),
        listing.price(bar.high),
        listing.price(bar.low),
        listing.quantity(bar.volume),
        listing.value(bar.quote),
        now.min(end - 1)
    )
}

/// The answer to a control frame; `req_id` only where it was sent (linear: always, maybe empty).
pub fn answer(
    product: Product,
    success: bool,
    message: &str,
    connection: u64,
    req_id: Option<&str>,
    op: &str,
) -> String {
    let id = match (product, req_id) {
        (_, Some(id)) => format!(r#""req_id":{},"#, serde_json::Value::from(id)),
        (Product::Linear, None) => r#""req_id":"","#.to_owned(),
        (Product::Spot, None) => String::new(),
    };
    let message = serde_json::Value::from(message);
    format!(
        r#"{{"success":{success},"ret_msg":{message},"conn_id":"d8bu1olkndm7crnfs1e0-{connection:x}",{id}"op":"{op}"}}"#
    )
}
