//! Rows for tests: made of their numbers alone.

use shared::event::{
    Bar, Body, BookTop, Depth, Event, Funding, FundingKind, Liquidation, LiquidationSide, OpenInterest,
    Origin, PriceKind, Side, Trade,
};
use shared::market::{Civil, Ms, Symbol, Timeframe, VenueId};

use crate::store::Dataset;

pub(super) const DATASETS: [Dataset; 6] = [
    Dataset::Bars(Timeframe::M1),
    Dataset::Oi,
    Dataset::Funding,
    Dataset::Liquidations,
    Dataset::Book,
    Dataset::Trades,
];

pub(super) fn day() -> Ms {
    Civil::midnight(2025, 1, 31)
}

pub(super) fn symbol() -> Symbol {
    "BTC/USDT".parse().unwrap()
}

pub(super) fn event(venue: &str, received: Ms, body: Body) -> Event {
    Event { received, symbol: symbol(), venue: VenueId::new(venue), body }
}

/// The body of a row, its values decided by `n`; some are null.
pub(super) fn body(dataset: Dataset, timestamp: Ms, n: u64) -> Body {
    let x = n as f64;
    let some = |value: f64| (!n.is_multiple_of(3)).then_some(value);
    match dataset {
        Dataset::Bars(interval) => Body::Bar(Bar {
            high: 100.5 + x / 8.0,
            volume: x / 7.0,
            buy_volume: some(x / 11.0),
            sell_volume: some(0.1),
            cvd: some(-x),
            cvd_from: (n.is_multiple_of(2)).then_some(Ms(timestamp.0 - 60_000)),
            vwap: some(100.1),
            trades: (!n.is_multiple_of(5)).then_some(n),
            revision: (n % 4) as u32,
            ..Bar { closed: true, ..Bar::flat(timestamp, interval, 100.0 + x / 16.0, Origin::Trades) }
        }),
        Dataset::Oi => {
            Body::Oi(OpenInterest { timestamp, open_interest: x, open_interest_value: some(x * 1.1) })
        }
        Dataset::Funding => Body::Funding(Funding {
            timestamp,
            kind: if n.is_multiple_of(2) { FundingKind::Predicted } else { FundingKind::Settled },
            funding_rate: x * 1e-7,
            next_funding_time: (n.is_multiple_of(2)).then_some(timestamp + Ms::HOUR),
            interval_hours: some(8.0),
            funding_apr: some(x),
            mark_price: None,
            index_price: some(100.0),
        }),
        Dataset::Liquidations => Body::Liquidation(Liquidation {
            timestamp,
            side: if n.is_multiple_of(2) { LiquidationSide::Long } else { LiquidationSide::Short },
            quantity: 1.0 + x,
            price: 100.0,
            value: 100.0 * (1.0 + x),
            price_kind: PriceKind::Average,
            at_least: n.is_multiple_of(3),
        }),
        Dataset::Book => {
            let mut book = BookTop::from_best(timestamp, (100.0 + x / 100.0, 1.5), (101.0 + x / 100.0, 2.5));
            book.depth_10bps = some(0.0).map(|_| Depth { bid_usd: x, ask_usd: 2.0 * x });
            Body::Book(book)
        }
        Dataset::Trades => Body::Trade(Trade {
            timestamp,
            price: 100.0 + x / 32.0,
            quantity: 0.001 * (1.0 + x),
            side: if n.is_multiple_of(3) { Side::Buy } else { Side::Sell },
            id: format!("{}", 9_000_000_000 + n),
        }),
    }
}

/// Rows `step` apart from the day's beginning on.
pub(super) fn rows(dataset: Dataset, venue: &str, step: i64, count: u64) -> Vec<Event> {
    let row = |n: u64| {
        let at = day() + Ms(step * n as i64);
        event(venue, at + Ms(7), body(dataset, at, n))
    };
    (0..count).map(row).collect()
}
