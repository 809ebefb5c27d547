//! Writes a small archive of an invented market and says what is in it: what tests/duckdb reads with DuckDB.
//!
//! `cargo run --example archive_sample -- FOLDER`. One line of JSON per file: its path, rows, and by column how many
//! values are null, with the sum of numbers, as computed here from the rows that were written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use relay::store::Dataset;
use relay::store::archive::Archive;
use relay::store::archive::layout::{Meta, name};
use relay::store::archive::write::write;
use serde_json::{Map, Value, json};
use shared::event::{
    Bar, Body, BookTop, Depth, Event, Funding, FundingKind, Liquidation, LiquidationSide, OpenInterest,
    Origin, PriceKind, Side, Trade,
};
use shared::market::{Civil, Ms, Symbol, Timeframe, VenueId};

const DAY: Ms = Civil::midnight(2025, 1, 31);

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("name a folder")?);
    let archive = Archive::open(&folder)?;
    let symbol: Symbol = "BTC/USDT".parse()?;
    let datasets = [
        (Dataset::Bars(Timeframe::M1), 1_440),
        (Dataset::Oi, 288),
        (Dataset::Funding, 1_440),
        (Dataset::Liquidations, 500),
        // More than a row group has.
        (Dataset::Book, 80_000),
        (Dataset::Trades, 20_000),
    ];
    for (dataset, count) in datasets {
        for day in [DAY, DAY + Ms::DAY] {
            let step = Ms::DAY.0 / count;
            let rows: Vec<Event> = (0..count)
                .map(|n| {
                    let timestamp = day + Ms(n * step);
                    let venue =
                        if dataset == Dataset::Liquidations && n % 3 == 0 { "okx" } else { "binance" };
                    let (symbol, venue) = (symbol.clone(), VenueId::new(venue));
                    Event {
                        received: timestamp + Ms(n % 90),
                        symbol,
                        venue,
                        body: body(dataset, timestamp, n),
                    }
                })
                .collect();
            let meta = Meta::new(dataset, &symbol, &VenueId::new("binance"), day);
            let written = write(&archive.aside(&meta), &meta, &rows)?;
            archive.publish(&meta, written, day + Ms::DAY)?;
            println!("{}", said(&meta, &rows));
        }
    }
    Ok(())
}

/// What a file should be found to hold. Sums are of quarters, and of integers exact before they are rounded, so that any
/// order of adding gives the same.
fn said(meta: &Meta, rows: &[Event]) -> Value {
    let mut columns: Map<String, Value> = Map::new();
    let mut whole: BTreeMap<String, i128> = BTreeMap::new();
    for row in rows {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(row) else { continue };
        fields.remove("type");
        if let Body::Book(_) = row.body {
            let depth = fields.remove("depth_10bps").unwrap_or_default();
            fields.insert("depth_bid_usd".into(), depth["bid_usd"].clone());
            fields.insert("depth_ask_usd".into(), depth["ask_usd"].clone());
        }
        for (name, value) in fields {
            let column = columns.entry(name.clone()).or_insert_with(|| json!({ "values": 0 }));
            if value.is_null() {
                continue;
            }
            column["values"] = json!(column["values"].as_u64().unwrap_or(0) + 1);
            if let Some(number) = value.as_i64() {
                let sum = whole.entry(name).or_default();
                *sum += i128::from(number);
                column["sum"] = json!(*sum as f64);
            } else if let Some(number) = value.as_f64() {
                column["sum"] = json!(column["sum"].as_f64().unwrap_or(0.0) + number);
            }
        }
    }
    json!({
        "path": meta.path(), "dataset": name(meta.dataset), "symbol": meta.symbol, "venue": meta.venue,
        "rows": rows.len(), "columns": columns,
    })
}

fn body(dataset: Dataset, timestamp: Ms, n: i64) -> Body {
    let quarter = |n: i64| n as f64 / 4.0;
    let some = |value: f64| (n % 3 != 0).then_some(value);
    match dataset {
        Dataset::Bars(interval) => Body::Bar(Bar {
            high: quarter(n) + 101.0,
            volume: quarter(n % 40),
            buy_volume: some(0.25),
            sell_volume: some(0.5),
            cvd: some(-quarter(n)),
            cvd_from: (n % 2 == 0).then_some(DAY),
            vwap: some(100.25),
            trades: (n % 5 != 0).then_some(n.unsigned_abs()),
            closed: true,
            ..Bar::flat(timestamp, interval, quarter(n) + 100.0, Origin::Kline)
        }),
        Dataset::Oi => Body::Oi(OpenInterest {
            timestamp,
            open_interest: quarter(n),
            open_interest_value: some(quarter(n) * 4.0),
        }),
        Dataset::Funding => Body::Funding(Funding {
            timestamp,
            kind: if n % 2 == 0 { FundingKind::Predicted } else { FundingKind::Settled },
            funding_rate: 0.25,
            next_funding_time: (n % 2 == 0).then_some(timestamp + Ms::HOUR),
            interval_hours: some(8.0),
            funding_apr: some(quarter(n)),
            mark_price: None,
            index_price: some(100.5),
        }),
        Dataset::Liquidations => Body::Liquidation(Liquidation {
            timestamp,
            side: if n % 2 == 0 { LiquidationSide::Long } else { LiquidationSide::Short },
            quantity: quarter(n) + 1.0,
            price: 100.0,
            value: quarter(n) * 100.0 + 100.0,
            price_kind: PriceKind::Average,
            at_least: n % 4 == 0,
        }),
        Dataset::Book => Body::Book(BookTop {
            spread_bps: 0.5,
            depth_10bps: some(quarter(n)).map(|usd| Depth { bid_usd: usd, ask_usd: usd + 1.0 }),
            ..BookTop::from_best(timestamp, (quarter(n % 400), 1.5), (quarter(n % 400) + 1.0, 2.5))
        }),
        Dataset::Trades => Body::Trade(Trade {
            timestamp,
            price: quarter(n),
            quantity: 0.25,
            side: if n % 3 == 0 { Side::Buy } else { Side::Sell },
            id: (9_000_000_000 + n).to_string(),
        }),
    }
}
