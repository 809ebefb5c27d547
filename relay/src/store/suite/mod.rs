//! What every hot store must do, run on each of them: SQLite, and PostgreSQL on a real server.

pub(super) mod hot;
mod life;
mod rows;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use postgres_server::Server;
use shared::event::{
    Bar, Body, BookTop, Depth, Event, Funding, FundingKind, Liquidation, LiquidationSide, OpenInterest,
    Origin, PriceKind, Side, Trade,
};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use super::archive::Archive;
use super::archive::layout::Meta;
use super::archive::write::write;
use super::{Dataset, HotDay, HotStore, PostgresStore, PostgresUrl, Query, Record, SqliteStore};

/// Where the store under test is; opened as often as a test likes, one at a time.
pub(crate) enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl Place {
    pub(crate) fn sqlite() -> Option<Place> {
        Some(Place::Sqlite(tempfile::tempdir().expect("a folder")))
    }

    /// `None` where there is no PostgreSQL.
    pub(crate) fn postgres() -> Option<Place> {
        Some(Place::Postgres(Server::shared()?.database()))
    }

    /// How [`open_named`] finds it.
    pub(crate) fn name(&self) -> String {
        match self {
            Place::Sqlite(folder) => folder.path().join("data/hot.sqlite3").display().to_string(),
            Place::Postgres(url) => url.clone(),
        }
    }

    pub(crate) async fn open(&self) -> Arc<dyn HotStore> {
        open_named(&self.name()).await
    }
}

/// Opens a store by path or address.
pub(crate) async fn open_named(name: &str) -> Arc<dyn HotStore> {
    match PostgresUrl::parse(name) {
        Some(url) => Arc::new(PostgresStore::open(&url).await.expect("the database opens")),
        None => Arc::new(SqliteStore::open(&PathBuf::from(name)).expect("the file opens")),
    }
}

/// Makes each function a test of every store.
macro_rules! on_every_store {
    ($($name:ident)*) => {
        on_every_store!(@ sqlite $($name)*);
        on_every_store!(@ postgres $($name)*);
    };
    (@ $store:ident $($name:ident)*) => {
        mod $store {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(place) = crate::store::suite::Place::$store() {
                    super::$name(&place).await;
                }
            })*
        }
    };
}
use on_every_store;

pub(crate) fn symbol() -> Symbol {
    "BTCUSDT-PERP".parse().expect("a symbol")
}

pub(crate) fn event(venue: &str, received: i64, body: Body) -> Event {
    Event { received: Ms(received), symbol: symbol(), venue: VenueId::new(venue), body }
}

pub(crate) fn bar(minute: i64, close: f64) -> Bar {
    let mut bar = Bar::flat(Ms(minute * 60_000), Timeframe::M1, 100.0, Origin::Kline);
    (bar.close, bar.high, bar.volume, bar.closed) = (close, close, 2.5, true);
    bar
}

pub(crate) fn query(dataset: Dataset, venue: Option<&str>, from: i64, to: i64) -> Query {
    let venue = venue.map(VenueId::new);
    Query { dataset, symbol: symbol(), venue, from: Ms(from), to: Ms(to), limit: 1_000, newest: false }
}

pub(crate) async fn put(store: &dyn HotStore, events: impl IntoIterator<Item = Event>) {
    store.write(events.into_iter().map(Record::Event).collect()).await.expect("the queue takes it");
    store.flush().await.expect("the disk takes it");
}

pub(crate) async fn bars(store: &dyn HotStore) -> Vec<Bar> {
    let rows = store.read(query(Dataset::Bars(Timeframe::M1), None, 0, i64::MAX)).await.expect("reads");
    rows.into_iter().filter_map(|e| if let Body::Bar(bar) = e.body { Some(bar) } else { None }).collect()
}

pub(crate) fn samples() -> Vec<(Dataset, Event)> {
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

/// Seals every day of a store, as the nightly run does.
pub(crate) async fn seal_all(hot: &dyn HotStore, archive: &Archive) {
    for day in hot.hot_days(Ms::LATEST).await.unwrap() {
        let HotDay { dataset, symbol, venue, day, .. } = day;
        let meta = Meta::new(dataset, &symbol, &venue, day);
        let (from, to) = (meta.day, meta.end());
        let range = Query {
            dataset,
            symbol: symbol.clone(),
            venue: meta.venue.clone(),
            from,
            to,
            limit: usize::MAX,
            newest: false,
        };
        let (mut rows, mark) = hot.snapshot(range).await.unwrap();
        rows.retain(|row| !matches!(row.body, Body::Bar(bar) if !bar.closed));
        if rows.is_empty() {
            // Another venue's turn sealed the file that joins all.
            continue;
        }
        let written = write(&archive.aside(&meta), &meta, &rows).unwrap();
        archive.publish(&meta, written, Ms(0)).unwrap();
        let venues: HashSet<VenueId> = rows.into_iter().map(|row| row.venue).collect();
        for venue in venues {
            hot.forget(dataset, &symbol, &venue, from, to, mark).await.unwrap();
        }
    }
    assert_eq!(hot.hot_days(Ms::LATEST).await.unwrap(), []);
}
