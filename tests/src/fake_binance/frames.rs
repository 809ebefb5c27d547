//! Texts of socket frames, field by field as documented.

use super::book::Diff;
use super::market::{FakeTrade, Listing, Market, Product};
use crate::oracle::ExactBook;
use crate::oracle::bars::ExactBar;
use crate::oracle::decimal::text;

/// An aggregated trade.
pub fn agg_trade(listing: &Listing, t: &FakeTrade, now: i64) -> String {
    let price = text(t.price, listing.price_places);
    let quantity = text(t.quantity, listing.quantity_places);
    let tail = match listing.product {
        Product::Usdm => format!(r#""nq":"{quantity}","#),
        Product::Spot => String::new(),
    };
    let end = match listing.product {
        Product::Usdm => r#","st":1"#,
        Product::Spot => r#","M":true"#,
    };
    format!(
        r#"{{"e":"aggTrade","E":{now},"a":{},"s":"{}","p":"{price}","q":"{quantity}",{tail}"f":{},"l":{},"T":{},"m":{}{end}}}"#,
        t.id, listing.symbol, t.first_fill, t.last_fill, t.time, !t.buy
    )
}

/// A spot trade.
pub fn trade(listing: &Listing, t: &FakeTrade, now: i64) -> String {
    let price = text(t.price, listing.price_places);
    let quantity = text(t.quantity, listing.quantity_places);
    format!(
        r#"{{"e":"trade","E":{now},"s":"{}","t":{},"p":"{price}","q":"{quantity}","T":{},"m":{},"M":true}}"#,
        listing.symbol, t.id, t.time, !t.buy
    )
}

/// A list of `[price, quantity]`.
pub fn levels<'a>(listing: &Listing, levels: impl IntoIterator<Item = (&'a i128, &'a i128)>) -> String {
    let level = |(price, quantity): (&i128, &i128)| {
        let (price, quantity) =
            (text(*price, listing.price_places), text(*quantity, listing.quantity_places));
        format!(r#"["{price}","{quantity}"]"#)
    };
    let rows: Vec<String> = levels.into_iter().map(level).collect();
    format!("[{}]", rows.join(","))
}

/// A depth update.
pub fn depth(listing: &Listing, diff: &Diff, now: i64) -> String {
    let symbol = listing.symbol;
    let (bids, asks) = (
        levels(listing, diff.bids.iter().map(|(p, q)| (p, q))),
        levels(listing, diff.asks.iter().map(|(p, q)| (p, q))),
    );
    let Diff { first_id, last_id, previous_id, time, .. } = diff;
    match listing.product {
        Product::Usdm => format!(
            r#"{{"e":"depthUpdate","E":{now},"T":{time},"s":"{symbol}","ps":"{symbol}","U":{first_id},"u":{last_id},"pu":{previous_id},"b":{bids},"a":{asks},"st":1}}"#
        ),
        Product::Spot => format!(
            r#"{{"e":"depthUpdate","E":{time},"s":"{symbol}","U":{first_id},"u":{last_id},"b":{bids},"a":{asks}}}"#
        ),
    }
}

/// A REST depth snapshot, or with `None` as times a spot one.
pub fn snapshot(
    listing: &Listing,
    book: &ExactBook,
    last_id: u64,
    limit: usize,
    times: Option<(i64, i64)>,
) -> String {
    let bids = levels(listing, book.bids.iter().rev().take(limit));
    let asks = levels(listing, book.asks.iter().take(limit));
    let times =
        times.map_or(String::new(), |(event, transaction)| format!(r#""E":{event},"T":{transaction},"#));
    format!(r#"{{"lastUpdateId":{last_id},{times}"bids":{bids},"asks":{asks}}}"#)
}

/// Best prices.
pub fn book_ticker(listing: &Listing, book: &ExactBook, last_id: u64, time: i64, now: i64) -> Option<String> {
    let (bid, bid_qty) = book.bids.last_key_value()?;
    let (ask, ask_qty) = book.asks.first_key_value()?;
    let symbol = listing.symbol;
    let price = |units| text(units, listing.price_places);
    let quantity = |units| text(units, listing.quantity_places);
    let best = format!(
        r#""b":"{}","B":"{}","a":"{}","A":"{}""#,
        price(*bid),
        quantity(*bid_qty),
        price(*ask),
        quantity(*ask_qty)
    );
    Some(match listing.product {
        Product::Usdm => format!(
            r#"{{"e":"bookTicker","u":{last_id},"s":"{symbol}","ps":"{symbol}",{best},"T":{time},"E":{now},"st":1}}"#
        ),
        Product::Spot => format!(r#"{{"u":{last_id},"s":"{symbol}",{best}}}"#),
    })
}

/// Time of the funding that follows `at`.
pub fn next_funding(market: &Market, at: i64) -> i64 {
    let interval = market.listing.funding_interval();
    at - at.rem_euclid(interval) + interval
}

/// Mark price with funding.
pub fn mark_price(market: &Market, at: i64) -> String {
    let (mark, index) = market.mark_and_index(at);
    let mark = text(mark, 8);
    format!(
        r#"{{"e":"markPriceUpdate","E":{at},"s":"{}","p":"{mark}","ap":"{mark}","P":"{mark}","i":"{}","r":"{}","T":{},"st":1}}"#,
        market.listing.symbol,
        text(index, 8),
        text(market.funding_rate(at), 8),
        next_funding(market, at)
    )
}

/// A candle; blanks after commas inside `k`, as the venue has them.
pub fn kline(listing: &Listing, interval: &str, bar: &ExactBar, end: i64, closed: bool, now: i64) -> String {
    let ExactBar { open_time, fills, .. } = bar;
    let symbol = listing.symbol;
    let price = |units| text(units, listing.price_places);
    let quantity = |units| text(units, listing.quantity_places);
    let quote = |units| text(units, listing.price_places + listing.quantity_places);
    format!(
        r#"{{"e":"kline","E":{now},"s":"{symbol}","k":{{"t":{open_time}, "T":{}, "s":"{symbol}", "i":"{interval}", "f":-1, "L":-1, "o":"{}", "c":"{}", "h":"{}", "l":"{}", "v":"{}", "n":{fills}, "x":{closed}, "q":"{}", "V":"{}", "Q":"{}", "B":"0"}}}}"#,
        end - 1,
        price(bar.open),
        price(bar.close),
        price(bar.high),
        price(bar.low),
        quantity(bar.volume),
        quote(bar.quote),
        quantity(bar.buy_volume),
        quote(bar.buy_quote),
    )
}

/// A row of a REST klines answer.
pub fn kline_row(listing: &Listing, bar: &ExactBar, end: i64) -> String {
    let price = |units| text(units, listing.price_places);
    let quantity = |units| text(units, listing.quantity_places);
    let quote = |units| text(units, listing.price_places + listing.quantity_places);
    format!(
        r#"[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","{}","0"]"#,
        bar.open_time,
        price(bar.open),
        price(bar.high),
        price(bar.low),
        price(bar.close),
        quantity(bar.volume),
        end - 1,
        quote(bar.quote),
        bar.fills,
        quantity(bar.buy_volume),
        quote(bar.buy_quote),
    )
}

/// A forced order. `side` is the order's: SELL closes a long.
pub struct ForceOrder<'a> {
    pub symbol: &'a str,
    pub side: &'a str,
    pub quantity: &'a str,
    pub average_price: &'a str,
    /// 1 = USD-M, 2 = COIN-M.
    pub st: u8,
}

pub fn force_order(order: &ForceOrder<'_>, now: i64) -> String {
    let ForceOrder { symbol, side, quantity, average_price, st } = order;
    format!(
        r#"{{"e":"forceOrder","E":{now},"o":{{"s":"{symbol}","S":"{side}","o":"LIMIT","f":"IOC","q":"{quantity}","p":"1.5","ap":"{average_price}","X":"FILLED","l":"{quantity}","z":"{quantity}","T":{},"ps":"{symbol}","st":{st}}}}}"#,
        now - 1_000
    )
}
