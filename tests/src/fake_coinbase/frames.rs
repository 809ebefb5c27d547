//! Texts of socket frames and REST rows, field by field as documented.

use super::Product;
use super::listings::Listing;
use crate::fake::ladder::Diff;
use crate::fake::market::{FakeTrade, mix};
use crate::fake::rest::list;
use crate::oracle::decimal::text;
use crate::oracle::{ExactBar, ExactBook};

/// An instant in Unix ms as the venue writes it, with `micros` more.
pub fn iso(at: i64, micros: i64) -> String {
    let (days, rest) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000));
    // Civil date of a day number, counted in years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, fraction) = (rest / 1_000 % 60, rest % 1_000 * 1_000 + micros);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// When a trade was, to the microsecond.
pub fn trade_time(t: &FakeTrade) -> String {
    iso(t.time, (mix(t.id, 51, 0) % 1_000) as i64)
}

fn order_id(t: &FakeTrade, who: u64) -> String {
    let part = |n| mix(t.id, who, n);
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        part(1) as u32,
        part(2) as u16,
        part(3) & 0xfff,
        part(4) & 0xfff,
        part(5) & 0xffff_ffff_ffff
    )
}

/// The product's number of a trade in the full channel: it grows, with gaps.
pub fn sequence(t: &FakeTrade) -> u64 {
    134_905_000_000 + (t.id - 3_400_000_000) * 130 + mix(t.id, 52, 0) % 100
}

/// Who rested: the other side than the one that crossed the spread.
pub fn maker(t: &FakeTrade) -> &'static str {
    if t.buy { "sell" } else { "buy" }
}

/// A `match` or `last_match` frame: `side` is the maker's.
pub fn matched(kind: &str, listing: &Listing, t: &FakeTrade) -> String {
    format!(
        r#"{{"type":"{kind}","trade_id":{},"maker_order_id":"{}","taker_order_id":"{}","side":"{}","size":"{}","price":"{}","product_id":"{}","sequence":{},"time":"{}"}}"#,
        t.id,
        order_id(t, 61),
        order_id(t, 62),
        maker(t),
        text(t.quantity, listing.spec.quantity_places),
        text(t.price, listing.spec.price_places),
        listing.id,
        sequence(t),
        trade_time(t),
    )
}

/// A row of a REST trades answer: `side` is the maker's.
pub fn trade_row(listing: &Listing, t: &FakeTrade) -> String {
    format!(
        r#"{{"trade_id":{},"side":"{}","size":"{}","price":"{}","time":"{}"}}"#,
        t.id,
        maker(t),
        text(t.quantity, listing.spec.quantity_places),
        text(t.price, listing.spec.price_places),
        trade_time(t),
    )
}

/// A `ticker` frame: `side` is the taker's.
pub fn ticker(listing: &Listing, t: &FakeTrade, book: &ExactBook) -> String {
    let price = |units| text(units, listing.spec.price_places);
    let size = |units| text(units, listing.spec.quantity_places);
    let best = |level: Option<(&i128, &i128)>| level.map_or((0, 0), |(p, q)| (*p, *q));
    let (bid, ask) = (best(book.bids.last_key_value()), best(book.asks.first_key_value()));
    format!(
        r#"{{"type":"ticker","sequence":{},"product_id":"{}","price":"{}","open_24h":"{}","volume_24h":"1836.96781750","low_24h":"{}","high_24h":"{}","volume_30d":"175984.53012145","best_bid":"{}","best_bid_size":"{}","best_ask":"{}","best_ask_size":"{}","side":"{}","time":"{}","trade_id":{},"last_size":"{}"}}"#,
        sequence(t),
        listing.id,
        price(t.price),
        price(t.price),
        price(t.price),
        price(t.price),
        price(bid.0),
        size(bid.1),
        price(ask.0),
        size(ask.1),
        if t.buy { "buy" } else { "sell" },
        trade_time(t),
        t.id,
        size(t.quantity),
    )
}

/// A heartbeat: the newest trade of the product, whether or not anyone was told of it.
pub fn heartbeat(listing: &Listing, last: Option<&FakeTrade>, at: i64) -> String {
    format!(
        r#"{{"type":"heartbeat","last_trade_id":{},"product_id":"{}","sequence":{},"time":"{}"}}"#,
        last.map_or(0, |t| t.id),
        listing.id,
        last.map_or(0, sequence) + 7,
        iso(at, 219),
    )
}

fn level(listing: &Listing, (price, quantity): (i128, i128)) -> String {
    let quantity = if quantity == 0 { "0".into() } else { text(quantity, listing.spec.quantity_places) };
    format!(r#"["{}","{quantity}"]"#, text(price, listing.spec.price_places))
}

/// Levels far from the middle that never change: what makes a whole book megabytes.
fn far(listing: &Listing, levels: i64) -> [Vec<(i128, i128)>; 2] {
    let middle = i128::from(listing.spec.ticks) * listing.spec.tick;
    let rest = |price: i128| (price, 1 + price % 1_000_000);
    let side = |from: i128, to: i128| {
        let count = i128::from(levels).min((to - from) / listing.spec.tick);
        (0..count).map(|n| rest(from + (to - from) * n / count.max(1))).collect::<Vec<_>>()
    };
    [side(middle / 2, middle * 9 / 10), side(middle * 11 / 10, middle * 2)]
}

/// Both sides of a whole book, best first, with the levels far away.
pub fn sides(listing: &Listing, book: &ExactBook, far_levels: i64) -> (String, String) {
    let [low, high] = far(listing, far_levels);
    let near = |(p, q): (&i128, &i128)| (*p, *q);
    let bids = book.bids.iter().rev().map(near).chain(low.into_iter().rev());
    let asks = book.asks.iter().map(near).chain(high);
    (list(bids.map(|l| level(listing, l))), list(asks.map(|l| level(listing, l))))
}

/// The whole book, as a subscriber gets it first.
pub fn snapshot(listing: &Listing, book: &ExactBook, far_levels: i64) -> String {
    let (bids, asks) = sides(listing, book, far_levels);
    format!(r#"{{"type":"snapshot","product_id":"{}","asks":{asks},"bids":{bids}}}"#, listing.id)
}

/// Changes of a book: sizes are the new totals, 0 deletes.
pub fn update(listing: &Listing, diff: &Diff) -> String {
    let change = |side: &'static str| {
        move |(price, quantity): &(i128, i128)| {
            let rest = level(listing, (*price, *quantity));
            format!(r#"["{side}",{}"#, &rest[1..])
        }
    };
    let changes = list(diff.bids.iter().map(change("buy")).chain(diff.asks.iter().map(change("sell"))));
    format!(
        r#"{{"type":"l2update","product_id":"{}","changes":{changes},"time":"{}"}}"#,
        listing.id,
        iso(diff.time, 0)
    )
}

/// A row of a candles answer: time, low, high, open, close, volume, as plain numbers.
pub fn candle_row(listing: &Listing, bar: &ExactBar) -> String {
    let price = |units| text(units, listing.spec.price_places);
    format!(
        "[{},{},{},{},{},{}]",
        bar.open_time / 1_000,
        price(bar.low),
        price(bar.high),
        price(bar.open),
        price(bar.close),
        text(bar.volume, listing.spec.quantity_places)
    )
}

/// A row of the products answer.
pub fn product_row(product: &Product) -> String {
    let listing = &product.listing;
    let (base, quote) = listing.currencies();
    format!(
        r#"{{"id":"{}","base_currency":"{base}","quote_currency":"{quote}","quote_increment":"{}","base_increment":"{}","display_name":"{base}/{quote}","min_market_funds":"1","margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"status":"{}","status_message":"","trading_disabled":{},"fx_stablecoin":false,"auction_mode":false}}"#,
        listing.id,
        text(listing.spec.tick, listing.spec.price_places),
        text(listing.spec.step, listing.spec.quantity_places),
        listing.status,
        listing.trading_disabled,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_to_the_microsecond() {
        for (at, micros, text) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1_709_214_420_007, 335, "2024-02-29T13:47:00.007335Z"),
            (1_735_689_599_999, 999, "2024-12-31T23:59:59.999999Z"),
            (1_735_689_600_000, 0, "2025-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(iso(at, micros), text);
        }
    }
}
