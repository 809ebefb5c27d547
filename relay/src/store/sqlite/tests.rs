mod hot;
mod kill;

use std::time::{Duration, Instant};

use shared::event::{
    Bar, Body, BookTop, Channel, Depth, Event, Funding, FundingKind, Gap, GapCause, GapState, Liquidation,
    LiquidationSide, OpenInterest, Origin, PriceKind, Side, Trade,
};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::{SqliteStore, schema};
use crate::store::{Coverage, Dataset, GapRow, Query, Record, Store, StoreError};

fn symbol() -> Symbol {
    "BTCUSDT-PERP".parse().expect("a symbol")
}

fn event(venue: &str, received: i64, body: Body) -> Event {
    Event { received: Ms(received), symbol: symbol(), venue: VenueId::new(venue), body }
}

fn bar(minute: i64, close: f64) -> Bar {
    let mut bar = Bar::flat(Ms(minute * 60_000), Timeframe::M1, 100.0, Origin::Kline);
    (bar.close, bar.high, bar.volume, bar.closed) = (close, close, 2.5, true);
    bar
}

fn query(dataset: Dataset, venue: Option<&str>, from: i64, to: i64) -> Query {
    let venue = venue.map(VenueId::new);
    Query { dataset, symbol: symbol(), venue, from: Ms(from), to: Ms(to), limit: 1_000, newest: false }
}

async fn put(store: &SqliteStore, events: impl IntoIterator<Item = Event>) {
    store.write(events.into_iter().map(Record::Event).collect()).await.expect("the queue takes it");
    store.flush().await.expect("the disk takes it");
}

async fn bars(store: &SqliteStore) -> Vec<Bar> {
    let rows = store.read(query(Dataset::Bars(Timeframe::M1), None, 0, i64::MAX)).await.expect("reads");
    rows.into_iter().filter_map(|e| if let Body::Bar(bar) = e.body { Some(bar) } else { None }).collect()
}

fn samples() -> Vec<(Dataset, Event)> {
    let full = Bar {
        buy_volume: Some(1.5),
        sell_volume: Some(1.0),
        cvd: Some(-7.25),
        cvd_from: Some(Ms(0)),
        vwap: Some(100.125),
        trades: Some(42),
        origin: Origin::Trades,
        revision: 3,
        ..bar(1, 101.5)
    };
    let month = Bar { interval: Timeframe::Mo1, closed: false, through: Some(Ms(60_000)), ..bar(0, 9.5) };
    let oi = OpenInterest { timestamp: Ms(5), open_interest: 1e9, open_interest_value: Some(0.1 + 0.2) };
    let funding = Funding {
        timestamp: Ms(6),
        kind: FundingKind::Predicted,
        funding_rate: -0.000_1,
        next_funding_time: Some(Ms(28_800_000)),
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(1.5e-8),
        index_price: None,
    };
    let liquidation = Liquidation {
        timestamp: Ms(7),
        side: LiquidationSide::Short,
        quantity: 0.5,
        price: 60_000.0,
        value: 30_000.0,
        price_kind: PriceKind::Bankruptcy,
        at_least: true,
    };
    let mut top = BookTop::from_best(Ms(8), (99.0, 1.0), (101.0, 2.0));
    top.depth_10bps = Some(Depth { bid_usd: 99.0, ask_usd: 202.0 });
    let trade = Trade { timestamp: Ms(9), price: 100.0, quantity: 0.25, side: Side::Sell, id: "a-17".into() };
    [
        (Dataset::Bars(Timeframe::M1), Body::Bar(full)),
        (Dataset::Bars(Timeframe::Mo1), Body::Bar(month)),
        (Dataset::Oi, Body::Oi(oi)),
        (Dataset::Funding, Body::Funding(funding.with_interval(Some(8.0)))),
        (Dataset::Funding, Body::Funding(Funding { kind: FundingKind::Settled, ..funding })),
        (Dataset::Liquidations, Body::Liquidation(liquidation)),
        (Dataset::Book, Body::Book(top)),
        (Dataset::Book, Body::Book(BookTop::from_best(Ms(10), (1.0, 1.0), (2.0, 2.0)))),
        (Dataset::Trades, Body::Trade(trade)),
    ]
    .map(|(dataset, body)| (dataset, event("sim", 70_000, body)))
    .to_vec()
}

#[tokio::test]
async fn every_dataset_round_trips_and_repeats_change_nothing() {
    let store = SqliteStore::temporary().unwrap();
    for _ in 0..2 {
        put(&store, samples().into_iter().map(|(_, event)| event)).await;
        for (dataset, event) in samples() {
            let mut expected: Vec<Event> =
                samples().into_iter().filter(|(d, _)| *d == dataset).map(|(_, e)| e).collect();
            expected.sort_by_key(Event::timestamp);
            let rows = store.read(query(dataset, None, 0, i64::MAX)).await.unwrap();
            assert_eq!(rows, expected, "{dataset:?}");
            let newest = store.newest(dataset, symbol(), event.venue).await.unwrap();
            assert_eq!(newest, expected.last().map(Event::timestamp), "{dataset:?}");
        }
    }
    let other = store.newest(Dataset::Bars(Timeframe::H1), symbol(), VenueId::new("sim")).await.unwrap();
    assert_eq!(other, None);
}

#[tokio::test]
async fn bars_follow_the_upsert_rule() {
    let forming = |close| Bar { closed: false, ..bar(1, close) };
    let from = |origin, revision, close| Bar { origin, revision, ..bar(1, close) };
    let (kline, trades, import) = (Origin::Kline, Origin::Trades, Origin::Import);
    // Each case: what is written in order (with the receive time), and what stands at the end.
    let cases = [
        ("newest forming", vec![(1, forming(1.0)), (3, forming(3.0)), (2, forming(2.0))], forming(3.0)),
        ("closed beats forming", vec![(5, forming(1.0)), (2, bar(1, 2.0))], bar(1, 2.0)),
        ("forming never replaces closed", vec![(1, bar(1, 2.0)), (9, forming(1.0))], bar(1, 2.0)),
        ("closed is immutable", vec![(1, bar(1, 2.0)), (2, bar(1, 3.0))], bar(1, 2.0)),
        ("higher revision", vec![(1, bar(1, 2.0)), (2, from(kline, 1, 3.0))], from(kline, 1, 3.0)),
        ("lower revision", vec![(1, from(kline, 2, 2.0)), (2, from(kline, 1, 3.0))], from(kline, 2, 2.0)),
        ("better origin", vec![(1, from(kline, 2, 2.0)), (2, from(trades, 0, 3.0))], from(trades, 3, 3.0)),
        ("worse origin", vec![(1, from(trades, 0, 2.0)), (2, from(kline, 5, 3.0))], from(trades, 0, 2.0)),
        ("import is the least", vec![(1, from(import, 0, 2.0)), (2, bar(1, 3.0))], from(kline, 1, 3.0)),
    ];
    for (name, writes, expected) in cases {
        // In one batch, and a batch each.
        for batches in [true, false] {
            let store = SqliteStore::temporary().unwrap();
            let events = writes.iter().map(|(at, bar)| event("sim", *at, Body::Bar(*bar)));
            if batches {
                for event in events {
                    put(&store, [event]).await;
                }
            } else if name != "newest forming" {
                put(&store, events).await;
            } else {
                continue;
            }
            assert_eq!(bars(&store).await, [expected], "{name}, batches {batches}");
        }
    }
}

#[tokio::test]
async fn one_batch_keeps_the_last_forming_state_only() {
    let store = SqliteStore::temporary().unwrap();
    let forming = (0..500).map(|i| {
        let bar = Bar { closed: false, ..bar(i / 100, i as f64) };
        event("sim", i, Body::Bar(bar))
    });
    put(&store, forming).await;
    let closes: Vec<f64> = bars(&store).await.iter().map(|b| b.close).collect();
    assert_eq!(closes, [99.0, 199.0, 299.0, 399.0, 499.0]);
}

#[tokio::test]
async fn queries_are_half_open_and_newest_counts_from_the_end() {
    let store = SqliteStore::temporary().unwrap();
    put(&store, (0..10).map(|i| event("sim", 0, Body::Bar(bar(i, i as f64))))).await;
    let minutes = async |from, to, limit, newest| {
        let range = query(Dataset::Bars(Timeframe::M1), Some("sim"), from, to);
        let rows = store.read(Query { limit, newest, ..range }).await.unwrap();
        rows.iter().map(|e| e.timestamp().0 / 60_000).collect::<Vec<_>>()
    };
    assert_eq!(minutes(120_000, 240_000, 99, false).await, [2, 3]);
    assert_eq!(minutes(120_001, 240_001, 99, false).await, [3, 4]);
    assert_eq!(minutes(0, i64::MAX, 3, false).await, [0, 1, 2]);
    assert_eq!(minutes(0, i64::MAX, 3, true).await, [7, 8, 9]);
    assert_eq!(minutes(0, 300_000, 2, true).await, [3, 4]);
    assert_eq!(minutes(0, i64::MAX, 0, true).await, [0; 0]);
}

#[tokio::test]
async fn all_venues_are_joined_in_order_of_time_and_venue() {
    let store = SqliteStore::temporary().unwrap();
    let oi = |venue: &str, at| {
        let body = OpenInterest { timestamp: Ms(at), open_interest: at as f64, open_interest_value: None };
        event(venue, at, Body::Oi(body))
    };
    put(&store, [oi("okx", 1), oi("binance", 2), oi("okx", 2), oi("bybit", 2), oi("binance", 3)]).await;
    let seen = async |limit, newest| {
        let rows = store.read(Query { limit, newest, ..query(Dataset::Oi, None, 0, 9) }).await.unwrap();
        rows.iter().map(|e| format!("{}{}", e.venue, e.timestamp().0)).collect::<Vec<_>>()
    };
    assert_eq!(seen(9, false).await, ["okx1", "binance2", "bybit2", "okx2", "binance3"]);
    assert_eq!(seen(2, false).await, ["okx1", "binance2"]);
    assert_eq!(seen(2, true).await, ["okx2", "binance3"]);
}

#[tokio::test]
async fn coverage_joins_what_overlaps_or_touches() {
    let store = SqliteStore::temporary().unwrap();
    let dataset = Dataset::Bars(Timeframe::H1);
    let cover = async |from, to| {
        let (symbol, venue) = (symbol(), VenueId::new("sim"));
        let stretch = Coverage { dataset, symbol, venue, from: Ms(from), to: Ms(to) };
        store.write(vec![Record::Coverage(stretch)]).await.unwrap();
        store.flush().await.unwrap();
        let all = store.coverage(dataset, self::symbol(), VenueId::new("sim")).await.unwrap();
        all.iter().map(|(from, to)| (from.0, to.0)).collect::<Vec<_>>()
    };
    assert_eq!(cover(10, 20).await, [(10, 20)]);
    assert_eq!(cover(30, 40).await, [(10, 20), (30, 40)]);
    assert_eq!(cover(12, 15).await, [(10, 20), (30, 40)]);
    assert_eq!(cover(20, 22).await, [(10, 22), (30, 40)]);
    assert_eq!(cover(5, 5).await, [(10, 22), (30, 40)]);
    assert_eq!(cover(9, 35).await, [(9, 40)]);
    let other = store.coverage(Dataset::Bars(Timeframe::M1), symbol(), VenueId::new("sim")).await;
    assert_eq!(other.unwrap(), []);
}

#[tokio::test]
async fn gaps_change_state_and_are_found_by_touch() {
    let store = SqliteStore::temporary().unwrap();
    let gap = |from, to: Option<i64>, state| Gap {
        timestamp: Ms(99),
        channel: Channel::Trade,
        from: Ms(from),
        to: to.map(Ms),
        cause: GapCause::Disconnect,
        state,
    };
    let row = |gap| GapRow { symbol: symbol(), venue: VenueId::new("sim"), gap };
    let open = gap(10, None, GapState::Open);
    let refilled = gap(10, Some(20), GapState::Refilled);
    let lost = gap(50, Some(60), GapState::Lost);
    for gap in [open, refilled, open] {
        put(&store, [event("sim", 1, Body::Gap(gap))]).await;
    }
    let record = Record::Gap { symbol: symbol(), venue: VenueId::new("sim"), gap: lost };
    store.write(vec![record]).await.unwrap();
    store.flush().await.unwrap();
    let found = async |from, to| store.gaps(Some(symbol()), Ms(from), Ms(to)).await.unwrap();
    assert_eq!(found(0, 100).await, [row(refilled), row(lost)]);
    assert_eq!(found(20, 50).await, []);
    assert_eq!(found(19, 20).await, [row(refilled)]);
    assert_eq!(store.gaps(None, Ms(0), Ms(100)).await.unwrap().len(), 2);
    let other = store.gaps(Some("ETH/USDT".parse().unwrap()), Ms(0), Ms(100)).await;
    assert_eq!(other.unwrap(), []);
}

#[tokio::test]
async fn reopening_finds_everything_that_was_queued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/hot.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    let all = (0..250).map(|i| Record::Event(event("sim", 0, Body::Bar(bar(i, 1.0))))).collect();
    // No flush: closing commits.
    store.write(all).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(bars(&store).await.len(), 250);
    assert_eq!(store.stats().await.unwrap().pending, 0);
    assert!(store.stats().await.unwrap().bytes > 4_096);
}

#[tokio::test]
async fn queued_records_are_durable_without_a_flush() {
    let store = SqliteStore::temporary().unwrap();
    store.write(vec![Record::Event(event("sim", 0, Body::Bar(bar(1, 1.0))))]).await.unwrap();
    let began = Instant::now();
    while bars(&store).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "still not there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_newer_schema_and_a_file_that_is_no_store_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.sqlite3");
    let newer = [schema::MIGRATIONS, &["CREATE TABLE later (x)"]].concat();
    drop(SqliteStore::open_with(&path, &newer, None).unwrap());
    let error = SqliteStore::open(&path).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 3, known: 2, .. }), "{error}");
    assert!(!error.to_string().contains('\n') && error.to_string().contains("hot.sqlite3"), "{error}");

    let junk = folder.path().join("junk.sqlite3");
    std::fs::write(&junk, "not a database at all, but long enough to be looked at".repeat(40)).unwrap();
    let error = SqliteStore::open(&junk).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    assert!(!error.to_string().contains('\n') && error.to_string().contains("junk.sqlite3"), "{error}");
}

#[tokio::test]
async fn a_migration_keeps_a_copy_of_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hot.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    put(&store, [event("sim", 0, Body::Bar(bar(1, 7.0)))]).await;
    drop(store);
    let copy = folder.path().join("hot.sqlite3.schema2.bak");
    let with = |step| [schema::MIGRATIONS, &[step]].concat();
    // A copy left by a try that failed is no obstacle, and a step that fails changes nothing.
    std::fs::write(&copy, "half a copy").unwrap();
    let broken = SqliteStore::open_with(&path, &with("ALTER TABLE nothing ADD x"), None);
    assert!(matches!(broken.map(drop), Err(StoreError::Open { .. })));
    let store =
        SqliteStore::open_with(&path, &with("ALTER TABLE candles ADD COLUMN note TEXT"), None).unwrap();
    assert_eq!(bars(&store).await[0].close, 7.0);
    let old = rusqlite::Connection::open(&copy).unwrap();
    let count = |sql| old.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(count("PRAGMA user_version"), 2);
    assert_eq!(count("SELECT count(*) FROM candles"), 1);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_readers_go_on() {
    let store = SqliteStore::temporary().unwrap();
    put(&store, [event("sim", 0, Body::Bar(bar(0, 1.0)))]).await;
    store.send(super::Command::Sql("PRAGMA max_page_count=1")).unwrap();
    let many = (1..=5_000).map(|i| Record::Event(event("sim", 0, Body::Bar(bar(i, 1.0))))).collect();
    store.write(many).await.unwrap();
    let error = store.flush().await.unwrap_err();
    assert!(matches!(&error, StoreError::Write(e) if e.contains("full")), "{error}");
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.pending, stats.error.is_some()), (5_000, true));
    assert_eq!(bars(&store).await.len(), 1);

    store.send(super::Command::Sql("PRAGMA max_page_count=1000000")).unwrap();
    store.flush().await.unwrap();
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.pending, stats.error), (0, None));
    let rows = query(Dataset::Bars(Timeframe::M1), None, 0, i64::MAX);
    assert_eq!(store.read(Query { limit: 9_999, ..rows }).await.unwrap().len(), 5_001);
}

#[tokio::test]
async fn a_locked_file_is_retried_until_it_is_free_and_the_full_queue_waits() {
    let store = SqliteStore::temporary().unwrap();
    let blocker = rusqlite::Connection::open(&store.path).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let many = |from: i64| {
        (from..from + super::QUEUE_RECORDS as i64)
            .map(|i| Record::Event(event("sim", 0, Body::Bar(bar(i, 1.0)))))
            .collect::<Vec<_>>()
    };
    store.write(many(0)).await.unwrap();
    let more = tokio::time::timeout(Duration::from_millis(50), store.write(many(0)[..1].to_vec())).await;
    assert!(more.is_err(), "a full queue waits");
    let began = Instant::now();
    while store.stats().await.unwrap().error.is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "the lock is not told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    blocker.execute_batch("ROLLBACK").unwrap();
    store.write(vec![Record::Event(event("sim", 0, Body::Bar(bar(-1, 1.0))))]).await.unwrap();
    store.flush().await.unwrap();
    let newest = store.newest(Dataset::Bars(Timeframe::M1), symbol(), VenueId::new("sim")).await.unwrap();
    assert_eq!(newest, Some(Ms((super::QUEUE_RECORDS as i64 - 1) * 60_000)));
    assert_eq!(store.stats().await.unwrap().error, None);
}

#[tokio::test]
async fn a_record_without_numbers_is_left_out_and_the_others_stay() {
    let store = SqliteStore::temporary().unwrap();
    let bad = Bar { close: f64::NAN, ..bar(1, 1.0) };
    put(&store, [bar(0, 1.0), bad, bar(2, 1.0)].map(|b| event("sim", 0, Body::Bar(b)))).await;
    let minutes: Vec<i64> = bars(&store).await.iter().map(|b| b.timestamp.0 / 60_000).collect();
    assert_eq!(minutes, [0, 2]);
}

/// Not a check of time; prints the figure (`cargo test -p tapedeck thirty_days -- --nocapture`).
#[tokio::test]
async fn thirty_days_of_five_symbols_go_in_and_come_out() {
    let store = SqliteStore::temporary().unwrap();
    let mut records = Vec::new();
    for coin in ["BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP", "BTC/USDT", "PEPEUSDT-PERP"] {
        let symbol: Symbol = coin.parse().unwrap();
        for minute in 0..43_200 {
            let body = Body::Bar(Bar { vwap: Some(100.5), cvd: Some(1.0), ..bar(minute, 101.0) });
            records.push(Record::Event(Event { symbol: symbol.clone(), ..event("sim", 0, body) }));
        }
    }
    let began = Instant::now();
    store.write(records).await.unwrap();
    store.flush().await.unwrap();
    let written = began.elapsed();
    let began = Instant::now();
    let all = query(Dataset::Bars(Timeframe::M1), Some("sim"), 0, i64::MAX);
    let rows = store.read(Query { limit: 50_000, ..all }).await.unwrap();
    println!("216,000 bars written in {written:?}, 43,200 read in {:?}", began.elapsed());
    assert_eq!(rows.len(), 43_200);
}
