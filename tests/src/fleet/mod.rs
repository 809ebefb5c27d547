//! All fake venues as one fleet: what a soak needs of each, under one name.
//!
//! A member is one venue with one market that is watched; its faults are commands, its totals exact.

mod binance;
mod bybit;
mod coinbase;
mod hyperliquid;
mod insightsentry;
mod okx;

use std::time::Duration;

use anyhow::Result;

use crate::fake::market::Spec;
use crate::oracle::ExactBar;
use crate::oracle::decimal::float;
use crate::relay::Options;

/// What goes wrong at a venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Every socket ends without a word.
    Cut,
    /// Frames that are no frames.
    Junk,
    /// The trades are accepted and silent until they are subscribed anew.
    Silence,
    /// Trades are lost on a line that lives.
    LostTrades,
    /// Updates of the book are lost.
    LostDepth,
    /// REST is refused for its rate.
    TooMany,
    /// REST bans us, where the venue knows bans.
    Ban,
    /// REST fails.
    Errors,
    /// REST answers late.
    SlowRest,
    /// The venue's clock is off by so many ms.
    Skew(i64),
    /// New sockets are refused.
    Refuse,
}

/// Every kind of fault.
pub const FAULTS: [Fault; 12] = [
    Fault::Cut,
    Fault::Junk,
    Fault::Silence,
    Fault::LostTrades,
    Fault::LostDepth,
    Fault::TooMany,
    Fault::Ban,
    Fault::Errors,
    Fault::SlowRest,
    Fault::Skew(1_500),
    Fault::Skew(-1_500),
    Fault::Refuse,
];

/// How long bans and refusals by rate last.
const REFUSAL: Duration = Duration::from_secs(4);
/// How late slow answers are.
const LATE: Duration = Duration::from_millis(1_500);

/// One minute's totals at the venue, in coins.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Minute {
    pub open_time: i64,
    pub close: f64,
    pub volume: f64,
    pub buy_volume: f64,
    pub trades: u64,
}

/// One fake venue.
pub trait Member: Send + Sync {
    fn venue(&self) -> &'static str;

    /// The watched market, by our name.
    fn symbol(&self) -> &'static str;

    /// The settings by which a relay finds it.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// The venue's clock.
    fn now(&self) -> i64;

    /// Minutes with trades in `[from, to)`.
    fn minutes(&self, from: i64, to: i64) -> Vec<Minute>;

    /// Does what goes wrong; nothing where the venue has no such thing.
    fn harm(&self, fault: Fault);

    /// Ends what lasts.
    fn heal(&self);

    /// Breaches of documented limits so far.
    fn violations(&self) -> Vec<String>;

    /// Handshakes completed so far.
    fn connections(&self) -> u64;

    /// Sockets open now.
    fn open(&self) -> usize;

    /// Whether the venue has streams of trades; a vendor of bars has none.
    fn tells_trades(&self) -> bool {
        true
    }
}

/// Starts every venue with `rate` times the usual number of trades; `key` is what the vendor's account is.
///
/// # Errors
/// When no port can be had.
pub async fn start(seed: u64, rate: u64, key: &str) -> Result<Vec<Box<dyn Member>>> {
    Ok(vec![
        Box::new(binance::start(seed, rate).await?),
        Box::new(bybit::start(seed + 1, rate).await?),
        Box::new(okx::start(seed + 2, rate).await?),
        Box::new(hyperliquid::start(seed + 3, rate).await?),
        Box::new(coinbase::start(seed + 4, rate).await?),
        Box::new(insightsentry::start(seed + 5, rate, key).await?),
    ])
}

/// A relay that follows every member's market.
pub fn relay(members: &[Box<dyn Member>]) -> Options {
    let list = |text: fn(&dyn Member) -> &'static str| {
        let mut all: Vec<&str> = Vec::new();
        for item in members.iter().map(|m| text(&**m)) {
            if !all.contains(&item) {
                all.push(item);
            }
        }
        all.join(",")
    };
    let mut options = Options { args: vec!["serve".into()], env: Vec::new() }
        .env("PROVIDER", list(|m| m.venue()))
        .env("SYMBOLS", list(|m| m.symbol()));
    for (name, value) in members.iter().flat_map(|m| m.settings()) {
        options = options.env(name, value);
    }
    options
}

/// `rate` times as many trades.
fn faster(spec: Spec, rate: u64) -> Spec {
    Spec { per_minute: (spec.per_minute.0 * rate, spec.per_minute.1 * rate), ..spec }
}

/// Totals in coins, of volumes with `quantity_places` decimals.
fn minutes(bars: &[ExactBar], price_places: u32, quantity_places: u32) -> Vec<Minute> {
    let minute = |bar: &ExactBar| Minute {
        open_time: bar.open_time,
        close: float(bar.close, price_places),
        volume: float(bar.volume, quantity_places),
        buy_volume: float(bar.buy_volume, quantity_places),
        trades: bar.trades,
    };
    bars.iter().map(minute).collect()
}

/// `limit: times` of each limit that was exceeded.
fn named(violations: impl IntoIterator<Item = (&'static str, u64)>) -> Vec<String> {
    violations.into_iter().map(|(limit, times)| format!("{limit}: {times}")).collect()
}
