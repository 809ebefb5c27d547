//! How many events a second the hot store takes on one core: `cargo run --release --example ingest_rate`.
//!
//! A busy market of ten symbols, half of it trades, is written as the recorder writes it; the clock runs until all of
//! it is durable. Where the work took more processor time than time, that counts: two threads are two cores. One JSON
//! line per store: SQLite, and PostgreSQL where STORE_URL names an empty database (its own work is not counted).

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use relay::store::{PostgresStore, PostgresUrl, Record, SqliteStore, Store};
use serde_json::json;
use shared::event::{
    Bar, Body, BookTop, Event, Liquidation, LiquidationSide, OpenInterest, Origin, PriceKind, Side, Trade,
};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

const EVENTS: i64 = 1_000_000;
/// Events the recorder hands over at once.
const BATCH: usize = 500;
const BUDGET: f64 = 50_000.0;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        measure("SQLite", Arc::new(SqliteStore::open(&folder.path().join("hot.sqlite3"))?)).await?;
        if let Ok(address) = std::env::var("STORE_URL")
            && PostgresUrl::is_one(&address)
        {
            let url = PostgresUrl::parse(&address).context("STORE_URL: this is not a database's address")?;
            measure("PostgreSQL", Arc::new(PostgresStore::open(&url).await?)).await?;
        }
        Ok(())
    })
}

async fn measure(what: &str, store: Arc<dyn Store>) -> Result<()> {
    let batches = market()?;
    let (began, cpu) = (Instant::now(), processor_seconds());
    let mut longest = 0.0_f64;
    for batch in batches {
        let handed = Instant::now();
        store.write(batch).await?;
        longest = longest.max(handed.elapsed().as_secs_f64());
    }
    store.flush().await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = processor_seconds().zip(cpu).map(|(now, then)| now - then);
    let value = EVENTS as f64 / cpu.unwrap_or(seconds).max(seconds);
    let about = json!({
        "events": EVENTS,
        "seconds": round(seconds),
        "processor_seconds": cpu.map(round),
        "longest_wait_ms": (longest * 1e3).round(),
        "bytes": store.stats().await?.bytes,
    });
    let what = format!("events into {what}, one core");
    println!(
        "{}",
        json!({"what": what, "value": value.round(), "unit": "events/s", "budget": BUDGET, "more": true, "about": about})
    );
    Ok(())
}

fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// What this process has used so far; `None` where the system does not say.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in brackets: user and system time are the 12th and 13th, in hundredths.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// Each symbol has its trades, a book each tenth event, a forming bar, and now and then the rest.
fn market() -> Result<Vec<Vec<Record>>> {
    let coins = ["BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "PEPE", "SUI"];
    let symbols: Vec<Symbol> =
        coins.iter().map(|coin| format!("{coin}USDT-PERP").parse()).collect::<Result<_, _>>()?;
    let venue = VenueId::new("binance");
    let mut batches = Vec::new();
    let mut batch = Vec::with_capacity(BATCH);
    for n in 0..EVENTS {
        let Some(symbol) = symbols.get(n as usize % symbols.len()) else { continue };
        // Fifty events a millisecond.
        let at = Ms(1_735_689_600_000 + n / 50);
        let price = 50_000.0 + (n % 977) as f64;
        let body = match (n / 10) % 20 {
            0..=9 => Body::Trade(Trade {
                timestamp: at,
                price,
                quantity: 0.25,
                side: if n % 3 == 0 { Side::Buy } else { Side::Sell },
                id: n.to_string(),
            }),
            10..=14 => Body::Book(BookTop::from_best(at, (price, 1.0), (price + 0.5, 2.0))),
            15..=17 => {
                let open = at.floor(Ms::MINUTE);
                Body::Bar(Bar {
                    close: price,
                    high: price,
                    ..Bar::flat(open, Timeframe::M1, 50_000.0, Origin::Trades)
                })
            }
            18 => Body::Oi(OpenInterest {
                timestamp: at,
                open_interest: price,
                open_interest_value: Some(price),
            }),
            _ => Body::Liquidation(Liquidation {
                timestamp: at,
                side: LiquidationSide::Long,
                quantity: 0.5,
                price,
                value: price / 2.0,
                price_kind: PriceKind::Average,
                at_least: true,
            }),
        };
        batch.push(Record::Event(Event {
            received: at + Ms(3),
            symbol: symbol.clone(),
            venue: venue.clone(),
            body,
        }));
        if batch.len() == BATCH {
            batches.push(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
        }
    }
    batches.push(batch);
    Ok(batches)
}
