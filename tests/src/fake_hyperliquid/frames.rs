//! Texts of bodies and socket frames, field by field as documented.

use super::Coin;
use super::listings::Listing;
use crate::fake::market::{FakeTrade, mix};
use crate::fake::rest::list;
use crate::oracle::decimal::text;
use crate::oracle::{ExactBar, ExactBook};

/// Levels a side of a book has at most.
pub const DEPTH: usize = 20;

/// A decimal as the venue writes it: no idle zeros, but always one place.
pub fn number(units: i128, places: u32) -> String {
    let full = text(units, places);
    let Some((whole, fraction)) = full.split_once('.') else { return format!("{full}.0") };
    let fraction = fraction.trim_end_matches('0');
    format!("{whole}.{}", if fraction.is_empty() { "0" } else { fraction })
}

/// The venue's trade number: unique, and no order in it.
pub fn tid(trade: &FakeTrade) -> u64 {
    mix(trade.id, 71, 72) >> 14
}

fn address(trade: &FakeTrade, who: u64) -> String {
    let part = |n| mix(trade.id, who, n);
    format!("0x{:016x}{:016x}{:08x}", part(1), part(2), part(3) as u32)
}

/// One trade.
pub fn trade(listing: &Listing, t: &FakeTrade) -> String {
    format!(
        r#"{{"coin":"{}","side":"{}","px":"{}","sz":"{}","time":{},"hash":"0x{:064x}","tid":{},"users":["{}","{}"]}}"#,
        listing.coin,
        if t.buy { "B" } else { "A" },
        number(t.price, listing.spec.price_places),
        number(t.quantity, listing.spec.quantity_places),
        t.time,
        0,
        tid(t),
        address(t, 1),
        address(t, 2),
    )
}

/// A frame of trades, in time order.
pub fn trades(listing: &Listing, trades: &[FakeTrade]) -> String {
    frame("trades", &list(trades.iter().map(|t| trade(listing, t))))
}

/// A frame of a channel.
pub fn frame(channel: &str, data: &str) -> String {
    format!(r#"{{"channel":"{channel}","data":{data}}}"#)
}

fn level(listing: &Listing, (price, quantity): (&i128, &i128)) -> String {
    let orders = 1 + quantity % 7;
    format!(
        r#"{{"px":"{}","sz":"{}","n":{orders}}}"#,
        number(*price, listing.spec.price_places),
        number(*quantity, listing.spec.quantity_places)
    )
}

/// A whole book, best first.
pub fn book(listing: &Listing, book: &ExactBook, time: i64) -> String {
    let bids = list(book.bids.iter().rev().take(DEPTH).map(|l| level(listing, l)));
    let asks = list(book.asks.iter().take(DEPTH).map(|l| level(listing, l)));
    format!(r#"{{"coin":"{}","time":{time},"levels":[{bids},{asks}]}}"#, listing.coin)
}

/// Best bid and offer, null where a side is empty.
pub fn best(listing: &Listing, book: &ExactBook, time: i64) -> String {
    let side = |best: Option<(&i128, &i128)>| best.map_or("null".to_owned(), |l| level(listing, l));
    let (bid, ask) = (side(book.bids.last_key_value()), side(book.asks.first_key_value()));
    format!(r#"{{"coin":"{}","time":{time},"bbo":[{bid},{ask}]}}"#, listing.coin)
}

/// A candle; `T` is the last millisecond of its bucket, which says nothing of whether it is final.
pub fn candle(listing: &Listing, interval: &str, bar: &ExactBar, end: i64) -> String {
    let price = |units| number(units, listing.spec.price_places);
    format!(
        r#"{{"t":{},"T":{},"s":"{}","i":"{interval}","o":"{}","c":"{}","h":"{}","l":"{}","v":"{}","n":{}}}"#,
        bar.open_time,
        end - 1,
        listing.coin,
        price(bar.open),
        price(bar.close),
        price(bar.high),
        price(bar.low),
        number(bar.volume, listing.spec.quantity_places),
        bar.trades
    )
}

/// Hourly funding rate in force at `at`, in 10^-10.
pub fn hourly_rate(market: &Coin, at: i64) -> i128 {
    market.funding_rate(at) * 100 / 8
}

/// The context of a coin; the middle is null where nothing rests.
pub fn context(market: &Coin, at: i64) -> String {
    let listing = &market.listing;
    let coins = market.open_interest(at);
    if listing.delisted {
        return r#"{"funding":"0.0","openInterest":"0.0","prevDayPx":"0.37621","dayNtlVlm":"0.0","premium":null,"oraclePx":"0.3754","markPx":"0.37621","midPx":null,"impactPxs":null,"dayBaseVlm":"0.0"}"#
            .to_owned();
    }
    let (mark, oracle) = market.mark_and_index(at);
    let mid = i128::from(market.mid_ticks(at)) * listing.spec.tick;
    let price = |units| number(units, listing.spec.price_places);
    format!(
        r#"{{"funding":"{}","openInterest":"{}","prevDayPx":"{}","dayNtlVlm":"4490636699.3287734985","premium":"{}","oraclePx":"{}","markPx":"{}","midPx":"{}","impactPxs":["{}","{}"],"dayBaseVlm":"56265.69068"}}"#,
        number(hourly_rate(market, at), 10),
        number(coins, listing.spec.quantity_places),
        price(mid),
        number((mid - 1) % 1_000, 10),
        number(oracle, 8),
        number(mark, 8),
        price(mid),
        price(mid - listing.spec.tick),
        price(mid + listing.spec.tick),
    )
}

/// The universe.
pub fn meta(markets: &[Coin]) -> String {
    let universe = markets.iter().map(|m| {
        let Listing { coin, delisted, spec } = m.listing.clone();
        let gone = if delisted { r#","isDelisted":true"# } else { "" };
        format!(
            r#"{{"szDecimals":{},"name":"{coin}","maxLeverage":40,"marginTableId":56{gone}}}"#,
            spec.quantity_places
        )
    });
    format!(
        r#"{{"universe":{},"marginTables":[[56,{{"description":"tiered 40x","marginTiers":[{{"lowerBound":"0.0","maxLeverage":40}}]}}]],"collateralToken":0}}"#,
        list(universe)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_one_place() {
        let told: Vec<String> = [(806_390, 1), (930, 6), (220, 5), (7, 0), (-61_334, 8)]
            .into_iter()
            .map(|(units, places)| number(units, places))
            .collect();
        assert_eq!(told, ["80639.0", "0.00093", "0.0022", "7.0", "-0.00061334"]);
    }
}
