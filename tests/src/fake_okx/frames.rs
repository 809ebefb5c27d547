//! Texts of frames and rows, field by field as documented: every number a string, but the book's ids.

use super::book::Update;
use super::market::{FakeTrade, Liquidation, Listing, Market};
use crate::oracle::ExactBook;
use crate::oracle::bars::ExactBar;
use crate::oracle::decimal::text;

/// A push of `rows` on a channel.
pub fn push(arg: &str, rows: &str) -> String {
    format!(r#"{{"arg":{arg},"data":[{rows}]}}"#)
}

/// The argument that names a channel of an instrument.
pub fn arg(channel: &str, inst_id: &str) -> String {
    format!(r#"{{"channel":"{channel}","instId":"{inst_id}"}}"#)
}

/// A trade: as the socket says it with the count of fills, or as REST does.
pub fn trade(listing: &Listing, t: &FakeTrade, socket: bool) -> String {
    let (price, size) = (listing.price(t.price), listing.size(t.quantity));
    let side = if t.buy { "buy" } else { "sell" };
    let fills = t.last_fill - t.first_fill + 1;
    let tail = if socket {
        format!(
            r#","count":"{fills}","source":"0","seqId":{}"#,
            333_793_000_000 + t.first_fill % 1_000_000_000
        )
    } else {
        r#","source":"0""#.to_owned()
    };
    format!(
        r#"{{"instId":"{}","tradeId":"{}","px":"{price}","sz":"{size}","side":"{side}","ts":"{}"{tail}}}"#,
        listing.inst_id, t.id, t.time
    )
}

fn levels<'a>(listing: &Listing, side: impl IntoIterator<Item = (&'a i128, &'a i128)>) -> String {
    let level = |(price, size): (&i128, &i128)| {
        let orders = if *size == 0 { 0 } else { 1 + size % 9 };
        format!(r#"["{}","{}","0","{orders}"]"#, listing.price(*price), listing.size(*size))
    };
    let rows: Vec<String> = side.into_iter().map(level).collect();
    format!("[{}]", rows.join(","))
}

/// The best `depth` levels; with ids on the socket, without from REST.
pub fn depth(
    listing: &Listing,
    book: &ExactBook,
    depth: usize,
    time: i64,
    seq: Option<(i64, i64)>,
) -> String {
    let asks = levels(listing, book.asks.iter().take(depth));
    let bids = levels(listing, book.bids.iter().rev().take(depth));
    let ids = seq.map_or(String::new(), |(previous, seq)| {
        format!(r#","checksum":0,"seqId":{seq},"prevSeqId":{previous}"#)
    });
    format!(r#"{{"asks":{asks},"bids":{bids},"ts":"{time}"{ids}}}"#)
}

/// A whole book, as a subscriber of `books` gets it first.
pub fn book_snapshot(listing: &Listing, book: &ExactBook, time: i64, seq: i64) -> String {
    let (arg, row) = (arg("books", listing.inst_id), depth(listing, book, 400, time, Some((-1, seq))));
    format!(r#"{{"arg":{arg},"action":"snapshot","data":[{row}]}}"#)
}

/// A change of a book.
pub fn book_update(listing: &Listing, update: &Update) -> String {
    let arg = arg("books", listing.inst_id);
    let (asks, bids) = (
        levels(listing, update.asks.iter().map(|(p, q)| (p, q))),
        levels(listing, update.bids.iter().map(|(p, q)| (p, q))),
    );
    format!(
        r#"{{"arg":{arg},"action":"update","data":[{{"asks":{asks},"bids":{bids},"ts":"{}","checksum":0,"seqId":{},"prevSeqId":{}}}]}}"#,
        update.time, update.seq, update.previous
    )
}

/// A ticker: last trade, best prices, the bar of the last 24 hours.
pub fn ticker(listing: &Listing, book: &ExactBook, last: &FakeTrade, day: &ExactBar, at: i64) -> String {
    let best = |level: Option<(&i128, &i128)>| {
        level.map_or((String::new(), String::new()), |(p, q)| (listing.price(*p), listing.size(*q)))
    };
    let (bid, bid_size) = best(book.bids.last_key_value());
    let (ask, ask_size) = best(book.asks.first_key_value());
    let (open, high, low) = (listing.price(day.open), listing.price(day.high), listing.price(day.low));
    let in_coins = text(listing.coins(day.volume), listing.coin_places());
    // On spot the second volume is in the quote currency.
    let second = if listing.swap() { in_coins } else { quote(listing, day) };
    format!(
        r#"{{"instType":"{}","instId":"{}","last":"{}","lastSz":"{}","askPx":"{ask}","askSz":"{ask_size}","bidPx":"{bid}","bidSz":"{bid_size}","open24h":"{open}","high24h":"{high}","low24h":"{low}","volCcy24h":"{second}","vol24h":"{}","sodUtc0":"{open}","sodUtc8":"{open}","ts":"{at}"}}"#,
        listing.inst_type.text(),
        listing.inst_id,
        listing.price(last.price),
        listing.size(last.quantity),
        listing.size(day.volume),
    )
}

pub fn mark_price(market: &Market, at: i64) -> String {
    let Listing { inst_type, inst_id, .. } = &market.listing;
    let mark = text(market.mark_and_index(at).0, 8);
    format!(r#"{{"instType":"{}","instId":"{inst_id}","markPx":"{mark}","ts":"{at}"}}"#, inst_type.text())
}

pub fn index_ticker(market: &Market, at: i64) -> String {
    let (family, index) = (market.listing.family(), text(market.mark_and_index(at).1, 8));
    format!(
        r#"{{"instId":"{family}","idxPx":"{index}","high24h":"{index}","low24h":"{index}","open24h":"{index}","sodUtc0":"{index}","sodUtc8":"{index}","ts":"{at}"}}"#
    )
}

/// Open interest in contracts with the noise the venue's own arithmetic leaves, coins and US dollars.
pub fn open_interest(market: &Market, at: i64) -> String {
    let Listing { inst_type, inst_id, .. } = &market.listing;
    let (contracts, coins, usd) = open_interest_of(market, at);
    format!(
        r#"{{"instId":"{inst_id}","instType":"{}","oi":"{contracts}","oiCcy":"{coins}","oiUsd":"{usd}","ts":"{at}"}}"#,
        inst_type.text()
    )
}

/// Contracts, coins and US dollars of open interest, as texts.
pub fn open_interest_of(market: &Market, at: i64) -> (String, String, String) {
    let listing = &market.listing;
    let oi = market.open_interest(at);
    let mark = market.mark_and_index(at).0;
    let noise = |text: String| if text.contains('.') { format!("{text}000000919") } else { text };
    let coins = listing.coins(oi);
    let usd = text(coins * mark, listing.coin_places() + 8);
    (noise(listing.size(oi)), noise(text(coins, listing.coin_places())), usd)
}

pub fn funding(market: &Market, at: i64) -> String {
    let listing = &market.listing;
    let (interval, next) = (listing.funding_interval(), listing.next_funding(at));
    let (rate, paid) = (text(market.funding_rate(at), 8), text(market.funding_rate(next - interval - 1), 8));
    format!(
        r#"{{"formulaType":"withRate","fundingRate":"{rate}","fundingTime":"{next}","impactValue":"20000","instId":"{}","instType":"SWAP","interestRate":"0.0001","maxFundingRate":"0.00375","method":"current_period","minFundingRate":"-0.00375","nextFundingRate":"","nextFundingTime":"{}","premium":"0.00002","prevFundingTime":"{}","settFundingRate":"{paid}","settState":"settled","ts":"{at}"}}"#,
        listing.inst_id,
        next + interval,
        next - interval,
    )
}

/// A payment that was made at `time`.
pub fn funding_paid(market: &Market, time: i64) -> String {
    let rate = text(market.funding_rate(time - 1), 8);
    let inst_id = market.listing.inst_id;
    format!(
        r#"{{"formulaType":"withRate","fundingRate":"{rate}","fundingTime":"{time}","instId":"{inst_id}","instType":"SWAP","method":"current_period","realizedRate":"{rate}"}}"#
    )
}

/// The forced orders of one instrument.
pub fn liquidations(listing: &Listing, rows: &[Liquidation]) -> String {
    let family = listing.family();
    let detail = |l: &Liquidation| {
        let position = match (l.net, l.long) {
            (true, _) => "net",
            (false, true) => "long",
            (false, false) => "short",
        };
        let side = if l.long { "sell" } else { "buy" };
        format!(
            r#"{{"bkLoss":"0","bkPx":"{}","ccy":"","posSide":"{position}","side":"{side}","sz":"{}","ts":"{}"}}"#,
            listing.price(l.price),
            listing.size(l.size),
            l.time
        )
    };
    let details: Vec<String> = rows.iter().map(detail).collect();
    format!(
        r#"{{"details":[{}],"instFamily":"{family}","instId":"{}","instType":"SWAP","uly":"{family}"}}"#,
        details.join(","),
        listing.inst_id
    )
}

fn quote(listing: &Listing, bar: &ExactBar) -> String {
    if listing.inverse {
        return text(listing.coins(bar.volume), listing.coin_places());
    }
    text(listing.coins(bar.quote), listing.spec.price_places + listing.coin_places())
}

/// A candle of nine texts.
pub fn candle(listing: &Listing, bar: &ExactBar, closed: bool) -> String {
    let second = if listing.inverse {
        // Whole dollars over the price, to the satoshi.
        let dollars = listing.coins(bar.volume) * 10_i128.pow(8 + listing.spec.price_places);
        text(dollars / bar.close.max(1), 8)
    } else if listing.swap() {
        text(listing.coins(bar.volume), listing.coin_places())
    } else {
        quote(listing, bar)
    };
    format!(
        r#"["{}","{}","{}","{}","{}","{}","{second}","{}","{}"]"#,
        bar.open_time,
        listing.price(bar.open),
        listing.price(bar.high),
        listing.price(bar.low),
        listing.price(bar.close),
        listing.size(bar.volume),
        quote(listing, bar),
        u8::from(closed)
    )
}

/// A listing.
pub fn instrument(l: &Listing) -> String {
    let Listing { inst_id, base, quote, settle, state, .. } = l;
    let (tick, step) = (l.price(l.spec.tick), l.size(l.spec.step));
    let own = if l.swap() {
        let (family, value) = (l.family(), text(l.contract.0, l.contract.1));
        let (kind, unit) = if l.inverse { ("inverse", "USD") } else { ("linear", *base) };
        format!(
            r#""alias":"","baseCcy":"","ctMult":"1","ctType":"{kind}","ctVal":"{value}","ctValCcy":"{unit}","instFamily":"{family}","instType":"SWAP","quoteCcy":"","settleCcy":"{settle}","uly":"{family}""#
        )
    } else {
        format!(
            r#""alias":"","baseCcy":"{base}","ctMult":"","ctType":"","ctVal":"","ctValCcy":"","instFamily":"","instType":"SPOT","quoteCcy":"{quote}","settleCcy":"","uly":"""#
        )
    };
    format!(
        r#"{{{own},"expTime":"","instId":"{inst_id}","lever":"100","listTime":"1606468572000","lotSz":"{step}","minSz":"{step}","state":"{state}","tickSz":"{tick}"}}"#
    )
}
