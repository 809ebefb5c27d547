//! Which product a recorded frame or address belongs to.

use super::{SPOT, SWAP};
use crate::venues::Product;

/// By a route's name, or by the instrument in an address; sockets serve both products.
pub(super) fn product_of_url(url: &str) -> Option<Product> {
    let named = |name: &str| {
        let (_, rest) = url.split_once(name)?;
        Some(rest.split('&').next().unwrap_or(rest))
    };
    if url.starts_with("swap/") {
        Some(SWAP)
    } else if url.starts_with("spot/") {
        Some(SPOT)
    } else {
        named("instType=").and_then(of_type).or_else(|| named("instId=").and_then(of_instrument))
    }
}

/// By its channel or its instrument.
pub(super) fn product_of_frame(frame: &[u8]) -> Option<Product> {
    let text = std::str::from_utf8(frame).ok()?;
    let value = |key: &str| {
        let (_, rest) = text.split_once(key)?;
        rest.trim_ascii_start().strip_prefix('"')?.split('"').next()
    };
    // The index has a name like a spot pair's.
    if value("\"channel\":") == Some("index-tickers") {
        return Some(SWAP);
    }
    value("\"instType\":").and_then(of_type).or_else(|| value("\"instId\":").and_then(of_instrument))
}

/// Everything that is no spot counts as swaps; what of it is none is told by name.
fn of_type(kind: &str) -> Option<Product> {
    match kind {
        "SPOT" | "MARGIN" => Some(SPOT),
        "SWAP" | "FUTURES" | "OPTION" => Some(SWAP),
        _ => None,
    }
}

fn of_instrument(name: &str) -> Option<Product> {
    match name.matches('-').count() {
        0 => None,
        1 => Some(SPOT),
        _ => Some(SWAP),
    }
}
