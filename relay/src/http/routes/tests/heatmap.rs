//! `/api/market/liq_heatmap`, and what `/api/market/oi_history` says of holes.

use serde_json::json;
use shared::event::Stamped;
use shared::maths::heatmap::{Grid, HeatMap, Print};
use tokio::time::Instant;

use super::*;

/// Venue, symbol, channels.
const MARKETS: [(&str, &str, bool); 4] = [
    ("one", "BTCUSDT-PERP", true),
    ("one", "BTCUSDC-PERP", true),
    ("two", "BTCUSDT-PERP", true),
    ("three", "BTCUSDT-PERP", false),
];
/// Minutes of the first market stand at this price.
const PRICE: f64 = 1_000.0;

struct Rig {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    app: axum::Router,
}

fn event(market: usize, body: Body) -> Event {
    let (venue, symbol, _) = MARKETS[market];
    Event { received: NOW, symbol: symbol.parse().unwrap(), venue: VenueId::new(venue), body }
}

fn death(at: Ms, price: f64, value: f64) -> Liquidation {
    Liquidation {
        timestamp: at,
        side: LiquidationSide::Short,
        quantity: value / price,
        price,
        value,
        price_kind: PriceKind::Average,
        at_least: true,
    }
}

impl Rig {
    async fn with(events: impl IntoIterator<Item = Event>) -> Rig {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
        let directory = Directory::new(["one", "two", "three"].map(VenueId::new));
        for venue in ["one", "two", "three"] {
            let own = MARKETS.iter().filter(|market| market.0 == venue).map(|(venue, symbol, deaths)| {
                let mut channels = vec![Channel::Bar, Channel::Oi];
                channels.extend(deaths.then_some(Channel::Liquidation));
                let listed = instrument(venue, symbol, Kind::Perp, &channels);
                Arc::new(Instrument { group: Group::new("BTC", Kind::Perp), ..(*listed).clone() })
            });
            let mut own: Vec<_> = own.collect();
            own.push(instrument(venue, "BTC/USDT", Kind::Spot, &[Channel::Bar]));
            directory.set(&VenueId::new(venue), own);
        }
        let nothing = |_: &VenueId, _: &Symbol| None::<Bar>;
        let history = Arc::new(History::new(store.clone(), Arc::new(Away), Arc::new(nothing), || NOW));
        let hub = Arc::new(Hub::new());
        let app = serve_live(directory, history, store.clone(), hub.clone());
        let rig = Rig { store, hub, app };
        rig.record(events).await;
        rig
    }

    async fn record(&self, events: impl IntoIterator<Item = Event>) {
        self.store.write(events.into_iter().map(Record::Event).collect()).await.unwrap();
        self.store.flush().await.unwrap();
    }

    async fn map(&self, query: &str) -> Value {
        let got = get(&self.app, &format!("/api/market/liq_heatmap?{query}")).await;
        assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text);
        got.json()
    }
}

/// An hour of minutes at one price.
fn minutes(market: usize, price: f64) -> impl Iterator<Item = Event> {
    (90..150).map(move |n| {
        let mut bar = Bar::flat(MIDNIGHT + Ms(n * 60_000), Timeframe::M1, price, Origin::Kline);
        bar.closed = true;
        event(market, Body::Bar(bar))
    })
}

fn prints(of: &[(usize, Ms, f64, f64)]) -> Vec<Event> {
    of.iter().map(|(m, at, price, value)| event(*m, Body::Liquidation(death(*at, *price, *value)))).collect()
}

#[tokio::test]
async fn a_map_has_the_documented_form_and_joins_the_group() {
    let centre = Grid::near(PRICE).unwrap().centre();
    let end = NOW.floor(Ms(300_000)) + Ms(300_000);
    let rig = Rig::with(minutes(0, PRICE).chain(prints(&[
        (0, NOW - Ms(1), centre, 10.0),
        (1, NOW, centre, 20.0),
        (2, NOW - Ms(3_000_000), centre * 0.951, 5.5),
        (2, NOW, centre * 1.2, 400.0),
        // Longer ago than an hour.
        (0, end - Ms(3_600_001), centre, 1e6),
    ])))
    .await;
    let map = rig.map("symbol=BTCUSDT-PERP").await;
    assert_eq!(
        (&map["kind"], &map["symbol"], &map["venue"]),
        (&json!("prints"), &json!("BTCUSDT-PERP"), &json!("all"))
    );
    let bins = |name: &str| map[name].as_array().unwrap().clone();
    assert_eq!((bins("price_bins").len(), bins("time_bins").len()), (51, 13));
    assert_eq!((&bins("price_bins")[25], &bins("time_bins")[12]), (&json!(centre), &json!(end.0)));
    assert_eq!(bins("time_bins")[0], end.0 - 3_600_000);
    let cells = json!([
        {"p": 0, "t": 1, "count": 1, "size_usd": 5.5}, {"p": 25, "t": 11, "count": 2, "size_usd": 30.0},
    ]);
    assert_eq!(map["cells"], cells);
    assert_eq!(
        (&map["outside"], &map["max_size_usd"]),
        (&json!({"count": 1, "size_usd": 400.0}), &json!(30.0))
    );
    assert_eq!(rig.map("symbol=BTCUSDT-PERP&venue=all&hours=1").await, map);
    // Two hours have the same bins of price and the older print too.
    let two = rig.map("symbol=BTCUSDT-PERP&hours=2").await;
    assert_eq!(two["price_bins"], map["price_bins"]);
    assert_eq!((two["time_bins"].as_array().unwrap().len(), &two["max_size_usd"]), (25, &json!(1e6)));
    // One venue: the symbol's prints there, in the same bins.
    let one = rig.map("symbol=BTCUSDT-PERP&venue=one").await;
    assert_eq!((&one["price_bins"], &one["venue"]), (&map["price_bins"], &json!("one")));
    assert_eq!(one["cells"], json!([{"p": 25, "t": 11, "count": 1, "size_usd": 10.0}]));
    // A week.
    let week = rig.map("symbol=BTCUSDT-PERP&hours=168").await;
    assert_eq!(week["time_bins"].as_array().unwrap().len(), 12 * 168 + 1);
}

#[tokio::test]
async fn a_map_is_tagged_by_what_it_shows() {
    let rig = Rig::with(minutes(0, PRICE).chain(prints(&[(0, NOW, PRICE, 10.0)]))).await;
    let uri = "/api/market/liq_heatmap?symbol=BTCUSDT-PERP";
    let tag = get(&rig.app, uri).await.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = async || {
        send(&rig.app, Request::get(uri).header("if-none-match", &tag).body(HttpBody::empty()).unwrap()).await
    };
    assert_eq!(again().await.status, StatusCode::NOT_MODIFIED);
    rig.record(prints(&[(0, NOW, PRICE, 11.0)])).await;
    let changed = again().await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn the_live_map_decides_the_bins_of_all_and_else_the_first_market_with_bars() {
    // The reference has no bars; the group's other symbol has.
    let rig = Rig::with(minutes(1, 2_000.0).chain(prints(&[(0, NOW, 2_000.0, 10.0)]))).await;
    let middle = async |query: &str| rig.map(query).await["price_bins"][25].as_f64().unwrap();
    let walked = Grid::near(2_000.0).unwrap().centre();
    assert_eq!(middle("symbol=BTCUSDT-PERP").await, walked);
    let mut live = HeatMap::new(1, NOW);
    live.price(1_950.0);
    assert_ne!(live.grid().unwrap().centre(), walked);
    live.push(Print::of(0, &death(NOW, 1_950.0, 1.0)).unwrap());
    let body = Body::Heatmap(Box::new(live.map().unwrap()));
    let event = Event { venue: VenueId::all(), ..event(0, body) };
    let stamped = Stamped { event, seq: 1, cursor: shared::event::Cursor::default() };
    rig.hub.publish(Arc::new(stamped), Instant::now());
    for query in ["symbol=BTCUSDT-PERP", "symbol=BTCUSDT-PERP&hours=24", "symbol=BTCUSDT-PERP&venue=two"] {
        assert_eq!(middle(query).await, live.grid().unwrap().centre(), "{query}");
    }
    // Another symbol of the group has its own.
    assert_eq!(middle("symbol=BTCUSDC-PERP").await, walked);
}

#[tokio::test]
async fn bad_requests_are_refused_by_name() {
    let rig = Rig::with(prints(&[(0, NOW, PRICE, 10.0)])).await;
    for (query, status, code, word) in [
        ("", 400, "missing_symbol", "symbol"),
        ("symbol=DOGEUSDT-PERP", 404, "unknown_symbol", "DOGEUSDT-PERP"),
        ("symbol=%00", 400, "invalid_symbol", "symbol"),
        ("symbol=BTCUSDT-PERP&hours=0", 400, "invalid_number", "`hours`"),
        ("symbol=BTCUSDT-PERP&hours=-1", 400, "invalid_number", "from 1 to 168"),
        ("symbol=BTCUSDT-PERP&hours=1e9", 400, "invalid_number", "`hours`"),
        ("symbol=BTCUSDT-PERP&hours=1.5", 400, "invalid_number", "`hours`"),
        ("symbol=BTCUSDT-PERP&hours=abc", 400, "invalid_number", "abc"),
        ("symbol=BTCUSDT-PERP&hours=169", 400, "invalid_number", "`hours`"),
        ("symbol=BTCUSDT-PERP&hours=18446744073709551616", 400, "invalid_number", "`hours`"),
        ("symbol=BTCUSDT-PERP&hours=1&hours=2", 400, "repeated_parameter", "hours"),
        ("symbol=BTCUSDT-PERP&venue=nyse", 400, "unknown_venue", "one, two"),
        ("symbol=BTCUSDC-PERP&venue=two", 404, "unknown_symbol", "two"),
        ("symbol=BTCUSDT-PERP&venue=three", 404, "no_data", "three does not publish"),
        ("symbol=BTC/USDT", 404, "no_data", "no venue publishes"),
        // Listed and published, and nothing recorded yet that says what it costs.
        ("symbol=BTCUSDT-PERP", 404, "no_data", "no price"),
    ] {
        let got = get(&rig.app, &format!("/api/market/liq_heatmap?{query}")).await;
        let problem = got.json();
        assert_eq!((got.status.as_u16(), &problem["code"]), (status, &json!(code)), "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(word), "{query}: {problem}");
    }
}

#[tokio::test]
async fn busy_stretches_are_read_in_parts_and_summed_as_one() {
    let busy =
        (0..50_000).map(|n| (n % 3, NOW - Ms((n as i64 * 37) % 3_000_000), PRICE, 1.0 + n as f64 / 7.0));
    let busy: Vec<(usize, Ms, f64, f64)> = busy.collect();
    let rig = Rig::with(minutes(0, PRICE).chain(prints(&busy))).await;
    let map = rig.map("symbol=BTCUSDT-PERP").await;
    let cells = map["cells"].as_array().unwrap();
    let count: u64 = cells.iter().map(|cell| cell["count"].as_u64().unwrap()).sum();
    assert_eq!((count, &map["outside"]["count"]), (50_000, &json!(0)));
    let sum: f64 = cells.iter().map(|cell| cell["size_usd"].as_f64().unwrap()).sum();
    let expected: f64 = busy.iter().map(|(.., value)| value).sum();
    assert!((sum - expected).abs() <= 1e-9 * expected, "{sum} {expected}");
}

#[tokio::test]
async fn open_interest_over_a_week_keeps_its_beginning_however_often_it_was_told() {
    let from = NOW - Ms(24 * 3_600_000);
    let oi = |at: Ms, value: f64| {
        let oi = OpenInterest { timestamp: at, open_interest: value, open_interest_value: Some(value * 2.0) };
        event(0, Body::Oi(oi))
    };
    // Twice a second for seven hours, more than one answer used to read; then silence for an hour.
    let often = (0..50_400).map(|n| oi(from + Ms(n * 500), n as f64));
    let later = oi(from + Ms(8 * 3_600_000), 7.0);
    let rig = Rig::with(often.chain([later])).await;
    let uri = "/api/market/oi_history?symbol=BTCUSDT-PERP";
    let got = get(&rig.app, uri).await;
    let (times, values) = (got.column("timestamp"), got.column("oi_notional"));
    let step = 300_000;
    let first = (from.0 / step + 1) * step;
    assert_eq!(times[0], first);
    // The newest row up to each instant.
    for (at, value) in times.iter().zip(&values).take(80) {
        let newest = (at.as_i64().unwrap() - from.0) / 500;
        assert_eq!(value.as_f64(), Some(newest as f64 * 2.0), "{at}");
    }
    assert_eq!(got.json()[0]["by_venue"], json!({"one": values[0]}));
    // Ten minutes after the last row the hole begins; it has no points.
    let hole = |at: &&Value| {
        let at = at.as_i64().unwrap() - from.0;
        (25_200_000 + 600_000..8 * 3_600_000).contains(&at)
    };
    assert_eq!(times.iter().filter(hole).count(), 0);
    assert_eq!(values.last(), Some(&json!(14.0)));
    let tag = got.header("etag").to_owned();
    let known = Request::get(uri).header("if-none-match", &tag).body(HttpBody::empty()).unwrap();
    assert_eq!(send(&rig.app, known).await.status, StatusCode::NOT_MODIFIED);
}
