//! What a frame is, from its first bytes, its stream name or the fields it has.

use super::{SPOT, USDM};
use crate::venues::Product;

/// Splits `{"stream":"NAME","data":BODY}` as the venue writes it, without reading the body.
pub(super) fn unwrap_usual(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("{\"stream\":\"")?.split_once('"')?;
    let body = rest.strip_prefix(",\"data\":")?.strip_suffix('}')?;
    (!name.contains('\\')).then_some((name, body.trim_ascii()))
}

/// The event's kind where `e` comes first.
pub(super) fn event_kind(data: &str) -> Option<&str> {
    let (kind, _) = data.strip_prefix("{\"e\":\"")?.split_once('"')?;
    (!kind.contains('\\')).then_some(kind)
}

/// The name (upper case) of a partial-depth stream like `btcusdt@depth20@100ms`: whole top-N books.
pub(super) fn partial_symbol(stream: &str) -> Option<String> {
    let (name, kind) = stream.split_once('@')?;
    let kind = kind.split('@').next()?;
    matches!(kind, "depth5" | "depth10" | "depth20").then(|| name.to_uppercase())
}

/// The named kind of an event we make nothing of.
pub(super) fn ignored_kind(event: &str) -> &'static str {
    match event {
        "24hrTicker" => "ticker_24h",
        "24hrMiniTicker" => "mini_ticker",
        "1hTicker" | "4hTicker" | "1dTicker" => "ticker_window",
        "avgPrice" => "average_price",
        "contractInfo" => "contract_info",
        "assetIndexUpdate" => "asset_index",
        "compositeIndex" => "composite_index",
        "continuous_kline" => "continuous_kline",
        "indexPriceUpdate" => "index_price",
        "indexPrice_kline" | "markPrice_kline" => "price_kline",
        "trade_all" => "options_trades",
        "outboundAccountPosition"
        | "executionReport"
        | "balanceUpdate"
        | "ACCOUNT_UPDATE"
        | "ORDER_TRADE_UPDATE"
        | "listenKeyExpired" => "user_data",
        _ => "unknown_event",
    }
}

/// Which product an address belongs to; `None` for neither (and for coin-margined or options hosts).
pub(super) fn product_of_url(url: &str) -> Option<Product> {
    let has = |part: &str| url.contains(part);
    if has("dapi") || has("dstream") || has("eapi") || has("nbstream") {
        None
    } else if has("fapi") || has("fstream") || has("/futures/data/") || has("usdm/") {
        Some(USDM)
    } else if has("/api/v") || has("stream.binance") || has("data-stream") || url == SPOT {
        Some(SPOT)
    } else {
        None
    }
}

/// Which product a frame belongs to by the fields only one of them has.
pub(super) fn product_of_frame(frame: &[u8]) -> Option<Product> {
    let text = std::str::from_utf8(frame).ok()?.trim_ascii();
    let (stream, data) = unwrap_usual(text).map_or((None, text), |(stream, data)| (Some(stream), data));
    let data = data.strip_prefix('[').unwrap_or(data);
    let has = |field: &str| data.contains(field);
    let spot_if = |spot: bool| Some(if spot { SPOT } else { USDM });
    if has("\"st\":") || has("\"ps\":") {
        return Some(USDM);
    }
    match event_kind(data) {
        Some("aggTrade") => spot_if(has("\"M\":")),
        Some("trade") => spot_if(has("\"M\":") || !has("\"X\":")),
        Some("depthUpdate") => spot_if(!has("\"pu\":")),
        Some("bookTicker" | "markPriceUpdate" | "forceOrder" | "contractInfo" | "compositeIndex") => {
            Some(USDM)
        }
        // Spot writes eight decimals throughout, futures at most seven.
        Some("kline") => spot_if(eight_decimals(data, "\"o\":")?),
        Some("24hrTicker") => spot_if(has("\"x\":")),
        Some("executionReport" | "avgPrice" | "serverShutdown") => Some(SPOT),
        Some(_) => None,
        None if stream.and_then(partial_symbol).is_some() => spot_if(!has("\"T\":")),
        None if data.starts_with("{\"u\":") => Some(SPOT),
        None if has("\"lastUpdateId\":") => spot_if(!has("\"T\":")),
        None if [
            "openInterest",
            "sumOpenInterest",
            "lastFundingRate",
            "fundingTime",
            "fundingIntervalHours",
        ]
        .iter()
        .any(|field| has(&format!("\"{field}\":"))) =>
        {
            Some(USDM)
        }
        None => None,
    }
}

/// Whether the decimal text after `field` has eight decimals.
fn eight_decimals(data: &str, field: &str) -> Option<bool> {
    let (_, rest) = data.split_once(field)?;
    let number = rest.trim_ascii_start().strip_prefix('"')?.split('"').next()?;
    Some(number.split_once('.').is_some_and(|(_, decimals)| decimals.len() == 8))
}
