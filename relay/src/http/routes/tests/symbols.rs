use axum::http::StatusCode;

use shared::event::Channel;
use shared::market::{Instrument, Kind, Symbol, VenueId};

use super::{app, get, instrument};
use crate::ingest::lookup::Finder;
use crate::ingest::rest::RestError;

/// Cannot list; knows one name, and what it stands for.
pub(super) struct Vendor;

fn apple() -> Vec<Instrument> {
    vec![(*instrument("vendor", "NASDAQ:AAPL", Kind::Stock, &[Channel::Bar])).clone()]
}

#[async_trait::async_trait]
impl Finder for Vendor {
    fn venue(&self) -> VenueId {
        VenueId::new("vendor")
    }

    async fn find(&self, text: &str) -> Result<Vec<Instrument>, RestError> {
        if text == "apple" { Ok(apple()) } else { Ok(Vec::new()) }
    }

    async fn resolve(&self, symbol: &Symbol) -> Result<Vec<Instrument>, RestError> {
        if symbol.as_str() == "NASDAQ:AAPL" { Ok(apple()) } else { Ok(Vec::new()) }
    }
}

#[tokio::test]
async fn symbols_are_those_followed_with_what_each_venue_offers() {
    let app = app().await;
    let followed = get(&app, "/api/symbols").await;
    assert_eq!(followed.column("symbol"), ["BTCUSDT-PERP", "BTC/USDT", "ETHUSDT-PERP"]);
    assert_eq!(followed.column("followed"), [true, true, true]);
    let expected = serde_json::json!({
        "symbol": "BTCUSDT-PERP", "group": "BTC-PERP", "kind": "perp", "base": "BTC", "quote": "USDT",
        "tick_size": 0.1, "multiplier": 1.0, "venues": ["one", "two"], "channels": ["bar", "oi", "liquidation", "signal", "guards", "heatmap"],
        "venue_channels": {"one": ["bar", "oi"], "two": ["bar", "liquidation"]},
        "calendar": "24x7", "status": "trading", "followed": true,
    });
    assert_eq!(followed.json()[0], expected);
    assert_eq!(get(&app, "/api/symbols?all=false").await.text, followed.text);

    let all = get(&app, "/api/symbols?all=true").await;
    let expected = ["BTCUSDT-PERP", "BTC/USDT", "ETHUSDT-PERP", "XRPUSDT-PERP", "OLDUSDT-PERP"];
    assert_eq!(all.column("symbol"), expected);
    assert_eq!(all.column("status"), ["trading", "trading", "trading", "trading", "delisted"]);
    assert_eq!(all.column("followed"), [true, true, true, false, false]);
    let bad = get(&app, "/api/symbols?all=maybe").await;
    assert_eq!((bad.status, &bad.json()["code"]), (StatusCode::BAD_REQUEST, &"invalid_switch".into()));
}

#[tokio::test]
async fn search_goes_through_everything_listed() {
    let app = app().await;
    let found = async |q: &str| get(&app, &format!("/api/symbols/search?q={q}")).await.column("symbol");
    assert_eq!(found("eth").await, ["ETHUSDT-PERP"]);
    assert_eq!(found("btc%2Fu").await, ["BTC/USDT"]);
    assert_eq!(found("xrp").await, ["XRPUSDT-PERP"], "listed and not followed");
    let perps = ["BTCUSDT-PERP", "ETHUSDT-PERP", "XRPUSDT-PERP", "OLDUSDT-PERP"];
    assert_eq!(found("perp").await, perps, "what is delisted comes last");
    assert_eq!(found("nothing").await.len(), 0);
    assert_eq!(found("").await.len(), 5);
    assert_eq!(found("perp&limit=2").await, ["BTCUSDT-PERP", "ETHUSDT-PERP"]);
    let row = &get(&app, "/api/symbols/search?q=old").await.json()[0];
    assert_eq!((&row["followed"], &row["status"]), (&false.into(), &"delisted".into()));
    let bad = get(&app, "/api/symbols/search?q=a&limit=0").await;
    assert_eq!((bad.status, &bad.json()["code"]), (StatusCode::BAD_REQUEST, &"invalid_number".into()));
}

#[tokio::test]
async fn any_listed_symbol_can_be_asked_for() {
    let app = app().await;
    for symbol in ["XRPUSDT-PERP", "OLDUSDT-PERP"] {
        let oi = get(&app, &format!("/api/history/oi?symbol={symbol}")).await;
        assert_eq!((oi.status, oi.text.as_str()), (StatusCode::OK, "[]"), "{symbol}");
        let bars = get(&app, &format!("/api/candles?symbol={symbol}&interval=1D")).await;
        assert_eq!(bars.json()["code"], "venue_unavailable", "its venue is asked");
    }
    let nobody = get(&app, "/api/candles?symbol=NONEUSDT-PERP").await;
    assert_eq!((nobody.status, &nobody.json()["code"]), (StatusCode::NOT_FOUND, &"unknown_symbol".into()));
}

#[tokio::test]
async fn venues_that_cannot_list_are_asked() {
    let app = app().await;
    let found = get(&app, "/api/symbols/search?q=Apple").await;
    assert_eq!(found.column("symbol"), ["NASDAQ:AAPL"]);
    assert_eq!(found.column("kind"), ["stock"]);
    // And by name, without a search before.
    let app = super::app().await;
    let oi = get(&app, "/api/history/oi?symbol=NASDAQ%3AAAPL").await;
    assert_eq!((oi.status, oi.text.as_str()), (StatusCode::OK, "[]"));
    assert_eq!(get(&app, "/api/history/oi?symbol=NASDAQ:NONE").await.status, StatusCode::NOT_FOUND);
}
