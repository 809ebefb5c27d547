use proptest::prelude::*;
use shared::event::{Bar, BookTop, Depth, Event, Funding, FundingKind, OpenInterest, Origin};
use shared::market::{Ms, Timeframe, VenueId};

use crate::store::row::{Row, Stored};
use crate::store::{Dataset, Query, Record, SqliteStore, Store};

/// What SQL leaves of rows that come to one key, each in a transaction of its own.
fn stored<T: Stored + Clone>(dataset: Dataset, rows: &[Row<T>]) -> Vec<Event> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::temporary().unwrap();
        for row in rows {
            store.write(vec![Record::Event(event(row.clone()))]).await.unwrap();
            store.flush().await.unwrap();
        }
        let symbol = "BTCUSDT-PERP".parse().unwrap();
        let (from, to) = (Ms(0), Ms(i64::MAX));
        let query = Query { dataset, symbol, venue: None, from, to, limit: 10, newest: false };
        store.read(query).await.unwrap()
    })
}

fn event<T: Stored>(row: Row<T>) -> Event {
    let (symbol, venue) = ("BTCUSDT-PERP".parse().unwrap(), VenueId::new("sim"));
    Event { received: row.received, symbol, venue, body: row.body.into_body() }
}

fn merged<T: Stored + Clone>(rows: &[Row<T>]) -> Vec<Event> {
    let folded = rows.iter().cloned().reduce(T::merged);
    folded.into_iter().map(event).collect()
}

fn received<T: std::fmt::Debug>(body: impl Strategy<Value = T>) -> impl Strategy<Value = Row<T>> {
    (0..4_i64, body).prop_map(|(at, body)| Row { received: Ms(at), body })
}

const ORIGINS: [Origin; 4] = [Origin::Import, Origin::Kline, Origin::Trades, Origin::Sim];

fn bar() -> impl Strategy<Value = Bar> {
    (1..9_u8, any::<bool>(), prop::sample::select(&ORIGINS[..]), 0..3_u32).prop_map(
        |(price, closed, origin, revision)| {
            let bar = Bar::flat(Ms(60_000), Timeframe::M1, price.into(), origin);
            Bar { closed, revision, ..bar }
        },
    )
}

fn maybe() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(0.0..1e9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bars_merge_as_sql_has_it(rows in prop::collection::vec(received(bar()), 1..5)) {
        prop_assert_eq!(stored(Dataset::Bars(Timeframe::M1), &rows), merged(&rows));
    }

    #[test]
    fn open_interest_merges_as_sql_has_it(
        rows in prop::collection::vec(received((0.0..1e9, maybe())), 1..4),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|Row { received, body: (open_interest, open_interest_value) }| {
            Row { received, body: OpenInterest { timestamp: Ms(7), open_interest, open_interest_value } }
        }).collect();
        prop_assert_eq!(stored(Dataset::Oi, &rows), merged(&rows));
    }

    #[test]
    fn funding_merges_as_sql_has_it(
        rows in prop::collection::vec(received((maybe(), maybe(), maybe(), maybe())), 1..4),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|Row { received, body: (hours, apr, mark, index) }| {
            let body = Funding {
                timestamp: Ms(7),
                kind: FundingKind::Settled,
                funding_rate: received.0 as f64,
                next_funding_time: hours.map(|h| Ms(h as i64)),
                interval_hours: hours,
                funding_apr: apr,
                mark_price: mark,
                index_price: index,
            };
            Row { received, body }
        }).collect();
        prop_assert_eq!(stored(Dataset::Funding, &rows), merged(&rows));
    }

    #[test]
    fn books_merge_as_sql_has_it(
        rows in prop::collection::vec(received((1.0..9.0, prop::option::of((0.0..9.0, 0.0..9.0)))), 1..4),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|Row { received, body: (bid, depth) }| {
            let mut body = BookTop::from_best(Ms(7), (bid, 1.0), (10.0, 2.0));
            body.depth_10bps = depth.map(|(bid_usd, ask_usd)| Depth { bid_usd, ask_usd });
            Row { received, body }
        }).collect();
        prop_assert_eq!(stored(Dataset::Book, &rows), merged(&rows));
    }
}

#[test]
fn prints_and_trades_stay_as_they_came_first() {
    let trade = |price| shared::event::Trade {
        timestamp: Ms(7),
        price,
        quantity: 1.0,
        side: shared::event::Side::Buy,
        id: "1".into(),
    };
    let rows = [1.0, 2.0].map(|price| Row { received: Ms(0), body: trade(price) });
    assert_eq!(stored(Dataset::Trades, &rows), merged(&rows));
    assert_eq!(merged(&rows), [event(rows[0].clone())]);
}
