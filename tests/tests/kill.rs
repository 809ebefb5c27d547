//! kill -9 at random moments while days are sealed, late rows merged and hours rolled up: after each restart no
//! committed row is lost or doubled, every file is readable, and the manifest is true.
//!
//! `TAPEDECK_KILLS` says how often: a few by default, 200 for the full form; `TAPEDECK_KILL_SEED` at which moments. The
//! full form has all markets of the simulation, the short one two. Every second kill goes by chance alone, the others
//! wait for the archive to do a certain thing and then some milliseconds by chance.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use relay::clock::Clock;
use relay::config::RetentionConfig;
use relay::store::archive::seal::{Pace, Sealer, calendar_of};
use relay::store::archive::verify::verify;
use relay::store::archive::{Archive, Archived};
use relay::store::{Dataset, Query, Record, SqliteStore, Store};
use relay::venues::sim::SimMarket;
use serde_json::Value;
use shared::event::{Bar, Body, Event, Liquidation, LiquidationSide, Origin, PriceKind};
use shared::market::{Calendar, Civil, Ms, Symbol, Timeframe, VenueId};
use shared::maths::fold::fold;
use tests::fake::clock::machine_now;
use tests::fake::market::mix;
use tests::relay::{Options, Relay, binary};

const SEED: u64 = 7;
const SYMBOL: &str = "BTCUSDT-PERP";
/// A market that only late rows have.
const LATE: &str = "LATEUSDT-PERP";
const M1: Dataset = Dataset::Bars(Timeframe::M1);
/// What the archive may be doing; it idles while the relay only writes.
const PHASES: [&str; 4] = ["idle", "sealing", "compacting", "rolling_up"];
/// Everything is looked at after so many kills.
const LOOK_EVERY: u64 = 10;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Numbers by chance, the same each run.
struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.drawn += 1;
        mix(self.seed, self.drawn, 0) % end
    }
}

/// Rows written while no relay runs, most of them for days that are sealed already, and what they must come to.
struct Late {
    chance: Chance,
    liquidations: BTreeMap<(Ms, u64), f64>,
    /// By time: close and revision.
    bars: BTreeMap<Ms, (f64, u32)>,
}

impl Late {
    /// Adds a round's rows; durable when it returns.
    async fn feed(&mut self, folder: &Path, round: u64, past: (Ms, Ms)) -> Result<()> {
        let mut records = Vec::new();
        let mut add = |symbol: &str, body| -> Result<()> {
            let (symbol, venue) = (symbol.parse()?, VenueId::new("sim"));
            records.push(Record::Event(Event { received: Ms(machine_now()), symbol, venue, body }));
            Ok(())
        };
        for n in 0..12 {
            let span = (past.1 - past.0).0.unsigned_abs();
            let at = past.0 + Ms(i64::try_from(self.chance.below(span))?);
            let quantity = (1_000_000 + round * 100 + n) as f64;
            self.liquidations.insert((at, quantity.to_bits()), quantity);
            let (side, price_kind) = (LiquidationSide::Short, PriceKind::Average);
            let (price, value, at_least) = (LATE_PRICE, LATE_PRICE * quantity, false);
            let body = Liquidation { timestamp: at, side, quantity, price, value, price_kind, at_least };
            add(SYMBOL, Body::Liquidation(body))?;
        }
        // A new day, holes for later rounds in it, and more of days before it: new minutes and better versions.
        let day = |n: u64| Civil::midnight(2024, 1, 1) + Ms(Ms::DAY.0 * n as i64);
        let fresh = (0..1_440).filter(|minute| minute % 3 != 0).map(|minute| (day(round), minute));
        let mut minutes: Vec<(Ms, u64)> = fresh.collect();
        for _ in 0..3 {
            let old = day(self.chance.below(round + 1));
            minutes.extend((0..40).map(|_| (old, self.chance.below(1_440))));
        }
        for (day, minute) in minutes {
            let at = day + Ms(60_000 * minute as i64);
            let close = 100.0 + self.chance.below(1_000) as f64;
            let revision = self.bars.get(&at).map_or(0, |(_, revision)| revision + 1);
            self.bars.insert(at, (close, revision));
            let flat = Bar::flat(at, Timeframe::M1, close, Origin::Kline);
            add(LATE, Body::Bar(Bar { closed: true, volume: 1.0, revision, ..flat }))?;
        }
        let store = SqliteStore::open(&folder.join("hot.sqlite3"))?;
        store.write(records).await?;
        store.flush().await?;
        Ok(())
    }
}

/// Everything of a series.
fn all(dataset: Dataset, symbol: &Symbol, venue: &VenueId, from: Ms, to: Ms) -> Query {
    let (symbol, venue) = (symbol.clone(), Some(venue.clone()));
    Query { dataset, symbol, venue, from, to, limit: usize::MAX, newest: false }
}

/// Looks at the whole record as no relay runs: the simulated market's past and the late rows, each once and as known.
async fn look(folder: &Path, symbols: &[Symbol], past: (Ms, Ms), late: &Late, seal: bool) -> Result<usize> {
    let hot = Arc::new(SqliteStore::open(&folder.join("hot.sqlite3"))?);
    let archive = Arc::new(Archive::open(&folder.join("parquet"))?);
    let store = Archived::new(hot.clone(), archive.clone());
    if seal {
        let calendars = Arc::new(|symbol: &Symbol, _: &VenueId| calendar_of(symbol));
        let sealer = Sealer::new(
            hot,
            archive.clone(),
            calendars,
            RetentionConfig::default(),
            Clock::real(),
            Pace::Full,
        );
        sealer.pass().await?;
    }
    let mut rows = 0;
    for market in SimMarket::all(SEED) {
        let venue = market.venue();
        for symbol in symbols.iter().filter(|s| market.instruments().iter().any(|i| i.symbol == **s)) {
            let covered = store.coverage(M1, symbol.clone(), venue.clone()).await?;
            let from = covered.first().context("nothing is covered")?.0;
            let known: [(Dataset, Vec<Body>); 4] = [
                (M1, market.bars(symbol, from, past.1).into_iter().map(Body::Bar).collect()),
                (
                    Dataset::Oi,
                    market.open_interest_history(symbol, from, past.1).into_iter().map(Body::Oi).collect(),
                ),
                (
                    Dataset::Funding,
                    market.funding_history(symbol, from, past.1).into_iter().map(Body::Funding).collect(),
                ),
                (
                    Dataset::Liquidations,
                    market.liquidations(symbol, from, past.1).into_iter().map(Body::Liquidation).collect(),
                ),
            ];
            for (dataset, mut known) in known {
                let found = store.read(all(dataset, symbol, &venue, from, past.1)).await?;
                let mut found: Vec<Body> = found.into_iter().map(|row| row.body).collect();
                found.retain(|body| !is_late(body));
                // Rows of one instant in any order.
                known.sort_by_cached_key(order);
                found.sort_by_cached_key(order);
                ensure!(
                    found == known,
                    "{venue} {symbol} {dataset:?}: {} rows found, {} known; first difference {:?}",
                    found.len(),
                    known.len(),
                    found.iter().zip(&known).find(|(a, b)| a != b)
                );
                rows += known.len();
            }
        }
    }
    let (sim, btc) = (VenueId::new("sim"), SYMBOL.parse()?);
    let found = store.read(all(Dataset::Liquidations, &btc, &sim, past.0, past.1)).await?;
    let found: Vec<(Ms, u64)> = found
        .iter()
        .filter_map(|row| if let Body::Liquidation(l) = row.body { Some((row.timestamp(), l)) } else { None })
        .filter(|(_, l)| l.price == LATE_PRICE)
        .map(|(at, l)| (at, l.quantity.to_bits()))
        .collect();
    ensure!(
        found == late.liquidations.keys().copied().collect::<Vec<_>>(),
        "late liquidations are not as written"
    );
    let symbol = LATE.parse()?;
    let minutes = store.read(all(M1, &symbol, &sim, Ms(0), past.1)).await?;
    let minutes: Vec<Bar> = minutes
        .iter()
        .filter_map(|row| if let Body::Bar(bar) = row.body { Some(bar) } else { None })
        .collect();
    let found: Vec<(Ms, (f64, u32))> = minutes.iter().map(|b| (b.timestamp, (b.close, b.revision))).collect();
    ensure!(found == late.bars.clone().into_iter().collect::<Vec<_>>(), "late bars are not as written");
    rows += found.len() + late.liquidations.len();
    if seal {
        let hours = archive.read(&all(Dataset::Bars(Timeframe::H1), &symbol, &sim, Ms(0), past.1))?;
        let hours: Vec<Bar> = hours
            .iter()
            .filter_map(|row| if let Body::Bar(bar) = row.body { Some(bar) } else { None })
            .collect();
        let known = fold(&minutes, Timeframe::H1, &Calendar::Continuous);
        let known: Vec<Bar> = known.into_iter().map(|b| Bar { closed: true, through: None, ..b }).collect();
        ensure!(hours == known, "hours are not those of the minutes");
        let verified = verify(&folder.join("parquet"), false)?;
        ensure!(verified.faults.is_empty(), "{:?}", verified.faults);
    }
    Ok(rows)
}

/// A price at which no simulated market trades.
const LATE_PRICE: f64 = 2.0;

fn is_late(body: &Body) -> bool {
    matches!(body, Body::Liquidation(l) if l.price == LATE_PRICE)
}

/// An order of rows of one series whatever made them.
fn order(body: &Body) -> String {
    format!("{body:?}")
}

/// What is served of the last minutes, without when we got it.
async fn served(relay: &Relay, from: i64, to: i64) -> Result<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    for dataset in ["bars", "oi", "funding", "liquidations", "book"] {
        let path = format!("/api/history/{dataset}?symbol={SYMBOL}&venue=sim&from={from}&to={to}");
        let rows = relay.rows(&path).await?;
        let text = |row: &Value| {
            let mut row = row.clone();
            row.as_object_mut().map(|row| row.remove("received"));
            row.to_string()
        };
        let rows = rows.iter().filter(|row| row["closed"] != false).map(text).collect();
        all.insert(dataset.to_owned(), rows);
    }
    Ok(all)
}

/// `tapedeck archive verify` beside the running relay.
fn verified(folder: &Path) -> Result<()> {
    let done = Command::new(binary())
        .args(["archive", "verify"])
        .env_clear()
        .env("DATA_DIR", folder)
        .current_dir(folder)
        .output()
        .context("archive verify")?;
    ensure!(done.status.success(), "archive verify: {}", String::from_utf8_lossy(&done.stdout));
    Ok(())
}

fn phase(log: &str) -> &'static str {
    let last = PHASES.iter().filter_map(|name| Some((log.rfind(&format!("\"phase\":\"{name}\""))?, *name)));
    last.max().map_or("idle", |(_, name)| name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_killed_while_it_seals_loses_and_doubles_nothing() -> Result<()> {
    let kills = setting("TAPEDECK_KILLS").unwrap_or(6);
    let seed = setting("TAPEDECK_KILL_SEED").unwrap_or(1);
    let mut chance = Chance { seed, drawn: 0 };
    let symbols = if kills > 20 {
        "BTCUSDT-PERP,ETHUSDT-PERP,SOLUSDT-PERP,BTC/USDT,PEPEUSDT-PERP,BTCUSDC-PERP"
    } else {
        "BTCUSDT-PERP,BTC/USDT"
    };
    let options = Options::sim()
        .env("SYMBOLS", symbols)
        .env("SIM_SEED", SEED.to_string())
        .env("LOG_FORMAT", "json")
        .env("RUST_LOG", "info,relay::store::archive::seal=debug");
    let symbols: Vec<Symbol> = symbols.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let mut relay = options.start().await?;
    // The past up to the first start; one venue's history is longest.
    let end = Ms(machine_now() - 120_000).floor(Ms::MINUTE);
    let past = ((end - SimMarket::all(SEED)[0].place().history()).floor(Ms::DAY), end);
    let chance_of_late = Chance { seed: !seed, drawn: 0 };
    let mut late = Late { chance: chance_of_late, liquidations: BTreeMap::new(), bars: BTreeMap::new() };
    let (mut counts, began) = (BTreeMap::new(), Instant::now());
    for round in 0..kills {
        let (from, to) = (machine_now() - 1_800_000, machine_now() - 1_500);
        let before = served(&relay, from, to).await?;
        let wanted = PHASES[(round / 2 % 3 + 1) as usize];
        if round % 2 == 1 {
            let until = Instant::now() + Duration::from_secs(6);
            while phase(&relay.log()) != wanted && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_micros(chance.below(12_000))).await;
        } else {
            tokio::time::sleep(Duration::from_millis(chance.below(3_000))).await;
        }
        let (options, folder, log) = relay.kill()?;
        ensure!(!log.contains("panicked"), "{log}");
        *counts.entry(phase(&log)).or_insert(0) += 1;
        let (last, due) = (round + 1 == kills, round % LOOK_EVERY == LOOK_EVERY - 1);
        if due && !last {
            look(folder.path(), &symbols, past, &late, false)
                .await
                .with_context(|| format!("kill {round}"))?;
        }
        late.feed(folder.path(), round, past).await?;
        relay = Relay::start(options, folder).await.with_context(|| format!("restart after kill {round}"))?;
        verified(relay.folder()).with_context(|| format!("kill {round}"))?;
        let after = served(&relay, from, to).await?;
        for (dataset, rows) in &before {
            let of: Vec<&String> = after[dataset].iter().filter(|row| !is_late_text(row)).collect();
            let rows: Vec<&String> = rows.iter().filter(|row| !is_late_text(row)).collect();
            let mut unique = of.clone();
            unique.sort();
            unique.dedup();
            ensure!(unique.len() == of.len(), "kill {round}: {dataset} doubled");
            let lost: Vec<&&String> = rows.iter().filter(|row| unique.binary_search(row).is_err()).collect();
            ensure!(lost.is_empty(), "kill {round}: {dataset} lost {lost:?}");
        }
        if last {
            let (_, folder, _) = relay.kill()?;
            let rows = look(folder.path(), &symbols, past, &late, true).await?;
            let files = Archive::look(&folder.path().join("parquet"))?.manifest().len();
            let took = began.elapsed().as_secs();
            let count = |name: &str| counts.get(name).copied().unwrap_or(0);
            println!(
                "{kills} kills in {took} s: {} writing, {} sealing, {} compacting, {} rolling up; {rows} rows in {files} files, \
                 none lost, none doubled",
                count("idle"),
                count("sealing"),
                count("compacting"),
                count("rolling_up"),
            );
            return Ok(());
        }
    }
    Ok(())
}

/// A liquidation that was fed late, as it is served.
fn is_late_text(row: &str) -> bool {
    serde_json::from_str::<Value>(row).is_ok_and(|row| row["price"].as_f64() == Some(LATE_PRICE))
}
