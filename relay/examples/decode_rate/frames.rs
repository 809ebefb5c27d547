//! Frames in the venues' documented shapes, about one bitcoin market each.

/// 2024-08-09 00:00 UTC.
pub(crate) const START: i64 = 1_723_161_600_000;

/// One kind of frame of a venue.
pub(crate) struct Kind {
    pub venue: &'static str,
    pub what: &'static str,
    /// The address a recording would name.
    pub channel: &'static str,
    /// The i-th frame.
    pub text: fn(u64) -> String,
}

const fn kind(
    venue: &'static str,
    what: &'static str,
    channel: &'static str,
    text: fn(u64) -> String,
) -> Kind {
    Kind { venue, what, channel, text }
}

const BYBIT: &str = "wss://stream.bybit.com/v5/public/linear";
const OKX: &str = "wss://ws.okx.com:8443/ws/v5/public";
const HYPERLIQUID: &str = "wss://api.hyperliquid.xyz/ws";
const COINBASE: &str = "wss://ws-feed.exchange.coinbase.com";

pub(crate) const KINDS: &[Kind] = &[
    kind("binance", "trades", "wss://fstream.binance.com/market/stream", binance_trade),
    kind(
        "binance",
        "depth updates, 20 levels a side",
        "wss://fstream.binance.com/public/stream",
        binance_depth,
    ),
    kind("bybit", "trades", BYBIT, bybit_trade),
    kind("bybit", "depth updates, 20 levels a side", BYBIT, bybit_depth),
    kind("okx", "trades", OKX, okx_trade),
    kind("okx", "depth updates, 20 levels a side", OKX, okx_depth),
    kind("hyperliquid", "trades", HYPERLIQUID, hyperliquid_trade),
    kind("hyperliquid", "whole books, 20 levels a side", HYPERLIQUID, hyperliquid_depth),
    kind("coinbase", "trades", COINBASE, coinbase_trade),
    kind("coinbase", "depth updates, 40 changes", COINBASE, coinbase_depth),
    kind("insightsentry", "bars", "wss://realtime.insightsentry.com/live", insightsentry_bar),
];

fn at(i: u64) -> i64 {
    START + 10 * i as i64
}

fn price(i: u64) -> String {
    let tenths = 600_000 + (i * 7_919) % 1_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn quantity(i: u64) -> String {
    let thousandths = 1 + (i * 104_729) % 5_000;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Twenty levels of a side, each written by `level` and joined.
fn levels(i: u64, sign: i64, level: impl Fn(String, String) -> String) -> String {
    let one = |n: i64| {
        let tenths = 600_000 + sign * (1 + n + (i % 5) as i64);
        let thousandths = (i * 31 + n as u64 * 17) % 9_000;
        level(
            format!("{}.{}", tenths / 10, tenths % 10),
            format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000),
        )
    };
    (0..20).map(one).collect::<Vec<_>>().join(",")
}

fn pairs(i: u64, sign: i64) -> String {
    levels(i, sign, |p, q| format!(r#"["{p}","{q}"]"#))
}

fn binance_trade(i: u64) -> String {
    format!(
        r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{0},"a":{1},"s":"BTCUSDT","p":"{2}","q":"{3}","f":{i},"l":{i},"T":{0},"m":{4}}}}}"#,
        at(i),
        i + 1,
        price(i),
        quantity(i),
        i.is_multiple_of(2),
    )
}

fn binance_depth(i: u64) -> String {
    let (first, last) = (100 * i + 1, 100 * (i + 1));
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{0},"T":{0},"s":"BTCUSDT","U":{first},"u":{last},"pu":{1},"b":[{2}],"a":[{3}]}}}}"#,
        at(i),
        first - 1,
        pairs(i, -1),
        pairs(i, 1),
    )
}

fn bybit_trade(i: u64) -> String {
    let side = if i.is_multiple_of(2) { "Sell" } else { "Buy" };
    format!(
        r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{0},"data":[{{"T":{0},"s":"BTCUSDT","S":"{side}","v":"{1}","p":"{2}","L":"MinusTick","i":"a9188a0a-82bc-50de-be60-{i:012x}","BT":false,"RPI":false,"seq":{i}}}]}}"#,
        at(i),
        quantity(i),
        price(i),
    )
}

fn bybit_depth(i: u64) -> String {
    format!(
        r#"{{"topic":"orderbook.200.BTCUSDT","type":"delta","ts":{0},"data":{{"s":"BTCUSDT","b":[{1}],"a":[{2}],"u":{3},"seq":{3}}},"cts":{0}}}"#,
        at(i),
        pairs(i, -1),
        pairs(i, 1),
        i + 1,
    )
}

fn okx_trade(i: u64) -> String {
    let side = if i.is_multiple_of(2) { "sell" } else { "buy" };
    format!(
        r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT-SWAP"}},"data":[{{"instId":"BTC-USDT-SWAP","tradeId":"{0}","px":"{1}","sz":"{2}","side":"{side}","ts":"{3}","count":"1","source":"0","seqId":{0}}}]}}"#,
        i + 1,
        price(i),
        quantity(i),
        at(i),
    )
}

fn okx_depth(i: u64) -> String {
    let side = |sign| levels(i, sign, |p, q| format!(r#"["{p}","{q}","0","3"]"#));
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT-SWAP"}},"action":"update","data":[{{"asks":[{0}],"bids":[{1}],"ts":"{2}","checksum":0,"seqId":{3},"prevSeqId":{4}}}]}}"#,
        side(1),
        side(-1),
        at(i),
        10 * (i + 1),
        10 * i,
    )
}

fn hyperliquid_trade(i: u64) -> String {
    let side = if i.is_multiple_of(2) { "A" } else { "B" };
    format!(
        r#"{{"channel":"trades","data":[{{"coin":"BTC","side":"{side}","px":"{0}","sz":"{1}","time":{2},"hash":"0x0000000000000000000000000000000000000000000000000000000000000000","tid":{3},"users":["0xa62b000000000000000000000000000000000000","0x8a54000000000000000000000000000000000000"]}}]}}"#,
        price(i),
        quantity(i),
        at(i),
        1_000_000_000_000 + i * 7,
    )
}

fn hyperliquid_depth(i: u64) -> String {
    let side = |sign| levels(i, sign, |p, q| format!(r#"{{"px":"{p}","sz":"{q}","n":3}}"#));
    format!(
        r#"{{"channel":"l2Book","data":{{"coin":"BTC","time":{0},"levels":[[{1}],[{2}]]}}}}"#,
        at(i),
        side(-1),
        side(1),
    )
}

/// ISO 8601 with microseconds of a time within the first hours of the day.
fn iso(i: u64) -> String {
    let ms = 10 * i;
    let (s, ms) = (ms / 1_000, ms % 1_000);
    format!("2024-08-09T{:02}:{:02}:{:02}.{ms:03}000Z", s / 3_600, s / 60 % 60, s % 60)
}

fn coinbase_trade(i: u64) -> String {
    let side = if i.is_multiple_of(2) { "buy" } else { "sell" };
    format!(
        r#"{{"type":"match","trade_id":{0},"maker_order_id":"f07e0000-0000-0000-0000-000000000000","taker_order_id":"e6f50000-0000-0000-0000-000000000000","side":"{side}","size":"{1}","price":"{2}","product_id":"BTC-USD","sequence":{0},"time":"{3}"}}"#,
        i + 1,
        quantity(i),
        price(i),
        iso(i),
    )
}

fn coinbase_depth(i: u64) -> String {
    let bids = levels(i, -1, |p, q| format!(r#"["buy","{p}","{q}"]"#));
    let asks = levels(i, 1, |p, q| format!(r#"["sell","{p}","{q}"]"#));
    format!(r#"{{"type":"l2update","product_id":"BTC-USD","changes":[{bids},{asks}],"time":"{}"}}"#, iso(i),)
}

fn insightsentry_bar(i: u64) -> String {
    let open = START / 1_000 + 60 * (i / 100) as i64;
    format!(
        r#"{{"code":"CME_MINI:MNQ1!","bar_type":"1m","bar_end":{0}.0,"last_update":{1},"series":[{{"time":{open}.0,"open":{2},"high":{2},"low":{2},"close":{2},"volume":{3}.0}}]}}"#,
        open + 59,
        at(i),
        price(i),
        i % 100 + 1,
    )
}
