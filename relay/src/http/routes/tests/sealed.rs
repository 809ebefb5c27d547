//! Sealed days over HTTP: the same bytes as from the hot store, fetched and read once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::store::archive::layout::Meta;
use crate::store::archive::write::write;
use crate::store::archive::{Archive, Archived};
use crate::store::{Dataset, GapRow, Query, StoreError, StoreStats};

const DAY_BEFORE: Ms = Ms(MIDNIGHT.0 - Ms::DAY.0);

/// Counts reads, and venues' answers.
struct Counting {
    store: Arc<dyn Store>,
    reads: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Store for Counting {
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.store.write(records).await
    }
    async fn flush(&self) -> Result<(), StoreError> {
        self.store.flush().await
    }
    async fn read(&self, query: Query) -> Result<Vec<Event>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.read(query).await
    }
    async fn gaps(&self, symbol: Option<Symbol>, from: Ms, to: Ms) -> Result<Vec<GapRow>, StoreError> {
        self.store.gaps(symbol, from, to).await
    }
    async fn coverage(&self, d: Dataset, s: Symbol, v: VenueId) -> Result<Vec<(Ms, Ms)>, StoreError> {
        self.store.coverage(d, s, v).await
    }
    async fn newest(&self, d: Dataset, s: Symbol, v: VenueId) -> Result<Option<Ms>, StoreError> {
        self.store.newest(d, s, v).await
    }
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.store.stats().await
    }
}

/// Has the minutes of a week, and counts how often it is asked.
struct Week(Arc<AtomicUsize>);

#[async_trait::async_trait]
impl HistorySource for Week {
    fn native_timeframes(&self, _: &VenueId) -> Vec<Timeframe> {
        vec![Timeframe::M1]
    }
    async fn klines(
        &self,
        _: &VenueId,
        _: &Symbol,
        _: Timeframe,
        from: Ms,
        to: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let minutes = (from.0..to.0).step_by(60_000).take(1_000);
        Ok(minutes.map(|at| minute((at - MIDNIGHT.0) / 60_000)).collect())
    }
    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        Some(MIDNIGHT - Ms(7 * Ms::DAY.0))
    }
}

struct Deck {
    app: axum::Router,
    reads: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

impl Deck {
    fn count(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::Relaxed), self.asked.swap(0, Ordering::Relaxed))
    }
}

/// A relay whose record of yesterday is sealed, or all of it hot.
async fn deck(sealed: bool) -> Deck {
    let hot = Arc::new(SqliteStore::temporary().unwrap());
    let (store, folder): (Arc<dyn Store>, _) = if sealed {
        let folder = tempfile::tempdir().unwrap();
        let archive = Arc::new(Archive::open(folder.path()).unwrap());
        let mut files: BTreeMap<String, (Meta, Vec<Event>)> = BTreeMap::new();
        for event in recorded().into_iter().filter(|event| event.timestamp() < MIDNIGHT) {
            let dataset = Dataset::of(event.channel(), event.topic().interval).unwrap();
            let meta = Meta::new(dataset, &event.symbol, &event.venue, event.timestamp());
            files.entry(meta.path()).or_insert((meta, Vec::new())).1.push(event);
        }
        for (meta, mut rows) in files.into_values() {
            rows.sort_by_key(|row| (row.timestamp(), row.venue.clone()));
            let written = write(&archive.aside(&meta), &meta, &rows).unwrap();
            archive.publish(&meta, written, NOW).unwrap();
        }
        (Arc::new(Archived::new(hot, archive)), Some(folder))
    } else {
        (hot, None)
    };
    let kept = |event: &Event| !sealed || event.timestamp() >= MIDNIGHT;
    let records = recorded().into_iter().filter(kept).map(Record::Event).collect();
    store.write(records).await.unwrap();
    // A minute of yesterday that is known better later on.
    let better = Bar { origin: Origin::Trades, revision: 1, close: 55.5, ..minute(-700) };
    store.write(vec![Record::Event(event("one", Body::Bar(better)))]).await.unwrap();
    store.flush().await.unwrap();

    let directory = Directory::new(["one", "two"].map(VenueId::new));
    for venue in ["one", "two"] {
        let perp = instrument(venue, "BTCUSDT-PERP", Kind::Perp, &[Channel::Bar, Channel::Oi]);
        directory.set(&VenueId::new(venue), vec![perp]);
    }
    let (reads, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let store: Arc<dyn Store> = Arc::new(Counting { store, reads: reads.clone() });
    let live = |_: &VenueId, _: &Symbol| None::<Bar>;
    let source = Arc::new(Week(asked.clone()));
    let history = Arc::new(History::new(store.clone(), source, Arc::new(live), || NOW));
    Deck { app: serve(directory, history, store.clone()), reads, asked, store, _folder: folder }
}

fn event(venue: &str, body: Body) -> Event {
    Event { received: NOW, symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new(venue), body }
}

/// Yesterday and the first hours of today.
fn recorded() -> Vec<Event> {
    let mut events: Vec<Event> = (-1_440..150).map(|n| event("one", Body::Bar(minute(n)))).collect();
    for n in 0..800_i64 {
        let timestamp = DAY_BEFORE + Ms(n * 120_000);
        let x = n as f64;
        for venue in ["one", "two"] {
            let oi = OpenInterest { timestamp, open_interest: x / 3.0, open_interest_value: Some(x * 1.1) };
            events.push(event(venue, Body::Oi(oi)));
            let funding = Funding {
                timestamp,
                kind: FundingKind::Predicted,
                funding_rate: x * 1e-7,
                next_funding_time: None,
                interval_hours: None,
                funding_apr: None,
                mark_price: Some(x),
                index_price: None,
            };
            events.push(event(venue, Body::Funding(funding.with_interval(Some(8.0)))));
            let dead = Liquidation {
                timestamp,
                side: LiquidationSide::Short,
                quantity: 1.0 + x,
                price: 0.1,
                value: 0.1 * (1.0 + x),
                price_kind: PriceKind::Bankruptcy,
                at_least: false,
            };
            events.push(event(venue, Body::Liquidation(dead)));
        }
        let mut top = BookTop::from_best(timestamp, (99.0 + x, 1.0), (101.0 + x, 2.0));
        top.depth_10bps = (n % 2 == 0).then_some(Depth { bid_usd: x, ask_usd: 1e-9 });
        events.push(event("one", Body::Book(top)));
    }
    events
}

#[tokio::test]
async fn sealed_days_answer_with_the_same_bytes() {
    let (hot, sealed) = (deck(false).await, deck(true).await);
    let base = "symbol=BTCUSDT-PERP";
    let ranges = [
        "",
        "&from=2024-03-14&to=2024-03-14",
        "&from=2024-03-14T11:00:00Z&to=2024-03-14T13:30:00Z",
        "&from=2024-03-14T23:00:00Z&limit=77",
        "&to=2024-03-14T12:00:00Z&limit=3",
        "&from=2024-03-14T20:00:00Z&format=csv",
        "&from=2024-03-14T20:00:00Z&to=2024-03-15T02:00:00Z&format=columns",
        "&from=2024-03-14&venue=one&limit=1",
    ];
    let paths =
        ["candles", "chart/history", "history/bars", "history/oi", "history/funding", "history/liquidations"];
    for path in paths.into_iter().chain(["history/book", "candles?interval=1H", "history/oi?venue=all"]) {
        for range in ranges.iter().filter(|range| !(path.contains("venue") && range.contains("venue"))) {
            let joint = if path.contains('?') { "&" } else { "?" };
            let mut uri = format!("/api/{path}{joint}{base}{range}");
            for _ in 0..3 {
                let (a, b) = (get(&hot.app, &uri).await, get(&sealed.app, &uri).await);
                assert_eq!(a.status, StatusCode::OK, "{uri}: {}", a.text);
                assert_eq!(a.text, b.text, "{uri}");
                for name in ["etag", "cache-control", "x-next-cursor", "link", "content-type"] {
                    assert_eq!(a.headers.get(name), b.headers.get(name), "{uri}: {name}");
                }
                let Some(cursor) = a.headers.get("x-next-cursor") else { break };
                uri = format!("/api/{path}{joint}{base}{range}&cursor={}", cursor.to_str().unwrap());
            }
        }
    }
    let uri = "/api/candles?symbol=BTCUSDT-PERP&from=2024-03-14T12:20:00Z&to=2024-03-14T12:21:00Z";
    assert_eq!(get(&sealed.app, uri).await.json()[0]["close"], 55.5, "the late row counts");
}

#[tokio::test]
async fn the_chart_gets_all_it_can_hold_without_a_range() {
    let deck = deck(true).await;
    let count = async |query: &str| {
        let got = get(&deck.app, &format!("/api/{query}&symbol=BTCUSDT-PERP")).await;
        got.json().as_array().unwrap().len()
    };
    assert_eq!(count("candles?timeframe=1m").await, 500);
    // A week before today, and today's hours.
    assert_eq!(count("chart/history?timeframe=1m").await, 7 * 1_440 + 150);
    assert_eq!(count("chart/history?timeframe=1m&limit=9").await, 9);
}

#[tokio::test]
async fn what_is_sealed_is_not_fetched_and_what_is_not_recorded_is_fetched_once() {
    let deck = deck(true).await;
    let day = |n: u32| format!("/api/candles?symbol=BTCUSDT-PERP&from=2024-03-{n}&to=2024-03-{n}");
    assert_eq!(get(&deck.app, &day(14)).await.json().as_array().unwrap().len(), 1_440);
    assert_eq!(deck.count().1, 0, "the sealed day is whole");
    assert_eq!(get(&deck.app, &day(13)).await.json().as_array().unwrap().len(), 1_440);
    assert_eq!(deck.count().1, 2, "two pages of a thousand");
    assert_eq!(get(&deck.app, &day(13)).await.json().as_array().unwrap().len(), 1_440);
    assert_eq!(deck.count().1, 0, "it is kept");
}

#[tokio::test]
async fn who_asks_alike_at_the_same_time_shares_one_read() {
    let deck = deck(true).await;
    let uri = "/api/candles?symbol=BTCUSDT-PERP&from=2024-03-14&to=2024-03-14";
    let alone = get(&deck.app, uri).await;
    let (once, _) = deck.count();
    assert!(once > 0);
    let all = join_all((0..20).map(|_| get(&deck.app, uri))).await;
    assert_eq!(deck.count().0, once);
    for got in &all {
        assert_eq!(
            (got.status, &got.text, got.header("etag")),
            (StatusCode::OK, &alone.text, alone.header("etag"))
        );
    }
    // Others are not kept waiting for it, nor given it; and afterwards it is read anew.
    let other = format!("{uri}&format=csv");
    join_all([uri, &other].map(|uri| get(&deck.app, uri))).await;
    assert_eq!(deck.count().0, 2 * once);
    let late = Bar { origin: Origin::Trades, revision: 1, close: 66.5, ..minute(-1) };
    deck.store.write(vec![Record::Event(event("one", Body::Bar(late)))]).await.unwrap();
    deck.store.flush().await.unwrap();
    let after = get(&deck.app, uri).await;
    assert_ne!(after.text, alone.text);
    assert_ne!(after.header("etag"), alone.header("etag"));
}
