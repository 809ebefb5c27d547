mod bad_input;
mod computed;
mod guards;
mod heatmap;
mod joined;
mod pages;
mod sealed;
mod stores;
mod symbols;
mod udf;

use std::sync::Arc;

use axum::body::{Body as HttpBody, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use shared::event::{
    Bar, Body, BookTop, Channel, Depth, Event, Funding, FundingKind, Gap, GapCause, GapState, Liquidation,
    LiquidationSide, OpenInterest, Origin, PriceKind,
};
use shared::market::{Calendar, Civil, Group, Instrument, Kind, Ms, Symbol, Timeframe, VenueId};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::{ApiState, routes};
use crate::Mode;
use crate::bus::{Bus, MemoryBus};
use crate::clock::Clock;
use crate::config::GuardsConfig;
use crate::derive::{self, Asker, GuardsMaker, HeatMaps, HigherBars, JoinedBars, Makers, Signals};
use crate::directory::Directory;
use crate::history::{History, HistorySource, SourceError};
use crate::hub::Hub;
use crate::ingest::Board;
use crate::ingest::demand::{FollowLimits, Follower};
use crate::ingest::lookup::Lookup;
use crate::store::{Record, SqliteStore, Store};

/// 2024-03-15 02:30:20 UTC; minutes are recorded since midnight.
const MIDNIGHT: Ms = Civil::midnight(2024, 3, 15);
const NOW: Ms = Ms(MIDNIGHT.0 + 150 * 60_000 + 20_000);

/// `away` cannot be reached; the others' history is in the store.
struct Away;

#[async_trait::async_trait]
impl HistorySource for Away {
    fn native_timeframes(&self, venue: &VenueId) -> Vec<Timeframe> {
        if venue.as_str() == "away" { Timeframe::ALL.to_vec() } else { Vec::new() }
    }
    async fn klines(
        &self,
        venue: &VenueId,
        _: &Symbol,
        _: Timeframe,
        _: Ms,
        _: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        Err(SourceError { venue: venue.clone(), reason: "it refuses this location (451)".into() })
    }
    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        None
    }
}

fn instrument(venue: &str, symbol: &str, kind: Kind, channels: &[Channel]) -> Arc<Instrument> {
    let base = symbol.split(['/', '-']).next().unwrap_or_default().trim_end_matches("USDT").to_owned();
    Arc::new(Instrument {
        symbol: symbol.parse().unwrap(),
        venue: VenueId::new(venue),
        venue_symbol: symbol.into(),
        group: Group::new(&base, kind),
        kind,
        base,
        quote: "USDT".into(),
        tick_size: 0.1,
        step_size: 0.001,
        multiplier: 1.0,
        channels: channels.to_vec(),
        calendar: Calendar::Continuous,
    })
}

fn minute(n: i64) -> Bar {
    let mut bar = Bar::flat(MIDNIGHT + Ms(n * 60_000), Timeframe::M1, 100.0 + n as f64, Origin::Kline);
    (bar.volume, bar.closed) = (2.0, true);
    bar
}

async fn app() -> axum::Router {
    app_over(Arc::new(SqliteStore::temporary().unwrap())).await
}

/// The same over any store.
async fn app_over(store: Arc<dyn Store>) -> axum::Router {
    let event = |venue: &str, body| {
        let symbol = "BTCUSDT-PERP".parse().unwrap();
        Record::Event(Event { received: NOW, symbol, venue: VenueId::new(venue), body })
    };
    let mut records: Vec<Record> = (0..150).map(|n| event("one", Body::Bar(minute(n)))).collect();
    records.push(event("two", Body::Bar(Bar { close: 7.0, low: 7.0, ..minute(0) })));
    for (venue, at, value) in [("two", 1, None), ("one", 1, Some(5.5)), ("one", 2, None), ("two", 3, None)] {
        let timestamp = MIDNIGHT + Ms(at);
        let oi = OpenInterest { timestamp, open_interest: at as f64, open_interest_value: value };
        records.push(event(venue, Body::Oi(oi)));
    }
    let funding = Funding {
        timestamp: MIDNIGHT,
        kind: FundingKind::Predicted,
        funding_rate: 0.000_1,
        next_funding_time: Some(MIDNIGHT + Ms(28_800_000)),
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(100.0),
        index_price: None,
    };
    records.push(event("one", Body::Funding(funding.with_interval(Some(8.0)))));
    for n in 0..5 {
        records.push(event(
            "one",
            Body::Liquidation(Liquidation {
                timestamp: MIDNIGHT,
                side: LiquidationSide::Long,
                quantity: f64::from(n + 1),
                price: 100.0,
                value: 100.0 * f64::from(n + 1),
                price_kind: PriceKind::Average,
                at_least: true,
            }),
        ));
    }
    let mut top = BookTop::from_best(MIDNIGHT, (99.0, 1.0), (101.0, 2.0));
    top.depth_10bps = Some(Depth { bid_usd: 99.0, ask_usd: 202.0 });
    records.push(event("one", Body::Book(top)));
    let gap = Gap {
        timestamp: MIDNIGHT + Ms(9),
        channel: Channel::Trade,
        from: MIDNIGHT,
        to: None,
        cause: GapCause::Disconnect,
        state: GapState::Open,
    };
    records.push(event("one", Body::Gap(gap)));
    store.write(records).await.unwrap();
    store.flush().await.unwrap();

    let directory = Directory::new(["one", "two", "away", "vendor"].map(VenueId::new));
    let perp = |venue, channels: &[Channel]| instrument(venue, "BTCUSDT-PERP", Kind::Perp, channels);
    let spot = instrument("one", "BTC/USDT", Kind::Spot, &[Channel::Bar]);
    directory.set(&VenueId::new("one"), vec![perp("one", &[Channel::Bar, Channel::Oi]), spot]);
    directory.set(&VenueId::new("two"), vec![perp("two", &[Channel::Bar, Channel::Liquidation])]);
    let far = instrument("away", "ETHUSDT-PERP", Kind::Perp, &[Channel::Bar]);
    directory.configure(&VenueId::new("away"), std::slice::from_ref(&far.symbol));
    let unasked = instrument("away", "XRPUSDT-PERP", Kind::Perp, &[Channel::Bar]);
    let gone = instrument("away", "OLDUSDT-PERP", Kind::Perp, &[Channel::Bar]);
    directory.list(&VenueId::new("away"), vec![far.clone(), gone]);
    directory.list(&VenueId::new("away"), vec![far, unasked]);
    let live = |venue: &VenueId, symbol: &Symbol| {
        let running = Bar { closed: false, close: 321.0, high: 321.0, ..minute(150) };
        ((venue.as_str(), symbol.as_str()) == ("one", "BTCUSDT-PERP")).then_some(running)
    };
    let history = Arc::new(History::new(store.clone(), Arc::new(Away), Arc::new(live), || NOW));
    serve(directory, history, store)
}

/// The routes, with nothing handed out live but what they have made, and nothing known of venues.
fn serve(directory: Directory, history: Arc<History>, store: Arc<dyn Store>) -> axum::Router {
    serve_live(directory, history, store, Arc::new(Hub::new()))
}

/// The same beside what a hub has handed out.
fn serve_live(
    directory: Directory,
    history: Arc<History>,
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
) -> axum::Router {
    let board = Arc::new(Board::new(Mode::Live, directory.venues()));
    let directory = Arc::new(directory);
    let lookup = Arc::new(Lookup::new(directory.clone(), Clock::recorded()));
    lookup.add(Arc::new(symbols::Vendor));
    let follower = Arc::new(Follower::new(directory.clone(), hub.clone(), FollowLimits::default()));
    let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new(1));
    let (demand, wanted) = mpsc::unbounded_channel();
    let asker = Asker::new(hub.clone(), demand);
    let clock = Clock::recorded();
    clock.advance(NOW);
    let guards = GuardsMaker::new(
        bus.clone(),
        hub.clone(),
        directory.clone(),
        store.clone(),
        clock,
        GuardsConfig::default(),
    );
    let higher = HigherBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
    let joined = JoinedBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
    tokio::spawn(hub.clone().run(bus.consume()));
    let heat = HeatMaps::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
    let signals = Signals::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
    tokio::spawn(derive::run(bus, Makers { higher, joined, guards, heat, signals }, wanted));
    routes(ApiState { directory, history, store, hub, board, lookup, follower, asker })
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// One field of every row.
    fn column(&self, field: &str) -> Vec<Value> {
        self.json().as_array().expect("a list").iter().map(|row| row[field].clone()).collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("plain text"))
    }
}

async fn send(app: &axum::Router, request: Request<HttpBody>) -> Got {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    Got { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

async fn get(app: &axum::Router, uri: &str) -> Got {
    send(app, Request::get(uri).body(HttpBody::empty()).unwrap()).await
}

#[tokio::test]
async fn candles_have_the_documented_rows() {
    let app = app().await;
    let (from, to) = (MIDNIGHT.0, MIDNIGHT.0 + 120_000);
    let got = get(&app, &format!("/api/candles?symbol=BTCUSDT-PERP&interval=1m&from={from}&to={to}")).await;
    assert_eq!(got.status, StatusCode::OK);
    let rows = got.json();
    assert_eq!(got.column("timestamp"), [from, from + 60_000]);
    let expected = serde_json::json!({
        "timestamp": from, "open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "volume": 2.0,
        "symbol": "BTCUSDT-PERP", "venue": "one", "interval": "1m", "closed": true, "origin": "kline",
        "buy_volume": 0.0, "sell_volume": 0.0, "cvd": null, "vwap": null, "trades": 0, "revision": 0,
    });
    assert_eq!(rows[0], expected);
    // The second venue, when asked for; a date as an end includes that day.
    let day = "/api/candles?symbol=BTCUSDT-PERP&interval=1m&venue=two&from=2024-03-15&to=2024-03-15";
    assert_eq!(get(&app, day).await.column("close"), [7.0]);
}

#[tokio::test]
async fn forming_bars_are_bases_and_the_latest_is_live() {
    let app = app().await;
    for path in [
        "/api/candles?symbol=BTCUSDT-PERP&interval=1h",
        "/api/chart/history?symbol=BTCUSDT-PERP&timeframe=1H",
    ] {
        let got = get(&app, path).await;
        let rows = got.json();
        assert_eq!(got.column("closed"), [true, true, false], "{path}");
        let last = &rows[2];
        assert_eq!(last["through"], MIDNIGHT.0 + 149 * 60_000);
        assert_eq!(
            (&last["open"], &last["close"], &last["volume"]),
            (&220.0.into(), &249.0.into(), &60.0.into())
        );
        assert_eq!(rows[0].get("through"), None);
    }
    let latest = get(&app, "/api/latest-candle?symbol=BTCUSDT-PERP&interval=1H").await.json();
    assert_eq!((&latest["close"], &latest["volume"]), (&321.0.into(), &62.0.into()));
    assert_eq!(latest["through"], MIDNIGHT.0 + 150 * 60_000);
    let minute = get(&app, "/api/candles?symbol=BTCUSDT-PERP&interval=1m&limit=2").await;
    assert_eq!(minute.column("close"), [249.0, 321.0]);
    assert_eq!(minute.column("closed"), [true, false]);
    let none = get(&app, "/api/latest-candle?symbol=BTC/USDT").await;
    assert_eq!((none.status, &none.json()["code"]), (StatusCode::NOT_FOUND, &"no_data".into()));
}

#[tokio::test]
async fn other_series_have_all_venues_in_order_and_the_frames_fields() {
    let app = app().await;
    let oi = get(&app, "/api/history/oi?symbol=BTCUSDT-PERP").await;
    let order: Vec<_> = oi.column("timestamp").into_iter().zip(oi.column("venue")).collect();
    let expected = [(1, "one"), (1, "two"), (2, "one"), (3, "two")];
    assert_eq!(order, expected.map(|(at, v)| (Value::from(MIDNIGHT.0 + at), Value::from(v))));
    assert_eq!(oi.column("open_interest_value"), [Value::from(5.5), Value::Null, Value::Null, Value::Null]);
    let one = get(&app, "/api/history/oi?symbol=BTCUSDT-PERP&venue=two").await;
    assert_eq!(one.column("open_interest"), [1.0, 3.0]);

    let funding = get(&app, "/api/history/funding?symbol=BTCUSDT-PERP").await.json();
    let expected = serde_json::json!({
        "timestamp": MIDNIGHT.0, "received": NOW.0, "symbol": "BTCUSDT-PERP", "venue": "one",
        "kind": "predicted", "funding_rate": 0.0001, "next_funding_time": MIDNIGHT.0 + 28_800_000,
        "interval_hours": 8.0, "funding_apr": Funding::apr(0.0001, 8.0), "mark_price": 100.0,
        "index_price": null,
    });
    assert_eq!(funding[0], expected);
    let liquidations = get(&app, "/api/history/liquidations?symbol=BTCUSDT-PERP").await;
    assert_eq!(liquidations.column("value"), [100.0, 200.0, 300.0, 400.0, 500.0]);
    assert_eq!(liquidations.json()[0]["side"], "LONG");
    let book = get(&app, "/api/history/book?symbol=BTCUSDT-PERP").await.json();
    assert_eq!(book[0]["depth_10bps"], serde_json::json!({"bid_usd": 99.0, "ask_usd": 202.0}));
    let bars = get(&app, "/api/history/bars?symbol=BTCUSDT-PERP&from=2024-03-15&limit=1").await.json();
    assert_eq!((&bars[0]["received"], &bars[0]["revision"]), (&NOW.0.into(), &0.into()));
    let gaps = get(&app, "/api/gaps").await.json();
    let expected = serde_json::json!([{
        "symbol": "BTCUSDT-PERP", "venue": "one", "channel": "trade", "from": MIDNIGHT.0, "to": null,
        "cause": "disconnect", "state": "open", "timestamp": MIDNIGHT.0 + 9,
    }]);
    assert_eq!(gaps, expected);
}

#[tokio::test]
async fn a_venue_out_of_reach_with_nothing_stored_is_503() {
    let got = get(&app().await, "/api/candles?symbol=ETHUSDT-PERP&interval=1D").await;
    assert_eq!(
        (got.status, &got.json()["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"venue_unavailable".into())
    );
    assert!(got.json()["detail"].as_str().unwrap().contains("451"), "{}", got.text);
}
