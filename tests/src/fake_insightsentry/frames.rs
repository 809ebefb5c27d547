//! How the vendor says things; every number may come with a decimal point.

use serde_json::{Value, json};

use super::market::{Listing, Market, PLACES, Series, Span};
use crate::oracle::ExactBar;
use crate::oracle::calendar::MINUTE;
use crate::oracle::decimal::float;

/// Opens of a session's bars are told in seconds.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// A series answer or frame: seconds in the rows, milliseconds in `last_update`.
pub fn series(market: &Market, series: Series, bars: &[ExactBar], now: i64) -> Value {
    let row = |b: &ExactBar| {
        json!({
            "time": seconds(b.open_time), "open": float(b.open, PLACES), "high": float(b.high, PLACES),
            "low": float(b.low, PLACES), "close": float(b.close, PLACES), "volume": float(b.volume, 0),
        })
    };
    let mut body = json!({
        "code": market.listing.code, "bar_type": series.span.text(), "last_update": now,
        "series": bars.iter().map(row).collect::<Vec<_>>(),
    });
    let end = bars.last().and_then(|b| market.bucket(series.span, b.open_time));
    if let Some((_, end)) = end {
        body["bar_end"] = json!(seconds(end) - 1.0);
    }
    body
}

/// A quote of everything the vendor says about a market.
pub fn quote(market: &mut Market, now: i64) -> Value {
    let minute = Series { span: Span::Ms(MINUTE), adjusted: false };
    let day = Series { span: Span::Day, adjusted: false };
    let (last, day) = (market.newest(minute, 1, now).pop(), market.newest(day, 1, now).pop());
    let Listing { code, tick, delay_seconds, .. } = market.listing;
    let status = if market.session(now).is_some() { "OPEN" } else { "CLOSED" };
    let mut row =
        json!({"code": code, "status": status, "currency_code": "USD", "delay_seconds": delay_seconds});
    if let Some(bar) = last {
        row["lp_time"] = json!(seconds(bar.open_time.max(now - 1_000)).floor());
        row["last_price"] = json!(float(bar.close, PLACES));
        row["bid"] = json!(float(bar.close - tick, PLACES));
        row["ask"] = json!(float(bar.close, PLACES));
    }
    if let Some(bar) = day {
        row["volume"] = json!(float(bar.volume, 0));
        row["open_price"] = json!(float(bar.open, PLACES));
        row["high_price"] = json!(float(bar.high, PLACES));
        row["low_price"] = json!(float(bar.low, PLACES));
    }
    row
}

/// Quotes as REST and socket send them.
pub fn quotes(rows: Vec<Value>, now: i64) -> Value {
    json!({"last_update": now, "total_items": rows.len(), "data": rows})
}

/// What has changed in a quote, with its code; `None` when nothing has.
pub fn changes(before: &Value, after: &Value) -> Option<Value> {
    let fields = after.as_object()?;
    let mut sparse: serde_json::Map<String, Value> = fields
        .iter()
        .filter(|(key, value)| before.get(key) != Some(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if sparse.is_empty() {
        return None;
    }
    sparse.insert("code".into(), after["code"].clone());
    Some(sparse.into())
}

/// Hours and steps of a market.
pub fn session(listing: &Listing, now: i64) -> Value {
    let (start, end) = listing.hours.texts();
    let always = listing.hours == super::session::Hours::Always;
    let (holidays, short): (&[&str], &[&str]) =
        if always { (&[], &[]) } else { (&super::session::HOLIDAYS, &super::session::SHORT_DAYS) };
    json!({
        "code": listing.code, "type": listing.kind, "description": listing.name, "currency_code": "USD",
        "timezone": listing.hours.zone(), "start_hour": start, "end_hour": end, "holidays": holidays,
        "details": [{
            "session": format!("{start}-{end}"), "description": "Regular Trading Hours",
            "session_correction": [{"start_hour": start, "end_hour": "1200", "dates": short}],
        }],
        "tick_size": format!("{}", float(listing.tick, PLACES)), "price_scale": 100,
        "minimum_movement": listing.tick as i64, "point_value": listing.point_value, "last_update": now,
    })
}

/// One row of a search.
pub fn found(code: &str, name: &str, kind: &str) -> Value {
    let exchange = code.split(':').next();
    json!({
        "name": name, "code": code, "type": kind, "exchange": exchange, "currency_code": "USD",
        "country": null, "description": name,
    })
}
