//! What a frame is, from its first bytes, its topic or the fields it has.

use super::{LINEAR, SPOT};
use crate::venues::Product;

/// The topic as the venue writes it, without reading the rest. `None` where it is not in front.
pub(super) fn usual_topic(text: &str) -> Option<&str> {
    let rest = match text.strip_prefix("{\"topic\":\"") {
        Some(rest) => rest,
        // Spot's candles.
        None => text.strip_prefix("{\"type\":\"snapshot\",\"topic\":\"")?,
    };
    let (topic, _) = rest.split_once('"')?;
    (!topic.contains('\\')).then_some(topic)
}

/// Kind, what lies between and symbol: `orderbook.200.BTCUSDT`, `tickers.BTCUSDT`.
pub(super) fn topic_parts(topic: &str) -> Option<(&str, Option<&str>, &str)> {
    let (kind, rest) = topic.split_once('.')?;
    match rest.split_once('.') {
        None if matches!(kind, "orderbook" | "kline") => None,
        None => Some((kind, None, rest)),
        Some((detail, name)) => {
            let numbered = detail.bytes().all(|b| b.is_ascii_digit()) || kind == "kline";
            numbered.then_some((kind, Some(detail), name))
        }
    }
}

/// The named kind of a topic we make nothing of.
pub(super) fn ignored_topic(topic: &str) -> &'static str {
    match topic.split('.').next().unwrap_or_default() {
        "orderbook" => "other_book",
        "liquidation" => "liquidation_old",
        "priceLimit" | "priceLimits" => "price_limit",
        "insurance" => "insurance",
        "adlAlert" => "adl_alert",
        "kline_lt" | "tickers_lt" | "lt" => "leveraged_token",
        _ => "unknown_topic",
    }
}

/// Topics a refusal names.
pub(super) fn topics_in(message: &str) -> Vec<String> {
    let end = |c: char| c.is_whitespace() || ",;:[]()\"'".contains(c);
    let ours = |word: &&str| {
        let kinds = ["publicTrade.", "orderbook.", "allLiquidation.", "tickers.", "kline."];
        kinds.iter().any(|kind| word.starts_with(kind))
    };
    message.split(end).filter(ours).map(str::to_owned).collect()
}

/// Whether a frame is the body of a REST answer.
pub(super) fn is_rest_answer(text: &str) -> bool {
    text.contains("\"retCode\"")
}

/// Which product an address, a query or a route of ours belongs to.
pub(super) fn product_of_url(url: &str) -> Option<Product> {
    [LINEAR, SPOT].into_iter().find(|product| {
        let after = url.rsplit_once("/v5/public/").map(|(_, tail)| tail.split('?').next().unwrap_or(tail));
        let category = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("category="));
        url == *product || after == Some(product) || category == Some(product)
    })
}

/// Which product a frame belongs to by the fields only one of them has, and by the order of its keys where the
/// fields are the same.
pub(super) fn product_of_frame(frame: &[u8]) -> Option<Product> {
    let text = std::str::from_utf8(frame).ok()?.trim_ascii();
    let has = |field: &str| text.contains(field);
    let linear_if = |linear: bool| Some(if linear { LINEAR } else { SPOT });
    if is_rest_answer(text) {
        return [LINEAR, SPOT].into_iter().find(|p| text.contains(&format!("\"category\":\"{p}\"")));
    }
    let Some(topic) = usual_topic(text) else {
        return match () {
            () if has("\"ret_msg\":\"subscribe\"") || has("\"ret_msg\":\"unsubscribe\"") => Some(SPOT),
            () if has("\"ret_msg\":\"\"") => Some(LINEAR),
            () => None,
        };
    };
    let spot_order =
        has("\",\"ts\":") && !has("\"type\":\"snapshot\",\"ts\":") && !has("\"type\":\"delta\",\"ts\":");
    match topic.split('.').next()? {
        "allLiquidation" | "liquidation" => Some(LINEAR),
        "publicTrade" => linear_if(has("\"L\":\"")),
        "tickers" => {
            linear_if(!has("\"usdIndexPrice\"") && (has("\"type\":\"delta\"") || has("\"markPrice\"")))
        }
        "kline" => linear_if(text.starts_with("{\"topic\"")),
        "orderbook" => linear_if(!spot_order),
        _ => None,
    }
}
